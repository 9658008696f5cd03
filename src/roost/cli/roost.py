"""The command ``roost``: run svc.startd in the foreground, and what SMF has no command for.

Each subcommand imports what it needs when it is run, so that ``roost run`` stays on the
standard library.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roost import __version__
from roost.cli.command import HELP, JSON, ROOT, Option, Parsed, Syntax, layout_of, run
from roost.errors import UsageError
from roost.layout import chosen_layout

PROGRAM = "roost"
_DIR = Option("--root", "keep everything below DIR; root rights are not needed", "DIR")
_READY = Option("--ready-fd", "write a newline to descriptor N once commands are answered", "N")

_MILESTONE = Option("--milestone", "all (the default), or none: serve, but start nothing", "NAME")

_RUN = Syntax(
    "roost run",
    "Run svc.startd in the foreground; its console is the standard output.",
    ("[--root DIR] [--milestone NAME] [--ready-fd N]",),
    (_DIR, Option("-R", "the same as --root", "DIR"), _MILESTONE, _READY, *HELP),
    "Ctrl-C or SIGTERM stops all services in order; a second one kills what is left.\n"
    "Commands find it with -R DIR or ROOST_ROOT=DIR.",
)
_SHUTDOWN = Syntax(
    "roost shutdown",
    "Stop all services in order, then svc.startd. Waits until it is down.",
    ("[-R DIR]",),
    (ROOT, *HELP),
)
_STATUS = Syntax(
    "roost status",
    "Tell how svc.startd is.",
    ("[-R DIR] [--json]",),
    (ROOT, JSON, *HELP),
)


@dataclass(frozen=True, slots=True)
class _Subcommand:
    name: str
    help: str
    main: Callable[[list[str]], int]


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    if parsed.has("--version"):
        return _version([])
    if not parsed.operands:
        raise UsageError("do anything", "no subcommand is given")
    name, *rest = parsed.operands
    command = _SUBCOMMANDS.get(name)
    if command is None:
        raise UsageError(f"do '{name}'", "there is no such subcommand")
    if parsed.has(ROOT.flag):
        if name in _ROOTLESS:
            raise UsageError(f"use option -R with {name}", "it speaks with no svc.startd")
        rest = ["-R", parsed.value(ROOT.flag) or "", *rest]
    return command.main(rest)


def _run(arguments: list[str]) -> int:
    return run(_RUN, _run_body, arguments)


def _run_body(parsed: Parsed) -> int:
    _refuse_operands(parsed.operands)
    ready = parsed.value(_READY.flag)
    if ready is not None and not (ready.isascii() and ready.isdigit()):
        raise UsageError(f"use --ready-fd {ready}", "it takes the number of a descriptor")
    roots = parsed.values(_DIR.flag, "-R")
    layout = chosen_layout(roots[-1] if roots else None)
    from roost.daemon.main import run as run_daemon  # noqa: PLC0415  no client wants it

    return run_daemon(
        layout,
        milestone=parsed.value(_MILESTONE.flag) or "all",
        ready_fd=None if ready is None else int(ready),
    )


def _unlock(arguments: list[str]) -> int:
    from roost.cli.unlock import main as unlock_main  # noqa: PLC0415

    return unlock_main(arguments)


def _storage(arguments: list[str]) -> int:
    from roost.cli.storage import main as storage_main  # noqa: PLC0415  needs the cipher

    return storage_main(arguments)


def _convert(arguments: list[str]) -> int:
    from roost.cli.convert import main as convert_main  # noqa: PLC0415  reads foreign formats

    return convert_main(arguments)


def _history(arguments: list[str]) -> int:
    from roost.cli.history import main as history_main  # noqa: PLC0415

    return history_main(arguments)


def _completion(arguments: list[str]) -> int:
    from roost.cli.completion import main as completion_main  # noqa: PLC0415

    return completion_main(arguments)


def _shutdown(arguments: list[str]) -> int:
    return run(_SHUTDOWN, _shutdown_body, arguments)


def _refuse_operands(operands: Sequence[str]) -> None:
    """`UsageError` if there is any: a typing mistake must not shut the system down."""
    if operands:
        raise UsageError(f"use '{operands[0]}'", "it takes no operands")


def _shutdown_body(parsed: Parsed) -> int:
    _refuse_operands(parsed.operands)
    from roost.api import typed  # noqa: PLC0415
    from roost.api.client import Client  # noqa: PLC0415
    from roost.errors import DaemonNotRunning  # noqa: PLC0415

    waiting: list[str] | None = None
    with Client(layout_of(parsed)) as client:
        try:
            for reply in client.stream("Manager.Shutdown"):
                waiting = typed.texts(reply, "waiting")
                _tell_progress(waiting)
        except DaemonNotRunning:
            if waiting is None:
                raise
    return 0


def _tell_progress(waiting: list[str]) -> None:
    """On a terminal, one line that counts down."""
    if not sys.stderr.isatty():
        return
    noun = "service" if len(waiting) == 1 else "services"
    line = f"\r{len(waiting)} {noun} still to stop\x1b[K" if waiting else "\r\x1b[K"
    print(line, end="", file=sys.stderr, flush=True)


def _status(arguments: list[str]) -> int:
    return run(_STATUS, _status_body, arguments)


def _status_body(parsed: Parsed) -> int:
    _refuse_operands(parsed.operands)
    from roost.api.client import Client  # noqa: PLC0415
    from roost.cli.output import print_json  # noqa: PLC0415

    with Client(layout_of(parsed)) as client:
        reply = client.call("Manager.Status")
    if parsed.has(JSON.flag):
        print_json(reply)
    else:
        print("\n".join(status_lines(reply, time.time())))
    return 0


def status_lines(reply: Mapping[str, Any], now_s: float) -> list[str]:
    """The reply of Manager.Status for a person."""
    from roost.api import typed  # noqa: PLC0415
    from roost.cli.output import clock_or_date, plain  # noqa: PLC0415

    started_s = typed.number(reply, "started")
    instances = typed.integer(reply, "instances")
    moving = typed.integer(reply, "in_transition")
    rows = [
        ("svc.startd", f"{typed.text(reply, 'phase')}, process {typed.integer(reply, 'pid')}"),
        ("root", typed.text(reply, "root")),
        ("version", typed.text(reply, "version")),
        ("since", clock_or_date(started_s, now_s).strip()),
        ("instances", f"{instances}, {moving} in transition"),
    ]
    lines = [f"{name:<12} {plain(value)}" for name, value in rows]
    lines += [f"{'notice':<12} {plain(notice)}" for notice in typed.texts(reply, "notices")]
    console = typed.texts(reply, "console")[-5:]
    return lines + [f"{'console' if n == 0 else '':<12} {plain(c)}" for n, c in enumerate(console)]


def _version(arguments: list[str]) -> int:
    _refuse_operands(arguments)
    print(f"roost {__version__}")
    return 0


def _help(arguments: list[str]) -> int:
    if arguments and arguments[0] in _SUBCOMMANDS and arguments[0] not in ("help", "version"):
        return _SUBCOMMANDS[arguments[0]].main(["--help"])
    if arguments and arguments[0] not in _SUBCOMMANDS:
        raise UsageError(f"help with '{arguments[0]}'", "there is no such subcommand")
    print(SYNTAX.help)
    return 0


_SUBCOMMANDS = {
    command.name: command
    for command in (
        _Subcommand("run", "run svc.startd in the foreground", _run),
        _Subcommand("unlock", "hand a passphrase to a service that waits for one", _unlock),
        _Subcommand("storage", "make and check the files of sealed storage", _storage),
        _Subcommand(
            "convert", "take services over from systemd, Supervisor or a Procfile", _convert
        ),
        _Subcommand("status", "tell how svc.startd is", _status),
        _Subcommand("history", "tell who changed what, and which states services had", _history),
        _Subcommand("shutdown", "stop everything in order", _shutdown),
        _Subcommand("completion", "print a script that completes commands in a shell", _completion),
        _Subcommand("version", "print the version", _version),
        _Subcommand("help", "print this help, or that of a subcommand", _help),
    )
}

_ROOTLESS = frozenset({"storage", "convert", "completion", "version", "help"})

SYNTAX = Syntax(
    PROGRAM,
    "The Service Management Facility for Linux.",
    ("[-R DIR] SUBCOMMAND [OPTION]... [OPERAND]...",),
    (ROOT, Option("--version", "print the version"), *HELP),
    "Subcommands:\n"
    + "\n".join(f"  {command.name:<10}  {command.help}" for command in _SUBCOMMANDS.values())
    + "\n\nServices are seen and changed with svcs, svcadm, svccfg and svcprop, and described\n"
    "with svcbundle.",
)


def syntaxes() -> dict[str, Syntax | None]:
    """How each subcommand is used; None for those that have no options."""
    # `roost run` wants none of them.
    from roost.cli import completion, convert, history, storage, unlock  # noqa: PLC0415

    known = {
        "run": _RUN,
        "unlock": unlock.SYNTAX,
        "storage": storage.SYNTAX,
        "convert": convert.SYNTAX,
        "status": _STATUS,
        "history": history.SYNTAX,
        "shutdown": _SHUTDOWN,
        "completion": completion.SYNTAX,
    }
    return {name: known.get(name) for name in _SUBCOMMANDS}


if __name__ == "__main__":
    sys.exit(main())
