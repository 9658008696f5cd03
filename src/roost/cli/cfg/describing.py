"""The subcommand describe: what templates say of the selection, beside what is set.

`about_groups` and `about_templates` make plain descriptions of groups, in the user's language;
the lines and the JSON of describe are made from these. What a template says is read by
`templates` and `template_rules`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from roost.cli.cfg.lexer import quoted
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.template_rules import Allowed, Rule
from roost.cli.cfg.templates import (
    GLOBAL,
    PG_PATTERN,
    PROP_PATTERN,
    Source,
    elsewhere,
    pattern_for,
    restarter_of,
    sources,
)
from roost.cli.cfg.values import glob_matcher, shown_values
from roost.cli.output import localised, plain
from roost.errors import NotFound
from roost.fmri import is_instance, service_of
from roost.model.properties import MAX_COUNT, Groups, Property, PropertyGroup

_TEMPLATE_TYPES = frozenset(("template", PG_PATTERN, PROP_PATTERN))
_WIDTH = 79
_ANY = "*"
_UNSET = "(unset)"
_HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Texts:
    """A common name and a description in the user's language; "" for what there is not."""

    common_name: str
    description: str

    @classmethod
    def read(cls, group: PropertyGroup, prefix: str = "") -> Texts:
        """From the properties ``PREFIXcommon_name_LOCALE`` and ``PREFIXdescription_LOCALE``."""
        return cls(
            _text(group, f"{prefix}common_name_"),
            _text(group, f"{prefix}description_"),
        )

    def record(self) -> dict[str, object]:
        """For JSON."""
        return {"common_name": self.common_name, "description": self.description}


NO_TEXTS = Texts("", "")


def _text(group: PropertyGroup, prefix: str) -> str:
    """The text in the properties whose names are ``prefix`` and a locale."""
    return localised(
        {
            name.removeprefix(prefix): " ".join(prop.values[0].split())
            for name, prop in group.properties.items()
            if name.startswith(prefix) and prop.values
        }
    )


@dataclass(frozen=True, slots=True)
class AboutProperty:
    """A property: what is set, and what its template says. At least one of them is there."""

    name: str
    type: str
    prop: Property | None
    rule: Rule | None

    @property
    def texts(self) -> Texts:
        """What its template calls it."""
        return Texts.read(self.rule.pattern) if self.rule is not None else NO_TEXTS

    @property
    def is_hidden(self) -> bool:
        """Does its template ask for it not to be shown?"""
        return self.rule is not None and self.rule.pattern.value("visibility") == _HIDDEN


@dataclass(frozen=True, slots=True)
class AboutGroup:
    """A property group: what is set, and the template that speaks of it, if one does."""

    name: str
    type: str
    is_set: bool
    pattern: PropertyGroup | None
    owner: str
    """Whose template it is; "" without one."""
    properties: Sequence[AboutProperty]

    @property
    def texts(self) -> Texts:
        """What its template calls it."""
        return Texts.read(self.pattern) if self.pattern is not None else NO_TEXTS


def about_groups(groups: Groups, places: Sequence[Source]) -> list[AboutGroup]:
    """The groups that are set, with what their templates know of besides."""
    found = []
    for group in groups.values():
        if group.type in _TEMPLATE_TYPES:
            continue
        match = pattern_for(group, places)
        rules = {rule.name: rule for rule in match[1].rules(match[0])} if match else {}
        properties = [
            AboutProperty(prop.name, prop.type.value, prop, rules.get(prop.name))
            for prop in group.properties.values()
        ]
        properties += [
            AboutProperty(name, rule.pattern.value("type"), None, rule)
            for name, rule in rules.items()
            if name not in group.properties
        ]
        pattern, owner = (match[0], match[1].owner) if match else (None, "")
        properties.sort(key=lambda about: about.name)
        found.append(AboutGroup(group.name, group.type, True, pattern, owner, properties))
    return found


def about_templates(places: Iterable[Source]) -> list[AboutGroup]:
    """What the templates say may be set, the nearest templates first."""
    return [
        AboutGroup(
            pattern.value("name") or _ANY,
            pattern.value("type") or _ANY,
            False,
            pattern,
            source.owner,
            [
                AboutProperty(rule.name, rule.pattern.value("type") or _ANY, None, rule)
                for rule in sorted(source.rules(pattern), key=lambda rule: rule.name)
            ],
        )
        for source in places
        for pattern in source.patterns()
    ]


def chosen(found: Iterable[AboutGroup], pattern: str | None) -> list[AboutGroup]:
    """The groups that a glob matches, or parts of them where it matches GROUP/PROPERTY."""
    matcher = glob_matcher(_ANY if pattern is None else pattern)
    result = []
    for group in found:
        if matcher.match(group.name):
            result.append(group)
            continue
        some = [each for each in group.properties if matcher.match(f"{group.name}/{each.name}")]
        if some:
            result.append(replace(group, properties=some))
    return result


