"""Subcommands about snapshots of the selected instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roost.api import typed
from roost.cli.cfg.lexer import WrongArguments
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.output import full_date
from roost.errors import NotFound


def _listsnap(session: Session, call: Call) -> None:
    instance = session.instance(call)
    if "-v" in call.options:
        reply = session.store.call("History.Snapshots", fmri=instance)
        found = typed.records(reply, "snapshots")
        if call.as_json:
            session.say_json(snapshots=found)
        else:
            for line in _lines(found):
                session.say(line)
        return
    names = session.store.snapshots(instance)
    if call.as_json:
        session.say_json(snapshots=names)
        return
    for name in names:
        session.say(name)


def _lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each snapshot with the time since when it says what it says, and the user behind it."""
    width = max((len(typed.text(each, "name")) for each in found), default=0)
    lines = []
    for each in found:
        time_s = typed.number(each, "time")
        when = full_date(time_s) if time_s else "-"
        lines.append(f"{typed.text(each, 'name'):<{width}}  {when:<24}  {typed.text(each, 'user')}")
    return [line.rstrip() for line in lines]


def _known(session: Session, call: Call, name: str) -> str:
    instance = session.instance(call)
    if name not in session.store.snapshots(instance):
        raise NotFound(f"{call.command.name} '{name}' of {instance}", "Not found.", "listsnap")
    return name


def _selectsnap(session: Session, call: Call) -> None:
    name = call.operand(0)
    session.instance(call)
    session.snapshot = None if name is None else _known(session, call, name)


def _revert(session: Session, call: Call) -> None:
    instance = session.instance(call)
    name = call.operand(0) or session.snapshot
    if name is None:
        raise WrongArguments("revert NAME (or select a snapshot first)")
    _known(session, call, name)
    session.store.call("Repository.Revert", fmri=instance, snapshot=name)
    session.snapshot = None
    session.remark(f"{instance} reverted to '{name}'; refresh lets it take effect.")


COMMANDS = (
    Command("listsnap [-v]", "snapshots of the instance", _listsnap, flags="v", words=("--json",)),
    Command(
        "selectsnap [NAME]", "look at a snapshot; without NAME at the present", _selectsnap, (0, 1)
    ),
    Command(
        "revert [NAME]",
        "set the configuration to a snapshot's; needs refresh",
        _revert,
        (0, 1),
    ),
)
