"""svc.startd and ``roost run`` on roots, repositories and leftovers that they cannot use.

They refuse before they change anything and say what to type; what a dead svc.startd left
behind does not stop the next one.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from roost.api.address import short_path
from roost.api.client import Client
from roost.layout import Layout
from tests.integration.daemon import BIN, Daemon
from tests.integration.refusals import (
    ALPHA,
    LIMIT_S,
    SERVICES,
    Outcome,
    call,
    execute,
    picture,
    started,
    stopped_clean,
    told,
)

STARTERS = (["svc.startd", "-R"], ["roost", "run", "--root"])
PAGE = 4096


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A repository in good order, after an orderly stop."""
    daemon = started(tmp_path_factory.mktemp("sound") / "root")
    daemon.stop()
    return Path(daemon.layout.repository).read_bytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def start(starter: list[str], root: str | bytes | Path) -> Outcome:
    """Start in vain: a start that is not refused would not end by itself."""
    return execute(Path("/nonexistent"), [*starter, root])


def placed(root: Path, content: bytes) -> Path:
    """A root whose repository has this content."""
    file = Path(Layout(str(root)).repository)
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def _with_noise(sound: bytes) -> bytes:
    noise = random.Random(1).randbytes(4 * PAGE)
    middle = len(sound) // 2 // PAGE * PAGE
    return sound[:middle] + noise + sound[middle + len(noise) :]


