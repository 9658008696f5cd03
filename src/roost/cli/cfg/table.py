"""The table of all subcommands, and those that are about svccfg itself: help, set, end."""

from __future__ import annotations

from roost.cli.cfg import (
    archives,
    bundles,
    describing,
    editing,
    entities,
    environment,
    extracting,
    hashes,
    importing,
    layers,
    notifying,
    private,
    profiles,
    properties,
    snapshots,
    standard,
)
from roost.cli.cfg.lexer import BadCommand, WrongArguments
from roost.cli.cfg.session import Call, Command, Session

_HELP_COLUMN = 24
_LINE = 80
"""Columns of a terminal."""


def _help(session: Session, call: Call) -> None:
    name = call.operand(0)
    if name is not None:
        command = command_named(name)
        session.say(f"usage: {command.usage}")
        session.say(command.summary)
        return
    for command in COMMANDS:
        line = f"{command.usage:<{_HELP_COLUMN - 2}}  {command.summary}"
        fits = len(command.usage) < _HELP_COLUMN - 1 and len(line) <= _LINE
        session.say(line if fits else f"{command.usage}\n        {command.summary}")


def _set(session: Session, call: Call) -> None:
    wanted = call.options
    for one, other in (("-v", "-V"), ("--strict", "--lenient")):
        if one in wanted and other in wanted:
            raise WrongArguments(call.command.usage)
    if "-v" in wanted or "-V" in wanted:
        session.verbose = "-v" in wanted
    if "--strict" in wanted or "--lenient" in wanted:
        session.strict = "--strict" in wanted
    options = {"verbose": session.verbose, "strict": session.strict}
    if call.as_json:
        session.say_json(**options)
    elif not wanted:
        for name, is_on in options.items():
            session.say(f"{name:<8} {'on' if is_on else 'off'}")


def _end(session: Session, _call: Call) -> None:
    session.ended = True


COMMANDS: tuple[Command, ...] = (
    Command("help [COMMAND]", "the subcommands, or one of them", _help, (0, 1)),
    Command(
        "set [-v | -V] [--strict | --lenient]",
        "-v: say what is done; --strict: templates bind imports",
        _set,
        flags="vV",
        words=("--strict", "--lenient", "--json"),
    ),
    *private.COMMANDS,
    *importing.COMMANDS,
    *standard.COMMANDS,
    *bundles.COMMANDS,
    *hashes.COMMANDS,
    *archives.COMMANDS,
    *profiles.COMMANDS,
    *extracting.COMMANDS,
    *entities.COMMANDS,
    *properties.COMMANDS,
    *layers.COMMANDS,
    *describing.COMMANDS,
    *editing.COMMANDS,
    *environment.COMMANDS,
    *snapshots.COMMANDS,
    *notifying.COMMANDS,
    Command("end", "leave svccfg", _end),
    Command("exit", "leave svccfg", _end),
    Command("quit", "leave svccfg", _end),
)

_BY_NAME = {command.name: command for command in COMMANDS}


def is_command(name: str) -> bool:
    """Is there a subcommand of this name?"""
    return name in _BY_NAME


def command_named(name: str) -> Command:
    """The subcommand with this name, given in full; `BadCommand` if there is none."""
    command = _BY_NAME.get(name)
    if command is None:
        raise BadCommand(f"run '{name}'", "svccfg has no such subcommand", "help")
    return command
