"""The command ``roost``: run, status, shutdown, storage; what it says when it cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost import __version__
from tests.integration.daemon import BIN, WAIT_S, Daemon, service

SERVICES = service("site/lower") + service(
    "site/upper", needs={"svc:/site/lower": "require_all/none"}
)
SERVICES = SERVICES.replace('exec=":true"', 'exec="sleep 1000000 &amp;"')


def roost(*words: str | Path, data: str = "", status: int = 0) -> str:
    done = subprocess.run(
        [BIN / "roost", *words],
        input=data,
        env={name: value for name, value in os.environ.items() if name != "ROOST_ROOT"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.fixture
def startd(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "root")
    yield made
    if made.process.poll() is None:
        made.stop()


def test_version_and_help() -> None:
    assert roost("version") == roost("--version") == f"roost {__version__}\n"
    assert roost("help") == roost("--help")
    for name in ("run", "unlock", "storage", "status", "shutdown"):
        assert f"  {name} " in roost("help")
        assert f"Usage: roost {name}" in roost("help", name)
        assert roost("help", name) == roost(name, "--help")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "cannot do anything: no subcommand is given"),
        (["fly"], "cannot do 'fly': there is no such subcommand"),
        (["help", "fly"], "there is no such subcommand"),
        (["run", "here"], "it takes no operands"),
        (["run", "--ready-fd", "x"], "it takes the number of a descriptor"),
        (["storage"], "no subcommand is given"),
        (["storage", "burn", "x"], "cannot do 'burn'"),
        (["storage", "check"], "it takes one file"),
        (["unlock", "--passphrase-fd", "x"], "it takes the number of a descriptor"),
        (["status", "--color"], "there is no such option"),
    ],
)
def test_wrong_usage_is_status_2(words: list[str], why: str) -> None:
    out = roost(*words, status=2)
    assert why in out
    assert "Usage: roost" in out


def test_nobody_listens(tmp_path: Path) -> None:
    for name in ("status", "shutdown", "unlock"):
        out = roost(name, "-R", tmp_path, status=1)
        assert f"roost: try: roost run --root {tmp_path}\n" in out


def test_run_in_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = roost("run", "--root", tmp_path / "file", status=1)
    assert out.startswith(f"roost: cannot use {tmp_path}/file as the root: ")
    assert "Traceback" not in out


def test_run_ends_in_order_at_a_signal(tmp_path: Path) -> None:
    ready, write_fd = os.pipe()
    process = subprocess.Popen(
        [BIN / "roost", "run", "--root", tmp_path, "--ready-fd", str(write_fd)],
        stdout=subprocess.PIPE,
        pass_fds=[write_fd],
        text=True,
    )
    os.close(write_fd)
    assert os.read(ready, 1) == b"\n"
    os.close(ready)
    assert f"process {process.pid}\n" in roost("status", "-R", tmp_path)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert "The system is coming down." in out


def test_status(startd: Daemon) -> None:
    startd.load(SERVICES)
    startd.wait_state("svc:/site/upper:default", "online")
    text = roost("-R", str(startd.root), "status")
    assert f"root         {startd.root}\n" in text
    assert f"process {startd.process.pid}\n" in text
    content = json.loads(roost("status", "-R", startd.root, "--json"))
    assert content["pid"] == startd.process.pid
    assert content["phase"] == "running"


def test_shutdown_returns_when_all_is_down(startd: Daemon) -> None:
    startd.load(SERVICES)
    startd.wait_state("svc:/site/upper:default", "online")
    assert roost("shutdown", "-R", startd.root) == ""
    assert startd.process.wait(WAIT_S) == 0
    for name in ("upper", "lower"):
        assert "Executing stop method (:kill)." in startd.log(f"svc:/site/{name}:default")


def test_storage_from_the_making_to_another_passphrase(tmp_path: Path) -> None:
    tree, file = tmp_path / "tree", tmp_path / "a store"
    tree.mkdir()
    (tree / "letter").write_text("dear")
    out = roost("storage", "create", "--from", tree, "--passphrase-fd", "0", file, data="one\n")
    assert "whoever loses the passphrase loses what is in it" in out
    assert file.stat().st_mode & 0o777 == 0o600
    out = roost("storage", "check", "--passphrase-fd", "0", file, data="one\n")
    assert out == f"{file} is whole: 2 entries, 4 bytes in files\n"
    roost("storage", "passphrase", "--passphrase-fd", "0", file, data="one\ntwo\n")
    out = roost("storage", "check", "--passphrase-fd", "0", file, data="one\n", status=1)
    assert out.splitlines()[0] == f"roost: cannot check {file}: wrong passphrase"
    roost("storage", "check", "--passphrase-fd", "0", file, data="two\n")
    assert sorted(os.listdir(tmp_path)) == ["a store", "tree"]


def test_storage_refuses_what_it_must(tmp_path: Path) -> None:
    file = tmp_path / "file"
    create = ("storage", "create", "--passphrase-fd", "0")
    assert "there is none" in roost(*create, file, data="\n", status=1)
    assert not file.exists()
    assert "no directory" in roost(*create, "--from", tmp_path / "no", file, data="x\n", status=1)
    file.write_text("mine")
    assert "there is a file of that name" in roost(*create, file, data="x\n", status=1)
    out = roost("storage", "check", "--passphrase-fd", "0", file, data="x\n", status=1)
    assert out.splitlines()[0] == f"roost: cannot check {file}: it is not a sealed store"
    assert file.read_text() == "mine"
    assert "descriptor 77" in roost("storage", "check", "--passphrase-fd", "77", file, status=1)
