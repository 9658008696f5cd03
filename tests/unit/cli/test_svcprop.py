"""svcprop end to end against canned data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.cli.svcprop import main
from roost.layout import Layout
from tests.unit.cli.canned_daemon import CannedDaemon, group, instance, layer_value

QUOTES = "svc:/site/quotes"
NIGHTLY = "svc:/site/quotes:nightly"
LOG = "svc:/system/log:default"
LOG_SERVICE = "svc:/system/log"
Shown = pytest.CaptureFixture[str]

CONFIG = group(
    "config",
    "application",
    ("port", "count", ["80", "443"]),
    ("title", "astring", ["the news", ""]),
    ("none", "astring", []),
)
RUNNING = group("config", "application", ("port", "count", ["8080"]))
STATE = group("restarter", "framework", ("state", "astring", ["online"]))


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedDaemon]:
    made = CannedDaemon(Layout(str(tmp_path)))
    monkeypatch.setenv("ROOST_ROOT", str(tmp_path))
    made.add(instance(NIGHTLY), instance(LOG))
    made.groups = {
        (QUOTES, "attached"): [CONFIG],
        (NIGHTLY, "running"): [RUNNING, STATE],
        (NIGHTLY, "composed"): [CONFIG, STATE],
        (NIGHTLY, "attached"): [STATE],
        (NIGHTLY, "snapshot"): [CONFIG],
        (LOG_SERVICE, "attached"): [],
        (LOG, "running"): [STATE],
    }
    yield made
    made.close()


def printed(capsys: Shown) -> list[str]:
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out.splitlines()


ALL_OF_CONFIG = [
    "config/port count 80 443",
    'config/title astring the\\ news ""',
    "config/none astring ",
]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([QUOTES], ALL_OF_CONFIG),
        (["-p", "config", QUOTES], ALL_OF_CONFIG),
        (["-p", "config/port", QUOTES], ["80 443"]),
        (["-p", "config/title", QUOTES], ['the\\ news ""']),
        (["-p", "config/none", QUOTES], [""]),
        (["-a", "-p", "config/port", QUOTES], ["80 443"]),
        (["-t", "-p", "config/port", QUOTES], ["config/port count 80 443"]),
        (
            ["-f", "-p", "config/port", QUOTES],
            ["svc:/site/quotes/:properties/config/port count 80 443"],
        ),
        (
            ["-p", "config/port", "-p", "config/none", QUOTES],
            ["config/port count 80 443", "config/none astring "],
        ),
        ([f"{QUOTES}/:properties/config/port"], ["80 443"]),
        ([f"{QUOTES}/:properties/config"], ALL_OF_CONFIG),
        (["-p", "port", f"{QUOTES}/:properties/config"], ["80 443"]),
        ([NIGHTLY], ["config/port count 8080", "restarter/state astring online"]),
        (["nightly"], ["config/port count 8080", "restarter/state astring online"]),
        (["-p", "config/port", NIGHTLY], ["8080"]),
        (["-c", "-p", "config/port", NIGHTLY], ["80 443"]),
        (["-s", "start", "-p", "config/port", NIGHTLY], ["80 443"]),
        (["-C", NIGHTLY], ["restarter/state astring online"]),
        (["-c", "-p", "config/port", QUOTES], ["80 443"]),
        (["-z", "global", "-p", "config/port", NIGHTLY], ["8080"]),
    ],
)
@pytest.mark.usefixtures("daemon")
def test_what_is_printed(arguments: list[str], found: list[str], capsys: Shown) -> None:
    assert main(arguments) == 0
    assert printed(capsys) == found


@pytest.mark.usefixtures("daemon")
def test_several_entities_are_printed_with_full_fmris(capsys: Shown) -> None:
    both = [
        "svc:/site/quotes:nightly/:properties/restarter/state astring online",
        "svc:/system/log:default/:properties/restarter/state astring online",
    ]
    assert main(["-p", "restarter/state", NIGHTLY, LOG]) == 0
    assert printed(capsys) == both
    for glob in ("svc:/*:*", "*"):
        assert main(["-p", "restarter/state", glob]) == 0
        assert printed(capsys) == both


def test_an_abbreviation_means_the_service_unless_it_lacks_what_is_asked(
    daemon: CannedDaemon, capsys: Shown
) -> None:
    for operand in ("quotes", "site/quotes"):
        assert main(["-p", "config/port", operand]) == 0
        assert printed(capsys) == ["80 443"]
        assert main(["-p", "restarter/state", operand]) == 0
        assert printed(capsys) == ["online"]
    assert main(["quotes"]) == 0
    assert printed(capsys) == ALL_OF_CONFIG
    assert main(["-p", "restarter/state", QUOTES]) == 1
    assert "cannot find property 'restarter/state' of svc:/site/quotes" in capsys.readouterr().err
    assert daemon.acts == []


@pytest.mark.usefixtures("daemon")
def test_what_is_missing(capsys: Shown) -> None:
    assert main(["-p", "config/absent", QUOTES]) == 1
    assert capsys.readouterr() == (
        "",
        (
            "svcprop: cannot find property 'config/absent' of svc:/site/quotes: it is not there\n"
            "svcprop: try: svcprop svc:/site/quotes\n"
        ),
    )
    assert main(["-p", "absent", QUOTES]) == 1
    assert "cannot find group 'absent'" in capsys.readouterr().err
    assert main(["-C", "-p", "absent", QUOTES]) == 1
    assert capsys.readouterr().err.endswith("svcprop: try: svcprop -C svc:/site/quotes\n")
    assert main(["-p", "config/port", "-p", "config/absent", QUOTES]) == 1
    shown = capsys.readouterr()
    assert shown.out == "config/port count 80 443\n"
    assert "absent" in shown.err
    assert main(["-p", "config/port", "nonsense", QUOTES]) == 1
    shown = capsys.readouterr()
    assert shown.out == "svc:/site/quotes/:properties/config/port count 80 443\n"
    assert shown.err.startswith("svcprop: cannot find 'nonsense': it matches no service")


@pytest.mark.usefixtures("daemon")
def test_quiet(capsys: Shown) -> None:
    assert main(["-q", "-p", "config/port", QUOTES]) == 0
    assert main(["-q", "-p", "config/absent", QUOTES]) == 1
    assert capsys.readouterr() == ("", "")
    assert main(["-qv", "-p", "config/absent", QUOTES]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "config/absent" in shown.err


def test_a_group_without_properties_is_there(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.groups[QUOTES, "attached"] = [group("empty", "application")]
    assert main(["-p", "empty", QUOTES]) == 0
    assert printed(capsys) == []


def test_protected_values(daemon: CannedDaemon, capsys: Shown) -> None:
    secret = group("secret", "application", ("key", "astring", []))
    secret["properties"][0]["protected"] = True
    daemon.groups[QUOTES, "attached"] = [secret]
    assert main([QUOTES]) == 0
    assert printed(capsys) == ["secret/key astring "]
    assert main(["-p", "secret/key", QUOTES]) == 1
    assert capsys.readouterr() == (
        "",
        (
            "svcprop: cannot read 'secret/key' of svc:/site/quotes: its values are protected\n"
            f"svcprop: try: sudo svcprop {QUOTES}\n"
        ),
    )


@pytest.mark.usefixtures("daemon")
def test_snapshots_are_of_instances(capsys: Shown) -> None:
    assert main(["-s", "start", QUOTES]) == 1
    assert "a service has no snapshots" in capsys.readouterr().err
    assert main(["-s", "absent", NIGHTLY]) == 1
    assert capsys.readouterr().err == (
        "svcprop: cannot find snapshot 'absent': svc:/site/quotes:nightly has no such snapshot\n"
    )


@pytest.mark.parametrize(
    ("arguments", "wait", "found"),
    [
        (
            ["-w", "-p", "restarter/state", NIGHTLY],
            {"fmri": NIGHTLY, "group": "restarter", "generation": 1},
            ["offline"],
        ),
        (
            ["-w", "-p", "restarter", "nightly"],
            {"fmri": NIGHTLY, "group": "restarter", "generation": 1},
            ["restarter/state astring offline"],
        ),
        (
            ["-w", f"{NIGHTLY}/:properties/restarter/state"],
            {"fmri": NIGHTLY, "group": "restarter", "generation": 1},
            ["offline"],
        ),
    ],
)
def test_waiting_for_a_change(
    arguments: list[str],
    wait: dict[str, Any],
    found: list[str],
    daemon: CannedDaemon,
    capsys: Shown,
) -> None:
    def change() -> None:
        changed = group("restarter", "framework", ("state", "astring", ["offline"]))
        daemon.groups[NIGHTLY, "attached"] = [changed]

    daemon.on_wait = change
    assert main(arguments) == 0
    assert daemon.waits == [wait]
    assert printed(capsys) == found


def test_waiting_for_a_group_to_appear(daemon: CannedDaemon, capsys: Shown) -> None:
    def appear() -> None:
        daemon.groups[NIGHTLY, "attached"] = [group("new", "application", ("a", "count", ["1"]))]

    daemon.on_wait = appear
    assert main(["-w", "-p", "new/a", NIGHTLY]) == 0
    assert daemon.waits == [{"fmri": NIGHTLY, "group": "new", "generation": 0}]
    assert printed(capsys) == ["1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-w", NIGHTLY],
        ["-w", "-p", "a", "-p", "b", NIGHTLY],
        ["-w", "-p", "a", NIGHTLY, LOG],
        ["-w", "-p", "a", "svc:/*:*"],
    ],
)
def test_waiting_is_for_one_group_of_one_entity(
    arguments: list[str], daemon: CannedDaemon, capsys: Shown
) -> None:
    assert main(arguments) == 2
    assert "cannot use -w" in capsys.readouterr().err
    assert daemon.waits == []


@pytest.mark.usefixtures("daemon")
def test_json(capsys: Shown) -> None:
    assert main(["--json", "-p", "config/title", QUOTES]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "version": 1,
        "properties": [
            {
                "fmri": QUOTES,
                "group": "config",
                "group_type": "application",
                "name": "title",
                "type": "astring",
                "values": ["the news", ""],
                "protected": False,
            }
        ],
    }


NAME = group("tm_common_name", "template", ("C", "ustring", ["Quotes"]))
PATTERN = group("tm_pgpat_x", "template_pg_pattern", ("name", "astring", ["config"]))
NAME_LINE, PATTERN_LINE = "tm_common_name/C ustring Quotes", "tm_pgpat_x/name astring config"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ALL_OF_CONFIG),
        (["-a"], [*ALL_OF_CONFIG, NAME_LINE, PATTERN_LINE]),
        (["-p", "tm_common_name"], [NAME_LINE]),
        (["-p", "tm_common_name/C"], ["Quotes"]),
        (["-g", "template"], [NAME_LINE]),
        (["-g", "application"], ALL_OF_CONFIG),
        (["-g", "template", "-g", "template_pg_pattern"], [NAME_LINE, PATTERN_LINE]),
        (["-g", "framework"], []),
        (["-g", "application", "-p", "config/port"], ["80 443"]),
    ],
)
def test_groups_by_type_and_templates(
    arguments: list[str], found: list[str], daemon: CannedDaemon, capsys: Shown
) -> None:
    daemon.groups[QUOTES, "attached"] = [CONFIG, NAME, PATTERN]
    assert main([*arguments, QUOTES]) == 0
    assert printed(capsys) == found


@pytest.mark.usefixtures("daemon")
def test_a_group_of_another_type_is_not_found(capsys: Shown) -> None:
    assert main(["-g", "framework", "-p", "config", QUOTES]) == 1
    assert "cannot find group 'config'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ("value", ["80 443"]),
        ("property,type", ["config/port count"]),
        ("fmri,group,grouptype,name", [f"{QUOTES} config application port"]),
    ],
)
@pytest.mark.usefixtures("daemon")
def test_chosen_fields(fields: str, found: list[str], capsys: Shown) -> None:
    assert main(["-o", fields, "-p", "config/port", QUOTES]) == 0
    assert printed(capsys) == found
    assert (
        main([*(w for f in fields.split(",") for w in ("-o", f)), "-p", "config/port", QUOTES]) == 0
    )
    assert printed(capsys) == found


FROM, SITE = "/lib/svc/manifest/quotes.xml", "/etc/svc/profile/site/quotes.xml"
OF_SERVICE = [
    layer_value("config", "manifest", "application", file=FROM),
    layer_value("config", "admin", "application", holds=True),
    layer_value("config/port", "manifest", "count", "80", file=FROM),
    layer_value("config/port", "admin", "count", "81", holds=True),
    layer_value("config/title", "manifest", "astring", "the news", file=FROM, holds=True),
    layer_value("config/gone", "manifest", "astring", "x", file=FROM),
    layer_value("config/gone", "admin", "astring", masked=True, holds=True),
    layer_value("tm_common_name", "manifest", "template", file=FROM, holds=True),
    layer_value("tm_common_name/C", "manifest", "ustring", "Quotes", file=FROM, holds=True),
]
OF_INSTANCE = [
    layer_value("config", "site-profile", "application", file=SITE, holds=True),
    layer_value("config/port", "site-profile", "count", "82", file=SITE, holds=True),
    layer_value("config/title", "manifest", "astring", "mine", file=FROM),
    layer_value("config/title", "admin", "astring", masked=True, holds=True),
]


@pytest.fixture
def layered(daemon: CannedDaemon) -> CannedDaemon:
    daemon.layers = {QUOTES: OF_SERVICE, NIGHTLY: OF_INSTANCE}
    return daemon


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (
            ["-l", "all", QUOTES],
            [
                "config/gone astring manifest x",
                "config/gone astring admin MASKED",
                "config/port count manifest 80",
                "config/port count admin 81",
                "config/title astring manifest the\\ news",
            ],
        ),
        (["-l", "admin", "-p", "config/port", QUOTES], ["config/port count admin 81"]),
        (
            ["-l", "manifest,admin", "-p", "config/port", QUOTES],
            ["config/port count manifest 80", "config/port count admin 81"],
        ),
        (["-l", "site-profile", "-p", "config/port", QUOTES], []),
        (
            ["-l", "current", QUOTES],
            ["config/port count admin 81", "config/title astring manifest the\\ news"],
        ),
        (["-l", "all", "-g", "template", QUOTES], ["tm_common_name/C ustring manifest Quotes"]),
        (
            ["-l", "all", "-p", "config/port", NIGHTLY],
            [
                "config/port count manifest 80",
                "config/port count site-profile 82",
                "config/port count admin 81",
            ],
        ),
        (["-l", "all", "-C", "-p", "config/port", NIGHTLY], ["config/port count site-profile 82"]),
        (["-l", "current", "-p", "config/port", NIGHTLY], ["config/port count site-profile 82"]),
        (
            ["-l", "all", "-p", "config/title", NIGHTLY],
            ["config/title astring manifest the\\ news", "config/title astring admin MASKED"],
        ),
        (
            ["-l", "current", "-f", "-p", "config/port", QUOTES],
            [f"{QUOTES}/:properties/config/port count admin 81"],
        ),
        (
            ["-l", "all", "-o", "layer,value,holds,entity,file", "-p", "config/port", NIGHTLY],
            [
                f"manifest 80 false {QUOTES} {FROM}",
                f"site-profile 82 true {NIGHTLY} {SITE}",
                f'admin 81 false {QUOTES} ""',
            ],
        ),
    ],
)
@pytest.mark.usefixtures("layered")
def test_layers(arguments: list[str], found: list[str], capsys: Shown) -> None:
    assert main(arguments) == 0
    assert printed(capsys) == found


def test_a_masked_group_is_a_line_of_its_own(layered: CannedDaemon, capsys: Shown) -> None:
    masked = layer_value("config", "admin", "application", masked=True, holds=True)
    port = layer_value("config/port", "manifest", "count", "80", file=FROM)
    layered.layers = {QUOTES: [layer_value("config", "manifest", "application"), masked, port]}
    assert main(["-l", "all", QUOTES]) == 0
    assert printed(capsys) == ["config application admin MASKED", "config/port count manifest 80"]
    assert main(["-l", "current", QUOTES]) == 0
    assert printed(capsys) == []


@pytest.mark.usefixtures("layered")
def test_layers_in_json(capsys: Shown) -> None:
    assert main(["--json", "-l", "all", "-p", "config/title", NIGHTLY]) == 0
    common = {"fmri": NIGHTLY, "group": "config", "group_type": "application", "name": "title"}
    assert json.loads(capsys.readouterr().out)["properties"] == [
        {
            **common,
            "type": "astring",
            "values": ["the news"],
            "protected": False,
            "entity": QUOTES,
            "layer": "manifest",
            "file": FROM,
            "masked": False,
            "holds": True,
        },
        {
            **common,
            "type": "astring",
            "values": [],
            "protected": False,
            "entity": NIGHTLY,
            "layer": "admin",
            "file": "",
            "masked": True,
            "holds": False,
        },
    ]


@pytest.mark.usefixtures("layered")
def test_what_no_layer_knows(capsys: Shown) -> None:
    assert main(["-l", "all", "-p", "restarter/state", NIGHTLY]) == 1
    assert "no layer says anything of it" in capsys.readouterr().err
    assert main(["-q", "-l", "all", "-p", "config/nope", QUOTES]) == 1


def test_protected_values_of_a_layer(layered: CannedDaemon, capsys: Shown) -> None:
    hidden = layer_value("config/port", "admin", "count", holds=True, protected=True)
    layered.layers = {QUOTES: [hidden]}
    assert main(["-l", "all", "-p", "config/port", QUOTES]) == 1
    assert "its values are protected" in capsys.readouterr().err
    assert main(["-l", "all", QUOTES]) == 0
    assert printed(capsys) == ["config/port count admin "]


FLAGS = (["-C"], ["-c"], ["-s", "start"], ["-w"])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-p", "config"],
        ["-k", QUOTES],
        ["-p"],
        *([*a, *b, "-p", "x", QUOTES] for a in FLAGS for b in FLAGS if a < b),
        ["-p", "port", f"{QUOTES}/:properties/config/port"],
        ["-p", "config/port", f"{QUOTES}/:properties/config"],
        ["-z", "zone1", QUOTES],
        ["-l", "all", "-s", "start", QUOTES],
        ["-l", "all", "-w", "-p", "x", QUOTES],
        ["-l", "vendor", QUOTES],
        ["-l", "", QUOTES],
        ["-g", "application", "-w", "-p", "x", QUOTES],
        ["-o", "value", "-f", QUOTES],
        ["-o", "value", "-t", QUOTES],
        ["-o", "value", "--json", QUOTES],
        ["-o", "colour", QUOTES],
        ["-o", "layer", QUOTES],
    ],
)
def test_wrong_use(arguments: list[str], capsys: Shown) -> None:
    assert main(arguments) == 2
    assert re.match(r"svcprop: cannot [^\n]*\nUsage: svcprop ", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["", "/port", "config/", "con fig", "a/b/c", "1a"])
def test_names_that_cannot_be(name: str, capsys: Shown) -> None:
    assert main(["-p", name, QUOTES]) == 1
    assert "is not a legal name" in capsys.readouterr().err
