"""Entities and their layered groups in the persistent store: rows in, rows out.

Every method works inside the caller's transaction, or reads. Decides nothing: what a change
means is in `layers` and `upgrade`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from roost.errors import AlreadyExists, NotFound
from roost.model.properties import PropertyGroup
from roost.repository.database import Database, Parameter
from roost.repository.encoding import decode_values, encode_values, row_sum, type_named
from roost.repository.history import ChangeLog
from roost.repository.layers import Cell, Claim, Layer, LayeredGroup, effective
from roost.repository.port import Changed

_FLOOR = "generation_floor"
_LAYERS = tuple(Layer)
_LOAD_ALL = (
    (
        "SELECT g.name, g.generation, g.sum, l.layer, l.type, l.masked, l.file"
        " FROM property_group g"
        " JOIN group_layer l ON l.entity = g.entity AND l.pg = g.name WHERE g.entity = ?"
    ),
    'SELECT pg, name, layer, type, "values", masked, file FROM property WHERE entity = ?',
)
_LOAD_ONE = (
    (
        "SELECT g.name, g.generation, g.sum, l.layer, l.type, l.masked, l.file"
        " FROM property_group g"
        " JOIN group_layer l ON l.entity = g.entity AND l.pg = g.name"
        " WHERE g.entity = ? AND g.name = ?"
    ),
    (
        'SELECT pg, name, layer, type, "values", masked, file FROM property'
        " WHERE entity = ? AND pg = ?"
    ),
)


class GenerationFloor:
    """The highest generation of any group that went away, in either store.

    A new group starts above it, so a group made again never repeats a number that someone
    may be waiting to see change. It only ever grows; a roll-back need not take it back.
    """

    def __init__(self) -> None:
        self.value = 0

    def reach(self, generation: int) -> None:
        """Raise the floor to ``generation`` if it is lower."""
        self.value = max(self.value, generation)


def load_floor(database: Database, floor: GenerationFloor) -> None:
    """Raise the floor to what the store remembers."""
    for (value,) in database.execute("SELECT value FROM meta WHERE name = ?", (_FLOOR,)):
        floor.reach(value)


def retire(database: Database, floor: GenerationFloor, generation: int) -> None:
    """A group with this generation goes away; the store remembers, in the transaction.

    The floor in memory may be higher already, for a group of the other store or of a
    transaction that was rolled back, neither of which this store remembers.
    """
    floor.reach(generation)
    database.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        " WHERE excluded.value > value",
        (_FLOOR, floor.value),
    )


@dataclass(frozen=True, slots=True)
class Entity:
    """A service or instance; ``service`` is the id of an instance's service."""

    id: int
    fmri: str
    service: int | None


