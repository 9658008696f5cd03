"""Handlers of io.roost.Repository for layers: who said what, and undoing what an admin said."""

from __future__ import annotations

from collections.abc import Sequence

from roost.api import typed
from roost.api.connection import Call
from roost.api.server import Answer, Handler, handlers_of
from roost.daemon.changes import announce
from roost.daemon.manager import Manager
from roost.model.properties import Property, PropertyGroup, make_group, property_type
from roost.model.protection import OPEN_TYPES
from roost.repository.layers import LayerValue


class LayersApi:
    """Answers from the layers of the persistent groups; the non-persistent ones have none."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._repository = manager.repository
        self._rights = manager.rights

    def handlers(self) -> dict[str, Handler]:
        """The handlers by full method name."""
        return handlers_of(
            "io.roost.Repository",
            Layers=self._layers,
            DropCustomizations=self._drop_customizations,
        )

    def _layers(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "fmri")
        group = typed.optional_text(call.parameters, "group")
        values = self._repository.layer_values(fmri, group)
        return {"values": self._forms(call, fmri, values)}

    def _drop_customizations(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "fmri")
        self._rights.require_modify(call, f"drop customizations of {fmri}", fmri)
        with self._repository.transaction() as changed:
            dropped = self._repository.drop_customizations(
                fmri,
                typed.optional_text(call.parameters, "pattern"),
                masked_only=typed.boolean(call.parameters, "masked_only"),
            )
        announce(self._manager, changed)
        return {"dropped": self._forms(call, fmri, dropped)}

    def _forms(self, call: Call, fmri: str, values: Sequence[LayerValue]) -> list[object]:
        """The wire forms, without the values that the caller may not see."""
        secrecy = {
            name: self._rights.secrecy(call, fmri, name, _as_group(name, values))
            for name in {value.group for value in values}
        }
        return [
            _form(value, hidden=value.property != "" and secrecy[value.group].hides(value.property))
            for value in values
        ]


def _as_group(name: str, values: Sequence[LayerValue]) -> PropertyGroup:
    """All that any layer says of a group, as one: a mask does not end its protection."""
    of_it = [value for value in values if value.group == name]
    kinds = [value.type for value in of_it if not value.property]
    kind = next((kind for kind in kinds if kind not in OPEN_TYPES), "".join(kinds[:1]))
    properties = [
        Property(value.property, property_type(value.type), value.values)
        for value in of_it
        if value.property and not value.masked
    ]
    return make_group(name, kind, properties)


def _form(value: LayerValue, *, hidden: bool) -> dict[str, object]:
    """Type LayerValue."""
    return {
        "group": value.group,
        "property": value.property,
        "layer": value.layer.label,
        "type": value.type,
        "values": [] if hidden else list(value.values),
        "masked": value.masked,
        "file": value.file,
        "holds": value.holds,
        "protected": hidden,
    }
