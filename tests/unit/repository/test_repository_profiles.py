"""Profile layers: what their files say, between the manifest and the administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import PropertyGroup
from roost.repository import Layer, Repository
from roost.repository.port import Change, LayerReport, SourceFile

from .builders import (
    ASTRING,
    config,
    drop,
    group,
    instance,
    manifest,
    put,
    service,
    state_of,
)

S, X = "svc:/x", "svc:/x:default"
GENERIC, SITE, LOCAL = "/p/generic.xml", "/p/site.xml", "/p/site/local.xml"
FILE = "/lib/svc/manifest/x.xml"
SYSTEM, UPPER = Layer.SYSTEM_PROFILE, Layer.SITE_PROFILE


def profile(*services: ServiceBundle) -> Bundle:
    return Bundle(BundleType.PROFILE, "p", services)


def at(fmri: str, *groups: PropertyGroup, deleted: tuple[str, ...] = ()) -> Bundle:
    """A profile that speaks of one entity of the service x."""
    if fmri == S:
        return profile(service(*groups, deleted=deleted))
    return profile(service(instances=(instance(*groups, enabled=None, deleted=deleted),)))


def replace(
    repository: Repository,
    files: Mapping[str, Bundle],
    *,
    layer: Layer = UPPER,
    kept: tuple[str, ...] = (),
) -> LayerReport:
    """Make the layer say what the files say; each one's hash is made of its place."""
    sources = [
        SourceFile(file, lambda bundle=bundle: bundle, f"{n:02x}" * 32)  # type: ignore[misc]
        for n, (file, bundle) in enumerate(files.items())
    ]
    return repository.replace_layer(layer, sources, kept)


def refused(report: LayerReport) -> dict[str, str]:
    return {each.file: each.error for each in report.files if each.error is not None}


def lines(report: LayerReport) -> list[str]:
    return [line for each in report.files for line in each.report.messages]


def said(repository: Repository, fmri: str = S, name: str = "config") -> dict[str, str]:
    """The values that hold, with the layer of each: ``{"port": "90 admin"}``."""
    return {
        value.property: f"{' '.join(value.values)} {value.layer.label}"
        for value in repository.layer_values(fmri, name)
        if value.holds and value.property
    }


@pytest.fixture
def house(repository: Repository) -> Repository:
    repository.import_bundle(
        manifest(service(config("port=count:80", "name=a"), instances=(instance(enabled=False),))),
        FILE,
        "ff" * 32,
    )
    return repository


# --- what holds


def test_each_layer_hides_those_below(house: Repository) -> None:
    replace(house, {GENERIC: at(S, config("port=count:81", "name=b"))}, layer=SYSTEM)
    assert said(house) == {"port": "81 system-profile", "name": "b system-profile"}
    replace(house, {SITE: at(S, config("port=count:82"))})
    assert said(house) == {"port": "82 site-profile", "name": "b system-profile"}
    house.commit(S, "config", [put("port=count:83")])
    assert said(house) == {"port": "83 admin", "name": "b system-profile"}
    house.drop_customizations(S)
    replace(house, {})
    assert said(house) == {"port": "81 system-profile", "name": "b system-profile"}
    replace(house, {}, layer=SYSTEM)
    assert said(house) == {"port": "80 manifest", "name": "a manifest"}
    assert {value.layer for value in house.layer_values(S)} == {Layer.MANIFEST}


def test_a_value_knows_its_file(house: Repository) -> None:
    replace(house, {SITE: at(S, config("port=count:82")), LOCAL: at(S, config("name=b"))})
    files = {(v.property, v.file) for v in house.layer_values(S) if v.layer is UPPER}
    assert files == {("", SITE), ("port", SITE), ("name", LOCAL)}


def test_a_profile_enables(house: Repository) -> None:
    on = profile(service(instances=(InstanceBundle("default", enabled=True),)))
    report = replace(house, {GENERIC: on}, layer=SYSTEM)
    assert house.groups(X)["general"].value("enabled") == "true"
    assert report.instances == (X,)
    assert report.files[0].report.instances == (X,)
    off = profile(service(instances=(InstanceBundle("default", enabled=False),)))
    replace(house, {SITE: off})
    assert house.groups(X)["general"].value("enabled") == "false"
    house.commit(X, "general", [put("enabled=boolean:true")])
    replace(house, {GENERIC: off}, layer=SYSTEM)
    assert house.groups(X)["general"].value("enabled") == "true"


