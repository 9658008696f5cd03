"""References to documentation as the groups that a template's elements become."""

from __future__ import annotations

from roost.manifest._source import Node
from roost.manifest._templates import read_page
from roost.model.properties import PropertyGroup


def manpage_group(title: str, section: str) -> PropertyGroup:
    """The group of a ``manpage``."""
    return read_page(Node("manpage", attributes={"title": title, "section": section})).group()


def doc_link_group(name: str, uri: str) -> PropertyGroup:
    """The group of a ``doc_link``."""
    return read_page(Node("doc_link", attributes={"name": name, "uri": uri})).group()
