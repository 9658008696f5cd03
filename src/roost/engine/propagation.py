"""What one instance's move means for others: restart_on, reverse-order stops, shutdown.

Stops spread in two ways. After a dependency has stopped, its dependents are told to stop too
as their ``restart_on`` says (smf(7)). Before an instance is stopped for a disable, or all
are for a shutdown, marks go up the graph, and the marked stop from the top down.
Both only wake instances: what they then do is the engine's settling.
"""

from __future__ import annotations

from collections.abc import Iterable

from roost.engine.commands import ShutdownComplete
from roost.engine.config import MASTER_RESTARTER, Grouping, RestartOn
from roost.engine.graph import reacts
from roost.engine.node import Mark, Node, StopKind
from roost.engine.operations import Operations
from roost.engine.reasons import Aux, Reason


class Propagation(Operations):
    """The part of the engine that looks at an instance's neighbours."""

    # --- reverse-order stops and shutdown ---------------------------------------

    def _counts_for_order(self, dependent: Node, fmri: str) -> bool:
        """Must ``dependent`` be down before this instance is stopped?

        One that closes a cycle is about to leave for maintenance: nobody waits for it.
        """
        if dependent.is_cyclic:
            return False
        for group in self.graph.edges(dependent, fmri):
            if group.grouping is Grouping.EXCLUDE_ALL:
                continue
            if self.is_shutting_down or reacts(group.restart_on, StopKind.OTHER):
                return True
        return False

    def _mark_for_disable(self, node: Node) -> None:
        """Mark the instance, and all running dependents that have to stop before it."""
        node.mark, node.mark_cause = Mark.DISABLE, node.fmri
        self._touch_dependents(node)
        self._spread_marks([node])

    def _spread_marks(self, work: list[Node]) -> None:
        while work:
            here = work.pop()
            for dependent in self.graph.dependents_of(here.fmri):
                if dependent.mark is not None:
                    continue
                if not (dependent.state.is_running or dependent.is_starting):
                    continue
                if self._counts_for_order(dependent, here.fmri):
                    dependent.mark, dependent.mark_cause = Mark.OFFLINE, here.fmri
                    self._touch_dependents(dependent)
                    self._wake(dependent)
                    work.append(dependent)

    def _unmark(self, node: Node) -> None:
        """The instance is enabled again: take back the marks that its disable has spread."""
        if node.mark is not Mark.DISABLE or node.is_stopping or self.is_shutting_down:
            return
        free = [node]
        for here in free:  # grows
            here.mark = None
            self._touch_dependents(here)
            free += [
                dependent
                for dependent in self.graph.dependents_of(here.fmri)
                if dependent.mark is Mark.OFFLINE and dependent.mark_cause == here.fmri
            ]
        self._spread_marks(self._marked_below(free))

    def _marked_below(self, nodes: Iterable[Node]) -> list[Node]:
        """The targets of these that are still marked: for another's sake."""
        marked = {
            target.fmri: target
            for node in nodes
            for target in self.graph.targets_of(node)
            if target.mark is not None
        }
        return list(marked.values())

    def _running_above(self, node: Node) -> bool:
        """Is some marked dependent still up (or on its way)?"""
        return any(
            dependent.mark is not None
            and (dependent.state.is_running or dependent.is_starting)
            and dependent is not node
            and self._counts_for_order(dependent, node.fmri)
            for dependent in self.graph.dependents_of(node.fmri)
        )

    def _shut_down(self) -> None:
        if self.is_shutting_down:
            return
        self.is_shutting_down = True
        for node in self.graph.nodes.values():
            node.queue.clear()
            if node.is_starting:
                self._cut_short(node)
            if node.mark is None and (node.state.is_running or node.is_starting):
                node.mark, node.mark_cause = Mark.OFFLINE, MASTER_RESTARTER
            self._wake(node)

    def _check_shutdown(self) -> None:
        if self._is_down:
            return
        if not any(n.state.is_running or not n.is_idle for n in self.graph.nodes.values()):
            self._is_down = True
            self._emit(ShutdownComplete(MASTER_RESTARTER))

    # --- what others feel when an instance moves (called by Operations._move) -----------

    def _left_running(self, node: Node, kind: StopKind) -> None:
        for dependent in self.graph.dependents_of(node.fmri):
            if not (dependent.state.is_running or dependent.is_starting):
                continue
            for group in self.graph.edges(dependent, node.fmri):
                if group.grouping is not Grouping.EXCLUDE_ALL and reacts(group.restart_on, kind):
                    if group.restart_on is not RestartOn.ERROR:
                        dependent.starts_s.clear()
                    self._must_stop(dependent, node)

    def _entered_running(self, node: Node) -> None:
        for dependent in self.graph.dependents_of(node.fmri):
            if dependent is node or not (dependent.state.is_running or dependent.is_starting):
                continue
            for group in self.graph.edges(dependent, node.fmri):
                if group.grouping is Grouping.EXCLUDE_ALL:
                    if group.restart_on is not RestartOn.NONE:
                        self._must_stop(dependent, node)
                elif group.grouping is Grouping.OPTIONAL_ALL and reacts(
                    group.restart_on, StopKind.OTHER
                ):
                    dependent.starts_s.clear()
                    self._must_stop(dependent, node)

    def _was_refreshed(self, node: Node) -> None:
        for dependent in self.graph.dependents_of(node.fmri):
            for group in self.graph.edges(dependent, node.fmri):
                if (
                    group.restart_on is RestartOn.REFRESH
                    and group.grouping is not Grouping.EXCLUDE_ALL
                    and dependent.state.is_running
                ):
                    dependent.starts_s.clear()
                    self._must_stop(dependent, node)

    def _must_stop(self, dependent: Node, cause: Node) -> None:
        """Dependency activity: stop it now, or when its present method has ended."""
        if dependent.is_stopping:
            return
        reason = Reason(Aux.DEPENDENCY_ACTIVITY, cause=cause.fmri)
        dependent.pending_stop = (reason, StopKind.OTHER)
        self._wake(dependent)

    def _after_removal(self, node: Node) -> None:
        for dependent in self.graph.dependents_of(node.fmri):
            self._touch(dependent)
