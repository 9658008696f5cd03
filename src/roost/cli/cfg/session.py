"""What lasts from one subcommand to the next: the selection, the options, the streams.

Also the shape of a subcommand (`Command`) and of one call of it (`Call`), which the modules
of subcommands fill.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, TextIO

from roost import fmri as names
from roost.cli.cfg.lexer import Token
from roost.cli.cfg.store import Store
from roost.cli.output import JSON_VERSION
from roost.errors import (
    AmbiguousName,
    InvalidName,
    InvalidState,
    NotFound,
    SystemCallFailed,
    printable,
)
from roost.fmri import is_instance, service_of


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a subcommand, taken apart."""

    command: Command
    operands: Sequence[str]
    options: Mapping[str, str]
    """Options given, with their dashes, and the value of those that have one."""
    target: str | None
    """FILE of ``> FILE``."""
    tokens: Sequence[Token]
    """The arguments as they were read, for subcommands with a grammar of their own."""
    as_json: bool

    def operand(self, index: int) -> str | None:
        """An operand, or None where there are fewer."""
        return self.operands[index] if index < len(self.operands) else None


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: how it is written, what it does in a phrase, and the function that does it."""

    usage: str
    summary: str
    run: Callable[[Session, Call], None]
    operands: tuple[int, int | None] = (0, 0)
    """Least and most operands; None for any number."""
    flags: str = ""
    """One-letter options; a ``:`` after one says that it takes a value."""
    words: tuple[str, ...] = ()
    """Long options (with their dashes); a ``:`` after one says that it takes a value."""
    own_grammar: bool = False
    """The function parses ``Call.tokens`` itself."""
    redirects: bool = False
    """Its output may go to a file: ``> FILE``."""
    modifies: bool = False
    """Refused while a snapshot is selected."""

    @property
    def name(self) -> str:
        """The first word."""
        return self.usage.partition(" ")[0]


def _nothing() -> None:
    """Nothing is held."""


class Session:
    """One run of svccfg. Nothing is selected at first: that is the scope."""

    def __init__(
        self,
        store: Store,
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        root: str = "/",
        verbose: bool = False,
        as_json: bool = False,
    ) -> None:
        self.store = store
        self.out = out if out is not None else sys.stdout
        self.err = err if err is not None else sys.stderr
        self.root = root
        """Directory below which bundles find what they include."""
        self.verbose = verbose
        self.strict = False
        """An import that breaks a template is an error; so it is in a dialogue, unless told."""
        self.as_json = as_json
        self.selection: str | None = None
        """Canonical FMRI of the selected service or instance."""
        self.snapshot: str | None = None
        """The selected snapshot of the selected instance."""
        self.is_elsewhere = False
        """It works on a repository file: nothing runs, and ``root`` has nothing to do with it."""
        self.ended = False
        self.failed = False
        """Something failed although the session goes on, as one of several files."""
        self._release: Callable[[], None] = _nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        self._release()

    def use(self, store: Store, release: Callable[[], None]) -> None:
        """Work on another repository from now on; ``release`` lets it go at the end."""
        self.store.close()
        self._release()
        self.store, self._release = store, release
        self.is_elsewhere = True
        self.select(None)

    @property
    def prompt(self) -> str:
        """Prompt of an interactive session."""
        where = self.selection or "svc:"
        return f"{where}:[{self.snapshot}]> " if self.snapshot is not None else f"{where}> "

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=self.out)

    def say_json(self, **content: object) -> None:
        """Print one JSON object, with the version of its shape."""
        print(json.dumps({"version": JSON_VERSION, **content}, indent=2), file=self.out)

    def note(self, text: str) -> None:
        """Print a remark where errors go."""
        with suppress(OSError):
            print(f"svccfg: {printable(text, with_lists=True)}", file=self.err)

    def remark(self, text: str) -> None:
        """Print what was done, if ``-v`` asks for it."""
        if self.verbose:
            self.say(text)

    def entity(self, call: Call) -> str:
        """The selected service or instance; `InvalidState` if none is."""
        if self.selection is None:
            raise InvalidState(
                call.command.name, "no service or instance is selected", "select FMRI"
            )
        return self.selection

    def instance(self, call: Call, why: str = "only instances have snapshots") -> str:
        """The selected instance; `InvalidState` if none is, where ``why`` tells what for."""
        fmri = self.entity(call)
        if not is_instance(fmri):
            raise InvalidState(
                call.command.name,
                f"{fmri} is a service; {why}",
                f"select {self._some_instance(fmri)}",
            )
        return fmri

    def _some_instance(self, service: str) -> str:
        found = self.store.instances(service)
        return found[0] if found else f"{service}:INSTANCE"

    def select(self, fmri: str | None) -> None:
        """Make an entity (None: the scope) the selection."""
        self.selection = fmri
        self.snapshot = None

    def resolve(self, text: str, act: str) -> str:
        """The one entity meant by ``text``: a child of the selection, a complete FMRI, or an
        abbreviation. ``act``, the subcommand, completes "cannot" in the error.
        """
        child = self._child(text)
        return child if child is not None else self.find_one(text, act)

    def _child(self, text: str) -> str | None:
        if self.selection is None:
            wanted = f"svc:/{text}" if names.is_service_name(text) else None
        elif is_instance(self.selection) or not names.is_component(text):
            wanted = None
        else:
            wanted = f"{self.selection}:{text}"
        return wanted if wanted is not None and wanted in self.store.find(wanted) else None

    def find_one(self, text: str, act: str) -> str:
        """The one entity that an FMRI, a glob or an abbreviation names.

        A service that matches stands for itself; its instances do not count beside it.
        Raises `InvalidName`, `NotFound`, or `AmbiguousName` with the list.
        """
        exact = None
        if not names.is_glob(text):
            exact = _checked(text, act)
            if exact is not None and exact in self.store.find(exact):
                return exact
        complete = text.startswith("svc:") and not names.is_glob(text)
        found = [] if complete else self.store.find(text)
        if ":" in text.removeprefix("svc:"):
            found = [entity for entity in found if is_instance(entity)]
        services = {entity for entity in found if not is_instance(entity)}
        distinct = [e for e in found if e in services or service_of(e) not in services]
        if not distinct:
            raise NotFound(f"{act} '{text}'", "Not found.", "svccfg list")
        if len(distinct) > 1:
            listed = "\n".join(f"\t{entity}" for entity in distinct)
            raise AmbiguousName(
                f"{act} '{text}'", f"it matches several:\n{listed}", f"{act} {distinct[0]}"
            )
        return distinct[0]


def _checked(text: str, act: str) -> str | None:
    """Canonical text of a complete FMRI; None for an abbreviation; else `InvalidName`."""
    if text.startswith(":") and names.is_component(text[1:]):
        return None
    every_instance = text.endswith(":")
    try:
        parsed = names.parse(text.removesuffix(":"))
    except InvalidName as problem:
        raise InvalidName(
            f"{act} '{text}'", f"Invalid FMRI. {problem.why}", "svccfg list"
        ) from None
    if parsed.group is not None:
        raise InvalidName(
            f"{act} '{text}'",
            "Invalid FMRI. It names a property, not a service or instance",
            f"select {parsed.entity}",
        )
    return None if every_instance else str(parsed)


def write_output(path: str, text: str) -> None:
    """Write FILE of ``> FILE``, whole or not at all; `SystemCallFailed` with the reason."""
    from roost.cli.files import replace_file  # noqa: PLC0415  few commands write files

    data = text.encode(errors="surrogateescape")
    try:
        if os.path.islink(path) or (os.path.lexists(path) and not os.path.isfile(path)):
            # /dev/stdout and its like must stay what they are.
            with open(path, "wb") as file:
                file.write(data)
        else:
            replace_file(path, data)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        hint = f"ls -ld {os.path.dirname(path) or '.'}"
        raise SystemCallFailed(f"write {path}", why, hint) from None


def refuse_snapshot(session: Session, call: Call) -> None:
    """Refuse a command that modifies while a snapshot is selected."""
    if call.command.modifies and session.snapshot is not None:
        raise InvalidState(call.command.name, "Cannot modify snapshots.", "selectsnap")
