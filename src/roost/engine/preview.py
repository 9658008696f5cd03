"""What would happen if: events played on a copy of the engine (``svcadm -n``).

The copy lives in a world where all goes well: every method succeeds, processes obey, and no
timer fires. The engine's transitions in that world are told as steps, each with a phrase
that names its cause. What would happen anyway, because methods are under way right now, is
no step. Pure: the engine given is left as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from roost.engine.commands import Command, Kill, Transition
from roost.engine.config import Grouping, Model
from roost.engine.engine import Engine
from roost.engine.events import (
    ChildExited,
    ClearRequested,
    ContractEmptied,
    ContractFaulted,
    DegradedRequested,
    EnabledChanged,
    Event,
    ExitStatus,
    Fault,
    InstanceAdded,
    MaintenanceRequested,
    MethodExited,
    RefreshRequested,
    RestartRequested,
    ShutdownRequested,
)
from roost.engine.explain import hindrance
from roost.engine.node import Node, Operation, Phase
from roost.engine.reasons import Aux, Reason
from roost.engine.sentences import maintenance
from roost.engine.states import State
from roost.errors import NotFound

SIGABRT = 6
_SUCCESS = ExitStatus(code=0)


class Action(StrEnum):
    """What a step does. DEGRADE is `svcadm mark degraded`; NONE says why nothing happens."""

    START = "start"
    STOP = "stop"
    REFRESH = "refresh"
    ENABLE = "enable"
    DISABLE = "disable"
    MAINTENANCE = "maintenance"
    DEGRADE = "degrade"
    CLEAR = "clear"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would happen to an instance, and why (a phrase)."""

    fmri: str
    action: Action
    state_from: State
    state_to: State
    why: str


def preview(engine: Engine, events: Sequence[Event], limit: int = 100_000) -> list[Step]:
    """What these events would lead to, in order.

    An instance that an event is for and to which nothing happens, or that still does not run
    though it should, gets a step ``none`` with the reason. ``limit`` bounds the number of
    steps the engine takes. Raises `NotFound` for an event on an instance that is not in the
    graph.
    """
    asked = [event.fmri for event in events if not isinstance(event, ShutdownRequested)]
    added = {event.fmri for event in events if isinstance(event, InstanceAdded)}
    for event in events:
        is_known = engine.node(event.fmri) is not None or event.fmri in added
        if isinstance(event, _FOR_KNOWN) and not is_known:
            raise NotFound(
                f"preview what would happen to {event.fmri}",
                "it is not configured",
                f"svcadm enable {event.fmri}",
            )
    world = _World(engine.fork(), asked)
    world.play(events, limit)
    steps = world.steps
    if engine.in_transition():
        anyway = _World(engine.fork(), ())
        anyway.play((), limit)
        steps = _without(steps, anyway.steps)
    return steps + _unmoved(engine, world.engine, events, steps)


_FOR_KNOWN = (
    EnabledChanged,
    RefreshRequested,
    RestartRequested,
    MaintenanceRequested,
    DegradedRequested,
    ClearRequested,
)


def _without(steps: list[Step], anyway: list[Step]) -> list[Step]:
    """The steps less those that each instance would do in any case, as long as they agree."""
    expected: dict[str, list[Step]] = {}
    for step in anyway:
        expected.setdefault(step.fmri, []).append(step)
    position: Counter[str] = Counter()
    left = []
    for step in steps:
        at = position[step.fmri]
        usual = expected.get(step.fmri, [])
        if 0 <= at < len(usual) and _is_same(usual[at], step):
            position[step.fmri] += 1
        else:
            position[step.fmri] = -1
            left.append(step)
    return left


def _is_same(one: Step, other: Step) -> bool:
    return (one.action, one.state_from, one.state_to) == (
        other.action,
        other.state_from,
        other.state_to,
    )


# --- a world where all goes well --------------------------------------------------------


