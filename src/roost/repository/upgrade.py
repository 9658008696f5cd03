"""Replacing what the manifest layer says of one entity: the upgrade table. Pure.

OLD is the manifest layer as it is, NEW what the manifest says now, CUR what holds. The new
manifest layer goes below an administrator's values, which stay; where the table calls that a
conflict, a line says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from roost.model.properties import Property, PropertyGroup
from roost.model.protection import WITHHELD, is_protected
from roost.repository.bookkeeping import OWN_GROUPS, source_of
from roost.repository.differences import is_protected as was_protected
from roost.repository.layers import (
    Cell,
    Claim,
    Layer,
    LayeredGroup,
    cells_of,
    claim_of,
    effective,
    put,
    said,
    settled,
)

PROTECTED = frozenset({("general", "enabled"), ("general", "restarter")})
"""What an import never changes on an instance that has it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a manifest says of one entity."""

    fmri: str
    groups: Mapping[str, PropertyGroup] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()
    overrides: frozenset[tuple[str, str]] = frozenset()
    file: str = ""
    protected: frozenset[tuple[str, str]] = frozenset()
    prevails: bool = False
    """The manifest wins over everything (a service that was never imported before)."""
    secret: frozenset[str] = frozenset()
    """Groups that are protected although nothing here says so: the service's are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Groups to save (None: delete), and the lines of the report."""

    groups: dict[str, LayeredGroup | None]
    messages: list[str]


def replaced_manifest(current: Mapping[str, LayeredGroup], says: Statement) -> Outcome:
    """The entity's groups after the import."""
    outcome = Outcome({}, [])
    for name in sorted(current.keys() | says.groups.keys() | says.deleted):
        if name in OWN_GROUPS:
            continue
        group, new = current.get(name), says.groups.get(name)
        if group is not None and source_of(group) is not None:
            if new is None:
                continue  # another entity's dependent
            outcome.messages.append(
                f"replaced: {says.fmri} {name}, a dependency that {source_of(group)} had put there"
            )
            group = LayeredGroup(name, generation=group.generation)
        if group is not None and name in says.deleted and not _is_protected(name, says):
            group = put(put(group, Layer.MANIFEST, None, {}), Layer.ADMIN, None, {})
        if new is not None:
            result = _upgraded(group or LayeredGroup(name), new, says, outcome.messages)
        elif group is not None:
            result = _withdrawn(group, says, outcome.messages)
        else:
            continue
        outcome.groups[name] = result
    return outcome


def _upgraded(
    group: LayeredGroup, new: PropertyGroup, says: Statement, messages: list[str]
) -> LayeredGroup | None:
    admin, old_claim = group.claims.get(Layer.ADMIN), group.claims.get(Layer.MANIFEST)
    own, old = dict(group.layer(Layer.ADMIN)), group.layer(Layer.MANIFEST)
    label = f"{says.fmri} {group.name}"
    present = claim_of(group)
    hidden = _is_secret(group, new, says)
    left_open = {prop.name for prop in new.properties.values() if hidden and not prop.values}
    if says.prevails:
        admin = None
        own = {
            name: cell
            for name, cell in own.items()
            if name not in new.properties or name in left_open
        }
    elif present is not None and old_claim is None and present.type != new.type:
        messages.append(
            f"kept yours: {label} has type {present.type} (manifest now says {new.type});"
            " the manifest's group is left out"
        )
        return group
    cells = said(new.properties.values(), says.file)
    _protect(group, cells, says)
    overridden = {name for pg, name in says.overrides if pg == group.name and name in cells}
    told = {name for pg, name in says.protected if pg == group.name}
    for name in sorted(left_open):
        is_lost = says.prevails or name in overridden or name not in own
        if _leave_open(f"{label}/{name}", group, cells, messages, is_lost=is_lost):
            told.add(name)
    overridden -= left_open
    if admin is not None and admin.masked:
        if overridden:
            # The override brings back its own properties of the deleted group, no others.
            admin, own = None, {name: Cell(c.type, masked=True) for name, c in cells.items()}
        elif old_claim is None or old_claim.type != new.type or not _same(old, new):
            messages.append(f"kept yours: {label} deleted (the manifest has changed it)")
    elif (
        admin is not None and old_claim is not None and new.type not in (old_claim.type, admin.type)
    ):
        messages.append(f"kept yours: {label} has type {admin.type} (manifest now says {new.type})")
    for name in overridden:
        if (group.name, name) not in says.protected:
            own.pop(name, None)
    for name, cell in sorted(own.items()):
        if name not in told:
            new_prop = new.properties.get(name)
            _warn(f"{label}/{name}", old.get(name), new_prop, cell, messages, hidden=hidden)
    below = put(group, Layer.MANIFEST, Claim(new.type, file=says.file), cells)
    return settled(put(below, Layer.ADMIN, admin, own))


