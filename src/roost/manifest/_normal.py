"""The canonical form of a bundle: what reading any document that says the same gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import Property, PropertyGroup

_METHODS = ("start", "stop", "refresh", "restart")
_RANKS = {"dependency": 1, "method": 3, "notify_params": 4, "template": 6}


def group_order(group: PropertyGroup) -> tuple[int, int, str]:
    """Sort key of the canonical order of groups: as their elements stand in a document."""
    rank = _RANKS.get(group.type, 7 if group.type.startswith("template_") else 5)
    if group.name == "general":
        rank = 0
    elif group.name == "method_context":
        rank = 2
    method = _METHODS.index(group.name) if group.name in _METHODS else len(_METHODS)
    return rank, method, group.name


def normal_form(bundle: Bundle) -> Bundle:
    """The bundle with its groups in canonical order, without what no document can say.

    That is: generations, the mark of non-persistent groups, types left open outside of
    profiles, and ``general/enabled`` of an instance apart from `InstanceBundle.enabled`
    (which wins).
    """
    is_profile = bundle.type is BundleType.PROFILE
    return replace(
        bundle, services=tuple(_service(found, is_profile=is_profile) for found in bundle.services)
    )


def _service(service: ServiceBundle, *, is_profile: bool) -> ServiceBundle:
    return replace(
        service,
        groups=_sorted(service.groups),
        dependents=_dependents(service.dependents),
        untyped=service.untyped if is_profile else frozenset(),
        instances=tuple(_instance(found, is_profile=is_profile) for found in service.instances),
    )


def _instance(instance: InstanceBundle, *, is_profile: bool) -> InstanceBundle:
    enabled = instance.enabled
    groups: list[PropertyGroup] = []
    for group in instance.groups:
        if group.name == "general" and group.has("enabled"):
            value = group.value("enabled")
            if enabled is None and value in ("true", "false"):
                enabled = value == "true"
            kept = {name: p for name, p in group.properties.items() if name != "enabled"}
            if kept:
                groups.append(replace(group, properties=kept))
        else:
            groups.append(group)
    return replace(
        instance,
        enabled=enabled,
        groups=_sorted(groups),
        dependents=_dependents(instance.dependents),
        overrides=instance.overrides - {("general", "enabled")},
        untyped=instance.untyped - {("general", "enabled")} if is_profile else frozenset(),
    )


def sorted_properties(properties: Iterable[Property]) -> tuple[Property, ...]:
    """A dependent's properties in canonical order."""
    return tuple(sorted(properties, key=lambda prop: prop.name))


def _dependents(dependents: Iterable[Dependent]) -> tuple[Dependent, ...]:
    return tuple(
        replace(found, properties=sorted_properties(found.properties)) for found in dependents
    )


def _sorted(groups: tuple[PropertyGroup, ...] | list[PropertyGroup]) -> tuple[PropertyGroup, ...]:
    plain = (replace(group, persistent=True, generation=0) for group in groups)
    return tuple(sorted(plain, key=group_order))
