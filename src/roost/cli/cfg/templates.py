"""Do property groups agree with the templates that speak of them, and do the templates agree
with themselves?

Templates are groups of types template_pg_pattern and template_prop_pattern (smf_template(7)).
Nothing at run time depends on them: they are there to find mistakes early. What the pattern of a
single property says is in `roost.cli.cfg.template_rules`. Pure, but for `elsewhere`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

from roost.cli.cfg.template_rules import Rule, named
from roost.errors import DaemonNotRunning
from roost.fmri import service_of
from roost.model.bundle import Bundle, InstanceBundle, ServiceBundle
from roost.model.properties import (
    Groups,
    Property,
    PropertyGroup,
    PropertyType,
    compose,
    make_group,
)

PG_PATTERN = "template_pg_pattern"
PROP_PATTERN = "template_prop_pattern"
GLOBAL = "svc:/system/svc/global"
"""Service whose templates (target ``all``) count for every service."""
MASTER = "svc:/system/svc/restarter"
"""Service of svc.startd: the templates of those that name no other restarter (``delegate``)."""
_OWN = ("this", "instance")


@dataclass(frozen=True, slots=True)
class Source:
    """Groups in which patterns are sought, the targets for which they count, and whose they are
    (a phrase for messages).
    """

    groups: Groups
    targets: frozenset[str]
    owner: str = "the entity itself"

    def patterns(self) -> Iterator[PropertyGroup]:
        """The patterns of property groups that count."""
        for group in self.groups.values():
            if group.type == PG_PATTERN and group.value("target", "this") in self.targets:
                yield group

    def rules(self, pattern: PropertyGroup) -> Iterator[Rule]:
        """The patterns of properties below one of property groups."""
        for group in self.groups.values():
            if group.type == PROP_PATTERN and group.value("pg_pattern") == pattern.name:
                yield Rule.read(group)


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
        Source(instance, frozenset(("this",)), "the instance"),
        Source(service, frozenset(_OWN), "the service"),
        *_others(restarter or {}, everywhere or {}),
    ]


def _others(restarter: Groups, everywhere: Groups) -> list[Source]:
    return [
        Source(restarter, frozenset(("delegate",)), "the restarter"),
        Source(everywhere, frozenset(("all",)), GLOBAL),
    ]


# --- groups against templates -----------------------------------------------------------------


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


def _missing_groups(groups: Groups, places: Iterable[Source]) -> Iterator[str]:
    for source in places:
        for pattern in source.patterns():
            name, kind = pattern.value("name"), pattern.value("type")
            if pattern.value("required") != "true":
                continue
            if name and name not in groups:
                yield f"the property group {named(name, pattern)} is required, and missing"
            elif kind and not name and all(group.type != kind for group in groups.values()):
                yield f"a property group of type {kind} is required, and missing"


def pattern_for(
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
        patterns = list(source.patterns())
        for fits in ranks:
            for pattern in patterns:
                if fits(pattern.value("name"), pattern.value("type")):
                    return pattern, source
    return None


def _group_problems(group: PropertyGroup, places: Sequence[Source]) -> Iterator[str]:
    found = pattern_for(group, places)
    if found is None:
        return
    pattern, source = found
    kind = pattern.value("type")
    if kind and kind != group.type:
        yield f"the property group {named(group.name, pattern)} is of type {group.type}, not {kind}"
        return
    for rule in source.rules(pattern):
        yield from rule.problems(group)


# --- templates against themselves -------------------------------------------------------------


def pattern_problems(
    own: Source, others: Sequence[Source] = (), known_targets: Iterable[str] = _OWN
) -> list[str]:
    """What is wrong with an entity's own patterns, a phrase each.

    ``others`` are those of its restarter and the global ones, which it must not define anew;
    ``known_targets`` what its patterns may have for a target.
    """
    mine = Source(own.groups, frozenset(("this", "instance", "delegate", "all")), own.owner)
    found = [text for pattern in mine.patterns() for text in _faults(pattern, mine, known_targets)]
    for pair in combinations(sorted(mine.patterns(), key=_label), 2):
        found += _conflicts(*pair)
    for pattern in own.patterns():
        if pattern.value("target", "this") in _OWN:
            found += [text for other in others for text in _redefinitions(pattern, other)]
    names = {pattern.name for pattern in mine.patterns()}
    for group in own.groups.values():
        if group.type == PROP_PATTERN and group.value("pg_pattern") not in names:
            found.append(f"the pattern '{group.name}' of a property belongs to no group's pattern")
    return found


def _label(pattern: PropertyGroup) -> str:
    name, kind = pattern.value("name"), pattern.value("type")
    head = f"the pattern of property group {named(name or '*', pattern)}"
    return f"{head} of type {kind}" if kind else head


def _faults(pattern: PropertyGroup, mine: Source, known_targets: Iterable[str]) -> Iterator[str]:
    target = pattern.value("target", "this")
    if target not in known_targets:
        why = {
            "instance": "only a service's patterns have",
            "delegate": "only a restarter's patterns have",
            "all": f"only patterns of {GLOBAL} have",
        }.get(target, "there is not")
        yield f"{_label(pattern)} has the target '{target}', which {why}"
    if pattern.value("required") == "true" and not (pattern.value("name") or pattern.value("type")):
        yield f"{_label(pattern)} is required, but has neither a name nor a type"
    seen: set[str] = set()
    for rule in mine.rules(pattern):
        yield from rule.own_problems(pattern.value("name"))
        if rule.name in seen:
            yield f"{_label(pattern)} has two patterns of the property '{rule.name}'"
        seen.add(rule.name)


def _conflicts(one: PropertyGroup, other: PropertyGroup) -> Iterator[str]:
    """Two patterns of one entity that speak of the same groups with equal right."""
    targets = {one.value("target", "this"), other.value("target", "this")}
    if len(targets) > 1 and not targets <= set(_OWN):
        return
    name = one.value("name")
    if name != other.value("name"):
        return
    kinds = one.value("type"), other.value("type")
    if kinds[0] == kinds[1]:
        yield f"{_label(one)} is there twice"
    elif name and all(kinds):
        yield f"{_label(one)} conflicts with the one of type {kinds[1]}"


def _redefinitions(pattern: PropertyGroup, other: Source) -> Iterator[str]:
    name, kind = pattern.value("name"), pattern.value("type")
    for theirs in other.patterns():
        if (theirs.value("name"), theirs.value("type")) == (name, kind):
            yield f"{_label(pattern)} redefines the one that {other.owner} has"
        elif name and name == theirs.value("name") and kind and theirs.value("type"):
            yield f"{_label(pattern)} conflicts with that of {other.owner}, {theirs.value('type')}"


# --- bundles ----------------------------------------------------------------------------------

Lookup = Callable[[str], Groups]
"""From a service's FMRI to the groups that the repository has of it; none if it is not there."""


