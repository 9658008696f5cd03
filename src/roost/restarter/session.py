"""Process contracts by session and child subreaper, for where no cgroup can be written.

How it works. svc.startd is the subreaper of all it starts, so a process whose parent dies
becomes a *direct* child of svc.startd, however often it forked and whatever session it made.
The contract of an instance is therefore empty exactly when none of the direct children is
attributed to it. Direct children change only when we fork and when a process dies, and a
death that matters is one of a direct child, which SIGCHLD tells. So there is no polling: on
SIGCHLD all dead children are reaped, the list of children is read once, and those that are
new in it are attributed:

1. by the contract id in their environment (inherited over fork, exec and setsid);
2. else by ``SMF_FMRI`` and ``SMF_METHOD`` there, for what keeps only SMF's own variables;
3. else by their session, if a contract is known to live in it (a daemon that wrote its
   title over its environment);
4. else by the log on their descriptors 1 and 2;
5. else to the one contract that lost a process in the same reading, if it is one.

What escapes: a process that cleared its environment, made its own session, closed the log
and was orphaned while two contracts lost a process at once. It is reaped when it ends, but
it belongs to nobody. ``docs/decisions/0003-session-contracts.md`` has the whole argument.

Only this module reaps. While it is in use no other code of the process may wait for a child
by ``os.wait`` or `subprocess`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from roost.engine.events import ExitStatus, MethodName
from roost.errors import SystemCallFailed
from roost.loop import Loop
from roost.restarter.contracts import CONTRACT_VARIABLE, ContractId, ContractListener
from roost.restarter.procfs import ProcFs

_PR_SET_CHILD_SUBREAPER = 36
_NO_CONTRACT = ContractId(0)
_ATTRIBUTES = (CONTRACT_VARIABLE, "SMF_FMRI", "SMF_METHOD")
_STEADY_READINGS = 5
"""How often the tree of processes is read until two readings agree."""
_KILL_ROUNDS = 100
"""Bound on hunting down a contract that forks as fast as it is killed."""

_EXEC_PATIENCE_S = 0.05
"""How long a process that is in the midst of exec is looked at again and again."""


def become_subreaper() -> None:
    """Make this process the parent of orphaned descendants; SystemCallFailed if refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        why = os.strerror(ctypes.get_errno())
        raise SystemCallFailed("become the subreaper of all services", why)


@dataclass(slots=True)
class _Contract:
    """One contract: its direct children, and what helps to attribute more of them."""

    id: ContractId
    instance: str
    method: MethodName
    members: set[int] = field(default_factory=set)
    sessions: set[int] = field(default_factory=set)
    sent: dict[int, set[int]] = field(default_factory=dict)
    """Signals that `SessionContracts.kill` sent, by pid."""
    is_doomed: bool = False
    """All its process groups were killed: whoever dies of that was meant."""


@dataclass(frozen=True, slots=True)
class _End:
    """A reaped process of a contract."""

    contract: ContractId
    pid: int
    status: ExitStatus
    expected: bool


