"""Start one process in a method's context: the only place of svc.startd that forks.

Two ways lead to the same result. ``posix_spawn`` does not copy the page tables and costs a
third of a fork; it serves methods that run as svc.startd itself, in a default directory and
within its limits, which is most of them. All others take ``fork``, whose child settles the
rest. Either way: own session, ``/dev/null`` on 0, the log on 1 and 2, no other descriptor,
default signals, none blocked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from roost.restarter.capabilities import apply_bounding, apply_capabilities
from roost.restarter.context import MethodContext
from roost.restarter.logs import bracketed

EXIT_ERR_CONFIG = 96
EXIT_NO_SHELL = 10
_CONFIGURATION_ERRORS = frozenset(
    {
        errno.EINVAL,
        errno.EPERM,
        errno.ENOENT,
        errno.ENAMETOOLONG,
        errno.ERANGE,
        errno.ESRCH,
        # Not in SMF's list; on Linux a directory that is out of reach or none says these.
        errno.EACCES,
        errno.ENOTDIR,
    }
)
_ALL_SIGNALS = signal.valid_signals()
_RESETTABLE = _ALL_SIGNALS - {signal.SIGKILL, signal.SIGSTOP}


@dataclass(frozen=True, slots=True)
class SpawnPlan:
    """What to start: ``command`` is what the shell is to exec."""

    command: str
    environment: Mapping[str, str]
    context: MethodContext
    log_fd: int


class Spawner:
    """Starts processes. ``shell`` is found once: SMF's ``/sbin/sh`` or ``/bin/sh``."""

    def __init__(self) -> None:
        self._shell = "/sbin/sh" if os.access("/sbin/sh", os.X_OK) else "/bin/sh"
        close_on_exec()

    def spawn(self, plan: SpawnPlan) -> int:
        """Start the process and return its pid, which is that of its session too.

        Raises OSError only if the kernel gives no process. Whatever fails after that is
        written to the log, and the process exits with 96 (a fault of the configuration), 10
        (no shell) or 1.
        """
        arguments = [os.path.basename(self._shell), "-c", f"exec {plan.command}"]
        if is_plain(plan.context):
            with contextlib.suppress(OSError):
                return self._spawn_plainly(plan, arguments)
            # The longer way meets the same error, and has a child to say it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _ALL_SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                _become(self._shell, arguments, plan)
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def _spawn_plainly(self, plan: SpawnPlan, arguments: list[str]) -> int:
        with _standing_in(plan.context.directory, plan.context.umask):
            return os.posix_spawn(
                self._shell,
                arguments,
                plan.environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, plan.log_fd, 1),
                    (os.POSIX_SPAWN_DUP2, plan.log_fd, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_RESETTABLE,
            )


def is_plain(context: MethodContext) -> bool:
    """Can ``posix_spawn`` do all that the context asks?

    A directory that the service names may lie on a file system that hangs: then a child must
    hang there, not svc.startd.
    """
    return (
        context.identity is None
        and not context.limits
        and context.capabilities is None
        and context.is_default_directory
    )


def close_on_exec() -> None:
    """Keep every descriptor that this process was started with away from its children."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the one that listed the directory
                os.set_inheritable(int(name), False)


@contextlib.contextmanager
def _standing_in(directory: str, umask: int) -> Iterator[None]:
    """Lend this single-threaded process the directory and umask of the one it starts."""
    before = os.open(".", os.O_PATH | os.O_CLOEXEC)
    old_umask = os.umask(umask)
    try:
        os.chdir(directory)
        yield
    finally:
        os.umask(old_umask)
        os.fchdir(before)
        os.close(before)


def _become(shell: str, arguments: list[str], plan: SpawnPlan) -> NoReturn:
    """The child's side: never returns, never raises."""
    doing = "make a session"
    code = EXIT_ERR_CONFIG
    try:
        os.setsid()
        for fd, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, plan.log_fd)):
            os.dup2(source, fd)
        os.dup2(plan.log_fd, 2)
        for doing in _take_on(plan.context):  # noqa: B007
            pass
        doing = f"start {shell}"
        for number in _RESETTABLE:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = EXIT_NO_SHELL
        os.execve(shell, arguments, plan.environment)  # noqa: S606  it is the shell
    except (OSError, ValueError) as refused:
        why = refused.strerror if isinstance(refused, OSError) else str(refused)
        if code == EXIT_ERR_CONFIG and not _is_configuration(refused):
            code = 1
        with contextlib.suppress(OSError):
            os.write(2, bracketed(f"Cannot {doing}: {why}."))
    finally:
        os._exit(code)


def _take_on(context: MethodContext) -> Iterator[str]:
    """Do each step of the context, saying before it what it is."""
    for limit in context.limits:
        yield f"set the limit {limit.name}"
        resource.setrlimit(limit.resource, (limit.soft, limit.hard))
    if context.capabilities is not None:
        yield "limit the capabilities"
        apply_bounding(context.capabilities)
    identity = context.identity
    if identity is not None:
        yield f"set the group to {identity.gid}"
        os.setresgid(identity.gid, identity.gid, identity.gid)
        yield "set the supplementary groups"
        os.setgroups(identity.groups)
        yield f"set the user to {identity.uid}"
        os.setresuid(identity.uid, identity.uid, identity.uid)
    if context.capabilities is not None:
        yield "set the capabilities"
        apply_capabilities(context.capabilities)
    os.umask(context.umask)
    yield f"enter the directory {context.directory}"
    os.chdir(context.directory)


def _is_configuration(refused: OSError | ValueError) -> bool:
    return isinstance(refused, ValueError) or refused.errno in _CONFIGURATION_ERRORS