class EntityStore:
    """The tables entity, property_group, group_layer and property."""

    def __init__(self, database: Database, floor: GenerationFloor, log: ChangeLog) -> None:
        self._db = database
        self._floor = floor
        self._log = log
        self.changed: Changed = set()
        """Groups whose generation has changed, or that are gone; the user empties it."""
        load_floor(database, floor)

    def find(self, fmri: str) -> Entity | None:
        """The entity with a canonical FMRI, if there is one."""
        for row in self._db.execute("SELECT id, fmri, service FROM entity WHERE fmri = ?", (fmri,)):
            return Entity(*row)
        return None

    def get(self, fmri: str) -> Entity:
        """The entity with a canonical FMRI, else NotFound."""
        found = self.find(fmri)
        if found is None:
            raise NotFound(f"find {fmri}", "there is no such service or instance", "svcs -a")
        return found

    def parent(self, instance: Entity) -> Entity:
        """The service of an instance."""
        assert instance.service is not None
        rows = self._db.execute(
            "SELECT id, fmri, service FROM entity WHERE id = ?", (instance.service,)
        )
        return Entity(*rows[0])

    def services(self) -> list[str]:
        """FMRIs of all services, sorted."""
        rows = self._db.execute("SELECT fmri FROM entity WHERE service IS NULL ORDER BY fmri")
        return [fmri for (fmri,) in rows]

    def instances(self, service: Entity | None = None) -> list[Entity]:
        """All instances (of one service), sorted by FMRI."""
        if service is None:
            sql = "SELECT id, fmri, service FROM entity WHERE service NOTNULL ORDER BY fmri"
            return [Entity(*row) for row in self._db.execute(sql)]
        sql = "SELECT id, fmri, service FROM entity WHERE service = ? ORDER BY fmri"
        return [Entity(*row) for row in self._db.execute(sql, (service.id,))]

    def add(self, fmri: str, service: Entity | None = None, file: str = "") -> Entity:
        """Make an empty service, or an instance of ``service``; AlreadyExists if it is there.

        ``file`` is the one that names it, "" for commands.
        """
        if self.find(fmri) is not None:
            raise AlreadyExists(f"add {fmri}", "it is there already")
        parent = service.id if service else None
        rows = self._db.execute(
            "INSERT INTO entity (fmri, service, version, kind) VALUES (?, ?, 1, 'service')"
            " RETURNING id",
            (fmri, parent),
        )
        self._log.added(rows[0][0], fmri, file)
        return Entity(rows[0][0], fmri, parent)

    def remove(self, entity: Entity) -> None:
        """Delete one entity and, with a service, its instances; their groups go too."""
        rows = self._db.execute(
            "SELECT max(g.generation) FROM property_group g JOIN entity e ON g.entity = e.id"
            " WHERE e.id = ?1 OR e.service = ?1",
            (entity.id,),
        )
        self._retire(rows[0][0] or 0)
        if entity.service is None:
            for instance in self.instances(entity):
                self._log.deleted(instance.fmri)
        self._log.deleted(entity.fmri)
        self.changed.update(
            self._db.execute(
                "SELECT e.fmri, g.name FROM property_group g JOIN entity e ON g.entity = e.id"
                " WHERE e.id = ?1 OR e.service = ?1",
                (entity.id,),
            )
        )
        self._db.execute("DELETE FROM entity WHERE id = ?", (entity.id,))

    def description(self, service: Entity) -> tuple[int, str]:
        """``version`` and ``kind`` of a service."""
        rows = self._db.execute("SELECT version, kind FROM entity WHERE id = ?", (service.id,))
        version, kind = rows[0]
        return version, kind

    def describe(self, service: Entity, version: int, kind: str) -> None:
        """Set ``version`` and ``kind`` of a service."""
        self._db.execute(
            "UPDATE entity SET version = ?, kind = ? WHERE id = ?", (version, kind, service.id)
        )

    def with_property(self, group: str, one: str, other: str) -> list[Entity]:
        """The entities that have a property ``one`` or ``other`` of a group in some layer."""
        rows = self._db.execute(
            "SELECT DISTINCT e.id, e.fmri, e.service FROM property_group g"
            " JOIN property p ON p.entity = g.entity AND p.pg = g.name"
            " JOIN entity e ON e.id = g.entity WHERE g.name = ? AND p.name IN (?, ?)"
            " ORDER BY e.fmri",
            (group, one, other),
        )
        return [Entity(*row) for row in rows]

    def instances_of(self, fmris: Iterable[str]) -> set[str]:
        """The instances among these entities, and all those of the services among them."""
        found: set[str] = set()
        for fmri in fmris:
            entity = self.find(fmri)
            if entity is not None and entity.service is not None:
                found.add(fmri)
            elif entity is not None:
                found.update(instance.fmri for instance in self.instances(entity))
        return found

    def with_layer(self, layer: Layer) -> list[Entity]:
        """The entities of which a layer says something."""
        rows = self._db.execute(
            "SELECT DISTINCT e.id, e.fmri, e.service FROM group_layer l"
            " JOIN entity e ON e.id = l.entity WHERE l.layer = ? ORDER BY e.fmri",
            (int(layer),),
        )
        return [Entity(*row) for row in rows]

    def with_empty_group(self, name: str) -> list[Entity]:
        """The entities that have a group ``name`` without any property, sorted by FMRI."""
        rows = self._db.execute(
            "SELECT e.id, e.fmri, e.service FROM property_group g JOIN entity e ON e.id = g.entity"
            " WHERE g.name = ? AND NOT EXISTS"
            " (SELECT 1 FROM property p WHERE p.entity = g.entity AND p.pg = g.name)"
            " ORDER BY e.fmri",
            (name,),
        )
        return [Entity(*row) for row in rows]

    def load(self, entity: Entity, group: str | None = None) -> dict[str, LayeredGroup]:
        """The layered groups of an entity by name (masked ones too), or only one."""
        sql = _LOAD_ALL if group is None else _LOAD_ONE
        parameters: tuple[Parameter, ...] = (entity.id,) if group is None else (entity.id, group)
        groups, properties = (self._db.execute(part, parameters) for part in sql)
        found: dict[str, tuple[int, dict[Layer, Claim], dict[Layer, dict[str, Cell]]]] = {}
        with self._db.decoding(entity.fmri):
            sums: dict[str, int] = {}
            for name, generation, stored, layer, kind, masked, file in groups:
                claims = found.setdefault(name, (generation, {}, {}))[1]
                claims[_LAYERS[layer]] = Claim(kind, bool(masked), file)
                if stored is not None:
                    left = sums.get(name, stored - generation)
                    sums[name] = left - row_sum("", layer, kind, "", masked, file)
            for pg, name, layer, kind, values, masked, file in properties:
                cells = found[pg][2].setdefault(_LAYERS[layer], {})
                cells[name] = Cell(type_named(kind), decode_values(values), bool(masked), file)
                if pg in sums:
                    sums[pg] -= row_sum(name, layer, kind, values, masked, file)
            for name, left in sums.items():
                if left:
                    raise ValueError(f"the check sum of group {name} is wrong")
        return {
            name: LayeredGroup(name, claims, cells, generation)
            for name, (generation, claims, cells) in found.items()
        }

    def groups(self, entity: Entity, group: str | None = None) -> dict[str, PropertyGroup]:
        """The persistent groups of one entity as they hold, sorted by name."""
        found = {}
        for name, layered in sorted(self.load(entity, group).items()):
            seen = effective(layered)
            if seen is not None:
                found[name] = seen
        return found

    def save(
        self,
        entity: Entity,
        before: Mapping[str, LayeredGroup],
        after: Mapping[str, LayeredGroup | None],
    ) -> dict[str, int]:
        """Write the groups in ``after`` (None: delete) where they differ from ``before``.

        Returns the generation of each group in ``after`` that holds; it grows where what
        readers see has changed.
        """
        generations: dict[str, int] = {}
        rewritten: list[str] = []
        changed: list[tuple[LayeredGroup | None, LayeredGroup | None]] = []
        written: list[LayeredGroup] = []
        gone = 0
        for name, new in after.items():
            old = before.get(name)
            seen_old = effective(old)
            seen_new = effective(new) if new != old else seen_old
            generation = old.generation if old is not None else 0
            if seen_new is None:
                gone = max(gone, generation)
            elif seen_old is None:
                generation = max(generation, self._floor.value) + 1
            elif replace(seen_new, generation=generation) != seen_old:
                generation += 1
            if seen_new is not None:
                generations[name] = generation
            if (seen_old is None) != (seen_new is None) or (old and generation != old.generation):
                self.changed.add((entity.fmri, name))
            if new == old:
                continue
            changed.append((old, new))
            if old is not None:
                rewritten.append(name)
            if new is not None:
                written.append(replace(new, generation=generation))
        self._retire(gone)
        if rewritten:
            self._db.execute_many(
                "DELETE FROM property_group WHERE entity = ? AND name = ?",
                [(entity.id, name) for name in rewritten],
            )
        if written:
            self._insert(entity.id, written)
        if changed:
            self._log.saved((entity.id, entity.fmri, entity.service), changed)
        return generations

    def _insert(self, entity: int, groups: Iterable[LayeredGroup]) -> None:
        names: list[tuple[Parameter, ...]] = []
        claims: list[tuple[Parameter, ...]] = []
        cells: list[tuple[Parameter, ...]] = []
        for group in groups:
            total = group.generation
            for layer, claim in group.claims.items():
                said = (int(layer), claim.type, int(claim.masked), claim.file)
                claims.append((entity, group.name, *said))
                total += row_sum("", said[0], said[1], "", said[2], said[3])
            for layer, of_layer in group.cells.items():
                for name, cell in of_layer.items():
                    values = encode_values(cell.values)
                    row = (name, int(layer), cell.type.value, values, int(cell.masked), cell.file)
                    cells.append((entity, group.name, *row))
                    total += row_sum(*row)
            names.append((entity, group.name, group.generation, total))
        self._db.execute_many("INSERT INTO property_group VALUES (?, ?, ?, ?)", names)
        self._db.execute_many("INSERT INTO group_layer VALUES (?, ?, ?, ?, ?, ?)", claims)
        if cells:
            self._db.execute_many("INSERT INTO property VALUES (?, ?, ?, ?, ?, ?, ?, ?)", cells)

    def _retire(self, generation: int) -> None:
        if generation:
            retire(self._db, self._floor, generation)
