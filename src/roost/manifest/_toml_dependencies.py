"""What an entity needs, and what needs it: from TOML to elements.

``needs`` and ``needed_by`` are tables, whose keys are the names of the dependencies, or arrays
of targets, after which the dependencies are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from roost import fmri
from roost.manifest import _toml_words as words
from roost.manifest._source import Node
from roost.manifest._toml_source import Place
from roost.manifest._toml_values import (
    choice,
    is_table,
    is_typed,
    one_or_each,
    property_node,
    table_of,
    text,
    truth,
    unknown_key,
)
from roost.model.bundle_json import GROUPINGS, RESTART_ON

_Read = Callable[[object, Place], Node]


def dependency_nodes(value: object, place: Place) -> list[Node]:
    """The elements for key ``needs``."""
    return [_dependency(name, content, at) for name, content, at in _named(value, place, "")]


def dependent_nodes(value: object, place: Place, owner: str) -> list[Node]:
    """The elements for key ``needed_by`` of the entity ``owner``."""
    prefix = words.group_name_for(owner) + "_"
    return [_dependent(name, content, at) for name, content, at in _named(value, place, prefix)]


def _named(value: object, place: Place, prefix: str) -> Iterable[tuple[str, object, Place]]:
    if is_table(value):
        for name in value:
            if not fmri.is_component(name):
                why = f"'{name}' is no name for a dependency, which the key is"
                raise place.at(name).fault(f'{why}: write NAME = "{name}", or an array')
        return [(name, content, place.at(name)) for name, content in value.items()]

    def read(content: object, at: Place) -> tuple[str, object, Place]:
        _, targets = _grouping(content, at, _entity)
        name = prefix + words.group_name_for(targets[0].get("value") if targets else "")
        if not fmri.is_component(name):
            raise at.fault("no name can be made of the target: write a table, NAME = TARGET")
        return name, content, at

    return one_or_each(value, place, read)


def _dependency(name: str, value: object, place: Place) -> Node:
    node = place.node("dependency", name=name)
    grouping, targets = _grouping(value, place, _target)
    table = value if is_table(value) else {}
    node.attributes["grouping"] = grouping
    node.attributes["restart_on"] = _restart_on(table, place)
    node.attributes["type"] = _target_type(table, targets, place)
    node.children = targets + _rest(table, words.DEPENDENCY_WORDS, place)
    return node


def _dependent(name: str, value: object, place: Place) -> Node:
    node = place.node("dependent", name=name)
    grouping, targets = _grouping(value, place, _entity)
    if len(targets) != 1:
        raise place.fault("expected one service or instance that needs this one")
    table = value if is_table(value) else {}
    node.attributes["grouping"] = grouping
    node.attributes["restart_on"] = _restart_on(table, place)
    for word in ("override", "delete"):
        if word in table:
            node.attributes[word] = truth(table[word], place.at(word))
    node.children = targets + _rest(table, words.DEPENDENT_WORDS, place)
    return node


def _grouping(value: object, place: Place, read: _Read) -> tuple[str, list[Node]]:
    """Grouping and targets: of a table ``{ GROUPING = TARGETS }``, else all are required."""
    if not is_table(value):
        return "require_all", one_or_each(value, place, read)
    found = [name for name in GROUPINGS if name in value]
    if len(found) != 1:
        for key in value:
            if key not in (*words.DEPENDENCY_WORDS, *words.DEPENDENT_WORDS):
                raise unknown_key(key, GROUPINGS, place.at(key))
        raise place.fault(f"expected exactly one of {', '.join(GROUPINGS)}, and what it is about")
    return found[0], one_or_each(value[found[0]], place.at(found[0]), read)


def _entity(value: object, place: Place) -> Node:
    """A service or an instance."""
    return place.node("service_fmri", value=text(value, place))


def _target(value: object, place: Place) -> Node:
    """A service, an instance, or a path."""
    target = text(value, place)
    full = f"file://localhost{target}" if target.startswith("/") else target
    return place.node("service_fmri", value=full)


def _target_type(table: Mapping[str, object], targets: list[Node], place: Place) -> str:
    if "type" in table:
        return text(table["type"], place.at("type"))
    kinds = {"path" if one.get("value").startswith("file:") else "service" for one in targets}
    if len(kinds) > 1:
        raise place.fault("services and paths in one dependency, expected two dependencies")
    return kinds.pop() if kinds else "service"


def _restart_on(table: Mapping[str, object], place: Place) -> str:
    return choice(table.get("restart_on", "none"), place.at("restart_on"), RESTART_ON)


def _rest(table: Mapping[str, object], own: Iterable[str], place: Place) -> list[Node]:
    """Further properties; below ``_properties`` those whose names are words here."""
    hidden_place = place.at("_properties")
    own = (*own, "_properties")
    further = [(name, value, place.at(name)) for name, value in table.items() if name not in own]
    hidden = table_of(table.get("_properties", {}), hidden_place)
    further += [(name, value, hidden_place.at(name)) for name, value in hidden.items()]
    nodes: list[Node] = []
    for name, value, at in further:
        if not is_typed(value):
            raise unknown_key(name, own[:-1], at, may_have_type=True)
        nodes.append(property_node(name, value, at, None, is_profile=False))
    return nodes
