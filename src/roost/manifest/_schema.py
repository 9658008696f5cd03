"""What a service bundle may hold: every element, its attributes, and its content in order.

This table does the work of a document type definition (service_bundle(5),
with what Solaris 11 added). `roost.manifest._validate` reads it.

An attribute is written ``name`` or ``name=one|two`` (its only values); ``!`` after it: it is
required; ``!!``: required but in profiles. Content is a sequence of tags, or of alternatives
``(a|b)``, with ``?`` at most one, ``*`` any number, ``+`` at least one; a bare one: exactly one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from roost.model.properties import PropertyType


class Need(Enum):
    """When an attribute must be there."""

    NEVER = ""
    OUTSIDE_PROFILES = "!!"
    ALWAYS = "!"


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One attribute; no ``choices`` means any text."""

    need: Need
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Particle:
    """One step of an element's content: children with one of ``tags``, so many of them."""

    tags: tuple[str, ...]
    least: int
    most: int | None

    def __str__(self) -> str:
        return " or ".join(f"'{tag}'" for tag in self.tags)


@dataclass(frozen=True, slots=True)
class ElementRule:
    """What one element may hold. ``anywhere``: tags that may stand at any place, once each."""

    attributes: Mapping[str, AttributeRule]
    content: tuple[Particle, ...]
    anywhere: frozenset[str]
    has_text: bool


_ATTRIBUTE = re.compile(r"(?P<name>[a-z:_]+)(?:=(?P<choices>[^!]+))?(?P<need>!{0,2})")
_PARTICLE = re.compile(r"\(?(?P<tags>[a-z0-9_|:]+)\)?(?P<many>[?*+]?)")
_MANY: Mapping[str, tuple[int, int | None]] = {
    "": (1, 1),
    "?": (0, 1),
    "*": (0, None),
    "+": (1, None),
}


def _rule(
    attributes: str = "", content: str = "", *, anywhere: str = "", has_text: bool = False
) -> ElementRule:
    rules: dict[str, AttributeRule] = {}
    for word in attributes.split():
        found = _ATTRIBUTE.fullmatch(word)
        assert found is not None, word
        choices = tuple(found["choices"].split("|")) if found["choices"] else ()
        rules[found["name"]] = AttributeRule(Need(found["need"]), choices)
    particles: list[Particle] = []
    for word in content.split():
        found = _PARTICLE.fullmatch(word)
        assert found is not None, word
        particles.append(Particle(tuple(found["tags"].split("|")), *_MANY[found["many"]]))
    return ElementRule(rules, tuple(particles), frozenset(anywhere.split()), has_text)


_TYPES = "|".join(kind.value for kind in PropertyType)
_BOOLEAN = "true|false"
_GROUPING = "grouping=require_all|require_any|optional_all|exclude_all!"
_RESTART_ON = "restart_on=none|error|restart|refresh!"
_PROPERTIES = "stability? (propval|property)*"
_ENTITY_HEAD = "restarter? dependency* dependent* method_context? exec_method*"
_SOLARIS_11 = "periodic_method scheduled_method logfile_attributes"
_SCHEDULE = (
    "interval=year|month|week|day|hour|minute! frequency year week_of_year month week_of_month "
    "weekday_of_month day_of_month day hour minute timezone"
)
_PATTERN_TEXT = "common_name? description?"

