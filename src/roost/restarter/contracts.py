"""The seam for process contracts: which processes belong together, and what became of them.

`roost.restarter.session.SessionContracts` keeps them with sessions and a child subreaper; a
keeper of cgroups can take its place behind the same two protocols.
"""

from __future__ import annotations

from typing import NewType, Protocol

from roost.engine.events import ExitStatus, MethodName

ContractId = NewType("ContractId", int)
"""Counts from 1 in each life of svc.startd; with svc.startd's pid it is unique (`mark_of`)."""

CONTRACT_VARIABLE = "ROOST_CONTRACT"
"""Environment variable of every method: the mark of the contract it runs in."""


def mark_of(contract: ContractId, startd: int) -> str:
    """``ID@PID`` with the pid of svc.startd: an svc.startd may run as a service of another."""
    return f"{contract}@{startd}"


class ContractListener(Protocol):
    """Who is told what the kernel says."""

    def process_ended(
        self, contract: ContractId, pid: int, status: ExitStatus, *, expected: bool
    ) -> None:
        """A process that was tracked one by one has ended.

        ``expected`` is true if it died of a signal that `Contracts.kill` had sent to it.
        """

    def contract_emptied(self, contract: ContractId) -> None:
        """The last process of a contract is gone; comes after its `process_ended`."""


class Contracts(Protocol):
    """Keeps contracts. An unknown or forgotten id is an empty contract everywhere."""

    def create(self, instance: str, method: MethodName) -> ContractId:
        """A new contract, still empty, in which ``method`` of ``instance`` will run."""

    def admit(self, contract: ContractId, pid: int) -> None:
        """``pid``, just forked by this process, is the contract's first process."""

    def merge(self, contract: ContractId, into: ContractId) -> None:
        """Move all processes; the first id is forgotten."""

    def forget(self, contract: ContractId) -> None:
        """Leave the processes alone and report nothing more about them."""

    def is_empty(self, contract: ContractId) -> bool:
        """Is no process left?"""

    def pids(self, contract: ContractId) -> list[int]:
        """All processes, at any depth, parents before children."""

    def contract_of(self, pid: int) -> ContractId | None:
        """The contract that any process of this machine is in, if it is in one."""

    def kill(self, contract: ContractId, number: int) -> int:
        """Send signal ``number`` to all processes; returns how many it reached.

        SIGKILL also gets those that are started meanwhile.
        """
