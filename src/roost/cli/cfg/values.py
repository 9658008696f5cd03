"""Property names and values as svccfg's commands write them and listprop prints them.

Pure: what exists in the repository is given by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate

from roost.cli.cfg.lexer import BadCommand, Kind, Token, WrongArguments, quoted
from roost.errors import InvalidName, InvalidValue, TypeMismatch
from roost.fmri import is_component
from roost.model.properties import (
    STRING_TYPES,
    Property,
    PropertyGroup,
    PropertyType,
    parse_value,
    property_type,
)
from roost.model.protection import WITHHELD, is_protected

_TEXT = (Kind.WORD, Kind.STRING)
_TYPE_NAMES = frozenset(kind.value for kind in PropertyType)


@dataclass(frozen=True, slots=True)
class PropertyName:
    """``GROUP/PROPERTY``."""

    group: str
    prop: str

    def __str__(self) -> str:
        return f"{self.group}/{self.prop}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What setprop or addpropvalue says. ``type`` is None where the command leaves it out."""

    name: PropertyName
    type: PropertyType | None
    values: tuple[str, ...]


def property_name(text: str) -> PropertyName:
    """Parse ``GROUP/PROPERTY``; raises `InvalidName`."""
    group, _, prop = text.partition("/")
    if not is_component(group) or not is_component(prop):
        raise InvalidName(f"use '{text}' as a property", "a property is written GROUP/PROPERTY")
    return PropertyName(group, prop)


def parse_assignment(tokens: Sequence[Token], usage: str) -> Assignment:
    """Parse the arguments of ``setprop``: ``GROUP/PROP = [TYPE:] VALUE`` or ``(VALUE ...)``."""
    if len(tokens) < 3 or tokens[0].kind not in _TEXT or tokens[1].kind is not Kind.EQUALS:
        raise WrongArguments(usage)
    name = property_name(tokens[0].text)
    kind, rest = _split_type(tokens[2:])
    if not rest:
        raise WrongArguments(usage)
    begin = f"setprop {name} = {kind.value}: " if kind is not None else f"setprop {name} = "
    if rest[0].kind is Kind.OPEN:
        if rest[-1].kind is not Kind.CLOSE:
            raise WrongArguments(usage)
        rest = rest[1:-1]
    elif len(rest) > 1 and all(token.kind in _TEXT for token in rest):
        raise BadCommand(
            f"set '{name}'",
            "several values need parentheses, and a value with blanks needs double quotes",
            f'{begin}("first value" "second value")',
        )
    if any(token.kind not in _TEXT for token in rest):
        raise BadCommand(
            f"set '{name}'",
            "a value that holds =, (, ) or > needs double quotes",
            f'{begin}"VALUE"',
        )
    return Assignment(name, kind, tuple(token.text for token in rest))


def parse_addition(tokens: Sequence[Token], usage: str) -> Assignment:
    """Parse the arguments of ``addpropvalue``: ``GROUP/PROP [TYPE:] VALUE``."""
    if len(tokens) < 2 or any(token.kind not in _TEXT for token in tokens):
        raise WrongArguments(usage)
    kind, rest = _split_type(tokens[1:])
    if len(rest) != 1:
        raise WrongArguments(usage)
    return Assignment(property_name(tokens[0].text), kind, (rest[0].text,))


def _split_type(tokens: Sequence[Token]) -> tuple[PropertyType | None, Sequence[Token]]:
    first = tokens[0]
    if first.kind is Kind.WORD and first.text.endswith(":"):
        name = first.text[:-1]
        # A lone word such as "foo:" is a value, unless it names a type and so lacks one.
        if len(tokens) > 1 or name in _TYPE_NAMES:
            return property_type(name), tokens[1:]
    return None, tokens


