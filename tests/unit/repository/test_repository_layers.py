"""What each layer says, what of it holds, and dropping what an administrator said."""

from __future__ import annotations

import pytest

from roost.errors import NotFound
from roost.repository import Layer, Repository

from .builders import config, drop, group, instance, manifest, put, service

S, X = "svc:/x", "svc:/x:default"
FILE = "/lib/svc/manifest/site/x.xml"


@pytest.fixture
def house(repository: Repository) -> Repository:
    """A delivered service with something of everything an administrator can do."""
    repository.import_bundle(
        manifest(
            service(
                config("port=count:80", "name=a", "gone=1"),
                group("whole", "a=1"),
                instances=(instance(),),
            )
        ),
        FILE,
    )
    repository.commit(S, "config", [put("port=count:90"), put("own=1"), drop("gone")])
    repository.delete_group(S, "whole")
    repository.add_group(S, "mine", "application")
    repository.commit(S, "mine", [put("a=1"), put("b=2")])
    repository.add_group(S, "live", "application", persistent=False)
    return repository


def _lines(repository: Repository, fmri: str = S, group: str | None = None) -> list[str]:
    return [
        " ".join(
            [
                f"{v.group}/{v.property}" if v.property else v.group,
                v.type,
                v.layer.label,
                ",".join(v.values) or "-",
                *(["MASKED"] if v.masked else []),
                *(["holds"] if v.holds else []),
            ]
        )
        for v in repository.layer_values(fmri, group)
        if v.group != "manifestfiles"
    ]


def test_all_that_all_layers_say(house: Repository) -> None:
    assert _lines(house) == [
        "config application manifest - holds",
        "config/gone astring manifest 1",
        "config/gone astring admin - MASKED",
        "config/name astring manifest a holds",
        "config/own astring admin 1 holds",
        "config/port count manifest 80",
        "config/port count admin 90 holds",
        "mine application admin - holds",
        "mine/a astring admin 1 holds",
        "mine/b astring admin 2 holds",
        "whole application manifest -",
        "whole application admin - MASKED",
        "whole/a astring manifest 1",
    ]
    assert _lines(house, group="mine") == [line for line in _lines(house) if "mine" in line]
    assert _lines(house, group="live") == []
    with pytest.raises(NotFound, match="there is no such service"):
        house.layer_values("svc:/none")


def test_a_value_knows_its_file(house: Repository) -> None:
    files = {(v.property, v.layer): v.file for v in house.layer_values(S, "config")}
    assert files["port", Layer.MANIFEST] == FILE
    assert files["port", Layer.ADMIN] == ""


def test_all_customisations_go(house: Repository) -> None:
    before = house.generation(S, "config")
    assert before is not None
    dropped = house.drop_customizations(S)
    assert [(v.group, v.property, v.masked) for v in dropped] == [
        ("config", "gone", True),
        ("config", "own", False),
        ("config", "port", False),
        ("mine", "", False),
        ("mine", "a", False),
        ("mine", "b", False),
        ("whole", "", True),
    ]
    assert {v.layer for v in house.layer_values(S)} == {Layer.MANIFEST}
    assert list(house.groups(S)) == ["config", "live", "manifestfiles", "whole"]
    assert house.groups(S)["config"].value("port") == "80"
    assert house.generation(S, "config") == before + 1
    assert house.drop_customizations(S) == []


@pytest.mark.parametrize(
    ("pattern", "masked_only", "gone"),
    [
        ("config", False, "config/gone config/own config/port"),
        ("config/*", False, "config/gone config/own config/port"),
        ("config/p*", False, "config/port"),
        ("*/gone", False, "config/gone"),
        ("mine/*", False, "mine/a mine/b"),
        ("mine", False, "mine/ mine/a mine/b"),
        ("m*", False, "mine/ mine/a mine/b"),
        ("whole/*", False, ""),
        ("none", False, ""),
        (None, True, "config/gone whole/"),
        ("config", True, "config/gone"),
        ("config/port", True, ""),
    ],
)
def test_a_pattern_chooses(
    house: Repository, pattern: str | None, masked_only: bool, gone: str
) -> None:
    before = {(v.group, v.property) for v in house.layer_values(S) if v.layer is Layer.ADMIN}
    dropped = house.drop_customizations(S, pattern, masked_only=masked_only)
    assert " ".join(f"{v.group}/{v.property}" for v in dropped) == gone
    after = {(v.group, v.property) for v in house.layer_values(S) if v.layer is Layer.ADMIN}
    assert after == before - {(v.group, v.property) for v in dropped}


def test_an_own_group_stays_without_its_properties(house: Repository) -> None:
    house.drop_customizations(S, "mine/*")
    assert dict(house.groups(S)["mine"].properties) == {}


def test_a_transaction_tells_what_it_changed(house: Repository) -> None:
    with house.transaction() as changed:
        house.drop_customizations(S, "config")
        house.commit(S, "mine", [put("a=1")])  # what it is already
    assert changed == {(S, "config")}
    with house.transaction() as changed:
        house.delete_group(S, "mine")
        house.delete(X)
    assert changed == {(S, "mine"), (X, "general"), (X, "manifestfiles")}
