"""Subcommands about property groups and properties of the selected entity."""

from __future__ import annotations

from collections.abc import Sequence

from roost.cli.cfg.layers import (
    chosen,
    is_layered,
    layered,
    path_of,
    rows_of,
    show,
    wanted_fields,
)
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.store import Change, put
from roost.cli.cfg.values import (
    Assignment,
    PropertyName,
    chosen_rows,
    glob_matcher,
    group_lines,
    parse_addition,
    parse_assignment,
    property_lines,
    property_name,
    settled,
    without_matching,
)
from roost.cli.prop_layers import group_types
from roost.errors import InvalidName, NotFound
from roost.fmri import check_name
from roost.model.properties import Property, PropertyGroup, group_to_json


def _groups(session: Session, call: Call) -> list[PropertyGroup]:
    found = session.store.groups(session.entity(call), session.snapshot)
    return list(found.values())


def _listpg(session: Session, call: Call) -> None:
    if is_layered(call):
        _list_layered(session, call, with_properties=False)
        return
    matcher = glob_matcher(call.operand(0) or "*")
    found = [group for group in _groups(session, call) if matcher.match(group.name)]
    if call.as_json:
        session.say_json(
            groups=[{"name": g.name, "type": g.type, "persistent": g.persistent} for g in found]
        )
        return
    for line in group_lines(found):
        session.say(line)


def _listprop(session: Session, call: Call) -> None:
    if is_layered(call):
        _list_layered(session, call, with_properties=True)
        return
    rows = chosen_rows(_groups(session, call), call.operand(0))
    if call.as_json:
        session.say_json(groups=_json_rows(rows))
        return
    for line in property_lines(rows):
        session.say(line)


def _list_layered(session: Session, call: Call, *, with_properties: bool) -> None:
    fields = wanted_fields(call)
    found = layered(session, call)
    meant = [said for said in chosen(found, call.operand(0)) if with_properties or not said.name]
    show(session, call, rows_of(meant, path_of, group_types(found)), fields)


def _json_rows(rows: Sequence[tuple[PropertyGroup, Property | None]]) -> list[dict[str, object]]:
    """The groups concerned, each with the properties that were chosen."""
    chosen: dict[str, tuple[PropertyGroup, dict[str, Property]]] = {}
    for group, prop in rows:
        _, properties = chosen.setdefault(group.name, (group, {}))
        if prop is not None:
            properties[prop.name] = prop
    return [
        group_to_json(PropertyGroup(g.name, g.type, properties, g.persistent, g.generation))
        for g, properties in chosen.values()
    ]


def _addpg(session: Session, call: Call) -> None:
    fmri = session.entity(call)
    name, kind = call.operands[:2]
    flags = call.operand(2) or ""
    if flags not in ("", "P"):
        raise InvalidName(f"use '{flags}' as flags of a property group", "the only flag is P")
    check_name(name, "property group")
    check_name(kind, "property group type")
    session.store.call(
        "Repository.AddGroup", fmri=fmri, name=name, type=kind, persistent=flags == ""
    )
    session.remark(f"{fmri}: {name} added.")


def _delete_group(session: Session, fmri: str, name: str) -> None:
    if name not in session.store.groups(fmri, group=name):
        raise NotFound(f"delete property group '{name}' of {fmri}", "Not found.", "listpg")
    session.store.call("Repository.DeleteGroup", fmri=fmri, name=name)
    session.remark(f"{fmri}: {name} deleted.")


def _delpg(session: Session, call: Call) -> None:
    _delete_group(session, session.entity(call), call.operands[0])


def _setprop(session: Session, call: Call) -> None:
    wanted = parse_assignment(call.tokens, call.command.usage)
    fmri = session.entity(call)

    def edit(group: PropertyGroup) -> Sequence[Change]:
        return [put(settled(wanted, group, fmri))]

    session.store.change(fmri, wanted.name.group, edit)
    session.remark(f"{fmri}: {wanted.name} set.")


def _addpropvalue(session: Session, call: Call) -> None:
    wanted = parse_addition(call.tokens, call.command.usage)
    fmri = session.entity(call)

    def edit(group: PropertyGroup) -> Sequence[Change]:
        return [put(_extended(settled(wanted, group, fmri), wanted, group))]

    session.store.change(fmri, wanted.name.group, edit)
    session.remark(f"{fmri}: {wanted.name} extended.")


def _extended(added: Property, wanted: Assignment, group: PropertyGroup) -> Property:
    return Property(added.name, added.type, group.values(wanted.name.prop) + added.values)


def _delprop(session: Session, call: Call) -> None:
    fmri = session.entity(call)
    if "/" not in call.operands[0]:
        _delete_group(session, fmri, call.operands[0])
        return
    name = property_name(call.operands[0])

    def edit(group: PropertyGroup) -> Sequence[Change]:
        _present(group, name, fmri)
        return [Change("delete", name.prop)]

    session.store.change(fmri, name.group, edit)
    session.remark(f"{fmri}: {name} deleted.")


def _delpropvalue(session: Session, call: Call) -> None:
    fmri = session.entity(call)
    name = property_name(call.operands[0])
    pattern = call.operands[1]

    def edit(group: PropertyGroup) -> Sequence[Change]:
        present = _present(group, name, fmri)
        kept = without_matching(present, pattern)
        return [put(kept)] if kept != present else []

    session.store.change(fmri, name.group, edit)
    session.remark(f"{fmri}: values of {name} deleted.")


def _present(group: PropertyGroup, name: PropertyName, fmri: str) -> Property:
    found = group.properties.get(name.prop)
    if found is None:
        raise NotFound(
            f"find property '{name}' of {fmri}", "Not found.", f"listprop {name.group}/*"
        )
    return found


_SETPROP = "setprop GROUP/PROPERTY = [TYPE:] VALUE | = [TYPE:] (VALUE ...)"
_ADDPROPVALUE = "addpropvalue GROUP/PROPERTY [TYPE:] VALUE"

COMMANDS = (
    Command(
        "listpg [-l LAYERS] [PATTERN]",
        "property groups; -l: of a layer, or all",
        _listpg,
        (0, 1),
        flags="l:",
        words=("--json",),
    ),
    Command(
        "addpg NAME TYPE [P]",
        "add a property group; P: not persistent",
        _addpg,
        (2, 3),
        modifies=True,
    ),
    Command("delpg NAME", "delete a property group", _delpg, (1, 1), modifies=True),
    Command(
        "listprop [-l LAYERS] [-f] [-o FIELDS] [PATTERN]",
        "groups and properties; -l: of a layer, or all; -f: with files",
        _listprop,
        (0, 1),
        flags="l:fo:",
        words=("--json",),
    ),
    Command(_SETPROP, "give a property its values", _setprop, own_grammar=True, modifies=True),
    Command(
        "delprop GROUP[/PROPERTY]", "delete a property, or a group", _delprop, (1, 1), modifies=True
    ),
    Command(_ADDPROPVALUE, "append a value", _addpropvalue, own_grammar=True, modifies=True),
    Command(
        "delpropvalue GROUP/PROPERTY GLOB",
        "delete the values that match",
        _delpropvalue,
        (2, 2),
        modifies=True,
    ),
)
