"""The engine: events in, commands out (smf(7)).

What an instance does follows from three things: what is *wanted* (its enabled flag, requests
in its queue, marks of a reverse-order stop), where it *is* (its state and the operation under
way), and what its dependencies are *worth*. An event changes one of them for one instance.
`step` then settles in two phases that repeat until nothing is left to do:

1. worth: a work queue re-evaluates the dependents of whatever changed, until the values of
   the whole graph stand still; nothing is started meanwhile, so no start is ever based on a
   value that is about to change;
2. action: each instance that may act is reconsidered; what it does (start, stop, refresh) is
   a command, and a change of its state goes back to phase 1.

There is no recursion over the graph and no clock: time comes with the events. The cost of an
event is proportional to the instances it touches. Only `_move` assigns a state, every
move goes through the table in `states`, and every move carries a `Reason`.

Methods are one operation at a time for each instance: requests that come meanwhile wait in
its queue. The flow of the operations themselves is in `operations`, what a move means for
others (restart_on, reverse-order stops, shutdown) in `propagation`.
"""

from __future__ import annotations

from collections.abc import Iterable

from roost.engine.commands import (
    AbandonContract,
    Command,
    ConsoleLine,
    Kill,
    Scope,
)
from roost.engine.config import MASTER_RESTARTER, Model
from roost.engine.events import (
    ChildExited,
    ClearRequested,
    ContractEmptied,
    ContractFaulted,
    DegradedRequested,
    EnabledChanged,
    Event,
    Fault,
    InstanceAdded,
    InstanceRemoved,
    MaintenanceRequested,
    MethodExited,
    RefreshRequested,
    RestartRequested,
    ShutdownRequested,
    TimerFired,
)
from roost.engine.graph import Graph, PathProbe
from roost.engine.node import Mark, Node, Phase, StopKind, Value
from roost.engine.propagation import Propagation
from roost.engine.reasons import Aux, Reason
from roost.engine.states import State

MAX_QUEUED_REQUESTS = 100

_FAULT_AUX = {
    Fault.CORE: Aux.CT_EV_CORE,
    Fault.SIGNAL: Aux.CT_EV_SIGNAL,
    Fault.HARDWARE: Aux.CT_EV_HWERR,
}


def _no_path(_path: str) -> bool:
    return False


