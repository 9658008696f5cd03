"""A user without rights, for real: reads everything, changes nothing, and is told what it lacks.

Root starts svc.startd; the commands run as another user id. Where that user may not even get
at the Python interpreter, they run in a mount namespace whose overlays open the way.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import roost
from roost.layout import Layout
from tests.integration.daemon import BIN, Daemon, service
from tests.integration.refusals import (
    ALPHA,
    BROKEN,
    IDLE,
    LIMIT_S,
    Outcome,
    Word,
    call,
    execute,
    picture,
    started,
    stopped_clean,
)

NOBODY, OTHER = 65534, 65533

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

_OPEN_THE_WAY = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$LAYERS"
for place; do
    mkdir -p "$LAYERS$place.up" "$LAYERS$place.work"
    mount -t overlay overlay \
        -o "lowerdir=$place,upperdir=$LAYERS$place.up,workdir=$LAYERS$place.work" "$place"
    chmod o+x "$place"
done
echo set up
exec sleep 3600
"""


def _closed_directories() -> list[str]:
    """Directories on the way to roost and its interpreter that others may not pass."""
    found: dict[str, None] = {}
    for start in (sys.executable, os.path.realpath(sys.executable), roost.__file__):
        for place in reversed(Path(start).parents):
            if not place.stat().st_mode & 0o001:
                found[str(place)] = None
    return list(found)


@pytest.fixture(scope="module")
def enter() -> Iterator[list[str]]:
    """Words before a command that runs it where everybody may use Python."""
    closed = _closed_directories()
    if not closed:
        yield []
        return
    with tempfile.TemporaryDirectory() as layers:
        holder = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", _OPEN_THE_WAY, "sh", *closed],
            env={**os.environ, "LAYERS": layers},
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None
        with holder.stdout:
            if holder.stdout.readline() != b"set up\n":
                holder.wait(LIMIT_S)
                pytest.skip("other users may not run Python here, and no namespace can be made")
            yield ["nsenter", "-t", str(holder.pid), "-m", "--wd=/"]
            holder.kill()
            holder.wait(LIMIT_S)


