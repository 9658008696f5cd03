"""Which layer says what: subcommands listcust and delcust, and -l of the subcommands that list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from roost.api import typed
from roost.cli.cfg.lexer import quoted
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.values import glob_matcher, shown_values
from roost.cli.prop_layers import (
    ALL,
    CURRENT,
    WORDS,
    Said,
    read_layers,
    said_by,
)
from roost.errors import InvalidState, InvalidValue
from roost.fmri import is_instance
from roost.model.properties import Property, PropertyGroup, property_type

ADMIN, SITE = "admin", "site-profile"
_NO_LAYER = "<none>"
"""What a group shows that no layer has: one that is not persistent."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one layer says, and how its subject is called where it is listed."""

    said: Said
    subject: str
    group_type: str

    @property
    def values(self) -> str:
        """The values as listprop prints them, or MASKED."""
        said = self.said
        if said.masked:
            return "MASKED"
        if not said.name:
            return "NONPERSISTENT" if said.layer == _NO_LAYER else ""
        prop = Property(said.name, property_type(said.type), said.values, protected=said.protected)
        return " ".join(shown_values(prop))


_MARK = "mark"
"""The column that -l all has, and that has no name."""

FIELDS: Mapping[str, Callable[[Row], str]] = {
    "fmri": lambda row: row.said.entity,
    "property": lambda row: row.subject,
    "group": lambda row: row.said.group,
    "grouptype": lambda row: row.group_type,
    "name": lambda row: row.said.name or "-",
    "type": lambda row: row.said.type,
    "value": lambda row: row.values,
    "layer": lambda row: row.said.layer,
    "file": lambda row: quoted(row.said.file) if row.said.file else "-",
    "holds": lambda row: "true" if row.said.holds else "false",
}
"""Columns by the names that -o takes: those of svcprop."""

_COLUMNS: Mapping[str, Callable[[Row], str]] = {
    **FIELDS,
    _MARK: lambda row: "*" if row.said.holds else "",
}


def is_layered(call: Call) -> bool:
    """Do the options ask for layers, or for what only layers know?"""
    return any(option in call.options for option in ("-l", "-f", "-o"))


def wanted_layers(call: Call) -> frozenset[str]:
    """The layers that -l names (what holds, without it); `InvalidValue` for an unknown one."""
    words = call.options.get("-l", CURRENT).split(",")
    for word in words:
        if word not in WORDS:
            raise InvalidValue(f"show layer '{word}'", f"the layers are {', '.join(WORDS)}")
    return frozenset(words)


def wanted_fields(call: Call) -> list[str]:
    """The columns that -o names, or the usual ones; `InvalidValue` for an unknown one."""
    if "-o" in call.options:
        names = call.options["-o"].split(",")
        for name in names:
            if name not in FIELDS:
                raise InvalidValue(f"print field '{name}'", f"the fields are {', '.join(FIELDS)}")
        return names
    names = ["property", "type", "layer"]
    if ALL in wanted_layers(call):
        names.append(_MARK)
    if "-f" in call.options:
        names.append("file")
    return [*names, "value"]


def layered(session: Session, call: Call) -> list[Said]:
    """What the layers that -l names say of the selection."""
    fmri = session.entity(call)
    if session.snapshot is not None:
        raise InvalidState(
            f"{call.command.name} -l", "a snapshot does not know of layers", "selectsnap"
        )
    wanted = wanted_layers(call)
    found = [said for said in _read(session, fmri) if said_by(said, wanted)]
    if CURRENT in wanted or ALL in wanted:
        found += _without_layer(fmri, session.store.groups(fmri).values())
    return sorted(found, key=lambda said: (said.group, said.name))  # stable: layers keep order


def _read(session: Session, fmri: str) -> list[Said]:
    return read_layers(session.store, fmri, None, attached=True)


def _without_layer(fmri: str, groups: Iterable[PropertyGroup]) -> Iterator[Said]:
    """The groups that are not persistent, in the same form."""
    for group in groups:
        if not group.persistent:
            pairs: list[tuple[str, str, tuple[str, ...]]] = [("", group.type, ())]
            pairs += [(p.name, p.type.value, p.values) for p in group.properties.values()]
            for name, kind, values in pairs:
                yield Said(fmri, group.name, name, _NO_LAYER, kind, values, False, "", True, False)


