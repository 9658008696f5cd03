"""Who else may write a file, or put another one in its place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from roost.ownership import fault_of

OTHER = 65530
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one good file."""
    top = tmp_path / "tree"
    (top / "site").mkdir(parents=True, mode=0o755)
    file = top / "site/a.xml"
    file.write_text("x")
    file.chmod(0o644)
    for directory in (tmp_path, top, top / "site"):
        directory.chmod(0o755)
    return top


def fault(tree: Path, name: str = "site/a.xml") -> str:
    return fault_of(str(tree / name), str(tree))


def test_a_good_file(tree: Path) -> None:
    assert fault(tree) == ""


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o777])
@pytest.mark.parametrize("what", ["site/a.xml", "site", "."])
def test_others_may_write(tree: Path, what: str, mode: int) -> None:
    (tree / what).chmod(mode | (0o111 if (tree / what).is_dir() else 0))
    found = fault(tree)
    assert found == f"others than its owner may write {os.path.normpath(tree / what)} (chmod go-w)"


def test_what_leads_to_the_tree_is_not_looked_at(tree: Path) -> None:
    tree.parent.chmod(0o777)
    assert fault(tree) == ""


def test_a_sticky_directory_where_others_own_nothing_of_ours(tree: Path) -> None:
    (tree / "site").chmod(0o1777)
    assert fault(tree) == ""


@needs_root
def test_a_group_that_may_write(tree: Path) -> None:
    file = tree / "site/a.xml"
    file.chmod(0o664)
    assert fault(tree) == ""
    os.chown(file, 0, OTHER)
    assert "may write" in fault(tree)


@needs_root
@pytest.mark.parametrize("what", ["site/a.xml", "site"])
def test_the_owner_is_another_user(tree: Path, what: str) -> None:
    os.chown(tree / what, OTHER, 0)
    assert fault(tree) == f"{tree / what} belongs to user {OTHER}, who may change it (chown root)"


def test_a_link_within_the_tree(tree: Path) -> None:
    (tree / "site/link.xml").symlink_to("a.xml")
    (tree / "up.xml").symlink_to(f"site/../../{tree.name}/site/link.xml")
    assert fault(tree, "site/link.xml") == fault(tree, "up.xml") == ""
    (tree / "site/a.xml").chmod(0o666)
    assert "a.xml" in fault(tree, "site/link.xml")
    assert "a.xml" in fault(tree, "up.xml")


def test_a_link_to_where_others_may_write(tree: Path) -> None:
    place = tree.parent / "open"
    place.mkdir()
    target = place / "b.xml"
    target.write_text("x")
    (tree / "site/link.xml").symlink_to(target)
    (tree / "site/away").symlink_to(place)
    assert str(place) not in fault(tree, "site/link.xml")
    place.chmod(0o777)
    for name in ("site/link.xml", "site/away/b.xml"):
        assert f"may write {place} " in fault(tree, name)


@needs_root
@pytest.mark.parametrize("owner", ["link", "place"])
def test_a_link_that_another_user_can_turn_elsewhere(tree: Path, owner: str) -> None:
    place = tree.parent / "theirs"
    place.mkdir()
    hop = place / "hop"
    hop.symlink_to(tree / "site/a.xml")
    os.lchown({"link": hop, "place": place}[owner], OTHER, OTHER)
    (tree / "site/link.xml").symlink_to(hop)
    assert f"belongs to user {OTHER}" in fault(tree, "site/link.xml")


def test_what_cannot_be_looked_at(tree: Path) -> None:
    (tree / "loop.xml").symlink_to("loop.xml")
    (tree / "none.xml").symlink_to("nothing.xml")
    looks: list[Callable[[], str]] = [
        lambda: fault(tree, "loop.xml"),
        lambda: fault(tree, "none.xml"),
    ]
    for look in looks:
        with pytest.raises(OSError, match=r"loop\.xml|nothing\.xml"):
            look()
