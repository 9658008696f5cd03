from __future__ import annotations

import os
import re
from pathlib import Path

from roost.layout import Layout
from roost.restarter.logs import Logs, bracketed

X = "svc:/site/x:default"


def logs(root: Path) -> tuple[Logs, list[str]]:
    complaints: list[str] = []
    return Logs(Layout(str(root)), complaints.append), complaints


def test_a_line_is_one_line_whatever_it_says() -> None:
    line = bracketed("Enabled.\nreally \udc80").decode(errors="surrogateescape")
    assert re.fullmatch(
        r"\[ [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d Enabled\. really \udc80 \]\n", line
    )


def test_lines_are_appended_and_the_directory_is_made(tmp_path: Path) -> None:
    written, complaints = logs(tmp_path)
    written.write(X, "one")
    written.write(X, "two")
    text = (tmp_path / "var/svc/log/site-x:default.log").read_text()
    assert [line.split()[-2] for line in text.splitlines()] == ["one", "two"]
    assert complaints == []


def test_no_descriptor_is_kept(tmp_path: Path) -> None:
    written, _ = logs(tmp_path)
    before = os.listdir("/proc/self/fd")
    written.write(X, "one")
    assert os.listdir("/proc/self/fd") == before


def test_a_full_or_absent_disk_is_complained_of_once(tmp_path: Path) -> None:
    written, complaints = logs(tmp_path / "file")
    (tmp_path / "file").write_text("in the way")
    written.write(X, "one")
    written.write(X, "two")
    assert len(complaints) == 1
    assert complaints[0].startswith(f"cannot write {tmp_path}/file/var/svc/log/site-x:default.log")

    full, complaints = logs(tmp_path)
    directory = tmp_path / "var/svc/log"
    directory.mkdir(parents=True)
    (directory / "site-x:default.log").symlink_to("/dev/full")
    full.write(X, "one")
    assert "No space left on device" in complaints[0]


def test_the_tail_is_whole_lines(tmp_path: Path) -> None:
    written, _ = logs(tmp_path)
    assert written.tail(X, 3) == []
    directory = tmp_path / "var/svc/log"
    directory.mkdir(parents=True)
    lines = [f"line {number}" for number in range(20_000)]
    (directory / "site-x:default.log").write_text("\n".join(lines) + "\n")
    assert written.tail(X, 3) == lines[-3:]
    assert written.tail(X, 0) == []
    many = written.tail(X, 100_000)
    assert many == lines[-len(many) :]
