"""What becomes of a repository that fails its check: a sound backup takes its place.

The damaged file is set aside, never changed and never deleted. The steps, each safe against
an end of the process at any moment:

1. The newest backup that passes the whole check, as a copy, becomes
   ``repository.db.restored-DATE``: from here on it is decided.
2. The damaged file becomes ``repository.db.damaged-DATE``, and its journal the same with
   ``-wal``.
3. The copy becomes ``repository.db``.

A start that finds a file of step 1 goes on from there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from shlex import quote
from typing import TypeVar

from roost.errors import RepositoryDamaged, RepositoryTooNew, RoostError, SystemRefused
from roost.repository.backups import Backup, backups_of, last_change, mark_of, storage_error, sync
from roost.repository.database import Database, create_file, damaged
from roost.repository.history import ChangeLog, Entry
from roost.repository.schema import PERSISTENT, open_database

T = TypeVar("T")
MAX_LOST = 200
"""Entries of the damaged change log that are reported."""
_FILES = ("", "-wal", "-shm", "-journal")
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done. ``lost`` are the changes since the backup, the oldest first, as far as the
    damaged file still tells them; None if it does not.
    """

    damage: str
    backup: Backup
    aside: str
    lost: tuple[Entry, ...] | None
    skipped: tuple[str, ...]
    """Newer backups that are not sound."""


def open_or_recover(
    path: str, clock: Callable[[], float], opened: Callable[[], T]
) -> tuple[T, Recovery | None]:
    """What ``opened`` gives, which opens the repository file ``path`` and checks it; if that
    finds damage, once more with a backup in its place.

    Raises RepositoryDamaged where no backup can take its place, RepositoryTooNew for the file
    of a later roost; both leave everything as it was.
    """
    _finish_earlier(path)
    damage = _damage_in_copy(path)
    if damage is None:
        try:
            return opened(), None
        except RepositoryTooNew:
            raise
        except RepositoryDamaged as problem:
            if os.path.lexists(path) and not os.path.isfile(path):
                raise
            damage = problem.why
    stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(clock()))
    backup, skipped = _prepared(path, stamp, damage, clock)
    mark = mark_of(backup.path)
    _put_in_place(path, stamp)
    aside = f"{path}.damaged-{stamp}"
    recovery = Recovery(damage, backup, aside, _changes_after(aside, mark or (0, 0)), skipped)
    return opened(), recovery


def report(recovery: Recovery, path: str) -> list[str]:
    """What an administrator has to know, line by line, the most important first."""
    when = recovery.backup.when
    lines = [
        f"{path} was damaged ({recovery.damage}); the backup of {when} took its place.",
        f"What was set since then is lost. The damaged file is {recovery.aside}.",
    ]
    lines += [f"{skipped} is damaged too." for skipped in recovery.skipped]
    aside, here = quote(recovery.aside), quote(path)
    moves = [f"mv {here} {here}.after"]  # svc.startd leaves no journal when it ends in order
    moves += [
        f"mv {aside}{end} {here}{end}" for end in _FILES if os.path.lexists(recovery.aside + end)
    ]
    lines.append(f"To go back to it, with svc.startd ended: {' && '.join(moves)}")
    if recovery.lost is None:
        lines.append("It cannot be told which changes are lost.")
    elif not recovery.lost:
        lines.append("The damaged file tells of no change since then.")
    seen: set[int] = set()
    for entry in recovery.lost or ():
        if entry.transaction not in seen:
            seen.add(entry.transaction)
            lines.append(f"Lost: {_told(entry, recovery.lost or ())}")
    return lines


def _told(first: Entry, entries: tuple[Entry, ...]) -> str:
    """One transaction: when, who, and where; no values."""
    when = time.strftime("%b %e %H:%M:%S", time.localtime(first.time_s))
    places = dict.fromkeys(
        "/".join(filter(None, (each.fmri, each.group, each.property)))
        for each in entries
        if each.transaction == first.transaction
    )
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    who = f"{first.actor.user} ({first.actor.program})"
    return f"transaction {first.transaction}, {when}, {who}: {', '.join([*places][:3])}{more}"


# --- looking ------------------------------------------------------------------------------


