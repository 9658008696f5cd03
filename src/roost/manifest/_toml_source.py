"""From the bytes of a TOML document to its tables, and from a key to its line.

The parser is the standard library's `tomllib`, which tells no lines and has no bounds: it
calls itself for each bracket, and a long dotted key costs it the square of its length. So a scan
goes over the text first. It refuses what is too deep or too much and notes the line of each
key; it need not notice what is no TOML, since tomllib reads the same text after it. Must not
know what the keys mean.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from roost.manifest._source import Fault, Node, fault_at

MAX_BYTES = 4 * 2**20
"""Bound on a document: TOML says in a third of the room what XML says."""
MAX_KEYS = 40_000
"""Bound on keys and members of arrays; each may stand for several elements."""
MAX_WORD = 1000
"""Characters of a number, or of a key without quotes: tomllib's pattern for numbers is costly."""
MAX_DEPTH = 16
"""Names in one key, with those of its table, and brackets around one value."""

Step = str | int
Path = tuple[Step, ...]
"""Where a value stands: keys, and places in arrays."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SYNTAX_PLACE = re.compile(
    r"(.*) \(at (?:line ([0-9]+), column [0-9]+|end of document)\)", re.DOTALL
)
_TOKEN = re.compile(
    r"(?P<newline>\n)|(?P<blank>[ \t]+|\#[^\n]*)|(?P<quote>\"{3}|'{3}|[\"'])"
    r"|[\[\]{},=.]|[^\s\"'\[\]{},=.\#]+"
)
_PLAIN = re.compile(r'[^"\\\n]*')


class Inexact(str):
    """A floating-point number, as it is written: few types may be given so."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A value's place in a document, for messages about it."""

    file: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict)
    path: Path = ()

    def at(self, *steps: Step) -> Place:
        """The place of what stands below."""
        return Place(self.file, self.lines, (*self.path, *steps))

    @property
    def line(self) -> int:
        """Line of the key, or of the nearest one around it; 0 if none is known."""
        for size in range(len(self.path), 0, -1):
            if found := self.lines.get(self.path[:size]):
                return found
        return 0

    @property
    def shown(self) -> str:
        """The key as one writes it: ``service."site/x".start``."""
        text = ""
        for step in self.path:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                text += "." * bool(text) + (step if _BARE.fullmatch(step) else f'"{step}"')
        return text

    def fault(self, why: str) -> Fault:
        """The error about this value."""
        return fault_at(self.file, self.line, f"at {self.shown}: {why}" if self.path else why)

    def node(self, tag: str, **attributes: str) -> Node:
        """An element that stands for this value; a trailing ``_`` of a keyword is dropped."""
        given = {name.rstrip("_"): value for name, value in attributes.items()}
        return Node(tag, self.file, self.line, given)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: its table, and the place that all messages start from."""

    table: dict[str, object]
    place: Place


def parse_toml(data: bytes, name: str) -> Document:
    """The document in ``data``; ManifestError with a line for whatever is no small TOML."""
    if len(data) > MAX_BYTES:
        why = f"it is larger than {MAX_BYTES // 2**20} MiB, which no service bundle needs"
        raise fault_at(name, 0, why)
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise fault_at(name, line, "bytes that are not utf-8") from None
    text = text.replace("\r\n", "\n")
    lines = _Scan(text, name).lines()
    try:
        table = tomllib.loads(text, parse_float=Inexact)
    except tomllib.TOMLDecodeError as problem:
        raise _syntax_fault(problem, text, name) from None
    return Document(table, Place(name, lines))


def _syntax_fault(problem: ValueError, text: str, name: str) -> Fault:
    found = _SYNTAX_PLACE.fullmatch(str(problem))
    if found is None:
        return fault_at(name, 0, f"not well-formed TOML ({problem})")
    line = int(found[2]) if found[2] else text.count("\n", 0, len(text.rstrip("\n"))) + 1
    return fault_at(name, line, f"not well-formed TOML ({found[1]})")


class _Scan:
    """One pass over a text that is TOML, at least as far as tomllib will come."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._keys_left = MAX_KEYS
        self._at = 0
        self._next_line = 1
        self._line = 1
        self._word = ""
        """The token that is looked at; at the end of the text, and where it breaks off, empty."""
        self._lines: dict[Path, int] = {}
        self._members: dict[Path, int] = {}
        """The last member of each array of tables."""

    def lines(self) -> Mapping[Path, int]:
        """The line of each key, of each table and of each member of an array."""
        table: Path = ()
        self._advance()
        while self._word:
            if self._word == "[":
                table = self._header()
            elif self._is_key():
                path = (*table, *self._key(len(table)))
                self._note(path)
                if self._word == "=":
                    self._advance()
                    self._value(path, len(path))
            else:
                self._advance()
        return self._lines

    def _advance(self) -> None:
        """Go to the next token that is no blank and no comment."""
        while True:
            self._line = self._next_line
            found = _TOKEN.match(self._text, self._at)
            if found is None:
                self._word = ""
                return
            end = found.end()
            if found.lastgroup == "quote":
                end = _end_of_string(self._text, end, found[0])
            self._word = self._text[self._at : end]
            self._at = end if end > found.start() else len(self._text)
            if found.lastgroup in ("quote", "newline"):
                self._next_line += self._word.count("\n")
            if found.lastgroup is None and len(self._word) > MAX_WORD:
                raise self._fault(f"a name or a number of more than {MAX_WORD} characters")
            if found.lastgroup != "blank":
                return

    def _is_key(self) -> bool:
        return self._word[:1] not in ("", *"[]{},=.\n")

    def _key(self, depth: int) -> Path:
        """A dotted key, up to what ends it."""
        steps: list[str] = []
        while self._is_key():
            steps.append(_unquoted(self._word))
            if len(steps) + depth > MAX_DEPTH:
                raise self._fault(f"a key of more than {MAX_DEPTH} names, with its table's")
            self._advance()
            if self._word == ".":
                self._advance()
        return tuple(steps)

    def _header(self) -> Path:
        """The path of the table that starts here."""
        self._advance()
        is_array = self._word == "["
        if is_array:
            self._advance()
        line = self._line
        path: Path = ()
        steps = self._key(0)
        for place, step in enumerate(steps, 1):
            path = (*path, step)
            if place < len(steps) and path in self._members:
                path = (*path, self._members[path])
        if is_array:
            self._members[path] = self._members.get(path, -1) + 1
            self._note(path, line)
            path = (*path, self._members[path])
        self._note(path, line)
        while self._word == "]":
            self._advance()
        return path

    def _value(self, path: Path, depth: int) -> None:
        """The value of ``path``, up to what follows it."""
        if depth > MAX_DEPTH:
            raise self._fault(f"nested deeper than {MAX_DEPTH}")
        if self._word == "[":
            self._advance()
            self._array(path, depth)
        elif self._word == "{":
            self._advance()
            self._inline_table(path, depth)
        else:
            while self._word not in ("", ",", "]", "}", "\n"):
                self._advance()

    def _array(self, path: Path, depth: int) -> None:
        member = 0
        while self._word:
            if self._word in ("]", ",", "\n"):
                is_end = self._word == "]"
                member += self._word == ","
                self._advance()
                if is_end:
                    return
            else:
                self._note((*path, member))
                self._value((*path, member), depth + 1)
                if self._word == "}":
                    self._word = ""

    def _inline_table(self, path: Path, depth: int) -> None:
        while self._word not in ("", "}"):
            if self._is_key():
                below = (*path, *self._key(depth))
                self._note(below)
                if self._word == "=":
                    self._advance()
                    self._value(below, depth + len(below) - len(path))
            elif self._word in (",", "\n"):
                self._advance()
            else:
                self._word = ""
        if self._word:
            self._advance()

    def _note(self, path: Path, line: int = 0) -> None:
        self._keys_left -= 1
        if self._keys_left < 0:
            raise self._fault(f"more than {MAX_KEYS} keys and members of arrays")
        while path and path not in self._lines:  # the tables around it may have no header
            self._lines[path] = line or self._line
            path = path[:-1]

    def _fault(self, why: str) -> Fault:
        return fault_at(self._name, self._line, why)


def _end_of_string(text: str, at: int, quote: str) -> int:
    """Where the text goes on after a string that starts at ``at``; 0 if it does not end."""
    if quote == '"':
        while True:
            plain = _PLAIN.match(text, at)
            assert plain is not None, "it matches nothing too"
            at = plain.end()
            if text[at : at + 1] != "\\":
                return at + 1 if text[at : at + 1] == quote else 0
            at += 2
    end = text.find(quote, at)
    while quote == '"""' and end > at and _is_escaped(text, end, at):
        end = text.find(quote, end + 1)
    if end < 0:
        return 0
    end += len(quote)
    for _ in range(2 if len(quote) == 3 else 0):  # two more may stand before those that end it
        end += text[end : end + 1] == quote[0]
    return end


def _is_escaped(text: str, at: int, start: int) -> bool:
    """Does an odd number of backslashes stand before ``at``?"""
    before = at
    while before > start and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def _unquoted(token: str) -> str:
    """The name that a part of a key stands for."""
    if token.startswith("'"):
        return token[1:-1]
    if not token.startswith('"'):
        return token
    try:
        return str(tomllib.loads(f"x = {token}")["x"])
    except tomllib.TOMLDecodeError:
        return token
