"""The record of an open store, and the lock that start and stop hold.

The record exists if and only if the open tree is complete; see the package's essay. It holds
no passphrase and no key that opens a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from roost.errors import InvalidValue, NotAllowed
from roost.services.sealed.container import Header, SealKey

_VERSION = 1
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class TreeIdentity:
    """Which directory a tree is: tells it from a stranger at the same path."""

    device: int
    inode: int
    boot: str
    """Id of the boot for a tree in memory, which a boot ends; "" for one on a disk."""


def identity_of(tree: str, *, in_memory: bool) -> TreeIdentity:
    """The identity of the directory ``tree`` now."""
    found = os.stat(tree)
    boot = ""
    if in_memory:
        with open(_BOOT_ID, encoding="ascii") as file:
            boot = file.read().strip()
    return TreeIdentity(found.st_dev, found.st_ino, boot)


@dataclass(frozen=True, slots=True)
class Session:
    """An open store."""

    file: str
    """The sealed file, absolute."""
    mountpoint: str
    in_memory: bool
    tree: TreeIdentity
    digest: str
    """`tree_digest` when it was opened."""
    header: str
    """The file's header when it was opened, in hex."""
    recipient: str
    mac_key: str
    """In hex."""

    def __repr__(self) -> str:
        return f"Session(file={self.file!r}, mountpoint={self.mountpoint!r}, ...)"

    @property
    def seal_key(self) -> SealKey:
        """What it takes to seal the tree again."""
        return SealKey(self.recipient, bytes.fromhex(self.mac_key))

    def stored_header(self) -> Header:
        """The header to use where the file is gone or has one that is not authentic."""
        return Header(bytes.fromhex(self.header), self.recipient, b"")

    def has_tree(self, tree: str) -> bool:
        """Is the tree of this session still there?"""
        try:
            return identity_of(tree, in_memory=self.in_memory) == self.tree
        except FileNotFoundError:
            return False


class Workplace:
    """The private directory of one instance below the run directory."""

    def __init__(self, run_directory: str, instance: str) -> None:
        self._all = f"{run_directory}/sealed"
        self._own = f"{self._all}/{instance.removeprefix('svc:/').replace('/', '-')}"
        self.tree = f"{self._own}/tree"
        """Where the tree is opened; a mount point if it is in memory."""
        self._record = f"{self._own}/session"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other starts and stops of this instance out; makes the directory."""
        for path in (self._all, self._own):
            os.makedirs(path, 0o700, exist_ok=True)
            if os.lstat(path).st_uid != os.geteuid():
                raise NotAllowed(f"use {path}", "it belongs to another user")
            os.chmod(path, 0o700)
        fd = os.open(f"{self._own}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def load(self) -> Session | None:
        """The record, if there is one; `InvalidValue` if it cannot be understood."""
        try:
            with open(self._record, encoding="utf-8") as file:
                content = json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as problem:
            raise InvalidValue(f"read {self._record}", str(problem)) from None
        try:
            if content.pop("version") != _VERSION:
                raise InvalidValue(f"read {self._record}", "another version of roost wrote it")
            tree = TreeIdentity(**content.pop("tree"))
            return Session(tree=tree, **content)
        except (KeyError, TypeError, AttributeError) as problem:
            raise InvalidValue(f"read {self._record}", f"a field is wrong ({problem})") from None

    def store(self, session: Session) -> None:
        """Write the record, whole or not at all."""
        fresh = f"{self._record}.new"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump({"version": _VERSION, **asdict(session)}, file)
            file.flush()
            os.fsync(fd)
        os.rename(fresh, self._record)
        self._sync()

    def remove(self) -> None:
        """Remove the record; durable when this returns."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._record)
        self._sync()

    def _sync(self) -> None:
        fd = os.open(self._own, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