def settled(wanted: Assignment, group: PropertyGroup, fmri: str) -> Property:
    """The property that the assignment makes, with type and canonical values.

    ``group`` is the group as it is. Raises `TypeMismatch` if the property has another type,
    `BadCommand` if it is new and no type is given, `InvalidValue`.
    """
    name = wanted.name
    present = group.properties.get(name.prop)
    kind = wanted.type
    if present is not None:
        if kind not in (None, present.type):
            assert kind is not None
            raise TypeMismatch(
                f"set '{name}' of {fmri}",
                f"its type is {present.type.value}, not {kind.value}",
                f"delprop {name}",
            )
        kind = present.type
    hidden = is_protected(group)
    if kind is None:
        hint = f"setprop {name} = astring: VALUE" if hidden else _typed(wanted)
        raise BadCommand(f"set '{name}' of {fmri}", "a new property needs a type", hint)
    try:
        return Property(name.prop, kind, tuple(parse_value(kind, text) for text in wanted.values))
    except InvalidValue:
        if not hidden:
            raise
        # The message may go into a log, as that of a file of commands does.
        why = f"{WITHHELD} is no value of type {kind.value}"
        raise InvalidValue(f"set '{name}' of {fmri}", why) from None


def _typed(wanted: Assignment) -> str:
    """The command with a type put in."""
    value = quoted(wanted.values[0]) if wanted.values else "()"
    kind, colon, rest = value.partition(":")
    if colon and kind in _TYPE_NAMES:
        return f"setprop {wanted.name} = {kind}: {rest}"
    return f"setprop {wanted.name} = astring: {value}"


def without_matching(present: Property, pattern: str) -> Property:
    """The property without the values that the glob matches (a backslash takes meaning away)."""
    matcher = glob_matcher(pattern)
    kept = tuple(value for value in present.values if not matcher.match(value))
    return Property(present.name, present.type, kept)


def glob_matcher(pattern: str) -> re.Pattern[str]:
    """A compiled glob in which a backslash takes the meaning of the next character away."""
    plain = re.sub(r"\\(.)", _literal, pattern, flags=re.DOTALL)
    return re.compile(translate(plain))


def _literal(found: re.Match[str]) -> str:
    return f"[{found[1]}]" if found[1] in "*?[" else found[1]


def shown_values(prop: Property) -> list[str]:
    """Each value as listprop prints it: so that setprop reads the same value again. One word
    stands for values that are protected.
    """
    if prop.protected:
        return [WITHHELD]
    if prop.type not in STRING_TYPES:
        return list(prop.values)
    several = len(prop.values) > 1
    return [quoted(value, always=several) for value in prop.values]


def group_lines(groups: Sequence[PropertyGroup]) -> list[str]:
    """The lines of listpg."""
    width = max((len(group.name) for group in groups), default=0)
    return [_group_line(group, width) for group in groups]


def property_lines(rows: Sequence[tuple[PropertyGroup, Property | None]]) -> list[str]:
    """The lines of listprop: a group where the property is None, else one of its properties."""
    names = [f"{g.name}/{p.name}" if p is not None else g.name for g, p in rows]
    width = max((len(name) for name in names), default=0)
    lines: list[str] = []
    for name, (group, prop) in zip(names, rows, strict=True):
        if prop is None:
            lines.append(_group_line(group, width))
        else:
            values = "".join(f" {value}" for value in shown_values(prop))
            lines.append(f"{name:<{width}}  {prop.type.value:<7} {values}".rstrip(" "))
    return lines


def _group_line(group: PropertyGroup, width: int) -> str:
    flag = "" if group.persistent else "\tNONPERSISTENT"
    return f"{group.name:<{width}}  {group.type}{flag}"


def chosen_rows(
    groups: Sequence[PropertyGroup], pattern: str | None
) -> list[tuple[PropertyGroup, Property | None]]:
    """What listprop shows: whole groups that ``pattern`` matches, or properties (``pg/prop``)."""
    matcher = glob_matcher("*" if pattern is None else pattern)
    rows: list[tuple[PropertyGroup, Property | None]] = []
    for group in groups:
        whole = matcher.match(group.name) is not None
        if whole:
            rows.append((group, None))
        rows.extend(
            (group, prop)
            for prop in group.properties.values()
            if whole or matcher.match(f"{group.name}/{prop.name}")
        )
    return rows
