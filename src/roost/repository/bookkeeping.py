"""The groups that roost itself keeps about files and dependents (service_bundle(5)). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from roost.fmri import MAX_NAME_BYTES
from roost.model.bundle import Dependent
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from roost.repository.layers import (
    Cell,
    Claim,
    Layer,
    LayeredGroup,
    claim_of,
    put,
    settled,
)

DEPENDENTS = "dependents"
"""On a source entity: one fmri property for each dependent, its value the target."""
MANIFEST_FILES = "manifestfiles"
"""On each entity: one property for each file that supports it."""
HASH_SERVICE = "svc:/smf/manifest"
"""Its groups hold the hash of each imported file."""
FRAMEWORK = "framework"
DEPENDENCY = "dependency"
OWN_GROUPS = frozenset({DEPENDENTS, MANIFEST_FILES})
"""Groups that no manifest may define and that no export shows."""

_EXTERNAL = "external"
_ENTITIES = "entities"
_STANDARD = frozenset({_ENTITIES, _EXTERNAL, "grouping", "restart_on", "type"})


def file_key(path: str, taken: Mapping[str, str]) -> str:
    """The name under which a file is recorded (service_bundle(5)).

    ``taken`` is the files by the names in use; two paths that give one name are told apart.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "_", path.removeprefix("/"))
    if not re.match(r"[A-Za-z]", name):
        name = "A" + name[1:]
    if len(name) > MAX_NAME_BYTES:
        half = (MAX_NAME_BYTES - 2) // 2
        name = f"{name[: MAX_NAME_BYTES - 2 - half]}__{name[-half:]}"
    if taken.get(name, path) == path:
        return name
    mark = sha256(path.encode(errors="surrogateescape")).hexdigest()[:12]
    return f"{name[: MAX_NAME_BYTES - 13]}_{mark}"


def origin_of(path: str) -> str:
    """A file's path as layers note it: SQLite takes no surrogates in text."""
    return path.encode(errors="backslashreplace").decode()


def recorded(
    group: LayeredGroup | None, name: str, properties: Iterable[Property], file: str = ""
) -> LayeredGroup | None:
    """The framework group with ``properties`` set, whatever an administrator did to them."""
    base = group if group is not None and claim_of(group) else LayeredGroup(name)
    cells = dict(base.layer(Layer.MANIFEST))
    own = dict(base.layer(Layer.ADMIN))
    for prop in properties:
        cells[prop.name] = Cell(prop.type, prop.values, file=file)
        own.pop(prop.name, None)
    claim = base.claims.get(Layer.MANIFEST) or Claim(FRAMEWORK, file=file)
    below = put(base, Layer.MANIFEST, claim, cells)
    return settled(put(below, Layer.ADMIN, base.claims.get(Layer.ADMIN), own))


def erased(group: LayeredGroup, names: Iterable[str]) -> LayeredGroup:
    """The group without the properties ``names`` in any layer."""
    gone = frozenset(names)
    cells = {
        layer: {name: cell for name, cell in of_layer.items() if name not in gone}
        for layer, of_layer in group.cells.items()
        if not gone.issuperset(of_layer)
    }
    return LayeredGroup(group.name, group.claims, cells, group.generation)


def external_group(source: str, dependent: Dependent) -> PropertyGroup:
    """The dependency group that a dependent of ``source`` puts into its target."""
    astring = PropertyType.ASTRING
    return make_group(
        dependent.name,
        DEPENDENCY,
        (
            *dependent.properties,
            Property(_ENTITIES, PropertyType.FMRI, (source,)),
            Property(_EXTERNAL, PropertyType.BOOLEAN, ("true",)),
            Property("grouping", astring, (dependent.grouping,)),
            Property("restart_on", astring, (dependent.restart_on,)),
            Property("type", astring, ("service",)),
        ),
    )


def dependent_of(group: PropertyGroup, target: str) -> Dependent:
    """The dependent that `external_group` made ``group`` of; ``target`` as written."""
    return Dependent(
        group.name,
        group.value("grouping"),
        group.value("restart_on"),
        target,
        properties=tuple(p for p in group.properties.values() if p.name not in _STANDARD),
    )


def source_of(group: LayeredGroup) -> str | None:
    """The entity whose dependent put the group here; None if it is the entity's own.

    Read below the admin layer, so that no edit can change whose group it is.
    """
    cells = group.layer(Layer.MANIFEST)
    external, entities = cells.get(_EXTERNAL), cells.get(_ENTITIES)
    if external is None or external.values != ("true",) or entities is None:
        return None
    return entities.values[0] if len(entities.values) == 1 else None


def is_of_others(group: LayeredGroup) -> bool:
    """Does neither a manifest of the entity itself nor an administrator say it is there?"""
    return source_of(group) is not None or not group.claims.keys() & {Layer.MANIFEST, Layer.ADMIN}


def is_external(group: PropertyGroup) -> bool:
    """Does it belong to another entity's manifest?"""
    return group.type == DEPENDENCY and group.value(_EXTERNAL) == "true"
