"""When backups of the repository are made, and what people are told of a damaged one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from roost.api.connection import Call
from roost.api.server import Handler
from roost.daemon.console import Console
from roost.daemon.journal import MasterLog
from roost.errors import RoostError
from roost.layout import Layout
from roost.loop import Loop, Timer
from roost.repository import Repository, open_repository
from roost.repository.backups import BackupKind, backups_of
from roost.repository.recovery import open_or_recover, report

QUIET_S = 2.0
"""An import pass is over when no import has come for so long."""
CONSOLE_LINES = 8
_IMPORTS = frozenset({"Import", "ImportFiles", "ReplaceLayer", "Withdraw"})


def open_sound(layout: Layout) -> tuple[Repository, list[str]]:
    """Open the repository of a root, from a backup if it must be; and what is to be told then.

    Raises RepositoryDamaged if there is no sound one.
    """
    path = layout.repository
    is_new = not os.path.lexists(path)
    repository, recovery = open_or_recover(
        path, time.time, partial(open_repository, layout, fresh_boot=True)
    )
    if recovery is not None:
        return repository, report(recovery, path)
    present = backups_of(path) if is_new else []
    if present:
        newest = present[0].path
        return repository, [
            f"{path} was not there; a new one is made. Backups of an earlier one are there.",
            f"To go back to the newest, with svc.startd ended: cp {newest} {path}",
        ]
    return repository, []


def tell(lines: Sequence[str], console: Console, journal: MasterLog) -> None:
    """Tell of what `open_sound` met: all of it in the log, the first lines on the console."""
    for line in lines:
        journal.write(line)
    for line in lines[:CONSOLE_LINES]:
        console.say(line)
    if len(lines) > CONSOLE_LINES:
        console.say(f"{len(lines) - CONSOLE_LINES} more lines are in {journal.path}.")


class Backups:
    """Makes backups at the start and after imports. One that fails costs a line of the log."""

    def __init__(self, loop: Loop, repository: Repository, journal: MasterLog) -> None:
        self._loop = loop
        self._repository = repository
        self._journal = journal
        self._timer: Timer | None = None

    def make(self, kind: BackupKind) -> None:
        """Make a backup if anything has changed since the newest."""
        try:
            self._repository.back_up(kind, time.time())
        except RoostError as problem:
            self._journal.write(f"No backup: {problem}")

    def after_imports(self, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
        """The same handlers; once those that import have been quiet for a while, a backup."""
        return {
            name: self._followed(handler) if name.rpartition(".")[2] in _IMPORTS else handler
            for name, handler in handlers.items()
        }

    def _followed(self, handler: Handler) -> Handler:
        def act(call: Call) -> Mapping[str, object] | None:
            answer = handler(call)
            if self._timer is not None:
                self._timer.cancel()
            make: Callable[[], None] = partial(self.make, BackupKind.MANIFEST_IMPORT)
            self._timer = self._loop.call_later(QUIET_S, make)
            return answer

        return act
