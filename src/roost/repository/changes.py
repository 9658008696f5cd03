"""The rules for the entries of a transaction on one group (smf(7)). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roost.errors import AlreadyExists, InvalidName, InvalidValue, NotFound, TypeMismatch
from roost.fmri import MAX_NAME_BYTES, check_name
from roost.model.properties import Property, PropertyGroup, PropertyType, parse_value
from roost.repository.port import Change, ChangeOp

Edits = dict[str, Property | None]
"""New state by property name; None deletes."""


def edits_of(where: str, group: PropertyGroup, changes: Sequence[Change]) -> Edits:
    """Check ``changes`` against the group as it is; ``where`` is its FMRI, for messages.

    Raises the error of the first entry that breaks a rule. Entries that change nothing are
    left out of the result.
    """
    edits: Edits = {}
    seen: set[str] = set()
    for change in changes:
        what = f"{_VERBS[change.op]} {group.name}/{change.name} of {where}"
        if change.name in seen:
            raise InvalidValue(what, "the same transaction names the property twice")
        seen.add(change.name)
        present = group.properties.get(change.name)
        result = _apply(what, change, present)
        if result != present:
            edits[change.name] = result
    return edits


_VERBS = {
    ChangeOp.NEW: "add",
    ChangeOp.CHANGE: "change",
    ChangeOp.CHANGE_TYPE: "change the type of",
    ChangeOp.DELETE: "delete",
    ChangeOp.SET: "set",
}


def _apply(what: str, change: Change, present: Property | None) -> Property | None:
    if change.op is ChangeOp.NEW and present is not None:
        raise AlreadyExists(what, "there is such a property already")
    if change.op in (ChangeOp.CHANGE, ChangeOp.CHANGE_TYPE, ChangeOp.DELETE) and present is None:
        raise NotFound(what, "there is no such property")
    if change.op is ChangeOp.DELETE:
        return None
    check_name(change.name, "property")
    kind = _type_of(what, change, present)
    return Property(change.name, kind, tuple(parse_value(kind, text) for text in change.values))


def _type_of(what: str, change: Change, present: Property | None) -> PropertyType:
    if change.type is None:
        if change.op is not ChangeOp.SET:
            raise InvalidValue(what, "the entry has no type")
        if present is None:
            raise NotFound(what, "there is no such property, and a new one needs a type")
        return present.type
    keeps_type = change.op in (ChangeOp.CHANGE, ChangeOp.SET)
    if keeps_type and present is not None and present.type is not change.type:
        raise TypeMismatch(what, f"its type is {present.type.value}, not {change.type.value}")
    return change.type


def check_group_type(kind: str) -> str:
    """Return ``kind`` if it is a legal type of a property group, else raise InvalidName."""
    if re.fullmatch(r"[!-~]+", kind) and len(kind) <= MAX_NAME_BYTES:
        return kind
    why = f"a type is 1 to {MAX_NAME_BYTES} printable characters without a blank"
    raise InvalidName(f"use '{kind}' as the type of a property group", why)
