"""Groups, dependencies and values as TOML says them: the inverse of reading them.

What the reader would fill in is left out. None for a group that holds a value which, among
properties of known types, cannot be said; below ``property_group`` everything can.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from roost.manifest import _toml_words as words
from roost.manifest._toml_print import Short
from roost.model.bundle import Dependent
from roost.model.properties import (
    MAX_COUNT,
    Property,
    PropertyGroup,
    PropertyType,
)

T = PropertyType
_PLAIN = (T.BOOLEAN, T.INTEGER, T.ASTRING)
"""Types that a value of TOML has by itself."""
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_FILE = "file://localhost"
_OWN = frozenset(["type", "grouping", "restart_on", "entities"])


def text(value: str) -> object:
    """A string; with bytes that are no UTF-8, their hexadecimal digits."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"hex": value.encode(errors="surrogateescape").hex()}
    return value


def group_table(
    group: PropertyGroup,
    known: Mapping[str, PropertyType],
    overrides: Collection[str],
    untyped: Collection[str],
    *,
    is_profile: bool,
) -> dict[str, object] | None:
    """The table of a group without its type; None if a property cannot be said in it."""
    # Methods and contexts are written as their elements are; others keep their order.
    order = [name for name in known if name in group.properties and "use_profile" in known]
    table: dict[str, object] = {}
    for name in dict.fromkeys([*order, *group.properties]):
        prop = group.properties[name]
        marked = name in overrides or name in untyped
        if not marked and _is_filled_in(group, prop, known, is_profile=is_profile):
            continue
        value = _property(
            prop,
            known,
            override=name in overrides,
            is_open=name in untyped,
            is_profile=is_profile,
        )
        if value is None:
            return None
        table[name] = value
    return table


def _is_filled_in(
    group: PropertyGroup, prop: Property, known: Mapping[str, PropertyType], *, is_profile: bool
) -> bool:
    """Would the reader add just this property? (If not quite, the whole does not read back.)"""
    if prop.name == "use_profile" and prop.name in known:
        return prop.values == ("false",) and group.has("user")
    if "exec" not in known or is_profile:
        return False
    return (prop.name, prop.values) in (
        ("type", ("method",)),
        ("timeout_seconds", (words.DEFAULT_TIMEOUT_S,)),
    )


def _property(
    prop: Property,
    known: Mapping[str, PropertyType],
    *,
    override: bool,
    is_open: bool,
    is_profile: bool,
) -> object | None:
    wanted = known.get(prop.name)
    if words.is_paired(prop.name, known):
        is_plain = prop.type is T.ASTRING and not override and not is_open
        return _pairs(prop) if is_plain else None
    if known:
        is_one = len(prop.values) == 1 or prop.name in words.MANY
        may_be_plain = wanted is prop.type and is_one
    else:
        by_itself = prop.type in _PLAIN and (bool(prop.values) or prop.type is T.ASTRING)
        may_be_plain = is_open or (by_itself and not is_profile)
    if is_open and known:
        return None
    if not may_be_plain:
        return _typed(prop, override=override)
    content = _content(prop, None if is_open else prop.type)
    return {"value": content, "override": True} if override else content


def _typed(prop: Property, *, override: bool = False) -> object:
    marks = {"override": True} if override else {}
    return {prop.type.value: _content(prop, prop.type), **marks}


def _pairs(prop: Property) -> object:
    """Values ``NAME=TEXT`` as a table, or, if they are something else, as they are."""
    table: dict[str, object] = {}
    for value in prop.values:
        name, has_text, content = value.partition("=")
        if not has_text or not name or name in table or not is_utf8(name):
            return [text(found) for found in prop.values]
        is_number = prop.name == "limits" and _WHOLE.fullmatch(content)
        table[name] = int(content) if is_number else text(content)
    return Short(table) if table else []


def is_utf8(value: str) -> bool:
    """Can it be a key?"""
    return isinstance(text(value), str)


def _content(prop: Property, kind: PropertyType | None) -> object:
    if kind is None:
        values = _open_values(prop.values)
    else:
        values = [_value(prop.name, value, kind) for value in prop.values]
    return values[0] if len(values) == 1 else values


def _open_values(values: tuple[str, ...]) -> list[object]:
    """Values without a type: as numbers or booleans only if all of them look so."""
    if all(value in ("true", "false") for value in values):
        return [value == "true" for value in values]
    if all(_is_whole(value) for value in values):
        return [int(value) for value in values]
    return [text(value) for value in values]


def _value(name: str, value: str, kind: PropertyType) -> object:
    if kind is T.BOOLEAN and value in ("true", "false"):
        return value == "true"
    if kind in (T.INTEGER, T.COUNT):
        if name == "timeout_seconds" and value == str(MAX_COUNT):
            return -1  # the usual word for "no limit"
        return number_value(value)
    return text(value)


def number_value(value: str) -> object:
    """A number; as a string, if TOML does not promise to hold it."""
    return int(value) if _is_whole(value) else value


def _is_whole(value: str) -> bool:
    """Is it a number as TOML writes it, and does TOML promise to read it?"""
    return _WHOLE.fullmatch(value) is not None and -(2**63) <= int(value) < 2**63


# Dependencies


def dependency_value(group: PropertyGroup) -> object:
    """What stands for a dependency in ``needs``; it may not say all (the caller looks)."""
    entities = group.values("entities")
    targets = [_target(value) for value in entities]
    table: dict[str, object] = {group.value("grouping"): _one_or_all(targets)}
    if group.value("restart_on") != "none":
        table["restart_on"] = group.value("restart_on")
    paths = [value.startswith("file:") for value in entities]
    if group.value("type") != ("path" if paths and all(paths) else "service"):
        table["type"] = text(group.value("type"))
    rest = [prop for name, prop in group.properties.items() if name not in _OWN]
    return _shortened(table, rest, words.DEPENDENCY_WORDS)


def dependent_value(dependent: Dependent) -> object:
    """What stands for a dependent in ``needed_by``."""
    table: dict[str, object] = {dependent.grouping: text(dependent.target)}
    if dependent.restart_on != "none":
        table["restart_on"] = dependent.restart_on
    for word, is_set in (("override", dependent.override), ("delete", dependent.delete)):
        if is_set:
            table[word] = True
    return _shortened(table, dependent.properties, words.DEPENDENT_WORDS)


def _shortened(
    table: dict[str, object],
    rest: Collection[Property],
    taken: Collection[str],
) -> object:
    """Just the targets, if the rest goes without saying."""
    properties = {prop.name: _typed(prop) for prop in rest}
    table |= {name: value for name, value in properties.items() if name not in taken}
    hidden = {name: value for name, value in properties.items() if name in taken}
    if hidden:
        table["_properties"] = hidden
    return table["require_all"] if table.keys() == {"require_all"} else table


def _target(value: str) -> object:
    return text(value.removeprefix(_FILE)) if value.startswith(f"{_FILE}/") else text(value)


def _one_or_all(values: list[object]) -> object:
    return values[0] if len(values) == 1 else values
