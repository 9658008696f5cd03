"""Handlers of io.roost.Repository for layers: who said what, and undoing what an admin said."""

from __future__ import annotations

from collections.abc import Mapping

from roost.api import typed
from roost.api.connection import Call
from roost.api.server import Handler
from roost.daemon.changes import announce
from roost.daemon.manager import Manager
from roost.daemon.manager_api import MODIFY
from roost.daemon.rights import require_right
from roost.repository.layers import LayerValue

Answer = Mapping[str, object]


class LayersApi:
    """Answers from the layers of the persistent groups; the non-persistent ones have none."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._repository = manager.repository

    def handlers(self) -> dict[str, Handler]:
        """The handlers by full method name."""
        ours: dict[str, Handler] = {
            "Layers": self._layers,
            "DropCustomizations": self._drop_customizations,
        }
        return {f"io.roost.Repository.{name}": handler for name, handler in ours.items()}

    def _layers(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "fmri")
        group = typed.optional_text(call.parameters, "group")
        values = self._repository.layer_values(fmri, group)
        return {"values": [_form(value) for value in values]}

    def _drop_customizations(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "fmri")
        require_right(call, MODIFY, f"drop customizations of {fmri}")
        with self._repository.transaction() as changed:
            dropped = self._repository.drop_customizations(
                fmri,
                typed.optional_text(call.parameters, "pattern"),
                masked_only=typed.boolean(call.parameters, "masked_only"),
            )
        announce(self._manager, changed)
        return {"dropped": [_form(value) for value in dropped]}


def _form(value: LayerValue) -> dict[str, object]:
    """Type LayerValue."""
    return {
        "group": value.group,
        "property": value.property,
        "layer": value.layer.label,
        "type": value.type,
        "values": list(value.values),
        "masked": value.masked,
        "file": value.file,
        "holds": value.holds,
    }
