"""Several manifests in one transaction, and manifests that go away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from roost.errors import InvalidValue
from roost.model.bundle import Bundle, BundleType, Dependent
from roost.repository import Repository
from roost.repository.port import SourceFile, View

from .builders import (
    config,
    group,
    instance,
    manifest,
    opened,
    put,
    service,
    state_of,
)

S, X, Y = "svc:/x", "svc:/x:default", "svc:/x:other"
A, B = "/lib/svc/manifest/a.xml", "/lib/svc/manifest/b.xml"
HASH = "ab" * 32


def source(file: str, bundle: Bundle, digest: str = HASH) -> SourceFile:
    return SourceFile(file, lambda: bundle, digest)


def _raises(problem: Exception) -> Callable[[], Bundle]:
    def bundle() -> Bundle:
        raise problem

    return bundle


def test_files_are_stored_in_order(repository: Repository) -> None:
    dependent = Dependent("x-t", "require_all", "none", "svc:/t:default")
    one = manifest(service(config("a=1"), instances=(instance(dependents=(dependent,)),)))
    two = manifest(service(name="t", instances=(instance(config("b=1")),)))
    reports = repository.import_files([source(A, one), source(B, two)])
    assert [(each.file, each.error) for each in reports] == [(A, None), (B, None)]
    assert reports[0].report.services == (S,)
    assert reports[0].report.instances == ("svc:/t:default", X)
    assert reports[1].report.instances == ("svc:/t:default",)
    assert list(repository.groups("svc:/t:default")) == [
        "config",
        "general",
        "manifestfiles",
        "x-t",
    ]
    assert repository.imported_files() == {A: HASH, B: HASH}


def test_a_bad_file_leaves_nothing_and_spares_the_others(repository: Repository) -> None:
    good = manifest(service(config("a=1"), instances=(instance(),)))
    half = manifest(service(config("a=2"), name="y"), service(group("dependents"), name="z"))
    files = [
        source("/1.xml", half),
        SourceFile("/2.xml", _raises(InvalidValue("use the bundle", "'x' must be a string"))),
        source("/3.xml", good),
        source("/4.xml", Bundle(BundleType.PROFILE, "p")),
        source("/5.xml", manifest(service(config("a=3"), name="x")), "no hash"),
    ]
    reports = repository.import_files(files)
    assert [each.error for each in reports] == [
        ("cannot import /1.xml:1: svc:/z has a group dependents, a name that the repository keeps"),
        "cannot use the bundle: 'x' must be a string",
        None,
        "cannot import /4.xml:1: it is of type profile, not manifest",
        (
            "cannot use 'no hash' as a value of type opaque:"
            " an opaque value is an even number of hexadecimal digits"
        ),
    ]
    assert repository.services() == ["svc:/smf/manifest", S]
    # The last was refused when all but its hash had been stored.
    assert repository.groups(S)["config"].value("a") == "1"
    assert repository.imported_files() == {"/3.xml": HASH}


def test_it_is_the_same_as_one_after_the_other(repository: Repository, tmp_path: Path) -> None:
    files = [
        source(A, manifest(service(config("a=1"), instances=(instance(), instance(name="other"))))),
        source(B, manifest(service(config("a=2"), name="y"), service(group("g", "b=1")))),
        source(A, manifest(service(config("a=3"), instances=(instance(),)))),
    ]
    repository.import_files(files)
    with opened(tmp_path / "other") as other:
        for each in files:
            other.import_bundle(each.bundle(), each.file, each.digest)
        assert state_of(other) == state_of(repository)


# --- files that go away


def test_a_withdrawn_file_supports_nothing(repository: Repository) -> None:
    repository.import_bundle(
        manifest(service(config("a=1"), instances=(instance(), instance(name="other")))), A, HASH
    )
    repository.import_bundle(manifest(service(instances=(instance(name="other"),))), B, HASH)
    repository.commit(X, "general", [put("comment=mine")])
    before = {fmri: repository.groups(fmri) for fmri in (S, X, Y)}
    assert repository.withdraw_files([]) == []
    assert repository.withdraw_files([A, "/never.xml"]) == [X]
    assert repository.imported_files() == {B: HASH}
    for fmri, groups in before.items():
        found = repository.groups(fmri)
        kept = {name: value for name, value in groups.items() if name != "manifestfiles"}
        assert {name: value for name, value in found.items() if name != "manifestfiles"} == kept
        said = {prop.values[0] for prop in found["manifestfiles"].properties.values()}
        assert said == ({B} if fmri != X else set())
    assert repository.withdraw_files([]) == [X]
    assert repository.withdraw_files([B]) == [X, Y]


def test_a_service_is_listed_once_its_instances_are_gone(repository: Repository) -> None:
    repository.import_bundle(manifest(service(config("a=1"), instances=(instance(),))), A)
    assert repository.withdraw_files([A]) == [X]
    repository.delete(X)
    assert repository.withdraw_files([]) == [S]
    repository.delete(S)
    assert repository.withdraw_files([]) == []


def test_what_others_need_and_what_was_made_by_hand_is_not_listed(repository: Repository) -> None:
    dependent = Dependent("x-y", "require_all", "none", S)
    repository.import_bundle(manifest(service(config("a=1"))), A)
    repository.import_bundle(manifest(service(name="y", dependents=(dependent,))), B)
    repository.add_instance("svc:/y", "hand")
    assert repository.withdraw_files([A]) == []  # the dependency of svc:/y would go with it
    repository.add_instance(S, "hand")
    assert repository.withdraw_files([B]) == []
    repository.delete("svc:/y:hand")
    assert repository.withdraw_files([]) == ["svc:/y"]
    repository.delete("svc:/y")
    repository.delete("svc:/x:hand")
    assert repository.withdraw_files([]) == [S]


def test_an_instance_that_a_new_version_lacks_is_listed(repository: Repository) -> None:
    both = (instance(), instance(name="other"))
    repository.import_bundle(manifest(service(instances=both)), A)
    repository.import_bundle(manifest(service(instances=(instance(),))), A)
    assert repository.withdraw_files([]) == [Y]
    repository.import_bundle(manifest(service(instances=both)), B)
    assert repository.withdraw_files([]) == []


def test_an_import_by_hand_keeps_a_clean_up_away(repository: Repository) -> None:
    bundle = manifest(service(instances=(instance(),)))
    repository.import_bundle(bundle, A)
    repository.import_bundle(bundle, "/root/x.xml", is_delivered=False)
    assert list(repository.groups(X)["manifestfiles"].properties) == ["lib_svc_manifest_a_xml"]
    assert repository.withdraw_files([A]) == [X]
    repository.import_bundle(bundle, "/root/x.xml", is_delivered=False)
    assert repository.withdraw_files([]) == []


def test_two_paths_of_one_name_are_told_apart(repository: Repository) -> None:
    one, two = "/lib/svc/manifest/a.b.xml", "/lib/svc/manifest/a_b.xml"
    bundle = manifest(service(instances=(instance(),)))
    repository.import_files([source(one, bundle), source(two, bundle, "cd" * 32)])
    assert repository.imported_files() == {one: HASH, two: "cd" * 32}
    assert repository.withdraw_files([two]) == []
    assert repository.imported_files() == {one: HASH}
    repository.forget_file(one)
    assert repository.imported_files() == {}
    assert repository.withdraw_files([one]) == [X]


def test_snapshots_after_several_files(repository: Repository) -> None:
    """An instance that two files name has the snapshots of two imports."""
    one = manifest(service(instances=(instance(config("a=1")),)))
    two = manifest(service(instances=(instance(config("a=2")),)))
    repository.import_files([source(A, one), source(B, two)])
    assert repository.snapshots(X) == ["initial", "last-import", "previous"]
    for name, said in (("initial", "1"), ("previous", "1"), ("last-import", "2")):
        assert repository.groups(X, View.SNAPSHOT, name)["config"].value("a") == said
