"""From a TOML document to the elements of a service bundle (service_toml(5)).

TOML is a second notation for the same things: this module only finds out which element each
key stands for, and `roost.manifest._lower` makes the bundle of them, by the rules that hold for
XML too. What a key leaves out (a method's time-out, a group's type) is filled in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from roost.manifest import _toml_words as words
from roost.manifest._lower import lower
from roost.manifest._source import Fault, Node
from roost.manifest._toml_dependencies import dependency_nodes, dependent_nodes
from roost.manifest._toml_source import Document, Place
from roost.manifest._toml_templates import page_nodes, pattern_nodes, text_nodes
from roost.manifest._toml_values import (
    choice,
    each,
    is_table,
    is_typed,
    kind_of,
    one_or_each,
    pairs,
    property_node,
    table_of,
    text,
    truth,
    unknown_key,
)
from roost.manifest._validate import MAX_PROBLEMS, Problems
from roost.model.bundle import Bundle, BundleType
from roost.model.bundle_json import KINDS
from roost.model.properties import PropertyType

_TOP_WORDS = ("type", "name", "service")


def read_document(document: Document, problems: Problems) -> Bundle | None:
    """The bundle, or None; all that is wrong is noted."""
    root = bundle_node(document, problems)
    return None if problems.found else lower(root, problems)


def bundle_node(document: Document, problems: Problems) -> Node:
    """The element for the whole document; complete only if no problem was noted."""
    table, place = document.table, document.place
    kind = BundleType.MANIFEST
    name: str | None = None
    services: dict[str, object] = {}
    for key, value in table.items():
        at = place.at(key)
        try:
            if key == "type":
                kind = BundleType(choice(value, at, [one.value for one in BundleType]))
            elif key == "name":
                name = text(value, at)
            elif key == "service":
                services = table_of(value, at)
            else:
                raise unknown_key(key, _TOP_WORDS, at)
        except Fault as problem:
            problems.add(problem)
    root = place.node("service_bundle", type=kind.value)
    root.attributes["name"] = default_name(services) if name is None else name
    for service, content in services.items():
        at = place.at("service", service)
        try:
            entity = Entity(service, table_of(content, at), at, kind, problems)
        except Fault as problem:
            problems.add(problem)
        else:
            root.children.append(entity.service_node())
    return root


def default_name(services: Iterable[str]) -> str:
    """Name of a bundle that gives none: that of its first service, as a file would be called."""
    return next(iter(services), "").replace("/", "-")


@dataclass(slots=True)
class Entity:
    """A service or an instance while it is being read: its table, and the elements so far."""

    name: str
    """``SERVICE`` or ``SERVICE:INSTANCE``."""
    table: dict[str, object]
    place: Place
    bundle_type: BundleType
    problems: Problems
    nodes: list[Node] = field(default_factory=list)

    @property
    def is_profile(self) -> bool:
        """Do plain values leave their type open, and is nothing filled in?"""
        return self.bundle_type is BundleType.PROFILE

    @property
    def is_service(self) -> bool:
        """A service, not an instance?"""
        return ":" not in self.name

    def service_node(self) -> Node:
        """The ``service`` element."""
        node = self.place.node("service", name=self.name)
        self._attempt(self._read_head, node, self.place)
        self._read()
        if "instance" not in self.table:
            self._attempt(self._add_default_instance, None, self.place)
        node.children = self._sorted_nodes()
        return node

    def instance_node(self) -> Node:
        """The ``instance`` element."""
        node = self.place.node("instance", name=self.name.partition(":")[2])
        self._attempt(self._enable, node, self.place)
        self._read()
        node.children = self._sorted_nodes()
        return node

    def _attempt(self, act: Callable[[_What, Place], None], what: _What, place: Place) -> None:
        """Do it, or note why not; nothing more once there is enough to say."""
        if len(self.problems.found) >= MAX_PROBLEMS:
            return
        try:
            act(what, place)
        except Fault as problem:
            self.problems.add(problem)

    def _read(self) -> None:
        for name, own in JOINED.items():
            part = {key: value for key, value in self.table.items() if key in own}
            if part:
                self._attempt(self._read_joined, (name, part), self.place)
        for key, value in self.table.items():
            if not any(key in own for own in JOINED.values()):
                self._attempt(self._read_key, (key, value), self.place.at(key))
        self._attempt(self._read_template, None, self.place)

    def _read_key(self, item: tuple[str, object], place: Place) -> None:
        key, value = item
        read = _READERS.get(key)
        if key in _SEPARATELY or (key in words.SERVICE_WORDS and self.is_service and not read):
            return
        if read is not None and (self.is_service or key not in words.SERVICE_WORDS):
            read(self, value, place)
        elif not isinstance(value, dict):
            raise _unknown_word(key, place, is_service=self.is_service)
        elif meant := words.word_meant(key):
            why = f"'{key}' is too much like '{meant}' for the name of a property group"
            raise place.fault(f"{why}: write '{meant}', or property_group.{key}")
        else:
            self._add_group(key, value, place)

    def _sorted_nodes(self) -> list[Node]:
        return sorted(self.nodes, key=lambda node: _RANKS.get(node.tag, 2))

    # What a service has beside groups

    def _read_head(self, node: Node, place: Place) -> None:
        if "type" in self.table:
            node.attributes["type"] = choice(self.table["type"], place.at("type"), KINDS)
        if "version" in self.table:
            version = self.table["version"]
            if not isinstance(version, int) or isinstance(version, bool):
                raise place.at("version").fault(f"expected a number, not {kind_of(version)}")
            node.attributes["version"] = str(version)

    def _add_default_instance(self, _: None, place: Place) -> None:
        if "enabled" in self.table or not self.is_profile:
            node = place.at("enabled").node("create_default_instance")
            self._enable(node, place)
            self.nodes.append(node)

    def _enable(self, node: Node, place: Place) -> None:
        if "enabled" in self.table:
            node.attributes["enabled"] = truth(self.table["enabled"], place.at("enabled"))
        elif not self.is_profile:
            node.attributes["enabled"] = "true"

    def read_instances(self, value: object, place: Place) -> None:
        """Key ``instance``."""
        if "enabled" in self.table:
            why = "where a service names its instances, each says this itself"
            self.problems.add(self.place.at("enabled").fault(why))
        for name, content in table_of(value, place).items():
            at = place.at(name)
            inner = table_of(content, at)
            full = f"{self.name}:{name}"
            entity = Entity(full, inner, at, self.bundle_type, self.problems)
            self.nodes.append(entity.instance_node())

    def read_single_instance(self, value: object, place: Place) -> None:
        """Key ``single_instance``."""
        if truth(value, place) != "true":
            raise place.fault("expected true; without the key there may be several")
        self.nodes.append(place.node("single_instance"))

    def read_stability(self, value: object, place: Place) -> None:
        """Key ``stability``."""
        self.nodes.append(place.node("stability", value=choice(value, place, words.STABILITIES)))

    # What services and instances have

    def read_restarter(self, value: object, place: Place) -> None:
        """Key ``restarter``."""
        node = place.node("restarter")
        node.children = [place.node("service_fmri", value=text(value, place))]
        self.nodes.append(node)

    def read_deleted(self, value: object, place: Place) -> None:
        """Key ``delete``: names of groups."""
        for at, name in enumerate(each(value, place, text)):
            self.nodes.append(place.at(at).node("property_group", name=name, delete="true"))

    def read_method(self, value: object, place: Place) -> None:
        """Keys ``start``, ``stop``, ``refresh``: a command, or the table of a method."""
        if not is_table(value):
            text(value, place)
        content = value if is_table(value) else {"exec": value}
        self._add_group(str(place.path[-1]), content, place)

    def read_plain_groups(self, value: object, place: Place) -> None:
        """Key ``property_group``: groups of any name, in which nothing is known or filled in."""
        for name, content in table_of(value, place).items():
            at = place.at(name)
            kind, properties = _split_group(table_of(content, at), at)
            if kind is None:
                kind = "" if self.is_profile else "application"
            node = at.node("property_group", name=name, **{"type": kind} if kind else {})
            node.children = self._properties(properties, at, {})
            self.nodes.append(node)

    def _read_joined(self, item: tuple[str, dict[str, object]], place: Place) -> None:
        """Words that are properties of one group."""
        name, part = item
        for key, value in part.items():
            at = place.at(key)
            if isinstance(value, dict) and not (key in words.PAIRED or value.keys() == {"hex"}):
                why = "expected a string in quotes, not a table"
                raise at.fault(f"{why} (a property group of that name is property_group.{key})")
            if key == "duration":
                choice(value, at, words.DURATIONS)
            elif key == "ignore_error":
                choice(value, at, words.IGNORED_ERRORS)
            elif key not in words.PAIRED:
                text(value, at)
        self._add_group(name, part, place)

    def _add_group(self, name: str, content: dict[str, object], place: Place) -> None:
        """A group whose properties may be known, and some of them filled in."""
        kind, properties = _split_group(content, place)
        if kind is None:
            kind = words.default_group_type(name, is_profile=self.is_profile)
        known = words.known_types(name, kind)
        node = place.node("property_group", name=name, **{"type": kind} if kind else {})
        node.children = self._properties(properties, place, known)
        if kind == "method" and not self.is_profile:
            _fill_in_method(node, place)
        if "use_profile" in known:
            _fill_in_use_profile(node)
        self.nodes.append(node)

    def _properties(
        self, properties: Mapping[str, object], place: Place, known: Mapping[str, PropertyType]
    ) -> list[Node]:
        nodes: list[Node] = []
        for name, value in properties.items():
            at = place.at(name)
            given = value
            if known and not is_typed(value):
                if name not in known:
                    raise unknown_key(name, tuple(known), at, may_have_type=True)
                if isinstance(value, list) and name not in words.MANY:
                    raise at.fault("expected one value, not an array")
            if words.is_paired(name, known):
                given = pairs(value, at, with_numbers=name == "limits")
            nodes.append(
                property_node(name, given, at, known.get(name), is_profile=self.is_profile)
            )
        return nodes

    def read_needs(self, value: object, place: Place) -> None:
        """Key ``needs``."""
        self.nodes += dependency_nodes(value, place)

    def read_dependents(self, value: object, place: Place) -> None:
        """Key ``needed_by``."""
        self.nodes += dependent_nodes(value, place, self.name)

    def read_notifications(self, value: object, place: Place) -> None:
        """Key ``notify``: events by name, ways to tell of them, their parameters."""
        for event, content in table_of(value, place).items():
            at = place.at(event)
            node = at.node("notification_parameters")
            node.children = [at.node("event", value=event)]
            for way, parameters in table_of(content, at).items():
                node.children.append(_notification(way, parameters, at.at(way)))
            self.nodes.append(node)

    def _read_template(self, _: None, place: Place) -> None:
        given = [word for word in words.TEMPLATE_WORDS if word in self.table]
        if given and self.is_profile:
            raise place.at(given[0]).fault("a profile holds no templates, only a manifest does")
        template = place.node("template")
        for word in given:
            self._attempt(self._read_template_word, template, place.at(word))
        if template.children:
            self.nodes.append(template)

    def _read_template_word(self, template: Node, place: Place) -> None:
        word = str(place.path[-1])
        read = {"pattern": pattern_nodes, "manpage": page_nodes, "doc_link": page_nodes}
        template.children += read.get(word, text_nodes)(self.table[word], place)


def _unknown_word(key: str, place: Place, *, is_service: bool) -> Fault:
    if key in words.SERVICE_WORDS and not is_service:
        return place.fault(f"'{key}' is said of a service, not of an instance")
    if meant := words.word_meant(key):
        return place.fault(f"there is no key '{key}', did you mean '{meant}'?")
    known = words.WORDS if is_service else words.ENTITY_WORDS
    return unknown_key(key, known, place)


def _split_group(table: dict[str, object], place: Place) -> tuple[str | None, dict[str, object]]:
    """A group's type, if it is given, and its properties."""
    kind = text(table["_type"], place.at("_type")) if "_type" in table else None
    if kind == "":
        raise place.at("_type").fault("a type has a name")
    return kind, {name: value for name, value in table.items() if name != "_type"}


