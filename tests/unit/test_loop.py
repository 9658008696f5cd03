"""The event loop: order, cancelling, errors, signals; nothing here waits for a clock."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from roost.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def test_soon_runs_in_order_and_what_it_adds_in_the_next_turn(loop: Loop) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("a")
        loop.call_soon(lambda: ran.append("c"))

    loop.call_soon(first)
    loop.call_soon(lambda: ran.append("b"))
    loop.turn()
    assert ran == ["a", "b"]
    loop.turn()
    assert ran == ["a", "b", "c"]


def test_a_callback_that_raises_loses_no_other(loop: Loop) -> None:
    ran: list[str] = []

    def fail() -> None:
        raise ValueError("bug")

    loop.call_soon(fail)
    loop.call_soon(lambda: ran.append("after"))
    loop.call_later(0, fail)
    loop.call_later(0, lambda: ran.append("timer"))
    for _ in range(2):
        with pytest.raises(ValueError, match="bug"):
            loop.turn()
    loop.turn()
    assert ran == ["after", "timer"]


def test_timers_run_in_order_of_their_time_and_cancelled_ones_never(loop: Loop) -> None:
    ran: list[str] = []
    loop.call_later(0.002, lambda: ran.append("late"))
    gone = loop.call_later(0, lambda: ran.append("gone"))
    loop.call_later(0, lambda: ran.append("early"))
    gone.cancel()
    while len(ran) < 2:
        loop.turn(1)
    assert ran == ["early", "late"]


def test_a_cancelled_timer_does_not_wake_the_loop(loop: Loop) -> None:
    loop.call_later(1000, lambda: None).cancel()
    assert loop._wait_s(None) is None


def test_readers_and_writers_come_and_go(loop: Loop) -> None:
    read_fd, write_fd = os.pipe()
    ran: list[str] = []
    loop.set_reader(read_fd, lambda: ran.append(os.read(read_fd, 9).decode()))
    loop.set_writer(write_fd, lambda: ran.append("writable"))
    loop.turn()
    assert ran == ["writable"]
    loop.set_writer(write_fd, None)
    os.write(write_fd, b"text")
    loop.turn()
    assert ran == ["writable", "text"]
    loop.set_reader(read_fd, None)
    os.write(write_fd, b"more")
    loop.turn(0)
    assert ran == ["writable", "text"]
    os.close(read_fd)
    os.close(write_fd)


def test_one_descriptor_may_be_read_and_written(loop: Loop) -> None:
    ran: list[str] = []
    ours, theirs = socket.socketpair()
    loop.set_reader(ours.fileno(), lambda: ran.append(ours.recv(9).decode()))
    loop.set_writer(ours.fileno(), lambda: ran.append("writable"))
    theirs.send(b"text")
    loop.turn()
    assert ran == ["text", "writable"]
    loop.set_writer(ours.fileno(), None)
    theirs.send(b"more")
    loop.turn()
    assert ran == ["text", "writable", "more"]
    loop.set_reader(ours.fileno(), None)
    ours.close()
    theirs.close()


def test_a_signal_is_taken_in_the_loop_once(loop: Loop) -> None:
    ran: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    loop.on_signal(signal.SIGUSR1, lambda: ran.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert ran == []
    loop.turn(1)
    assert ran == [1]
    signal.signal(signal.SIGUSR1, before)


def test_stop_ends_run_after_the_turn(loop: Loop) -> None:
    ran: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(lambda: ran.append("same turn"))
    loop.run()
    assert ran == ["same turn"]
