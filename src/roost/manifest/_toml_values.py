"""Values of a TOML document, taken apart: texts, numbers, tables; and properties.

Each getter raises a Fault that names the key and what was wanted there. A property's value is
a plain one, whose type follows from what it is or whose it is, or a table that says the type:
``{ count = 80 }``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import TypeGuard, TypeVar

from roost.manifest._properties import UNTYPED_LIST
from roost.manifest._source import Fault, Node
from roost.manifest._toml_source import Inexact, Place
from roost.manifest._toml_words import TYPES, VALUE_WORDS
from roost.model.properties import PropertyType

_Member = TypeVar("_Member")
T = PropertyType
_WHOLE = (T.COUNT, T.INTEGER, T.TIME)


def check_keys(table: Mapping[str, object], known: Collection[str], place: Place) -> None:
    """Fault for the first key that is not known, with the one that may be meant."""
    for key in table:
        if key not in known:
            raise unknown_key(key, known, place.at(key))


def unknown_key(
    key: str, known: Collection[str], place: Place, *, may_have_type: bool = False
) -> Fault:
    """The Fault about a key in its place; the nearest one is offered, or all if they are few.

    ``may_have_type``: a property of that name is possible, but must say its type.
    """
    near = get_close_matches(key, known, 1)
    meant = f", did you mean '{near[0]}'?" if near else ""
    if not near and len(known) <= 12:
        meant = f", expected {', '.join(known)}"
    if may_have_type:
        meant += " (a property that SMF does not know says its type: { astring = ... })"
    return place.fault(f"there is no key '{key}'{meant}")


def text(value: object, place: Place) -> str:
    """A string; or ``{ hex = "..." }``, bytes that may be no UTF-8."""
    if isinstance(value, dict) and value.keys() == {"hex"}:
        try:
            return bytes.fromhex(text(value["hex"], place.at("hex"))).decode(
                errors="surrogateescape"
            )
        except ValueError:
            raise place.at("hex").fault("expected hexadecimal digits") from None
    if not isinstance(value, str) or isinstance(value, Inexact):
        raise place.fault(f"expected a string in quotes, not {kind_of(value)}")
    return value


def truth(value: object, place: Place) -> str:
    """A boolean, as the text of one."""
    if not isinstance(value, bool):
        raise place.fault(f"expected true or false, not {kind_of(value)}")
    return "true" if value else "false"


def whole(value: object, place: Place) -> str:
    """A whole number, as text; a string may hold one that is too large for TOML."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and not isinstance(value, Inexact):
        return value
    raise place.fault(f"expected a whole number, not {kind_of(value)}")


def table_of(value: object, place: Place) -> dict[str, object]:
    """A table."""
    if not isinstance(value, dict):
        raise place.fault(f"expected a table, not {kind_of(value)}")
    return value


def is_table(value: object) -> TypeGuard[dict[str, object]]:
    """A table, and not one that stands for bytes?"""
    return isinstance(value, dict) and value.keys() != {"hex"}


def each(value: object, place: Place, read: Callable[[object, Place], _Member]) -> list[_Member]:
    """Each member of an array, read by ``read``."""
    if not isinstance(value, list):
        raise place.fault(f"expected an array, not {kind_of(value)}")
    return [read(member, place.at(at)) for at, member in enumerate(value)]


def one_or_each(
    value: object, place: Place, read: Callable[[object, Place], _Member]
) -> list[_Member]:
    """Each member of an array; what is no array is the only one."""
    return each(value, place, read) if isinstance(value, list) else [read(value, place)]


def choice(value: object, place: Place, choices: Collection[str]) -> str:
    """A string that is one of ``choices``."""
    found = text(value, place)
    if found not in choices:
        near = get_close_matches(found, choices, 1)
        meant = f" (did you mean '{near[0]}'?)" if near else ""
        raise place.fault(f"'{found}' is none of {', '.join(choices)}{meant}")
    return found


