"""What all commands share: options from one table, help, errors, exit status.

A command is a `Syntax` and a function from `Parsed` to an exit status; `run` does the rest.
Usage, help and completion come from the same table of options. Imports little: commands
must start fast.
"""

from __future__ import annotations

import getopt
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from roost.errors import (
    InternalError,
    NotAllowed,
    RoostError,
    SystemCallFailed,
    UsageError,
    printable,
)
from roost.layout import ROOT_VARIABLE, Layout, chosen_layout
from roost.streams import lead_nowhere, open_standard_streams

EXIT_INTERRUPTED = 130
EXIT_PIPE_BROKEN = 141


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its flag as typed (``-a`` or ``--json``), what it does, and the name of its
    argument ("" if it takes none).
    """

    flag: str
    help: str
    argument: str = ""


ROOT = Option(
    "-R", "speak to the roost whose root directory is DIR (default: $ROOST_ROOT, /)", "DIR"
)
JSON = Option("--json", "print one JSON object instead of text")
HELP = (Option("-?", "print this help"), Option("--help", "print this help"))


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a command is used. ``forms`` are its usage lines without the program's name."""

    program: str
    summary: str
    forms: tuple[str, ...]
    options: tuple[Option, ...]
    notes: str = ""
    """What help says after the options."""

    @property
    def usage(self) -> str:
        """The usage lines."""
        lines = [f"{self.program} {form}".rstrip() for form in self.forms]
        return "\n".join(
            ("Usage: " if n == 0 else "       ") + line for n, line in enumerate(lines)
        )

    @property
    def help(self) -> str:
        """Usage, options and notes."""
        shown = [option for option in self.options if option.flag != "-?"]
        heads = [f"{option.flag} {option.argument}".rstrip() for option in shown]
        width = max((len(head) for head in heads), default=0)
        table = "\n".join(
            f"  {head.ljust(width)}  {option.help}"
            for head, option in zip(heads, shown, strict=True)
        )
        parts = (self.summary, self.usage, f"Options:\n{table}", self.notes)
        return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Options in the order given, as (flag, argument), and the operands."""

    options: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def has(self, *flags: str) -> bool:
        """Was any of the flags given?"""
        return any(flag in flags for flag, _ in self.options)

    def values(self, *flags: str) -> list[str]:
        """The arguments of the flags, in order."""
        return [argument for flag, argument in self.options if flag in flags]

    def value(self, flag: str) -> str | None:
        """The last argument of the flag; None if it was not given."""
        return next(reversed(self.values(flag)), None)

    def given(self, flags: Iterable[str]) -> list[str]:
        """Which of the flags were given, each once, in the order of ``flags``."""
        return [flag for flag in flags if self.has(flag)]


def parse(syntax: Syntax, arguments: list[str]) -> Parsed:
    """Split arguments into options and operands (options come first); `UsageError`."""
    short = "".join(
        option.flag[1:] + (":" if option.argument else "")
        for option in syntax.options
        if not option.flag.startswith("--")
    )
    long = [
        option.flag[2:] + ("=" if option.argument else "")
        for option in syntax.options
        if option.flag.startswith("--")
    ]
    try:
        options, operands = getopt.getopt(arguments, short, long)
    except getopt.GetoptError as problem:
        flag = ("--" if len(problem.opt) > 1 else "-") + problem.opt
        is_known = any(option.flag == flag for option in syntax.options)
        why = "it needs an argument" if is_known else "there is no such option"
        if "must not have" in problem.msg:
            why = "it takes no argument"
        raise UsageError(f"use option {flag}", why) from None
    return Parsed(tuple(options), tuple(operands))


def exclude(parsed: Parsed, flags: Iterable[str]) -> None:
    """`UsageError` if more than one of the flags was given."""
    given = parsed.given(flags)
    if len(given) > 1:
        raise UsageError(f"use {given[0]} with {given[1]}", "they exclude each other")


class _Typed:
    """What this process was told on its command line."""

    root: str | None = None


def layout_of(parsed: Parsed) -> Layout:
    """The layout that ``-R``, else the environment chooses."""
    return layout_at(parsed.value(ROOT.flag))


def layout_at(root: str | None) -> Layout:
    """The layout that ``root``, given as an option, or else the environment chooses."""
    _Typed.root = root
    return chosen_layout(root)


_SPEAKS_WITH_STARTD = (
    r"\b(roost (?:unlock|status|history|shutdown)|svcs|svcadm|svccfg|svcprop)\b(?! -R)"
)


def to_type(command: str) -> str:
    """A command to suggest, with the ``-R DIR`` of this one where it was given."""
    if _Typed.root is None:
        return command
    import re  # noqa: PLC0415  only for who is in trouble
    import shlex  # noqa: PLC0415

    option = f" -R {shlex.quote(_Typed.root)}"
    return re.sub(_SPEAKS_WITH_STARTD, lambda found: found[1] + option, command)


def hint_of(problem: RoostError) -> str:
    """What to type next, safe for a terminal; of what only others may do, this as root."""
    if problem.hint:
        return printable(to_type(problem.hint))
    return printable(_as_root()) if isinstance(problem, NotAllowed) and os.geteuid() else ""


def _as_root() -> str:
    import shlex  # noqa: PLC0415  only for who is in trouble

    root = os.environ.get(ROOT_VARIABLE)
    words = ["sudo", *(["env", f"{ROOT_VARIABLE}={root}"] if root else [])]
    return shlex.join([*words, os.path.basename(sys.argv[0]), *sys.argv[1:]])


def print_error(program: str, problem: RoostError) -> None:
    """Tell a person on standard error: what, why, and what to type next."""
    _complain(f"{program}: {problem.message}")
    if hint := hint_of(problem):
        _complain(f"{program}: try: {hint}")
    if isinstance(problem, InternalError):
        _complain(f"{program}: this is a bug in roost; the log of svc.startd has its trace")


def _complain(text: str) -> None:
    """A line on standard error; where that cannot be written, the exit status must do."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def run(syntax: Syntax, body: Callable[[Parsed], int], argv: list[str] | None) -> int:
    """Parse ``argv`` (default: the process's), run ``body``, and return the exit status."""
    program = syntax.program.partition(" ")[0]
    open_standard_streams()
    _never_fail_to_print()
    try:
        parsed = parse(syntax, sys.argv[1:] if argv is None else argv)
        if parsed.has("-?", "--help"):
            print(syntax.help)
            status = 0
        else:
            status = body(parsed)
        sys.stdout.flush()
    except UsageError as problem:
        print_error(program, problem)
        _complain(syntax.usage)
        return problem.exit_status
    except RoostError as problem:
        print_error(program, problem)
        return problem.exit_status
    except BrokenPipeError:
        lead_nowhere(1)
        return EXIT_PIPE_BROKEN
    except OSError as problem:
        # Mostly the output that cannot be written: what else may fail is dealt with where it does.
        lead_nowhere(1)
        about = f"{problem.filename}: " if problem.filename is not None else ""
        why = f"{about}{problem.strerror or problem}"
        print_error(program, SystemCallFailed("finish, or print all of the output", why))
        return SystemCallFailed.exit_status
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception:  # noqa: BLE001  the top of the program: anything else is our bug
        import traceback  # noqa: PLC0415  only wanted here, and slow to import

        with suppress(OSError):
            traceback.print_exc()
        _complain(f"{program}: this is a bug in roost; please report the lines above")
        return InternalError.exit_status
    return status


def _never_fail_to_print() -> None:
    """Let text that the terminal's encoding lacks be printed with escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
