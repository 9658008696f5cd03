"""The change log: who changed what in the persistent store, in the transaction of the change.

`EntityStore` calls `ChangeLog` for each change; an entry is stored with it or not at all.
What is stored of an entity in the transaction that makes it is part of the one entry that
says so. Values of protected groups are never stored, and those stored earlier of a group that
becomes protected are wiped. The oldest entries go, some at a time, when there are too many.
Decides nothing about the configuration.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from roost.model import protection
from roost.repository.bookkeeping import HASH_SERVICE, OWN_GROUPS
from roost.repository.database import Database, Parameter, Row
from roost.repository.differences import Difference, Said, differences, is_protected
from roost.repository.encoding import decode_values, encode_values
from roost.repository.layers import Layer, LayeredGroup, effective

KEPT_ENTRIES = 10_000
"""The newest entries are kept, and up to `CHUNK` more."""
CHUNK = 1_000
"""So many of the oldest entries, or more, go at a time."""
MAX_VALUES_CHARS = 16 * 1024
"""Of the values of one property as JSON; the values beyond are only counted."""

_COLUMNS = (
    "txn, time_us, uid, user, program, pid, call, op, fmri, pg, property, layer, holds,"
    " protected, old_type, old_values, new_type, new_values, file"
)
_INSERT = f"INSERT INTO change ({_COLUMNS}) VALUES ({', '.join('?' * 19)})"  # noqa: S608  no text of others
_SELECT = f"SELECT id, {_COLUMNS} FROM change"  # noqa: S608  no text of others
_LAYERS = tuple(Layer)
_US = 1_000_000


class Op(Enum):
    """What an entry is about."""

    ADDED = "added"
    """A service or instance was made (with all that its ``file`` says of it)."""
    DELETED = "deleted"
    """A service or instance went away."""
    GROUP = "group"
    """A property group came, went or has another type."""
    PROPERTY = "property"
    """A property came, went or has other values."""
    SNAPSHOT = "snapshot"
    """The snapshot ``property`` shows the configuration of now."""
    REVERTED = "reverted"
    """What follows in this transaction sets the configuration to the snapshot ``property``."""
    RESTORED = "restored"
    """The repository was damaged, and the backup ``file`` took its place."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who made a change: the caller of svc.startd, as the kernel said at the time."""

    uid: int
    user: str
    program: str
    pid: int
    call: str
    """The call of the API; "" where svc.startd acted by itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. ``old`` and ``new`` are None where there is nothing, and have no values where
    these are ``protected``. ``holds``: readers see it, no higher layer hides it.
    """

    id: int
    transaction: int
    time_s: float
    actor: Actor
    op: Op
    fmri: str
    group: str = ""
    property: str = ""
    layer: Layer | None = None
    holds: bool = True
    protected: bool = False
    old: Said | None = None
    new: Said | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Since when a snapshot says what it says (seconds since the epoch; 0: not known), and who
    brought that about.
    """

    name: str
    time_s: float
    user: str


ActorSource = Callable[[], Actor]
"""Asked when a change is made: most calls make none."""
_users: dict[int, str] = {}


def user_name(uid: int) -> str:
    """The user's name; the number where it has none."""
    if uid not in _users:
        try:
            _users[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)
    return _users[uid]


def svc_startd() -> Actor:
    """This process, acting by itself."""
    uid = os.geteuid()
    return Actor(uid, user_name(uid), "svc.startd", os.getpid(), "")


def _nobody_waits() -> None:
    """Nobody follows the log."""


