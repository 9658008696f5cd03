"""Groups against templates."""

from __future__ import annotations

import pytest

from roost.cli.cfg.template_rules import Rule
from roost.cli.cfg.templates import (
    GLOBAL,
    MASTER,
    Lookup,
    bundle_problems,
    elsewhere,
    entity_problems,
    problems,
    sources,
)
from roost.errors import DaemonNotRunning
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


PORT_TEXTS = (
    '<loctext xml:lang="C">The port</loctext><loctext xml:lang="de_CH">Der Anschluss</loctext>'
)
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
            ["the property 'config/port' has 1 value, and needs at least 2"],
        ),
        (
            pattern(prop('<cardinality min="0" max="0"/>')),
            ["the property 'config/port' has 1 value, and may have at most 0"],
        ),
        (pattern(prop('<constraints><range min="1" max="80"/></constraints>')), []),
        (
            pattern(prop('<constraints><range min="1" max="79"/></constraints>')),
            ["the property 'config/port' has the value '80', not 1 to 79"],
        ),
        (pattern(MODE), []),
        (
            pattern(MODE.replace('name="fast"', 'name="slow"')),
            ["the property 'config/mode' has the value 'fast', not slow, safe"],
        ),
        (
            pattern(MODE.replace(">,<", ">;, <")),
            [],
        ),
        (
            pattern(MODE.replace("<internal_separators>,</internal_separators>", "")),
            ["the property 'config/mode' has the value 'fast,safe', not fast, safe"],
        ),
        (
            pattern(prop('<constraints><value name="7"/><range min="80" max="90"/></constraints>')),
            [],
        ),
        (
            pattern(prop('<constraints><value name="7"/><range min="81" max="90"/></constraints>')),
            ["the property 'config/port' has the value '80', not 7, 81 to 90"],
        ),
        (pattern(prop('<constraints><value name="080"/></constraints>')), []),
        (
            pattern(prop(f"<common_name>{PORT_TEXTS}</common_name>", kind="integer")),
            ["the property 'config/port' (The port) is of type count, not integer"],
        ),
        (
            pattern(f"<common_name>{PORT_TEXTS}</common_name>", kind="framework"),
            ["the property group 'config' (The port) is of type application, not framework"],
        ),
        (
            pattern("", more='target="instance" required="true"', name="other"),
            ["the property group 'other' is required, and missing"],
        ),
    ],
)
def test_a_manifest_against_its_own_templates(
    patterns: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
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


# --- the templates themselves -----------------------------------------------------------------

DIGITS = '<values><value name="1"/><value name="2"/></values>'
OF_CONFIG = "the pattern of property group 'config' of type application"
OF_PORT = "the pattern of the property 'config/port'"


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (
            pattern("", more='target="delegate"', name="other"),
            (
                "the pattern of property group 'other' of type application has the target "
                "'delegate', which only a restarter's patterns have"
            ),
        ),
        (
            pattern("", more='target="all"', name="other"),
            (
                "the pattern of property group 'other' of type application has the target "
                "'all', which only patterns of svc:/system/svc/global have"
            ),
        ),
        (
            pattern("", name="", kind="", more='required="true"'),
            "the pattern of property group '*' is required, but has neither a name nor a type",
        ),
        (pattern("") + pattern("", more='target="instance"'), f"{OF_CONFIG} is there twice"),
        (
            pattern("") + pattern("", kind=""),
            "",
        ),
        (
            pattern("", name="x", kind="a") + pattern("", name="x", kind="b"),
            "the pattern of property group 'x' of type a conflicts with the one of type b",
        ),
        (
            pattern('<prop_pattern name="port" required="true"/>'),
            f"{OF_PORT} is required, but has no type",
        ),
        (
            pattern(prop('<choices><include_values type="values"/></choices>')),
            f"{OF_PORT} includes values in its choices, but has none",
        ),
        (
            pattern(prop('<choices><include_values type="constraints"/></choices>')),
            f"{OF_PORT} includes constraints in its choices, but has none",
        ),
        (pattern(prop(f'{DIGITS}<choices><include_values type="values"/></choices>')), ""),
        (
            pattern(
                prop(
                    '<constraints><range min="1" max="99"/></constraints>'
                    '<choices><value name="80"/><range min="5" max="9"/></choices>'
                )
            ),
            "",
        ),
        (
            pattern(
                prop(
                    '<constraints><range min="1" max="99"/></constraints>'
                    '<choices><value name="100"/></choices>'
                )
            ),
            f"{OF_PORT} offers '100' in its choices, which its constraints exclude",
        ),
        (
            pattern(
                prop(
                    '<constraints><range min="1" max="99"/></constraints>'
                    '<choices><range min="50" max="100"/></choices>'
                )
            ),
            f"{OF_PORT} offers 50 to 100 in its choices, which its constraints exclude",
        ),
        (
            pattern(prop('<constraints><value name="80"/><value name="low"/></constraints>')),
            f"{OF_PORT} has 'low' in its constraints, which is no count",
        ),
        (
            pattern(prop('<values><value name="low"/></values>')),
            f"{OF_PORT} has 'low' in its values, which is no count",
        ),
        (
            pattern(
                prop(
                    '<constraints><range min="1" max="2"/></constraints>',
                    name="host",
                    kind="astring",
                )
            ),
            (
                "the pattern of the property 'config/host' has a range in its constraints, but is "
                "of type astring"
            ),
        ),
    ],
)
def test_templates_that_are_wrong_themselves(patterns: str, found: str) -> None:
    expected = [f"svc:/site/x: {found}"] if found else []
    assert bundle_problems(read_bundle(manifest(patterns))) == expected


