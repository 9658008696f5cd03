"""How commands print times, names, values and JSON. Pure but for `print_json`."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from functools import cache

_DAY_S = 24 * 3600
_YEAR_S = 360 * _DAY_S
JSON_VERSION = 1
"""Grows when a shape that --json prints changes other than by a new key."""

_SHELL_SPECIAL = frozenset(";&()|^<>\n \t\\\"'`")


def clock_or_date(time_s: float, now_s: float) -> str:
    """A time as svcs shows it: the clock for a day, then month and day, then the year."""
    when = time.localtime(time_s)
    age_s = now_s - time_s
    if age_s < _DAY_S:
        return f"{when.tm_hour:2d}:{when.tm_min:02d}:{when.tm_sec:02d}"
    return time.strftime("%b_%d" if age_s < _YEAR_S else "%Y", when)


def full_date(time_s: float) -> str:
    """A time with everything: ``Mon Nov 23 09:12:41 2026``."""
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(time_s))


def plain(text: str) -> str:
    """Foreign text for a terminal, on one line: control characters become ``?``."""
    return "".join(character if character.isprintable() else "?" for character in text)


def localised(texts: Mapping[str, str]) -> str:
    """The text for the user's locale, else the C locale's; "" if there is neither.

    ``texts`` are by locale, as the names of the properties that hold them spell it.
    """
    wanted = next(
        (found for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (found := os.environ.get(name))),
        "C",
    )
    for name in _names_of(wanted):
        if name in texts:
            return plain(texts[name])
    return ""


@cache
def _names_of(wanted: str) -> tuple[str, ...]:
    """The names of properties for a locale, the best first."""
    head, _, rest = wanted.partition(".")
    modified = head + rest[len(rest.partition("@")[0]) :]  # de_DE.UTF-8@euro: de_DE@euro
    territory = head.partition("@")[0]
    locales = (wanted, modified, territory, territory.partition("_")[0], "C")
    spellings = (text for locale in locales for text in (locale, locale.replace("_", "-")))
    return tuple(dict.fromkeys(name for text in spellings for name in (text, _as_name(text))))


def _as_name(locale: str) -> str:
    """A locale as part of a property's name, where not every character may stand."""
    return re.sub(
        r"[^A-Za-z0-9_]",
        lambda found: "".join(f"-{byte:02x}" for byte in found[0].encode(errors="replace")),
        locale,
    )


def shell_quoted(value: str) -> str:
    """A value as svcprop prints it, safe to read with a shell."""
    if not value:
        return '""'
    return "".join(f"\\{char}" if char in _SHELL_SPECIAL else char for char in value)


def print_json(content: Mapping[str, object]) -> None:
    """Print one object, with the version of its shape."""
    print(json.dumps({"version": JSON_VERSION, **content}, indent=2))
