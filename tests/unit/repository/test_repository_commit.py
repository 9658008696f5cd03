"""Entities, groups and the entry rules of transactions."""

from __future__ import annotations

import pytest

from roost.errors import (
    AlreadyExists,
    Conflict,
    InvalidName,
    InvalidValue,
    NotFound,
    RoostError,
    TypeMismatch,
)
from roost.model.properties import Property, PropertyType
from roost.repository import Repository
from roost.repository.port import Change, ChangeOp, View

from .builders import ASTRING, BOOLEAN, COUNT, config, drop, instance, manifest, put
from .builders import service as service_of

X = "svc:/x"


@pytest.fixture
def fmri(repository: Repository) -> str:
    """An instance with config/port = count 80."""
    repository.add_service("x")
    found = repository.add_instance(X, "default")
    repository.add_group(found, "config", "application")
    repository.commit(found, "config", [Change(ChangeOp.NEW, "port", COUNT, ("80",))])
    return found


def test_entities_are_listed_sorted(repository: Repository) -> None:
    assert repository.add_service("network/ssh") == "svc:/network/ssh"
    repository.add_service("a/b")
    for name in ("z", "default"):
        repository.add_instance("svc:/a/b", name)
    repository.add_instance("svc:/network/ssh", "default")
    assert repository.services() == ["svc:/a/b", "svc:/network/ssh"]
    assert repository.instances("svc:/a/b") == ["svc:/a/b:default", "svc:/a/b:z"]
    assert len(repository.instances()) == 3
    assert repository.exists("svc:/a/b:z")
    assert not repository.exists("svc:/a/b:y")


def test_entities_have_legal_names_and_are_made_once(repository: Repository) -> None:
    repository.add_service("x")
    repository.add_instance(X, "default")
    with pytest.raises(AlreadyExists):
        repository.add_service("x")
    with pytest.raises(AlreadyExists):
        repository.add_instance(X, "default")
    with pytest.raises(InvalidName):
        repository.add_service("x!")
    with pytest.raises(InvalidName):
        repository.add_instance(X, "-1")
    with pytest.raises(NotFound):
        repository.add_instance("svc:/y", "default")
    with pytest.raises(NotFound):
        repository.instances("svc:/y")
    with pytest.raises(NotFound):
        repository.instances("svc:/x:default")


def test_delete_takes_instances_along(repository: Repository, fmri: str) -> None:
    repository.add_group(fmri, "restarter", "framework", persistent=False)
    repository.delete(X)
    assert repository.services() == []
    assert repository.instances() == []
    with pytest.raises(NotFound):
        repository.groups(fmri)
    with pytest.raises(NotFound):
        repository.delete(X)
    repository.add_service("x")
    repository.add_instance(X, "default")
    assert repository.groups(fmri) == {}


