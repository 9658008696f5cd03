"""``roost unlock`` against a real svc.startd: a store waits, gets its passphrase, goes on."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.services import passphrase as passphrases
from tests.integration.cheap_store import make_cheap_store
from tests.integration.daemon import BIN, WAIT_S, Daemon, service

FMRI = "svc:/system/filesystem/sealed:nest"
HELD = "svc:/site/held:default"
SECRET = "correct horse battery staple"
WRONG = "another animal altogether"

STORE = """
<service name="system/filesystem/sealed" type="service" version="1">
  <instance name="nest" enabled="{enabled}">
    <property_group name="store" type="application">
      <propval name="file" type="astring" value="/srv/nest.sealed"/>
      <propval name="mountpoint" type="astring" value="/nest"/>
      <propval name="mount" type="astring" value="directory"/>
    </property_group>
  </instance>
</service>"""


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sealed file."""
    base = tmp_path_factory.mktemp("sealed")
    (base / "source").mkdir()
    (base / "source/letter").write_text("dear")
    make_cheap_store(base / "file", SECRET, base / "source")
    return (base / "file").read_bytes()


@pytest.fixture
def startd(tmp_path: Path, sealed: bytes) -> Iterator[Daemon]:
    root = tmp_path / "root"
    (root / "srv").mkdir(parents=True)
    (root / "srv/nest.sealed").write_bytes(sealed)
    made = Daemon(root)
    made.load(
        STORE.format(enabled="true")
        + service("site/held", duration="transient", stop=":true", needs={FMRI: "require_all/none"})
    )
    made.wait_state(FMRI, "maintenance")
    yield made
    if made.process.poll() is None:
        made.stop()


def nothing_is_offered(startd: Daemon) -> bool:
    return not os.path.lexists(startd.layout.passphrase_fifo(FMRI))


def test_the_right_passphrase_lets_the_boot_go_on(startd: Daemon) -> None:
    asked = f"Run 'roost unlock -R {startd.root} {FMRI}'"
    assert asked in startd.console.read_text().splitlines()
    out = startd.run("roost", "unlock", "--passphrase-fd", "0", FMRI, data=f"{SECRET}\n")
    assert out == f"{FMRI} is online (sealed storage)\n"
    startd.wait_state(HELD, "online")
    assert (startd.root / "nest/letter").read_text() == "dear"
    assert nothing_is_offered(startd)
    assert not passphrases.is_asking(startd.layout, FMRI)

    (startd.root / "nest/letter").write_text("changed")
    startd.stop()
    assert os.listdir(startd.root / "nest") == []
    assert not os.path.exists(
        startd.layout.run_directory + "/sealed/system-filesystem-sealed:nest/tree"
    )


def test_without_an_operand_it_finds_what_waits(startd: Daemon) -> None:
    out = startd.run("roost", "unlock", "--passphrase-fd", "0", data=f"{SECRET}\n")
    assert FMRI in out
    out = startd.run("roost", "unlock", "--passphrase-fd", "0", data=f"{SECRET}\n", status=1)
    assert "no service waits for a passphrase" in out


def test_a_wrong_passphrase_changes_nothing(startd: Daemon) -> None:
    before = (startd.root / "srv/nest.sealed").read_bytes()
    out = startd.run("roost", "unlock", "--passphrase-fd", "0", FMRI, data=f"{WRONG}\n", status=1)
    assert out.splitlines() == [
        f"roost: cannot unlock {FMRI}: wrong passphrase",
        f"roost: try: roost unlock -R {startd.root} {FMRI}",
    ]
    assert "cannot open nest: wrong passphrase" in startd.log(FMRI)
    assert startd.wait_state(FMRI, "maintenance")
    assert (startd.root / "srv/nest.sealed").read_bytes() == before
    assert nothing_is_offered(startd)
    startd.run("roost", "unlock", "--passphrase-fd", "0", data=f"{SECRET}\n")


def test_it_says_why_there_is_nothing_to_unlock(startd: Daemon) -> None:
    def refused(*operands: str) -> str:
        return startd.run("roost", "unlock", "--passphrase-fd", "0", *operands, status=1)

    assert "cannot unlock 'site/nowhere': it matches no instance" in refused("site/nowhere")
    assert "it is offline: it has not asked yet" in refused(HELD)
    assert "cannot use the passphrase: there is none" in refused(FMRI)
    startd.run("svcadm", "disable", "-s", FMRI)
    assert f"try: svcadm -R {startd.root} enable {FMRI}" in refused(FMRI)
    startd.run("svcadm", "enable", FMRI)
    startd.wait_state(FMRI, "maintenance")
    startd.run("roost", "unlock", "--passphrase-fd", "0", FMRI, data=f"{SECRET}\n")
    assert "it is online: there is nothing to unlock" in refused(FMRI)
    startd.run("svcadm", "mark", "maintenance", FMRI)
    startd.wait_state(FMRI, "maintenance")
    assert "in maintenance for another reason" in refused(FMRI)


