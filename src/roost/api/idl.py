"""Varlink interface descriptions: a small parser, and the check of values against them.

Reads the ``.varlink`` files of this package; they are what the server checks parameters by
and what it tells clients that ask.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from roost.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Basic:
    """bool, int, float, string or object."""

    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """A type of the same interface, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """``[]T``."""

    of: Type


@dataclass(frozen=True, slots=True)
class Maybe:
    """``?T``: absent, null or T."""

    of: Type


@dataclass(frozen=True, slots=True)
class Dictionary:
    """``[string]T``."""

    of: Type


@dataclass(frozen=True, slots=True)
class Struct:
    """``(name: T, ...)``."""

    fields: Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class Choice:
    """``(name, name, ...)``: one of these strings."""

    names: frozenset[str]


Type = Basic | Named | Array | Maybe | Dictionary | Struct | Choice


@dataclass(frozen=True, slots=True)
class Method:
    """What a method takes and gives."""

    takes: Struct
    gives: Struct


@dataclass(frozen=True, slots=True)
class Interface:
    """One parsed interface; ``text`` is the description as written."""

    name: str
    text: str
    types: Mapping[str, Type]
    methods: Mapping[str, Method]
    errors: Mapping[str, Struct]

    def fault_in(self, kind: Type, value: object, path: str = "") -> str | None:
        """Dotted name of the first part of ``value`` that is not of type ``kind``; None if
        all of it is.
        """
        match kind:
            case Named(name):
                return self.fault_in(self.types[name], value, path)
            case Maybe(of):
                return None if value is None else self.fault_in(of, value, path)
            case Array(of):
                if not isinstance(value, list):
                    return path
                for index, item in enumerate(value):
                    if (fault := self.fault_in(of, item, f"{path}[{index}]")) is not None:
                        return fault
                return None
            case Dictionary(of):
                if not isinstance(value, dict):
                    return path
                for key, item in value.items():
                    if (fault := self.fault_in(of, item, f"{path}[{key}]")) is not None:
                        return fault
                return None
            case Struct(fields):
                return self._fault_in_struct(fields, value, path)
            case Choice(names):
                return None if isinstance(value, str) and value in names else path
            case Basic(name):
                return None if _is_basic(name, value) else path

    def _fault_in_struct(self, fields: Mapping[str, Type], value: object, path: str) -> str | None:
        if not isinstance(value, dict):
            return path
        start = f"{path}." if path else ""
        for key in value:
            if key not in fields:
                return start + str(key)
        for key, kind in fields.items():
            if key not in value:
                if not isinstance(kind, Maybe):
                    return start + key
            elif (fault := self.fault_in(kind, value[key], start + key)) is not None:
                return fault
        return None


def _is_basic(name: str, value: object) -> bool:
    match name:
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case _:
            return isinstance(value, dict)


_TOKEN = re.compile(
    r"(?:\s|\#[^\n]*)*(->|\[\]|\[string\]|[():,?]|[A-Za-z][A-Za-z0-9_.-]*|\Z|.)", re.DOTALL
)
_BASICS = frozenset({"bool", "int", "float", "string", "object"})


class _Parser:
    """Recursive descent over the tokens of one description."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> Interface:
        self._expect("interface")
        name = self._take()
        types: dict[str, Type] = {}
        methods: dict[str, Method] = {}
        errors: dict[str, Struct] = {}
        while keyword := self._take():
            member = self._take()
            match keyword:
                case "type":
                    types[member] = self._braces()
                case "method":
                    takes = self._struct()
                    self._expect("->")
                    methods[member] = Method(takes, self._struct())
                case "error":
                    errors[member] = self._struct()
                case _:
                    raise self._refused(f"'{keyword}' begins no member")
        return Interface(name, self._text, types, methods, errors)

    def _peek(self) -> str:
        found = _TOKEN.match(self._text, self._at)
        return found[1] if found else ""

    def _take(self) -> str:
        found = _TOKEN.match(self._text, self._at)
        if not found:
            return ""
        self._at = found.end()
        return found[1]

    def _expect(self, token: str) -> None:
        found = self._take()
        if found != token:
            raise self._refused(f"'{token}' was expected, not '{found}'")

    def _refused(self, why: str) -> InvalidValue:
        line = self._text.count("\n", 0, self._at) + 1
        return InvalidValue("read an interface description", f"line {line}: {why}")

    def _struct(self) -> Struct:
        found = self._braces()
        if not isinstance(found, Struct):
            raise self._refused("parameters have types")
        return found

    def _braces(self) -> Struct | Choice:
        self._expect("(")
        fields: dict[str, Type] = {}
        names: list[str] = []
        while self._peek() != ")":
            if fields or names:
                self._expect(",")
            name = self._take()
            if self._peek() == ":":
                self._take()
                fields[name] = self._type()
            else:
                names.append(name)
        self._take()
        if names and fields:
            raise self._refused("either all fields have types, or none has")
        return Choice(frozenset(names)) if names else Struct(fields)

    def _type(self) -> Type:
        if self._peek() == "(":
            return self._braces()
        token = self._take()
        match token:
            case "?":
                return Maybe(self._type())
            case "[]":
                return Array(self._type())
            case "[string]":
                return Dictionary(self._type())
            case _ if token in _BASICS:
                return Basic(token)
            case _ if token[:1].isupper():
                return Named(token)
        raise self._refused(f"'{token}' is no type")


def parse_interface(text: str) -> Interface:
    """Parse one description; `InvalidValue` with the line that cannot be read."""
    return _Parser(text).parse()


def packaged_interfaces() -> dict[str, Interface]:
    """The interfaces of the ``.varlink`` files beside this module, by name."""
    directory = os.path.dirname(__file__)
    found: dict[str, Interface] = {}
    for file in sorted(os.listdir(directory)):
        if file.endswith(".varlink"):
            with open(os.path.join(directory, file), encoding="utf-8") as stream:
                interface = parse_interface(stream.read())
            found[interface.name] = interface
    return found