def test_targets_of_an_instance() -> None:
    template = (
        "<template><common_name><loctext xml:lang='C'>y</loctext></common_name>"
        "<pg_pattern name='config' type='application' target='instance'/></template>"
    )
    assert bundle_problems(read_bundle(manifest("", template))) == [
        (
            f"svc:/site/x:default: {OF_CONFIG} has the target 'instance', which only a service's "
            "patterns have"
        )
    ]


def rule_of(**values: str | tuple[str, ...]) -> Rule:
    """A property pattern as commands can make it, without a manifest's checks."""
    props = [
        Property(name, T.ASTRING, (value,) if isinstance(value, str) else value)
        for name, value in values.items()
    ]
    return Rule.read(make_group("tm_proppat_x", "template_prop_pattern", props))


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (rule_of(type="number"), "is of type number, which there is not"),
        (
            rule_of(constraints_range="9,1"),
            "has a range in its constraints with the minimum 9 above 1",
        ),
        (
            rule_of(choices_range="9,1"),
            "has a range in its choices with the minimum 9 above 1",
        ),
        (
            rule_of(constraints_range="nine"),
            "has the range 'nine' in its constraints, which is not two numbers",
        ),
        (
            rule_of(cardinality_min="2", cardinality_max="1"),
            "has the minimum cardinality 2 above its maximum 1",
        ),
        (
            rule_of(choices_include="words"),
            "includes 'words' in its choices, expected constraints or values",
        ),
    ],
)
def test_patterns_that_no_manifest_can_have(rule: Rule, found: str) -> None:
    assert list(rule.own_problems("")) == [f"the pattern of the property '*/' {found}"]


def test_patterns_of_properties_that_hang_in_the_air() -> None:
    lost = make_group(
        "lost",
        "template_prop_pattern",
        [Property("pg_pattern", T.ASTRING, ("gone",)), Property("name", T.ASTRING, ("p",))],
    )
    twice = rule_for("", "this", "count")
    twice["c"] = make_group("c", "template_prop_pattern", twice["b"].properties.values())
    assert entity_problems("svc:/x", {}, {}, {"lost": lost} | twice, lambda _fmri: {}) == [
        "the pattern of property group '*' has two patterns of the property 'p'",
        "the pattern 'lost' of a property belongs to no group's pattern",
    ]


# --- what others define -----------------------------------------------------------------------


def finder(found: dict[str, dict[str, PropertyGroup]]) -> Lookup:
    return lambda fmri: found.get(fmri, {})


