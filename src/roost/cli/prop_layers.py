"""What svcprop -l shows: the values of each layer, with the file that each comes from.

Loaded only for ``-l``. An instance is composed over its service layer by layer, so that one
listing tells what each layer says of every property, and which of them holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from roost.api import typed
from roost.errors import UsageError
from roost.fmri import service_of

LAYERS = ("manifest", "system-profile", "site-profile", "admin")
"""Names of the layers, the lowest first."""
ALL = "all"
"""Stands for every layer."""
CURRENT = "current"
"""Stands for the one that holds, whichever that is."""
WORDS = (*LAYERS, ALL, CURRENT)
"""What ``-l`` takes."""


class Caller(Protocol):
    """What is needed of `roost.api.client.Client`."""

    def call(self, method: str, /, **parameters: object) -> dict[str, Any]:
        """Call a method; return the parameters of its reply."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one layer says of a property or, where ``name`` is "", of its group."""

    entity: str
    """The service or the instance of which it is said."""
    group: str
    name: str
    layer: str
    type: str
    values: tuple[str, ...]
    masked: bool
    file: str
    """The file that says so; "" for commands."""
    holds: bool
    protected: bool

    @classmethod
    def read(cls, entity: str, record: Mapping[str, Any]) -> Self:
        """From type ``LayerValue`` of io.roost.Repository."""
        return cls(
            entity,
            typed.text(record, "group"),
            typed.text(record, "property"),
            typed.text(record, "layer"),
            typed.text(record, "type"),
            tuple(typed.texts(record, "values")),
            typed.boolean(record, "masked"),
            typed.text(record, "file"),
            typed.boolean(record, "holds"),
            typed.boolean(record, "protected", default=False),
        )

    @property
    def subject(self) -> tuple[str, str]:
        """The group and the property of which it is said."""
        return self.group, self.name

    @property
    def is_seen(self) -> bool:
        """Do readers of the entity itself get this value?"""
        return self.holds and not self.masked


def wanted_layers(texts: Iterable[str]) -> frozenset[str]:
    """The words of ``-l``, which may have commas between them; `UsageError` for an unknown one."""
    words = [word for text in texts for word in text.split(",")]
    for word in words:
        if word not in WORDS:
            raise UsageError(f"show layer '{word}'", f"the layers are {', '.join(WORDS)}")
    return frozenset(words)


def said_by(said: Said, wanted: Collection[str]) -> bool:
    """Is it one of those that ``-l`` asks for?"""
    return ALL in wanted or said.layer in wanted or (CURRENT in wanted and said.is_seen)


def read_layers(caller: Caller, fmri: str, group: str | None, *, attached: bool) -> list[Said]:
    """All that all layers say of an entity, of one group only where ``group`` names it.

    Of an instance composed over its service, unless ``attached``. By group, then property, the
    lowest layer first; what a layer says of the group itself comes before its properties.
    """
    own = _of_entity(caller, fmri, group)
    service = service_of(fmri)
    if attached or service == fmri:
        return _in_order(own)
    return _in_order(composed(own, _of_entity(caller, service, group)))


def _of_entity(caller: Caller, fmri: str, group: str | None) -> list[Said]:
    reply = caller.call("Repository.Layers", fmri=fmri, group=group)
    return [Said.read(fmri, record) for record in typed.records(reply, "values")]


def composed(instance: Iterable[Said], service: Iterable[Said]) -> list[Said]:
    """The layers of an instance above the same layers of its service.

    Of each layer the instance's part is shown, except where the service's is what readers see:
    then the instance lacks the property, and what its layers say of it matters to nobody.
    """
    instance = list(instance)
    seen = {said.subject for said in instance if said.is_seen}
    below = [replace(said, holds=said.holds and said.subject not in seen) for said in service]
    shows = {said.subject for said in below if said.is_seen}
    above = [replace(said, holds=said.holds and said.subject not in shows) for said in instance]
    chosen = {(said.subject, said.layer): said for said in below}
    for said in above:
        place = said.subject, said.layer
        if place not in chosen or not chosen[place].is_seen:
            chosen[place] = said
    return list(chosen.values())


def _in_order(found: Iterable[Said]) -> list[Said]:
    return sorted(found, key=lambda said: (said.group, said.name, _rank(said.layer)))


def _rank(layer: str) -> int:
    """Where a layer stands; one that a later svc.startd has stands above all."""
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def group_types(found: Iterable[Said]) -> dict[str, str]:
    """The type of each group, as the highest layer that does not mask it says."""
    types: dict[str, str] = {}
    for said in found:
        if not said.name and (said.is_seen or said.group not in types):
            types[said.group] = said.type
    return types