class ChangeLog:
    """The table change. Methods that write want a transaction."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._db = database
        self._clock = clock
        self._source: ActorSource = svc_startd
        self.on_change: Callable[[], None] = _nobody_waits
        """Called when a transaction makes its first entry, before it is committed."""
        self._transaction = 0
        self._head: tuple[Parameter, ...] = ()
        self._fresh: set[int] = set()
        """Entities that this transaction made."""

    @contextmanager
    def acting(self, source: ActorSource) -> Iterator[None]:
        """Changes made inside are those of this actor."""
        outer, self._source = self._source, source
        try:
            yield
        finally:
            self._source = outer

    @property
    def actor(self) -> Actor:
        """Who acts now."""
        return self._source()

    @property
    def is_asked(self) -> bool:
        """Does svc.startd act for a caller now?"""
        return self._source is not svc_startd

    def stamp(self) -> tuple[int, str]:
        """Now, in microseconds since the epoch, and the acting user."""
        head = self._begin()
        return int(head[1] or 0), str(head[3])

    # --- what was done -------------------------------------------------------------------

    def added(self, entity: int, fmri: str, file: str) -> None:
        """The entity with this row id was made; a file that is imported says so, or a command."""
        self._begin()
        self._fresh.add(entity)
        if fmri != HASH_SERVICE:
            self._write([self._row(Op.ADDED, fmri, file=file)])

    def deleted(self, fmri: str) -> None:
        """An entity is going away."""
        self._write([self._row(Op.DELETED, fmri)])

    def snapshot_taken(self, entity: int, fmri: str, name: str) -> None:
        """A snapshot of the instance shows the present configuration from now on."""
        self._begin()
        if entity not in self._fresh:
            self._write([self._row(Op.SNAPSHOT, fmri, prop=name)])

    def reverted(self, fmri: str, snapshot: str) -> None:
        """The configuration of an instance is set to a snapshot's."""
        self._write([self._row(Op.REVERTED, fmri, prop=snapshot)])

    def restored(self, backup: str) -> None:
        """A backup took the place of the damaged repository."""
        self._write([self._row(Op.RESTORED, "", file=backup)])

    def saved(
        self,
        entity: tuple[int, str, int | None],
        changed: Sequence[tuple[LayeredGroup | None, LayeredGroup | None]],
    ) -> None:
        """Groups of an entity (row id, FMRI, row id of its service) were written."""
        number, fmri, service = entity
        self._begin()
        if number in self._fresh:
            # Made anew under a name of which the log may tell.
            for _, new in changed:
                if new is not None and is_protected(new):
                    self._wipe(fmri, new.name)
            return
        told = [(old, new) for old, new in changed if not _is_record(fmri, old, new)]
        rows: list[tuple[Parameter, ...]] = []
        protected_above = self._protected_groups(service) if service and told else frozenset()
        for old, new in told:
            name = (new or old or LayeredGroup("")).name
            is_secret = name in protected_above or is_protected(old) or is_protected(new)
            if is_protected(new) and not is_protected(old):
                self._wipe(fmri, name)
            rows += (
                self._difference(fmri, name, each, is_secret=is_secret)
                for each in differences(old, new)
            )
        self._write(rows)

    # --- what there is -------------------------------------------------------------------

    def before(self, entry: int | None, limit: int) -> list[Entry]:
        """At most ``limit`` entries older than one (None: the newest), newest first."""
        if entry is None:
            return self._read(f"{_SELECT} ORDER BY id DESC LIMIT ?", (limit,))
        return self._read(f"{_SELECT} WHERE id < ? ORDER BY id DESC LIMIT ?", (entry, limit))

    def after(self, entry: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries newer than one, oldest first."""
        return self._read(f"{_SELECT} WHERE id > ? ORDER BY id LIMIT ?", (entry, limit))

    def last(self) -> int:
        """The number of the newest entry; 0 if there is none."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM change")[0][0])

    def _read(self, sql: str, parameters: tuple[Parameter, ...]) -> list[Entry]:
        rows = self._db.execute(sql, parameters)
        with self._db.decoding("the change log"):
            return [_entry(row) for row in rows]

    # --- rows ----------------------------------------------------------------------------

    def _begin(self) -> tuple[Parameter, ...]:
        """What all entries of the transaction under way have in common, made at its first."""
        if self._transaction != self._db.transactions:
            self._transaction = self._db.transactions
            self._fresh.clear()
            self._head = ()
        if not self._head:
            newest = self._db.execute("SELECT id, txn FROM change ORDER BY id DESC LIMIT 1")
            number = newest[0][1] + 1 if newest else 1
            who = self._source()
            now_us = int(self._clock() * _US)
            self._head = (number, now_us, who.uid, who.user, who.program, who.pid, who.call)
            self._trim(newest[0][0] if newest else 0)
            self.on_change()
        return self._head

    def _trim(self, newest: int) -> None:
        oldest = self._db.execute("SELECT id FROM change ORDER BY id LIMIT 1")
        if oldest and newest - oldest[0][0] + 1 >= KEPT_ENTRIES + CHUNK:
            self._db.execute("DELETE FROM change WHERE id <= ?", (newest - KEPT_ENTRIES,))

    def _row(
        self,
        op: Op,
        fmri: str,
        *,
        group: str = "",
        prop: str = "",
        layer: Layer | None = None,
        file: str = "",
        values: tuple[Parameter, ...] = (1, 0, None, None, None, None),
    ) -> tuple[Parameter, ...]:
        number = int(layer) if layer is not None else None
        return (*self._begin(), op.value, fmri, group, prop, number, *values, file)

    def _difference(
        self, fmri: str, group: str, found: Difference, *, is_secret: bool
    ) -> tuple[Parameter, ...]:
        is_secret = is_secret and bool(found.property)
        sides: list[Parameter] = []
        for said in (found.old, found.new):
            sides.append(said.type if said is not None else None)
            is_told = said is not None and found.property and not is_secret
            sides.append(_bounded(said.values) if said is not None and is_told else None)
        return self._row(
            Op.PROPERTY if found.property else Op.GROUP,
            fmri,
            group=group,
            prop=found.property,
            layer=found.layer,
            file=found.file,
            values=(int(found.holds), int(is_secret), *sides),
        )

    def _write(self, rows: Sequence[tuple[Parameter, ...]]) -> None:
        if rows:
            self._db.execute_many(_INSERT, rows)

    def _protected_groups(self, service: int) -> frozenset[str]:
        rows = self._db.execute(
            "SELECT DISTINCT pg FROM property WHERE entity = ? AND name = ?",
            (service, protection.READ),
        )
        return frozenset(pg for (pg,) in rows)

    def _wipe(self, fmri: str, group: str) -> None:
        """The group is protected from now on: forget what was told of it, its instances' too."""
        self._db.execute(
            "UPDATE change SET protected = 1, old_values = NULL, new_values = NULL"
            " WHERE pg = ?1 AND op = 'property'"
            " AND (fmri = ?2 OR substr(fmri, 1, length(?2) + 1) = ?2 || ':')",
            (group, fmri),
        )


