"""How ``roost history`` shows entries: when, who, and what. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from roost.api import typed
from roost.cli.output import plain
from roost.fmri import is_instance, service_of

Entry = Mapping[str, Any]

_YEAR_S = 360 * 24 * 3600
_WHEN, _WHO = 15, 16
_INDENT = " " * 4
_HEADER = f"{'WHEN':<{_WHEN}} {'WHO':<{_WHO}} WHAT"
_ITSELF = "svc.startd"


class Table:
    """Lines of a table that is ``width`` columns wide if its contents allow; the header first.

    What one transaction changed in one entity, and what one request did to its state, stands
    below one line.
    """

    def __init__(self, now_s: float, width: int) -> None:
        self._now_s = now_s
        self._width = width
        self._has_header = False
        self._added: set[tuple[int, str]] = set()
        """Transactions with the services that they made."""

    def lines(self, entries: Sequence[Entry]) -> Iterator[str]:
        """The lines of these entries; those that only prepare another are left out."""
        for (when, who, fmri), same in groupby(filter(self._is_news, entries), self._head):
            if not self._has_header:
                self._has_header = True
                yield _HEADER
            head = f"{when:<{_WHEN}} {plain(who):<{_WHO}} {plain(fmri)}"
            told = [plain(_what(entry)) for entry in same]
            if len(told) == 1 and len(head) + 1 + len(told[0]) <= self._width:
                yield f"{head} {told[0]}".rstrip()
                continue
            yield head
            yield from (_INDENT + text for text in told)

    def _head(self, entry: Entry) -> tuple[str, str, str]:
        time_s = typed.number(entry, "time")
        form = "%b %e %H:%M:%S" if abs(self._now_s - time_s) < _YEAR_S else "%b %e %Y"
        details = typed.record(entry, typed.text(entry, "kind"))
        user, program = typed.text(details, "user"), typed.text(details, "program")
        who = f"{user} {program}".strip() if user and program != _ITSELF else _ITSELF
        return time.strftime(form, time.localtime(time_s)), who, typed.text(entry, "fmri")

    def _is_news(self, entry: Entry) -> bool:
        """Is it no part of what another entry tells?"""
        if entry["kind"] == "transition":
            return _is_reached(typed.record(entry, "transition"))
        change = typed.record(entry, "change")
        if change["op"] != "added":
            return True
        number, fmri = typed.integer(change, "transaction"), typed.text(entry, "fmri")
        self._added.add((number, fmri))
        return not is_instance(fmri) or (number, service_of(fmri)) not in self._added


def _is_reached(transition: Entry) -> bool:
    """Was a state reached, or did a method fail on the way to one?"""
    before, now = transition["state_from"], transition["state"]
    if before == now:
        failed = bool(typed.text(typed.record(transition, "reason"), "method"))
        return failed and transition["next_state"] == "none"
    return (before, now) != ("uninitialized", "offline")


def _what(entry: Entry) -> str:
    if entry["kind"] == "change":
        return _change(typed.record(entry, "change"))
    found = typed.record(entry, "transition")
    why = typed.text(typed.record(found, "reason"), "text")
    cause = typed.text(typed.record(found, "reason"), "cause")
    states = f"{typed.text(found, 'state_from')} -> {typed.text(found, 'state')}"
    return f"{states}: {why}" + (f" [{cause}]" if cause else "")


def _change(change: Entry) -> str:
    file = typed.text(change, "file")
    name = typed.text(change, "property")
    match typed.text(change, "op"):
        case "added":
            return f"imported from {file}" if file else "added"
        case "deleted":
            return "deleted"
        case "snapshot":
            return "refreshed" if name == "running" else f"snapshot {name} taken"
        case "reverted":
            return f"reverted to snapshot {name}"
        case "restored":
            return f"repository restored from {file}"
        case "group":
            return f"{_group(change)}{_origin(change)}"
        case _:
            return f"{typed.text(change, 'group')}/{name} {_values(change)}{_origin(change)}"


def _group(change: Entry) -> str:
    name, old, new = typed.text(change, "group"), change["old"], change["new"]
    if new is None:
        return f"{name} deleted"
    if old is None:
        return f"{name} added ({typed.text(new, 'type')})"
    return f"{name} {typed.text(old, 'type')} -> {typed.text(new, 'type')}"


def _values(change: Entry) -> str:
    old, new = change["old"], change["new"]
    if typed.boolean(change, "protected"):
        return "deleted" if new is None else f"{'added' if old is None else 'changed'} (protected)"
    typed_too = old is not None and new is not None and old["type"] != new["type"]
    if new is None:
        return f"deleted (was {_shown(old)})"
    if old is None:
        return f"= {_shown(new)}"
    return f"{_shown(old, typed_too)} -> {_shown(new, typed_too)}"


def _shown(value: Entry, typed_too: bool = False) -> str:
    texts = [
        f'"{text}"' if not text or " " in text else text for text in typed.texts(value, "values")
    ]
    shown = texts[0] if len(texts) == 1 else f"({' '.join(texts)})"
    return f"{typed.text(value, 'type')}: {shown}" if typed_too else shown


def _origin(change: Entry) -> str:
    """The layer, unless an administrator's command wrote what holds."""
    layer = typed.optional_text(change, "layer")
    holds = typed.boolean(change, "holds")
    if layer in (None, "admin") and holds:
        return ""
    return f" ({layer})" if holds else f" ({layer}; a higher layer holds)"