def pairs(value: object, place: Place, *, with_numbers: bool) -> list[object]:
    """``NAME=TEXT`` for each key of a table, or an array of such strings; as a plain value.

    ``with_numbers``: a text may be given as a number.
    """
    if isinstance(value, list):
        return list(each(value, place, text))
    if not isinstance(value, dict):
        raise place.fault(f"expected a table of names and texts, not {kind_of(value)}")
    found: list[object] = []
    for name, content in value.items():
        at = place.at(name)
        if not name or "=" in name:
            raise at.fault(f"'{name}' is no name of a variable or a limit")
        is_number = with_numbers and isinstance(content, int)
        shown = whole(content, at) if is_number else text(content, at)
        found.append(f"{name}={shown}")
    return found


def kind_of(value: object) -> str:
    """What a value is, for people."""
    kinds = {bool: "a boolean", int: "a number", Inexact: "a number", str: "a string"}
    kinds |= {dict: "a table", list: "an array"}
    return kinds.get(type(value), "a date or time")


# Properties


def is_typed(value: object) -> bool:
    """Does a property's value say its type?"""
    return isinstance(value, dict) and not value.keys().isdisjoint(TYPES)


def property_node(
    name: str, value: object, place: Place, known: PropertyType | None, *, is_profile: bool
) -> Node:
    """The element for a property. ``known``: the type of a plain value; else it follows from
    the value, and in a profile stays open.
    """
    override = False
    kind = known
    is_open = known is None and is_profile
    if is_table(value):
        check_keys(value, VALUE_WORDS, place)
        override = truth(value.get("override", False), place.at("override")) == "true"
        words = [word for word in value if word != "override"]
        if len(words) != 1:
            wanted = "exactly one type and its value, as { count = 80 }"
            raise place.fault(f"the table of a property's value holds {wanted}")
        word = words[0]
        place, value = place.at(word), value[word]
        is_open = is_open and word == "value"
        kind = TYPES.get(word, known)
    if kind is None and not is_open:
        kind = _type_of(value, place)
    values = _nodes(value, place, kind)
    return _element(name, kind, values, place, override=override)


def _element(
    name: str, kind: PropertyType | None, values: list[Node], place: Place, *, override: bool
) -> Node:
    shown = "" if kind is None else kind.value
    if len(values) == 1:
        node = place.node("propval", name=name, value=values[0].get("value"))
    else:
        node = place.node("property", name=name)
        if values:
            listed = node.add(f"{shown}_list" if shown else UNTYPED_LIST)
            listed.children = values
    if shown:
        node.attributes["type"] = shown
    if override:
        node.attributes["override"] = "true"
    return node


def _nodes(value: object, place: Place, kind: PropertyType | None) -> list[Node]:
    def read(member: object, at: Place) -> Node:
        return at.node("value_node", value=_value_text(member, at, kind))

    return one_or_each(value, place, read)


def _type_of(value: object, place: Place) -> PropertyType:
    """The type that a plain value has: all members of an array must agree."""
    kinds = one_or_each(value, place, _type_of_one)
    for at, kind in enumerate(kinds):
        if kind is not kinds[0]:
            why = f"the array holds {kinds[0].value} and {kind.value}, expected one type"
            raise place.at(at).fault(why)
    return kinds[0] if kinds else T.ASTRING


def _type_of_one(value: object, place: Place) -> PropertyType:
    if isinstance(value, Inexact):
        raise place.fault('SMF has no type for this number: write { time = "1.5" } or a string')
    if isinstance(value, bool):
        return T.BOOLEAN
    if isinstance(value, int):
        return T.INTEGER
    text(value, place)
    return T.ASTRING


def _value_text(value: object, place: Place, kind: PropertyType | None) -> str:
    if isinstance(value, bool) and kind in (T.BOOLEAN, None):
        return truth(value, place)
    if isinstance(value, int) and not isinstance(value, bool) and kind in (*_WHOLE, None):
        if kind is T.COUNT and value < -1:
            raise place.fault("a count is not negative (but -1 stands for the greatest)")
        return str(value)
    if isinstance(value, Inexact) and kind is T.TIME:
        return str(value)
    if kind is None or isinstance(value, (str, dict)):
        return text(value, place)
    wanted = {T.BOOLEAN: "true or false", T.COUNT: "a number", T.INTEGER: "a number"}
    raise place.fault(f"expected {wanted.get(kind, 'a string in quotes')}, not {kind_of(value)}")
