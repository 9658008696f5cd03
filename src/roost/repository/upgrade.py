"""Replacing what the manifest layer says of one entity: the upgrade table. Pure.

OLD is the manifest layer as it is, NEW what the manifest says now, CUR what holds. The new
manifest layer goes below an administrator's values, which stay; where the table calls that a
conflict, a line says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from roost.model.properties import PropertyGroup
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
    outlived,
    put,
    said,
    settled,
    stated,
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
            group = profiled(group)
        if group is not None and name in says.deleted and not _is_protected(name, says):
            group = profiled(group)
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
    own = dict(group.layer(Layer.ADMIN))
    hidden = _is_secret(group, new, says)
    left_open = {prop.name for prop in new.properties.values() if hidden and not prop.values}
    if says.prevails:
        admin = None
        own = {
            name: cell
            for name, cell in own.items()
            if name not in new.properties or name in left_open
        }
    elif admin is not None and old_claim is None and admin.type != new.type and not admin.masked:
        messages.append(
            f"kept yours: {says.fmri} {group.name} has type {admin.type} (manifest now says"
            f" {new.type}); the manifest's group is left out"
        )
        return group
    cells = said(new.properties.values(), says.file)
    _protect(group, cells, says)
    overridden = {name for pg, name in says.overrides if pg == group.name and name in cells}
    told = {name for pg, name in says.protected if pg == group.name}
    for name in sorted(left_open):
        is_lost = says.prevails or name in overridden or name not in own
        label = f"{says.fmri} {group.name}/{name}"
        if _leave_open(label, group, cells, messages, is_lost=is_lost):
            told.add(name)
    overridden -= left_open
    claim = Claim(new.type, file=says.file)
    if not group.claims:
        return put(group, Layer.MANIFEST, claim, cells)
    if admin is not None and admin.masked and overridden:
        # The override brings back its own properties of the deleted group, no others.
        admin, own = None, {name: Cell(c.type, masked=True) for name, c in cells.items()}
    for name in overridden:
        if (group.name, name) not in says.protected:
            own.pop(name, None)
    after = stated(put(group, Layer.ADMIN, admin, own), Layer.MANIFEST, claim, cells)
    messages += kept_yours(says.fmri, group, after, Layer.MANIFEST, told, hidden=hidden)
    return outlived(group, after)


def _withdrawn(group: LayeredGroup, says: Statement, messages: list[str]) -> LayeredGroup | None:
    """The manifest no longer has the group (or never had it)."""
    claim = group.claims.get(Layer.MANIFEST)
    if claim is None:
        return settled(group)
    kept: dict[str, Cell] = {}
    _protect(group, kept, says)
    after = stated(group, Layer.MANIFEST, claim if kept else None, kept)
    spared = {name for pg, name in says.protected if pg == group.name}
    hidden = _is_secret(group, None, says)
    messages += kept_yours(says.fmri, group, after, Layer.MANIFEST, spared, hidden=hidden)
    return outlived(group, after)


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


def kept_yours(
    fmri: str,
    before: LayeredGroup,
    after: LayeredGroup,
    layer: Layer,
    spared: Collection[str] = (),
    *,
    hidden: bool,
) -> list[str]:
    """The lines for what an administrator set or deleted where ``layer`` now says otherwise.

    ``after`` need not be settled. ``spared`` are properties that get no line; ``hidden``: the
    lines tell no values.
    """
    if Layer.ADMIN not in after.claims and Layer.ADMIN not in after.cells:
        return []
    old, new = cells_of(before, Layer.ADMIN), cells_of(after, Layer.ADMIN)
    was, now = claim_of(before, Layer.ADMIN), claim_of(after, Layer.ADMIN)
    admin = after.claims.get(Layer.ADMIN)
    label = f"kept yours: {fmri} {after.name}"
    claim = after.claims.get(layer) or before.claims.get(layer)
    file = claim.file if claim is not None else ""
    if admin is not None and admin.masked:
        if now is None or (was is not None and was.type == now.type and _same(old, new)):
            return []
        return [f"{label} deleted ({_name(layer, file, 'the ')} has changed it)"]
    lines = []
    if admin is not None and now is not None:
        type_before = was.type if was is not None else admin.type
        if now.type not in (type_before, admin.type):
            lines.append(
                f"{label} has type {admin.type} ({_name(layer, file)} now says {now.type})"
            )
    for name, mine in sorted(after.layer(Layer.ADMIN).items()):
        was_said, is_said = old.get(name), new.get(name)
        if name in spared or was_said is is_said or mine.says(is_said):
            continue
        if was_said is not None and was_said.says(is_said):
            continue
        if ending := _ending(before, after, layer, name, hidden=hidden):
            lines.append(f"{label}/{name} {ending}")
    return lines


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


def _ending(
    before: LayeredGroup, after: LayeredGroup, layer: Layer, name: str, *, hidden: bool
) -> str:
    """The end of the line for a property of which the layer now says something else."""
    mine, said = after.layer(Layer.ADMIN)[name], after.layer(layer).get(name)
    if said is not None:
        typed = mine.type is not said.type and not mine.masked
        now = shown(said, typed=typed, hidden=hidden)
        yours = "deleted" if mine.masked else f"= {shown(mine, typed=typed, hidden=hidden)}"
        return f"{yours} ({_name(layer, said.file)} now says {now})"
    if mine.masked:
        return ""
    yours = shown(mine, hidden=hidden)
    claim, was = after.claims.get(layer), before.layer(layer).get(name)
    if claim is not None and claim.masked:
        return f"= {yours} ({claim.file} deletes the group)"
    file = was.file if was is not None else ""
    return f"= {yours} ({_name(layer, file, 'the ')} no longer has it)"


def _name(layer: Layer, file: str, article: str = "") -> str:
    return f"{article}manifest" if layer is Layer.MANIFEST else file


def _same(old: Mapping[str, Cell], new: Mapping[str, Cell]) -> bool:
    return old.keys() == new.keys() and all(cell.says(new[name]) for name, cell in old.items())


def shown(prop: Cell, *, typed: bool = False, hidden: bool = False) -> str:
    """A value in messages."""
    values = prop.values[0] if len(prop.values) == 1 else f"({' '.join(prop.values)})"
    values = WITHHELD if hidden else values
    return f"{prop.type.value}: {values}" if typed else values


def _is_secret(group: LayeredGroup, new: PropertyGroup | None, says: Statement) -> bool:
    """Are the values of the group protected, by what was said of it or is said now?"""
    if group.name in says.secret or is_protected(new):
        return True
    return was_protected(group) and is_protected(effective(group))


def profiled(group: LayeredGroup) -> LayeredGroup:
    """The group with only what profiles say of it."""
    return put(put(group, Layer.MANIFEST, None, {}), Layer.ADMIN, None, {})


def customisations(group: LayeredGroup) -> list[str]:
    """What an administrator set in a group, as ``NAME = VALUE``, sorted."""
    return [
        f"{name} = {shown(cell)}"
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