def test_a_profile_makes_groups_and_they_go_with_it(house: Repository) -> None:
    replace(house, {SITE: at(X, group("extra", "a=1", kind="framework"))})
    assert house.groups(X)["extra"].type == "framework"
    assert said(house, X, "extra") == {"a": "1 site-profile"}
    replace(house, {})
    assert "extra" not in house.groups(X)


def test_what_is_not_there_is_passed_over(house: Repository) -> None:
    bundle = profile(
        service(name="never", instances=(instance(config("a=1")),)),
        service(config("port=count:90"), instances=(instance(config("a=1"), name="never"),)),
    )
    report = replace(house, {SITE: bundle})
    assert refused(report) == {}
    assert lines(report) == []
    assert report.files[0].report.services == (S,)
    assert report.files[0].report.instances == ()
    assert house.services() == ["svc:/smf/manifest", S]
    house.import_bundle(manifest(service(config("a=0"), name="never", instances=(instance(),))))
    report = replace(house, {SITE: bundle})
    assert said(house, "svc:/never:default") == {"a": "1 site-profile"}
    assert report.instances == ("svc:/never:default",)


def test_a_place_for_dependents_is_not_there(house: Repository) -> None:
    """Nothing of it is delivered: enabled by a profile, it could only fail."""
    dependent = Dependent("y-t", "require_all", "none", "svc:/t:default")
    house.import_bundle(manifest(service(name="y", instances=(instance(dependents=(dependent,)),))))
    on = profile(service(name="t", instances=(InstanceBundle("default", enabled=True),)))
    assert replace(house, {SITE: on}).instances == ()
    assert list(house.groups("svc:/t:default")) == ["y-t"]
    house.import_bundle(manifest(service(name="t", instances=(instance(enabled=False),))))
    assert replace(house, {SITE: on}).instances == ("svc:/t:default",)
    assert house.groups("svc:/t:default")["general"].value("enabled") == "true"
    assert "initial" in house.snapshots("svc:/t:default")


# --- masks


def test_a_profile_deletes_a_group(house: Repository) -> None:
    gone = at(S, deleted=("config",))
    report = replace(house, {GENERIC: gone}, layer=SYSTEM)
    assert "config" not in house.groups(S)
    assert report.instances == (X,)
    replace(house, {SITE: at(S, config("name=c"))})
    assert said(house) == {"name": "c site-profile"}
    replace(house, {}, layer=SYSTEM)
    assert said(house) == {"port": "80 manifest", "name": "c site-profile"}


def test_a_mask_waits_for_its_group(house: Repository) -> None:
    replace(house, {GENERIC: at(S, deleted=("later",))}, layer=SYSTEM)
    assert (
        house.import_bundle(
            manifest(service(config("port=count:80", "name=a"), group("later", "a=1")))
        ).messages
        == ()
    )
    assert "later" not in house.groups(S)
    replace(house, {}, layer=SYSTEM)
    assert house.groups(S)["later"].value("a") == "1"


def test_what_an_administrator_set_outlives_a_mask_below(house: Repository) -> None:
    house.commit(S, "config", [put("port=count:90")])
    report = replace(house, {SITE: at(S, deleted=("config",))})
    assert lines(report) == [f"kept yours: {S} config/port = 90 ({SITE} deletes the group)"]
    assert said(house) == {"port": "90 admin"}
    replace(house, {})
    assert said(house) == {"port": "90 admin", "name": "a manifest"}


def test_an_administrator_makes_again_what_a_profile_deletes(house: Repository) -> None:
    replace(house, {SITE: at(S, deleted=("config",))})
    house.add_group(S, "config", "framework")
    assert dict(house.groups(S)["config"].properties) == {}
    house.commit(S, "config", [put("name=mine")])
    assert said(house) == {"name": "mine admin"}
    assert house.groups(S)["config"].type == "framework"
    house.delete_group(S, "config")
    assert "config" not in house.groups(S)
    assert not [v for v in house.layer_values(S) if v.layer is Layer.ADMIN]


# --- types


def _untyped(fmri: str, found: PropertyGroup, *names: str) -> Bundle:
    pairs = frozenset((found.name, name) for name in names)
    if fmri == S:
        return profile(ServiceBundle("x", groups=(found,), untyped=pairs))
    inner = InstanceBundle("default", groups=(found,), untyped=pairs)
    return profile(ServiceBundle("x", instances=(inner,)))


