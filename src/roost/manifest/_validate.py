"""Checks a tree of elements against the table of `roost.manifest._schema`.

Finds every offence it can, each with its line, and what was expected there. Must not judge
names, values or FMRIs: that is `roost.manifest._lower`'s work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from roost.errors import ManifestError
from roost.manifest._schema import ELEMENTS, AttributeRule, ElementRule, Need
from roost.manifest._source import Fault, Node, fault

MAX_PROBLEMS = 100


@dataclass(slots=True)
class Problems:
    """The offences found so far. Collecting stops at `MAX_PROBLEMS`."""

    name: str
    found: list[Fault] = field(default_factory=list)

    def add(self, problem: Fault) -> None:
        """Note one more."""
        if len(self.found) < MAX_PROBLEMS:
            self.found.append(problem)

    def lines(self) -> list[str]:
        """``FILE:LINE: WHY`` of each, in the order of the document."""
        files = list(dict.fromkeys(problem.file for problem in self.found))
        ordered = sorted(self.found, key=lambda found: (files.index(found.file), found.line))
        return [problem.why for problem in ordered]

    def raise_first(self) -> None:
        """Raise the first offence, if any; the hint leads to the others."""
        if not self.found:
            return
        others = len(self.found) - 1
        why = self.lines()[0] + (f" (and {others} more)" if others else "")
        hint = f"svccfg validate {self.name}" if others else ""
        raise ManifestError(f"import {self.name}", why, hint)


def validate(root: Node, problems: Problems, *, is_profile: bool) -> None:
    """Note every offence against the table in ``root`` and below."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        rule = ELEMENTS.get(node.tag)
        if rule is None:
            continue  # its parent's content has been found wrong already
        _check_attributes(node, rule, problems, is_profile=is_profile)
        _check_content(node, rule, problems)
        if not rule.has_text and not node.text.isspace() and node.text:
            shown = " ".join(node.text.split())[:40]
            problems.add(fault(node, f"text '{shown}' in '{node.tag}', expected elements only"))
        waiting.extend(reversed(node.children))


def _check_attributes(
    node: Node, rule: ElementRule, problems: Problems, *, is_profile: bool
) -> None:
    for name, wanted in rule.attributes.items():
        value = node.attributes.get(name)
        if value is None:
            if wanted.need is Need.ALWAYS or (
                wanted.need is Need.OUTSIDE_PROFILES and not is_profile
            ):
                problems.add(fault(node, f"element '{node.tag}' needs attribute '{name}'"))
        elif wanted.choices:
            value = value.strip()  # as XML does with attributes that hold tokens
            node.attributes[name] = value
            if value not in wanted.choices:
                problems.add(fault(node, _wrong_choice(node.tag, name, value, wanted)))
    for name in node.attributes:
        if name not in rule.attributes:
            known = ", ".join(rule.attributes) or "none"
            why = f"element '{node.tag}' has no attribute '{name}', expected {known}"
            problems.add(fault(node, why))


def _wrong_choice(tag: str, name: str, value: str, wanted: AttributeRule) -> str:
    expected = ", ".join(wanted.choices)
    return f"attribute '{name}' of '{tag}' is '{value}', expected one of {expected}"


def _check_content(node: Node, rule: ElementRule, problems: Problems) -> None:
    places = _places(node.tag)
    counts = [0] * len(rule.content)
    at = 0
    seen: set[str] = set()
    for child in node.children:
        if child.tag in rule.anywhere:
            if child.tag in seen:
                problems.add(_second(child, node))
            seen.add(child.tag)
            continue
        place = places.get(child.tag)
        if place is None:
            problems.add(_stranger(child, node, rule))
            continue
        most = rule.content[place].most
        if place < at:
            why = f"element '{child.tag}' in '{node.tag}' must come before {rule.content[at]}"
            problems.add(fault(child, why))
        elif most is not None and counts[place] >= most:
            problems.add(_second(child, node))
        counts[place] += 1
        at = max(at, place)
    for particle, count in zip(rule.content, counts, strict=True):
        if count < particle.least:
            problems.add(fault(node, f"element '{node.tag}' needs an element {particle}"))


@cache
def _places(tag: str) -> Mapping[str, int]:
    """Which step of the content each child's tag belongs to."""
    content = ELEMENTS[tag].content
    return {name: place for place, particle in enumerate(content) for name in particle.tags}


def _second(child: Node, parent: Node) -> Fault:
    return fault(child, f"a second '{child.tag}' in '{parent.tag}', expected at most one")


def _stranger(child: Node, parent: Node, rule: ElementRule) -> Fault:
    if child.tag not in ELEMENTS:
        return fault(child, f"there is no element '{child.tag}'")
    known = ", ".join(tag for particle in rule.content for tag in particle.tags) or "none"
    why = f"element '{child.tag}' is not allowed in '{parent.tag}', expected {known}"
    return fault(child, why)
