"""The tables of both stores, their numbered migrations, and the check at opening.

A migration is never edited once released; a change of the schema is a new one at the end.
The layout is described in docs/formats/repository.md.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass

from roost.errors import RepositoryTooNew, SystemCallFailed
from roost.repository.check import check_content, check_structure
from roost.repository.database import Database, Gate, damaged

_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""Of the files that SQLite keeps for one database."""

_META = """CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID"""

_PERSISTENT_1 = (
    _META,
    """CREATE TABLE entity (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  fmri TEXT NOT NULL UNIQUE,
  service INTEGER REFERENCES entity(id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL
) STRICT""",
    "CREATE INDEX entity_service ON entity(service)",
    """CREATE TABLE property_group (
  entity INTEGER NOT NULL REFERENCES entity(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (entity, name)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX property_group_name ON property_group(name)",
    """CREATE TABLE group_layer (
  entity INTEGER NOT NULL,
  pg TEXT NOT NULL,
  layer INTEGER NOT NULL,
  type TEXT NOT NULL,
  masked INTEGER NOT NULL,
  file TEXT NOT NULL,
  PRIMARY KEY (entity, pg, layer),
  FOREIGN KEY (entity, pg) REFERENCES property_group(entity, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE property (
  entity INTEGER NOT NULL,
  pg TEXT NOT NULL,
  name TEXT NOT NULL,
  layer INTEGER NOT NULL,
  type TEXT NOT NULL,
  "values" TEXT NOT NULL,
  masked INTEGER NOT NULL,
  file TEXT NOT NULL,
  PRIMARY KEY (entity, pg, name, layer),
  FOREIGN KEY (entity, pg) REFERENCES property_group(entity, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE level (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  content TEXT NOT NULL
) STRICT""",
    """CREATE TABLE snapshot (
  instance INTEGER NOT NULL REFERENCES entity(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  instance_level INTEGER NOT NULL REFERENCES level(id),
  service_level INTEGER NOT NULL REFERENCES level(id),
  PRIMARY KEY (instance, name)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX snapshot_instance_level ON snapshot(instance_level)",
    "CREATE INDEX snapshot_service_level ON snapshot(service_level)",
)

_PERSISTENT_2 = (
    # Of its rows (encoding.row_sum) and generation; NULL until the group is written again.
    "ALTER TABLE property_group ADD COLUMN sum INTEGER",
    "ALTER TABLE snapshot ADD COLUMN taken_us INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE snapshot ADD COLUMN taken_by TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE change (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  txn INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  program TEXT NOT NULL,
  pid INTEGER NOT NULL,
  call TEXT NOT NULL,
  op TEXT NOT NULL,
  fmri TEXT NOT NULL,
  pg TEXT NOT NULL,
  property TEXT NOT NULL,
  layer INTEGER,
  holds INTEGER NOT NULL,
  protected INTEGER NOT NULL,
  old_type TEXT,
  old_values TEXT,
  new_type TEXT,
  new_values TEXT,
  file TEXT NOT NULL
) STRICT""",
)

_VOLATILE_1 = (
    _META,
    """CREATE TABLE property_group (
  fmri TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  generation INTEGER NOT NULL,
  properties TEXT NOT NULL,
  PRIMARY KEY (fmri, name)
) STRICT, WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """One kind of file. ``migrations[n]`` leads from version n to n + 1."""

    application_id: int
    synchronous: str
    migrations: tuple[tuple[str, ...], ...]

    @property
    def version(self) -> int:
        """The version that this roost reads and writes."""
        return len(self.migrations)


PERSISTENT = Schema(int.from_bytes(b"roos"), "FULL", (_PERSISTENT_1, _PERSISTENT_2))
# WAL here too: it costs nothing on tmpfs, and unlike a journal in memory it leaves a whole
# transaction or none behind when svc.startd is killed in the middle of one.
VOLATILE = Schema(int.from_bytes(b"roov"), "OFF", (_VOLATILE_1,))


def open_database(path: str, schema: Schema, gate: Gate | None = None) -> Database:
    """Open or make the file, check it, and bring it to the present version.

    Raises RepositoryDamaged for a file that is broken, foreign or of a later version, and
    SystemCallFailed if another process has it open.
    """
    if schema is PERSISTENT:
        _make_if_absent(path, gate)
    database = Database(path, gate)
    try:
        _prepare(database, schema)
    except BaseException:
        database.close()
        raise
    return database


def _make_if_absent(path: str, gate: Gate | None) -> None:
    """Make the file whole under another name: an empty one is then always a damaged one."""
    if os.path.lexists(path):
        if not os.path.isfile(path):
            raise damaged(path, "it is not a regular file")
        if not os.path.getsize(path):
            raise damaged(path, "it is empty")
        return
    if os.path.lexists(f"{path}-wal"):
        raise damaged(path, f"it is gone, and its journal {path}-wal is there")
    fresh = f"{path}.new"
    try:
        for suffix in _SUFFIXES:
            with suppress(FileNotFoundError):
                os.unlink(fresh + suffix)
    except OSError as problem:
        raise _unopened(path, problem) from problem
    database = Database(fresh, gate)
    try:
        _prepare(database, PERSISTENT)
    finally:
        database.close()
    try:
        os.rename(fresh, path)
        directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as problem:
        raise _unopened(path, problem) from problem


def _unopened(path: str, problem: OSError) -> SystemCallFailed:
    why = problem.strerror or str(problem)
    hint = f"ls -ld {os.path.dirname(path)}"
    return SystemCallFailed(f"open the repository {path}", why, hint)


def _prepare(database: Database, schema: Schema) -> None:
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    # Before anything is written: a file that is not ours is left as it was.
    version = _version_of(database, schema)
    if version:
        check_structure(database)
        _check_tables(database, schema, version)
    mode = database.execute("PRAGMA journal_mode = WAL")[0][0]
    if mode != "wal":
        raise SystemCallFailed(
            f"use the repository {database.path}", f"its journal stays in mode {mode}"
        )
    database.execute(f"PRAGMA synchronous = {schema.synchronous}")
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute(f"PRAGMA journal_size_limit = {4 << 20}")
    if version < schema.version:
        with database.transaction():
            database.execute(f"PRAGMA application_id = {schema.application_id}")
            for statements in schema.migrations[version:]:
                for sql in statements:
                    database.execute(sql)
            database.execute(f"PRAGMA user_version = {schema.version}")
    if version and schema is PERSISTENT:
        check_content(database)


def _version_of(database: Database, schema: Schema) -> int:
    tables = int(database.execute("SELECT count(*) FROM sqlite_master")[0][0])
    application_id = int(database.execute("PRAGMA application_id")[0][0])
    version = int(database.execute("PRAGMA user_version")[0][0])
    if not tables and not version:
        return 0
    if application_id != schema.application_id or not version:
        raise database.damaged("it is not a repository of roost")
    if version > schema.version:
        why = f"a later roost wrote it (version {version}; this one knows {schema.version})"
        refused = database.damaged(why)
        raise RepositoryTooNew(refused.what, refused.why, refused.hint)
    return version


def _check_tables(database: Database, schema: Schema, version: int) -> None:
    sql = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    expected = sqlite3.connect(":memory:")
    try:
        for statements in schema.migrations[:version]:
            for statement in statements:
                expected.execute(statement)
        wanted = dict(expected.execute(sql).fetchall())
    finally:
        expected.close()
    found = {row[0]: row[1] for row in database.execute(sql)}
    wrong = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    if wrong:
        raise database.damaged(f"table {wrong[0]} is not as it should be")
