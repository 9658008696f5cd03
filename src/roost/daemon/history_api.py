"""Handlers of the io.roost.History interface: the change log and the transitions as one.

Each call looks at a bounded number of entries, so that a long history keeps nobody waiting;
whoever wants more asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from roost.api import typed
from roost.api.connection import Call
from roost.api.server import Answer, Handler, handlers_of
from roost.daemon.asked import patterns_of
from roost.daemon.manager import Manager
from roost.daemon.transitions import Line, Position
from roost.errors import InvalidValue
from roost.fmri import match_instances, match_services, service_of
from roost.repository.differences import Said
from roost.repository.history import Entry

Form = dict[str, object]

KINDS = ("change", "transition")
DEFAULT_COUNT = 100
MAX_COUNT = 500
MAX_LOOKED_AT = 2_000
"""Entries that one call looks at, of each kind."""
_BATCH = 200
_CLOCK_STEP_S = 86_400.0
"""Entries are in the order of their making, and clocks are set: so much later than ``since``
an older entry may still be followed by one to be shown.
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """All that is older than these was not looked at; None: nothing was."""

    change: int | None = None
    transition: Position | None = None

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that `text` wrote; `InvalidValue` for anything else."""
        fields = text.split(":")
        if len(fields) != 3 or not all(f.isascii() and f.isdigit() for f in fields if f != "-"):
            raise InvalidValue(f"go on before '{text}'", "no reply had that", "roost history")
        change, file, offset = (None if f == "-" else int(f) for f in fields)
        place = None if file is None or offset is None else Position(file, offset)
        return cls(change, place)

    @property
    def text(self) -> str:
        """As it goes over the wire."""
        place = self.transition
        change = "-" if self.change is None else self.change
        where = "-:-" if place is None else f"{place.file}:{place.offset}"
        return f"{change}:{where}"


class Filter:
    """Which entries a caller wants."""

    def __init__(self, call: Call, known: Callable[[], Sequence[str]]) -> None:
        given = call.parameters
        self._patterns = patterns_of(call)
        self.kinds = typed.texts(given, "kinds") or list(KINDS)
        for kind in self.kinds:
            if kind not in KINDS:
                raise InvalidValue(f"read the history of '{kind}'", f"known are {KINDS}")
        self._since_s = _time(given, "since")
        self._until_s = _time(given, "until")
        self._selected: dict[str, bool] = {"": True}
        for pattern in self._patterns:
            for fmri in match_instances(pattern, known()):
                self._selected[service_of(fmri)] = True

    def takes(self, fmri: str, time_s: float) -> bool:
        """Is an entry about this entity, of this time, wanted?"""
        if self._since_s is not None and time_s < self._since_s:
            return False
        if self._until_s is not None and time_s > self._until_s:
            return False
        return not self._patterns or self._selects(fmri)

    def ends_at(self, time_s: float) -> bool:
        """Can nothing be wanted that was made before an entry of this time?"""
        return self._since_s is not None and time_s < self._since_s - _CLOCK_STEP_S

    def _selects(self, fmri: str) -> bool:
        found = self._selected.get(fmri)
        if found is None:
            found = any(
                match_instances(pattern, [fmri]) or match_services(pattern, [fmri])
                for pattern in self._patterns
            )
            self._selected[fmri] = found
        return found


@dataclass(slots=True)
class _Source:
    """The entries of one kind, the newest first, and how far they were looked at."""

    entries: Iterator[tuple[float, str, object, Callable[[], Form]]]
    """Time, entity, place in the log, and the form for the wire."""
    wanted: Filter
    place: object = None
    """Of the oldest entry looked at."""
    budget: int = MAX_LOOKED_AT
    is_done: bool = False
    head: tuple[float, object, Callable[[], Form]] | None = field(default=None)

    def fill(self) -> None:
        """Look for the next wanted entry, if none waits."""
        while self.head is None and not self.is_done and self.budget:
            self.budget -= 1
            found = next(self.entries, None)
            if found is None or self.wanted.ends_at(found[0]):
                self.is_done = True
                return
            time_s, fmri, place, form = found
            if self.wanted.takes(fmri, time_s):
                self.head = (time_s, place, form)
            else:
                self.place = place

    def take(self) -> Form:
        """The entry that waits."""
        assert self.head is not None
        _, self.place, form = self.head
        self.head = None
        return form()


class HistoryApi:
    """Answers from both logs, and tells those who follow what is new."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._log = manager.repository.history
        self._transitions = manager.transitions
        self._followers: dict[int, tuple[Call, Filter]] = {}
        self._told = 0
        self._is_looking = False
        self._log.on_change = self._look_soon
        self._transitions.on_append = self._tell_transitions

    def handlers(self) -> dict[str, Handler]:
        """The handlers by full method name."""
        return handlers_of("io.roost.History", Read=self._read, Snapshots=self._snapshots)

    def _snapshots(self, call: Call) -> Answer:
        taken = self._manager.repository.snapshots_taken(typed.text(call.parameters, "fmri"))
        return {
            "snapshots": [
                {"name": each.name, "time": each.time_s, "user": each.user} for each in taken
            ]
        }

    def _read(self, call: Call) -> Answer | None:
        given = call.parameters
        wanted = Filter(call, self._manager.repository.instances)
        count = typed.integer(given, "count", default=DEFAULT_COUNT)
        if count < 0:
            raise InvalidValue(f"read {count} entries", "it is less than none")
        text = typed.text(given, "before", default="")
        cursor = Cursor.parse(text) if text else Cursor()
        answer = self._page(wanted, min(count, MAX_COUNT), cursor)
        if not call.more:
            return answer
        if self._followers:
            self._look()
        else:
            self._told = self._log.last()
        self._followers[id(call)] = (call, wanted)
        call.on_close(partial(self._forget, call))
        call.reply(answer, continues=True)
        return None

    def _forget(self, call: Call) -> None:
        self._followers.pop(id(call), None)

    # --- the past -------------------------------------------------------------------------

    def _page(self, wanted: Filter, count: int, cursor: Cursor) -> Answer:
        changes = _Source(self._changes(cursor.change), wanted, cursor.change)
        transitions = _Source(self._past(cursor.transition), wanted, cursor.transition)
        sources = [
            source
            for kind, source in zip(KINDS, (changes, transitions), strict=True)
            if kind in wanted.kinds
        ]
        entries: list[Form] = []
        while len(entries) < count:
            for source in sources:
                source.fill()
            waiting = [source for source in sources if source.head is not None]
            # One that could not look on may have a newer entry than those that wait.
            if not waiting or any(s.head is None and not s.is_done for s in sources):
                break
            entries.append(max(waiting, key=_time_of_head).take())
        is_over = all(source.is_done and source.head is None for source in sources)
        place = transitions.place
        after = Cursor(
            changes.place if isinstance(changes.place, int) else None,
            place if isinstance(place, Position) else None,
        )
        return {"entries": entries[::-1], "before": "" if is_over else after.text}

    def _changes(
        self, before: int | None
    ) -> Iterator[tuple[float, str, object, Callable[[], Form]]]:
        while batch := self._log.before(before, _BATCH):
            for entry in batch:
                yield entry.time_s, entry.fmri, entry.id, partial(change_form, entry)
            before = batch[-1].id

    def _past(
        self, before: Position | None
    ) -> Iterator[tuple[float, str, object, Callable[[], Form]]]:
        for place, line in self._transitions.newest_first(before):
            form = _line_form(line)
            if form is not None:
                time_s, fmri = typed.number(line, "time"), typed.text(line, "fmri")
                yield time_s, fmri, place, partial(dict, form)

    # --- the present ----------------------------------------------------------------------

    def _look_soon(self) -> None:
        """A transaction has changes; see what there is once it is committed."""
        if self._followers and not self._is_looking:
            self._is_looking = True
            self._manager.loop.call_soon(self._look)

    def _look(self) -> None:
        self._is_looking = False
        while self._followers and (batch := self._log.after(self._told, _BATCH)):
            self._told = batch[-1].id
            for entry in batch:
                self._tell(KINDS[0], entry.fmri, entry.time_s, partial(change_form, entry))

    def _tell_transitions(self, lines: Sequence[Line]) -> None:
        for line in lines if self._followers else ():
            form = _line_form(line)
            if form is not None:
                time_s = typed.number(line, "time")
                self._tell(KINDS[1], typed.text(line, "fmri"), time_s, partial(dict, form))

    def _tell(self, kind: str, fmri: str, time_s: float, form: Callable[[], Form]) -> None:
        for call, wanted in list(self._followers.values()):
            if kind in wanted.kinds and wanted.takes(fmri, time_s):
                call.reply({"entries": [form()], "before": ""}, continues=True)


