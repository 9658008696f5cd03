"""Templates: elements to groups, and back (encoding in docs/formats/manifest.md).

Everything that the elements say is in the properties; the names of the groups only have to
be legal, unique and the same at each reading. Empty ``constraints`` and ``choices`` say nothing
and are not kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

from roost import fmri
from roost.errors import InvalidValue
from roost.manifest._properties import Draft, checked_name, checked_value, single
from roost.manifest._source import Node, fault
from roost.model.properties import PropertyGroup, PropertyType, parse_value

TEMPLATE = "template"
PG_PATTERN = "template_pg_pattern"
PROP_PATTERN = "template_prop_pattern"
GROUP_TYPES = (TEMPLATE, PG_PATTERN, PROP_PATTERN)

_PAGES: Mapping[str, tuple[str, Mapping[str, str | None]]] = {
    "manpage": ("tm_man_", {"title": None, "section": None, "manpath": ":default"}),
    "doc_link": ("tm_doc_", {"name": None, "uri": None}),
}
"""Prefix of the group's name, and the attributes with their defaults."""
_TEXTS = ("common_name", "description", "units")
_SECTIONS = ("values", "constraints", "choices")
_LOCALE = re.compile(r"(?:[A-Za-z0-9_]|-[0-9a-f]{2})+")
_VALUE_TEXT = re.compile(
    rf"({'|'.join(_SECTIONS)})_value([0-9]+)_(common_name|description)_(.+)", re.ASCII
)


# Elements to groups


def read_template(node: Node) -> Iterator[Draft]:
    """All groups of a ``template``. A page or link named twice is one."""
    seen: set[str] = set()
    for child in node.children:
        if child.tag in ("common_name", "description"):
            draft = Draft(f"tm_{child.tag}", TEMPLATE, child)
            _add_texts(draft, child, "")
            yield draft
        elif child.tag == "documentation":
            for page in child.children:
                draft = read_page(page)
                if draft.name not in seen:
                    seen.add(draft.name)
                    yield draft
        else:
            yield from read_pg_pattern(child)


def read_page(node: Node) -> Draft:
    """The group for a ``manpage`` or a ``doc_link``."""
    prefix, attributes = _PAGES[node.tag]
    given = {name: node.get(name, default or "") for name, default in attributes.items()}
    values = list(given.values())
    shown = values[:2] if node.tag == "manpage" else values[:1]
    draft = Draft(_group_name(prefix, shown, values), TEMPLATE, node)
    for name, value in given.items():
        draft.set(node, name, PropertyType.ASTRING, value)
    return draft


def read_pg_pattern(node: Node) -> Iterator[Draft]:
    """The group for a pattern, then those for its property patterns."""
    name, kind, target = node.get("name"), node.get("type"), node.get("target", "this")
    _check_pattern_name(node, name, may_be_empty=True)
    if kind:
        checked_name(node, kind, "property group type")
    draft = Draft(_group_name("tm_pgpat_", [name or kind], [name, kind, target]), PG_PATTERN, node)
    draft.set(node, "name", PropertyType.ASTRING, name)
    draft.set(node, "type", PropertyType.ASTRING, kind)
    draft.set(node, "target", PropertyType.ASTRING, target)
    draft.set(node, "required", PropertyType.BOOLEAN, node.get("required", "false"))
    _add_all_texts(draft, node)
    yield draft
    for child in node.all("prop_pattern"):
        yield read_prop_pattern(child, draft.name, name)


def read_prop_pattern(node: Node, pg_pattern: str, pg_name: str) -> Draft:
    """The group for a property pattern below the pattern whose group is ``pg_pattern``."""
    name = node.get("name")
    _check_pattern_name(node, name)
    group_name = _group_name("tm_proppat_", [pg_name, name], [pg_pattern, name])
    draft = Draft(group_name, PROP_PATTERN, node)
    draft.set(node, "pg_pattern", PropertyType.ASTRING, pg_pattern)
    draft.set(node, "name", PropertyType.ASTRING, name)
    draft.set(node, "type", PropertyType.ASTRING, node.get("type"))
    draft.set(node, "required", PropertyType.BOOLEAN, node.get("required", "false"))
    _add_all_texts(draft, node)
    for child in node.children:
        if child.tag == "visibility":
            draft.set(child, "visibility", PropertyType.ASTRING, child.get("value"))
        elif child.tag == "cardinality":
            least, most = child.get("min", "0"), child.get("max", "-1")
            draft.set(child, "cardinality_min", PropertyType.COUNT, least)
            draft.set(child, "cardinality_max", PropertyType.COUNT, most)
        elif child.tag == "internal_separators":
            draft.set(child, "internal_separators", PropertyType.ASTRING, child.text)
        elif child.tag in _SECTIONS:
            _add_section(draft, child)
    _check_range(node, draft, "cardinality_min", "cardinality_max")
    return draft


def _check_pattern_name(node: Node, name: str, *, may_be_empty: bool = False) -> None:
    # Solaris 11 names nested groups by their path.
    if not (may_be_empty and not name) and not fmri.is_service_name(name):
        checked_name(node, name, "pattern")


def _check_range(node: Node, draft: Draft, least: str, most: str) -> None:
    if least in draft.properties:
        low, high = draft.properties[least].values[0], draft.properties[most].values[0]
        if int(low) > int(high):
            raise fault(node, f"the cardinality's minimum {low} is above its maximum {high}")


