"""svcprop: print properties, as people and shell scripts want them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from roost.api import typed
from roost.api.client import Client
from roost.cli.command import (
    HELP,
    JSON,
    ROOT,
    Option,
    Parsed,
    Syntax,
    exclude,
    layout_of,
    print_error,
    run,
)
from roost.cli.output import print_json
from roost.cli.prop_lines import PROPERTIES, Line, wanted_fields
from roost.errors import InvalidName, NotAllowed, NotFound, RoostError, UsageError
from roost.fmri import is_component, is_glob

PROGRAM = "svcprop"
_TEMPLATES = frozenset(("template", "template_pg_pattern", "template_prop_pattern"))
"""Types of the groups that are shown only to those who ask for them."""
_EXCLUDING = (
    ("-C", "-c", "-s", "-w"),
    ("-l", "-s", "-w"),
    ("-g", "-w"),
    ("-o", "-f"),
    ("-o", "-t"),
    ("-o", "--json"),
)

_FORM = (
    "[-afqtv] [-C | -c | -s SNAPSHOT] [-l LAYER,...] [-g TYPE]... [-o FIELD,...] "
    "[-p [GROUP/]NAME]... FMRI | PATTERN..."
)
SYNTAX = Syntax(
    PROGRAM,
    "Print properties of services and instances.",
    (
        _FORM,
        "-w [-fqtv] [-o FIELD,...] [-p GROUP[/PROPERTY]] FMRI",
    ),
    (
        Option("-p", "this group or property (may be repeated)", "[GROUP/]NAME"),
        Option("-g", "only groups of this type (may be repeated)", "TYPE"),
        Option("-a", "templates too, which else must be named by -p or -g"),
        Option("-c", "what is configured now, not what runs"),
        Option("-C", "only what is attached to the entity itself"),
        Option("-s", "what the snapshot says", "SNAPSHOT"),
        Option("-l", "what these layers say; all: every layer, current: what holds", "LAYERS"),
        Option("-w", "wait until the group changes, then print"),
        Option("-f", "with full FMRIs"),
        Option("-t", "with names and types"),
        Option("-o", "print these fields of each property", "FIELDS"),
        Option("-q", "print nothing; the exit status tells"),
        Option("-v", "with -q: still say what is missing"),
        Option("-z", "the zone; only 'global' is there", "ZONE"),
        ROOT,
        JSON,
        *HELP,
    ),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    for together in _EXCLUDING:
        exclude(parsed, together)
    if not parsed.operands:
        raise UsageError("print properties", "no service or instance is named")
    if any(zone != "global" for zone in parsed.values("-z")):
        raise UsageError(f"look into zone '{parsed.value('-z')}'", "the only zone is global")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Values are bytes, mostly UTF-8; a script must get the same bytes again.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    targets = [
        wanted for text in parsed.operands for wanted in wanted_of(text, parsed.values("-p"))
    ]
    with Client(layout_of(parsed)) as client:
        return Printing(client, parsed, targets).show()


class Wanted(NamedTuple):
    """What to print of the entities that ``pattern`` selects: all, a group or a property."""

    pattern: str
    group: str | None = None
    prop: str | None = None

    @property
    def label(self) -> str:
        """``GROUP`` or ``GROUP/PROPERTY``; "" for all."""
        return "/".join(part for part in (self.group, self.prop) if part is not None)


def wanted_of(operand: str, names: Sequence[str]) -> list[Wanted]:
    """What one operand asks for, with the arguments of ``-p``.

    An operand may name a group (then ``-p`` names properties of it) or a property (then
    there is no ``-p``). `UsageError` where that does not fit, `InvalidName` for a bad name.
    """
    pattern, has_properties, below = operand.partition(PROPERTIES)
    if not has_properties:
        return [_split(pattern, name) for name in names] or [Wanted(pattern)]
    base = _split(pattern, below)
    if base.prop is not None:
        if names:
            raise UsageError(f"use -p with '{operand}'", "the operand names a property already")
        return [base]
    for name in names:
        if "/" in name:
            why = "the operand names a group, so -p takes the name of a property alone"
            raise UsageError(f"use -p {name} with '{operand}'", why)
        _check(name, name)
    return [base._replace(prop=name) for name in names] or [base]


def _split(pattern: str, name: str) -> Wanted:
    group, has_prop, prop = name.partition("/")
    _check(group, name)
    if has_prop:
        _check(prop, name)
    return Wanted(pattern, group, prop if has_prop else None)


def _check(part: str, whole: str) -> None:
    if not is_component(part):
        why = f"'{part}' is not a legal name"
        raise InvalidName(f"look up property '{whole}'", why, "svcprop FMRI")


class Printing:
    """One run of svcprop."""

    def __init__(self, client: Client, parsed: Parsed, wanted: Sequence[Wanted]) -> None:
        self._client = client
        self._parsed = parsed
        self._wanted = wanted
        self._fields = wanted_fields(parsed)
        self._layers = _layers_of(parsed)
        self._types = frozenset(parsed.values("-g"))
        self._status = 0
        self._lines: dict[Line, None] = {}

    def show(self) -> int:
        """Print what was asked for; returns the exit status."""
        found = self._entities()
        if self._parsed.has("-w"):
            self._wait(found)
        shown: set[str] = set()
        for wanted, entities in found:
            for fmri in self._with_property(wanted, entities):
                shown.add(fmri)
                self._collect(fmri, wanted)
        if not self._parsed.has("-q"):
            self._print(several=len(shown) > 1 or len(self._parsed.operands) > 1)
        return self._status

    # --- which entities ----------------------------------------------------------------

    def _entities(self) -> list[tuple[Wanted, list[str]]]:
        """For each wish the entities it concerns; patterns that match nothing are told of."""
        by_pattern: dict[str, list[str]] = {}
        for wanted in self._wanted:
            if wanted.pattern not in by_pattern:
                by_pattern[wanted.pattern] = self._find(wanted.pattern)
        return [(wanted, by_pattern[wanted.pattern]) for wanted in self._wanted]

    def _find(self, pattern: str) -> list[str]:
        problem = NotFound(
            f"find '{pattern}'", "it matches no service and no instance", "svccfg list"
        )
        try:
            reply = self._client.call("Repository.Find", pattern=pattern)
        except NotFound:
            found = []
        else:
            found = typed.texts(reply, "entities")
        if not found:
            self._complain(problem)
        return found

    def _with_property(self, wanted: Wanted, entities: Sequence[str]) -> list[str]:
        """The entities to print.

        A service that was not named in full stands for those of its instances that have what
        is wanted, if it has not itself.
        """
        is_exact = wanted.pattern.startswith("svc:") and not is_glob(wanted.pattern)
        if is_exact or wanted.group is None:
            return list(entities)
        found: dict[str, None] = {}
        for fmri in entities:
            having = [] if self._has(fmri, wanted) else self._instances_with(fmri, wanted)
            found.update(dict.fromkeys(having or [fmri]))
        return list(found)

    def _instances_with(self, fmri: str, wanted: Wanted) -> list[str]:
        if _is_instance(fmri):
            return []
        reply = self._client.call("Repository.Instances", service=fmri)
        return [name for name in typed.texts(reply, "instances") if self._has(name, wanted)]

    def _has(self, fmri: str, wanted: Wanted) -> bool:
        groups = self._groups(fmri, wanted.group)
        return any(
            wanted.prop is None or typed.text(prop, "name") == wanted.prop
            for group in groups
            for prop in typed.records(group, "properties")
        )

    # --- what they have ----------------------------------------------------------------

    def _groups(self, fmri: str, group: str | None) -> list[dict[str, Any]]:
        parsed = self._parsed
        is_instance = _is_instance(fmri)
        snapshot = parsed.value("-s")
        view = "running" if is_instance else "attached"
        if parsed.has("-C", "-w"):
            view = "attached"
        elif parsed.has("-c", "-l"):
            view = "composed" if is_instance else "attached"
        elif snapshot is not None:
            if not is_instance:
                why = "a service has no snapshots, only its instances have"
                raise InvalidName(f"use -s {snapshot} with {fmri}", why, f"svcs -a {fmri}")
            view = "snapshot"
        reply = self._client.call(
            "Repository.Groups", fmri=fmri, view=view, snapshot=snapshot, group=group
        )
        found = typed.records(reply, "groups")
        return [one for one in found if self._is_wanted(typed.text(one, "type"), group)]

    def _view_options(self) -> str:
        """The options that say which configuration is looked at, each with a blank after it."""
        snapshot = self._parsed.value("-s")
        given = [*self._parsed.given(("-c", "-C")), *(["-s", snapshot] if snapshot else [])]
        return "".join(f"{word} " for word in given)

    def _is_wanted(self, group_type: str, group: str | None) -> bool:
        """Do the options ask for groups of the type? ``group``: one was named."""
        if self._types:
            return group_type in self._types
        return group is not None or self._parsed.has("-a") or group_type not in _TEMPLATES

    def _collect(self, fmri: str, wanted: Wanted) -> None:
        groups = self._groups(fmri, wanted.group)
        lines = [
            Line.read(fmri, group, prop)
            for group in groups
            for prop in typed.records(group, "properties")
            if wanted.prop is None or typed.text(prop, "name") == wanted.prop
        ]
        is_there = bool(lines) or (bool(groups) and wanted.prop is None)
        why = "it is not there"
        if self._layers:
            lines = [*self._layered(fmri, wanted)]
            is_there, why = bool(lines), "no layer says anything of it"
        if wanted.group is not None and not is_there:
            kind = "group" if wanted.prop is None else "property"
            what = f"find {kind} '{wanted.label}' of {fmri}"
            self._miss(NotFound(what, why, f"svcprop {self._view_options()}{fmri}"))
        for line in lines:
            if line.protected and wanted.group is not None:
                what = f"read '{line.path}' of {fmri}"
                self._complain(NotAllowed(what, "its values are protected", f"sudo svcprop {fmri}"))
            else:
                self._lines[line] = None

    def _layered(self, fmri: str, wanted: Wanted) -> Iterator[Line]:
        """What all layers say of what is wanted, whichever layers are to be shown."""
        from roost.cli import prop_layers  # noqa: PLC0415  only for -l

        attached = self._parsed.has("-C")
        found = prop_layers.read_layers(self._client, fmri, wanted.group, attached=attached)
        types = prop_layers.group_types(found)
        for said in found:
            kind = types.get(said.group, "")
            is_asked = said.name == wanted.prop if wanted.prop else said.name or said.masked
            if is_asked and self._is_wanted(kind, wanted.group):
                yield Line(
                    fmri, said.group, kind, said.name, said.type, said.values, said.protected, said
                )

    def _miss(self, problem: RoostError) -> None:
        if self._parsed.has("-q") and not self._parsed.has("-v"):
            self._status = 1
        else:
            self._complain(problem)

    def _complain(self, problem: RoostError) -> None:
        self._status = 1
        print_error(PROGRAM, problem)

    def _wait(self, found: Sequence[tuple[Wanted, Sequence[str]]]) -> None:
        """Sleep until the one group that is named changes."""
        groups = {wanted.group for wanted, _ in found}
        entities = {fmri for wanted, some in found for fmri in self._with_property(wanted, some)}
        if len(entities) > 1 or len({wanted.pattern for wanted, _ in found}) > 1:
            raise UsageError("use -w", "it waits for one service or instance only")
        group = next(iter(groups), None)
        if len(groups) != 1 or group is None:
            raise UsageError("use -w", "it needs one group to wait for (-p GROUP)")
        for fmri in entities:
            present = self._groups(fmri, group)
            generation = typed.integer(present[0], "generation") if present else 0
            self._client.call("Repository.WaitGroup", fmri=fmri, group=group, generation=generation)

    # --- how it is shown ---------------------------------------------------------------

    def _print(self, *, several: bool) -> None:
        parsed = self._parsed
        lines = [line for line in self._lines if self._is_shown(line)]
        if parsed.has("--json"):
            print_json({"properties": [line.record() for line in lines]})
            return
        is_single = len(self._wanted) == 1 and self._wanted[0].prop is not None
        for line in lines:
            if self._fields:
                print(line.fields(self._fields))
            elif parsed.has("-f") or several:
                print(line.columns(with_fmri=True))
            elif parsed.has("-t", "-l") or not is_single:
                print(line.columns(with_fmri=False))
            else:
                print(line.values_text)

    def _is_shown(self, line: Line) -> bool:
        if line.said is None:
            return True
        from roost.cli.prop_layers import said_by  # noqa: PLC0415  only for -l

        return said_by(line.said, self._layers)


def _layers_of(parsed: Parsed) -> frozenset[str]:
    """The layers that ``-l`` names; none without it."""
    if not parsed.has("-l"):
        return frozenset()
    from roost.cli.prop_layers import wanted_layers  # noqa: PLC0415  only for -l

    return wanted_layers(parsed.values("-l"))


def _is_instance(fmri: str) -> bool:
    return ":" in fmri.removeprefix("svc:")


if __name__ == "__main__":
    sys.exit(main())
