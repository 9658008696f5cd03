"""Bundles as JSON: the ``bundle: object`` of the io.roost.Repository interface.

`bundle_from_json` is a boundary: it trusts nothing, so what it returns has legal names and
canonical values. Its errors name the key, as a path from the top, and what was wanted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from roost import fmri
from roost.errors import InvalidName, InvalidValue
from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import (
    Property,
    PropertyGroup,
    group_to_json,
    parse_value,
    property_type,
)

_Member = TypeVar("_Member")
Pairs = frozenset[tuple[str, str]]

KINDS = ("service", "restarter", "milestone")
GROUPINGS = ("require_all", "require_any", "optional_all", "exclude_all")
RESTART_ON = ("none", "error", "restart", "refresh")


def bundle_to_json(bundle: Bundle) -> dict[str, object]:
    """The JSON form of a bundle; the same bundle gives the same form."""
    return {
        "type": bundle.type.value,
        "name": bundle.name,
        "services": [_service_to_json(service) for service in bundle.services],
    }


def _service_to_json(service: ServiceBundle) -> dict[str, object]:
    return {
        "name": service.name,
        "version": service.version,
        "kind": service.kind,
        **_entity_to_json(service),
        "instances": [
            {"name": found.name, "enabled": found.enabled, **_entity_to_json(found)}
            for found in service.instances
        ],
    }


def _entity_to_json(entity: ServiceBundle | InstanceBundle) -> dict[str, object]:
    return {
        "groups": [group_to_json(group) for group in entity.groups],
        "dependents": [_dependent_to_json(found) for found in entity.dependents],
        "deleted_groups": list(entity.deleted_groups),
        "overrides": [list(pair) for pair in sorted(entity.overrides)],
        "untyped": [list(pair) for pair in sorted(entity.untyped)],
    }


def _dependent_to_json(dependent: Dependent) -> dict[str, object]:
    return {
        "name": dependent.name,
        "grouping": dependent.grouping,
        "restart_on": dependent.restart_on,
        "target": dependent.target,
        "override": dependent.override,
        "delete": dependent.delete,
        "properties": [
            {"name": p.name, "type": p.type.value, "values": list(p.values)}
            for p in dependent.properties
        ],
    }


def bundle_from_json(value: object) -> Bundle:
    """The bundle; InvalidValue or InvalidName for anything that is not one.

    Everything but names and the bundle's type may be missing, and then has its default.
    """
    top = _Record(value, "bundle")
    kind = top.choice("type", [kind.value for kind in BundleType])
    services = top.each("services", _service)
    _check_distinct("bundle.services", (service.name for service in services))
    return Bundle(BundleType(kind), top.text("name", ""), services)


class _Record:
    """A JSON object and where it stands, with a getter for each wanted type."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise _wrong(path, "an object")
        self._values: dict[str, object] = value
        self.path = path

    def _get(self, key: str) -> object:
        return self._values.get(key)

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}"

    def text(self, key: str, default: str | None = None) -> str:
        """A string; it must be there if there is no default."""
        value = self._get(key)
        if value is None and default is not None:
            return default
        return _text(value, self._at(key))

    def choice(self, key: str, choices: list[str] | tuple[str, ...], default: str = "") -> str:
        """One of some strings."""
        value = self.text(key, default or None)
        if value not in choices:
            raise _wrong(self._at(key), f"one of {', '.join(choices)}")
        return value

    def legal_name(self, key: str, kind: str) -> str:
        """A name that is one component; InvalidName if it is not legal."""
        return fmri.check_name(self.plain_text(key), kind)

    def plain_text(self, key: str) -> str:
        """A string of ASCII characters, as all names are."""
        return _plain_text(self._get(key), self._at(key))

    def truth(self, key: str) -> bool:
        """A boolean, false if absent."""
        value = self._get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise _wrong(self._at(key), "a boolean")
        return value

    def truth_or_none(self, key: str) -> bool | None:
        """A boolean, or None if absent."""
        return None if self._get(key) is None else self.truth(key)

    def number(self, key: str, default: int) -> int:
        """An unsigned integer."""
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _wrong(self._at(key), "an unsigned integer")
        return value

    def each(self, key: str, read: Callable[[object, str], _Member]) -> tuple[_Member, ...]:
        """Each member of an array, read by ``read``; none if the array is absent."""
        value = self._get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise _wrong(self._at(key), "an array")
        return tuple(read(member, f"{self._at(key)}[{n}]") for n, member in enumerate(value))


