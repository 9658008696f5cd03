"""Snapshots: named pictures of the persistent groups of an instance and its service.

A snapshot is a link to two *levels*, one of the instance's own groups, one of the service's.
A level is stored once for all snapshots that say the same, under the SHA-256 of its text,
and goes when the last link to it goes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from roost.model.properties import Groups, PropertyGroup, compose
from roost.repository.database import Database
from roost.repository.encoding import decode_level, encode_level
from roost.repository.history import ChangeLog, Taken
from roost.repository.store import Entity

_CACHED = 64
"""Composed snapshots kept parsed; one is some 10 to 30 kB."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Row ids of the two levels of one snapshot."""

    instance: int
    service: int


class SnapshotStore:
    """The tables level and snapshot; methods that write want a transaction."""

    def __init__(self, database: Database, log: ChangeLog) -> None:
        self._db = database
        self._log = log
        # Keyed by content, so that no roll-back and no reuse of a row id can make it wrong.
        self._composed: OrderedDict[tuple[bytes, bytes], Groups] = OrderedDict()
        self._released: set[int] = set()

    def names(self, instance: Entity) -> list[str]:
        """Names of the snapshots of an instance, sorted."""
        rows = self._db.execute(
            "SELECT name FROM snapshot WHERE instance = ? ORDER BY name", (instance.id,)
        )
        return [name for (name,) in rows]

    def taken(self, instance: Entity) -> list[Taken]:
        """The snapshots of an instance with times and users, sorted by name."""
        rows = self._db.execute(
            "SELECT name, taken_us, taken_by FROM snapshot WHERE instance = ? ORDER BY name",
            (instance.id,),
        )
        return [Taken(name, taken_us / 1e6, user) for name, taken_us, user in rows]

    def find(self, instance: Entity, name: str) -> Levels | None:
        """What a snapshot points at; None if there is no such snapshot."""
        for row in self._db.execute(
            "SELECT instance_level, service_level FROM snapshot WHERE instance = ? AND name = ?",
            (instance.id, name),
        ):
            return Levels(*row)
        return None

    def composed(self, instance: Entity, name: str) -> Groups | None:
        """The two levels composed, sorted by name; None if there is no such snapshot."""
        rows = self._db.execute(
            "SELECT i.hash, s.hash, i.id, s.id FROM snapshot"
            " JOIN level i ON i.id = instance_level JOIN level s ON s.id = service_level"
            " WHERE instance = ? AND name = ?",
            (instance.id, name),
        )
        if not rows:
            return None
        key = (rows[0][0], rows[0][1])
        found = self._composed.get(key)
        if found is None:
            own, service = self.read(Levels(rows[0][2], rows[0][3]))
            found = dict(sorted(compose(own, service).items()))
            self._composed[key] = found
            if len(self._composed) > _CACHED:
                self._composed.popitem(last=False)
        else:
            self._composed.move_to_end(key)
        return found

    def read(self, levels: Levels) -> tuple[dict[str, PropertyGroup], dict[str, PropertyGroup]]:
        """The groups of the instance's and of the service's level."""
        return self._level(levels.instance), self._level(levels.service)

    def level(self, groups: Mapping[str, PropertyGroup]) -> int:
        """The row id of the level that says this; made if there is none."""
        content = encode_level(groups)
        digest = sha256(content.encode()).digest()
        for (found,) in self._db.execute("SELECT id FROM level WHERE hash = ?", (digest,)):
            return int(found)
        rows = self._db.execute(
            "INSERT INTO level (hash, content) VALUES (?, ?) RETURNING id", (digest, content)
        )
        return int(rows[0][0])

    def link(self, instance: Entity, name: str, levels: Levels) -> bool:
        """Point a snapshot at two levels; False (and nothing written) if it does already."""
        present = self.find(instance, name)
        if present == levels:
            return False
        if present is not None:
            self._released |= {present.instance, present.service}
        self._db.execute(
            "REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)",
            (instance.id, name, levels.instance, levels.service, *self._log.stamp()),
        )
        return True

    def release(self, instances: Iterable[Entity]) -> None:
        """Note the levels of instances that are about to be deleted."""
        for instance in instances:
            for row in self._db.execute(
                "SELECT instance_level, service_level FROM snapshot WHERE instance = ?",
                (instance.id,),
            ):
                self._released |= set(row)

    def collect(self) -> None:
        """Delete the levels that lost a link since the last call and have none left."""
        if self._released:
            self._db.execute_many(
                "DELETE FROM level WHERE id = ?1"
                " AND NOT EXISTS (SELECT 1 FROM snapshot WHERE instance_level = ?1)"
                " AND NOT EXISTS (SELECT 1 FROM snapshot WHERE service_level = ?1)",
                [(level,) for level in sorted(self._released)],
            )
            self._released.clear()

    def _level(self, level: int) -> dict[str, PropertyGroup]:
        rows = self._db.execute("SELECT content, hash FROM level WHERE id = ?", (level,))
        with self._db.decoding("a snapshot"):
            content, digest = rows[0]
            if sha256(content.encode()).digest() != digest:
                raise ValueError("its hash is wrong")
            return decode_level(content)
