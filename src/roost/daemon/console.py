"""The administrator's console: what svc.startd and the methods say to a person.

Methods write to a FIFO (``smf_console``); svc.startd reads it and passes each line on, so
that lines of several writers do not mix. The last lines are kept for ``roost status``.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import termios
import time
from collections import deque
from contextlib import suppress
from typing import TextIO

from roost.errors import SystemCallFailed
from roost.layout import Layout
from roost.loop import Loop

KEPT_LINES = 200
_READ_BYTES = 65536
_TURN_BYTES = 4096
"""As much is taken of methods in one turn: others wait meanwhile."""
FLOOD_BYTES = 128 * 1024
"""More than this within `FLOOD_S` is not shown: anybody can write to the FIFO without end."""
FLOOD_S = 10.0
_LINE_BYTES = 64
"""A line counts as so much more than it is long."""


class Console:
    """Prints lines to ``out`` as they come; makes, reads and removes the FIFO."""

    def __init__(self, loop: Loop, layout: Layout, out: TextIO) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._loop = loop
        self._out = out
        self._path = layout.console
        self._partial = b""
        self._since = loop.now()
        self._shown_bytes = 0
        """Of methods, since then."""
        _make_fifo(self._path)
        # Open for writing too, so that it never reads as ended between two writers.
        self._fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        loop.set_reader(self._fd, self._take_some)

    def say(self, text: str) -> None:
        """One line of svc.startd itself: date, name, pid, as the original words it."""
        stamp = time.strftime("%b %e %T")
        self._show(f"{stamp} svc.startd[{os.getpid()}]: {text}")

    def show(self, text: str) -> None:
        """One line as it is."""
        self._show(text)

    def take_from_methods(self) -> None:
        """Pass on what methods have written up to now."""
        try:
            waiting = bytearray(4)
            fcntl.ioctl(self._fd, termios.FIONREAD, waiting)
            here = int.from_bytes(waiting, sys.byteorder)
            self._pass_on(os.read(self._fd, min(here, _READ_BYTES)))
        except BlockingIOError:
            return

    def _take_some(self) -> None:
        try:
            self._pass_on(os.read(self._fd, _TURN_BYTES))
        except BlockingIOError:
            return

    def _pass_on(self, data: bytes) -> None:
        now = self._loop.now()
        if now - self._since >= FLOOD_S:
            self._since, self._shown_bytes = now, 0
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._show_of_methods(line)
        if len(self._partial) > _READ_BYTES:
            self._show_of_methods(self._partial)
            self._partial = b""

    def _show_of_methods(self, line: bytes) -> None:
        was_shown = self._shown_bytes < FLOOD_BYTES
        self._shown_bytes += len(line) + _LINE_BYTES
        if self._shown_bytes < FLOOD_BYTES:
            self._show(line.decode(errors="replace").rstrip("\r"))
        elif was_shown:
            self.say(f"{self._path} is flooded; more is not shown for up to {FLOOD_S:.0f} seconds.")

    def close(self) -> None:
        """Stop reading and remove the FIFO."""
        self.take_from_methods()
        self._loop.set_reader(self._fd, None)
        os.close(self._fd)
        with suppress(FileNotFoundError):
            os.unlink(self._path)

    def _show(self, line: str) -> None:
        # A method may not send escape sequences to the administrator's terminal.
        clean = "".join(c if c.isprintable() or c == "\t" else "?" for c in line)
        self.lines.append(clean)
        try:
            self._out.write(clean + "\n")
            self._out.flush()
        except OSError:
            pass  # the terminal is gone; the line is kept


def _make_fifo(path: str) -> None:
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISFIFO(os.lstat(path).st_mode):
                os.unlink(path)
        os.mkfifo(path)
        # Methods run as other users too; only svc.startd reads.
        os.chmod(path, 0o622)  # noqa: S103  as the line above says
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise SystemCallFailed(f"make the console {path}", why, f"ls -ld {path}") from None
