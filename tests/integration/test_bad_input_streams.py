"""Commands whose surroundings are broken: closed or full streams, odd environments, Ctrl-C."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from roost.api.address import short_path
from roost.layout import Layout
from tests.integration.daemon import BIN, HEADER, Daemon, service
from tests.integration.refusals import (
    ALPHA,
    IDLE,
    LIMIT_S,
    Outcome,
    call,
    execute,
    picture,
    started,
    stopped_clean,
    words_of,
)

NAMED = service("site/named", enabled=False).replace(
    "</service>",
    '<template><common_name><loctext xml:lang="C">Bücher — 本</loctext></common_name></template>'
    "</service>",
)
TALKATIVE = (
    "svcs -a",
    "svcs -x",
    "svcs --json -a",
    "svcs -H -o desc site/named",
    f"svcadm -n disable {ALPHA}",
    f"svcprop {ALPHA}",
    "svccfg help",
    "svccfg list",
    "svccfg archive",
    "svccfg -s site/alpha listprop",
    "roost status",
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    found = started(tmp_path_factory.mktemp("streams") / "root")
    found.load(NAMED)
    yield found
    stopped_clean(found)


@pytest.fixture
def root(daemon: Daemon) -> Path:
    return daemon.root


@pytest.fixture(autouse=True)
def _unchanged(daemon: Daemon) -> Iterator[None]:
    before = picture(daemon.layout)
    yield
    assert picture(daemon.layout) == before


def redirected(root: Path, command: str, redirection: str) -> Outcome:
    """Run a command with streams as a shell's redirection makes them."""
    return execute(root, command, before=["sh", "-c", f'exec "$@" {redirection}', "sh"])


