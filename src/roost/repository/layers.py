"""What each layer says of a property group, and what follows from it. Pure.

Several layers may define one property: ``manifest`` (files that are imported) below the two
profile layers below ``admin`` (commands). What holds is what the highest layer says. An
administrator's deletion of something that a lower layer delivers is kept as a *mask*.

The admin layer holds a difference, never a copy: `settled` drops whatever the layers below
say already. So a value set back to the delivered one is no customisation any more and
follows the manifest again, as the three-way merge of SMF has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from roost.model.properties import Property, PropertyGroup, PropertyType


class Layer(IntEnum):
    """The layers, lowest first."""

    MANIFEST = 0
    SYSTEM_PROFILE = 1
    SITE_PROFILE = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """The layer's name for people and commands (``svcprop -l``)."""
        return self.name.lower().replace("_", "-")


_UPWARDS = tuple(Layer)
_DOWNWARDS = _UPWARDS[::-1]
PROFILE_LAYERS = (Layer.SYSTEM_PROFILE, Layer.SITE_PROFILE)


@dataclass(frozen=True, slots=True)
class Claim:
    """One layer says that a group exists; or, masked, that it does not."""

    type: str
    masked: bool = False
    file: str = ""
    """The file that says so; ``""`` for commands."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One layer's value of one property; or, masked, its absence."""

    type: PropertyType
    values: tuple[str, ...] = ()
    masked: bool = False
    file: str = ""

    def says(self, other: Cell | Property | None) -> bool:
        """Does it say the same type and values?"""
        return other is not None and self.type is other.type and self.values == other.values


Cells = Mapping[str, Cell]
NO_CELLS: Cells = {}


@dataclass(frozen=True, slots=True)
class LayerValue:
    """What one layer says of a property or, where ``property`` is ``""``, of its group."""

    group: str
    property: str
    layer: Layer
    type: str
    values: tuple[str, ...] = ()
    masked: bool = False
    file: str = ""
    holds: bool = False
    """It is what readers see; so a mask never holds."""


@dataclass(frozen=True, slots=True)
class LayeredGroup:
    """All that all layers say of one group. ``generation`` is the stored one."""

    name: str
    claims: Mapping[Layer, Claim] = field(default_factory=dict)
    cells: Mapping[Layer, Cells] = field(default_factory=dict)
    generation: int = field(default=0, compare=False)

    def layer(self, layer: Layer) -> Cells:
        """The cells of one layer by property name."""
        return self.cells.get(layer, NO_CELLS)


def claim_of(group: LayeredGroup, below: Layer | None = None) -> Claim | None:
    """The claim of the highest layer (of those ``below`` one), unless it is a mask."""
    for layer in _DOWNWARDS:
        if (below is None or layer < below) and layer in group.claims:
            claim = group.claims[layer]
            return None if claim.masked else claim
    return None


def cells_of(group: LayeredGroup, below: Layer | None = None) -> dict[str, Cell]:
    """The cells that hold (of the layers ``below`` one), without the masked ones.

    A layer that masks the group hides all that lower layers say of its properties.
    """
    found: dict[str, Cell] = {}
    for layer in _UPWARDS:
        if below is None or layer < below:
            if layer in group.claims and group.claims[layer].masked:
                found.clear()
            for name, cell in group.layer(layer).items():
                if cell.masked:
                    found.pop(name, None)
                else:
                    found[name] = cell
    return found


def effective(group: LayeredGroup | None) -> PropertyGroup | None:
    """The group as readers see it, properties sorted by name; None if absent or masked."""
    claim = claim_of(group) if group is not None else None
    if group is None or claim is None:
        return None
    properties = {
        name: Property(name, cell.type, cell.values)
        for name, cell in sorted(cells_of(group).items())
    }
    return PropertyGroup(group.name, claim.type, properties, True, group.generation)


def settled(group: LayeredGroup) -> LayeredGroup | None:
    """The same with an admin layer that only says what differs from below; None if empty."""
    below_claim = claim_of(group, Layer.ADMIN)
    below = cells_of(group, Layer.ADMIN)
    cells = {
        name: cell
        for name, cell in group.layer(Layer.ADMIN).items()
        if (name in below if cell.masked else not cell.says(below.get(name)))
    }
    claim = group.claims.get(Layer.ADMIN)
    if below_claim is None:
        if claim is not None and claim.masked:
            claim = None
        elif claim is None and any(not cell.masked for cell in cells.values()):
            raise AssertionError(f"{group.name}: values without a group")
    elif claim is not None and not claim.masked and claim.type == below_claim.type:
        claim = None
    if claim is not None and claim.masked:
        cells = {}
    result = put(group, Layer.ADMIN, claim, cells)
    return result if result.claims else None


