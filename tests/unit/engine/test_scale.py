"""Cost, counted and not timed: what an event costs depends on what it touches."""

from __future__ import annotations

import random

import pytest

from roost.engine.config import InstanceConfig
from roost.engine.engine import Engine
from roost.engine.events import InstanceAdded
from roost.engine.graph import Graph
from roost.engine.node import Node
from tests.unit.engine.machine import Machine, need, service

LAYERS = 20
TARGETS = 3


def _layered(size: int, order: str) -> list[InstanceConfig]:
    """Each instance needs three of the layer below; as they would come from a repository."""
    chance = random.Random(1)
    width = size // LAYERS
    found = []
    for layer in range(LAYERS):
        for number in range(width):
            below = {f"s{layer - 1}-{chance.randrange(width)}" for _ in range(TARGETS)}
            needs = [need(*sorted(below), restart_on="restart")] if layer else []
            found.append(service(f"s{layer}-{number}", *needs))
    if order == "reverse":
        found.reverse()
    elif order == "random":
        chance.shuffle(found)
    return found


class _CyclesCounted(Graph):
    """Counts the nodes whose targets are looked up: the work of the search for cycles."""

    looked_at = 0

    def on_cycles(self, nodes: object) -> frozenset[str]:
        assert isinstance(nodes, list)
        found = super().on_cycles(nodes)
        self.looked_at += len(nodes)
        return found

    def cycle_through(self, node: Node) -> tuple[str, ...]:
        self.looked_at += 1
        return super().cycle_through(node)


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
def test_ten_thousand_instances_boot(order: str) -> None:
    size = 10_000
    machine = Machine()
    machine.add(*_layered(size, order))
    machine.run_until_quiet()
    assert set(machine.states.values()) == {"online"}
    assert len(machine.runs) == size
    # Each is evaluated when it comes, when it moves, and when one of its targets moves.
    edges = size * TARGETS
    assert machine.engine.counting.evaluations <= 4 * size + 2 * edges
    assert len(machine.steps) == size + 1


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
def test_search_for_cycles_looks_at_each_once(order: str) -> None:
    size = 2_000
    engine = Engine()
    graph = _CyclesCounted(engine.graph.path_exists)
    engine.graph = graph
    engine.step(InstanceAdded(0.0, c.fmri, c, enabled=True) for c in _layered(size, order))
    assert graph.looked_at == size  # no search of its own for anyone
    assert not any(node.is_cyclic for node in graph.nodes.values())


def test_search_for_cycles_searches_only_where_one_may_be() -> None:
    configs = _layered(2_000, "random")
    configs += [service("x", need("y", "s3-1")), service("y", need("x"))]
    engine = Engine()
    graph = _CyclesCounted(engine.graph.path_exists)
    engine.graph = graph
    engine.step(InstanceAdded(0.0, c.fmri, c, enabled=True) for c in configs)
    assert [node.fmri for node in graph.nodes.values() if node.is_cyclic] == ["svc:/y:default"]
    assert graph.looked_at == len(configs) + 2


def test_restart_of_a_leaf_touches_only_the_leaf() -> None:
    machine = Machine()
    machine.add(*_layered(2_000, "random"))
    machine.run_until_quiet()
    before = machine.engine.counting.evaluations
    machine.restart(f"s{LAYERS - 1}-7")
    machine.run_until_quiet()
    assert machine.engine.counting.evaluations - before <= 4


def test_restart_inside_touches_only_those_above() -> None:
    machine = Machine()
    machine.add(*_layered(2_000, "random"))
    machine.run_until_quiet()
    before = machine.engine.counting.evaluations
    begin = len(machine.wall)
    machine.restart(f"s{LAYERS - 3}-7")
    machine.run_until_quiet()
    touched = {move.fmri for move in machine.wall[begin:]}
    assert machine.engine.counting.evaluations - before <= 10 * (len(touched) + 1)


def test_wide_hub() -> None:
    width = 2_000
    machine = Machine(
        service("hub"), *(service(f"d{n}", need("hub", restart_on="restart")) for n in range(width))
    )
    machine.disable("hub")
    machine.run_until_quiet()
    assert machine.downs()[-1] == "hub"
    assert len(machine.downs()) == width + 1
    assert machine.engine.counting.evaluations <= 10 * width


def test_long_chain_does_not_recurse() -> None:
    length = 5_000
    chain = [service("s0")]
    chain += [service(f"s{n}", need(f"s{n - 1}", restart_on="restart")) for n in range(1, length)]
    machine = Machine()
    machine.add(*reversed(chain))
    machine.run_until_quiet()
    assert set(machine.states.values()) == {"online"}
    machine.disable("s0")
    machine.run_until_quiet()
    assert machine.downs()[-1] == "s0"
    assert machine.downs()[0] == f"s{length - 1}"