class SessionContracts:
    """Keeps the contracts of this process's children; see the essay on top."""

    def __init__(
        self,
        loop: Loop,
        listener: ContractListener,
        log_of: Callable[[str], str],
        proc: ProcFs | None = None,
    ) -> None:
        self._listener = listener
        self._log_of = log_of
        self._proc = proc or ProcFs()
        self._pid = os.getpid()
        self._session = os.getsid(0)
        self._next_id = 1
        self._contracts: dict[ContractId, _Contract] = {}
        self._aliases: dict[ContractId, ContractId] = {}
        self._children: dict[int, _Contract | None] = {}
        """Every direct child that was looked at; None for one that belongs to nobody."""
        become_subreaper()
        loop.on_signal(signal.SIGCHLD, self.reap)
        self.reap()  # what died before the signal had a handler

    # --- the Contracts protocol ---------------------------------------------------------

    def create(self, instance: str, method: MethodName) -> ContractId:
        """A new contract, still empty."""
        contract = ContractId(self._next_id)
        self._next_id += 1
        self._contracts[contract] = _Contract(contract, instance, method)
        return contract

    def admit(self, contract: ContractId, pid: int) -> None:
        """``pid``, just forked and leader of its session, is the contract's first process."""
        kept = self._contracts[contract]
        kept.members.add(pid)
        kept.sessions.add(pid)
        self._children[pid] = kept

    def merge(self, contract: ContractId, into: ContractId) -> None:
        """Move all processes; the first id stays known as another name of the second."""
        old, new = self._contracts.pop(contract), self._contracts[into]
        for pid in old.members:
            self._children[pid] = new
        new.members |= old.members
        new.sessions |= old.sessions
        new.sent |= old.sent
        self._aliases[contract] = into

    def forget(self, contract: ContractId) -> None:
        """Leave the processes alone and report nothing more about them."""
        kept = self._contracts.pop(contract, None)
        if kept is None:
            return
        for pid in kept.members:
            self._children[pid] = None
        for alias in [name for name, meant in self._aliases.items() if meant == contract]:
            del self._aliases[alias]

    def is_empty(self, contract: ContractId) -> bool:
        """Is no direct child attributed to it?"""
        kept = self._contracts.get(contract)
        return kept is None or not kept.members

    def pids(self, contract: ContractId) -> list[int]:
        """All processes, at any depth; the tree is read until two readings agree."""
        kept = self._contracts.get(contract)
        if kept is None:
            return []
        found: list[int] = []
        for _ in range(_STEADY_READINGS):
            self._attribute_new_children(())
            again = self._proc.descendants(kept.members)
            if again == found:
                break
            found = again
        return found

    def contract_of(self, pid: int) -> ContractId | None:
        """The contract of the direct child that ``pid`` is or descends from."""
        self._attribute_new_children(())
        at = pid
        while at not in self._children:
            stat = self._proc.stat(at)
            if stat is None or stat.parent <= 1:
                return None
            at = stat.parent
        kept = self._children[at]
        return kept.id if kept is not None else None

    def kill(self, contract: ContractId, number: int) -> int:
        """Send signal ``number`` to all processes, SIGKILL until no new one turns up."""
        kept = self._contracts.get(contract)
        if kept is None:
            return 0
        tried: set[int] = set()
        reached: list[int] = []
        alive: list[int] = []
        for _ in range(_KILL_ROUNDS if number == signal.SIGKILL else 1):
            alive = self.pids(contract)
            fresh = [pid for pid in alive if pid not in tried]
            if not fresh:
                break
            groups = self._note_sessions(kept, fresh)
            if number == signal.SIGKILL:
                # The kernel kills a group at one stroke: who forks meanwhile does not get away.
                kept.is_doomed = True
                for group in groups:
                    _send(-group, number)
            # Parents first: one that saw its child die would act on that, not on the signal.
            reached += [pid for pid in fresh if _send(pid, number)]
            tried.update(fresh)
        kept.sent = {pid: sent for pid, sent in kept.sent.items() if pid in alive}
        for pid in reached:
            kept.sent.setdefault(pid, set()).add(number)
        return len(reached)

    # --- reaping ------------------------------------------------------------------------

    def reap(self) -> None:
        """Reap every dead child, attribute the orphans they left, then tell the listener.

        The listener may call back into this object: all is settled before it is told.
        """
        ends: list[_End] = []
        while (pid := self._reapable()) is not None:
            if pid not in self._children:
                # Adopted and dead since the last reading; a zombie still has its session.
                self._attribute(pid, None)
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
            kept = self._children.pop(pid, None)
            if ended is not None and kept is not None:
                kept.members.discard(pid)
                ends.append(_end_of(kept, ended))
        lost = list(dict.fromkeys(end.contract for end in ends))
        self._attribute_new_children(lost)
        for end in ends:
            self._listener.process_ended(end.contract, end.pid, end.status, expected=end.expected)
        for contract in lost:
            # The listener may have merged, forgotten or filled it meanwhile.
            if contract in self._contracts and self.is_empty(contract):
                # So that no reused pid or session is taken for it.
                self.forget(contract)
                self._listener.contract_emptied(contract)

    @staticmethod
    def _reapable() -> int | None:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        return found.si_pid if found is not None else None

    # --- attribution --------------------------------------------------------------------

    def _attribute_new_children(self, lost: Iterable[ContractId]) -> None:
        """Look at the direct children that are new. ``lost`` lost a process just now."""
        losers = [found for name in lost if (found := self._contracts.get(name)) is not None]
        suspect = losers[0] if len(losers) == 1 else None
        for pid in self._proc.children(self._pid):
            if pid not in self._children:
                self._attribute(pid, suspect)

    def _attribute(self, pid: int, suspect: _Contract | None) -> None:
        found = self._variables(pid)
        stat = self._proc.stat(pid)
        session = stat.session if stat is not None and stat.session != self._session else 0
        kept = self._by_environment(found)
        if kept is None and not self._is_forgotten(found):
            kept = self._by_session(session) or self._by_log(pid) or suspect
        self._children[pid] = kept
        if kept is not None:
            kept.members.add(pid)
            if session:
                kept.sessions.add(session)

    def _variables(self, pid: int) -> dict[str, str]:
        """What its environment says of where it belongs.

        For a moment within exec a process has none; whoever believed that would take an
        orphan of one service for another's.
        """
        end = time.monotonic() + _EXEC_PATIENCE_S
        while not (found := self._proc.variables(pid, _ATTRIBUTES)):
            if time.monotonic() > end or not self._proc.is_between_programs(pid):
                # It may have come out of exec between the two readings.
                return self._proc.variables(pid, _ATTRIBUTES)
            os.sched_yield()
        return found

    def _by_environment(self, found: dict[str, str]) -> _Contract | None:
        if CONTRACT_VARIABLE in found:
            contract = self._contract_id(found)
            return self._contracts.get(self._aliases.get(contract, contract))
        if "SMF_FMRI" not in found:
            return None
        same = [c for c in self._contracts.values() if c.instance == found["SMF_FMRI"]]
        exact = [c for c in same if c.method.value == found.get("SMF_METHOD")]
        likely = exact or same
        return likely[-1] if likely else None

    def _is_forgotten(self, found: dict[str, str]) -> bool:
        """Does it come from a contract of ours that is no longer kept?

        A mark that is not ours is that of an svc.startd which ran as a service here.
        """
        return self._contract_id(found) != _NO_CONTRACT

    def _contract_id(self, found: dict[str, str]) -> ContractId:
        text, _, startd = found.get(CONTRACT_VARIABLE, "").partition("@")
        is_ours = startd == str(self._pid) and text.isascii() and text.isdigit()
        return ContractId(int(text)) if is_ours else _NO_CONTRACT

    def _by_session(self, session: int) -> _Contract | None:
        if not session:
            return None
        return next((c for c in self._contracts.values() if session in c.sessions), None)

    def _by_log(self, pid: int) -> _Contract | None:
        paths = self._proc.open_files(pid, (1, 2))
        if not paths:
            return None
        found = (c for c in self._contracts.values() if self._log_of(c.instance) in paths)
        return next(found, None)

    def _note_sessions(self, kept: _Contract, pids: Iterable[int]) -> set[int]:
        """Learn the sessions that descendants made before they lose their parents.

        Returns the process groups in them: all in a session of the contract is of the contract.
        """
        groups: set[int] = set()
        for pid in pids:
            stat = self._proc.stat(pid)
            if stat is not None and stat.session not in (0, self._session):
                kept.sessions.add(stat.session)
                groups.add(stat.group)
        return groups


def _end_of(kept: _Contract, ended: os.waitid_result) -> _End:
    sent = kept.sent.pop(ended.si_pid, set())
    if ended.si_code == os.CLD_EXITED:
        return _End(kept.id, ended.si_pid, ExitStatus(code=ended.si_status), expected=False)
    dumped = ended.si_code == os.CLD_DUMPED
    status = ExitStatus(signal=ended.si_status, dumped_core=dumped)
    is_meant = ended.si_status in sent or (kept.is_doomed and ended.si_status == signal.SIGKILL)
    return _End(kept.id, ended.si_pid, status, is_meant)


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