class Engine(Propagation):
    """The graph and the state of every instance. One thread, no effects."""

    def __init__(self, path_exists: PathProbe = _no_path) -> None:
        super().__init__(Graph(path_exists))
        self._last_order = 0
        self._new: dict[str, None] = {}

    def fork(self) -> Engine:
        """An independent copy, to try out what an event would do."""
        twin = Engine(self.graph.path_exists)
        twin.graph = self.graph.copy()
        twin.now_s = self.now_s
        twin._last_order = self._last_order
        twin._timers = dict(self._timers)
        twin._last_timer = self._last_timer
        twin.is_shutting_down = self.is_shutting_down
        twin._is_down = self._is_down
        return twin

    def step(self, events: Iterable[Event]) -> list[Command]:
        """Take the events in, settle, and return what is to be done, in order."""
        for event in events:
            self.now_s = max(self.now_s, event.time_s)
            self._take(event)
        self._settle()
        commands, self._commands = self._commands, []
        return commands

    # --- questions --------------------------------------------------------------------

    def node(self, fmri: str) -> Node | None:
        """The record of an instance."""
        return self.graph.nodes.get(fmri)

    def can_come_up(self, fmri: str) -> bool:
        """Is it running, or able to come online without an administrator (svcadm -s)?"""
        node = self.graph.nodes.get(fmri)
        if node is None or node.state is State.MAINTENANCE or not node.is_enabled:
            return False
        return node.state.is_running or node.value is not Value.UNSATISFIABLE

    def in_transition(self) -> list[str]:
        """The instances that have a method under way."""
        return [node.fmri for node in self.graph.nodes.values() if not node.is_idle]

    # --- taking events in -------------------------------------------------------------

    def _take(self, event: Event) -> None:
        match event:
            case InstanceAdded():
                self._add(event)
                return
            case ShutdownRequested():
                self._shut_down()
                return
            case TimerFired(timer=timer):
                self._take_timer(timer)
                return
            case _:
                node = self.graph.nodes.get(event.fmri)
        if node is None:
            return
        match event:
            case InstanceRemoved():
                self._remove(node)
            case EnabledChanged():
                self._set_enabled(node, event)
            case MethodExited():
                self._method_exited(node, event)
            case ContractEmptied():
                self._contract_emptied(node)
            case RefreshRequested():
                self._reconfigure(node, event)
                self._request(node, event)
            case MaintenanceRequested(immediate=True):
                self._drop_everything(node)
                if node.state is not State.MAINTENANCE:
                    self._enter_maintenance(node, _maintenance_reason(event))
            case _:
                self._request(node, event)

    def _add(self, event: InstanceAdded) -> None:
        if event.fmri in self.graph.nodes:
            return
        node = Node(event.fmri, event.config, event.enabled, event.override)
        node.order = self._next_order()
        node.since_s = self.now_s
        self.graph.add(node)
        self._new[node.fmri] = None
        self._touch(node)
        self._touch_dependents(node)
        self._record(node, node.state, None, None, node.reason)

    def _remove(self, node: Node) -> None:
        self._drop_everything(node)
        self.graph.remove(node)
        self._new.pop(node.fmri, None)
        self._after_removal(node)

    def _next_order(self) -> int:
        self._last_order += 1
        return self._last_order

    def _reconfigure(self, node: Node, event: RefreshRequested) -> None:
        """New dependency edges count at once, before the refresh itself."""
        self._wake_marked_below(node)
        self.graph.unlink(node)
        node.config = event.config
        node.order = self._next_order()
        self.graph.link(node)
        self._find_cycle(node)
        self._touch(node)

    def _set_enabled(self, node: Node, event: EnabledChanged) -> None:
        was = node.is_enabled
        node.enabled, node.override = event.enabled, event.override
        if node.is_enabled == was and (was or node.state is not State.MAINTENANCE):
            return  # a disable leaves maintenance even if the flag was off before
        self._log(node, "Enabled." if node.is_enabled else "Disabled.")
        self._touch_dependents(node)
        if node.is_enabled:
            self._unmark(node)
        else:
            node.starts_s.clear()
            if node.state is State.MAINTENANCE:
                self._leave_maintenance(node, Reason(Aux.DISABLE_REQUEST), "disable requested")
        self._wake(node)

    def _request(self, node: Node, event: Event) -> None:
        """Carry a request out now, or queue it behind the operation under way."""
        if node.is_idle and not node.queue:
            self._carry_out(node, event)
        elif isinstance(event, ContractFaulted | ChildExited):
            self._fault_while_busy(node, event)
        elif len(node.queue) < MAX_QUEUED_REQUESTS:
            node.queue.append(event)
        else:
            self._log(node, "Too many requests are waiting; one was dropped.")
        self._wake(node)

    def _fault_while_busy(self, node: Node, event: ContractFaulted | ChildExited) -> None:
        """Faults of a contract that is being stopped are expected; others wait their turn."""
        if not node.is_stopping:
            node.queue.append(event)

    def _carry_out(self, node: Node, event: Event) -> None:
        match event:
            case RefreshRequested():
                self._refresh(node)
            case RestartRequested():
                self._restart(node, event)
            case MaintenanceRequested():
                if node.state.is_running:
                    self._stop(node, State.MAINTENANCE, _maintenance_reason(event))
                elif node.state is not State.MAINTENANCE:
                    self._enter_maintenance(node, _maintenance_reason(event))
            case DegradedRequested():
                if node.state is State.ONLINE:
                    self._move(node, State.DEGRADED, None, Reason(Aux.ADMINISTRATIVE_REQUEST))
            case ClearRequested():
                self._clear(node)
            case ContractFaulted():
                self._faulted(node, event)
            case ChildExited():
                self._child_exited(node, event)
            case _:
                raise AssertionError(f"no rule for {event}")

    def _restart(self, node: Node, event: RestartRequested) -> None:
        if not node.state.is_running or node.mark is not None:
            return  # silently ignored, as SMF does; what is about to stop stops in its turn
        node.starts_s.clear()
        if event.dump_core and node.is_populated:
            self._emit(Kill(node.fmri, Scope.SERVICE, 6))
        else:
            self._stop(node, State.OFFLINE, Reason(Aux.RESTART_REQUEST))

    def _clear(self, node: Node) -> None:
        if node.state is State.DEGRADED:
            self._move(node, State.ONLINE, None, Reason(Aux.CLEAR_REQUEST))
        elif node.state is State.MAINTENANCE:
            self._leave_maintenance(node, Reason(Aux.CLEAR_REQUEST), "clear requested")

    def _leave_maintenance(self, node: Node, reason: Reason, cause: str) -> None:
        self._log(node, f"Leaving maintenance because {cause}.")
        node.fault_count = 0
        node.starts_s.clear()
        if node.has_contract:
            self._emit(AbandonContract(node.fmri))
            node.has_contract = node.is_populated = False
        node.order = self._next_order()
        self._move(node, State.UNINITIALIZED, None, reason)
        self._new[node.fmri] = None

    def _faulted(self, node: Node, event: ContractFaulted) -> None:
        if not node.state.is_running or not node.is_tracked:
            return
        if node.model is Model.CHILD:
            return  # its exit is what counts
        if event.fault.value in node.config.ignore_error:
            return
        self._stop(node, State.OFFLINE, Reason(_FAULT_AUX[event.fault]), StopKind.FAULT)

    # --- settling ---------------------------------------------------------------------

    def _settle(self) -> None:
        while True:
            self._initialise_new()
            self._settle_worth()
            if self._awake:
                fmri, _ = self._awake.popitem(last=False)
                node = self.graph.nodes.get(fmri)
                if node is not None:
                    self._reconsider(node)
            elif not self._new and not self._dirty:
                break
        if self.is_shutting_down:
            self._check_shutdown()

    def _initialise_new(self) -> None:
        """Find cycles among what came in, then leave uninitialized as configured."""
        if not self._new:
            return
        new = [self.graph.nodes[fmri] for fmri in self._new]
        self._new.clear()
        for node in new:
            node.is_cyclic, node.cycle = False, ()  # each is judged afresh
        suspects = self.graph.on_cycles(new)
        for node in sorted(new, key=lambda node: node.order):
            if node.state is not State.UNINITIALIZED:
                continue  # put into maintenance by a request that came with it
            may_be_cyclic = node.fmri in suspects
            if self._refuse_misconfigured(node, may_be_cyclic=may_be_cyclic):
                continue
            if node.config.restarter != MASTER_RESTARTER:
                continue
            aux = node.reason.aux
            if aux is Aux.INSERT_IN_GRAPH:
                self._log(node, "Enabled." if node.is_enabled else "Disabled.")
                aux = Aux.ENABLE_REQUEST if node.is_enabled else Aux.DISABLE_REQUEST
            target = State.OFFLINE if node.is_enabled else State.DISABLED
            self._move(node, target, None, Reason(aux))

    def _find_cycle(self, node: Node) -> None:
        node.cycle = self.graph.cycle_through(node)
        node.is_cyclic = bool(node.cycle)

    def _refuse_misconfigured(self, node: Node, *, may_be_cyclic: bool = True) -> bool:
        """Maintenance for a cycle or unusable dependencies; True if it is so."""
        if may_be_cyclic:
            self._find_cycle(node)
        if node.is_cyclic:
            path = " -> ".join(node.cycle)
            reason = Reason(Aux.DEPENDENCY_CYCLE, detail=path)
            text = f"completes a dependency cycle: {path}"
        elif node.config.invalid:
            reason = Reason(Aux.INVALID_DEPENDENCY, detail=node.config.invalid)
            text = f"has an invalid dependency: {node.config.invalid}"
        else:
            return False
        if node.state is State.MAINTENANCE:
            return True
        self._log(node, f"This instance {text}.")
        self._emit(
            ConsoleLine(
                node.fmri,
                f"{node.fmri[5:]} {text}: transitioned to maintenance (see 'svcs -xv' for details)",
            )
        )
        if node.state.is_running and node.is_idle:
            self._stop(node, State.MAINTENANCE, reason)
        elif node.is_idle:
            self._move(node, State.MAINTENANCE, None, reason)
        else:
            node.pending_stop = (reason, StopKind.OTHER)
        return True

    def _settle_worth(self) -> None:
        while self._dirty:
            fmri, _ = self._dirty.popitem(last=False)
            node = self.graph.nodes.get(fmri)
            if node is None:
                continue
            value = self.graph.evaluate(node)
            if value is not node.value:
                node.value = value
                if node.state in (State.OFFLINE, State.DISABLED):
                    self._touch_dependents(node)
            self._wake(node)

    def _reconsider(self, node: Node) -> None:
        """Let an instance act on what is wanted, if no method of it is running."""
        operation = node.operation
        if operation is not None and operation.phase is Phase.RETRY:
            self._retry_start(node, operation)
        while node.is_idle:
            if node.queue:
                self._carry_out(node, node.queue.popleft())
                continue
            if not self._next_act(node):
                return

    def _next_act(self, node: Node) -> bool:
        """Do the one thing the instance should do now; False if there is nothing."""
        if node.state.is_running:
            return self._act_running(node)
        node.pending_stop = None
        self._drop_mark(node)
        if node.state is State.DISABLED and node.is_enabled and not self.is_shutting_down:
            self._move(node, State.OFFLINE, None, Reason(Aux.ENABLE_REQUEST))
        elif node.state is State.OFFLINE and not node.is_enabled:
            self._move(node, State.DISABLED, None, Reason(Aux.DISABLE_REQUEST))
        elif self._may_start(node):
            self._start(node)
        else:
            return False
        return not self._dirty

    def _may_start(self, node: Node) -> bool:
        return (
            node.state is State.OFFLINE
            and node.is_enabled
            and node.value is Value.SATISFIED
            and node.throttle is None
            and not self.is_shutting_down
            and not self._needs_what_stops(node)
        )

    def _needs_what_stops(self, node: Node) -> bool:
        """Would it be stopped again when a marked target goes?"""
        return any(
            target.mark is not None and self._counts_for_order(node, target.fmri)
            for target in self.graph.targets_of(node)
        )

    def _act_running(self, node: Node) -> bool:
        if not node.is_enabled and node.mark is not Mark.DISABLE:
            self._mark_for_disable(node)
        if node.pending_stop is not None and node.mark is None:
            reason, kind = node.pending_stop
            node.pending_stop = None
            in_maintenance = reason.aux in (Aux.DEPENDENCY_CYCLE, Aux.INVALID_DEPENDENCY)
            self._stop(node, State.MAINTENANCE if in_maintenance else State.OFFLINE, reason, kind)
        elif self._has_lost_its_processes(node):
            self._stop(node, State.OFFLINE, Reason(Aux.CT_EV_EXIT))
        elif node.mark is not None and not self._running_above(node):
            if node.mark is Mark.DISABLE:
                self._stop(node, State.DISABLED, Reason(Aux.DISABLE_REQUEST))
            else:
                reason = Reason(Aux.DEPENDENCY_ACTIVITY, cause=node.mark_cause)
                self._stop(node, State.OFFLINE, reason)
        else:
            return False
        return not self._dirty

    @staticmethod
    def _has_lost_its_processes(node: Node) -> bool:
        return (
            node.model is Model.CONTRACT
            and node.is_tracked
            and node.has_contract
            and not node.is_populated
        )


def _maintenance_reason(event: MaintenanceRequested) -> Reason:
    if event.leftovers:
        return Reason(Aux.STARTD_RESTART, detail=event.leftovers)
    aux = Aux.ADMINISTRATIVE_REQUEST if event.from_terminal else Aux.SERVICE_REQUEST
    return Reason(aux, cause=event.requester)
