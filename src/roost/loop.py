"""The event loop of svc.startd: file descriptors, timers and signals on one epoll.

Standard library only and single-threaded. With nothing to do it sleeps in the kernel for
ever: no polling.
"""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable

Callback = Callable[[], None]


class Timer:
    """A callback due at a time; ``cancel`` makes it do nothing."""

    __slots__ = ("callback", "due_s")

    def __init__(self, due_s: float, callback: Callback | None) -> None:
        self.due_s = due_s
        self.callback = callback

    def cancel(self) -> None:
        """Forget the callback."""
        self.callback = None


class Loop:
    """Runs callbacks when descriptors are ready, timers are due or signals arrive."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._signals: dict[int, Callback] = {}
        self._soon: deque[Callback] = deque()
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.set_reader(self._wake_read, self._take_signals)

    @staticmethod
    def now() -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def set_reader(self, fd: int, callback: Callback | None) -> None:
        """Call ``callback`` whenever ``fd`` is readable; None stops that."""
        self._set(self._readers, fd, callback)

    def set_writer(self, fd: int, callback: Callback | None) -> None:
        """Call ``callback`` whenever ``fd`` is writable; None stops that."""
        self._set(self._writers, fd, callback)

    def call_later(self, delay_s: float, callback: Callback) -> Timer:
        """Call ``callback`` once, ``delay_s`` seconds from now."""
        timer = Timer(self.now() + delay_s, callback)
        heapq.heappush(self._timers, (timer.due_s, next(self._order), timer))
        return timer

    def call_soon(self, callback: Callback) -> None:
        """Call ``callback`` in the next turn, before waiting for anything."""
        self._soon.append(callback)

    def on_signal(self, number: int, callback: Callback) -> None:
        """Call ``callback`` (in the loop, not in the handler) when the signal arrives."""
        self._signals[number] = callback
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(number, _ignore)
        signal.siginterrupt(number, False)

    def stop(self) -> None:
        """Make `run` return after the present turn."""
        self._stopping = True

    def run(self) -> None:
        """Turn until `stop`."""
        while not self._stopping:
            self.turn()

    def turn(self, max_wait_s: float | None = None) -> None:
        """Wait for the next thing to happen (at most ``max_wait_s``) and run its callbacks.

        A callback that raises loses no other: those left run in the next turn.
        """
        ready = self._selector.select(self._wait_s(max_wait_s))
        for _ in range(len(self._soon)):  # what they add is for the next turn
            self._soon.popleft()()
        for key, mask in ready:
            if mask & selectors.EVENT_READ and (reader := self._readers.get(key.fd)):
                reader()
            if mask & selectors.EVENT_WRITE and (writer := self._writers.get(key.fd)):
                writer()
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.callback is not None:
                timer.callback()

    def close(self) -> None:
        """Release the descriptors; the loop must not run again."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wait_s(self, max_wait_s: float | None) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if self._soon:
            return 0.0
        if not self._timers:
            return max_wait_s
        due = max(0.0, self._timers[0][0] - self.now())
        return due if max_wait_s is None else min(due, max_wait_s)

    def _set(self, table: dict[int, Callback], fd: int, callback: Callback | None) -> None:
        known = fd in self._readers or fd in self._writers
        if callback is None:
            table.pop(fd, None)
        else:
            table[fd] = callback
        events = (selectors.EVENT_READ if fd in self._readers else 0) | (
            selectors.EVENT_WRITE if fd in self._writers else 0
        )
        if not known:
            if events:
                self._selector.register(fd, events)
        elif events:
            self._selector.modify(fd, events)
        else:
            self._selector.unregister(fd)

    def _take_signals(self) -> None:
        try:
            numbers = set(os.read(self._wake_read, 512))
        except BlockingIOError:
            return
        for number in sorted(numbers):
            if callback := self._signals.get(number):
                callback()


def _ignore(_number: int, _frame: object) -> None:
    """Let the wake-up descriptor carry the news."""
