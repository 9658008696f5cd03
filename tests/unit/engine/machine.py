"""A simulated machine for playbooks of the engine: clock, processes, timers, and a wall.

It carries out the engine's commands the way a real restarter would (methods take time, leave
processes behind, hang, die of signals; a contract is reported empty exactly once) and checks
after every step what must hold in any playbook: moves are legal, chained and have a reason,
one method at a time, commands only for known instances, no start without its dependencies.

Names are short: ``"b"`` is ``svc:/b:default``, ``"b:one"`` is ``svc:/b:one``; as the target of
a dependency ``"b:"`` is the service ``svc:/b`` and ``"/x"`` a path.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

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
    ShutdownComplete,
    TakeStartSnapshot,
    Transition,
)
from roost.engine.config import (
    MASTER_RESTARTER,
    Dependency,
    Grouping,
    InstanceConfig,
    Method,
    MethodKind,
    Model,
    RestartOn,
    Target,
    TargetKind,
)
from roost.engine.engine import Engine
from roost.engine.events import (
    ChildExited,
    ClearRequested,
    ContractEmptied,
    ContractFaulted,
    DegradedRequested,
    EnabledChanged,
    Event,
    ExitStatus,
    Fault,
    InstanceAdded,
    InstanceRemoved,
    MaintenanceRequested,
    MethodExited,
    MethodName,
    RefreshRequested,
    RestartRequested,
    ShutdownRequested,
    TimerFired,
)
from roost.engine.graph import Graph, PathProbe
from roost.engine.node import Node, Value
from roost.engine.reasons import Aux, Reason
from roost.engine.states import MOVES, State
from roost.fmri import InstanceFmri

SIGABRT, SIGKILL, SIGTERM = 6, 9, 15
LETHAL = frozenset({SIGABRT, SIGKILL, SIGTERM})
KILL_DELAY_S = 0.01
MAX_STEPS = 200_000
FULL_CHECK_SIZE = 50
"""Up to this size every node is looked at after every step, else those with a command."""


def fmri(name: str) -> InstanceFmri:
    """The instance that a short name means."""
    return InstanceFmri(f"svc:/{name}" if ":" in name else f"svc:/{name}:default")


def short(instance: str) -> str:
    """The short name of an instance."""
    return instance.removeprefix("svc:/").removesuffix(":default")


def target(name: str) -> Target:
    """The target that a short name means: ``/path``, ``service:`` or an instance."""
    if name.startswith("/"):
        return Target(TargetKind.PATH, name)
    if name.endswith(":"):
        return Target(TargetKind.SERVICE, f"svc:/{name[:-1]}")
    return Target(TargetKind.INSTANCE, fmri(name))


def need(
    *targets: str, grouping: str = "require_all", restart_on: str = "none", name: str = ""
) -> Dependency:
    """One dependency group."""
    return Dependency(
        name or f"{grouping}-{restart_on}-{'-'.join(targets)}",
        Grouping(grouping),
        RestartOn(restart_on),
        tuple(target(one) for one in targets),
    )


def method(text: str, timeout_s: float | None = None) -> Method:
    """A method: ``exec``, ``:true``, ``:kill``, ``:kill -N`` or ``absent``."""
    kind, _, signal = text.partition(" -")
    return Method(MethodKind(kind), timeout_s, int(signal) if signal else SIGTERM)


def service(
    name: str,
    *needs: Dependency,
    model: Model = Model.CONTRACT,
    start: Method | str = "exec",
    stop: Method | str = "exec",
    refresh: Method | str = "absent",
) -> InstanceConfig:
    """The configuration of an instance; what else it has is set with ``replace``."""
    start, stop, refresh = (
        method(one) if isinstance(one, str) else one for one in (start, stop, refresh)
    )
    return InstanceConfig(fmri(name), needs, model, start, stop, refresh)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of a method goes."""

    code: int | None = 0
    signal: int | None = None
    refusal: str = ""
    after_s: float | None = 0.1
    """Seconds until it ends (for a child service: its life); None hangs or lives for ever."""
    leaves: int = 1
    """Processes that a start method leaves in the contract."""
    ignores_term: bool = False
    """The processes left behind (and the start method itself) ignore SIGTERM."""
    kills: bool = True
    """A stop method terminates the service's processes."""
    empties_first: bool = False
    """The empty contract is reported before the end of the method."""
    token: str = ""
    message: str = ""
    """What the method says of its end."""

    @property
    def status(self) -> ExitStatus:
        return ExitStatus(
            self.code,
            self.signal,
            refusal=self.refusal,
            token=self.token,
            message=self.message,
        )


