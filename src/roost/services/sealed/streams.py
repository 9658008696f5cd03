"""Bytes on their way between a tree, a cipher and a file. Knows neither keys nor formats.

The cipher pulls from a source and pushes to a sink, and so does the archive; a thread and a
pipe join the two. Errors are kept and raised on the caller's side, where they belong.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Protocol, Self


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take all of ``data`` and return how many that are, or raise."""


class GuardedSink:
    """Passes bytes on, feeds them to a code, and remembers the error of the sink below.

    pyrage turns errors into its own, and drops one that comes with the last piece.
    """

    def __init__(self, below: Sink, code: hmac.HMAC | None = None) -> None:
        self._below = below
        self._code = code
        self._problem: BaseException | None = None

    def write(self, data: bytes) -> int:
        """Take all of ``data``."""
        try:
            self._below.write(data)
        except BaseException as problem:
            self._problem = problem
            raise
        if self._code is not None:
            self._code.update(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is below is flushed by its owner."""

    def raise_own(self) -> None:
        """Raise what the sink below raised, if it did."""
        if self._problem is not None:
            raise self._problem


class CodedSource:
    """The bytes of a file from here up to ``trailer_bytes`` before its end, fed to a code."""

    def __init__(self, file: BinaryIO, trailer_bytes: int, code: hmac.HMAC) -> None:
        self._file = file
        end = os.fstat(file.fileno()).st_size - trailer_bytes
        self._left = max(0, end - file.tell())
        self._code = code

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        self._code.update(data)
        return data

    def rest(self) -> bytes:
        """The trailer, once all before it was read; nothing if some was not."""
        return b"" if self._left else self._file.read()


class _Worker(ABC):
    """A thread at one end of a pipe, whose error is raised at the other end."""

    def __init__(self) -> None:
        self._problem: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        self._join()

    @abstractmethod
    def _close(self) -> None:
        """Give up this end of the pipe, so that the thread at the other ends."""

    def _run(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as problem:  # noqa: BLE001 - raised again by `finish`
                self._problem = problem

        self._thread = threading.Thread(target=guarded, daemon=True)
        self._thread.start()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _raise_own(self) -> None:
        if self._problem is not None:
            raise self._problem


class Pump(_Worker):
    """A source with what ``produce`` writes. ``finish`` raises what ``produce`` raised."""

    def __init__(self, produce: Callable[[Sink], None]) -> None:
        super().__init__()
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        self._file = open(read_fd, "rb")  # noqa: SIM115 - closed by __exit__

        def work() -> None:
            with open(write_fd, "wb") as sink:
                produce(sink)

        self._run(work)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        return self._file.read(size)

    def finish(self) -> None:
        """Wait for the producer, once all was read; raise what it raised."""
        self._join()
        self._raise_own()

    def _close(self) -> None:
        # With this end closed a producer that still writes gets EPIPE and ends.
        self._file.close()


class Drain(_Worker):
    """A sink whose bytes ``consume`` reads. ``finish`` raises what ``consume`` raised."""

    def __init__(self, consume: Callable[[BinaryIO], None]) -> None:
        super().__init__()
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        self._file = open(write_fd, "wb")  # noqa: SIM115 - closed by __exit__

        def work() -> None:
            with open(read_fd, "rb") as source:
                consume(source)

        self._run(work)

    def write(self, data: bytes) -> int:
        """Take all of ``data``."""
        return self._file.write(data)

    def finish(self) -> None:
        """End the stream, wait for the consumer, raise what it raised."""
        self._close()
        self._join()
        self._raise_own()

    def _close(self) -> None:
        # A consumer that gave up has an error of its own that says why.
        with contextlib.suppress(BrokenPipeError):
            self._file.close()
