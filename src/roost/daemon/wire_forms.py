"""Values of the engine in the forms of the io.roost.Manager interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roost.daemon.facts import Facts
from roost.engine.commands import Transition
from roost.engine.config import MASTER_RESTARTER, Dependency, Target, TargetKind
from roost.engine.graph import Graph
from roost.engine.node import Node
from roost.engine.reasons import Aux, Reason, reason_phrase, status_phrase
from roost.engine.states import State
from roost.repository.history import Actor

Form = dict[str, Any]


def state_word(state: State | None) -> str:
    """A state on the wire; ``none`` outside a transition."""
    return state.value if state is not None else "none"


def reason_form(reason: Reason) -> Form:
    """Type Reason."""
    return {
        "code": reason.aux.value,
        "text": reason_phrase(reason),
        "cause": reason.cause,
        "method": reason.method.value if reason.method is not None else "",
        "status": status_phrase(reason.status) if reason.status is not None else "",
    }


def instance_form(
    fmri: str,
    node: Node | None,
    facts: Facts,
    *,
    enabled: tuple[bool | None, bool | None],
    state_time: float,
    contracts: Sequence[int],
    logfile: str,
) -> Form:
    """Type Instance; ``node`` is None for one that is not configured, or not taken in yet.

    ``enabled`` is the permanent flag and the override, None where there is none.
    """
    permanent, override = enabled
    reason = node.reason if node is not None else Reason(Aux.NONE)
    return {
        "fmri": fmri,
        "state": state_word(node.state if node is not None else State.UNINITIALIZED),
        "next_state": state_word(node.next_state if node is not None else None),
        "state_time": state_time,
        "enabled": bool(permanent if override is None else override),
        "enabled_permanent": permanent,
        "enabled_temporary": override,
        "comment": facts.comment,
        "auxiliary_state": reason.auxiliary_state,
        "auxiliary_fmri": reason.cause,
        "reason": reason_form(reason),
        "contracts": list(contracts),
        "restarter": node.config.restarter if node is not None else MASTER_RESTARTER,
        "logfile": logfile,
        "common_names": dict(facts.common_names),
    }


def transition_form(transition: Transition, sequence: int, now: float) -> Form:
    """Type Transition."""
    return {
        "sequence": sequence,
        "fmri": transition.fmri,
        "time": now,
        "state_from": state_word(transition.state_from),
        "next_from": state_word(transition.next_from),
        "state": state_word(transition.state),
        "next_state": state_word(transition.next_state),
        "auxiliary_state": transition.reason.auxiliary_state,
        "auxiliary_fmri": transition.reason.cause,
        "reason": reason_form(transition.reason),
    }


def transition_line(transition: Transition, now: float, actor: Actor | None) -> Form:
    """A line of the log of transitions; ``actor`` is who had it happen, None: svc.startd."""
    return {
        "time": now,
        "fmri": transition.fmri,
        "state_from": state_word(transition.state_from),
        "next_from": state_word(transition.next_from),
        "state": state_word(transition.state),
        "next_state": state_word(transition.next_state),
        "reason": reason_form(transition.reason),
        "user": actor.user if actor is not None else "",
        "program": actor.program if actor is not None else "",
    }


def dependency_form(graph: Graph, dependency: Dependency) -> Form:
    """Type DependencyGroup."""
    is_path = any(target.kind is TargetKind.PATH for target in dependency.targets)
    return {
        "name": dependency.name,
        "grouping": dependency.grouping.value,
        "restart_on": dependency.restart_on.value,
        "type": "path" if is_path else "service",
        "targets": [_target_form(graph, target) for target in dependency.targets],
    }


def _target_form(graph: Graph, target: Target) -> Form:
    nodes = graph.instances_of(target)
    if target.kind is TargetKind.PATH:
        name = f"file://localhost{target.name}"
        state = "online" if graph.path_exists(target.name) else "absent"
    else:
        name = target.name
        state = nodes[0].state.value if nodes else "absent"
        if len(nodes) > 1:
            state = "multiple"
    return {
        "fmri": name,
        "kind": target.kind.value,
        "state": state,
        "instances": sorted(node.fmri for node in nodes),
    }
