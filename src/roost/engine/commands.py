"""What the engine asks the outside world to do, in the order to be done.

The daemon stores all transitions of one step in one transaction before it carries out any
other command of that step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from roost.engine.events import MethodName
from roost.engine.reasons import Reason
from roost.engine.states import State
from roost.fmri import InstanceFmri


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands: which instance it is about."""

    fmri: InstanceFmri


@dataclass(frozen=True, slots=True)
class Transition(Command):
    """The instance's state changed; both old and new, and why."""

    time_s: float
    state_from: State
    next_from: State | None
    state: State
    next_state: State | None
    reason: Reason


class Scope(Enum):
    """Which processes of an instance a Kill reaches."""

    SERVICE = "service"
    """The primary contract (for start: also the running start method, which is part of it)."""
    METHOD = "method"
    """The transient contract of the running stop or refresh method."""


@dataclass(frozen=True, slots=True)
class RunMethod(Command):
    """Run the method's command; answer with MethodExited.

    For a child-model start the answer is MethodExited code 0 as soon as it is started.
    The start method (and what it leaves behind) is the primary contract; stop and refresh
    run in a contract of their own.
    """

    method: MethodName


@dataclass(frozen=True, slots=True)
class Kill(Command):
    """Send ``signal`` to every process in scope, once."""

    scope: Scope
    signal: int
    timed_out: bool = False
    """The method's time-out is the reason."""


@dataclass(frozen=True, slots=True)
class AbandonContract(Command):
    """Forget the primary contract; its processes are left alone."""


@dataclass(frozen=True, slots=True)
class SetTimer(Command):
    """After ``delay_s`` seconds send TimerFired with this number, unless cancelled."""

    timer: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class CancelTimer(Command):
    """The timer is no longer wanted."""

    timer: int


@dataclass(frozen=True, slots=True)
class TakeStartSnapshot(Command):
    """Point the snapshot ``start`` at ``running``."""


@dataclass(frozen=True, slots=True)
class LogLine(Command):
    """Write one bracketed line to the instance's log."""

    text: str


@dataclass(frozen=True, slots=True)
class ConsoleLine(Command):
    """Tell the administrator on the console: one line, as the master restarter says it."""

    text: str


@dataclass(frozen=True, slots=True)
class ShutdownComplete(Command):
    """Everything is stopped after ShutdownRequested."""
