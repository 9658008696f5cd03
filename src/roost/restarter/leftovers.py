"""Processes of services that an svc.startd of the same root left running when it was killed.

They carry the mark of their contract and their instance in the environment. Nothing is done
to them here.
"""

from __future__ import annotations

import os

from roost.layout import ROOT_VARIABLE
from roost.restarter.contracts import CONTRACT_VARIABLE
from roost.restarter.procfs import ProcFs

_INSTANCE = "SMF_FMRI"


def find_leftovers(root: str, proc: ProcFs | None = None) -> dict[str, list[int]]:
    """Pids of the processes that bear a contract's mark below ``root``, by instance.

    To be asked before anything is started: then none of them is of this svc.startd.
    """
    source = proc or ProcFs()
    found: dict[str, list[int]] = {}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        known = source.variables(pid, (CONTRACT_VARIABLE, _INSTANCE, ROOT_VARIABLE))
        if {CONTRACT_VARIABLE, _INSTANCE} <= known.keys() and _is_below(root, known):
            found.setdefault(known[_INSTANCE], []).append(pid)
    return found


def _is_below(root: str, known: dict[str, str]) -> bool:
    return known.get(ROOT_VARIABLE, "/") == root
