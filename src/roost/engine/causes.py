"""What holds instances back: the graph of waiting, its roots, and what each root takes down.

An instance is *held* if it is enabled and not running though nobody put it in maintenance. It
waits for other instances, or for an obstacle that is no instance to wait for (a file, an
absent service, its own start method). A *cause* is where waiting ends: an instance that is
disabled, in maintenance or about to stop, or that has an obstacle of its own.

"Waits for" means: that instance has to come up before this one can (one of them, for
require_any and for a service with several instances). A disabled target of optional_all
holds nothing back, and neither does a target of a group that is satisfied without it.

Pure, and it changes nothing. The whole survey is made once, with queues, in time
proportional to the edges of what is held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from roost.engine.config import MASTER_RESTARTER, Dependency, Grouping, Target, TargetKind
from roost.engine.engine import Engine
from roost.engine.graph import Graph
from roost.engine.node import Node, Value
from roost.engine.states import State
from roost.errors import InvalidName
from roost.fmri import parse


class ObstacleKind(Enum):
    """What can hold an instance back that is no instance to wait for."""

    ABSENT = "a dependency names what is not there"
    FILE_ABSENT = "a file that it needs does not exist"
    EXCLUDED = "an instance that it excludes is up, or coming up"
    FILE_EXCLUDED = "a file that it excludes exists"
    CHANGED = "a file came or went since its dependencies were evaluated"
    LOOP = "those that it waits for wait for it"
    RESTARTER_INVALID = "its restarter is no instance's FMRI"
    RESTARTER_ABSENT = "its restarter does not exist"
    RESTARTER_SILENT = "its restarter runs, and has said nothing about it"
    STARTING = "its start method is running"
    THROTTLED = "its restart is delayed"
    STOPPING = "the machine goes down"
    UNKNOWN = "nothing that can be seen"


IN_PROGRESS = frozenset({ObstacleKind.STARTING, ObstacleKind.THROTTLED, ObstacleKind.STOPPING})
"""Obstacles that go away without an administrator."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One obstacle: an FMRI, a path, or the cycle of a LOOP; "" where nothing is to be named.

    ``state`` is that of an EXCLUDED instance: ``running``, or the name of its state.
    """

    kind: ObstacleKind
    name: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Holdup:
    """What holds one instance back: instances to wait for (sorted), and obstacles."""

    waits_for: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """Where waiting leads: all causes, those that need an administrator first, then nearest
    first; and the chain of FMRIs to the first of them, both ends included.
    """

    causes: tuple[str, ...]
    path: tuple[str, ...]


NO_HOLDUP = Holdup()


def is_held(node: Node) -> bool:
    """Is it enabled and not running, and not in maintenance?"""
    return node.is_enabled and not node.state.is_running and node.state is not State.MAINTENANCE


class Survey:
    """Everything that is held in an engine's graph, at one moment."""

    def __init__(self, engine: Engine) -> None:
        self._nodes = engine.graph.nodes
        self._holdups: dict[str, Holdup] = {
            fmri: holdup_of(engine, node) for fmri, node in self._nodes.items() if is_held(node)
        }
        self._held_by: dict[str, list[str]] = {}
        for fmri, holdup in self._holdups.items():
            for other in holdup.waits_for:
                self._held_by.setdefault(other, []).append(fmri)
        self._name_loops()

    def holdup(self, fmri: str) -> Holdup:
        """What holds this instance back; nothing, for one that is not held."""
        return self._holdups.get(fmri, NO_HOLDUP)

    def is_cause(self, fmri: str) -> bool:
        """Does waiting end here?"""
        return fmri not in self._holdups or bool(self._holdups[fmri].obstacles)

    def needs_administrator(self, cause: str) -> bool:
        """Will this cause last until somebody does something?"""
        if cause in self._holdups:
            return any(o.kind not in IN_PROGRESS for o in self._holdups[cause].obstacles)
        return not self._nodes[cause].state.is_running

    def causes(self) -> list[str]:
        """Every cause of anything enabled that does not run, all that is in maintenance, and
        what said itself that it does not run as it should.
        """
        found = {fmri for fmri, node in self._nodes.items() if _is_in_trouble(node)}
        found.update(fmri for fmri in self._holdups if self.is_cause(fmri))
        found.update(fmri for fmri in self._held_by if self.is_cause(fmri))
        return sorted(found)

    def impact_of(self, fmri: str) -> tuple[str, ...]:
        """All that is held back by this instance, directly or through others, sorted."""
        return tuple(sorted(self._above([fmri]) - {fmri}))

    def trace(self, fmri: str) -> Trace:
        """Follow waiting from this instance to its causes, breadth first."""
        came_from = {fmri: ""}
        work = deque([fmri])
        found: list[str] = []
        while work:
            here = work.popleft()
            if self.is_cause(here):
                found.append(here)
            for other in self.holdup(here).waits_for:
                if other not in came_from:
                    came_from[other] = here
                    work.append(other)
        found.sort(key=lambda cause: (cause != fmri, not self.needs_administrator(cause)))
        path = []
        at = found[0]
        while at:
            path.append(at)
            at = came_from[at]
        return Trace(tuple(found), tuple(reversed(path)))

    def _above(self, fmris: Iterable[str]) -> set[str]:
        """These, and all that waits for any of them."""
        found = set(fmris)
        work = list(found)
        while work:
            for other in self._held_by.get(work.pop(), ()):
                if other not in found:
                    found.add(other)
                    work.append(other)
        return found

    def _name_loops(self) -> None:
        """Give every ring of instances that wait for each other a cause: its first FMRI."""
        explained = self._above(self.causes())
        for start in sorted(self._holdups.keys() - explained):
            if start in explained:
                continue
            steps: dict[str, None] = {}
            at = start
            while at not in steps:
                steps[at] = None
                at = self._holdups[at].waits_for[0]
            walked = list(steps)
            ring = walked[walked.index(at) :]
            first = ring.index(min(ring))
            ring = [*ring[first:], *ring[:first]]
            text = " -> ".join([*ring, ring[0]])
            obstacle = Obstacle(ObstacleKind.LOOP, text)
            self._holdups[ring[0]] = replace(self._holdups[ring[0]], obstacles=(obstacle,))
            explained |= self._above([ring[0]])


