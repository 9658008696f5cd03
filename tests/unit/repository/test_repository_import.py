"""Import of manifests, new and upgraded, and export."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from roost.errors import InvalidName, InvalidValue, ManifestError
from roost.model.bundle import Bundle, BundleType, Dependent
from roost.model.properties import Property, PropertyGroup
from roost.repository import Repository
from roost.repository.port import Change, ChangeOp, View

from .builders import (
    ASTRING,
    COUNT,
    config,
    drop,
    group,
    instance,
    manifest,
    plain,
    put,
    service,
    state_of,
)

S, X = "svc:/x", "svc:/x:default"
FILE = "/lib/svc/manifest/site/x.xml"
KEY = "lib_svc_manifest_site_x_xml"
ABSENT = None


def _bundle(port: str | None, *, override: bool = False, level: str = X) -> Bundle:
    pairs = frozenset({("config", "port")}) if override else frozenset()
    found = config("keep=1") if port is None else config("keep=1", f"port=count:{port}")
    if level == S:
        return manifest(service(found, instances=(instance(),), overrides=pairs))
    return manifest(service(instances=(instance(found, overrides=pairs),)))


def _customise(repository: Repository, fmri: str, value: str | None) -> None:
    present = repository.groups(fmri)["config"].has("port")
    if value is not None:
        repository.commit(fmri, "config", [put(f"port=count:{value}")])
    elif present:
        repository.commit(fmri, "config", [drop("port")])


class Case(NamedTuple):
    """One row of the upgrade table: None is absent; ``line`` is the one the report has for it."""

    old: str | None
    new: str | None
    override: bool
    cur: str | None
    result: str | None
    line: str


MATRIX = [
    Case("80", "80", False, "80", "80", ""),
    Case("80", "80", False, "90", "90", ""),
    Case("80", "80", False, ABSENT, ABSENT, ""),
    Case("80", "81", True, "80", "81", ""),
    Case("80", "81", True, "90", "81", ""),
    Case("80", "81", True, ABSENT, "81", ""),
    Case("80", "81", False, "80", "81", ""),
    Case("80", "81", False, "81", "81", ""),
    Case("80", "81", False, "90", "90", "config/port = 90 (manifest now says 81)"),
    Case("80", "81", False, ABSENT, ABSENT, "config/port deleted (manifest now says 81)"),
    Case("80", ABSENT, False, "80", ABSENT, ""),
    Case("80", ABSENT, False, ABSENT, ABSENT, ""),
    Case("80", ABSENT, False, "90", "90", "config/port = 90 (the manifest no longer has it)"),
    Case(ABSENT, "81", False, ABSENT, "81", ""),
    Case(ABSENT, "81", False, "81", "81", ""),
    Case(ABSENT, "81", False, "90", "90", "config/port = 90 (manifest now says 81)"),
    Case(ABSENT, "81", True, "90", "81", ""),
]


@pytest.mark.parametrize("level", [S, X])
@pytest.mark.parametrize("case", MATRIX)
def test_the_table_of_upgrades(repository: Repository, level: str, case: Case) -> None:
    repository.import_bundle(_bundle(case.old, level=level))
    _customise(repository, level, case.cur)
    report = repository.import_bundle(_bundle(case.new, override=case.override, level=level))
    found = repository.groups(level)["config"]
    assert found.value("port", "absent") == (case.result or "absent")
    assert found.value("keep") == "1"
    assert report.messages == ((f"kept yours: {level} {case.line}",) if case.line else ())
    said = repository.groups(X, View.SNAPSHOT, "last-import")["config"]
    assert said.value("port", "absent") == (case.new or "absent")


@pytest.mark.parametrize("case", MATRIX)
def test_the_next_import_of_the_same_file_says_nothing(repository: Repository, case: Case) -> None:
    repository.import_bundle(_bundle(case.old))
    _customise(repository, X, case.cur)
    repository.import_bundle(_bundle(case.new, override=case.override))
    before = repository.groups(X)
    assert repository.import_bundle(_bundle(case.new)).messages == ()
    assert repository.groups(X) == before


def test_a_type_is_part_of_a_value(repository: Repository) -> None:
    repository.import_bundle(_bundle("80"))
    change = Change(ChangeOp.CHANGE_TYPE, "port", ASTRING, ("81",))
    repository.commit(X, "config", [change])
    report = repository.import_bundle(_bundle("81"))
    assert report.messages == (
        f"kept yours: {X} config/port = astring: 81 (manifest now says count: 81)",
    )
    assert repository.groups(X)["config"].properties["port"].type is ASTRING


def test_the_order_of_values_counts(repository: Repository) -> None:
    repository.import_bundle(manifest(service(config("a=1,2"))))
    repository.commit(S, "config", [put("a=2,1")])
    report = repository.import_bundle(manifest(service(config("a=1,2,3"))))
    assert report.messages == (f"kept yours: {S} config/a = (2 1) (manifest now says (1 2 3))",)


def test_enabled_and_restarter_of_an_old_instance_stay(repository: Repository) -> None:
    """Whatever the manifest says, and with no line about it."""
    first = instance(group("general", "restarter=fmri:svc:/r1", kind="framework"), enabled=False)
    second = instance(
        group("general", "restarter=fmri:svc:/r2", "comment=c", kind="framework"),
        overrides=frozenset({("general", "enabled"), ("general", "restarter")}),
    )
    repository.import_bundle(manifest(service(instances=(first,))))
    report = repository.import_bundle(manifest(service(instances=(second,))))
    general = repository.groups(X)["general"]
    assert general.value("enabled") == "false"
    assert general.value("restarter") == "svc:/r1"
    assert general.value("comment") == "c"
    assert report.messages == ()
    assert repository.groups(X, View.SNAPSHOT, "last-import")["general"].value("enabled") == "true"

    repository.commit(X, "general", [put("enabled=boolean:true")])
    bare = instance(enabled=None, deleted=("general",))
    repository.import_bundle(manifest(service(instances=(bare,))))
    assert repository.groups(X)["general"].value("enabled") == "true"
    repository.commit(X, "general", [drop("enabled")])
    report = repository.import_bundle(manifest(service(instances=(first,))))
    assert not repository.groups(X)["general"].has("enabled")
    assert report.messages == ()


def test_an_instance_made_by_hand_gets_what_is_missing(repository: Repository) -> None:
    repository.add_service("x")
    repository.add_instance(S, "default")
    repository.add_group(X, "config", "application")
    repository.commit(X, "config", [put("port=count:90")])
    report = repository.import_bundle(_bundle("80"))
    assert repository.groups(X)["config"].value("port") == "90"
    assert repository.groups(X)["config"].value("keep") == "1"
    assert repository.groups(X)["general"].value("enabled") == "true"
    assert report.messages == (f"kept yours: {X} config/port = 90 (manifest now says 80)",)
    assert repository.snapshots(X) == ["last-import", "previous"]


def test_a_service_never_imported_gives_way(repository: Repository) -> None:
    repository.add_service("x")
    repository.add_group(S, "config", "application")
    repository.commit(S, "config", [put("port=count:90"), put("own=1")])
    report = repository.import_bundle(_bundle("80", level=S))
    found = repository.groups(S)["config"]
    assert (found.value("port"), found.value("own")) == ("80", "1")
    assert report.messages == ()


def test_groups_come_and_go(repository: Repository) -> None:
    repository.import_bundle(
        manifest(service(config("a=1"), group("plain", "b=1"), group("gone", "c=1")))
    )
    repository.commit(S, "config", [put("a=2")])
    repository.commit(S, "gone", [drop("c")])
    report = repository.import_bundle(manifest(service(group("new"))))
    assert list(repository.groups(S)) == ["config", "new"]
    assert dict(repository.groups(S)["config"].properties) == {"a": Property("a", ASTRING, ("2",))}
    assert report.messages == (f"kept yours: {S} config/a = 2 (the manifest no longer has it)",)


def test_a_deleted_group_stays_deleted(repository: Repository) -> None:
    repository.import_bundle(manifest(service(config("a=1", "b=1"))))
    repository.delete_group(S, "config")
    assert repository.import_bundle(manifest(service(config("a=1", "b=1")))).messages == ()
    report = repository.import_bundle(manifest(service(config("a=2", "b=1"))))
    assert report.messages == (f"kept yours: {S} config deleted (the manifest has changed it)",)
    assert repository.groups(S) == {}
    pair = frozenset({("config", "a")})
    repository.import_bundle(manifest(service(config("a=3", "b=1"), overrides=pair)))
    assert list(repository.groups(S)["config"].properties) == ["a"]


def test_delete_true_spares_nothing(repository: Repository) -> None:
    repository.import_bundle(manifest(service(config("a=1"), group("other"))))
    repository.commit(S, "config", [put("a=2"), put("b=1")])
    repository.add_group(S, "mine", "application")
    report = repository.import_bundle(
        manifest(service(group("other"), deleted=("config", "mine", "never")))
    )
    assert list(repository.groups(S)) == ["other"]
    assert report.messages == ()


def test_another_type_of_group_is_a_conflict(repository: Repository) -> None:
    repository.import_bundle(manifest(service(group("other"))))
    repository.add_group(S, "config", "framework")
    report = repository.import_bundle(manifest(service(group("other"), config("a=1"))))
    (line,) = report.messages
    assert line.startswith(
        f"kept yours: {S} config has type framework (manifest now says application);"
    )
    assert not repository.groups(S)["config"].has("a")


def test_a_manifest_may_change_a_groups_type(repository: Repository) -> None:
    repository.import_bundle(manifest(service(config("a=1"))))
    repository.import_bundle(manifest(service(group("config", "a=1", kind="framework"))))
    assert repository.groups(S)["config"].type == "framework"
    repository.delete_group(S, "config")
    repository.add_group(S, "config", "mine")
    report = repository.import_bundle(manifest(service(config("a=1"))))
    assert report.messages[0] == (
        f"kept yours: {S} config has type mine (manifest now says application)"
    )


def test_a_volatile_group_of_that_name_is_left_alone(repository: Repository) -> None:
    repository.import_bundle(manifest(service(group("other"))))
    repository.add_group(S, "config", "framework", persistent=False)
    report = repository.import_bundle(manifest(service(group("other"), config("a=1"))))
    assert report.messages == (
        f"skipped: {S} config: there is a non-persistent group of that name",
    )
    assert not repository.groups(S)["config"].persistent


def test_unchanged_import_changes_no_generation(repository: Repository) -> None:
    repository.import_bundle(_bundle("80"), FILE, "ab" * 32)
    before = repository.groups(X)
    repository.import_bundle(_bundle("80"), FILE, "ab" * 32)
    assert repository.groups(X) == before
    repository.import_bundle(_bundle("81"), FILE, "cd" * 32)
    after = repository.groups(X)
    assert after["config"].generation == before["config"].generation + 1
    assert after["general"] == before["general"]


def test_instances_that_a_new_manifest_lacks_stay_without_the_file(repository: Repository) -> None:
    two = manifest(service(instances=(instance(), instance(name="b"))), service(name="y"))
    repository.import_bundle(two, FILE)
    assert repository.groups("svc:/x:b")["manifestfiles"].value(KEY) == FILE
    report = repository.import_bundle(manifest(service(instances=(instance(),))), FILE)
    assert repository.instances(S) == ["svc:/x:b", X]
    assert report.services == (S,)
    assert report.instances == ("svc:/x:b", X)
    assert not repository.groups("svc:/x:b")["manifestfiles"].properties
    assert not repository.groups("svc:/y")["manifestfiles"].properties
    assert repository.groups(S)["manifestfiles"].value(KEY) == FILE


def test_files_and_hashes_are_recorded(repository: Repository) -> None:
    assert repository.imported_files() == {}
    repository.import_bundle(_bundle("80"), FILE, "AB" * 32)
    repository.import_bundle(_bundle("80"), "/etc/other.xml")
    assert repository.imported_files() == {FILE: "ab" * 32}
    recorded = repository.groups("svc:/smf/manifest")[KEY]
    assert recorded.type == "framework"
    assert recorded.value("manifestfile") == FILE
    for fmri in (S, X):
        files = repository.groups(fmri)["manifestfiles"]
        assert sorted(p.values[0] for p in files.properties.values()) == ["/etc/other.xml", FILE]
    repository.import_bundle(_bundle("80"), FILE, "cd" * 32)
    assert repository.imported_files() == {FILE: "cd" * 32}


def test_a_forgotten_hash_can_be_recorded_again(repository: Repository) -> None:
    repository.import_bundle(_bundle("80"), FILE, "ab" * 32)
    repository.delete_group("svc:/smf/manifest", KEY)
    repository.commit(X, "manifestfiles", [drop(KEY)])
    assert repository.imported_files() == {}
    repository.import_bundle(_bundle("80"), FILE, "ab" * 32)
    assert repository.imported_files() == {FILE: "ab" * 32}
    assert repository.groups(X)["manifestfiles"].value(KEY) == FILE


def test_two_files_of_one_name_are_told_apart(repository: Repository) -> None:
    first, second = "/lib/a_b/x.xml", "/lib/a/b/x.xml"
    long = "/" + "/".join(["long"] * 60)
    for path, digest in ((first, "aa"), (second, "bb"), (long, "cc"), ("/7up.xml", "dd")):
        repository.import_bundle(_bundle("80"), path, digest)
    expected = {first: "aa", second: "bb", long: "cc", "/7up.xml": "dd"}
    assert repository.imported_files() == expected
    names = repository.groups("svc:/smf/manifest")
    assert "Aup_xml" in names
    assert max(map(len, names)) == 119
    assert len(repository.groups(X)["manifestfiles"].properties) == 4


@pytest.mark.parametrize(
    ("bundle", "error"),
    [
        (Bundle(BundleType.PROFILE, "p"), ManifestError),
        (Bundle(BundleType.ARCHIVE, "p"), ManifestError),
        (manifest(service(), service()), ManifestError),
        (manifest(service(instances=(instance(), instance()))), ManifestError),
        (manifest(service(config(), config())), ManifestError),
        (
            manifest(service(config(), dependents=(Dependent("config", "a", "b", "svc:/t"),))),
            ManifestError,
        ),
        (manifest(service(group("manifestfiles"))), ManifestError),
        (manifest(service(group("dependents"))), ManifestError),
        (manifest(service(name="no name")), InvalidName),
        (manifest(service(instances=(instance(name="no name"),))), InvalidName),
        (manifest(service(group("no name"))), InvalidName),
        (manifest(service(group("name", kind="no type"))), InvalidName),
        (manifest(service(config("a b=1"))), InvalidName),
        (manifest(service(config("a=count:x"))), InvalidValue),
        (
            manifest(service(dependents=(Dependent("d", "a", "b", "file:/etc/passwd"),))),
            InvalidName,
        ),
    ],
)
def test_a_bad_bundle_changes_nothing(
    repository: Repository, bundle: Bundle, error: type[Exception]
) -> None:
    repository.import_bundle(_bundle("80"))
    before = state_of(repository)
    good = service(config("a=1"), name="good")
    with pytest.raises(error):
        repository.import_bundle(replace(bundle, services=(good, *bundle.services)), FILE, "ab")
    assert state_of(repository) == before


def _normal(bundle: object) -> object:
    """Order of groups and properties has no meaning."""
    if isinstance(bundle, tuple):
        return sorted((_normal(item) for item in bundle), key=repr)
    if isinstance(bundle, PropertyGroup):
        return (bundle.name, bundle.type, sorted(bundle.properties.items()))
    return bundle


def test_export_gives_back_what_was_imported(repository: Repository) -> None:
    special = Property("special", ASTRING, ("a", "", 'q"\\', "\udcfe"))
    said = replace(
        service(
            replace(config("a=1"), properties={"special": special}),
            group("start", "exec=:true", "timeout_seconds=count:60", "type=method", kind="method"),
            group("empty"),
            dependents=(Dependent("d", "optional_all", "none", "svc:/t"),),
            instances=(
                instance(
                    group("general", "package=p", kind="framework"),
                    enabled=False,
                    name="a",
                    dependents=(
                        Dependent(
                            "e",
                            "require_all",
                            "error",
                            "t2:default",
                            properties=(Property("stability", ASTRING, ("Stable",)),),
                        ),
                    ),
                ),
                instance(name="b", enabled=True),
                instance(name="c", enabled=None),
            ),
        ),
        version=7,
        kind="milestone",
    )
    repository.import_bundle(manifest(said), FILE, "ab")
    repository.add_group(S, "live", "framework", persistent=False)
    out = repository.export_service(S)
    assert (out.name, out.version, out.kind) == ("x", 7, "milestone")
    assert _normal(out.groups) == _normal(said.groups)
    assert out.dependents == said.dependents
    for found, wanted in zip(out.instances, said.instances, strict=True):
        assert (found.name, found.enabled) == (wanted.name, wanted.enabled)
        assert _normal(found.groups) == _normal(wanted.groups)
        assert found.dependents == wanted.dependents

    before = {f: plain(repository.groups(f)) for f in (S, "svc:/x:a", "svc:/t", "svc:/t2:default")}
    repository.delete_group(S, "live")
    before[S].pop("live")
    repository.delete(S)
    assert repository.groups("svc:/t") == repository.groups("svc:/t2:default") == {}
    repository.import_bundle(manifest(out), FILE, "ab")
    assert {fmri: plain(repository.groups(fmri)) for fmri in before} == before


def test_export_shows_customisations(repository: Repository) -> None:
    repository.import_bundle(_bundle("80"))
    repository.commit(X, "config", [put("port=count:90"), drop("keep")])
    repository.commit(X, "general", [put("enabled=boolean:false")])
    found = repository.export_service(S).instances[0]
    assert found.enabled is False
    assert found.groups == (
        PropertyGroup("config", "application", {"port": Property("port", COUNT, ("90",))}),
    )


def test_version_and_kind_follow_the_manifest(repository: Repository) -> None:
    repository.import_bundle(manifest(replace(service(config("a=1")), version=2)))
    repository.import_bundle(manifest(replace(service(config("a=1")), version=3)))
    assert repository.export_service(S).version == 3
    repository.import_bundle(manifest(replace(service(instances=(instance(),)), version=9)))
    assert repository.export_service(S).version == 3
