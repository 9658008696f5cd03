"""The dependency graph: who needs whom, what each need is worth, and where it bites its tail.

Edges are kept by the *name* of the target (an instance, a service, or a path), so they may
point at what is not there yet. Nothing here recurses over the graph: values of neighbours
are read from the nodes, and the engine's work queue brings them up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from roost.engine.config import Dependency, Grouping, RestartOn, Target, TargetKind
from roost.engine.node import Mark, Node, StopKind, Value
from roost.engine.states import State
from roost.fmri import service_of

PathProbe = Callable[[str], bool]
"""Does this path exist? Asked only when a dependent is evaluated."""

_BLOCKS_EXCLUDE = frozenset({State.ONLINE, State.DEGRADED, State.OFFLINE, State.UNINITIALIZED})


def reacts(restart_on: RestartOn, kind: StopKind) -> bool:
    """Does a dependency with this restart_on stop its dependent after such a stop?"""
    if kind is StopKind.FAULT:
        return restart_on is not RestartOn.NONE
    return restart_on in (RestartOn.RESTART, RestartOn.REFRESH)


class Graph:
    """Nodes by FMRI, instances by service, and dependents by the name of what they need."""

    def __init__(self, path_exists: PathProbe) -> None:
        self.nodes: dict[str, Node] = {}
        self.path_exists = path_exists
        self._instances: dict[str, dict[str, None]] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def copy(self) -> Graph:
        """An independent copy."""
        twin = Graph(self.path_exists)
        twin.nodes = {fmri: node.copy() for fmri, node in self.nodes.items()}
        twin._instances = {name: dict(found) for name, found in self._instances.items()}
        twin._dependents = {name: dict(found) for name, found in self._dependents.items()}
        return twin

    # --- shape ------------------------------------------------------------------------

    def add(self, node: Node) -> None:
        """Put a node and its edges in."""
        self.nodes[node.fmri] = node
        self._instances.setdefault(service_of(node.fmri), {})[node.fmri] = None
        self.link(node)

    def remove(self, node: Node) -> None:
        """Take a node and its edges out; edges *to* it stay with its dependents."""
        self.unlink(node)
        del self.nodes[node.fmri]
        del self._instances[service_of(node.fmri)][node.fmri]

    def link(self, node: Node) -> None:
        """Enter the edges that the node's configuration names."""
        for dependency in node.config.dependencies:
            for target in dependency.targets:
                self._dependents.setdefault(target.name, {})[node.fmri] = None

    def unlink(self, node: Node) -> None:
        """Drop the edges that the node's configuration names."""
        for dependency in node.config.dependencies:
            for target in dependency.targets:
                found = self._dependents.get(target.name)
                if found is not None:
                    found.pop(node.fmri, None)
                    if not found:
                        del self._dependents[target.name]

    def instances_of(self, target: Target) -> list[Node]:
        """The nodes that an instance or service target stands for."""
        if target.kind is TargetKind.INSTANCE:
            node = self.nodes.get(target.name)
            return [node] if node is not None else []
        if target.kind is TargetKind.SERVICE:
            return [self.nodes[fmri] for fmri in self._instances.get(target.name, ())]
        return []

    def dependents_of(self, fmri: str) -> list[Node]:
        """The nodes with an edge to this instance, directly or by its service."""
        names = dict(self._dependents.get(fmri, {}))
        names.update(self._dependents.get(service_of(fmri), {}))
        return [self.nodes[name] for name in names if name in self.nodes]

    def edges(self, dependent: Node, fmri: str) -> Iterator[Dependency]:
        """The dependency groups by which ``dependent`` names this instance or its service."""
        service = service_of(fmri)
        for dependency in dependent.config.dependencies:
            if any(target.name in (fmri, service) for target in dependency.targets):
                yield dependency

    def targets_of(self, node: Node) -> Iterator[Node]:
        """Every instance that the node's groups name, exclude_all apart."""
        for dependency in node.config.dependencies:
            if dependency.grouping is not Grouping.EXCLUDE_ALL:
                for target in dependency.targets:
                    yield from self.instances_of(target)

    # --- worth ------------------------------------------------------------------------

    def worth_of(self, node: Node | None) -> Value:
        """What an instance is worth to those that need it."""
        if node is None:
            return Value.UNSATISFIABLE
        if node.state.is_running:
            if node.mark is Mark.DISABLE:
                return Value.UNSATISFIABLE
            return Value.UNSATISFIED if node.mark is Mark.OFFLINE else Value.SATISFIED
        if node.state is State.UNINITIALIZED:
            return Value.UNSATISFIED
        if node.state is State.MAINTENANCE or not node.is_enabled:
            return Value.UNSATISFIABLE
        return (
            Value.UNSATISFIABLE if node.value is Value.UNSATISFIABLE else Value.UNSATISFIED
        )  # offline, or disabled with the flag just set

    def worth_of_target(self, target: Target) -> Value:
        """What one target of a group is worth: path, instance, or any instance of a service."""
        if target.kind is TargetKind.PATH:
            return Value.SATISFIED if self.path_exists(target.name) else Value.UNSATISFIABLE
        return _any_of([self.worth_of(node) for node in self.instances_of(target)])

    def worth_of_group(self, dependency: Dependency) -> Value:
        """What a dependency group is worth."""
        match dependency.grouping:
            case Grouping.REQUIRE_ALL:
                return all_of(self.worth_of_target(target) for target in dependency.targets)
            case Grouping.REQUIRE_ANY:
                if not dependency.targets:
                    return Value.SATISFIED
                return _any_of([self.worth_of_target(target) for target in dependency.targets])
            case Grouping.OPTIONAL_ALL:
                waits = any(
                    self.worth_of(node) is Value.UNSATISFIED
                    for target in dependency.targets
                    for node in self.instances_of(target)
                )
                return Value.UNSATISFIED if waits else Value.SATISFIED
            case Grouping.EXCLUDE_ALL:
                return all_of(
                    worth
                    for target in dependency.targets
                    for worth in self._worths_of_absence(target)
                )

    def evaluate(self, node: Node) -> Value:
        """What all of the node's dependencies together are worth."""
        return all_of(self.worth_of_group(group) for group in node.config.dependencies)

    def _worths_of_absence(self, target: Target) -> Iterator[Value]:
        if target.kind is TargetKind.PATH:
            if self.path_exists(target.name):
                yield Value.UNSATISFIABLE
            return
        for node in self.instances_of(target):
            if node.state.is_running and node.is_enabled:
                yield Value.UNSATISFIABLE
            elif node.state in _BLOCKS_EXCLUDE:
                yield Value.UNSATISFIED

    # --- cycles -----------------------------------------------------------------------

    def cycle_through(self, node: Node) -> tuple[str, ...]:
        """A path from the node back to itself by nodes configured no later; () if none.

        Nodes that close another cycle already are left out, exclude_all edges too.
        The path begins and ends with the node.
        """
        if not self._is_needed_by_earlier(node):
            return ()
        came_from: dict[str, str] = {}
        work = [node]
        while work:
            here = work.pop()
            for target in self.targets_of(here):
                if target is node:
                    return _path_back(came_from, node.fmri, here.fmri)
                if (
                    target.fmri not in came_from
                    and target.order < node.order
                    and not target.is_cyclic
                ):
                    came_from[target.fmri] = here.fmri
                    work.append(target)
        return ()

    def on_cycles(self, nodes: Iterable[Node]) -> frozenset[str]:
        """Which instances may be part of a cycle that one of ``nodes`` closes.

        One pass over what they reach, however many they are: instances with nothing left
        before or behind them are peeled off. Empty if there is no cycle, as nearly always.
        """
        ahead: dict[str, list[str]] = {}
        work = [node for node in nodes if self._is_needed_by_earlier(node)]
        while work:
            here = work.pop()
            if here.fmri not in ahead:
                found = [node for node in self.targets_of(here) if not node.is_cyclic]
                ahead[here.fmri] = [node.fmri for node in found]
                work.extend(found)
        behind: dict[str, list[str]] = {name: [] for name in ahead}
        for name, targets in ahead.items():
            for target in targets:
                behind[target].append(name)
        return frozenset(_peel(_peel(set(ahead), ahead, behind), behind, ahead))

    def _is_needed_by_earlier(self, node: Node) -> bool:
        """Does anyone configured no later need it? Else it closes no cycle."""
        return any(other.order <= node.order for other in self.dependents_of(node.fmri))


