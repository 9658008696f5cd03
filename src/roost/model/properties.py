"""Typed properties with ordered values, and the groups that hold them (smf(7)).

A value is kept as its canonical text: what `parse_value` returns is what svcprop prints,
what the repository stores and what goes over the wire.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from roost.errors import InvalidValue
from roost.fmri import MAX_VALUE_BYTES

MAX_COUNT = 2**64 - 1
_HOST_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_UNSPECIFIED = "0"
"""Short for "no particular address" in both families, as manifests write it."""
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.*|[^\s]*", re.DOTALL)


class PropertyType(Enum):
    """The fourteen property types of the repository."""

    BOOLEAN = "boolean"
    COUNT = "count"
    INTEGER = "integer"
    TIME = "time"
    OPAQUE = "opaque"
    ASTRING = "astring"
    USTRING = "ustring"
    URI = "uri"
    FMRI = "fmri"
    HOST = "host"
    HOSTNAME = "hostname"
    NET_ADDRESS = "net_address"
    NET_ADDRESS_V4 = "net_address_v4"
    NET_ADDRESS_V6 = "net_address_v6"


_BASE: dict[PropertyType, PropertyType] = {
    PropertyType.USTRING: PropertyType.ASTRING,
    PropertyType.URI: PropertyType.USTRING,
    PropertyType.FMRI: PropertyType.URI,
    PropertyType.HOST: PropertyType.USTRING,
    PropertyType.HOSTNAME: PropertyType.HOST,
    PropertyType.NET_ADDRESS: PropertyType.HOST,
    PropertyType.NET_ADDRESS_V4: PropertyType.NET_ADDRESS,
    PropertyType.NET_ADDRESS_V6: PropertyType.NET_ADDRESS,
}

STRING_TYPES = frozenset(_BASE) | {PropertyType.ASTRING}
"""The types whose values are strings of some kind (printed quoted where that matters)."""


def property_type(name: str) -> PropertyType:
    """The type called ``name``; raises `InvalidValue` for an unknown one."""
    try:
        return PropertyType(name)
    except ValueError:
        known = ", ".join(kind.value for kind in PropertyType)
        raise InvalidValue(f"use '{name}' as a property type", f"the types are {known}") from None


def is_subtype(kind: PropertyType, base: PropertyType) -> bool:
    """Is a value of ``kind`` acceptable where ``base`` is asked for?"""
    at: PropertyType | None = kind
    while at is not None and at is not base:
        at = _BASE.get(at)
    return at is not None


def parse_value(kind: PropertyType, text: str) -> str:
    """Check ``text`` as a value of ``kind`` and return its canonical text.

    Raises `InvalidValue`, which names the value, the type and the rule it breaks.
    """
    why = ""
    result = text
    if len(text.encode(errors="surrogateescape")) > MAX_VALUE_BYTES:
        why = f"a value has at most {MAX_VALUE_BYTES} bytes"
    elif "\0" in text:
        why = "a value holds no NUL"
    else:
        try:
            result = _PARSERS[kind](text)
        except ValueError as problem:
            why = str(problem)
    if why:
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise InvalidValue(f"use '{shown}' as a value of type {kind.value}", why)
    return result


def _boolean(text: str) -> str:
    if text in ("true", "1"):
        return "true"
    if text in ("false", "0"):
        return "false"
    raise ValueError("a boolean is true or false")


def _count(text: str) -> str:
    if not re.fullmatch(r"-?(0[xX][0-9a-fA-F]+|[0-9]+)", text):
        raise ValueError("a count is an unsigned decimal number")
    number = int(text, 0) if "x" in text.lower() else int(text)
    if number < 0:
        number += MAX_COUNT + 1
    if not 0 <= number <= MAX_COUNT:
        raise ValueError("a count has 64 bits")
    return str(number)


def _integer(text: str) -> str:
    if not re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)", text):
        raise ValueError("an integer is a signed decimal number")
    number = int(text, 0) if "x" in text.lower() else int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("an integer has 64 bits")
    return str(number)


def _time(text: str) -> str:
    found = re.fullmatch(r"(-?[0-9]+)(?:\.([0-9]{1,9}))?", text)
    if not found:
        raise ValueError("a time is seconds since the epoch, with up to nine decimals")
    return f"{int(found[1])}.{(found[2] or '').ljust(9, '0')}"


def _opaque(text: str) -> str:
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})*", text):
        raise ValueError("an opaque value is an even number of hexadecimal digits")
    return text.lower()


def _astring(text: str) -> str:
    return text


def _ustring(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("it is not UTF-8") from None
    return text


def _uri(text: str) -> str:
    _ustring(text)
    if not _URI.fullmatch(text):
        raise ValueError("a URI has no white space")
    return text


def _v4(text: str) -> str:
    if text == _UNSPECIFIED:
        return text
    address, slash, prefix = text.partition("/")
    ipaddress.IPv4Address(address)
    if slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= 32):
        raise ValueError("the prefix length is 0 to 32")
    return text


def _v6(text: str) -> str:
    if text == _UNSPECIFIED:
        return text
    address, slash, prefix = text.partition("/")
    ipaddress.IPv6Address(address)
    if slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= 128):
        raise ValueError("the prefix length is 0 to 128")
    return text


def _net_address(text: str) -> str:
    return _v6(text) if ":" in text else _v4(text)


def _hostname(text: str) -> str:
    labels = text.removesuffix(".").split(".")
    if len(text) > 255 or not all(len(n) <= 63 and _HOST_LABEL.fullmatch(n) for n in labels):
        raise ValueError("a host name is labels of letters, digits, '-' and '_', joined by dots")
    return text


def _host(text: str) -> str:
    try:
        return _net_address(text)
    except ValueError:
        return _hostname(text)


_PARSERS = {
    PropertyType.BOOLEAN: _boolean,
    PropertyType.COUNT: _count,
    PropertyType.INTEGER: _integer,
    PropertyType.TIME: _time,
    PropertyType.OPAQUE: _opaque,
    PropertyType.ASTRING: _astring,
    PropertyType.USTRING: _ustring,
    PropertyType.URI: _uri,
    PropertyType.FMRI: _uri,
    PropertyType.HOST: _host,
    PropertyType.HOSTNAME: _hostname,
    PropertyType.NET_ADDRESS: _net_address,
    PropertyType.NET_ADDRESS_V4: _v4,
    PropertyType.NET_ADDRESS_V6: _v6,
}


@dataclass(frozen=True, slots=True)
class Property:
    """A named, typed, ordered list of values (each in canonical text)."""

    name: str
    type: PropertyType
    values: tuple[str, ...] = ()
    protected: bool = False
    """The values are there, but withheld (`roost.model.protection`)."""


@dataclass(frozen=True, slots=True)
class PropertyGroup:
    """A named group of properties. ``generation`` is 0 in a bundle; the repository counts it."""

    name: str
    type: str
    properties: Mapping[str, Property] = field(default_factory=dict)
    persistent: bool = True
    generation: int = 0

    def value(self, name: str, default: str = "") -> str:
        """First value of property ``name``, or ``default`` if it has none."""
        found = self.properties.get(name)
        return found.values[0] if found is not None and found.values else default

    def values(self, name: str) -> tuple[str, ...]:
        """All values of property ``name``; empty if it is absent."""
        found = self.properties.get(name)
        return found.values if found is not None else ()

    def has(self, name: str) -> bool:
        """Is there a property ``name`` (even one without values)?"""
        return name in self.properties


def make_group(
    name: str, kind: str, properties: Iterable[Property] = (), *, persistent: bool = True
) -> PropertyGroup:
    """A group from a list of properties, in that order."""
    return PropertyGroup(name, kind, {prop.name: prop for prop in properties}, persistent)


Groups = Mapping[str, PropertyGroup]
"""Groups by name: one level (attached), or two levels composed."""


def compose(instance: Groups, service: Groups) -> dict[str, PropertyGroup]:
    """Compose two levels: property by property, the instance's over the service's (smf(7)).

    Where both levels have a group, its type, persistence and generation are the instance's.
    """
    composed = dict(service)
    for name, upper in instance.items():
        lower = service.get(name)
        if lower is None:
            composed[name] = upper
        else:
            merged = {**lower.properties, **upper.properties}
            composed[name] = PropertyGroup(
                name, upper.type, merged, upper.persistent, upper.generation
            )
    return composed


def group_to_json(group: PropertyGroup) -> dict[str, object]:
    """The wire form of a group: type ``PropertyGroup`` of the io.roost.Repository interface."""
    return {
        "name": group.name,
        "type": group.type,
        "persistent": group.persistent,
        "generation": group.generation,
        "properties": [property_to_json(prop) for prop in group.properties.values()],
    }


def property_to_json(prop: Property) -> dict[str, object]:
    """The wire form of a property: type ``Property`` of the io.roost.Repository interface."""
    form: dict[str, object] = {
        "name": prop.name,
        "type": prop.type.value,
        "values": list(prop.values),
    }
    if prop.protected:
        form["protected"] = True
    return form
