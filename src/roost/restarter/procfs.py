"""Read ``/proc``: who the children of a process are, and what a process looks like.

Only reads. Every answer may be out of date when it arrives, except about direct children
of this process, which stay (as zombies at least) until this process reaps them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from roost.restarter.ports import ProcessInfo

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of ``/proc/PID/stat`` that roost asks for."""

    comm: str
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int


class ProcFs:
    """A mounted proc file system at ``path``."""

    def __init__(self, path: str = "/proc") -> None:
        self._path = path
        me = os.getpid()
        # CONFIG_PROC_CHILDREN is not in every kernel; without it all of /proc is scanned.
        self._lists_children = os.path.exists(f"{path}/{me}/task/{me}/children")

    def stat(self, pid: int) -> Stat | None:
        """What the kernel says of ``pid``; None if there is no such process."""
        text = self._read(f"{pid}/stat").decode(errors="replace")
        comm, closed, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        if not closed or len(fields) < 20:
            return None
        parent, group, session, start_ticks = (int(fields[at]) for at in (1, 2, 3, 19))
        return Stat(comm, fields[0], parent, group, session, start_ticks)

    def children(self, pid: int) -> list[int]:
        """Direct children of ``pid``, of all its threads, zombies too."""
        if not self._lists_children:
            return self._by_parent().get(pid, [])
        return self._listed_children(pid)

    def descendants(self, roots: Iterable[int]) -> list[int]:
        """The roots and everything below them, parents first."""
        by_parent = None if self._lists_children else self._by_parent()
        found = dict.fromkeys(roots)
        waiting = list(found)
        while waiting:
            pid = waiting.pop()
            below = self._listed_children(pid) if by_parent is None else by_parent.get(pid, [])
            fresh = [child for child in below if child not in found]
            found.update(dict.fromkeys(fresh))
            waiting += fresh
        return list(found)

    def variables(self, pid: int, names: Iterable[str]) -> dict[str, str]:
        """Those of the environment variables ``names`` that ``pid`` was started with."""
        wanted = {name.encode(): name for name in names}
        found: dict[str, str] = {}
        for entry in self._read(f"{pid}/environ").split(b"\0"):
            name, _, value = entry.partition(b"=")
            if name in wanted:
                found.setdefault(wanted[name], value.decode(errors="replace"))
        return found

    def is_between_programs(self, pid: int) -> bool:
        """Is ``pid`` in the midst of exec, so that its arguments and environment look empty?"""
        if self._read(f"{pid}/cmdline"):
            return False
        stat = self.stat(pid)
        return stat is not None and stat.state not in "ZX"

    def open_files(self, pid: int, fds: Iterable[int]) -> set[str]:
        """The paths behind some descriptors of ``pid``."""
        found = set()
        for fd in fds:
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"{self._path}/{pid}/fd/{fd}"))
        return found

    def describe(self, pid: int) -> ProcessInfo | None:
        """The process as ``svcs -p`` shows it; None if it is gone."""
        stat = self.stat(pid)
        if stat is None:
            return None
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        arguments = self._read(f"{pid}/cmdline").rstrip(b"\0").replace(b"\0", b" ")
        return ProcessInfo(
            pid,
            booted + stat.start_ticks / _TICKS_PER_SECOND,
            "<defunct>" if stat.state in "ZX" else stat.comm,
            arguments.decode(errors="replace"),
        )

    def _listed_children(self, pid: int) -> list[int]:
        try:
            threads = os.listdir(f"{self._path}/{pid}/task")
        except OSError:
            return []
        found: list[int] = []
        for thread in threads:
            found += map(int, self._read(f"{pid}/task/{thread}/children").split())
        return found

    def _by_parent(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        try:
            names = os.listdir(self._path)
        except OSError:
            return {}
        for name in names:
            if name.isdigit() and (stat := self.stat(int(name))) is not None:
                found.setdefault(stat.parent, []).append(int(name))
        return found

    def _read(self, name: str) -> bytes:
        try:
            with open(f"{self._path}/{name}", "rb", buffering=0) as file:
                chunks = []
                while chunk := file.read(65536):
                    chunks.append(chunk)
                return b"".join(chunks)
        except OSError:
            return b""
