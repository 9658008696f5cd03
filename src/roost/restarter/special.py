"""The methods that are words, not commands: ``:true`` and ``:kill [-SIGNAL]`` (smf_method(7)).

Pure text work. The command of any other ``exec`` is none of this module's business, except
for the first word of it that names a file.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from roost.errors import InvalidValue

_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_./+:@,=-]*)(?:[ \t\n]|$)")


@dataclass(frozen=True, slots=True)
class TrueMethod:
    """Success, and nothing is run."""


@dataclass(frozen=True, slots=True)
class KillMethod:
    """Send ``signal`` to every process of the service."""

    signal: int


def special_method(command: str) -> TrueMethod | KillMethod | None:
    """What a method that starts with a colon means; None for a command of the shell.

    Raises `InvalidValue` for an unknown word or signal.
    """
    words = command.split()
    if not words or not words[0].startswith(":"):
        return None
    match words:
        case [":true"]:
            return TrueMethod()
        case [":kill"]:
            return KillMethod(signal.SIGTERM)
        case [":kill", option] if option.startswith("-"):
            return KillMethod(signal_number(option[1:]))
    raise InvalidValue(f"use '{command}' as a method", "the words are :true and :kill [-SIGNAL]")


def signal_number(name: str) -> int:
    """The signal called ``name`` (with or without ``SIG``) or numbered so.

    ``THAW`` is the name by which SMF's methods wake a frozen process: SIGCONT here.
    """
    text = name.upper().removeprefix("SIG")
    if text.isascii() and text.isdigit():
        number = int(text)
        if number in signal.valid_signals():
            return number
    elif text == "THAW":
        return signal.SIGCONT
    elif (found := getattr(signal.Signals, f"SIG{text}", None)) is not None:
        return int(found)
    raise InvalidValue(f"use '{name}' as a signal", "there is no such signal")


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; ``SIG41`` where the number has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def leading_path(command: str) -> str | None:
    """The absolute path that the shell will execute first, where that is plain to see."""
    found = _PLAIN_PATH.match(command.lstrip())
    return found[1] if found else None