def become(enter: list[str], uid: int = NOBODY) -> list[str]:
    return [*enter, "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    """A directory that everybody may pass, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        yield Path(place)


@pytest.fixture(scope="module")
def daemon(public: Path) -> Iterator[Daemon]:
    found = started(public / "root")
    yield found
    stopped_clean(found)


@pytest.fixture
def files(daemon: Daemon, public: Path) -> Iterator[Path]:
    """Bundles that everybody may read."""
    place = public / "files"
    place.mkdir()
    (place / "manifest.xml").write_bytes((daemon.root / "test.xml").read_bytes())
    archive = call(daemon.root, "svccfg archive").clean(0).out
    more = archive.replace("</service_bundle>", f"{service('site/more')}</service_bundle>")
    (place / "archive.xml").write_text(more)
    (place / "profile.xml").write_text(
        call(daemon.root, "svccfg extract")
        .clean(0)
        .out.replace('"true"', '"x"')
        .replace('"false"', '"true"')
        .replace('"x"', '"false"')
    )
    (place / "commands").write_text("select site/alpha\nlistpg\nsetprop config/port = 1\n")
    yield place
    for file in place.iterdir():
        file.unlink()
    place.rmdir()


def as_nobody(
    enter: list[str], root: Path, command: str | list[Word], data: bytes = b""
) -> Outcome:
    return execute(root, command, data, before=become(enter))


READS = (
    "svcs -a",
    "svcs -x",
    f"svcs -lv {ALPHA}",
    f"svcs -p {ALPHA}",
    f"svcprop {ALPHA}",
    "svcprop -p config/port site/alpha",
    "svccfg list",
    "svccfg -s site/alpha listprop",
    f"svccfg -s {ALPHA} listsnap",
    "svccfg export site/alpha",
    "svccfg archive",
    "svccfg extract",
    f"svccfg validate {ALPHA}",
    "svccfg validate {files}/manifest.xml",
    "svccfg apply -n {files}/profile.xml",
    f"svcadm -n disable {ALPHA}",
    "roost status",
)


def test_reading_is_for_everybody(enter: list[str], daemon: Daemon, files: Path) -> None:
    for command in READS:
        as_nobody(enter, daemon.root, command.format(files=files)).clean(0)


MODIFY = "solaris.smf.modify"
ALL = f"lacks the authorization {MODIFY}"
ACT = f"has none of solaris.smf.manage, {MODIFY}"
GENERAL, METHOD, APPLICATION = (
    f"has none of {MODIFY}, {MODIFY}.{kind}" for kind in ("framework", "method", "application")
)
SHUTDOWN = "lacks the authorization solaris.system.shutdown"
CHANGES = (
    (f"svcadm enable {IDLE}", GENERAL),
    (f"svcadm enable -s {IDLE}", GENERAL),
    (f"svcadm enable -rst {IDLE}", ACT),
    (f"svcadm disable -s {ALPHA}", GENERAL),
    (f"svcadm disable -t -c why {ALPHA}", ACT),
    (f"svcadm restart {ALPHA}", ACT),
    (f"svcadm refresh {ALPHA}", ACT),
    (f"svcadm clear {BROKEN}", ACT),
    (f"svcadm mark maintenance {ALPHA}", ACT),
    (f"svcadm mark -I maintenance {ALPHA}", ACT),
    (f"svcadm mark degraded {ALPHA}", ACT),
    ("svccfg add site/new", ALL),
    ("svccfg -s site/alpha add new", ALL),
    ("svccfg delete site/empty", ALL),
    (f"svccfg delete -f {ALPHA}", ALL),
    ("svccfg -s site/alpha addpg new application", APPLICATION),
    (f"svccfg -s {ALPHA} addpg new application P", APPLICATION),
    ("svccfg -s site/alpha delpg config", APPLICATION),
    ("svccfg -s site/alpha setprop config/port = 1", APPLICATION),
    ("svccfg -s site/alpha setprop config/new = astring: x", APPLICATION),
    ("svccfg -s site/alpha addpropvalue config/port 1", APPLICATION),
    ("svccfg -s site/alpha delprop config/port", APPLICATION),
    ("svccfg -s site/alpha delprop config", APPLICATION),
    ("svccfg -s site/alpha delpropvalue config/port *", APPLICATION),
    ("svccfg -s site/alpha setenv A B", METHOD),
    ("svccfg -s site/alpha setenv -s A B", GENERAL),
    (f"svccfg -s {ALPHA} revert running", ALL),
    (f"svccfg -s {ALPHA} refresh", ACT),
    ("svccfg import {files}/manifest.xml", ALL),
    ("svccfg restore {files}/archive.xml", ALL),
    ("svccfg apply {files}/profile.xml", GENERAL),
    ("roost shutdown", SHUTDOWN),
)


def test_changing_is_not(enter: list[str], daemon: Daemon, files: Path) -> None:
    """Each refusal says who lacks what; nothing changes; nothing waits for what never comes."""
    before = picture(daemon.layout)
    for command, lack in CHANGES:
        outcome = as_nobody(enter, daemon.root, command.format(files=files))
        outcome.refused(1, f"user nobody {lack}", "try: sudo ")
    assert picture(daemon.layout) == before


def test_in_a_file_the_first_change_ends_it(enter: list[str], daemon: Daemon, files: Path) -> None:
    outcome = as_nobody(enter, daemon.root, ["svccfg", "-f", files / "commands"])
    outcome.refused(1, f"user nobody {APPLICATION}", place=f"{files}/commands:3")
    assert "config" in outcome.out


def test_several_operands_are_refused_one_by_one(enter: list[str], daemon: Daemon) -> None:
    outcome = as_nobody(enter, daemon.root, f"svcadm restart {ALPHA} {IDLE}").clean(1)
    assert outcome.err.count(f"user nobody {ACT}") == 2


def test_a_user_without_a_name(enter: list[str], daemon: Daemon) -> None:
    outcome = execute(daemon.root, f"svcadm restart {ALPHA}", before=become(enter, OTHER))
    outcome.refused(1, f"user {OTHER} {ACT}")


def test_unlocking_is_refused(enter: list[str], daemon: Daemon) -> None:
    as_nobody(enter, daemon.root, "roost unlock").refused(1)
    as_nobody(enter, daemon.root, "roost unlock site/broken").refused(1)


@pytest.mark.parametrize(
    ("act", "what"),
    [
        ("import", "import"),
        ("apply", "apply"),
        ("restore", "restore"),
        ("validate", "validate"),
        ("inventory", "take the inventory of"),
    ],
)
def test_a_bundle_that_may_not_be_read(
    enter: list[str], daemon: Daemon, files: Path, act: str, what: str
) -> None:
    file = files / "manifest.xml"
    file.chmod(0o600)
    outcome = as_nobody(enter, daemon.root, f"svccfg {act} {file}")
    outcome.refused(1, f"cannot {what} {file}: Permission denied")


def test_commands_that_may_not_be_read(enter: list[str], daemon: Daemon, files: Path) -> None:
    file = files / "commands"
    file.chmod(0o600)
    outcome = as_nobody(enter, daemon.root, f"svccfg -f {file}")
    outcome.refused(1, f"cannot read {file}: Permission denied")


def test_an_output_that_may_not_be_written(enter: list[str], daemon: Daemon, files: Path) -> None:
    for place in (files / "new", files / "commands"):
        outcome = as_nobody(enter, daemon.root, f"svccfg archive > {place}")
        outcome.refused(1, f"cannot write {place}: Permission denied")
    assert (files / "commands").read_text().startswith("select")


def test_a_socket_behind_a_closed_door(enter: list[str], daemon: Daemon) -> None:
    os.chmod(daemon.root, 0o700)
    try:
        for command in ("svcs", f"svcadm enable {IDLE}", "svccfg list", f"svcprop {ALPHA}"):
            outcome = as_nobody(enter, daemon.root, command)
            outcome.refused(1, "cannot reach svc.startd: ", "Permission denied")
    finally:
        os.chmod(daemon.root, 0o755)


def _start_as_nobody(enter: list[str], root: Path) -> Outcome:
    return as_nobody(enter, Path("/nonexistent"), ["svc.startd", "-R", root])


def test_a_root_that_may_not_be_written(enter: list[str], public: Path) -> None:
    root = public / "roots"
    root.mkdir(mode=0o755)
    _start_as_nobody(enter, root).refused(
        1, f"cannot use {root} as the root: ", "Permission denied"
    )
    assert not list(root.iterdir())
    _start_as_nobody(enter, root / "new").refused(1, "Permission denied")


@pytest.mark.parametrize("name", ["repository", "lock", "run_directory", "log_directory"])
def test_a_part_of_the_root_that_may_not_be_written(
    enter: list[str], public: Path, name: str
) -> None:
    """All is nobody's own but one file or directory."""
    root = public / name
    daemon = Daemon(root)
    daemon.stop()
    place = getattr(Layout(str(root)), name)
    if name == "lock":
        Path(place).touch()
    for directory, _, names in os.walk(root):
        for path in (directory, *(os.path.join(directory, each) for each in names)):
            os.chown(path, NOBODY, NOBODY)
    os.chown(place, 0, 0)
    os.chmod(place, 0o755 if os.path.isdir(place) else 0o600)
    if name != "log_directory":
        _start_as_nobody(enter, root).refused(1, "Permission denied")
        return
    # Logs that cannot be written stop nothing.
    with _own_daemon(enter, root):
        as_nobody(enter, root, "svcs -a").clean(0)


class _own_daemon:  # noqa: N801  used like a function
    """A svc.startd run by nobody, until the end of the block."""

    def __init__(self, enter: list[str], root: Path) -> None:
        ready, write_fd = os.pipe()
        self._said = root.with_name(root.name + ".said")
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*become(enter), BIN / "svc.startd", "-R", root, "--ready-fd", str(write_fd)],
                pass_fds=[write_fd],
                stdout=said,
                stderr=said,
            )
        os.close(write_fd)
        answered = os.read(ready, 1)
        os.close(ready)
        assert answered, self._said.read_text()

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(LIMIT_S) == 0
        said = self._said.read_text()
        assert "Traceback" not in said
        assert "bug in roost" not in said


def test_a_user_owns_what_it_runs(enter: list[str], public: Path) -> None:
    """Its user and root may change everything; a third one nothing."""
    root = public / "own"
    root.mkdir()
    os.chown(root, NOBODY, NOBODY)
    with _own_daemon(enter, root):
        as_nobody(enter, root, "svccfg add site/mine").clean(0)
        call(root, "svccfg add site/roots").clean(0)
        outcome = execute(root, "svccfg add site/theirs", before=become(enter, OTHER))
        again = f"try: sudo env ROOST_ROOT={root} svccfg add site/theirs"
        outcome.refused(1, f"user {OTHER} lacks the authorization {MODIFY}", again)
        assert call(root, "svccfg list site/*").clean(0).out == "site/mine\nsite/roots\n"