def _fill_in_method(node: Node, place: Place) -> None:
    given = [child.get("name") for child in node.children]
    if "exec" not in given:
        raise place.fault("a method needs 'exec', its command")
    if "timeout_seconds" not in given:
        timeout = place.node(
            "propval", name="timeout_seconds", type="count", value=words.DEFAULT_TIMEOUT_S
        )
        node.children.insert(given.index("exec") + 1, timeout)
    if "type" not in given:
        kind = place.node("propval", name="type", type="astring", value="method")
        node.children.insert(0, kind)


def _fill_in_use_profile(node: Node) -> None:
    """Credentials count only beside this property (smf_method(7))."""
    given = [child.get("name") for child in node.children]
    if "user" in given and "use_profile" not in given:
        last = max(at for at, name in enumerate(given) if name in words.CREDENTIALS)
        user = node.children[given.index("user")]
        added = Node("propval", user.file, user.line)
        added.attributes = {"name": "use_profile", "type": "boolean", "value": "false"}
        node.children.insert(last + 1, added)


def _notification(way: str, value: object, place: Place) -> Node:
    node = place.node("type", name=way)
    for name, content in table_of(value, place).items():
        at = place.at(name)
        if name == "active":
            node.attributes["active"] = truth(content, at)
            continue
        child = at.node("parameter", name=name)
        child.children = [
            at.node("value_node", value=found) for found in one_or_each(content, at, text)
        ]
        node.children.append(child)
    return node


_What = TypeVar("_What")
JOINED = {"method_context": words.CONTEXT_WORDS, "startd": words.STARTD_WORDS}
"""Groups some of whose properties are words of their entity."""
_SEPARATELY = ("enabled", *words.TEMPLATE_WORDS)
_RANKS = {"single_instance": 0, "restarter": 1, "instance": 3, "stability": 4, "template": 5}
"""Order of the elements, for the order of what they give to the group ``general``."""
_READERS: Mapping[str, Callable[[Entity, object, Place], None]] = {
    "instance": Entity.read_instances,
    "single_instance": Entity.read_single_instance,
    "stability": Entity.read_stability,
    "restarter": Entity.read_restarter,
    "delete": Entity.read_deleted,
    **dict.fromkeys(words.METHODS, Entity.read_method),
    "property_group": Entity.read_plain_groups,
    "needs": Entity.read_needs,
    "needed_by": Entity.read_dependents,
    "notify": Entity.read_notifications,
}
