"""Why an instance is in its state: a record for every transition (digest d.8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from roost.engine.events import ExitStatus, MethodName


class Aux(Enum):
    """The auxiliary states, as ``restarter/auxiliary_state`` holds them."""

    NONE = "none"
    ADMINISTRATIVE_REQUEST = "administrative_request"
    BAD_REPO_STATE = "bad_repo_state"
    CLEAR_REQUEST = "clear_request"
    CT_EV_CORE = "ct_ev_core"
    CT_EV_EXIT = "ct_ev_exit"
    CT_EV_HWERR = "ct_ev_hwerr"
    CT_EV_SIGNAL = "ct_ev_signal"
    DEPENDENCIES_SATISFIED = "dependencies_satisfied"
    DEPENDENCY_ACTIVITY = "dependency_activity"
    DEPENDENCY_CYCLE = "dependency_cycle"
    DISABLE_REQUEST = "disable_request"
    ENABLE_REQUEST = "enable_request"
    FAULT_THRESHOLD_REACHED = "fault_threshold_reached"
    INSERT_IN_GRAPH = "insert_in_graph"
    INVALID_DEPENDENCY = "invalid_dependency"
    INVALID_RESTARTER = "invalid_restarter"
    METHOD_FAILED = "method_failed"
    PER_CONFIGURATION = "per_configuration"
    REFRESH = "refresh"
    RESTART_REQUEST = "restart_request"
    RESTARTING_TOO_QUICKLY = "restarting_too_quickly"
    SERVICE_REQUEST = "service_request"
    STARTD_RESTART = "startd_restart"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a transition happened.

    ``cause`` is the FMRI behind it (the dependency that stopped, the service that asked),
    "" if none. ``method`` and ``status`` are set when a method's end is the reason;
    ``detail`` adds what the auxiliary state cannot say (the cycle, the rule broken).
    """

    aux: Aux
    cause: str = ""
    method: MethodName | None = None
    status: ExitStatus | None = None
    detail: str = ""
