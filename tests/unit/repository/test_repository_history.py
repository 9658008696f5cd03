"""The change log: who changed what, in the transaction of the change."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest

from roost.errors import Conflict, RepositoryDamaged
from roost.layout import Layout
from roost.model.bundle import Dependent
from roost.repository import Repository, history
from roost.repository.differences import Said, differences
from roost.repository.history import Actor, Entry, Op
from roost.repository.layers import Claim, Layer, LayeredGroup
from roost.repository.port import Change, ChangeOp
from roost.repository.schema import PERSISTENT

from .builders import config, drop, group, instance, manifest, opened, prop, put, service

S, X = "svc:/x", "svc:/x:default"
ALICE = Actor(1000, "alice", "svccfg", 77, "Repository.Commit")


def _log(repository: Repository) -> list[Entry]:
    return repository.history.after(0, 10_000)


def _new(repository: Repository, since: int) -> list[Entry]:
    return repository.history.after(since, 10_000)


def _told(entry: Entry) -> tuple[str, tuple[str, ...] | None, tuple[str, ...] | None]:
    name = f"{entry.group}/{entry.property}" if entry.property else entry.group
    old, new = entry.old, entry.new
    return name, old.values if old else None, new.values if new else None


def _imported(repository: Repository, *properties: str, file: str = "/m/x.xml") -> int:
    """Import X with group config; returns the number of the newest entry."""
    bundle = manifest(service(instances=(instance(config(*properties)),)))
    repository.import_bundle(bundle, file, "ab")
    return repository.history.last()


def test_a_commit_tells_who_and_what(repository: Repository) -> None:
    since = _imported(repository, "port=count:80")
    with repository.history.acting(lambda: ALICE):
        repository.commit(X, "config", [put("port=count:81"), put("host=a,b")])
    host, port = _new(repository, since)
    assert host.actor == port.actor == ALICE
    assert host.transaction == port.transaction == 2
    assert (port.op, port.fmri, port.group, port.property) == (Op.PROPERTY, X, "config", "port")
    assert (port.layer, port.holds, port.file) == (Layer.ADMIN, True, "")
    assert (port.old, port.new) == (Said("count", ("80",)), Said("count", ("81",)))
    assert (host.old, host.new) == (None, Said("astring", ("a", "b")))


def test_without_a_caller_it_is_svc_startd(repository: Repository) -> None:
    repository.add_service("y")
    assert _log(repository)[-1].actor.program == "svc.startd"


def test_an_import_of_new_entities_is_one_entry_each(repository: Repository) -> None:
    _imported(repository, "port=count:80")
    entries = [entry for entry in _log(repository) if entry.fmri in (S, X)]
    assert [(e.op, e.fmri, e.file) for e in entries] == [
        (Op.ADDED, S, "/m/x.xml"),
        (Op.ADDED, X, "/m/x.xml"),
    ]


def test_a_later_import_tells_what_changed(repository: Repository) -> None:
    _imported(repository, "port=count:80", "a=1")
    repository.commit(X, "config", [put("port=count:90")])
    since = repository.history.last()
    _imported(repository, "port=count:82", "a=2")
    a, port = (e for e in _new(repository, since) if e.op is Op.PROPERTY)
    assert _told(a) == ("config/a", ("1",), ("2",))
    assert (a.layer, a.file, a.holds) == (Layer.MANIFEST, "/m/x.xml", True)
    assert _told(port) == ("config/port", ("80",), ("82",))
    assert not port.holds  # 90 does, before and after


def test_an_import_that_changes_nothing_tells_nothing(repository: Repository) -> None:
    since = _imported(repository, "port=count:80")
    assert _imported(repository, "port=count:80") == since


def test_going_back_to_the_delivered_value(repository: Repository) -> None:
    _imported(repository, "port=count:80")
    repository.commit(X, "config", [put("port=count:90")])
    since = repository.history.last()
    repository.commit(X, "config", [put("port=count:80")])
    (entry,) = _new(repository, since)
    assert (_told(entry), entry.layer) == (("config/port", ("90",), ("80",)), Layer.ADMIN)


def test_deleting_a_property_a_group_and_a_service(repository: Repository) -> None:
    since = _imported(repository, "port=count:80", "a=1")
    repository.commit(X, "config", [drop("port")])
    (entry,) = _new(repository, since)
    assert _told(entry) == ("config/port", ("80",), None)

    repository.add_group(X, "mine", "application")
    repository.commit(X, "mine", [put("a=1")])
    since = repository.history.last()
    repository.delete_group(X, "mine")
    assert [_told(e) for e in _new(repository, since)] == [
        ("mine", (), None),
        ("mine/a", ("1",), None),
    ]

    since = repository.history.last()
    repository.delete(S)
    assert [(e.op, e.fmri) for e in _new(repository, since)] == [(Op.DELETED, X), (Op.DELETED, S)]


def test_dependents_are_told_at_their_target(repository: Repository) -> None:
    since = _imported(repository, "a=1")
    dependents = (Dependent("dep", "require_all", "none", X),)
    bundle = manifest(service(name="y", dependents=dependents))
    repository.import_bundle(bundle, "/m/y.xml", "cd")
    told = [e for e in _new(repository, since) if e.fmri == X]
    assert [(e.op, e.group, e.new, e.file) for e in told] == [
        (Op.GROUP, "dep", Said("dependency"), "/m/y.xml")
    ]


def test_a_change_of_type(repository: Repository) -> None:
    since = _imported(repository, "port=count:80")
    change = Change(ChangeOp.CHANGE_TYPE, "port", prop("port=80").type, ("80",))
    repository.commit(X, "config", [change])
    (entry,) = _new(repository, since)
    assert (entry.old, entry.new) == (Said("count", ("80",)), Said("astring", ("80",)))


def test_one_more_layer_that_has_a_group_is_no_news() -> None:
    below = {Layer.MANIFEST: Claim("application", file="m")}
    held = LayeredGroup("g", below)
    same = LayeredGroup("g", {**below, Layer.SITE_PROFILE: Claim("application", file="s")})
    assert differences(held, same) == []
    assert differences(same, held) == []
    masked = LayeredGroup("g", {Layer.MANIFEST: Claim("", masked=True)})
    (told,) = differences(held, masked)
    assert (told.old, told.new, told.holds) == (Said("application"), None, True)


def test_snapshots_and_reverts(repository: Repository) -> None:
    now_s = 1000.0
    repository.history._clock = lambda: now_s
    _imported(repository, "port=count:80")
    with repository.history.acting(lambda: ALICE):
        now_s = 2000.0
        repository.take_snapshot(X, "running")
        since = repository.history.last()
        repository.take_snapshot(X, "running")
        assert _new(repository, since) == []  # it says that already
        repository.commit(X, "config", [put("port=count:81")])
        now_s = 3000.0
        since = repository.history.last()
        repository.revert(X, "running")
    told = _new(repository, since)
    assert [(e.op, e.fmri, e.property) for e in told] == [
        (Op.REVERTED, X, "running"),
        (Op.PROPERTY, X, "port"),
    ]
    assert {e.time_s for e in told} == {3000.0}
    taken = {t.name: (t.time_s, t.user) for t in repository.snapshots_taken(X)}
    assert taken["running"] == (2000.0, "alice")
    assert taken["previous"] == (3000.0, "alice")
    assert taken["initial"][0] == 1000.0
    entries = [e for e in _log(repository) if e.op is Op.SNAPSHOT]
    assert [(e.fmri, e.property) for e in entries] == [(X, "running")]


def test_what_is_rolled_back_is_not_told(repository: Repository) -> None:
    since = _imported(repository, "port=count:80")

    def act() -> None:
        with repository.transaction():
            repository.commit(X, "config", [put("port=count:81")])
            repository.add_service("y")
            repository.commit(X, "config", [put("port=count:82")], generation=99)

    with pytest.raises(Conflict):
        act()
    assert repository.history.last() == since
    # A service made in a transaction that came to nothing is not taken for a new one.
    fmri = repository.add_service("z")
    repository.add_group(fmri, "g", "application")
    assert [e.op for e in _new(repository, since)] == [Op.ADDED, Op.GROUP]


def test_one_transaction_has_one_number(repository: Repository) -> None:
    since = _imported(repository, "port=count:80")
    with repository.transaction():
        repository.commit(X, "config", [put("port=count:81")])
        repository.commit(X, "config", [put("port=count:82")])
    repository.commit(X, "config", [put("port=count:83")])
    assert [e.transaction for e in _new(repository, since)] == [2, 2, 3]


SECRET = ["read_authorization=solaris.x", "password=hunter2"]


def _file_holds(root: Path, text: bytes) -> bool:
    with sqlite3.connect(Layout(str(root)).repository) as store:
        rows = store.execute("SELECT * FROM change").fetchall()
    return text in repr(rows).encode()


def test_values_of_protected_groups_are_not_stored(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        since = _imported(repository, *SECRET)
        repository.commit(X, "config", [put("password=hunter3")])
        repository.commit(X, "config", [drop("read_authorization"), put("password=hunter4")])
        entries = [e for e in _new(repository, since) if e.property == "password"]
        assert [(e.protected, e.old, e.new) for e in entries] == 2 * [
            (True, Said("astring"), Said("astring"))
        ]
    assert not _file_holds(tmp_path, b"hunter")


def test_the_service_protects_its_instances_groups(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        repository.import_bundle(
            manifest(service(config(SECRET[0]), instances=(instance(config("password=hunter2")),)))
        )
        repository.commit(X, "config", [put("password=hunter3")])
        assert _log(repository)[-1].protected
    assert not _file_holds(tmp_path, b"hunter")


@pytest.mark.parametrize("where", [S, X])
def test_a_group_that_becomes_protected_is_wiped(tmp_path: Path, where: str) -> None:
    with opened(tmp_path) as repository:
        repository.import_bundle(manifest(service(config("a=1"), instances=(instance(),))))
        repository.add_group(X, "config", "application")
        repository.commit(X, "config", [put("password=hunter3")])
        repository.add_group(X, "other", "application")
        repository.commit(X, "other", [put("name=fisher")])
        repository.commit(where, "config", [put(SECRET[0])])
    assert not _file_holds(tmp_path, b"hunter")
    assert _file_holds(tmp_path, b"fisher")


def test_a_protected_group_of_an_entity_made_anew_is_wiped_too(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _imported(repository, "a=1")
        repository.commit(X, "config", [put("password=hunter3")])
        repository.delete(S)
        _imported(repository, SECRET[0])
        told = [e for e in _log(repository) if e.property == "password"]
        assert [(e.protected, e.old, e.new) for e in told] == [(True, None, Said("astring"))]
    assert not _file_holds(tmp_path, b"hunter")


def test_what_the_repository_notes_of_files_is_not_told(repository: Repository) -> None:
    _imported(repository, "a=1")
    _imported(repository, "a=1", file="/m/other.xml")
    entries = _log(repository)
    assert {e.fmri for e in entries} == {S, X}
    assert all(e.op is Op.ADDED for e in entries)
    since = repository.history.last()
    repository.delete_group("svc:/smf/manifest", "m_x_xml")  # svccfg delhash
    assert {e.group for e in _new(repository, since)} == {"m_x_xml"}


def test_long_values_are_counted(repository: Repository) -> None:
    since = _imported(repository, "a=1")
    repository.commit(X, "config", [put("a=" + ",".join(["x" * 4000] * 9))])
    (entry,) = _new(repository, since)
    assert entry.new is not None
    assert entry.new.values[-1] == "... 5 more"
    assert len(entry.new.values) == 5


def test_the_oldest_entries_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_ENTRIES", 20)
    monkeypatch.setattr(history, "CHUNK", 5)
    with opened(tmp_path) as repository:
        _imported(repository, "a=0")
        for number in range(1, 100):
            repository.commit(X, "config", [put(f"a={number}")])
            entries = _log(repository)
            assert len(entries) <= 26
            assert entries[-1].new == Said("astring", (str(number),))
        assert len(entries) >= 20
        assert entries[-1].transaction == 100
        assert [e.id for e in entries] == list(range(entries[0].id, entries[-1].id + 1))
    with opened(tmp_path) as repository:
        repository.commit(X, "config", [put("a=z")])
        assert _log(repository)[-1].transaction == 101


def test_pages_of_the_log(repository: Repository) -> None:
    _imported(repository, "a=0")
    for number in range(1, 10):
        repository.commit(X, "config", [put(f"a={number}")])
    newest = repository.history.before(None, 3)
    assert [e.new.values[0] for e in newest if e.new] == ["9", "8", "7"]
    older = repository.history.before(newest[-1].id, 3)
    assert [e.new.values[0] for e in older if e.new] == ["6", "5", "4"]


# --- version 1 of the file ----------------------------------------------------------------


def _write_version_1(root: Path) -> None:
    """A file as the first version of the schema made it: one instance, one snapshot."""
    path = Path(Layout(str(root)).repository)
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as store:
        store.execute(f"PRAGMA application_id = {int.from_bytes(b'roos')}")
        for sql in PERSISTENT.migrations[0]:
            store.execute(sql)
        store.execute("INSERT INTO entity VALUES (1, ?, NULL, 1, 'service')", (S,))
        store.execute("INSERT INTO entity VALUES (2, ?, 1, 1, 'service')", (X,))
        store.execute("INSERT INTO property_group VALUES (2, 'config', 7)")
        store.execute(
            "INSERT INTO group_layer VALUES (2, 'config', 0, 'application', 0, '/m/x.xml')"
        )
        store.execute(
            "INSERT INTO property VALUES (2, 'config', 'port', 0, 'count', '[\"80\"]', 0, '')"
        )
        level = b"{}"
        digest = sha256(level).digest()
        store.execute("INSERT INTO level VALUES (1, ?, ?)", (digest, level.decode()))
        store.execute("INSERT INTO snapshot VALUES (2, 'initial', 1, 1)")
        store.execute("PRAGMA user_version = 1")
    store.close()


def test_a_file_of_version_1_is_taken_over(tmp_path: Path) -> None:
    _write_version_1(tmp_path)
    for _ in range(2):
        with opened(tmp_path) as repository:
            groups = repository.groups(X)
            assert (groups["config"].value("port"), groups["config"].generation) == ("80", 7)
            assert [(t.name, t.time_s, t.user) for t in repository.snapshots_taken(X)] == [
                ("initial", 0.0, "")
            ]
            assert _log(repository) == []
    with opened(tmp_path) as repository:
        repository.commit(X, "config", [put("port=count:81")])
        assert [_told(e) for e in _log(repository)] == [("config/port", ("80",), ("81",))]


RELEASED = "f516a029f66fd62b"


def test_the_first_migration_is_as_it_was_released() -> None:
    text = "\n".join(PERSISTENT.migrations[0])
    assert sha256(text.encode()).hexdigest().startswith(RELEASED)


def test_a_group_whose_rows_are_not_as_written_is_damage(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        repository.import_bundle(
            manifest(service(group("a", "b=c"), instances=(instance(config("port=count:80")),)))
        )
        repository._db.execute("UPDATE property SET \"values\" = '[\"81\"]' WHERE name = 'port'")
        assert repository.groups(S)["a"].value("b") == "c"
        with pytest.raises(RepositoryDamaged, match="check sum of group config"):
            repository.groups(X)
    with pytest.raises(RepositoryDamaged, match=f"check sum of config of {X}"), opened(tmp_path):
        pass
