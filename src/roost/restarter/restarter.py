"""The restarter: runs methods in their contexts, keeps each instance's contract, reports.

It decides nothing. What to run and whom to kill is the engine's word, carried here by the
daemon; what became of it goes to the `Listener`. Per instance there is at most one *primary*
contract (the start method and what it leaves behind) and at most one method under way. Stop
and refresh methods run in a contract of their own, so that killing the service does not
kill the method that stops it. What such a method leaves behind when it ends is

* after ``stop``: killed, since nothing of a stopped service may stay;
* after ``refresh``: moved to the primary contract, since what a refresh starts belongs to
  the service that goes on running.

The listener may call back into the restarter at any time.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from roost.engine.commands import Scope
from roost.engine.events import ExitStatus, Fault, MethodName
from roost.errors import InvalidValue, RoostError
from roost.layout import Layout
from roost.loop import Loop
from roost.model.properties import Groups, PropertyGroup
from roost.model.protection import WITHHELD, Secret
from roost.restarter.accounts import Accounts, SystemAccounts, running_identity
from roost.restarter.context import resolve_context
from roost.restarter.contracts import ContractId, Contracts, mark_of
from roost.restarter.ending import end_descendants
from roost.restarter.environment import method_environment
from roost.restarter.expand import escape, expand
from roost.restarter.logs import Logs
from roost.restarter.parting import PartingWords
from roost.restarter.ports import Listener, Lookup, ProcessInfo
from roost.restarter.procfs import ProcFs
from roost.restarter.session import SessionContracts
from roost.restarter.spawn import Spawner, SpawnPlan
from roost.restarter.special import (
    KillMethod,
    TrueMethod,
    leading_path,
    signal_name,
    special_method,
)

CONTRACT_PROPERTY = "restarter/contract"
"""The property that the restarter itself answers in tokens: id of the primary contract."""

_OUR_TREE = "/lib/svc/"


@dataclass(slots=True)
class _Run:
    """A method under way; ``contract`` and ``pid`` are None for one that runs nothing."""

    method: MethodName
    contract: ContractId | None = None
    pid: int | None = None


@dataclass(slots=True)
class _Record:
    """What the restarter knows of one instance."""

    instance: str
    primary: ContractId | None = None
    run: _Run | None = None
    start_pid: int | None = None
    child_pid: int | None = None
    """The main process of a child-model service, while it lives."""
    commands: dict[MethodName, str] = field(default_factory=dict)
    """Each method as last run, tokens expanded."""


def to_standard_error(text: str) -> None:
    """Where complaints go unless the daemon has its own log."""
    print(f"svc.startd: {text}", file=sys.stderr, flush=True)


class Restarter:
    """`roost.restarter.ports.RestarterPort` with real processes."""

    def __init__(
        self,
        loop: Loop,
        layout: Layout,
        listener: Listener,
        environment: Mapping[str, str],
        *,
        accounts: Accounts | None = None,
        complain: Callable[[str], None] = to_standard_error,
    ) -> None:
        """``environment`` is what every method inherits; ``complain`` takes the lines for
        svc.startd's own log. From now on this process may wait for no child elsewhere.
        """
        self._loop = loop
        self._layout = layout
        self._listener = listener
        self._environment = dict(environment)
        self._accounts = accounts or SystemAccounts()
        self._complain = complain
        self._running_as = running_identity()
        self._proc = ProcFs()
        self._logs = Logs(layout, complain)
        self._words = PartingWords(layout.parting_words)
        self._spawner = Spawner()
        self._contracts: Contracts = SessionContracts(loop, self, layout.log_of, self._proc)
        self._records: dict[str, _Record] = {}
        self._owners: dict[ContractId, _Record] = {}
        self._said: set[tuple[str, str]] = set()

    # --- the port -----------------------------------------------------------------------

    def run_method(
        self,
        instance: str,
        method: MethodName,
        groups: Mapping[str, PropertyGroup],
        lookup: Lookup,
        *,
        child_model: bool = False,
    ) -> None:
        """Run ``method``; see `RestarterPort`."""
        record = self._records.setdefault(instance, _Record(instance))
        self._drop_run(record)
        record.run = _Run(method)
        try:
            code = self._start_running(record, method, groups, lookup, child_model=child_model)
        except RoostError as refused:
            self.log(instance, f"C{refused.message[1:]}.")
            self._answer(record, method, ExitStatus(refusal=refused.message))
        else:
            if code is not None:
                self._answer(record, method, ExitStatus(code=code))

    def kill(self, instance: str, scope: Scope, signal: int) -> None:
        """Send ``signal`` to every process in scope, also those that called setsid."""
        record = self._records.get(instance)
        if record is None:
            return
        contract = record.primary
        if scope is Scope.METHOD:
            run = record.run
            is_apart = run is not None and run.method is not MethodName.START
            contract = run.contract if run is not None and is_apart else None
        if contract is not None:
            self._contracts.kill(contract, signal)

    def abandon(self, instance: str) -> None:
        """Forget the primary contract and leave its processes alone.

        The end of a start method that is part of it will not be told.
        """
        record = self._records.get(instance)
        if record is None or record.primary is None:
            return
        self._forget(record.primary)
        if record.run is not None and record.run.contract == record.primary:
            record.run = None
        record.primary = record.child_pid = None

    def contract_ids(self, instance: str) -> tuple[int, ...]:
        """Id of the primary contract, if there is one."""
        record = self._records.get(instance)
        return () if record is None or record.primary is None else (record.primary,)

    def start_pid(self, instance: str) -> int | None:
        """Pid of the last start method (of the service itself in the child model)."""
        record = self._records.get(instance)
        return record.start_pid if record is not None else None

    def processes(self, instance: str) -> list[ProcessInfo]:
        """The processes of the primary contract, by pid."""
        record = self._records.get(instance)
        if record is None or record.primary is None:
            return []
        pids = sorted(self._contracts.pids(record.primary))
        return [found for pid in pids if (found := self._proc.describe(pid)) is not None]

    def log(self, instance: str, text: str) -> None:
        """Write one bracketed, time-stamped line to the instance's log."""
        self._logs.write(instance, text)

    def tail(self, instance: str, lines: int) -> list[str]:
        """The last lines of the instance's log, oldest first."""
        return self._logs.tail(instance, lines)

    def command_of(self, instance: str, method: MethodName) -> str:
        """The command of the method as last run, as the log tells it; "" if it ran none."""
        record = self._records.get(instance)
        return record.commands.get(method, "") if record is not None else ""

    def instance_of(self, pid: int) -> str | None:
        """The instance whose contract (primary or of a method) the process is in, if any."""
        contract = self._contracts.contract_of(pid)
        record = self._owners.get(contract) if contract is not None else None
        return record.instance if record is not None else None

    def close(self) -> None:
        """svc.startd ends: end and reap every process below it, within a few seconds."""
        for pid in end_descendants(self._proc):
            self._complain(f"cannot end process {pid}: it does not die of SIGKILL")

    def forget(self, instance: str) -> None:
        """The instance was deleted: drop what is known of it, leave its processes alone."""
        self.abandon(instance)
        record = self._records.get(instance)
        if record is not None and record.run is None:
            del self._records[instance]

    # --- running ------------------------------------------------------------------------

    def _start_running(
        self,
        record: _Record,
        method: MethodName,
        groups: Groups,
        lookup: Lookup,
        *,
        child_model: bool,
    ) -> int | None:
        """Begin; the exit code to answer with at once, or None if a process will tell."""
        group = groups.get(method.value)
        if group is None or not group.has("exec"):
            self.log(record.instance, f"No '{method.value}' method defined.  Treating as :true.")
            return 0
        command = group.value("exec")
        if not command.strip():
            raise InvalidValue(f"use '{command}' as a method", "exec is empty")
        match special_method(command):
            case TrueMethod():
                self._log_executing(record, method, "(:true)")
                return 0
            case KillMethod(number):
                if method is MethodName.START:
                    raise InvalidValue(f"use '{command}' as a start method", "it starts nothing")
                self._log_executing(record, method, f"({command.strip()})")
                self.kill(record.instance, Scope.SERVICE, number)
                return 0
        self._execute(record, method, command, groups, lookup, child_model=child_model)
        return 0 if child_model and method is MethodName.START else None

    def _execute(
        self,
        record: _Record,
        method: MethodName,
        command: str,
        groups: Groups,
        lookup: Lookup,
        *,
        child_model: bool,
    ) -> None:
        assert record.run is not None
        name, is_start = method.value, method is MethodName.START
        command, told = self._expanded(record, method, command, lookup)
        context = resolve_context(name, groups, self._accounts, self._running_as)
        if is_start:
            self._clear_leftovers(record)
        contract = self._contracts.create(record.instance, method)
        environment, dropped = method_environment(
            self._environment,
            instance=record.instance,
            method=name,
            mark=mark_of(contract, os.getpid()),
            account=context.account,
            entries=context.environment,
        )
        if context.identity is not None:
            self._words.prepare(contract, context.identity.uid)
        log_fd = self._logs.open(record.instance)
        try:
            for note in (*context.notes, *dropped):
                self._say_once(record.instance, note)
            self._logs.write_to(log_fd, record.instance, f'Executing {name} method ("{told}").')
            pid = self._spawner.spawn(SpawnPlan(command, environment, context, log_fd))
        except OSError as refused:
            # No process to be had (EAGAIN, ENOMEM): as if it had exited with 1, so retryable.
            self._forget(contract)
            text = f"Cannot start a process for the {name} method: {refused.strerror}."
            self._logs.write_to(log_fd, record.instance, text)
            self._answer(record, method, ExitStatus(code=1), has_ended=is_start)
            return
        finally:
            os.close(log_fd)
        self._contracts.admit(contract, pid)
        self._owners[contract] = record
        record.run.contract, record.run.pid = contract, pid
        if is_start:
            record.primary, record.start_pid = contract, pid
            record.child_pid = pid if child_model else None

    def _expanded(
        self, record: _Record, method: MethodName, command: str, lookup: Lookup
    ) -> tuple[str, str]:
        """The command to run, and the same for logs and messages: there without secrets."""
        answered = self._answering_contract(record, lookup)
        told, whole = (
            expand(command, instance=record.instance, method=method.value, lookup=each)
            for each in (_without_secrets(answered), answered)
        )
        record.commands[method] = told
        try:
            found = self._found_below_root(whole)
        except InvalidValue as problem:
            raise InvalidValue(
                problem.what if told == whole else f"execute {told}", problem.why
            ) from None
        return found, found if told == whole else told

    def _answering_contract(self, record: _Record, lookup: Lookup) -> Lookup:
        def answer(entity: str, path: str) -> tuple[str, ...] | None:
            if path == CONTRACT_PROPERTY and entity in ("", record.instance):
                return tuple(map(str, self.contract_ids(record.instance)))
            return lookup(entity, path)

        return answer

    def _found_below_root(self, command: str) -> str:
        """The command, with a method of ``/lib/svc`` taken from below the root if it is there.

        InvalidValue if it plainly names a file that cannot be executed.
        """
        path = leading_path(command)
        if path is None:
            return command
        if path.startswith(_OUR_TREE) and os.path.exists(below := self._layout.below(path)):
            command = command.replace(path, escape(below), 1)
            path = below
        if not os.path.exists(path):
            raise InvalidValue(f"execute {path}", "there is no such file")
        if os.path.isdir(path) or not os.access(path, os.X_OK):
            raise InvalidValue(f"execute {path}", "it is not an executable file")
        return command

    def _clear_leftovers(self, record: _Record) -> None:
        """A new start begins clean: what an earlier contract still holds is killed."""
        if record.primary is None:
            return
        if not self._contracts.is_empty(record.primary):
            self.log(record.instance, f"Killing what is left of contract {record.primary}.")
            self._contracts.kill(record.primary, signal.SIGKILL)
        self._forget(record.primary)
        record.primary = record.child_pid = None

    def _drop_run(self, record: _Record) -> None:
        """Forget a method whose end nobody waits for: its instance was deleted and made anew
        while it ran. (A start method under way is a leftover of the primary contract.)
        """
        run, record.run = record.run, None
        if run is None or run.contract is None or run.method is MethodName.START:
            return
        self.log(record.instance, f'Killing method "{run.method.value}": nobody waits for it.')
        self._contracts.kill(run.contract, signal.SIGKILL)
        self._forget(run.contract)

    def _answer(
        self, record: _Record, method: MethodName, status: ExitStatus, *, has_ended: bool = False
    ) -> None:
        """Tell the listener in the next turn, so that it never hears of a run inside its call.

        ``has_ended``: as after a process that was there, the empty contract is told too.
        """
        run = record.run

        def deliver() -> None:
            if record.run is not run:
                return
            record.run = None
            self._listener.method_exited(record.instance, method, status)
            if has_ended and record.run is None and record.primary is None:
                self._listener.contract_emptied(record.instance)

        self._loop.call_soon(deliver)

    # --- what the contracts tell --------------------------------------------------------

    def process_ended(
        self, contract: ContractId, pid: int, status: ExitStatus, *, expected: bool
    ) -> None:
        """A tracked process of a contract has ended."""
        record = self._owners.get(contract)
        if record is None:
            return
        run = record.run
        if contract == record.primary and pid == record.child_pid:
            record.child_pid = None
            self._listener.child_exited(record.instance, self._with_words(contract, status))
        elif run is not None and run.contract == contract and run.pid == pid:
            self._end_method(record, run, self._with_words(contract, status))
        elif contract == record.primary and status.signal is not None:
            if status.dumped_core:
                self._listener.contract_faulted(record.instance, Fault.CORE)
            elif not expected:
                self._listener.contract_faulted(record.instance, Fault.SIGNAL)

    def _with_words(self, contract: ContractId, status: ExitStatus) -> ExitStatus:
        token, message = self._words.take(contract)
        return replace(status, token=token, message=message) if token or message else status

    def contract_emptied(self, contract: ContractId) -> None:
        """The last process of a contract is gone."""
        record = self._owners.pop(contract, None)
        if record is not None and record.primary == contract:
            record.primary = None
            self._listener.contract_emptied(record.instance)

    def _end_method(self, record: _Record, run: _Run, status: ExitStatus) -> None:
        name = run.method.value
        if status.signal is not None:
            how = f"failed due to signal {signal_name(status.signal)}"
        else:
            how = f"exited with status {status.code}"
        self.log(record.instance, f'Method "{name}" {how}.')
        if run.contract is not None and run.method is not MethodName.START:
            self._settle_leftovers(record, run.method, run.contract)
        record.run = None
        self._listener.method_exited(record.instance, run.method, status)

    def _settle_leftovers(self, record: _Record, method: MethodName, contract: ContractId) -> None:
        """Deal with what a stop or refresh method left behind; see the essay on top."""
        if self._contracts.is_empty(contract):
            return
        pids = " ".join(map(str, self._contracts.pids(contract)))
        if method is MethodName.STOP:
            self.log(record.instance, f'Killing what method "stop" left behind: {pids}.')
            self._contracts.kill(contract, signal.SIGKILL)
            self._forget(contract)
            return
        self.log(record.instance, f'Method "{method.value}" added to the service: {pids}.')
        if record.primary is None:
            record.primary = contract
            return
        self._contracts.merge(contract, record.primary)
        del self._owners[contract]

    def _forget(self, contract: ContractId) -> None:
        self._contracts.forget(contract)
        self._owners.pop(contract, None)
        self._words.discard(contract)

    # --- log lines ----------------------------------------------------------------------

    def _log_executing(self, record: _Record, method: MethodName, what: str) -> None:
        self.log(record.instance, f"Executing {method.value} method {what}.")

    def _say_once(self, instance: str, note: str) -> None:
        if (instance, note) not in self._said:
            self._said.add((instance, note))
            self.log(instance, note)


def _without_secrets(lookup: Lookup) -> Lookup:
    def answer(entity: str, path: str) -> tuple[str, ...] | None:
        values = lookup(entity, path)
        if values is None:
            return None
        return tuple(WITHHELD if isinstance(value, Secret) else value for value in values)

    return answer
