"""Subcommands about the environment of methods: setenv, unsetenv."""

from __future__ import annotations

from collections.abc import Sequence

from roost.cli.cfg.lexer import WrongArguments
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.store import Change, put
from roost.errors import InvalidName, NotFound, TypeMismatch
from roost.fmri import is_instance, service_of
from roost.model.properties import Property, PropertyGroup, PropertyType, parse_value

_CONTEXT = "method_context"
_ENVIRONMENT = "environment"
_NOT_AN_INSTANCE = "-i is for an instance, -s for its service"


def _setenv(session: Session, call: Call) -> None:
    name, value = call.operands
    _change(session, call, name, f"{name}={value}")


def _unsetenv(session: Session, call: Call) -> None:
    _change(session, call, call.operands[0], None)


def _change(session: Session, call: Call, name: str, line: str | None) -> None:
    """Take every value of variable ``name`` away and append ``line``."""
    if not name or "=" in name:
        raise InvalidName(f"use '{name}' as a variable of the environment", "it has no '=' in it")
    if line is not None:
        line = parse_value(PropertyType.ASTRING, line)
    fmri, group = _place(session, call)
    if group == _CONTEXT:
        if line is None and not _has_context(session, fmri):
            return
        _make_context(session, fmri)

    def edit(present: PropertyGroup) -> Sequence[Change]:
        old = present.values(_ENVIRONMENT)
        kept = tuple(value for value in old if not value.startswith(f"{name}="))
        new = kept if line is None else (*kept, line)
        if new == old:
            return []
        kind = present.properties[_ENVIRONMENT].type if old else PropertyType.ASTRING
        return [put(Property(_ENVIRONMENT, kind, new))]

    session.store.change(fmri, group, edit)
    session.remark(f"{fmri}: {group}/{_ENVIRONMENT} changed.")


def _place(session: Session, call: Call) -> tuple[str, str]:
    """The entity and the group whose environment the options mean."""
    selected = session.entity(call)
    method = call.options.get("-m")
    if "-i" in call.options and "-s" in call.options:
        raise WrongArguments(call.command.usage)
    if "-i" in call.options or "-s" in call.options:
        of_instance = "-i" in call.options
        fmri = session.instance(call, _NOT_AN_INSTANCE) if of_instance else service_of(selected)
        if method is None:
            return fmri, _CONTEXT
        places = [fmri]
    else:
        places = [selected, service_of(selected)] if is_instance(selected) else [selected]
    wanted = [method] if method is not None else ["start", "inetd_start"]
    for name in wanted:
        for fmri in places:
            group = session.store.groups(fmri, group=name).get(name)
            if group is not None:
                _check_method(fmri, group)
                return fmri, name
    raise NotFound(
        f"{call.command.name} for {selected}",
        f"there is no method '{wanted[0]}'",
        "listpg",
    )


def _check_method(fmri: str, group: PropertyGroup) -> None:
    if group.type != "method":
        raise TypeMismatch(
            f"set the environment of '{group.name}' of {fmri}",
            f"the group is of type {group.type}, not method",
        )


def _has_context(session: Session, fmri: str) -> bool:
    return _CONTEXT in session.store.groups(fmri, group=_CONTEXT)


def _make_context(session: Session, fmri: str) -> None:
    if not _has_context(session, fmri):
        session.store.call(
            "Repository.AddGroup", fmri=fmri, name=_CONTEXT, type="framework", persistent=True
        )


COMMANDS = (
    Command(
        "setenv [-i | -s] [-m METHOD] NAME VALUE",
        "set a variable for a method; -i, -s: all of the instance, service",
        _setenv,
        (2, 2),
        flags="ism:",
        modifies=True,
    ),
    Command(
        "unsetenv [-i | -s] [-m METHOD] NAME",
        "take a variable away again",
        _unsetenv,
        (1, 1),
        flags="ism:",
        modifies=True,
    ),
)
