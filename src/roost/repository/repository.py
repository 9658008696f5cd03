"""`Repository`: the configuration store as the daemon sees it.

Two files: the persistent store, where every change is durable when the call returns, and the
volatile one, which svc.startd empties at its start. Each changing method is one transaction of
one of them. Where an entity goes away its volatile groups go after the commit; what a failure
leaves of them is out of sight, and is swept at the next opening.

This process is the only user of both files, which SQLite's exclusive lock holds it to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase

from roost.errors import (
    AlreadyExists,
    Conflict,
    InvalidName,
    NotFound,
    RequestError,
    SystemRefused,
    TypeMismatch,
)
from roost.fmri import check_name, is_service_name
from roost.model.bundle import Bundle, ServiceBundle
from roost.model.properties import Property, PropertyGroup, compose
from roost.repository.backups import BackupKind, make_backup
from roost.repository.bookkeeping import OWN_GROUPS, is_external
from roost.repository.changes import check_group_type, edits_of
from roost.repository.database import Database
from roost.repository.dependents import Dependents
from roost.repository.exporting import exported
from roost.repository.files import FileRecords
from roost.repository.history import ChangeLog, Taken
from roost.repository.importing import PREVIOUS, Importer
from roost.repository.layers import (
    Layer,
    LayeredGroup,
    LayerValue,
    claim_of,
    created,
    deleted,
    edited,
    effective,
    layer_values,
    uncustomised,
)
from roost.repository.port import (
    Change,
    Changed,
    FileReport,
    ImportReport,
    LayerReport,
    SourceFile,
    View,
)
from roost.repository.profiles import ProfileLayer
from roost.repository.snapshots import Levels, SnapshotStore
from roost.repository.store import Entity, EntityStore, GenerationFloor
from roost.repository.volatile import VolatileStore

RUNNING = "running"


LIVE_GROUP = "general"
"""Persistent, but what it says counts at once: no snapshot hides it (smf(7))."""


class Repository:
    """See `roost.repository.port.RepositoryPort` for what each method promises."""

    def __init__(
        self,
        database: Database,
        volatile: VolatileStore,
        floor: GenerationFloor,
        clock: Callable[[], float],
    ) -> None:
        self._db = database
        self._volatile = volatile
        self.history = ChangeLog(database, clock)
        self._store = EntityStore(database, floor, self.history)
        self._snapshots = SnapshotStore(database, self.history)
        self._files = FileRecords(self._store)
        self._floor = floor
        self._gone: set[str] = set()
        """Entities deleted in the transaction under way."""
        volatile.forget(fmri for fmri in volatile.entities() if not self.exists(fmri))

    def close(self) -> None:
        """Release the files."""
        self._db.close()
        self._volatile.database.close()

    @contextmanager
    def transaction(self) -> Iterator[Changed]:
        """All changes of the persistent store made inside, or none; gives what they change."""
        if not self._db.in_transaction:
            self._store.changed = set()
        try:
            with self._db.transaction():
                yield self._store.changed
        except BaseException:
            self._gone.clear()
            raise
        if self._gone and not self._db.in_transaction:
            # Only now are they gone for good.
            with suppress(SystemRefused):
                self._volatile.forget(self._gone)
            self._gone.clear()

    # Reading

    def services(self) -> list[str]:
        """All services, sorted."""
        return self._store.services()

    def instances(self, service: str | None = None) -> list[str]:
        """All instances (of one service), sorted."""
        parent = self._service(service) if service is not None else None
        return [instance.fmri for instance in self._store.instances(parent)]

    def exists(self, fmri: str) -> bool:
        """Is there such a service or instance?"""
        return self._store.find(fmri) is not None

    def groups(
        self, fmri: str, view: View = View.ATTACHED, snapshot: str = "", group: str | None = None
    ) -> dict[str, PropertyGroup]:
        """Groups by name, sorted; those read from a snapshot have generation 0."""
        entity = self._store.get(fmri)
        match view:
            case View.ATTACHED:
                return self._attached(entity, group)
            case View.COMPOSED:
                return self._composed(entity, group)
            case View.RUNNING:
                return self._running(entity, group)
            case View.SNAPSHOT:
                found = self._snapshots.composed(self._instance(fmri), snapshot)
                if found is None:
                    raise _no_snapshot(fmri, snapshot)
                return _only(found, group)

    def layered(self, fmri: str) -> dict[str, LayeredGroup]:
        """What each layer says of an entity's own persistent groups, masked ones included."""
        return dict(sorted(self._store.load(self._store.get(fmri)).items()))

    def layer_values(self, fmri: str, group: str | None = None) -> list[LayerValue]:
        """All that all layers say of an entity's own persistent groups (or of one), sorted."""
        found = sorted(self._store.load(self._store.get(fmri), group).items())
        return [value for _, layered in found for value in layer_values(layered)]

    def generation(self, fmri: str, group: str) -> int | None:
        """Present generation of a group; None if it or its entity is absent."""
        entity = self._store.find(fmri)
        if entity is None:
            return None
        volatile = self._volatile.generation(fmri, group)
        if volatile is not None:
            return volatile
        layered = self._store.load(entity, group).get(group)
        return layered.generation if layered is not None and claim_of(layered) else None

    def imported_files(self) -> dict[str, str]:
        """SHA-256 (hex) of each imported file, by its path."""
        return self._files.hashes()

    def forget_file(self, file: str) -> None:
        """Forget the hash of an imported file; NotFound if there is none."""
        with self._db.transaction():
            if not self._files.forget(file):
                what, why = f"forget the hash of {file}", "no such file was imported"
                raise NotFound(what, why, "svccfg hash")

    def export_service(self, service: str) -> ServiceBundle:
        """The bundle that gives the service's present persistent state."""
        return exported(self._store, self._service(service))

    # Entities

    def add_service(self, name: str) -> str:
        """Make an empty service; returns its FMRI."""
        if not is_service_name(name):
            why = "a service name is names joined by '/', each a letter, then letters, digits, '-'"
            raise InvalidName(f"use '{name}' as the name of a service", f"{why} and '_'")
        with self._db.transaction():
            return self._store.add(f"svc:/{name}").fmri

    def add_instance(self, service: str, name: str) -> str:
        """Make an empty instance; returns its FMRI."""
        check_name(name, "instance")
        parent = self._service(service)
        with self._db.transaction():
            return self._store.add(f"{service}:{name}", parent).fmri

    def delete(self, fmri: str) -> None:
        """Delete an entity, its instances, and what their dependents put into others."""
        entity = self._store.get(fmri)
        instances = [entity] if entity.service is not None else self._store.instances(entity)
        gone = {entity.fmri: entity} | {instance.fmri: instance for instance in instances}
        with self.transaction():
            self._gone.update(gone)
            dependents = Dependents(self._store, self._volatile.groups)
            for each in gone.values():
                dependents.remove_all(each)
            self._snapshots.release(instances)
            self._store.remove(entity)
            self._snapshots.collect()

    # Groups

    def add_group(self, fmri: str, name: str, kind: str, *, persistent: bool = True) -> None:
        """Make an empty group."""
        check_name(name, "property group")
        check_group_type(kind)
        entity = self._store.get(fmri)
        before = self._store.load(entity, name)
        if name in self._volatile.groups(fmri) or effective(before.get(name)) is not None:
            raise AlreadyExists(f"add group {name} to {fmri}", "it is there already")
        if not persistent:
            self._volatile.write({fmri: [PropertyGroup(name, kind, persistent=False)]})
            return
        with self._db.transaction():
            after = created(before.get(name), name, kind)
            self._store.save(entity, before, {name: after})

    def delete_group(self, fmri: str, name: str) -> None:
        """Delete a group, or mask it where a lower layer delivers it."""
        entity = self._store.get(fmri)
        if name in self._volatile.groups(fmri):
            self._volatile.delete(fmri, name)
            return
        before = self._store.load(entity, name)
        if effective(before.get(name)) is None:
            raise _no_group(f"delete group {name} of {fmri}", fmri)
        with self._db.transaction():
            self._store.save(entity, before, {name: deleted(before[name])})

    def commit(
        self, fmri: str, group: str, changes: Sequence[Change], generation: int | None = None
    ) -> int:
        """Apply all changes to one group, in the admin layer; returns its generation."""
        entity = self._store.get(fmri)
        volatile = self._volatile.groups(fmri).get(group)
        before = {} if volatile is not None else self._store.load(entity, group)
        present = volatile if volatile is not None else effective(before.get(group))
        what = f"change {group} of {fmri}"
        if present is None:
            raise _no_group(what, fmri)
        if generation is not None and generation != present.generation:
            raise Conflict(what, "it has changed since it was read")
        edits = edits_of(fmri, present, changes)
        if not edits:
            return present.generation
        if volatile is not None:
            self._volatile.write({fmri: [_edited_volatile(volatile, edits)]})
            return self._volatile.groups(fmri)[group].generation
        with self._db.transaction():
            return self._store.save(entity, before, {group: edited(before[group], edits)})[group]

    def drop_customizations(
        self, fmri: str, pattern: str | None = None, *, masked_only: bool = False
    ) -> list[LayerValue]:
        """Drop what the admin layer says of an entity (where a glob over GROUP or
        GROUP/PROPERTY matches); returns what was dropped.
        """

        def is_meant(value: LayerValue) -> bool:
            names = [value.group]
            if value.property:
                names.append(f"{value.group}/{value.property}")
            is_named = pattern is None or any(fnmatchcase(name, pattern) for name in names)
            return is_named and (value.masked or not masked_only)

        entity = self._store.get(fmri)
        before = self._store.load(entity)
        after: dict[str, LayeredGroup | None] = {}
        dropped: list[LayerValue] = []
        for name, group in sorted(before.items()):
            after[name], gone = uncustomised(group, is_meant)
            dropped += gone
        if dropped:
            with self._db.transaction():
                self._store.save(entity, before, after)
        return dropped

    def write_volatile(self, groups: Mapping[str, Sequence[PropertyGroup]]) -> None:
        """Replace whole non-persistent groups; equal ones keep their generation."""
        for fmri, wanted in groups.items():
            present = self._volatile.groups(fmri)
            if present and all(group.name in present for group in wanted):
                continue  # was checked when it was made
            entity = self._store.get(fmri)
            for group in wanted:
                check_name(group.name, "property group")
                check_group_type(group.type)
                if group.name not in present and self._store.groups(entity, group.name):
                    raise TypeMismatch(
                        f"write group {group.name} of {fmri}", "it is a persistent group"
                    )
        self._volatile.write(groups)

    def delete_volatile(self, fmri: str, group: str) -> None:
        """Delete a non-persistent group if it is there."""
        self._volatile.delete(fmri, group)

    # Snapshots

    def snapshots(self, fmri: str) -> list[str]:
        """Names of an instance's snapshots, sorted."""
        return self._snapshots.names(self._instance(fmri))

    def back_up(self, kind: BackupKind, now_s: float) -> str | None:
        """Make a backup beside the file if anything has changed since the newest; its path."""
        if not self._store.services():
            return None
        return make_backup(self._db, kind, now_s)

    def snapshots_taken(self, fmri: str) -> list[Taken]:
        """The snapshots of an instance with times and users, sorted by name."""
        return self._snapshots.taken(self._instance(fmri))

    def take_snapshot(self, fmri: str, name: str) -> None:
        """Point ``name`` at a picture of the persistent groups now."""
        self.take_snapshots([fmri], name)

    def take_snapshots(self, fmris: Sequence[str], name: str) -> None:
        """`take_snapshot` of several instances in one transaction."""
        check_name(name, "snapshot")
        instances = [self._instance(fmri) for fmri in fmris]
        with self._db.transaction():
            services: dict[int, int] = {}
            for instance in instances:
                parent = self._store.parent(instance)
                if parent.id not in services:
                    services[parent.id] = self._snapshots.level(self._store.groups(parent))
                own = self._snapshots.level(self._store.groups(instance))
                if self._snapshots.link(instance, name, Levels(own, services[parent.id])):
                    self.history.snapshot_taken(instance.id, instance.fmri, name)
            self._snapshots.collect()

    def link_snapshots(self, links: Sequence[tuple[str, str, str]]) -> None:
        """Point each (instance, to, from) ``to`` at what ``from`` points at."""
        with self._db.transaction():
            for fmri, to, source in links:
                check_name(to, "snapshot")
                instance = self._instance(fmri)
                levels = self._snapshots.find(instance, source)
                if levels is None:
                    raise _no_snapshot(fmri, source)
                self._snapshots.link(instance, to, levels)
            self._snapshots.collect()

    def revert(self, fmri: str, snapshot: str) -> None:
        """Take ``previous``, then set the editing view to what ``snapshot`` says."""
        instance = self._instance(fmri)
        levels = self._snapshots.find(instance, snapshot)
        if levels is None:
            raise _no_snapshot(fmri, snapshot)
        service = self._store.parent(instance)
        wanted = self._snapshots.read(levels)
        with self._db.transaction():
            own = self._snapshots.level(self._store.groups(instance))
            above = self._snapshots.level(self._store.groups(service))
            self._snapshots.link(instance, PREVIOUS, Levels(own, above))
            self.history.reverted(instance.fmri, snapshot)
            for entity, groups in zip((instance, service), wanted, strict=True):
                self._set_to(entity, groups)
            self._snapshots.collect()

    def _set_to(self, entity: Entity, wanted: Mapping[str, PropertyGroup]) -> None:
        """Make the admin layer say what it takes for ``wanted`` to hold.

        Not touched: what other entities' manifests put here, and the record of dependents
        and files, which would no longer be true.
        """
        before = self._store.load(entity)
        after: dict[str, LayeredGroup | None] = {}
        for name in before.keys() | wanted.keys():
            group, target = before.get(name), wanted.get(name)
            present = effective(group)
            if name in OWN_GROUPS or name in self._volatile.groups(entity.fmri):
                continue
            if any(side is not None and is_external(side) for side in (present, target)):
                continue
            if group is not None and present is not None:
                if target is None:
                    after[name] = deleted(group)
                    continue
                if present.type != target.type:
                    group, present = deleted(group), None
            if target is None:
                continue
            if present is None:
                group = created(group, name, target.type)
            assert group is not None
            now = effective(group)
            assert now is not None
            edits: dict[str, Property | None] = dict.fromkeys(now.properties)
            edits |= target.properties
            after[name] = edited(group, edits)
        self._store.save(entity, before, after)

    # Manifests

    def import_bundle(
        self, bundle: Bundle, file: str = "", digest: str = "", *, is_delivered: bool = True
    ) -> ImportReport:
        """Store a manifest bundle whole; see `roost.repository.importing`."""
        with self._db.transaction():
            importer = Importer(self._store, self._snapshots, self._volatile.groups, file)
            return importer.run(bundle, digest, is_delivered=is_delivered)

    def import_files(self, files: Iterable[SourceFile]) -> list[FileReport]:
        """Store several manifests in one transaction, each whole or not at all."""
        reports = []
        with self._db.transaction():
            for source in files:
                try:
                    with self._db.savepoint():
                        report = self.import_bundle(
                            source.bundle(),
                            source.file,
                            source.digest,
                            is_delivered=source.is_delivered,
                        )
                        reports.append(FileReport(source.file, report))
                except RequestError as problem:
                    reports.append(FileReport(source.file, error=problem.message))
        return reports

    def replace_layer(
        self, layer: Layer, files: Iterable[SourceFile], kept: Iterable[str] = ()
    ) -> LayerReport:
        """Make a profile layer say what these files say; see `roost.repository.profiles`."""
        with self._db.transaction():
            return ProfileLayer(self._store, self._volatile.groups, layer, kept).run(files)

    def withdraw_files(self, files: Iterable[str]) -> list[str]:
        """These manifests are gone; returns what no file supports any more."""
        with self._db.transaction():
            for file in files:
                self._files.forget(file)
                self._files.withdraw(file)
            return self._files.unsupported()

    # Parts of the above

    def _service(self, fmri: str) -> Entity:
        entity = self._store.get(fmri)
        if entity.service is not None:
            raise NotFound(f"use {fmri} as a service", "it is an instance", "svccfg list")
        return entity

    def _instance(self, fmri: str) -> Entity:
        entity = self._store.get(fmri)
        if entity.service is None:
            raise NotFound(
                f"use {fmri} as an instance", "it is a service; snapshots are of instances"
            )
        return entity

    def _attached(self, entity: Entity, group: str | None) -> dict[str, PropertyGroup]:
        found = self._store.groups(entity, group)
        volatile = _only(self._volatile.groups(entity.fmri), group)
        return dict(sorted({**found, **volatile}.items())) if volatile else found

    def _composed(self, entity: Entity, group: str | None) -> dict[str, PropertyGroup]:
        own = self._attached(entity, group)
        if entity.service is None:
            return own
        service = self._attached(self._store.parent(entity), group)
        return dict(sorted(compose(own, service).items()))

    def _running(self, entity: Entity, group: str | None) -> dict[str, PropertyGroup]:
        if entity.service is None:
            return self._attached(entity, group)
        found = self._snapshots.composed(entity, RUNNING)
        if found is None:
            return self._composed(entity, group)
        volatile = self._volatile.groups(entity.fmri)
        above = self._volatile.groups(entity.fmri.rpartition(":")[0])
        live = compose(volatile, above) if above else volatile
        shown = {**_only(found, group), **_only(live, group)}
        if group in (None, LIVE_GROUP):
            shown.pop(LIVE_GROUP, None)
            shown |= self._composed(entity, LIVE_GROUP)
        return dict(sorted(shown.items()))


def _only(groups: Mapping[str, PropertyGroup], name: str | None) -> dict[str, PropertyGroup]:
    if name is None:
        return dict(groups)
    return {name: groups[name]} if name in groups else {}


def _edited_volatile(group: PropertyGroup, edits: Mapping[str, Property | None]) -> PropertyGroup:
    properties = {**group.properties, **edits}
    kept = {name: prop for name, prop in sorted(properties.items()) if prop is not None}
    return PropertyGroup(group.name, group.type, kept, False, group.generation)


def _no_group(what: str, fmri: str) -> NotFound:
    return NotFound(what, "there is no such property group", f"svccfg -s {fmri} listpg")


def _no_snapshot(fmri: str, name: str) -> NotFound:
    return NotFound(
        f"find snapshot {name} of {fmri}", "there is no such snapshot", f"svccfg -s {fmri} listsnap"
    )
