"""The manual page against the tables of names."""

from __future__ import annotations

import re
from pathlib import Path

from roost.convert.names import SERVICES, TARGETS

PAGE = (Path(__file__).parents[3] / "man/roost-convert.1").read_text().partition(".Sh NAMES")[2]


def test_every_service_of_another_name_is_listed() -> None:
    rows = re.findall(r"^\.It Li (\S+/\S+) Ta (.*)$", PAGE, re.MULTILINE)
    found = {unit: service for service, units in rows for unit in re.findall(r"Li (\S+)", units)}
    assert found == SERVICES


def test_every_target_is_listed() -> None:
    row = r"^\.It Li (\S+\.target) Ta Li (\S+)(?: , before it Li (\S+))?$"
    found = {
        target: (after, before or after)
        for target, after, before in re.findall(row, PAGE, re.MULTILINE)
    }
    assert found == TARGETS