def exits(code: int, after_s: float | None = 0.1) -> Outcome:
    """Ends with this code; after success one process stays."""
    return Outcome(code, after_s=after_s, leaves=1 if code == 0 else 0)


def dies(signal: int) -> Outcome:
    """Dies of a signal."""
    return Outcome(None, signal, leaves=0)


def refused(why: str) -> Outcome:
    """Cannot be run at all."""
    return Outcome(None, refusal=why)


GOOD = Outcome()
HANGS = Outcome(after_s=None)
NO_PROCESS = Outcome(leaves=0)
STUBBORN = Outcome(ignores_term=True)


@dataclass(slots=True)
class _Process:
    ignores_term: bool
    is_leader: bool = False


@dataclass(slots=True)
class _Contract:
    processes: list[_Process] = field(default_factory=list)
    has_method: bool = False
    is_reported: bool = False


@dataclass(slots=True)
class _Entry:
    """Something due on the agenda; without ``act`` it was cancelled."""

    act: Callable[[], None] | None


@dataclass(slots=True)
class _Run:
    method: MethodName
    outcome: Outcome
    end: _Entry | None = None


class CountingGraph(Graph):
    """A graph that counts how often a node is evaluated."""

    evaluations = 0

    def evaluate(self, node: Node) -> Value:
        self.evaluations += 1
        return super().evaluate(node)


class CheckedEngine(Engine):
    """The engine, which refuses to emit a start whose dependencies do not hold right then."""

    def __init__(self, path_exists: PathProbe) -> None:
        super().__init__(path_exists)
        self.counting = CountingGraph(path_exists)
        self.graph = self.counting

    def _emit(self, command: Command) -> None:
        begins = isinstance(command, Transition) and (
            command.state is State.OFFLINE and command.next_state is State.ONLINE
        )
        runs = isinstance(command, RunMethod) and command.method is MethodName.START
        if begins or runs:
            node = self.graph.nodes[command.fmri]
            assert Graph.evaluate(self.graph, node) is Value.SATISFIED, f"too early: {command}"
            assert node.is_enabled, f"not wanted: {command}"
        super()._emit(command)


