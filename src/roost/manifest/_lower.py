"""From the elements of a checked document to a `Bundle` (service_bundle(5)).

Each element becomes groups on its own; this module joins them to services and instances and
holds the rules between them: nothing may be defined twice, neither a group and a dependent,
nor an instance, nor a service. Profiles may speak of one entity in several places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from roost import fmri
from roost.manifest._dependencies import read_dependency, read_dependent
from roost.manifest._methods import (
    PERIODIC_RESTARTER,
    SCHEDULES,
    read_context,
    read_method,
    read_scheduled,
)
from roost.manifest._normal import group_order
from roost.manifest._notifications import read_notifications
from roost.manifest._properties import (
    Draft,
    checked_entity,
    checked_name,
    read_property_group,
)
from roost.manifest._source import Fault, Node, fault
from roost.manifest._templates import read_template
from roost.manifest._validate import Problems
from roost.model.bundle import (
    Bundle,
    BundleType,
    Dependent,
    InstanceBundle,
    ServiceBundle,
)
from roost.model.properties import PropertyGroup, PropertyType

_READERS: dict[str, Callable[[Node], Iterable[Draft]]] = {
    "dependency": lambda node: [read_dependency(node)],
    "method_context": lambda node: [read_context(node)],
    "exec_method": lambda node: [read_method(node)],
    "periodic_method": read_scheduled,
    "scheduled_method": read_scheduled,
    "notification_parameters": read_notifications,
    "property_group": read_property_group,
    "template": read_template,
}


def lower(root: Node, problems: Problems) -> Bundle:
    """The bundle; notes problems and goes on, so the result counts only if there are none."""
    kind = BundleType(root.get("type"))
    services: dict[str, _Service] = {}
    for node in _service_nodes(root, kind, problems):
        with_name = services.get(node.get("name"))
        if with_name is None:
            services[node.get("name")] = with_name = _Service(node, kind, problems)
        elif kind is BundleType.MANIFEST:
            first = with_name.node.line
            why = f"service '{node.get('name')}' is defined twice (first in line {first})"
            problems.add(fault(node, why))
            continue
        with_name.read(node)
    return Bundle(kind, root.get("name"), tuple(found.finish() for found in services.values()))


def _service_nodes(bundle: Node, kind: BundleType, problems: Problems) -> Iterator[Node]:
    for child in bundle.children:
        if child.tag == "service":
            yield child
        elif child.get("type") != kind.value:
            why = f"a bundle of type '{child.get('type')}' inside one of type '{kind.value}'"
            problems.add(fault(child, why))
        else:
            yield from _service_nodes(child, kind, problems)


@dataclass(slots=True)
class _Entity:
    """What a service and an instance have in common, while it is being read."""

    node: Node
    bundle_type: BundleType
    problems: Problems
    groups: dict[str, Draft] = field(default_factory=dict)
    dependents: dict[str, Dependent] = field(default_factory=dict)
    deleted: dict[str, Node] = field(default_factory=dict)

    def attempt(self, act: Callable[[Node], None], node: Node) -> None:
        """Do it, or note why not."""
        try:
            act(node)
        except Fault as problem:
            self.problems.add(problem)

    def read_child(self, node: Node) -> None:
        """Take in one of the elements that services and instances share."""
        if node.tag == "template" and self.bundle_type is BundleType.PROFILE:
            raise fault(node, "a template in a profile, expected it in a manifest")
        if node.tag == "restarter":
            target = node.children[0]
            checked_entity(target, target.get("value"))
            self.set_general(node, "restarter", PropertyType.FMRI, target.get("value"))
        elif node.tag == "dependent":
            self._add_dependent(node, read_dependent(node))
        elif node.get("delete") == "true":
            self._delete(node)
        elif node.tag == "logfile_attributes":
            draft = Draft("logfile_attributes", "framework", node)
            draft.set_attributes(node, "permissions")
            self.add(draft)
        else:
            for draft in _READERS[node.tag](node):
                self.add(draft)

    def set_general(self, node: Node, name: str, kind: PropertyType, value: str) -> None:
        """A property that an element of its own gives to the group ``general``."""
        if "general" not in self.groups:
            self.groups["general"] = Draft("general", "framework", node)
        self.groups["general"].set(node, name, kind, value)

    def add(self, draft: Draft) -> None:
        """Add a group, or join it with the one of its name where both are plain groups."""
        self._check_free(draft.node, draft.name)
        present = self.groups.get(draft.name)
        if present is None:
            self.groups[draft.name] = draft
        elif _may_join(present, draft):
            for prop in draft.properties.values():
                present.set(draft.node, prop.name, prop.type, *prop.values)
            present.overrides |= draft.overrides
            present.untyped |= draft.untyped
        else:
            first = present.node.line
            why = f"property group '{draft.name}' is defined twice (first in line {first})"
            raise fault(draft.node, why)

    def _add_dependent(self, node: Node, dependent: Dependent) -> None:
        name = dependent.name
        self._check_free(node, name)
        if name in self.groups:
            raise fault(node, f"dependent '{name}' has the name of a property group")
        self.dependents[name] = dependent

    def _check_free(self, node: Node, name: str) -> None:
        if name in self.dependents:
            raise fault(node, f"'{name}' is the name of a dependent already")
        if name in self.deleted:
            raise fault(node, f"'{name}' is marked delete='true' in the same place")

    def _delete(self, node: Node) -> None:
        name = checked_name(node, node.get("name"), "property group")
        self._check_free(node, name)
        if name in self.groups:
            raise fault(node, f"'{name}' is defined and marked delete='true' in the same place")
        self.deleted[name] = node

    def add_schedule_restarter(self) -> None:
        """Who has a periodic or scheduled method belongs to the restarter for those."""
        for name in SCHEDULES.values():
            draft = self.groups.get(name)
            if draft is None or draft.node.tag not in SCHEDULES:
                continue
            if not self.has_restarter():
                self.set_general(draft.node, "restarter", PropertyType.FMRI, PERIODIC_RESTARTER)

    def has_restarter(self) -> bool:
        """Does the entity itself name its restarter?"""
        general = self.groups.get("general")
        return general is not None and "restarter" in general.properties

    def finished_groups(self) -> tuple[PropertyGroup, ...]:
        """The groups in canonical order."""
        return tuple(sorted((draft.group() for draft in self.groups.values()), key=group_order))

    def finished_overrides(self) -> frozenset[tuple[str, str]]:
        """(group, property) pairs marked ``override``."""
        return frozenset((d.name, name) for d in self.groups.values() for name in d.overrides)

    def finished_untyped(self) -> frozenset[tuple[str, str]]:
        """(group, property) pairs without a type of their own."""
        return frozenset((d.name, name) for d in self.groups.values() for name in d.untyped)


def _may_join(present: Draft, draft: Draft) -> bool:
    """Are both plain ``property_group`` elements (or ``general``) of one type?"""
    tags = {present.node.tag, draft.node.tag}
    is_plain = draft.name == "general" or tags == {"property_group"}
    return is_plain and draft.type in ("", present.type)


@dataclass(slots=True)
class _Instance(_Entity):
    enabled: bool | None = None

    def read(self, node: Node) -> None:
        """Take in an ``instance``, or a ``create_default_instance``."""
        if "enabled" in node.attributes:
            self.attempt(self._enable, node)
        if node.get("complete") == "true":
            self.set_general(node, "complete", PropertyType.ASTRING, "")
        for child in node.children:
            self.attempt(self.read_child, child)
        self.attempt(self._take_enabled, node)

    def _enable(self, node: Node) -> None:
        value = node.get("enabled") == "true"
        if self.enabled not in (None, value):
            raise fault(node, "the instance is said to be both enabled and not enabled")
        self.enabled = value

    def _take_enabled(self, node: Node) -> None:
        """A property general/enabled means the attribute."""
        general = self.groups.get("general")
        if general is None or "enabled" not in general.properties:
            return
        prop = general.properties["enabled"]
        if "enabled" in node.attributes:
            raise fault(general.node, "general/enabled is the attribute 'enabled' of the instance")
        if len(prop.values) != 1 or prop.values[0] not in ("true", "false"):
            raise fault(general.node, "general/enabled needs one value, true or false")
        del general.properties["enabled"]
        general.overrides.discard("enabled")
        general.untyped.discard("enabled")
        if not general.properties:
            del self.groups["general"]
        self.enabled = prop.values[0] == "true"

    def finish(self) -> InstanceBundle:
        """The value."""
        return InstanceBundle(
            self.node.get("name"),
            self.enabled,
            self.finished_groups(),
            tuple(self.dependents.values()),
            tuple(self.deleted),
            self.finished_overrides(),
            self.finished_untyped(),
        )


@dataclass(slots=True)
class _Service(_Entity):
    version: int = 1
    instances: dict[str, _Instance] = field(default_factory=dict)

    def read(self, node: Node) -> None:
        """Take in a ``service``."""
        self.attempt(self._check_head, node)
        for child in node.children:
            self.attempt(self._read_service_child, child)
        self.add_schedule_restarter()

    def _check_head(self, node: Node) -> None:
        if not fmri.is_service_name(node.get("name")):
            raise fault(node, f"'{node.get('name')}' is not a legal service name")
        major = node.get("version", "1").strip().partition(".")[0]
        if not (major.isascii() and major.isdigit() and len(major) <= 9):
            raise fault(node, f"version '{node.get('version')}' is not a number")
        self.version = int(major)

    def _read_service_child(self, node: Node) -> None:
        if node.tag == "create_default_instance":
            self._read_instance(node, "default")
        elif node.tag == "instance":
            self._read_instance(node, node.get("name"))
        elif node.tag == "single_instance":
            self.set_general(node, "single_instance", PropertyType.BOOLEAN, "true")
        elif node.tag == "stability":
            self.set_general(node, "entity_stability", PropertyType.ASTRING, node.get("value"))
        else:
            self.read_child(node)

    def _read_instance(self, node: Node, name: str) -> None:
        checked_name(node, name, "service instance")
        present = self.instances.get(name)
        if present is None:
            node.attributes["name"] = name
            present = self.instances[name] = _Instance(node, self.bundle_type, self.problems)
        elif self.bundle_type is BundleType.MANIFEST:
            first = present.node.line
            raise fault(node, f"instance '{name}' is defined twice (first in line {first})")
        present.read(node)
        if not self.has_restarter():
            present.add_schedule_restarter()

    def finish(self) -> ServiceBundle:
        """The value."""
        return ServiceBundle(
            self.node.get("name"),
            self.version,
            self.node.get("type", "service"),
            self.finished_groups(),
            tuple(self.dependents.values()),
            tuple(found.finish() for found in self.instances.values()),
            tuple(self.deleted),
            self.finished_overrides(),
            self.finished_untyped(),
        )