ELEMENTS: Mapping[str, ElementRule] = {
    # The document
    "service_bundle": _rule(
        "type=manifest|profile|archive! name!", "(service_bundle|service|xi:include)*"
    ),
    "xi:include": _rule("href! parse encoding", "xi:fallback?"),
    "xi:fallback": _rule("", "(service_bundle|service|xi:include)*"),
    "service": _rule(
        "name! version!! type=service|restarter|milestone!!",
        f"create_default_instance? single_instance? {_ENTITY_HEAD} notification_parameters* "
        "property_group* instance* stability? template?",
        anywhere=_SOLARIS_11,
    ),
    "instance": _rule(
        f"name! enabled={_BOOLEAN}!! complete={_BOOLEAN}",
        f"{_ENTITY_HEAD} notification_parameters* property_group* template?",
        anywhere=_SOLARIS_11,
    ),
    "create_default_instance": _rule(f"enabled={_BOOLEAN}!!"),
    "single_instance": _rule(),
    "restarter": _rule("", "service_fmri"),
    "service_fmri": _rule("value!"),
    # Dependencies
    "dependency": _rule(
        f"name! {_GROUPING} {_RESTART_ON} type! delete={_BOOLEAN}", f"service_fmri* {_PROPERTIES}"
    ),
    "dependent": _rule(
        f"name! {_GROUPING} {_RESTART_ON} delete={_BOOLEAN} override={_BOOLEAN}",
        f"service_fmri {_PROPERTIES}",
    ),
    # Methods
    "exec_method": _rule(
        f"type=method|monitor! name! exec! timeout_seconds! delete={_BOOLEAN}",
        f"method_context? {_PROPERTIES}",
    ),
    "periodic_method": _rule(
        f"exec! timeout_seconds period! delay jitter recover={_BOOLEAN} persistent={_BOOLEAN}",
        f"method_context? {_PROPERTIES}",
    ),
    "scheduled_method": _rule(
        f"exec! timeout_seconds {_SCHEDULE} recover={_BOOLEAN}",
        f"method_context? {_PROPERTIES}",
    ),
    "method_context": _rule(
        "working_directory project resource_pool security_flags corefile_pattern",
        "(method_profile|method_credential)? method_environment?",
    ),
    "method_credential": _rule(
        "user group supp_groups privileges limit_privileges "
        f"trusted_path={_BOOLEAN} clearance audit_flags"
    ),
    "method_profile": _rule("name!"),
    "method_environment": _rule("", "envvar+"),
    "envvar": _rule("name! value!"),
    "logfile_attributes": _rule("permissions!"),
    # Properties
    "property_group": _rule(
        f"name! type!! delete={_BOOLEAN}", "stability? (propval|property|property_group)*"
    ),
    "propval": _rule(f"name! type={_TYPES}!! value! override={_BOOLEAN}"),
    "property": _rule(
        f"name! type={_TYPES}!! override={_BOOLEAN}",
        "(" + "|".join(f"{kind.value}_list" for kind in PropertyType) + ")?",
    ),
    **{f"{kind.value}_list": _rule("", "value_node+") for kind in PropertyType},
    "value_node": _rule("value!"),
    "stability": _rule("value=Standard|Stable|Evolving|Unstable|External|Obsolete!"),
    # Notification parameters
    "notification_parameters": _rule("", "event type+"),
    "event": _rule("value!"),
    "type": _rule(f"name! active={_BOOLEAN}", "(parameter|paramval)*"),
    "parameter": _rule("name!", "value_node*"),
    "paramval": _rule("name! value!"),
    # Templates
    "template": _rule("", "common_name description? documentation? pg_pattern*"),
    "common_name": _rule("", "loctext+"),
    "description": _rule("", "loctext+"),
    "units": _rule("", "loctext+"),
    "loctext": _rule("xml:lang!", has_text=True),
    "documentation": _rule("", "(manpage|doc_link)*"),
    "manpage": _rule("title! section! manpath"),
    "doc_link": _rule("name! uri!"),
    "pg_pattern": _rule(
        f"name type required={_BOOLEAN} target=this|instance|delegate|all",
        f"{_PATTERN_TEXT} prop_pattern*",
    ),
    "prop_pattern": _rule(
        f"name! type={_TYPES} required={_BOOLEAN}",
        f"{_PATTERN_TEXT} units? visibility? cardinality? internal_separators? values? "
        "constraints? choices?",
    ),
    "visibility": _rule("value=hidden|readonly|readwrite!"),
    "cardinality": _rule("min max"),
    "internal_separators": _rule(has_text=True),
    "values": _rule("", "value+"),
    "constraints": _rule("", "(value|range)*"),
    "choices": _rule("", "(value|range|include_values)*"),
    "value": _rule("name!", _PATTERN_TEXT),
    "range": _rule("min! max!"),
    "include_values": _rule("type=constraints|values!"),
}
