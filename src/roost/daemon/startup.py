"""What has to be there before svc.startd can run: directories, the lock, shipped files."""

from __future__ import annotations

import errno
import fcntl
import os
import sys

import roost
from roost.errors import AlreadyExists, StorageFull, SystemCallFailed, SystemRefused
from roost.layout import ROOT_VARIABLE, Layout

_DIRECTORIES = ("/etc/svc", "/run/roost", "/var/svc/log")
_INHERITED = ("TZ", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LC_TIME", "LC_COLLATE")


def make_directories(layout: Layout) -> None:
    """Make the directories below the root that roost writes to."""
    try:
        for path in _DIRECTORIES:
            os.makedirs(layout.below(path), exist_ok=True)
        os.makedirs(layout.passphrases, mode=0o700, exist_ok=True)
    except OSError as problem:
        hint = "roost run --root DIR  (DIR a directory that you may write to)"
        raise refusal(f"use {layout.root} as the root", problem, hint) from None


def refusal(what: str, problem: OSError, hint: str = "") -> SystemRefused:
    """The error for what the kernel refused while svc.startd starts."""
    about = f"{problem.filename}: " if problem.filename is not None else ""
    why = f"{about}{problem.strerror or problem}"
    place = os.path.dirname(str(problem.filename or "")) or "/"
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(what, why, f"df {place}")
    return SystemCallFailed(what, why, hint or f"ls -la {place}")


def check_descriptor(fd: int) -> None:
    """Raise `SystemCallFailed` unless this descriptor is open, before anything is made."""
    try:
        os.fstat(fd)
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise SystemCallFailed(f"use --ready-fd {fd}", why, f"svc.startd {fd}>FILE ...") from None


def take_lock(layout: Layout) -> int:
    """Make sure that this is the only svc.startd of the root; returns the lock's descriptor."""
    fd = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        holder = os.read(fd, 32).decode(errors="replace").strip()
        os.close(fd)
        if problem.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        raise AlreadyExists(
            f"start svc.startd for {layout.root}",
            f"process {holder or 'unknown'} does that already",
            f"svcs -R {layout.root}",
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def install_shipped_files(layout: Layout) -> None:
    """Copy what roost ships for ``lib/svc`` below the root, where it is missing or older."""
    top = os.path.join(os.path.dirname(os.path.abspath(roost.__file__)), "share")
    for directory, _, names in os.walk(top):
        target_directory = layout.below("/" + os.path.relpath(directory, top))
        for name in names:
            _copy_if_other(os.path.join(directory, name), target_directory, name)


def _copy_if_other(source: str, directory: str, name: str) -> None:
    target = os.path.join(directory, name)
    with open(source, "rb") as file:
        content = file.read()
    try:
        with open(target, "rb") as file:
            if file.read() == content:
                return
    except FileNotFoundError:
        os.makedirs(directory, exist_ok=True)
    mode = 0o755 if "/method/" in target else 0o644
    with open(f"{target}.new", "wb") as file:
        file.write(content)
    os.chmod(f"{target}.new", mode)
    os.replace(f"{target}.new", target)


def method_environment(layout: Layout) -> dict[str, str]:
    """The base environment of every method (smf_method(7)).

    Below a root other than ``/`` its own ``usr/sbin`` and ``usr/bin`` come first on PATH;
    the directory of roost's commands is on it wherever it lies.
    """
    places = ["/usr/sbin", "/usr/bin"]
    commands = os.path.dirname(os.path.abspath(sys.argv[0]))
    for extra in (os.path.dirname(sys.executable), commands):
        if extra not in places and os.path.exists(os.path.join(extra, "svcprop")):
            places.insert(0, extra)
            break
    if layout.root != "/":
        own = [layout.below("/usr/sbin"), layout.below("/usr/bin")]
        places = [path for path in own if os.path.isdir(path)] + places
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment["PATH"] = ":".join(places)
    environment["ROOST_PYTHON"] = sys.executable
    if layout.root != "/":
        environment[ROOT_VARIABLE] = layout.root
    return environment
