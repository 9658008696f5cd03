"""Groups against templates."""

from __future__ import annotations

import pytest

from roost.cli.cfg.templates import bundle_problems, problems, sources
from roost.manifest import read_bundle
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group

T = PropertyType


def manifest(patterns: str, instance: str = "", service: str = "") -> bytes:
    return f"""<?xml version="1.0"?>
<service_bundle type="manifest" name="x"><service name="site/x" type="service" version="1">
<property_group name="config" type="application">
  <propval name="port" type="count" value="80"/>
  <propval name="mode" type="astring" value="fast,safe"/>
</property_group>{service}
<instance name="default" enabled="true">{instance}</instance>
<template><common_name><loctext xml:lang="C">x</loctext></common_name>{patterns}</template>
</service></service_bundle>""".encode()


def pattern(inner: str, *, name: str = "config", kind: str = "application", more: str = "") -> str:
    return f'<pg_pattern name="{name}" type="{kind}" {more}>{inner}</pg_pattern>'


def prop(inner: str, *, name: str = "port", kind: str = "count", required: str = "false") -> str:
    return f'<prop_pattern name="{name}" type="{kind}" required="{required}">{inner}</prop_pattern>'


MODE = prop(
    "<internal_separators>,</internal_separators>"
    '<constraints><value name="fast"/><value name="safe"/></constraints>',
    name="mode",
    kind="astring",
)


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ("", []),
        (pattern(""), []),
        (pattern("", name="other", more='required="false"'), []),
        (
            pattern("", name="other", more='required="true"'),
            ["the property group 'other' is required, and missing"],
        ),
        (
            pattern("", name="", kind="odd", more='required="true"'),
            ["a property group of type odd is required, and missing"],
        ),
        (
            pattern("", kind="framework"),
            ["the property group 'config' is of type application, not framework"],
        ),
        (
            pattern(prop("", name="host", kind="host", required="true")),
            ["the property 'config/host' is required, and missing"],
        ),
        (
            pattern(prop("", kind="integer")),
            ["the property 'config/port' is of type count, not integer"],
        ),
        (pattern(prop('<cardinality min="1" max="1"/>')), []),
        (
            pattern(prop('<cardinality min="2"/>')),
            ["the property 'config/port' has 1 values, and needs at least 2"],
        ),
        (
            pattern(prop('<cardinality min="0" max="0"/>')),
            ["the property 'config/port' has 1 values, and may have at most 0"],
        ),
        (pattern(prop('<constraints><range min="1" max="80"/></constraints>')), []),
        (
            pattern(prop('<constraints><range min="1" max="79"/></constraints>')),
            ["the property 'config/port' has the value '80', which its template excludes"],
        ),
        (pattern(MODE), []),
        (
            pattern(MODE.replace('name="fast"', 'name="slow"')),
            ["the property 'config/mode' has the value 'fast', which its template excludes"],
        ),
        (pattern("", more='target="delegate" required="true"', name="other"), []),
        (
            pattern("", more='target="instance" required="true"', name="other"),
            ["the property group 'other' is required, and missing"],
        ),
    ],
)
def test_a_manifest_against_its_own_templates(patterns: str, found: list[str]) -> None:
    bundle = read_bundle(manifest(patterns))
    assert bundle_problems(bundle) == [f"svc:/site/x:default: {text}" for text in found]


def test_the_instance_overrides_what_is_checked() -> None:
    instance = """<property_group name="config" type="application">
      <propval name="port" type="count" value="90"/></property_group>"""
    rule = pattern(prop('<constraints><range min="1" max="80"/></constraints>'))
    assert len(bundle_problems(read_bundle(manifest(rule, instance)))) == 1


def test_enabled_counts_as_a_property() -> None:
    rule = pattern(
        prop("", name="enabled", kind="boolean", required="true"), name="general", kind=""
    )
    assert bundle_problems(read_bundle(manifest(rule))) == []


def rule_for(kind: str, target: str, prop_kind: str) -> dict[str, PropertyGroup]:
    """A pattern for groups of a type, which says the type of the property ``p``."""

    def text(name: str, value: str) -> Property:
        return Property(name, T.ASTRING, (value,))

    return {
        "a": make_group(
            "a",
            "template_pg_pattern",
            [text("name", ""), text("type", kind), text("target", target)],
        ),
        "b": make_group(
            "b",
            "template_prop_pattern",
            [text("pg_pattern", "a"), text("name", "p"), text("type", prop_kind)],
        ),
    }


def test_the_nearest_pattern_wins() -> None:
    group = make_group("g", "application", [Property("p", T.HOSTNAME, ("h",))])
    groups = {"g": group}
    wrong, right = "count", "ustring"
    own = rule_for("application", "this", right)
    delegate = rule_for("application", "delegate", wrong)
    everywhere = rule_for("", "all", wrong)
    assert problems(groups, sources(own, {}, delegate, everywhere)) == []
    expected = ["the property 'g/p' is of type hostname, not count"]
    assert problems(groups, sources({}, {}, delegate, everywhere)) == expected
    assert problems(groups, sources({}, {}, None, everywhere)) == expected
    assert problems(groups, sources({}, {}, everywhere, delegate)) == []
