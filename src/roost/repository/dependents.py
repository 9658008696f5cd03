"""Dependents: dependency groups that one entity's manifest puts into another's (service_bundle(5)).

The source lists them in its group ``dependents``; the target holds one group each, marked
``external``. Works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roost.errors import InvalidName
from roost.fmri import parse
from roost.model.bundle import Dependent
from roost.model.properties import Property, PropertyGroup, PropertyType
from roost.repository.bookkeeping import (
    DEPENDENTS,
    dependent_of,
    erased,
    external_group,
    is_external,
    recorded,
    source_of,
)
from roost.repository.bundles import EntityPart
from roost.repository.layers import Claim, Layer, LayeredGroup, effective, said, stated
from roost.repository.store import Entity, EntityStore
from roost.repository.upgrade import Statement, customisations, profiled, replaced_group


def listed(group: PropertyGroup | None) -> dict[str, str]:
    """Targets, as written, by the names of the dependents."""
    if group is None:
        return {}
    return {prop.name: prop.values[0] for prop in group.properties.values() if prop.values}


def target_of(text: str) -> str | None:
    """The canonical FMRI of a target as written; None if it names no entity."""
    try:
        return str(parse(text).entity)
    except InvalidName:
        return None


class Dependents:
    """Places and removes the groups. ``touched`` collects the targets."""

    def __init__(self, store: EntityStore, volatile: Callable[[str], Mapping[str, object]]) -> None:
        self._store = store
        self._volatile = volatile
        self.touched: set[str] = set()
        self.messages: list[str] = []

    def update(self, source: Entity, part: EntityPart, file: str) -> None:
        """Make the dependents of ``source`` those that its manifest has."""
        before = self._store.load(source, DEPENDENTS)
        old = listed(effective(before.get(DEPENDENTS)))
        new: dict[str, str] = {}
        for dependent in part.dependents:
            was_at = old.get(dependent.name)
            if was_at is not None and (
                dependent.delete or target_of(was_at) != target_of(dependent.target)
            ):
                self._take_back(source, dependent.name, was_at)
            if dependent.delete:
                self._take_back(source, dependent.name, dependent.target)
            elif self._place(source, dependent, file):
                new[dependent.name] = dependent.target
        for name in old.keys() - {dependent.name for dependent in part.dependents}:
            self._take_back(source, name, old[name])
        self._list(source, before, new, file)

    def remove_all(self, source: Entity) -> None:
        """Remove the groups that ``source`` put into others."""
        group = self._store.groups(source, DEPENDENTS).get(DEPENDENTS)
        for name, target in listed(group).items():
            self._take_back(source, name, target)

    def raised(self, source: Entity) -> tuple[Dependent, ...]:
        """The dependents of ``source`` as a manifest would have them, sorted by name."""
        found = []
        group = self._store.groups(source, DEPENDENTS).get(DEPENDENTS)
        for name, written in sorted(listed(group).items()):
            entity = self._store.find(target_of(written) or "")
            there = self._store.groups(entity, name).get(name) if entity else None
            if there is None or not is_external(there):
                continue
            if there.values("entities") == (source.fmri,):
                found.append(dependent_of(there, written))
        return tuple(found)

    def _list(
        self,
        source: Entity,
        before: Mapping[str, LayeredGroup],
        new: Mapping[str, str],
        file: str,
    ) -> None:
        group = before.get(DEPENDENTS)
        if group is None and not new:
            return
        properties = [Property(name, PropertyType.FMRI, (new[name],)) for name in sorted(new)]
        if group is not None:
            stale = set(listed(effective(group))) - new.keys()
            group = erased(group, stale)
        after = recorded(group, DEPENDENTS, properties, file) if new else None
        self._store.save(source, before, {DEPENDENTS: after})

    def _place(self, source: Entity, dependent: Dependent, file: str) -> bool:
        fmri = target_of(dependent.target)
        assert fmri is not None  # checked with the bundle
        target = self._store.find(fmri) or self._make(fmri, file)
        self.touched.add(fmri)
        name = dependent.name
        before = self._store.load(target, name)
        present = before.get(name)
        new = external_group(source.fmri, dependent)
        after: LayeredGroup | None
        if name in self._volatile(fmri):
            return self._skip(source, name, f"{fmri} has a non-persistent group {name}")
        if present is None or source_of(present) == source.fmri:
            says = Statement(fmri, file=file)
            after, messages = replaced_group(present or LayeredGroup(name), new, says)
            self.messages += messages
        elif dependent.override:
            claim, cells = Claim(new.type, file=file), said(new.properties.values(), file)
            after = stated(profiled(present), Layer.MANIFEST, claim, cells)
        else:
            owner = source_of(present)
            whose = f"a dependent {name} of {owner}" if owner else f"a group {name} of its own"
            return self._skip(source, name, f"{fmri} has {whose}")
        self._store.save(target, before, {name: after})
        return True

    def _skip(self, source: Entity, name: str, why: str) -> bool:
        self.messages.append(f"skipped: {source.fmri} dependent {name}: {why}")
        return False

    def _make(self, fmri: str, file: str) -> Entity:
        name = parse(fmri)
        service = self._store.find(name.service_fmri)
        if service is None:
            service = self._store.add(name.service_fmri, file=file)
        return self._store.add(fmri, service, file) if name.instance is not None else service

    def _take_back(self, source: Entity, name: str, written: str) -> None:
        target = self._store.find(target_of(written) or "")
        if target is None:
            return
        before = self._store.load(target, name)
        group = before.get(name)
        if group is None or source_of(group) != source.fmri:
            return
        for lost in customisations(group):
            self.messages.append(
                f"removed: {target.fmri} {name}/{lost}, with the dependent of {source.fmri}"
            )
        self.touched.add(target.fmri)
        self._store.save(target, before, {name: None})
