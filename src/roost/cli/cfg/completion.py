"""What the TAB key offers in an interactive session."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from roost.cli.cfg.entities import children
from roost.cli.cfg.layers import FIELDS
from roost.cli.cfg.lexer import lex
from roost.cli.cfg.notifying import EVENTS
from roost.cli.cfg.session import Command, Session
from roost.cli.cfg.table import COMMANDS, command_named, is_command
from roost.cli.prop_layers import WORDS
from roost.errors import RoostError
from roost.fmri import service_of
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
    if not is_command(words[0]):
        return ()
    command = command_named(words[0])
    operands, waiting = _taken_apart(command, words[1:])
    if waiting:
        return _OF_OPTIONS.get(waiting, _nothing)(session, text)
    if text.startswith("-") and not operands:
        letters = command.flags.replace(":", "")
        return [*(f"-{letter}" for letter in letters), *command.words]
    offer = _BY_POSITION.get((command.name, len(operands)))
    if offer is None and command.name == "setprop" and operands[1:] == ["="]:
        offer = _types
    if offer is None and command.name in _TAKE_FILES:
        offer = _files
    return offer(session, text) if offer is not None else ()


def _taken_apart(command: Command, words: Sequence[str]) -> tuple[list[str], str]:
    """The operands, and the option (a letter) whose argument comes next, "" if none does."""
    operands: list[str] = []
    waiting = ""
    for word in words:
        if waiting:
            waiting = ""
        elif operands or not word.startswith("-") or word == "-":
            operands.append(word)
        elif f"{word[-1]}:" in command.flags and not word.startswith("--"):
            waiting = word[-1]
    return operands, waiting


def _nothing(_session: Session, _text: str) -> Iterable[str]:
    return ()


def _layers(_session: Session, text: str) -> Iterable[str]:
    return _listed(WORDS, text)


def _fields(_session: Session, text: str) -> Iterable[str]:
    return _listed(FIELDS, text)


def _events(_session: Session, text: str) -> Iterable[str]:
    return _listed(EVENTS, text)


def _listed(words: Iterable[str], text: str) -> list[str]:
    """The words, behind those of a list with commas that are typed already."""
    before = text[: text.rfind(",") + 1]
    return [f"{before}{word}" for word in words]


def _methods(session: Session, _text: str) -> Iterable[str]:
    if session.selection is None:
        return ()
    places = {session.selection, service_of(session.selection)}
    return [
        group.name
        for fmri in places
        for group in session.store.groups(fmri).values()
        if group.type == "method"
    ]


def _files(_session: Session, text: str) -> Iterable[str]:
    directory, _, _ = text.rpartition("/")
    top = f"{directory}/" if "/" in text else ""
    try:
        with os.scandir(top or ".") as found:
            return [f"{top}{one.name}{'/' if one.is_dir() else ''}" for one in found]
    except OSError:
        return ()


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
    ("describe", 0): _groups_and_properties,
    ("listcust", 0): _groups_and_properties,
    ("delcust", 0): _groups_and_properties,
    ("setnotify", 0): _events,
    ("listnotify", 0): _events,
    ("delnotify", 0): _events,
    ("delprop", 0): _groups_and_properties,
    ("setprop", 0): _properties,
    ("addpropvalue", 0): _properties,
    ("addpropvalue", 1): _types,
    ("delpropvalue", 0): _properties,
    ("selectsnap", 0): _snapshots,
    ("revert", 0): _snapshots,
}

_OF_OPTIONS: dict[str, Callable[[Session, str], Iterable[str]]] = {
    "l": _layers,
    "o": _fields,
    "m": _methods,
    "p": _files,
}
"""Arguments of options, by the letter."""

_TAKE_FILES = frozenset(
    ("import", "apply", "inventory", "restore", "hash", "delhash", "repository")
)
