"""svc.startd: the one long-lived process of roost. Makes the parts and lets them run."""

from __future__ import annotations

import gc
import getopt
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from roost import trees
from roost.api.server import Guests, Server
from roost.daemon import startup
from roost.daemon.acting import recorded
from roost.daemon.backups import Backups, open_sound, tell
from roost.daemon.callers import is_trusted
from roost.daemon.console import Console
from roost.daemon.history_api import HistoryApi
from roost.daemon.import_api import ImportApi
from roost.daemon.journal import MasterLog
from roost.daemon.layers_api import LayersApi
from roost.daemon.manager import Manager
from roost.daemon.manager_api import ManagerApi
from roost.daemon.repository_api import RepositoryApi
from roost.daemon.rights import READS
from roost.errors import RoostError, UsageError, printable
from roost.layout import Layout, PrivateLayout, chosen_layout
from roost.loop import Loop
from roost.repository.backups import BackupKind
from roost.restarter.restarter import Restarter
from roost.streams import open_standard_streams

USAGE = """\
Usage: svc.startd [-R DIR] [--milestone all|none] [--ready-fd FD]
                  [--repository FILE] [--socket PATH]"""
MILESTONES = ("all", "none")
EXIT_INTERRUPTED = 130
MAX_BUGS = 1000
"""Errors of ours in the loop after which going on makes no sense."""


def run(
    layout: Layout,
    *,
    milestone: str = "all",
    ready_fd: int | None = None,
    out: TextIO | None = None,
) -> int:
    """Run svc.startd in the foreground until it is told to shut down; returns an exit status.

    With ``milestone`` "none" it serves the repository and starts nothing, so that a
    configuration which must not run can be mended.
    ``ready_fd`` gets a newline (and is closed) once the socket answers. ``out`` is the
    administrator's console. Raises `RoostError` if it cannot start.
    """
    try:
        return _run(layout, milestone, ready_fd, out or sys.stdout)
    except OSError as problem:
        raise startup.refusal(f"run svc.startd for {layout.root}", problem) from problem


def _run(layout: Layout, milestone: str, ready_fd: int | None, out: TextIO) -> int:
    check_milestone(milestone)
    if ready_fd is not None:
        startup.check_descriptor(ready_fd)
    startup.make_directories(layout)
    lock = startup.take_lock(layout)
    startup.install_shipped_files(layout)
    repository, notices = open_sound(layout)
    loop = Loop()
    journal = MasterLog(layout)
    console = Console(loop, layout, out)
    manager = Manager(loop, layout, repository, console, journal)
    environment = startup.method_environment(layout)
    restarter = Restarter(loop, layout, manager, environment, complain=journal.write)
    manager.restarter = restarter
    handlers = {
        **ManagerApi(manager).handlers(),
        **RepositoryApi(manager).handlers(),
        **ImportApi(manager).handlers(),
        **LayersApi(manager).handlers(),
        **HistoryApi(manager).handlers(),
    }
    backups = Backups(loop, repository, journal)
    followed = backups.after_imports(manager.rights.audited(handlers))
    told = recorded(repository.history, followed)
    slow = told.keys() - READS
    guests = Guests(lambda peer: not is_trusted(peer), manager.rights.may_send_long)
    server = Server(loop, layout.socket, told, on_bug=journal.bug, slow=slow, guests=guests)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.on_signal(number, manager.shut_down)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    journal.write(f"svc.startd {os.getpid()} starts for {layout.root}.")
    tell(notices, console, journal)
    manager.notices = notices
    backups.make(BackupKind.BOOT)

    if milestone == "none":
        journal.write("Milestone none: no service is started.")
    elif trees.changes(layout, repository.imported_files()).any:
        manager.import_then_boot()
    else:
        loop.call_soon(manager.boot)
    if ready_fd is not None:
        with suppress(OSError):  # whoever wanted to know is gone
            os.write(ready_fd, b"\n")
        os.close(ready_fd)
    # What exists now lives as long as the process; forks need not copy it for the collector.
    gc.collect()
    gc.freeze()
    _run_loop(loop, journal)

    server.close()
    restarter.close()
    console.close()
    repository.close()
    journal.write("svc.startd ends.")
    loop.close()
    os.close(lock)
    return 0


def serve_file(layout: PrivateLayout, ready_fd: int | None) -> int:
    """Serve one repository file on a private socket (svccfg(8), ``repository``)."""
    from roost.daemon.private import serve  # noqa: PLC0415  not needed by the system's svc.startd

    if ready_fd is not None:
        startup.check_descriptor(ready_fd)
    try:
        return serve(layout, ready_fd)
    except OSError as problem:
        raise startup.refusal(f"serve the repository {layout.file}", problem) from problem


def check_milestone(name: str) -> None:
    """Raise `UsageError` for a milestone that svc.startd cannot be started at."""
    if name not in MILESTONES:
        known = " and ".join(MILESTONES)
        raise UsageError(f"start at milestone {name}", f"the milestones to start at are {known}")


def _run_loop(loop: Loop, journal: MasterLog) -> None:
    """Run to the end; an error of ours in a callback is recorded, and the rest goes on."""
    while journal.bugs < MAX_BUGS:
        try:
            loop.run()
        except Exception as problem:  # noqa: BLE001  services must not suffer from our bugs
            journal.bug("the event loop", problem)
        else:
            return


def main(argv: list[str] | None = None) -> int:
    """The command ``svc.startd``."""
    open_standard_streams()
    return guarded(lambda: _main(sys.argv[1:] if argv is None else argv))


def _main(arguments: list[str]) -> int:
    root: str | None = None
    ready_fd: int | None = None
    milestone = "all"
    file: str | None = None
    address: str | None = None
    known = ["milestone=", "ready-fd=", "repository=", "socket=", "help"]
    try:
        options, operands = getopt.getopt(arguments, "R:?h", known)
    except getopt.GetoptError as problem:
        dashes = "--" if len(problem.opt) > 1 else "-"
        raise UsageError(f"use option {dashes}{problem.opt}", problem.msg) from None
    for name, value in options:
        if name == "-R":
            root = value
        elif name == "--milestone":
            milestone = value
        elif name == "--ready-fd":
            if not (value.isascii() and value.isdigit()):
                raise UsageError(f"use --ready-fd {value}", "it takes the number of a descriptor")
            ready_fd = int(value)
        elif name == "--repository":
            file = os.path.abspath(value)
        elif name == "--socket":
            address = os.path.abspath(value)
        else:
            sys.stdout.write(USAGE + "\n")
            return 0
    if operands:
        raise UsageError(f"use '{operands[0]}'", "it takes no operands")
    if (file is None) != (address is None):
        raise UsageError("serve a repository file", "--repository and --socket go together")
    layout = chosen_layout(root)
    if file is not None and address is not None:
        return serve_file(PrivateLayout(layout.root, file, address), ready_fd)
    return run(layout, milestone=milestone, ready_fd=ready_fd)


def guarded(act: Callable[[], int]) -> int:
    """Run ``act``; what a person can mend becomes one line and an exit status."""
    try:
        return act()
    except RoostError as problem:
        lines = [problem.message]
        if problem.hint:
            lines.append(f"try: {printable(problem.hint)}")
        with suppress(OSError):
            for line in lines:
                sys.stderr.write(f"svc.startd: {line}\n")
            if isinstance(problem, UsageError):
                sys.stderr.write(USAGE + "\n")
        return problem.exit_status
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
