"""The console's FIFO, which every user may write to."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.daemon.console import FLOOD_BYTES, FLOOD_S, Console
from roost.layout import Layout
from roost.loop import Loop


class Clocked(Loop):
    """A loop whose clock is set by hand."""

    time_s = 0.0

    def now(self) -> float:  # type: ignore[override]
        return self.time_s


@pytest.fixture
def loop() -> Iterator[Clocked]:
    made = Clocked()
    yield made
    made.close()


@pytest.fixture
def console(loop: Clocked, tmp_path: Path) -> Iterator[tuple[Console, int, io.StringIO]]:
    layout = Layout(str(tmp_path))
    os.makedirs(layout.run_directory)
    out = io.StringIO()
    made = Console(loop, layout, out)
    writer = os.open(layout.console, os.O_WRONLY | os.O_NONBLOCK)
    yield made, writer, out
    os.close(writer)
    made.close()


def test_lines_come_out_whole(loop: Clocked, console: tuple[Console, int, io.StringIO]) -> None:
    _, writer, out = console
    for piece in (b"one\ntw", b"o\nth\x1bree\n"):
        os.write(writer, piece)
        loop.turn(0)
    assert out.getvalue() == "one\ntwo\nth?ree\n"


def test_what_is_written_before_is_shown_before(
    console: tuple[Console, int, io.StringIO],
) -> None:
    made, writer, out = console
    os.write(writer, b"a\n" * 10)
    made.take_from_methods()
    made.show("b")
    assert out.getvalue() == "a\n" * 10 + "b\n"


def test_a_writer_without_end_does_not_hold_the_loop(
    loop: Clocked, console: tuple[Console, int, io.StringIO]
) -> None:
    """The one that reads the FIFO until it is empty would never come back."""
    _, writer, out = console
    os.write(writer, b"x\n" * 30_000)
    loop.turn(0)
    assert 0 < out.getvalue().count("x") <= 4096


def test_a_flood_is_not_shown(loop: Clocked, console: tuple[Console, int, io.StringIO]) -> None:
    made, writer, out = console
    for _ in range(10):
        os.write(writer, b"x\n" * 30_000)
        for _ in range(20):
            loop.turn(0)
    shown = out.getvalue()
    assert len(shown) < FLOOD_BYTES
    assert shown.count(" is flooded; more is not shown for up to 10 seconds.") == 1
    made.say("svc.startd itself is heard")
    assert "is heard" in out.getvalue()
    loop.time_s = FLOOD_S
    os.write(writer, b"later\n")
    loop.turn(0)
    assert out.getvalue().endswith("later\n")
