"""Templates against a real svc.startd: import, import -V, validate, and what roost ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.svccfg_house import HEAD, QUOTES, House


@pytest.fixture(autouse=True, scope="module")
def _shipped(shared_house: House) -> None:
    """The import of the first boot may still go on: what roost ships must be there."""
    shared_house.ok("import", "--standard")


TEMPLATE = """<template><common_name><loctext xml:lang="C">Quotes</loctext></common_name>
<pg_pattern name="config" type="application" target="instance" required="true">
  <common_name><loctext xml:lang="C">settings</loctext></common_name>
  {rules}
</pg_pattern></template></service>"""
PORT = """<prop_pattern name="port" type="count" required="true">
  <common_name><loctext xml:lang="C">port</loctext><loctext xml:lang="de">Anschluss</loctext>
  </common_name>{inner}</prop_pattern>"""


def with_template(rules: str, quotes: str = QUOTES) -> str:
    return quotes.replace("</service>", TEMPLATE.format(rules=rules))


def port(inner: str) -> str:
    return PORT.format(inner=inner)


CASES = {
    "value": (
        port('<constraints><range min="1" max="8080"/></constraints>'),
        (
            "svc:/site/quotes:nightly: the property 'config/port' (port) has the value '9090', "
            "not 1 to 8080"
        ),
    ),
    "cardinality": (
        '<prop_pattern name="search" type="astring"><cardinality min="0" max="1"/></prop_pattern>',
        "svc:/site/quotes:daily: the property 'config/search' has 2 values, and may have at most 1",
    ),
    "missing": (
        '<prop_pattern name="log" type="astring" required="true"/>',
        "svc:/site/quotes:daily: the property 'config/log' is required, and missing",
    ),
    "type": (
        '<prop_pattern name="greeting" type="count"/>',
        "svc:/site/quotes:daily: the property 'config/greeting' is of type astring, not count",
    ),
    "choice": (
        port('<choices><include_values type="values"/></choices>'),
        (
            "svc:/site/quotes: the pattern of the property 'config/port' (port) includes values in "
            "its choices, but has none"
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_warning_or_with_v_a_refusal(case: str, house: House, tmp_path: Path) -> None:
    rules, problem = CASES[case]
    path = tmp_path / "quotes.xml"
    path.write_text(with_template(rules))
    refusal = house.refused("import", "-V", str(path))
    assert f"cannot import {path}: its templates say:" in refusal
    assert problem in refusal
    assert "site/quotes" not in house.ok("list").split()
    assert problem in house.refused("validate", str(path))

    warned = house.run("import", str(path))
    assert warned.status == 0
    assert f"svccfg: {path}: {problem}" in warned.err
    assert "site/quotes" in house.ok("list").split()


def test_the_templates_of_svc_startd_count(house: House, tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    path.write_text(QUOTES.replace('value="transient"', 'value="forever"'))
    problem = (
        "svc:/site/quotes:nightly: the property 'startd/duration' has the value 'forever', not "
        "contract, daemon, transient, child, wait"
    )
    assert problem in house.refused("validate", str(path))
    assert problem in house.run("import", str(path)).err
    assert problem in house.refused("validate quotes:nightly")
    house.ok("-s", "quotes", "setprop startd/duration = child")
    house.ok("-s", "quotes:nightly", "refresh")
    assert house.ok("validate quotes:nightly") == ""


def test_what_is_configured_by_hand_is_validated(house: House, tmp_path: Path) -> None:
    house.with_quotes(tmp_path)
    house.ok("-s", "quotes:daily", "addpg log dependency")
    house.ok("-s", "quotes:daily", "setprop log/grouping = astring: require_some")
    house.ok("-s", "quotes:daily", "refresh")
    found = house.refused("validate quotes:daily")
    for problem in (
        (
            "'log/grouping' has the value 'require_some', not require_all, require_any, "
            "optional_all, exclude_all"
        ),
        "'log/entities' is required, and missing",
    ):
        assert problem in found


def test_a_snapshot_is_validated(house: House, tmp_path: Path) -> None:
    house.with_quotes(tmp_path)
    house.ok("-s", "quotes:daily", "addpg log dependency")
    house.ok("-s", "quotes:daily", "refresh")
    house.ok("-s", "quotes:daily", "delpg log")
    select = "select quotes:daily\n"
    assert "'log/entities' is required" in house.refused(text=f"{select}validate\n")
    assert "'log/entities'" in house.refused(text=f"{select}selectsnap running\nvalidate\n")
    house.ok(text=f"{select}selectsnap initial\nvalidate\n")
    house.ok("-s", "quotes:daily", "refresh")
    assert house.ok("-v", "-s", "quotes:daily", "validate") == (
        "svc:/site/quotes:daily is valid.\n"
    )
    # A service too, selected or named.
    assert house.ok("-v", "-s", "quotes", "validate") == "svc:/site/quotes is valid.\n"
    assert house.ok("-v", "validate", "quotes") == "svc:/site/quotes is valid.\n"


def test_names_are_in_the_users_language(house: House, tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    path.write_text(with_template(port('<cardinality min="2" max="3"/>')))
    for locale, name in (("de_CH.UTF-8", "Anschluss"), ("fr_FR.UTF-8", "port")):
        shown = house.run("validate", str(path), env={"LC_ALL": locale}).err
        assert f"'config/port' ({name}) has 1 value, and needs at least 2" in shown


def test_what_roost_ships_is_seen_by_nobody_but_svccfg(house: House) -> None:
    assert {"system/svc/global", "system/svc/restarter"} <= set(house.ok("list").split())
    assert house.ok("-s", "system/svc/global", "list") == ":properties\n"
    for service in ("global", "restarter"):
        assert house.ok("validate", f"svc:/system/svc/{service}") == ""


HEADLESS = HEAD + '<service_bundle type="manifest" name="x">{services}</service_bundle>'


def test_a_service_that_defines_anew_what_the_framework_defines(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "x.xml"
    path.write_text(
        HEADLESS.format(
            services="""<service name="site/x" type="service" version="1"><template>
            <common_name><loctext xml:lang="C">x</loctext></common_name>
            <pg_pattern name="general" type="framework"/></template></service>"""
        )
    )
    problem = (
        "svc:/site/x: the pattern of property group 'general' of type framework redefines the "
        "one that svc:/system/svc/global has"
    )
    assert problem in house.refused("validate", str(path))
