"""The table of svcs: columns, their widths and contents, and the order of lines. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roost.cli.output import clock_or_date, localised, plain
from roost.cli.replies import InstanceView, ProcessView
from roost.errors import UsageError

SHORT_STATES = {
    "uninitialized": ("UN", "u"),
    "disabled": ("DIS", "d"),
    "offline": ("OFF", "0"),
    "online": ("ON", "1"),
    "degraded": ("DGD", "D"),
    "maintenance": ("MNT", "m"),
    "legacy_run": ("LRC", "L"),
}
"""State -> (short name, letter)."""

STATE_ORDER = (
    "legacy_run",
    "disabled",
    "online",
    "degraded",
    "offline",
    "maintenance",
    "uninitialized",
)
"""From the least to the most interesting; anything else comes after."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``text`` takes the instance, the time now, and whether a column for the next
    state is shown too; ``key`` gives what the column sorts by.
    """

    name: str
    width: int
    help: str
    text: Callable[[InstanceView, float, bool], str]
    key: Callable[[InstanceView], tuple[int | float | str, ...]]
    aligned_right: bool = False


def _rank(state: str) -> int:
    return STATE_ORDER.index(state) if state in STATE_ORDER else len(STATE_ORDER)


def _next_rank(instance: InstanceView) -> tuple[int]:
    return (_rank(instance.next_state) if instance.is_in_transition else -1,)


def _short(state: str) -> str:
    return SHORT_STATES.get(state, ("?", "?"))[0]


def _letter(state: str) -> str:
    return SHORT_STATES.get(state, ("?", "?"))[1]


def _star(instance: InstanceView, next_is_shown: bool = False) -> str:
    return "*" if instance.is_in_transition and not next_is_shown else ""


def _next(instance: InstanceView, shown: Callable[[str], str]) -> str:
    return shown(instance.next_state) if instance.is_in_transition else "-"


def _contract(instance: InstanceView) -> str:
    if not instance.contracts:
        return "-"
    return f"{instance.contracts[0]}{'*' if len(instance.contracts) > 1 else ''}"


def _since(instance: InstanceView, now_s: float) -> str:
    return clock_or_date(instance.state_time, now_s) if instance.state_time > 0 else "-"


_ALL = (
    Column(
        "CTID",
        6,
        "contract id of the processes, with * if there are several",
        lambda i, _now, _next: _contract(i),
        lambda i: i.contracts[:1],
        aligned_right=True,
    ),
    Column(
        "DESC",
        100,
        "name for people",
        lambda i, _now, _next: localised(i.common_names) or "-",
        lambda i: (localised(i.common_names),),
    ),
    Column("FMRI", 50, "the instance's FMRI", lambda i, _now, _next: i.fmri, lambda i: (i.fmri,)),
    Column(
        "INST",
        20,
        "name of the instance",
        lambda i, _now, _next: i.instance_name,
        lambda i: (i.instance_name,),
    ),
    Column("N", 1, "letter of the next state", lambda i, _now, _n: _next(i, _letter), _next_rank),
    Column("NSTA", 4, "short next state", lambda i, _now, _n: _next(i, _short), _next_rank),
    Column("NSTATE", 13, "next state", lambda i, _now, _n: _next(i, str), _next_rank),
    Column(
        "S",
        2,
        "letter of the state, with * in transition",
        lambda i, _now, _next: _letter(i.state) + _star(i),
        lambda i: (_rank(i.state),),
    ),
    Column("SCOPE", 20, "always localhost", lambda _i, _now, _next: "localhost", lambda _i: ()),
    Column(
        "SN",
        2,
        "letters of the state and the next state",
        lambda i, _now, _n: _letter(i.state) + _next(i, _letter),
        lambda i: (_rank(i.state), *_next_rank(i)),
    ),
    Column(
        "STA",
        4,
        "short state, with * in transition",
        lambda i, _now, shown: _short(i.state) + _star(i, shown),
        lambda i: (_rank(i.state),),
    ),
    Column(
        "STATE",
        14,
        "state, with * in transition",
        lambda i, _now, shown: (i.state or "-") + _star(i, shown),
        lambda i: (_rank(i.state),),
    ),
    Column(
        "STIME",
        8,
        "when the state was reached",
        lambda i, now, _next: _since(i, now),
        lambda i: (i.state_time,),
    ),
    Column(
        "SVC",
        20,
        "name of the service",
        lambda i, _now, _next: i.service_name,
        lambda i: (i.service_name,),
    ),
    Column("ZONE", 16, "always global", lambda _i, _now, _next: "global", lambda _i: ()),
)
COLUMNS = {column.name: column for column in _ALL}

DEFAULT_COLUMNS = ("STATE", "STIME", "FMRI")
LONGER_COLUMNS = ("STATE", "NSTATE", "STIME", "CTID", "FMRI")
DEFAULT_ORDER = (("STATE", False), ("STIME", False), ("FMRI", False))


def column_named(name: str) -> Column:
    """The column called ``name`` in any case; `UsageError` if there is none."""
    column = COLUMNS.get(name.upper())
    if column is None:
        raise UsageError(f"show column '{name}'", f"the columns are {', '.join(COLUMNS)}")
    return column


def columns_of(lists: Sequence[str]) -> tuple[Column, ...]:
    """The columns that arguments of ``-o`` name, joined."""
    return tuple(column_named(name) for part in lists for name in part.split(","))


def in_order(
    instances: Sequence[InstanceView], order: Sequence[tuple[str, bool]]
) -> list[InstanceView]:
    """Sorted by (column, descending) pairs, the first being primary; the FMRI settles ties."""
    result = sorted(instances, key=lambda instance: instance.fmri)
    for name, is_descending in reversed(order):
        result.sort(key=column_named(name).key, reverse=is_descending)
    return result


def header(columns: Sequence[Column]) -> str:
    """The line of names."""
    return _line(columns, [column.name for column in columns], is_header=True)


def line_of(instance: InstanceView, columns: Sequence[Column], now_s: float) -> str:
    """The line of one instance."""
    next_is_shown = any(column.name in ("NSTA", "NSTATE") for column in columns)
    return _line(columns, [column.text(instance, now_s, next_is_shown) for column in columns])


def process_line(process: ProcessView, now_s: float) -> str:
    """The line of one process below its instance's."""
    is_zombie = process.command == "<defunct>"
    since = "-" if is_zombie else clock_or_date(process.start_time, now_s)
    return f"{'':15}{since:<8}   {process.pid:>6} {plain(process.command)}"


def _line(columns: Sequence[Column], texts: Sequence[str], *, is_header: bool = False) -> str:
    cells = []
    for column, text in zip(columns, texts, strict=True):
        if column.aligned_right and not is_header:
            cells.append(text.rjust(column.width))
        elif len(cells) == len(columns) - 1:
            cells.append(text)
        else:
            cells.append(text.ljust(column.width))
    return " ".join(cells)
