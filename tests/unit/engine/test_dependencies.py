"""Dependency groups: what each target is worth, how groupings combine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.engine.events import (
    ContractEmptied,
    ExitStatus,
    MaintenanceRequested,
    MethodExited,
    MethodName,
)
from roost.engine.node import Value
from tests.unit.engine.machine import (
    GOOD,
    HANGS,
    Machine,
    exits,
    fmri,
    need,
    service,
    target,
)

SAT, UNSAT, NEVER = Value.SATISFIED, Value.UNSATISFIED, Value.UNSATISFIABLE


# --- the table of targets -----------------------------------------------------------------


def _prepare(case: str) -> Machine:
    """A machine in which instance ``a`` (of service ``a``) is in the given condition."""
    machine = Machine()
    match case:
        case "absent":
            pass
        case "online":
            machine.add(service("a"))
            machine.run_until_quiet()
        case "degraded":
            machine.add(service("a"))
            machine.run_until_quiet()
            machine.mark_degraded("a")
        case "to be disabled":
            machine.add(service("a"), service("z", need("a", restart_on="restart")))
            machine.run_until_quiet()
            machine.script("z", "stop", HANGS)
            machine.disable("a")
        case "to go offline":
            machine.add(
                service("below"),
                service("a", need("below", restart_on="restart")),
                service("z", need("a", restart_on="restart")),
            )
            machine.run_until_quiet()
            machine.script("z", "stop", HANGS)
            machine.disable("below")
        case "starting":
            machine.script("a", "start", HANGS)
            machine.add(service("a"))
        case "offline, may come":
            machine.script("below", "start", HANGS)
            machine.add(service("below"), service("a", need("below")))
        case "offline, cannot come":
            machine.add(service("a", need("nowhere")))
        case "disabled":
            machine.add(service("a"), enabled=False)
        case "maintenance":
            machine.add(service("a"))
            machine.mark_maintenance("a")
            machine.script("a", "start", exits(95))
            machine.run_until_quiet()
        case "uninitialized":
            machine.add(replace(service("a"), restarter="svc:/other:default"))
        case "path present":
            machine.paths.add("/a")
        case "path absent":
            pass
        case _:
            raise AssertionError(case)
    return machine


CASES = {
    # condition            one target, optional_all, exclude_all
    "absent": (NEVER, SAT, SAT),
    "online": (SAT, SAT, NEVER),
    "degraded": (SAT, SAT, NEVER),
    "to be disabled": (NEVER, SAT, UNSAT),
    "to go offline": (UNSAT, UNSAT, NEVER),
    "starting": (UNSAT, UNSAT, UNSAT),
    "offline, may come": (UNSAT, UNSAT, UNSAT),
    "offline, cannot come": (NEVER, SAT, UNSAT),
    "disabled": (NEVER, SAT, SAT),
    "maintenance": (NEVER, SAT, SAT),
    "uninitialized": (UNSAT, UNSAT, UNSAT),
    "path present": (SAT, SAT, NEVER),
    "path absent": (NEVER, SAT, SAT),
}


@pytest.mark.parametrize("case", CASES)
def test_table_of_targets_and_groupings(case: str) -> None:
    machine = _prepare(case)
    one, optional, exclude = CASES[case]
    names = ["/a"] if case.startswith("path") else ["a", "a:"]
    graph = machine.engine.graph
    for name in names:
        assert graph.worth_of_target(target(name)) is one
        worths = {
            grouping: graph.worth_of_group(need(name, grouping=grouping))
            for grouping in ("require_all", "require_any", "optional_all", "exclude_all")
        }
        assert worths == {
            "require_all": one,
            "require_any": one,
            "optional_all": optional,
            "exclude_all": exclude,
        }


@pytest.mark.parametrize("case", CASES)
def test_dependent_acts_as_the_table_says(case: str) -> None:
    name = "/a" if case.startswith("path") else "a"
    for grouping, worth in zip(
        ("require_all", "require_any", "optional_all", "exclude_all"),
        (CASES[case][0], CASES[case][0], CASES[case][1], CASES[case][2]),
        strict=True,
    ):
        machine = _prepare(case)
        machine.add(service("b", need(name, grouping=grouping)))
        # A start shows at once; whether the target moves later is not asked here.
        expected = "offline*" if worth is SAT else "offline"
        assert machine.state("b") == expected, grouping
        assert machine.engine.can_come_up("svc:/b:default") == (worth is not NEVER)


@pytest.mark.parametrize(
    ("grouping", "first", "second", "expected"),
    [
        ("require_all", "online", "online", SAT),
        ("require_all", "online", "waiting", UNSAT),
        ("require_all", "online", "disabled", NEVER),
        ("require_all", "waiting", "disabled", NEVER),
        ("require_any", "online", "disabled", SAT),
        ("require_any", "waiting", "disabled", UNSAT),
        ("require_any", "disabled", "disabled", NEVER),
        ("optional_all", "online", "waiting", UNSAT),
        ("optional_all", "disabled", "waiting", UNSAT),
        ("optional_all", "online", "disabled", SAT),
        ("optional_all", "disabled", "disabled", SAT),
        ("exclude_all", "disabled", "disabled", SAT),
        ("exclude_all", "disabled", "waiting", UNSAT),
        ("exclude_all", "disabled", "online", NEVER),
        ("exclude_all", "waiting", "online", NEVER),
    ],
)
def test_two_targets(grouping: str, first: str, second: str, expected: Value) -> None:
    for pair in ((first, second), (second, first)):
        machine = Machine()
        for name, condition in zip(("a", "b"), pair, strict=True):
            machine.script(name, "start", HANGS if condition == "waiting" else GOOD)
            machine.add(service(name), enabled=condition != "disabled")
        machine.run_until_quiet()
        assert machine.engine.graph.worth_of_group(need("a", "b", grouping=grouping)) is expected


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        ("require_all", SAT),  # like require_any over the instances: one is online
        ("require_any", SAT),
        ("optional_all", UNSAT),  # each relevant instance counts: one is on its way
        ("exclude_all", NEVER),
    ],
)
def test_service_with_an_online_a_waiting_and_a_disabled_instance(
    grouping: str, expected: Value
) -> None:
    machine = Machine()
    machine.script("s:two", "start", HANGS)
    machine.add(service("s:one"), service("s:two"))
    machine.add(service("s:three"), enabled=False)
    machine.run_until_quiet()
    assert machine.engine.graph.worth_of_group(need("s:", grouping=grouping)) is expected


def test_empty_group_is_satisfied() -> None:
    for grouping in ("require_all", "require_any", "optional_all", "exclude_all"):
        machine = Machine(service("b", need(grouping=grouping)))
        assert machine.state("b") == "online"


def test_all_groups_count() -> None:
    machine = Machine()
    machine.add(service("a"), service("c"), enabled=False)
    machine.add(service("b", need("a"), need("c", grouping="exclude_all")))
    machine.run_until_quiet()
    assert machine.state("b") == "offline"
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.state("b") == "online"


# --- acceptance, one by one ----------------------------------------------------------------


def test_require_all_waits_for_every_target() -> None:
    machine = Machine()
    machine.add(service("a"), service("c"), enabled=False)
    machine.add(service("b", need("a", "c")))
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "c": "disabled", "b": "offline"}
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.state("b") == "offline"
    machine.enable("c")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "c": "online", "b": "online"}
    assert machine.aux("b") == "dependencies_satisfied"
    assert machine.history("b") == ["uninitialized", "offline", "online"]


def test_require_any_needs_one() -> None:
    machine = Machine()
    machine.add(service("a"), service("c"), enabled=False)
    machine.add(service("b", need("a", "c", grouping="require_any", restart_on="restart")))
    machine.run_until_quiet()
    assert machine.state("b") == "offline"
    machine.enable("c")
    machine.run_until_quiet()
    assert machine.state("b") == "online"
    machine.disable("c")
    machine.run_until_quiet()
    assert machine.state("b") == "offline"


def test_optional_all_waits_only_for_what_is_on_its_way() -> None:
    optional = need("a", grouping="optional_all")
    assert Machine(service("b", optional)).state("b") == "online"  # absent

    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b", optional))
    machine.run_until_quiet()
    assert machine.state("b") == "online"  # disabled

    machine = Machine()
    machine.script("a", "start", exits(95))
    machine.add(service("a"), service("b", optional))
    assert machine.state("b") == "offline"  # starting
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance", "b": "online"}

    machine = Machine()
    machine.add(service("below"), enabled=False)
    machine.add(service("a", need("below")), service("b", optional))
    machine.run_until_quiet()
    assert machine.states == {"below": "disabled", "a": "offline", "b": "online"}


def test_optional_all_hears_of_maintenance_far_below() -> None:
    machine = Machine()
    machine.script("d", "start", exits(96))
    machine.add(
        service("d"),
        service("c", need("d")),
        service("a", need("c")),
        service("b", need("a", grouping="optional_all")),
    )
    assert machine.state("b") == "offline"
    machine.run_until_quiet()
    assert machine.states == {
        "d": "maintenance",
        "c": "offline",
        "a": "offline",
        "b": "online",
    }


def test_removal_far_below_is_heard_of_too() -> None:
    machine = Machine()
    machine.script("d", "start", HANGS)
    machine.add(
        service("d"), service("a", need("d")), service("b", need("a", grouping="optional_all"))
    )
    assert machine.state("b") == "offline"
    machine.remove("d")
    machine.run_until_quiet()
    assert machine.states == {"a": "offline", "b": "online"}


def test_exclude_all_blocks_and_stops() -> None:
    machine = Machine(
        service("a"), service("b", need("a", grouping="exclude_all", restart_on="restart"))
    )
    assert machine.states == {"a": "online", "b": "offline"}
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "online"}
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "offline"}
    assert machine.aux("b") == "dependency_activity"


def test_excluded_service_that_comes_up_during_a_start_stops_it_afterwards() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.script("b", "start", exits(0, after_s=5))
    machine.add(service("b", need("a", grouping="exclude_all", restart_on="error")))
    machine.enable("a")
    machine.advance(1)
    assert machine.states == {"a": "online", "b": "offline*"}
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "offline"}
    assert machine.count("stop b") == 1


def test_exclude_all_with_restart_on_none_does_not_stop() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b", need("a", grouping="exclude_all")))
    machine.run_until_quiet()
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}


def test_services_that_exclude_each_other_never_run_together() -> None:
    machine = Machine()
    machine.add(
        service("a", need("b", grouping="exclude_all", restart_on="restart")),
        service("b", need("a", grouping="exclude_all", restart_on="restart")),
        enabled=False,
    )
    machine.enable("b")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "online"}
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "offline", "b": "online"}
    machine.disable("b")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "disabled"}


def test_excluded_service_that_waits_blocks_too() -> None:
    machine = Machine(
        service("a", need("nowhere")), service("b", need("a", grouping="exclude_all"))
    )
    assert machine.states == {"a": "offline", "b": "offline"}


def test_file_dependency_is_seen_at_refresh() -> None:
    machine = Machine(service("b", need("/etc/b.conf")))
    assert machine.state("b") == "offline"
    machine.paths.add("/etc/b.conf")
    machine.run_until_quiet()
    assert machine.state("b") == "offline"
    machine.refresh("b")
    machine.run_until_quiet()
    assert machine.state("b") == "online"
    machine.paths.clear()
    machine.refresh("b")
    machine.run_until_quiet()
    assert machine.state("b") == "online"  # removal never stops


def test_dependency_on_a_service_takes_any_instance() -> None:
    machine = Machine()
    machine.add(service("s:one"), service("s:two"), enabled=False)
    machine.add(service("b", need("s:", restart_on="error")))
    machine.run_until_quiet()
    assert machine.state("b") == "offline"
    machine.enable("s:two")
    machine.run_until_quiet()
    assert machine.state("b") == "online"


def test_dependency_on_a_service_without_instances_until_one_comes() -> None:
    machine = Machine(service("b", need("s:")))
    assert machine.state("b") == "offline"
    assert not machine.engine.can_come_up("svc:/b:default")
    machine.add(service("s:one"))
    machine.run_until_quiet()
    assert machine.state("b") == "online"


def test_target_that_comes_later_than_its_dependent() -> None:
    machine = Machine(service("b", need("a")))
    assert machine.state("b") == "offline"
    machine.add(service("a"))
    machine.run_until_quiet()
    assert machine.order_of(machine.node("a").state) == ["a", "b"]


def test_removing_the_only_unsatisfied_dependency() -> None:
    machine = Machine(service("b", need("nowhere")))
    assert machine.state("b") == "offline"
    machine.refresh("b", None)
    machine.run_until_quiet()
    assert machine.state("b") == "online"


def test_new_unsatisfied_dependency_does_not_stop_what_runs() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b"))
    machine.run_until_quiet()
    machine.refresh("b", need("a"))
    machine.run_until_quiet()
    assert machine.state("b") == "online"
    machine.restart("b")
    machine.run_until_quiet()
    assert machine.state("b") == "offline"  # the next stop event counts


def test_degraded_satisfies_what_online_satisfies() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="refresh")))
    machine.mark_degraded("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "degraded", "b": "online"}
    assert machine.runs == ["start a", "start b"]
    machine.add(service("c", need("a")))
    machine.run_until_quiet()
    assert machine.state("c") == "online"
    machine.clear("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online", "c": "online"}


def test_dependency_that_goes_during_a_failing_start_ends_the_retries() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", exits(1, after_s=5), GOOD)
    machine.add(service("b", need("a")))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled", "b": "offline"}
    assert machine.count("start b") == 1
    assert machine.aux("b") == "dependency_activity"
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}


def test_dependency_that_goes_in_the_very_step_of_a_failed_start() -> None:
    machine = Machine(service("a"))
    machine.script("b", "start", HANGS)
    machine.add(service("b", need("a")))
    now_s, a, b = machine.now_s, fmri("a"), fmri("b")
    machine.send(
        ContractEmptied(now_s, b),
        MaintenanceRequested(now_s, a, immediate=True),
        MethodExited(now_s, b, MethodName.START, ExitStatus(code=1)),
    )
    assert machine.states == {"a": "maintenance", "b": "offline"}
    assert machine.count("start b") == 1
