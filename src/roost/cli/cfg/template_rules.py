"""What one property pattern of a template says, and what is wrong with it, or against it. Pure.

A pattern is a group of type template_prop_pattern (smf_template(7)). Manifests are checked when
they are read, but commands can write anything into such a group: what cannot be understood is
a problem to report, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from roost.cli.output import localised
from roost.errors import InvalidValue
from roost.model.properties import (
    MAX_COUNT,
    STRING_TYPES,
    PropertyGroup,
    PropertyType,
    is_subtype,
    parse_value,
)
from roost.model.protection import WITHHELD, is_protected

_NUMBERS = (PropertyType.COUNT, PropertyType.INTEGER)
_INCLUDES = ("constraints", "values")
_MOST_SHOWN = 12
"""So many allowed values are listed in a message."""


def common_name(group: PropertyGroup) -> str:
    """The common name of a pattern in the user's language; "" without one."""
    prefix = "common_name_"
    return localised(
        {
            name.removeprefix(prefix): prop.values[0]
            for name, prop in group.properties.items()
            if name.startswith(prefix) and prop.values
        }
    )


def named(name: str, pattern: PropertyGroup) -> str:
    """``'NAME'``, and the pattern's common name behind it if there is one."""
    text = common_name(pattern)
    return f"'{name}' ({text})" if text else f"'{name}'"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Values and ranges of ``constraints`` or ``choices``. Empty, it says nothing."""

    values: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]
    broken: tuple[str, ...] = ()
    """Ranges that are not two numbers."""

    @classmethod
    def read(cls, group: PropertyGroup, section: str) -> Self:
        """From the properties whose names begin with ``section``."""
        ranges: list[tuple[int, int]] = []
        broken: list[str] = []
        for text in group.values(f"{section}_range"):
            least, _, most = text.partition(",")
            try:
                ranges.append((int(least), int(most)))
            except ValueError:
                broken.append(text)
        return cls(group.values(f"{section}_value"), tuple(ranges), tuple(broken))

    @property
    def says_nothing(self) -> bool:
        """Is anything allowed?"""
        return not self.values and not self.ranges

    def has(self, value: str, kind: PropertyType | None) -> bool:
        """Is the value among the values, or a number within one of the ranges?"""
        if value in self.values or canonical(value, kind) in (
            canonical(one, kind) for one in self.values
        ):
            return True
        try:
            number = int(value)
        except ValueError:
            return False
        return any(least <= number <= most for least, most in self.ranges)

    def __str__(self) -> str:
        shown = [*self.values[:_MOST_SHOWN], *(["..."] if len(self.values) > _MOST_SHOWN else [])]
        return ", ".join([*shown, *(f"{least} to {most}" for least, most in self.ranges)])


def canonical(value: str, kind: PropertyType | None) -> str:
    """The canonical text of a value of the type; other text is returned unchanged."""
    try:
        return value if kind is None else parse_value(kind, value)
    except InvalidValue:
        return value


@dataclass(frozen=True, slots=True)
class Rule:
    """A property pattern. ``type`` is None where it leaves the type open."""

    pattern: PropertyGroup
    name: str
    type: PropertyType | None
    is_required: bool
    least: int
    most: int
    separators: str
    constraints: Allowed
    choices: Allowed

    @classmethod
    def read(cls, pattern: PropertyGroup) -> Self:
        """From a group of type template_prop_pattern."""
        return cls(
            pattern,
            pattern.value("name"),
            _TYPES.get(pattern.value("type")),
            pattern.value("required") == "true",
            _number(pattern, "cardinality_min", 0),
            _number(pattern, "cardinality_max", MAX_COUNT),
            pattern.value("internal_separators"),
            Allowed.read(pattern, "constraints"),
            Allowed.read(pattern, "choices"),
        )

    # --- the pattern itself -------------------------------------------------------------

    def own_problems(self, group_name: str) -> Iterator[str]:
        """What is wrong with the pattern, whatever the properties are. ``group_name`` is that
        of the groups it speaks of, "" for any.
        """
        label = named(f"{group_name or '*'}/{self.name}", self.pattern)
        for text in self._faults():
            yield f"the pattern of the property {label} {text}"

    def _faults(self) -> Iterator[str]:
        word = self.pattern.value("type")
        if word and self.type is None:
            yield f"is of type {word}, which there is not"
        if self.is_required and not word:
            yield "is required, but has no type"
        if self.least > self.most:
            yield f"has the minimum cardinality {self.least} above its maximum {self.most}"
        for section, allowed in (("constraints", self.constraints), ("choices", self.choices)):
            yield from self._section_faults(section, allowed)
        yield from self._value_faults("values", self.pattern.values("values_value"))
        yield from self._choice_faults()

    def _section_faults(self, section: str, allowed: Allowed) -> Iterator[str]:
        for text in allowed.broken:
            yield f"has the range '{text}' in its {section}, which is not two numbers"
        for least, most in allowed.ranges:
            if least > most:
                yield f"has a range in its {section} with the minimum {least} above {most}"
        if allowed.ranges and self.type not in (None, *_NUMBERS) and not self.separators:
            assert self.type is not None
            yield f"has a range in its {section}, but is of type {self.type.value}"
        yield from self._value_faults(section, allowed.values)

    def _value_faults(self, section: str, values: tuple[str, ...]) -> Iterator[str]:
        if self.type is None or self.type in STRING_TYPES:
            return
        for value in values:
            try:
                parse_value(self.type, value)
            except InvalidValue:
                yield f"has '{value}' in its {section}, which is no {self.type.value}"

    def _choice_faults(self) -> Iterator[str]:
        for word in self.pattern.values("choices_include"):
            if word not in _INCLUDES:
                yield f"includes '{word}' in its choices, expected constraints or values"
            elif word == "constraints" and self.constraints.says_nothing:
                yield "includes constraints in its choices, but has none"
            elif word == "values" and not self.pattern.values("values_value"):
                yield "includes values in its choices, but has none"
        if self.constraints.says_nothing:
            return
        for value in self.choices.values:
            if not self.constraints.has(value, self.type):
                yield f"offers '{value}' in its choices, which its constraints exclude"
        for least, most in self.choices.ranges:
            if least <= most and not self._allows_range(least, most):
                yield f"offers {least} to {most} in its choices, which its constraints exclude"

    def _allows_range(self, least: int, most: int) -> bool:
        return any(low <= least and most <= high for low, high in self.constraints.ranges)

    # --- properties against it ----------------------------------------------------------

    def problems(self, group: PropertyGroup) -> Iterator[str]:
        """What the pattern has against a group that it speaks of."""
        prop = group.properties.get(self.name)
        label = named(f"{group.name}/{self.name}", self.pattern)
        if prop is None:
            if self.is_required:
                yield f"the property {label} is required, and missing"
            return
        if self.type is not None and not is_subtype(prop.type, self.type):
            yield f"the property {label} is of type {prop.type.value}, not {self.type.value}"
            return
        hidden = is_protected(group)
        if hidden and not prop.values:
            return  # withheld, or left out of an export
        count = len(prop.values)
        shown = f"{count} value{'' if count == 1 else 's'}"
        if count < self.least:
            yield f"the property {label} has {shown}, and needs at least {self.least}"
        if count > self.most:
            yield f"the property {label} has {shown}, and may have at most {self.most}"
        if self.constraints.says_nothing:
            return
        for value in prop.values:
            for part in split(value, self.separators):
                if not self.constraints.has(part, prop.type):
                    told = WITHHELD if hidden else f"'{part}'"
                    yield f"the property {label} has the value {told}, not {self.constraints}"


_TYPES: Mapping[str, PropertyType] = {kind.value: kind for kind in PropertyType}


def _number(pattern: PropertyGroup, name: str, default: int) -> int:
    text = pattern.value(name)
    return int(text) if text.isascii() and text.isdigit() else default


def split(value: str, separators: str) -> list[str]:
    """The parts of a value that its separators divide; empty parts say nothing."""
    if not separators:
        return [value]
    for separator in separators[1:]:
        value = value.replace(separator, separators[0])
    return [part for part in value.split(separators[0]) if part]