def _add_section(draft: Draft, node: Node) -> None:
    section = node.tag
    values = node.all("value")
    if values:
        names = [value.get("name") for value in values]
        draft.set(node, f"{section}_value", PropertyType.ASTRING, *names)
    for place, value in enumerate(values):
        for text in value.children:
            _add_texts(draft, text, f"{section}_value{place}_{text.tag}_")
    ranges = [_range(child) for child in node.all("range")]
    if ranges:
        draft.set(node, f"{section}_range", PropertyType.ASTRING, *ranges)
    includes = [child.get("type") for child in node.all("include_values")]
    if includes:
        draft.set(node, f"{section}_include", PropertyType.ASTRING, *includes)


def _range(node: Node) -> str:
    least, most = _bound(node, node.get("min")), _bound(node, node.get("max"))
    if int(least) > int(most):
        raise fault(node, f"the range's minimum {least} is above its maximum {most}")
    return f"{least},{most}"


def _bound(node: Node, text: str) -> str:
    try:
        return parse_value(PropertyType.INTEGER, text)
    except InvalidValue:
        return checked_value(node, PropertyType.COUNT, text)


def _add_all_texts(draft: Draft, node: Node) -> None:
    for child in node.children:
        if child.tag in _TEXTS:
            _add_texts(draft, child, f"{child.tag}_")


def _add_texts(draft: Draft, node: Node, prefix: str) -> None:
    for text in node.children:
        locale = text.get("xml:lang")
        name = prefix + _escaped(locale)
        if not fmri.is_component(name):
            raise fault(text, f"'{locale}' is not a locale, expected C or one like en_GB")
        draft.set(text, name, PropertyType.USTRING, text.text.strip(" \t\r\n"))


def _escaped(locale: str) -> str:
    return "".join(
        char if char.isascii() and (char.isalnum() or char == "_") else _hex(char)
        for char in locale
    )


def _hex(char: str) -> str:
    return "".join(f"-{byte:02x}" for byte in char.encode(errors="surrogatepass"))


def _unescaped(name: str) -> str:
    if not _LOCALE.fullmatch(name):
        return ""
    raw = re.sub(rb"-([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), name.encode("ascii"))
    return raw.decode(errors="replace")


def _group_name(prefix: str, shown: list[str], identity: list[str]) -> str:
    words = [re.sub(r"[^A-Za-z0-9]+", "_", word).strip("_")[:30] for word in shown]
    digest = hashlib.sha256("\0".join(identity).encode(errors="surrogatepass")).hexdigest()[:12]
    return prefix + "_".join([*(word for word in words if word), digest])


# Groups to elements


def text_node(group: PropertyGroup) -> Node:
    """The element for the group tm_common_name or tm_description."""
    node = Node(group.name.removeprefix("tm_"))
    for name, prop in group.properties.items():
        _add_loctext(node, name, prop.values)
    return node


def page_node(group: PropertyGroup) -> Node:
    """The element for a group tm_man_* or tm_doc_*."""
    tag = "manpage" if group.name.startswith("tm_man_") else "doc_link"
    node = Node(tag)
    for name, default in _PAGES[tag][1].items():
        value = single(group, name, PropertyType.ASTRING)
        if value is not None and value != default:
            node.attributes[name] = value
    return node


def pg_pattern_node(group: PropertyGroup) -> Node:
    """The element for a group of type template_pg_pattern, without its property patterns."""
    node = Node("pg_pattern")
    for name in ("name", "type", "target"):
        value = single(group, name, PropertyType.ASTRING)
        if value:
            node.attributes[name] = value
    node.attributes["required"] = group.value("required", "false")
    _add_text_nodes(node, group, _TEXTS[:2])
    return node


def prop_pattern_node(group: PropertyGroup) -> Node:
    """The element for a group of type template_prop_pattern."""
    node = Node("prop_pattern", attributes={"name": group.value("name")})
    if group.value("type"):
        node.attributes["type"] = group.value("type")
    node.attributes["required"] = group.value("required", "false")
    _add_text_nodes(node, group, _TEXTS)
    if group.has("visibility"):
        node.add("visibility", value=group.value("visibility"))
    if group.has("cardinality_min"):
        least, most = group.value("cardinality_min"), group.value("cardinality_max")
        node.add("cardinality", min=least, max=most)
    if group.has("internal_separators"):
        node.add("internal_separators").text = group.value("internal_separators")
    for section in _SECTIONS:
        _add_section_node(node, group, section)
    return node


def _add_section_node(node: Node, group: PropertyGroup, section: str) -> None:
    holder = Node(section)
    values = [holder.add("value", name=name) for name in group.values(f"{section}_value")]
    for prop in group.properties.values():
        found = _VALUE_TEXT.fullmatch(prop.name)
        if found and found[1] == section and int(found[2]) < len(values):
            value = values[int(found[2])]
            _add_loctext(value.first(found[3]) or value.add(found[3]), found[4], prop.values)
    for value in values:
        value.children.sort(key=lambda text: text.tag)  # common_name before description
    for text in group.values(f"{section}_range"):
        least, _, most = text.partition(",")
        holder.add("range", min=least, max=most)
    for text in group.values(f"{section}_include"):
        holder.add("include_values", type=text)
    if holder.children:
        node.children.append(holder)


def _add_text_nodes(node: Node, group: PropertyGroup, kinds: Collection[str]) -> None:
    for kind in kinds:
        texts = Node(kind)
        for name, prop in group.properties.items():
            locale = name.removeprefix(f"{kind}_")
            if locale != name:
                _add_loctext(texts, locale, prop.values)
        if texts.children:
            node.children.append(texts)


def _add_loctext(node: Node, locale: str, values: tuple[str, ...]) -> None:
    text = node.add("loctext")
    text.attributes["xml:lang"] = _unescaped(locale)
    text.text = values[0] if values else ""
