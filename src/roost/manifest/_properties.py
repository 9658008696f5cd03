"""Property groups, properties and their values: elements to values, and back.

`Draft` is a group under construction, shared by all elements that become groups.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from roost import fmri
from roost.errors import InvalidName, InvalidValue
from roost.manifest._schema import ELEMENTS
from roost.manifest._source import Node, fault
from roost.model.properties import Property, PropertyGroup, PropertyType, parse_value
from roost.model.protection import OPEN_TYPES, READ, WITHHELD

UNTYPED_LIST = "_list"
"""Tag of the values of a property whose type is open; XML has no such element, TOML says it so."""
_STABILITIES = [(value,) for value in ELEMENTS["stability"].attributes["value"].choices]


@dataclass(slots=True)
class Draft:
    """A property group being read. ``overrides`` and ``untyped`` hold property names."""

    name: str
    type: str
    node: Node
    properties: dict[str, Property] = field(default_factory=dict)
    overrides: set[str] = field(default_factory=set)
    untyped: set[str] = field(default_factory=set)
    is_secret: bool = False
    """It is protected: no message quotes a value."""

    def set(self, node: Node, name: str, kind: PropertyType, *values: str) -> None:
        """Add a property; ManifestError at ``node`` if it exists or a value is wrong."""
        if name in self.properties:
            raise fault(node, f"property '{name}' of '{self.name}' is given twice")
        checked = tuple(checked_value(node, kind, value) for value in values)
        self.properties[name] = Property(name, kind, checked)

    def set_attributes(self, node: Node, *names: str) -> None:
        """Add an astring property for each of the attributes that the element has."""
        for name in names:
            if name in node.attributes:
                self.set(node, name, PropertyType.ASTRING, node.get(name))

    def group(self) -> PropertyGroup:
        """The finished group."""
        return PropertyGroup(self.name, self.type, dict(self.properties))


def start_draft(node: Node, name: str, kind: str) -> Draft:
    """A new group; ManifestError if its name or type is not legal."""
    checked_name(node, name, "property group")
    if kind:
        checked_name(node, kind, "property group type")
    return Draft(name, kind, node)


def checked_name(node: Node, name: str, kind: str) -> str:
    """``name`` if it is one legal component, else ManifestError."""
    try:
        return fmri.check_name(name, kind)
    except InvalidName as problem:
        raise fault(node, problem.message) from None


def checked_value(node: Node, kind: PropertyType, text: str, *, hidden: bool = False) -> str:
    """Canonical text of a value, else ManifestError, which does not quote a ``hidden`` one."""
    try:
        return parse_value(kind, text)
    except InvalidValue as problem:
        why = f"{WITHHELD} is no value of type {kind.value}" if hidden else problem.message
        raise fault(node, why) from None


def checked_entity(node: Node, text: str) -> fmri.Fmri:
    """The service or instance that an FMRI names, else ManifestError."""
    try:
        found = fmri.parse(text)
    except InvalidName as problem:
        raise fault(node, problem.message) from None
    if found.group is not None:
        raise fault(node, f"'{text}' names a property group, expected a service or an instance")
    return found


# Elements to groups


def read_property_group(node: Node, parent: str = "") -> list[Draft]:
    """The group, and after it the groups nested in it (named by `nested_name`)."""
    name = node.get("name")
    if parent:
        checked_name(node, name, "property group")
        name = nested_name(parent, name)
    draft = start_draft(node, name, node.get("type"))
    add_properties(draft, node)
    drafts = [draft]
    for child in node.all("property_group"):
        drafts += read_property_group(child, name)
    return drafts


def nested_name(parent: str, child: str) -> str:
    """The flat name of a nested group: ``a/b/c`` becomes ``a.b,c``, which is a legal name."""
    outer = parent.replace(",", ".")
    provider, has_provider, identifier = child.rpartition(",")
    return f"{outer}.{provider},{identifier}" if has_provider else f"{outer},{child}"


def add_properties(draft: Draft, node: Node) -> None:
    """Add what the children ``stability``, ``propval`` and ``property`` say."""
    names = (child.get("name") for child in node.children if child.tag in ("propval", "property"))
    draft.is_secret = draft.type not in OPEN_TYPES and READ in names
    for child in node.children:
        if child.tag == "stability":
            draft.set(child, "stability", PropertyType.ASTRING, child.get("value"))
        elif child.tag == "propval":
            _add_typed(draft, child, child.get("type"), [child.get("value")], [child])
        elif child.tag == "property":
            _add_listed(draft, child)


def _add_listed(draft: Draft, node: Node) -> None:
    kind = node.get("type")
    listed = node.children[0] if node.children else None
    if listed is None:
        _add_typed(draft, node, kind, [], [])
        return
    list_kind = listed.tag.removesuffix("_list")
    if kind and list_kind != kind:
        raise fault(listed, f"a list of {list_kind} in a property of type {kind}")
    values = [value.get("value") for value in listed.children]
    _add_typed(draft, node, list_kind, values, listed.children)


def _add_typed(
    draft: Draft, node: Node, kind: str, values: Iterable[str], nodes: Iterable[Node]
) -> None:
    name = checked_name(node, node.get("name"), "property")
    if name in draft.properties:
        raise fault(node, f"property '{name}' of '{draft.name}' is given twice")
    if kind:
        known = PropertyType(kind)
        checked = tuple(
            checked_value(at, known, value, hidden=draft.is_secret)
            for at, value in zip(nodes, values, strict=True)
        )
    else:
        known, checked = PropertyType.ASTRING, tuple(values)
        draft.untyped.add(name)
    draft.properties[name] = Property(name, known, checked)
    if node.get("override") == "true":
        draft.overrides.add(name)


# Groups to elements


def property_group_node(
    group: PropertyGroup, overrides: Collection[str], untyped: Collection[str]
) -> Node:
    """The element for any group at all."""
    node = Node("property_group", attributes={"name": group.name})
    if group.type:
        node.attributes["type"] = group.type
    add_property_nodes(node, group, group.properties, overrides, untyped)
    return node


def add_property_nodes(
    node: Node,
    group: PropertyGroup,
    names: Iterable[str],
    overrides: Collection[str] = (),
    untyped: Collection[str] = (),
) -> None:
    """Append elements for the named properties of the group."""
    for name in sorted(names, key=lambda name: name != "stability"):
        prop = group.properties[name]
        marked = name in overrides or name in untyped
        is_astring = prop.type is PropertyType.ASTRING
        if name == "stability" and is_astring and prop.values in _STABILITIES and not marked:
            node.add("stability", value=prop.values[0])
            continue
        if len(prop.values) == 1:
            child = node.add("propval", name=name, type=prop.type.value, value=prop.values[0])
        else:
            child = node.add("property", name=name, type=prop.type.value)
            if prop.values:
                _add_list(child, prop)
        if name in untyped:
            del child.attributes["type"]
        if name in overrides:
            child.attributes["override"] = "true"


def _add_list(node: Node, prop: Property) -> None:
    listed = node.add(f"{prop.type.value}_list")
    for value in prop.values:
        listed.add("value_node", value=value)


def single(group: PropertyGroup, name: str, kind: PropertyType) -> str | None:
    """The one value of the property, if it has this type and exactly one value."""
    prop = group.properties.get(name)
    if prop is None or prop.type is not kind or len(prop.values) != 1:
        return None
    return prop.values[0]
