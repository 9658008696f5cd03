"""A damaged repository: a sound backup takes its place, or nothing is touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from roost.errors import RepositoryDamaged, RepositoryTooNew
from roost.layout import Layout
from roost.repository.backups import BackupKind
from roost.repository.history import Op
from roost.repository.recovery import report

from .builders import opened, state_of
from .damaged_house import ALICE, NOW_S, House, X


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "root", is_killed=False)


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for start in range(8192, len(content), 4096):
        content[start : start + 64] = b"\x5a" * 64
    path.write_bytes(content)


def test_a_sound_repository_is_opened(house: House) -> None:
    before = house.files()
    repository, recovery = house.open()
    repository.close()
    assert recovery is None
    assert house.files() == before


def test_the_newest_backup_takes_the_place_of_a_damaged_file(house: House) -> None:
    _damage(house.path)
    damaged = house.path.read_bytes()
    repository, recovery = house.open()
    assert recovery is not None
    assert state_of(repository) == house.states[1]
    last = repository.history.before(None, 1)[0]
    assert (last.op, last.file) == (Op.RESTORED, recovery.backup.path)
    repository.close()
    assert recovery.backup.kind is BackupKind.MANIFEST_IMPORT
    assert recovery.aside == f"{house.path}.damaged-{recovery.aside[-15:]}"
    assert Path(recovery.aside).read_bytes() == damaged
    assert os.stat(house.path).st_mode & 0o777 == 0o600
    again, nothing = house.open()
    again.close()
    assert nothing is None


def test_what_is_lost_is_told_without_values(house: House) -> None:
    # Damage that leaves the change log readable.
    with sqlite3.connect(house.path) as store:
        store.execute("UPDATE property SET \"values\" = '[\"7\"]' WHERE name = 'port'")
    store.close()
    repository, recovery = house.open()
    repository.close()
    assert recovery is not None
    assert recovery.lost is not None
    assert [(e.actor, e.fmri) for e in recovery.lost] == [(ALICE, X), (ALICE, "svc:/late")]
    lines = report(recovery, str(house.path))
    assert "check sum of config of svc:/x:default" in lines[0]
    assert recovery.backup.when in lines[0]
    assert recovery.aside in lines[1]
    lost = [line for line in lines if line.startswith("Lost: ")]
    assert len(lost) == 2
    assert f"alice (svccfg): {X}/config/port" in lost[0]
    assert "99" not in lost[0].replace(str(NOW_S), "")


def test_going_back_as_told(house: House) -> None:
    _damage(house.path)
    damaged = house.path.read_bytes()
    repository, recovery = house.open()
    repository.close()
    assert recovery is not None
    (line,) = [line for line in report(recovery, str(house.path)) if "go back" in line]
    assert os.system(line.partition("ended: ")[2]) == 0  # as a person would type it
    assert house.path.read_bytes() == damaged


def test_an_unsound_backup_is_passed_over(house: House) -> None:
    backups = sorted(house.path.parent.glob("repository-*-*"))
    newest = next(path for path in backups if "manifest" in path.name)
    _damage(newest)
    _damage(house.path)
    kept = newest.read_bytes()
    repository, recovery = house.open()
    assert state_of(repository) == house.states[0]
    repository.close()
    assert recovery is not None
    assert recovery.skipped == (str(newest),)
    assert newest.read_bytes() == kept
    assert any(str(newest) in line for line in report(recovery, str(house.path)))


def _without_backups(house: House) -> None:
    for path in house.path.parent.glob("repository-*"):
        path.unlink()


def _damage_backups(house: House) -> None:
    for path in house.path.parent.glob("repository-*-*"):
        _damage(path)


@pytest.mark.parametrize("prepare", [_without_backups, _damage_backups])
def test_without_a_sound_backup_it_is_refused(
    house: House, prepare: Callable[[House], object]
) -> None:
    prepare(house)
    _damage(house.path)
    before = house.files()
    with pytest.raises(RepositoryDamaged, match="backup") as caught:
        house.open()
    assert caught.value.exit_status == 104
    assert f"mv {house.path}* " in caught.value.hint
    assert house.files() == before


def test_the_file_of_a_later_roost_is_no_damage(tmp_path: Path) -> None:
    for is_killed in (False, True):
        house = House(tmp_path / str(is_killed), is_killed=is_killed)
        if is_killed:  # its journal says so
            with opened(tmp_path / "other") as repository:
                repository._db.execute("PRAGMA user_version = 1000")
                for suffix in ("", "-wal"):
                    other = Layout(str(tmp_path / "other")).repository
                    shutil.copy(other + suffix, f"{house.path}{suffix}")
        else:
            with sqlite3.connect(house.path) as store:
                store.execute("PRAGMA user_version = 1000")
            store.close()
        before = house.files()
        with pytest.raises(RepositoryTooNew, match="a later roost") as caught:
            house.open()
        assert str(house.path) in caught.value.what
        assert caught.value.exit_status == 104
        assert house.files() == before


def test_a_full_disk_refuses_and_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _damage(house.path)
    before = house.files()

    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(RepositoryDamaged, match="cannot be copied: No space left") as caught:
        house.open()
    assert caught.value.hint.startswith("df ")
    assert house.files() == before


class _Ended(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("is_killed", [False, True])
def test_an_end_at_any_step_is_made_good_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_killed: bool
) -> None:
    """Wherever recovery ends, the next start has a sound state, and the damaged file is there."""
    whole = House(tmp_path / "whole", is_killed=is_killed)
    _damage(whole.path)
    damaged = whole.path.read_bytes()
    calls = {name: getattr(os, name) for name in ("rename", "unlink", "fsync", "open")}
    is_over = False
    for last in range(1, 200):
        house = whole.copy(tmp_path / str(last))
        left = last

        def step(name: str, *given: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if not left:
                raise _Ended
            return calls[name](*given, **more)

        for name in calls:
            monkeypatch.setattr(os, name, partial(step, name))
        try:
            house.open()[0].close()
            is_over = True
        except _Ended:
            pass
        for name, function in calls.items():
            monkeypatch.setattr(os, name, function)
        repository, _ = house.open()
        assert state_of(repository) == whole.states[1]
        repository.close()
        kept = [content for name, content in house.files().items() if ".damaged-" in name]
        assert damaged in kept
        if is_over:
            break
    assert is_over
    assert last > 10
