"""May others than this process's user and root write what it is about to believe?

svc.startd imports the standard trees without being asked, and what they say runs as root: so a
file there counts only if nobody else can write it, or put another one in its place. Looks at
files and directories, and changes nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator

_MAX_LINKS = 40
"""As the kernel has it."""


def fault_of(path: str, top: str) -> str:
    """Why the file ``path`` below the directory ``top`` is not to be believed; "" if it is.

    What leads to ``top`` is not looked at; what leads to the target of a symbolic link is.
    Raises `OSError` for what cannot be looked at.
    """
    for step, status in _steps(path, top):
        if (fault := _fault_of_step(step, status)) is not None:
            return fault
    return ""


def _fault_of_step(step: str, status: os.stat_result) -> str | None:
    mine = os.geteuid()
    if status.st_uid not in (0, mine):
        return f"{step} belongs to user {status.st_uid}, who may change it (chown root)"
    mode = status.st_mode
    if stat.S_ISLNK(mode) or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        return None  # in such a directory nobody can replace what belongs to others
    groups = {0} if mine == 0 else {0, os.getegid()}
    if mode & stat.S_IWOTH or (mode & stat.S_IWGRP and status.st_gid not in groups):
        return f"others than its owner may write {step} (chmod go-w)"
    return None


def _steps(path: str, top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Each directory, link and file that is passed on the way to ``path``, from ``top`` on."""
    current = os.path.realpath(top)
    yield current, os.stat(current)
    waiting = deque(os.path.relpath(path, top).split(os.sep))
    links = 0
    while waiting:
        part = waiting.popleft()
        if part in ("", os.curdir):
            continue
        step = os.path.join(current, part)
        status = os.lstat(step)
        yield step, status
        if not stat.S_ISLNK(status.st_mode):
            current = os.path.normpath(step) if part == os.pardir else step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(step)
        if os.path.isabs(target):
            current = "/"
            yield current, os.stat(current)
        waiting.extendleft(reversed(target.split(os.sep)))
