"""Properties of the engine: random graphs, random events, random ends of methods.

The simulated machine checks after every step that moves are legal, chained and explained, that
one method runs at a time and that no start comes too early; the tests below ask what holds in
the end and across whole runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from roost.engine.commands import Command, RunMethod, Transition
from roost.engine.config import Dependency, InstanceConfig, Model
from roost.engine.engine import Engine
from roost.engine.events import (
    ClearRequested,
    EnabledChanged,
    Event,
    Fault,
    InstanceRemoved,
    MethodName,
)
from roost.engine.node import Mark, Node, Value
from roost.engine.reasons import Aux
from roost.engine.states import State
from tests.property.engine_reference import Hope, Picture, World
from tests.unit.engine.machine import (
    HANGS,
    CheckedEngine,
    Machine,
    Outcome,
    fmri,
    method,
    need,
    service,
)

HUNT = os.environ.get("ROOST_EXAMPLES")
"""Set to a number to look further, at random."""
BOUNDED = settings(
    max_examples=int(HUNT or 150),
    deadline=None,
    derandomize=HUNT is None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

NAMES = ("a", "b:one", "b:two", "c", "d:one", "d:two", "e", "f")
TARGETS = (*NAMES, "b:", "d:", "ghost", "phantom:", "/present", "/absent")
PRESENT = "/present"


def _world(engine: Engine) -> World:
    marks = {None: "", Mark.DISABLE: "disable", Mark.OFFLINE: "offline"}
    return World(
        {
            node.fmri: Picture(node.state.value, node.is_enabled, node.config, marks[node.mark])
            for node in engine.graph.nodes.values()
        },
        frozenset({PRESENT}),
    )


class _ComparedEngine(CheckedEngine):
    """Asks the reference too before a start."""

    def _emit(self, command: Command) -> None:
        if isinstance(command, RunMethod) and command.method is MethodName.START:
            assert _world(self).own_hope(command.fmri) is Hope.NOW, f"too early: {command}"
        super()._emit(command)


class _RandomMachine(Machine):
    """Hands events to the engine in batches of given sizes, so that they meet in one step."""

    engine_type = _ComparedEngine

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._turn = 0
        self._waiting: list[Event] = []
        super().__init__()
        self.paths.add(PRESENT)

    def send(self, *events: Event) -> list[Command]:
        self._waiting += events
        size = self._sizes[self._turn % len(self._sizes)]
        return self.flush() if len(self._waiting) >= size else []

    def flush(self) -> list[Command]:
        self._turn += 1
        events, self._waiting = self._waiting, []
        return super().send(*events)

    def _pass(self, until_s: float | None) -> None:
        super()._pass(until_s)
        while self._waiting:
            self.flush()
            super()._pass(until_s)


# --- strategies ---------------------------------------------------------------------------

GROUPINGS = st.sampled_from(
    ["require_all", "require_all", "require_any", "optional_all", "exclude_all"]
)
LEVELS = st.sampled_from(["none", "error", "restart", "refresh"])


def _groups(targets: tuple[str, ...]) -> st.SearchStrategy[tuple[Dependency, ...]]:
    group = st.builds(
        lambda names, grouping, level: need(*names, grouping=grouping, restart_on=level),
        st.lists(st.sampled_from(targets), min_size=1, max_size=3, unique=True),
        GROUPINGS,
        LEVELS,
    )
    return st.lists(group, max_size=3).map(tuple)


def _configs(name: str, targets: tuple[str, ...]) -> st.SearchStrategy[InstanceConfig]:
    return st.builds(
        lambda groups, model, start, stop, refresh: replace(
            service(name, *groups, model=model),
            start=method(start, 30),
            stop=method(stop, 30),
            refresh=method(refresh, 30),
        ),
        _groups(targets),
        st.sampled_from([Model.CONTRACT, Model.CONTRACT, Model.TRANSIENT, Model.CHILD]),
        st.sampled_from(["exec", "exec", "exec", ":true", "absent"]),
        st.sampled_from(["exec", "exec", ":kill"]),
        st.sampled_from(["exec", "absent"]),
    )


OUTCOMES = st.one_of(
    st.just(Outcome()),
    st.builds(
        Outcome,
        code=st.sampled_from([0, 0, 0, 1, 1, 94, 95, 96]),
        after_s=st.sampled_from([0.0, 0.1, 0.1, 3.0, None]),
        leaves=st.integers(0, 2),
        ignores_term=st.booleans(),
        kills=st.booleans(),
        empties_first=st.booleans(),
    ),
    st.just(Outcome(None, refusal="no such file")),
    st.just(Outcome(None, 11, leaves=0)),
)


@dataclass(frozen=True)
class _Act:
    """One thing that happens; ``config`` is for what brings or refreshes an instance."""

    what: str
    name: str
    config: InstanceConfig
    delay_s: float


KINDS = (
    "enable", "enable", "disable", "disable", "restart", "refresh", "reconfigure", "clear",
    "mark", "mark at once", "degrade", "crash", "core", "exit", "dump", "remove", "add", "quiet",
)  # fmt: skip


@dataclass(frozen=True)
class _Play:
    """A whole random run."""

    configs: tuple[tuple[InstanceConfig, bool], ...]
    scripts: tuple[tuple[str, str, tuple[Outcome, ...]], ...]
    acts: tuple[_Act, ...]
    sizes: tuple[int, ...]


@st.composite
def _plays(draw: st.DrawFn, *, max_acts: int = 12) -> _Play:
    """Half of the graphs go only from later to earlier names, so that they have no cycle."""
    is_layered = draw(st.booleans())
    present = draw(st.lists(st.sampled_from(NAMES), min_size=5, unique=True))

    def config_of(name: str) -> InstanceConfig:
        below = (*NAMES[: NAMES.index(name)], PRESENT)
        return draw(_configs(name, below if is_layered else TARGETS))

    configs = tuple(
        (config_of(name), draw(st.sampled_from([True, True, True, False]))) for name in present
    )
    scripts = []
    for name in draw(st.lists(st.sampled_from(present), unique=True, max_size=4)):
        which = draw(st.sampled_from(["start", "stop", "refresh"]))
        scripts.append((name, which, tuple(draw(st.lists(OUTCOMES, min_size=1, max_size=4)))))
    acts = []
    for _ in range(draw(st.integers(max_acts // 3, max_acts))):
        what = draw(st.sampled_from(KINDS))
        name = draw(st.sampled_from(NAMES if what == "add" else present))
        delay_s = draw(st.sampled_from([0.0, 0.0, 0.05, 1.0, 40.0]))
        acts.append(_Act(what, name, config_of(name), delay_s))
    sizes = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    return _Play(configs, tuple(scripts), tuple(acts), sizes)


# --- running a play -----------------------------------------------------------------------


def _perform(play: _Play) -> _RandomMachine:
    machine = _RandomMachine(list(play.sizes))
    for name, which, outcomes in play.scripts:
        # A child that ends at once must live in the end, or the machine never rests.
        machine.script(name, which, *outcomes, HANGS if which == "start" else Outcome())
    for config, enabled in play.configs:
        machine.add(config, enabled=enabled)
    for act in play.acts:
        _do(machine, act)
        machine.advance(act.delay_s)
    machine.advance(0)
    return machine


def _do(machine: _RandomMachine, act: _Act) -> None:
    name = act.name
    if act.what == "add":
        machine.add(act.config)
        return
    if act.what == "quiet":
        machine.run_until_quiet()
        return
    if fmri(name) not in machine.engine.graph.nodes:
        return
    alive = machine.processes(name) > 0
    acts: dict[str, Callable[[], object]] = {
        "enable": lambda: machine.enable(name),
        "disable": lambda: machine.disable(name),
        "restart": lambda: machine.restart(name),
        "refresh": lambda: machine.refresh(name),
        "reconfigure": lambda: machine.reconfigure(act.config),
        "clear": lambda: machine.clear(name),
        "mark": lambda: machine.mark_maintenance(name),
        "mark at once": lambda: machine.mark_maintenance(name, immediate=True),
        "degrade": lambda: machine.mark_degraded(name),
        "crash": lambda: machine.crash(name) if alive else None,
        "core": lambda: machine.crash(name, Fault.CORE) if alive else None,
        "exit": lambda: machine.exit_all(name) if alive else None,
        "dump": lambda: machine.restart(name, dump_core=True),
        "remove": lambda: machine.remove(name),
    }
    acts[act.what]()


def _snapshot(engine: Engine) -> dict[str, Node]:
    return {name: node.copy() for name, node in engine.graph.nodes.items()}


def _check_rest(machine: Machine) -> None:
    """At rest every instance is where its flag and its dependencies want it."""
    world = _world(machine.engine)
    hopes = {Value.SATISFIED: Hope.NOW, Value.UNSATISFIED: Hope.LATER}
    for node in machine.engine.graph.nodes.values():
        assert node.operation is None
        assert node.next_state is None
        assert node.mark is None
        assert node.pending_stop is None
        assert not node.queue
        hope = world.own_hope(node.fmri)
        assert hopes.get(node.value, Hope.NEVER) is hope, node.fmri
        match node.state:
            case State.ONLINE | State.DEGRADED:
                assert node.is_enabled
            case State.OFFLINE:
                assert node.is_enabled
                assert hope is not Hope.NOW, f"{node.fmri} waits for nothing"
            case State.DISABLED:
                assert not node.is_enabled
            case State.MAINTENANCE:
                pass
            case State.UNINITIALIZED:
                raise AssertionError(node.fmri)


# --- properties ---------------------------------------------------------------------------


@BOUNDED
@given(_plays())
def test_at_rest_everything_is_where_it_should_be(play: _Play) -> None:
    machine = _perform(play)
    machine.run_until_quiet()
    _check_rest(machine)
    for state in sorted({text.split("*")[0] for text in machine.states.values()}):
        event(f"ends with some {state}")


@BOUNDED
@given(_plays())
def test_maintenance_is_left_only_by_clear_or_disable(play: _Play) -> None:
    machine = _perform(play)
    machine.run_until_quiet()
    asked: set[tuple[type[Event], str]] = set()
    left = 0
    for events, commands in machine.steps:
        asked |= {(type(e), e.fmri) for e in events}
        for move in commands:
            if isinstance(move, Transition) and move.state_from is State.MAINTENANCE:
                left += 1
                assert move.state is State.UNINITIALIZED
                by = {Aux.CLEAR_REQUEST: ClearRequested, Aux.DISABLE_REQUEST: EnabledChanged}
                assert (by[move.reason.aux], move.fmri) in asked
    event(f"left maintenance: {min(left, 2)}")


@BOUNDED
@given(_plays())
def test_replay_gives_the_same_commands(play: _Play) -> None:
    machine = _perform(play)
    machine.run_until_quiet()
    again = Engine({PRESENT}.__contains__)
    for events, commands in machine.steps:
        assert again.step(events) == commands
    assert _snapshot(again) == _snapshot(machine.engine)


@BOUNDED
@given(_plays(), st.integers(0, 1000))
def test_fork_has_the_same_future_and_no_effect(play: _Play, at: int) -> None:
    machine = _perform(play)
    machine.run_until_quiet()
    at %= len(machine.steps) + 1
    original = Engine({PRESENT}.__contains__)
    for events, _ in machine.steps[:at]:
        original.step(events)
    before = _snapshot(original)
    twin = original.fork()
    for events, commands in machine.steps[at:]:
        assert twin.step(events) == commands
    assert _snapshot(original) == before
    for events, commands in machine.steps[at:]:
        assert original.step(events) == commands


@BOUNDED
@given(_plays())
def test_shutdown_from_rest_stops_dependents_first(play: _Play) -> None:
    machine = _perform(play)
    machine.run_until_quiet()
    running = {n.fmri for n in machine.engine.graph.nodes.values() if n.state.is_running}
    event(f"running at shutdown: {min(len(running), 4)}")
    begin = len(machine.wall)
    needs = {name: _world(machine.engine).needs(name) for name in machine.engine.graph.nodes}
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    for move in machine.wall[begin:]:
        if move.state_from.is_running and not move.state.is_running:
            running.remove(move.fmri)
            waiting = {name for name in running if move.fmri in needs[name]}
            assert not waiting, f"{move.fmri} stopped before {waiting}"
        assert not (move.state.is_running and not move.state_from.is_running)
    assert not running


@BOUNDED
@given(_plays(), st.integers(0, 7))
def test_disable_from_rest_stops_those_that_react_first(play: _Play, which: int) -> None:
    machine = _perform(play)
    machine.run_until_quiet()
    nodes = machine.engine.graph.nodes
    running = sorted(name for name, node in nodes.items() if node.state.is_running)
    if not running:
        return
    victim = running[which % len(running)]
    world = _world(machine.engine)
    edges = {name: world.needs(name, reacting=True) for name in running}
    affected, size = {victim}, 0
    while len(affected) > size:
        size = len(affected)
        affected |= {name for name in running if edges[name] & affected}
    event(f"stopped by the disable: {min(len(affected), 4)}")
    begin = len(machine.wall)
    machine.send(EnabledChanged(machine.now_s, fmri(victim.removeprefix("svc:/")), enabled=False))
    machine.run_until_quiet()
    gone: list[str] = []
    for move in machine.wall[begin:]:
        if move.fmri in affected and move.state_from.is_running and not move.state.is_running:
            gone.append(move.fmri)
            if gone.count(move.fmri) == 1:
                waiting = {n for n in affected if move.fmri in edges[n]} - set(gone)
                assert not waiting, f"{move.fmri} stopped before {waiting}"
    assert set(gone) == affected
    assert gone.count(victim) == 1


@BOUNDED
@given(_plays())
def test_shutdown_at_any_moment_comes_to_its_end(play: _Play) -> None:
    machine = _perform(play)
    starts = len([run for run in machine.runs if run.startswith("start")])
    machine.shut_down()
    machine.run_until_quiet()
    assert machine.is_down
    for node in machine.engine.graph.nodes.values():
        assert not node.state.is_running
        assert node.operation is None
    # What came with the very step of the shutdown may have been begun, nothing after it.
    assert len([run for run in machine.runs if run.startswith("start")]) <= starts + len(NAMES)


@BOUNDED
@given(_plays(max_acts=4))
def test_everything_comes_up_again_after_a_clear_of_all(play: _Play) -> None:
    """Nothing is stuck: with healthy methods, enable and clear bring up all that can be up."""
    machine = _perform(play)
    machine.run_until_quiet()
    for name in NAMES:
        if fmri(name) in machine.engine.graph.nodes:
            for which in ("start", "stop", "refresh"):
                is_child = machine.config(name).model is Model.CHILD
                machine.script(name, which, HANGS if which == "start" and is_child else Outcome())
            machine.enable(name)
            machine.clear(name)
    machine.run_until_quiet()
    _check_rest(machine)
    for node in machine.engine.graph.nodes.values():
        if node.state is State.MAINTENANCE:
            assert node.reason.aux in (
                Aux.DEPENDENCY_CYCLE,
                Aux.RESTARTING_TOO_QUICKLY,  # two that exclude each other in turn
                Aux.METHOD_FAILED,  # :kill as the stop of a transient service
            )


@BOUNDED
@given(_plays())
def test_removal_of_everything_leaves_nothing(play: _Play) -> None:
    machine = _perform(play)
    for name in list(machine.engine.graph.nodes):
        machine.send(InstanceRemoved(machine.now_s, fmri(name.removeprefix("svc:/"))))
    machine.run_until_quiet()
    assert machine.states == {}
    assert not machine.engine._timers
