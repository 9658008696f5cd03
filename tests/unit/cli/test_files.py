"""Files written whole, beside which nobody can have laid a trap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roost.cli.files import replace_file


def test_new_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "f"
    before = os.umask(0o027)
    try:
        replace_file(str(file), b"one")
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o640
    file.chmod(0o604)
    replace_file(str(file), b"two")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"two", 0o604)
    assert os.listdir(tmp_path) == ["f"]


def test_a_link_laid_beside_the_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "f.new").symlink_to(victim)
    replace_file(str(tmp_path / "f"), b"x")
    assert victim.read_text() == "precious"
    assert (tmp_path / "f").read_text() == "x"


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(str(tmp_path / "f"), b"x")
    assert os.listdir(tmp_path) == ["f"]
