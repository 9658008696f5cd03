"""Administrative disable in reverse order and shutdown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.engine.events import (
    ContractEmptied,
    EnabledChanged,
    MaintenanceRequested,
    RefreshRequested,
)
from roost.engine.states import State
from tests.unit.engine.machine import (
    GOOD,
    HANGS,
    STUBBORN,
    Machine,
    Outcome,
    exits,
    fmri,
    method,
    need,
    service,
)


def _chain(*names: str, restart_on: str = "restart") -> Machine:
    """Each of the names needs the one before it; all are online."""
    pairs = zip(("", *names), names, strict=False)
    return Machine(
        *(
            service(n, *([need(below, restart_on=restart_on)] if below else []))
            for below, n in pairs
        )
    )


# --- disable ------------------------------------------------------------------------------


@pytest.mark.parametrize("restart_on", ["restart", "refresh"])
def test_chain_stops_from_the_top(restart_on: str) -> None:
    machine = _chain("a", "b", "c", restart_on=restart_on)
    machine.disable("a")
    assert machine.states == {"a": "online", "b": "online", "c": "online*"}
    machine.run_until_quiet()
    assert machine.downs() == ["c", "b", "a"]
    assert machine.states == {"a": "disabled", "b": "offline", "c": "offline"}
    assert machine.aux("a") == "disable_request"
    assert machine.aux("c") == "dependency_activity"


@pytest.mark.parametrize("restart_on", ["none", "error"])
def test_dependents_that_do_not_react_run_on(restart_on: str) -> None:
    machine = Machine(
        service("a"),
        service("b", need("a", restart_on=restart_on)),
        service("c", need("b", restart_on="restart")),
    )
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "online", "c": "online"}
    assert machine.downs() == ["a"]


def test_exclude_all_is_no_part_of_the_order() -> None:
    machine = Machine(service("a"))
    machine.script("b", "stop", HANGS)
    machine.add(service("b", need("a", grouping="exclude_all", restart_on="restart")))
    machine.run_until_quiet()
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "online"}


def test_diamond() -> None:
    machine = Machine(
        service("a"),
        service("b", need("a", restart_on="restart")),
        service("c", need("a", restart_on="restart")),
        service("d", need("b", "c", restart_on="restart")),
    )
    machine.disable("a")
    machine.run_until_quiet()
    downs = machine.downs()
    assert downs[0] == "d"
    assert downs[-1] == "a"
    assert sorted(downs) == ["a", "b", "c", "d"]
    machine.enable("a")
    machine.run_until_quiet()
    assert set(machine.states.values()) == {"online"}
    assert machine.order_of(State.ONLINE, since=0)[-1] == "d"


def test_enabled_again_before_its_turn() -> None:
    machine = _chain("a", "b", "c")
    machine.script("c", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.advance(1)
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online", "c": "online"}
    assert machine.downs() == ["c"]  # its stop was under way
    assert all(machine.node(name).mark is None for name in "abc")


def test_enabled_again_while_it_stops() -> None:
    machine = _chain("a", "b")
    machine.script("a", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.advance(1)
    assert machine.state("a") == "online*"
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.history("a")[-3:] == ["disabled", "offline", "online"]
    assert machine.states == {"a": "online", "b": "online"}


def test_enabled_again_while_it_refreshes() -> None:
    machine = Machine(service("a", refresh="exec"), service("b", need("a", restart_on="restart")))
    machine.script("b", "stop", exits(0, after_s=5))
    machine.script("a", "refresh", exits(0, after_s=2))
    machine.disable("a")
    machine.refresh("a")
    machine.advance(1)
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}
    assert machine.count("stop a") == 0


def test_second_disable_keeps_its_marks_when_the_first_is_taken_back() -> None:
    machine = Machine(
        service("x"),
        service("y"),
        service("n", need("x", restart_on="restart")),
        service("m", need("y", restart_on="restart")),
        service("d", need("n", "m", restart_on="restart")),
        service("top", need("d", restart_on="restart")),
    )
    machine.script("top", "stop", exits(0, after_s=5))
    machine.disable("x")
    machine.disable("y")
    machine.advance(1)
    machine.enable("x")
    machine.run_until_quiet()
    assert machine.downs() == ["top", "d", "m", "y"]
    assert machine.states == {
        "x": "online",
        "y": "disabled",
        "n": "online",
        "m": "offline",
        "d": "offline",
        "top": "offline",
    }


def test_member_that_fails_to_stop_goes_to_maintenance_and_the_chain_goes_on() -> None:
    machine = _chain("a", "b", "c")
    machine.script("b", "stop", exits(96))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "maintenance", "c": "offline"}
    assert machine.downs() == ["c", "b", "a"]


def test_the_disabled_one_fails_to_stop() -> None:
    machine = _chain("a", "b")
    machine.script("a", "stop", exits(1))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance", "b": "offline"}
    assert machine.count("stop a") == 3


@pytest.mark.parametrize("grouping", ["optional_all", "require_any"])
def test_dependent_that_can_do_without_restarts_once_after_the_disable(grouping: str) -> None:
    machine = Machine(
        service("a"),
        service("z"),
        service("b", need("a", "z", grouping=grouping, restart_on="restart")),
    )
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "z": "online", "b": "online"}
    assert machine.runs[3:] == ["stop b", "stop a", "start b"]


def test_dependent_that_can_do_without_restarts_when_the_disable_is_taken_back() -> None:
    machine = Machine(
        service("a"),
        service("b", need("a", grouping="optional_all", restart_on="restart")),
        service("c", need("a", restart_on="restart")),
    )
    machine.script("c", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.advance(1)
    assert machine.states == {"a": "online", "b": "offline", "c": "online*"}
    machine.enable("a")
    machine.advance(1)
    assert machine.states == {"a": "online", "b": "online", "c": "online*"}


def test_dependent_that_is_starting_is_waited_for() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", exits(0, after_s=5))
    machine.add(service("b", need("a", restart_on="restart")))
    machine.disable("a")
    machine.advance(1)
    assert machine.states == {"a": "online", "b": "offline*"}
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "offline"}
    assert machine.runs == ["start a", "start b", "stop b", "stop a"]


@pytest.mark.parametrize("code", [1, 95])
def test_dependent_whose_start_fails_is_not_waited_for_any_longer(code: int) -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", exits(code, after_s=5))
    machine.add(service("b", need("a", restart_on="restart")))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "maintenance" if code == 95 else "offline"}


def test_dependent_of_a_marked_start_that_fails_goes_on_without_it() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", exits(1, after_s=5))
    machine.add(
        service("b", need("a", restart_on="restart")),
        service("c", need("b", grouping="optional_all", restart_on="restart")),
    )
    machine.disable("a")
    machine.advance(1)
    assert machine.states == {"a": "online", "b": "offline*", "c": "offline"}
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "offline", "c": "online"}


def test_dependent_that_is_removed_is_not_waited_for_any_longer() -> None:
    machine = _chain("a", "b")
    machine.script("b", "stop", HANGS)
    machine.disable("a")
    machine.advance(1)
    machine.remove("b")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}


def test_dependent_that_loses_its_edge_is_not_waited_for_any_longer() -> None:
    machine = _chain("a", "b")
    machine.script("b", "stop", exits(0, after_s=60))
    machine.disable("a")
    machine.advance(1)
    machine.refresh("b", None)
    machine.advance(1)
    assert machine.states == {"a": "disabled", "b": "online*"}
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "online"}


def test_edge_that_comes_during_the_wait_is_not_waited_for() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")), service("c"))
    machine.script("b", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.refresh("c", need("a", restart_on="restart"))
    machine.run_until_quiet()
    assert machine.downs() == ["b", "a", "c"]
    assert machine.states == {"a": "disabled", "b": "offline", "c": "offline"}


def test_dependent_marked_at_once_is_not_waited_for_any_longer() -> None:
    machine = _chain("a", "b", "c")
    machine.script("c", "stop", HANGS)
    machine.disable("a")
    machine.advance(1)
    machine.mark_maintenance("c", immediate=True)
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "offline", "c": "maintenance"}


def test_stop_of_another_dependency_is_not_forgotten_under_the_mark() -> None:
    machine = Machine(
        service("a"),
        service("t"),
        service("b", need("a", restart_on="restart"), need("t", restart_on="restart")),
        service("c", need("b", restart_on="restart")),
    )
    machine.script("c", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.restart("t")
    machine.advance(1)
    assert machine.states == {"a": "online", "t": "online", "b": "online", "c": "online*"}
    machine.enable("a")
    machine.run_until_quiet()
    assert set(machine.states.values()) == {"online"}
    assert machine.count("stop b") == 1  # because of t


def test_crash_under_the_mark_needs_no_order() -> None:
    machine = _chain("a", "b", "c")
    machine.script("c", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.crash("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "offline", "c": "offline"}
    assert machine.downs() == ["a", "c", "b"]


def test_restart_of_what_is_about_to_stop_does_not_break_the_order() -> None:
    machine = _chain("a", "b", "c")
    machine.script("c", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.restart("a")
    machine.restart("b")
    machine.run_until_quiet()
    assert machine.downs() == ["c", "b", "a"]


def test_disable_resets_the_rate() -> None:
    machine = Machine(service("a"))
    for _ in range(8):
        machine.disable("a")
        machine.run_until_quiet()
        machine.enable("a")
        machine.run_until_quiet()
    assert machine.state("a") == "online"


def test_disable_of_two_in_one_chain() -> None:
    machine = _chain("a", "b", "c")
    machine.disable("b", "a")
    machine.run_until_quiet()
    assert machine.downs() == ["c", "b", "a"]
    assert machine.states == {"a": "disabled", "b": "disabled", "c": "offline"}
    machine.enable("b", "a")
    machine.run_until_quiet()
    assert machine.order_of(State.ONLINE) == ["a", "b", "c", "a", "b", "c"]


def test_service_with_another_instance_left() -> None:
    machine = Machine(
        service("s:one"), service("s:two"), service("b", need("s:", restart_on="restart"))
    )
    machine.disable("s:one")
    machine.run_until_quiet()
    assert machine.runs[3:] == ["stop b", "stop s:one", "start b"]
    assert machine.state("b") == "online"


# --- shutdown -----------------------------------------------------------------------------


@pytest.mark.parametrize("grouping", ["require_all", "require_any", "optional_all"])
@pytest.mark.parametrize("restart_on", ["none", "error", "restart", "refresh"])
def test_shutdown_stops_dependents_first_over_all_edges(grouping: str, restart_on: str) -> None:
    machine = Machine(
        service("a"),
        service("b", need("a", grouping=grouping, restart_on=restart_on)),
        service("c", need("b", grouping=grouping, restart_on=restart_on)),
    )
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.downs() == ["c", "b", "a"]
    assert machine.is_down
    assert set(machine.states.values()) == {"offline"}


def test_shutdown_does_not_wait_over_exclude_all() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b", need("a", grouping="exclude_all")))
    machine.run_until_quiet()
    machine.enable("a")
    machine.run_until_quiet()
    machine.script("b", "stop", exits(0, after_s=5))
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.downs() == ["a", "b"]
    assert machine.is_down


def test_shutdown_of_nothing_is_complete_at_once() -> None:
    machine = Machine(service("b", need("nowhere")))
    machine.shut_down()
    assert machine.is_down
    machine.shut_down()
    machine.add(service("late"))
    machine.enable("b")
    machine.run_until_quiet()
    assert machine.runs == []


def test_shutdown_cuts_a_start_short() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", HANGS)
    machine.add(service("b", need("a")))
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    assert machine.states == {"a": "offline", "b": "offline"}
    assert machine.count("start b") == 1


def test_shutdown_kills_a_start_that_ignores_the_request() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", Outcome(after_s=None, ignores_term=True))
    machine.add(service("b", need("a")))
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    assert [kill.signal for kill in machine.kills[:2]] == [15, 9]


def test_shutdown_is_not_complete_before_the_last_method() -> None:
    machine = Machine()
    machine.script("b", "start", HANGS)
    machine.add(service("b"))
    machine.shut_down()
    assert not machine.is_down
    machine.run_until_quiet()
    assert machine.is_down
    assert machine.processes("b") == 0


def test_shutdown_during_a_failing_start_does_not_try_again() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", Outcome(code=1, after_s=1, leaves=2, ignores_term=True))
    machine.add(service("b", need("a")))
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    assert machine.count("start b") == 1


def test_start_that_succeeds_during_a_shutdown_is_stopped() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", Outcome(after_s=1, ignores_term=True))
    machine.script("b", "stop", GOOD)
    machine.add(service("b", need("a"), stop=method("exec", 3)))
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.runs == ["start a", "start b", "stop b", "stop a"]
    assert machine.is_down


def test_shutdown_goes_on_when_a_stop_fails() -> None:
    machine = _chain("a", "b")
    machine.script("b", "stop", exits(96))
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.states == {"a": "offline", "b": "maintenance"}
    assert machine.is_down


def test_shutdown_kills_what_does_not_stop_in_time() -> None:
    machine = Machine()
    machine.script("a", "start", STUBBORN)
    machine.add(service("a", stop=method(":kill", 10)))
    machine.run_until_quiet()
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    assert machine.state("a") == "maintenance"


def test_shutdown_in_the_middle_of_a_disable() -> None:
    machine = _chain("a", "b", "c")
    machine.script("c", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.downs() == ["c", "b", "a"]
    assert machine.is_down


def test_enable_during_a_shutdown_changes_nothing() -> None:
    machine = _chain("a", "b")
    machine.script("b", "stop", exits(0, after_s=5))
    machine.disable("a")
    machine.shut_down()
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.is_down
    assert machine.downs() == ["b", "a"]


def test_restart_during_a_shutdown_does_not_break_the_order() -> None:
    machine = _chain("a", "b", restart_on="none")
    machine.script("b", "stop", exits(0, after_s=5))
    machine.shut_down()
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.downs() == ["b", "a"]
    assert machine.runs == ["start a", "start b", "stop b", "stop a"]
    assert machine.is_down


def test_shutdown_with_a_cycle_that_is_not_acted_on_yet() -> None:
    machine = Machine(service("a", refresh="exec"), service("b", need("a")))
    machine.script("a", "refresh", exits(0, after_s=2))
    machine.refresh("a")
    machine.refresh("a", need("b"))  # waits behind the refresh method
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    assert not any(state.startswith("online") for state in machine.states.values())


def test_child_is_not_restarted_during_a_shutdown() -> None:
    machine = Machine(replace(service("a"), model=service("a").model))
    machine.shut_down()
    machine.send(ContractEmptied(machine.now_s, fmri("a")))
    machine.run_until_quiet()
    assert machine.count("start a") == 1
    assert machine.is_down


def test_requests_that_come_with_the_shutdown() -> None:
    machine = _chain("a", "b")
    now_s = machine.now_s
    machine.send(
        EnabledChanged(now_s, fmri("b"), enabled=False),
        RefreshRequested(now_s, fmri("a"), machine.config("a")),
        MaintenanceRequested(now_s, fmri("nobody")),
    )
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    assert machine.downs() == ["b", "a"]
