"""One instance in the graph: what is wanted of it, where it is, what is under way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from roost.engine.config import InstanceConfig, Model
from roost.engine.events import Event, ExitStatus, MethodName
from roost.engine.reasons import Aux, Reason
from roost.engine.states import State
from roost.fmri import InstanceFmri


class Value(Enum):
    """What a dependency is worth right now (smf(7))."""

    SATISFIED = "satisfied"
    UNSATISFIED = "unsatisfied"
    """Not now, but it may come without an administrator."""
    UNSATISFIABLE = "unsatisfiable"
    """Only an administrator can change that."""


class Mark(Enum):
    """Why a running instance is about to be stopped as part of a reverse-order stop."""

    DISABLE = "to be disabled"
    OFFLINE = "to go offline"


class StopKind(Enum):
    """How an instance stopped, as its dependents see it."""

    FAULT = "fault"
    OTHER = "other"


class Phase(Enum):
    """Where an operation is."""

    METHOD = "the method runs"
    DRAIN = "waits until the contract is empty"
    CLEANUP = "waits until what a failed start left behind is gone"
    RETRY = "waits until the worth of its dependencies is settled, to start again or not"


@dataclass(slots=True)
class Operation:
    """A method under way. ``target`` is the state that success leads to."""

    method: MethodName
    target: State
    reason: Reason
    kind: StopKind = StopKind.OTHER
    phase: Phase = Phase.METHOD
    timer: int | None = None
    timed_out: bool = False
    failure: ExitStatus | None = None
    """End of the failed start that CLEANUP is about."""
    has_failed: bool = False
    """A stop that leads to maintenance because something before it failed."""


@dataclass(slots=True)
class Node:
    """The engine's record of one instance."""

    fmri: InstanceFmri
    config: InstanceConfig
    enabled: bool
    override: bool | None = None
    state: State = State.UNINITIALIZED
    next_state: State | None = None
    reason: Reason = field(default_factory=lambda: Reason(Aux.INSERT_IN_GRAPH))
    since_s: float = 0.0
    degraded: Reason | None = None
    """Why it became degraded, as long as it is."""
    value: Value = Value.UNSATISFIED
    """What its own dependencies are worth: settled by the engine's work queue."""
    operation: Operation | None = None
    queue: deque[Event] = field(default_factory=deque)
    """Requests that wait for the operation to end."""
    pending_stop: tuple[Reason, StopKind] | None = None
    """A dependency stopped while a method of this instance was running."""
    mark: Mark | None = None
    mark_cause: str = ""
    model: Model = Model.CONTRACT
    """The model of its last start; what a refresh says of it counts from the next one on."""
    starts_s: list[float] = field(default_factory=list)
    """Times of the last starts, oldest first."""
    fault_count: int = 0
    """Failures in a row of the method under way."""
    has_contract: bool = False
    is_populated: bool = False
    is_transient_once: bool = False
    """The start method exited 94: treat as transient until the next start."""
    is_cyclic: bool = False
    cycle: tuple[str, ...] = ()
    throttle: int | None = None
    """Timer that holds back the restart of a child service that fails too quickly."""
    order: int = 0
    """Grows with each (re)configuration: who closes a cycle is who came last."""

    @property
    def is_enabled(self) -> bool:
        """The effective enabled flag."""
        return self.enabled if self.override is None else self.override

    @property
    def is_idle(self) -> bool:
        """No method of it is running."""
        return self.operation is None

    @property
    def is_starting(self) -> bool:
        """Its start method is running."""
        return self.operation is not None and self.operation.method is MethodName.START

    @property
    def is_stopping(self) -> bool:
        """Its stop is under way."""
        return self.operation is not None and self.operation.method is MethodName.STOP

    @property
    def is_tracked(self) -> bool:
        """Do its processes count after a successful start?"""
        return self.model is not Model.TRANSIENT and not self.is_transient_once

    def copy(self) -> Node:
        """An independent copy (values inside are immutable)."""
        operation = self.operation
        if operation is not None:
            operation = Operation(
                operation.method,
                operation.target,
                operation.reason,
                operation.kind,
                operation.phase,
                operation.timer,
                operation.timed_out,
                operation.failure,
                operation.has_failed,
            )
        twin = Node(self.fmri, self.config, self.enabled, self.override)
        for name in _COPIED:
            setattr(twin, name, getattr(self, name))
        twin.operation = operation
        twin.queue = deque(self.queue)
        twin.starts_s = list(self.starts_s)
        return twin


_COPIED = (
    "state",
    "next_state",
    "reason",
    "since_s",
    "degraded",
    "value",
    "pending_stop",
    "mark",
    "mark_cause",
    "model",
    "fault_count",
    "has_contract",
    "is_populated",
    "is_transient_once",
    "is_cyclic",
    "cycle",
    "throttle",
    "order",
)
