"""The standard trees: order, what counts as new, changed, gone, and what does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roost.hashing import sha256_of
from roost.layout import Layout
from roost.trees import (
    MAX_DEPTH,
    SITE_PROFILE,
    SYSTEM_PROFILE,
    Changes,
    bundles_below,
    changes,
    hidden_profiles,
    layer_of_profile,
    standard_profiles,
)

as_nobody = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path))


def put(layout: Layout, path: str, text: str = "x") -> str:
    file = Path(layout.below(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(file)


def imported(*paths: str) -> dict[str, str]:
    return {path: sha256_of(path) for path in paths}


def test_nothing_there_is_no_change(layout: Layout) -> None:
    found = changes(layout, {})
    assert found == Changes()
    assert not found.any


def test_site_comes_last_over_all_trees(layout: Layout) -> None:
    for path in ("lib/svc/manifest/site/a.xml", "var/svc/manifest/b.xml", "etc/svc/manifest/c.xml",
                 "lib/svc/manifest/z/d.toml", "etc/svc/manifest/network/site/e.xml",
                 "lib/svc/manifest/z/notes.txt", "lib/svc/manifest/f.xml.orig"):  # fmt: skip
        put(layout, f"/{path}")
    found = changes(layout, {})
    assert [os.path.relpath(path, layout.root) for path in found.manifests] == [
        "lib/svc/manifest/z/d.toml",
        "etc/svc/manifest/c.xml",
        "var/svc/manifest/b.xml",
        "lib/svc/manifest/site/a.xml",
        "etc/svc/manifest/network/site/e.xml",
    ]


def test_a_file_called_site_is_in_no_directory_site(layout: Layout) -> None:
    site = put(layout, "/m/site.xml")
    last = put(layout, "/m/z.xml")
    assert bundles_below(layout.below("/m"), []) == [site, last]


def test_depth_is_bounded(layout: Layout) -> None:
    inside = put(layout, "/lib/svc/manifest/" + "d/" * MAX_DEPTH + "in.xml")
    put(layout, "/lib/svc/manifest/" + "d/" * (MAX_DEPTH + 1) + "out.xml")
    assert changes(layout, {}).manifests == (inside,)


def test_only_what_differs_is_changed(layout: Layout) -> None:
    same = put(layout, "/lib/svc/manifest/same.xml")
    other = put(layout, "/lib/svc/manifest/other.xml")
    known = imported(same, other)
    put(layout, "/lib/svc/manifest/other.xml", "y")
    assert changes(layout, known) == Changes((other,), unchanged=(same,))


def test_what_cannot_be_read_is_changed_and_not_gone(layout: Layout) -> None:
    path = put(layout, "/lib/svc/manifest/x.xml")
    known = imported(path)
    os.unlink(path)
    os.symlink("/nowhere", path)
    assert changes(layout, known) == Changes((path,))
    os.unlink(path)
    os.mkfifo(path)
    assert changes(layout, known) == Changes((path,))


def test_a_file_that_was_taken_away_is_gone(layout: Layout) -> None:
    path = put(layout, "/etc/svc/manifest/x/y.xml")
    known = imported(path) | {"/home/me/x.xml": "00", layout.below("/etc/svc/manifesto/x"): "00"}
    os.unlink(path)
    assert changes(layout, known) == Changes(gone=(path,))
    os.rmdir(os.path.dirname(path))
    assert changes(layout, known) == Changes(gone=(path,))


def test_a_tree_that_is_not_mounted_takes_nothing_away(layout: Layout) -> None:
    path = put(layout, "/var/svc/manifest/x.xml")
    known = imported(path)
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    assert changes(layout, known) == Changes()


@as_nobody
def test_a_directory_that_cannot_be_read_takes_nothing_away(layout: Layout) -> None:
    path = put(layout, "/lib/svc/manifest/x/y.xml")
    profile = put(layout, "/etc/svc/profile/site/p.xml")
    known = imported(path, profile)
    places = [os.path.dirname(path), os.path.dirname(profile)]
    for place in places:
        os.chmod(place, 0)
    try:
        found = changes(layout, known)
        assert hidden_profiles(layout, SITE_PROFILE, known) == [profile]
    finally:
        for place in places:
            os.chmod(place, 0o755)
    assert found == Changes(unlisted=tuple((place, "Permission denied") for place in places))


def test_profiles_have_their_layer_and_order(layout: Layout) -> None:
    names = ("platform.xml", "generic.toml", "site.xml", "site/b.xml", "site/a.toml", "other.xml",
             "site/c.txt")  # fmt: skip
    for name in names:
        put(layout, f"/etc/svc/profile/{name}")
    top = layout.profile_directory
    assert standard_profiles(layout) == {
        SYSTEM_PROFILE: [f"{top}/generic.toml", f"{top}/platform.xml"],
        SITE_PROFILE: [f"{top}/site.xml", f"{top}/site/a.toml", f"{top}/site/b.xml"],
    }
    layers = [layer_of_profile(layout, f"{top}/{name}") for name in names]
    assert layers == [SYSTEM_PROFILE, SYSTEM_PROFILE, *[SITE_PROFILE] * 3, None, None]
    assert layer_of_profile(layout, "/elsewhere/site.xml") is None


@pytest.mark.parametrize("name", ["generic.xml", "site.xml", "site/a.xml"])
def test_a_profile_makes_its_layer_due(layout: Layout, name: str) -> None:
    path = put(layout, f"/etc/svc/profile/{name}")
    other = put(layout, "/etc/svc/profile/site/z.xml")
    layer = layer_of_profile(layout, path)
    assert layer is not None
    assert layer in changes(layout, {}).layers
    known = imported(path, other)
    assert not changes(layout, known).any
    put(layout, f"/etc/svc/profile/{name}", "y")
    assert changes(layout, known).layers == (layer,)
    os.unlink(path)
    assert changes(layout, known).layers == (layer,)


def test_all_of_a_site_taken_away(layout: Layout) -> None:
    path = put(layout, "/etc/svc/profile/site/a.xml")
    known = imported(path)
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    assert changes(layout, known).layers == (SITE_PROFILE,)
    assert hidden_profiles(layout, SITE_PROFILE, known) == []
    os.rmdir(layout.profile_directory)
    assert not changes(layout, known).any
    assert hidden_profiles(layout, SITE_PROFILE, known) == [path]
