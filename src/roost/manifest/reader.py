"""Reading a service bundle: parse, include, check, lower.

A document whose name ends in ``.toml`` is TOML (service_toml(5)), any other XML.
"""

from __future__ import annotations

import os

from roost.manifest._include import Distrust, Includer, Note, believe, refuse_includes
from roost.manifest._lower import lower
from roost.manifest._source import Budget, Fault, Node, fault, parse, read_file
from roost.manifest._validate import Problems, validate
from roost.model.bundle import Bundle


def _no_note(_line: str) -> None:
    """Notes are dropped."""


def read_bundle(
    source: str | bytes,
    name: str = "",
    *,
    root: str = "/",
    note: Note = _no_note,
    distrust: Distrust = believe,
) -> Bundle:
    """The bundle in a file (``source`` is its path) or in bytes, in normal form.

    ``name`` is what messages call it (the path, if empty); ``.toml`` at its end, or at the
    path's, makes it TOML. ``root`` is where absolute paths of inclusions start; bytes can
    include nothing. ``note`` is told, a line each, what a profile's inclusions leave out;
    ``distrust`` says why a file may not be included. Raises ManifestError, and nothing else,
    for any input: the first problem, and how many more there are.
    """
    problems = Problems(name or _name_of(source))
    bundle = _read(source, problems, root, note, distrust)
    problems.raise_first()
    assert bundle is not None, "no bundle, and no problem either"
    return bundle


def find_problems(source: str | bytes, name: str = "", *, root: str = "/") -> list[str]:
    """Everything that is wrong with a document, each as ``FILE:LINE: WHY``; empty if it is good."""
    problems = Problems(name or _name_of(source))
    _read(source, problems, root, _no_note, believe)
    return problems.lines()


def _name_of(source: str | bytes) -> str:
    return source if isinstance(source, str) else "bundle"


def _read(
    source: str | bytes, problems: Problems, root: str, note: Note, distrust: Distrust
) -> Bundle | None:
    try:
        if (source if isinstance(source, str) else problems.name).endswith(".toml"):
            return _read_toml(source, problems)
        tree = _document(source, problems.name, root, note, distrust)
    except Fault as problem:
        problems.add(problem)
        return None
    validate(tree, problems, is_profile=tree.get("type") == "profile")
    return None if problems.found else lower(tree, problems)


def _read_toml(source: str | bytes, problems: Problems) -> Bundle | None:
    from roost.manifest._toml_read import read_document  # noqa: PLC0415  most documents are XML
    from roost.manifest._toml_source import parse_toml  # noqa: PLC0415

    data = source if isinstance(source, bytes) else read_file(source, problems.name, Budget())
    return read_document(parse_toml(data, problems.name), problems)


def _document(source: str | bytes, name: str, root: str, note: Note, distrust: Distrust) -> Node:
    budget = Budget()
    data = source if isinstance(source, bytes) else read_file(source, name, budget)
    tree = parse(data, name, budget)
    if tree.tag != "service_bundle":
        raise fault(tree, f"the document's element is '{tree.tag}', expected 'service_bundle'")
    if isinstance(source, bytes):
        refuse_includes(tree)
    else:
        Includer(os.fspath(source), name, root, budget, note, distrust=distrust).expand(tree)
    return tree
