"""Expands ``xi:include``: puts the bundles of other local files in the place of the element.

What may be included: a regular file named by a path, relative to the including file or
absolute, or by a ``file:`` URI; its real path (symbolic links followed) must lie below the
directory of the outermost file or below one of SMF's own directories of manifests and
profiles. No other scheme, no host, no text inclusion, no part of a document. Files are read
by the same hardened parser, within one budget; depth and cycles are bounded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from roost.fmri import path_of
from roost.manifest._source import Budget, Fault, Node, fault, parse, read_file

MAX_INCLUDE_DEPTH = 8
STANDARD_DIRECTORIES = (
    "/etc/svc/manifest",
    "/etc/svc/profile",
    "/lib/svc/manifest",
    "/var/svc/manifest",
)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
Note = Callable[[str], None]
Distrust = Callable[[str], str]
"""Why the file at a path is not to be believed; "" if it is."""


def believe(_path: str) -> str:
    """Every file."""
    return ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a document stands: real paths of it and of the files that led to it."""

    chain: tuple[str, ...]
    name: str

    @property
    def directory(self) -> str:
        return os.path.dirname(self.chain[-1])

    @property
    def name_directory(self) -> str:
        return os.path.dirname(self.name)


class Includer:
    """Expands the inclusions of one outermost document."""

    def __init__(
        self,
        path: str,
        name: str,
        root: str,
        budget: Budget,
        note: Note,
        *,
        distrust: Distrust = believe,
    ) -> None:
        self._budget = budget
        self._note = note
        self._distrust = distrust
        self._root = root.rstrip("/")
        self._place = _Place((os.path.realpath(path),), name)
        standard = [os.path.realpath(self._root + path) for path in STANDARD_DIRECTORIES]
        self._allowed = (self._place.directory, *standard)

    def expand(self, root: Node) -> None:
        """Replace every inclusion in the document, in place."""
        self._expand(root, self._place, is_profile=root.get("type") == "profile")

    def _expand(self, node: Node, place: _Place, *, is_profile: bool) -> None:
        children: list[Node] = []
        for child in node.children:
            if child.tag == "xi:include":
                children += self._included(child, place, is_profile=is_profile)
            else:
                if child.tag in ("service_bundle", "xi:fallback"):
                    self._expand(child, place, is_profile=is_profile)
                children.append(child)
        node.children = children

    def _included(self, include: Node, place: _Place, *, is_profile: bool) -> list[Node]:
        path = self._path(include, place)
        if not os.path.exists(path):
            return self._absent(include, path, place, is_profile=is_profile)
        if path in place.chain:
            raise fault(include, f"'{include.get('href')}' includes itself")
        if len(place.chain) > MAX_INCLUDE_DEPTH:
            raise fault(include, f"inclusions nested deeper than {MAX_INCLUDE_DEPTH}")
        self._budget.files -= 1
        if self._budget.files < 0:
            raise fault(include, "too many inclusions")
        name = self._shown(path, place)
        if why := self._distrust(path):
            raise fault(include, f"cannot believe what it includes: {why}")
        try:
            data = read_file(path, name, self._budget, only_regular=True)
        except Fault as problem:
            raise fault(include, f"cannot read what it includes: {problem.why}") from None
        document = parse(data, name, self._budget)
        if document.tag != "service_bundle":
            raise fault(document, f"the element is '{document.tag}', expected 'service_bundle'")
        self._expand(document, _Place((*place.chain, path), name), is_profile=is_profile)
        return [document]

    def _path(self, include: Node, place: _Place) -> str:
        """The real path that ``href`` names, if that may be included."""
        href = include.get("href")
        if include.get("parse", "xml") != "xml":
            raise fault(include, "only whole service bundles can be included, expected parse='xml'")
        if "#" in href or "?" in href or not href:
            raise fault(include, f"'{href}' does not name a file, expected a path")
        named: str | None = href
        if _SCHEME.match(href):
            local = href.startswith(("file:///", "file://localhost/")) or (
                href.startswith("file:/") and not href.startswith("file://")
            )
            named = path_of(href) if local else None
        elif href.startswith("//"):
            named = None
        named = unquote(named) if named else None
        if named is None or "\0" in named:
            raise fault(include, f"'{href}' is not a local file, expected a path or a file: URI")
        base = self._root + named if named.startswith("/") else os.path.join(place.directory, named)
        path = os.path.realpath(base)
        if not any(_is_below(path, directory) for directory in self._allowed):
            why = (
                f"'{href}' is outside of {self._place.name_directory or '.'}, where it may include"
            )
            raise fault(include, why)
        return path

    def _absent(self, include: Node, path: str, place: _Place, *, is_profile: bool) -> list[Node]:
        fallback = include.first("xi:fallback")
        if fallback is not None:
            self._expand(fallback, place, is_profile=is_profile)
            return fallback.children
        why = f"there is no file '{path}' to include"
        if not is_profile:
            raise fault(include, why)
        # A profile speaks of what is installed here; so do the links that it includes.
        self._note(f"{include.file}:{include.line}: {why}; skipped")
        return []

    def _shown(self, path: str, place: _Place) -> str:
        """How messages name an included file: in the style of the including one."""
        if os.path.isabs(place.name) or not _is_below(path, place.directory):
            return path
        return os.path.join(place.name_directory, os.path.relpath(path, place.directory))


def refuse_includes(root: Node) -> None:
    """For a document that stands nowhere: no relative path has a meaning in it."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.tag == "xi:include":
            raise fault(node, "it includes a file, but was not itself read from a file")
        waiting.extend(node.children)


def _is_below(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")