def stated(group: LayeredGroup, layer: Layer, claim: Claim | None, cells: Cells) -> LayeredGroup:
    """The group once a layer below admin says something else; not settled.

    A profile adds to a group that a lower layer has, and does not change its type.
    """
    result = put(group, layer, claim, cells)
    claims = dict(result.claims)
    below: Claim | None = None
    for each in (Layer.MANIFEST, *PROFILE_LAYERS):
        if each in claims:
            if not claims[each].masked and below is not None and not below.masked:
                claims[each] = replace(claims[each], type=below.type)
            below = claims[each]
    return replace(result, claims=claims)


def outlived(before: LayeredGroup, after: LayeredGroup) -> LayeredGroup | None:
    """``after`` settled, with a group for what an administrator set in one that is now gone."""
    own = after.layer(Layer.ADMIN)
    present = claim_of(before)
    is_needed = claim_of(after) is None and any(not cell.masked for cell in own.values())
    if is_needed and present is not None:
        after = put(after, Layer.ADMIN, Claim(present.type), own)
    return settled(after)


def put(
    group: LayeredGroup, layer: Layer, claim: Claim | None, cells: Mapping[str, Cell]
) -> LayeredGroup:
    """The group with all that one layer says replaced; not settled."""
    claims = {other: c for other, c in group.claims.items() if other != layer}
    layers = {other: c for other, c in group.cells.items() if other != layer}
    if claim is not None:
        claims[layer] = claim
    if cells:
        layers[layer] = cells
    return replace(group, claims=claims, cells=layers)


def said(properties: Iterable[Property], file: str = "") -> dict[str, Cell]:
    """Cells of one layer from plain properties."""
    return {prop.name: Cell(prop.type, prop.values, file=file) for prop in properties}


def created(group: LayeredGroup | None, name: str, kind: str) -> LayeredGroup | None:
    """An administrator makes a group: empty, even where a masked one lies below."""
    base = group or LayeredGroup(name)
    masks = {
        prop: Cell(cell.type, masked=True) for prop, cell in cells_of(base, Layer.ADMIN).items()
    }
    return settled(put(base, Layer.ADMIN, Claim(kind), masks))


def deleted(group: LayeredGroup) -> LayeredGroup | None:
    """An administrator deletes a group."""
    claim = claim_of(group)
    return settled(put(group, Layer.ADMIN, Claim(claim.type if claim else "", masked=True), {}))


def edited(group: LayeredGroup, edits: Mapping[str, Property | None]) -> LayeredGroup:
    """An administrator sets properties, and deletes those that are None."""
    cells = dict(group.layer(Layer.ADMIN))
    present = cells_of(group)
    for name, prop in edits.items():
        if prop is not None:
            cells[name] = Cell(prop.type, prop.values)
        elif name in present:
            cells[name] = Cell(present[name].type, masked=True)
    result = settled(put(group, Layer.ADMIN, group.claims.get(Layer.ADMIN), cells))
    assert result is not None  # a group outlives its properties
    return result


def layer_values(group: LayeredGroup) -> list[LayerValue]:
    """All that all layers say: of the group, then by property, the lowest layer first."""
    seen = cells_of(group) if claim_of(group) is not None else NO_CELLS
    top = max(group.claims)
    found = [
        LayerValue(
            *(group.name, "", layer, claim.type, (), claim.masked, claim.file),
            holds=layer is top and not claim.masked,
        )
        for layer, claim in sorted(group.claims.items())
    ]
    by_name: dict[str, list[Layer]] = {}
    for layer in sorted(group.cells):
        for name in group.cells[layer]:
            by_name.setdefault(name, []).append(layer)
    for name, layers in sorted(by_name.items()):
        for layer in layers:
            cell = group.cells[layer][name]
            found.append(
                LayerValue(
                    *(group.name, name, layer, cell.type.value),
                    *(cell.values, cell.masked, cell.file),
                    holds=name in seen and layer is layers[-1],
                )
            )
    return found


def uncustomised(
    group: LayeredGroup, is_meant: Callable[[LayerValue], bool]
) -> tuple[LayeredGroup | None, list[LayerValue]]:
    """The group without what its admin layer says and ``is_meant`` wants gone; and what went.

    A group that only the admin layer has takes its properties with it.
    """
    said = [value for value in layer_values(group) if value.layer is Layer.ADMIN]
    gone = [value for value in said if is_meant(value)]
    claim = group.claims.get(Layer.ADMIN)
    if claim is not None and any(not value.property for value in gone):
        claim = None
        if claim_of(group, Layer.ADMIN) is None:
            gone = said
    names = {value.property for value in gone}
    cells = {name: c for name, c in group.layer(Layer.ADMIN).items() if name not in names}
    return settled(put(group, Layer.ADMIN, claim, cells)), gone
