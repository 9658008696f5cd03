"""svccfg describe against a real svc.startd: what templates say beside what is set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.svccfg_house import HEAD, House

TEMPLATES = (
    HEAD
    + """<service_bundle type="manifest" name="tm">
<service name="site/tm" type="service" version="1">
  <create_default_instance enabled="false"/>
  <exec_method type="method" name="start" exec=":true" timeout_seconds="60"/>
  <exec_method type="method" name="stop" exec=":true" timeout_seconds="60"/>
  <property_group name="config" type="application">
    <propval name="port" type="count" value="8080"/>
    <propval name="mode" type="astring" value="fast"/>
    <propval name="secret" type="astring" value="x"/>
    <propval name="plain" type="astring" value="it is"/>
  </property_group>
  <template>
    <common_name>
      <loctext xml:lang="C">Stock quotes</loctext><loctext xml:lang="de">Kurse</loctext>
    </common_name>
    <description><loctext xml:lang="C">Fetches quotes of all the stocks in the world
      again and again, and prints them where somebody may look.</loctext></description>
    <documentation>
      <manpage title="quotes" section="8"/><doc_link name="home" uri="http://example.com/"/>
    </documentation>
    <pg_pattern name="config" type="application" required="true">
      <description><loctext xml:lang="C">All of it.</loctext></description>
      <prop_pattern name="port" type="count" required="true">
        <common_name>
          <loctext xml:lang="C">Port</loctext><loctext xml:lang="de_DE">Anschluss</loctext>
        </common_name>
        <units><loctext xml:lang="C">number</loctext></units>
        <visibility value="readwrite"/>
        <cardinality min="1" max="1"/>
        <constraints><value name="0"/><range min="80" max="65535"/></constraints>
        <choices>
          <value name="8080">
            <description><loctext xml:lang="C">as others</loctext></description>
          </value>
          <include_values type="constraints"/>
        </choices>
      </prop_pattern>
      <prop_pattern name="mode" type="astring">
        <cardinality min="2"/>
        <internal_separators>,:</internal_separators>
        <values>
          <value name="fast">
            <common_name><loctext xml:lang="C">Fast</loctext></common_name>
            <description><loctext xml:lang="C">As fast as it goes.</loctext></description>
          </value>
          <value name="slow"/>
        </values>
      </prop_pattern>
      <prop_pattern name="secret" type="astring"><visibility value="hidden"/></prop_pattern>
      <prop_pattern name="unset" type="boolean">
        <description><loctext xml:lang="C">Nobody set it.</loctext></description>
      </prop_pattern>
    </pg_pattern>
  </template>
</service>
</service_bundle>
"""
)

PORT = """\
config/port  count    8080
    Port
"""
PORT_FULLY = (
    PORT
    + """\
    type: count
    required: true
    units: number
    visibility: readwrite
    number of values: 1
    constraints: 0, 80 to 65535
    choices: 8080, those of constraints
      8080:
        as others
    value: 8080
        as others
"""
)


@pytest.fixture
def described(house: House, tmp_path: Path) -> House:
    path = tmp_path / "tm.xml"
    path.write_text(TEMPLATES)
    house.ok("import", str(path))
    return house


def describe(house: House, operands: str = "", at: str = "tm", language: str = "C") -> str:
    result = house.run("-s", at, f"describe {operands}", env={"LC_ALL": language})
    assert result.status == 0, result
    return result.out


def test_the_selection_and_what_is_set(described: House) -> None:
    whole = describe(described)
    assert whole.startswith(
        "svc:/site/tm\n"
        "    Stock quotes\n"
        "    Fetches quotes of all the stocks in the world again and again, and prints\n"
        "    them where somebody may look.\n"
        "config                 application\n"
        "    All of it.\n"
        "config/mode            astring  fast\n"
        'config/plain           astring  "it is"\n'
        "config/port            count    8080\n"
        "    Port\n"
        "start                  method\n"
    )
    for absent in ("config/secret", "config/unset", "tm_", "quotes(8)"):
        assert absent not in whole


def test_a_group_or_a_property_is_named(described: House) -> None:
    assert describe(described, "config/port") == PORT
    assert describe(described, "config").count("config/") == 3
    assert describe(described, "config/unset") == (
        "config/unset  boolean  (unset)\n    Nobody set it.\n"
    )
    assert describe(described, "config/secret") == "config/secret  astring  x\n"
    assert "cannot describe 'nothing' of svc:/site/tm: Not found." in described.refused(
        "-s", "tm", "describe nothing"
    )
    assert "no service or instance is selected" in described.refused("describe")


def test_v_shows_all_that_is_known(described: House) -> None:
    assert describe(described, "-v config/port") == PORT_FULLY
    group = describe(described, "-v config")
    assert "    template of: the service\n    required: true\n" in group
    assert "config/unset   boolean  (unset)\n" in group
    assert "    visibility: hidden\n" in group
    assert '    number of values: at least 2\n    separators within a value: ",:"\n' in group
    assert "    values: fast, slow\n      fast:\n        Fast\n" in group
    assert "    value: fast\n        Fast\n        As fast as it goes.\n" in group
    assert "    see: quotes(8)\n" in describe(described, "-v")
    assert "    see: home <http://example.com/>\n" in describe(described, "-v")


def test_t_shows_what_may_be_set_and_no_value(described: House) -> None:
    templates = describe(described, "-t config")
    assert "config/port   count\n    Port\n" in templates
    assert "8080" not in templates
    assert "config/plain" not in templates
    assert "config/secret" not in templates
    assert PORT_FULLY.partition("value:")[0].rstrip().replace("    8080", "", 1) == (
        describe(described, "-t -v config/port").rstrip()
    )
    everything = describe(described, "-t")
    assert everything.index("config/port") < everything.index("general/enabled")


def test_templates_of_the_restarter_and_the_global_ones_count(described: House) -> None:
    general = describe(described, "-v general", at="tm:default")
    assert "template of: svc:/system/svc/global" in general
    assert "general/enabled " in general
    assert "svc:/site/tm:default\n    Stock quotes\n" in describe(described, at="tm:default")
    assert describe(described, "config/port", at="tm:default") == PORT
    assert "startd/duration" in describe(described, "-t startd")


def test_the_language_of_the_user(described: House) -> None:
    assert "    Anschluss\n" in describe(described, "config/port", language="de_DE.UTF-8")
    assert describe(described, "config/port", language="de_AT") == PORT
    assert "    Kurse\n    Fetches" in describe(described, language="de_AT")


def test_a_snapshot_is_described(described: House) -> None:
    described.ok("-s", "tm", "setprop config/port = 9")
    text = "select tm:default\nselectsnap running\ndescribe config/port\n"
    assert described.ok(text=text) == PORT


def test_describe_as_json(described: House) -> None:
    found = json.loads(described.ok("-s", "tm", "describe --json config/port"))
    assert found["common_name"] == "Stock quotes"
    assert sorted(found["documentation"]) == ["home <http://example.com/>", "quotes(8)"]
    [group] = found["groups"]
    [port] = group["properties"]
    assert (group["template_of"], group["required"]) == ("the service", True)
    assert (port["values"], port["least"], port["most"]) == (["8080"], 1, 1)
    assert port["constraints"]["ranges"] == [[80, 65535]]
    assert port["choices"]["values"][0]["description"] == "as others"


def test_a_service_without_templates(quotes: House) -> None:
    assert describe(quotes, "config/port", at="quotes") == "config/port  count    8080\n"
    assert describe(quotes, at="quotes").startswith("svc:/site/quotes\nconfig  ")
