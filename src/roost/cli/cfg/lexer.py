"""The lexical rules of svccfg: words, quoted strings, comments and the tokens ``= ( ) >``.

Pure text work. A command ends with its line, but a quoted string may run over several
lines, and so may the value list of ``setprop``; therefore a `Lexer` is fed line by line and
says when the command is whole. `quoted` is the other direction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from roost.errors import UsageError


class BadCommand(UsageError):
    """A subcommand that cannot be read, or has the wrong number of arguments.

    Unlike a wrong option of svccfg itself it is a failed subcommand: exit status 1.
    """

    exit_status = 1


class WrongArguments(BadCommand):
    """The arguments do not fit the subcommand; ``what`` is how it is written."""

    @property
    def message(self) -> str:
        """The usage line."""
        return f"usage: {self.what}"


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    STRING = "quoted string"
    EQUALS = "="
    OPEN = "("
    CLOSE = ")"
    REDIRECT = ">"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``text`` is what a string means, without its quotes and escapes."""

    kind: Kind
    text: str


_SIGNS = {"=": Kind.EQUALS, "(": Kind.OPEN, ")": Kind.CLOSE, ">": Kind.REDIRECT}
_BLANKS = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[^ \t\r\n\"=()>]+")
_IN_STRING = re.compile(r'[^"\\]*')
_NEEDS_QUOTES = re.compile(r'[\s"\\=()>;\x00-\x1f]')


class Lexer:
    """Turns the lines of one command into tokens."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.line = 0
        """Number of the command's first line; 0 before there is a token."""
        self._string: list[str] | None = None
        self._in_list = False

    def feed(self, text: str, line: int = 1) -> bool:
        """Take one more line (its end included); True when the command is whole."""
        at = 0
        while at < len(text):
            if self._string is not None:
                at = self._continue_string(text, at)
                continue
            found = _BLANKS.match(text, at)
            assert found is not None
            at = found.end()
            if at == len(text) or text[at] == "#":
                break
            self.line = self.line or line
            at = self._take_token(text, at)
        return self.missing == ""

    @property
    def missing(self) -> str:
        """What the command still waits for; empty when it is whole."""
        if self._string is not None:
            return 'a closing "'
        return "a closing )" if self._in_list else ""

    def finish(self) -> None:
        """Say that no further line comes; `BadCommand` if the command is not whole."""
        if self.missing:
            why = f"the input ends before {self.missing}"
            raise BadCommand("read the command", why, "help setprop")

    def _take_token(self, text: str, at: int) -> int:
        sign = text[at]
        if sign == '"':
            self._string = []
            return at + 1
        kind = _SIGNS.get(sign)
        if kind is not None:
            self.tokens.append(Token(kind, sign))
            if kind is Kind.OPEN:
                # Only here does a line end not end the command: elsewhere a stray
                # parenthesis must be an error now, not a prompt for more.
                self._in_list = self.tokens[0].text == "setprop"
            elif kind is Kind.CLOSE:
                self._in_list = False
            return at + 1
        found = _WORD.match(text, at)
        assert found is not None
        self.tokens.append(Token(Kind.WORD, found[0]))
        return found.end()

    def _continue_string(self, text: str, at: int) -> int:
        assert self._string is not None
        found = _IN_STRING.match(text, at)
        assert found is not None
        self._string.append(found[0])
        at = found.end()
        if at == len(text):
            return at
        if text[at] == '"':
            self.tokens.append(Token(Kind.STRING, "".join(self._string)))
            self._string = None
            return at + 1
        self._string.append(text[at + 1 : at + 2])
        return at + 2


def lex(text: str) -> list[Token]:
    """The tokens of one whole command; `BadCommand` if it is not whole."""
    lexer = Lexer()
    lexer.feed(text)
    lexer.finish()
    return lexer.tokens


def quoted(text: str, *, always: bool = False) -> str:
    """The text as one token of the language, in quotes where it needs them (or ``always``).

    A word that ends in ``:`` is quoted too, or setprop would take it for a type.
    """
    plain = text and not text.startswith("#") and not text.endswith(":")
    if plain and not always and not _NEEDS_QUOTES.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
