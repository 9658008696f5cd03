"""Snapshots."""

from __future__ import annotations

import pytest

from roost.errors import InvalidName, NotFound
from roost.model.bundle import Bundle, Dependent
from roost.repository import Repository
from roost.repository.port import View

from .builders import (
    config,
    drop,
    group,
    instance,
    manifest,
    plain,
    put,
    service,
)

S, X = "svc:/x", "svc:/x:default"


def _bundle(port: int, *more: str) -> Bundle:
    return manifest(
        service(config("host=h"), instances=(instance(config(f"port=count:{port}", *more)),))
    )


def _levels(repository: Repository) -> int:
    return int(repository._db.execute("SELECT count(*) FROM level")[0][0])


def test_import_takes_initial_once_and_last_import_always(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    assert repository.snapshots(X) == ["initial", "last-import"]
    repository.commit(X, "config", [put("port=count:90")])
    repository.import_bundle(_bundle(81))
    assert repository.snapshots(X) == ["initial", "last-import", "previous"]
    assert [
        repository.groups(X, View.SNAPSHOT, name)["config"].value("port")
        for name in ("initial", "last-import", "previous")
    ] == ["80", "81", "90"]
    assert repository.groups(X, View.SNAPSHOT, "initial")["config"].value("host") == "h"


def test_general_counts_at_once(repository: Repository) -> None:
    repository.add_service("x")
    repository.add_instance("svc:/x", "default")
    repository.add_group(X, "general", "framework")
    repository.take_snapshot(X, "running")
    repository.commit(X, "general", [put("enabled=boolean:true")])
    assert repository.groups(X, View.RUNNING)["general"].value("enabled") == "true"
    assert not repository.groups(X, View.SNAPSHOT, "running")["general"].properties
    repository.delete_group(X, "general")
    assert "general" not in repository.groups(X, View.RUNNING)


def test_an_edit_waits_for_the_running_snapshot(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    assert repository.groups(X, View.RUNNING) == repository.groups(X, View.COMPOSED)
    repository.take_snapshot(X, "running")
    repository.commit(X, "config", [put("port=count:90")])
    repository.commit(S, "config", [put("host=other")])
    assert repository.groups(X, View.RUNNING)["config"].value("port") == "80"
    assert repository.groups(X, View.RUNNING)["config"].value("host") == "h"
    repository.take_snapshot(X, "running")
    assert repository.groups(X, View.RUNNING)["config"].value("port") == "90"
    assert repository.groups(X, View.RUNNING)["config"].value("host") == "other"
    assert repository.groups(X, View.RUNNING)["config"].generation == 0


def test_a_snapshot_is_immutable_and_the_link_moves(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    repository.take_snapshot(X, "running")
    repository.link_snapshots([(X, "start", "running")])
    repository.commit(X, "config", [put("port=count:90")])
    repository.take_snapshot(X, "running")
    assert repository.groups(X, View.SNAPSHOT, "start")["config"].value("port") == "80"
    repository.link_snapshots([(X, "start", "running")])
    assert repository.groups(X, View.SNAPSHOT, "start")["config"].value("port") == "90"


def test_taking_the_same_again_writes_nothing(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    repository.take_snapshots([X], "running")
    repository.link_snapshots([(X, "start", "running")])
    changes = repository._db.execute("SELECT total_changes()")
    repository.take_snapshot(X, "running")
    repository.link_snapshots([(X, "start", "running")])
    assert repository._db.execute("SELECT total_changes()") == changes


def test_equal_levels_are_stored_once_and_unused_ones_go(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    assert _levels(repository) == 2
    for name in ("running", "start", "mine"):
        repository.take_snapshot(X, name)
    assert _levels(repository) == 2
    for port in range(5):
        repository.commit(X, "config", [put(f"port=count:{port}")])
        repository.take_snapshot(X, "running")
    assert _levels(repository) == 3
    repository.delete(X)
    assert _levels(repository) == 0


def test_what_is_not_there(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    with pytest.raises(NotFound):
        repository.groups(X, View.SNAPSHOT, "absent")
    with pytest.raises(NotFound):
        repository.snapshots(S)
    with pytest.raises(NotFound):
        repository.take_snapshot("svc:/y:default", "running")
    with pytest.raises(InvalidName):
        repository.take_snapshot(X, "no name")
    with pytest.raises(NotFound):
        repository.revert(X, "absent")
    before = repository.snapshots(X)
    with pytest.raises(NotFound):
        repository.link_snapshots([(X, "one", "initial"), (X, "two", "absent")])
    assert repository.snapshots(X) == before


def test_revert_restores_both_levels_and_previous_undoes_it(repository: Repository) -> None:
    repository.import_bundle(_bundle(80, "gone=1"))
    delivered = {fmri: plain(repository.groups(fmri)) for fmri in (S, X)}
    repository.commit(X, "config", [put("port=count:90"), put("new=1"), drop("gone")])
    repository.commit(S, "config", [put("host=other")])
    repository.add_group(X, "mine", "application")
    repository.delete_group(X, "general")
    edited = {fmri: plain(repository.groups(fmri)) for fmri in (S, X)}
    repository.take_snapshot(X, "running")

    repository.revert(X, "initial")
    assert {fmri: plain(repository.groups(fmri)) for fmri in (S, X)} == delivered
    assert repository.groups(X, View.RUNNING)["config"].value("port") == "90"
    assert all(len(g.claims) == 1 for g in repository.layered(X).values())

    repository.revert(X, "previous")
    assert {fmri: plain(repository.groups(fmri)) for fmri in (S, X)} == edited
    assert plain(repository.groups(X, View.SNAPSHOT, "previous"))["config"].value("port") == "80"


def test_revert_to_another_type_of_group(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    before = plain(repository.groups(X))
    repository.delete_group(X, "config")
    repository.add_group(X, "config", "framework")
    repository.commit(X, "config", [put("port=text")])
    repository.revert(X, "initial")
    assert plain(repository.groups(X)) == before


def test_revert_leaves_what_others_put_here(repository: Repository) -> None:
    repository.import_bundle(_bundle(80), "/lib/svc/manifest/x.xml")
    other = service(
        name="other",
        instances=(instance(dependents=(Dependent("other", "require_all", "none", X),)),),
    )
    repository.import_bundle(manifest(other))
    before = plain(repository.groups(X))
    repository.revert(X, "initial")
    assert plain(repository.groups(X)) == before
    assert {"other", "manifestfiles"} <= before.keys()


def test_a_new_instance_of_an_old_service_gets_initial(repository: Repository) -> None:
    repository.import_bundle(_bundle(80))
    second = instance(group("extra", "a=1"), name="second")
    report = repository.import_bundle(manifest(service(instances=(second,))))
    assert repository.snapshots("svc:/x:second") == ["initial", "last-import"]
    assert report.instances == (X, "svc:/x:second")
    # The bundle was silent about the service: it keeps what the other one said.
    assert repository.groups(S)["config"].value("host") == "h"
    snapshot = repository.groups("svc:/x:second", View.SNAPSHOT, "last-import")
    assert snapshot["config"].value("host") == "h"
