"""Dependents."""

from __future__ import annotations

import pytest

from roost.model.bundle import Bundle, Dependent
from roost.repository import Repository

from .builders import config, group, instance, manifest, plain, put, service

E, T = "svc:/e:default", "svc:/t:default"


def _source(*dependents: Dependent, name: str = "e") -> Bundle:
    return manifest(service(name=name, instances=(instance(dependents=dependents),)))


def _dependent(
    target: str = T, *, restart_on: str = "none", override: bool = False, delete: bool = False
) -> Dependent:
    return Dependent("dep", "require_all", restart_on, target, override, delete)


def _own(*, restart_on: str = "error") -> Bundle:
    """The target's manifest with a dependency of its own called dep."""
    dep = group("dep", "entities=fmri:svc:/z", f"restart_on={restart_on}", kind="dependency")
    return manifest(service(name="t", instances=(instance(dep, config("a=1")),)))


@pytest.mark.parametrize("target", ["svc:/t", T])
def test_it_makes_its_target(repository: Repository, target: str) -> None:
    report = repository.import_bundle(_source(_dependent(target)))
    found = repository.groups(target)["dep"]
    assert found.type == "dependency"
    assert {name: prop.values for name, prop in found.properties.items()} == {
        "entities": (E,),
        "external": ("true",),
        "grouping": ("require_all",),
        "restart_on": ("none",),
        "type": ("service",),
    }
    assert repository.groups(E)["dependents"].values("dep") == (target,)
    assert not repository.groups("svc:/t").get("general")
    assert report.instances == ((E, T) if target == T else (E,))
    assert report.services == ("svc:/e",)
    assert report.messages == ()


def test_order_of_import_does_not_matter(repository: Repository) -> None:
    bundle = manifest(service(name="t", instances=(instance(config("a=1")),)))
    repository.import_bundle(_source(_dependent()))
    repository.import_bundle(bundle)
    assert list(repository.groups(T)) == ["config", "dep", "general"]
    assert repository.groups(T)["general"].value("enabled") == "true"
    assert repository.snapshots(T) == ["initial", "last-import", "previous"]
    repository.import_bundle(bundle)
    repository.import_bundle(_source(_dependent()))
    assert list(repository.groups(T)) == ["config", "dep", "general"]


def test_the_service_alone_gets_dependents_too(repository: Repository) -> None:
    repository.import_bundle(manifest(service(name="e", dependents=(_dependent("t"),))))
    assert repository.groups("svc:/t")["dep"].values("entities") == ("svc:/e",)
    assert repository.groups("svc:/e")["dependents"].values("dep") == ("t",)
    assert repository.export_service("svc:/e").dependents == (_dependent("t"),)
    assert repository.export_service("svc:/t").groups == ()


def test_a_new_version_changes_the_group(repository: Repository) -> None:
    repository.import_bundle(_source(_dependent()))
    repository.import_bundle(_source(_dependent(restart_on="error")))
    assert repository.groups(T)["dep"].value("restart_on") == "error"
    repository.commit(T, "dep", [put("restart_on=refresh")])
    report = repository.import_bundle(_source(_dependent(restart_on="restart")))
    assert repository.groups(T)["dep"].value("restart_on") == "refresh"
    assert report.messages == (
        f"kept yours: {T} dep/restart_on = refresh (manifest now says restart)",
    )


def test_pointing_elsewhere_moves_it(repository: Repository) -> None:
    repository.import_bundle(_source(_dependent()))
    report = repository.import_bundle(_source(_dependent("svc:/u:default")))
    assert repository.groups(T) == {}
    assert list(repository.groups("svc:/u:default")) == ["dep"]
    assert report.instances == (E, T, "svc:/u:default")
    assert repository.groups(E)["dependents"].values("dep") == ("svc:/u:default",)


@pytest.mark.parametrize("dependents", [(), (_dependent(delete=True),)])
def test_it_goes_with_its_declaration(
    repository: Repository, dependents: tuple[Dependent, ...]
) -> None:
    repository.import_bundle(_source(_dependent()))
    repository.commit(T, "dep", [put("restart_on=refresh")])
    report = repository.import_bundle(_source(*dependents))
    assert repository.groups(T) == {}
    assert "dependents" not in repository.groups(E)
    assert report.messages == (f"removed: {T} dep/restart_on = refresh, with the dependent of {E}",)
    assert report.instances == (E, T)


def test_it_goes_with_its_source(repository: Repository) -> None:
    repository.import_bundle(_source(_dependent()))
    repository.import_bundle(_own(), "/t.xml")
    other = _source(Dependent("mine", "require_all", "none", T), name="f")
    repository.import_bundle(other)
    repository.delete("svc:/f:default")
    assert "mine" not in repository.groups(T)
    assert "dep" in repository.groups(T)


def test_a_group_of_that_name_is_a_conflict(repository: Repository) -> None:
    repository.import_bundle(_own())
    before = repository.groups(T)
    report = repository.import_bundle(_source(_dependent()))
    assert report.messages == (f"skipped: {E} dependent dep: {T} has a group dep of its own",)
    assert repository.groups(T) == before
    assert "dependents" not in repository.groups(E)
    repository.delete("svc:/e")
    assert repository.groups(T) == before


def test_another_sources_dependent_is_a_conflict(repository: Repository) -> None:
    repository.import_bundle(_source(_dependent(), name="f"))
    report = repository.import_bundle(_source(_dependent()))
    assert report.messages == (
        f"skipped: {E} dependent dep: {T} has a dependent dep of svc:/f:default",
    )


def test_override_replaces(repository: Repository) -> None:
    repository.import_bundle(_own())
    repository.commit(T, "dep", [put("restart_on=refresh")])
    report = repository.import_bundle(_source(_dependent(override=True)))
    assert report.messages == ()
    assert repository.groups(T)["dep"].values("entities") == (E,)
    assert repository.groups(T)["dep"].value("restart_on") == "none"
    repository.delete("svc:/e")
    assert "dep" not in repository.groups(T)


def test_the_targets_own_manifest_wins(repository: Repository) -> None:
    repository.import_bundle(_source(_dependent()))
    report = repository.import_bundle(_own())
    assert report.messages == (f"replaced: {T} dep, a dependency that {E} had put there",)
    assert repository.groups(T)["dep"].values("entities") == ("svc:/z",)
    assert repository.export_service("svc:/e").instances[0].dependents == ()
    repository.delete("svc:/e")
    assert "dep" in repository.groups(T)


def test_a_volatile_group_of_that_name_is_a_conflict(repository: Repository) -> None:
    repository.import_bundle(_own())
    repository.delete_group(T, "dep")
    repository.add_group(T, "dep", "framework", persistent=False)
    report = repository.import_bundle(_source(_dependent()))
    assert report.messages == (f"skipped: {E} dependent dep: {T} has a non-persistent group dep",)


def test_a_masked_dependent_stays_masked(repository: Repository) -> None:
    repository.import_bundle(_source(_dependent()))
    repository.delete_group(T, "dep")
    repository.import_bundle(_source(_dependent()))
    assert repository.groups(T) == {}
    assert plain(repository.groups(E))["dependents"].value("dep") == T
