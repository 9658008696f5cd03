"""Requests of administrators, the queue behind a method, removal, delegation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.engine.engine import MAX_QUEUED_REQUESTS
from roost.engine.events import (
    ClearRequested,
    EnabledChanged,
    InstanceAdded,
    InstanceRemoved,
    MaintenanceRequested,
    MethodExited,
    MethodName,
    RefreshRequested,
    RestartRequested,
)
from roost.engine.reasons import Aux, Reason
from tests.unit.engine.machine import (
    GOOD,
    HANGS,
    Machine,
    Outcome,
    exits,
    fmri,
    need,
    refused,
    service,
)

# --- enable and disable -------------------------------------------------------------------


def test_first_states_follow_the_flag() -> None:
    machine = Machine()
    machine.add(service("on"))
    machine.add(service("off"), enabled=False)
    machine.run_until_quiet()
    assert machine.history("on") == ["uninitialized", "offline", "online"]
    assert machine.history("off") == ["uninitialized", "disabled"]
    assert [m.reason.aux for m in machine.wall if m.fmri == fmri("off")] == [
        Aux.INSERT_IN_GRAPH,
        Aux.DISABLE_REQUEST,
    ]
    assert machine.said("on") == ["Enabled."]
    assert machine.said("off") == ["Disabled."]


def test_enable_goes_by_offline() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.history("a") == ["uninitialized", "disabled", "offline", "online"]


def test_override_wins_and_going_back_to_the_flag() -> None:
    machine = Machine(service("a"))
    machine.set_enabled(True, False, "a")
    machine.run_until_quiet()
    assert machine.state("a") == "disabled"
    machine.set_enabled(True, None, "a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    machine.set_enabled(False, True, "a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    assert machine.count("stop a") == 1


def test_flag_that_stays_is_nothing() -> None:
    machine = Machine(service("a"))
    before = len(machine.wall)
    machine.enable("a")
    assert machine.steps[-1][1] == []
    assert len(machine.wall) == before


def test_disable_waits_for_the_start_method() -> None:
    machine = Machine()
    machine.script("a", "start", exits(0, after_s=5))
    machine.add(service("a"))
    machine.disable("a")
    machine.advance(1)
    assert machine.state("a") == "offline*"
    machine.run_until_quiet()
    assert machine.runs == ["start a", "stop a"]
    assert machine.state("a") == "disabled"


def test_disable_ends_the_retries_of_a_start() -> None:
    machine = Machine()
    machine.script("a", "start", exits(1, after_s=5))
    machine.add(service("a"))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.runs == ["start a"]
    assert machine.state("a") == "disabled"


def test_off_and_on_during_a_start_changes_nothing() -> None:
    machine = Machine()
    machine.script("a", "start", exits(0, after_s=5))
    machine.add(service("a"))
    machine.disable("a")
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.runs == ["start a"]
    assert machine.state("a") == "online"


# --- maintenance --------------------------------------------------------------------------


def test_mark_maintenance_stops_what_runs() -> None:
    machine = Machine(service("a"))
    machine.mark_maintenance("a")
    assert machine.state("a") == "online*"
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "administrative_request"
    assert machine.runs == ["start a", "stop a"]
    assert "Stopping because maintenance requested." in machine.said("a")


def test_mark_maintenance_by_a_program() -> None:
    machine = Machine(service("a"))
    machine.mark_maintenance("a", from_terminal=False, by="svc:/monitor:default")
    machine.run_until_quiet()
    assert machine.reason("a") == Reason(Aux.SERVICE_REQUEST, cause="svc:/monitor:default")


def test_mark_maintenance_of_what_does_not_run() -> None:
    machine = Machine()
    machine.add(service("off"), enabled=False)
    machine.add(service("waiting", need("nowhere")))
    for name in ("off", "waiting"):
        machine.mark_maintenance(name)
    assert machine.states == {"off": "maintenance", "waiting": "maintenance"}
    for name in ("off", "waiting"):
        machine.clear(name)
    assert machine.states == {"off": "disabled", "waiting": "offline"}
    assert machine.runs == []


def test_mark_maintenance_waits_for_the_start_method() -> None:
    machine = Machine()
    machine.script("a", "start", exits(0, after_s=5))
    machine.add(service("a"))
    machine.mark_maintenance("a")
    assert machine.state("a") == "offline*"
    machine.run_until_quiet()
    assert machine.runs == ["start a", "stop a"]
    assert machine.state("a") == "maintenance"


@pytest.mark.parametrize("when", ["online", "start", "stop", "refresh"])
def test_mark_maintenance_at_once_leaves_the_processes(when: str) -> None:
    machine = Machine()
    machine.script("a", "start", HANGS if when == "start" else GOOD)
    machine.script("a", "stop", HANGS)
    machine.script("a", "refresh", HANGS)
    machine.add(service("a", refresh="exec"))
    machine.run_until_quiet()
    if when == "stop":
        machine.restart("a")
    elif when == "refresh":
        machine.refresh("a")
    machine.mark_maintenance("a", immediate=True)
    assert machine.state("a") == "maintenance"
    assert machine.abandoned == ["a"]
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert machine.node("a").next_state is None
    machine.script("a", "start", GOOD)
    machine.clear("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"


def test_mark_maintenance_twice_is_told_once() -> None:
    machine = Machine(service("a"))
    for immediate in (False, True, False, True):
        machine.mark_maintenance("a", immediate=immediate)
        machine.run_until_quiet()
    assert machine.history("a")[-2:] == ["online", "maintenance"]
    assert len(machine.console) == 1


def test_maintenance_ignores_everything_but_clear_and_disable() -> None:
    machine = Machine(service("below"), service("a", need("below", restart_on="refresh")))
    machine.mark_maintenance("a")
    machine.run_until_quiet()
    before = len(machine.wall)
    machine.enable("a")
    machine.restart("a")
    machine.refresh("a")
    machine.mark_degraded("a")
    machine.restart("below")
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert {m.fmri for m in machine.wall[before:]} == {fmri("below")}


def test_clear_goes_by_uninitialized_and_resets_the_counters() -> None:
    machine = Machine()
    machine.script("a", "start", *[exits(1)] * 3, GOOD)
    machine.add(service("a"))
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    machine.clear("a")
    machine.run_until_quiet()
    assert machine.history("a")[-4:] == ["maintenance", "uninitialized", "offline", "online"]
    assert "Leaving maintenance because clear requested." in machine.said("a")
    [left] = [m for m in machine.wall if m.state_from.value == "maintenance"]
    assert left.reason.aux is Aux.CLEAR_REQUEST
    assert len(machine.node("a").starts_s) == 1


def test_clear_of_a_healthy_instance_is_nothing() -> None:
    machine = Machine(service("a"))
    machine.clear("a")
    assert machine.steps[-1][1] == []


def test_disable_leaves_maintenance() -> None:
    machine = Machine(service("a"))
    machine.mark_maintenance("a")
    machine.run_until_quiet()
    machine.disable("a")
    assert machine.history("a")[-3:] == ["maintenance", "uninitialized", "disabled"]
    assert machine.aux("a") == "disable_request"
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"


def test_disable_leaves_maintenance_though_the_flag_was_off() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.mark_maintenance("a")
    assert machine.state("a") == "maintenance"
    machine.disable("a")
    assert machine.history("a")[-3:] == ["maintenance", "uninitialized", "disabled"]


def test_enable_in_maintenance_is_kept_for_later() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.mark_maintenance("a")
    machine.enable("a")
    assert machine.state("a") == "maintenance"
    machine.clear("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"


def test_dependents_of_maintenance_wait_and_continue() -> None:
    machine = Machine()
    machine.script("a", "start", refused("unknown user"), GOOD)
    machine.add(service("a"), service("b", need("a")), service("c", need("b")))
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance", "b": "offline", "c": "offline"}
    assert not machine.engine.can_come_up(fmri("c"))
    machine.clear("a")
    machine.run_until_quiet()
    assert set(machine.states.values()) == {"online"}
    assert machine.engine.can_come_up(fmri("c"))


@pytest.mark.parametrize("immediate", [False, True])
def test_maintenance_in_the_step_that_brings_the_instance(immediate: bool) -> None:
    machine = Machine()
    machine.send(
        InstanceAdded(0.0, fmri("a"), service("a"), enabled=True),
        MaintenanceRequested(0.0, fmri("a"), immediate=immediate),
    )
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    machine.send(
        ClearRequested(machine.now_s, fmri("a")),
        MaintenanceRequested(machine.now_s, fmri("a"), immediate=immediate),
    )
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}


# --- degraded -----------------------------------------------------------------------------


def test_degraded_and_back_run_no_method() -> None:
    machine = Machine(service("a", refresh="exec"))
    machine.mark_degraded("a")
    assert machine.state("a") == "degraded"
    assert machine.aux("a") == "administrative_request"
    machine.mark_degraded("a")
    machine.clear("a")
    assert machine.state("a") == "online"
    assert machine.aux("a") == "clear_request"
    assert machine.runs == ["start a"]


def test_degraded_of_what_does_not_run_is_nothing() -> None:
    machine = Machine()
    machine.add(service("off"), enabled=False)
    machine.add(service("waiting", need("nowhere")))
    for name in ("off", "waiting"):
        machine.mark_degraded(name)
        assert machine.steps[-1][1] == []


@pytest.mark.parametrize("what", ["crash", "restart", "disable", "maintenance"])
def test_degraded_stops_like_online(what: str) -> None:
    machine = Machine(service("a"))
    machine.mark_degraded("a")
    match what:
        case "crash":
            machine.crash("a")
        case "restart":
            machine.restart("a")
        case "disable":
            machine.disable("a")
        case _:
            machine.mark_maintenance("a")
    machine.run_until_quiet()
    expected = {"disable": "disabled", "maintenance": "maintenance"}.get(what, "online")
    assert machine.state("a") == expected
    assert machine.count("stop a") == 1


# --- the queue ----------------------------------------------------------------------------


def test_requests_wait_behind_the_method_in_order() -> None:
    machine = Machine()
    machine.script("a", "start", exits(0, after_s=5), GOOD)
    machine.add(service("a", refresh="exec"))
    machine.refresh("a")
    machine.restart("a")
    machine.refresh("a")
    machine.mark_degraded("a")
    assert machine.runs == ["start a"]
    machine.run_until_quiet()
    # The second refresh came to an instance that had just stopped: nothing runs then.
    assert machine.runs == ["start a", "refresh a", "stop a", "start a"]
    assert machine.state("a") == "online"


def test_queue_is_bounded() -> None:
    machine = Machine(service("a", refresh="exec"))
    machine.script("a", "refresh", exits(0, after_s=1))
    machine.refresh("a")
    for _ in range(MAX_QUEUED_REQUESTS + 7):
        machine.refresh("a")
    assert machine.said("a").count("Too many requests are waiting; one was dropped.") == 7
    machine.run_until_quiet()
    assert machine.count("refresh a") == 1 + MAX_QUEUED_REQUESTS == 101
    assert machine.state("a") == "online"


def test_events_of_the_restarter_do_not_wait() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(service("a"))
    for _ in range(MAX_QUEUED_REQUESTS + 1):
        machine.restart("a")
    machine.disable("a")
    machine.mark_maintenance("a", immediate=True)
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert not machine.node("a").queue


def test_requests_behind_a_start_that_fails() -> None:
    machine = Machine()
    machine.script("a", "start", exits(95, after_s=5), GOOD)
    machine.add(service("a"))
    machine.restart("a")
    machine.clear("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    assert machine.count("start a") == 2


# --- what is unknown, removed, or another's ------------------------------------------------


def test_events_for_the_unknown_are_nothing() -> None:
    machine = Machine(service("a"))
    nobody, now_s = fmri("nobody"), machine.now_s
    commands = machine.send(
        EnabledChanged(now_s, nobody, enabled=True),
        RestartRequested(now_s, nobody),
        RefreshRequested(now_s, nobody, service("nobody")),
        ClearRequested(now_s, nobody),
        InstanceRemoved(now_s, nobody),
        MethodExited(now_s, nobody, MethodName.START, GOOD.status),
        MaintenanceRequested(now_s, nobody, immediate=True),
    )
    assert commands == []


def test_stray_ends_of_methods_are_nothing() -> None:
    machine = Machine(service("a"))
    for name in MethodName:
        assert machine.send(MethodExited(machine.now_s, fmri("a"), name, GOOD.status)) == []


def test_instance_that_comes_twice_is_taken_once() -> None:
    machine = Machine(service("a"))
    machine.add(service("a", need("nowhere")), enabled=False)
    machine.run_until_quiet()
    assert machine.state("a") == "online"


@pytest.mark.parametrize("when", ["online", "start", "stop", "disabled"])
def test_removal_runs_no_stop(when: str) -> None:
    machine = Machine()
    machine.script("a", "start", HANGS if when == "start" else GOOD)
    machine.script("a", "stop", HANGS)
    machine.add(service("a"), enabled=when != "disabled")
    machine.run_until_quiet()
    if when == "stop":
        machine.disable("a")
    stops = machine.count("stop a")
    machine.remove("a")
    machine.run_until_quiet()
    assert machine.states == {}
    assert machine.count("stop a") == stops
    machine.add(service("a"), enabled=False)
    assert machine.states == {"a": "disabled"}


def test_removal_cancels_the_time_out() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(replace(service("a"), start=replace(service("a").start, timeout_s=60.0)))
    machine.remove("a")
    machine.advance(1000)
    assert machine.kills == []


def test_running_dependent_of_a_removed_instance_runs_on() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    machine.remove("a")
    machine.run_until_quiet()
    assert machine.states == {"b": "online"}
    machine.restart("b")
    machine.run_until_quiet()
    assert machine.states == {"b": "offline"}


def test_instance_of_another_restarter_stays_uninitialized() -> None:
    foreign = replace(service("a"), restarter="svc:/network/inetd:default")
    machine = Machine(foreign, service("b", need("a")))
    assert machine.states == {"a": "uninitialized", "b": "offline"}
    machine.disable("a")
    machine.enable("a")
    machine.restart("a")
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "uninitialized", "b": "offline"}
    assert machine.runs == []
    assert machine.engine.can_come_up(fmri("b"))


def test_dependents_see_an_instance_that_never_leaves_uninitialized() -> None:
    machine = Machine(service("b", need("a")))
    assert not machine.engine.can_come_up(fmri("b"))
    machine.add(replace(service("a"), restarter="svc:/network/inetd:default"))
    assert machine.engine.can_come_up(fmri("b"))
    machine.remove("a")
    assert not machine.engine.can_come_up(fmri("b"))


def test_instance_that_comes_and_goes_in_one_step() -> None:
    machine = Machine()
    came = InstanceAdded(0.0, fmri("a"), service("a"), enabled=True)
    machine.send(came, InstanceRemoved(0.0, fmri("a")))
    assert machine.states == {}
    machine.send(came, InstanceRemoved(0.0, fmri("a")), came)
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}


def test_what_can_come_up() -> None:
    machine = Machine(service("a"), service("waits", need("off")), service("never", need("gone")))
    machine.add(service("off"), enabled=False)
    machine.add(service("sick"))
    machine.mark_maintenance("sick")
    machine.run_until_quiet()
    can = {name for name in machine.states if machine.engine.can_come_up(fmri(name))}
    assert can == {"a"}
    assert not machine.engine.can_come_up(fmri("nobody"))
    machine.enable("off")
    can = {name for name in machine.states if machine.engine.can_come_up(fmri(name))}
    assert can == {"a", "off", "waits"}


def test_edges_that_a_refresh_removes_are_gone() -> None:
    machine = Machine(service("a"), service("b", need("a"), need("s:")))
    graph = machine.engine.graph
    assert [node.fmri for node in graph.dependents_of(fmri("a"))] == [fmri("b")]
    machine.refresh("b", need("c"))
    assert graph.dependents_of(fmri("a")) == graph.dependents_of(fmri("s:one")) == []
    assert [node.fmri for node in graph.dependents_of(fmri("c"))] == [fmri("b")]
    machine.remove("b")
    assert graph.dependents_of(fmri("c")) == []


def test_empty_step_does_nothing() -> None:
    machine = Machine(service("a"))
    assert machine.send() == []


def test_several_events_in_one_step_settle_together() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    now_s = machine.now_s
    machine.send(
        EnabledChanged(now_s, fmri("a"), enabled=False),
        EnabledChanged(now_s, fmri("a"), enabled=True),
    )
    machine.run_until_quiet()
    assert machine.runs == ["start a", "start b"]


def test_in_transition_names_who_has_a_method_under_way() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(service("a"), service("b", need("a")), service("c"))
    assert machine.engine.in_transition() == [fmri("a"), fmri("c")]
    machine.advance(1)
    assert machine.engine.in_transition() == [fmri("a")]
    assert machine.engine.node(fmri("a")) is machine.node("a")
    assert machine.engine.node("svc:/nobody:default") is None


def test_time_never_goes_back() -> None:
    machine = Machine(service("a"))
    machine.send(RestartRequested(machine.now_s - 5, fmri("a")))
    assert machine.wall[-1].time_s == machine.engine.now_s >= machine.wall[-2].time_s


def test_outcome_that_leaves_nothing_needs_no_second_look() -> None:
    """The machine itself: one contract is reported empty once."""
    machine = Machine()
    machine.script("a", "start", Outcome(leaves=2))
    machine.add(service("a"))
    machine.run_until_quiet()
    machine.exit_all("a")
    machine.run_until_quiet()
    emptied = [e for events, _ in machine.steps for e in events if "Emptied" in type(e).__name__]
    assert len(emptied) == 1
