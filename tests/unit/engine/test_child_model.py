"""The child model: the start method is the service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.engine.config import InstanceConfig, Model
from roost.engine.events import ChildExited, ExitStatus, Fault
from tests.unit.engine.machine import (
    HANGS,
    Machine,
    Outcome,
    exits,
    fmri,
    method,
    need,
    refused,
    service,
)


def _child(stop: str = ":kill") -> InstanceConfig:
    return replace(service("a"), model=Model.CHILD, stop=method(stop, 60))


def test_online_as_soon_as_it_is_started() -> None:
    machine = Machine(replace(_child(), start=method("exec", 5)))
    machine.advance(1000)  # no time-out on the start
    assert machine.states == {"a": "online"}
    assert machine.runs == ["start a"]
    assert machine.kills == []


def test_exit_0_restarts_and_resets_the_counters() -> None:
    machine = Machine()
    machine.script("a", "start", *[exits(0, after_s=0.2)] * 50, HANGS)
    machine.add(_child())
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("start a") == 51
    assert machine.now_s < 50 * 0.3  # never held back
    assert not any("throttling" in line for line in machine.said("a"))


@pytest.mark.parametrize("outcome", [exits(1, after_s=0.2), Outcome(None, 11, after_s=0.2)])
def test_other_exits_are_throttled_but_never_maintenance(outcome: Outcome) -> None:
    machine = Machine()
    machine.script("a", "start", *[outcome] * 40, HANGS)
    machine.add(_child())
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("start a") == 41
    assert "Failing too quickly, throttling." in machine.said("a")
    assert machine.now_s > 30


def test_slow_failures_are_not_throttled() -> None:
    machine = Machine()
    machine.script("a", "start", *[exits(1, after_s=1.5)] * 20, HANGS)
    machine.add(_child())
    machine.run_until_quiet()
    assert machine.now_s < 20 * 1.6
    assert not any("throttling" in line for line in machine.said("a"))


def test_exit_96_is_maintenance_after_the_stop_method() -> None:
    machine = Machine()
    machine.script("a", "start", exits(96, after_s=1))
    machine.add(_child("exec"))
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert machine.aux("a") == "method_failed"
    assert machine.reason("a").status == ExitStatus(code=96)
    assert machine.runs == ["start a", "stop a"]
    assert "Stopping because service exited with a configuration error." in machine.said("a")


def test_absent_start_file_is_maintenance() -> None:
    machine = Machine()
    machine.script("a", "start", refused("/opt/a: no such file"))
    machine.add(_child())
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert machine.count("start a") == 1


@pytest.mark.parametrize("stop", [":kill", "exec"])
def test_exit_during_the_stop_was_asked_for(stop: str) -> None:
    machine = Machine(_child(stop))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    machine.send(ChildExited(machine.now_s, fmri("a"), ExitStatus(code=1)))
    assert machine.states == {"a": "disabled"}
    assert machine.count("start a") == 1


def test_restart_by_an_administrator() -> None:
    machine = Machine(_child())
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("start a") == 2


def test_faults_count_by_the_exit_that_follows() -> None:
    machine = Machine(_child())
    machine.crash("a", Fault.SIGNAL)
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("start a") == 2
    offline = next(m for m in machine.wall if m.state_from.is_running and not m.state.is_running)
    assert offline.reason.aux.value == "ct_ev_exit"


def test_exit_is_a_fault_for_dependents_unless_it_is_0() -> None:
    for code, stops in ((0, 0), (1, 1)):
        machine = Machine(_child(), service("b", need("a", restart_on="error")))
        machine.exit_all("a", code)
        machine.run_until_quiet()
        assert machine.count("stop b") == stops
        assert set(machine.states.values()) == {"online"}


def test_disable_during_the_throttle() -> None:
    machine = Machine()
    machine.script("a", "start", *[exits(1, after_s=0.1)] * 5, HANGS)
    machine.add(_child())
    machine.advance(0.8)
    assert machine.node("a").throttle is not None
    assert machine.states == {"a": "offline"}
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}


def test_removal_and_immediate_maintenance_during_the_throttle() -> None:
    for name in ("remove", "mark"):
        machine = Machine()
        machine.script("a", "start", *[exits(1, after_s=0.1)] * 5, HANGS)
        machine.add(_child())
        machine.advance(0.8)
        if name == "remove":
            machine.remove("a")
        else:
            machine.mark_maintenance("a", immediate=True)
        machine.run_until_quiet()
        assert machine.states == ({} if name == "remove" else {"a": "maintenance"})
        assert machine.count("start a") == 5


def test_stop_method_has_three_tries_after_a_failing_exit() -> None:
    machine = Machine()
    machine.script("a", "start", exits(1, after_s=1), HANGS)
    machine.script("a", "stop", exits(1), exits(1), exits(0))
    machine.add(_child("exec"))
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("stop a") == 3


def test_exit_while_a_refresh_runs() -> None:
    machine = Machine(replace(_child(), refresh=method("exec")))
    machine.script("a", "refresh", exits(0, after_s=3))
    machine.refresh("a")
    machine.exit_all("a", 1)
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("start a") == 2