class _World:
    """Plays the restarter of an engine, and tells the transitions as steps."""

    def __init__(self, engine: Engine, asked: Iterable[str]) -> None:
        self.engine = engine
        self.steps: list[Step] = []
        self._asked = frozenset(asked)
        self._busy = dict.fromkeys(engine.in_transition())
        self._whys: dict[str, str] = {}
        """Why the stop under way of an instance began."""
        self._last: dict[str, int] = {}
        """Index of the last step of an instance."""

    def play(self, events: Sequence[Event], limit: int) -> None:
        """Feed the events, then answer what is under way, until quiet or ``limit`` steps."""
        self._take(self.engine.step(events))
        for _ in range(limit):
            answer = self._next_answer()
            if not answer:
                break
            self._take(self.engine.step(answer))

    def _next_answer(self) -> list[Event]:
        while self._busy:
            fmri = next(iter(self._busy))
            del self._busy[fmri]
            node = self.engine.node(fmri)
            if node is not None and node.operation is not None:
                self._busy[fmri] = None  # looked at again until it is idle
                return [_answer(self.engine.now_s, node, node.operation)]
        return []

    def _take(self, commands: Sequence[Command]) -> None:
        work = list(reversed(commands))
        while work:
            command = work.pop()
            match command:
                case Transition():
                    self._tell(command)
                    if command.next_state is not None:
                        self._busy[command.fmri] = None
                case Kill():
                    deaths = self._deaths_of(command)
                    if deaths:
                        work.extend(reversed(self.engine.step(deaths)))
                case _:
                    pass

    def _deaths_of(self, command: Kill) -> list[Event]:
        """What an instance that is running, not stopping, does when it is told to dump core."""
        node = self.engine.node(command.fmri)
        if node is None or not node.is_idle or command.signal != SIGABRT:
            return []
        now_s, fmri = self.engine.now_s, node.fmri
        if node.model is Model.CHILD:
            end = ExitStatus(signal=SIGABRT, dumped_core=True)
            return [ChildExited(now_s, fmri, end), ContractEmptied(now_s, fmri)]
        return [ContractFaulted(now_s, fmri, Fault.CORE), ContractEmptied(now_s, fmri)]

    # --- telling ----------------------------------------------------------------------

    def _tell(self, command: Transition) -> None:
        """One transition: the end of something is a step, the beginning of a stop its why."""
        before, after = command.state_from, command.state
        if before is after:
            if command.next_state is None and command.reason.aux is Aux.REFRESH:
                self._add(command, Action.REFRESH, self._why(command))
            elif command.next_state is not None:
                self._whys[command.fmri] = self._why(command)
            return
        why = self._whys.pop(command.fmri, "") if before.is_running else ""
        action = _action_of(before, after, command.reason)
        previous = self._last.get(command.fmri)
        is_cleared = before is State.UNINITIALIZED and after is not State.MAINTENANCE
        if is_cleared and previous is not None:
            step = self.steps[previous]
            if step.state_to is State.UNINITIALIZED:  # one step to where it leads
                self.steps[previous] = replace(step, state_to=after)
                return
        self._add(command, action, why or self._why(command))

    def _add(self, command: Transition, action: Action, why: str) -> None:
        self._last[command.fmri] = len(self.steps)
        self.steps.append(Step(command.fmri, action, command.state_from, command.state, why))

    def _why(self, command: Transition) -> str:
        reason = command.reason
        match reason.aux:
            case Aux.DEPENDENCIES_SATISFIED:
                return "dependencies satisfied"
            case Aux.DEPENDENCY_ACTIVITY:
                return self._activity(command.fmri, reason.cause)
            case Aux.CT_EV_CORE:
                is_asked = command.fmri in self._asked
                return "its processes dump core" + (", as you asked" if is_asked else "")
            case Aux.CT_EV_EXIT | Aux.CT_EV_SIGNAL | Aux.CT_EV_HWERR:
                return "its processes have ended"
            case _ if command.fmri in self._asked and reason.aux in _REQUESTS:
                return "you asked"
            case Aux.ENABLE_REQUEST:
                return "it is enabled"
            case Aux.DISABLE_REQUEST:
                return "it is disabled"
            case _:
                node = self.engine.node(command.fmri)
                return _as_phrase(maintenance(node, reason).reason) if node is not None else ""

    def _activity(self, fmri: str, cause: str) -> str:
        """It depends on X, which stops; or another way in which X makes it stop."""
        if self.engine.is_shutting_down:
            return "the machine goes down"
        node = self.engine.node(fmri)
        groupings = {g.grouping for g in self.engine.graph.edges(node, cause)} if node else set()
        last = self._last.get(cause)
        action = self.steps[last].action if last is not None else Action.STOP
        if action is Action.START and Grouping.EXCLUDE_ALL in groupings:
            return f"it excludes {cause}, which starts"
        if action is Action.START and Grouping.OPTIONAL_ALL in groupings:
            return f"it depends on {cause}, which starts"
        verb = "is refreshed" if action is Action.REFRESH else "stops"
        return f"it depends on {cause}, which {verb}"


