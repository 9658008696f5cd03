"""svccfg repository FILE: a repository file, served by a svc.startd of svccfg's own."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.svccfg_house import QUOTES, TIMEOUT_S, House, Terminal, open_house


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a root whose svc.startd has ended; it holds site/quotes."""
    place = tmp_path_factory.mktemp("template")
    with open_house(place / "root") as house:
        house.with_quotes(place)
    return place / "root/etc/svc/repository.db"


class Bench:
    """svccfg in a root without svc.startd, and a directory for all its temporary files."""

    def __init__(self, place: Path, template: Path) -> None:
        self.place = place
        self.file = place / "copy.db"
        self.temporary = place / "tmp"
        self.temporary.mkdir()
        shutil.copy(template, self.file)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "roost.cli.svccfg", "-R", str(self.place / "root")]

    def run(self, *lines: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(),
            input="\n".join([f"repository {self.file}", *lines]),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )
        assert done.returncode == status, done
        assert list(self.temporary.iterdir()) == []
        return done


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    yield Bench(tmp_path, template)
    assert not Path(f"{tmp_path}/root").exists(), "nothing is made in the root itself"


def test_a_file_is_read_and_changed_without_a_daemon(bench: Bench) -> None:
    done = bench.run("list", "select quotes:daily", "listprop", "setprop general/enabled = true")
    assert "site/quotes\n" in done.stdout
    assert "general/enabled  boolean  false\n" in done.stdout
    done = bench.run("select quotes:daily", "listprop general/enabled")
    assert "general/enabled  boolean  true\n" in done.stdout


def test_refresh_takes_the_snapshot_and_nothing_starts(bench: Bench) -> None:
    done = bench.run(
        "select quotes:daily",
        "addpg config application",
        "setprop config/port = count: 7",
        "setprop general/enabled = true",
        "refresh",
        "selectsnap running",
        "listprop config/port",
        "selectsnap",
        "listpg",
    )
    assert "config/port  count    7\n" in done.stdout
    assert "NONPERSISTENT" not in done.stdout


def test_import_export_and_delete_work_as_ever(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "more.xml"
    path.write_text(QUOTES.replace("site/quotes", "site/more"))
    done = bench.run(f"import {path}", "delete -f more:daily", "export more", "select more", "list")
    assert '<service name="site/more"' in done.stdout
    assert done.stdout.endswith(":properties\nnightly\n")


def test_nothing_is_selected_after_the_change(bench: Bench) -> None:
    other = bench.place / "other.db"
    shutil.copy(bench.file, other)
    done = bench.run("select quotes", f"repository {other}", "listprop", status=1)
    assert "stdin:4: cannot listprop: no service or instance is selected" in done.stderr
    done = bench.run(
        "select quotes", "delete -f daily", f"repository {other}", "select quotes:daily"
    )
    assert done.stderr == ""


def test_what_cannot_be_served_is_refused(bench: Bench) -> None:
    absent = bench.place / "absent.db"
    done = bench.run(f"repository {absent}", status=1)
    assert f"cannot use the repository {absent}: there is no such file" in done.stderr
    assert not absent.exists()
    junk = bench.place / "junk.db"
    junk.write_text("hello")
    done = bench.run(f"repository {junk}", status=1)
    assert f"cannot use the repository {junk}: " in done.stderr
    assert junk.read_text() == "hello"


def test_the_file_of_a_running_svc_startd_is_refused(bench: Bench, shared_house: House) -> None:
    used = shared_house.root / "etc/svc/repository.db"
    done = bench.run(f"repository {used}", status=1)
    assert f"cannot use the repository {used}: another process has it open" in done.stderr
    assert shared_house.run("list").status == 0


def test_the_server_ends_with_svccfg_even_if_that_is_killed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(bench.temporary))
    terminal = Terminal(bench.command(), bench.place)
    terminal.expect("svc:> ")
    terminal.type(f"repository {bench.file}\nlist\n")
    terminal.expect("site/quotes")
    client = terminal.process.pid
    server = int(Path(f"/proc/{client}/task/{client}/children").read_text())
    watch = os.pidfd_open(server)
    terminal.process.kill()
    terminal.close()
    try:
        ended, _, _ = select.select([watch], [], [], TIMEOUT_S)
        assert ended, "the server goes on without its client"
    finally:
        os.close(watch)
    assert list(bench.temporary.iterdir()) == []


def test_a_directory_that_others_may_enter_is_refused(bench: Bench) -> None:
    open_to_all = bench.place / "open"
    open_to_all.mkdir(mode=0o755)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "roost.daemon.main", "-R", str(bench.place / "root")),
            *("--repository", str(bench.file), "--socket", str(open_to_all / "socket")),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "a directory of yours that nobody else may enter" in done.stderr


@pytest.mark.parametrize("option", ["--repository", "--socket"])
def test_the_two_options_go_together(option: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "roost.daemon.main", option, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 2
    assert "go together" in done.stderr
