"""Files that cannot be used, full disks, and every statement failing in turn."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roost.errors import (
    InternalError,
    RepositoryDamaged,
    StorageFull,
    SystemCallFailed,
)
from roost.layout import Layout
from roost.model.bundle import BundleType, Dependent
from roost.repository import Layer, Repository, open_repository
from roost.repository.port import SourceFile

from .builders import config, group, instance, manifest, opened, put, service, state_of

S, X = "svc:/x", "svc:/x:default"


def _file(root: Path) -> Path:
    return Path(Layout(str(root)).repository)


def _fill(repository: Repository) -> None:
    dependents = (Dependent("dep", "require_all", "none", "svc:/t:default"),)
    for port in (80, 81):
        found = instance(config(f"port=count:{port}"), dependents=dependents)
        repository.import_bundle(
            manifest(service(group("start", "exec=:true"), instances=(found,))), "/x.xml", "ab"
        )
    repository.take_snapshot(X, "running")
    repository.commit(X, "config", [put("port=count:90")])
    repository.write_volatile({X: [group("restarter", "state=online", kind="framework")]})


def _refused(root: Path) -> RepositoryDamaged:
    path = _file(root)
    before = path.read_bytes()
    with pytest.raises(RepositoryDamaged) as caught:
        open_repository(Layout(str(root)))
    assert caught.value.message.startswith(f"cannot use the repository {path}: ")
    assert f"mv {path}* " in caught.value.hint
    assert path.read_bytes() == before
    return caught.value


def test_what_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    _file(tmp_path).parent.mkdir(parents=True)
    _file(tmp_path).write_text("port = 80\n" * 100)
    _refused(tmp_path)


def test_a_foreign_database_is_refused_and_kept(tmp_path: Path) -> None:
    _file(tmp_path).parent.mkdir(parents=True)
    with sqlite3.connect(_file(tmp_path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    assert "not a repository of roost" in _refused(tmp_path).why


def test_a_later_version_is_refused_and_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        repository._db.execute("PRAGMA user_version = 1000")
    assert "a later roost wrote it" in _refused(tmp_path).why


def test_a_changed_table_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        repository._db.execute("ALTER TABLE entity ADD COLUMN more TEXT")
    assert "table entity" in _refused(tmp_path).why


def test_damaged_pages_are_found_at_opening(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _fill(repository)
    pages = bytearray(_file(tmp_path).read_bytes())
    for start in range(4096 * 2, len(pages), 4096):
        pages[start : start + 64] = b"\x5a" * 64
    _file(tmp_path).write_bytes(pages)
    _refused(tmp_path)


def test_a_file_cut_short_is_found_at_opening(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _fill(repository)
    os.truncate(_file(tmp_path), 3 * 4096)
    _refused(tmp_path)


def test_setting_it_aside_as_told_gives_a_fresh_start(tmp_path: Path) -> None:
    _file(tmp_path).parent.mkdir(parents=True)
    _file(tmp_path).write_text("no database" * 500)
    aside = _refused(tmp_path).hint.split()[2]
    assert aside == str(_file(tmp_path).parent / "damaged")
    Path(aside).mkdir()
    _file(tmp_path).rename(Path(aside) / "repository.db")
    with opened(tmp_path) as repository:
        assert repository.services() == []


def test_a_second_opener_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _fill(repository)
        before = state_of(repository)
        with pytest.raises(SystemCallFailed, match="another process has it open"):
            open_repository(Layout(str(tmp_path)), fresh_boot=True)
        assert state_of(repository) == before
        repository.commit(X, "config", [put("port=count:91")])
    with opened(tmp_path) as repository:
        assert repository.groups(X)["config"].value("port") == "91"
        assert repository.groups(X)["restarter"].value("state") == "online"


def test_a_directory_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("")
    with pytest.raises(SystemCallFailed, match="cannot open the repository"):
        open_repository(Layout(str(tmp_path)))


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with opened(tmp_path):
        layout = Layout(str(tmp_path))
        for path in (layout.repository, layout.volatile_repository):
            assert os.stat(path).st_mode & 0o777 == 0o600


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _fill(repository)
        before = state_of(repository)
    with opened(tmp_path) as repository:
        assert state_of(repository) == before


BIG = "a=" + "x" * 4000
MANY = [f"p{n}={'y' * 4000}" for n in range(5)]


@pytest.mark.parametrize(
    "act",
    [
        lambda r: r.commit(X, "config", [put(BIG), *map(put, MANY)]),
        lambda r: r.import_bundle(manifest(service(config(*MANY), name="y")), "/y.xml", "cd"),
        lambda r: r.write_volatile({X: [group("restarter", *MANY)]}),
    ],
)
def test_a_full_disk_changes_nothing(
    repository: Repository, act: Callable[[Repository], object]
) -> None:
    _fill(repository)
    databases = (repository._db, repository._volatile.database)
    for database in databases:
        pages = database.execute("PRAGMA page_count")[0][0]
        database.execute(f"PRAGMA max_page_count = {pages}")
    before = state_of(repository)
    for _ in range(2):
        with pytest.raises(StorageFull, match=r"cannot write to .*: no space is left there"):
            act(repository)
        assert state_of(repository) == before
    for database in databases:
        database.execute("PRAGMA max_page_count = 100000")
    act(repository)
    assert state_of(repository) != before


ACTS: dict[str, Callable[[Repository], object]] = {
    "import": lambda r: r.import_bundle(
        manifest(
            service(
                instances=(
                    instance(
                        config("port=count:82"),
                        dependents=(Dependent("dep", "require_all", "none", "svc:/u:default"),),
                    ),
                )
            ),
            service(config("a=1"), name="y"),
        ),
        "/x.xml",
        "cd",
    ),
    "import files": lambda r: r.import_files(
        [
            SourceFile("/y.xml", lambda: manifest(service(config("a=1"), name="y")), "ab"),
            SourceFile("/z.xml", lambda: manifest(service(config("a=1"), name="y/")), "ab"),
            SourceFile("/x.xml", lambda: manifest(service(instances=(instance(),))), "cd"),
        ]
    ),
    "replace layer": lambda r: r.replace_layer(
        Layer.SITE_PROFILE,
        [
            SourceFile(
                "/site.xml",
                lambda: replace(
                    manifest(service(config("a=1"), instances=(instance(config("b=1")),))),
                    type=BundleType.PROFILE,
                ),
                "ab",
            )
        ],
    ),
    "drop customizations": lambda r: r.drop_customizations(X),
    "withdraw": lambda r: r.withdraw_files(["/x.xml"]),
    "commit": lambda r: r.commit(X, "config", [put("port=count:91"), put("b=1")]),
    "commit volatile": lambda r: r.commit(X, "restarter", [put("state=offline")]),
    "delete": lambda r: r.delete(S),
    "delete instance": lambda r: r.delete(X),
    "add service": lambda r: r.add_service("z"),
    "add instance": lambda r: r.add_instance(S, "z"),
    "add group": lambda r: r.add_group(X, "z", "application"),
    "add volatile group": lambda r: r.add_group(X, "z", "application", persistent=False),
    "delete group": lambda r: r.delete_group(X, "config"),
    "delete volatile group": lambda r: r.delete_group(X, "restarter"),
    "write volatile": lambda r: r.write_volatile({X: [group("restarter"), group("other")]}),
    "snapshot": lambda r: r.take_snapshot(X, "running"),
    "link": lambda r: r.link_snapshots([(X, "a", "running"), (X, "previous", "initial")]),
    "revert": lambda r: r.revert(X, "initial"),
}


@pytest.mark.parametrize("act", ACTS)
def test_any_statement_may_fail(tmp_path: Path, act: str) -> None:
    """Old state or new state, whichever statement is refused, and the store goes on working."""
    failing = 0

    def gate(number: int, sql: str) -> None:
        nonlocal failing
        if failing and not sql.startswith("SELECT"):
            failing -= 1
            if not failing:
                problem = sqlite3.OperationalError("disk I/O error")
                problem.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
                raise problem
        assert number

    with opened(tmp_path, gate=gate) as repository:
        _fill(repository)
        before = state_of(repository)
        for position in range(1, 500):
            failing = position
            try:
                ACTS[act](repository)
            except SystemCallFailed:
                failing = 0
                assert state_of(repository) == before
            else:
                break
        # A deletion hides a refusal after its commit: it concerns only what is swept later.
        failing = 0
        assert position > 2
        after = state_of(repository)
        assert after != before
    with opened(tmp_path) as repository:
        assert state_of(repository) == after


def test_reading_may_fail_too(tmp_path: Path) -> None:
    refuse = False

    def gate(number: int, sql: str) -> None:
        if refuse:
            problem = sqlite3.DatabaseError(f"database disk image is malformed ({number}, {sql})")
            problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise problem

    with opened(tmp_path, gate=gate) as repository:
        _fill(repository)
        refuse = True
        with pytest.raises(RepositoryDamaged):
            repository.groups(X)
        refuse = False
        assert repository.groups(X)["config"].value("port") == "90"


def test_use_after_closing_is_a_bug(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        pass
    with pytest.raises(InternalError):
        repository.services()
