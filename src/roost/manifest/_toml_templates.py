"""Templates in TOML: texts, manual pages and patterns, to elements and back.

`roost.manifest._templates` knows what the elements become; here is only how they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from roost.manifest import _toml_words as words
from roost.manifest._schema import ELEMENTS
from roost.manifest._source import Node
from roost.manifest._templates import (
    PG_PATTERN,
    PROP_PATTERN,
    TEMPLATE,
    page_node,
    pg_pattern_node,
    prop_pattern_node,
    text_node,
)
from roost.manifest._toml_print import Holder, Section, Short
from roost.manifest._toml_source import Place
from roost.manifest._toml_values import (
    check_keys,
    choice,
    each,
    one_or_each,
    table_of,
    text,
    truth,
    unknown_key,
    whole,
)
from roost.manifest._toml_write_values import is_utf8, number_value
from roost.manifest._toml_write_values import text as text_value
from roost.model.properties import MAX_COUNT, PropertyGroup

Fragment = dict[str, object]

_PAGE = re.compile(r"([^\s()]+)\(([^\s()]+)\)")
_SECTIONS = ("values", "constraints", "choices")
_TARGETS = ELEMENTS["pg_pattern"].attributes["target"].choices
_VISIBILITIES = ELEMENTS["visibility"].attributes["value"].choices
_INCLUDES = ELEMENTS["include_values"].attributes["type"].choices


# Tables to elements


def text_nodes(value: object, place: Place) -> list[Node]:
    """A text for people: a string, or a table of languages."""
    tag = str(place.path[-1])
    texts = value if isinstance(value, dict) and value.keys() != {"hex"} else {"C": value}
    if not texts:
        raise place.fault("expected a text, or a table of languages")
    node = place.node(tag)
    for locale, content in texts.items():
        at = place if texts is not value else place.at(locale)
        loctext = at.node("loctext")
        loctext.attributes["xml:lang"] = locale
        loctext.text = text(content, at)
        node.children.append(loctext)
    return [node]


def page_nodes(value: object, place: Place) -> list[Node]:
    """Manual pages (``"sshd(8)"``, or a table), or links to documents."""
    tag = str(place.path[-1])

    def read(page: object, at: Place) -> Node:
        if tag == "manpage" and isinstance(page, str):
            found = _PAGE.fullmatch(page)
            if found is None:
                raise at.fault(f"'{page}' is no manual page, expected one like \"sshd(8)\"")
            return at.node(tag, title=found[1], section=found[2])
        table = table_of(page, at)
        known = tuple(ELEMENTS[tag].attributes)
        check_keys(table, known, at)
        for name in known[:2]:
            if name not in table:
                raise at.fault(f"expected a key '{name}'")
        return at.node(tag, **{name: text(found, at.at(name)) for name, found in table.items()})

    holder = place.node("documentation")
    holder.children = one_or_each(value, place, read)
    return [holder]


def pattern_nodes(value: object, place: Place) -> list[Node]:
    """Patterns of property groups, by name."""
    return [
        _pg_pattern(name, table_of(found, place.at(name)), place.at(name))
        for name, found in table_of(value, place).items()
    ]


def _pg_pattern(label: str, table: dict[str, object], place: Place) -> Node:
    node = place.node("pg_pattern", name=label)
    properties: list[Node] = []
    for key, value in table.items():
        at = place.at(key)
        if key in ("name", "type"):
            node.attributes[key] = text(value, at)
        elif key == "target":
            node.attributes[key] = choice(value, at, _TARGETS)
        elif key == "required":
            node.attributes[key] = truth(value, at)
        elif key in words.TEXT_WORDS:
            node.children += text_nodes(value, at)
        elif key == "property":
            for name, found in table_of(value, at).items():
                properties.append(_prop_pattern(name, table_of(found, at.at(name)), at.at(name)))
        else:
            raise unknown_key(key, words.PATTERN_WORDS, at)
    node.children = _by_tag(node, "pg_pattern") + properties
    return node


def _prop_pattern(name: str, table: dict[str, object], place: Place) -> Node:
    node = place.node("prop_pattern", name=name)
    for key, value in table.items():
        at = place.at(key)
        if key == "type":
            node.attributes[key] = choice(value, at, tuple(words.TYPES))
        elif key == "required":
            node.attributes[key] = truth(value, at)
        elif key in (*words.TEXT_WORDS, "units"):
            node.children += text_nodes(value, at)
        elif key == "visibility":
            node.children.append(at.node(key, value=choice(value, at, _VISIBILITIES)))
        elif key == "cardinality":
            node.children.append(_cardinality(value, at))
        elif key == "internal_separators":
            separators = at.node(key)
            separators.text = text(value, at)
            node.children.append(separators)
        elif key in _SECTIONS:
            section = at.node(key)
            section.children = each(value, at, _ALLOWED[key])
            node.children.append(section)
        else:
            raise unknown_key(key, words.PROPERTY_PATTERN_WORDS, at)
    node.children = _by_tag(node, "prop_pattern")
    return node


def _by_tag(node: Node, tag: str) -> list[Node]:
    """The children in the order of elements: keys of a table have none that means anything."""
    order = [name for particle in ELEMENTS[tag].content for name in particle.tags]
    return sorted(node.children, key=lambda child: order.index(child.tag))


def _cardinality(value: object, place: Place) -> Node:
    """How many values: a number, or a table of the least and the greatest."""
    if not isinstance(value, dict):
        number = whole(value, place)
        return place.node("cardinality", min=number, max=number)
    table = table_of(value, place)
    check_keys(table, ("min", "max"), place)
    return place.node(
        "cardinality", **{key: whole(bound, place.at(key)) for key, bound in table.items()}
    )


def _named_value(value: object, place: Place) -> Node:
    """A value: a string, or a table with its texts."""
    if not isinstance(value, dict) or value.keys() == {"hex"}:
        return place.node("value", name=text(value, place))
    check_keys(value, ("value", *words.TEXT_WORDS), place)
    if "value" not in value:
        raise place.fault("expected a key 'value'")
    node = place.node("value", name=text(value["value"], place.at("value")))
    for word in words.TEXT_WORDS:
        if word in value:
            node.children += text_nodes(value[word], place.at(word))
    return node


def _value_or_range(value: object, place: Place) -> Node:
    """A value; or ``[MIN, MAX]``."""
    if not isinstance(value, list):
        return _named_value(value, place)
    bounds = each(value, place, whole)
    if len(bounds) != 2:
        raise place.fault("a range is [MIN, MAX]")
    return place.node("range", min=bounds[0], max=bounds[1])


def _choice(value: object, place: Place) -> Node:
    """A value, a range, or ``{ include = "values" }``."""
    if not isinstance(value, dict) or "include" not in value:
        return _value_or_range(value, place)
    check_keys(value, ("include",), place)
    included = choice(value["include"], place.at("include"), _INCLUDES)
    return place.node("include_values", type=included)


_ALLOWED = {"values": _named_value, "constraints": _value_or_range, "choices": _choice}


# Groups to tables


def template_fragments(
    groups: Sequence[PropertyGroup], says: Callable[[Fragment, Sequence[PropertyGroup]], bool]
) -> Iterator[tuple[Fragment, Sequence[PropertyGroup]]]:
    """What stands for template groups, with the groups; those that nothing here says are left
    out. ``says`` looks whether something does.
    """
    patterns = _Patterns(says)
    for group in groups:
        if group.type == TEMPLATE:
            found = _text_or_page(group)
            if says(found, [group]):
                yield found, [group]
        elif group.type == PG_PATTERN:
            yield from patterns.add(group, [one for one in groups if _is_of(one, group)])


def _is_of(prop_pattern: PropertyGroup, pg_pattern: PropertyGroup) -> bool:
    is_one = prop_pattern.type == PROP_PATTERN
    return is_one and prop_pattern.value("pg_pattern") == pg_pattern.name


class _Patterns:
    """Patterns of one entity, each below a key of its own."""

    def __init__(self, says: Callable[[Fragment, Sequence[PropertyGroup]], bool]) -> None:
        self._says = says
        self._keys: set[str] = set()

    def add(
        self, group: PropertyGroup, inner: Sequence[PropertyGroup]
    ) -> Iterator[tuple[Fragment, Sequence[PropertyGroup]]]:
        """The pattern with as many of its property patterns as can be said."""
        node = pg_pattern_node(group)
        name = node.get("name")
        key = first = name or "any"
        number = 2
        while key in self._keys:
            key, number = f"{first}-{number}", number + 1
        shown = Section({} if key == name else {"name": name})
        if node.get("type"):
            shown["type"] = node.get("type")
        if node.get("target", "this") != "this":
            shown["target"] = node.get("target")
        if node.get("required") == "true":
            shown["required"] = True
        shown.update(_texts(node))
        properties = Holder()
        said = [group]
        for one in inner:
            property_node = prop_pattern_node(one)
            content = _prop_table(property_node)
            alone = {**shown, "property": Holder({property_node.get("name"): content})}
            if self._says({"pattern": {key: alone}}, [group, one]):
                properties[property_node.get("name")] = content
                said.append(one)
        if properties:
            shown["property"] = properties
        fragment: Fragment = {"pattern": Holder({key: shown})}
        if self._says(fragment, said):
            self._keys.add(key)
            yield fragment, said


def _text_or_page(group: PropertyGroup) -> Fragment:
    if group.name in ("tm_common_name", "tm_description"):
        return _texts(Node("", children=[text_node(group)]))
    node = page_node(group)
    page: object = dict(node.attributes)
    short = f"{node.get('title')}({node.get('section')})"
    is_short = _PAGE.fullmatch(short) and is_utf8(short)
    if node.tag == "manpage" and "manpath" not in node.attributes and is_short:
        page = short
    elif isinstance(page, dict):
        page = {name: text_value(value) for name, value in page.items()}
    return {node.tag: [page]}


def _texts(node: Node) -> Fragment:
    """The texts for people among the children, each as a string or by language."""
    found: Fragment = {}
    for child in node.children:
        if child.tag in (*words.TEXT_WORDS, "units"):
            texts = {one.get("xml:lang"): text_value(one.text) for one in child.children}
            found[child.tag] = texts["C"] if texts.keys() == {"C"} else Short(texts)
    return found


def _prop_table(node: Node) -> Short:
    table = Short()
    if node.get("type"):
        table["type"] = node.get("type")
    if node.get("required") == "true":
        table["required"] = True
    table.update(_texts(node))
    for child in node.children:
        if child.tag == "visibility":
            table[child.tag] = child.get("value")
        elif child.tag == "cardinality":
            table[child.tag] = _bounds(child)
        elif child.tag == "internal_separators":
            table[child.tag] = text_value(child.text)
        elif child.tag in _SECTIONS:
            table[child.tag] = [_allowed(one) for one in child.children]
    return table


def _bounds(node: Node) -> object:
    """Least and most; what is said by leaving it out is left out, but not both."""
    least, most = node.get("min"), node.get("max")
    if least == most:
        return number_value(least)
    shown: Fragment = {}
    if least != "0":
        shown["min"] = number_value(least)
    if most != str(MAX_COUNT) or not shown:
        shown["max"] = number_value(most)
    return shown


def _allowed(node: Node) -> object:
    if node.tag == "range":
        return [number_value(node.get("min")), number_value(node.get("max"))]
    if node.tag == "include_values":
        return {"include": node.get("type")}
    texts = _texts(node)
    name = text_value(node.get("name"))
    return {"value": name, **texts} if texts else name
