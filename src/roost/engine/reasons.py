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


_STOP_PHRASES = {
    Aux.CT_EV_CORE: "process dumped core",
    Aux.CT_EV_SIGNAL: "process received fatal signal from outside the service",
    Aux.CT_EV_HWERR: "process killed due to uncorrectable hardware error",
    Aux.DEPENDENCY_ACTIVITY: "dependency activity requires stop",
    Aux.DISABLE_REQUEST: "service disabled",
    Aux.RESTART_REQUEST: "service restarting",
    Aux.ADMINISTRATIVE_REQUEST: "maintenance requested",
    Aux.SERVICE_REQUEST: "maintenance requested",
    Aux.DEPENDENCY_CYCLE: "service completes a dependency cycle",
    Aux.INVALID_DEPENDENCY: "service has an invalid dependency",
}


def stop_phrase(reason: Reason) -> str:
    """The cause in the log line "Stopping because CAUSE." (digest d.13)."""
    if reason.aux is Aux.CT_EV_EXIT:
        return (
            "all processes in service exited"
            if reason.status is None
            else "service exited with an error"
        )
    if reason.method is MethodName.START:
        return "service exited with a configuration error"
    return _STOP_PHRASES.get(reason.aux, "its refresh method failed")


def console_phrase(reason: Reason) -> str:
    """What the console says of an instance that enters maintenance; "" if it was told before."""
    match reason.aux:
        case Aux.ADMINISTRATIVE_REQUEST | Aux.SERVICE_REQUEST:
            return "transitioned to maintenance by request"
        case Aux.DEPENDENCY_CYCLE | Aux.INVALID_DEPENDENCY:
            return ""
        case Aux.FAULT_THRESHOLD_REACHED:
            what = "failed repeatedly"
        case Aux.RESTARTING_TOO_QUICKLY:
            what = "restarting too quickly"
        case _ if reason.detail == "timed out":
            what = "timed out"
        case _:
            code = reason.status.code if reason.status is not None else None
            what = {95: "failed fatally", 96: "misconfigured"}.get(code or 0, "failed")
    return f"{what}: transitioned to maintenance"
