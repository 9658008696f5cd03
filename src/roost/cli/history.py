"""roost history: who changed what, and which service changed its state and why."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roost.api import typed
from roost.api.client import Client
from roost.cli.command import HELP, JSON, ROOT, Option, Parsed, Syntax, exclude, layout_of, run
from roost.cli.history_table import Table
from roost.cli.output import print_json
from roost.errors import NotFound, UsageError

DEFAULT_COUNT = 100
"""Entries that are shown unless told otherwise."""
_PAGE = 500

_COUNT = Option("-n", f"the last N entries (default {DEFAULT_COUNT}; 0: none)", "N")
_SINCE = Option("--since", "entries from TIME on, all of them", "TIME")
_UNTIL = Option("--until", "entries up to TIME", "TIME")
_CHANGES = Option("--changes", "only changes of the configuration")
_STATES = Option("--states", "only state transitions")
_FOLLOW = Option("-f", "go on with each new entry")

SYNTAX = Syntax(
    "roost history",
    "Tell who changed what, and which service changed its state and why.",
    ("[-f] [-n N] [--since TIME] [--until TIME] [--changes | --states] [--json] [FMRI]...",),
    (_COUNT, _SINCE, _UNTIL, _CHANGES, _STATES, _FOLLOW, ROOT, JSON, *HELP),
    "TIME is HH:MM[:SS] of today, YYYY-MM-DD, both with a blank or T between, or how long ago:\n"
    "90s, 15m, 2h, 7d.",
)

Record = Mapping[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    exclude(parsed, (_CHANGES.flag, _STATES.flag))
    now_s = time.time()
    since, until = parsed.value(_SINCE.flag), parsed.value(_UNTIL.flag)
    kinds = ["change"] if parsed.has(_CHANGES.flag) else []
    kinds += ["transition"] if parsed.has(_STATES.flag) else []
    asked = {
        "patterns": list(parsed.operands),
        "kinds": kinds,
        "since": None if since is None else parse_time(since, now_s),
        "until": None if until is None else parse_time(until, now_s),
    }
    count = _count_of(parsed)
    is_following = parsed.has(_FOLLOW.flag)
    if is_following and until is not None:
        raise UsageError("use -f with --until", "what is to come has no end")
    as_json = parsed.has(JSON.flag)
    table = Table(now_s, shutil.get_terminal_size().columns)
    with Client(layout_of(parsed)) as client:
        if is_following:
            for entries in _follow(client, asked, count):
                lines = map(json.dumps, entries) if as_json else table.lines(entries)
                for line in lines:
                    print(line)
                sys.stdout.flush()
            return 0
        entries = _past(client, asked, count)
        if as_json:
            print_json({"entries": entries})
        else:
            for line in table.lines(entries):
                print(line)
        if not entries:
            _check_patterns(client, parsed.operands)
    return 0


def _count_of(parsed: Parsed) -> int | None:
    """How many entries; None: all."""
    text = parsed.value(_COUNT.flag)
    if text is None:
        return None if parsed.has(_SINCE.flag) else DEFAULT_COUNT
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"use -n {text}", "it takes a number")
    return int(text)


_AGO = re.compile(r"-?([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


def parse_time(text: str, now_s: float) -> float:
    """What a person writes for a time, in seconds since the epoch; `UsageError`."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now_s - int(ago[1]) * _SECONDS[ago[2]]
    words = text.replace("T", " ")
    today = time.strftime("%Y-%m-%d", time.localtime(now_s))
    for candidate in (words, f"{today} {words}"):
        for form in _FORMS:
            try:
                return time.mktime(time.strptime(candidate, form))
            except (ValueError, OverflowError):
                continue
    raise UsageError(f"use '{text}' as a time", "write 14:30, 2026-11-23, '2026-11-23 14:30' or 2h")


def _past(
    client: Client, asked: Record, count: int | None, before: str | None = None
) -> list[dict[str, Any]]:
    """The newest entries, the newest last; asks as often as it takes."""
    found: list[list[dict[str, Any]]] = []
    left = sys.maxsize if count is None else count
    while left > 0:
        reply = client.call("History.Read", **asked, count=min(left, _PAGE), before=before)
        entries = typed.records(reply, "entries")
        found.append(entries)
        left -= len(entries)
        before = typed.text(reply, "before")
        if not before:
            break
    return [entry for page in reversed(found) for entry in page]


def _follow(client: Client, asked: Record, count: int | None) -> Iterator[list[dict[str, Any]]]:
    """The past, then what comes, for ever."""
    left = sys.maxsize if count is None else count
    is_first = True
    for reply in client.stream("History.Read", **asked, count=min(left, _PAGE)):
        entries = typed.records(reply, "entries")
        before = typed.text(reply, "before")
        if is_first and before and len(entries) < left:
            older = None if count is None else left - len(entries)
            entries = _past(client, asked, older, before) + entries
        is_first = False
        yield entries


def _check_patterns(client: Client, patterns: Sequence[str]) -> None:
    """`NotFound` for a pattern that names nothing: a typing mistake, not a quiet service."""
    for pattern in patterns:
        if not client.call("Repository.Find", pattern=pattern)["entities"]:
            why = "no service is called so, and no entry tells of one that was"
            raise NotFound(f"find '{pattern}'", why, "svcs -a")
