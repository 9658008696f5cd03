"""Making a profile layer say what its files say, and nothing else.

What the files together say is worked out first, file by file: one that contradicts an earlier
one is left out whole. Then each entity's groups are stored with the layer replaced. A profile
speaks of what is there; for the rest it waits until the layer is replaced again. One
replacement is one transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from roost.errors import InvalidValue, ManifestError, RequestError
from roost.fmri import service_of
from roost.model.bundle import BundleType
from roost.model.properties import Property, PropertyGroup, PropertyType, parse_value
from roost.model.protection import READ, WITHHELD
from roost.repository.bookkeeping import is_of_others, origin_of, source_of
from roost.repository.bundles import EntityPart, checked
from roost.repository.differences import is_protected
from roost.repository.files import FileRecords
from roost.repository.layers import (
    Cell,
    Cells,
    Claim,
    Layer,
    LayeredGroup,
    cells_of,
    claim_of,
    effective,
    outlived,
    stated,
)
from roost.repository.port import FileReport, ImportReport, LayerReport, SourceFile
from roost.repository.store import Entity, EntityStore
from roost.repository.upgrade import kept_yours, shown

_APPLICATION = "application"


@dataclass(slots=True)
class _Saying:
    """What the layer is to say of one group."""

    claim: Claim
    cells: dict[str, Cell] = field(default_factory=dict)


@dataclass(slots=True)
class _Target:
    """An entity as it is, and what the layer is to say of its groups."""

    entity: Entity
    current: Mapping[str, LayeredGroup]
    wanted: dict[str, _Saying] = field(default_factory=dict)

    def group(self, name: str) -> LayeredGroup:
        """A group as it is."""
        return self.current.get(name) or LayeredGroup(name)

    def saying(self, name: str) -> tuple[Claim | None, dict[str, Cell]]:
        """What the layer is to say of a group."""
        found = self.wanted.get(name)
        return (found.claim, found.cells) if found is not None else (None, {})


class ProfileLayer:
    """One replacement of one layer. ``volatile`` gives the non-persistent groups of an entity.

    What files in ``kept`` said stays as it is.
    """

    def __init__(
        self,
        store: EntityStore,
        volatile: Callable[[str], Mapping[str, object]],
        layer: Layer,
        kept: Iterable[str],
    ) -> None:
        self._store = store
        self._volatile = volatile
        self._layer = layer
        self._kept = list(kept)
        self._files = FileRecords(store)
        self._targets: dict[str, _Target | None] = {}
        self._messages: dict[str, list[str]] = {}

    def run(self, files: Iterable[SourceFile]) -> LayerReport:
        """Replace the layer; the caller commits or rolls back."""
        self._begin_with_the_kept()
        reports: dict[str, FileReport] = {}
        digests: dict[str, str] = {}
        for source in files:
            try:
                parts = self._read(source)
                reports[source.file] = FileReport(source.file, _named(parts))
                digests[source.file] = source.digest
            except RequestError as problem:
                if isinstance(problem, ManifestError):
                    problem.what = f"apply {source.file}"
                reports[source.file] = FileReport(source.file, error=problem.message)
        changed = self._store_all()
        self._record(digests)
        return LayerReport(
            tuple(self._with_messages(reports)), tuple(sorted(self._store.instances_of(changed)))
        )

    # --- what the files say ---------------------------------------------------------------

    def _begin_with_the_kept(self) -> None:
        kept = {origin_of(file) for file in self._kept}
        for entity in self._store.with_layer(self._layer):
            target = _Target(entity, self._store.load(entity))
            self._targets[entity.fmri] = target
            for name, group in target.current.items():
                claim = group.claims.get(self._layer)
                cells = {n: c for n, c in group.layer(self._layer).items() if c.file in kept}
                if claim is not None and (claim.file in kept or cells):
                    file = claim.file if claim.file in kept else next(iter(cells.values())).file
                    target.wanted[name] = _Saying(Claim(claim.type, claim.masked, file), cells)

    def _read(self, source: SourceFile) -> list[EntityPart]:
        """Add what a file says; returns its parts that are there. Nothing is added on an error."""
        parts = []
        sayings: list[tuple[_Target, str, _Saying]] = []
        origin = origin_of(source.file)
        for service in checked(source.bundle(), source.file, BundleType.PROFILE):
            for part in (service.own, *service.instances):
                if part.dependents:
                    why = f"{part.fmri} has the dependent '{part.dependents[0].name}'"
                    raise ManifestError("", f"{why}; a profile has none")
                target = self._target(part.fmri)
                if target is None:
                    continue
                parts.append(part)
                for name, saying in self._sayings(target, part, origin):
                    self._check(target, name, saying)
                    sayings.append((target, name, saying))
        for target, name, saying in sayings:
            present = target.wanted.setdefault(name, saying)
            present.cells = {**saying.cells, **present.cells}
        return parts

    def _target(self, fmri: str) -> _Target | None:
        """The entity; None if it is absent, or only a place for others' dependents."""
        if fmri not in self._targets:
            entity = self._store.find(fmri)
            target = _Target(entity, self._store.load(entity)) if entity is not None else None
            if target is not None and _is_placeholder(target.current.values()):
                target = None
            self._targets[fmri] = target
        return self._targets[fmri]

    def _sayings(
        self, target: _Target, part: EntityPart, origin: str
    ) -> Iterable[tuple[str, _Saying]]:
        for name in sorted(part.deleted):
            if name in part.groups:
                why = f"it deletes group {name} of {part.fmri}, and says what is in it"
                raise ManifestError("", why)
            present = claim_of(target.group(name), self._layer)
            kind = present.type if present is not None else ""
            yield name, _Saying(Claim(kind, masked=True, file=origin))
        for name, group in part.groups.items():
            if name in self._volatile(part.fmri):
                line = f"skipped: {part.fmri} {name}: there is a non-persistent group of that name"
                self._messages.setdefault(origin, []).append(line)
                continue
            cells = {}
            for prop in group.properties.values():
                kind_of, values = prop.type, prop.values
                if (name, prop.name) in part.untyped:
                    kind_of = self._type_of(target, name, prop)
                    hidden = READ in group.properties or self._is_secret(target, name)
                    values = tuple(_parsed(kind_of, value, hidden=hidden) for value in values)
                cells[prop.name] = Cell(kind_of, values, file=origin)
            yield name, _Saying(Claim(self._group_type(target, group), file=origin), cells)

    def _group_type(self, target: _Target, group: PropertyGroup) -> str:
        """The type of a group that is there already; else what the profile says."""
        present = target.group(group.name)
        below = claim_of(present, self._layer)
        if below is not None or group.type:
            return below.type if below is not None else group.type
        wanted, service = target.wanted.get(group.name), self._service_of(target)
        holders = [wanted.claim if wanted is not None else None, claim_of(present)]
        if service is not None:
            holders.append(claim_of(service.group(group.name)))
        return next((claim.type for claim in holders if claim and not claim.masked), _APPLICATION)

    def _type_of(self, target: _Target, group: str, prop: Property) -> PropertyType:
        """The type that a property has below this layer, or in it, or in the service; else that
        of the value above it, else astring.
        """
        present = target.group(group)
        places: list[Cells] = [cells_of(present, self._layer), target.saying(group)[1]]
        service = self._service_of(target)
        if service is not None:
            places += [service.saying(group)[1], cells_of(service.group(group))]
        places += [present.layer(self._layer), cells_of(present)]
        return next((cells[prop.name].type for cells in places if prop.name in cells), prop.type)

    def _service_of(self, target: _Target) -> _Target | None:
        if target.entity.service is None:
            return None
        return self._target(service_of(target.entity.fmri))

    def _check(self, target: _Target, name: str, saying: _Saying) -> None:
        """Raise ManifestError where an earlier file says otherwise."""
        earlier = target.wanted.get(name)
        if earlier is None:
            return
        fmri, other = target.entity.fmri, earlier.claim.file
        group = f"group {name} of {fmri}"
        why = ""
        if saying.claim.masked != earlier.claim.masked:
            verbs = ("deletes", "sets") if saying.claim.masked else ("sets", "deletes")
            why = f"it {verbs[0]} {group}, but {other} {verbs[1]} it"
        elif saying.claim.type != earlier.claim.type and not saying.claim.masked:
            why = (
                f"it gives {group} the type {saying.claim.type},"
                f" but {other} the type {earlier.claim.type}"
            )
        for prop, cell in sorted(saying.cells.items()):
            theirs = earlier.cells.get(prop)
            if not why and theirs is not None and not theirs.says(cell):
                typed, hidden = theirs.type is not cell.type, self._is_secret(target, name, saying)
                why = (
                    f"it sets {name}/{prop} of {fmri} to {shown(cell, typed=typed, hidden=hidden)},"
                    f" but {theirs.file} to {shown(theirs, typed=typed, hidden=hidden)}"
                )
        if why:
            raise ManifestError("", why)

    def _is_secret(self, target: _Target, name: str, *said: _Saying) -> bool:
        """Are the values of the group protected, by what was said of it or is said now?"""
        service = self._service_of(target)
        places = [each.cells for each in said]
        for each in (target, service) if service is not None else (target,):
            places.append(each.saying(name)[1])
            if is_protected(each.group(name)):
                return True
        return any(READ in cells for cells in places)

    # --- storing it -----------------------------------------------------------------------

    def _store_all(self) -> list[str]:
        """Store what the layer says now; returns the entities that readers see changed."""
        changed = []
        for fmri, target in sorted(self._targets.items()):
            after = self._replaced(target) if target is not None else {}
            if target is None or not after:
                continue
            generations = self._store.save(target.entity, target.current, after)
            if any(generations.get(name) != _generation(target.group(name)) for name in after):
                changed.append(fmri)
        return changed

    def _replaced(self, target: _Target) -> dict[str, LayeredGroup | None]:
        after: dict[str, LayeredGroup | None] = {}
        for name in sorted(target.current.keys() | target.wanted.keys()):
            before = target.group(name)
            claim, cells = target.saying(name)
            if before.claims.get(self._layer) == claim and before.layer(self._layer) == cells:
                continue
            said = stated(before, self._layer, claim, cells)
            speaker = claim or before.claims.get(self._layer)
            file = speaker.file if speaker is not None else ""
            hidden = self._is_secret(target, name)
            lines = kept_yours(target.entity.fmri, before, said, self._layer, hidden=hidden)
            self._messages.setdefault(file, []).extend(lines)
            after[name] = outlived(before, said)
        return after

    def _record(self, digests: Mapping[str, str]) -> None:
        known = self._files.hashes(self._layer)
        for file in known.keys() - digests.keys() - set(self._kept):
            self._files.forget(file)
        for file, digest in digests.items():
            if digest and digest != known.get(file):
                self._files.remember(file, digest, self._layer)

    def _with_messages(self, reports: Mapping[str, FileReport]) -> Iterable[FileReport]:
        """The reports with their lines; those about files that are gone have a report, too."""
        left = {file: lines for file, lines in self._messages.items() if lines}
        for file, each in reports.items():
            lines = tuple(left.pop(origin_of(file), ()))
            said = ImportReport(each.report.services, each.report.instances, lines)
            yield FileReport(file, said, each.error)
        for file, rest in sorted(left.items()):
            yield FileReport(file, ImportReport(messages=tuple(rest)))


def _parsed(kind: PropertyType, value: str, *, hidden: bool) -> str:
    """The canonical text; InvalidValue, which does not quote a ``hidden`` value."""
    try:
        return parse_value(kind, value)
    except InvalidValue:
        if not hidden:
            raise
        raise InvalidValue(f"use {WITHHELD}", f"it is no value of type {kind.value}") from None


def _named(parts: Iterable[EntityPart]) -> ImportReport:
    names = [part.fmri for part in parts if not part.is_empty]
    services = dict.fromkeys(service_of(name) for name in names)
    instances = [name for name in names if name not in services]
    return ImportReport(tuple(services), tuple(sorted(instances)))


def _is_placeholder(groups: Collection[LayeredGroup]) -> bool:
    return all(map(is_of_others, groups)) and any(source_of(group) for group in groups)


def _generation(group: LayeredGroup) -> int | None:
    return group.generation if effective(group) is not None else None
