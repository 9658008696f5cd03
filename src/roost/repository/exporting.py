"""Reading a service back as the bundle that would make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roost.model.bundle import InstanceBundle, ServiceBundle
from roost.model.properties import PropertyGroup, PropertyType
from roost.repository.bookkeeping import FRAMEWORK, OWN_GROUPS, is_external
from roost.repository.bundles import ENABLED, GENERAL
from roost.repository.dependents import Dependents
from roost.repository.store import Entity, EntityStore


def exported(store: EntityStore, service: Entity) -> ServiceBundle:
    """The persistent state of a service as it holds: without what other entities' dependents
    put there and without the record of files; dependents are Dependent values again.
    """
    dependents = Dependents(store, lambda _: {})
    version, kind = store.description(service)
    return ServiceBundle(
        service.fmri.removeprefix("svc:/"),
        version,
        kind,
        tuple(_own(store.groups(service)).values()),
        dependents.raised(service),
        tuple(_instance(store, dependents, instance) for instance in store.instances(service)),
    )


def _instance(store: EntityStore, dependents: Dependents, instance: Entity) -> InstanceBundle:
    groups = _own(store.groups(instance))
    enabled: bool | None = None
    general = groups.get(GENERAL)
    if general is not None and general.has(ENABLED):
        prop = general.properties[ENABLED]
        if prop.type is PropertyType.BOOLEAN and len(prop.values) == 1:
            enabled = prop.values[0] == "true"
            rest = {p.name: p for p in general.properties.values() if p.name != ENABLED}
            groups[GENERAL] = replace(general, properties=rest)
            if not rest and general.type == FRAMEWORK:
                del groups[GENERAL]
    return InstanceBundle(
        instance.fmri.rpartition(":")[2],
        enabled,
        tuple(groups.values()),
        dependents.raised(instance),
    )


def _own(groups: Mapping[str, PropertyGroup]) -> dict[str, PropertyGroup]:
    return {
        name: replace(group, generation=0)
        for name, group in groups.items()
        if name not in OWN_GROUPS and not is_external(group)
    }