def _wrong(path: str, wanted: str) -> InvalidValue:
    return InvalidValue("use the bundle", f"'{path}' must be {wanted}")


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(path, "a string")
    try:
        value.encode(errors="surrogateescape")  # which stands for bytes that are not UTF-8
    except UnicodeEncodeError:
        raise _wrong(path, "a string of characters") from None
    return value


def _plain_text(value: object, path: str) -> str:
    text = _text(value, path)
    if not text.isascii():
        raise _wrong(path, "a string of ASCII characters")
    return text


def _check_distinct(path: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidValue("use the bundle", f"'{path}' holds '{name}' twice")
        seen.add(name)


def _service(value: object, path: str) -> ServiceBundle:
    record = _Record(value, path)
    name = record.plain_text("name")
    if not fmri.is_service_name(name):
        raise InvalidName(f"use '{name}' as the name of a service", "it is not a legal one")
    instances = record.each("instances", _instance)
    _check_distinct(f"{path}.instances", (instance.name for instance in instances))
    untyped = _pairs(record, "untyped")
    return ServiceBundle(
        name,
        record.number("version", 1),
        record.choice("kind", KINDS, "service"),
        _groups(record, untyped),
        _dependents(record),
        instances,
        _deleted_groups(record),
        _pairs(record, "overrides"),
        untyped,
    )


def _instance(value: object, path: str) -> InstanceBundle:
    record = _Record(value, path)
    untyped = _pairs(record, "untyped")
    return InstanceBundle(
        record.legal_name("name", "instance"),
        record.truth_or_none("enabled"),
        _groups(record, untyped),
        _dependents(record),
        _deleted_groups(record),
        _pairs(record, "overrides"),
        untyped,
    )


def _groups(record: _Record, untyped: Pairs) -> tuple[PropertyGroup, ...]:
    groups = record.each("groups", lambda value, path: _group(_Record(value, path), untyped))
    _check_distinct(f"{record.path}.groups", (group.name for group in groups))
    return groups


def _group(record: _Record, untyped: Pairs) -> PropertyGroup:
    name = record.legal_name("name", "property group")
    kind = record.text("type", "")
    if kind:
        record.legal_name("type", "property group type")
    unchecked = {prop for group, prop in untyped if group == name}
    properties = record.each(
        "properties", lambda value, path: _property(_Record(value, path), unchecked)
    )
    _check_distinct(f"{record.path}.properties", (prop.name for prop in properties))
    by_name = {prop.name: prop for prop in properties}
    persistent = record.truth_or_none("persistent") is not False
    return PropertyGroup(name, kind, by_name, persistent, record.number("generation", 0))


def _property(record: _Record, unchecked: set[str]) -> Property:
    name = record.legal_name("name", "property")
    kind = property_type(record.text("type"))
    values = record.each("values", _text)
    if name not in unchecked:
        values = tuple(parse_value(kind, value) for value in values)
    return Property(name, kind, values)


def _dependents(record: _Record) -> tuple[Dependent, ...]:
    dependents = record.each("dependents", _dependent)
    _check_distinct(f"{record.path}.dependents", (found.name for found in dependents))
    return dependents


def _dependent(value: object, path: str) -> Dependent:
    record = _Record(value, path)
    target = record.plain_text("target")
    if fmri.parse(target).group is not None:
        raise _wrong(f"{path}.target", "the FMRI of a service or an instance")
    properties = record.each("properties", lambda one, at: _property(_Record(one, at), set()))
    _check_distinct(f"{path}.properties", (prop.name for prop in properties))
    return Dependent(
        record.legal_name("name", "dependent"),
        record.choice("grouping", GROUPINGS),
        record.choice("restart_on", RESTART_ON),
        target,
        record.truth("override"),
        record.truth("delete"),
        properties,
    )


def _deleted_groups(record: _Record) -> tuple[str, ...]:
    def name(value: object, path: str) -> str:
        return fmri.check_name(_plain_text(value, path), "property group")

    return record.each("deleted_groups", name)


def _pairs(record: _Record, key: str) -> Pairs:
    return frozenset(record.each(key, _pair))


def _pair(value: object, path: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise _wrong(path, "an array of a group's and a property's name")
    return _text(value[0], path), _text(value[1], path)