def _peel(
    names: set[str], ahead: Mapping[str, list[str]], behind: Mapping[str, list[str]]
) -> set[str]:
    """What is left of the names when those with nothing ahead are taken off, again and again."""
    open_edges = {name: sum(other in names for other in ahead[name]) for name in names}
    ends = [name for name, count in open_edges.items() if count == 0]
    left = set(names)
    while ends:
        end = ends.pop()
        left.remove(end)
        for name in behind[end]:
            if name in open_edges:
                open_edges[name] -= 1
                if open_edges[name] == 0:
                    ends.append(name)
    return left


def all_of(worths: Iterable[Value]) -> Value:
    """The least of the values; satisfied if there is none."""
    result = Value.SATISFIED
    for worth in worths:
        if worth is Value.UNSATISFIABLE:
            return worth
        if worth is Value.UNSATISFIED:
            result = worth
    return result


def _any_of(worths: list[Value]) -> Value:
    """The best of the values; unsatisfiable if there is none."""
    if Value.SATISFIED in worths:
        return Value.SATISFIED
    return Value.UNSATISFIED if Value.UNSATISFIED in worths else Value.UNSATISFIABLE


def _path_back(came_from: dict[str, str], start: str, last: str) -> tuple[str, ...]:
    path = [start]
    while last != start:
        path.append(last)
        last = came_from[last]
    path.append(start)
    return tuple(reversed(path))
