"""What happens to the engine: one small value for each kind of event.

``time_s`` is seconds on a clock that never goes back (the daemon's monotonic clock, or a
simulated one); wall-clock time is the daemon's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from roost.engine.config import InstanceConfig
from roost.fmri import InstanceFmri

NO_DAEMON_CODES = frozenset({94, 102})
"""Exit codes of a success that leaves no process (smf_method(7)): SMF_EXIT_NODAEMON, and what
Solaris calls SMF_EXIT_TEMP_TRANSIENT.
"""
DEGRADED_CODE = 103
"""SMF_EXIT_DEGRADED: a success that is only partial. The number is roost's choice."""


class MethodName(Enum):
    """The methods that the master restarter runs."""

    START = "start"
    STOP = "stop"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a method (or a child-model service) ended: an exit code or a signal, never both.

    ``refusal`` is set instead when it could not be run at all (bad token, unknown user, no
    such command): a phrase for people. ``token`` (one word) and ``message`` are what the
    method itself said of it (``smf_method_exit``), "" if nothing.
    """

    code: int | None = None
    signal: int | None = None
    dumped_core: bool = False
    refusal: str = ""
    token: str = ""
    message: str = ""

    @property
    def succeeded(self) -> bool:
        """Did the method do its work, if only in part?"""
        return self.code == 0 or self.code in NO_DAEMON_CODES or self.code == DEGRADED_CODE


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events: when it happened and to which instance."""

    time_s: float
    fmri: InstanceFmri


# --- the repository changed -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InstanceAdded(Event):
    """An instance with a valid ``general/enabled`` is there."""

    config: InstanceConfig
    enabled: bool
    override: bool | None = None


@dataclass(frozen=True, slots=True)
class InstanceRemoved(Event):
    """The instance was deleted from the repository."""


@dataclass(frozen=True, slots=True)
class EnabledChanged(Event):
    """``general/enabled`` or ``general_ovr/enabled`` was written."""

    enabled: bool
    override: bool | None = None


# --- requests of an administrator -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefreshRequested(Event):
    """The running snapshot was updated; ``config`` is what it says now."""

    config: InstanceConfig


@dataclass(frozen=True, slots=True)
class RestartRequested(Event):
    """svcadm restart; with ``dump_core`` the processes get SIGABRT instead of a stop."""

    dump_core: bool = False


@dataclass(frozen=True, slots=True)
class MaintenanceRequested(Event):
    """svcadm mark maintenance."""

    immediate: bool = False
    from_terminal: bool = True
    requester: str = ""
    leftovers: str = ""
    """Pids, joined by blanks, of its processes that an earlier svc.startd left running: then
    svc.startd itself asks.
    """


@dataclass(frozen=True, slots=True)
class DegradedRequested(Event):
    """svcadm mark degraded."""


@dataclass(frozen=True, slots=True)
class ClearRequested(Event):
    """svcadm clear."""


# --- what the restarter reports ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MethodExited(Event):
    """The method that a RunMethod command started has ended."""

    method: MethodName
    status: ExitStatus


class Fault(Enum):
    """What went wrong with a process of a contract."""

    CORE = "core"
    SIGNAL = "signal"
    HARDWARE = "hwerr"


@dataclass(frozen=True, slots=True)
class ContractFaulted(Event):
    """A tracked process of the instance's contract dumped core or died of an outside signal."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class ContractEmptied(Event):
    """The last process of the instance's contract is gone."""


@dataclass(frozen=True, slots=True)
class ChildExited(Event):
    """The process that is a child-model service has ended (followed by ContractEmptied)."""

    status: ExitStatus


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A timer set by SetTimer ran out."""

    timer: int


# --- the whole machine ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShutdownRequested(Event):
    """Stop everything, dependents first. ``fmri`` is that of the master restarter."""
