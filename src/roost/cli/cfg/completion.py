"""What the TAB key offers in an interactive session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from roost.cli.cfg.entities import children
from roost.cli.cfg.lexer import lex
from roost.cli.cfg.session import Session
from roost.cli.cfg.table import COMMANDS
from roost.errors import RoostError
from roost.model.properties import PropertyType

DELIMITERS = ' \t\n"=()>'
"""What ends a word for readline: FMRIs and property names are one word."""

_GROUP_TYPES = ("application", "dependency", "framework", "method", "template")


def completions(session: Session, before: str, text: str) -> list[str]:
    """Words that begin with ``text`` and make sense after ``before``, sorted.

    Nothing where svc.startd does not answer: a dialogue is no place for an error at a key.
    """
    try:
        words = [token.text for token in lex(before)]
        return sorted(word for word in set(_offers(session, words, text)) if word.startswith(text))
    except RoostError:
        return []


def _offers(session: Session, words: Sequence[str], text: str) -> Iterable[str]:
    if not words:
        return [f"{command.name} " for command in COMMANDS]
    command, operands = words[0], [word for word in words[1:] if not word.startswith("-")]
    offer = _BY_POSITION.get((command, len(operands)))
    if offer is None and command == "setprop" and operands[1:] == ["="]:
        offer = _types
    return offer(session, text) if offer is not None else ()


def _commands(_session: Session, _text: str) -> Iterable[str]:
    return [command.name for command in COMMANDS]


def _entities(session: Session, text: str) -> Iterable[str]:
    if text.startswith("svc:"):
        return [*session.store.services(), *session.store.find("*:*")]
    return [name for name in children(session) if not name.startswith(":")]


def _services(session: Session, _text: str) -> Iterable[str]:
    found = session.store.services()
    return [*found, *(service.removeprefix("svc:/") for service in found)]


def _groups(session: Session, _text: str) -> Iterable[str]:
    if session.selection is None:
        return ()
    return session.store.groups(session.selection, session.snapshot)


def _properties(session: Session, _text: str) -> Iterable[str]:
    if session.selection is None:
        return ()
    groups = session.store.groups(session.selection, session.snapshot).values()
    return [f"{group.name}/{name}" for group in groups for name in group.properties]


def _groups_and_properties(session: Session, text: str) -> Iterable[str]:
    return [*_groups(session, text), *_properties(session, text)]


def _types(_session: Session, _text: str) -> Iterable[str]:
    return [f"{kind.value}: " for kind in PropertyType]


def _group_types(_session: Session, _text: str) -> Iterable[str]:
    return _GROUP_TYPES


def _snapshots(session: Session, _text: str) -> Iterable[str]:
    if session.selection is None:
        return ()
    return session.store.snapshots(session.selection)


_BY_POSITION: dict[tuple[str, int], Callable[[Session, str], Iterable[str]]] = {
    ("help", 0): _commands,
    ("select", 0): _entities,
    ("delete", 0): _entities,
    ("list", 0): _entities,
    ("export", 0): _services,
    ("validate", 0): _entities,
    ("listpg", 0): _groups,
    ("delpg", 0): _groups,
    ("addpg", 1): _group_types,
    ("listprop", 0): _groups_and_properties,
    ("delprop", 0): _groups_and_properties,
    ("setprop", 0): _properties,
    ("addpropvalue", 0): _properties,
    ("addpropvalue", 1): _types,
    ("delpropvalue", 0): _properties,
    ("selectsnap", 0): _snapshots,
    ("revert", 0): _snapshots,
}
