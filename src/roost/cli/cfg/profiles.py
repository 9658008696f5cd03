"""Subcommand apply: what profiles say.

A profile's values override what is there; what it names and the machine lacks is passed over
(service_bundle(5)). Each group is one transaction, and only what differs is written.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence

from roost import trees
from roost.cli.cfg.bundles import read
from roost.cli.cfg.entities import refresh
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.sources import Fates, known_files, make_layer
from roost.cli.cfg.store import Change
from roost.errors import InvalidValue, ManifestError
from roost.fmri import is_instance
from roost.layout import Layout
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import (
    Property,
    PropertyGroup,
    PropertyType,
    make_group,
    parse_value,
)
from roost.model.protection import WITHHELD, is_protected

_GENERAL, _FRAMEWORK, _ENABLED = "general", "framework", "enabled"

EntityBundle = ServiceBundle | InstanceBundle


def _apply(session: Session, call: Call) -> None:
    # All files are read before the first is applied: a bad one must not leave half a set.
    profiles = [
        (path, read(session, path, BundleType.PROFILE, act="apply"))
        for path in trees.bundles_at(call.operands)
    ]
    for path, bundle in profiles:
        _check(path, bundle)
    if "-n" in call.options:
        return
    standard = dict.fromkeys(path for path, _ in profiles if _standard_layer(session, path))
    for path in standard:
        session.note(
            f"{path} lies in a standard place: what it says goes to the layer "
            f"{_standard_layer(session, path)}, as by 'svcadm restart manifest-import'"
        )
    _make_layers(session, {layer for path in standard if (layer := _standard_layer(session, path))})
    apply_profiles(session, [one for one in profiles if one[0] not in standard])


def _standard_layer(session: Session, path: str) -> str | None:
    """The layer that the file is a standard profile of; those of another root are not ours."""
    if session.is_elsewhere:
        return None
    return trees.layer_of_profile(Layout(session.root), os.path.abspath(path))


def _make_layers(session: Session, layers: Collection[str]) -> None:
    known = known_files(session) if layers else {}
    for layer in trees.PROFILE_LAYERS:
        if layer in layers:
            make_layer(session, layer, known, Fates(session))


def _check(path: str, bundle: Bundle) -> None:
    for service in bundle.services:
        for fmri, entity in _entities(service):
            if entity.dependents:
                name = entity.dependents[0].name
                raise ManifestError(
                    f"apply {path}", f"{fmri} has the dependent '{name}'; a profile has none"
                )


def apply_profiles(session: Session, profiles: Sequence[tuple[str, Bundle]]) -> list[str]:
    """Make what exists as the profiles (path and bundle) say; returns the instances refreshed."""
    changed: list[str] = []
    for path, bundle in profiles:
        _check(path, bundle)
        for service in bundle.services:
            for fmri, entity in _entities(service):
                if fmri not in session.store.find(fmri):
                    session.remark(f"{fmri} of {path} does not exist; passed over.")
                elif _apply_entity(session, fmri, entity):
                    session.remark(f"{fmri} changed by {path}.")
                    changed.append(fmri)
    instances = _instances(session, changed)
    refresh(session, instances)
    return instances


def _entities(service: ServiceBundle) -> Iterator[tuple[str, EntityBundle]]:
    fmri = f"svc:/{service.name}"
    yield fmri, service
    for instance in service.instances:
        yield f"{fmri}:{instance.name}", instance


def _instances(session: Session, fmris: Iterable[str]) -> list[str]:
    """The instances among the entities, and those of the services among them, each once."""
    found: dict[str, None] = {}
    for fmri in fmris:
        found |= dict.fromkeys([fmri] if is_instance(fmri) else session.store.instances(fmri))
    return list(found)


def _apply_entity(session: Session, fmri: str, entity: EntityBundle) -> bool:
    """Make an entity what the profile says; returns whether anything was to change."""
    changed = False
    for name in entity.deleted_groups:
        if name in session.store.groups(fmri, group=name):
            session.store.call("Repository.DeleteGroup", fmri=fmri, name=name)
            changed = True
    groups = list(entity.groups)
    if isinstance(entity, InstanceBundle) and entity.enabled is not None:
        value = "true" if entity.enabled else "false"
        enabled = Property(_ENABLED, PropertyType.BOOLEAN, (value,))
        groups.append(make_group(_GENERAL, _FRAMEWORK, [enabled]))
    for group in groups:
        changed |= _apply_group(session, fmri, group, entity.untyped)
    return changed


def _apply_group(
    session: Session, fmri: str, wanted: PropertyGroup, untyped: frozenset[tuple[str, str]]
) -> bool:
    made = wanted.name not in session.store.groups(fmri, group=wanted.name)
    if made:
        session.store.call(
            "Repository.AddGroup",
            fmri=fmri,
            name=wanted.name,
            type=wanted.type or "application",
            persistent=True,
        )
    changed = made

    def edit(present: PropertyGroup) -> Sequence[Change]:
        nonlocal changed
        changes = [
            change
            for prop in wanted.properties.values()
            for change in _differences(
                present, prop, is_untyped=(wanted.name, prop.name) in untyped
            )
        ]
        changed = made or bool(changes)
        return changes

    session.store.change(fmri, wanted.name, edit)
    return changed


def _differences(present: PropertyGroup, prop: Property, *, is_untyped: bool) -> list[Change]:
    """What must change for the property to be as the profile says."""
    old = present.properties.get(prop.name)
    kind = old.type if is_untyped and old is not None else prop.type
    try:
        values = tuple(parse_value(kind, text) for text in prop.values)
    except InvalidValue:
        if not is_protected(present):
            raise
        why = f"{WITHHELD} is no value of type {kind.value}"
        raise InvalidValue(f"set '{present.name}/{prop.name}'", why) from None
    new = Property(prop.name, kind, values)
    if old == new:
        return []
    op = "change_type" if old is not None and old.type is not kind else "set"
    return [Change(op, new.name, new.type, new.values)]


COMMANDS = (
    Command(
        "apply [-n] FILE ...",
        "set what profiles say; -n: only check them",
        _apply,
        (1, None),
        flags="n",
    ),
)
