"""roost storage: make sealed stores, change their passphrases, check them.

Works on files alone; svc.startd need not run.
"""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import BinaryIO

from roost.cli.command import HELP, Option, Parsed, Syntax, run
from roost.cli.prompt import PASSPHRASE_FD, Asker, asker_of
from roost.errors import AlreadyExists, NotFound, RoostError, SystemCallFailed, UsageError
from roost.services.passphrase import hide_process
from roost.services.sealed.archive import write_archive
from roost.services.sealed.container import (
    change_passphrase,
    locked,
    make_store,
    open_body,
    read_header,
    unwrap,
)
from roost.services.sealed.streams import Drain

PROGRAM = "roost"
_FROM = Option("--from", "fill the store with a copy of DIR", "DIR")


@dataclass(frozen=True, slots=True)
class _Subcommand:
    """One subcommand: its syntax and what it does with a path."""

    name: str
    help: str
    options: tuple[Option, ...]
    act: Callable[[str, Asker, Parsed], None]

    @property
    def syntax(self) -> Syntax:
        brackets = " ".join(f"[{option.flag} {option.argument}]" for option in self.options)
        return Syntax(
            f"roost storage {self.name}",
            f"{self.help}.",
            (f"{brackets} FILE",),
            (*self.options, *HELP),
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _global_body, argv)


def _global_body(parsed: Parsed) -> int:
    if not parsed.operands:
        raise UsageError("do anything", "no subcommand is given")
    name, *rest = parsed.operands
    command = _SUBCOMMANDS.get(name)
    if command is None:
        raise UsageError(f"do '{name}'", "there is no such subcommand")
    return run(command.syntax, partial(_body, command), rest)


def _body(command: _Subcommand, parsed: Parsed) -> int:
    if len(parsed.operands) != 1:
        raise UsageError(f"{command.name} a store", "it takes one file")
    hide_process()
    try:
        command.act(os.path.abspath(parsed.operands[0]), asker_of(parsed), parsed)
    except RoostError as problem:
        problem.hint = problem.hint or f"roost storage {command.name} --help"
        raise
    return 0


def _create(path: str, asker: Asker, parsed: Parsed) -> None:
    if os.path.lexists(path):
        raise AlreadyExists(f"create {path}", "there is a file of that name")
    source = parsed.value(_FROM.flag)
    if source is not None and not os.path.isdir(source):
        raise NotFound(f"create {path}", f"there is no directory {source}")
    with asker.ask_new("New passphrase") as passphrase, TemporaryDirectory() as empty:
        tree = source or empty
        try:
            make_store(path, passphrase, lambda sink: write_archive(tree, sink, _warn))
        except OSError as problem:
            raise SystemCallFailed(f"create {path}", str(problem)) from None
    print(f"{path} is made; whoever loses the passphrase loses what is in it")


def _change(path: str, asker: Asker, _parsed: Parsed) -> None:
    with (
        asker.ask("Present passphrase: ") as old,
        asker.ask_new("New passphrase") as new,
    ):
        change_passphrase(path, old, new)
    print(f"{path} has a new passphrase; older copies of the file keep the old one")


def _check(path: str, asker: Asker, _parsed: Parsed) -> None:
    what = f"check {path}"
    count, size_bytes = 0, 0

    def read(source: BinaryIO) -> None:
        nonlocal count, size_bytes
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for member in archive:
                count += 1
                size_bytes += member.size if member.isreg() else 0
        while source.read(65536):
            pass

    with asker.ask("Passphrase: ") as passphrase, locked(path, what) as file:
        key = unwrap(read_header(file, what), passphrase, what)
        with Drain(read) as drain:
            open_body(file, key, drain, what)
            drain.finish()
    print(f"{path} is whole: {count} entries, {size_bytes} bytes in files")


def _warn(text: str) -> None:
    print(f"{PROGRAM}: {text}", file=sys.stderr)


_SUBCOMMANDS = {
    command.name: command
    for command in (
        _Subcommand("create", "Make a new store", (_FROM, PASSPHRASE_FD), _create),
        _Subcommand("passphrase", "Change the passphrase", (PASSPHRASE_FD,), _change),
        _Subcommand("check", "Read all of a store and tell whether it is whole",
                    (PASSPHRASE_FD,), _check),
    )
}  # fmt: skip

SYNTAX = Syntax(
    "roost storage",
    "Work on the files of sealed storage.",
    ("create [--from DIR] [--passphrase-fd N] FILE", "passphrase [--passphrase-fd N] FILE",
     "check [--passphrase-fd N] FILE"),
    HELP,
    "Subcommands:\n"
    + "\n".join(f"  {command.name:<10}  {command.help.lower()}"
                for command in _SUBCOMMANDS.values())
    + "\n\nSee: roost storage SUBCOMMAND --help",
)  # fmt: skip


def syntaxes() -> list[Syntax]:
    """How each subcommand is used."""
    return [command.syntax for command in _SUBCOMMANDS.values()]


if __name__ == "__main__":
    sys.exit(main())
