"""Storing a manifest bundle: entities, groups, dependents, snapshots, the file's record.

One import is one transaction of the caller; see `upgrade` for what
becomes of values that an administrator changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from roost.model.bundle import Bundle
from roost.model.properties import PropertyGroup
from roost.model.protection import is_protected
from roost.repository.bookkeeping import MANIFEST_FILES, is_of_others, origin_of
from roost.repository.bundles import EntityPart, ServicePart, checked
from roost.repository.dependents import Dependents
from roost.repository.differences import is_protected as was_protected
from roost.repository.files import FileRecords
from roost.repository.layers import LayeredGroup
from roost.repository.port import ImportReport
from roost.repository.snapshots import Levels, SnapshotStore
from roost.repository.store import Entity, EntityStore
from roost.repository.upgrade import PROTECTED, Statement, manifest_groups, replaced_manifest

INITIAL = "initial"
LAST_IMPORT = "last-import"
PREVIOUS = "previous"
_FRESH = (1, "service")
"""Version and kind of a service that was just made."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One entity of the bundle, and whether this import made it."""

    entity: Entity
    part: EntityPart
    is_new: bool


@dataclass(frozen=True, slots=True)
class _ServiceTarget:
    """One service of the bundle with its instances in the bundle."""

    part: ServicePart
    own: _Target
    instances: tuple[_Target, ...]


class Importer:
    """One import. ``volatile`` gives the non-persistent groups of an entity by name."""

    def __init__(
        self,
        store: EntityStore,
        snapshots: SnapshotStore,
        volatile: Callable[[str], Mapping[str, PropertyGroup]],
        file: str,
    ) -> None:
        self._store = store
        self._snapshots = snapshots
        self._volatile = volatile
        self._file = file
        self._origin = origin_of(file)
        self._files = FileRecords(store)
        self._dependents = Dependents(store, volatile)
        self._messages: list[str] = []
        self._is_support = False

    def run(self, bundle: Bundle, digest: str, *, is_delivered: bool) -> ImportReport:
        """Store the bundle; the caller commits or rolls back.

        Only a delivered file, one of the standard trees, supports what it names
        (``manifestfiles``).
        """
        self._is_support = bool(self._file) and is_delivered
        services = [self._open(part) for part in checked(bundle, self._file)]
        for service in services:
            self._take_previous(service)
        for service in services:
            self._import_service(service)
        for target in (t for s in services for t in (s.own, *s.instances)):
            if target.part.dependents or not (target.is_new or target.part.is_empty):
                self._dependents.update(target.entity, target.part, self._origin)
        if self._is_support:
            # Else nothing could tell a clean-up that no file has them any more.
            named = {t.entity.fmri for s in services for t in (s.own, *s.instances)}
            self._files.withdraw(self._file, keeping=named)
        if self._file and digest:
            self._files.remember(self._file, digest)
        self._snapshots.collect()
        concerned = {s.own.entity.fmri for s in services} | self._dependents.touched
        return ImportReport(
            tuple(service.own.entity.fmri for service in services),
            tuple(sorted(self._store.instances_of(concerned))),
            tuple(self._messages + self._dependents.messages),
        )

    def _open(self, part: ServicePart) -> _ServiceTarget:
        own = self._target(part.own)
        return _ServiceTarget(
            part, own, tuple(self._target(instance, own.entity) for instance in part.instances)
        )

    def _target(self, part: EntityPart, service: Entity | None = None) -> _Target:
        found = self._store.find(part.fmri)
        if found is not None:
            return _Target(found, part, is_new=False)
        return _Target(self._store.add(part.fmri, service, self._origin), part, is_new=True)

    def _take_previous(self, service: _ServiceTarget) -> None:
        """A picture, before any change, of all instances that were there."""
        if service.own.is_new:
            return
        new = {target.entity.fmri for target in service.instances if target.is_new}
        there = [i for i in self._store.instances(service.own.entity) if i.fmri not in new]
        if there:
            level = self._snapshots.level(self._store.groups(service.own.entity))
            for instance in there:
                own = self._snapshots.level(self._store.groups(instance))
                self._snapshots.link(instance, PREVIOUS, Levels(own, level))

    def _import_service(self, service: _ServiceTarget) -> None:
        current = {} if service.own.is_new else self._store.load(service.own.entity)
        delivered = manifest_groups(current)
        part = service.own.part
        if service.own.is_new or not (part.is_empty and delivered):
            bundle = service.part.bundle
            present = _FRESH if service.own.is_new else self._store.description(service.own.entity)
            if present != (bundle.version, bundle.kind):
                self._store.describe(service.own.entity, bundle.version, bundle.kind)
        says = Statement(
            part.fmri,
            self._without_collisions(part),
            part.deleted,
            part.overrides,
            self._origin,
            prevails=not delivered and not self._was_imported(service),
        )
        self._store_groups(service.own, current, None if part.is_empty else says)
        said_of_service = delivered if part.is_empty else part.groups
        if service.instances:
            level = self._snapshots.level(said_of_service)
            secret = _protected_groups(current, part)
            for target in service.instances:
                self._import_instance(target, level, secret)

    def _was_imported(self, service: _ServiceTarget) -> bool:
        return not service.own.is_new and any(
            self._snapshots.find(instance, LAST_IMPORT)
            for instance in self._store.instances(service.own.entity)
        )

    def _import_instance(self, target: _Target, service_level: int, secret: frozenset[str]) -> None:
        part = target.part
        current = {} if target.is_new else self._store.load(target.entity)
        says = Statement(
            part.fmri,
            self._without_collisions(part),
            part.deleted,
            part.overrides,
            self._origin,
            frozenset() if target.is_new else PROTECTED,
            secret=secret,
        )
        self._store_groups(target, current, says)
        levels = Levels(self._snapshots.level(part.groups), service_level)
        # An instance that a dependent made as a place-holder is delivered only now.
        is_placeholder = all(map(is_of_others, current.values()))
        if is_placeholder and self._snapshots.find(target.entity, INITIAL) is None:
            self._snapshots.link(target.entity, INITIAL, levels)
        self._snapshots.link(target.entity, LAST_IMPORT, levels)

    def _without_collisions(self, part: EntityPart) -> dict[str, PropertyGroup]:
        """The part's groups but those whose name a non-persistent group has."""
        taken = self._volatile(part.fmri).keys() & part.groups.keys()
        for name in sorted(taken):
            self._messages.append(
                f"skipped: {part.fmri} {name}: there is a non-persistent group of that name"
            )
        return {name: group for name, group in part.groups.items() if name not in taken}

    def _store_groups(
        self, target: _Target, current: Mapping[str, LayeredGroup], says: Statement | None
    ) -> None:
        after: dict[str, LayeredGroup | None] = {}
        if says is not None:
            outcome = replaced_manifest(current, says)
            after = outcome.groups
            self._messages += outcome.messages
        support = current.get(MANIFEST_FILES)
        if self._is_support:
            after[MANIFEST_FILES] = self._files.supporting(support, self._file)
        elif support is not None and not support.cells:
            after[MANIFEST_FILES] = None  # imported by hand: no clean-up may take it away
        self._store.save(target.entity, current, after)


def _protected_groups(current: Mapping[str, LayeredGroup], part: EntityPart) -> frozenset[str]:
    """The groups of a service that its instances' groups of the same name inherit secrecy from."""
    was = {name for name, group in current.items() if was_protected(group)}
    return frozenset(was | {name for name, group in part.groups.items() if is_protected(group)})