def chosen(found: Iterable[Said], pattern: str | None) -> list[Said]:
    """Those whose group, or whose GROUP/PROPERTY, the glob matches."""
    matcher = glob_matcher("*" if pattern is None else pattern)
    return [
        said
        for said in found
        if matcher.match(said.group) or (said.name and matcher.match(path_of(said)))
    ]


def path_of(said: Said) -> str:
    """``GROUP/PROPERTY``, or ``GROUP``."""
    return f"{said.group}/{said.name}" if said.name else said.group


def rows_of(
    found: Iterable[Said], name_of: Callable[[Said], str], types: Mapping[str, str]
) -> list[Row]:
    """Rows; ``name_of`` says how each is called, and ``types`` the type of each group."""
    return [Row(said, name_of(said), types.get(said.group, "")) for said in found]


def show(session: Session, call: Call, rows: Sequence[Row], fields: Sequence[str]) -> None:
    """Print the rows, a line each, or as JSON."""
    if call.as_json:
        session.say_json(values=[_record(row.said) for row in rows])
        return
    table = [[_COLUMNS[name](row) for name in fields] for row in rows]
    for line in table_lines(table):
        session.say(line)


def table_lines(table: Sequence[Sequence[str]]) -> list[str]:
    """Columns, each as wide as its widest cell but the last; two blanks between them."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)][:-1]
    return [
        "  ".join(
            [*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip(" ")
        for row in table
    ]


def _record(said: Said) -> dict[str, object]:
    return {
        "fmri": said.entity,
        "group": said.group,
        "property": said.name,
        "type": said.type,
        "layer": "" if said.layer == _NO_LAYER else said.layer,
        "values": list(said.values),
        "masked": said.masked,
        "holds": said.holds,
        "file": said.file,
        "protected": said.protected,
    }


def layers_of(session: Session, fmri: str) -> list[str]:
    """The layers that have anything of an entity or its instances, the lowest first.

    What was added and left empty is an administrator's.
    """
    found = {
        said.layer for entity in _with_instances(session, fmri) for said in _read(session, entity)
    }
    return [layer for layer in WORDS if layer in found] or [ADMIN]


def _with_instances(session: Session, fmri: str) -> list[str]:
    return [fmri] if is_instance(fmri) else [fmri, *session.store.instances(fmri)]


# Customizations


def _meant(session: Session) -> list[str]:
    """The selection and its instances; all entities if nothing is selected."""
    selected = [session.selection] if session.selection is not None else session.store.services()
    return [entity for fmri in selected for entity in _with_instances(session, fmri)]


def _listcust(session: Session, call: Call) -> None:
    wanted = {ADMIN, SITE} if "-L" in call.options else {ADMIN}
    only_masked = "-M" in call.options
    found = [
        said
        for fmri in _meant(session)
        for said in chosen(_read(session, fmri), call.operand(0))
        if said.layer in wanted and (said.masked or not only_masked)
    ]
    rows = rows_of(found, lambda said: _name_of(session, said), {})
    show(session, call, rows, ("property", "type", "layer", "value"))


def _name_of(session: Session, said: Said) -> str:
    """``GROUP/PROPERTY``; with its FMRI where it is not the selection's own."""
    path = path_of(said)
    return path if said.entity == session.selection else f"{said.entity}/:properties/{path}"


def _delcust(session: Session, call: Call) -> None:
    session.entity(call)
    dropped: list[Said] = []
    for fmri in _meant(session):
        answer = session.store.call(
            "Repository.DropCustomizations",
            fmri=fmri,
            pattern=call.operand(0),
            masked_only="-M" in call.options,
        )
        dropped += [Said.read(fmri, form) for form in typed.records(answer, "dropped")]
    if call.as_json:
        session.say_json(values=[_record(said) for said in dropped])
        return
    for said in dropped:
        kind = "property" if said.name else "property group"
        session.say(f"Deleting customizations for {kind}: {_name_of(session, said)}")


COMMANDS = (
    Command(
        "listcust [-L] [-M] [PATTERN]",
        "what was customized; -L: by the site, too; -M: masked things only",
        _listcust,
        (0, 1),
        flags="LM",
        words=("--json",),
    ),
    Command(
        "delcust [-M] [PATTERN]",
        "take customizations back; -M: only unmask",
        _delcust,
        (0, 1),
        flags="M",
        words=("--json",),
        modifies=True,
    ),
)
