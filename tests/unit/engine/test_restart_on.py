"""What happens to dependents: ``restart_on``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.engine.events import Fault
from tests.unit.engine.machine import HANGS, Machine, exits, fmri, need, service

GROUPINGS = ("require_all", "require_any", "optional_all")
LEVELS = ("none", "error", "restart", "refresh")

REACTS = {
    # what happened        none, error, restart, refresh
    "core dump": (False, True, True, True),
    "signal from outside": (False, True, True, True),
    "hardware error": (False, True, True, True),
    "refresh method failed": (False, True, True, True),
    "stop method failed": (False, True, True, True),
    "all processes exited": (False, False, True, True),
    "restart": (False, False, True, True),
    "its own dependency": (False, False, True, True),
    "maintenance requested": (False, False, True, True),
    "disable": (False, False, True, True),
    "refresh": (False, False, False, True),
}


def _happen(machine: Machine, what: str) -> None:
    match what:
        case "core dump":
            machine.crash("a", Fault.CORE)
        case "signal from outside":
            machine.crash("a", Fault.SIGNAL)
        case "hardware error":
            machine.crash("a", Fault.HARDWARE)
        case "refresh method failed":
            machine.script("a", "refresh", exits(96))
            machine.refresh("a")
        case "stop method failed":
            machine.script("a", "stop", exits(96))
            machine.restart("a")
        case "all processes exited":
            machine.exit_all("a")
        case "restart":
            machine.restart("a")
        case "its own dependency":
            machine.restart("below")
        case "maintenance requested":
            machine.mark_maintenance("a")
        case "disable":
            machine.disable("a")
        case "refresh":
            machine.refresh("a")
        case _:
            raise AssertionError(what)


@pytest.mark.parametrize("what", REACTS)
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_stop_matrix(what: str, grouping: str) -> None:
    for level, reacts in zip(LEVELS, REACTS[what], strict=True):
        machine = Machine(
            service("below"),
            service("a", need("below", restart_on="restart"), refresh="exec"),
            service("b", need("a", grouping=grouping, restart_on=level)),
        )
        _happen(machine, what)
        machine.run_until_quiet()
        assert machine.count("stop b") == (1 if reacts else 0), (level, machine.runs)
        assert machine.state("a") in ("online", "disabled", "maintenance")
        if not reacts:
            assert machine.state("b") == "online"
        elif machine.state("a") == "online" or grouping == "optional_all":
            assert machine.state("b") == "online"
            assert machine.count("start b") == 2
        else:
            assert machine.state("b") == "offline"
            assert machine.aux("b") == "dependency_activity"


def test_require_any_reacts_though_it_is_still_satisfied() -> None:
    for level in LEVELS:
        machine = Machine(
            service("a"),
            service("c"),
            service("b", need("a", "c", grouping="require_any", restart_on=level)),
        )
        machine.script("a", "start", HANGS)
        machine.crash("a")
        machine.run_until_quiet()
        assert machine.count("start b") == (1 if level == "none" else 2)
        assert machine.state("b") == "online"  # on c


def test_event_goes_to_direct_dependents_and_each_stop_carries_on() -> None:
    machine = Machine(
        service("a"),
        service("b", need("a", restart_on="error")),
        service("c", need("b", restart_on="error")),
        service("d", need("b", restart_on="restart")),
    )
    machine.crash("a")
    machine.run_until_quiet()
    # b was stopped by its dependency, which is no fault: c runs on, d does not.
    assert [machine.count(f"stop {n}") for n in "abcd"] == [1, 1, 0, 1]
    assert set(machine.states.values()) == {"online"}


def test_stop_of_the_dependent_follows_that_of_the_dependency() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    machine.restart("a")
    machine.advance(0.05)
    assert machine.states == {"a": "online*", "b": "online"}
    machine.run_until_quiet()
    assert machine.downs() == ["a", "b"]
    assert machine.states == {"a": "online", "b": "online"}
    offline = next(m for m in machine.wall if m.fmri == fmri("b") and m.state_from.is_running)
    assert (offline.reason.aux.value, offline.reason.cause) == ("dependency_activity", fmri("a"))


@pytest.mark.parametrize("level", LEVELS)
def test_start_of_an_optional_dependency(level: str) -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b", need("a", grouping="optional_all", restart_on=level)))
    machine.run_until_quiet()
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}
    assert machine.count("start b") == (2 if level in ("restart", "refresh") else 1)


def test_start_of_an_optional_dependency_during_a_start_is_seen_afterwards() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.script("b", "start", exits(0, after_s=5), exits(0))
    machine.add(service("b", need("a", grouping="optional_all", restart_on="restart")))
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}
    assert machine.count("start b") == 2  # the first came up without a


@pytest.mark.parametrize("level", LEVELS)
def test_start_of_an_excluded_service(level: str) -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b", need("a", grouping="exclude_all", restart_on=level)))
    machine.run_until_quiet()
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.state("b") == ("online" if level == "none" else "offline")
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.state("b") == "online"


def test_dependency_that_stops_during_a_start_stops_it_afterwards() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", exits(0, after_s=5), exits(0))
    machine.add(service("b", need("a", restart_on="restart")))
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.runs == ["start a", "start b", "stop a", "start a", "stop b", "start b"]
    assert machine.states == {"a": "online", "b": "online"}


def test_stop_during_a_start_that_fails_is_not_kept_for_the_next() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", exits(1, after_s=0.15), exits(0))
    machine.add(service("b", need("a", restart_on="restart")))
    machine.script("a", "start", exits(0, after_s=5))
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}
    assert machine.count("start b") == 2
    assert machine.count("stop b") == 0


def test_dependency_that_stops_during_a_refresh_stops_it_afterwards() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart"), refresh="exec"))
    machine.script("b", "refresh", exits(0, after_s=5))
    machine.refresh("b")
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.runs[2:] == ["refresh b", "stop a", "start a", "stop b", "start b"]


def test_refresh_of_what_does_not_run_stops_nobody() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="refresh")))
    machine.script("a", "start", exits(95))
    machine.script("b", "stop", HANGS)
    machine.restart("a")
    machine.run_until_quiet()
    stops = machine.count("stop b")
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert machine.count("stop b") == stops == 1


def test_refresh_is_felt_after_the_refresh_method() -> None:
    machine = Machine(service("a", refresh="exec"), service("b", need("a", restart_on="refresh")))
    machine.refresh("a")
    assert machine.states == {"a": "online*", "b": "online"}
    machine.run_until_quiet()
    assert machine.runs[2:] == ["refresh a", "stop b", "start b"]


# --- the ring of start times --------------------------------------------------------------


@pytest.mark.parametrize("level", ["restart", "refresh"])
def test_cascades_never_trip_the_rate(level: str) -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on=level)))
    for _ in range(12):
        machine.restart("a")
        machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}
    assert machine.count("start b") == 13


def test_refreshes_never_trip_the_rate() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="refresh")))
    for _ in range(12):
        machine.refresh("a")
        machine.run_until_quiet()
    assert machine.state("b") == "online"


def test_starts_of_an_optional_dependency_never_trip_the_rate() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b", need("a", grouping="optional_all", restart_on="restart")))
    for _ in range(6):
        machine.enable("a")
        machine.run_until_quiet()
        machine.disable("a")
        machine.run_until_quiet()
    assert machine.state("b") == "online"


def test_stops_because_of_an_error_count_for_the_rate() -> None:
    lenient = replace(service("a"), failure_count=50, failure_period_s=1.0)
    machine = Machine(lenient, service("b", need("a", restart_on="error")))
    for _ in range(4):
        machine.crash("a")
        machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "maintenance"}
    assert machine.aux("b") == "restarting_too_quickly"
    assert machine.count("start b") == 4
