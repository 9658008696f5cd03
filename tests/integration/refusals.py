"""What every refusal of a command must look like, and how tests run commands and watch state."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from roost.api.client import Client
from roost.cli import svcadm, svccfg, svcprop, svcs
from roost.daemon.journal import MasterLog
from roost.layout import Layout
from tests.integration.daemon import BIN, Daemon, service

LIMIT_S = 60.0
"""No command may take longer; far more than any needs."""
MAINS = {"svcs": svcs.main, "svcadm": svcadm.main, "svccfg": svccfg.main, "svcprop": svcprop.main}

Word = str | bytes | Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. Bytes that are not UTF-8 are surrogates in ``out`` and ``err``."""

    program: str
    status: int
    out: str
    err: str

    def refused(self, status: int, *phrases: str, place: str = "") -> Outcome:
        """Assert that it was refused in the agreed shape, once; each phrase is in its message.

        One line ``PROGRAM: [PLACE: ]cannot WHAT: WHY``, perhaps a list below it, then one line
        ``PROGRAM: try: COMMAND``; after wrong usage the usage in its place.
        """
        self.clean(status)
        lines = self.err.splitlines()
        where = f"{place}: " if place else ""
        shape = rf"{re.escape(self.program)}: {re.escape(where)}cannot \S.*: \S.*"
        assert lines, f"refused with {self.status}, and nothing was said"
        assert re.fullmatch(shape, lines[0]), self.err
        rest = [line for line in lines[1:] if not line.startswith((" ", "\t"))]
        wanted = r"Usage: .+" if status == 2 else rf"{re.escape(self.program)}: try: \S.*"
        assert len(rest) == 1, self.err
        assert re.fullmatch(wanted, rest[0]), self.err
        for phrase in phrases:
            assert phrase in self.err, self.err
        return self

    def clean(self, status: int) -> Outcome:
        """Assert the exit status, and that no bug showed; messages are printable."""
        text = self.out + self.err
        assert "Traceback" not in text, text
        assert "bug in roost" not in text, text
        assert self.status == status, f"exited {self.status}, not {status}: {text}"
        assert all(c.isprintable() or c in "\n\t" for c in self.err), repr(self.err)
        return self


def words_of(command: str | Sequence[Word]) -> list[str]:
    """The words of a command; a text is split at blanks."""
    words = command.split() if isinstance(command, str) else list(command)
    return [os.fsdecode(word) for word in words]


def call(root: Path, command: str | Sequence[Word]) -> Outcome:
    """Run svcs, svcadm, svccfg or svcprop in this process: hundreds of them cost little."""
    program, *arguments = words_of(command)
    out, err = _captured(), _captured()
    with (
        patch.dict(os.environ, {"ROOST_ROOT": str(root)}),
        patch.object(sys, "stdout", out),
        patch.object(sys, "stderr", err),
    ):
        status = MAINS[program](arguments)
    return Outcome(program, status, _text(out), _text(err))


def _captured() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(errors="surrogateescape")


def execute(
    root: Path,
    command: str | Sequence[Word],
    data: bytes = b"",
    environment: Mapping[str, str] | None = None,
    before: Sequence[Word] = (),
) -> Outcome:
    """Run a command as a process of its own, after the words ``before`` if any."""
    program, *arguments = words_of(command)
    done = subprocess.run(
        [*before, BIN / program, *arguments],
        input=data,
        env={**os.environ, "ROOST_ROOT": str(root), **(environment or {})},
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Outcome(program, done.returncode, _decoded(done.stdout), _decoded(done.stderr))


def _decoded(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def picture(layout: Layout) -> dict[str, Any]:
    """All that may not change when a command is refused: configuration, snapshots, states."""
    found: dict[str, Any] = {}
    with Client(layout) as client:
        for service_fmri in client.call("Repository.Services")["services"]:
            instances = client.call("Repository.Instances", service=service_fmri)["instances"]
            for fmri in [service_fmri, *instances]:
                groups = client.call("Repository.Groups", fmri=fmri, view="attached")["groups"]
                found[fmri] = {group["name"]: group for group in groups}
            for fmri in instances:
                names = client.call("Repository.Snapshots", fmri=fmri)["names"]
                views = [
                    client.call("Repository.Groups", fmri=fmri, view="snapshot", snapshot=name)
                    for name in names
                ]
                found[f"snapshots of {fmri}"] = dict(zip(names, views, strict=True))
        for instance in client.call("Manager.List", patterns=[])["instances"]:
            found[f"state of {instance['fmri']}"] = instance
    return found


CONFIG = """
<property_group name="config" type="application">
  <propval name="port" type="count" value="8080"/>
  <propval name="greeting" type="astring" value="hello"/>
</property_group>"""

SERVICES = "".join(
    (
        service("site/alpha", extra=CONFIG),
        service("other/alpha"),
        service("site/idle", enabled=False),
        service("site/broken", 'sh -c "exit 95"', ":true", duration="transient"),
        service("site/beta", ":true", ":true", duration="transient").replace(
            "</service>", '<instance name="two" enabled="true"/></service>'
        ),
        '<service name="site/empty" type="service" version="1"/>',
    )
)
"""`alpha` is ambiguous, ``site/beta`` has two instances, ``site/empty`` none."""
ALPHA, IDLE, BROKEN = (
    "svc:/site/alpha:default",
    "svc:/site/idle:default",
    "svc:/site/broken:default",
)


def started(root: Path) -> Daemon:
    """A daemon with `SERVICES`, all settled."""
    daemon = Daemon(root).settled()
    daemon.load(SERVICES)
    daemon.wait_state(ALPHA, "online")
    daemon.wait_state("svc:/other/alpha:default", "online")
    daemon.wait_state("svc:/site/beta:default", "online")
    daemon.wait_state("svc:/site/beta:two", "online")
    daemon.wait_state(BROKEN, "maintenance")
    return daemon


def told(daemon: Daemon) -> str:
    """All that svc.startd has said: its console with its standard error, and its log."""
    log = Path(MasterLog(daemon.layout).path)
    return daemon.console.read_text(errors="replace") + log.read_text(errors="replace")


def stopped_clean(daemon: Daemon) -> None:
    """Stop it; assert that it ends well and had no bug."""
    assert daemon.process.poll() is None, told(daemon)
    daemon.stop()
    assert daemon.process.returncode == 0, told(daemon)
    assert "Traceback" not in told(daemon), told(daemon)
    assert "bug in roost" not in told(daemon), told(daemon)
