"""How properties and groups are written as JSON text in the stores. Pure.

All text is ASCII: values may hold bytes that are no UTF-8 (as surrogates), which SQLite
would refuse; JSON's escapes bring them back unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from zlib import crc32

from roost.model.properties import Property, PropertyGroup, PropertyType

_TYPES = {kind.value: kind for kind in PropertyType}
_encode = json.JSONEncoder(separators=(",", ":")).encode
_encode_sorted = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def type_named(name: str) -> PropertyType:
    """The type with a stored name."""
    return _TYPES[name]


def encode_values(values: tuple[str, ...]) -> str:
    """The values of one property as a JSON array."""
    return _encode(values)


def decode_values(text: str) -> tuple[str, ...]:
    """The values that `encode_values` wrote."""
    return tuple(json.loads(text))


def encode_properties(properties: Mapping[str, Property]) -> str:
    """``{NAME: [TYPE, VALUES]}``, names sorted."""
    return _encode_sorted({p.name: (p.type.value, p.values) for p in properties.values()})


def decode_properties(text: str) -> dict[str, Property]:
    """The properties that `encode_properties` wrote."""
    return _properties(json.loads(text))


def encode_level(groups: Mapping[str, PropertyGroup]) -> str:
    """One level of a snapshot: ``{GROUP: [TYPE, {NAME: [TYPE, VALUES]}]}``, canonical."""
    return _encode_sorted(
        {
            group.name: (
                group.type,
                {p.name: (p.type.value, p.values) for p in group.properties.values()},
            )
            for group in groups.values()
        }
    )


def decode_level(text: str) -> dict[str, PropertyGroup]:
    """The groups that `encode_level` wrote; their generation is 0."""
    return {
        name: PropertyGroup(name, kind, _properties(properties))
        for name, (kind, properties) in json.loads(text).items()
    }


def row_sum(  # noqa: PLR0917  the columns of a row, in their order
    name: str, layer: int, kind: str, values: str, masked: int, file: str
) -> int:
    """The check sum of one row of a group; added up with its generation they are the group's.

    A claim of the group itself has neither a name nor values.
    """
    return crc32(f"{name} {layer} {kind} {values} {masked} {file}".encode())


def _properties(found: dict[str, tuple[str, list[str]]]) -> dict[str, Property]:
    return {
        name: Property(name, _TYPES[kind], tuple(values)) for name, (kind, values) in found.items()
    }
