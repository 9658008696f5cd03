"""Subcommands about the whole repository as one document: archive, restore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from roost.cli.cfg.bundles import FORMAT, exported, print_bundle, read, store_bundle, with_enabled
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.store import Change, put
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import Property, PropertyGroup, PropertyType

_Entity = TypeVar("_Entity", ServiceBundle, InstanceBundle)


def _archive(session: Session, call: Call) -> None:
    everything = "-a" in call.options
    services = tuple(
        with_enabled(session, bundle)
        for service in session.store.services()
        for bundle in exported(session, service, everything=everything)
    )
    print_bundle(session, call, Bundle(BundleType.ARCHIVE, "archive", services))


def _restore(session: Session, call: Call) -> None:
    path = call.operands[0]
    archive = read(session, path, BundleType.ARCHIVE, act="restore")
    services = tuple(
        replace(
            _overriding(service),
            instances=tuple(_overriding(instance) for instance in service.instances),
        )
        for service in archive.services
    )
    stored, _ = store_bundle(session, Bundle(BundleType.MANIFEST, archive.name, services))
    for service in services:
        for instance in service.instances:
            if instance.enabled is not None:
                _enable(session, f"svc:/{service.name}:{instance.name}", instance.enabled)
    for fmri in stored:
        session.remark(f"{fmri} restored from {path}.")


def _overriding(entity: _Entity) -> _Entity:
    """The entity with every property marked to win over what is there."""
    pairs = {(group.name, name) for group in entity.groups for name in group.properties}
    return replace(entity, overrides=frozenset(pairs))


def _enable(session: Session, fmri: str, enabled: bool) -> None:
    """Set general/enabled, which no import changes on an instance that exists."""
    wanted = Property("enabled", PropertyType.BOOLEAN, ("true" if enabled else "false",))

    def edit(present: PropertyGroup) -> Sequence[Change]:
        return [] if present.properties.get("enabled") == wanted else [put(wanted)]

    session.store.change(fmri, "general", edit)


COMMANDS = (
    Command(
        "archive [-a] [--format xml|toml] [> FILE]",
        "print all services; -a: protected values too",
        _archive,
        flags="a",
        words=(f"{FORMAT}:",),
        redirects=True,
    ),
    Command("restore FILE", "set all that an archive says", _restore, (1, 1)),
)
