"""From the bytes of a service bundle to a tree of elements, trusting nothing in them.

The parser is expat, with everything switched off that XML offers to a hostile document: no
DTD is loaded, nothing may be declared (so there are no entities to expand), size, depth and
number of elements are bounded, and no file but the one asked for is opened. Must not know
what the elements mean.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from roost.errors import ManifestError

MAX_BYTES = 16 * 2**20
"""Bound on one document, and on a document with all that it includes."""
MAX_DEPTH = 32
MAX_ELEMENTS = 100_000
MAX_MESSAGE = 500
"""Characters of a message that quotes the document."""

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
XINCLUDE_NAMESPACES = ("http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude")
_PREFIXES = {XML_NAMESPACE: "xml:"} | dict.fromkeys(XINCLUDE_NAMESPACES, "xi:")

_DECLARED_ENCODING = re.compile(
    rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']"""
)
_ENCODINGS = frozenset(["utf-8", "ascii", "cp1252"]) | {f"iso8859-{n}" for n in range(1, 17)}
# A reference to an entity that is not one of XML's own five; and what may hold its likeness.
_REFERENCE = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);|#)")
_UNREAD = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_NOT_A_LINE_BREAK = re.compile(r"[^\n]+")


@dataclass(slots=True, eq=False)
class Node:
    """One element. ``tag`` and attribute names carry the prefix ``xml:`` or ``xi:`` if any."""

    tag: str
    file: str = ""
    line: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def get(self, name: str, default: str = "") -> str:
        """Value of an attribute, or ``default``."""
        return self.attributes.get(name, default)

    def all(self, *tags: str) -> list[Node]:
        """The children that have one of the tags, in order."""
        return [child for child in self.children if child.tag in tags]

    def first(self, tag: str) -> Node | None:
        """The first child with this tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def add(self, tag: str, **attributes: str) -> Node:
        """Append a new child and return it; a trailing ``_`` of a keyword is dropped."""
        child = Node(tag, attributes={k.rstrip("_"): v for k, v in attributes.items()})
        self.children.append(child)
        return child


@dataclass(slots=True)
class Budget:
    """What may still be read, over a document and everything it includes."""

    bytes: int = MAX_BYTES
    elements: int = MAX_ELEMENTS
    files: int = 64


class Fault(ManifestError):
    """A ManifestError that still knows its place."""

    def __init__(self, file: str, line: int, why: str) -> None:
        where = f"{file}:{line}" if line else file
        super().__init__(f"import {file}", f"{where}: {_one_line(why)}")
        self.file = file
        self.line = line


def _one_line(text: str) -> str:
    """What a document says may be long, and hold line breaks and codes for terminals."""
    cut = text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 3] + "..."
    return "".join(char if char.isprintable() else " " for char in cut)


def fault(node: Node, why: str) -> Fault:
    """The error about an element: ``cannot import FILE: FILE:LINE: WHY``."""
    return fault_at(node.file, node.line, why)


def fault_at(file: str, line: int, why: str) -> Fault:
    """The error about a line; line 0 means the file as a whole."""
    return Fault(file, line, why)


def read_file(path: str, name: str, budget: Budget, *, only_regular: bool = False) -> bytes:
    """The content of a file within the budget; ManifestError if it cannot be had."""
    try:
        # O_NONBLOCK: opening a FIFO that someone planted must not hang the reader.
        flags = os.O_RDONLY | os.O_CLOEXEC | (os.O_NONBLOCK | os.O_NOFOLLOW if only_regular else 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            if only_regular and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise fault_at(name, 0, "it is not a regular file")
            return file.read(budget.bytes + 1)
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise fault_at(name, 0, why or str(problem)) from None


def parse(data: bytes, name: str, budget: Budget) -> Node:
    """The document's root element; ManifestError for whatever is not plain, small XML."""
    if len(data) > budget.bytes:
        why = f"it is larger than {MAX_BYTES // 2**20} MiB, which no service bundle needs"
        raise fault_at(name, 0, why)
    budget.bytes -= len(data)
    text = _decode(data, name)
    root = _TreeBuilder(name, budget).build(text)
    if _REFERENCE.search(text):
        # expat drops undeclared entities in attributes in silence when there is a DOCTYPE.
        seen = _UNREAD.sub(lambda found: _NOT_A_LINE_BREAK.sub("", found[0]), text)
        stray = _REFERENCE.search(seen)
        if stray:
            line = seen.count("\n", 0, stray.start()) + 1
            raise fault_at(name, line, "a reference to an entity that is not one of XML's own")
    return root