def _damage_in_copy(path: str) -> str | None:
    """Why a file with a journal cannot be used; None if it can, has none, or cannot be copied.

    A copy, since SQLite writes a journal that it finds into the file when it closes it.
    """
    if not (_size(path) and _size(f"{path}-wal")):
        return None
    try:
        with _copy_of(path) as copy:
            open_database(copy, PERSISTENT).close()
    except RepositoryTooNew as problem:
        refused = damaged(path, problem.why)
        raise RepositoryTooNew(refused.what, refused.why, refused.hint) from None
    except RepositoryDamaged as problem:
        return problem.why
    except SystemRefused:
        return None
    return None


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


@contextmanager
def _copy_of(path: str) -> Iterator[str]:
    """A copy of a database with its journal, for as long as it is looked at."""
    copy = f"{path}.copy"
    _remove(copy)
    try:
        with storage_error(f"copy {path} to look at it", os.path.dirname(path)):
            for suffix in ("", "-wal"):
                if os.path.lexists(path + suffix):
                    _copy_file(path + suffix, copy + suffix)
        yield copy
    finally:
        with suppress(OSError):
            _remove(copy)


def _copy_file(source: str, target: str) -> None:
    create_file(target)
    with open(source, "rb") as file, open(target, "wb") as out:
        import shutil  # noqa: PLC0415  only where something is wrong

        shutil.copyfileobj(file, out, _BLOCK_BYTES)
        out.flush()
        os.fsync(out.fileno())


def _remove(path: str) -> None:
    for suffix in _FILES:
        with suppress(FileNotFoundError):
            os.unlink(path + suffix)


# --- acting -------------------------------------------------------------------------------


def _prepared(
    path: str, stamp: str, damage: str, clock: Callable[[], float]
) -> tuple[Backup, tuple[str, ...]]:
    """Make the copy of the newest sound backup that is to be the repository (step 1)."""
    skipped: list[str] = []
    fresh = f"{path}.new"
    for backup in backups_of(path):
        try:
            _remove(fresh)
            _copy_file(backup.path, fresh)
            database = open_database(fresh, PERSISTENT)
            try:
                log = ChangeLog(database, clock)
                with database.transaction():
                    log.restored(backup.path)
            finally:
                database.close()
            os.rename(fresh, f"{path}.restored-{stamp}")
            sync(os.path.dirname(path))
        except RepositoryDamaged:
            skipped.append(backup.path)
            continue
        except (OSError, SystemRefused) as problem:
            with suppress(OSError):
                _remove(fresh)
            reason = problem.strerror if isinstance(problem, OSError) else problem.args[1]
            why = f"{damage}; its backup {backup.path} cannot be copied: {reason}"
            what = f"use the repository {path}"
            raise RepositoryDamaged(what, why, f"df {os.path.dirname(path)}") from problem
        return backup, tuple(skipped)
    with suppress(OSError):
        _remove(fresh)
    refused = damaged(path, damage)
    why = f"{damage}; none of its {len(skipped)} backups is sound" if skipped else damage
    if not skipped:
        why += "; it has no backup"
    raise RepositoryDamaged(refused.what, why, refused.hint)


def _put_in_place(path: str, stamp: str) -> None:
    """Set the damaged file aside and give its name to the copy (steps 2 and 3)."""
    directory = os.path.dirname(path)
    with storage_error(f"set {path} aside", directory):
        for suffix in _FILES:
            with suppress(FileNotFoundError):
                os.rename(path + suffix, f"{path}.damaged-{stamp}{suffix}")
        sync(directory)
        os.rename(f"{path}.restored-{stamp}", path)
        sync(directory)


def _finish_earlier(path: str) -> None:
    """Go on with what an end of the process interrupted after it was decided."""
    directory, name = os.path.split(path)
    form = re.compile(rf"{re.escape(name)}\.restored-([0-9_]+)")
    try:
        found = sorted(
            match[1] for entry in os.listdir(directory) if (match := form.fullmatch(entry))
        )
    except FileNotFoundError:
        return
    for stamp in found[-1:]:
        _put_in_place(path, stamp)


def _changes_after(aside: str, mark: tuple[int, int]) -> tuple[Entry, ...] | None:
    """What the change log of the damaged file says since a backup; None if it says nothing."""
    try:
        with _copy_of(aside) as copy:
            database = Database(copy)
            try:
                database.execute("PRAGMA locking_mode = EXCLUSIVE")
                if last_change(database) < mark:
                    return None
                return tuple(ChangeLog(database, time.time).after(mark[0], MAX_LOST))
            finally:
                database.close()
    except RoostError:  # whatever it is, there may be no such table in a file like this
        return None
