"""The demo, as ``make demo`` plays it: without a terminal, and on one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples/falcon"
LIMIT_S = 180
SECRET = (EXAMPLE / "passphrase").read_text()


def check(shown: str) -> None:
    """What a reader of the demo must have seen, in this order."""
    at = 0
    for text in (
        "$ roost run --root ",
        "| Run 'roost unlock -R ",
        "failed fatally: transitioned to maintenance (see 'svcs -xv' for details)",
        "$ svcs",
        "online ",
        "svc:/system/console-login:default",
        "offline ",
        "maintenance ",
        "$ svcs -x",
        "svc:/system/filesystem/sealed:nest (sealed storage of the nest)",
        "$ roost unlock",
        "svc:/system/filesystem/sealed:nest is online",
        "online  svc:/system/filesystem/local:default",
        "$ curl http://127.0.0.1:",
        "Grandmother's recipes, typed",
        "$ svcs",
        "$ svcs -x",
        "nothing to explain: all is well",
        "$ roost shutdown",
        "begins with 'roost-sealed/1'",
        "nest/             0 files",
        "files with a text of the nest in the clear: 0",
        "processes left: 0",
    ):
        found = shown.find(text, at)
        assert found >= 0, f"'{text}' is not shown, or not in its place:\n{shown}"
        at = found + len(text)
    for held in ("milestone/multi-user-server", "application/database", "network/http"):
        assert f"online  svc:/{held}:" in shown


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(directory), "FALCON_LIMIT": "100"}


def test_without_a_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE / "demo.py"],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    check(done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal(tmp_path: Path) -> None:
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, str(EXAMPLE / "demo.py")], environment(tmp_path))
    shown = b""
    answers = [b"not this one\n", SECRET.encode()]
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        shown += piece
        if shown.endswith(b"nest: ") and answers:
            os.write(fd, answers.pop(0))
    os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    text = shown.decode()
    assert status == 0, text
    check(text)
    assert "wrong passphrase; try again" in text
    assert not answers
    assert list(tmp_path.iterdir()) == []


def test_a_missing_passphrase_file_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE / "demo.py"],
        env={**environment(tmp_path), "FALCON_PASSPHRASE_FILE": str(tmp_path / "none")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1
    assert f"demo: there is no file {tmp_path}/none" in done.stderr
    assert list(tmp_path.iterdir()) == []