# Lines


def lines_of(
    found: Sequence[AboutGroup], *, pattern: str | None, fully: bool, settings: bool
) -> list[str]:
    """The lines of describe. ``fully``: all that is known; ``settings``: with what is set."""
    matcher = glob_matcher(_ANY if pattern is None else pattern)
    blocks: list[tuple[str, str, list[str]]] = []
    for group in found:
        if matcher.match(group.name):
            blocks.append((group.name, group.type, list(_group_details(group, fully=fully))))
        for about in group.properties:
            if fully or _is_shown(about, group, pattern, settings=settings):
                shown = f"{about.type:<8} {_values(about)}" if settings else about.type
                details = list(_property_details(about, fully=fully))
                blocks.append((f"{group.name}/{about.name}", shown.rstrip(" "), details))
    width = max((len(name) for name, _, _ in blocks), default=0)
    return [
        line for name, shown, details in blocks for line in (f"{name:<{width}}  {shown}", *details)
    ]


def _is_shown(
    about: AboutProperty, group: AboutGroup, pattern: str | None, *, settings: bool
) -> bool:
    """Is the property one to show where not all is asked for? One that is named always is."""
    if pattern is not None and "/" in pattern:
        return glob_matcher(pattern).match(f"{group.name}/{about.name}") is not None
    return not about.is_hidden and (about.prop is not None or not settings)


def _values(about: AboutProperty) -> str:
    if about.prop is None:
        return _UNSET
    return " ".join(shown_values(about.prop))


def _group_details(group: AboutGroup, *, fully: bool) -> Iterator[str]:
    yield from _text_lines(group.texts)
    if fully and group.pattern is not None:
        yield f"    template of: {group.owner}"
        yield f"    required: {group.pattern.value('required', 'false')}"


def _text_lines(texts: Texts, indent: str = "    ") -> Iterator[str]:
    for text in (texts.common_name, texts.description):
        if text:
            yield from textwrap.wrap(
                text,
                _WIDTH,
                initial_indent=indent,
                subsequent_indent=indent,
                break_on_hyphens=False,
                break_long_words=False,
            )


def _property_details(about: AboutProperty, *, fully: bool) -> Iterator[str]:
    yield from _text_lines(about.texts)
    if not fully or about.rule is None:
        return
    rule = about.rule
    for label, text in _facts(rule):
        yield f"    {label}: {text}"
    yield from _section("values", rule, Allowed(rule.pattern.values("values_value"), ()))
    yield from _section("constraints", rule, rule.constraints)
    yield from _section("choices", rule, rule.choices)
    if about.prop is not None:
        for value in about.prop.values:
            for texts in _texts_of_value(rule, value):
                yield f"    value: {quoted(plain(value))}"
                yield from _text_lines(texts, "        ")