def test_an_untyped_value_takes_the_type_that_is_there(house: Repository) -> None:
    bare = group("config", "port=0x51", "new=1", kind="")
    replace(house, {SITE: _untyped(S, bare, "port", "new")})
    found = house.groups(S)["config"]
    assert found.type == "application"
    assert (found.properties["port"].type.value, found.value("port")) == ("count", "81")
    assert found.properties["new"].type is ASTRING
    # An instance's value is of the type that its service's has.
    replace(house, {SITE: _untyped(X, bare, "port", "new")})
    found = house.groups(X)["config"]
    assert found.type == "application"
    assert (found.properties["port"].type.value, found.value("port")) == ("count", "81")
    assert replace(house, {SITE: _untyped(X, bare, "port", "new")}).instances == ()


def test_an_untyped_value_that_does_not_fit_is_refused(house: Repository) -> None:
    report = replace(house, {SITE: _untyped(S, config("port=eighty", "name=b"), "port")})
    assert refused(report) == {
        SITE: "cannot use 'eighty' as a value of type count: a count is an unsigned decimal number"
    }
    assert said(house) == {"port": "80 manifest", "name": "a manifest"}


def test_a_profile_changes_a_propertys_type_but_no_groups(house: Repository) -> None:
    replace(house, {SITE: at(S, group("config", "port=http", kind="framework"))})
    found = house.groups(S)["config"]
    assert found.type == "application"
    assert found.properties["port"].type is ASTRING
    # The manifest's type holds also when a new version has another one.
    house.import_bundle(manifest(service(group("config", "name=a", kind="other"))))
    assert house.groups(S)["config"].type == "other"
    assert said(house) == {"port": "http site-profile", "name": "a manifest"}


# --- several files


def test_files_that_agree_may_say_it_twice(house: Repository) -> None:
    report = replace(
        house,
        {SITE: at(S, config("port=count:81")), LOCAL: at(S, config("port=count:81", "name=b"))},
    )
    assert refused(report) == {}
    assert said(house) == {"port": "81 site-profile", "name": "b site-profile"}


CONTRADICTIONS = [
    (
        at(S, config("port=count:82", "name=b")),
        f"it sets config/port of {S} to 82, but {SITE} to 81",
    ),
    (
        at(S, config("port=81")),
        f"it sets config/port of {S} to astring: 81, but {SITE} to count: 81",
    ),
    (at(S, deleted=("config",)), f"it deletes group config of {S}, but {SITE} sets it"),
    (at(S, group("own")), f"it sets group own of {S}, but {SITE} deletes it"),
    (
        at(S, group("made", kind="framework")),
        f"it gives group made of {S} the type framework, but {SITE} the type application",
    ),
    (
        at(S, config("name=b"), deleted=("config",)),
        f"it deletes group config of {S}, and says what is in it",
    ),
    (
        profile(service(dependents=(Dependent("d", "require_all", "none", "svc:/t"),))),
        f"{S} has the dependent 'd'; a profile has none",
    ),
    (manifest(service(config("name=b"))), f"{LOCAL}:1: it is of type manifest, not profile"),
    (
        at(S, group("dependents")),
        f"{LOCAL}:1: {S} has a group dependents, a name that the repository keeps",
    ),
]


@pytest.mark.parametrize(("bundle", "why"), CONTRADICTIONS)
def test_a_later_file_that_contradicts_is_left_out(
    house: Repository, bundle: Bundle, why: str
) -> None:
    first = at(S, config("port=count:81"), group("made"), deleted=("own",))
    last = at(X, config("name=c"))
    report = replace(house, {SITE: first, LOCAL: bundle, "/p/site/z.xml": last})
    place = why if why.startswith(LOCAL) else f"{LOCAL}: {why}"
    assert refused(report) == {LOCAL: f"cannot apply {place}"}
    assert said(house) == {"port": "81 site-profile", "name": "a manifest"}
    assert said(house, X) == {"name": "c site-profile"}
    assert house.imported_files().keys() == {FILE, SITE, "/p/site/z.xml"}


def test_a_refused_file_takes_its_earlier_word_back(house: Repository) -> None:
    replace(house, {SITE: at(S, config("port=count:81")), LOCAL: at(S, config("name=b"))})
    assert LOCAL in house.imported_files()
    clash = at(S, config("name=b", "port=count:82"))
    replace(house, {SITE: at(S, config("port=count:81")), LOCAL: clash})
    assert said(house) == {"port": "81 site-profile", "name": "a manifest"}
    assert LOCAL not in house.imported_files()


