"""svcadm end to end against canned data: what is asked of the manager, text, exit status."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.cli.svcadm import SUBCOMMANDS, main
from roost.errors import InvalidState, NotAllowed, StorageFull
from roost.layout import Layout
from tests.unit.cli.canned_daemon import CannedDaemon, dependency, instance, target

LOG = "svc:/system/log:default"
NIGHTLY = "svc:/site/quotes:nightly"
DAILY = "svc:/site/quotes:daily"
RELAY = "svc:/network/relay:default"
MAIL = "svc:/mail/relay:default"
TAPE = "svc:/site/tapedaemon:default"
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedDaemon]:
    made = CannedDaemon(Layout(str(tmp_path)))
    monkeypatch.setenv("ROOST_ROOT", str(tmp_path))
    monkeypatch.setattr(os, "isatty", lambda _fd: False)
    made.add(
        instance(LOG),
        instance(NIGHTLY, "maintenance"),
        instance(DAILY, "degraded"),
        instance(RELAY, "offline"),
        instance(MAIL),
        instance(TAPE, "disabled"),
    )
    yield made
    made.close()


@pytest.mark.parametrize(
    ("arguments", "asked", "told"),
    [
        (["enable"], {"action": "enable"}, f"{LOG} enabled."),
        (
            ["enable", "-t"],
            {"action": "enable", "temporary": True},
            f"{LOG} temporarily enabled.",
        ),
        (["disable"], {"action": "disable"}, f"{LOG} disabled."),
        (
            ["disable", "-t", "-c", "too loud"],
            {"action": "disable", "temporary": True, "comment": "too loud"},
            f"{LOG} temporarily disabled.",
        ),
        (["restart"], {"action": "restart"}, f"Action restart set for {LOG}."),
        (
            ["restart", "-d"],
            {"action": "restart", "dump": True},
            f"Action restart set for {LOG}.",
        ),
        (["refresh"], {"action": "refresh"}, f"Action refresh set for {LOG}."),
        (
            ["mark", "maintenance"],
            {"action": "mark_maintenance", "from_terminal": False},
            f"Action maint_on set for {LOG}.",
        ),
        (
            ["mark", "-I", "maintenance"],
            {"action": "mark_maintenance", "from_terminal": False, "immediate": True},
            f"Action maint_on_immediate set for {LOG}.",
        ),
        (
            ["mark", "-t", "maintenance"],
            {"action": "mark_maintenance", "from_terminal": False, "temporary": True},
            f"Action maint_on_temporary set for {LOG}.",
        ),
        (
            ["mark", "-It", "maintenance"],
            {
                "action": "mark_maintenance",
                "from_terminal": False,
                "temporary": True,
                "immediate": True,
            },
            f"Action maint_on_immtemp set for {LOG}.",
        ),
        (["mark", "degraded"], {"action": "mark_degraded"}, f"Action degraded set for {LOG}."),
    ],
)
def test_each_subcommand(
    arguments: list[str],
    asked: dict[str, Any],
    told: str,
    daemon: CannedDaemon,
    capsys: Shown,
) -> None:
    assert main(["-v", *arguments, "log"]) == 0
    assert daemon.acts == [{"fmri": LOG, **asked}]
    assert capsys.readouterr() == (told + "\n", "")
    assert main([*arguments, "log"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("operand", "name"), [("nightly", "maint_off"), ("daily", "restore")])
def test_clear(operand: str, name: str, daemon: CannedDaemon, capsys: Shown) -> None:
    assert main(["clear", "-v", operand]) == 0
    fmri = f"svc:/site/quotes:{operand}"
    assert daemon.acts == [{"fmri": fmri, "action": "clear"}]
    assert capsys.readouterr().out == f"Action {name} set for {fmri}.\n"


def test_clear_and_degraded_only_where_they_make_sense(daemon: CannedDaemon, capsys: Shown) -> None:
    assert main(["clear", "log", "nightly"]) == 1
    assert capsys.readouterr().err == (
        f"svcadm: cannot clear {LOG}: it is not in a maintenance or degraded state\n"
        f"svcadm: try: svcs -x {LOG}\n"
    )
    assert [act["fmri"] for act in daemon.acts] == [NIGHTLY]
    assert main(["mark", "degraded", "tapedaemon"]) == 1
    assert "it is disabled, and only what is online can be degraded" in capsys.readouterr().err
    assert len(daemon.acts) == 1


def test_an_instance_named_twice_is_visited_once_in_the_order_given(
    daemon: CannedDaemon,
) -> None:
    assert main(["refresh", "tapedaemon", "*quotes*", "nightly", TAPE, "log"]) == 0
    assert [act["fmri"] for act in daemon.acts] == [TAPE, DAILY, NIGHTLY, LOG]


@pytest.mark.parametrize(
    ("operand", "why", "listed"),
    [
        ("relay", "it is ambiguous: it matches several instances", [MAIL, RELAY]),
        ("default", "it is ambiguous: it matches several instances", [MAIL, RELAY, TAPE, LOG]),
        ("quotes", "it is ambiguous: the service has several instances", [DAILY, NIGHTLY]),
        ("svc:/site/quotes", "the service has several instances", [DAILY, NIGHTLY]),
        ("relay:", "it is ambiguous: it matches several instances", [MAIL, RELAY]),
        ("mail", "it matches no instance", []),
        ("lrc:/etc/rc2_d/S10x", "it is a legacy service", []),
        ("*nothing*", "it matches no instance", []),
    ],
)
def test_an_unclear_operand_is_skipped_and_the_rest_done(
    operand: str, why: str, listed: list[str], daemon: CannedDaemon, capsys: Shown
) -> None:
    assert main(["disable", operand, "tapedaemon"]) == 1
    assert [act["fmri"] for act in daemon.acts] == [TAPE]
    shown = capsys.readouterr().err
    assert shown.startswith(f"svcadm: cannot disable '{operand}': ")
    assert why in shown
    for fmri in listed:
        assert f"\n    {fmri}\n" in shown
    assert shown.count("    svc:/") == len(listed)


@pytest.mark.parametrize("operand", ["quotes:", "site/quotes:", "svc:/site/quotes:", "*quotes*"])
def test_all_instances_of_a_service(operand: str, daemon: CannedDaemon) -> None:
    assert main(["restart", operand]) == 0
    assert [act["fmri"] for act in daemon.acts] == [DAILY, NIGHTLY]


@pytest.mark.parametrize("operand", ["tapedaemon", "svc:/site/tapedaemon", "site/tapedaemon"])
def test_a_service_with_one_instance_means_it(operand: str, daemon: CannedDaemon) -> None:
    assert main(["enable", operand]) == 0
    assert [act["fmri"] for act in daemon.acts] == [TAPE]


def test_a_refusal_does_not_stop_the_rest(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.refusals = {
        LOG: NotAllowed(f"restart {LOG}", "it needs solaris.smf.manage"),
        TAPE: StorageFull("store", "no space left"),
    }
    assert main(["-v", "restart", "log", "tapedaemon", "nightly"]) == 1
    shown = capsys.readouterr()
    assert shown.out == f"Action restart set for {NIGHTLY}.\n"
    assert shown.err == (
        f"svcadm: cannot restart {LOG}: it needs solaris.smf.manage\n"
        "svcadm: cannot store: no space left\n"
    )


def test_a_bug_of_the_manager_is_said_to_be_one(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.refusals = {LOG: ZeroDivisionError("oops")}
    assert main(["restart", "log", "tapedaemon"]) == 70
    assert [act["fmri"] for act in daemon.acts] == [LOG, TAPE]
    shown = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in shown
    assert "this is a bug in roost" in shown


def test_notes_are_passed_on(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.notes = {LOG: ["the restarter is not running"]}
    assert main(["enable", "log"]) == 0
    assert capsys.readouterr() == ("", "svcadm: the restarter is not running\n")


def test_all_that_are_in_a_state(daemon: CannedDaemon) -> None:
    daemon.instances[TAPE]["state"] = "maintenance"
    assert main(["-S", "maintenance", "clear"]) == 0
    assert [act["fmri"] for act in daemon.acts] == [NIGHTLY, TAPE]
    assert main(["-S", "uninitialized", "restart"]) == 0
    assert main(["-S", "online", "mark", "degraded"]) == 0
    assert [act["fmri"] for act in daemon.acts[2:]] == [MAIL, LOG]


@pytest.mark.parametrize("arguments", [["-n", "disable"], ["disable", "-n", "-s"]])
def test_a_preview_does_nothing(arguments: list[str], daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.previews[LOG] = [
        {
            "fmri": TAPE,
            "action": "stop",
            "state_from": "online",
            "state_to": "offline",
            "why": "it depends on log",
        },
        {"fmri": LOG, "action": "none", "state_from": "x", "state_to": "x", "why": ""},
    ]
    assert main([*arguments, "log", "nightly"]) == 0
    assert daemon.acts == []
    assert daemon.watched == []
    assert capsys.readouterr().out.splitlines() == [
        f"{TAPE}: stop (online -> offline): it depends on log",
        f"{LOG}: nothing to do",
        f"{NIGHTLY}: nothing would change",
    ]


def test_a_preview_of_what_is_refused(daemon: CannedDaemon, capsys: Shown) -> None:
    assert main(["-n", "clear", "log"]) == 1
    assert "not in a maintenance or degraded state" in capsys.readouterr().err
    assert daemon.acts == []


def online(fmri: str, state: str = "online", **changes: object) -> dict[str, Any]:
    return instance(fmri, state, **changes)


WAITING = online(LOG, "offline", next_state="online")


@pytest.mark.parametrize(
    ("watch", "status", "told"),
    [
        ([(WAITING, True), (online(LOG), True)], 0, ""),
        ([(WAITING, True), (online(LOG, "degraded"), True)], 0, ""),
        ([(online(LOG, next_state="online"), True), (online(LOG), True)], 0, ""),
        ([(online(LOG, "maintenance"), False)], 3, "it is in maintenance"),
        ([(online(LOG, "disabled", enabled=False), False)], 3, "disabled by somebody else"),
        ([(online(LOG, "offline"), False)], 4, "it is offline and needs help to come up"),
        ([(online(LOG, "uninitialized"), False)], 4, "it is uninitialized and needs help"),
    ],
)
def test_enable_and_wait(
    watch: list[tuple[dict[str, Any], bool]],
    status: int,
    told: str,
    daemon: CannedDaemon,
    capsys: Shown,
) -> None:
    daemon.watch = watch
    assert main(["enable", "-s", "log"]) == status
    assert daemon.watched == [[LOG]]
    shown = capsys.readouterr().err
    assert told in shown
    assert ("svcs -xv" in shown) == bool(status)


@pytest.mark.parametrize(
    ("watch", "status"),
    [
        (
            [
                (online(LOG, enabled=False, next_state="disabled"), False),
                (online(LOG, "disabled"), False),
            ],
            0,
        ),
        ([(online(LOG, "maintenance", enabled=False), False)], 3),
        ([(online(LOG, "online"), True)], 3),
        ([(online(LOG, "uninitialized", enabled=False), False)], 4),
    ],
)
def test_disable_and_wait(
    watch: list[tuple[dict[str, Any], bool]], status: int, daemon: CannedDaemon
) -> None:
    daemon.watch = watch
    assert main(["disable", "-s", "log"]) == status


def test_waiting_for_several_three_wins_over_four(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.watch = [
        (online(TAPE, "offline"), False),
        (online(LOG), True),
        (online(TAPE), True),
        (online(NIGHTLY, "maintenance"), False),
    ]
    assert main(["enable", "-s", "log", "tapedaemon", "nightly"]) == 3
    shown = capsys.readouterr().err
    assert shown.index(TAPE) < shown.index(NIGHTLY)


def test_a_wait_may_be_limited(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.watch = [(WAITING, True)]
    assert main(["enable", "-s", "-T", "0.05", "log"]) == 3
    assert capsys.readouterr().err == (
        f"svcadm: cannot enable {LOG}: it is still offline* after 0.05 s\n"
        f"svcadm: try: svcs -xv {LOG}\n"
    )


def test_no_time_at_all_is_one_look(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.add(instance(LOG), instance(TAPE, "offline", next_state="online"))
    assert main(["enable", "-s", "-T", "0", "log"]) == 0
    assert main(["enable", "-s", "-T", "0", "tapedaemon"]) == 3
    assert "it is still offline* after 0 s" in capsys.readouterr().err


def test_nobody_is_waited_for_if_nothing_was_done(daemon: CannedDaemon) -> None:
    daemon.refusals = {LOG: InvalidState(f"enable {LOG}", "no")}
    assert main(["enable", "-s", "log"]) == 1
    assert daemon.watched == []


def chain(daemon: CannedDaemon) -> None:
    """Relay needs log (require_all), quotes (any of two) and tape (optional)."""
    for fmri in (LOG, RELAY, MAIL, TAPE, NIGHTLY):
        daemon.add(instance(fmri, "disabled"))
    daemon.dependencies[RELAY] = [
        dependency("any", "require_any", target("svc:/site/quotes", DAILY, NIGHTLY)),
        dependency("log", "require_all", target("svc:/system/log", LOG)),
        dependency("more", "require_all", target("svc:/site/quotes", DAILY, NIGHTLY)),
        dependency("gone", "require_all", target("svc:/site/gone", state="absent")),
        dependency("not", "exclude_all", target(TAPE, TAPE)),
        dependency("opt", "optional_all", target(TAPE, TAPE)),
        dependency("file", "require_all", target("/etc/x", kind="path"), type="path"),
    ]
    daemon.dependencies[LOG] = [
        dependency("mail", "require_any", target(MAIL, MAIL), target("svc:/x", state="absent"))
    ]


def test_enable_with_what_it_needs(daemon: CannedDaemon, capsys: Shown) -> None:
    chain(daemon)
    assert main(["enable", "-r", "network/relay"]) == 0
    assert [act["fmri"] for act in daemon.acts] == [MAIL, LOG, RELAY]
    shown = capsys.readouterr()
    assert shown.out == f"{RELAY} requires one of:\n  {DAILY}\n  {NIGHTLY}\n"
    assert "svc:/site/quotes, which svc:/network/relay:default needs, has multiple" in shown.err
    assert "svc:/site/gone, which svc:/network/relay:default needs, does not exist" in shown.err


def test_what_is_enabled_already_is_left_alone(daemon: CannedDaemon) -> None:
    chain(daemon)
    daemon.add(instance(LOG))
    daemon.add(instance(MAIL, "disabled", enabled_permanent=True, enabled_temporary=False))
    assert main(["enable", "-r", "network/relay"]) == 0
    assert [act["fmri"] for act in daemon.acts] == [MAIL, RELAY]
    daemon.acts.clear()
    daemon.add(instance(MAIL, enabled_permanent=False, enabled_temporary=True))
    assert main(["enable", "-rt", "network/relay"]) == 0
    assert [(act["fmri"], act["temporary"]) for act in daemon.acts] == [(RELAY, True)]


def test_what_it_needs_is_waited_for_though_it_is_enabled(
    daemon: CannedDaemon, capsys: Shown
) -> None:
    chain(daemon)
    daemon.add(instance(LOG, "maintenance"), instance(MAIL))
    daemon.watch = [
        (online(MAIL), True),
        (online(LOG, "maintenance"), False),
        (online(RELAY, "offline"), False),
    ]
    assert main(["enable", "-rs", "network/relay"]) == 3
    assert daemon.watched == [[MAIL, LOG, RELAY]]
    assert f"cannot enable {LOG}: it is in maintenance" in capsys.readouterr().err


def test_the_restarter_comes_first(daemon: CannedDaemon) -> None:
    daemon.add(instance(TAPE, "disabled", restarter=MAIL), instance(MAIL, "disabled"))
    assert main(["enable", "-r", "tapedaemon"]) == 0
    assert [act["fmri"] for act in daemon.acts] == [MAIL, TAPE]


def test_a_cycle_is_refused_and_named(daemon: CannedDaemon, capsys: Shown) -> None:
    chain(daemon)
    daemon.dependencies[MAIL] = [dependency("back", "require_all", target(LOG, LOG))]
    assert main(["enable", "-r", "network/relay", "tapedaemon"]) == 1
    assert [act["fmri"] for act in daemon.acts] == [TAPE]
    assert capsys.readouterr().err.startswith(
        f"svcadm: cannot enable {RELAY} with its dependencies: they form a cycle: "
        f"{LOG} -> {MAIL} -> {LOG}\n"
    )


def test_a_very_long_chain(daemon: CannedDaemon) -> None:
    names = [f"svc:/site/s{number}:default" for number in range(1500)]
    daemon.add(*(instance(name, "disabled") for name in names))
    for name, needed in itertools.pairwise(names):
        daemon.dependencies[name] = [dependency("next", "require_all", target(needed, needed))]
    assert main(["enable", "-r", "s0"]) == 0
    assert [act["fmri"] for act in daemon.acts] == names[::-1]


def test_json(daemon: CannedDaemon, capsys: Shown) -> None:
    daemon.watch = [(online(LOG), True), (online(TAPE, "maintenance"), False)]
    daemon.refusals = {NIGHTLY: NotAllowed("enable it", "no right")}
    assert main(["enable", "-s", "--json", "-v", "log", "tapedaemon", "nightly", "relay"]) == 1
    found = json.loads(capsys.readouterr().out)
    refused = found.pop("refused")
    assert [one["code"] for one in refused] == ["AmbiguousName"]
    assert found == {
        "version": 1,
        "action": "enable",
        "dry_run": False,
        "results": [
            {"fmri": LOG, "done": True, "state": "online", "exit_status": 0},
            {"fmri": TAPE, "done": True, "state": "maintenance", "exit_status": 3},
            {
                "fmri": NIGHTLY,
                "done": False,
                "error": {
                    "code": "NotAllowed",
                    "what": "enable it",
                    "why": "no right",
                    "hint": "",
                },
            },
        ],
        "choices": [],
    }


def test_json_of_a_preview(daemon: CannedDaemon, capsys: Shown) -> None:
    step = {
        "fmri": LOG,
        "action": "restart",
        "state_from": "online",
        "state_to": "online",
        "why": "x",
    }
    daemon.previews[LOG] = [step]
    assert main(["-n", "--json", "restart", "log"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dry_run"] is True
    assert found["results"] == [{"fmri": LOG, "done": True, "steps": [step]}]


def test_the_milestone_is_not_there_yet(capsys: Shown) -> None:
    assert main(["milestone", "-d", "none"]) == 1
    assert capsys.readouterr().err == (
        "svcadm: cannot set milestone 'none': "
        "this version of roost does not have milestones to switch to yet\n"
        "svcadm: try: svcs -a\n"
    )


def test_nobody_listens(tmp_path: Path, capsys: Shown) -> None:
    assert main(["-R", str(tmp_path), "enable", "x"]) == 1
    assert capsys.readouterr().err == (
        "svcadm: cannot reach svc.startd: it does not listen on "
        f"{tmp_path}/run/roost/svc.startd.socket\n"
        f"svcadm: try: roost run --root {tmp_path}\n"
    )
    assert main(["enable", "-R", str(tmp_path), "x"]) == 1


def test_a_comment_is_limited(daemon: CannedDaemon, capsys: Shown) -> None:
    assert main(["disable", "-c", "é" * 512, "log"]) == 0
    assert main(["disable", "-c", "é" * 513, "log"]) == 1
    assert "cannot store the comment: it is longer than 1024 bytes" in capsys.readouterr().err
    assert len(daemon.acts) == 1


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ([], "svcadm [-nv]"),
        (["-k"], "svcadm [-nv]"),
        (["bless", "log"], "svcadm [-nv]"),
        *(([name], f"svcadm {name} ") for name in SUBCOMMANDS),
        (["enable", "-k", "log"], "svcadm enable [-rst] [-T SECONDS] FMRI"),
        (["disable", "-r", "log"], "svcadm disable [-st] [-c COMMENT] [-T SECONDS] FMRI"),
        (["restart", "-s", "log"], "svcadm restart [-d] FMRI"),
        (["mark", "-t", "degraded", "log"], "svcadm mark [-It] {maintenance | degraded}"),
        (["mark", "online", "log"], "svcadm mark "),
        (["mark", "maintenance"], "svcadm mark "),
        (["-S", "maintenance", "clear", "log"], "svcadm clear "),
        (["-S", "broken", "clear"], "svcadm clear "),
        (["enable", "-T", "5", "log"], "svcadm enable "),
        (["enable", "-sT", "soon", "log"], "svcadm enable "),
        (["enable", "-sT", "-1", "log"], "svcadm enable "),
        (["enable", "-sT", "nan", "log"], "svcadm enable "),
        (["milestone", "a", "b"], "svcadm milestone [-d] "),
    ],
)
def test_wrong_use(arguments: list[str], usage: str, capsys: Shown) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.match(r"svcadm: cannot [^\n]*\nUsage: ", shown.err)
    assert f"Usage: {usage}" in shown.err


@pytest.mark.parametrize("name", [*SUBCOMMANDS, ""])
def test_help(name: str, capsys: Shown) -> None:
    assert main([word for word in (name, "--help") if word]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: svcadm {name}" in shown
