"""The standard trees of manifests and profiles: which files they hold, in which order they count,
and which of them are not what the repository was made of.

svc.startd asks at its start whether there is anything to import, svccfg what it is: both must
see the same. Reads directories and files, and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from roost.hashing import sha256_of
from roost.layout import Layout

SUFFIXES = (".xml", ".toml")
"""How the name of a bundle's file ends."""
MAX_DEPTH = 24
"""Directories deeper below a tree's top are not looked at."""
SYSTEM_PROFILE = "system-profile"
SITE_PROFILE = "site-profile"
PROFILE_LAYERS = (SYSTEM_PROFILE, SITE_PROFILE)
"""The layers that standard profiles make, the lowest first."""

_SITE = "site"
_SYSTEM_NAMES = ("generic", "platform")


@dataclass(frozen=True, slots=True)
class Changes:
    """How the standard trees differ from what was imported; paths are absolute."""

    manifests: tuple[str, ...] = ()
    """New or changed, in the order of import."""
    unchanged: tuple[str, ...] = ()
    """The other manifests."""
    gone: tuple[str, ...] = ()
    """Manifests that were imported and are there no more, though their tree is."""
    layers: tuple[str, ...] = ()
    """Profile layers of which a file is new, changed or gone."""
    unlisted: tuple[tuple[str, str], ...] = ()
    """Directories that cannot be read, and why. Nothing below them counts as gone."""

    @property
    def any(self) -> bool:
        """Is there anything to import or to take back?"""
        return bool(self.manifests or self.gone or self.layers)


def changes(layout: Layout, known: Mapping[str, str]) -> Changes:
    """Compare the trees with ``known``: the SHA-256 of each imported file by its path.

    A file that cannot be read counts as changed, never as gone.
    """
    unlisted: list[tuple[str, str]] = []
    present = _in_order(layout.manifest_directories, unlisted)
    changed = dict.fromkeys(path for path in present if _has_changed(path, known))
    layers = tuple(
        layer
        for layer, files in standard_profiles(layout, unlisted).items()
        if any(_has_changed(path, known) for path in files)
        or any(is_gone(layout, path) for path in _imported_profiles(layout, layer, known))
    )
    return Changes(
        tuple(changed),
        tuple(path for path in present if path not in changed),
        tuple(_gone(layout, known, set(present), unlisted)),
        layers,
        tuple(unlisted),
    )


def gone_manifests(layout: Layout, known: Iterable[str]) -> list[str]:
    """Manifests that were imported and are there no more, also where their whole tree is gone."""
    return [path for path in sorted(known) if layout.is_delivered(path) and _is_absent(path)]


def bundles_below(directory: str, unlisted: list[tuple[str, str]]) -> list[str]:
    """The files of bundles below a directory, in order: those of a ``site`` directory come
    last, since they speak of all others. ``unlisted`` grows as `Changes.unlisted` says.
    """
    return _in_order((directory,), unlisted)


def bundles_at(paths: Iterable[str]) -> list[str]:
    """The files named, and the bundles below the directories named, those in order."""
    found: list[str] = []
    for path in paths:
        found += bundles_below(path, []) if os.path.isdir(path) else [path]
    return found


def standard_profiles(
    layout: Layout, unlisted: list[tuple[str, str]] | None = None
) -> dict[str, list[str]]:
    """The files of each profile layer that are there, in order: the later one loses a quarrel."""
    top = layout.profile_directory
    directory = os.path.join(top, _SITE)
    site = []
    try:
        site = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIXES))
    except OSError as problem:
        if unlisted is not None and not isinstance(problem, FileNotFoundError | NotADirectoryError):
            unlisted.append((directory, problem.strerror or str(problem)))
    found = {
        SYSTEM_PROFILE: _with_suffixes(os.path.join(top, name) for name in _SYSTEM_NAMES),
        SITE_PROFILE: [
            *_with_suffixes([os.path.join(top, _SITE)]),
            *(os.path.join(directory, name) for name in site),
        ],
    }
    return {layer: [p for p in paths if not os.path.isdir(p)] for layer, paths in found.items()}


def layer_of_profile(layout: Layout, path: str) -> str | None:
    """The layer that a standard profile at this path makes; None for any other place."""
    top = layout.profile_directory
    directory, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    if suffix not in SUFFIXES:
        return None
    if directory == os.path.join(top, _SITE) or (directory == top and stem == _SITE):
        return SITE_PROFILE
    return SYSTEM_PROFILE if directory == top and stem in _SYSTEM_NAMES else None


def hidden_profiles(layout: Layout, layer: str, known: Iterable[str]) -> list[str]:
    """Files that made this layer and cannot be seen now, though nobody took them away."""
    found = _imported_profiles(layout, layer, known)
    return [path for path in found if not os.path.lexists(path) and not is_gone(layout, path)]


def is_gone(layout: Layout, profile: str) -> bool:
    """Was this standard profile taken away? Not if its place cannot be looked at."""
    if os.path.lexists(profile):
        return False
    directory = os.path.dirname(profile)
    if not os.path.lexists(directory):  # all of ``site`` was taken away, or nothing is mounted
        directory = layout.profile_directory
    return _can_list(directory)


def _imported_profiles(layout: Layout, layer: str, known: Iterable[str]) -> list[str]:
    return [path for path in known if layer_of_profile(layout, path) == layer]


def _with_suffixes(stems: Iterable[str]) -> list[str]:
    paths = [stem + suffix for stem in stems for suffix in SUFFIXES]
    return [path for path in paths if os.path.lexists(path)]


def _in_order(trees: Iterable[str], unlisted: list[tuple[str, str]]) -> list[str]:
    found = [(path, tree) for tree in trees for path in sorted(_below(tree, unlisted))]
    # The sort keeps the order of the trees within both halves.
    return [path for path, tree in sorted(found, key=lambda one: _is_site(*one))]


def _below(tree: str, unlisted: list[tuple[str, str]]) -> Iterator[str]:
    def complain(problem: OSError) -> None:
        if not isinstance(problem, FileNotFoundError):
            unlisted.append((str(problem.filename), problem.strerror or str(problem)))

    depth = tree.count(os.sep)
    for directory, inner, names in os.walk(tree, onerror=complain):
        if directory.count(os.sep) - depth >= MAX_DEPTH:
            inner.clear()
        for name in names:
            if name.endswith(SUFFIXES):
                yield os.path.join(directory, name)


def _is_site(path: str, tree: str) -> bool:
    return _SITE in os.path.relpath(path, tree).split(os.sep)[:-1]


def _gone(
    layout: Layout,
    known: Iterable[str],
    present: set[str],
    unlisted: Iterable[tuple[str, str]],
) -> Iterator[str]:
    """A file system that is not mounted (yet) takes no service away: its tree must be there."""
    blind = tuple(f"{directory}/" for directory, _ in unlisted)
    trees = tuple(f"{tree}/" for tree in layout.manifest_directories if _can_list(tree))
    for path in sorted(known):
        if path.startswith(trees) and path not in present and not path.startswith(blind):
            yield path


def _is_absent(path: str) -> bool:
    """Is it certain that the file is not there?"""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _can_list(directory: str) -> bool:
    try:
        with os.scandir(directory):
            return True
    except OSError:
        return False


def _has_changed(path: str, known: Mapping[str, str]) -> bool:
    try:
        return known.get(path) != sha256_of(path)
    except OSError:
        return True