def test_a_group_has_one_name_in_both_stores(repository: Repository, fmri: str) -> None:
    with pytest.raises(AlreadyExists):
        repository.add_group(fmri, "config", "application")
    with pytest.raises(AlreadyExists):
        repository.add_group(fmri, "config", "application", persistent=False)
    repository.add_group(fmri, "general_ovr", "framework", persistent=False)
    with pytest.raises(AlreadyExists):
        repository.add_group(fmri, "general_ovr", "framework")
    with pytest.raises(InvalidName):
        repository.add_group(fmri, "1st", "application")
    for kind in ("", "two words", "x" * 120):
        with pytest.raises(InvalidName):
            repository.add_group(fmri, "other", kind)
    with pytest.raises(NotFound):
        repository.add_group("svc:/y", "config", "application")
    with pytest.raises(NotFound):
        repository.delete_group(fmri, "absent")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Change(ChangeOp.NEW, "port", COUNT, ("1",)), AlreadyExists),
        (Change(ChangeOp.NEW, "other", None, ("1",)), InvalidValue),
        (Change(ChangeOp.NEW, "no/name", COUNT, ("1",)), InvalidName),
        (Change(ChangeOp.CHANGE, "other", COUNT, ("1",)), NotFound),
        (Change(ChangeOp.CHANGE, "port", ASTRING, ("1",)), TypeMismatch),
        (Change(ChangeOp.CHANGE, "port", COUNT, ("no number",)), InvalidValue),
        (Change(ChangeOp.CHANGE_TYPE, "other", ASTRING, ("1",)), NotFound),
        (Change(ChangeOp.CHANGE_TYPE, "port", None, ("1",)), InvalidValue),
        (Change(ChangeOp.DELETE, "other"), NotFound),
        (Change(ChangeOp.SET, "other", None, ("1",)), NotFound),
        (Change(ChangeOp.SET, "port", ASTRING, ("1",)), TypeMismatch),
        (Change(ChangeOp.SET, "port", None, ("x",)), InvalidValue),
    ],
)
@pytest.mark.parametrize("persistent", [True, False])
def test_a_refused_entry_undoes_the_whole_commit(
    repository: Repository,
    fmri: str,
    change: Change,
    error: type[RoostError],
    persistent: bool,
) -> None:
    where = "config"
    if not persistent:
        where = "live"
        repository.add_group(fmri, where, "framework", persistent=False)
        repository.commit(fmri, where, [put("port=count:80")])
    before = repository.groups(fmri)
    with pytest.raises(error) as caught:
        repository.commit(fmri, where, [put("good=1"), change])
    assert caught.value.message.startswith("cannot ")
    assert repository.groups(fmri) == before


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (Change(ChangeOp.NEW, "port2", COUNT, ("0x10",)), Property("port2", COUNT, ("16",))),
        (Change(ChangeOp.NEW, "none", ASTRING), Property("none", ASTRING)),
        (Change(ChangeOp.CHANGE, "port", COUNT, ("1", "2")), Property("port", COUNT, ("1", "2"))),
        (Change(ChangeOp.CHANGE_TYPE, "port", ASTRING, ("a",)), Property("port", ASTRING, ("a",))),
        (Change(ChangeOp.SET, "port", None, ("81",)), Property("port", COUNT, ("81",))),
        (Change(ChangeOp.SET, "on", BOOLEAN, ("1",)), Property("on", BOOLEAN, ("true",))),
    ],
)
@pytest.mark.parametrize("persistent", [True, False])
def test_entries_that_apply(
    repository: Repository, fmri: str, change: Change, result: Property, persistent: bool
) -> None:
    where = "config"
    if not persistent:
        where = "live"
        repository.add_group(fmri, where, "framework", persistent=False)
        repository.commit(fmri, where, [put("port=count:80")])
    generation = repository.generation(fmri, where)
    assert generation is not None
    assert repository.commit(fmri, where, [change], generation) == generation + 1
    found = repository.groups(fmri, group=where)[where]
    assert found.properties[result.name] == result
    assert found.generation == repository.generation(fmri, where) == generation + 1
    repository.commit(fmri, where, [drop(result.name)])
    assert not repository.groups(fmri)[where].has(result.name)


def test_two_entries_for_one_property_are_illegal(repository: Repository, fmri: str) -> None:
    with pytest.raises(InvalidValue):
        repository.commit(fmri, "config", [put("a=1"), drop("a")])


def test_no_change_is_no_generation(repository: Repository, fmri: str) -> None:
    generation = repository.generation(fmri, "config")
    layers = repository.layered(fmri)
    assert repository.commit(fmri, "config", []) == generation
    assert repository.commit(fmri, "config", [put("port=count:80")]) == generation
    same = Change(ChangeOp.CHANGE, "port", COUNT, ("0080",))
    assert repository.commit(fmri, "config", [same], generation) == generation
    assert repository.layered(fmri) == layers


def test_a_stale_generation_is_a_conflict(repository: Repository, fmri: str) -> None:
    generation = repository.generation(fmri, "config")
    repository.commit(fmri, "config", [put("port=count:81")])
    with pytest.raises(Conflict):
        repository.commit(fmri, "config", [put("port=count:82")], generation)
    with pytest.raises(Conflict):
        repository.commit(fmri, "config", [], generation)
    assert repository.groups(fmri)["config"].value("port") == "81"


