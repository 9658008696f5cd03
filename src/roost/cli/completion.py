"""roost completion: what a shell offers at the TAB key, from the commands' own tables.

`levels` is the grammar of all commands: each place where words of a command line are chosen,
with its options and operands. `roost.cli.shells` turns it into a script. Loaded by ``roost
completion`` only; must not be imported by the commands themselves.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from roost.cli import storage, svcadm, svcbundle, svccfg, svcprop, svcs
from roost.cli.bundle_settings import SETTINGS
from roost.cli.cfg.notifying import EVENTS
from roost.cli.cfg.session import Command
from roost.cli.cfg.table import COMMANDS
from roost.cli.columns import COLUMNS, STATE_ORDER
from roost.cli.command import HELP, Option, Parsed, Syntax, run
from roost.cli.prop_layers import WORDS as LAYER_WORDS
from roost.cli.prop_lines import FIELDS
from roost.daemon.main import MILESTONES
from roost.daemon.main import USAGE as STARTD_USAGE
from roost.errors import UsageError

SHELLS = ("bash", "zsh", "fish")

KINDS: Mapping[str, str] = {
    "COLUMN": "column",
    "COLUMNS": "columns",
    "COMMAND": "command",
    "COMMENT": "text",
    "DIR": "directory",
    "EVENTS": "event",
    "FD": "text",
    "FIELDS": "field",
    "FILE": "file",
    "FMRI": "fmri",
    "FORMAT": "format",
    "GLOB": "text",
    "GROUP": "property",
    "LAYERS": "layer",
    "METHOD": "text",
    "MILESTONE": "text",
    "N": "text",
    "NOTIFICATION": "text",
    "NAME": "text",
    "P": "text",
    "PATH": "file",
    "PATTERN": "text",
    "PROGRESSFILE": "file",
    "PROPERTY": "property",
    "SECONDS": "text",
    "SERVICE": "entity",
    "SHELL": "shell",
    "SNAPSHOT": "snapshot",
    "STATE": "state",
    "TIME": "text",
    "TYPE": "text",
    "VALUE": "text",
    "ZONE": "zone",
    "NAME=VALUE": "setting",
    "RESTARTER|DIR": "restarter",
    "[GROUP/]NAME": "property",
    "xml|toml": "format",
    "|".join(MILESTONES): "milestone",
}
"""What each name of an operand or argument stands for; ``text`` is nothing to be offered."""

ARGUMENTS: Mapping[str, str] = {**KINDS, "FMRI": "entity"}
"""The same for arguments of options: only svccfg takes an FMRI there, of services too."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "column": tuple(name.lower() for name in COLUMNS),
    "command": tuple(command.name for command in COMMANDS),
    "event": EVENTS,
    "field": tuple(FIELDS),
    "format": svcbundle.FORMATS,
    "layer": LAYER_WORDS,
    "milestone": MILESTONES,
    "setting": tuple(f"{setting.name}=" for setting in SETTINGS),
    "shell": SHELLS,
    "state": tuple(state for state in STATE_ORDER if state != "legacy_run"),
    "zone": ("global",),
}
"""Kinds that are one of a few words."""

_SVCCFG_OPERANDS: Mapping[str, tuple[str, ...]] = {
    "addpg": (),
    "listpg": ("property",),
    "delpg": ("property",),
    "listprop": ("property",),
    "listcust": ("property",),
    "delcust": ("property",),
    "selectsnap": ("snapshot",),
    "revert": ("snapshot",),
    "setnotify": ("event", "text"),
}
"""Operands of svccfg whose name in the usage does not say what they are."""

_BRACKETED_OPTION = re.compile(r"\[(-[^\s\]]+)(?: ([^\]]+))?\]")
_CHOICES = re.compile(r"\{([^}]*)\}")
_NAME = re.compile(r"[A-Z]+")


@dataclass(frozen=True, slots=True)
class Level:
    """A command, or a subcommand of one. ``path`` is its words, the program's name first."""

    path: tuple[str, ...]
    summary: str
    options: tuple[Option, ...]
    operands: tuple[str, ...] = ()
    """A kind for each operand; the last one holds for all that follow. A kind with blanks is
    the words themselves.
    """


