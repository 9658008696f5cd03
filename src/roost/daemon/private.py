"""svc.startd for one repository file and one client: what ``svccfg repository FILE`` works on.

Serves io.roost.Repository, and refreshes, which here only take the snapshot ``running``.
Must not start, stop or watch anything, and must not touch what the svc.startd of the root has.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress

from roost.api import typed
from roost.api.connection import Call
from roost.api.server import Handler, Server
from roost.daemon.acting import recorded
from roost.daemon.console import Console
from roost.daemon.history_api import HistoryApi
from roost.daemon.import_api import ImportApi
from roost.daemon.journal import MasterLog
from roost.daemon.layers_api import LayersApi
from roost.daemon.manager import Manager
from roost.daemon.repository_api import RepositoryApi
from roost.errors import InvalidState, NotAllowed, NotFound
from roost.layout import PrivateLayout
from roost.loop import Loop
from roost.repository import open_repository

_LIFELINE = 0
"""Standard input: the client holds the other end, and closes it when it ends."""


class _Keeper(Manager):
    """A manager that never boots: it has the repository, and nothing to run."""

    def removed(self, fmris: Iterable[str]) -> None:
        """Nothing of them ran."""


def serve(layout: PrivateLayout, ready_fd: int | None) -> int:
    """Serve the file until standard input ends; returns the exit status.

    ``ready_fd`` gets a newline once the socket answers. Raises `RoostError` for a file that is
    not there, that cannot be used, or that another process has open.
    """
    check_directory(layout.directory)
    if not os.path.isfile(layout.file):
        hint = f"ls -l {layout.file}"
        raise NotFound(f"use the repository {layout.file}", "there is no such file", hint)
    os.makedirs(layout.run_directory, mode=0o700)
    try:
        _serve(layout, ready_fd)
    finally:
        shutil.rmtree(layout.run_directory, ignore_errors=True)
        with suppress(OSError):  # the client may have removed it, or keep something there
            os.rmdir(layout.directory)
    return 0


def check_directory(path: str) -> None:
    """Raise `NotAllowed` unless the directory is this user's, and for no other user.

    Whoever reaches the socket may do anything to the file.
    """
    status = os.lstat(path)
    is_private = not status.st_mode & 0o077 and status.st_uid == os.geteuid()
    if not stat.S_ISDIR(status.st_mode) or not is_private:
        why = "it must be a directory of yours that nobody else may enter"
        raise NotAllowed(f"make a socket in {path}", why, f"ls -ld {path}")


class FileServer:
    """Serves the repository file of ``layout`` on ``loop``. The run directory must be there."""

    def __init__(self, loop: Loop, layout: PrivateLayout) -> None:
        self._repository = open_repository(layout, fresh_boot=True)
        journal = MasterLog(layout)
        self._console = Console(loop, layout, sys.stderr)
        keeper = _Keeper(loop, layout, self._repository, self._console, journal)
        handlers: dict[str, Handler] = {
            **RepositoryApi(keeper).handlers(),
            **ImportApi(keeper).handlers(),
            **LayersApi(keeper).handlers(),
            **HistoryApi(keeper).handlers(),
            "io.roost.Manager.Act": lambda call: _act(keeper, call),
        }
        told = recorded(self._repository.history, handlers)
        self.server = Server(loop, layout.socket, told, on_bug=journal.bug)

    def close(self) -> None:
        """Stop serving, and release the file."""
        self.server.close()
        self._console.close()
        self._repository.close()


def _serve(layout: PrivateLayout, ready_fd: int | None) -> None:
    loop = Loop()
    server = FileServer(loop, layout)
    loop.set_reader(_LIFELINE, lambda: _check_lifeline(loop))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.on_signal(number, loop.stop)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if ready_fd is not None:
        with suppress(OSError):  # whoever wanted to know is gone
            os.write(ready_fd, b"\n")
        os.close(ready_fd)
    loop.run()
    server.close()
    loop.close()


def _check_lifeline(loop: Loop) -> None:
    if not os.read(_LIFELINE, 4096):
        loop.stop()


def _act(keeper: Manager, call: Call) -> Mapping[str, object]:
    """A refresh takes the snapshot; nothing else has a meaning where nothing runs."""
    fmri, action = typed.text(call.parameters, "fmri"), typed.text(call.parameters, "action")
    if action != "refresh":
        raise InvalidState(f"{action} {fmri}", "nothing runs in a repository file")
    keeper.take_running([fmri])
    return {"notes": []}
