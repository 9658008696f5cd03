"""roost history: its table and its times."""

from __future__ import annotations

import time
from typing import Any

import pytest

from roost.cli.history import parse_time
from roost.cli.history_table import Table
from roost.errors import UsageError

NOW_S = time.mktime((2026, 11, 23, 15, 0, 0, 0, 0, -1))
X = "svc:/site/x:default"


def _value(*values: str, kind: str = "count") -> dict[str, Any]:
    return {"type": kind, "values": list(values)}


def _change(op: str = "property", fmri: str = X, **given: Any) -> dict[str, Any]:
    change = {
        "op": op,
        "transaction": 1,
        "group": "config",
        "property": "port",
        "layer": "admin",
        "holds": True,
        "protected": False,
        "old": None,
        "new": None,
        "file": "",
        "user": "alice",
        "program": "svccfg",
    }
    return {"kind": "change", "time": NOW_S, "fmri": fmri, "change": change | given}


def _transition(before: str, now: str, following: str = "none", **given: Any) -> dict[str, Any]:
    reason = {"text": "it is so", "method": "", "cause": "", **given}
    states = {"state_from": before, "state": now, "next_state": following}
    found = {**states, "reason": reason, "user": "", "program": ""}
    return {"kind": "transition", "time": NOW_S, "fmri": X, "transition": found}


def _lines(*entries: dict[str, Any], width: int = 80) -> list[str]:
    return list(Table(NOW_S, width).lines(entries))


def _what(entry: dict[str, Any]) -> str:
    head = f"Nov 23 15:00:00 alice svccfg     {X} "
    (_, line) = _lines(entry, width=1000)
    return line.removeprefix(head)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"old": _value("80"), "new": _value("81")}, "config/port 80 -> 81"),
        ({"new": _value("80", "81")}, "config/port = (80 81)"),
        ({"new": _value(kind="astring")}, "config/port = ()"),
        ({"new": _value("a b", kind="astring")}, 'config/port = "a b"'),
        ({"old": _value("80")}, "config/port deleted (was 80)"),
        (
            {"old": _value("80"), "new": _value("80", kind="astring")},
            "config/port count: 80 -> astring: 80",
        ),
        (
            {"old": _value("80"), "new": _value("81"), "layer": "manifest"},
            "config/port 80 -> 81 (manifest)",
        ),
        (
            {"old": _value("80"), "new": _value("81"), "layer": "manifest", "holds": False},
            "config/port 80 -> 81 (manifest; a higher layer holds)",
        ),
        ({"new": _value(), "protected": True}, "config/port added (protected)"),
        ({"old": _value(), "new": _value(), "protected": True}, "config/port changed (protected)"),
        ({"old": _value(), "protected": True}, "config/port deleted"),
        ({"op": "group", "new": _value(kind="application")}, "config added (application)"),
        ({"op": "group", "old": _value(kind="application")}, "config deleted"),
        (
            {"op": "group", "old": _value(kind="a"), "new": _value(kind="b")},
            "config a -> b",
        ),
        ({"op": "added", "layer": None}, "added"),
        ({"op": "added", "layer": None, "file": "/m.xml"}, "imported from /m.xml"),
        ({"op": "deleted", "layer": None}, "deleted"),
        ({"op": "snapshot", "layer": None, "property": "running"}, "refreshed"),
        ({"op": "snapshot", "layer": None, "property": "mine"}, "snapshot mine taken"),
        ({"op": "reverted", "layer": None, "property": "start"}, "reverted to snapshot start"),
        (
            {"op": "restored", "layer": None, "file": "/b"},
            "repository restored from /b",
        ),
    ],
)
def test_changes_in_words(given: dict[str, Any], shown: str) -> None:
    assert _what(_change(**given)) == shown


def test_a_line_that_fits_is_one_line() -> None:
    entry = _change(old=_value("80"), new=_value("81"))
    one = f"Nov 23 15:00:00 alice svccfg     {X} config/port 80 -> 81"
    assert _lines(entry, width=len(one)) == ["WHEN            WHO              WHAT", one]
    assert _lines(entry, width=len(one) - 1)[1:] == [
        f"Nov 23 15:00:00 alice svccfg     {X}",
        "    config/port 80 -> 81",
    ]


def test_what_belongs_together_has_one_head() -> None:
    found = _lines(_change(new=_value("1")), _change(new=_value("2"), property="b"))
    assert found[2:] == ["    config/port = 1", "    config/b = 2"]
    other = _change(new=_value("1"), fmri="svc:/site/y:default")
    assert len(_lines(_change(new=_value("1")), other)) == 3


def test_a_new_service_tells_of_its_instances() -> None:
    made = [_change("added", fmri, layer=None) for fmri in ("svc:/site/x", X)]
    assert len(_lines(*made)) == 2
    assert len(_lines(made[1])) == 2
    made[1]["change"]["transaction"] = 2
    assert len(_lines(*made)) == 3


def test_only_states_that_were_reached_are_shown() -> None:
    assert _lines(_transition("offline", "offline", "online")) == []
    assert _lines(_transition("uninitialized", "offline")) == []
    (_, line) = _lines(_transition("online", "maintenance", cause="svc:/y:z"), width=1000)
    assert line == (
        f"Nov 23 15:00:00 svc.startd       {X} online -> maintenance: it is so [svc:/y:z]"
    )
    failed = _transition("offline", "offline", method="start")
    assert len(_lines(failed, width=1000)) == 2


def test_last_years_entries_have_a_year() -> None:
    entry = _change("deleted")
    entry["time"] = NOW_S - 400 * 86400
    assert _lines(entry)[1].startswith("Oct 19 2025     alice")


def test_names_cannot_reach_the_terminal() -> None:
    assert "\x1b" not in "".join(_lines(_change(new=_value("\x1b[2J"), user="\x1b[1m")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW_S - 90),
        ("-15m", NOW_S - 900),
        ("2h", NOW_S - 7200),
        ("7d", NOW_S - 7 * 86400),
        ("14:30", NOW_S - 1800),
        ("14:30:15", NOW_S - 1785),
        ("2026-11-23", NOW_S - 15 * 3600),
        ("2026-11-22 15:00", NOW_S - 86400),
        ("2026-11-22T15:00:01", NOW_S - 86399),
    ],
)
def test_times(text: str, expected: float) -> None:
    assert parse_time(text, NOW_S) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-13-01", "2w", "٣s"])
def test_no_times(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, NOW_S)