def test_commit_wants_the_group(repository: Repository, fmri: str) -> None:
    with pytest.raises(NotFound):
        repository.commit(fmri, "absent", [put("a=1")])
    with pytest.raises(NotFound):
        repository.commit("svc:/y", "config", [put("a=1")])


@pytest.mark.parametrize("persistent", [True, False])
def test_a_group_made_again_repeats_no_generation(
    repository: Repository, fmri: str, persistent: bool
) -> None:
    seen: list[int] = []
    for number in range(4):
        repository.add_group(fmri, "again", "application", persistent=persistent)
        seen.append(repository.generation(fmri, "again") or 0)
        for value in range(number):
            repository.commit(fmri, "again", [put(f"a=count:{value}")])
            seen.append(repository.generation(fmri, "again") or 0)
        persistent = not persistent
        repository.delete_group(fmri, "again")
        assert repository.generation(fmri, "again") is None
        if number == 2:
            repository.delete(X)
            assert repository.generation(fmri, "again") is None
            repository.add_service("x")
            repository.add_instance(X, "default")
    assert min(seen) > 0
    assert len(set(seen)) == len(seen)


def test_values_keep_order_and_odd_characters(repository: Repository, fmri: str) -> None:
    values = ("b", "", "a\nb", 'quo"te\\', "\udcff8bit", "ü", "b")
    change = Change(ChangeOp.SET, "text", ASTRING, values)
    repository.commit(fmri, "config", [change])
    repository.take_snapshot(fmri, "running")
    assert repository.groups(fmri)["config"].values("text") == values
    assert repository.groups(fmri, View.RUNNING)["config"].values("text") == values


def test_composition_is_property_by_property(repository: Repository, fmri: str) -> None:
    """b.6: an instance's group hides only the properties it has."""
    repository.add_group(X, "config", "framework")
    repository.commit(X, "config", [put("port=count:1"), put("host=h")])
    repository.add_group(X, "only", "application")
    groups = repository.groups(fmri, View.COMPOSED)
    assert list(groups) == ["config", "only"]
    assert groups["config"].type == "application"
    assert groups["config"].value("port") == "80"
    assert groups["config"].value("host") == "h"
    assert groups["config"].generation == repository.generation(fmri, "config")
    assert list(repository.groups(fmri)) == ["config"]
    only = repository.groups(fmri, View.COMPOSED, group="only")
    assert list(only) == ["only"]
    assert repository.groups(fmri, View.COMPOSED, group="absent") == {}


def test_an_admin_change_masks_and_unmasks(repository: Repository) -> None:
    repository.import_bundle(
        manifest(service_of(config("port=count:80", "host=h"), instances=(instance(),)))
    )
    delivered = repository.layered(X)
    first = repository.generation(X, "config") or 0
    repository.commit(X, "config", [drop("host"), put("port=count:81")])
    assert repository.groups(X)["config"].properties == {
        "port": Property("port", PropertyType.COUNT, ("81",))
    }
    # Back to what the manifest says: nothing is left of the customisation.
    repository.commit(X, "config", [put("host=h"), put("port=count:80")])
    assert repository.layered(X) == delivered
    repository.delete_group(X, "config")
    assert repository.groups(X) == {}
    assert repository.generation(X, "config") is None
    assert X in repository.services()
    repository.add_group(X, "config", "application")
    assert not repository.groups(X)["config"].properties
    assert (repository.generation(X, "config") or 0) > first + 2
    repository.commit(X, "config", [put("host=h"), put("port=count:80")])
    assert repository.layered(X) == delivered


def test_a_masked_group_may_come_back_with_another_type(repository: Repository) -> None:
    repository.import_bundle(manifest(service_of(config("port=count:80"))))
    repository.delete_group(X, "config")
    repository.add_group(X, "config", "framework")
    found = repository.groups(X)["config"]
    assert (found.type, dict(found.properties)) == ("framework", {})
    repository.delete_group(X, "config")
    assert repository.groups(X) == {}
