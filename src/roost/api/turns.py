"""Whose call is begun next: users take turns, whatever each of them asks for and how often.

Without this a user with many connections, each with many calls, would keep all others waiting
for all of them. Knows nothing of calls: it is told of work that waits, by user.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from roost.loop import Loop

SLICE_S = 0.005
"""So long the work of one user goes on before the next one's: or for one piece that is longer."""

Take = Callable[[], bool]
"""Does one piece of work; is there more where it came from?"""


class Turns:
    """Work by user. Each turn of the loop does some of one user's, for ``slice_s`` seconds but
    at least one piece, so that all else that the loop does goes on in between.
    """

    def __init__(self, loop: Loop, slice_s: float = SLICE_S) -> None:
        self._loop = loop
        self._slice_s = slice_s
        self._waiting: dict[int, deque[Take]] = {}
        """The user whose turn is next comes first."""
        self._is_due = False

    def ask(self, user: int, take: Take) -> None:
        """Have ``take`` called once when it is its turn, and again while it says so."""
        self._waiting.setdefault(user, deque()).append(take)
        self._call_soon()

    def _call_soon(self) -> None:
        if self._waiting and not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        user, waiting = next(iter(self._waiting.items()))
        try:
            self._take_slice(waiting)
        finally:
            del self._waiting[user]
            if waiting:
                self._waiting[user] = waiting
            self._is_due = False
            self._call_soon()

    def _take_slice(self, waiting: deque[Take]) -> None:
        end = self._loop.now() + self._slice_s
        while waiting:
            take = waiting.popleft()
            if take():
                waiting.append(take)
            if self._loop.now() >= end:
                return
