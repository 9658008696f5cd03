"""A service while it is being put together from a foreign file. Pure.

Everything is first said of an instance; `service_of` then lifts what all instances of a
service share to the service itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from roost.model.bundle import Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import (
    Property,
    PropertyGroup,
    PropertyType,
    make_group,
    parse_value,
)

DEFAULT_INSTANCE = "default"


@dataclass(slots=True)
class Draft:
    """One instance: its groups, its dependents, and whether it is enabled."""

    instance: str = DEFAULT_INSTANCE
    enabled: bool = True
    groups: dict[tuple[str, str], dict[str, Property]] = field(default_factory=dict)
    """Properties by name, by name and type of their group."""
    dependents: dict[str, Dependent] = field(default_factory=dict)

    def put(self, group: str, kind: str, prop: str, type_: PropertyType, *values: str) -> None:
        """Set a property; `InvalidValue` for a value that is none of its type."""
        checked = tuple(parse_value(type_, value) for value in values)
        self.groups.setdefault((group, kind), {})[prop] = Property(prop, type_, checked)

    def set_method(self, name: str, command: str, timeout_s: int) -> None:
        """Set a method; ``timeout_s`` 0 is for ever."""
        self.put(name, "method", "type", PropertyType.ASTRING, "method")
        self.put(name, "method", "exec", PropertyType.ASTRING, command)
        self.put(name, "method", "timeout_seconds", PropertyType.COUNT, str(timeout_s))

    def run_as_root(self, method: str) -> None:
        """Let one method run as root, whoever runs the rest."""
        self.put(method, "method", "use_profile", PropertyType.BOOLEAN, "false")
        for attribute in ("user", "group"):
            self.put(method, "method", attribute, PropertyType.ASTRING, "root")

    def set_context(self, attribute: str, *values: str) -> None:
        """Set an attribute of the context of all methods."""
        self.put("method_context", "framework", attribute, PropertyType.ASTRING, *values)

    def set_credential(self, **attributes: str) -> None:
        """Set user, group or the like in the context of all methods."""
        self.put("method_context", "framework", "use_profile", PropertyType.BOOLEAN, "false")
        for name, value in attributes.items():
            self.set_context(name, value)

    def set_startd(self, name: str, value: str) -> None:
        """Set a property of the group startd."""
        self.put("startd", "framework", name, PropertyType.ASTRING, value)

    def set_name(self, text: str) -> None:
        """Set the common name, which svcs -x shows."""
        self.put("tm_common_name", "template", "C", PropertyType.USTRING, text)

    def add_group(self, group: PropertyGroup) -> None:
        """Add a whole group, in the place of one of its name and type."""
        self.groups[(group.name, group.type)] = dict(group.properties)

    def add_dependency(
        self,
        name: str,
        grouping: str,
        restart_on: str,
        targets: Iterable[str],
        kind: str = "service",
    ) -> None:
        """Add targets to the dependency ``name``, and the dependency if it is new."""
        group = self.groups.setdefault((name, "dependency"), {})
        present = group["entities"].values if group else ()
        for prop, value in (("grouping", grouping), ("restart_on", restart_on), ("type", kind)):
            self.put(name, "dependency", prop, PropertyType.ASTRING, value)
        entities = dict.fromkeys((*present, *targets))
        self.put(name, "dependency", "entities", PropertyType.FMRI, *entities)

    def targets(self) -> set[str]:
        """All that the instance depends on."""
        return {
            target
            for (_, kind), group in self.groups.items()
            if kind == "dependency"
            for target in group["entities"].values
        }

    def finished_groups(self) -> tuple[PropertyGroup, ...]:
        """The groups as a bundle has them."""
        return tuple(
            make_group(name, kind, properties.values())
            for (name, kind), properties in self.groups.items()
        )


def service_of(
    name: str, drafts: Sequence[Draft], *, kind: str = "service", shares: bool = True
) -> ServiceBundle:
    """The service with these instances; without ``shares`` each keeps all that is its own."""
    per_draft = [draft.finished_groups() for draft in drafts]
    common = [
        group for group in per_draft[0] if shares and all(group in groups for groups in per_draft)
    ]
    # Dependents of several instances would need names of their own in the target.
    is_one = shares and len(drafts) == 1
    return ServiceBundle(
        name,
        kind=kind,
        groups=tuple(common),
        dependents=tuple(drafts[0].dependents.values()) if is_one else (),
        instances=tuple(
            InstanceBundle(
                draft.instance,
                draft.enabled,
                tuple(group for group in groups if group not in common),
                () if is_one else tuple(draft.dependents.values()),
            )
            for draft, groups in zip(drafts, per_draft, strict=True)
        ),
    )
