"""Checking a bundle before anything is stored, and taking it apart by entity. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from roost.errors import InvalidName, ManifestError
from roost.fmri import MAX_NAME_BYTES, check_name, is_service_name, parse
from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import (
    Property,
    PropertyGroup,
    PropertyType,
    parse_value,
)
from roost.repository.bookkeeping import FRAMEWORK, OWN_GROUPS
from roost.repository.changes import check_group_type

_COMMANDS = {
    BundleType.MANIFEST: "import",
    BundleType.PROFILE: "apply",
    BundleType.ARCHIVE: "restore",
}
GENERAL = "general"
ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class EntityPart:
    """What a bundle says of one service or instance, checked, values canonical."""

    fmri: str
    groups: dict[str, PropertyGroup]
    dependents: tuple[Dependent, ...]
    deleted: frozenset[str]
    overrides: frozenset[tuple[str, str]]
    untyped: frozenset[tuple[str, str]] = frozenset()
    """As in the bundle: the types and values of these are not settled yet."""

    @property
    def is_empty(self) -> bool:
        """Does it say nothing at all?"""
        return not (self.groups or self.dependents or self.deleted)


@dataclass(frozen=True, slots=True)
class ServicePart:
    """One service of a bundle with its instances."""

    bundle: ServiceBundle
    own: EntityPart
    instances: tuple[EntityPart, ...]


def checked(
    bundle: Bundle, file: str, wanted: BundleType = BundleType.MANIFEST
) -> list[ServicePart]:
    """Take a bundle of the ``wanted`` type apart.

    Raises ManifestError for what no manifest may say, InvalidName and InvalidValue for what
    breaks the rules of names and values.
    """
    source = file or bundle.name
    if bundle.type is not wanted:
        raise ManifestError(
            f"import {source}",
            f"{source}:1: it is of type {bundle.type.value}, not {wanted.value}",
            f"svccfg {_COMMANDS[bundle.type]} {source}",
        )
    _once(source, "", "service", [service.name for service in bundle.services])
    return [_service(source, service) for service in bundle.services]


def _service(source: str, service: ServiceBundle) -> ServicePart:
    if not is_service_name(service.name):
        why = f"components joined by '/', at most {MAX_NAME_BYTES} bytes"
        raise InvalidName(f"use '{service.name}' as the name of a service", why)
    fmri = f"svc:/{service.name}"
    _once(source, fmri, "instance", [instance.name for instance in service.instances])
    own = _entity(source, fmri, service, service.groups)
    instances = []
    for instance in service.instances:
        check_name(instance.name, "instance")
        instances.append(
            _entity(source, f"{fmri}:{instance.name}", instance, _with_enabled(instance))
        )
    return ServicePart(service, own, tuple(instances))


def _entity(
    source: str,
    fmri: str,
    part: ServiceBundle | InstanceBundle,
    groups: Iterable[PropertyGroup],
) -> EntityPart:
    kept = [_group(group, part.untyped) for group in groups]
    names = [group.name for group in kept]
    _once(source, fmri, "group or dependent", [*names, *(d.name for d in part.dependents)])
    for name in OWN_GROUPS.intersection(names):
        why = f"{source}:1: {fmri} has a group {name}, a name that the repository keeps"
        raise ManifestError(f"import {source}", why)
    return EntityPart(
        fmri,
        {group.name: group for group in kept},
        tuple(_dependent(dependent) for dependent in part.dependents),
        frozenset(part.deleted_groups),
        part.overrides,
        part.untyped,
    )


def _with_enabled(instance: InstanceBundle) -> list[PropertyGroup]:
    groups = list(instance.groups)
    if instance.enabled is None:
        return groups
    value = Property(ENABLED, PropertyType.BOOLEAN, ("true" if instance.enabled else "false",))
    for at, group in enumerate(groups):
        if group.name == GENERAL:
            groups[at] = replace(group, properties={**group.properties, ENABLED: value})
            return groups
    return [*groups, PropertyGroup(GENERAL, FRAMEWORK, {ENABLED: value})]


def _group(group: PropertyGroup, untyped: frozenset[tuple[str, str]]) -> PropertyGroup:
    check_name(group.name, "property group")
    if group.type:
        check_group_type(group.type)
    properties = {
        prop.name: prop if (group.name, prop.name) in untyped else _property(prop)
        for prop in group.properties.values()
    }
    return PropertyGroup(group.name, group.type, properties)


def _dependent(dependent: Dependent) -> Dependent:
    check_name(dependent.name, "dependent")
    parse(dependent.target)
    return replace(dependent, properties=tuple(map(_property, dependent.properties)))


def _property(prop: Property) -> Property:
    check_name(prop.name, "property")
    values = tuple(parse_value(prop.type, value) for value in prop.values)
    return prop if values == prop.values else replace(prop, values=values)


def _once(source: str, where: str, kind: str, names: list[str]) -> None:
    if len(set(names)) == len(names):
        return
    twice = next(name for name in names if names.count(name) > 1)
    place = f" of {where}" if where else ""
    raise ManifestError(f"import {source}", f"{source}:1: {kind} {twice}{place} appears twice")
