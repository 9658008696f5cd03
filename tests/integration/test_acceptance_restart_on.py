"""What a stop of a dependency does to its dependents: every grouping with every restart_on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.integration.case import Case

GROUPINGS = ("require_all", "require_any", "optional_all")
RESTART_ON = ("none", "error", "restart", "refresh")
AFTER_FAULT = {"error", "restart", "refresh"}
AFTER_OTHER_STOP = {"restart", "refresh"}
AFTER_REFRESH = {"refresh"}


def kill_one(case: Case) -> None:
    before = case.wait("a", "online")
    os.kill(case.pids("a")[0], signal.SIGKILL)
    case.wait_again("a", before)
    said = "Stopping because process received fatal signal from outside the service."
    assert said in case.log("a")


def restart(case: Case) -> None:
    case.svcadm("restart", "@a")
    assert "Stopping because service restarting." in case.log("a")


def refresh(case: Case) -> None:
    case.svcadm("refresh", "@a")


def let_it_exit(case: Case) -> None:
    """All processes exit in order, at the end of what they do."""
    before = case.wait("a", "online")
    case.let_through("a")
    case.wait_again("a", before)
    assert "Stopping because all processes in service exited." in case.log("a")


@pytest.mark.parametrize(
    ("event", "restarted"),
    [
        (kill_one, AFTER_FAULT),
        (restart, AFTER_OTHER_STOP),
        (refresh, AFTER_REFRESH),
        (let_it_exit, AFTER_OTHER_STOP),
    ],
)
def test_each_cell(case: Case, event: Callable[[Case], None], restarted: set[str]) -> None:
    cells = [(grouping, restart_on) for grouping in GROUPINGS for restart_on in RESTART_ON]
    case.gate("a")
    case.load(
        case.service("a", "daemon_with_gate"),
        *(
            case.transient(f"{grouping}-{restart_on}", needs={"a": f"{grouping}/{restart_on}"})
            for grouping, restart_on in cells
        ),
    )
    names = [f"{grouping}-{restart_on}" for grouping, restart_on in cells]
    for name in ("a", *names):
        case.wait(name, "online")
    event(case)
    for name in ("a", *names):
        case.wait(name, "online")
    expected = {f"{g}-{r}" for g, r in cells if r in restarted}
    assert {name for name in names if case.trail(name) != [f"{name} start"]} == expected
    for name in expected:
        assert case.trail(name) == [f"{name} start", f"{name} stop", f"{name} start"]
        assert "Stopping because dependency activity requires stop." in case.log(name)
    for move in case.moves(*expected):
        if move.state == "offline" and move.aux == "dependency_activity":
            assert move.cause == case.fmri("a")


def test_a_dependent_stops_after_and_starts_after(case: Case) -> None:
    """Propagation begins when the dependency has left the running state."""
    case.load(
        case.transient("a"),
        case.transient("b", needs={"a": "require_all/restart"}),
        case.transient("c", needs={"b": "require_all/restart"}),
    )
    before = case.wait("c", "online")
    case.svcadm("restart", "@a")
    case.wait_again("c", before)
    again = case.trail()[3:]
    assert [line for line in again if "stop" in line] == ["a stop", "b stop", "c stop"]
    assert [line for line in again if "start" in line] == ["a start", "b start", "c start"]
    for name in "abc":
        assert again.index(f"{name} stop") < again.index(f"{name} start")


def test_a_fault_reaches_the_second_hop_as_no_fault(case: Case) -> None:
    case.load(
        case.service("a"),
        case.transient("b", needs={"a": "require_all/error"}),
        case.transient("c", needs={"b": "require_all/error"}),
        case.transient("d", needs={"b": "require_all/restart"}),
    )
    case.wait("c", "online")
    before = case.wait("d", "online")
    kill_one(case)
    case.wait_again("d", before)
    assert case.trail("c") == ["c start"]
    assert len(case.trail("b")) == len(case.trail("d")) == 3


def test_the_fault_of_one_of_two_moves_to_the_other(case: Case) -> None:
    case.load(
        case.service("a", "codes daemon 96"),
        case.service("b"),
        case.service("c", needs={"a b": "require_any/error"}),
    )
    case.wait("a", "online")
    case.wait("b", "online")
    before = case.wait("c", "online")
    os.kill(case.pids("a")[0], signal.SIGKILL)
    case.wait("a", "maintenance")
    case.wait_again("c", before)
    assert case.trail("c") == ["c start"] * 2


def test_a_disable_stops_only_who_asked_for_restart(case: Case) -> None:
    case.load(
        case.service("a"),
        *(case.service(how, needs={"a": f"require_all/{how}"}) for how in RESTART_ON),
    )
    for how in RESTART_ON:
        case.wait(how, "online")
    case.svcadm("disable", "-s", "@a")
    states = {how: case.state(how) for how in RESTART_ON}
    assert states == {
        "none": "online",
        "error": "online",
        "restart": "offline",
        "refresh": "offline",
    }
    case.svcadm("enable", "-s", "@a")
    for how in ("restart", "refresh"):
        case.wait(how, "online")


def test_a_failed_refresh_is_a_fault(case: Case) -> None:
    case.load(
        case.service("a", refresh="exits 96"),
        *(case.transient(how, needs={"a": f"require_all/{how}"}) for how in RESTART_ON),
    )
    for how in RESTART_ON:
        case.wait(how, "online")
    case.svcadm("refresh", "@a")
    case.wait_aux("a", "maintenance", "method_failed")
    for how in ("error", "restart", "refresh"):
        case.wait(how, "offline")
    assert case.state("none") == "online"


def test_an_optional_one_that_comes_up_restarts_who_must_see_it(case: Case) -> None:
    case.load(
        case.service("a", enabled=False),
        *(case.transient(how, needs={"a": f"optional_all/{how}"}) for how in RESTART_ON),
    )
    for how in RESTART_ON:
        case.wait(how, "online")
    case.svcadm("enable", "-s", "@a")
    for how in RESTART_ON:
        case.wait(how, "online")
    runs = {how: case.trail(how).count(f"{how} start") for how in RESTART_ON}
    assert runs == {"none": 1, "error": 1, "restart": 2, "refresh": 2}


def test_an_excluded_one_that_comes_up_stops_all_but_none(case: Case) -> None:
    case.load(
        case.service("a", enabled=False),
        *(case.transient(how, needs={"a": f"exclude_all/{how}"}) for how in RESTART_ON),
    )
    for how in RESTART_ON:
        case.wait(how, "online")
    case.svcadm("enable", "-s", "@a")
    assert case.wait("none", "online")
    for how in ("error", "restart", "refresh"):
        case.wait(how, "offline")


def test_degraded_is_as_good_as_online(case: Case) -> None:
    case.load(
        case.service("a"),
        *(case.transient(how, needs={"a": f"require_all/{how}"}) for how in RESTART_ON),
        case.service("late", enabled=False, needs={"a": "require_all/refresh"}),
    )
    for how in RESTART_ON:
        case.wait(how, "online")
    pids = case.pids("a")
    case.svcadm("mark", "degraded", "@a")
    case.wait_aux("a", "degraded", "administrative_request")
    case.svcadm("enable", "-s", "@late")
    case.svcadm("clear", "@a")
    case.wait_aux("a", "online", "clear_request")
    assert case.pids("a") == pids
    assert case.trail(*RESTART_ON, "a", "late").count("a stop") == 0
    assert [case.trail(how) for how in RESTART_ON] == [[f"{how} start"] for how in RESTART_ON]


def test_a_cascade_is_never_too_quick(case: Case) -> None:
    case.load(case.service("a"), case.service("b", needs={"a": "require_all/restart"}))
    for _ in range(7):
        before = case.wait("b", "online")
        case.svcadm("restart", "@a")
        case.wait_again("b", before)
    assert case.trail("b") == ["b start"] * 8


def test_one_in_a_chain_that_does_not_stop_holds_up_nobody(case: Case) -> None:
    case.load(
        case.transient("a"),
        case.service("b", stop="exits 96", needs={"a": "require_all/restart"}),
        case.transient("c", needs={"b": "require_all/restart"}),
    )
    case.wait("c", "online")
    case.svcadm("disable", "-s", "@a")
    case.wait_aux("b", "maintenance", "method_failed")
    case.wait("c", "offline")
    assert [line for line in case.trail() if "stop" in line] == ["c stop", "b stop", "a stop"]
