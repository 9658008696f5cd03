"""Subcommands about the whole repository as one document: archive, restore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from roost.cli.cfg.bundles import FORMAT, exported, print_bundle, read, store_bundle, with_enabled
from roost.cli.cfg.profiles import apply_profiles
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.store import Change, put
from roost.model.bundle import Bundle, BundleType, ServiceBundle
from roost.model.properties import Property, PropertyGroup, PropertyType
from roost.model.protection import is_protected

_FILE_RECORD = "smf/manifest"
"""A service that says which files were imported: true of where the archive was made."""


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
    services = tuple(one for one in archive.services if one.name != _FILE_RECORD)
    new = {service.name for service in services if _make(session, service)}
    # What differs becomes the administrator's: in the layer of a manifest it would last only
    # until the next import of that manifest.
    known = [one if one.name in new else _without_withheld(one) for one in services]
    values = tuple(map(_only_values, known))
    apply_profiles(session, [(path, Bundle(BundleType.PROFILE, archive.name, values))])
    # Last, since it acts at once, and what is to start must have its methods by then.
    for service in services:
        for instance in service.instances:
            if instance.enabled is not None:
                _enable(session, f"svc:/{service.name}:{instance.name}", instance.enabled)
        session.remark(f"svc:/{service.name} restored from {path}.")


def _make(session: Session, service: ServiceBundle) -> bool:
    """Make the service and its instances where they are not there yet, without their values;
    returns whether the service is new.
    """
    fmri = f"svc:/{service.name}"
    if fmri not in session.store.find(fmri):
        store_bundle(session, Bundle(BundleType.MANIFEST, service.name, (_bare(service),)))
        return True
    present = session.store.instances(fmri)
    for instance in service.instances:
        if f"{fmri}:{instance.name}" not in present:
            session.store.call("Repository.AddInstance", service=fmri, name=instance.name)
    known = set(_dependents(exported(session, fmri, everything=False)[0]))
    for entity, dependent in _dependents(service):
        if (entity, dependent) not in known:
            session.note(f"{entity}: the dependent '{dependent}' is left to its manifest")
    return False


def _dependents(service: ServiceBundle) -> list[tuple[str, str]]:
    """FMRI and name of each dependent."""
    fmri = f"svc:/{service.name}"
    found = [(fmri, dependent.name) for dependent in service.dependents]
    for instance in service.instances:
        found += [(f"{fmri}:{instance.name}", one.name) for one in instance.dependents]
    return found


def _bare(service: ServiceBundle) -> ServiceBundle:
    """The service with its dependents, but without properties, and disabled."""
    instances = [replace(one, enabled=False, groups=()) for one in service.instances]
    return replace(service, groups=(), instances=tuple(instances))


def _without_withheld(service: ServiceBundle) -> ServiceBundle:
    """The service without what an archive made without -a may have left out: it wipes nothing."""
    groups = [*service.groups, *(group for one in service.instances for group in one.groups)]
    secret = {group.name for group in groups if is_protected(group)}

    def kept(group: PropertyGroup) -> PropertyGroup:
        if group.name not in secret:
            return group
        told = {name: prop for name, prop in group.properties.items() if prop.values}
        return replace(group, properties=told)

    instances = [replace(one, groups=tuple(map(kept, one.groups))) for one in service.instances]
    return replace(service, groups=tuple(map(kept, service.groups)), instances=tuple(instances))


def _only_values(service: ServiceBundle) -> ServiceBundle:
    """The service without its dependents, and with nothing said of what is enabled."""
    instances = [replace(one, enabled=None, dependents=()) for one in service.instances]
    return replace(service, dependents=(), instances=tuple(instances))


def _enable(session: Session, fmri: str, enabled: bool) -> None:
    """Set general/enabled."""
    wanted = Property("enabled", PropertyType.BOOLEAN, ("true" if enabled else "false",))
    if "general" not in session.store.groups(fmri, group="general"):
        session.store.call(
            "Repository.AddGroup", fmri=fmri, name="general", type="framework", persistent=True
        )

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
