"""Typed getters for foreign JSON: an error names the key and the type that was wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roost.errors import InvalidValue

Record = Mapping[str, Any]


def _refuse(key: str, wanted: str, value: object) -> InvalidValue:
    found = "it is missing" if value is None else f"it is {type(value).__name__}"
    why = f"{wanted} was wanted, and {found}"
    return InvalidValue(f"use '{key}' of a message", why, "roost version; roost status")


def text(record: Record, key: str, default: str | None = None) -> str:
    """A string; ``default``, if given, stands for a missing one."""
    value = record.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise _refuse(key, "a string", value)
    return value


def optional_text(record: Record, key: str) -> str | None:
    """A string, or None where there is none."""
    return None if record.get(key) is None else text(record, key)


def boolean(record: Record, key: str, default: bool | None = None) -> bool:
    """A boolean; ``default``, if given, stands for a missing one."""
    value = record.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, bool):
        raise _refuse(key, "a boolean", value)
    return value


def optional_boolean(record: Record, key: str) -> bool | None:
    """A boolean, or None where there is none."""
    return None if record.get(key) is None else boolean(record, key)


def integer(record: Record, key: str, default: int | None = None) -> int:
    """A whole number; ``default``, if given, stands for a missing one."""
    value = record.get(key)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refuse(key, "an integer", value)
    return value


def number(record: Record, key: str) -> float:
    """A number, whole or not."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refuse(key, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise _refuse(key, "a number of common size", value) from None


def record(parent: Record, key: str) -> dict[str, Any]:
    """A JSON object."""
    value = parent.get(key)
    if not isinstance(value, dict):
        raise _refuse(key, "an object", value)
    return value


def _items(parent: Record, key: str, kind: type, wanted: str) -> list[Any]:
    value = parent.get(key)
    if not isinstance(value, list):
        raise _refuse(key, wanted, value)
    for item in value:
        if not isinstance(item, kind) or (kind is int and isinstance(item, bool)):
            raise _refuse(key, wanted, item)
    return value


def texts(parent: Record, key: str) -> list[str]:
    """A list of strings."""
    return _items(parent, key, str, "a list of strings")


def integers(parent: Record, key: str) -> list[int]:
    """A list of whole numbers."""
    return _items(parent, key, int, "a list of integers")


def records(parent: Record, key: str) -> list[dict[str, Any]]:
    """A list of JSON objects."""
    return _items(parent, key, dict, "a list of objects")


def text_map(parent: Record, key: str) -> dict[str, str]:
    """A JSON object whose values are strings."""
    found = record(parent, key)
    for name, value in found.items():
        if not isinstance(value, str):
            raise _refuse(f"{key}.{name}", "a string", value)
    return found
