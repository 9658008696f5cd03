"""From a `Bundle` to the tables of a TOML document, in the shortest form that says the same.

A group is written as a word of its entity (``start = "..."``), else as a table, else below
``property_group``, where every group can be said; the first form that reads back as just this
group is taken. So reader and writer cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from roost.errors import ManifestError
from roost.manifest import _toml_words as words
from roost.manifest._lower import lower
from roost.manifest._notifications import GROUP_TYPE as NOTIFY_PARAMS
from roost.manifest._notifications import notification_node
from roost.manifest._source import Node
from roost.manifest._templates import GROUP_TYPES as TEMPLATE_TYPES
from roost.manifest._toml_print import Holder, Path, Section, Short, print_table
from roost.manifest._toml_read import JOINED, Entity, default_name
from roost.manifest._toml_source import Place
from roost.manifest._toml_templates import template_fragments
from roost.manifest._toml_write_values import (
    dependency_value,
    dependent_value,
    group_table,
    is_utf8,
    text,
)
from roost.manifest._validate import Problems
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import PropertyGroup, PropertyType

Fragment = dict[str, object]
_HOLDERS = ("instance", "notify", "pattern", "property_group")
_ORDER = (
    *("type", "version", "common_name", "description", "manpage", "doc_link", "enabled"),
    *("single_instance", "stability", "restarter", *words.METHODS, "startd", "method_context"),
    *("delete", "needs", "needed_by"),
)
_LAST = ("property_group", "notify", "pattern", "instance")


def toml_document(bundle: Bundle, notes: Mapping[str, Sequence[str]]) -> bytes:
    """The text for a bundle in normal form; ``notes`` as `write_toml` has them."""
    what = f"write service bundle '{bundle.name}'"
    try:
        tables = bundle_tables(bundle)
        lines = list(print_table(tables, dict(_comments(bundle, notes))))
        return ("\n".join(lines).lstrip("\n") + "\n").encode()
    except ManifestError as problem:
        problem.what = what
        raise
    except UnicodeEncodeError:
        raise ManifestError(what, "it holds half a character, which is no text") from None


def _comments(
    bundle: Bundle, notes: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Path, Sequence[str]]]:
    for service in bundle.services:
        fmri, path = f"svc:/{service.name}", ("service", service.name)
        yield path, notes.get(fmri, ())
        for instance in service.instances:
            yield (*path, "instance", instance.name), notes.get(f"{fmri}:{instance.name}", ())
        if len(service.instances) == 1:  # where it may be no table
            yield (*path, "enabled"), notes.get(f"{fmri}:default", ())


def bundle_tables(bundle: Bundle) -> Section:
    """The tables of a document for a bundle in normal form."""
    top = Section()
    if bundle.type is not BundleType.MANIFEST:
        top["type"] = bundle.type.value
    if bundle.name != default_name(service.name for service in bundle.services):
        top["name"] = text(bundle.name)
    services = Holder()
    for service in bundle.services:
        services[service.name] = _Writer(service.name, service, bundle.type).service()
    if services:
        top["service"] = services
    return top


class _Writer:
    """The table of one service or instance."""

    def __init__(
        self, name: str, entity: ServiceBundle | InstanceBundle, bundle_type: BundleType
    ) -> None:
        self._name = name
        self._entity = entity
        self._type = bundle_type
        self._is_profile = bundle_type is BundleType.PROFILE
        self._table: Fragment = {}

    def service(self) -> Section:
        service = self._entity
        assert isinstance(service, ServiceBundle)
        if service.kind != "service":
            self._table["type"] = service.kind
        if service.version != 1:
            self._table["version"] = service.version
        self._add_common()
        only = service.instances[0] if len(service.instances) == 1 else None
        if only == InstanceBundle("default", True) or only == InstanceBundle("default", False):
            assert only is not None
            self._table["enabled"] = only.enabled
        elif service.instances or not self._is_profile:
            self._table["instance"] = Holder(
                (one.name, _Writer(f"{self._name}:{one.name}", one, self._type).instance())
                for one in service.instances
            )
        return self._sorted()

    def instance(self) -> Section:
        instance = self._entity
        assert isinstance(instance, InstanceBundle)
        if instance.enabled is not None:
            self._table["enabled"] = instance.enabled
        elif not self._is_profile:
            why = f"instance '{self._name}' is not said to be enabled or not"
            raise ManifestError("write a service bundle", why)
        self._add_common()
        return self._sorted()

    def _sorted(self) -> Section:
        return Section(sorted(self._table.items(), key=lambda item: _rank(item[0])))

    def _add_common(self) -> None:
        if self._entity.deleted_groups:
            self._table["delete"] = list(self._entity.deleted_groups)
        templates = [group for group in self._entity.groups if group.type in TEMPLATE_TYPES]
        for fragment, groups in template_fragments(templates, self._says):
            self._merge(fragment)
            templates = [group for group in templates if group not in groups]
        for group in self._entity.groups:
            if group.type not in TEMPLATE_TYPES or group in templates:
                self._add(group)
        self._shorten("needs", "")
        if self._entity.dependents:
            self._table["needed_by"] = Section(
                (one.name, dependent_value(one)) for one in self._entity.dependents
            )
            self._shorten("needed_by", words.group_name_for(self._name) + "_")

    def _add(self, group: PropertyGroup) -> None:
        for fragment in self._candidates(group):
            if self._says(fragment, [group]):
                self._merge(fragment)
                return
        why = f"property group '{group.name}' of '{self._name}' holds something that no text says"
        raise ManifestError("write a service bundle", why)

    def _merge(self, fragment: Fragment) -> None:
        for key, value in fragment.items():
            present = self._table.get(key)
            if isinstance(present, dict) and isinstance(value, dict):
                present.update(value)
            elif isinstance(present, list) and isinstance(value, list):
                present += value
            else:
                self._table[key] = value

    def _shorten(self, key: str, prefix: str) -> None:
        """A table of dependencies as an array, where all have the names that they would get."""
        table = self._table.get(key)
        if isinstance(table, dict) and all(
            name == prefix + words.group_name_for(_first_target(value))
            for name, value in table.items()
        ):
            self._table[key] = list(table.values())

    def _says(self, fragment: Fragment, groups: Sequence[PropertyGroup]) -> bool:
        """Does this read as just these groups, with the marks that they have here?"""
        problems = Problems("")
        is_service = isinstance(self._entity, ServiceBundle)
        table: Fragment = {**fragment, "instance": {}}
        if not is_service:
            table = {"instance": {"x": fragment}}
        root = Node("service_bundle", attributes={"type": self._type.value, "name": ""})
        root.children = [Entity("x", table, Place(), self._type, problems).service_node()]
        bundle = None if problems.found else lower(root, problems)
        if bundle is None or problems.found:
            return False
        service = bundle.services[0]
        found = service if is_service else service.instances[0]
        names = {group.name for group in groups}
        return (
            sorted(found.groups, key=lambda group: group.name)
            == sorted(groups, key=lambda group: group.name)
            and _marks(found.overrides, names) == _marks(self._entity.overrides, names)
            and _marks(found.untyped, names) == _marks(self._entity.untyped, names)
        )

    # The forms that a group may have, the shortest first

    def _candidates(self, group: PropertyGroup) -> Iterator[Fragment]:
        if group.name == "general":
            yield from self._general(group)
        elif group.name in ("method_context", "startd"):
            yield from self._joined(group)
        elif group.type == "method" and group.name in words.METHODS:
            yield from self._method(group)
        elif group.type == "dependency":
            yield {"needs": Section({group.name: dependency_value(group)})}
        elif group.type == NOTIFY_PARAMS and is_utf8(group.value("event")):
            yield _notification(group)
        if group.name in words.METHODS or not words.word_meant(group.name):
            table = self._group_table(group, self._known(group))
            if table is not None:
                kind = Short if group.type == "method" else Section
                yield {group.name: kind({**self._type_of(group), **table})}
        plain = self._group_table(group, {})
        if plain is not None:
            shown = {"_type": group.type} if group.type not in ("", "application") else {}
            if self._is_profile and group.type:
                shown = {"_type": group.type}
            yield {"property_group": Holder({group.name: Section({**shown, **plain})})}

    def _known(self, group: PropertyGroup) -> Mapping[str, PropertyType]:
        return words.known_types(group.name, group.type)

    def _type_of(self, group: PropertyGroup) -> Fragment:
        default = words.default_group_type(group.name, is_profile=self._is_profile)
        return {} if group.type == default else {"_type": group.type}

    def _group_table(
        self, group: PropertyGroup, known: Mapping[str, PropertyType]
    ) -> Fragment | None:
        overrides = {name for of, name in self._entity.overrides if of == group.name}
        untyped = {name for of, name in self._entity.untyped if of == group.name}
        return group_table(group, known, overrides, untyped, is_profile=self._is_profile)

    def _general(self, group: PropertyGroup) -> Iterator[Fragment]:
        taken: Fragment = {}
        left = dict(group.properties)
        service_words = {"single_instance": "single_instance", "entity_stability": "stability"}
        named = {"restarter": "restarter"}
        if isinstance(self._entity, ServiceBundle):
            named |= service_words
        for name, word in named.items():
            if name in left and len(left[name].values) == 1:
                value = left.pop(name).values[0]
                taken[word] = True if name == "single_instance" else text(value)
        rest = self._group_table(PropertyGroup(group.name, group.type, left), self._known(group))
        if taken and rest is not None:
            yield {**taken, "general": Section({**self._type_of(group), **rest})} if rest else taken

    def _joined(self, group: PropertyGroup) -> Iterator[Fragment]:
        table = self._group_table(group, self._known(group))
        if table:
            yield {
                key: Short(value) if isinstance(value, dict) else value
                for key, value in table.items()
            }

    def _method(self, group: PropertyGroup) -> Iterator[Fragment]:
        table = self._group_table(group, self._known(group))
        if table is not None and table.keys() == {"exec"}:
            yield {group.name: table["exec"]}


def _rank(key: str) -> int:
    """Place of a key among those of its entity; properties of one group keep their order."""
    for group, own in JOINED.items():
        if key in own:
            key = group
    if key in _ORDER:
        return _ORDER.index(key)
    return len(_ORDER) + (_LAST.index(key) + 1 if key in _LAST else 0)


def _first_target(value: object) -> str:
    while isinstance(value, (dict, list)):
        value = next(iter(value.values() if isinstance(value, dict) else value), "")
    return str(value)


def _marks(pairs: frozenset[tuple[str, str]], names: set[str]) -> set[tuple[str, str]]:
    return {pair for pair in pairs if pair[0] in names}


def _notification(group: PropertyGroup) -> Fragment:
    event, *types = notification_node(group).children
    content = Section()
    for kind in types:
        parameters: Fragment = {}
        if kind.get("active", "true") != "true":
            parameters["active"] = False
        for child in kind.children:
            many = [text(value.get("value")) for value in child.children]
            parameters[child.get("name")] = (
                many if child.tag == "parameter" else text(child.get("value"))
            )
        content[kind.get("name")] = parameters
    return {"notify": Holder({event.get("value"): content})}
