"""The words of the TOML form, and what they stand for (service_toml(5)).

Shared by reader and writer, so that what one leaves out the other puts back. A table of a
service is a property group and its keys are properties, but for the words listed here. A
word must never be added: a file that has a group of that name would change its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from roost.manifest._schema import ELEMENTS
from roost.model.bundle_json import GROUPINGS
from roost.model.properties import PropertyType

STABILITIES = ELEMENTS["stability"].attributes["value"].choices

METHODS = ("start", "stop", "refresh")
DEFAULT_TIMEOUT_S = "60"
"""``timeout_seconds`` of a method that gives none."""
DURATIONS = ("contract", "child", "wait", "transient")
IGNORED_ERRORS = ("core", "signal", "core,signal", "signal,core")

CREDENTIALS = (
    *("user", "group", "supp_groups", "privileges", "limit_privileges"),
    *("trusted_path", "clearance", "audit_flags"),
)
"""Properties after which ``use_profile`` stands, where ``user`` implies it."""
PAIRED = ("environment", "limits")
"""Properties whose values ``NAME=TEXT`` are written as a table."""
CONTEXT_WORDS = (
    *("working_directory", "project", "resource_pool", "security_flags", "corefile_pattern"),
    *("user", "group", "supp_groups", "privileges", "limit_privileges", "umask", *PAIRED),
)
"""Words of an entity that are properties of its group ``method_context``."""
STARTD_WORDS = ("duration", "ignore_error")
"""Words of an entity that are properties of its group ``startd``."""
TEXT_WORDS = ("common_name", "description")
TEMPLATE_WORDS = (*TEXT_WORDS, "manpage", "doc_link", "pattern")

ENTITY_WORDS = (
    *(*TEMPLATE_WORDS, "enabled", "restarter", *METHODS, *STARTD_WORDS, *CONTEXT_WORDS),
    *("needs", "needed_by", "notify", "delete", "property_group"),
)
"""Words that a service and an instance share."""
SERVICE_WORDS = ("type", "version", "single_instance", "stability", "instance")
"""Words of a service only."""
WORDS = (*ENTITY_WORDS, *SERVICE_WORDS)

_FOREIGN = {
    **dict.fromkeys(("command", "exec", "cmd", "run"), "start"),
    **dict.fromkeys(("directory", "workdir", "cwd", "chdir"), "working_directory"),
    **dict.fromkeys(("depends_on", "dependencies", "dependency", "requires"), "needs"),
    **dict.fromkeys(("dependents", "dependent", "required_by"), "needed_by"),
    **dict.fromkeys(("env", "environ"), "environment"),
    **dict.fromkeys(("autostart", "default_instance"), "enabled"),
    **dict.fromkeys(("instances",), "instance"),
    **dict.fromkeys(("template", "templates", "patterns"), "pattern"),
    **dict.fromkeys(("reload",), "refresh"),
    **dict.fromkeys(("title", "name"), "common_name"),
    **dict.fromkeys(("notifications", "notification_parameters"), "notify"),
}
"""What people call things elsewhere, and our word."""

_GROUP_TYPES = {
    "general": "framework",
    "startd": "framework",
    "method_context": "framework",
    **dict.fromkeys(METHODS, "method"),
}

_T = PropertyType
_CONTEXT = {
    **dict.fromkeys(CONTEXT_WORDS[:5], _T.ASTRING),
    **dict.fromkeys(("profile", *CREDENTIALS), _T.ASTRING),
    **dict.fromkeys(("trusted_path", "use_profile"), _T.BOOLEAN),
    **dict.fromkeys(("umask", *PAIRED), _T.ASTRING),
}
_METHOD = {"type": _T.ASTRING, "exec": _T.ASTRING, "timeout_seconds": _T.COUNT, **_CONTEXT}
_DEPENDENCY = {
    "type": _T.ASTRING,
    "grouping": _T.ASTRING,
    "restart_on": _T.ASTRING,
    "entities": _T.FMRI,
}


_STARTD = {
    **dict.fromkeys((*STARTD_WORDS, "utmpx_prefix"), _T.ASTRING),
    **dict.fromkeys(("critical_failure_count", "critical_failure_period"), _T.COUNT),
    **dict.fromkeys(("need_session", "timeout_retry"), _T.BOOLEAN),
}
_GENERAL = {
    **dict.fromkeys(("enabled", "single_instance"), _T.BOOLEAN),
    "restarter": _T.FMRI,
    **dict.fromkeys(("entity_stability", "package", "comment", "complete"), _T.ASTRING),
    **dict.fromkeys(
        [f"{what}_authorization" for what in ("action", "modify", "value", "read")], _T.ASTRING
    ),
}
MANY = (
    *PAIRED,
    "entities",
    *(f"{what}_authorization" for what in ("action", "modify", "value", "read")),
)
"""Known properties that may have several values."""


def default_group_type(name: str, *, is_profile: bool) -> str:
    """Type of the group ``name`` that gives none; "" leaves it to what exists."""
    return _GROUP_TYPES.get(name, "" if is_profile else "application")


def known_types(name: str, kind: str) -> Mapping[str, PropertyType]:
    """The properties of a group that SMF knows, with their types: plain values have these.

    If there are any, other properties of the group need a type, so that no slip makes one.

    Those of methods and contexts are written in this order.
    """
    if kind == "method":
        return _METHOD
    if kind == "dependency":
        return _DEPENDENCY
    frameworks = {"method_context": _CONTEXT, "startd": _STARTD, "general": _GENERAL}
    return frameworks.get(name, {}) if kind == "framework" else {}


def is_paired(name: str, known: Mapping[str, PropertyType]) -> bool:
    """Is a table as the value of this property one of names and texts?"""
    return name in PAIRED and name in known


def word_meant(name: str) -> str:
    """The word that ``name`` is, is elsewhere, or differs from by one letter; "" if none.

    A group of such a name must be written out as one, so that no slip makes a group.
    """
    if name in WORDS:
        return name
    if name in _GROUP_TYPES:
        return ""  # startd is no slip for start
    return _FOREIGN.get(name, "") or next((word for word in WORDS if _is_slip(word, name)), "")


def _is_slip(word: str, name: str) -> bool:
    if abs(len(word) - len(name)) > 1 or word[0] != name[:1]:
        return False
    start = 0
    while start < min(len(word), len(name)) and word[start] == name[start]:
        start += 1
    left, right = word[start:], name[start:]
    is_swap = left[:2] == right[:2][::-1] and left[2:] == right[2:]
    return is_swap or right == left[1:] or left == right[1:] or left[1:] == right[1:]


def group_name_for(target: str) -> str:
    """Name of the dependency on ``target`` that is given none: its path, with ``-`` between."""
    path = re.sub(r"^(svc:|file://localhost|file:)/*", "", target)
    return re.sub(r"[^A-Za-z0-9_-]+", "-", path).strip("-")


TYPES = {kind.value: kind for kind in PropertyType}
VALUE_WORDS = (*TYPES, "value", "override")
"""Keys in the table of a property's value: exactly one, beside ``override``."""
DEPENDENCY_WORDS = (*GROUPINGS, "restart_on", "type")
DEPENDENT_WORDS = (*GROUPINGS, "restart_on", "override", "delete")
PATTERN_WORDS = ("name", "type", "target", "required", *TEXT_WORDS, "property")
PROPERTY_PATTERN_WORDS = (
    *("type", "required", *TEXT_WORDS, "units", "visibility", "cardinality"),
    *("internal_separators", "values", "constraints", "choices"),
)
