"""Why an instance is in its state: a record for every transition (smf(7))."""

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
    METHOD_DEGRADED = "method_degraded"
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

    @property
    def auxiliary_state(self) -> str:
        """One word: the method's own, if it gave one (``smf_method_exit``)."""
        return self.status.token if self.status and self.status.token else self.aux.value


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
    """The cause in the log line "Stopping because CAUSE." (smf(7))."""
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
    """What the console says of an instance that enters maintenance, or is degraded by a method;
    "" if it was told before.
    """
    match reason.aux:
        case Aux.ADMINISTRATIVE_REQUEST | Aux.SERVICE_REQUEST:
            return "transitioned to maintenance by request"
        case Aux.DEPENDENCY_CYCLE | Aux.INVALID_DEPENDENCY:
            return ""
        case Aux.FAULT_THRESHOLD_REACHED:
            what = "failed repeatedly"
        case Aux.STARTD_RESTART:
            what = "still runs from before"
        case Aux.METHOD_DEGRADED:
            said = reason.status.message if reason.status is not None else ""
            return f"degraded: {said}" if said else "degraded by its method"
        case Aux.RESTARTING_TOO_QUICKLY:
            what = "restarting too quickly"
        case _ if reason.detail == "timed out":
            what = "timed out"
        case _:
            code = reason.status.code if reason.status is not None else None
            what = {95: "failed fatally", 96: "misconfigured"}.get(code or 0, "failed")
    return f"{what}: transitioned to maintenance"


_PHRASES = {
    Aux.NONE: "",
    Aux.ADMINISTRATIVE_REQUEST: "an administrator asked",
    Aux.BAD_REPO_STATE: "its stored state makes no sense",
    Aux.CLEAR_REQUEST: "an administrator cleared it",
    Aux.CT_EV_CORE: "a process dumped core",
    Aux.CT_EV_EXIT: "all its processes exited",
    Aux.CT_EV_HWERR: "a process was killed by a hardware error",
    Aux.CT_EV_SIGNAL: "a process was killed by a signal from outside",
    Aux.DEPENDENCIES_SATISFIED: "its dependencies are satisfied",
    Aux.DEPENDENCY_ACTIVITY: "a dependency stopped or restarted",
    Aux.DEPENDENCY_CYCLE: "it completes a dependency cycle",
    Aux.DISABLE_REQUEST: "an administrator disabled it",
    Aux.ENABLE_REQUEST: "it is enabled",
    Aux.FAULT_THRESHOLD_REACHED: "a method failed repeatedly",
    Aux.INSERT_IN_GRAPH: "it was just found",
    Aux.INVALID_DEPENDENCY: "it has an invalid dependency",
    Aux.INVALID_RESTARTER: "its restarter is invalid",
    Aux.METHOD_DEGRADED: "a method succeeded in part",
    Aux.METHOD_FAILED: "a method failed",
    Aux.PER_CONFIGURATION: "its configuration says so",
    Aux.REFRESH: "it was refreshed",
    Aux.RESTART_REQUEST: "an administrator restarted it",
    Aux.RESTARTING_TOO_QUICKLY: "it restarted too quickly",
    Aux.SERVICE_REQUEST: "a program asked",
    Aux.STARTD_RESTART: "svc.startd was restarted",
}


def status_phrase(status: ExitStatus) -> str:
    """How a process ended, for people: ``exit status 7``, ``signal 9``, or the refusal."""
    if status.refusal:
        return status.refusal
    if status.signal is not None:
        return f"signal {status.signal}" + (" (core dumped)" if status.dumped_core else "")
    said = f", {status.message}" if status.message else ""
    return f"exit status {status.code}{said}"


def reason_phrase(reason: Reason) -> str:
    """The reason of a transition in a few words."""
    text = _PHRASES[reason.aux]
    if reason.detail:
        text += f": {reason.detail}"
    if reason.method is not None and reason.status is not None:
        text += f" ({reason.method.value}: {status_phrase(reason.status)})"
    return text
