"""What changed between two readings of one group, for people: the entries of the change log.

Pure. A difference is told as readers see it (what held, what holds now); where they see none,
as the layer says it.
"""

from __future__ import annotations

from dataclasses import dataclass

from roost.model import protection
from roost.repository.layers import Cell, Claim, Layer, LayeredGroup, cells_of, claim_of


@dataclass(frozen=True, slots=True)
class Said:
    """A type and values; of a group, its type alone."""

    type: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One property, or ("" as ``property``) the group itself; None where it is not there."""

    property: str
    layer: Layer
    old: Said | None
    new: Said | None
    holds: bool
    """Do readers see it? If not, a higher layer says what holds, and said so before."""
    file: str
    """The file that says so now; "" for commands."""


_NOTHING = LayeredGroup("")


def is_protected(group: LayeredGroup | None) -> bool:
    """Has the group a read authorization in any layer, whether or not that one holds?"""
    return group is not None and any(protection.READ in cells for cells in group.cells.values())


def differences(old: LayeredGroup | None, new: LayeredGroup | None) -> list[Difference]:
    """The group first, then its properties by name.

    A group that a file newly brings is one difference: the file has the values.
    """
    before, after = old or _NOTHING, new or _NOTHING
    found = _of_claims(before, after)
    is_delivered = not before.claims and Layer.ADMIN not in {*after.claims, *after.cells}
    if is_delivered and any(claim.file for claim in after.claims.values()):
        return found
    names = {name for group in (before, after) for cells in group.cells.values() for name in cells}
    held = cells_of(before) if claim_of(before) else {}
    holds = cells_of(after) if claim_of(after) else {}
    for name in sorted(names):
        found += _of_property(name, before, after, held.get(name), holds.get(name))
    return found


def _of_claims(before: LayeredGroup, after: LayeredGroup) -> list[Difference]:
    changed = [
        layer
        for layer in Layer
        if _type(before.claims.get(layer)) != _type(after.claims.get(layer))
    ]
    if not changed:
        return []
    old, new = _group(claim_of(before)), _group(claim_of(after))
    if old != new:
        return [Difference("", changed[-1], old, new, True, _file(after.claims.get(changed[-1])))]
    found = []
    for layer in changed:
        was, now = _group(before.claims.get(layer)), _group(after.claims.get(layer))
        # One more layer that has the group, of the type that holds, changes nothing for anybody.
        holding = (new.type, False) if new is not None else None
        if not {_type(before.claims.get(layer)), _type(after.claims.get(layer))} <= {None, holding}:
            found.append(Difference("", layer, was, now, False, _file(after.claims.get(layer))))
    return found


def _of_property(
    name: str, before: LayeredGroup, after: LayeredGroup, held: Cell | None, holds: Cell | None
) -> list[Difference]:
    cells = {
        layer: (before.layer(layer).get(name), after.layer(layer).get(name)) for layer in Layer
    }
    changed = [layer for layer, (old, new) in cells.items() if _content(old) != _content(new)]
    if not changed:
        return []
    if _said(held) != _said(holds):
        top = changed[-1]
        return [Difference(name, top, _said(held), _said(holds), True, _file(cells[top][1]))]
    return [
        Difference(name, layer, _said(old), _said(new), False, _file(new))
        for layer, (old, new) in cells.items()
        if layer in changed
    ]


def _type(claim: Claim | None) -> tuple[str, bool] | None:
    return (claim.type, claim.masked) if claim is not None else None


def _content(cell: Cell | None) -> tuple[object, ...] | None:
    return (cell.type, cell.values, cell.masked) if cell is not None else None


def _group(claim: Claim | None) -> Said | None:
    return Said(claim.type) if claim is not None and not claim.masked else None


def _said(cell: Cell | None) -> Said | None:
    return Said(cell.type.value, cell.values) if cell is not None and not cell.masked else None


def _file(said: Claim | Cell | None) -> str:
    return said.file if said is not None else ""
