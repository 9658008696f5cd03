"""The words of ``svcs -x``: a message id, sentences and a command for each case (svcs(1)).

Every case keeps SMF's phrase as its first sentence; what the engine knows beyond that follows
as sentences of their own. Only words: who is to blame is found in `roost.engine.causes`.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from typing import NamedTuple

from roost.engine.causes import Obstacle, ObstacleKind
from roost.engine.events import ExitStatus, MethodName
from roost.engine.node import Node, Phase
from roost.engine.operations import FAULT_THRESHOLD
from roost.engine.reasons import Aux, Reason
from roost.engine.states import State
from roost.fmri import service_of

SEALED_SERVICE = "svc:/system/filesystem/sealed"
"""Its instances lack a passphrase when their start fails: ``roost unlock`` is what helps."""


class Finding(NamedTuple):
    """Message id, sentences, and what to type; each "" if there is none."""

    message_id: str
    reason: str
    type_this: str = ""

    def and_also(self, sentences: Sequence[str]) -> Finding:
        """The same with more sentences."""
        return self._replace(reason=" ".join([self.reason, *sentences]))


NOT_CONFIGURED = Finding(
    "SMF-8000-AR", "Unknown. It is not configured: it has no general/enabled property."
)


def restarter_down(restarter: str) -> Finding:
    """Said of an instance whose restarter exists and does not run."""
    return Finding("SMF-8000-5H", f"Restarter {restarter} is not running.")


def disabled(node: Node, comment: str) -> Finding:
    """Said of an instance that is not enabled."""
    end = f": {comment}" if comment else "."
    if node.enabled:
        return Finding("SMF-8000-1S", f"Temporarily disabled by an administrator{end}")
    return Finding("SMF-8000-05", f"Disabled by an administrator{end}")


def running(node: Node) -> Finding:
    """Said of an instance that is online or degraded."""
    operation = node.operation
    if operation is not None:
        if operation.phase is Phase.METHOD:
            name = operation.method.value.capitalize()
            return Finding("SMF-8000-PH", f"{name} method is running.")
        return Finding("SMF-8000-PH", "Stop method is done. Its processes are still running.")
    if node.mark is not None:
        return Finding("SMF-8000-PH", "About to stop. It waits until its dependents have stopped.")
    if node.state is State.DEGRADED:
        return _degraded(node)
    return Finding("", "")


def _degraded(node: Node) -> Finding:
    reason = node.degraded
    if reason is None or reason.method is None or reason.status is None:
        clear = f"svcadm clear {node.fmri}"
        return Finding("SMF-8000-DX", "Degraded by an administrator.", clear)
    end = _end_of_method(reason.status, timed_out=False)
    text = f"{reason.method.value.capitalize()} method {end}."
    return Finding("SMF-8000-VE", text, f"svcadm restart {node.fmri}")


# --- obstacles --------------------------------------------------------------------------


class _Words(NamedTuple):
    message_id: str
    sentence: str
    phrase: str
    """For the middle of a sentence about the instance."""
    cure: str = ""


_OBSTACLES = {
    ObstacleKind.ABSENT: _Words(
        "SMF-8000-E2", "Dependency {name} is absent.", "its dependency {name} is absent"
    ),
    ObstacleKind.FILE_ABSENT: _Words(
        "SMF-8000-E2",
        "Dependency file://localhost{name} is absent.",
        "its dependency file://localhost{name} is absent",
        "touch {path} && svcadm refresh {fmri}",
    ),
    ObstacleKind.EXCLUDED: _Words(
        "SMF-8000-FJ",
        "Excluded service {name} is {state}.",
        "{name}, which it excludes, is {state}",
        "svcadm disable {name}",
    ),
    ObstacleKind.FILE_EXCLUDED: _Words(
        "SMF-8000-FJ",
        "Excluded file file://localhost{name} is present.",
        "file://localhost{name}, which it excludes, is present",
        "mv {path} {path_off} && svcadm refresh {fmri}",
    ),
    ObstacleKind.CHANGED: _Words(
        "SMF-8000-GE",
        "A file that it depends on has changed since that was last looked at.",
        "a file that it depends on has changed since that was last looked at",
        "svcadm refresh {fmri}",
    ),
    ObstacleKind.LOOP: _Words(
        "SMF-8000-HP",
        "Completes a dependency cycle. The cycle is {name}.",
        "it completes a dependency cycle, {name}",
    ),
    ObstacleKind.RESTARTER_INVALID: _Words(
        "SMF-8000-2A", "Restarter {name} is invalid.", "its restarter {name} is invalid"
    ),
    ObstacleKind.RESTARTER_ABSENT: _Words(
        "SMF-8000-3P", "Restarter {name} does not exist.", "its restarter {name} does not exist"
    ),
    ObstacleKind.RESTARTER_SILENT: _Words(
        "SMF-8000-4D",
        "Restarter {name} has not initialized service state.",
        "its restarter {name} has not initialized service state",
    ),
    ObstacleKind.STARTING: _Words(
        "SMF-8000-C4", "Start method is running.", "its start method is running"
    ),
    ObstacleKind.THROTTLED: _Words(
        "SMF-8000-PH",
        "Restart is held back for a moment, because it ended too quickly.",
        "its restart is held back for a moment, because it ended too quickly",
    ),
    ObstacleKind.STOPPING: _Words(
        "SMF-8000-PH", "The machine is going down.", "the machine is going down"
    ),
    ObstacleKind.UNKNOWN: _Words("SMF-8000-AR", "Unknown.", "the reason is unknown"),
}


def _fill(template: str, obstacle: Obstacle, fmri: str) -> str:
    return template.format(
        name=obstacle.name,
        state=obstacle.state,
        fmri=fmri,
        path=shlex.quote(obstacle.name),
        path_off=shlex.quote(f"{obstacle.name}.off"),
    )


def obstacle_phrase(node: Node, obstacle: Obstacle) -> str:
    """The obstacle in the middle of a sentence about the instance."""
    return _fill(_OBSTACLES[obstacle.kind].phrase, obstacle, node.fmri)


def obstructed(node: Node, obstacles: Sequence[Obstacle]) -> Finding:
    """All obstacles in sentences; the id and the command are those of the first."""
    words = _OBSTACLES[obstacles[0].kind]
    sentences = [_fill(_OBSTACLES[each.kind].sentence, each, node.fmri) for each in obstacles]
    if obstacles[0].kind is ObstacleKind.STARTING:
        sentences += _start_facts(node)
    cure = _fill(words.cure, obstacles[0], node.fmri)
    return Finding(words.message_id, " ".join(sentences), cure)


def _start_facts(node: Node) -> list[str]:
    """What is known of a start under way."""
    facts = []
    operation = node.operation
    if operation is not None and operation.phase is Phase.CLEANUP:
        facts.append("It has failed, and what it left behind is being killed.")
    if node.fault_count:
        facts.append(f"This is attempt {node.fault_count + 1} of {FAULT_THRESHOLD}.")
    timeout_s = node.config.start.timeout_s
    if timeout_s is None:
        facts.append("It may take as long as it needs.")
    else:
        facts.append(f"It may take {timeout_s:g} s.")
    return facts


# --- maintenance ------------------------------------------------------------------------

SMF_EXIT_ERR_CONFIG = 96
_EXIT_NAMES = {
    95: "$SMF_EXIT_ERR_FATAL",
    SMF_EXIT_ERR_CONFIG: "$SMF_EXIT_ERR_CONFIG",
    99: "$SMF_EXIT_ERR_NOSMF",
    100: "$SMF_EXIT_ERR_PERM",
    103: "$SMF_EXIT_DEGRADED",
}


def maintenance(node: Node, reason: Reason) -> Finding:
    """Said of an instance that is in maintenance for this reason."""
    clear = f"svcadm clear {node.fmri}"
    reread = f"svcadm refresh {node.fmri} && {clear}"
    match reason.aux:
        case Aux.ADMINISTRATIVE_REQUEST:
            return Finding("SMF-8000-63", "Maintenance requested by an administrator.", clear)
        case Aux.SERVICE_REQUEST:
            who = reason.cause or "a program without a terminal"
            return Finding("SMF-8000-R4", f"Maintenance requested by {who}.", clear)
        case Aux.DEPENDENCY_CYCLE:
            text = "Completes a dependency cycle."
            if reason.detail:
                text += f" The cycle is {reason.detail}."
            return Finding("SMF-8000-HP", text, reread)
        case Aux.INVALID_DEPENDENCY:
            text = "Has invalid dependency." + _sentence(reason.detail)
            return Finding("SMF-8000-JA", text, reread)
        case Aux.INVALID_RESTARTER:
            return Finding("SMF-8000-2A", f"Restarter {node.config.restarter} is invalid.", clear)
        case Aux.RESTARTING_TOO_QUICKLY:
            return Finding("SMF-8000-L5", "Restarting too quickly.", clear)
        case Aux.METHOD_FAILED | Aux.FAULT_THRESHOLD_REACHED:
            if _needs_passphrase(node, reason):
                clear = f"roost unlock {node.fmri}"
            return _failed(reason)._replace(type_this=clear)
        case Aux.BAD_REPO_STATE:
            return Finding("SMF-8000-N3", "Its state in the repository is invalid.", clear)
        case Aux.STARTD_RESTART if reason.detail:
            text = f"An earlier svc.startd left processes of it running: {reason.detail}."
            return Finding("SMF-8000-N3", text, f"kill {reason.detail} && {clear}")
        case Aux.NONE:
            return Finding("SMF-8000-9C", "No reason was given.", clear)
        case _:
            return Finding("SMF-8000-AR", f"Unknown. It is recorded as {reason.aux.value}.", clear)


def _needs_passphrase(node: Node, reason: Reason) -> bool:
    is_wrong = reason.status is not None and reason.status.code == SMF_EXIT_ERR_CONFIG
    return (
        service_of(node.fmri) == SEALED_SERVICE
        and reason.method is MethodName.START
        and not is_wrong
    )


def _sentence(phrase: str) -> str:
    return f" {phrase[0].upper()}{phrase[1:]}." if phrase else ""


def _failed(reason: Reason) -> Finding:
    """A method failed for good: the start method by its end, others as "Method failed."."""
    again = reason.aux is Aux.FAULT_THRESHOLD_REACHED
    status = reason.status
    if status is None or reason.method is None:
        return _method_failed(again=again)
    name = reason.method.value.capitalize()
    end = _end_of_method(status, timed_out=reason.detail == "timed out")
    if reason.method is MethodName.START:
        how = f"failed repeatedly, last {end}" if again else end
        return Finding("SMF-8000-KS", f"{name} method {how}.")
    last = "last " if again else ""
    return _method_failed(again=again).and_also([f"{name} method {last}{end}."])


def _method_failed(*, again: bool) -> Finding:
    if again:
        return Finding("SMF-8000-7Y", "Method failed repeatedly.")
    return Finding("SMF-8000-8Q", "Method failed.")


def _end_of_method(status: ExitStatus, *, timed_out: bool) -> str:
    if status.refusal:
        return f"could not be run: {status.refusal}"
    if status.signal is None:
        code = status.code if status.code is not None else 0
        said = f": {status.message.rstrip('.')}" if status.message else ""
        return f"exited with {_EXIT_NAMES.get(code, f'status {code}')}{said}"
    how = "dumped core on" if status.dumped_core else "died on"
    text = f"{how} {_signal_name(status.signal)} ({status.signal})"
    return f"timed out and {text}" if timed_out else text


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal"
