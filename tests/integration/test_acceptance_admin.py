"""What svcadm does to real services, in which order, and what it foretells with -n."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

import pytest

from tests.integration.case import Case, is_alive
from tests.integration.daemon import BIN, WAIT_S


def chain(case: Case, *, enabled: bool = True, how: str = "require_all/restart") -> None:
    """A chain: c needs b, and b needs a."""
    case.load(
        case.transient("a", enabled=enabled),
        case.transient("b", enabled=enabled, needs={"a": how}),
        case.transient("c", enabled=enabled, needs={"b": how}),
    )


class TestEnable:
    def test_s_waits_until_it_is_there(self, case: Case) -> None:
        case.load(case.service("a", enabled=False))
        assert case.svcadm("-v", "enable", "-s", "@a") == f"{case.fmri('a')} enabled.\n"
        assert case.state("a") == "online"
        assert case.live("a", "general/enabled") == "true"

    def test_s_exits_3_for_maintenance(self, case: Case) -> None:
        case.load(case.service("a", "exits 96", enabled=False))
        said = case.svcadm("enable", "-s", "@a", status=3)
        assert "in maintenance" in said
        assert f"svcs -xv {case.fmri('a')}" in said

    def test_s_exits_4_where_only_help_elsewhere_helps(self, case: Case) -> None:
        case.load(
            case.service("a", enabled=False),
            case.service("b", enabled=False, needs={"a": "require_all/none"}),
        )
        case.svcadm("enable", "-s", "@b", status=4)
        assert case.state("b") == "offline"
        # 3 wins over 4.
        case.load(case.service("c", "exits 96", enabled=False))
        case.svcadm("enable", "-s", "@b", "@c", status=3)

    def test_s_waits_no_longer_than_it_is_told(self, case: Case) -> None:
        case.gate("a")
        case.load(case.transient("a", "gate", enabled=False))
        said = case.svcadm("enable", "-s", "-T", "0", "@a", status=3)
        assert "is still offline*" in said
        assert case.state("a") == "offline*"
        case.let_through("a")
        case.wait("a", "online")

    def test_s_exits_3_if_somebody_disables_it(self, case: Case) -> None:
        case.gate("a")
        case.load(case.transient("a", "gate", enabled=False))
        waiting = subprocess.Popen(
            [BIN / "svcadm", "-R", case.root, "enable", "-s", case.fmri("a")],
            stderr=subprocess.PIPE,
            text=True,
        )
        case.wait_next("a", "online")
        case.svcadm("disable", "@a")
        _, said = waiting.communicate(timeout=WAIT_S)
        assert waiting.returncode == 3
        assert "was disabled by somebody else" in said
        case.let_through("a")
        case.wait("a", "disabled")

    def test_r_enables_the_whole_chain(self, case: Case) -> None:
        chain(case, enabled=False)
        case.svcadm("enable", "-rs", "@c")
        assert case.trail() == ["a start", "b start", "c start"]
        assert {case.live(name, "general/enabled") for name in "abc"} == {"true"}

    def test_r_leaves_a_choice_to_the_administrator(self, case: Case) -> None:
        case.load(
            case.service("a", enabled=False),
            case.service("b", enabled=False),
            case.service("c", enabled=False, needs={"a b": "require_any/none"}),
        )
        said = case.svcadm("enable", "-r", "@c")
        assert "requires one of:\n" in said
        for name in "ab":
            assert f"  {case.fmri(name)}\n" in said
            assert case.state(name) == "disabled"

    def test_one_in_maintenance_stays_there(self, case: Case) -> None:
        case.load(case.service("a", "codes 96 daemon", enabled=False))
        case.svcadm("enable", "-s", "@a", status=3)
        said = case.svcadm("enable", "@a")
        assert f"svcadm clear {case.fmri('a')}" in said
        assert case.state("a") == "maintenance"
        case.svcadm("clear", "@a")
        case.wait("a", "online")

    def test_a_pattern_means_all_that_match(self, case: Case) -> None:
        chain(case, enabled=False)
        case.svcadm("enable", "-s", f"{case.word}/*")
        assert case.svcs("-Ho", "sta", f"{case.word}/*").split() == ["ON"] * 3
        case.svcadm("disable", f"{case.word}/nothing", status=1)


class TestDisable:
    def test_dependents_stop_first(self, case: Case) -> None:
        chain(case)
        case.wait("c", "online")
        case.svcadm("disable", "-s", "@a")
        assert case.trail()[3:] == ["c stop", "b stop", "a stop"]
        assert [case.state(name) for name in "abc"] == ["disabled", "offline", "offline"]
        ends = [(m.fmri, m.state) for m in case.moves() if m.is_new][-3:]
        assert ends == [
            (case.fmri("c"), "offline"),
            (case.fmri("b"), "offline"),
            (case.fmri("a"), "disabled"),
        ]
        case.svcadm("enable", "-s", "@a")
        case.wait("c", "online")

    def test_real_processes_end_in_that_order(self, case: Case) -> None:
        case.load(
            case.service("a", "polite"),
            case.service("b", "polite", needs={"a": "require_all/refresh"}),
            case.service("c", "polite", needs={"a": "optional_all/restart"}),
            case.service("d", "polite", needs={"b": "require_all/restart"}),
        )
        for name in "cd":
            case.wait(name, "online")
        case.svcadm("disable", "-s", "@a")
        ended = [line for line in case.trail() if "ended" in line]
        assert ended[-1] == "a ended"
        assert ended.index("d ended") < ended.index("b ended")
        # An optional dependent comes back.
        case.wait("c", "online")
        assert case.state("b") == case.state("d") == "offline"

    def test_enabled_again_meanwhile(self, case: Case) -> None:
        case.gate("c")
        case.load(
            case.transient("a"),
            case.transient("b", needs={"a": "require_all/restart"}),
            case.transient("c", stop="gate", needs={"b": "require_all/restart"}),
        )
        case.wait("c", "online")
        case.svcadm("disable", "@a")
        case.wait_next("c", "offline")
        case.svcadm("enable", "@a")
        case.let_through("c")
        case.wait("c", "online")
        assert case.trail("a", "b") == ["a start", "b start"]
        case.svcadm("disable", "@c")
        case.let_through("c")
        case.wait("c", "disabled")

    def test_a_comment_is_kept_and_shown(self, case: Case) -> None:
        case.load(case.service("a"))
        case.wait("a", "online")
        case.svcadm("disable", "-s", "-c", "until the disk is there", "@a")
        assert case.live("a", "general/comment") == "until\\ the\\ disk\\ is\\ there"
        assert "comment      until the disk is there" in case.svcs("-l", "@a")
        said = "Reason: Disabled by an administrator: until the disk is there"
        assert said in case.explain("a")
        case.svcadm("enable", "-s", "@a")
        assert "comment" not in case.svcs("-l", "@a")
        case.svcadm("disable", "-c", "x" * 1025, "@a", status=1)

    def test_the_property_alone_does_it_too(self, case: Case) -> None:
        case.load(case.service("a"))
        case.wait("a", "online")
        case.daemon.run("svccfg", "-s", case.fmri("a"), "setprop", "general/enabled = false")
        case.wait("a", "disabled")
        case.daemon.run("svccfg", "-s", case.fmri("a"), "setprop", "general/enabled = true")
        case.wait("a", "online")

    def test_temporarily(self, case: Case) -> None:
        case.load(case.service("a"))
        case.wait("a", "online")
        assert "temporarily disabled." in case.svcadm("-v", "disable", "-st", "@a")
        assert case.live("a", "general/enabled") == "true"
        assert case.prop("a", "general_ovr/enabled") == "false"
        assert "enabled      false (temporary)" in case.svcs("-l", "@a")
        assert case.fmri("a") in case.svcs()
        assert "Reason: Temporarily disabled by an administrator." in case.explain("a")
        case.svcadm("enable", "-s", "@a")
        assert case.daemon.run("svcprop", "-p", "general_ovr", case.fmri("a"), status=1)

    def test_temporarily_enabled(self, case: Case) -> None:
        case.load(case.service("a", enabled=False))
        case.svcadm("enable", "-st", "@a")
        assert case.live("a", "general/enabled") == "false"
        assert "enabled      true (temporary)" in case.svcs("-l", "@a")
        case.svcadm("disable", "-s", "@a")
        assert case.fmri("a") not in case.svcs()


class TestRestart:
    def test_of_what_does_not_run_is_ignored(self, case: Case) -> None:
        case.load(case.service("a", enabled=False))
        case.svcadm("restart", "@a")
        assert case.state("a") == "disabled"
        assert case.trail() == []


class TestMark:
    def test_maintenance_stops_it(self, case: Case) -> None:
        case.load(case.service("a", "polite"))
        case.wait("a", "online")
        case.svcadm("mark", "maintenance", "@a")
        case.wait_aux("a", "maintenance", "service_request")
        assert case.trail()[-1] == "a ended"
        assert case.pids("a") == []
        assert "transitioned to maintenance by request" in case.daemon.console.read_text()
        case.svcadm("clear", "@a")
        case.wait("a", "online")

    def test_from_a_terminal_it_is_an_administrator(self, case: Case) -> None:
        case.load(case.service("a"))
        case.wait("a", "online")
        ours, theirs = os.openpty()
        subprocess.run(
            [BIN / "svcadm", "-R", case.root, "mark", "maintenance", case.fmri("a")],
            stdin=theirs,
            timeout=WAIT_S,
            check=True,
        )
        os.close(theirs)
        os.close(ours)
        case.wait_aux("a", "maintenance", "administrative_request")
        assert "Reason: Maintenance requested by an administrator." in case.explain("a")

    def test_at_once_leaves_the_processes(self, case: Case) -> None:
        case.load(case.service("a", "daemon"))
        case.wait("a", "online")
        (pid,) = case.pids("a")
        case.svcadm("mark", "-I", "maintenance", "@a")
        assert case.state("a") == "maintenance"
        assert case.pids("a") == []
        assert is_alive(pid)

    def test_a_disabled_one_leaves_maintenance_by_disable(self, case: Case) -> None:
        case.load(case.service("a", "exits 96"))
        case.wait("a", "maintenance")
        case.svcadm("disable", "-s", "@a")
        assert case.state("a") == "disabled"
        assert case.states("a") == ["offline", "maintenance", "uninitialized", "disabled"]

    def test_what_makes_no_sense(self, case: Case) -> None:
        case.load(case.service("a", enabled=False), case.service("b"))
        case.wait("b", "online")
        said = case.svcadm("clear", "@b", status=1)
        assert "not in a maintenance or degraded state" in said
        case.svcadm("mark", "degraded", "@a", status=1)
        case.svcadm("mark", "green", "@b", status=2)
        case.svcadm("mark", "degraded", "@b")
        assert case.svcs("-Ho", "sta,nsta", "@b").split() == ["DGD", "-"]
        case.svcadm("clear", "@b")

    def test_operands_by_state(self, case: Case) -> None:
        chain(case)
        case.wait("c", "online")
        case.svcadm("mark", "degraded", "@b")
        case.svcadm("-S", "degraded", "clear")
        assert case.state("b") == "online"


# --- what svcadm -n foretells -----------------------------------------------------------


def family(case: Case) -> None:
    """Every kind of dependent of a, two deep; one of them disabled."""
    case.load(
        case.transient("a"),
        case.transient("b", needs={"a": "require_all/restart"}),
        case.transient("c", needs={"b": "require_all/restart"}),
        case.transient("d", needs={"a": "optional_all/refresh"}),
        case.transient("e", needs={"a": "require_all/none"}),
        case.transient("f", enabled=False, needs={"a": "require_all/none"}),
    )
    for name in "abcde":
        case.wait(name, "online")


def nothing(_case: Case) -> None:
    pass


def disable_a(case: Case) -> None:
    case.svcadm("disable", "-s", "@a")
    for name in "bc":
        case.wait(name, "offline")
    case.wait("d", "online")


def break_a(case: Case) -> None:
    case.svcadm("mark", "maintenance", "@a")
    case.wait("a", "maintenance")
    for name in "bc":
        case.wait(name, "offline")
    case.wait("d", "online")


@pytest.mark.parametrize(
    ("before", "words", "name"),
    [
        (nothing, ["disable"], "a"),
        (nothing, ["disable", "-t"], "b"),
        (nothing, ["restart"], "a"),
        (nothing, ["refresh"], "a"),
        (nothing, ["mark", "maintenance"], "a"),
        (nothing, ["mark", "degraded"], "b"),
        (nothing, ["enable"], "f"),
        (nothing, ["enable"], "a"),
        (disable_a, ["enable"], "a"),
        (disable_a, ["enable"], "f"),
        (break_a, ["clear"], "a"),
        (break_a, ["disable"], "a"),
    ],
)
def test_foretold_is_what_happens(
    case: Case, before: Callable[[Case], None], words: list[str], name: str
) -> None:
    family(case)
    before(case)
    told = json.loads(case.svcadm("--json", "-n", *words, f"@{name}"))
    assert told["dry_run"] is True
    steps = told["results"][0]["steps"]
    foretold = [
        (step["fmri"], step["state_to"])
        for step in steps
        if step["action"] not in ("none", "refresh")
    ]
    known = len(case.moves())
    case.svcadm(*words, f"@{name}")
    for fmri, state in dict(foretold).items():
        if state != "uninitialized":
            case.daemon.wait_state(fmri, state)
    happened = [
        (move.fmri, move.state)
        for move in case.moves()[known:]
        if move.is_new and move.state != "uninitialized"
    ]
    assert sorted(happened) == sorted(foretold)
    assert per_instance(happened) == per_instance(foretold)
    # The order of those that have to wait for each other is the same too.
    for is_start in (True, False):
        assert in_line(case, happened, is_start=is_start) == in_line(
            case, foretold, is_start=is_start
        )


def in_line(case: Case, moves: list[tuple[str, str]], *, is_start: bool) -> list[str]:
    """Who of a, b and c started (or stopped), in order."""
    line = {case.fmri(name) for name in "abc"}
    return [fmri for fmri, state in moves if fmri in line and (state == "online") is is_start]


def per_instance(moves: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fmri, state in moves:
        found.setdefault(fmri, []).append(state)
    return found


def test_a_refresh_is_foretold_with_what_is_edited(case: Case) -> None:
    case.load(case.service("a", enabled=False), case.service("b", needs={"a": "require_all/none"}))
    case.wait("b", "offline")
    case.svccfg("b", "delpg", "d0")
    told = json.loads(case.svcadm("--json", "-n", "refresh", "@b"))
    assert [(s["action"], s["state_to"]) for s in told["results"][0]["steps"]] == [
        ("start", "online")
    ]
    assert case.state("b") == "offline"


def test_foretold_in_words(case: Case) -> None:
    chain(case)
    case.wait("c", "online")
    lines = case.svcadm("-n", "disable", "@a").splitlines()
    a, b, c = (case.fmri(name) for name in "abc")
    assert [line.split(": ")[0] for line in lines] == [c, b, a]
    assert lines[0] == f"{c}: stop (online -> offline): it depends on {b}, which stops"
    assert lines[2] == f"{a}: disable (online -> disabled): you asked"
    assert [case.state(name) for name in "abc"] == ["online"] * 3
