"""The non-persistent groups: states, temporary overrides, what adoption needs.

A file below /run keeps them over the death of svc.startd, not over a reboot. As nobody else
writes it, all reads are answered from a copy in memory, which changes only after a commit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from roost.errors import SystemCallFailed
from roost.model.properties import PropertyGroup
from roost.repository.database import Database, Gate, Parameter
from roost.repository.encoding import decode_properties, encode_properties
from roost.repository.schema import VOLATILE, open_database
from roost.repository.store import GenerationFloor, load_floor, retire


@dataclass(frozen=True, slots=True)
class _Stored:
    """One group as the store has it: small, since there is one for every instance."""

    kind: str
    generation: int
    text: str
    """The properties, encoded."""

    def group(self, name: str) -> PropertyGroup:
        """The group, decoded."""
        properties = decode_properties(self.text)
        return PropertyGroup(name, self.kind, properties, False, self.generation)


_NOTHING: Mapping[str, _Stored] = {}


class VolatileStore:
    """Whole non-persistent groups by entity."""

    def __init__(self, database: Database, floor: GenerationFloor) -> None:
        self._db = database
        self._floor = floor
        self._groups: dict[str, dict[str, _Stored]] = {}
        load_floor(database, floor)
        for fmri, name, kind, generation, properties in database.execute(
            "SELECT fmri, name, type, generation, properties FROM property_group"
        ):
            self._groups.setdefault(fmri, {})[name] = _Stored(kind, generation, properties)

    @property
    def database(self) -> Database:
        """The connection."""
        return self._db

    def entities(self) -> list[str]:
        """FMRIs of the entities that have groups here."""
        return list(self._groups)

    def groups(self, fmri: str) -> Mapping[str, PropertyGroup]:
        """The groups of one entity by name."""
        stored = self._groups.get(fmri, _NOTHING)
        return {name: kept.group(name) for name, kept in stored.items()}

    def generation(self, fmri: str, group: str) -> int | None:
        """Generation of one group; None if it is not here."""
        kept = self._groups.get(fmri, _NOTHING).get(group)
        return kept.generation if kept is not None else None

    def write(self, wanted: Mapping[str, Iterable[PropertyGroup]]) -> None:
        """Replace or make whole groups in one transaction; equal ones are left alone."""
        changed: dict[str, dict[str, _Stored]] = {}
        rows: list[tuple[Parameter, ...]] = []
        for fmri, groups in wanted.items():
            present = self._groups.get(fmri, _NOTHING)
            for group in {group.name: group for group in groups}.values():
                old = present.get(group.name)
                text = encode_properties(group.properties)
                if old is not None and (old.kind, old.text) == (group.type, text):
                    continue
                generation = old.generation if old is not None else self._floor.value
                new = _Stored(group.type, generation + 1, text)
                changed.setdefault(fmri, {})[group.name] = new
                rows.append((fmri, group.name, new.kind, new.generation, text))
        if not rows:
            return
        with self._db.transaction():
            self._db.execute_many("REPLACE INTO property_group VALUES (?, ?, ?, ?, ?)", rows)
        for fmri, groups_of_one in changed.items():
            self._groups.setdefault(fmri, {}).update(groups_of_one)

    def delete(self, fmri: str, group: str) -> None:
        """Delete one group if it is there."""
        present = self._groups.get(fmri, _NOTHING).get(group)
        if present is None:
            return
        with self._db.transaction():
            retire(self._db, self._floor, present.generation)
            self._db.execute(
                "DELETE FROM property_group WHERE fmri = ? AND name = ?", (fmri, group)
            )
        del self._groups[fmri][group]

    def forget(self, fmris: Iterable[str]) -> None:
        """Delete all groups of entities that are no more."""
        gone = [fmri for fmri in fmris if fmri in self._groups]
        if not gone:
            return
        highest = max((g.generation for f in gone for g in self._groups[f].values()), default=0)
        with self._db.transaction():
            retire(self._db, self._floor, highest)
            self._db.execute_many(
                "DELETE FROM property_group WHERE fmri = ?", [(fmri,) for fmri in gone]
            )
        for fmri in gone:
            del self._groups[fmri]


def open_volatile(
    path: str, floor: GenerationFloor, *, fresh_boot: bool, gate: Gate | None = None
) -> VolatileStore:
    """Open the store; ``fresh_boot`` begins with an empty one whatever the file holds."""
    if fresh_boot:
        for suffix in ("", "-wal", "-shm", "-journal"):
            try:
                os.unlink(path + suffix)
            except FileNotFoundError:
                pass
            except OSError as problem:
                why = problem.strerror or str(problem)
                hint = f"ls -ld {os.path.dirname(path)}"
                raise SystemCallFailed(f"remove {path}{suffix}", why, hint) from problem
    database = open_database(path, VOLATILE, gate)
    try:
        return VolatileStore(database, floor)
    except BaseException:
        database.close()
        raise