class Machine:
    """The engine and everything around it, on a simulated clock."""

    engine_type = CheckedEngine

    def __init__(self, *configs: InstanceConfig) -> None:
        self.paths: set[str] = set()
        self.engine = self.engine_type(self.paths.__contains__)
        self.now_s = 0.0
        self.wall: list[Transition] = []
        """Every transition, in order."""
        self.runs: list[str] = []
        """Every method that was run: ``start b``."""
        self.kills: list[Kill] = []
        self.console: list[str] = []
        self.snapshots: list[str] = []
        self.abandoned: list[str] = []
        self.log: list[tuple[str, str]] = []
        self.steps: list[tuple[tuple[Event, ...], list[Command]]] = []
        """What went in and what came out: to be replayed."""
        self.is_down = False
        self._scripts: dict[tuple[str, MethodName], list[Outcome]] = {}
        self._flags: dict[str, tuple[bool, bool | None]] = {}
        self._agenda: list[tuple[float, int, _Entry]] = []
        self._order = itertools.count()
        self._timers: dict[int, _Entry] = {}
        self._running: dict[str, _Run] = {}
        self._contracts: dict[str, _Contract] = {}
        self._last: dict[str, tuple[State, State | None]] = {}
        if configs:
            self.add(*configs)
            self.run_until_quiet()

    # --- what a playbook says ---------------------------------------------------------

    def script(self, name: str, method_name: str, *outcomes: Outcome) -> None:
        """How the next runs of a method go; the last outcome stays."""
        self._scripts[fmri(name), MethodName(method_name)] = list(outcomes)

    def add(self, *configs: InstanceConfig, enabled: bool = True) -> None:
        """Bring instances in, all in one step."""
        for config in configs:
            self._flags[config.fmri] = (enabled, None)
        self.send(*(InstanceAdded(self.now_s, c.fmri, c, enabled) for c in configs))

    def enable(self, *names: str) -> None:
        self.set_enabled(True, None, *names)

    def disable(self, *names: str) -> None:
        self.set_enabled(False, None, *names)

    def set_enabled(self, enabled: bool, override: bool | None, *names: str) -> None:
        for name in names:
            self._flags[fmri(name)] = (enabled, override)
        self.send(*(EnabledChanged(self.now_s, fmri(n), enabled, override) for n in names))

    def restart(self, name: str, *, dump_core: bool = False) -> None:
        self.send(RestartRequested(self.now_s, fmri(name), dump_core))

    def refresh(self, name: str, *needs: Dependency | None) -> None:
        """Refresh with these dependencies; with none named, as it is; with None, without any."""
        config = self.config(name)
        if needs:
            config = replace(config, dependencies=tuple(n for n in needs if n is not None))
        self.reconfigure(config)

    def reconfigure(self, config: InstanceConfig) -> None:
        self.send(RefreshRequested(self.now_s, config.fmri, config))

    def mark_maintenance(
        self, name: str, *, immediate: bool = False, from_terminal: bool = True, by: str = ""
    ) -> None:
        self.send(MaintenanceRequested(self.now_s, fmri(name), immediate, from_terminal, by))

    def mark_degraded(self, name: str) -> None:
        self.send(DegradedRequested(self.now_s, fmri(name)))

    def clear(self, name: str) -> None:
        self.send(ClearRequested(self.now_s, fmri(name)))

    def remove(self, name: str) -> None:
        self.send(InstanceRemoved(self.now_s, fmri(name)))

    def shut_down(self) -> None:
        self.send(ShutdownRequested(self.now_s, MASTER_RESTARTER))

    def crash(self, name: str, fault: Fault = Fault.SIGNAL) -> None:
        """One process of the instance's contract dies with a fault."""
        contract = self._contracts[fmri(name)]
        process = contract.processes.pop()
        self.send(ContractFaulted(self.now_s, fmri(name), fault))
        if process.is_leader:
            self.send(ChildExited(self.now_s, fmri(name), ExitStatus(signal=SIGKILL)))
        self._report_if_empty(fmri(name), contract)

    def exit_all(self, name: str, code: int = 0) -> None:
        """Every process of the instance exits by itself."""
        contract = self._contracts[fmri(name)]
        had_leader = any(process.is_leader for process in contract.processes)
        contract.processes.clear()
        if had_leader:
            self.send(ChildExited(self.now_s, fmri(name), ExitStatus(code)))
        self._report_if_empty(fmri(name), contract)

    def run_until_quiet(self) -> None:
        """Let time pass until nothing is due any more."""
        self._pass(None)

    def advance(self, seconds: float) -> None:
        """Let this much time pass."""
        until_s = self.now_s + seconds
        self._pass(until_s)
        self.now_s = until_s

    # --- what a playbook asks ---------------------------------------------------------

    @property
    def states(self) -> dict[str, str]:
        """State of each instance; ``*`` marks one in transition."""
        return {
            short(n.fmri): n.state.value + ("*" if n.next_state is not None else "")
            for n in self.engine.graph.nodes.values()
        }

    def state(self, name: str) -> str:
        return self.states[name]

    def node(self, name: str) -> Node:
        return self.engine.graph.nodes[fmri(name)]

    def config(self, name: str) -> InstanceConfig:
        return self.node(name).config

    def reason(self, name: str) -> Reason:
        return self.node(name).reason

    def aux(self, name: str) -> str:
        return self.reason(name).aux.value

    def history(self, name: str, since: int = 0) -> list[str]:
        """The states that an instance went through, without repetitions."""
        passed = [t.state.value for t in self.wall[since:] if t.fmri == fmri(name)]
        return [state for state, _ in itertools.groupby(passed)]

    def order_of(self, state: State, since: int = 0) -> list[str]:
        """The instances that entered a state, in order."""
        found = self.wall[since:]
        return [short(t.fmri) for t in found if t.state is state and t.state_from is not state]

    def downs(self, since: int = 0) -> list[str]:
        """The instances that left a running state, in order."""
        found = self.wall[since:]
        return [short(t.fmri) for t in found if t.state_from.is_running and not t.state.is_running]

    def count(self, run: str) -> int:
        """How often a method was run, as in ``start b``."""
        return self.runs.count(run)

    def processes(self, name: str) -> int:
        contract = self._contracts.get(fmri(name))
        return len(contract.processes) if contract is not None else 0

    def said(self, name: str) -> list[str]:
        """The lines of an instance's log."""
        return [text for who, text in self.log if who == fmri(name)]

    # --- stepping ---------------------------------------------------------------------

    def send(self, *events: Event) -> list[Command]:
        """One step of the engine; its commands are checked and carried out."""
        commands = self.engine.step(events)
        self.steps.append((events, commands))
        self._check(commands, {event.fmri for event in events})
        for command in commands:
            self._carry_out(command)
        return commands

    def _check(self, commands: list[Command], named: set[InstanceFmri]) -> None:
        nodes = self.engine.graph.nodes
        for command in commands:
            if not isinstance(command, ShutdownComplete):
                assert command.fmri in nodes or command.fmri in named, f"unknown: {command}"
            if isinstance(command, Transition):
                self._check_move(command)
                node = nodes.get(command.fmri)
                if node is not None:
                    is_busy = node.operation is not None
                    assert (node.next_state is not None) == is_busy, f"{command}: {node}"
        if len(nodes) <= FULL_CHECK_SIZE:
            self._check_timers()
        touched = list(nodes) if len(nodes) <= FULL_CHECK_SIZE else [c.fmri for c in commands]
        for instance in touched:
            node = nodes.get(instance)
            said = self._last.get(instance)
            assert node is None or (node.state, node.next_state) == said, f"unsaid: {node}"

    def _check_timers(self) -> None:
        """The engine remembers exactly the timers that something still waits for."""
        wanted: dict[int, str] = {}
        for node in self.engine.graph.nodes.values():
            timers = (node.operation.timer if node.operation is not None else None, node.throttle)
            wanted |= {timer: node.fmri for timer in timers if timer is not None}
        assert self.engine._timers == wanted

    def _check_move(self, move: Transition) -> None:
        assert move.reason.aux is not Aux.NONE
        if move.reason.aux is Aux.INSERT_IN_GRAPH and move.state is State.UNINITIALIZED:
            assert (move.state_from, move.next_from, move.next_state) == (move.state, None, None)
        else:
            assert self._last[move.fmri] == (move.state_from, move.next_from), f"gap: {move}"
            is_step = move.state is move.state_from and move.next_state is not move.next_from
            assert is_step or move.state in MOVES[move.state_from], f"illegal: {move}"
        self._last[move.fmri] = (move.state, move.next_state)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Transition():
                self.wall.append(command)
            case RunMethod(method=name):
                self.runs.append(f"{name.value} {short(command.fmri)}")
                self._run(command.fmri, name)
            case Kill():
                self.kills.append(command)
                self._kill(command)
            case AbandonContract():
                self.abandoned.append(short(command.fmri))
                self._abandon(command.fmri)
            case SetTimer(timer=number):
                event = TimerFired(self.now_s + command.delay_s, command.fmri, number)
                self._timers[number] = self._later(command.delay_s, lambda: self._ring(event))
            case CancelTimer(timer=number):
                if (entry := self._timers.pop(number, None)) is not None:
                    entry.act = None
            case TakeStartSnapshot():
                self.snapshots.append(short(command.fmri))
            case LogLine(text=text):
                self.log.append((command.fmri, text))
            case ConsoleLine(text=text):
                self.console.append(text)
            case ShutdownComplete():
                assert not self.is_down
                self.is_down = True
            case _:
                raise AssertionError(f"unknown command {command}")

    # --- the simulated kernel and restarter -------------------------------------------

    def _later(self, delay_s: float, act: Callable[[], None]) -> _Entry:
        entry = _Entry(act)
        heapq.heappush(self._agenda, (self.now_s + delay_s, next(self._order), entry))
        return entry

    def _pass(self, until_s: float | None) -> None:
        for _ in range(MAX_STEPS):
            if not self._agenda or (until_s is not None and self._agenda[0][0] > until_s):
                return
            due_s, _, entry = heapq.heappop(self._agenda)
            if entry.act is not None:
                self.now_s = max(self.now_s, due_s)
                entry.act()
        raise AssertionError(f"never quiet: {self.runs[-20:]}")

    def _ring(self, event: TimerFired) -> None:
        del self._timers[event.timer]
        self.send(event)

    def _outcome(self, instance: InstanceFmri, name: MethodName) -> Outcome:
        script = self._scripts.get((instance, name))
        if script:
            return script.pop(0) if len(script) > 1 else script[0]
        node = self.engine.graph.nodes[instance]
        if name is MethodName.START and node.config.model is Model.CHILD:
            return HANGS
        return GOOD

    def _run(self, instance: InstanceFmri, name: MethodName) -> None:
        assert instance not in self._running, f"two methods at once: {instance} {name}"
        outcome = self._outcome(instance, name)
        is_child = self.engine.graph.nodes[instance].config.model is Model.CHILD
        run = _Run(name, outcome)
        self._running[instance] = run
        if outcome.refusal:
            run.end = self._later(0.0, lambda: self._end(instance, run, outcome.status))
        elif name is MethodName.START and is_child:
            self._run_child(instance, run)
        else:
            if name is MethodName.START:
                self._new_contract(instance).has_method = True
            if outcome.after_s is not None:
                run.end = self._later(
                    outcome.after_s, lambda: self._end(instance, run, outcome.status)
                )

    def _run_child(self, instance: InstanceFmri, run: _Run) -> None:
        contract = self._new_contract(instance)
        leader = _Process(run.outcome.ignores_term, is_leader=True)
        contract.processes.append(leader)
        run.end = self._later(0.0, lambda: self._end(instance, run, ExitStatus(0)))
        if run.outcome.after_s is not None:
            self._later(
                run.outcome.after_s,
                lambda: self._child_ends(instance, contract, leader, run.outcome.status),
            )

    def _child_ends(
        self, instance: InstanceFmri, contract: _Contract, leader: _Process, status: ExitStatus
    ) -> None:
        if leader in contract.processes and self._contracts.get(instance) is contract:
            contract.processes.remove(leader)
            self.send(ChildExited(self.now_s, instance, status))
            self._report_if_empty(instance, contract)

    def _new_contract(self, instance: InstanceFmri) -> _Contract:
        old = self._contracts.get(instance)
        assert old is None or old.is_reported, f"started beside what still runs: {instance}"
        contract = self._contracts[instance] = _Contract()
        return contract

    def _end(self, instance: InstanceFmri, run: _Run, status: ExitStatus) -> None:
        """A method has ended by itself or by a signal."""
        if self._running.get(instance) is not run:
            return
        del self._running[instance]
        contract = self._contracts.get(instance)
        is_signalled = status != run.outcome.status
        if run.method is MethodName.START and contract is not None and contract.has_method:
            contract.has_method = False
            if not is_signalled:
                leave = [_Process(run.outcome.ignores_term) for _ in range(run.outcome.leaves)]
                contract.processes.extend(leave)
        elif run.method is MethodName.STOP and status.code == 0 and run.outcome.kills:
            self._signal_processes(contract, SIGTERM)
        exited = MethodExited(self.now_s, instance, run.method, status)
        if run.outcome.empties_first:
            self._report_if_empty(instance, contract)
            self.send(exited)
        else:
            self.send(exited)
            self._report_if_empty(instance, contract)

    def _kill(self, kill: Kill) -> None:
        instance = kill.fmri
        if kill.signal not in LETHAL:
            return
        run = self._running.get(instance)
        if kill.scope is Scope.METHOD:
            if run is not None and run.method is not MethodName.START:
                self._kill_method(instance, run, kill.signal)
            return
        contract = self._contracts.get(instance)
        if contract is not None:
            if run is not None and run.method is MethodName.START and contract.has_method:
                if kill.signal == SIGKILL or not run.outcome.ignores_term:
                    self._kill_method(instance, run, kill.signal)
            else:
                self._later(KILL_DELAY_S, lambda: self._kill_all(instance, contract, kill.signal))

    def _kill_method(self, instance: InstanceFmri, run: _Run, signal: int) -> None:
        if run.end is not None:
            run.end.act = None
        status = ExitStatus(signal=signal)
        if run.method is MethodName.START:
            run.end = self._later(KILL_DELAY_S, lambda: self._end(instance, run, status))
            return
        del self._running[instance]  # gone at once, though the news takes a moment
        exited = MethodExited(self.now_s + KILL_DELAY_S, instance, run.method, status)

        def tell() -> None:
            if instance in self.engine.graph.nodes:
                self.send(exited)

        self._later(KILL_DELAY_S, tell)

    def _kill_all(self, instance: InstanceFmri, contract: _Contract, signal: int) -> None:
        if self._contracts.get(instance) is not contract:
            return
        dead = self._signal_processes(contract, signal)
        if dead and signal == SIGABRT:
            self.send(ContractFaulted(self.now_s, instance, Fault.CORE))
        if any(process.is_leader for process in dead):
            self.send(ChildExited(self.now_s, instance, ExitStatus(signal=signal)))
        self._report_if_empty(instance, contract)

    @staticmethod
    def _signal_processes(contract: _Contract | None, signal: int) -> list[_Process]:
        if contract is None:
            return []
        dead = [p for p in contract.processes if signal != SIGTERM or not p.ignores_term]
        contract.processes = [p for p in contract.processes if p not in dead]
        return dead

    def _report_if_empty(self, instance: InstanceFmri, contract: _Contract | None) -> None:
        """Tell, exactly once, that a contract which still counts has run empty."""
        if contract is None or self._contracts.get(instance) is not contract:
            return
        if contract.is_reported or contract.has_method or contract.processes:
            return
        contract.is_reported = True
        self.send(ContractEmptied(self.now_s, instance))

    def _abandon(self, instance: InstanceFmri) -> None:
        self._contracts.pop(instance, None)
        run = self._running.get(instance)
        if run is not None and run.method is MethodName.START:
            del self._running[instance]
