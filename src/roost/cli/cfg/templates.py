"""Do the property groups of an entity agree with the templates that speak of them? Pure.

Templates are groups of types template_pg_pattern and template_prop_pattern (service_bundle(5)).
Nothing at run time depends on them: they are there to find mistakes early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from roost.model.bundle import Bundle, InstanceBundle
from roost.model.properties import (
    MAX_COUNT,
    Groups,
    Property,
    PropertyGroup,
    PropertyType,
    compose,
    is_subtype,
    make_group,
    property_type,
)

PG_PATTERN = "template_pg_pattern"
PROP_PATTERN = "template_prop_pattern"


@dataclass(frozen=True, slots=True)
class Source:
    """Groups in which patterns are sought, and the targets for which they count there."""

    groups: Groups
    targets: frozenset[str]


def sources(
    instance: Groups,
    service: Groups,
    restarter: Groups | None = None,
    everywhere: Groups | None = None,
) -> list[Source]:
    """Where the patterns for an instance are, the nearest first: its own, its service's, its
    restarter's (target ``delegate``), and those for every service (target ``all``).
    """
    return [
        Source(instance, frozenset(("this",))),
        Source(service, frozenset(("this", "instance"))),
        Source(restarter or {}, frozenset(("delegate",))),
        Source(everywhere or {}, frozenset(("all",))),
    ]


def problems(groups: Groups, places: Sequence[Source]) -> list[str]:
    """What is wrong with an entity's (composed) groups, a phrase each."""
    return [
        *_missing_groups(groups, places),
        *(
            text
            for group in groups.values()
            if group.type not in (PG_PATTERN, PROP_PATTERN)
            for text in _group_problems(group, places)
        ),
    ]


def bundle_problems(bundle: Bundle) -> list[str]:
    """What is wrong within a manifest, a line each, beginning with the FMRI."""
    found: list[str] = []
    for service in bundle.services:
        fmri = f"svc:/{service.name}"
        own = {group.name: group for group in service.groups}
        if not service.instances:
            found += [f"{fmri}: {text}" for text in problems(own, [Source(own, _THIS)])]
        for instance in service.instances:
            groups = _instance_groups(instance)
            texts = problems(compose(groups, own), sources(groups, own))
            found += [f"{fmri}:{instance.name}: {text}" for text in texts]
    return found


_THIS = frozenset(("this",))


def _instance_groups(instance: InstanceBundle) -> dict[str, PropertyGroup]:
    groups = {group.name: group for group in instance.groups}
    if instance.enabled is not None:
        value = "true" if instance.enabled else "false"
        enabled = Property("enabled", PropertyType.BOOLEAN, (value,))
        general = make_group("general", "framework", [enabled])
        groups |= compose({"general": general}, {"general": groups.get("general", general)})
    return groups


def _patterns(source: Source) -> Iterator[PropertyGroup]:
    for group in source.groups.values():
        if group.type == PG_PATTERN and group.value("target", "this") in source.targets:
            yield group


def _missing_groups(groups: Groups, places: Iterable[Source]) -> Iterator[str]:
    for source in places:
        for pattern in _patterns(source):
            name, kind = pattern.value("name"), pattern.value("type")
            if pattern.value("required") != "true":
                continue
            if name and name not in groups:
                yield f"the property group '{name}' is required, and missing"
            elif kind and not name and all(group.type != kind for group in groups.values()):
                yield f"a property group of type {kind} is required, and missing"


def _pattern_for(
    group: PropertyGroup, places: Iterable[Source]
) -> tuple[PropertyGroup, Source] | None:
    """The nearest and there most specific pattern that speaks of the group."""
    ranks: tuple[Callable[[str, str], bool], ...] = (
        lambda name, kind: (name, kind) == (group.name, group.type),
        lambda name, kind: name == group.name and not kind,
        lambda name, _kind: name == group.name,
        lambda name, kind: not name and kind == group.type,
        lambda name, kind: not name and not kind,
    )
    for source in places:
        patterns = list(_patterns(source))
        for fits in ranks:
            for pattern in patterns:
                if fits(pattern.value("name"), pattern.value("type")):
                    return pattern, source
    return None


def _group_problems(group: PropertyGroup, places: Sequence[Source]) -> Iterator[str]:
    found = _pattern_for(group, places)
    if found is None:
        return
    pattern, source = found
    kind = pattern.value("type")
    if kind and kind != group.type:
        yield f"the property group '{group.name}' is of type {group.type}, not {kind}"
        return
    for rule in source.groups.values():
        if rule.type == PROP_PATTERN and rule.value("pg_pattern") == pattern.name:
            yield from _property_problems(group, rule)


def _property_problems(group: PropertyGroup, rule: PropertyGroup) -> Iterator[str]:
    name = f"{group.name}/{rule.value('name')}"
    prop = group.properties.get(rule.value("name"))
    if prop is None:
        if rule.value("required") == "true":
            yield f"the property '{name}' is required, and missing"
        return
    kind = rule.value("type")
    if kind and not is_subtype(prop.type, property_type(kind)):
        yield f"the property '{name}' is of type {prop.type.value}, not {kind}"
        return
    count = len(prop.values)
    if rule.has("cardinality_min"):
        least = int(rule.value("cardinality_min", "0"))
        most = int(rule.value("cardinality_max", str(MAX_COUNT)))
        if count < least:
            yield f"the property '{name}' has {count} values, and needs at least {least}"
        if count > most:
            yield f"the property '{name}' has {count} values, and may have at most {most}"
    yield from _value_problems(name, prop, rule)


def _value_problems(name: str, prop: Property, rule: PropertyGroup) -> Iterator[str]:
    allowed = set(rule.values("constraints_value"))
    ranges = rule.values("constraints_range")
    if not allowed and not ranges:
        return
    separators = rule.value("internal_separators")
    for value in prop.values:
        for part in _split(value, separators):
            if part not in allowed and not any(_is_within(part, bounds) for bounds in ranges):
                yield f"the property '{name}' has the value '{part}', which its template excludes"


def _is_within(value: str, bounds: str) -> bool:
    """Is the value a number within ``LEAST,MOST``?"""
    least, _, most = bounds.partition(",")
    try:
        return int(least) <= int(value) <= int(most)
    except ValueError:
        return False


def _split(value: str, separators: str) -> list[str]:
    """The parts of a value that its separators divide; empty parts say nothing."""
    if not separators:
        return [value]
    for separator in separators[1:]:
        value = value.replace(separator, separators[0])
    return [part for part in value.split(separators[0]) if part]