def test_kept_files_keep_what_they_said(house: Repository) -> None:
    first = {SITE: at(S, config("port=count:81")), LOCAL: at(S, config("name=b"), group("own"))}
    replace(house, first)
    report = replace(house, {SITE: at(S, config("port=count:82"))}, kept=(LOCAL,))
    assert refused(report) == {}
    assert said(house) == {"port": "82 site-profile", "name": "b site-profile"}
    assert "own" in house.groups(S)
    assert house.imported_files().keys() == {FILE, SITE, LOCAL}
    # A kept file's group stands on its own when the file that made it is gone.
    replace(house, {}, kept=(LOCAL,))
    assert said(house) == {"port": "80 manifest", "name": "b site-profile"}
    files = {v.file for v in house.layer_values(S) if v.layer is UPPER}
    assert files == {LOCAL}
    report = replace(house, {SITE: at(S, config("name=c"))}, kept=(LOCAL,))
    assert refused(report) == {
        SITE: f"cannot apply {SITE}: it sets config/name of {S} to c, but {LOCAL} to b"
    }


def test_hashes_follow_the_layer(house: Repository) -> None:
    replace(house, {GENERIC: at(S, config("name=b"))}, layer=SYSTEM)
    replace(house, {SITE: at(S), LOCAL: at(S)})
    assert house.imported_files() == {
        FILE: "ff" * 32,
        GENERIC: "00" * 32,
        SITE: "00" * 32,
        LOCAL: "01" * 32,
    }
    replace(house, {LOCAL: at(S)})
    assert house.imported_files() == {FILE: "ff" * 32, GENERIC: "00" * 32, LOCAL: "00" * 32}
    replace(house, {}, kept=(LOCAL,))
    assert house.imported_files().keys() == {FILE, GENERIC, LOCAL}
    replace(house, {}, layer=SYSTEM)
    assert house.imported_files().keys() == {FILE, LOCAL}


def test_the_same_again_changes_nothing(house: Repository) -> None:
    files = {
        SITE: at(S, config("port=count:81"), group("made", "a=1"), deleted=("never",)),
        LOCAL: at(X, config("name=c", "list=1,2")),
    }
    house.commit(S, "config", [put("port=count:90")])
    replace(house, files)
    before = state_of(house)
    with house.transaction() as changed:
        report = replace(house, files)
    assert state_of(house) == before
    assert changed == set()
    assert report.instances == ()
    assert lines(report) == []


# --- what the administrator set stays


class Word(NamedTuple):
    """What the profile says first, then; what the administrator did; the line for it."""

    first: Bundle | None
    then: Bundle | None
    mine: Change
    line: str


PORT = put("port=count:90")
WORDS = [
    Word(None, at(S, config("port=count:81")), PORT, "config/port = 90 ({} now says 81)"),
    Word(
        at(S, config("port=count:81")),
        at(S, config("port=count:82")),
        PORT,
        "config/port = 90 ({} now says 82)",
    ),
    Word(at(S, config("port=count:81")), at(S, config("port=count:81")), PORT, ""),
    Word(
        at(S, config("port=count:81")),
        at(S, config("name=b")),
        PORT,
        "config/port = 90 ({} no longer has it)",
    ),
    Word(
        None,
        at(S, config("port=81")),
        PORT,
        "config/port = count: 90 ({} now says astring: 81)",
    ),
    Word(None, at(S, config("name=b")), drop("name"), "config/name deleted ({} now says b)"),
    Word(
        at(S, config("own=1")),
        None,
        put("own=2"),
        "config/own = 2 ({} no longer has it)",
    ),
    Word(None, at(S, config("list=1,2")), put("list=3"), "config/list = 3 ({} now says (1 2))"),
]


@pytest.mark.parametrize("word", WORDS)
def test_what_is_mine_stays_and_is_listed(house: Repository, word: Word) -> None:
    replace(house, {SITE: word.first} if word.first else {})
    house.commit(S, "config", [word.mine])
    before = house.groups(S)["config"].properties.get(word.mine.name)
    report = replace(house, {SITE: word.then} if word.then else {})
    assert lines(report) == ([f"kept yours: {S} {word.line.format(SITE)}"] if word.line else [])
    assert house.groups(S)["config"].properties.get(word.mine.name) == before
    again = replace(house, {SITE: word.then} if word.then else {})
    assert lines(again) == []


def test_a_deleted_group_stays_deleted(house: Repository) -> None:
    house.delete_group(S, "config")
    report = replace(house, {SITE: at(S, config("port=count:81"))})
    assert lines(report) == [f"kept yours: {S} config deleted ({SITE} has changed it)"]
    assert "config" not in house.groups(S)
    assert lines(replace(house, {SITE: at(S, config("port=count:81"))})) == []


