"""svcs -x and svcadm -n on random graphs: nobody held back is left unexplained, and what a
preview says is what then happens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from roost.engine.causes import Survey, is_held
from roost.engine.config import InstanceConfig, Model
from roost.engine.events import EnabledChanged, Event, RestartRequested
from roost.engine.explain import explain
from roost.engine.preview import Action, preview
from roost.engine.states import State
from tests.unit.engine.machine import Machine, exits, fmri, need, service

NAMES = [f"s{i}" for i in range(7)]
TARGETS = [*NAMES, "absent", "s0:", "/file"]


@dataclass(frozen=True)
class World:
    """A graph, who is enabled, and whose start method fails."""

    configs: tuple[InstanceConfig, ...]
    disabled: frozenset[str]
    broken: frozenset[str]

    def machine(self) -> Machine:
        machine = Machine()
        for name in self.broken:
            machine.script(name, "start", exits(96))
        for config in self.configs:
            name = config.fmri.removeprefix("svc:/").removesuffix(":default")
            machine.add(config, enabled=name not in self.disabled)
        machine.run_until_quiet()
        return machine


groups = st.builds(
    lambda targets, grouping, restart_on: need(*targets, grouping=grouping, restart_on=restart_on),
    st.lists(st.sampled_from(TARGETS), max_size=3, unique=True),
    st.sampled_from(["require_all", "require_any", "optional_all", "exclude_all"]),
    st.sampled_from(["none", "error", "restart", "refresh"]),
)
configs = st.builds(
    lambda name, needs, model, stop, restarter: replace(
        service(name, *needs, model=model, stop=stop),
        restarter=restarter,
    ),
    st.just("x"),
    st.lists(groups, max_size=2),
    st.sampled_from([Model.CONTRACT, Model.CHILD]),
    st.sampled_from(["exec", ":kill"]),
    st.sampled_from(["svc:/system/svc/restarter:default"] * 9 + ["svc:/s1:default"]),
)
worlds = st.builds(
    lambda found, disabled, broken: World(
        tuple(replace(c, fmri=fmri(n)) for n, c in zip(NAMES, found, strict=False)),
        frozenset(disabled),
        frozenset(broken),
    ),
    st.lists(configs, min_size=1, max_size=len(NAMES)),
    st.sets(st.sampled_from(NAMES), max_size=3),
    st.sets(st.sampled_from(NAMES), max_size=1),
)


@settings(max_examples=150, deadline=None)
@given(worlds)
def test_everything_that_is_held_back_is_explained(world: World) -> None:
    engine = world.machine().engine
    causes = explain(engine, [])
    explained = {each.fmri for each in causes} | {f for each in causes for f in each.impact}
    held = {fmri for fmri, node in engine.graph.nodes.items() if is_held(node)}
    assert held <= explained
    assert len(causes) == len({each.fmri for each in causes})
    for each in explain(engine, sorted(engine.graph.nodes)):
        node = engine.graph.nodes[fmri(each.fmri.removeprefix("svc:/"))]
        assert bool(each.reason) == (node.state is not State.ONLINE)
        assert set(each.impact) <= held
        if each.path:
            assert each.path[0] == each.fmri
            assert each.path[-1] in {cause.fmri for cause in causes}
            assert each.fmri in explain(engine, [each.path[-1]])[0].impact


@settings(max_examples=150, deadline=None)
@given(worlds)
def test_only_who_waits_is_counted_as_impact(world: World) -> None:
    """Who is not held back by anything below a cause does not appear in its impact."""
    engine = world.machine().engine
    survey = Survey(engine)
    for name in engine.graph.nodes:
        for victim in survey.impact_of(name):
            waits_for = survey.holdup(victim).waits_for
            assert name in waits_for or set(survey.impact_of(name)) & set(waits_for)


@settings(max_examples=150, deadline=None)
@given(worlds, st.sampled_from(NAMES), st.sampled_from(["enable", "disable", "restart"]))
def test_a_preview_tells_what_then_happens(world: World, name: str, act: str) -> None:
    machine = replace(world, broken=frozenset()).machine()
    node = machine.engine.node(fmri(name))
    if node is None:
        return
    event: Event = EnabledChanged(machine.now_s, node.fmri, act == "enable")
    if act == "restart":
        event = RestartRequested(machine.now_s, node.fmri)
    before = {n.fmri: n.state for n in machine.engine.graph.nodes.values()}
    steps = preview(machine.engine, [event])
    assert steps
    after = dict(before)
    for step in steps:
        assert after[fmri(step.fmri.removeprefix("svc:/"))] is step.state_from
        after[fmri(step.fmri.removeprefix("svc:/"))] = step.state_to
        assert step.why
        assert (step.action is Action.NONE) <= (step.state_from is step.state_to)
    machine.send(event)
    machine.run_until_quiet()
    assert after == {n.fmri: n.state for n in machine.engine.graph.nodes.values()}
