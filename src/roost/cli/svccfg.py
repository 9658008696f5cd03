"""svccfg: look at and change the configuration of services.

Takes its subcommands from the command line, from ``-f FILE``, from standard input, or holds
a dialogue on a terminal. The language and the subcommands are in `roost.cli.cfg`.
"""

from __future__ import annotations

import getopt
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from roost.api.client import Client
from roost.cli.cfg.runner import report, run_lines, run_words
from roost.cli.cfg.session import Session
from roost.cli.cfg.store import Store
from roost.errors import RoostError, SystemCallFailed, UsageError
from roost.layout import Layout, chosen_layout

USAGE = """\
usage: svccfg [-v] [-R DIR] [--json] [-s FMRI] [SUBCOMMAND [ARGUMENT ...]]
       svccfg [-v] [-R DIR] [--json] [-s FMRI] -f FILE
  -s FMRI   select this service or instance first
  -f FILE   take the subcommands from FILE (-: standard input)
  -v        say what is done
  -R DIR    the root directory of the roost to speak to
  --json    print answers as JSON
'svccfg help' lists the subcommands."""


@dataclass(frozen=True, slots=True)
class _Options:
    layout: Layout
    select: str | None
    file: str | None
    verbose: bool
    as_json: bool
    words: Sequence[str]


def _parse(argv: Sequence[str]) -> _Options:
    try:
        given, words = getopt.getopt(list(argv), "s:f:vR:?", ["json", "help"])
    except getopt.GetoptError as problem:
        raise UsageError("run svccfg", problem.msg) from None
    options = dict(given)
    if "-?" in options or "--help" in options:
        raise UsageError("run svccfg", "")
    if "-f" in options and words:
        raise UsageError("run svccfg", "a subcommand and -f exclude each other")
    return _Options(
        chosen_layout(options.get("-R")),
        options.get("-s"),
        options.get("-f"),
        "-v" in options,
        "--json" in options,
        words,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run svccfg; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Strings of the repository are bytes that need not be UTF-8.
            stream.reconfigure(errors="surrogateescape")
    try:
        options = _parse(sys.argv[1:] if argv is None else argv)
    except UsageError as problem:
        if problem.why:
            print(f"svccfg: {problem.why}", file=sys.stderr)
        print(USAGE, file=sys.stderr)
        return problem.exit_status
    store = Store(lambda: Client(options.layout))
    with Session(store, verbose=options.verbose, as_json=options.as_json) as session:
        try:
            status = _run(session, options)
            session.out.flush()
        except BrokenPipeError:
            # The reader of a pipe had enough; nothing is left to be said to it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except KeyboardInterrupt:
            return 130
    return status


def _run(session: Session, options: _Options) -> int:
    if options.select is not None:
        try:
            session.select(session.find_one(options.select, "select"))
        except RoostError as problem:
            return report(session, problem, "")
    if options.words:
        return run_words(session, options.words)
    if options.file is None and sys.stdin.isatty():
        # Loads the line editor, which scripts do without.
        from roost.cli.cfg.dialogue import hold  # noqa: PLC0415

        return hold(session)
    try:
        with _input(options.file) as (lines, name):
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
        file = open(fd, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=fd != 0)  # noqa: SIM115 - closed below
    except OSError as problem:
        raise SystemCallFailed(f"read {name}", problem.strerror or str(problem)) from None
    with file:
        yield file, name


if __name__ == "__main__":
    sys.exit(main())
