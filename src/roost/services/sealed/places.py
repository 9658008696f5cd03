"""Where an open tree is and how others see it: mounts, links, wiping.

In memory: a tmpfs on a private directory, bound to the mount point once it is complete. On a
disk, where mounting is not allowed: the private directory itself, with a symbolic link as
the mount point. Knows nothing of keys and sealed files.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat

from roost.errors import InvalidState
from roost.services.sealed.archive import data_segments

_MS_NOSUID, _MS_NODEV, _MS_BIND = 2, 4, 4096
_UMOUNT_NOFOLLOW, _MNT_DETACH = 8, 2
_ZEROS = bytes(256 * 1024)
_libc = ctypes.CDLL(None, use_errno=True)


def mount_memory(tree: str, size: str) -> None:
    """Mount a tmpfs of at most ``size`` (as tmpfs understands it; "" for its default).

    Raises OSError; EPERM where mounting is not allowed.
    """
    options = ["mode=0700", *([f"size={size}"] if size else [])]
    try:
        _mount(
            "roost-sealed", tree, "tmpfs", _MS_NOSUID | _MS_NODEV, ",".join([*options, "noswap"])
        )
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
        # Kernels before 6.4 know no noswap.
        _mount("roost-sealed", tree, "tmpfs", _MS_NOSUID | _MS_NODEV, ",".join(options))


def publish(tree: str, mountpoint: str, *, in_memory: bool) -> None:
    """Let ``mountpoint`` show the tree. Nothing to do if it does. Raises `InvalidState` if
    something else is there.
    """
    if is_published(tree, mountpoint):
        return
    check_mountpoint(mountpoint)
    if in_memory:
        os.makedirs(mountpoint, exist_ok=True)
        _mount(tree, mountpoint, "", _MS_BIND, "")
        return
    os.makedirs(os.path.dirname(mountpoint), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if os.path.islink(mountpoint):
            os.unlink(mountpoint)
        else:
            os.rmdir(mountpoint)
    os.symlink(tree, mountpoint)


def is_published(tree: str, mountpoint: str) -> bool:
    """Does ``mountpoint`` show this tree?"""
    try:
        return os.path.samestat(os.stat(mountpoint), os.stat(tree))
    except FileNotFoundError:
        return False


def check_mountpoint(mountpoint: str) -> None:
    """Raise `InvalidState` unless the mount point is absent, empty, or a dangling link."""
    what = f"open a store at {mountpoint}"
    try:
        if os.path.islink(mountpoint):
            if os.path.exists(mountpoint):
                raise InvalidState(what, "a symbolic link is there")
        elif os.listdir(mountpoint):
            raise InvalidState(what, "the directory is not empty", f"ls -la {mountpoint}")
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise InvalidState(what, "it is no directory", f"ls -la {mountpoint}") from None


def withdraw(tree: str, mountpoint: str, *, in_memory: bool) -> None:
    """Take the tree away from ``mountpoint``. Raises `InvalidState` while somebody uses it."""
    if not is_published(tree, mountpoint):
        return
    if in_memory:
        try:
            _unmount(mountpoint, _UMOUNT_NOFOLLOW)
        except OSError as problem:
            if problem.errno != errno.EBUSY:
                raise
            _refuse_in_use(mountpoint, users_of(mountpoint) or ["a process or a mount"])
        return
    if users := users_of(tree):
        _refuse_in_use(mountpoint, users)
    os.unlink(mountpoint)
    os.mkdir(mountpoint, 0o755)


def wipe(tree: str) -> None:
    """Overwrite and remove everything below ``tree``, unmount what is mounted on it, and
    remove it too. It need not exist.
    """
    try:
        found = os.lstat(tree)
    except FileNotFoundError:
        return
    os.chmod(tree, 0o700)
    for directory, names, _files in os.walk(tree):
        for path in (os.path.join(directory, name) for name in names):
            if not os.path.islink(path):
                os.chmod(path, 0o700)  # before the walk wants to read it
    for directory, names, files in os.walk(tree, topdown=False):
        for name in files:
            _overwrite(os.path.join(directory, name))
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                os.unlink(path)
            else:
                os.rmdir(path)
    if found.st_dev != os.lstat(os.path.dirname(tree)).st_dev:
        _unmount(tree, _UMOUNT_NOFOLLOW | _MNT_DETACH)
    os.rmdir(tree)


def is_memory(path: str) -> bool:
    """Is the file system of ``path`` one that a disk never sees (swap apart)?"""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == wanted:
                return rest.split()[0] in ("tmpfs", "ramfs")
    return False


def users_of(path: str) -> list[str]:
    """Processes that have something below ``path`` open or as a directory: ``NAME (PID)``."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid() and _uses(f"/proc/{entry}", path):
            with contextlib.suppress(OSError), open(f"/proc/{entry}/comm", "rb") as file:
                name = file.read().decode("utf-8", "replace").strip()
                found.append(f"{name} (process {entry})")
    return found


def _uses(process: str, path: str) -> bool:
    links = [f"{process}/cwd", f"{process}/root", f"{process}/exe"]
    with contextlib.suppress(OSError):
        links += [f"{process}/fd/{name}" for name in os.listdir(f"{process}/fd")]
    for link in links:
        with contextlib.suppress(OSError):
            target = os.readlink(link)
            if target == path or target.startswith(f"{path}/"):
                return True
    return False


def _refuse_in_use(mountpoint: str, users: list[str]) -> None:
    shown = ", ".join(users[:5]) + (", ..." if len(users) > 5 else "")
    raise InvalidState(f"close {mountpoint}", f"it is in use by {shown}")


def _overwrite(path: str) -> None:
    if stat.S_ISREG(os.lstat(path).st_mode):
        with contextlib.suppress(PermissionError):
            os.chmod(path, 0o600)
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for start, length in data_segments(fd, os.fstat(fd)):
                at, end = start, start + length
                while at < end:
                    at += os.pwrite(fd, _ZEROS[: end - at], at)
            os.fsync(fd)
        finally:
            os.close(fd)
    os.unlink(path)


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode() or None
    )
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def _unmount(target: str, flags: int) -> None:
    if _libc.umount2(os.fsencode(target), flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
