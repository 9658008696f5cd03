"""Full and read-only disks: what cannot be stored is refused and changes nothing; all goes on.

The root lies on a small file system of its own, in a mount namespace; this process reaches it
through ``/proc``.
"""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.api.client import Client
from roost.layout import Layout
from tests.integration.daemon import BIN, HEADER, Daemon, service
from tests.integration.refusals import (
    ALPHA,
    BROKEN,
    CONFIG,
    IDLE,
    LIMIT_S,
    SERVICES,
    Outcome,
    call,
    execute,
    picture,
    stopped_clean,
)

TALKER = "svc:/site/talker:default"
MUCH = " ".join(["x" * 4000] * 20)

_SETUP = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o size=6m tmpfs "$0"
mkdir -p "$0/root/run/roost"
[ "$1" != apart ] || mount -t tmpfs -o size=6m tmpfs "$0/root/run/roost"
echo set up
exec sleep 3600
"""


class SmallDisk:
    """A file system of 6 MiB; what a reboot loses lies on it too, or ``apart`` on another."""

    def __init__(self, place: str, *, apart: bool) -> None:
        flags = ["-m"] if os.geteuid() == 0 else ["-Urm"]
        kind = "apart" if apart else "together"
        self._holder = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", _SETUP, place, kind], stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"set up\n":
            self.close()
            pytest.skip("this user may not make a mount namespace")
        pid = self._holder.pid
        enter = ["-m"] if os.geteuid() == 0 else ["-U", "-m", "--preserve-credentials"]
        self.enter = ["nsenter", "-t", str(pid), *enter, "--wd=/"]
        self.place = place
        self.inner_root = f"{place}/root"
        """As svc.startd is told it."""
        self.outer = Path(f"/proc/{pid}/root{place}")
        """As this process sees the file system."""
        self.root = self.outer / "root"
        self.layout = Layout(str(self.root))
        self.daemons: list[Daemon] = []
        """Those that a failed test left running are ended with it."""

    def close(self) -> None:
        """End the namespace."""
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        self._holder.kill()
        self._holder.wait(LIMIT_S)
        assert self._holder.stdout is not None
        self._holder.stdout.close()

    def fill(self) -> None:
        """Leave no room at all."""
        for size in (65536, 4096, 1):
            with (self.outer / f"filler{size}").open("ab", buffering=0) as filler:
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError as problem:
                    assert problem.errno == errno.ENOSPC  # noqa: PT017  the way out of the loop

    def free(self) -> None:
        """Give the room back."""
        for filler in self.outer.glob("filler*"):
            filler.unlink()

    def start_in_vain(self) -> Outcome:
        """svc.startd, which does not start."""
        words = ["svc.startd", "-R", self.inner_root]
        return execute(Path("/nonexistent"), words, before=self.enter)


class DaemonOnDisk(Daemon):
    """svc.startd inside the namespace, seen from outside."""

    def __init__(self, disk: SmallDisk, console: Path) -> None:
        self.root = disk.root
        self.layout = disk.layout
        self.console = console
        self._out = console.open("ab")
        ready, write_fd = os.pipe()
        self.process = subprocess.Popen(
            [*disk.enter, BIN / "svc.startd", "-R", disk.inner_root, "--ready-fd", str(write_fd)],
            stdout=self._out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[write_fd],
        )
        disk.daemons.append(self)
        os.close(write_fd)
        answered = os.read(ready, 1)
        os.close(ready)
        assert answered, f"svc.startd did not start: {console.read_text()}"


@pytest.fixture
def together() -> Iterator[SmallDisk]:
    yield from _disk(apart=False)


@pytest.fixture
def apart() -> Iterator[SmallDisk]:
    yield from _disk(apart=True)


def _disk(*, apart: bool) -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory() as place:
        disk = SmallDisk(place, apart=apart)
        yield disk
        disk.close()


def bundle(directory: Path, name: str, services: str) -> Path:
    file = directory / f"{name}.xml"
    file.write_text(
        f'{HEADER}<service_bundle type="manifest" name="{name}">{services}</service_bundle>'
    )
    return file


def filled(disk: SmallDisk, tmp_path: Path) -> DaemonOnDisk:
    """A daemon with services, on a disk so full that not the smallest change has room."""
    daemon = DaemonOnDisk(disk, tmp_path / "console")
    daemon.settled()
    talker = service("site/talker", "sh -c 'echo hello; exit 0'", ":true", duration="transient")
    call(disk.root, ["svccfg", "import", bundle(tmp_path, "t", SERVICES + talker)]).clean(0)
    for fmri in (ALPHA, TALKER):
        daemon.wait_state(fmri, "online")
    daemon.wait_state(BROKEN, "maintenance")
    # What a refresh would have to store.
    call(disk.root, f"svccfg -s site/alpha setprop config/big = astring: ({MUCH})").clean(0)
    disk.fill()
    # The journal has some room inside itself, which is used up first.
    refused = 0
    for number in range(3000):
        for command in (
            f"svccfg -s site/alpha setprop config/port = {number}",
            f"svcadm disable -c {number} other/alpha",
        ):
            outcome = call(disk.root, command)
            refused = refused + 1 if outcome.status else 0
            if outcome.status:
                outcome.refused(1, "no space is left there", "try: df ")
        if refused >= 4:
            daemon.wait_until("svc:/other/alpha:default", _is_at_rest, "at rest")
            return daemon
    raise AssertionError("the disk did not get full")


def _is_at_rest(instance: dict[str, Any]) -> bool:
    return bool(instance["next_state"] == "none")


def changes(tmp_path: Path) -> list[str]:
    """Commands of which each has to store something."""
    return [
        f"svcadm enable {IDLE}",
        f"svcadm enable -s {IDLE}",
        f"svcadm disable {ALPHA}",
        f"svcadm disable -c why {ALPHA}",
        "svccfg add site/new",
        "svccfg -s site/alpha add new",
        "svccfg -s site/alpha addpg new application",
        "svccfg -s site/alpha setprop config/new = astring: x",
        f"svccfg -s site/alpha setprop config/new = astring: ({MUCH})",
        "svccfg -s site/alpha addpropvalue config/port 1",
        "svccfg -s site/alpha delprop config/greeting",
        "svccfg -s site/alpha delpg config",
        "svccfg -s site/alpha setenv -s A B",
        "svccfg delete site/empty",
        f"svccfg delete -f {ALPHA}",
        f"svccfg -s {ALPHA} refresh",
        f"svccfg -s {ALPHA} revert initial",
        f"svccfg import {bundle(tmp_path, 'new', service('site/new', extra=CONFIG))}",
        f"svccfg import {bundle(tmp_path, 'again', service('site/alpha'))}",
    ]


@pytest.mark.parametrize("kind", ["together", "apart"])
def test_what_cannot_be_stored_changes_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    disk: SmallDisk = request.getfixturevalue(kind)
    daemon = filled(disk, tmp_path)
    before = picture(disk.layout)
    for command in changes(tmp_path):
        call(disk.root, command).refused(1, "no space is left there")
        assert picture(disk.layout) == before, command
    # Acts that store nothing durable go on, and so do services, with logs that are full.
    for fmri in (ALPHA, TALKER):
        call(disk.root, f"svcadm restart {fmri}").clean(0)
        daemon.wait_state(fmri, "online")
    call(disk.root, f"svcadm mark -I maintenance {ALPHA}").clean(0)
    daemon.wait_state(ALPHA, "maintenance")
    call(disk.root, f"svcadm clear {ALPHA}").clean(0)
    daemon.wait_state(ALPHA, "online")
    for command in ("svcs -a", "svcs -x", f"svcprop {ALPHA}", "svccfg archive"):
        call(disk.root, command).clean(0)
    disk.free()
    call(disk.root, f"svcadm enable -s {IDLE}").clean(0)
    for command in changes(tmp_path)[2:]:
        if "delete" not in command and "delp" not in command:
            call(disk.root, command).clean(0)
    stopped_clean(daemon)


def test_an_override_survives_a_refused_change(apart: SmallDisk, tmp_path: Path) -> None:
    """Nothing half done: the permanent flag is not stored, so the temporary one stays."""
    daemon = filled(apart, tmp_path)
    call(apart.root, f"svcadm enable -st {IDLE}").clean(0)
    before = picture(apart.layout)
    call(apart.root, f"svcadm disable -c why {IDLE}").refused(1, "no space is left there")
    after = picture(apart.layout)
    for found in (before, after):
        for group in found[IDLE].values():
            group.pop("generation")  # taken out and put back
    assert after == before
    stopped_clean(daemon)


def test_a_file_is_not_lost_to_an_output_that_has_no_room(
    together: SmallDisk, tmp_path: Path
) -> None:
    daemon = filled(together, tmp_path)
    file = together.outer / "kept.xml"
    together.free()
    file.write_text("precious")
    together.fill()
    inner = f"{together.place}/kept.xml"
    words = ["svccfg", "archive", ">", inner]
    outcome = execute(Path(together.inner_root), words, before=together.enter)
    outcome.refused(1, f"cannot write {inner}: No space")
    assert file.read_text() == "precious"
    assert not list(together.outer.glob("*.new"))
    stopped_clean(daemon)


def test_booting_with_a_full_disk(apart: SmallDisk, tmp_path: Path) -> None:
    """Services need no room to start, not even one imported and never run."""
    daemon = filled(apart, tmp_path)
    stopped_clean(daemon)
    apart.free()
    apart.fill()
    daemon = DaemonOnDisk(apart, tmp_path / "console")
    for fmri in (ALPHA, TALKER):
        daemon.wait_state(fmri, "online")
    call(apart.root, f"svcadm disable {ALPHA}").clean(1)
    stopped_clean(daemon)


def test_starting_without_any_room(together: SmallDisk) -> None:
    """Refused, at the first start and later, and good again once there is room."""
    together.fill()
    together.start_in_vain().refused(1, "o space", "try: df ")
    together.free()
    console = Path(tempfile.gettempdir()) / f"console-{os.getpid()}"
    try:
        stopped_clean(DaemonOnDisk(together, console))
        together.fill()
        together.start_in_vain().refused(1, "o space", "try: df ")
        together.free()
        stopped_clean(DaemonOnDisk(together, console))
    finally:
        console.unlink()


@pytest.mark.parametrize("kind", ["together", "apart"])
def test_a_read_only_root(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    disk: SmallDisk = request.getfixturevalue(kind)
    stopped_clean(DaemonOnDisk(disk, tmp_path / "console"))
    mount = [*disk.enter, "mount", "-o"]
    subprocess.run([*mount, "remount,ro", disk.place], check=True, timeout=LIMIT_S)
    disk.start_in_vain().refused(1, "ead-only file system", disk.inner_root)
    subprocess.run([*mount, "remount,rw", disk.place], check=True, timeout=LIMIT_S)
    stopped_clean(DaemonOnDisk(disk, tmp_path / "console"))


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    """Another way of not being able to write: refused as well, and undone."""
    root = tmp_path / "root"
    ready, write_fd = os.pipe()
    console = (tmp_path / "root.console").open("wb")
    process = subprocess.Popen(
        ["sh", "-c", 'ulimit -f 1600; exec "$@"', "sh", BIN / "svc.startd", "-R", root,
         "--ready-fd", str(write_fd)],
        pass_fds=[write_fd],
        stdout=console,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.close(write_fd)
    with console:
        assert os.read(ready, 1) == b"\n"
        os.close(ready)
        call(root, ["svccfg", "import", bundle(tmp_path, "t", SERVICES)]).clean(0)
        layout = Layout(str(root))
        for number in range(100):
            call(root, "svcadm disable -s *:default").clean(0)
            before = picture(layout)
            command = f"svccfg -s site/alpha setprop config/big{number} = astring: ({MUCH})"
            outcome = call(root, command)
            if outcome.status:
                break
        outcome.refused(1, str(layout.repository))
        assert picture(layout) == before
        with Client(layout) as client:
            client.call("Manager.Shutdown")
        assert process.wait(LIMIT_S) == 0
    said = (tmp_path / "root.console").read_text()
    assert "Traceback" not in said
    assert "bug in roost" not in said
