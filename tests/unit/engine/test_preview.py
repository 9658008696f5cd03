"""svcadm -n: what would happen, in which order, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from roost.engine.config import MASTER_RESTARTER, InstanceConfig, Model
from roost.engine.events import (
    ClearRequested,
    DegradedRequested,
    EnabledChanged,
    Event,
    InstanceAdded,
    InstanceRemoved,
    MaintenanceRequested,
    RefreshRequested,
    RestartRequested,
    ShutdownRequested,
)
from roost.engine.preview import Action, Step, preview
from roost.engine.states import State
from roost.errors import NotFound

from .machine import HANGS, Machine, exits, fmri, need, service, short


def told(machine: Machine, *events: Event) -> list[str]:
    """The steps, a line each: ``stop b: online -> offline: WHY``."""
    return [line(step) for step in preview(machine.engine, events)]


def line(step: Step) -> str:
    name, move = short(step.fmri), f"{step.state_from.value} -> {step.state_to.value}"
    return f"{step.action} {name}: {move}: {step.why}"


def enable(name: str, *, temporary: bool = False) -> Event:
    return EnabledChanged(0.0, fmri(name), not temporary, True if temporary else None)


def disable(name: str) -> Event:
    return EnabledChanged(0.0, fmri(name), enabled=False)


def restart(name: str, *, dump_core: bool = False) -> Event:
    return RestartRequested(0.0, fmri(name), dump_core)


def refresh(machine: Machine, name: str) -> Event:
    return RefreshRequested(0.0, fmri(name), machine.config(name))


def with_disabled(*configs: InstanceConfig, disabled: Sequence[str]) -> Machine:
    machine = Machine()
    off = {fmri(name) for name in disabled}
    machine.add(*(c for c in configs if c.fmri in off), enabled=False)
    machine.add(*(c for c in configs if c.fmri not in off))
    machine.run_until_quiet()
    return machine


def web() -> Machine:
    """B needs A and follows its restarts; c needs b; d needs a, and stays up whatever it does."""
    return Machine(
        service("a", refresh="exec"),
        service("b", need("a", restart_on="restart")),
        service("c", need("b", restart_on="refresh")),
        service("d", need("a")),
    )


# --- what happens -----------------------------------------------------------------------


def test_disable_takes_dependents_down_first() -> None:
    assert told(web(), disable("a")) == [
        "stop c: online -> offline: it depends on svc:/b:default, which stops",
        "stop b: online -> offline: it depends on svc:/a:default, which stops",
        "disable a: online -> disabled: you asked",
    ]


def test_restart_goes_through_the_dependents() -> None:
    assert told(web(), restart("a")) == [
        "stop a: online -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
        "stop b: online -> offline: it depends on svc:/a:default, which stops",
        "start b: offline -> online: dependencies satisfied",
        "stop c: online -> offline: it depends on svc:/b:default, which stops",
        "start c: offline -> online: dependencies satisfied",
    ]


def test_refresh() -> None:
    machine = web()
    assert told(machine, refresh(machine, "b")) == [
        "refresh b: online -> online: you asked",
        "stop c: online -> offline: it depends on svc:/b:default, which is refreshed",
        "start c: offline -> online: dependencies satisfied",
    ]


def test_enable_brings_up_what_waits() -> None:
    machine = with_disabled(service("a"), service("b", need("a")), disabled=["a"])
    assert told(machine, enable("a")) == [
        "enable a: disabled -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
        "start b: offline -> online: dependencies satisfied",
    ]


def test_enable_of_a_chain() -> None:
    machine = with_disabled(service("a"), service("b", need("a")), disabled=["a", "b"])
    assert told(machine, enable("a"), enable("b")) == [
        "enable a: disabled -> offline: you asked",
        "enable b: disabled -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
        "start b: offline -> online: dependencies satisfied",
    ]


def test_temporary_enable() -> None:
    machine = with_disabled(service("a"), disabled=["a"])
    assert told(machine, enable("a", temporary=True))[-1] == (
        "start a: offline -> online: dependencies satisfied"
    )


def test_what_is_excluded_stops() -> None:
    machine = with_disabled(
        service("a"),
        service("b", need("a", grouping="exclude_all", restart_on="error")),
        disabled=["a"],
    )
    assert told(machine, enable("a")) == [
        "enable a: disabled -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
        "stop b: online -> offline: it excludes svc:/a:default, which starts",
    ]


def test_what_came_up_without_its_option_restarts_with_it() -> None:
    machine = with_disabled(
        service("a"),
        service("b", need("a", grouping="optional_all", restart_on="restart")),
        disabled=["a"],
    )
    assert told(machine, enable("a"))[2:] == [
        "stop b: online -> offline: it depends on svc:/a:default, which starts",
        "start b: offline -> online: dependencies satisfied",
    ]


def test_maintenance() -> None:
    machine = web()
    steps = told(machine, MaintenanceRequested(0.0, fmri("b")))
    assert steps == [
        "maintenance b: online -> maintenance: you asked",
        "stop c: online -> offline: it depends on svc:/b:default, which stops",
    ]
    machine.mark_maintenance("d", immediate=True)
    assert told(machine, disable("d")) == ["disable d: maintenance -> disabled: you asked"]


def test_clear() -> None:
    machine = Machine()
    machine.script("a", "start", exits(95))
    machine.add(service("a"), service("b", need("a")))
    machine.run_until_quiet()
    assert told(machine, ClearRequested(0.0, fmri("a"))) == [
        "clear a: maintenance -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
        "start b: offline -> online: dependencies satisfied",
    ]


def test_clear_of_what_is_still_broken() -> None:
    machine = Machine(replace(service("a"), invalid="dependency group 'x' has no type"))
    assert told(machine, ClearRequested(0.0, fmri("a"))) == [
        "clear a: maintenance -> uninitialized: you asked",
        (
            "maintenance a: uninitialized -> maintenance: "
            "has invalid dependency. Dependency group 'x' has no type"
        ),
    ]


def test_degrade_and_restore() -> None:
    machine = Machine(service("a"))
    assert told(machine, DegradedRequested(0.0, fmri("a"))) == [
        "degrade a: online -> degraded: you asked"
    ]
    machine.mark_degraded("a")
    assert told(machine, ClearRequested(0.0, fmri("a"))) == [
        "clear a: degraded -> online: you asked"
    ]


@pytest.mark.parametrize("model", [Model.CONTRACT, Model.CHILD])
def test_restart_with_a_core_dump(model: Model) -> None:
    machine = Machine(service("a", model=model), service("b", need("a", restart_on="error")))
    why = {
        Model.CONTRACT: "its processes dump core, as you asked",
        Model.CHILD: "its processes have ended",
    }[model]
    steps = told(machine, restart("a", dump_core=True))
    assert steps[:2] == [
        f"stop a: online -> offline: {why}",
        "start a: offline -> online: dependencies satisfied",
    ]
    assert steps[2:] == [
        "stop b: online -> offline: it depends on svc:/a:default, which stops",
        "start b: offline -> online: dependencies satisfied",
    ]


@pytest.mark.parametrize(
    ("model", "start", "stop"),
    [
        (Model.CONTRACT, "exec", ":kill"),
        (Model.CONTRACT, "exec", ":true"),
        (Model.CONTRACT, ":true", "absent"),
        (Model.TRANSIENT, "exec", "absent"),
        (Model.TRANSIENT, "exec", "exec"),
        (Model.CHILD, "exec", ":kill"),
    ],
)
def test_every_kind_of_service_restarts(model: Model, start: str, stop: str) -> None:
    machine = Machine(service("a", model=model, start=start, stop=stop))
    assert told(machine, restart("a")) == [
        "stop a: online -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
    ]


def test_a_new_instance() -> None:
    config = service("a")
    added = InstanceAdded(0.0, config.fmri, config, enabled=True)
    assert told(Machine(), added) == [
        "enable a: uninitialized -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
    ]


def test_a_start_that_cannot_be() -> None:
    machine = with_disabled(service("a", start=":kill"), disabled=["a"])
    assert told(machine, enable("a")) == [
        "enable a: disabled -> offline: you asked",
        (
            "maintenance a: offline -> maintenance: "
            "start method could not be run: ':kill' cannot start a service"
        ),
    ]


def test_shutdown() -> None:
    steps = told(web(), ShutdownRequested(0.0, MASTER_RESTARTER))
    order = [step.split(":")[0] for step in steps]
    assert sorted(order) == ["stop a", "stop b", "stop c", "stop d"]
    assert [step for step in order if step != "stop d"] == ["stop c", "stop b", "stop a"]
    assert order[-1] == "stop a"
    assert {step.rpartition(": ")[2] for step in steps} == {"the machine goes down"}


# --- what does not happen ---------------------------------------------------------------


def nothing(machine: Machine, event: Event) -> str:
    (step,) = preview(machine.engine, [event])
    assert step.action is Action.NONE
    assert step.state_from is step.state_to
    return step.why


def test_restart_of_what_does_not_run() -> None:
    machine = with_disabled(service("a"), disabled=["a"])
    assert nothing(machine, restart("a")) == "it is not running, restart is ignored"


def test_enable_of_what_has_no_chance() -> None:
    machine = with_disabled(
        service("a"), service("b", need("a")), service("c", need("b")), disabled=["a", "b"]
    )
    assert told(machine, enable("b")) == [
        "enable b: disabled -> offline: you asked",
        "none b: offline -> offline: its dependency svc:/a:default is disabled",
    ]
    machine.enable("b")
    assert nothing(machine, enable("b")) == "its dependency svc:/a:default is disabled"
    assert nothing(machine, enable("c")) == (
        "its dependency svc:/b:default waits for svc:/a:default, which is disabled"
    )


def test_enable_of_what_is_enabled() -> None:
    machine = Machine(service("a"))
    assert nothing(machine, enable("a")) == "it is enabled already"
    assert nothing(machine, enable("a", temporary=True)) == (
        "it is enabled already, only what is stored changes"
    )


def test_disable_of_what_is_disabled() -> None:
    machine = with_disabled(service("a"), disabled=["a"])
    assert nothing(machine, disable("a")) == "it is disabled already"


def test_enable_does_not_clear() -> None:
    machine = Machine(service("a"))
    machine.mark_maintenance("a", immediate=True)
    why = "it is in maintenance, and stays there until it is cleared"
    assert nothing(machine, enable("a")) == why
    assert nothing(machine, MaintenanceRequested(0.0, fmri("a"))) == "it is in maintenance already"


def test_requests_that_do_not_fit_the_state() -> None:
    machine = with_disabled(service("a"), service("on"), disabled=["a"])
    assert nothing(machine, ClearRequested(0.0, fmri("on"))) == (
        "it is neither in maintenance nor degraded"
    )
    assert nothing(machine, DegradedRequested(0.0, fmri("a"))) == "it is not online"
    assert nothing(machine, refresh(machine, "a")) == (
        "it is not running, only its configuration is read again"
    )
    machine.mark_degraded("on")
    assert nothing(machine, DegradedRequested(0.0, fmri("on"))) == "it is degraded already"


def test_an_instance_of_a_restarter_that_is_down() -> None:
    config = replace(service("a"), restarter="svc:/inetd:default")
    machine = with_disabled(service("inetd"), disabled=["inetd"])
    machine.add(config, enabled=False)
    assert nothing(machine, enable("a")) == "its restarter svc:/inetd:default is disabled"
    assert nothing(machine, disable("a")) == "it is disabled already"


def test_events_that_lead_to_nothing() -> None:
    assert nothing(Machine(service("a")), InstanceRemoved(0.0, fmri("a"))) == (
        "there is nothing to do"
    )
    shutdown = ShutdownRequested(0.0, MASTER_RESTARTER)
    assert nothing(Machine(), shutdown) == "there is nothing to do"
    assert preview(Machine().engine, []) == []


def test_an_instance_that_is_not_there() -> None:
    with pytest.raises(NotFound) as refused:
        preview(Machine().engine, [restart("a")])
    assert refused.value.hint == "svcadm enable svc:/a:default"


# --- the world as it is -----------------------------------------------------------------


def test_nothing_is_changed() -> None:
    machine = web()
    before = machine.states
    preview(machine.engine, [disable("a")])
    assert machine.states == before
    assert machine.engine.step([]) == []


def busy() -> Machine:
    """A starts for ever; b waits for it; x is beside."""
    machine = Machine(service("x"))
    machine.script("a", "start", HANGS)
    machine.add(service("a"), service("b", need("a")))
    machine.run_until_quiet()
    return machine


def test_what_happens_anyway_is_not_told() -> None:
    assert told(busy(), restart("x")) == [
        "stop x: online -> offline: you asked",
        "start x: offline -> online: dependencies satisfied",
    ]
    assert told(busy(), disable("b")) == ["disable b: offline -> disabled: you asked"]


def test_a_restart_of_what_is_starting_comes_after_its_start() -> None:
    assert told(busy(), restart("a")) == [
        "stop a: online -> offline: you asked",
        "start a: offline -> online: dependencies satisfied",
    ]


def test_what_waits_for_a_start_under_way_comes_after_it() -> None:
    machine = busy()
    machine.add(service("c", need("a")), enabled=False)
    assert told(machine, enable("c")) == [
        "enable c: disabled -> offline: you asked",
        "start c: offline -> online: dependencies satisfied",
    ]


def test_a_disable_waits_for_a_start_under_way() -> None:
    assert told(busy(), disable("a"))[-1] == "disable a: online -> disabled: you asked"


def test_the_limit_bounds_it() -> None:
    machine = web()
    assert len(preview(machine.engine, [restart("a")], limit=3)) < len(
        preview(machine.engine, [restart("a")])
    )


def test_a_hub_of_two_thousand() -> None:
    machine = Machine()
    machine.add(
        service("hub"),
        *(service(f"s{i}", need("hub", restart_on="restart"), stop=":kill") for i in range(2_000)),
    )
    machine.run_until_quiet()
    steps = preview(machine.engine, [disable("hub")])
    assert len(steps) == 2_001
    assert (steps[-1].fmri, steps[-1].state_to) == (fmri("hub"), State.DISABLED)