def _facts(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "type", rule.pattern.value("type") or "any"
    yield "required", "true" if rule.is_required else "false"
    if units := _text(rule.pattern, "units_"):
        yield "units", units
    if visibility := rule.pattern.value("visibility"):
        yield "visibility", visibility
    if rule.pattern.has("cardinality_min"):
        yield "number of values", _cardinality(rule)
    if rule.separators:
        yield "separators within a value", quoted(plain(rule.separators))


def _cardinality(rule: Rule) -> str:
    if rule.most == MAX_COUNT:
        return f"at least {rule.least}"
    return str(rule.least) if rule.least == rule.most else f"{rule.least} to {rule.most}"


def _section(section: str, rule: Rule, allowed: Allowed) -> Iterator[str]:
    """The values and ranges of one section, each with its texts if it has some."""
    included = rule.pattern.values(f"{section}_include")
    ranges = [f"{least} to {most}" for least, most in allowed.ranges]
    listed = [quoted(plain(value)) for value in allowed.values]
    others = [f"those of {word}" for word in included]
    if not (ranges or listed or others):
        return
    yield f"    {section}: {', '.join([*listed, *ranges, *others])}"
    for place, value in enumerate(allowed.values):
        texts = Texts.read(rule.pattern, f"{section}_value{place}_")
        if texts != NO_TEXTS:
            yield f"      {quoted(plain(value))}:"
            yield from _text_lines(texts, "        ")


def _texts_of_value(rule: Rule, value: str) -> Iterator[Texts]:
    """The texts that the template has for a value, from the first section that has some."""
    for section in ("values", "constraints", "choices"):
        for place, known in enumerate(rule.pattern.values(f"{section}_value")):
            texts = Texts.read(rule.pattern, f"{section}_value{place}_")
            if known == value and texts != NO_TEXTS:
                yield texts
                return


# The entity itself


def about_entity(levels: Sequence[Groups]) -> tuple[Texts, list[str]]:
    """Name, description and documentation of an entity, from the nearest level that has them."""

    def group(name: str) -> PropertyGroup | None:
        return next((level[name] for level in levels if name in level), None)

    def text(name: str) -> str:
        found = group(name)
        return _text(found, "") if found is not None else ""

    pages: dict[str, None] = {}
    for level in levels:
        for each in level.values():
            if each.type == "template" and each.name.startswith("tm_man_"):
                pages[plain(f"{each.value('title')}({each.value('section')})")] = None
            elif each.type == "template" and each.name.startswith("tm_doc_"):
                pages[plain(f"{each.value('name')} <{each.value('uri')}>")] = None
    return Texts(text("tm_common_name"), text("tm_description")), list(pages)


def _entity_lines(fmri: str, texts: Texts, pages: Sequence[str], *, fully: bool) -> Iterator[str]:
    yield fmri
    yield from _text_lines(texts)
    if fully:
        for page in pages:
            yield f"    see: {page}"


# JSON


def _record(group: AboutGroup) -> dict[str, object]:
    return {
        "name": group.name,
        "type": group.type,
        "is_set": group.is_set,
        **group.texts.record(),
        "template_of": group.owner,
        "required": group.pattern is not None and group.pattern.value("required") == "true",
        "properties": [_property_record(about) for about in group.properties],
    }


def _property_record(about: AboutProperty) -> dict[str, object]:
    record: dict[str, object] = {
        "name": about.name,
        "type": about.type,
        "values": list(about.prop.values) if about.prop is not None else None,
        "protected": about.prop is not None and about.prop.protected,
        **about.texts.record(),
    }
    if about.rule is not None:
        rule = about.rule
        record |= {
            "required": rule.is_required,
            "units": _text(rule.pattern, "units_"),
            "visibility": rule.pattern.value("visibility"),
            "least": rule.least,
            "most": rule.most,
            "separators": rule.separators,
            "constraints": _allowed_record(rule, "constraints", rule.constraints),
            "choices": _allowed_record(rule, "choices", rule.choices),
            "known_values": _allowed_record(
                rule, "values", Allowed(rule.pattern.values("values_value"), ())
            ),
        }
    return record


def _allowed_record(rule: Rule, section: str, allowed: Allowed) -> dict[str, object]:
    return {
        "values": [
            {"value": value, **Texts.read(rule.pattern, f"{section}_value{place}_").record()}
            for place, value in enumerate(allowed.values)
        ],
        "ranges": [list(each) for each in allowed.ranges],
        "include": list(rule.pattern.values(f"{section}_include")),
    }


# The subcommand


def _describe(session: Session, call: Call) -> None:
    fmri = session.entity(call)
    pattern, only_templates = call.operand(0), "-t" in call.options
    groups = _present(session, fmri)
    own: Mapping[str, PropertyGroup] = session.store.groups(fmri) if is_instance(fmri) else {}
    service = session.store.groups(service_of(fmri))
    lookup = elsewhere(session.store)
    places = sources(own, service, lookup(restarter_of(groups)), lookup(GLOBAL))
    found = [] if only_templates else chosen(about_groups(groups, places), pattern)
    settings = bool(found) or (pattern is None and not only_templates)
    if not settings:
        found = chosen(about_templates(places), pattern)
        if not found and pattern is not None:
            raise NotFound(f"describe '{pattern}' of {fmri}", "Not found.", "describe")
    texts, pages = about_entity((own, service))
    if call.as_json:
        head = {"fmri": fmri, **texts.record(), "documentation": pages}
        session.say_json(**head, groups=[_record(group) for group in found])
        return
    fully = "-v" in call.options
    lines = lines_of(found, pattern=pattern, fully=fully, settings=settings)
    if pattern is None:
        lines = [*_entity_lines(fmri, texts, pages, fully=fully), *lines]
    for line in lines:
        session.say(line)


def _present(session: Session, fmri: str) -> dict[str, PropertyGroup]:
    """What is set, with what an instance has of its service; or what the snapshot says."""
    if session.snapshot is not None:
        return session.store.groups(fmri, session.snapshot)
    return session.store.view(fmri, "composed" if is_instance(fmri) else "attached")


COMMANDS = (
    Command(
        "describe [-v] [-t] [GROUP[/PROPERTY]]",
        "what templates say; -v: all of it; -t: only what may be set",
        _describe,
        (0, 1),
        flags="vt",
        words=("--json",),
    ),
)
