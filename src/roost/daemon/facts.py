"""What the API tells of an instance beside its state: read once, and again when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roost.model.properties import PropertyGroup
from roost.model.protection import is_protected

_MANUAL_PREFIX = "tm_man_"


@dataclass(frozen=True, slots=True)
class Facts:
    """From templates and the ``general`` groups of one instance."""

    common_names: Mapping[str, str]
    comment: str
    manuals: tuple[str, ...]
    """``man`` commands, as svcs -x shows them."""


def read_facts(groups: Mapping[str, PropertyGroup]) -> Facts:
    """Gather the facts from the composed running groups (live ones included).

    They are for everybody: what a template protects is left out.
    """
    groups = {name: group for name, group in groups.items() if not is_protected(group)}
    names = groups.get("tm_common_name")
    common = {n: p.values[0] for n, p in names.properties.items() if p.values} if names else {}
    manuals = tuple(
        _manual(group) for name, group in groups.items() if name.startswith(_MANUAL_PREFIX)
    )
    return Facts(common, _comment(groups), manuals)


def _comment(groups: Mapping[str, PropertyGroup]) -> str:
    for name in ("general_ovr", "general"):
        group = groups.get(name)
        if group is not None and group.has("comment"):
            return group.value("comment")
    return ""


def _manual(group: PropertyGroup) -> str:
    path = group.value("manpath")
    where = f" -M {path}" if path and path != ":default" else ""
    return f"man{where} -s {group.value('section')} {group.value('title')}"
