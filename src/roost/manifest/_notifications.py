"""``notification_parameters``: elements to groups of type notify_params, and back.

One group an event, named after it; ``event`` is stored only where the event's own text is no
legal name. Properties are ``TYPE,active`` and ``TYPE,PARAMETER``.
"""

from __future__ import annotations

import re

from roost.fmri import MAX_NAME_BYTES, is_component
from roost.manifest._properties import Draft, checked_name, single, start_draft
from roost.manifest._source import Node, fault
from roost.model.properties import Property, PropertyGroup, PropertyType

GROUP_TYPE = "notify_params"

MAX_EVENTS = 16
"""In one element; each has its own copy of all parameters."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")


def read_notifications(node: Node) -> list[Draft]:
    """A group for each event of the list ``event`` (separated by commas)."""
    event, *types = node.children
    names = [name.strip() for name in event.get("value").split(",", MAX_EVENTS)]
    if len(names) > MAX_EVENTS:
        raise fault(event, f"more than {MAX_EVENTS} events in one list")
    return [_read_event(event, name, types) for name in names]


def _read_event(node: Node, event: str, types: list[Node]) -> Draft:
    name = event
    if not is_component(event):
        name = "event_" + _NOT_IN_A_NAME.sub("_", event)[: MAX_NAME_BYTES - len("event_")]
    draft = start_draft(node, name, GROUP_TYPE)
    if not event:
        raise fault(node, "an event without a name")
    if name != event:
        draft.set(node, "event", PropertyType.ASTRING, event)
    for kind in types:
        mechanism = kind.get("name")
        active = checked_name(kind, f"{mechanism},active", "notification parameter")
        draft.set(kind, active, PropertyType.BOOLEAN, kind.get("active", "true"))
        for child in kind.children:
            parameter = f"{mechanism},{child.get('name')}"
            checked_name(child, parameter, "notification parameter")
            nodes = child.children if child.tag == "parameter" else [child]
            values = [value.get("value") for value in nodes]
            draft.set(child, parameter, PropertyType.ASTRING, *values)
    return draft


def notification_node(group: PropertyGroup) -> Node:
    """The element for a group of type notify_params (one that has the shape reads back)."""
    node = Node("notification_parameters")
    event = single(group, "event", PropertyType.ASTRING)
    node.add("event", value=group.name if event is None else event)
    types: dict[str, Node] = {}
    for prop in group.properties.values():
        mechanism, has_type, parameter = prop.name.partition(",")
        if not has_type:
            continue
        kind = types.get(mechanism)
        if kind is None:
            kind = types[mechanism] = node.add("type", name=mechanism)
        if parameter == "active" and prop.type is PropertyType.BOOLEAN and prop.values:
            kind.attributes["active"] = prop.values[0]
        else:
            _add_parameter(kind, parameter, prop)
    return node


def _add_parameter(node: Node, name: str, prop: Property) -> None:
    if len(prop.values) == 1:
        node.add("paramval", name=name, value=prop.values[0])
        return
    parameter = node.add("parameter", name=name)
    for value in prop.values:
        parameter.add("value_node", value=value)
