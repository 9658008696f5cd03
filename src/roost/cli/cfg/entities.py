"""Subcommands about services and instances: select, unselect, list, add, delete, refresh."""

from __future__ import annotations

from collections.abc import Iterable

from roost import fmri as names
from roost.api import typed
from roost.cli.cfg.layers import layers_of, table_lines, wanted_layers
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.values import glob_matcher
from roost.cli.prop_layers import ALL, CURRENT
from roost.errors import AlreadyExists, InvalidName, InvalidState
from roost.fmri import is_instance, service_of


def _select(session: Session, call: Call) -> None:
    session.select(session.resolve(call.operands[0], "select"))


def _unselect(session: Session, call: Call) -> None:
    if session.snapshot is not None:
        session.snapshot = None
        return
    fmri = session.entity(call)
    session.select(service_of(fmri) if is_instance(fmri) else None)


def children(session: Session) -> list[str]:
    """Names below the selection, as ``list`` prints them."""
    if session.selection is None:
        return [service.removeprefix("svc:/") for service in session.store.services()]
    if is_instance(session.selection):
        return [":properties"]
    found = session.store.instances(session.selection)
    return [":properties", *(instance.rpartition(":")[2] for instance in found)]


def _list(session: Session, call: Call) -> None:
    matcher = glob_matcher(call.operand(0) or "*")
    found = [name for name in children(session) if matcher.match(name)]
    if "-l" in call.options:
        _list_layers(session, call, found)
    elif call.as_json:
        session.say_json(children=found)
    else:
        for name in found:
            session.say(name)


def _list_layers(session: Session, call: Call, names_below: Iterable[str]) -> None:
    """Each child with the layers that have anything of it."""
    wanted = wanted_layers(call)
    parent = "svc:/" if session.selection is None else f"{session.selection}:"
    rows = []
    for name in names_below:
        if not name.startswith(":"):
            layers = layers_of(session, f"{parent}{name}")
            rows += [
                [name, layer]
                for layer in layers
                if ALL in wanted or layer in wanted or (CURRENT in wanted and layer == layers[-1])
            ]
    if call.as_json:
        session.say_json(children=[{"name": name, "layer": layer} for name, layer in rows])
        return
    for line in table_lines(rows):
        session.say(line)


def _add(session: Session, call: Call) -> None:
    name = call.operands[0]
    selected = session.selection
    if selected is None:
        if not names.is_service_name(name):
            raise InvalidName(f"add '{name}'", "it is not a legal service name")
        made, method, parent = f"svc:/{name}", "Repository.AddService", {}
    elif is_instance(selected):
        raise InvalidState(f"add '{name}'", f"{selected} is an instance; nothing lies below it")
    else:
        if not names.is_component(name):
            raise InvalidName(f"add '{name}'", "it is not a legal instance name")
        made, method = f"{selected}:{name}", "Repository.AddInstance"
        parent = {"service": selected}
    if made in session.store.find(made):
        raise AlreadyExists(f"add {made}", "it exists", f"select {made}")
    session.store.call(method, name=name, **parent)
    session.remark(f"{made} added.")


def _delete(session: Session, call: Call) -> None:
    fmri = session.resolve(call.operands[0], "delete")
    session.store.call("Repository.Delete", fmri=fmri, force="-f" in call.options)
    gone = session.selection
    if gone is not None and (gone == fmri or service_of(gone) == fmri):
        session.select(service_of(fmri) if is_instance(fmri) else None)
    session.remark(f"{fmri} deleted.")


def _refresh(session: Session, call: Call) -> None:
    fmri = session.entity(call)
    refresh(session, [fmri] if is_instance(fmri) else session.store.instances(fmri))


def refresh(session: Session, instances: Iterable[str]) -> None:
    """Let what was changed in the instances take effect."""
    for instance in instances:
        answer = session.store.call("Manager.Act", fmri=instance, action="refresh")
        for text in typed.texts(answer, "notes"):
            session.note(text)
        session.remark(f"{instance} refreshed.")


COMMANDS = (
    Command("select NAME | FMRI", "make a service or instance the selection", _select, (1, 1)),
    Command("unselect", "go up: to the service, to the scope", _unselect),
    Command(
        "list [-l LAYERS] [PATTERN]",
        "what lies below the selection; -l: in a layer, or all",
        _list,
        (0, 1),
        flags="l:",
        words=("--json",),
    ),
    Command(
        "add NAME", "add a service, or an instance of the selected one", _add, (1, 1), modifies=True
    ),
    Command(
        "delete [-f] NAME | FMRI | PATTERN",
        "delete a service or instance; -f: also one that runs",
        _delete,
        (1, 1),
        flags="f",
        modifies=True,
    ),
    Command("refresh", "let what was changed take effect", _refresh),
)
