"""The record of imported files: their hashes, and which entities each of them supports.

Hashes are groups of the service ``svc:/smf/manifest``; support is a property in the group
``manifestfiles`` of the entity (service_bundle(5)). Works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection

from roost.model.properties import Property, PropertyGroup, PropertyType, parse_value
from roost.repository.bookkeeping import (
    HASH_SERVICE,
    MANIFEST_FILES,
    erased,
    file_key,
    origin_of,
    recorded,
    source_of,
)
from roost.repository.layers import Layer, LayeredGroup, effective
from roost.repository.store import Entity, EntityStore

_HASH, _FILE, _LAYER = "sha256", "manifestfile", "layer"


class FileRecords:
    """Reads and writes the record."""

    def __init__(self, store: EntityStore) -> None:
        self._store = store

    def hashes(self, layer: Layer | None = None) -> dict[str, str]:
        """SHA-256 (hex) of each imported file, by its path; of one layer, if asked for."""
        entity = self._store.find(HASH_SERVICE)
        groups = self._store.groups(entity).values() if entity is not None else ()
        return {
            group.value(_FILE): group.value(_HASH)
            for group in groups
            if group.has(_FILE) and group.has(_HASH)
            if layer is None or group.value(_LAYER, Layer.MANIFEST.label) == layer.label
        }

    def remember(self, file: str, digest: str, layer: Layer = Layer.MANIFEST) -> None:
        """Record the hash (SHA-256 in hex) of a file that says something in ``layer``."""
        entity = self._store.find(HASH_SERVICE)
        if entity is None:
            entity = self._store.add(HASH_SERVICE, file=origin_of(file))
        name, before = self._group_of(entity, file)
        properties = [
            Property(_HASH, PropertyType.OPAQUE, (parse_value(PropertyType.OPAQUE, digest),)),
            Property(_FILE, PropertyType.ASTRING, (file,)),
        ]
        if layer is not Layer.MANIFEST:
            properties.append(Property(_LAYER, PropertyType.ASTRING, (layer.label,)))
        after = recorded(before.get(name), name, properties, origin_of(file))
        self._store.save(entity, before, {name: after})

    def forget(self, file: str) -> bool:
        """Forget the hash of a file; False if there is none."""
        entity = self._store.find(HASH_SERVICE)
        if entity is None:
            return False
        name, before = self._group_of(entity, file)
        if effective(before.get(name)) is None:
            return False
        self._store.save(entity, before, {name: None})
        return True

    def _group_of(self, entity: Entity, file: str) -> tuple[str, dict[str, LayeredGroup]]:
        """The name of the group for a file, and the group; another where another file has it."""
        name = file_key(file, {})
        found = self._store.load(entity, name)
        holder = effective(found.get(name))
        if holder is None or holder.value(_FILE) == file:
            return name, found
        name = file_key(file, {name: holder.value(_FILE)})
        return name, self._store.load(entity, name)

    def supporting(self, group: LayeredGroup | None, file: str) -> LayeredGroup | None:
        """The group ``manifestfiles`` of an entity that the file supports."""
        seen = effective(group)
        key = file_key(file, _paths(seen))
        entry = Property(key, PropertyType.ASTRING, (file,))
        return recorded(group, MANIFEST_FILES, [entry], origin_of(file))

    def withdraw(self, file: str, keeping: Collection[str] = ()) -> None:
        """The file supports nothing any more but the entities in ``keeping``."""
        key = file_key(file, {})
        names = (key, file_key(file, {key: ""}))
        for entity in self._store.with_property(MANIFEST_FILES, *names):
            if entity.fmri in keeping:
                continue
            before = self._store.load(entity, MANIFEST_FILES)
            group = before[MANIFEST_FILES]
            paths = _paths(effective(group))
            entries = [name for name in names if paths.get(name) == file]
            if entries:
                self._store.save(entity, before, {MANIFEST_FILES: erased(group, entries)})

    def unsupported(self) -> list[str]:
        """What files once supported and none does: instances, and services that have neither
        instances nor a dependency that another service put there.
        """
        found = []
        for entity in self._store.with_empty_group(MANIFEST_FILES):
            if entity.service is None and (
                self._store.instances(entity)
                or any(source_of(group) for group in self._store.load(entity).values())
            ):
                continue
            found.append(entity.fmri)
        return found


def _paths(group: PropertyGroup | None) -> dict[str, str]:
    """The files in a group ``manifestfiles`` by the names of their properties."""
    if group is None:
        return {}
    return {prop.name: prop.values[0] for prop in group.properties.values() if prop.values}
