"""``dependency`` and ``dependent``: elements to values, and back (service_bundle(5))."""

from __future__ import annotations

from roost import fmri
from roost.manifest._normal import sorted_properties
from roost.manifest._properties import (
    Draft,
    add_properties,
    add_property_nodes,
    checked_entity,
    checked_name,
    single,
    start_draft,
)
from roost.manifest._source import Node, fault
from roost.model.bundle import Dependent
from roost.model.properties import PropertyGroup, PropertyType

_ATTRIBUTES = ("type", "grouping", "restart_on")
_OWN = frozenset([*_ATTRIBUTES, "entities"])


def read_dependency(node: Node) -> Draft:
    """The group of type dependency."""
    draft = start_draft(node, node.get("name"), "dependency")
    draft.set_attributes(node, *_ATTRIBUTES)
    targets = node.all("service_fmri")
    for target in targets:
        _check_target(target, node.get("type"))
    draft.set(node, "entities", PropertyType.FMRI, *(target.get("value") for target in targets))
    add_properties(draft, node)
    return draft


def _check_target(target: Node, kind: str) -> None:
    text = target.get("value")
    if kind == "service":
        checked_entity(target, text)
    elif kind == "path" and fmri.path_of(text) is None:
        raise fault(target, f"'{text}' names no file, expected file://localhost/PATH")


def dependency_node(group: PropertyGroup) -> Node | None:
    """The element for a group of type dependency, if it has the shape of one."""
    entities = group.properties.get("entities")
    if entities is None:
        return None
    node = Node("dependency", attributes={"name": group.name})
    for name in ("grouping", "restart_on", "type"):
        value = single(group, name, PropertyType.ASTRING)
        if value is None:
            return None
        node.attributes[name] = value
    for target in entities.values:
        node.add("service_fmri", value=target)
    add_property_nodes(node, group, [name for name in group.properties if name not in _OWN])
    return node


def read_dependent(node: Node) -> Dependent:
    """The dependency that the entity puts into another one."""
    name = checked_name(node, node.get("name"), "dependent")
    target = node.children[0]
    checked_entity(target, target.get("value"))
    extra = Draft(name, "dependency", node)
    add_properties(extra, node)
    for own in extra.properties.keys() & (_OWN | {"external"}):
        raise fault(node, f"property '{own}' of a dependent has a meaning of its own")
    return Dependent(
        name,
        node.get("grouping"),
        node.get("restart_on"),
        target.get("value"),
        override=node.get("override") == "true",
        delete=node.get("delete") == "true",
        properties=sorted_properties(extra.properties.values()),
    )


def dependent_node(dependent: Dependent) -> Node:
    """The element for a dependent."""
    node = Node(
        "dependent",
        attributes={
            "name": dependent.name,
            "grouping": dependent.grouping,
            "restart_on": dependent.restart_on,
        },
    )
    for name, is_set in (("override", dependent.override), ("delete", dependent.delete)):
        if is_set:
            node.attributes[name] = "true"
    node.add("service_fmri", value=dependent.target)
    group = PropertyGroup(dependent.name, "", {prop.name: prop for prop in dependent.properties})
    add_property_nodes(node, group, group.properties)
    return node
