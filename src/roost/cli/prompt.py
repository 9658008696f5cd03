"""Ask a person for a passphrase, on the terminal or through a descriptor.

The text never becomes a Python string here: it can be wiped.
"""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from roost.cli.command import Option, Parsed
from roost.errors import InvalidState, InvalidValue, UsageError
from roost.services.passphrase import Passphrase, read_line

PASSPHRASE_FD = Option("--passphrase-fd", "read it from descriptor N, a line each", "N")
_LOCAL = 3
"""Index of the local modes in what tcgetattr returns."""
_TERMINAL = "/dev/tty"


class Asker:
    """Where passphrases come from: lines of a descriptor, or the terminal."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    @property
    def is_interactive(self) -> bool:
        """Is there a person, who can be asked again?"""
        return self._fd is None

    def ask(self, prompt: str) -> Passphrase:
        """One passphrase. Raises `InvalidValue` where none is given."""
        if self._fd is None:
            given = _ask_terminal(prompt)
        else:
            try:
                given = read_line(self._fd)
            except OSError as problem:
                why = f"descriptor {self._fd}: {os.strerror(problem.errno or 0)}"
                raise InvalidValue("read the passphrase", why) from None
        if given is None:
            raise InvalidValue("use the passphrase", "there is none")
        return given

    def ask_new(self, prompt: str) -> Passphrase:
        """A new passphrase, which a person has to type twice."""
        first = self.ask(f"{prompt}: ")
        if self._fd is None:
            with self.ask("The same again: ") as second:
                if first != second:
                    first.wipe()
                    raise InvalidValue("use the passphrase", "the two are not the same")
        return first


def asker_of(parsed: Parsed) -> Asker:
    """The source that ``--passphrase-fd`` names, else the terminal."""
    text = parsed.value(PASSPHRASE_FD.flag)
    if text is None:
        return Asker(None)
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"use --passphrase-fd {text}", "it takes the number of a descriptor")
    return Asker(int(text))


def _ask_terminal(prompt: str) -> Passphrase | None:
    try:
        fd = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        why = "there is no terminal to ask on"
        hint = "the same with: --passphrase-fd 0 < FILE"
        raise InvalidState("ask for the passphrase", why, hint) from None
    try:
        with _without_echo(fd):
            os.write(fd, prompt.encode())
            return read_line(fd)
    finally:
        os.close(fd)


@contextmanager
def _without_echo(fd: int) -> Iterator[None]:
    before = termios.tcgetattr(fd)
    silent = termios.tcgetattr(fd)
    silent[_LOCAL] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        # Also on Ctrl-C: the terminal is as it was, and the cursor on a line of its own.
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
        os.write(fd, b"\n")
