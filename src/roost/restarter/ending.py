"""End every process below this one, when svc.startd itself ends.

Not for stopping services: that is the engine's business, with methods and in order. This is
the sweep after it, for what transient services and abandoned contracts left running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from roost.restarter.procfs import ProcFs

TERM_PATIENCE_S = 2.0
KILL_PATIENCE_S = 5.0
"""What SIGKILL does not end in this time hangs in the kernel; nobody can wait for it."""


def end_descendants(
    proc: ProcFs, term_patience_s: float = TERM_PATIENCE_S, kill_patience_s: float = KILL_PATIENCE_S
) -> list[int]:
    """SIGTERM, then SIGKILL, to all descendants, and reap them; returns those that remain.

    This process must be the subreaper of them all, and nobody else may reap.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        _round(proc, signal.SIGTERM, term_patience_s)
        return _round(proc, signal.SIGKILL, kill_patience_s)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _round(proc: ProcFs, number: int, patience_s: float) -> list[int]:
    """Send the signal once to each, also to late comers, and wait for their deaths."""
    end = time.monotonic() + patience_s
    reached: set[int] = set()
    while True:
        _reap_all()
        left = _descendants(proc)
        for pid in [pid for pid in left if pid not in reached]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        reached.update(left)
        remaining_s = end - time.monotonic()
        if not left or remaining_s <= 0:
            return left
        # A death whose news was taken by an earlier reaping is seen a moment later.
        signal.sigtimedwait({signal.SIGCHLD}, min(remaining_s, 0.1))


def _descendants(proc: ProcFs) -> list[int]:
    mine = os.getpid()
    return [pid for pid in proc.descendants([mine]) if pid != mine]


def _reap_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
            pass
