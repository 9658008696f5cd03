"""How one instance starts, stops and refreshes: the flow of its methods (smf(7)).

An operation begins with a command (run this method, signal these processes) and goes on
with what the restarter reports: the method's end, the contract running empty, a timer.
What that means for *other* instances is the engine's; this part knows one instance at a
time and calls the hooks at the bottom when it moves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque

from roost.engine.commands import (
    AbandonContract,
    CancelTimer,
    Command,
    ConsoleLine,
    Kill,
    LogLine,
    RunMethod,
    Scope,
    SetTimer,
    TakeStartSnapshot,
    Transition,
)
from roost.engine.config import Method, MethodKind, Model
from roost.engine.events import (
    DEGRADED_CODE,
    NO_DAEMON_CODES,
    ChildExited,
    ContractFaulted,
    ExitStatus,
    MethodExited,
    MethodName,
)
from roost.engine.graph import Graph
from roost.engine.node import Node, Operation, Phase, StopKind, Value
from roost.engine.reasons import Aux, Reason, console_phrase, stop_phrase
from roost.engine.states import MOVES, State

FATAL_CODES = frozenset({95, 96, 99, 100})
"""Exit codes that are not retried (smf_method(7))."""
FAULT_THRESHOLD = 3
DEFAULT_FAILURE_COUNT = 5
DEFAULT_FAILURE_PERIOD_S = 600.0
THROTTLE_S = 1.0
SHUTDOWN_PATIENCE_S = 5.0
SIGTERM = 15
SIGKILL = 9


class Operations(ABC):
    """Per-instance part of the engine; collects commands and work."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.now_s = 0.0
        self.is_shutting_down = False
        self._is_down = False
        self._commands: list[Command] = []
        self._dirty: OrderedDict[str, None] = OrderedDict()
        self._awake: OrderedDict[str, None] = OrderedDict()
        self._timers: dict[int, str] = {}
        self._last_timer = 0

    # --- starting ---------------------------------------------------------------------

    def _start(self, node: Node) -> None:
        node.starts_s.append(self.now_s)
        del node.starts_s[: -((node.config.failure_count or DEFAULT_FAILURE_COUNT) + 2)]
        node.is_transient_once = node.has_contract = node.is_populated = False
        node.model = node.config.model
        if _is_too_quick(node):
            self._log(node, "Restarting too quickly, changing state to maintenance.")
            self._enter_maintenance(node, Reason(Aux.RESTARTING_TOO_QUICKLY))
            return
        reason = Reason(Aux.DEPENDENCIES_SATISFIED)
        self._move(node, State.OFFLINE, State.ONLINE, reason)
        operation = _begin(node, Operation(MethodName.START, State.ONLINE, reason))
        kind = node.config.start.kind
        if kind is MethodKind.EXEC:
            self._run(node, node.config.start)
        elif kind is MethodKind.KILL:
            refusal = ExitStatus(refusal="':kill' cannot start a service")
            self._give_up(node, operation, refusal)
        else:
            self._log_word(node, operation.method, node.config.start)
            self._started(node, ExitStatus(code=0))

    def _started(self, node: Node, status: ExitStatus) -> None:
        operation = self._end_operation(node)
        node.is_transient_once = status.code in NO_DAEMON_CODES
        if node.config.start.kind is MethodKind.EXEC:
            node.has_contract = node.is_tracked
            if not node.is_tracked:
                node.is_populated = False
                self._emit(AbandonContract(node.fmri))
        self._move(node, State.ONLINE, None, operation.reason)
        self._emit(TakeStartSnapshot(node.fmri))
        self._degrade_if_said(node, MethodName.START, status)

    def _degrade_if_said(self, node: Node, method: MethodName, status: ExitStatus) -> None:
        """A method may say that it succeeded in part only; from online, as the table wants it."""
        if status.code != DEGRADED_CODE:
            return
        reason = Reason(Aux.METHOD_DEGRADED, method=method, status=status)
        phrase = console_phrase(reason)
        self._emit(ConsoleLine(node.fmri, f"{node.fmri[5:]} {phrase} (see 'svcs -x' for details)"))
        self._move(node, State.DEGRADED, None, reason)
        node.degraded = reason  # also if it was degraded before, for another reason

    def _start_failed(self, node: Node, operation: Operation, status: ExitStatus) -> None:
        """What a failed start left behind goes first; then it is tried again, or not."""
        self._cancel_timer(operation)
        operation.failure = status
        if status.refusal:
            node.is_populated = False
        if node.is_populated:
            operation.phase = Phase.CLEANUP
            self._emit(Kill(node.fmri, Scope.SERVICE, SIGKILL))
        else:
            self._await_retry(node, operation)

    def _await_retry(self, node: Node, operation: Operation) -> None:
        """Whether to start again is decided when the values stand still."""
        operation.phase = Phase.RETRY
        self._touch(node)
        self._wake(node)

    def _retry_start(self, node: Node, operation: Operation) -> None:
        status = operation.failure or ExitStatus()
        if not node.is_enabled or self.is_shutting_down:
            self._end_operation(node)
            self._move(node, State.OFFLINE, None, Reason(Aux.DISABLE_REQUEST))
        elif self._is_final(node, operation, status):
            self._give_up(node, operation, status)
        elif node.value is not Value.SATISFIED:
            self._end_operation(node)
            self._move(node, State.OFFLINE, None, Reason(Aux.DEPENDENCY_ACTIVITY))
        else:
            waiting = [e for e in node.queue if not isinstance(e, ContractFaulted | ChildExited)]
            node.queue = deque(waiting)
            operation.phase, operation.failure, operation.timed_out = Phase.METHOD, None, False
            node.model = node.config.model
            self._run(node, node.config.start)

    def _cut_short(self, node: Node) -> None:
        """The machine goes down: a start under way is not waited for."""
        operation = node.operation
        if operation is not None and operation.phase is Phase.METHOD:
            self._cancel_timer(operation)
            self._emit(Kill(node.fmri, Scope.SERVICE, SIGTERM))
            self._set_timer(node, operation, SHUTDOWN_PATIENCE_S)

    # --- stopping ---------------------------------------------------------------------

    def _stop(
        self, node: Node, target: State, reason: Reason, kind: StopKind = StopKind.OTHER
    ) -> None:
        """Begin to stop a running, idle instance; ``target`` is where it goes."""
        self._log(node, f"Stopping because {stop_phrase(reason)}.")
        node.pending_stop = None
        self._move(node, node.state, target, reason)
        operation = _begin(node, Operation(MethodName.STOP, target, reason, kind))
        method = node.config.stop
        if not node.is_tracked:
            if method.kind is MethodKind.EXEC:
                self._run(node, method)
            elif method.kind is MethodKind.KILL and node.model is Model.TRANSIENT:
                refusal = ExitStatus(
                    refusal="':kill' has no processes to stop in a transient service"
                )
                self._give_up(node, operation, refusal)
            else:
                if method.kind is not MethodKind.KILL:
                    self._log_word(node, operation.method, method)
                self._stopped(node)
        elif not node.has_contract:
            self._stopped(node)
        elif method.kind is MethodKind.EXEC:
            self._run(node, method)
        else:
            self._log_word(node, operation.method, method)
            if method.kind is MethodKind.KILL and node.is_populated:
                self._emit(Kill(node.fmri, Scope.SERVICE, method.signal))
            self._set_timer(node, operation, method.timeout_s)
            self._drain(node, operation)

    def _drain(self, node: Node, operation: Operation) -> None:
        """The stop method is done; the stop is done when no process is left."""
        if node.is_tracked and node.is_populated:
            operation.phase = Phase.DRAIN
            if operation.timed_out:  # its method has used up all the time there was
                self._emit(Kill(node.fmri, Scope.SERVICE, SIGKILL, timed_out=True))
        else:
            self._stopped(node)

    def _stopped(self, node: Node) -> None:
        operation = self._end_operation(node)
        node.has_contract = node.is_populated = False
        self._drop_mark(node)
        if operation.target is State.MAINTENANCE:
            self._enter_maintenance(node, operation.reason, operation.kind)
        else:
            self._move(node, operation.target, None, operation.reason, operation.kind)

    # --- refreshing -------------------------------------------------------------------

    def _refresh(self, node: Node) -> None:
        self._log(node, "Rereading configuration.")
        if self._refuse_misconfigured(node) or not node.state.is_running:
            return
        reason = Reason(Aux.REFRESH)
        self._move(node, node.state, node.state, reason)
        operation = _begin(node, Operation(MethodName.REFRESH, node.state, reason))
        method = node.config.refresh
        if method.kind is MethodKind.EXEC:
            self._run(node, method)
        else:
            self._log_word(node, operation.method, method)
            if method.kind is MethodKind.KILL and node.is_populated:
                self._emit(Kill(node.fmri, Scope.SERVICE, method.signal))
            self._refreshed(node, ExitStatus(code=0))

    def _refreshed(self, node: Node, status: ExitStatus) -> None:
        operation = self._end_operation(node)
        self._move(node, node.state, None, operation.reason)
        self._degrade_if_said(node, MethodName.REFRESH, status)
        self._was_refreshed(node)

    # --- what the restarter reports ---------------------------------------------------

    def _method_exited(self, node: Node, event: MethodExited) -> None:
        operation = node.operation
        if operation is None or operation.method is not event.method:
            return
        if operation.phase is not Phase.METHOD:
            return
        status = event.status
        if status.succeeded:
            match event.method:
                case MethodName.START:
                    self._started(node, status)
                case MethodName.STOP:
                    self._drain(node, operation)
                case MethodName.REFRESH:
                    self._refreshed(node, status)
        elif event.method is MethodName.START:
            self._start_failed(node, operation, status)
        else:
            self._cancel_timer(operation)
            if self._is_final(node, operation, status):
                self._give_up(node, operation, status)
            else:
                operation.timed_out = False
                method = node.config.stop
                if event.method is MethodName.REFRESH:
                    method = node.config.refresh
                self._run(node, method)
        self._wake(node)

    def _contract_emptied(self, node: Node) -> None:
        node.is_populated = False
        operation = node.operation
        if operation is not None and operation.phase is Phase.CLEANUP:
            self._await_retry(node, operation)
        elif operation is not None and operation.phase is Phase.DRAIN:
            if operation.timed_out:
                self._give_up(node, operation, ExitStatus(signal=SIGKILL))
            else:
                self._stopped(node)
        self._wake(node)

    def _child_exited(self, node: Node, event: ChildExited) -> None:
        if not node.state.is_running or node.model is not Model.CHILD:
            return
        status = event.status
        if status.code == 0:
            node.starts_s.clear()
            self._stop(node, State.OFFLINE, Reason(Aux.CT_EV_EXIT))
        elif status.code == 96:
            reason = Reason(Aux.METHOD_FAILED, method=MethodName.START, status=status)
            self._stop(node, State.MAINTENANCE, reason, StopKind.FAULT)
        else:
            recent = node.starts_s[-DEFAULT_FAILURE_COUNT:]
            span_s = self.now_s - recent[0] if recent else 0.0
            if len(recent) == DEFAULT_FAILURE_COUNT and span_s < DEFAULT_FAILURE_COUNT:
                self._log(node, "Failing too quickly, throttling.")
                node.throttle = self._new_timer(node, THROTTLE_S)
            reason = Reason(Aux.CT_EV_EXIT, method=MethodName.START, status=status)
            self._stop(node, State.OFFLINE, reason, StopKind.FAULT)

    def _take_timer(self, timer: int) -> None:
        node = self.graph.nodes.get(self._timers.pop(timer, ""))
        if node is None:
            return
        operation = node.operation
        if timer == node.throttle:
            node.throttle = None
            self._wake(node)
        elif operation is not None and operation.timer == timer:
            operation.timer = None
            operation.timed_out = True
            in_method = operation.phase is Phase.METHOD
            scope = Scope.SERVICE
            if in_method and operation.method is not MethodName.START:
                scope = Scope.METHOD
            self._emit(Kill(node.fmri, scope, SIGKILL, timed_out=True))

    # --- failure ----------------------------------------------------------------------

    @staticmethod
    def _is_final(node: Node, operation: Operation, status: ExitStatus) -> bool:
        """Count a failed method; True if it is not to be tried again."""
        if status.refusal or status.code in FATAL_CODES:
            return True
        if operation.timed_out and not node.config.timeout_retry:
            return True
        node.fault_count += 1
        return node.fault_count >= FAULT_THRESHOLD

    def _give_up(self, node: Node, operation: Operation, status: ExitStatus) -> None:
        """The method failed for good: maintenance (after a stop, if something still runs)."""
        aux = Aux.METHOD_FAILED
        if node.fault_count >= FAULT_THRESHOLD:
            aux = Aux.FAULT_THRESHOLD_REACHED
        detail = "timed out" if operation.timed_out else ""
        reason = Reason(aux, method=operation.method, status=status, detail=detail)
        self._end_operation(node)
        if operation.method is MethodName.REFRESH:
            self._stop(node, State.MAINTENANCE, reason, StopKind.FAULT)
        else:
            self._enter_maintenance(node, reason, StopKind.FAULT)

    def _enter_maintenance(
        self, node: Node, reason: Reason, kind: StopKind = StopKind.OTHER
    ) -> None:
        self._drop_mark(node)
        if phrase := console_phrase(reason):
            self._emit(
                ConsoleLine(node.fmri, f"{node.fmri[5:]} {phrase} (see 'svcs -xv' for details)")
            )
        self._move(node, State.MAINTENANCE, None, reason, kind)

    def _drop_everything(self, node: Node) -> None:
        """Forget the operation, the queue and the contract; leave the processes alone."""
        operation = node.operation
        if operation is not None:
            self._cancel_timer(operation)
            if operation.method is not MethodName.START:
                self._emit(Kill(node.fmri, Scope.METHOD, SIGKILL))
        if node.throttle is not None:
            self._emit(CancelTimer(node.fmri, node.throttle))
            self._timers.pop(node.throttle, None)
            node.throttle = None
        if node.has_contract or node.is_populated:
            self._emit(AbandonContract(node.fmri))
        self._drop_mark(node)
        node.operation = node.pending_stop = None
        node.has_contract = node.is_populated = False
        node.queue.clear()

    # --- the common steps -------------------------------------------------------------

    def _run(self, node: Node, method: Method) -> None:
        operation = node.operation
        assert operation is not None
        if operation.method is MethodName.START:
            node.is_populated = True
        self._emit(RunMethod(node.fmri, operation.method))
        if operation.method is not MethodName.START or node.model is not Model.CHILD:
            self._set_timer(node, operation, method.timeout_s)

    def _end_operation(self, node: Node) -> Operation:
        operation = node.operation
        assert operation is not None
        self._cancel_timer(operation)
        node.operation = None
        return operation

    def _move(
        self,
        node: Node,
        state: State,
        next_state: State | None,
        reason: Reason,
        kind: StopKind = StopKind.OTHER,
    ) -> None:
        """The only place where a state is assigned."""
        before, next_before = node.state, node.next_state
        assert state is before or state in MOVES[before], f"{node.fmri}: {before} -> {state}"
        node.state, node.next_state, node.reason = state, next_state, reason
        if state is not before:
            node.since_s = self.now_s
            node.degraded = reason if state is State.DEGRADED else None
        self._record(node, before, next_before, next_state, reason)
        self._wake(node)
        if state is before:
            return
        self._touch(node)
        self._touch_dependents(node)
        if before.is_running and not state.is_running:
            self._left_running(node, kind)
        elif state.is_running and not before.is_running:
            self._entered_running(node)

    def _record(
        self,
        node: Node,
        before: State,
        next_before: State | None,
        next_state: State | None,
        reason: Reason,
    ) -> None:
        self._emit(
            Transition(node.fmri, self.now_s, before, next_before, node.state, next_state, reason)
        )

    def _emit(self, command: Command) -> None:
        self._commands.append(command)

    def _log(self, node: Node, text: str) -> None:
        self._emit(LogLine(node.fmri, text))

    def _log_word(self, node: Node, name: MethodName, method: Method) -> None:
        """Log a method that runs no command (smf(7))."""
        if method.kind is MethodKind.ABSENT and name is not MethodName.STOP:
            self._log(node, f"No '{name.value}' method defined.  Treating as :true.")
            return
        word = "null" if method.kind is MethodKind.ABSENT else method.kind.value
        if method.kind is MethodKind.KILL and method.signal != SIGTERM:
            word += f" -{method.signal}"
        self._log(node, f"Executing {name.value} method ({word}).")

    def _touch(self, node: Node) -> None:
        """Its dependencies have to be evaluated again."""
        self._dirty[node.fmri] = None

    def _touch_dependents(self, node: Node) -> None:
        for dependent in self.graph.dependents_of(node.fmri):
            self._dirty[dependent.fmri] = None

    def _wake(self, node: Node) -> None:
        """Let it reconsider what to do, once the values stand still."""
        self._awake[node.fmri] = None

    def _drop_mark(self, node: Node) -> None:
        """Its part in a reverse-order stop is over: those that waited for it look again."""
        if node.mark is None:
            return
        node.mark, node.mark_cause = None, ""
        self._touch_dependents(node)
        self._wake_marked_below(node)

    def _wake_marked_below(self, node: Node) -> None:
        for target in self.graph.targets_of(node):
            if target.mark is not None:
                self._wake(target)

    def _new_timer(self, node: Node, delay_s: float) -> int:
        self._last_timer = timer = self._last_timer + 1
        self._timers[timer] = node.fmri
        self._emit(SetTimer(node.fmri, timer, delay_s))
        return timer

    def _set_timer(self, node: Node, operation: Operation, delay_s: float | None) -> None:
        if delay_s is not None:
            operation.timer = self._new_timer(node, delay_s)

    def _cancel_timer(self, operation: Operation) -> None:
        if operation.timer is not None:
            fmri = self._timers.pop(operation.timer, None)
            if fmri is not None:
                self._emit(CancelTimer(self.graph.nodes[fmri].fmri, operation.timer))
            operation.timer = None

    # --- hooks: what others feel (the engine's) ---------------------------------------

    @abstractmethod
    def _refuse_misconfigured(self, node: Node, *, may_be_cyclic: bool = True) -> bool:
        """Maintenance for a cycle or unusable dependencies; True if it is so."""

    @abstractmethod
    def _left_running(self, node: Node, kind: StopKind) -> None:
        """The instance runs no more: its dependents may have to stop."""

    @abstractmethod
    def _entered_running(self, node: Node) -> None:
        """The instance runs now: who excludes it, or came up without it, may have to stop."""

    @abstractmethod
    def _was_refreshed(self, node: Node) -> None:
        """The instance was refreshed: dependents may want to restart."""


def _begin(node: Node, operation: Operation) -> Operation:
    """Enter a new operation; failures are counted for each one afresh."""
    node.operation = operation
    node.fault_count = 0
    return operation


def _is_too_quick(node: Node) -> bool:
    """The start-rate test (smf(7)), with the present start as the last in the list.

    By default: five starts with an average interval below 600 s. With an explicit count N or
    period P: more than N failures (each start but the first follows one) within P seconds.
    """
    config, starts_s = node.config, node.starts_s
    if node.model is Model.CHILD:
        return False
    if config.failure_count is None and config.failure_period_s is None:
        count = DEFAULT_FAILURE_COUNT
        if len(starts_s) < count:
            return False
        average_s = (starts_s[-1] - starts_s[-count]) / (count - 1)
        return average_s < DEFAULT_FAILURE_PERIOD_S
    count = config.failure_count or DEFAULT_FAILURE_COUNT
    period_s = config.failure_period_s or DEFAULT_FAILURE_PERIOD_S
    return len(starts_s) >= count + 2 and starts_s[-1] - starts_s[-(count + 1)] < period_s