def test_a_value_set_to_what_a_profile_says_follows_it(house: Repository) -> None:
    house.commit(S, "config", [put("port=count:81")])
    replace(house, {SITE: at(S, config("port=count:81"))})
    assert said(house)["port"] == "81 site-profile"
    replace(house, {SITE: at(S, config("port=count:82"))})
    assert said(house)["port"] == "82 site-profile"


def test_what_an_administrator_set_outlives_the_profiles_group(house: Repository) -> None:
    replace(house, {SITE: at(S, group("made", "a=1"))})
    house.commit(S, "made", [put("a=2")])
    report = replace(house, {})
    assert lines(report) == [f"kept yours: {S} made/a = 2 ({SITE} no longer has it)"]
    assert [each.file for each in report.files] == [SITE]
    assert said(house, S, "made") == {"a": "2 admin"}
    assert house.groups(S)["made"].type == "application"


def test_a_group_of_another_type_is_the_administrators(house: Repository) -> None:
    house.add_group(S, "made", "framework")
    report = replace(house, {SITE: at(S, group("made", "a=1"))})
    assert lines(report) == [
        f"kept yours: {S} made has type framework ({SITE} now says application)"
    ]
    assert house.groups(S)["made"].type == "framework"
    assert said(house, S, "made") == {"a": "1 site-profile"}


def test_a_volatile_group_of_that_name_is_left_alone(house: Repository) -> None:
    house.add_group(S, "live", "framework", persistent=False)
    report = replace(house, {SITE: at(S, group("live", "a=1"))})
    assert lines(report) == [f"skipped: {S} live: there is a non-persistent group of that name"]
    assert not house.groups(S)["live"].persistent


# --- manifests below profiles


def test_a_new_manifest_under_a_profile(house: Repository) -> None:
    replace(house, {SITE: at(S, config("port=count:82"))})
    report = house.import_bundle(manifest(service(config("port=count:81", "name=b"))), FILE)
    assert report.messages == ()
    assert said(house) == {"port": "82 site-profile", "name": "b manifest"}
    replace(house, {})
    assert said(house) == {"port": "81 manifest", "name": "b manifest"}


def test_a_new_manifest_under_a_profile_under_an_administrator(house: Repository) -> None:
    """It would hide the manifest's value in any case: what the administrator set is not why."""
    replace(house, {SITE: at(S, config("port=count:82"))})
    house.commit(S, "config", [put("port=count:90"), put("name=mine")])
    report = house.import_bundle(manifest(service(config("port=count:81", "name=b"))), FILE)
    assert report.messages == (f"kept yours: {S} config/name = mine (manifest now says b)",)
    house.drop_customizations(S)
    assert said(house) == {"port": "82 site-profile", "name": "b manifest"}


def test_a_manifest_that_drops_a_group_leaves_the_profiles(house: Repository) -> None:
    replace(house, {SITE: at(S, config("port=count:82"))})
    house.import_bundle(manifest(service(group("other"))), FILE)
    assert said(house) == {"port": "82 site-profile"}
    house.import_bundle(manifest(service(group("other"), deleted=("config",))), FILE)
    assert said(house) == {"port": "82 site-profile"}
    replace(house, {})
    assert "config" not in house.groups(S)


def test_an_override_goes_over_the_administrator_and_under_the_profile(house: Repository) -> None:
    replace(house, {SITE: at(S, config("port=count:82"))})
    house.commit(S, "config", [put("port=count:90")])
    pairs = frozenset({("config", "port")})
    house.import_bundle(manifest(service(config("port=count:81", "name=a"), overrides=pairs)), FILE)
    assert said(house) == {"port": "82 site-profile", "name": "a manifest"}


def test_enabled_stays_the_first_manifests_below_a_profile(house: Repository) -> None:
    on = profile(service(instances=(InstanceBundle("default", enabled=True),)))
    replace(house, {SITE: on})
    house.import_bundle(manifest(service(config("name=a"), instances=(instance(enabled=True),))))
    replace(house, {})
    assert house.groups(X)["general"].value("enabled") == "false"


def test_revert_goes_back_over_profiles(house: Repository) -> None:
    house.take_snapshot(X, "old")
    replace(house, {SITE: at(S, config("port=count:82"), group("made", "a=1"))})
    house.revert(X, "old")
    assert said(house) == {"port": "80 admin", "name": "a manifest"}
    assert "made" not in house.groups(S)
    house.drop_customizations(S)
    assert said(house)["port"] == "82 site-profile"
