"""Short ways to write groups and bundles in the tests of the repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from roost.layout import Layout
from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from roost.repository import Gate, Repository, open_repository
from roost.repository.port import Change, ChangeOp, View

ASTRING, COUNT, BOOLEAN = PropertyType.ASTRING, PropertyType.COUNT, PropertyType.BOOLEAN
FMRI, INTEGER = PropertyType.FMRI, PropertyType.INTEGER


_TYPES = {kind.value for kind in PropertyType}


@contextmanager
def opened(
    root: object, *, fresh_boot: bool = False, gate: Gate | None = None
) -> Iterator[Repository]:
    repository = open_repository(Layout(str(root)), fresh_boot=fresh_boot, gate=gate)
    try:
        yield repository
    finally:
        repository.close()


def prop(text: str) -> Property:
    """``name=type:value,value``; type astring if left out."""
    name, _, rest = text.partition("=")
    kind, _, values = rest.partition(":")
    if kind not in _TYPES:
        kind, values = "astring", rest
    return Property(name, PropertyType(kind), tuple(values.split(",")) if values else ())


def group(name: str, *properties: str, kind: str = "application") -> PropertyGroup:
    return make_group(name, kind, [prop(text) for text in properties])


def config(*properties: str) -> PropertyGroup:
    return group("config", *properties)


def instance(
    *groups: PropertyGroup,
    name: str = "default",
    enabled: bool | None = True,
    dependents: tuple[Dependent, ...] = (),
    deleted: tuple[str, ...] = (),
    overrides: frozenset[tuple[str, str]] = frozenset(),
) -> InstanceBundle:
    return InstanceBundle(name, enabled, groups, dependents, deleted, overrides)


def service(
    *groups: PropertyGroup,
    name: str = "x",
    instances: tuple[InstanceBundle, ...] = (),
    dependents: tuple[Dependent, ...] = (),
    deleted: tuple[str, ...] = (),
    overrides: frozenset[tuple[str, str]] = frozenset(),
) -> ServiceBundle:
    return ServiceBundle(
        name,
        groups=groups,
        dependents=dependents,
        instances=instances,
        deleted_groups=deleted,
        overrides=overrides,
    )


def manifest(*services: ServiceBundle) -> Bundle:
    return Bundle(BundleType.MANIFEST, "test", services)


def put(text: str) -> Change:
    """SET of a property written as for `prop`."""
    wanted = prop(text)
    return Change(ChangeOp.SET, wanted.name, wanted.type, wanted.values)


def drop(name: str) -> Change:
    return Change(ChangeOp.DELETE, name)


def plain(groups: dict[str, PropertyGroup]) -> dict[str, PropertyGroup]:
    """Without generations, to compare contents."""
    return {name: replace(found, generation=0) for name, found in groups.items()}


def state_of(repository: Repository) -> object:
    """Everything a reader can tell, to see that nothing changed."""
    entities = repository.services() + repository.instances()
    return (
        entities,
        {fmri: repository.layered(fmri) for fmri in entities},
        {fmri: repository.groups(fmri) for fmri in entities},
        {
            fmri: {name: repository.groups(fmri, View.SNAPSHOT, name) for name in names}
            for fmri in repository.instances()
            for names in [repository.snapshots(fmri)]
        },
    )
