"""Imports and protected values: what an export left out is kept, and no message tells it."""

from __future__ import annotations

import pytest

from roost.model.bundle import Bundle
from roost.model.properties import PropertyGroup
from roost.repository import Repository

from .builders import group, instance, manifest, put, service

S, X = "svc:/x", "svc:/x:default"
READ = "read_authorization=solaris.x"
KEPT = f"kept: {S} secrets/key (protected: the manifest has no value)"
NEEDS = f"needs a value: {S} secrets/key (protected: the manifest has none)"
OLD, NEW, MINE = "xyzzy-old", "xyzzy-new", "xyzzy-mine"


def _secrets(key: str, *more: str) -> PropertyGroup:
    return group("secrets", READ, f"key={key}", *more)


def _bundle(found: PropertyGroup, *, override: bool = False) -> Bundle:
    pairs = {(found.name, name) for name in found.properties} if override else set()
    return manifest(service(found, instances=(instance(),), overrides=frozenset(pairs)))


def _key(repository: Repository, fmri: str = S) -> tuple[str, ...]:
    return repository.groups(fmri)["secrets"].values("key")


def test_values_of_the_manifest_stay(repository: Repository) -> None:
    repository.import_bundle(_bundle(_secrets(OLD)))
    report = repository.import_bundle(_bundle(_secrets("")))
    assert _key(repository) == (OLD,)
    assert report.messages == (KEPT,)
    # What the manifest has again takes their place, with nothing of an administrator in between.
    assert repository.import_bundle(_bundle(_secrets(NEW))).messages == ()
    assert _key(repository) == (NEW,)


@pytest.mark.parametrize("override", [False, True])
def test_values_of_an_administrator_stay(repository: Repository, *, override: bool) -> None:
    repository.import_bundle(_bundle(_secrets("")))
    repository.commit(S, "secrets", [put(f"key={MINE}")])
    report = repository.import_bundle(_bundle(_secrets(""), override=override))
    assert _key(repository) == (MINE,)
    assert report.messages == ((KEPT,) if override else ())


def test_what_was_never_imported_gives_way_but_for_its_values(repository: Repository) -> None:
    repository.add_service("x")
    repository.add_group(S, "secrets", "application")
    repository.commit(S, "secrets", [put(f"key={MINE}"), put("host=a")])
    report = repository.import_bundle(_bundle(_secrets("", "host=b")))
    assert _key(repository) == (MINE,)
    assert repository.groups(S)["secrets"].values("host") == ("b",)
    assert report.messages == (KEPT,)


def test_a_new_property_without_values_is_told(repository: Repository) -> None:
    assert repository.import_bundle(_bundle(_secrets(""))).messages == (NEEDS,)
    assert _key(repository) == ()
    assert repository.import_bundle(_bundle(_secrets(""))).messages == ()


def test_an_empty_property_elsewhere_means_what_it_says(repository: Repository) -> None:
    repository.import_bundle(_bundle(group("config", f"key={OLD}")))
    repository.import_bundle(_bundle(group("config", "key=")))
    assert repository.groups(S)["config"].values("key") == ()


def test_another_type_cannot_keep_values(repository: Repository) -> None:
    repository.import_bundle(_bundle(group("secrets", READ, "key=count:7")))
    repository.import_bundle(_bundle(_secrets("")))
    assert _key(repository) == ()


@pytest.mark.parametrize("level", [S, X])
def test_messages_of_protected_groups_tell_no_values(repository: Repository, level: str) -> None:
    """At the instance it is the service's group that protects."""

    def bundle(*properties: str) -> Bundle:
        found = group("secrets", *properties)
        if level == S:
            return _bundle(group("secrets", READ, *properties))
        return manifest(service(_secrets(""), instances=(instance(found),)))

    repository.import_bundle(bundle(f"key={OLD}"))
    repository.commit(level, "secrets", [put(f"key={MINE}")])
    label = f"kept yours: {level} secrets/key"
    for properties, line in (
        ([f"key={NEW}"], f"{label} = [protected] (manifest now says [protected])"),
        (["key=count:7"], f"{label} = astring: [protected] (manifest now says count: [protected])"),
        ([], f"{label} = [protected] (the manifest no longer has it)"),
    ):
        assert repository.import_bundle(bundle(*properties)).messages == (line,)
    assert _key(repository, level) == (MINE,)


def test_a_group_that_is_withdrawn_tells_no_values(repository: Repository) -> None:
    repository.import_bundle(_bundle(_secrets(OLD)))
    repository.commit(S, "secrets", [put(f"key={MINE}")])
    report = repository.import_bundle(_bundle(group("config", "port=1")))
    expected = f"kept yours: {S} secrets/key = [protected] (the manifest no longer has it)"
    assert expected in report.messages
    assert MINE not in str(report)
