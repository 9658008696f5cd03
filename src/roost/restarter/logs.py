"""The instances' log files (smf(7)): the restarter's bracketed lines, and the
descriptor that a method writes to.

A file is opened for each use, so 500 services hold no descriptor. A log that cannot be
written never stops a service: it is said once, to ``complain``, and the output is lost.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from roost.layout import Layout

_TAIL_BYTES = 64 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY


def bracketed(text: str) -> bytes:
    """One line of the restarter's own, stamped with local time."""
    stamp = time.strftime("%b %e %T")
    return f"[ {stamp} {text.replace(chr(10), ' ')} ]\n".encode(errors="surrogateescape")


class Logs:
    """Writes and quotes the logs below ``layout.log_directory``."""

    def __init__(self, layout: Layout, complain: Callable[[str], None]) -> None:
        self._layout = layout
        self._complain = complain
        self._has_complained = False

    def open(self, instance: str) -> int:
        """A descriptor (3 or more, close-on-exec) that appends to the instance's log.

        It leads to ``/dev/null`` when the log cannot be opened. The caller closes it.
        """
        path = self._layout.log_of(instance)
        try:
            fd = self._open_log(path)
        except OSError as refused:
            self._lost(path, refused)
            fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        if fd > 2:
            return fd
        # A method's descriptors 0 to 2 are replaced one by one; this one must outlast them.
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(fd)
        return high

    def write(self, instance: str, text: str) -> None:
        """Append one bracketed line to the instance's log."""
        fd = self.open(instance)
        try:
            self.write_to(fd, instance, text)
        finally:
            os.close(fd)

    def write_to(self, fd: int, instance: str, text: str) -> None:
        """Append one bracketed line through a descriptor from `open`."""
        try:
            os.write(fd, bracketed(text))
        except OSError as refused:
            self._lost(self._layout.log_of(instance), refused)

    def tail(self, instance: str, lines: int) -> list[str]:
        """The last ``lines`` lines of the log, oldest first; empty if there is none."""
        try:
            with open(self._layout.log_of(instance), "rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(0, size - _TAIL_BYTES))
                text = log.read(_TAIL_BYTES)
        except OSError:
            return []
        found = text.decode(errors="replace").splitlines()
        if size > _TAIL_BYTES:
            del found[0]  # it begins somewhere in the middle
        return found[-lines:] if lines > 0 else []

    def _open_log(self, path: str) -> int:
        try:
            return os.open(path, _FLAGS, 0o644)
        except FileNotFoundError:
            os.makedirs(self._layout.log_directory, exist_ok=True)
            return os.open(path, _FLAGS, 0o644)

    def _lost(self, path: str, refused: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._complain(
                f"cannot write {path}: {refused.strerror}; output of services is lost until "
                f"that is mended (try: df {self._layout.log_directory})"
            )
