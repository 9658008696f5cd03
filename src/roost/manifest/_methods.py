"""Methods and their contexts: elements to groups, and back (service_bundle(5)).

``periodic_method`` and ``scheduled_method`` of Solaris 11 become the method ``start`` and a
group of type schedule, named ``periodic`` or ``scheduled``. They are written back in that
plain form, which every importer reads.
"""

from __future__ import annotations

from roost.manifest._properties import (
    Draft,
    add_properties,
    add_property_nodes,
    single,
    start_draft,
)
from roost.manifest._source import Node, fault
from roost.model.properties import MAX_COUNT, PropertyGroup, PropertyType

PERIODIC_RESTARTER = "svc:/system/svc/periodic-restarter:default"
"""Restarter of an entity that has a periodic or scheduled method, unless it names another."""
SCHEDULES = {"periodic_method": "periodic", "scheduled_method": "scheduled"}
"""Element and the group that it becomes, beside ``start``."""

_CONTEXT = ("working_directory", "project", "resource_pool", "security_flags", "corefile_pattern")
_CREDENTIAL = ("user", "group", "supp_groups", "privileges", "limit_privileges")
_SOLARIS_CREDENTIAL = ("clearance", "audit_flags")
_SCHEDULE_TYPES = {
    "period": PropertyType.TIME,
    "delay": PropertyType.TIME,
    "jitter": PropertyType.TIME,
    "persistent": PropertyType.BOOLEAN,
    "recover": PropertyType.BOOLEAN,
    "frequency": PropertyType.COUNT,
}
"""Types of the attributes of a schedule; the others are astring."""


def read_method(node: Node) -> Draft:
    """The group of type method that an ``exec_method`` is."""
    return _method(node, node.get("name"), node.get("type"))


def read_scheduled(node: Node) -> list[Draft]:
    """The groups ``start`` and ``periodic`` or ``scheduled``."""
    schedule = start_draft(node, SCHEDULES[node.tag], "schedule")
    for name in node.attributes:
        if name not in ("exec", "timeout_seconds"):
            kind = _SCHEDULE_TYPES.get(name, PropertyType.ASTRING)
            schedule.set(node, name, kind, node.get(name))
    return [_method(node, "start", "method"), schedule]


def _method(node: Node, name: str, kind: str) -> Draft:
    draft = start_draft(node, name, "method")
    draft.set(node, "type", PropertyType.ASTRING, kind)
    draft.set(node, "exec", PropertyType.ASTRING, node.get("exec"))
    draft.set(node, "timeout_seconds", PropertyType.COUNT, node.get("timeout_seconds", "0"))
    context = node.first("method_context")
    if context is not None:
        _add_context(draft, context)
    add_properties(draft, node)
    return draft


def read_context(node: Node) -> Draft:
    """The group ``method_context`` of an entity."""
    draft = start_draft(node, "method_context", "framework")
    _add_context(draft, node)
    return draft


def _add_context(draft: Draft, node: Node) -> None:
    draft.set_attributes(node, *_CONTEXT)
    for child in node.children:
        if child.tag == "method_credential":
            draft.set_attributes(child, *_CREDENTIAL, *_SOLARIS_CREDENTIAL)
            if "trusted_path" in child.attributes:
                trusted = child.get("trusted_path")
                draft.set(child, "trusted_path", PropertyType.BOOLEAN, trusted)
            draft.set(child, "use_profile", PropertyType.BOOLEAN, "false")
        elif child.tag == "method_profile":
            draft.set(child, "profile", PropertyType.ASTRING, child.get("name"))
            draft.set(child, "use_profile", PropertyType.BOOLEAN, "true")
        elif child.tag == "method_environment":
            variables = [_variable(variable) for variable in child.children]
            draft.set(child, "environment", PropertyType.ASTRING, *variables)


def _variable(node: Node) -> str:
    name = node.get("name")
    if not name or "=" in name:
        raise fault(node, f"'{name}' is not the name of an environment variable")
    return f"{name}={node.get('value')}"


def method_node(group: PropertyGroup) -> Node | None:
    """The ``exec_method`` for a group of type method, if it has the shape of one."""
    kind = single(group, "type", PropertyType.ASTRING)
    command = single(group, "exec", PropertyType.ASTRING)
    timeout = single(group, "timeout_seconds", PropertyType.COUNT)
    if kind is None or command is None or timeout is None:
        return None
    # The attribute's usual word for "no limit" is -1.
    shown = "-1" if timeout == str(MAX_COUNT) else timeout
    node = Node(
        "exec_method",
        attributes={"name": group.name, "type": kind, "exec": command, "timeout_seconds": shown},
    )
    own = ("type", "exec", "timeout_seconds")
    left = [name for name in group.properties if name not in own]
    add_property_nodes(node, group, _take_context(node, group, left))
    return node


def context_node(group: PropertyGroup) -> Node | None:
    """The ``method_context`` of an entity, if nothing in the group falls outside of it."""
    holder = Node("")
    left = _take_context(holder, group, list(group.properties))
    return holder.children[0] if holder.children and not left else None


def _take_context(node: Node, group: PropertyGroup, names: list[str]) -> list[str]:
    """Append a ``method_context`` with what fits in one; returns the names that are left."""
    context = Node("method_context")
    taken: set[str] = set()
    for name in _CONTEXT[:4]:  # the last is not an attribute everywhere
        value = single(group, name, PropertyType.ASTRING)
        if value is not None:
            context.attributes[name] = value
            taken.add(name)
    taken |= _take_credential(context, group)
    environment = group.properties.get("environment")
    if environment is not None and _is_environment(environment.type, environment.values):
        variables = context.add("method_environment")
        for value in environment.values:
            name, _, text = value.partition("=")
            variables.add("envvar", name=name, value=text)
        taken.add("environment")
    if taken:
        node.children.append(context)
    return [name for name in names if name not in taken]


def _is_environment(kind: PropertyType, values: tuple[str, ...]) -> bool:
    named = all(value.partition("=")[0] and "=" in value for value in values)
    return kind is PropertyType.ASTRING and bool(values) and named


def _take_credential(context: Node, group: PropertyGroup) -> set[str]:
    use_profile = single(group, "use_profile", PropertyType.BOOLEAN)
    if use_profile == "true":
        profile = single(group, "profile", PropertyType.ASTRING)
        if profile is not None:
            context.add("method_profile", name=profile)
            return {"profile", "use_profile"}
    elif use_profile == "false" and single(group, "user", PropertyType.ASTRING) is not None:
        given = {name: single(group, name, PropertyType.ASTRING) for name in _CREDENTIAL}
        kept = {name: value for name, value in given.items() if value is not None}
        context.add("method_credential", **kept)
        return {*kept, "use_profile"}
    return set()