def _decode(data: bytes, name: str) -> str:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise fault_at(name, 1, "its encoding is UTF-32, expected UTF-8")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    else:
        encoding = _declared_encoding(data[:1024], name)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise fault_at(name, line, f"bytes that are not {encoding}") from None


def _declared_encoding(start: bytes, name: str) -> str:
    declared = _DECLARED_ENCODING.match(start)
    if not declared:
        return "utf-8"
    wanted = declared[1].decode("ascii")
    try:
        found = codecs.lookup(wanted).name
    except LookupError:
        found = ""
    if found not in _ENCODINGS:
        raise fault_at(name, 1, f"its encoding is '{wanted}', expected UTF-8")
    return found


class _TreeBuilder:
    """Collects expat's events into nodes, and refuses declarations of any kind."""

    def __init__(self, name: str, budget: Budget) -> None:
        self._name = name
        self._budget = budget
        self._open: list[Node] = []
        self._texts: list[list[str]] = []
        self._root: Node | None = None
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._character_data
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EndDoctypeDeclHandler = self._end_of_doctype
        parser.EntityDeclHandler = self._refuse_entity
        parser.ExternalEntityRefHandler = self._refuse_reference
        parser.SkippedEntityHandler = self._refuse_reference
        parser.ElementDeclHandler = self._refuse_declaration
        parser.AttlistDeclHandler = self._refuse_declaration
        parser.NotationDeclHandler = self._refuse_declaration
        self._parser = parser

    def build(self, text: str) -> Node:
        try:
            self._parser.Parse(text, True)
        except expat.ExpatError as problem:
            said = expat.ErrorString(problem.code).removeprefix("not well-formed (")
            why = f"not well-formed XML ({said.removesuffix(')')})"
            raise fault_at(self._name, problem.lineno, why) from None
        assert self._root is not None, "expat accepts no document without an element"
        return self._root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        node = Node(
            _prefixed(tag),
            self._name,
            self._parser.CurrentLineNumber,
            {_prefixed(key): value for key, value in attributes.items()},
        )
        self._budget.elements -= 1
        if self._budget.elements < 0:
            raise fault(node, f"more than {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            raise fault(node, f"elements nested deeper than {MAX_DEPTH}")
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node
        self._open.append(node)
        self._texts.append([])

    def _end(self, _tag: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def _character_data(self, text: str) -> None:
        self._texts[-1].append(text)

    def _doctype(self, name: str, system: str | None, _public: str | None, subset: int) -> None:
        if name != "service_bundle":
            self._refuse(f"the document type is '{name}', expected 'service_bundle'")
        if system and "<" in system:
            self._refuse("the document type's system identifier holds a '<'")
        if subset:
            self._parser.DefaultHandler = self._other_in_doctype

    def _other_in_doctype(self, token: str) -> None:
        if token.startswith("%"):  # expat skips these without a word
            self._refuse(f"a reference to the undeclared entity '{token}'")

    def _end_of_doctype(self) -> None:
        self._parser.DefaultHandler = None

    def _refuse_entity(self, name: str, *_: object) -> None:
        self._refuse(f"declares the entity '{name}'; a service bundle declares none")

    def _refuse_reference(self, name: str | None, *_: object) -> int:
        self._refuse(f"a reference to the undeclared entity '{name}'")

    def _refuse_declaration(self, name: str, *_: object) -> None:
        self._refuse(f"declares '{name}' inside DOCTYPE; a service bundle declares nothing there")

    def _refuse(self, why: str) -> NoReturn:
        raise fault_at(self._name, self._parser.CurrentLineNumber, why)


def _prefixed(name: str) -> str:
    namespace, has_namespace, local = name.rpartition(" ")
    if not has_namespace:
        return name
    return _PREFIXES.get(namespace, f"{{{namespace}}}") + local