@pytest.mark.parametrize("command", TALKATIVE)
def test_a_reader_that_has_gone(root: Path, command: str) -> None:
    """As in ``svcs | head -1``: it ends without a word."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    program, *arguments = command.split()
    done = subprocess.run(
        [BIN / program, *arguments],
        env={**os.environ, "ROOST_ROOT": str(root)},
        stdout=write_fd,
        stderr=subprocess.PIPE,
        timeout=LIMIT_S,
        check=False,
    )
    os.close(write_fd)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.parametrize("command", TALKATIVE)
def test_an_output_that_is_full(root: Path, command: str) -> None:
    outcome = redirected(root, command, "> /dev/full").clean(1)
    line = f"{outcome.program}: cannot finish, or print all of the output: No space left on device"
    assert outcome.err == f"{line}\n"


@pytest.mark.parametrize("command", TALKATIVE)
def test_closed_output(root: Path, command: str) -> None:
    assert redirected(root, command, ">&-").clean(0).err == ""


@pytest.mark.parametrize("redirection", ["2>&-", "2> /dev/full", "<&- >&- 2>&-"])
def test_closed_or_full_errors(root: Path, redirection: str) -> None:
    """The exit status still tells; nothing lands in the output instead."""
    for command, status in (
        ("svcs nope", 1),
        ("svcs -Q", 2),
        ("svcadm enable nope", 1),
        ("svcprop nope", 1),
        ("svccfg select nope", 1),
        ("svccfg nonsense", 1),
        ("roost nonsense", 2),
    ):
        outcome = redirected(root, command, redirection).clean(status)
        assert outcome.err == ""
        assert "cannot" not in outcome.out


def test_closed_input(root: Path) -> None:
    redirected(root, "svccfg", "<&-").refused(1, "cannot read stdin: Bad file descriptor")
    redirected(root, "svccfg -f -", "<&-").refused(1, "cannot read stdin: Bad file descriptor")
    for command in ("svcs", "svccfg list", f"svcprop {ALPHA}", "roost status"):
        redirected(root, command, "<&-").clean(0)
    redirected(root, f"svcadm mark degraded {IDLE}", "<&-").refused(1)


ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "empty": {},
    "C": {"LC_ALL": "C"},
    "C for good": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "not installed": {"LC_ALL": "xx_YY.ISO-8859-1", "LANG": "nonsense"},
    "odd": {"LANG": "\udcff", "TERM": "\udcff", "HOME": "/proc/nope", "TZ": "Nowhere/At_All"},
    "no terminal": {"TERM": "", "COLUMNS": "x", "LINES": "-1"},
}


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_odd_environments(root: Path, kind: str) -> None:
    """No PATH, HOME, TERM or locale is needed; what the encoding lacks is printed with escapes."""
    for command in TALKATIVE[::2]:
        done = subprocess.run(
            [BIN / word if n == 0 else word for n, word in enumerate(command.split())],
            env={**ENVIRONMENTS[kind], "ROOST_ROOT": str(root)},
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), command
        assert done.stdout or command == "svcs -x"


def test_a_working_directory_that_is_gone(root: Path, tmp_path: Path) -> None:
    gone = [
        "sh",
        "-c",
        f'mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir {tmp_path}/gone; "$@"',
        "",
    ]
    execute(root, "svcs", before=gone).clean(0)
    execute(root, "svccfg list", before=gone).clean(0)
    outcome = execute(root, ["svccfg", "-R", "here", "list"], before=gone).clean(1)
    assert outcome.err.startswith("svccfg: cannot ")
    execute(root, "svccfg import x.xml", before=gone).clean(1)


def test_a_root_of_odd_bytes(root: Path) -> None:
    for name in ("/nope/\udcff", "/nope/\x1b[31m", "/nope/a\nb"):
        for program in ("svcs", "svccfg list", "svcprop x", "svcadm enable x"):
            call(Path(name), program).refused(1, "cannot reach svc.startd")
        outcome = execute(root, "roost status", environment={"ROOST_ROOT": name})
        outcome.refused(1, "cannot reach svc.startd")


# --- arguments ---------------------------------------------------------------------------

ODD_WORDS = (b"\xff", b"caf\xe9", b"\x1b[2J", b"a\nb", b"")


@pytest.mark.parametrize("word", ODD_WORDS)
def test_odd_arguments(root: Path, word: bytes) -> None:
    """In a process of its own, where they are decoded as the system does."""
    for command in ("svcs", "svcadm enable", "svcprop"):
        execute(root, [*command.split(), word]).refused(1)
    for command in ("svcs -o", "svcadm", "roost"):
        execute(root, [*command.split(), word]).refused(2)
    execute(root, ["svccfg", "-s", word, "list"]).refused(1)
    execute(root, ["svccfg", "-f", word]).refused(1)


# --- Ctrl-C ------------------------------------------------------------------------------


class Silent:
    """A server on the socket that accepts, reads, and never answers."""

    def __init__(self, root: Path) -> None:
        self.asked = threading.Event()
        layout = Layout(str(root))
        Path(layout.run_directory).mkdir(parents=True)
        self._listener = socket.socket(socket.AF_UNIX)
        with short_path(layout.socket) as address:
            self._listener.bind(address)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            with closing(channel):
                while channel.recv(65536):
                    self.asked.set()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(LIMIT_S)
        self._listener.close()


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Silent]:
    found = Silent(tmp_path / "silent")
    yield found
    found.close()


def interrupted(silent: Silent, root: Path, command: str, number: int) -> tuple[int, bytes, bytes]:
    """Signal a command while it waits for its answer; how it ended, and what it said."""
    silent.asked.clear()
    words = words_of(command)
    process = subprocess.Popen(
        [BIN / words[0], *words[1:]],
        env={**os.environ, "ROOST_ROOT": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert silent.asked.wait(LIMIT_S)
    process.send_signal(number)
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


@pytest.mark.parametrize(
    "command",
    [
        "svcs",
        "svcadm enable -s x",
        "svcprop -w -p general svc:/x:y",
        "svccfg import {manifest}",
        "svccfg archive > {manifest}.out",
        "svccfg -f {commands}",
        "roost shutdown",
        "roost unlock x",
    ],
)
def test_interrupted(silent: Silent, tmp_path: Path, command: str) -> None:
    """Exit 130 without a word, and no half-written file."""
    manifest, commands = tmp_path / "x.xml", tmp_path / "commands"
    manifest.write_text(
        f'{HEADER}<service_bundle type="manifest" name="x">{service("x")}</service_bundle>'
    )
    commands.write_text("list\n")
    words = command.format(manifest=manifest, commands=commands)
    before = sorted(tmp_path.iterdir())
    root = tmp_path / "silent"
    assert interrupted(silent, root, words, signal.SIGINT) == (130, b"", b"")
    assert interrupted(silent, root, words, signal.SIGTERM) == (-signal.SIGTERM, b"", b"")
    assert sorted(tmp_path.iterdir()) == before


def test_interrupted_waits_on_a_real_one(root: Path) -> None:
    """A group that does not change: Ctrl-C, and svc.startd forgets the caller."""
    process = subprocess.Popen(
        [BIN / "svcprop", "-w", "-p", "general", ALPHA],
        env={**os.environ, "ROOST_ROOT": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # It sleeps in the kernel, on its socket, once it waits.
    wait_until_blocked(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out, err) == (130, b"", b"")


def wait_until_blocked(process: subprocess.Popen[bytes]) -> None:
    """Until the process waits on a socket."""
    deadline_s = time.monotonic() + LIMIT_S
    while "unix_stream" not in Path(f"/proc/{process.pid}/wchan").read_text():
        assert time.monotonic() < deadline_s
        assert process.poll() is None
        time.sleep(0.01)


# --- the dialogue ------------------------------------------------------------------------


def dialogue(root: Path, typed: bytes, **environment: str) -> tuple[int, str]:
    """Type into svccfg on a terminal; its exit status, and all that the terminal showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [BIN / "svccfg"],
        env={"ROOST_ROOT": str(root), **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = _shown_until(master, "> ")
    os.write(master, typed)
    shown += _shown_until(master, None)
    os.close(master)
    return process.wait(LIMIT_S), shown


def _shown_until(master: int, end: str | None) -> str:
    shown = b""
    while select.select([master], [], [], LIMIT_S)[0]:
        try:
            data = os.read(master, 65536)
        except OSError:
            break  # the other side is closed
        if not data:
            break
        shown += data
        if end is not None and shown.endswith(end.encode()):
            break
    return shown.decode(errors="replace")


@pytest.mark.parametrize(
    "environment",
    [{}, {"TERM": "dumb", "HOME": "/proc/nope"}, {"TERM": "nonsense", "HOME": "", "LC_ALL": "C"}],
)
def test_a_dialogue_with_mistakes(root: Path, environment: dict[str, str]) -> None:
    """Mistakes do not end it; its exit status is 0."""
    typed = b'nonsense\nselect nope\nlist "half\n"\n\xff\xfe\nsetprop a/b = (\n)\nend\n'
    status, shown = dialogue(root, typed, **environment)
    assert status == 0
    assert "svccfg has no such subcommand" in shown
    assert "Not found." in shown
    assert "Traceback" not in shown


def test_a_dialogue_that_ends_in_the_middle(root: Path) -> None:
    status, shown = dialogue(root, b'list "half\n\x04')
    assert status == 0
    assert "Traceback" not in shown


# --- editors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("editor", "why"),
    [
        ("/nope/editor", "cannot run the editor '/nope/editor': No such file"),
        ("/etc/passwd", "cannot run the editor '/etc/passwd': Permission denied"),
        ("false", "false exited 1"),
        ("'", "No closing quotation"),
        ("sh -c 'kill -9 $$'", "sh died of signal 9"),
    ],
)
def test_editors_that_fail(root: Path, editor: str, why: str) -> None:
    environment = {"EDITOR": editor, "VISUAL": ""}
    outcome = execute(root, "svccfg -s site/alpha editprop", environment=environment)
    outcome.refused(1, why)


def test_an_editor_that_leaves_mistakes(root: Path, tmp_path: Path) -> None:
    editor = "sh -c 'printf \"\\n\\nsetprop config/port = x\\n\" > $0'"
    environment = {"EDITOR": editor, "TMPDIR": str(tmp_path)}
    outcome = execute(root, "svccfg -s site/alpha editprop", environment=environment)
    said, _, kept = outcome.err.rstrip("\n").rpartition("\n")
    replace(outcome, err=said).refused(1, "of type count", place="edited text:3")
    assert kept.startswith(f"svccfg: what you wrote is in {tmp_path}/svccfg.")


def test_a_bad_root_in_the_environment(tmp_path: Path) -> None:
    call(tmp_path / "absent", "svcs").refused(1, "cannot reach svc.startd")
