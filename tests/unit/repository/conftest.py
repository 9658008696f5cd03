from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.repository import Repository

from .builders import opened


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with opened(tmp_path) as found:
        yield found
