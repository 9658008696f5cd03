"""The whole check of a persistent store: that it holds what roost once wrote.

SQLite's own checks find a broken structure, and rows that do not belong together; the check
sums of groups and the hashes of snapshots find values that changed under our feet. Only reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from zlib import crc32

from roost.repository.database import Database

_REFERRING = ("entity", "property_group", "snapshot")
"""Tables whose references SQLite checks; those of groups come out of the sums."""
_CLAIMS = """SELECT entity, pg, ' ' || layer || ' ' || type || '  ' || masked || ' ' || file
  FROM group_layer"""
_CELLS = """SELECT entity, pg, name || ' ' || layer || ' ' || type || ' ' || "values"
    || ' ' || masked || ' ' || file
  FROM property"""
"""The rows of each group, as `encoding.row_sum` takes them."""


def check_structure(database: Database) -> None:
    """Raise RepositoryDamaged for what SQLite finds wrong by itself."""
    found = str(database.execute("PRAGMA integrity_check(1)")[0][0])
    if found != "ok":
        raise database.damaged(" ".join(found.split()))


def check_content(database: Database) -> None:
    """Raise RepositoryDamaged for what roost did not write like this."""
    for table in _REFERRING:
        if database.execute(f"PRAGMA foreign_key_check({table})"):
            raise database.damaged(f"table {table} refers to what is not there")
    with database.decoding("a group"):
        _check_sums(database)
        _check_levels(database)


def _check_sums(database: Database) -> None:
    left: dict[tuple[int, str], int | None] = {
        (entity, name): total
        for entity, name, total in database.execute(
            "SELECT entity, name, sum - generation FROM property_group"
        )
    }
    for sql in (_CLAIMS, _CELLS):
        for entity, pg, row in database.execute(sql):
            total = left[entity, pg]
            if total is not None:
                left[entity, pg] = total - crc32(row.encode())
    wrong = next((key for key, total in left.items() if total), None)
    if wrong is not None:
        fmri = _fmri_of(database.execute("SELECT fmri FROM entity WHERE id = ?", (wrong[0],)))
        raise ValueError(f"the check sum of {wrong[1]} of {fmri} is wrong")


def _fmri_of(rows: Iterable[tuple[object, ...]]) -> str:
    return str(next(iter(rows), ("?",))[0])


def _check_levels(database: Database) -> None:
    for content, digest in database.execute("SELECT content, hash FROM level"):
        if sha256(content.encode()).digest() != digest:
            raise ValueError("the hash of a snapshot is wrong")
