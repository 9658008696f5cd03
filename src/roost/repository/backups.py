"""Backups of the persistent store, as SMF keeps them beside it: ``repository-boot-DATE`` and
``repository-manifest_import-DATE``, four of each kind, the newest also by a link without date.

A backup is made whole under another name, synced and renamed. Only its own kind's oldest go,
and only once a new one is there. Must not decide when to make one.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from roost.errors import StorageFull, SystemCallFailed
from roost.repository.database import Database, create_file

KEPT = 4
"""Backups of each kind."""
_STAMP = "%Y%m%d_%H%M%S"
_LAST = "SELECT id, time_us FROM change ORDER BY id DESC LIMIT 1"


class BackupKind(Enum):
    """What happened before a backup was made."""

    BOOT = "boot"
    """svc.startd started, and the repository passed its check."""
    MANIFEST_IMPORT = "manifest_import"
    """Manifests or profiles were imported."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup; ``stamp`` is the local time of its making, YYYYMMDD_HHMMSS."""

    path: str
    kind: BackupKind
    stamp: str

    @property
    def when(self) -> str:
        """The time for people."""
        return time.strftime("%b %e %Y %H:%M:%S", time.strptime(self.stamp, _STAMP))


Mark = tuple[int, int]
"""The last entry of a change log: its number and its time in microseconds; 0, 0 without one."""


def backups_of(repository: str) -> list[Backup]:
    """The backups beside a repository file, the newest first; sound or not."""
    directory = os.path.dirname(repository)
    kinds = "|".join(kind.value for kind in BackupKind)
    form = re.compile(rf"repository-({kinds})-([0-9]{{8}}_[0-9]{{6}})")
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    found = [
        Backup(f"{directory}/{name}", BackupKind(match[1]), match[2])
        for name in names
        if (match := form.fullmatch(name)) and _is_date(match[2])
    ]
    return sorted(found, key=lambda each: (each.stamp, each.kind.value), reverse=True)


def make_backup(database: Database, kind: BackupKind, now_s: float) -> str | None:
    """Make a backup if the store has changed since the newest one; returns its path.

    Raises the errors of the store, StorageFull and SystemCallFailed; then nothing is left of
    it, and all others are still there.
    """
    present = backups_of(database.path)
    mark = last_change(database)
    if present and mark == mark_of(present[0].path):
        return None
    directory = os.path.dirname(database.path)
    base = f"{directory}/repository-{kind.value}"
    fresh = f"{base}.new"
    path = f"{base}-{_stamp(now_s, present[0].stamp if present else '')}"
    with storage_error(f"make the backup {path}", directory):
        with _removed_on_failure(fresh):
            create_file(fresh)
            database.execute("VACUUM INTO ?", (fresh,))
            sync(fresh)
            os.rename(fresh, path)
        _link(base, path)
        sync(directory)
        for old in [each for each in present if each.kind is kind][KEPT - 1 :]:
            os.unlink(old.path)
    return path


def last_change(database: Database) -> Mark:
    """The mark of an open store."""
    return next(((row[0], row[1]) for row in database.execute(_LAST)), (0, 0))


def mark_of(path: str) -> Mark | None:
    """The mark of a backup; None if it cannot be read. Nothing is written."""
    from urllib.parse import quote  # noqa: PLC0415  only where something is wrong

    uri = f"file:{quote(os.fsencode(path))}?immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            row = connection.execute(_LAST).fetchone()
            return (row[0], row[1]) if row is not None else (0, 0)
    except sqlite3.Error:
        return None


def sync(path: str) -> None:
    """Wait until a file, or a directory's entries, are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def storage_error(what: str, directory: str) -> Iterator[None]:
    """Turn what the kernel refuses inside into an error that says what cannot be done."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(what, "no space is left there", f"df {directory}") from problem
        why = problem.strerror or str(problem)
        raise SystemCallFailed(what, why, f"ls -la {directory}") from problem


def _stamp(now_s: float, newest: str) -> str:
    """The date of a new backup: later than that of the newest, however the clock was set."""
    stamp = time.strftime(_STAMP, time.localtime(now_s))
    if stamp > newest:
        return stamp
    import calendar  # noqa: PLC0415  only for two backups in one second

    return time.strftime(_STAMP, time.gmtime(calendar.timegm(time.strptime(newest, _STAMP)) + 1))


def _is_date(stamp: str) -> bool:
    try:
        time.strptime(stamp, _STAMP)
    except ValueError:
        return False
    return True


@contextmanager
def _removed_on_failure(path: str) -> Iterator[None]:
    """Remove what an earlier attempt left at ``path``, and what this one leaves if it fails."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise


def _link(base: str, path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(f"{base}.link")
    os.symlink(os.path.basename(path), f"{base}.link")
    os.rename(f"{base}.link", base)