def _withdrawn(group: LayeredGroup, says: Statement, messages: list[str]) -> LayeredGroup | None:
    """The manifest no longer has the group (or never had it)."""
    old, claim = group.layer(Layer.MANIFEST), group.claims.get(Layer.MANIFEST)
    if claim is None:
        return settled(group)
    kept: dict[str, Cell] = {}
    _protect(group, kept, says)
    own, hidden = group.layer(Layer.ADMIN), _is_secret(group, None, says)
    for name, cell in sorted(own.items()):
        if (group.name, name) not in says.protected:
            label = f"{says.fmri} {group.name}/{name}"
            _warn(label, old.get(name), None, cell, messages, hidden=hidden)
    below = put(group, Layer.MANIFEST, claim if kept else None, kept)
    if not kept and any(not cell.masked for cell in own.values()):
        # What the administrator set outlives the group that it was set in.
        present = effective(group)
        kind = present.type if present is not None else claim.type
        admin: Claim | None = Claim(kind)
        return settled(put(below, Layer.ADMIN, admin, own))
    return settled(below)


def _is_protected(name: str, says: Statement) -> bool:
    return any(pg == name for pg, _ in says.protected)


def _protect(group: LayeredGroup, cells: dict[str, Cell], says: Statement) -> None:
    """Leave the protected properties in the manifest layer's ``cells`` as they are now."""
    old, own = group.layer(Layer.MANIFEST), group.layer(Layer.ADMIN)
    for pg, name in says.protected:
        if pg == group.name:
            if name in old:
                cells[name] = old[name]
            elif name in own:
                cells.pop(name, None)


def _same(old: Mapping[str, Cell], new: PropertyGroup) -> bool:
    return old.keys() == new.properties.keys() and all(
        cell.says(new.properties[name]) for name, cell in old.items()
    )


def _leave_open(
    label: str,
    group: LayeredGroup,
    cells: dict[str, Cell],
    messages: list[str],
    *,
    is_lost: bool,
) -> bool:
    """A protected property without values, as an export leaves it: the manifest does not have
    the values, which does not mean that there shall be none. What is there stays;
    ``is_lost``: but for this it would go, which is worth a line. Returns whether one was added.
    """
    count, name = len(messages), label.rpartition("/")[2]
    old, present = group.layer(Layer.MANIFEST).get(name), cells_of(group).get(name)
    if present is None:
        messages.append(f"needs a value: {label} (protected: the manifest has none)")
    elif present.values and is_lost:
        messages.append(f"kept: {label} (protected: the manifest has no value)")
    if old is not None and old.type is cells[name].type:
        cells[name] = old
    return len(messages) > count


def _warn(
    label: str,
    old: Cell | None,
    new: Property | None,
    mine: Cell,
    messages: list[str],
    *,
    hidden: bool,
) -> None:
    """Add the line, if one is due, for a property that the administrator set or deleted."""
    if old is not None and new is not None and old.says(new):
        return
    typed = new is not None and mine.type is not new.type and not mine.masked
    says = _shown(new, typed=typed, hidden=hidden) if new is not None else ""
    if mine.masked:
        if new is not None:
            messages.append(f"kept yours: {label} deleted (manifest now says {says})")
        return
    yours = _shown(mine, typed=typed, hidden=hidden)
    if new is None:
        if old is not None:
            messages.append(f"kept yours: {label} = {yours} (the manifest no longer has it)")
    elif not mine.says(new):
        messages.append(f"kept yours: {label} = {yours} (manifest now says {says})")


def _shown(prop: Cell | Property, *, typed: bool = False, hidden: bool = False) -> str:
    values = prop.values[0] if len(prop.values) == 1 else f"({' '.join(prop.values)})"
    values = WITHHELD if hidden else values
    return f"{prop.type.value}: {values}" if typed else values


def _is_secret(group: LayeredGroup, new: PropertyGroup | None, says: Statement) -> bool:
    """Are the values of the group protected, by what was said of it or is said now?"""
    if group.name in says.secret or is_protected(new):
        return True
    return was_protected(group) and is_protected(effective(group))


def customisations(group: LayeredGroup) -> list[str]:
    """What an administrator set in a group, as ``NAME = VALUE``, sorted."""
    return [
        f"{name} = {_shown(cell)}"
        for name, cell in sorted(group.layer(Layer.ADMIN).items())
        if not cell.masked
    ]


def replaced_group(
    group: LayeredGroup, new: PropertyGroup, says: Statement
) -> tuple[LayeredGroup | None, list[str]]:
    """`replaced_manifest` for a single group, whoever it belongs to."""
    messages: list[str] = []
    return _upgraded(group, new, says, messages), messages


def manifest_groups(current: Mapping[str, LayeredGroup]) -> dict[str, PropertyGroup]:
    """What the manifest layer says of an entity, without bookkeeping and others' dependents."""
    found: dict[str, PropertyGroup] = {}
    for name, group in sorted(current.items()):
        if name in OWN_GROUPS or source_of(group) is not None:
            continue
        if Layer.MANIFEST in group.claims:
            layer = replace(
                group,
                claims={Layer.MANIFEST: group.claims[Layer.MANIFEST]},
                cells={Layer.MANIFEST: cells_of(group, Layer.SYSTEM_PROFILE)},
            )
            seen = effective(layer)
            if seen is not None:
                found[name] = seen
    return found
