"""svcprop -l against a real svc.startd: who said what, and what holds."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.daemon import Daemon

QUOTES, DAILY = "svc:/site/quotes", "svc:/site/quotes:daily"
SERVICE = """<service name="site/quotes" type="service" version="1">
<property_group name="config" type="application">
  <propval name="port" type="count" value="80"/>
  <propval name="title" type="astring" value="the news"/>
</property_group>
<instance name="daily" enabled="false">
  <property_group name="config" type="application">
    <propval name="title" type="astring" value="today"/>
  </property_group>
</instance>
<template><common_name>
  <loctext xml:lang="C">quotes</loctext><loctext xml:lang="pt-BR">cita&#231;&#245;es</loctext>
</common_name></template>
</service>"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    made = Daemon(tmp_path_factory.mktemp("svcprop") / "root")
    yield made
    made.stop()


@pytest.fixture
def daemon(shared: Daemon) -> Daemon:
    if QUOTES.removeprefix("svc:/") in shared.run("svccfg", "list").split():
        shared.run("svccfg", "delete", "-f", "site/quotes")
    shared.load(SERVICE)
    return shared


def lines(daemon: Daemon, *words: str) -> list[str]:
    return daemon.run("svcprop", *words).splitlines()


def test_the_administrators_value_above_the_manifests(daemon: Daemon) -> None:
    assert lines(daemon, "-l", "all", "-p", "config", QUOTES) == [
        "config/port count manifest 80",
        "config/title astring manifest the\\ news",
    ]
    daemon.run("svccfg", "-s", QUOTES, "setprop config/port = 81")
    both = ["config/port count manifest 80", "config/port count admin 81"]
    assert lines(daemon, "-l", "all", "-p", "config/port", QUOTES) == both
    assert lines(daemon, "-l", "all", "-p", "config/port", DAILY) == both
    assert lines(daemon, "-l", "admin", "-p", "config/port", DAILY) == both[1:]
    assert lines(daemon, "-l", "site-profile", "-p", "config/port", DAILY) == []
    file = daemon.root / "test.xml"
    assert lines(
        daemon, "-l", "all", "-o", "layer,entity,file,holds", "-p", "config/port", DAILY
    ) == [
        f"manifest {QUOTES} {file} false",
        f'admin {QUOTES} "" true',
    ]


def test_an_instance_above_its_service(daemon: Daemon) -> None:
    daemon.run("svccfg", "-s", QUOTES, "setprop config/title = astring: ours")
    assert lines(daemon, "-l", "all", "-p", "config/title", DAILY) == [
        "config/title astring manifest today",
        "config/title astring admin ours",
    ]
    answer = json.loads(daemon.run("svcprop", "--json", "-l", "all", "-p", "config/title", DAILY))
    assert [(one["layer"], one["entity"], one["holds"]) for one in answer["properties"]] == [
        ("manifest", DAILY, True),
        ("admin", QUOTES, False),
    ]
    assert lines(daemon, "-c", "-p", "config/title", DAILY) == ["today"]
    assert lines(daemon, "-l", "current", "-p", "config/title", DAILY) == [
        "config/title astring manifest today"
    ]
    assert lines(daemon, "-C", "-l", "all", "-p", "config", DAILY) == [
        "config/title astring manifest today"
    ]


def test_what_is_masked_shows_what_lies_below(daemon: Daemon) -> None:
    daemon.run("svccfg", "-s", DAILY, "delprop config/title")
    assert lines(daemon, "-c", "-p", "config/title", DAILY) == ["the\\ news"]
    assert lines(daemon, "-l", "all", "-p", "config/title", DAILY) == [
        "config/title astring manifest the\\ news",
        "config/title astring admin MASKED",
    ]
    assert lines(daemon, "-l", "current", "-p", "config/title", DAILY) == [
        "config/title astring manifest the\\ news"
    ]
    daemon.run("svccfg", "-s", QUOTES, "delpg config")
    shown = lines(daemon, "-l", "all", QUOTES)
    assert "config application admin MASKED" in shown
    assert "config/port count manifest 80" in shown
    assert not [line for line in lines(daemon, "-l", "current", QUOTES) if "config" in line]


def test_what_has_no_layer(daemon: Daemon) -> None:
    said = daemon.run("svcprop", "-l", "all", "-p", "restarter/state", DAILY, status=1)
    assert "no layer says anything of it" in said
    assert not [line for line in lines(daemon, "-l", "all", DAILY) if "restarter/state" in line]


def test_templates_and_types_of_groups(daemon: Daemon) -> None:
    assert not [line for line in lines(daemon, QUOTES) if line.startswith("tm_")]
    named = [line for line in lines(daemon, "-a", QUOTES) if line.startswith("tm_common_name")]
    assert (
        sorted(named)
        == [
            "tm_common_name/C ustring quotes",
            "tm_common_name/pt-2dBR ustring citações",
        ]
        or len(named) == 2
    )
    assert sorted(lines(daemon, "-g", "template", QUOTES)) == sorted(named)
    assert {line.partition("/")[0] for line in lines(daemon, "-g", "application", QUOTES)} == {
        "config"
    }


def test_the_name_in_the_users_language(daemon: Daemon) -> None:
    for locale, name in (("pt_BR.UTF-8", "citações"), ("fr_FR.UTF-8", "quotes")):
        shown = daemon.run("svcs", "-H", "-o", "desc", DAILY, LC_ALL=locale, PYTHONUTF8="1")
        assert shown.strip() == name
