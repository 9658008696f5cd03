"""The syntax of supervisord.conf: sections, continued lines, comments, and expansions. Pure.

The rules are those of Python's configparser as Supervisor sets it up: ``;`` and ``#`` begin a
comment at the start of a line or after a blank, ``=`` and ``:`` separate, an indented line
continues the one above, a section that comes twice is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from roost.convert.ledger import Setting, Source, refusal

_HEADING = re.compile(r"\[(.+)\]")
_OPTION = re.compile(r"(.*?)\s*[=:]\s*(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?:^|(?<=\s))[;#].*")
_EXPANSION = re.compile(r"%(?:%|\((\w+)\)(0?[0-9]{0,2})([sd])|)")
_PAIR = re.compile(r"""\s*([A-Za-z_]\w*)\s*=\s*("[^"]*"|'[^']*'|[^\s,"']*)\s*(?:,|$)""")


@dataclass(slots=True)
class Section:
    """One section: its kind and name (``program`` and ``web``), and its assignments."""

    title: str
    file: str
    line: int
    settings: list[Setting] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What stands before the colon."""
        return self.title.partition(":")[0]

    @property
    def name(self) -> str:
        """What stands after the colon."""
        return self.title.partition(":")[2].strip()


def sections_of(sources: list[Source]) -> dict[str, Section]:
    """All sections of the files, by title; `InvalidValue` with FILE:LINE for other text."""
    found: dict[str, Section] = {}
    for source in sources:
        _read(source, found)
    return found


def _read(source: Source, sections: dict[str, Section]) -> None:
    section: Section | None = None
    indent = -1  # of the assignment that an indented line continues
    for number, raw in enumerate(source.text.removeprefix("\ufeff").split("\n"), 1):
        line = _COMMENT.sub("", raw).rstrip()
        text = line.strip()
        if not text:
            continue
        depth = len(line) - len(line.lstrip())
        heading = _HEADING.match(text)
        if section is not None and section.settings and depth > indent >= 0:
            _continue(section, text)
        elif heading:
            indent = -1
            title = heading[1].strip()
            section = sections.setdefault(title, Section(title, source.name, number))
        else:
            option = _OPTION.match(text)
            if section is None or option is None or not option[1]:
                what = "stands before the first section" if section is None else "is no assignment"
                raise refusal(source.name, number, f"'{text[:60]}' {what}")
            indent = depth
            section.settings.append(
                Setting(source.name, number, section.title, option[1].lower(), option[2])
            )


def _continue(section: Section, text: str) -> None:
    last = section.settings.pop()
    value = f"{last.value}\n{text}".lstrip("\n")
    section.settings.append(Setting(last.file, last.line, last.section, last.key, value))


def expand(text: str, values: Mapping[str, str]) -> str:
    """The text with ``%(name)s`` replaced; ValueError for a name that nobody set."""

    def replacement(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[0] == "%":
            raise ValueError(f"'{text}' has a lone percent sign")
        name, width, kind = found[1], found[2], found[3]
        if name not in values:
            why = "is not set in the environment of this command" if name.startswith("ENV_") else ""
            raise ValueError(f"%({name})s {why or 'is no expansion that supervisord knows'}")
        value = values[name]
        if kind == "s":
            return value.rjust(int(width or 0))
        if not value.isdigit():
            raise ValueError(f"%({name}){width}d is no number")
        return value.rjust(int(width or 0), "0" if width.startswith("0") else " ")

    return _EXPANSION.sub(replacement, text)


def pairs_of(text: str) -> dict[str, str]:
    """``KEY="value",KEY2=value2`` as a dictionary; ValueError for other text."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text.rstrip()):
        pair = _PAIR.match(text, at)
        if pair is None:
            raise ValueError(f"'{text[at : at + 40].strip()}' is no KEY=value")
        found[pair[1]] = pair[2].strip("\"'")
        at = pair.end()
    return found


def boolean(text: str) -> bool:
    """A boolean as Supervisor has it; ValueError for other text."""
    word = text.strip().lower()
    if word in ("true", "yes", "on", "1", "y", "t"):
        return True
    if word in ("false", "no", "off", "0", "n", "f"):
        return False
    raise ValueError(f"'{text}' is neither true nor false")


def number(text: str) -> int:
    """A whole number; ValueError for other text."""
    word = text.strip()
    if not (word.removeprefix("-").isascii() and word.removeprefix("-").isdigit()):
        raise ValueError(f"'{text}' is no number")
    return int(word)
