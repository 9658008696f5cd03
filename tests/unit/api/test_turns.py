"""Users take turns: on a real loop, with work that is a counter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from roost.api.turns import SLICE_S, Turns
from roost.loop import Loop


class Clocked(Loop):
    """A loop on which each piece of work takes as long as it says."""

    time_s = 0.0

    def now(self) -> float:  # type: ignore[override]
        return self.time_s


@pytest.fixture
def loop() -> Iterator[Clocked]:
    made = Clocked()
    yield made
    made.close()


def work(
    loop: Clocked, told: list[str], name: str, pieces: int, cost_s: float
) -> Callable[[], bool]:
    left = [pieces]

    def take() -> bool:
        told.append(name)
        loop.time_s += cost_s
        left[0] -= 1
        return left[0] > 0

    return take


def test_a_user_with_much_work_takes_turns_with_one_who_has_little(loop: Clocked) -> None:
    turns, told = Turns(loop), list[str]()
    for connection in range(50):
        turns.ask(1, work(loop, told, f"pest{connection}", 8, SLICE_S))
    turns.ask(2, work(loop, told, "other", 2, SLICE_S))
    for _ in range(4):
        loop.turn(0)
    assert told == ["pest0", "other", "pest1", "other"]


def test_connections_of_one_user_take_turns_too(loop: Clocked) -> None:
    turns, told = Turns(loop), list[str]()
    for name in ("a", "b"):
        turns.ask(1, work(loop, told, name, 2, SLICE_S))
    for _ in range(4):
        loop.turn(0)
    assert told == ["a", "b", "a", "b"]


def test_short_work_fills_a_slice_and_no_more(loop: Clocked) -> None:
    turns, told = Turns(loop), list[str]()
    turns.ask(1, work(loop, told, "a", 1000, SLICE_S / 10))
    loop.turn(0)
    assert 10 <= len(told) <= 11


def test_all_else_goes_on_between_two_users(loop: Clocked) -> None:
    turns, told = Turns(loop), list[str]()
    for user in range(3):
        turns.ask(user, work(loop, told, str(user), 1, SLICE_S))
    loop.call_soon(lambda: told.append("else"))
    loop.turn(0)
    assert told == ["0", "else"]
    loop.turn(0)
    loop.turn(0)
    assert told == ["0", "else", "1", "2"]


def test_work_that_asks_for_more_while_it_is_done(loop: Clocked) -> None:
    turns, told = Turns(loop), list[str]()

    def take() -> bool:
        told.append("a")
        if len(told) < 3:
            turns.ask(1, take)
        return False

    turns.ask(1, take)
    loop.turn(0)
    assert told == ["a", "a", "a"]
    assert loop._wait_s(None) is None
