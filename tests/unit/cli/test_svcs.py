"""svcs end to end against canned data."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.cli.svcs import main
from roost.layout import Layout
from tests.unit.cli.canned_daemon import (
    MASTER,
    CannedDaemon,
    dependency,
    group,
    instance,
    target,
)

LOG = "svc:/system/log:default"
QUOTES = "svc:/site/quotes:nightly"
DAILY = "svc:/site/quotes:daily"
RELAY = "svc:/network/relay:default"
TAPE = "svc:/site/tapedaemon:default"
BORROWED = "svc:/site/borrowed:default"
CHILD = "svc:/site/child:default"


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedDaemon]:
    monkeypatch.setenv("TZ", "UTC")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    made = CannedDaemon(Layout(str(tmp_path)))
    monkeypatch.setenv("ROOST_ROOT", str(tmp_path))
    made.add(
        instance(LOG, contracts=[77], common_names={"C": "system log"}, state_time=86400.0),
        instance(QUOTES, "maintenance", state_time=86400.0 * 400),
        instance(DAILY),
        instance(RELAY, "offline", next_state="online"),
        instance(TAPE, "disabled"),
        instance(BORROWED, "disabled", enabled_permanent=True, enabled_temporary=False),
        instance(CHILD, restarter="svc:/network/inetd:default"),
    )
    yield made
    made.close()


Shown = pytest.CaptureFixture[str]


def lines(capsys: Shown) -> list[str]:
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out.splitlines()


def fmris(capsys: Shown) -> list[str]:
    return [line.split()[-1] for line in lines(capsys)]


def test_without_operands_what_is_enabled_somehow(daemon: CannedDaemon, capsys: Shown) -> None:
    assert daemon
    assert main([]) == 0
    assert lines(capsys) == [
        "STATE          STIME    FMRI",
        "disabled       1970     svc:/site/borrowed:default",
        "online         1970     svc:/site/child:default",
        "online         1970     svc:/site/quotes:daily",
        "online         1970     svc:/system/log:default",
        "offline*       1970     svc:/network/relay:default",
        "maintenance    1971     svc:/site/quotes:nightly",
    ]


def test_all(daemon: CannedDaemon, capsys: Shown) -> None:
    assert main(["-aH"]) == 0
    assert sorted(fmris(capsys)) == sorted(daemon.instances)


@pytest.mark.usefixtures("daemon")
def test_operands_select_and_what_matches_nothing_is_told(capsys: Shown) -> None:
    assert main(["-H", "quotes", "tapedaemon", "*log*", "nonsense", "daily"]) == 1
    shown = capsys.readouterr()
    assert {line.split()[-1] for line in shown.out.splitlines()} == {QUOTES, DAILY, TAPE, LOG}
    assert shown.err == (
        "svcs: cannot find 'nonsense': it matches no instance\nsvcs: try: svcs -a\n"
    )


@pytest.mark.usefixtures("daemon")
def test_columns_sorting_and_the_longer_form(capsys: Shown) -> None:
    assert main(["-H", "-o", "inst,s", "-o", "ctid", "-S", "inst", "-s", "fmri", "-a"]) == 0
    assert lines(capsys)[0] == "nightly              m       -"
    assert main(["-v", "log"]) == 0
    assert lines(capsys) == [
        "STATE          NSTATE        STIME    CTID   FMRI",
        "online         -             1970         77 svc:/system/log:default",
    ]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["-R", "svc:/network/inetd:default"], [CHILD]),
        (["-R", "inetd"], [CHILD]),
        (["-R", MASTER, "-R", "inetd", "site/child", "log"], [CHILD, LOG]),
        (["-R", "svc:/none:default"], []),
    ],
)
@pytest.mark.usefixtures("daemon")
def test_instances_of_a_restarter(arguments: list[str], found: list[str], capsys: Shown) -> None:
    assert main(["-H", *arguments]) == 0
    assert fmris(capsys) == found


@pytest.mark.usefixtures("daemon")
def test_a_restarter_is_an_instance(capsys: Shown) -> None:
    assert main(["-R", "svc:/network/inetd2"]) == 1
    assert "it is no instance's FMRI" in capsys.readouterr().err


def test_a_path_after_r_is_the_root(
    daemon: CannedDaemon, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("ROOST_ROOT", "/nonexistent")
    assert main(["-H", "-R", daemon.layout.root, "-R", "inetd"]) == 0
    assert fmris(capsys) == [CHILD]
    monkeypatch.chdir(daemon.layout.root)
    assert main(["-H", "-R", ".", "log"]) == 0
    assert fmris(capsys) == [LOG]
    assert main([]) == 1
    assert capsys.readouterr().err == (
        "svcs: cannot reach svc.startd: it does not listen on "
        "/nonexistent/run/roost/svc.startd.socket\n"
        "svcs: try: roost run --root /nonexistent\n"
    )


def test_processes(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.processes = [
        {
            "fmri": LOG,
            "pid": pid,
            "start_time": 3600.0,
            "command": "logd",
            "arguments": "logd -f",
        }
        for pid in (9, 123456)
    ]
    assert main(["-Hp", "log", "tapedaemon"]) == 0
    assert lines(capsys) == [
        "disabled       1970     svc:/site/tapedaemon:default",
        "online         1970     svc:/system/log:default",
        "               1970            9 logd",
        "               1970       123456 logd",
    ]
    assert main(["-p", "--json", "log"]) == 0
    found = json.loads(capsys.readouterr().out)["instances"]
    assert [process["pid"] for process in found[0]["processes"]] == [9, 123456]


def test_what_an_instance_depends_on(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.dependencies[RELAY] = [
        dependency("log", "require_all", target("svc:/system/log", LOG)),
        dependency("quotes", "optional_all", target("svc:/site/quotes", DAILY, QUOTES)),
        dependency("file", "require_all", target("/etc/x", kind="path"), type="path"),
        dependency("gone", "optional_all", target("svc:/gone", state="absent")),
    ]
    daemon.dependencies[DAILY] = [dependency("log", "require_all", target(LOG, LOG))]
    assert main(["-Hd", "relay", "daily"]) == 0
    assert fmris(capsys) == [DAILY, LOG, QUOTES]
    assert main(["-d", "-o", "fmri"]) == 0
    assert lines(capsys)[1:] == [DAILY, LOG, QUOTES]


def test_dependents_of_a_service_are_not_those_of_its_instances(
    daemon: CannedDaemon, capsys: Shown
) -> None:
    daemon.dependents = {
        "svc:/site/quotes": [RELAY],
        DAILY: [TAPE],
        QUOTES: [LOG],
    }
    for operand, found in [
        ("quotes", [RELAY]),
        ("svc:/site/quotes", [RELAY]),
        ("daily", [TAPE]),
        (QUOTES, [LOG]),
        ("*quotes*", [TAPE, LOG, RELAY]),
    ]:
        assert main(["-HD", operand]) == 0
        assert fmris(capsys) == found
    assert main(["-HD"]) == 0
    assert fmris(capsys) == [TAPE, LOG]
    assert main(["-HD", "nonsense"]) == 1
    assert "'nonsense'" in capsys.readouterr().err


def test_logs(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.instances[DAILY]["logfile"] = ""
    assert main(["-L", "quotes"]) == 0
    assert lines(capsys) == ["-", "/var/svc/log/site-quotes:nightly.log"]
    assert main(["-L", "--json", "daily"]) == 0
    assert json.loads(capsys.readouterr().out)["logs"] == [{"fmri": DAILY, "logfile": None}]


def test_details(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.instances[BORROWED].update(comment="lent to\nAnn", next_state="offline")
    daemon.dependencies[LOG] = [
        dependency(
            "fs",
            "require_all",
            target("svc:/fs", state="multiple"),
            target("svc:/gone", state="absent"),
            target("svc:/odd", state=""),
            restart_on="error",
        ),
        dependency("file", "optional_all", target("file://localhost/x", kind="path")),
    ]
    daemon.groups[LOG, "composed"] = [
        group("manifestfiles", "framework", ("m", "astring", ["/lib/svc/manifest/log.xml"]))
    ]
    daemon.processes = [
        {"fmri": LOG, "pid": 9, "start_time": 1.0, "command": "logd", "arguments": "/sbin/logd -f"}
    ]
    assert main(["-lp", "log", "borrowed"]) == 0
    assert lines(capsys) == [
        "fmri         svc:/site/borrowed:default",
        "enabled      false (temporary)",
        "comment      lent to?Ann",
        "state        disabled",
        "next_state   offline",
        "state_time   Thu Jan  1 00:16:40 1970",
        "logfile      /var/svc/log/site-borrowed:default.log",
        f"restarter    {MASTER}",
        "",
        "fmri         svc:/system/log:default",
        "name         system log",
        "enabled      true",
        "state        online",
        "next_state   none",
        "state_time   Fri Jan  2 00:00:00 1970",
        "logfile      /var/svc/log/system-log:default.log",
        f"restarter    {MASTER}",
        "contract_id  77 ",
        "manifest     /lib/svc/manifest/log.xml",
        "dependency   require_all/error svc:/fs (multiple) svc:/gone (absent) svc:/odd (-)",
        "dependency   optional_all/none file://localhost/x (online)",
        "process      9 /sbin/logd -f",
    ]
    assert main(["-l", "--json", "log"]) == 0
    found = json.loads(capsys.readouterr().out)["instances"][0]
    assert found["manifests"] == ["/lib/svc/manifest/log.xml"]
    assert found["dependencies"][0]["grouping"] == "require_all"


def test_application_properties_with_their_descriptions(
    daemon: CannedDaemon, capsys: Shown
) -> None:
    daemon.groups[LOG, "running"] = [
        group("config", "application", ("size", "count", ["1", "2"]), ("to", "astring", ["a b"])),
        group("start", "method", ("exec", "astring", ["/sbin/logd"])),
        group(
            "tm_pgpat_x",
            "template_pg_pattern",
            ("name", "astring", ["config"]),
            ("type", "astring", ["application"]),
            ("description_C", "ustring", ["what it writes"]),
        ),
        group(
            "tm_proppat_y",
            "template_prop_pattern",
            ("pg_pattern", "astring", ["tm_pgpat_x"]),
            ("name", "astring", ["size"]),
            ("description_C", "ustring", ["megabytes"]),
        ),
    ]
    assert main(["-lv", "log"]) == 0
    assert lines(capsys)[-5:] == [
        "config (application)",
        "  what it writes",
        "config/size (count) = 1 2",
        "  megabytes",
        'config/to (astring) = "a b"',
    ]


EXPLANATION: dict[str, Any] = {
    "fmri": QUOTES,
    "common_names": {"C": "stock quote loader"},
    "state": "maintenance",
    "state_time": 1_795_425_161.0,
    "message_id": "SMF-8000-KS",
    "reason": "Start method failed repeatedly, last exited with status 7.",
    "see": ["man -M /opt/site/man -s 8 quotes", "/var/svc/log/site-quotes:nightly.log"],
    "type_this": f"svcadm clear {QUOTES}",
    "impact": [RELAY, DAILY],
    "path": [],
}


def test_explanations(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.explanations = [
        EXPLANATION,
        {
            **EXPLANATION,
            "fmri": LOG,
            "common_names": {},
            "state": "online",
            "message_id": "",
            "reason": "",
            "see": [],
            "type_this": "",
            "impact": [],
        },
    ]
    assert main(["-x"]) == 0
    assert lines(capsys) == [
        "svc:/site/quotes:nightly (stock quote loader)",
        " State: maintenance since Mon Nov 23 09:12:41 2026",
        "Reason: Start method failed repeatedly, last exited with status 7.",
        "   See: man:roost-messages(7)/SMF-8000-KS",
        "   See: man -M /opt/site/man -s 8 quotes",
        "   See: /var/svc/log/site-quotes:nightly.log",
        "Impact: 2 dependent services are not running.  (Use -v for list.)",
        "  Type: svcadm clear svc:/site/quotes:nightly",
        "",
        "svc:/system/log:default (?)",
        " State: online since Mon Nov 23 09:12:41 2026",
        "Impact: None.",
    ]
    assert daemon.explained == [[]]


@pytest.mark.parametrize("path", [[RELAY, DAILY, QUOTES], [DAILY, QUOTES]])
def test_a_longer_explanation_has_the_path_and_the_list(
    path: list[str], daemon: CannedDaemon, capsys: Shown
) -> None:
    daemon.explanations = [
        {
            **EXPLANATION,
            "fmri": RELAY,
            "state": "offline",
            "see": [],
            "type_this": "",
            "impact": [TAPE],
            "path": path,
        }
    ]
    assert main(["-xv", "relay"]) == 0
    assert lines(capsys)[3:] == [
        "   See: man:roost-messages(7)/SMF-8000-KS",
        "  Path: svc:/network/relay:default",
        "          svc:/site/quotes:daily",
        "            svc:/site/quotes:nightly",
        "Impact: 1 dependent service is not running:",
        "        svc:/site/tapedaemon:default",
    ]
    assert daemon.explained == [[RELAY]]


def test_nothing_to_explain(daemon: CannedDaemon, capsys: Shown) -> None:
    assert main(["-x"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["-x", "nonsense"]) == 1
    assert "'nonsense'" in capsys.readouterr().err
    assert daemon.explained == [[]]
    assert main(["-x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "explanations": []}


@pytest.mark.usefixtures("daemon")
def test_json_of_the_table(capsys: Shown) -> None:
    assert main(["--json", "log"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1
    assert [(one["fmri"], one["state"]) for one in found["instances"]] == [(LOG, "online")]


MODES = ("-d", "-D", "-l", "-L", "-x")


@pytest.mark.parametrize(
    "arguments",
    [
        *([a, b, "log"] for a in MODES for b in MODES if a < b),
        *([mode, "-R", MASTER, "log"] for mode in MODES),
        *(["-x", flag] for flag in ("-a", "-H", "-p")),
        ["-x", "-o", "fmri"],
        ["-x", "-s", "fmri"],
        ["-x", "-S", "fmri"],
        ["-l"],
        ["-L"],
        ["-o", "colour"],
        ["-s", "colour"],
        ["-S", "colour"],
        ["-z", "zone1"],
        ["-k"],
    ],
)
def test_what_excludes_each_other(arguments: list[str], capsys: Shown) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.match(r"svcs: cannot .*\nUsage: svcs ", shown.err)


@pytest.mark.usefixtures("daemon")
def test_zone_options_are_accepted_for_the_one_zone(capsys: Shown) -> None:
    assert main(["-H", "-Z", "-z", "global", "log"]) == 0
    assert fmris(capsys) == [LOG]


def test_help_lists_columns_and_states(capsys: Shown) -> None:
    assert main(["-?"]) == 0
    shown = capsys.readouterr().out
    for word in ("CTID", "ZONE", "maintenance", "legacy_run", "MNT"):
        assert word in shown