def test_another_failure_is_told_from_a_wrong_passphrase(startd: Daemon) -> None:
    file = startd.root / "srv/nest.sealed"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    out = startd.run("roost", "unlock", "--passphrase-fd", "0", FMRI, data=f"{SECRET}\n", status=1)
    assert "it is in maintenance again" in out
    assert "wrong passphrase" not in out
    assert nothing_is_offered(startd)


class Snoop(threading.Thread):
    """Looks at the arguments and the environment of all processes until told to stop."""

    def __init__(self, *needles: str) -> None:
        super().__init__()
        self.needles = [needle.encode() for needle in needles]
        self.found: list[str] = []
        self.rounds = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            for entry in filter(str.isdigit, os.listdir("/proc")):
                for name in ("cmdline", "environ"):
                    self.look(f"/proc/{entry}/{name}")
            self.rounds += 1

    def look(self, path: str) -> None:
        try:
            content = Path(path).read_bytes()
        except OSError:
            return
        self.found += [path for needle in self.needles if needle in content]


def test_the_passphrase_is_nowhere(startd: Daemon) -> None:
    snoop = Snoop(SECRET, WRONG)
    snoop.start()
    try:
        for text, status in ((WRONG, 1), (SECRET, 0)):
            startd.run(
                "roost", "unlock", "--passphrase-fd", "0", FMRI, data=f"{text}\n", status=status
            )
    finally:
        snoop.done.set()
        snoop.join(WAIT_S)
    assert snoop.rounds
    assert snoop.found == []
    files = [path for path in startd.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.name == "repository.db" for path in files)
    assert any(path.name.endswith("sealed:nest.log") for path in files)
    for path in [*files, startd.console]:
        content = path.read_bytes()
        assert SECRET.encode() not in content, path
        assert WRONG.encode() not in content, path
        assert b"AGE-SECRET-KEY" not in content, path


class Terminal:
    """``roost unlock`` on a terminal of its own."""

    def __init__(self, startd: Daemon) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "ROOST_ROOT": str(startd.root)}
            os.execve(BIN / "roost", ["roost", "unlock", FMRI], environment)
        self.shown = ""

    def expect(self, text: str) -> None:
        deadline_s = time.monotonic() + WAIT_S
        start = len(self.shown)
        while text not in self.shown[start:]:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline_s - time.monotonic()))
            assert ready, f"'{text}' was not shown in time: {self.shown}"
            self.shown += self.read()

    def read(self) -> str:
        try:
            return os.read(self.fd, 4096).decode()
        except OSError:
            return ""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        while more := self.read():
            self.shown += more
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_on_a_terminal_it_asks_again_without_echo(startd: Daemon) -> None:
    terminal = Terminal(startd)
    for text in (WRONG, SECRET):
        terminal.expect(f"Passphrase for {FMRI}: ")
        terminal.type(f"{text}\n")
    assert terminal.end() == 0
    assert "wrong passphrase; try again" in terminal.shown
    assert WRONG not in terminal.shown
    assert SECRET not in terminal.shown
    startd.wait_state(FMRI, "online")


def test_three_wrong_ones_are_enough(startd: Daemon) -> None:
    terminal = Terminal(startd)
    for _ in range(3):
        terminal.expect(f"Passphrase for {FMRI}: ")
        terminal.type(f"{WRONG}\n")
    assert terminal.end() == 1
    startd.wait_state(FMRI, "maintenance")


def test_an_interrupt_leaves_everything_as_it_was(startd: Daemon) -> None:
    terminal = Terminal(startd)
    terminal.expect(f"Passphrase for {FMRI}: ")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert nothing_is_offered(startd)
    assert passphrases.is_asking(startd.layout, FMRI)
    assert startd.wait_state(FMRI, "maintenance")


def test_a_killed_unlock_does_not_block_the_next(startd: Daemon) -> None:
    # The start method waits for the lock of the store, which is held here.
    from roost.services.sealed.session import Workplace

    with Workplace(startd.layout.run_directory, FMRI).locked():
        first = subprocess.Popen(
            [BIN / "roost", "unlock", "-R", startd.root, "--passphrase-fd", "0", FMRI],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert first.stdin is not None
        first.stdin.write(f"{SECRET}\n".encode())
        first.stdin.close()
        for instance in startd.watch(FMRI):
            if instance["state"] == "offline" and instance["next_state"] == "online":
                break
        second = startd.run(
            "svcadm", "-R", startd.root, "clear", FMRI, status=1
        )  # it is not in maintenance now
        assert "not in a maintenance" in second
        first.send_signal(signal.SIGKILL)
        first.wait(WAIT_S)
    startd.wait_state(FMRI, "maintenance")
    startd.run("roost", "unlock", "--passphrase-fd", "0", FMRI, data=f"{SECRET}\n")
    assert nothing_is_offered(startd)
