"""svccfg: look at and change the configuration of services.

Takes its subcommands from the command line, from ``-f FILE``, from standard input, or holds
a dialogue on a terminal. The language and the subcommands are in `roost.cli.cfg`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from roost.api.client import Client
from roost.cli.cfg.runner import report, run_lines, run_words
from roost.cli.cfg.session import Session
from roost.cli.cfg.store import Store
from roost.cli.command import HELP, JSON, ROOT, Option, Parsed, Syntax, layout_of, run
from roost.errors import RoostError, SystemCallFailed, UsageError

SYNTAX = Syntax(
    program="svccfg",
    summary="Look at and change the configuration of services.",
    forms=(
        "[-v] [-R DIR] [--json] [-s FMRI] [SUBCOMMAND [ARGUMENT ...]]",
        "[-v] [-R DIR] [--json] [-s FMRI] -f FILE",
    ),
    options=(
        Option("-s", "select this service or instance first", "FMRI"),
        Option("-f", "take the subcommands from FILE (-: standard input)", "FILE"),
        Option("-v", "say what is done"),
        ROOT,
        JSON,
        *HELP,
    ),
    notes="Without SUBCOMMAND: a dialogue. 'svccfg help' lists the subcommands.",
)


def main(argv: list[str] | None = None) -> int:
    """Run svccfg; returns the exit status."""
    return run(SYNTAX, _main, argv)


def _main(parsed: Parsed) -> int:
    if parsed.has("-f") and parsed.operands:
        raise UsageError("use -f with a subcommand", "they exclude each other")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Strings are bytes, mostly UTF-8; what is printed must give the same bytes again.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    layout = layout_of(parsed)
    store = Store(lambda: Client(layout))
    with Session(
        store, root=layout.root, verbose=parsed.has("-v"), as_json=parsed.has("--json")
    ) as session:
        return _run(session, parsed)


def _run(session: Session, parsed: Parsed) -> int:
    wanted = parsed.value("-s")
    if wanted is not None:
        try:
            session.select(session.find_one(wanted, "select"))
        except RoostError as problem:
            return report(session, problem, "", in_shell=True)
    if parsed.operands:
        return run_words(session, parsed.operands)
    path = parsed.value("-f")
    if path is None and sys.stdin is not None and sys.stdin.isatty():
        # Loads the line editor, which scripts do without.
        from roost.cli.cfg.dialogue import hold  # noqa: PLC0415

        return hold(session)
    try:
        with _input(path) as (lines, name):
            return run_lines(session, lines, name)
    except SystemCallFailed as problem:
        return report(session, problem, "")


@contextmanager
def _input(path: str | None) -> Iterator[tuple[TextIO, str]]:
    """The lines of FILE, or of standard input; a line ends with LF and nothing else."""
    name, fd = ("stdin", 0) if path in (None, "-") else (path or "", None)
    try:
        if fd is None:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        os.read(fd, 0)  # fails now, by its name, if it cannot be read
        file = open(fd, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=fd != 0)  # noqa: SIM115 - closed below
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise SystemCallFailed(f"read {name}", why, f"ls -ld {name}") from None
    with file:
        yield file, name


if __name__ == "__main__":
    sys.exit(main())