def _foreign(_sound: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as other:
        other.execute("CREATE TABLE theirs (a)")
        return other.serialize()


def _later(sound: bytes) -> bytes:
    return sound[:60] + (1000).to_bytes(4, "big") + sound[64:]


def _without_a_table(sound: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as changed:
        changed.deserialize(sound[:18] + b"\1\1" + sound[20:])  # no journal in memory
        changed.execute("DROP TABLE snapshot")
        return changed.serialize()


DAMAGED = {
    "random bytes in the middle": _with_noise,
    "random bytes": lambda sound: random.Random(2).randbytes(len(sound)),
    "zeros": lambda sound: bytes(len(sound)),
    "truncated": lambda sound: sound[: len(sound) // 3],
    "truncated within a page": lambda sound: sound[: len(sound) - 1000],
    "a header alone": lambda sound: sound[:100],
    "empty": lambda _sound: b"",
    "text": lambda _sound: b"port = 80\n" * 500,
    "a foreign database": _foreign,
    "a later version": _later,
    "without a table": _without_a_table,
}


@pytest.mark.parametrize("starter", STARTERS, ids=["svc.startd", "roost run"])
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_repository(root: Path, sound: bytes, starter: list[str], kind: str) -> None:
    """Refused with 104, kept as it is; what it says to type sets it aside and helps."""
    content = DAMAGED[kind](sound)
    file = placed(root, content)
    outcome = start(starter, root)
    outcome.refused(104, f"cannot use the repository {file}: ")
    assert file.read_bytes() == content
    if starter[0] == "roost":
        return
    hint = outcome.err.splitlines()[1].partition("try: ")[2]
    subprocess.run(["sh", "-euc", hint], check=True, timeout=LIMIT_S)
    assert (file.parent / "damaged" / file.name).read_bytes() == content
    daemon = Daemon(root)
    assert "svc:/site" not in daemon.run("svccfg", "list")
    stopped_clean(daemon)


def test_a_directory_for_a_repository(root: Path) -> None:
    file = Path(Layout(str(root)).repository)
    file.mkdir(parents=True)
    start(STARTERS[0], root).refused(104, f"cannot use the repository {file}: ")


def test_a_journal_whose_repository_is_gone(root: Path, sound: bytes) -> None:
    file = placed(root, sound)
    file.rename(f"{file}-wal")
    start(STARTERS[0], root).refused(104, "it is gone")


@pytest.mark.parametrize("seed", range(8))
def test_small_damage_is_refused_or_does_no_harm(root: Path, sound: bytes, seed: int) -> None:
    """A few wrong bytes may hit nothing that is checked, but they never break svc.startd."""
    content = bytearray(sound)
    dice = random.Random(seed)
    for _ in range(12):
        content[dice.randrange(100, len(content))] ^= 1 << dice.randrange(8)
    placed(root, bytes(content))
    try:
        daemon = Daemon(root)
    except AssertionError:
        start(STARTERS[0], root).refused(104, "cannot use the repository")
        return
    for command in ("svcs -a", "svcs -x", "svccfg archive", "svcprop -p general *:default"):
        assert call(root, command).status in (0, 1, 104)
    stopped_clean(daemon)


def test_a_newer_journal_is_recovered(root: Path, sound: bytes) -> None:
    """Not damage: svc.startd was killed, and its last changes are in the journal."""
    placed(root, sound)
    daemon = Daemon(root)
    call(root, "svccfg -s site/alpha setprop config/port = 1").clean(0)
    daemon.kill()
    assert os.path.getsize(f"{daemon.layout.repository}-wal")
    daemon = Daemon(root)
    assert call(root, "svcprop -p config/port site/alpha").clean(0).out == "1\n"
    stopped_clean(daemon)


@pytest.mark.parametrize("starter", STARTERS, ids=["svc.startd", "roost run"])
def test_a_second_one_on_the_same_root(root: Path, starter: list[str]) -> None:
    first = started(root)
    before = picture(first.layout)
    start(starter, root).refused(1, f"process {first.process.pid} does that already")
    start(starter, f"{root}/../root/").refused(1, "does that already")
    assert picture(first.layout) == before
    stopped_clean(first)


@pytest.mark.parametrize("starter", STARTERS, ids=["svc.startd", "roost run"])
def test_a_root_that_is_none(tmp_path: Path, starter: list[str]) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    for place in (file, file / "below", Path("/dev/null")):
        start(starter, place).refused(1, f"cannot use {place} as the root: ", "Not a directory")
    assert file.read_text() == "precious"
    start(starter, "").refused(2, "it is empty")
    start(starter, tmp_path / ("n" * 300)).refused(1, "File name too long")


@pytest.mark.parametrize(
    "words",
    [
        ["svc.startd", "-Q"],
        ["svc.startd", "--nope"],
        ["svc.startd", "-R"],
        ["svc.startd", "operand"],
        ["svc.startd", "--ready-fd", "x"],
        ["roost"],
        ["roost", "nope"],
        ["roost", "-Q"],
        ["roost", "run", "operand"],
        ["roost", "run", "-Q"],
        ["roost", "run", "--ready-fd", "-1"],
        ["roost", "status", "operand"],
        ["roost", "shutdown", "operand"],
        ["roost", "version", "operand"],
        ["roost", "unlock", "--passphrase-fd", "x", "y"],
        ["roost", "storage"],
        ["roost", "storage", "nope"],
        ["roost", "storage", "create"],
        ["roost", "storage", "check", "a", "b"],
        ["roost", "help", "nope"],
    ],
)
def test_wrong_usage(tmp_path: Path, words: list[str]) -> None:
    execute(tmp_path, words).refused(2)
    assert not list(tmp_path.iterdir())


def test_a_ready_descriptor_that_is_not_open(root: Path) -> None:
    for words in (
        ["svc.startd", "--ready-fd", "99", "-R"],
        ["roost", "run", "--ready-fd", "99", "-R"],
    ):
        start(words, root).refused(1, "cannot use --ready-fd 99: ")
    assert not root.exists()


STORAGE = (
    ("check /nope", "there is no file /nope"),
    ("check /etc/passwd", "/etc/passwd"),
    ("check /", "Is a directory"),
    ("create /nope/x", "No such file or directory"),
    ("create --from /nope {there}/new", "there is no directory /nope"),
    ("create {there}", "there is a file of that name"),
    ("passphrase /nope", "there is no file /nope"),
)


@pytest.mark.parametrize(("command", "why"), STORAGE)
def test_roost_storage(tmp_path: Path, command: str, why: str) -> None:
    words = command.format(there=tmp_path).split()
    words.insert(1, "--passphrase-fd=0")
    execute(tmp_path, ["roost", "storage", *words], b"secret\nnew\n").refused(1, why)
    assert not list(tmp_path.iterdir())


def test_roost_storage_without_a_passphrase(tmp_path: Path) -> None:
    new = tmp_path / "new"
    base = ["roost", "storage", "create"]
    execute(tmp_path, [*base, "--passphrase-fd=0", new]).refused(1, "there is none")
    execute(tmp_path, [*base, "--passphrase-fd=99", new]).refused(1, "descriptor 99")
    execute(tmp_path, [*base, new], before=["setsid"]).refused(1, "no terminal to ask on")
    assert not new.exists()


LEFT_OVER = ("socket", "lock", "console")


def test_what_a_killed_one_left_is_no_obstacle(root: Path) -> None:
    daemon = started(root)
    daemon.kill()
    for name in LEFT_OVER:
        assert os.path.lexists(getattr(daemon.layout, name))
    daemon = Daemon(root)
    daemon.wait_state(ALPHA, "online")
    stopped_clean(daemon)


def test_a_lock_with_nonsense_in_it(root: Path) -> None:
    lock = Path(Layout(str(root)).lock)
    lock.parent.mkdir(parents=True)
    lock.write_bytes(b"\xff\x1b[31m\n" * 100)
    stopped_clean(Daemon(root))


@pytest.mark.parametrize("kind", ["file", "directory", "socket"])
@pytest.mark.parametrize("name", LEFT_OVER)
def test_something_else_in_the_way(root: Path, name: str, kind: str) -> None:
    """It is not ours to remove."""
    place = Path(getattr(Layout(str(root)), name))
    place.parent.mkdir(parents=True)
    if kind == "file":
        place.write_text("precious")
    elif kind == "directory":
        place.mkdir()
    else:
        with closing(socket.socket(socket.AF_UNIX)) as other, short_path(str(place)) as address:
            other.bind(address)
    if (name, kind) in (("lock", "file"), ("socket", "socket")):
        stopped_clean(Daemon(root))
        return
    start(STARTERS[0], root).refused(1, str(place))
    assert place.exists()
    if kind == "file":
        assert place.read_text() == "precious"


ODD_ROOTS = {
    "very long": "/".join(["d" * 60] * 6),
    "blanks and signs": "a b;c'd\"e*$(f)%g&",
    "a line break": "a\nb",
    "no UTF-8": b"a\xffb".decode(errors="surrogateescape"),
}


@pytest.mark.parametrize("kind", ODD_ROOTS)
def test_odd_roots_work(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "top" / ODD_ROOTS[kind]
    root.mkdir(parents=True)
    daemon = Daemon(root)
    manifest = tmp_path / "x.xml"
    head = '<?xml version="1.0"?><service_bundle type="manifest" name="t">'
    manifest.write_text(f"{head}{SERVICES}</service_bundle>")
    call(root, ["svccfg", "import", manifest]).clean(0)
    call(root, "svcadm enable -s site/idle").clean(0)
    assert call(root, "svcs -H -o state site/idle").clean(0).out == "online\n"
    call(root, "svcadm disable -s site/idle").clean(0)
    call(root, "svcs -x").clean(0)
    execute(root, "roost status").clean(0)
    execute(root, "roost unlock site/idle").refused(1, "it is disabled")
    stopped_clean(daemon)


@pytest.fixture
def daemon(root: Path) -> Iterator[Daemon]:
    found = Daemon(root)
    yield found
    stopped_clean(found)


def test_a_path_too_long_for_sqlite(tmp_path: Path) -> None:
    root = tmp_path / "/".join(["d" * 60] * 8)
    start(STARTERS[0], root).refused(1, "longer than the 500 bytes")


def test_manifests_at_start(root: Path) -> None:
    """A broken one among them is told of, and keeps no other from coming in."""
    place = Path(Layout(str(root)).manifest_directories[0])
    place.mkdir(parents=True)
    (place / "a-broken.xml").write_text("<service_bundle")
    (place / "b-binary.xml").write_bytes(random.Random(3).randbytes(5000))
    os.mkfifo(place / "c-fifo.xml")
    (place / "d-directory.xml").mkdir()
    (place / "e-dangling.xml").symlink_to("/nope")
    head = '<?xml version="1.0"?><service_bundle type="manifest" name="t">'
    (place / "f-good.xml").write_text(f"{head}{SERVICES}</service_bundle>")
    daemon = Daemon(root)
    with Client(daemon.layout) as client:
        deadline_s = time.monotonic() + LIMIT_S
        while client.call("Manager.Status")["phase"] == "starting":
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    daemon.wait_state(ALPHA, "online")
    log = daemon.log("svc:/system/early-manifest-import:default")
    for name in ("a-broken", "b-binary", "c-fifo", "e-dangling"):
        assert f"cannot import {place}/{name}.xml:" in log
    stopped_clean(daemon)


def test_closed_standard_streams(root: Path) -> None:
    """Not a byte of the console ends up in the socket or the repository."""
    ready, write_fd = os.pipe()
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" 0<&- >&- 2>&-', "sh", BIN / "svc.startd", "-R", root,
         "--ready-fd", str(write_fd)],
        pass_fds=[write_fd],
    )  # fmt: skip
    os.close(write_fd)
    assert os.read(ready, 1) == b"\n"
    os.close(ready)
    call(root, "svcs").clean(0)
    execute(root, "roost shutdown").clean(0)
    assert process.wait(LIMIT_S) == 0


def test_interrupted_while_it_starts(tmp_path: Path) -> None:
    """Whenever it comes, Ctrl-C stops it in order or ends it, without a trace."""
    for delay in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        root = tmp_path / str(delay)
        said_by = tmp_path / "said"
        with said_by.open("wb") as said:
            process = subprocess.Popen([BIN / "svc.startd", "-R", root], stdout=said, stderr=said)
            try:
                process.wait(delay)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
            status = process.wait(LIMIT_S)
        if b"init_import_site" not in said_by.read_bytes():  # Python itself was not up yet
            assert status in (0, 130, -signal.SIGINT)


def test_the_console_is_not_for_escapes(daemon: Daemon) -> None:
    """What methods write to it is shown as text, whatever it is."""
    with open(daemon.layout.console, "wb") as console:
        console.write(b"\x1b[31m red \xff\n" + b"y" * 200_000 + b"\n")
    execute(daemon.root, "roost status").clean(0)
    assert "\x1b" not in told(daemon)
