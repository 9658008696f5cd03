"""The log of transitions: lines, rotation, torn ends, and reading it backwards."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from roost.daemon import transitions
from roost.daemon.transitions import TransitionLog
from roost.layout import Layout


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def log(tmp_path: Path, complaints: list[str]) -> TransitionLog:
    os.makedirs(Layout(str(tmp_path)).log_directory)
    return TransitionLog(Layout(str(tmp_path)), complaints.append)


def _numbers(log: TransitionLog) -> list[Any]:
    return [line["n"] for _, line in log.newest_first()]


def _fill(log: TransitionLog, *numbers: int) -> None:
    for number in numbers:
        log.append([{"n": number}])


def test_the_newest_comes_first(log: TransitionLog) -> None:
    assert _numbers(log) == []
    _fill(log, 1, 2)
    log.append([{"n": 3}, {"n": 4}])
    log.append([])
    assert _numbers(log) == [4, 3, 2, 1]
    assert os.stat(log.path).st_mode & 0o777 == 0o644
    assert Path(log.path).read_text() == '{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n'


def test_two_files_are_kept(log: TransitionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "MAX_BYTES", 100)
    _fill(log, *range(100, 205))
    files = sorted(path.name for path in Path(log.path).parent.iterdir())
    assert files == ["transitions.log", "transitions.log.0"]
    assert all(path.stat().st_size <= 110 for path in Path(log.path).parent.iterdir())
    found = _numbers(log)
    assert found == list(range(204, 204 - len(found), -1))
    assert len(found) > 10


def test_lines_longer_than_a_block_and_ends_on_its_edge(
    log: TransitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for block in range(1, 40):
        monkeypatch.setattr(transitions, "_BLOCK_BYTES", block)
        with open(log.path, "w") as file:
            file.write('{"n":1}\n\n{"n":2222222222}\n{"n":3}\n')
        assert _numbers(log) == [3, 2222222222, 1]


def test_what_is_torn_is_passed_over(log: TransitionLog, tmp_path: Path) -> None:
    _fill(log, 1)
    with open(log.path, "ab") as file:
        file.write(b'{"n":2,"fm')
    assert _numbers(log) == [1]
    again = TransitionLog(Layout(str(tmp_path)), lambda _: None)
    _fill(again, 3)
    with open(log.path, "ab") as file:
        file.write(b"\xff\xfe\n[1]\n7\n")
    assert _numbers(again) == [3, 1]


def test_reading_goes_on_where_it_stopped(
    log: TransitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transitions, "MAX_BYTES", 100)
    _fill(log, *range(100, 120))
    whole = _numbers(log)
    places = [place for place, _ in log.newest_first()]
    for at, place in enumerate(places):
        assert [line["n"] for _, line in log.newest_first(place)] == whole[at + 1 :]
    _fill(log, 120, 121, 122)
    assert [line["n"] for _, line in log.newest_first(places[0])] == whole[1:]
    _fill(log, *range(200, 250))
    assert list(log.newest_first(places[0])) == []


def test_a_log_that_cannot_be_written_is_said_once(
    log: TransitionLog, complaints: list[str]
) -> None:
    heard: list[object] = []
    log.on_append = heard.extend
    os.mkdir(log.path)
    _fill(log, 1, 2)
    os.rmdir(log.path)
    _fill(log, 3)
    assert _numbers(log) == [3]
    assert len(complaints) == 1
    assert complaints[0].startswith(f"cannot write {log.path}: Is a directory")
    assert heard == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_disk_that_fills_up_in_a_line_spoils_no_other(
    log: TransitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(log, 1)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:4]))
    _fill(log, 2)
    monkeypatch.setattr(os, "write", real)
    _fill(log, 3)
    assert _numbers(log) == [3, 1]
    assert json.loads(Path(log.path).read_text().splitlines()[-1]) == {"n": 3}
