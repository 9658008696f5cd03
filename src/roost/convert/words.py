"""Words of a command, and the shell text of a method that runs it. Pure.

Foreign managers split a command into words themselves and start the program without a shell;
a method of roost is a line of the shell in which ``%`` begins a token (smf_method(7)). What
was literal there must be literal here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_NEEDS_BACKSLASH = re.compile(r'(["$`\\])')
SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable; ``is_split``: its value is several words."""

    name: str
    is_split: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Something that only the machine knows when the method runs: ``$(command)``."""

    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token of roost: ``%i`` or ``%{group/property}``."""

    text: str


Piece = Text | Variable | Code | Token
Word = tuple[Piece, ...]


def literal(text: str) -> Word:
    """A word that is just this text."""
    return (Text(text),)


def text_of(word: Word) -> str | None:
    """The word's text, if it is all literal."""
    parts = [piece.text for piece in word if isinstance(piece, Text)]
    return "".join(parts) if len(parts) == len(word) else None


def quoted(text: str) -> str:
    """The text as one word of the shell, with the quotes that read best."""
    if _SAFE.fullmatch(text):
        return text
    if "'" not in text:
        return f"'{text}'" if _NEEDS_BACKSLASH.search(text) else f'"{text}"'
    return '"' + _NEEDS_BACKSLASH.sub(r"\\\1", text) + '"'


def shell_word(word: Word) -> str:
    """The word for the shell, a percent sign in literal text doubled."""
    plain = text_of(word)
    if plain is not None:
        return quoted(plain).replace("%", "%%")
    if len(word) == 1:
        match word[0]:
            case Variable(name, True):
                return f"${name}"
            case Token(text):
                return text
    return f'"{"".join(map(_inside_quotes, word))}"'


def _inside_quotes(piece: Piece) -> str:
    match piece:
        case Text(text):
            return _NEEDS_BACKSLASH.sub(r"\\\1", text).replace("%", "%%")
        case Variable(name):
            return f"${{{name}}}"
        case Code(text):
            return text.replace("%", "%%")
        case Token(text):
            return text


def command_line(words: Sequence[Word]) -> str:
    """The words as one simple command."""
    return " ".join(map(shell_word, words))


def shell_script(lines: Sequence[str], *, stops_at_failure: bool = True) -> str:
    """A method that runs several commands of the shell, one after the other."""
    flags = "-ec" if stops_at_failure else "-c"
    return f"{SHELL} {flags} {_as_argument('; '.join(lines))}"


def _as_argument(script: str) -> str:
    """The script in quotes; roost's tokens in it stay what they are."""
    if "'" not in script:
        return f"'{script}'"
    if not _NEEDS_BACKSLASH.search(script):
        return f'"{script}"'
    return "'" + script.replace("'", "'\\''") + "'"


def is_bare_name(words: Sequence[Word]) -> bool:
    """Is the program to be sought in PATH?"""
    name = text_of(words[0]) if words else None
    return name is not None and "/" not in name


USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where other managers seek programs; roost leaves out /usr/local."""
