"""Passphrases: a type that does not show itself, and the way from the administrator to a method.

``roost unlock`` makes a FIFO that only the owner can open (`offer`), and the start method
of the instance reads one line from it (`take`). A method that needs a passphrase says so
with a mark beside the FIFO (`ask`), which holds the FMRI and nothing else. The passphrase is
never in an argument, the environment, a regular file or a log.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import stat
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from roost.errors import InvalidValue, NotAllowed, SystemCallFailed
from roost.layout import Layout

MAX_PASSPHRASE_BYTES = 1024
"""Less than PIPE_BUF, so that it passes through a FIFO in one piece."""
_PR_SET_DUMPABLE = 4


class Passphrase:
    """The bytes of a passphrase. `wipe` overwrites them; ``with`` does so at the end."""

    __slots__ = ("_bytes",)

    def __init__(self, content: bytearray) -> None:
        self._bytes = content

    def __repr__(self) -> str:
        return "Passphrase(...)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wipe()

    def __bool__(self) -> bool:
        return bool(self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Passphrase) and self._bytes == other._bytes

    __hash__ = None  # type: ignore[assignment]

    def reveal(self) -> str:
        """The text, for the cipher only. The copy cannot be wiped: use it and end soon."""
        try:
            return self._bytes.decode()
        except UnicodeDecodeError:
            raise InvalidValue("use the passphrase", "it is not UTF-8") from None

    def write_to(self, fd: int) -> None:
        """Write the passphrase and a newline in one piece."""
        line = self._bytes + b"\n"
        try:
            os.write(fd, line)
        finally:
            _overwrite(line)

    def wipe(self) -> None:
        """Overwrite the bytes and forget them."""
        _overwrite(self._bytes)
        self._bytes.clear()


def hide_process() -> None:
    """Let no core dump and no debugger of the same user see this process's memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def read_line(fd: int) -> Passphrase | None:
    """The next line that ``fd`` gives, without its newline; None if there is nothing.

    Takes not a byte more than the line. Raises `InvalidValue` for a line that is too long.
    """
    content = bytearray()
    byte = bytearray(1)
    while len(content) <= MAX_PASSPHRASE_BYTES:
        try:
            count = os.readv(fd, [byte])
        except BlockingIOError:
            count = 0
        if count == 0 or byte == b"\n":
            _overwrite(byte)
            return Passphrase(content) if content else None
        content += byte
    _overwrite(content)
    why = f"a passphrase has at most {MAX_PASSPHRASE_BYTES} bytes"
    raise InvalidValue("use the passphrase", why)


def ask(layout: Layout, instance: str) -> None:
    """Leave the mark that ``instance`` waits for a passphrase."""
    _make_directory(layout)
    fd = os.open(_mark(layout, instance), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, f"{instance}\n".encode())
    finally:
        os.close(fd)


def stop_asking(layout: Layout, instance: str) -> None:
    """Remove the mark, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_mark(layout, instance))


def is_asking(layout: Layout, instance: str) -> bool:
    """Does ``instance`` wait for a passphrase?"""
    return os.path.exists(_mark(layout, instance))


def take(layout: Layout, instance: str) -> Passphrase | None:
    """The passphrase that `offer` holds ready for ``instance``; None if there is none.

    A FIFO that somebody else could have made or can read is refused with `NotAllowed`.
    """
    path = layout.passphrase_fifo(instance)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise SystemCallFailed(f"open {path}", os.strerror(problem.errno or 0)) from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISFIFO(found.st_mode):
            raise NotAllowed(f"take a passphrase from {path}", "it is not a FIFO")
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o077:
            why = "others than its owner can use it"
            raise NotAllowed(f"take a passphrase from {path}", why)
        return read_line(fd)
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Offer:
    """A passphrase that waits in its FIFO."""

    fd: int

    @property
    def was_taken(self) -> bool:
        """Did somebody read it?"""
        count = bytearray(4)
        fcntl.ioctl(self.fd, termios.FIONREAD, count)
        return not any(count)


@contextlib.contextmanager
def offer(layout: Layout, instance: str, passphrase: Passphrase) -> Iterator[Offer]:
    """Hold ``passphrase`` ready for the start method of ``instance`` while the body runs.

    What was not read is gone with the FIFO. Raises `NotAllowed` if another process holds one
    ready for this instance now, or if the run directory is not ours.
    """
    what = f"hand over a passphrase to {instance}"
    path = layout.passphrase_fifo(instance)
    try:
        _make_directory(layout)
        _remove_stale(path, what)
        os.mkfifo(path, 0o600)
        # Read and write, so that neither opening nor writing waits for the method.
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        raise NotAllowed(what, f"{layout.passphrases} is not yours") from None
    except OSError as problem:
        raise SystemCallFailed(what, f"{path}: {os.strerror(problem.errno or 0)}") from None
    try:
        passphrase.write_to(fd)
        yield Offer(fd)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(fd)


def _remove_stale(path: str, what: str) -> None:
    """Remove a FIFO that its maker left behind; a FIFO that somebody holds open is in use."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as problem:
        if problem.errno != errno.ENXIO:
            raise
        os.unlink(path)
        return
    os.close(fd)
    raise NotAllowed(what, "another 'roost unlock' is doing that now")


def _make_directory(layout: Layout) -> None:
    os.makedirs(layout.run_directory, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(layout.passphrases, 0o700)
    found = os.lstat(layout.passphrases)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        why = "it is not a directory of this user"
        raise NotAllowed(f"use {layout.passphrases}", why)
    if found.st_mode & 0o077:
        os.chmod(layout.passphrases, 0o700)


def _mark(layout: Layout, instance: str) -> str:
    return layout.passphrase_fifo(instance) + ".wanted"


def _overwrite(content: bytearray) -> None:
    content[:] = b"\0" * len(content)