def _is_record(fmri: str, old: LayeredGroup | None, new: LayeredGroup | None) -> bool:
    """Is it what the repository notes of files? Those entries would only repeat others.

    Forgetting the hash of a file is told: it makes the next start import it again.
    """
    group = new or old
    if group is None or group.name in OWN_GROUPS:
        return True
    return fmri == HASH_SERVICE and effective(new) is not None


def _bounded(values: tuple[str, ...]) -> str:
    text = encode_values(values)
    if len(text) <= MAX_VALUES_CHARS:
        return text
    kept: list[str] = []
    length = 0
    for value in values:
        length += len(encode_values((value,)))
        if length > MAX_VALUES_CHARS:
            break
        kept.append(value)
    return encode_values((*kept, f"... {len(values) - len(kept)} more"))


def _entry(row: Row) -> Entry:
    (number, txn, time_us, *who, op, fmri, group, prop, layer, holds, protected) = row[:15]
    old_type, old_values, new_type, new_values, file = row[15:]
    uid, user, program, pid, call = who
    return Entry(
        number,
        txn,
        time_us / _US,
        Actor(uid, user, program, pid, call),
        Op(op),
        fmri,
        group,
        prop,
        _LAYERS[layer] if layer is not None else None,
        bool(holds),
        bool(protected),
        _said(old_type, old_values),
        _said(new_type, new_values),
        file,
    )


def _said(kind: str | None, values: str | None) -> Said | None:
    if kind is None:
        return None
    return Said(kind, decode_values(values) if values is not None else ())
