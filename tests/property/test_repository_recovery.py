"""Whatever happens to the file: a start has a sound state, or is refused and nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from roost.errors import RepositoryDamaged
from tests.unit.repository.builders import state_of
from tests.unit.repository.damaged_house import House

CASES = int(os.environ.get("ROOST_DAMAGE_CASES", "60"))
"""For each of the two houses."""


def _flip(chance: random.Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 1, 1, 3, 20))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _zero(chance: random.Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    page = 4096 * chance.randrange(max(1, len(content) // 4096))
    content[page : page + 4096] = bytes(len(content[page : page + 4096]))
    path.write_bytes(content)


def _cut(chance: random.Random, path: Path) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def _empty(_chance: random.Random, path: Path) -> None:
    os.truncate(path, 0)


def _swap(chance: random.Random, path: Path) -> None:
    content = path.read_bytes()
    pages = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    one, other = chance.sample(range(len(pages)), 2)
    pages[one], pages[other] = pages[other], pages[one]
    path.write_bytes(b"".join(pages))


def _lose(_chance: random.Random, path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.timeout(300)
def test_whatever_is_damaged_the_state_is_sound_or_nothing_is_lost(
    tmp_path: Path, *, is_killed: bool
) -> None:
    chance = random.Random(f"roost {is_killed}")
    whole = House(tmp_path / "whole", is_killed=is_killed)
    outcomes = {"whole": 0, "restored": 0, "refused": 0}
    for number in range(CASES):
        root = tmp_path / str(number)
        house = whole.copy(root)
        files = [house.path]
        files += [Path(f"{house.path}-wal")] if is_killed else []
        target = chance.choice(files)
        harm = chance.choice((_flip, _flip, _flip, _zero, _cut, _swap, _empty, _lose))
        if harm is _lose and target == house.path and not is_killed:
            harm = _empty  # without the file and a journal it is a new root
        harm(chance, target)
        before = house.files()
        what = f"{harm.__name__} of {target.name}, number {number}"
        try:
            repository, recovery = house.open()
        except RepositoryDamaged:
            assert house.files() == before, what
            outcomes["refused"] += 1
            continue
        found = state_of(repository)
        repository.close()
        if recovery is None:
            outcomes["whole"] += 1
            if target.name.endswith("-wal"):
                # What was only in the journal is lost with it.
                assert found in whole.states, what
            else:
                assert found == whole.states[-1], what
            continue
        outcomes["restored"] += 1
        assert found in whole.states[:2], what
        after = house.files()
        for name, content in before.items():
            if name.startswith("repository.db"):
                aside = Path(recovery.aside).name + name.removeprefix("repository.db")
                assert after[aside] == content, what
            else:
                assert after[name] == content, what
        shutil.rmtree(root)
    assert outcomes["restored"] > CASES // 4, outcomes
