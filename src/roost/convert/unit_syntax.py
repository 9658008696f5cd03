r"""The syntax of systemd's unit files: lines, words, specifiers, times and sizes. Pure.

Knows nothing of what a setting means. The rules are those of systemd.syntax(7),
systemd.unit(5) and systemd.service(5): continuation with a backslash (comments in between are
passed over), quotes and C escapes in words, ``%`` specifiers, ``$NAME`` and ``${NAME}`` in
commands, and an empty assignment that takes back all before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from roost.convert.ledger import Setting, Source, refusal
from roost.convert.names import split_unit, unescaped
from roost.convert.words import Code, Piece, Text, Token, Variable, Word

_SECTION = re.compile(r"\[([^\[\]]+)\]")
_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "s": " ",
}  # fmt: skip
_CODED = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})")
_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WHOLE_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")

_SPAN_UNITS = {
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3,
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
    "M": 2629800, "month": 2629800, "months": 2629800,
    "y": 31557600, "year": 31557600, "years": 31557600,
}  # fmt: skip
_SPAN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ]*)")
_SIZES = {"": 1, "B": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4, "P": 1024**5}
_TRUE = frozenset({"1", "yes", "y", "true", "t", "on"})
_FALSE = frozenset({"0", "no", "n", "false", "f", "off"})


# --- lines ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Logical:
    """A line with those that continue it, and the number of the first."""

    number: int
    text: str


def settings_of(source: Source) -> list[Setting]:
    """The assignments of a unit file; `InvalidValue` with FILE:LINE for what is no such file."""
    found: list[Setting] = []
    section = ""
    for line in _logical_lines(source.text):
        heading = _SECTION.fullmatch(line.text)
        key, has_value, value = line.text.partition("=")
        if heading:
            section = heading[1]
        elif line.text.startswith("["):
            raise refusal(source.name, line.number, f"'{line.text}' is no heading of a section")
        elif not has_value or not key.strip():
            why = f"'{line.text[:60]}' is no assignment (Key=Value)"
            raise refusal(source.name, line.number, why)
        elif not section:
            why = f"'{line.text[:60]}' stands before the first section"
            raise refusal(source.name, line.number, why)
        else:
            found.append(Setting(source.name, line.number, section, key.strip(), value.strip()))
    return found


def _logical_lines(text: str) -> Iterator[Logical]:
    """Lines without comments and blank ones; a backslash at the end joins the next as a blank."""
    start = 0
    parts: list[str] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not parts):
            continue
        start = start if parts else number
        backslashes = len(raw) - len(raw.rstrip("\\"))
        goes_on = backslashes % 2 == 1
        parts.append(f"{raw[:-1]} " if goes_on else raw)
        if not goes_on:
            yield Logical(start, "".join(parts).strip())
            parts = []
    if parts:
        yield Logical(start, "".join(parts).strip())


# --- words ------------------------------------------------------------------------------


def split_words(text: str) -> list[str]:
    """Words of a list or command, without quotes and with escapes resolved.

    Raises ValueError for a quotation mark that is not closed.
    """
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word, at = _read_word(text, at)
        found.append(word)
    return found


def _read_word(text: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    quote = ""
    while at < len(text) and (quote or not text[at].isspace()):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            part, at = _read_escape(text, at + 1)
            parts.append(part)
            continue
        if char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        else:
            parts.append(char)
        at += 1
    if quote:
        raise ValueError(f"a quotation mark {quote} is not closed")
    return "".join(parts), at


def _read_escape(text: str, at: int) -> tuple[str, int]:
    """What the escape means whose backslash stands before ``at``; unknown ones mean themselves."""
    if text[at] in _ESCAPES:
        return _ESCAPES[text[at]], at + 1
    coded = _CODED.match(text, at)
    if coded is None:
        return "\\" + text[at], at + 1
    hexadecimal = coded[1] or coded[2] or coded[3]
    number = int(hexadecimal, 16) if hexadecimal else int(coded[4], 8)
    if not 0 < number <= 0x10FFFF:
        raise ValueError(f"'\\{coded[0]}' is no character")
    return chr(number), coded.end()


# --- specifiers and variables -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Specifiers:
    """What ``%`` letters mean in one unit. ``path`` is where its file lies."""

    unit: str
    path: str

    def pieces(self, text: str) -> Iterator[Piece]:
        """The text with its specifiers resolved; an unknown one stays as it is."""
        known = self._known()
        at = 0
        while (percent := text.find("%", at)) >= 0 and percent + 1 < len(text):
            if percent > at:
                yield Text(text[at:percent])
            letter = text[percent + 1]
            yield known.get(letter) or _DYNAMIC.get(letter) or Text(f"%{letter}")
            at = percent + 2
        if at < len(text):
            yield Text(text[at:])

    def text(self, text: str) -> str:
        """The same as plain text; ValueError if it is known only where the service runs."""
        found: list[str] = []
        for piece in self.pieces(text):
            if isinstance(piece, Token):
                raise ValueError("it needs the instance: convert with --instance NAME")  # noqa: TRY004
            if not isinstance(piece, Text):
                raise ValueError(f"it holds a specifier ({text}) that is known only at run time")  # noqa: TRY004
            found.append(piece.text)
        return "".join(found)

    def _known(self) -> dict[str, Piece]:
        name, instance, kind = split_unit(self.unit)
        whole = name if instance is None else f"{name}@{instance}"
        last = name.rpartition("-")[2]
        directory, _, _ = self.path.rpartition("/")
        plain = {
            "%": "%", "p": name, "P": unescaped(name), "j": last, "J": unescaped(last),
            "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc",
            "T": "/tmp", "V": "/var/tmp", "h": "/root", "s": "/bin/sh",  # noqa: S108
            "u": "root", "U": "0", "g": "root", "G": "0", "y": self.path, "Y": directory or "/",
        }  # fmt: skip
        found: dict[str, Piece] = {letter: Text(text) for letter, text in plain.items()}
        if instance == "":
            # Of a template without an instance: roost's own token for its name.
            return found | {"i": Token("%i"), "I": Token("%i"), "N": Token(f"{name}@%i"),
                            "n": Token(f"{name}@%i.{kind}")}  # fmt: skip
        return found | {
            "i": Text(instance or ""), "I": Text(unescaped(instance or "")),
            "f": Text("/" + unescaped(instance or name).removeprefix("/")),
            "N": Text(whole), "n": Text(self.unit),
        }  # fmt: skip


_DYNAMIC: dict[str, Piece] = {
    "H": Code("$(uname -n)"),
    "l": Code("$(uname -n | cut -d. -f1)"),
    "m": Code("$(cat /etc/machine-id)"),
    "b": Code("$(tr -d - </proc/sys/kernel/random/boot_id)"),
    "v": Code("$(uname -r)"),
    "a": Code("$(uname -m)"),
    "o": Code('$(. /etc/os-release; echo "$ID")'),
    "w": Code('$(. /etc/os-release; echo "$VERSION_ID")'),
    "d": Variable("CREDENTIALS_DIRECTORY"),
}
"""Specifiers that the machine answers when the service runs."""


def command_word(text: str, specifiers: Specifiers, *, has_variables: bool) -> Word:
    """A word of a command with its specifiers, and its variables if it ``has_variables``."""
    found: list[Piece] = []
    for piece in specifiers.pieces(text):
        if isinstance(piece, Text) and has_variables:
            found += _variables(piece.text)
        else:
            found.append(piece)
    whole = _WHOLE_VARIABLE.fullmatch(text)
    if whole and has_variables:
        return (Variable(whole[1], is_split=True),)
    return tuple(_joined_texts(found)) or (Text(""),)


def _variables(text: str) -> Iterator[Piece]:
    at = 0
    for found in _VARIABLE.finditer(text):
        yield Text(text[at : found.start()])
        yield Variable(found[1]) if found[1] else Text("$")
        at = found.end()
    yield Text(text[at:])


def _joined_texts(pieces: Iterable[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Text) and found and isinstance(found[-1], Text):
            found[-1] = Text(found[-1].text + piece.text)
        elif piece != Text(""):
            found.append(piece)
    return found


# --- values -----------------------------------------------------------------------------


def boolean(text: str) -> bool:
    """A boolean; ValueError for other text."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"'{text}' is neither yes nor no")


