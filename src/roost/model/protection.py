"""Groups whose values not everybody may read (smf_security(7)). Pure.

Says which groups are protected and what is left of them without their values; who may read
them all the same is decided in `roost.daemon.rights`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from roost.model.properties import Property, PropertyGroup, PropertyType

READ = "read_authorization"
"""Names of authorizations; a group that has it is protected."""
VALUE = "value_authorization"
MODIFY = "modify_authorization"
AUTHORIZATIONS = frozenset({READ, VALUE, MODIFY})
"""Properties that say who may do what with their group."""
OPEN_TYPES = frozenset({"framework", "method", "dependency"})
"""Groups of these types are for SMF itself, and never protected."""
WITHHELD = "[protected]"
"""Stands for a value in texts."""


class Secret(str):
    """A value of a protected group: it never goes into a log or a message."""

    __slots__ = ()

    def __repr__(self) -> str:
        return WITHHELD


def is_protected(group: PropertyGroup | None) -> bool:
    """Does the group say of itself that its values are protected?"""
    if group is None or group.type in OPEN_TYPES:
        return False
    prop = group.properties.get(READ)
    return prop is not None and prop.type is PropertyType.ASTRING


def without_values(group: PropertyGroup, hides: Callable[[str], bool]) -> PropertyGroup:
    """The group without the values of the properties that ``hides`` is true for, by name."""
    properties = {
        name: Property(name, prop.type, (), protected=True) if hides(name) else prop
        for name, prop in group.properties.items()
    }
    return replace(group, properties=properties)
