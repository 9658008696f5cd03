"""A fork of the engine: the same future, and no effect on the original."""

from __future__ import annotations

from dataclasses import fields, replace

from roost.engine.config import Model
from roost.engine.engine import Engine
from roost.engine.events import EnabledChanged, RestartRequested
from roost.engine.node import Node, Operation, StopKind, Value
from roost.engine.reasons import Aux, Reason
from roost.engine.states import State
from tests.unit.engine.machine import (
    HANGS,
    Machine,
    exits,
    fmri,
    method,
    need,
    service,
)


def _snapshot(engine: Engine) -> dict[str, Node]:
    return {name: node.copy() for name, node in engine.graph.nodes.items()}


def _busy_machine() -> Machine:
    machine = Machine(
        service("a", stop=method("exec", 60)),
        service("b", need("a", restart_on="restart")),
        service("c", need("b", restart_on="refresh"), refresh="exec"),
    )
    machine.script("c", "refresh", HANGS)
    machine.script("d", "start", HANGS)
    machine.add(service("d", need("a"), start=method("exec", 60)))
    machine.refresh("c")
    machine.restart("c")
    machine.disable("a")
    return machine


def test_fork_leaves_the_original_untouched() -> None:
    machine = _busy_machine()
    before = _snapshot(machine.engine)
    twin = machine.engine.fork()
    assert _snapshot(twin) == before
    now_s = machine.now_s
    assert twin.step(
        [EnabledChanged(now_s, fmri(n), enabled=n == "a") for n in "abcd"]
        + [RestartRequested(now_s, fmri("b"))]
    )
    assert _snapshot(machine.engine) == before


def test_original_goes_on_as_if_it_had_never_been_forked() -> None:
    plain, forked = _busy_machine(), _busy_machine()
    for machine in (plain, forked):
        machine.script("c", "refresh", exits(0))
    forked.engine.fork().step([RestartRequested(forked.now_s, fmri("a"))])
    for machine in (plain, forked):
        machine.enable("a")
        machine.run_until_quiet()
        machine.add(service("e", start=method("exec", 5)))
        machine.run_until_quiet()
    assert plain.steps == forked.steps  # timers have the same numbers too


def test_fork_does_what_the_original_does() -> None:
    machine = _busy_machine()
    twin = machine.engine.fork()
    begin = len(machine.steps)
    machine.enable("a")
    machine.run_until_quiet()
    machine.shut_down()
    machine.run_until_quiet()
    for events, commands in machine.steps[begin:]:
        assert twin.step(events) == commands
    assert _snapshot(twin) == _snapshot(machine.engine)


def test_fork_of_what_is_down_stays_down() -> None:
    machine = Machine(service("a"))
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    twin = machine.engine.fork()
    assert twin.step([]) == []
    assert twin.step([EnabledChanged(0.0, fmri("a"), enabled=True)]) == []


def test_copy_of_a_node_has_every_field() -> None:
    values: dict[str, object] = {
        "fmri": fmri("x"),
        "config": replace(service("x"), model=Model.CHILD),
        "enabled": False,
        "override": True,
        "state": State.ONLINE,
        "next_state": State.OFFLINE,
        "reason": Reason(Aux.REFRESH),
        "value": Value.SATISFIED,
        "pending_stop": (Reason(Aux.REFRESH), StopKind.FAULT),
    }
    node = Node(fmri("x"), service("x"), enabled=True)
    plain = Node(fmri("x"), service("x"), enabled=True)
    for one in fields(Node):
        old = getattr(node, one.name)
        if one.name in values:
            setattr(node, one.name, values[one.name])
        elif isinstance(old, bool):
            setattr(node, one.name, not old)
        elif isinstance(old, int | float):
            setattr(node, one.name, old + 7)
        elif isinstance(old, str):
            setattr(node, one.name, old + "x")
    node.starts_s.append(3.0)
    node.queue.append(RestartRequested(1.0, fmri("x")))
    twin = node.copy()
    assert twin == node != plain
    twin.starts_s.clear()
    twin.queue.clear()
    assert node.starts_s
    assert node.queue


def test_copy_of_an_operation_is_independent() -> None:
    machine = _busy_machine()
    for node in machine.engine.graph.nodes.values():
        if node.operation is None:
            continue
        twin = node.copy().operation
        assert isinstance(twin, Operation)
        assert twin == node.operation
        assert twin is not node.operation
