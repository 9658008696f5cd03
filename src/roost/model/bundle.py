"""A service bundle: what a manifest says, lowered to services, instances and groups.

`roost.manifest` reads XML into these values and writes them back; `roost.repository` stores
them. Dependencies, methods, contexts, templates and notification parameters are property
groups already, exactly as the repository keeps them (service_bundle(5)); only dependents stay
apart, because they land in another service's entity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from roost.model.properties import Property, PropertyGroup


class BundleType(Enum):
    """The ``type`` attribute of a service_bundle."""

    MANIFEST = "manifest"
    PROFILE = "profile"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Dependent:
    """A dependency group that the bundle's entity puts into ``target`` (service_bundle(5))."""

    name: str
    grouping: str
    restart_on: str
    target: str
    """FMRI text of the service or instance that gets the group, as written."""
    override: bool = False
    delete: bool = False
    properties: tuple[Property, ...] = ()
    """Further properties of the group in ``target`` (``stability`` among them)."""


@dataclass(frozen=True, slots=True)
class InstanceBundle:
    """One instance. ``enabled`` (None only in profiles and archives) is general/enabled."""

    name: str
    enabled: bool | None = None
    groups: tuple[PropertyGroup, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    deleted_groups: tuple[str, ...] = ()
    """Names of groups, methods and dependencies marked ``delete="true"``."""
    overrides: frozenset[tuple[str, str]] = frozenset()
    """(group, property) pairs marked ``override="true"``."""
    untyped: frozenset[tuple[str, str]] = frozenset()
    """Pairs whose type a profile leaves open: the type is the existing property's, else
    astring (which is what the group says), and the values are unchecked. Likewise a group of
    type ``""`` takes the existing group's type, else ``application``."""


@dataclass(frozen=True, slots=True)
class ServiceBundle:
    """One service; ``name`` is without ``svc:/``. ``version`` and ``kind`` have no function."""

    name: str
    version: int = 1
    kind: str = "service"
    """``service``, ``restarter`` or ``milestone``."""
    groups: tuple[PropertyGroup, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    instances: tuple[InstanceBundle, ...] = ()
    deleted_groups: tuple[str, ...] = ()
    overrides: frozenset[tuple[str, str]] = frozenset()
    untyped: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A whole service_bundle document."""

    type: BundleType
    name: str
    services: tuple[ServiceBundle, ...] = field(default=())