def seconds(text: str) -> float:
    """A time span in seconds, infinity for ``infinity``; ValueError for other text."""
    if text.strip() == "infinity":
        return math.inf
    return _sum_of(text, _SPAN_UNITS, "a time")


def whole_seconds(text: str) -> int:
    """A time-out for a method: whole seconds, rounded up; 0 (for ever) for 0 and infinity."""
    span_s = seconds(text)
    return 0 if math.isinf(span_s) else math.ceil(span_s)


def _sum_of(text: str, units: dict[str, float], what: str) -> float:
    total, at = 0.0, 0
    while at < len(text.rstrip()):
        found = _SPAN.match(text, at)
        if found is None or found[2] not in units:
            raise ValueError(f"'{text}' is no {what.removeprefix('a ')}")
        total += float(found[1]) * units[found[2]]
        at = found.end()
    if not text.strip():
        raise ValueError(f"it needs {what}")
    return total


def size(text: str) -> str:
    """A size in bytes, ``unlimited`` for infinity; ValueError for other text."""
    if text == "infinity":
        return "unlimited"
    found = re.fullmatch(r"([0-9]+)\s*([KMGTPB]?)B?", text)
    if found is None:
        raise ValueError(f"'{text}' is no size")
    return str(int(found[1]) * _SIZES[found[2]])


def number(text: str) -> str:
    """A whole number, ``unlimited`` for infinity; ValueError for other text."""
    if text == "infinity":
        return "unlimited"
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"'{text}' is no number")
    return str(int(text))


def cpu_seconds(text: str) -> str:
    """A time of the processor in seconds, ``unlimited`` for infinity."""
    return "unlimited" if text == "infinity" else str(math.ceil(seconds(text)))


def microseconds(text: str) -> str:
    """A time in microseconds (so if it has no unit), ``unlimited`` for infinity."""
    if text == "infinity" or (text.isascii() and text.isdigit()):
        return number(text)
    return str(math.ceil(seconds(text) * 1e6))
