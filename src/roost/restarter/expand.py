"""Expand the tokens of a method's ``exec`` (smf_method(7)). Pure text work: what a property
holds comes from the ``lookup`` that the caller passes; nothing is run or read here.
"""

from __future__ import annotations

from roost import fmri
from roost.errors import InvalidName, InvalidValue
from roost.restarter.ports import Lookup

RESTARTER_NAME = "svc.startd"
DEFAULT_GROUP = "application"
"""The group of a property that is named without one."""

_SPECIAL = frozenset(";&()|^<>\n \t\\\"'`$")
"""SMF's list, and ``$``: who may set a value must not read the method's environment by it, or
make several words of one by ``${IFS}``.
"""
_SEPARATORS = {":": ":", ",": ","}


def expand(command: str, *, instance: str, method: str, lookup: Lookup) -> str:
    """The shell text that ``command`` stands for.

    ``instance`` is a canonical FMRI, ``method`` the method's name. Raises `InvalidValue` for
    an unknown token, and for a property that is absent or named wrongly.
    """
    service, _, name = instance.removeprefix("svc:/").rpartition(":")
    simple = {"%": "%", "r": RESTARTER_NAME, "m": method, "s": service, "i": name, "f": instance}
    parts: list[str] = []
    at = 0
    while (percent := command.find("%", at)) >= 0:
        parts.append(command[at:percent])
        letter = command[percent + 1 : percent + 2]
        if letter == "{":
            end = command.find("}", percent)
            if end < 0:
                raise _refusal(command, f"'{command[percent:]}' has no closing brace")
            parts.append(_property_text(command, command[percent + 2 : end], lookup))
            at = end + 1
        elif letter in simple:
            parts.append(simple[letter])
            at = percent + 2
        else:
            raise _refusal(command, f"'%{letter}' is not a token (write %% for a percent sign)")
    parts.append(command[at:])
    return "".join(parts)


def escape(value: str) -> str:
    """The value with a backslash before each character that the shell would act on."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in value)


def _property_text(command: str, name: str, lookup: Lookup) -> str:
    separator = _SEPARATORS.get(name[-1:], " ")
    wanted = name[:-1] if name[-1:] in _SEPARATORS else name
    entity, path = _locate(command, wanted)
    values = lookup(entity, path)
    if values is None:
        owner = f" in {entity}" if entity else ""
        raise _refusal(command, f"there is no property {path}{owner}")
    return separator.join(escape(value) for value in values)


def _locate(command: str, name: str) -> tuple[str, str]:
    """Entity ("" for the instance itself) and ``pg/prop`` that a token names."""
    if name.startswith("svc:"):
        try:
            found = fmri.parse(name)
        except InvalidName as wrong:
            raise _refusal(command, wrong.message) from None
        if found.group is None or found.prop is None:
            raise _refusal(command, f"'{name}' names no property")
        return str(found.entity), f"{found.group}/{found.prop}"
    group, has_group, prop = name.rpartition("/")
    group = group if has_group else DEFAULT_GROUP
    if not (fmri.is_component(group) and fmri.is_component(prop)):
        raise _refusal(command, f"'{name}' is not the name of a property")
    return "", f"{group}/{prop}"


def _refusal(command: str, why: str) -> InvalidValue:
    return InvalidValue(f"expand '{command}'", why)