def levels() -> list[Level]:
    """All commands and subcommands, each after the one it belongs to."""
    # roost.cli.roost imports this module when it is asked for a script.
    from roost.cli import roost  # noqa: PLC0415

    return [
        _level(svcs.SYNTAX, "fmri"),
        _level(svcprop.SYNTAX, "entity"),
        _level(svcbundle.SYNTAX),
        _level(svcadm.SYNTAX),
        *(_level(command.syntax, command.form) for command in svcadm.SUBCOMMANDS.values()),
        _level(svccfg.SYNTAX),
        *map(_svccfg_level, COMMANDS),
        Level(("svc.startd",), "the service manager", _usage_options(STARTD_USAGE)),
        _level(roost.SYNTAX),
        *_roost_levels(roost.syntaxes()),
    ]


def subcommands_of(path: Sequence[str], among: Iterable[Level]) -> list[Level]:
    """The levels directly below one."""
    return [each for each in among if each.path[:-1] == tuple(path)]


def _level(syntax: Syntax, operands: str = "") -> Level:
    known = operands in ("fmri", "entity")
    kinds = (operands,) if known else operand_kinds(operands)
    return Level(tuple(syntax.program.split()), syntax.summary, syntax.options, kinds)


def _roost_levels(subcommands: Mapping[str, Syntax | None]) -> Iterator[Level]:
    for name, syntax in subcommands.items():
        if syntax is None:
            words = " ".join(subcommands) if name == "help" else ""
            yield Level(("roost", name), "", (), (words,) if words else ())
            continue
        yield _level(syntax, "" if syntax is storage.SYNTAX else syntax.forms[0])
        if syntax is storage.SYNTAX:
            yield from (_level(each, each.forms[0]) for each in storage.syntaxes())


def operand_kinds(form: str) -> tuple[str, ...]:
    """The kinds of the operands in a usage line (without the name of the command).

    Only the first operand counts, and a choice of words before it.
    """
    text = re.sub(r"\[(?:-|> )[^\]]*\]", "", form)
    found: list[str] = []
    chosen = _CHOICES.match(text.strip())
    if chosen:
        words = [word for word in re.split(r"[|\s]+", chosen[1]) if word.islower()]
        found.append(" ".join(words))
        text = text.replace(chosen[0], "")
    kinds = [KINDS[name] for name in _NAME.findall(text)]
    for kind in ("fmri", "entity", "property", "file", "directory", "command", "shell"):
        if kind in kinds:
            found.append(kind)
            break
    return tuple(found)


def _svccfg_level(command: Command) -> Level:
    flags = re.findall(r"\w:?", command.flags)
    options = [Option(f"-{flag[0]}", "", _argument_of(flag, command.usage)) for flag in flags]
    options += [
        Option(word.rstrip(":"), "", _argument_of(word.removeprefix("-"), command.usage))
        for word in command.words
    ]
    _, _, form = command.usage.partition(" ")
    kinds = _SVCCFG_OPERANDS.get(command.name)
    if kinds is None:
        kinds = operand_kinds(form)
        if command.name in ("validate", "select", "delete"):
            kinds = ("entity",)
    return Level(("svccfg", command.name), command.summary, tuple(options), kinds)


def _argument_of(flag: str, usage: str) -> str:
    """The name that the usage line gives to the argument of an option (``l:``); "" if none."""
    name = flag.removesuffix(":")
    found = re.search(rf"\[-{name} ([^\]]+)\]", usage) if name != flag else None
    return found[1] if found else ""


def _usage_options(usage: str) -> tuple[Option, ...]:
    """The options in a usage line, and those that all commands have."""
    found = _BRACKETED_OPTION.findall(usage)
    return (*(Option(flag, "", argument) for flag, argument in found), *HELP)


SYNTAX = Syntax(
    "roost completion",
    "Print a script that completes roost's commands in a shell.",
    ("{" + " | ".join(SHELLS) + "}",),
    HELP,
    'bash, zsh:  eval "$(roost completion bash)"   (zsh after compinit, with zsh)\n'
    "fish:       roost completion fish | source",
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    from roost.cli.shells import script  # noqa: PLC0415  its text is long, and --help has no use

    if len(parsed.operands) != 1 or parsed.operands[0] not in SHELLS:
        raise UsageError("print a script", f"it takes one of {', '.join(SHELLS)}")
    sys.stdout.write(script(parsed.operands[0], levels()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
