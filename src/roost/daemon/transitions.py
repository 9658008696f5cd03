"""The log of state transitions: one JSON object a line, the newest last.

``transitions.log`` in the directory of logs; when it is full it becomes ``transitions.log.0``,
and the one before that goes. Nothing is synced, and a log that cannot be written never stops
work. A line that a crash or a full disk cut short is passed over by the reader. No line holds
a value of the configuration, so everybody may read the file (docs/formats/transitions.md).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from roost.layout import Layout

MAX_BYTES = 4 * 1024 * 1024
"""Of one of the two files, and at most one step of the engine more."""

_BLOCK_BYTES = 64 * 1024
_MARK_BYTES = 512
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY

Line = Mapping[str, Any]
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Position:
    """Where a line begins: the file, known by its first line whatever its name is by now, and
    the offset in it.
    """

    file: int
    offset: int


def _nobody_waits(_lines: Sequence[Line]) -> None:
    """Nobody follows the log."""


class TransitionLog:
    """Appends lines, and reads them from the newest to the oldest.

    ``complain`` hears once of lines that cannot be written.
    """

    def __init__(self, layout: Layout, complain: Callable[[str], None]) -> None:
        self.path = f"{layout.log_directory}/transitions.log"
        self._older = f"{self.path}.0"
        self._complain = complain
        self._has_complained = False
        self._may_be_torn = True
        self.on_append: Callable[[Sequence[Line]], None] = _nobody_waits

    def append(self, lines: Sequence[Line]) -> None:
        """Add lines, all with one write; raises nothing."""
        if not lines:
            return
        data = "".join(f"{_encode(line)}\n" for line in lines).encode()
        try:
            self._write(data)
        except OSError as problem:
            self._may_be_torn = True
            if not self._has_complained:
                self._has_complained = True
                self._complain(
                    f"cannot write {self.path}: {problem.strerror}; transitions are not recorded"
                    f" until that is mended (try: df {os.path.dirname(self.path)})"
                )
        self.on_append(lines)

    def newest_first(self, before: Position | None = None) -> Iterator[tuple[Position, Line]]:
        """The lines older than one (None: all), the newest first; empty if they are gone."""
        is_found = before is None
        for path in (self.path, self._older):
            try:
                with open(path, "rb") as file:
                    end = os.fstat(file.fileno()).st_size
                    mark = _mark(file.fileno())
                    if before is not None and not is_found:
                        if mark != before.file:
                            continue
                        is_found, end = True, before.offset
                    for offset, line in _lines_backwards(file.fileno(), end):
                        record = _record(line)
                        if record is not None:
                            yield Position(mark, offset), record
            except OSError:
                continue

    def _write(self, data: bytes) -> None:
        fd = os.open(self.path, _FLAGS, 0o644)
        try:
            size = os.fstat(fd).st_size
            if self._may_be_torn and size and os.pread(fd, 1, size - 1) != b"\n":
                data = b"\n" + data
            written = os.write(fd, data)
            self._may_be_torn = written < len(data)
        finally:
            os.close(fd)
        if size + written >= MAX_BYTES:
            with suppress(OSError):
                os.rename(self.path, self._older)


def _mark(fd: int) -> int:
    """What tells one file from another: the first line begins with its time."""
    return crc32(os.pread(fd, _MARK_BYTES, 0).partition(b"\n")[0])


def _record(line: bytes) -> Line | None:
    """The object in a line; None for what is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _lines_backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Offset and content of each line before ``end``, the last one first; what stands after
    the last line break is no line.
    """
    rest: bytes | None = None
    """The end of a line whose beginning comes with the next block."""
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        head, *lines = os.pread(fd, end - start, start).split(b"\n")
        end = start
        if not lines:
            rest = None if rest is None else head + rest
            continue
        tail = lines.pop()
        if rest is not None:
            lines.append(tail + rest)
        at = start + len(head) + 1
        found = []
        for line in lines:
            found.append((at, line))
            at += len(line) + 1
        yield from reversed(found)
        rest = head
    if rest is not None:
        yield 0, rest
