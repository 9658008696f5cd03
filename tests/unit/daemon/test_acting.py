"""Who made a call, as /proc says."""

from __future__ import annotations

from pathlib import Path

import pytest

from roost.daemon.acting import program_of


@pytest.mark.parametrize(
    ("comm", "arguments", "shown"),
    [
        ("svccfg", ["python3", "/usr/bin/svccfg", "list"], "svccfg"),
        ("python3", ["python3", "-m", "roost.cli.svccfg", "import"], "svccfg"),
        ("python3.11", ["python3.11", "-S", "/opt/tools/mine.py", "x"], "mine.py"),
        ("python3", ["python3", "-c", "secret"], "python3"),
        ("python3", ["python3"], "python3"),
        ("python3", ["python3", "-m"], "python3"),
        ("a\x1bb", ["x"], "a\\x1bb"),
    ],
)
def test_the_name_of_a_program(tmp_path: Path, comm: str, arguments: list[str], shown: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/comm").write_text(f"{comm}\n")
    (tmp_path / "7/cmdline").write_text("\0".join([*arguments, ""]))
    assert program_of(7, str(tmp_path)) == shown


def test_a_program_that_is_gone(tmp_path: Path) -> None:
    assert program_of(7, str(tmp_path)) == ""
