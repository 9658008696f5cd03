"""Backups: when one is made, how many are kept, and that a failure costs none."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from roost.errors import StorageFull, SystemCallFailed
from roost.layout import Layout
from roost.repository import Repository
from roost.repository.backups import BackupKind, backups_of

from .builders import config, instance, manifest, opened, put, service, state_of

X = "svc:/x:default"
NOON_S = time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1))
BOOT, IMPORT = BackupKind.BOOT, BackupKind.MANIFEST_IMPORT


@pytest.fixture
def etc(repository: Repository) -> Path:
    """The directory of the repository, which has one service."""
    repository.import_bundle(manifest(service(instances=(instance(config("port=count:80")),))))
    return Path(repository._db.path).parent


def _change(repository: Repository, value: int) -> None:
    repository.commit(X, "config", [put(f"port=count:{value}")])


def _names(etc: Path) -> set[str]:
    return {path.name for path in etc.iterdir() if not path.name.startswith("repository.db")}


def test_a_backup_is_named_and_linked_as_smf_does(repository: Repository, etc: Path) -> None:
    path = repository.back_up(BOOT, NOON_S)
    assert path == f"{etc}/repository-boot-20261123_120000"
    assert _names(etc) == {"repository-boot-20261123_120000", "repository-boot"}
    assert os.readlink(etc / "repository-boot") == "repository-boot-20261123_120000"
    assert os.stat(path).st_mode & 0o777 == 0o600
    (backup,) = backups_of(repository._db.path)
    assert backup.when == "Nov 23 2026 12:00:00"


def test_a_backup_is_a_repository(repository: Repository, etc: Path, tmp_path: Path) -> None:
    before = state_of(repository)
    path = repository.back_up(BOOT, NOON_S)
    assert path is not None
    _change(repository, 81)
    other = Path(Layout(str(tmp_path / "other")).repository)
    other.parent.mkdir(parents=True)
    Path(path).rename(other)
    with opened(tmp_path / "other") as copy:
        assert state_of(copy) == before
    assert etc


def test_without_a_change_there_is_no_other(repository: Repository, etc: Path) -> None:
    assert repository.back_up(BOOT, NOON_S)
    assert repository.back_up(BOOT, NOON_S + 9) is None
    assert repository.back_up(IMPORT, NOON_S + 9) is None
    _change(repository, 81)
    assert repository.back_up(IMPORT, NOON_S + 9) == (
        f"{etc}/repository-manifest_import-20261123_120009"
    )
    assert repository.back_up(BOOT, NOON_S + 10) is None


def test_an_empty_repository_needs_none(repository: Repository) -> None:
    assert repository.back_up(BOOT, NOON_S) is None


def test_a_backup_that_cannot_be_read_counts_for_nothing(repository: Repository, etc: Path) -> None:
    (etc / "repository-boot-20300101_000000").write_text("no database")
    assert repository.back_up(BOOT, NOON_S) == f"{etc}/repository-boot-20300101_000001"


def test_four_of_each_kind_are_kept(repository: Repository, etc: Path) -> None:
    for number in range(6):
        for kind in BackupKind:
            _change(repository, 100 + 2 * number + (kind is BOOT))
            assert repository.back_up(kind, NOON_S + 60 * number)
    for kind in BackupKind:
        kept = sorted(name for name in _names(etc) if name.startswith(f"repository-{kind.value}-"))
        assert len(kept) == 4
        assert os.readlink(etc / f"repository-{kind.value}") == kept[-1]
    assert len(_names(etc)) == 10


def test_a_clock_that_was_set_back_makes_no_older_backup(repository: Repository, etc: Path) -> None:
    for number, now_s in enumerate((NOON_S, NOON_S - 86400, NOON_S - 86400)):
        _change(repository, 100 + number)
        path = repository.back_up(BOOT, now_s)
        assert backups_of(repository._db.path)[0].path == path
    assert os.readlink(etc / "repository-boot") == "repository-boot-20261123_120002"


def test_other_files_are_no_backups(repository: Repository, etc: Path) -> None:
    for name in (
        "boot-20261399_120000",
        "boot-1",
        "mine-20261123_120000",
        "boot-20261123_120000.gz",
    ):
        (etc / f"repository-{name}").touch()
    assert backups_of(repository._db.path) == []


def test_what_cannot_be_written_costs_nothing(repository: Repository, etc: Path) -> None:
    for number in range(4):
        _change(repository, 100 + number)
        repository.back_up(BOOT, NOON_S + number)
    before = _names(etc)
    _change(repository, 99)
    (etc / "repository-boot.new").mkdir()
    with pytest.raises(SystemCallFailed, match="cannot make the backup"):
        repository.back_up(BOOT, NOON_S + 10)
    (etc / "repository-boot.new").rmdir()
    assert _names(etc) == before
    assert repository.back_up(BOOT, NOON_S + 10)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE])
def test_a_failing_disk_costs_only_the_backup(tmp_path: Path, code: int) -> None:
    def gate(_number: int, sql: str) -> None:
        if sql.startswith("VACUUM"):
            problem = sqlite3.OperationalError("database or disk is full")
            problem.sqlite_errorcode = code
            raise problem

    with opened(tmp_path, gate=gate) as repository:
        repository.import_bundle(manifest(service()))
        before = state_of(repository)
        with pytest.raises((StorageFull, SystemCallFailed)):
            repository.back_up(BOOT, NOON_S)
        assert _names(Path(repository._db.path).parent) == set()
        assert state_of(repository) == before
