"""Every column of svcs, and the order of its lines."""

from __future__ import annotations

import pytest

from roost.cli.columns import (
    COLUMNS,
    DEFAULT_COLUMNS,
    DEFAULT_ORDER,
    LONGER_COLUMNS,
    columns_of,
    header,
    in_order,
    line_of,
    process_line,
)
from roost.cli.replies import InstanceView, ProcessView
from roost.errors import UsageError
from tests.unit.cli.canned_daemon import instance

NOW = 1_795_425_161.0


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def view(fmri: str = "svc:/site/quotes:nightly", **changes: object) -> InstanceView:
    return InstanceView.read(instance(fmri, **changes))  # type: ignore[arg-type]


def cell(name: str, shown: InstanceView) -> str:
    return line_of(shown, columns_of([f"{name},scope"]), NOW).removesuffix(" localhost")


@pytest.mark.parametrize(
    ("name", "shown", "text"),
    [
        ("ctid", view(), "     -"),
        ("ctid", view(contracts=[77]), "    77"),
        ("ctid", view(contracts=[77, 78]), "   77*"),
        ("desc", view(), "-".ljust(100)),
        ("desc", view(common_names={"C": "stock quotes"}), "stock quotes".ljust(100)),
        ("fmri", view(), "svc:/site/quotes:nightly".ljust(50)),
        ("inst", view(), "nightly".ljust(20)),
        ("n", view(), "-"),
        ("n", view(next_state="online"), "1"),
        ("nsta", view(), "-   "),
        ("nsta", view(next_state="maintenance"), "MNT "),
        ("nstate", view(), "-".ljust(13)),
        ("nstate", view(next_state="uninitialized"), "uninitialized"),
        ("s", view(), "1 "),
        ("s", view(state="offline", next_state="online"), "0*"),
        ("scope", view(), "localhost".ljust(20)),
        ("sn", view(state="degraded"), "D-"),
        ("sn", view(state="online", next_state="disabled"), "1d"),
        ("sta", view(state="disabled"), "DIS "),
        ("sta", view(state="offline", next_state="online"), "OFF*"),
        ("sta", view(state="strange"), "?   "),
        ("state", view(state="maintenance"), "maintenance   "),
        ("state", view(state="offline", next_state="online"), "offline*      "),
        ("state", view(state=""), "-".ljust(14)),
        ("stime", view(state_time=NOW - 60), " 9:11:41"),
        ("stime", view(state_time=NOW - 51 * 86400), "Oct_03  "),
        ("stime", view(state_time=NOW - 400 * 86400), "2025    "),
        ("stime", view(state_time=0.0), "-       "),
        ("svc", view(), "site/quotes".ljust(20)),
        ("zone", view(), "global".ljust(16)),
    ],
)
def test_the_content_of_each_column(name: str, shown: InstanceView, text: str) -> None:
    assert cell(name, shown) == text


def test_every_column_was_shown_above() -> None:
    marks = test_the_content_of_each_column.pytestmark  # type: ignore[attr-defined]
    assert {case[0].upper() for case in marks[0].args[1]} == set(COLUMNS)


@pytest.mark.parametrize(
    ("state", "short", "letter"),
    [
        ("uninitialized", "UN", "u"),
        ("disabled", "DIS", "d"),
        ("offline", "OFF", "0"),
        ("online", "ON", "1"),
        ("degraded", "DGD", "D"),
        ("maintenance", "MNT", "m"),
        ("legacy_run", "LRC", "L"),
    ],
)
def test_short_names_and_letters(state: str, short: str, letter: str) -> None:
    assert line_of(view(state=state), columns_of(["sta,s"]), NOW) == f"{short:<4} {letter}"


def test_the_star_is_left_out_beside_a_next_state() -> None:
    moving = view(state="offline", next_state="online")
    assert line_of(moving, columns_of(["state,nsta"]), NOW) == "offline        ON"
    assert line_of(moving, columns_of(["sta,nstate"]), NOW) == "OFF  online"
    assert line_of(moving, columns_of(["s,nsta"]), NOW) == "0* ON"


def test_the_lines_are_those_of_smf() -> None:
    default = columns_of(DEFAULT_COLUMNS)
    assert header(default) == "STATE          STIME    FMRI"
    quotes = view(state="maintenance", state_time=NOW)
    assert line_of(quotes, default, NOW) == "maintenance     9:12:41 svc:/site/quotes:nightly"
    longer = columns_of(LONGER_COLUMNS)
    assert header(longer) == "STATE          NSTATE        STIME    CTID   FMRI"
    log = view("svc:/system/log:default", state_time=NOW - 400 * 86400, contracts=[77])
    assert line_of(log, longer, NOW) == (
        "online         -             2025         77 svc:/system/log:default"
    )


def test_the_last_column_is_not_padded_but_may_be_aligned() -> None:
    assert header(columns_of(["fmri", "state"])).endswith(" STATE")
    assert line_of(view(), columns_of(["state,ctid"]), NOW) == "online              -"
    assert line_of(view("svc:/a:b" + "c" * 60), columns_of(["fmri,s"]), NOW).endswith("c 1")


def test_a_process() -> None:
    record = {
        "fmri": "svc:/a:b",
        "pid": 4711,
        "start_time": NOW,
        "command": "logd",
        "arguments": "logd -x",
    }
    assert process_line(ProcessView.read(record), NOW) == "                9:12:41     4711 logd"
    dead = ProcessView.read({**record, "command": "<defunct>"})
    assert process_line(dead, NOW) == "               -            4711 <defunct>"
    odd = ProcessView.read({**record, "command": "a\x1bb"})
    assert process_line(odd, NOW).endswith(" a?b")


def test_states_sort_from_the_least_to_the_most_interesting() -> None:
    states = [
        "legacy_run",
        "disabled",
        "online",
        "degraded",
        "offline",
        "maintenance",
        "uninitialized",
        "strange",
    ]
    views = [view(f"svc:/a:i{9 - n}", state=state) for n, state in enumerate(states)]
    for order in (DEFAULT_ORDER, [("state", False)], [("STA", False)], [("s", False)]):
        assert [v.state for v in in_order(views[::-1], order)] == states
    assert [v.state for v in in_order(views, [("sn", True)])] == states[::-1]


def test_the_first_key_is_the_primary_one() -> None:
    views = [
        view("svc:/b:x", state_time=2.0, contracts=[10]),
        view("svc:/a:y", state_time=2.0, contracts=[9]),
        view("svc:/c:x", state_time=1.0),
    ]

    def order(*keys: tuple[str, bool]) -> str:
        return "".join(v.fmri[5] for v in in_order(views, keys))

    assert order(*DEFAULT_ORDER) == "cab"
    assert order(("stime", True), ("fmri", True)) == "bac"
    assert order(("stime", False), ("fmri", True)) == "cba"
    assert order(("inst", False), ("fmri", True)) == "cba"
    assert order(("ctid", False)) == "cab"
    assert order(("svc", True)) == "cba"
    assert order(("desc", False)) == "abc"
    for name in COLUMNS:
        assert len(in_order(views, [(name, True)])) == 3


def test_an_unknown_column_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError, match=r"cannot show column 'x': the columns are CTID, DESC"):
        columns_of(["fmri,x"])