_REQUESTS = frozenset(
    {
        Aux.ADMINISTRATIVE_REQUEST,
        Aux.CLEAR_REQUEST,
        Aux.DISABLE_REQUEST,
        Aux.ENABLE_REQUEST,
        Aux.REFRESH,
        Aux.RESTART_REQUEST,
        Aux.SERVICE_REQUEST,
    }
)


def _answer(now_s: float, node: Node, operation: Operation) -> Event:
    """What the restarter of a good world reports next about an operation."""
    if operation.phase is not Phase.METHOD:
        return ContractEmptied(now_s, node.fmri)
    return MethodExited(now_s, node.fmri, operation.method, _SUCCESS)


def _action_of(before: State, after: State, reason: Reason) -> Action:
    match before, after:
        case _, State.MAINTENANCE:
            return Action.MAINTENANCE
        case _, State.DEGRADED:
            return Action.DEGRADE
        case (_, State.DISABLED) | (State.MAINTENANCE, _):
            is_disable = after is State.DISABLED or reason.aux is Aux.DISABLE_REQUEST
            return Action.DISABLE if is_disable else Action.CLEAR
        case _, State.ONLINE:
            return Action.CLEAR if before is State.DEGRADED else Action.START
        case _:
            return Action.STOP if before.is_running else Action.ENABLE


def _as_phrase(sentences: str) -> str:
    text = sentences.removesuffix(".")
    return f"{text[:1].lower()}{text[1:]}"


# --- what does not happen ---------------------------------------------------------------


def _unmoved(
    before: Engine, after: Engine, events: Sequence[Event], steps: Sequence[Step]
) -> list[Step]:
    """A step ``none`` for each instance that was asked for and does not get where it should."""
    moved = {step.fmri for step in steps}
    found: dict[str, Step] = {}
    for event in events:
        node, was = after.node(event.fmri), before.node(event.fmri)
        if node is None or was is None or not isinstance(event, _FOR_KNOWN):
            continue
        why = hindrance(after, event.fmri)
        if event.fmri not in moved:
            why = _why_not(event, was, why)
        if why:
            found[event.fmri] = Step(event.fmri, Action.NONE, node.state, node.state, why)
    if events and not steps and not found:
        first = events[0].fmri
        was = before.node(first)
        state = was.state if was is not None else State.UNINITIALIZED
        return [Step(first, Action.NONE, state, state, "there is nothing to do")]
    return list(found.values())


def _why_not(event: Event, node: Node, hindered_by: str) -> str:
    """Why an event changes nothing for an instance (as it was before)."""
    match event:
        case RestartRequested() | RefreshRequested() if node.state.is_running:
            return "there is nothing to do"
        case RestartRequested():
            return "it is not running, restart is ignored"
        case RefreshRequested():
            return "it is not running, only its configuration is read again"
        case ClearRequested():
            return "it is neither in maintenance nor degraded"
        case MaintenanceRequested():
            return "it is in maintenance already"
        case DegradedRequested():
            return "it is degraded already" if node.state is State.DEGRADED else "it is not online"
        case EnabledChanged():
            return _why_not_enabled(event, node, hindered_by)
        case _:
            return "there is nothing to do"


def _why_not_enabled(event: EnabledChanged, node: Node, hindered_by: str) -> str:
    wanted = event.enabled if event.override is None else event.override
    if wanted and node.state is State.MAINTENANCE:
        return "it is in maintenance, and stays there until it is cleared"
    if hindered_by:
        return hindered_by
    if wanted is not node.is_enabled:
        return "there is nothing to do"
    is_stored = (event.enabled, event.override) == (node.enabled, node.override)
    what = "enabled already" if wanted else "disabled already"
    return f"it is {what}" if is_stored else f"it is {what}, only what is stored changes"