def test_the_templates_of_others_count() -> None:
    bundle = read_bundle(manifest(""))
    expected = ["svc:/site/x:default: the property 'config/port' is of type count, not boolean"]
    wrong = rule_for("application", "all", "boolean")
    wrong["b"] = make_group(
        "b",
        "template_prop_pattern",
        [
            Property("pg_pattern", T.ASTRING, ("a",)),
            Property("name", T.ASTRING, ("port",)),
            Property("type", T.ASTRING, ("boolean",)),
        ],
    )
    assert bundle_problems(bundle, finder({GLOBAL: wrong})) == expected
    delegate = dict(wrong)
    delegate["a"] = rule_for("application", "delegate", "boolean")["a"]
    assert bundle_problems(bundle, finder({MASTER: delegate})) == expected
    assert bundle_problems(bundle, finder({"svc:/other": delegate})) == []
    other = "<restarter><service_fmri value='svc:/other:default'/></restarter>"
    of_another = read_bundle(manifest("", other))
    assert bundle_problems(of_another, finder({"svc:/other": delegate})) == expected
    assert bundle_problems(of_another, finder({MASTER: delegate})) == []


def test_a_manifest_that_holds_its_restarter() -> None:
    """What the manifest says of the restarter counts, not what the repository has."""
    data = manifest("", "<restarter><service_fmri value='svc:/r:default'/></restarter>")
    with_restarter = data.replace(
        b"</service></service_bundle>",
        b"""</service><service name="r" type="restarter" version="1">
        <template><common_name><loctext xml:lang="C">r</loctext></common_name>
        <pg_pattern name="must" type="application" required="true" target="delegate"/>
        </template></service></service_bundle>""",
    )
    nothing: dict[str, PropertyGroup] = {}
    assert bundle_problems(read_bundle(with_restarter), finder({"svc:/r": nothing})) == [
        "svc:/site/x:default: the property group 'must' is required, and missing"
    ]


def general(kind: str, target: str) -> dict[str, PropertyGroup]:
    """A pattern of the group ``config``."""
    group = rule_for(kind, target, "count")["a"]
    named = {**group.properties, "name": Property("name", T.ASTRING, ("config",))}
    return {"a": make_group("a", group.type, named.values())}


def test_defining_anew_what_others_define() -> None:
    own = read_bundle(manifest(pattern("")))
    same, other = general("application", "all"), general("framework", "all")
    assert bundle_problems(own, finder({GLOBAL: same})) == [
        f"svc:/site/x: {OF_CONFIG} redefines the one that {GLOBAL} has"
    ]
    assert bundle_problems(own, finder({GLOBAL: other})) == [
        f"svc:/site/x: {OF_CONFIG} conflicts with that of {GLOBAL}, framework"
    ]
    delegate = finder({MASTER: general("application", "delegate")})
    assert bundle_problems(own, delegate) == [
        f"svc:/site/x: {OF_CONFIG} redefines the one that the restarter has"
    ]
    assert bundle_problems(own, finder({GLOBAL: general("application", "this")})) == []


def test_the_repository_is_asked_once_and_may_be_absent() -> None:
    asked: list[str] = []

    class Here:
        def find(self, pattern: str) -> list[str]:
            asked.append(pattern)
            return [pattern] if pattern == GLOBAL else []

        def groups(self, fmri: str) -> dict[str, PropertyGroup]:
            assert fmri == GLOBAL
            return general("application", "all")

    lookup = elsewhere(Here())
    assert lookup(GLOBAL) == lookup(GLOBAL) == general("application", "all")
    assert lookup(MASTER) == {}
    assert asked == [GLOBAL, MASTER]
    data = manifest("").replace(b'name="site/x"', b'name="system/svc/restarter"')
    with_it = elsewhere(Here(), [read_bundle(data)])
    assert set(with_it(MASTER)) >= {"config", "tm_common_name"}
    assert with_it(GLOBAL) == general("application", "all")

    class Nowhere(Here):
        def find(self, pattern: str) -> list[str]:
            raise DaemonNotRunning("find", pattern)

    assert elsewhere(Nowhere())(GLOBAL) == {}


@pytest.mark.parametrize(
    ("locale", "text"), [("C", "The port"), ("de_CH.UTF-8", "Der Anschluss"), ("fr_FR", "The port")]
)
def test_names_in_the_users_language(
    locale: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    rule = pattern(prop(f"<common_name>{PORT_TEXTS}</common_name>", kind="integer"))
    (found,) = bundle_problems(read_bundle(manifest(rule)))
    assert f"'config/port' ({text}) is of type" in found
