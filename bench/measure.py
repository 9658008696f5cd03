"""What both sides are measured by: a FIFO that services report to, and figures of /proc."""

from __future__ import annotations

import os
import selectors
import time
from pathlib import Path

SERVICE = Path(__file__).with_name("service.sh")
LIMIT_S = 120.0


class Reports:
    """The FIFO that each service writes ``NAME PID`` to when it runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._fd, selectors.EVENT_READ)
        self._rest = b""
        self.pids: dict[str, int] = {}

    def wait_for(self, count: int) -> list[tuple[str, float]]:
        """Wait for ``count`` reports; returns (name, time of arrival) of each."""
        arrived: list[tuple[str, float]] = []
        deadline = time.monotonic() + LIMIT_S
        while len(arrived) < count:
            if not self._selector.select(deadline - time.monotonic()):
                raise TimeoutError(f"{len(arrived)} of {count} services reported")
            now = time.monotonic()
            *lines, self._rest = (self._rest + os.read(self._fd, 65536)).split(b"\n")
            for line in lines:
                name, pid = line.decode().split()
                self.pids[name] = int(pid)
                arrived.append((name, now))
        return arrived

    def discard(self) -> None:
        """Throw away what has arrived."""
        self._rest = b""
        while self._selector.select(0):
            os.read(self._fd, 65536)

    def close(self) -> None:
        self._selector.close()
        os.close(self._fd)


def cpu_s(pid: int) -> float:
    """CPU time that a process has used, in seconds, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def switches(pid: int) -> int:
    """How often the process was woken from sleep."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    return 0


def pss_kib(pid: int) -> int:
    """Proportional set size in KiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
