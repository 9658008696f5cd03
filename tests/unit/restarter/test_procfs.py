"""`ProcFs` over a directory that looks like /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from roost.restarter.procfs import ProcFs, Stat

TREE = {10: [11, 12], 11: [13], 12: [], 13: []}
"""Children by process."""


@pytest.fixture(params=["children files", "scan"])
def proc(request: pytest.FixtureRequest, tmp_path: Path) -> ProcFs:
    parents = {child: parent for parent, below in TREE.items() for child in below}
    for pid, below in TREE.items():
        task = tmp_path / str(pid) / "task" / str(pid)
        task.mkdir(parents=True)
        fields = f"{parents.get(pid, 1)} 9 8 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {100 * pid} 0"
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (odd ) (name) S {fields}\n")
        if request.param == "children files":
            (task / "children").write_text(" ".join(map(str, below)))
    if request.param == "children files":
        mine = tmp_path / str(os.getpid()) / "task" / str(os.getpid())
        mine.mkdir(parents=True)
        (mine / "children").write_text("10 ")
    (tmp_path / "10" / "environ").write_bytes(b"A=1\0SMF_FMRI=svc:/x:y\0A=2\0broken\0E=\0")
    (tmp_path / "10" / "cmdline").write_bytes(b"sleep\x001000\0")
    (tmp_path / "10" / "fd").mkdir()
    (tmp_path / "10" / "fd" / "1").symlink_to("/var/svc/log/x:y.log")
    (tmp_path / "not-a-pid").mkdir()
    return ProcFs(str(tmp_path))


def test_a_name_with_parentheses_is_understood(proc: ProcFs) -> None:
    assert proc.stat(11) == Stat("odd ) (name", "S", 10, 9, 8, 1100)
    assert proc.stat(99) is None


def test_children_and_descendants(proc: ProcFs) -> None:
    assert sorted(proc.children(10)) == [11, 12]
    assert proc.children(13) == []
    assert proc.children(99) == []
    found = proc.descendants([10])
    assert sorted(found) == [10, 11, 12, 13]
    assert found[0] == 10
    assert found.index(11) < found.index(13)
    assert proc.descendants([]) == []


def test_variables_are_picked_and_the_first_wins(proc: ProcFs) -> None:
    assert proc.variables(10, ("A", "SMF_FMRI", "E", "broken", "NONE")) == {
        "A": "1",
        "SMF_FMRI": "svc:/x:y",
        "E": "",
        "broken": "",
    }
    assert proc.variables(99, ("A",)) == {}


def test_a_process_without_arguments_is_between_programs(proc: ProcFs) -> None:
    assert not proc.is_between_programs(10)
    assert proc.is_between_programs(11)
    assert not proc.is_between_programs(99)


def test_open_files(proc: ProcFs) -> None:
    assert proc.open_files(10, (1, 2)) == {"/var/svc/log/x:y.log"}


def test_a_process_is_described(proc: ProcFs) -> None:
    found = proc.describe(10)
    assert found is not None
    assert (found.pid, found.command, found.arguments) == (10, "odd ) (name", "sleep 1000")
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    assert abs(found.start_time - booted - 1000 / os.sysconf("SC_CLK_TCK")) < 1
    assert proc.describe(99) is None
