"""What the rest of roost sees of the restarter, and the seam for process contracts.

A *contract* is the set of processes that belong to one instance. Here it is a session and
a child subreaper (`roost.restarter.session`); a cgroup can take its place behind the same
methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from roost.engine.commands import Scope
from roost.engine.events import ExitStatus, Fault, MethodName
from roost.model.properties import PropertyGroup


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process of an instance, as ``svcs -p`` shows it."""

    pid: int
    start_time: float
    """Seconds since the epoch."""
    command: str
    """Short name (``/proc/PID/comm``), ``<defunct>`` for a zombie."""
    arguments: str


class Listener(Protocol):
    """Who wants to know what became of the processes. ``instance`` is a canonical FMRI."""

    def method_exited(self, instance: str, method: MethodName, status: ExitStatus) -> None:
        """A method run by `RestarterPort.run_method` has ended."""

    def contract_faulted(self, instance: str, fault: Fault) -> None:
        """A tracked process of the primary contract died of a signal or dumped core."""

    def contract_emptied(self, instance: str) -> None:
        """No process of the primary contract is left (called once for each contract)."""

    def child_exited(self, instance: str, status: ExitStatus) -> None:
        """The main process of a child-model service has ended; before contract_emptied."""


Lookup = Callable[[str, str], tuple[str, ...] | None]
"""``lookup(entity_fmri_or_empty, "pg/prop")``: values of a property in the running view of
the instance itself ("") or of another entity; None if there is no such property. Those of a
protected group are each a `roost.model.protection.Secret`."""


class RestarterPort(Protocol):
    """Runs methods and keeps contracts."""

    def run_method(
        self,
        instance: str,
        method: MethodName,
        groups: Mapping[str, PropertyGroup],
        lookup: Lookup,
        *,
        child_model: bool = False,
    ) -> None:
        """Run ``method`` as the composed running snapshot ``groups`` says.

        Never raises for what the service did wrong: that becomes a method_exited with a
        refusal. For a child-model start, method_exited (code 0) follows once it is started.
        """

    def kill(self, instance: str, scope: Scope, signal: int) -> None:
        """Send ``signal`` to every process in scope, also those that called setsid."""

    def abandon(self, instance: str) -> None:
        """Forget the primary contract and leave its processes alone."""

    def contract_ids(self, instance: str) -> tuple[int, ...]:
        """Id of the primary contract, if there is one."""

    def start_pid(self, instance: str) -> int | None:
        """Pid of the last start method (of the service itself in the child model)."""

    def processes(self, instance: str) -> list[ProcessInfo]:
        """The living processes of the primary contract, by pid."""

    def forget(self, instance: str) -> None:
        """The instance was deleted: drop what is known of it, leave its processes alone."""

    def log(self, instance: str, text: str) -> None:
        """Write one bracketed, time-stamped line to the instance's log."""

    def command_of(self, instance: str, method: MethodName) -> str:
        """The command of the method as last run: tokens expanded, but no secrets; paths as the
        manifest says; "" if it ran none.
        """

    def instance_of(self, pid: int) -> str | None:
        """The instance whose contract (primary or of a method) the process is in, if any."""

    def close(self) -> None:
        """svc.startd ends: SIGTERM, then SIGKILL, to every process that is still tracked or
        was left to it, and wait for them (bounded). No zombie and no process stays.
        """
