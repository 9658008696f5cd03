"""What ``svcs -x`` says: why an instance does not run, what that costs, what to type.

Puts together who is to blame (`roost.engine.causes`) and how that is said
(`roost.engine.sentences`). Pure: what the engine does not know (common names, manual pages,
logs, comments) is the caller's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roost.engine.causes import (
    IN_PROGRESS,
    Obstacle,
    ObstacleKind,
    Survey,
    is_held,
    restarter_holdup,
)
from roost.engine.config import Grouping
from roost.engine.engine import Engine
from roost.engine.node import Node
from roost.engine.sentences import (
    NOT_CONFIGURED,
    Finding,
    disabled,
    maintenance,
    obstacle_phrase,
    obstructed,
    restarter_down,
    running,
)
from roost.engine.states import State


@dataclass(frozen=True, slots=True)
class Explanation:
    """One block of ``svcs -x``.

    ``since_s`` is on the engine's clock. ``reason`` is one sentence or several, "" for what
    runs as it should. ``impact`` are the instances held back because of this one, sorted.
    ``path`` leads from the instance to its cause, both included; empty if it is its own.
    """

    fmri: str
    state: State
    since_s: float
    message_id: str
    reason: str
    type_this: str
    impact: tuple[str, ...]
    path: tuple[str, ...]


CommentOf = Callable[[str], str]
"""The administrator's comment on why an instance is disabled; "" if there is none."""


def explain(
    engine: Engine, fmris: Sequence[str], comment_of: CommentOf = lambda _fmri: ""
) -> list[Explanation]:
    """Explain each of these instances, also those that run.

    Without any: the causes of all that is enabled and does not run, and what is in
    maintenance, each once; those with most impact first, then by FMRI.
    """
    writer = _Writer(engine, comment_of)
    if fmris:
        return [writer.explain_instance(fmri) for fmri in dict.fromkeys(fmris)]
    found = [writer.explain_cause(fmri) for fmri in writer.survey.causes()]
    return sorted(found, key=lambda each: (-len(each.impact), each.fmri))


def hindrance(engine: Engine, fmri: str) -> str:
    """A phrase: what an enabled instance that does not run waits for; "" for any other."""
    node = engine.node(fmri)
    if node is None or not is_held(node):
        return ""
    writer = _Writer(engine, lambda _fmri: "")
    if writer.survey.is_cause(fmri):
        return obstacle_phrase(node, writer.survey.holdup(fmri).obstacles[0])
    path = writer.survey.trace(fmri).path
    verdict = writer.verdict(path[-1])
    role = "restarter" if node.state is State.UNINITIALIZED else "dependency"
    if len(path) == 2:
        return f"its {role} {path[1]} {verdict}"
    return f"its {role} {path[1]} waits for {path[-1]}, which {verdict}"


class _Writer:
    """Writes explanations from one survey."""

    def __init__(self, engine: Engine, comment_of: CommentOf) -> None:
        self.engine = engine
        self.survey = Survey(engine)
        self._comment_of = comment_of

    def explain_cause(self, fmri: str) -> Explanation:
        """Said of an instance that is its own cause, or runs: no look at others."""
        node = self.engine.graph.nodes[fmri]
        return self._as_explanation(node, self._finding(node))

    def explain_instance(self, fmri: str) -> Explanation:
        """Said of any instance, with the path to its cause where that is another."""
        node = self.engine.node(fmri)
        if node is None:
            found = NOT_CONFIGURED._replace(type_this=f"svcadm enable {fmri}")
            return Explanation(fmri, State.UNINITIALIZED, 0.0, *found, impact=(), path=())
        if not self.survey.holdup(fmri).waits_for:
            return self.explain_cause(fmri)
        trace = self.survey.trace(fmri)
        summaries = [
            f"Service {cause} {self.verdict(cause)}." for cause in trace.causes if cause != fmri
        ]
        if self.survey.is_cause(fmri):
            return self._as_explanation(node, self._finding(node).and_also(summaries))
        if node.state is State.UNINITIALIZED:
            found = restarter_down(node.config.restarter).and_also(summaries)
        else:
            found = Finding("SMF-8000-GE", " ".join(summaries))
        cure = self._cure_of(node, trace.causes)
        return self._as_explanation(node, found._replace(type_this=cure), trace.path)

    def verdict(self, fmri: str) -> str:
        """What is wrong with a cause, after its name: "is disabled"."""
        node = self.engine.graph.nodes[fmri]
        if node.state is State.MAINTENANCE:
            return "is in maintenance"
        if node.state.is_running:
            return "is stopping"
        if not node.is_enabled:
            return "is temporarily disabled" if node.enabled else "is disabled"
        obstacle = self.survey.holdup(fmri).obstacles[0]
        if obstacle.kind is ObstacleKind.STARTING:
            return "is starting"
        if obstacle.kind in IN_PROGRESS:
            return f"is {node.state.value}"
        return f"is {node.state.value}: {obstacle_phrase(node, obstacle)}"

    def _as_explanation(
        self, node: Node, found: Finding, path: tuple[str, ...] = ()
    ) -> Explanation:
        impact = self.survey.impact_of(node.fmri)
        return Explanation(node.fmri, node.state, node.since_s, *found, impact=impact, path=path)

    def _finding(self, node: Node) -> Finding:
        if node.state is State.MAINTENANCE:
            return maintenance(node, node.reason)
        if node.state.is_running:
            return running(node)
        if node.state is State.UNINITIALIZED:
            # Enabled or not: without its restarter nothing can be said of it.
            holdup = restarter_holdup(self.engine, node)
            if holdup.waits_for:
                return restarter_down(node.config.restarter)
            return obstructed(node, holdup.obstacles)
        if node.is_enabled:
            return obstructed(node, self.survey.holdup(node.fmri).obstacles)
        if node.is_starting:  # disabled meanwhile: it stops once that has ended
            return obstructed(node, [Obstacle(ObstacleKind.STARTING)])
        found = disabled(node, self._comment_of(node.fmri))
        return found._replace(type_this=self._enable_command(node))

    # --- what to type ---------------------------------------------------------------------

    def _cure_of(self, node: Node, causes: Sequence[str]) -> str:
        """The command that helps an instance whose causes are others."""
        cause = self.engine.graph.nodes[causes[0]]
        if cause.state is State.DISABLED and len(causes) > 1 and self._is_worth_recursion(node):
            return f"svcadm enable -r {node.fmri}"
        return self._finding(cause).type_this

    def _enable_command(self, node: Node) -> str:
        recursive = "-r " if self._is_worth_recursion(node) else ""
        return f"svcadm enable {recursive}{node.fmri}"

    def _is_worth_recursion(self, node: Node) -> bool:
        """Are two or more instances disabled on the way that ``svcadm enable -r`` goes?

        That way is require_all groups, and require_any groups that stand for one instance.
        """
        graph = self.engine.graph
        seen = {node.fmri}
        work = deque([node])
        count = 0
        while work:
            here = work.popleft()
            if here.state.is_running or here.state is State.MAINTENANCE:
                continue
            if not here.is_enabled:
                count += 1
                if count == 2:
                    return True
            for dependency in here.config.dependencies:
                if dependency.grouping not in (Grouping.REQUIRE_ALL, Grouping.REQUIRE_ANY):
                    continue
                found = [graph.instances_of(target) for target in dependency.targets]
                if dependency.grouping is Grouping.REQUIRE_ANY:
                    found = [[one for group in found for one in group]]
                for group in found:
                    if len(group) == 1 and group[0].fmri not in seen:
                        seen.add(group[0].fmri)
                        work.append(group[0])
        return False
