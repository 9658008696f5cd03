"""From a `Bundle` to the document, in the order and with the elements of the original format.

A group is written as the element it came from (a dependency, a method, a template ...) only if
reading that element would give exactly this group again; else as a plain ``property_group``,
which can say anything. So nothing is lost, and what Solaris 11 added is not needed to say it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from roost.errors import ManifestError
from roost.manifest._dependencies import dependency_node, dependent_node, read_dependency
from roost.manifest._methods import context_node, method_node, read_context, read_method
from roost.manifest._notifications import GROUP_TYPE as NOTIFY_PARAMS
from roost.manifest._notifications import notification_node, read_notifications
from roost.manifest._properties import (
    Draft,
    checked_entity,
    property_group_node,
    single,
)
from roost.manifest._schema import ELEMENTS
from roost.manifest._source import Node
from roost.manifest._templates import (
    PG_PATTERN,
    PROP_PATTERN,
    TEMPLATE,
    page_node,
    pg_pattern_node,
    prop_pattern_node,
    read_page,
    read_pg_pattern,
    read_prop_pattern,
    read_template,
    text_node,
)
from roost.manifest._validate import Problems, validate
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import PropertyGroup, PropertyType

_DOCTYPE = '<!DOCTYPE service_bundle SYSTEM "/usr/share/lib/xml/dtd/service_bundle.dtd.1">'
_COMMENT = "!--"
"""Tag of a comment; no element has it."""
_STABILITIES = ELEMENTS["stability"].attributes["value"].choices
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_IN_TEXT = str.maketrans(_MARKUP)
_IN_ATTRIBUTE = str.maketrans(_MARKUP | {'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})

Reader = Callable[[Node], Iterable[Draft]]


def document(bundle: Bundle, notes: Mapping[str, Sequence[str]]) -> bytes:
    """The XML text of a bundle that is in normal form; ``notes`` as `write_bundle` has them."""
    root = Node("service_bundle", attributes={"type": bundle.type.value, "name": bundle.name})
    is_profile = bundle.type is BundleType.PROFILE
    for service in bundle.services:
        node = _EntityWriter(service, is_profile=is_profile).service()
        root.children += _comment_nodes(notes.get(f"svc:/{service.name}", ()))
        root.children.append(_with_comments(node, notes))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', _DOCTYPE]
    _print(root, 0, lines)
    return ("\n".join(lines) + "\n").encode(errors="surrogatepass")


def _with_comments(service: Node, notes: Mapping[str, Sequence[str]]) -> Node:
    """The element, with what is to be said above its instances."""
    children: list[Node] = []
    for child in service.children:
        if child.tag in ("instance", "create_default_instance"):
            fmri = f"svc:/{service.get('name')}:{child.get('name', 'default')}"
            children += _comment_nodes(notes.get(fmri, ()))
        children.append(child)
    service.children = children
    return service


def _comment_nodes(lines: Sequence[str]) -> list[Node]:
    """Comments, a line each, without what may not stand in one."""
    found: list[Node] = []
    for line in (part for one in lines for part in one.splitlines() or [""]):
        text = "".join(char if char.isprintable() else "?" for char in line)
        text = text.replace("--", "- -").replace("--", "- -")
        found.append(Node(_COMMENT, text=f" {text} "))
    return found


def _print(node: Node, depth: int, lines: list[str]) -> None:
    if node.tag == _COMMENT:
        lines.append(f"{'  ' * depth}<!--{node.text}-->")
        return
    attributes = "".join(
        f' {name}="{value.translate(_IN_ATTRIBUTE)}"' for name, value in node.attributes.items()
    )
    start = f"{'  ' * depth}<{node.tag}{attributes}"
    if node.children:
        lines.append(f"{start}>")
        for child in node.children:
            _print(child, depth + 1, lines)
        lines.append(f"{'  ' * depth}</{node.tag}>")
    elif ELEMENTS[node.tag].has_text:
        lines.append(f"{start}>{node.text.translate(_IN_TEXT)}</{node.tag}>")
    else:
        lines.append(f"{start}/>")


class _EntityWriter:
    """The elements of one service or instance."""

    def __init__(self, entity: ServiceBundle | InstanceBundle, *, is_profile: bool) -> None:
        self._entity = entity
        self._is_profile = is_profile
        self._head: list[Node] = []
        self._stability: list[Node] = []
        self._template: list[Node] = []
        self._by_tag: dict[str, list[Node]] = {}
        self._overrides = _by_group(entity.overrides)
        self._untyped = _by_group(entity.untyped)

    def service(self) -> Node:
        """The ``service`` element."""
        service = self._entity
        assert isinstance(service, ServiceBundle)
        node = Node(
            "service",
            attributes={
                "name": service.name,
                "type": service.kind,
                "version": str(service.version),
            },
        )
        self._sort_groups()
        instances = list(service.instances)
        if instances and _is_bare_default(instances[0]):
            enabled = _boolean(bool(instances.pop(0).enabled))
            node.add("create_default_instance", enabled=enabled)
        self._add_common(node)
        for instance in instances:
            node.children.append(_EntityWriter(instance, is_profile=self._is_profile).instance())
        node.children += self._stability + self._template
        return node

    def instance(self) -> Node:
        """The ``instance`` element."""
        instance = self._entity
        assert isinstance(instance, InstanceBundle)
        node = Node("instance", attributes={"name": instance.name})
        if instance.enabled is not None:
            node.attributes["enabled"] = _boolean(instance.enabled)
        self._sort_groups()
        self._add_common(node)
        node.children += self._template
        return node

    def _add_common(self, node: Node) -> None:
        node.children += self._head
        node.children += self._by_tag.get("dependency", [])
        node.children += [dependent_node(found) for found in self._entity.dependents]
        for tag in ("method_context", "exec_method", "notification_parameters"):
            node.children += self._by_tag.get(tag, [])
        for name in self._entity.deleted_groups:
            # What is deleted has no type; any will do.
            node.add("property_group", name=name, type="application", delete="true")
        node.children += self._by_tag.get("property_group", [])

    def _sort_groups(self) -> None:
        templates: list[PropertyGroup] = []
        for group in self._entity.groups:
            if group.name == "general":
                self._add_general(group)
            elif group.type in (TEMPLATE, PG_PATTERN, PROP_PATTERN):
                templates.append(group)
            else:
                self._add(self._special_node(group) or self._plain_node(group))
        for group in self._add_template(templates):
            self._add(self._plain_node(group))

    def _add(self, node: Node) -> None:
        self._by_tag.setdefault(node.tag, []).append(node)

    def _special_node(self, group: PropertyGroup) -> Node | None:
        """The element that stands for just this group, if there is one."""
        node: Node | None = None
        reader: Reader = read_notifications
        if group.type == "dependency":
            node, reader = dependency_node(group), _one(read_dependency)
        elif group.type == "method":
            node, reader = method_node(group), _one(read_method)
        elif group.name == "method_context":
            node, reader = context_node(group), _one(read_context)
        elif group.type == NOTIFY_PARAMS:
            node = notification_node(group)
        return node if node is not None and self._says(node, [group], reader) else None

    def _plain_node(self, group: PropertyGroup) -> Node:
        return property_group_node(group, *self._marks(group))

    def _marks(self, group: PropertyGroup) -> tuple[set[str], set[str]]:
        return self._overrides.get(group.name, set()), self._untyped.get(group.name, set())

    def _says(self, node: Node, groups: Sequence[PropertyGroup], reader: Reader) -> bool:
        """Would reading ``node`` give these groups, with the same marks?"""
        problems = Problems("")
        validate(node, problems, is_profile=False)
        if problems.found:
            return False
        try:
            drafts = list(reader(node))
        except ManifestError:
            return False
        return len(drafts) == len(groups) and all(
            draft.group() == group and (draft.overrides, draft.untyped) == self._marks(group)
            for draft, group in zip(drafts, groups, strict=True)
        )

    def _add_general(self, group: PropertyGroup) -> None:
        taken = self._take_general(group) if group.type == "framework" else set[str]()
        if taken and len(taken) == len(group.properties):
            return
        kept = {name: prop for name, prop in group.properties.items() if name not in taken}
        self._add(self._plain_node(PropertyGroup(group.name, group.type, kept)))

    def _take_general(self, group: PropertyGroup) -> set[str]:
        """Makes elements of what has its own; returns the names of those properties."""
        overrides, untyped = self._marks(group)
        taken: set[str] = set()
        is_service = isinstance(self._entity, ServiceBundle)
        if is_service and single(group, "single_instance", PropertyType.BOOLEAN) == "true":
            self._head.append(Node("single_instance"))
            taken.add("single_instance")
        target = single(group, "restarter", PropertyType.FMRI)
        if target is not None and _is_entity(target):
            restarter = Node("restarter")
            restarter.add("service_fmri", value=target)
            self._head.append(restarter)
            taken.add("restarter")
        stability = single(group, "entity_stability", PropertyType.ASTRING)
        if is_service and stability in _STABILITIES and stability is not None:
            self._stability.append(Node("stability", attributes={"value": stability}))
            taken.add("entity_stability")
        if taken & (overrides | untyped):
            self._head.clear()
            self._stability.clear()
            return set()
        return taken

    def _add_template(self, groups: list[PropertyGroup]) -> list[PropertyGroup]:
        """Makes a ``template``; returns the groups that do not fit in one."""
        node = Node("template")
        if self._is_profile:
            return groups
        left: list[PropertyGroup] = []
        pages = Node("documentation")
        patterns: dict[str, Node] = {}
        texts: dict[str, Node] = {}
        for group in groups:
            if group.type == TEMPLATE:
                text, page = text_node(group), page_node(group)
                if group.name in ("tm_common_name", "tm_description") and self._says_text(
                    text, group
                ):
                    texts[group.name] = text
                elif self._says(page, [group], _one(read_page)):
                    pages.children.append(page)
                else:
                    left.append(group)
            elif group.type == PG_PATTERN:
                pattern = pg_pattern_node(group)
                if self._says(pattern, [group], read_pg_pattern):
                    patterns[group.name] = pattern
                else:
                    left.append(group)
            elif not self._add_prop_pattern(group, patterns):
                left.append(group)
        if "tm_common_name" not in texts:
            return groups  # the element cannot do without it
        node.children = [texts[name] for name in sorted(texts)]
        if pages.children:
            node.children.append(pages)
        node.children += patterns.values()
        self._template.append(node)
        return left

    def _says_text(self, text: Node, group: PropertyGroup) -> bool:
        def reader(node: Node) -> Iterable[Draft]:
            return read_template(Node("template", children=[node]))

        return self._says(text, [group], reader)

    def _add_prop_pattern(self, group: PropertyGroup, patterns: dict[str, Node]) -> bool:
        parent_name = group.value("pg_pattern")
        parent = patterns.get(parent_name)
        if parent is None:
            return False
        node = prop_pattern_node(group)
        pg_name = parent.get("name")
        if not self._says(
            node, [group], lambda found: [read_prop_pattern(found, parent_name, pg_name)]
        ):
            return False
        parent.children.append(node)
        return True


def _by_group(pairs: frozenset[tuple[str, str]]) -> dict[str, set[str]]:
    by_group: dict[str, set[str]] = {}
    for group, prop in pairs:
        by_group.setdefault(group, set()).add(prop)
    return by_group


def _one(read: Callable[[Node], Draft]) -> Reader:
    return lambda node: [read(node)]


def _is_entity(text: str) -> bool:
    try:
        checked_entity(Node("service_fmri"), text)
    except ManifestError:
        return False
    return True


def _is_bare_default(instance: InstanceBundle) -> bool:
    return instance.enabled is not None and instance == InstanceBundle("default", instance.enabled)


def _boolean(value: bool) -> str:
    return "true" if value else "false"