def _is_in_trouble(node: Node) -> bool:
    is_degraded = node.degraded is not None and node.degraded.method is not None
    return node.state is State.MAINTENANCE or is_degraded


# --- one instance -----------------------------------------------------------------------


def holdup_of(engine: Engine, node: Node) -> Holdup:
    """What holds a held instance back."""
    if node.state is State.UNINITIALIZED:
        return restarter_holdup(engine, node)
    if node.is_starting:
        return Holdup(obstacles=(Obstacle(ObstacleKind.STARTING),))
    waits_for: dict[str, None] = {}
    obstacles: dict[Obstacle, None] = {}
    for dependency in node.config.dependencies:
        for found in _blockers(engine.graph, dependency):
            if isinstance(found, Obstacle):
                obstacles[found] = None
            else:
                waits_for[found.fmri] = None
    if not waits_for and not obstacles:
        obstacles[Obstacle(_invisible(engine, node))] = None
    return Holdup(tuple(sorted(waits_for)), tuple(obstacles))


def restarter_holdup(engine: Engine, node: Node) -> Holdup:
    """Why the restarter of an uninitialized instance has not taken it in."""
    name = node.config.restarter
    restarter = engine.node(name)
    kind = ObstacleKind.RESTARTER_SILENT
    if name != MASTER_RESTARTER:
        if not _is_instance(name):
            kind = ObstacleKind.RESTARTER_INVALID
        elif restarter is None:
            kind = ObstacleKind.RESTARTER_ABSENT
        elif not restarter.state.is_running:
            return Holdup(waits_for=(name,))
    return Holdup(obstacles=(Obstacle(kind, name),))


def _is_instance(text: str) -> bool:
    try:
        found = parse(text)
    except InvalidName:
        return False
    return found.instance is not None and found.group is None


def _invisible(engine: Engine, node: Node) -> ObstacleKind:
    if engine.is_shutting_down:
        return ObstacleKind.STOPPING
    if node.throttle is not None:
        return ObstacleKind.THROTTLED
    if node.value is not Value.SATISFIED:
        return ObstacleKind.CHANGED
    return ObstacleKind.UNKNOWN


def _blockers(graph: Graph, dependency: Dependency) -> Iterator[Node | Obstacle]:
    """The instances and obstacles because of which a group is not satisfied."""
    worth = graph.worth_of_group(dependency)
    if worth is Value.SATISFIED:
        return
    match dependency.grouping:
        case Grouping.REQUIRE_ALL:
            for target in dependency.targets:
                yield from _lacking(graph, target, graph.worth_of_target(target))
        case Grouping.REQUIRE_ANY:
            found = [
                blocker
                for target in dependency.targets
                if graph.worth_of_target(target) is worth
                for blocker in _lacking(graph, target, worth)
            ]
            nodes = [blocker for blocker in found if isinstance(blocker, Node)]
            yield from nodes or found  # what is absent matters only if nothing else is there
        case Grouping.OPTIONAL_ALL:
            for target in dependency.targets:
                for node in graph.instances_of(target):
                    if graph.worth_of(node) is Value.UNSATISFIED:
                        yield node
        case Grouping.EXCLUDE_ALL:
            yield from _excluded(graph, dependency)


def _lacking(graph: Graph, target: Target, worth: Value) -> Iterator[Node | Obstacle]:
    """What a required target lacks: its instances that come nearest to it, or itself."""
    if worth is Value.SATISFIED:
        return
    if target.kind is TargetKind.PATH:
        yield Obstacle(ObstacleKind.FILE_ABSENT, target.name)
        return
    nodes = graph.instances_of(target)
    if not nodes:
        yield Obstacle(ObstacleKind.ABSENT, target.name)
    for node in nodes:
        if graph.worth_of(node) is worth:
            yield node


def _excluded(graph: Graph, dependency: Dependency) -> Iterator[Obstacle]:
    for target in dependency.targets:
        if target.kind is TargetKind.PATH:
            if _is_violated(graph, dependency, target):
                yield Obstacle(ObstacleKind.FILE_EXCLUDED, target.name)
            continue
        for node in graph.instances_of(target):
            if _is_violated(graph, dependency, Target(TargetKind.INSTANCE, node.fmri)):
                state = "running" if node.state.is_running else node.state.value
                yield Obstacle(ObstacleKind.EXCLUDED, node.fmri, state)


def _is_violated(graph: Graph, dependency: Dependency, target: Target) -> bool:
    alone = replace(dependency, targets=(target,))
    return graph.worth_of_group(alone) is not Value.SATISFIED