def _time(given: Mapping[str, object], key: str) -> float | None:
    return None if given.get(key) is None else typed.number(given, key)


def _time_of_head(source: _Source) -> float:
    assert source.head is not None
    return source.head[0]


def change_form(entry: Entry) -> Form:
    """Type Entry, of kind change."""
    who = entry.actor
    change = {
        "number": entry.id,
        "transaction": entry.transaction,
        "op": entry.op.value,
        "group": entry.group,
        "property": entry.property,
        "layer": entry.layer.label if entry.layer is not None else None,
        "holds": entry.holds,
        "protected": entry.protected,
        "old": _said_form(entry.old),
        "new": _said_form(entry.new),
        "file": entry.file,
        "uid": who.uid,
        "user": who.user,
        "program": who.program,
        "pid": who.pid,
        "call": who.call,
    }
    form: Form = {"kind": KINDS[0], "time": entry.time_s, "fmri": entry.fmri}
    return {**form, "change": change, "transition": None}


def _said_form(said: Said | None) -> Form | None:
    return {"type": said.type, "values": list(said.values)} if said is not None else None


_STATES = ("state_from", "next_from", "state", "next_state", "user", "program")
_REASON = ("code", "text", "cause", "method", "status")


def _line_form(line: Line) -> Form | None:
    """Type Entry, of kind transition; None for a line that holds something else."""
    try:
        reason = typed.record(line, "reason")
        transition: Form = {key: typed.text(line, key) for key in _STATES}
        transition["reason"] = {key: typed.text(reason, key) for key in _REASON}
        form: Form = {"kind": KINDS[1], "time": typed.number(line, "time")}
        form["fmri"] = typed.text(line, "fmri")
    except InvalidValue:
        return None
    return {**form, "change": None, "transition": transition}
