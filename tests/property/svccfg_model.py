"""What svccfg does, as plainly as it can be said: dictionaries, and no layers but a difference.

``below`` is what manifests say of each entity, ``now`` what holds. What an administrator
customized is never kept: it is what ``now`` and ``below`` differ in. A method does what one
subcommand does, and returns what it prints; `Refused` holds a part of the complaint.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

MASKED = "MASKED"
MANIFEST, ADMIN = "manifest", "admin"
STRINGS = ("astring",)


class Refused(Exception):
    """The subcommand fails; ``args[0]`` is in its complaint."""


class Value(NamedTuple):
    type: str
    values: tuple[str, ...]


@dataclass
class Group:
    type: str
    props: dict[str, Value] = field(default_factory=dict)
    lives: bool = True
    """It is persistent."""


Level = dict[str, Group]


class Said(NamedTuple):
    """What one layer says of a property, or (``prop`` empty) of a group."""

    group: str
    prop: str
    layer: str
    value: Value | str
    """MASKED; for a group a value without values."""
    holds: bool

    def named(self, pattern: str | None) -> bool:
        names = [self.group, *([f"{self.group}/{self.prop}"] if self.prop else [])]
        return pattern is None or any(fnmatchcase(name, pattern) for name in names)


def customized(below: Level, now: Level) -> Iterator[Said]:
    """What differs: by group, and there the group itself first."""
    for name in sorted(below.keys() | now.keys()):
        under, seen = below.get(name), now.get(name)
        if seen is None:
            yield Said(name, "", ADMIN, MASKED, holds=False)
            continue
        if under is None or under.type != seen.type:
            yield Said(name, "", ADMIN, Value(seen.type, ()), holds=True)
        said = under.props if under is not None else {}
        for prop in sorted(said.keys() | seen.props.keys()):
            value = seen.props.get(prop)
            if value is None:
                yield Said(name, prop, ADMIN, MASKED, holds=False)
            elif value != said.get(prop):
                yield Said(name, prop, ADMIN, value, holds=True)


def with_changes(below: Level, changes: Iterable[Said], types: dict[str, str]) -> Level:
    """What holds where ``changes`` are made to ``below``; ``types`` are those of groups that
    only have properties left.
    """
    now = copy.deepcopy(below)
    for said in changes:
        if not said.prop and said.value == MASKED:
            now.pop(said.group, None)
        elif said.value == MASKED:
            if said.group in now:
                now[said.group].props.pop(said.prop, None)
        elif isinstance(said.value, Value):
            kind = said.value.type if not said.prop else types.get(said.group, "")
            group = now.setdefault(said.group, Group(kind))
            if said.prop:
                group.props[said.prop] = said.value
            else:
                group.type = kind
    return now


def composed(own: Level, service: Level) -> Level:
    """An instance's level over its service's."""
    result = copy.deepcopy(service)
    for name, group in own.items():
        under = result.get(name)
        props = {**(under.props if under is not None else {}), **group.props}
        result[name] = Group(group.type, props, group.lives)
    return result


def service_of(fmri: str) -> str:
    return "svc:/" + fmri.removeprefix("svc:/").partition(":")[0]


def is_instance(fmri: str) -> bool:
    return ":" in fmri.removeprefix("svc:/")


def shown(value: Value) -> str:
    """Values as listprop prints them."""
    several = len(value.values) > 1
    words = [
        f'"{text}"' if value.type in STRINGS and (several or not text or " " in text) else text
        for text in value.values
    ]
    return " ".join(words)


class Model:
    """The repository and a session. Names of groups and properties are legal."""

    def __init__(self) -> None:
        self.below: dict[str, Level] = {}
        self.now: dict[str, Level] = {}
        self.snapshots: dict[str, dict[str, tuple[Level, Level]]] = {}
        self.selection: str | None = None
        self.snapshot: str | None = None

    # --- what the session has -----------------------------------------------------------

    def selected(self) -> str:
        if self.selection is None:
            raise Refused("no service or instance is selected")
        return self.selection

    def selected_instance(self) -> str:
        fmri = self.selected()
        if not is_instance(fmri):
            raise Refused("only instances have snapshots")
        return fmri

    def changing(self) -> Level:
        """The level of the selection, to be changed."""
        if self.snapshot is not None:
            raise Refused("Cannot modify snapshots.")
        return self.now[self.selected()]

    def looking(self) -> Level:
        fmri = self.selected()
        if self.snapshot is None:
            return self.now[fmri]
        return composed(*self.snapshots[fmri][self.snapshot])

    def instances(self, service: str) -> list[str]:
        return sorted(fmri for fmri in self.now if fmri.startswith(f"{service}:"))

    def with_instances(self, fmri: str) -> list[str]:
        return [fmri] if is_instance(fmri) else [fmri, *self.instances(fmri)]

    def persistent(self, fmri: str) -> Level:
        return copy.deepcopy({n: g for n, g in self.now[fmri].items() if g.lives})

    def picture(self, instance: str) -> tuple[Level, Level]:
        return self.persistent(instance), self.persistent(service_of(instance))

    # --- entities -------------------------------------------------------------------------

    def select(self, fmri: str) -> None:
        if fmri not in self.now:
            raise Refused("Not found.")
        self.selection, self.snapshot = fmri, None

    def unselect(self) -> None:
        if self.snapshot is not None:
            self.snapshot = None
            return
        fmri = self.selected()
        self.selection = service_of(fmri) if is_instance(fmri) else None

    def list_children(self) -> list[str]:
        if self.selection is None:
            return sorted(fmri.removeprefix("svc:/") for fmri in self.now if not is_instance(fmri))
        if is_instance(self.selection):
            return [":properties"]
        return [":properties", *(i.rpartition(":")[2] for i in self.instances(self.selection))]

    def add(self, name: str) -> None:
        if self.snapshot is not None:
            raise Refused("Cannot modify snapshots.")
        if self.selection is None:
            fmri = f"svc:/{name}"
        elif is_instance(self.selection):
            raise Refused("nothing lies below it")
        elif "/" in name:
            raise Refused("it is not a legal instance name")
        else:
            fmri = f"{self.selection}:{name}"
        if fmri in self.now:
            raise Refused("it exists")
        self._make(fmri)

    def _make(self, fmri: str) -> None:
        self.below[fmri], self.now[fmri] = {}, {}
        if is_instance(fmri):
            self.snapshots[fmri] = {}

    def delete(self, fmri: str) -> None:
        if self.snapshot is not None:
            raise Refused("Cannot modify snapshots.")
        if fmri not in self.now:
            raise Refused("Not found.")
        for gone in self.with_instances(fmri):
            del self.now[gone], self.below[gone]
            self.snapshots.pop(gone, None)
        if self.selection is not None and self.selection not in self.now:
            self.selection = service_of(fmri) if is_instance(fmri) else None
            self.snapshot = None

    # --- groups and properties --------------------------------------------------------------

    def addpg(self, name: str, kind: str, flag: str) -> None:
        level = self.changing()
        if name in level:
            raise Refused("it is there already")
        level[name] = Group(kind, {}, lives=flag != "P")

    def delpg(self, name: str) -> None:
        level = self.changing()
        if name not in level:
            raise Refused("Not found.")
        del level[name]

    def _group(self, name: str) -> Group:
        level = self.changing()
        if name not in level:
            raise Refused("Not found.")
        return level[name]

    def _typed(self, group: Group, prop: str, kind: str | None, values: list[str]) -> Value:
        present = group.props.get(prop)
        if present is not None:
            if kind not in (None, present.type):
                raise Refused(f"its type is {present.type}, not {kind}")
            kind = present.type
        if kind is None:
            raise Refused("a new property needs a type")
        for text in values:
            if kind == "count" and not text.isdigit():
                raise Refused(f"as a value of type {kind}")
        return Value(kind, tuple(values))

    def setprop(self, group: str, prop: str, kind: str | None, values: list[str]) -> None:
        there = self._group(group)
        there.props[prop] = self._typed(there, prop, kind, values)

    def addpropvalue(self, group: str, prop: str, kind: str | None, value: str) -> None:
        there = self._group(group)
        added = self._typed(there, prop, kind, [value])
        before = there.props[prop].values if prop in there.props else ()
        there.props[prop] = Value(added.type, before + added.values)

    def delpropvalue(self, group: str, prop: str, pattern: str) -> None:
        there = self._group(group)
        if prop not in there.props:
            raise Refused("Not found.")
        kind, values = there.props[prop]
        kept = tuple(value for value in values if not fnmatchcase(value, pattern))
        there.props[prop] = Value(kind, kept)

    def delprop(self, group: str, prop: str) -> None:
        there = self._group(group)
        if prop not in there.props:
            raise Refused("Not found.")
        del there.props[prop]

    def listpg(self) -> list[str]:
        level = self.looking()
        width = max(map(len, level), default=0)
        return [_group_line(name, width, level[name]) for name in sorted(level)]

    def listprop(self, pattern: str | None) -> list[str]:
        rows: list[tuple[str, Group | Value]] = []
        for name, group in sorted(self.looking().items()):
            whole = pattern is None or fnmatchcase(name, pattern)
            if whole:
                rows.append((name, group))
            for prop, value in sorted(group.props.items()):
                if whole or fnmatchcase(f"{name}/{prop}", pattern or ""):
                    rows.append((f"{name}/{prop}", value))
        width = max((len(name) for name, _ in rows), default=0)
        return [
            _group_line(name, width, row)
            if isinstance(row, Group)
            else f"{name:<{width}}  {row.type:<7}  {shown(row)}".rstrip(" ")
            for name, row in rows
        ]

    # --- layers -----------------------------------------------------------------------------

    def layers(self) -> set[Said]:
        """What ``listprop -l all`` shows, without the groups that are not persistent."""
        fmri = self.selected()
        if self.snapshot is not None:
            raise Refused("a snapshot does not know of layers")
        own = list(customized(self.below[fmri], self.persistent(fmri)))
        over = {(said.group, said.prop) for said in own}
        gone = {said.group for said in own if not said.prop and said.value == MASKED}
        found = set(own)
        for name, group in self.below[fmri].items():
            holds = name not in gone
            found.add(
                Said(name, "", MANIFEST, Value(group.type, ()), holds and (name, "") not in over)
            )
            for prop, value in group.props.items():
                found.add(Said(name, prop, MANIFEST, value, holds and (name, prop) not in over))
        return found

    def listcust(self, pattern: str | None, *, only_masked: bool) -> list[tuple[str, Said]]:
        meant = (
            [self.selection]
            if self.selection is not None
            else sorted(fmri for fmri in self.now if not is_instance(fmri))
        )
        return [
            (fmri, said)
            for top in meant
            for fmri in self.with_instances(top)
            for said in customized(self.below[fmri], self.persistent(fmri))
            if said.named(pattern) and (said.value == MASKED or not only_masked)
        ]

    def delcust(self, pattern: str | None, *, only_masked: bool) -> list[tuple[str, Said]]:
        if self.snapshot is not None:
            raise Refused("Cannot modify snapshots.")
        gone: list[tuple[str, Said]] = []
        for fmri in self.with_instances(self.selected()):
            below, now = self.below[fmri], self.persistent(fmri)
            said = list(customized(below, now))
            drop = [s for s in said if s.named(pattern) and (s.value == MASKED or not only_masked)]
            # A group that nobody else has takes its properties with it.
            groups = {s.group for s in drop if not s.prop and s.group not in below}
            drop = [s for s in said if s in drop or s.group in groups]
            kept = [s for s in said if s not in drop]
            volatile = {n: g for n, g in self.now[fmri].items() if not g.lives}
            types = {name: group.type for name, group in now.items()}
            self.now[fmri] = with_changes(below, kept, types) | volatile
            gone += [(fmri, s) for s in drop]
        return gone

    def import_manifest(self, service: str, instance: str, says: dict[str, Level]) -> None:
        """Store what a manifest says of a service and an instance that it has delivered before,
        or that were not there.
        """
        for fmri in self.instances(service):
            self.snapshots[fmri]["previous"] = self.picture(fmri)
        for fmri in (service, instance):
            is_new = fmri not in self.now
            if is_new:
                self._make(fmri)
            now = self.persistent(fmri)
            mine = list(customized(self.below[fmri], now))
            volatile = {n: g for n, g in self.now[fmri].items() if not g.lives}
            types = {name: group.type for name, group in now.items()}
            # A group that an administrator made of another type keeps the manifest's away.
            self.below[fmri] = {
                name: copy.deepcopy(group)
                for name, group in says[fmri].items()
                if name in self.below[fmri] or types.get(name, group.type) == group.type
            }
            self.now[fmri] = with_changes(self.below[fmri], mine, types) | volatile
            if fmri == instance:
                said = copy.deepcopy((says[instance], says[service]))
                if is_new:
                    self.snapshots[fmri]["initial"] = said
                self.snapshots[fmri]["last-import"] = said
        for fmri in self.instances(service):
            self.snapshots[fmri]["running"] = self.picture(fmri)

    # --- snapshots --------------------------------------------------------------------------

    def refresh(self) -> None:
        for fmri in self.with_instances(self.selected()):
            if is_instance(fmri):
                self.snapshots[fmri]["running"] = self.picture(fmri)

    def listsnap(self) -> list[str]:
        return sorted(self.snapshots[self.selected_instance()])

    def selectsnap(self, name: str | None) -> None:
        fmri = self.selected_instance()
        if name is not None and name not in self.snapshots[fmri]:
            raise Refused("Not found.")
        self.snapshot = name

    def revert(self, name: str | None) -> None:
        fmri = self.selected_instance()
        name = name or self.snapshot
        if name is None:
            raise Refused("usage: revert NAME")
        if name not in self.snapshots[fmri]:
            raise Refused("Not found.")
        own, service = copy.deepcopy(self.snapshots[fmri][name])
        self.snapshots[fmri]["previous"] = self.picture(fmri)
        for entity, level in ((fmri, own), (service_of(fmri), service)):
            volatile = {n: g for n, g in self.now[entity].items() if not g.lives}
            self.now[entity] = level | volatile
        self.snapshot = None


def _group_line(name: str, width: int, group: Group) -> str:
    return f"{name:<{width}}  {group.type}" + ("" if group.lives else "\tNONPERSISTENT")
