"""Bundles as JSON: the same back, and typed errors for anything else."""

from __future__ import annotations

import copy
import json

import pytest

from roost.errors import InvalidName, InvalidValue, RequestError
from roost.model.bundle import (
    Bundle,
    BundleType,
    Dependent,
    InstanceBundle,
    ServiceBundle,
)
from roost.model.bundle_json import bundle_from_json, bundle_to_json
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group

COUNT = Property("p", PropertyType.COUNT, ("1", "2"))
ODD = Property("q", PropertyType.ASTRING, ("", "\udc80", "x\ny"))
OPEN = Property("r", PropertyType.ASTRING, ("anything",))

FULL = Bundle(
    BundleType.PROFILE,
    "b",
    (
        ServiceBundle(
            "a/b",
            2,
            "milestone",
            (make_group("g", "application", [COUNT, ODD]), PropertyGroup("v", "t", {}, False, 7)),
            (
                Dependent("d", "require_all", "none", "svc:/x:y", delete=True),
                Dependent(
                    "e", "exclude_all", "error", "svc:/x", override=True, properties=(COUNT,)
                ),
            ),
            (
                InstanceBundle("i", True),
                InstanceBundle(
                    "j",
                    None,
                    (make_group("h", "", [OPEN]),),
                    (),
                    ("old", "older"),
                    frozenset({("h", "r")}),
                    frozenset({("h", "r")}),
                ),
            ),
            ("gone",),
            frozenset({("g", "p"), ("g", "q")}),
        ),
        ServiceBundle("c"),
    ),
)


def test_round_trip() -> None:
    encoded = json.dumps(bundle_to_json(FULL))
    assert bundle_from_json(json.loads(encoded)) == FULL
    assert json.dumps(bundle_to_json(bundle_from_json(json.loads(encoded)))) == encoded


def test_defaults() -> None:
    found = bundle_from_json(
        {"type": "manifest", "services": [{"name": "a", "instances": [{"name": "i"}]}]}
    )
    service = ServiceBundle("a", instances=(InstanceBundle("i"),))
    assert found == Bundle(BundleType.MANIFEST, "", (service,))


def test_values_become_canonical() -> None:
    prop = {"name": "p", "type": "boolean", "values": ["1"]}
    group = {"name": "g", "type": "t", "properties": [prop]}
    found = bundle_from_json({"type": "manifest", "services": [{"name": "a", "groups": [group]}]})
    assert found.services[0].groups[0].value("p") == "true"


@pytest.mark.parametrize("value", [None, 1, "x", [], [FULL], {1: 2}])
def test_no_object(value: object) -> None:
    with pytest.raises(InvalidValue, match="cannot use the bundle: 'bundle' must be an object"):
        bundle_from_json(value)


MISSING = object()


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("type", MISSING, "'bundle.type' must be a string"),
        ("type", "thing", "'bundle.type' must be one of manifest, profile, archive"),
        ("name", 1, "'bundle.name' must be a string"),
        ("services", {}, "'bundle.services' must be an array"),
        ("services.0", "x", "'bundle.services[0]' must be an object"),
        ("services.1.name", "a/b", "'bundle.services' holds 'a/b' twice"),
        ("services.0.name", MISSING, "'bundle.services[0].name' must be a string"),
        ("services.0.version", "1", "'bundle.services[0].version' must be an unsigned integer"),
        ("services.0.version", True, "'bundle.services[0].version' must be an unsigned integer"),
        ("services.0.version", -1, "'bundle.services[0].version' must be an unsigned integer"),
        ("services.0.kind", "x", "'bundle.services[0].kind' must be one of service, restarter"),
        ("services.0.groups", "x", "'bundle.services[0].groups' must be an array"),
        ("services.0.groups.1.name", "g", "'bundle.services[0].groups' holds 'g' twice"),
        ("services.0.groups.0.persistent", 1, "[0].groups[0].persistent' must be a boolean"),
        ("services.0.groups.0.generation", 1.5, "generation' must be an unsigned integer"),
        ("services.0.groups.0.properties.1.name", "p", "properties' holds 'p' twice"),
        ("services.0.groups.0.properties.0.type", "x", "the types are boolean, count"),
        ("services.0.groups.0.properties.0.values", "1", "values' must be an array"),
        ("services.0.groups.0.properties.0.values.1", 1, "values[1]' must be a string"),
        ("services.0.groups.0.properties.0.values.1", "x", "a count is an unsigned decimal"),
        ("services.0.groups.0.properties.1.values.1", "\ud800", "must be a string of characters"),
        ("services.0.dependents.1.name", "d", "dependents' holds 'd' twice"),
        ("services.0.dependents.0.grouping", "x", "must be one of require_all, require_any"),
        ("services.0.dependents.0.restart_on", MISSING, "restart_on' must be a string"),
        ("services.0.dependents.0.target", "svc:/a/:properties/b", "the FMRI of a service or"),
        ("services.0.dependents.0.delete", "true", "delete' must be a boolean"),
        ("services.0.instances.1.name", "i", "instances' holds 'i' twice"),
        ("services.0.instances.0.enabled", "true", "enabled' must be a boolean"),
        ("services.0.instances.1.deleted_groups.0", 1, "deleted_groups[0]' must be a string"),
        ("services.0.overrides.0", ["g"], "must be an array of a group's and a property's name"),
        ("services.0.overrides.0", ["g", 1], "overrides[0]' must be a string"),
    ],
)
def test_wrong_values(path: str, value: object, why: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        bundle_from_json(changed(path, value))
    assert why in caught.value.message


@pytest.mark.parametrize(
    "path",
    [
        "services.0.name",
        "services.0.groups.0.name",
        "services.0.groups.0.type",
        "services.0.groups.0.properties.0.name",
        "services.0.dependents.0.name",
        "services.0.dependents.0.target",
        "services.0.deleted_groups.0",
        "services.0.instances.0.name",
    ],
)
@pytest.mark.parametrize("name", ["", "1a", "a b", "a" * 800, "a\n", "a\u00e9", "a\ud800"])
def test_wrong_names(path: str, name: str) -> None:
    if path.endswith("type") and not name:
        assert bundle_from_json(changed(path, name)).services[0].groups[0].type == ""
        return
    with pytest.raises(RequestError) as caught:
        bundle_from_json(changed(path, name))
    assert isinstance(caught.value, InvalidName if name.isascii() else InvalidValue)


def changed(path: str, value: object) -> object:
    document: object = copy.deepcopy(bundle_to_json(FULL))
    at = document
    *way, last = path.split(".")
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]  # type: ignore[index]
    if isinstance(at, list):
        at[int(last)] = value
    elif value is MISSING:
        del at[last]  # type: ignore[attr-defined]
    else:
        at[last] = value  # type: ignore[index]
    return document