def _nothing(_fmri: str) -> Groups:
    return {}


def bundle_problems(bundle: Bundle, lookup: Lookup = _nothing) -> list[str]:
    """What templates have against a manifest, a line each, beginning with the FMRI.

    Besides those of the manifest, the templates of restarters and the global ones count, which
    ``lookup`` finds unless the manifest itself has them.
    """
    ours = {f"svc:/{service.name}": _by_name(service.groups) for service in bundle.services}

    def groups_of(fmri: str) -> Groups:
        return ours[fmri] if fmri in ours else lookup(fmri)

    found: list[str] = []
    for service in bundle.services:
        found += _service_problems(service, ours[f"svc:/{service.name}"], groups_of)
    return found


def _service_problems(service: ServiceBundle, own: Groups, groups_of: Lookup) -> Iterator[str]:
    fmri = f"svc:/{service.name}"
    everywhere = groups_of(GLOBAL)
    others = _others(groups_of(restarter_of(own)), everywhere)
    targets = [*_OWN, *(["delegate"] if service.kind == "restarter" else [])]
    targets += ["all"] if fmri == GLOBAL else []
    mine = Source(own, frozenset(_OWN))
    for text in pattern_problems(mine, others, targets):
        yield f"{fmri}: {text}"
    if not service.instances:
        alone = Source(own, frozenset(("this",)))
        yield from (f"{fmri}: {text}" for text in problems(own, [alone]))
    for instance in service.instances:
        groups = _instance_groups(instance)
        whole = compose(groups, own)
        restarter = groups_of(restarter_of(whole))
        for text in (
            *pattern_problems(
                Source(groups, frozenset(("this",))), _others(restarter, everywhere), ("this",)
            ),
            *problems(whole, sources(groups, own, restarter, everywhere)),
        ):
            yield f"{fmri}:{instance.name}: {text}"


def _by_name(groups: Iterable[PropertyGroup]) -> dict[str, PropertyGroup]:
    return {group.name: group for group in groups}


def restarter_of(groups: Groups) -> str:
    """The restarter's service, as the group ``general`` names it."""
    general = groups.get("general")
    named_there = general.value("restarter") if general is not None else ""
    return service_of(named_there) if named_there.startswith("svc:/") else MASTER


def _instance_groups(instance: InstanceBundle) -> dict[str, PropertyGroup]:
    groups = _by_name(instance.groups)
    if instance.enabled is not None:
        value = "true" if instance.enabled else "false"
        enabled = Property("enabled", PropertyType.BOOLEAN, (value,))
        general = make_group("general", "framework", [enabled])
        groups |= compose({"general": general}, {"general": groups.get("general", general)})
    return groups


# --- what the repository has ------------------------------------------------------------------


class Repository(Protocol):
    """What is needed of `roost.cli.cfg.store.Store`."""

    def find(self, pattern: str) -> list[str]:
        """Services and instances that a pattern selects."""

    def groups(self, fmri: str) -> Mapping[str, PropertyGroup]:
        """The entity's own groups."""


def elsewhere(repository: Repository, bundles: Iterable[Bundle] = ()) -> Lookup:
    """Looks up restarters and the global service: in ``bundles``, which are about to be imported
    too, else in the repository, where each is read once when it is there.

    Without an svc.startd nothing is found: a file can be validated anywhere.
    """
    known: dict[str, Groups] = {
        f"svc:/{service.name}": _by_name(service.groups)
        for bundle in bundles
        for service in bundle.services
    }

    def groups_of(fmri: str) -> Groups:
        if fmri not in known:
            try:
                found = fmri in repository.find(fmri)
            except DaemonNotRunning:
                found = False
            if not found:
                return {}
            known[fmri] = repository.groups(fmri)
        return known[fmri]

    return groups_of


def entity_problems(
    fmri: str, groups: Groups, own: Groups, service: Groups, lookup: Lookup
) -> list[str]:
    """What templates have against an entity in the repository, a phrase each.

    ``groups`` are those to check, composed; ``own`` and ``service`` are the levels of the
    editing view, where patterns are (``own`` is empty for a service).
    """
    restarter, everywhere = lookup(restarter_of(groups)), lookup(GLOBAL)
    others = _others(restarter, everywhere)
    targets = ("this", "instance", "delegate", *(["all"] if service_of(fmri) == GLOBAL else []))
    return [
        *pattern_problems(Source(service, frozenset(_OWN)), others, targets),
        *pattern_problems(Source(own, frozenset(("this",))), others, ("this",)),
        *problems(groups, sources(own, service, restarter, everywhere)),
    ]
