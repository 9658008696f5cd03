"""The machine's users and groups, and what svc.startd itself runs as. Only reads."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Account:
    """An entry of the user database."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a process runs as; ``groups`` are its supplementary groups, sorted."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


class Accounts(Protocol):
    """Look-ups in the user database; None for what it does not have."""

    def by_name(self, name: str) -> Account | None:
        """The user called ``name``."""

    def by_uid(self, uid: int) -> Account | None:
        """The user numbered ``uid``."""

    def group_id(self, name: str) -> int | None:
        """The number of the group called ``name``."""

    def groups_of(self, account: Account, gid: int) -> tuple[int, ...]:
        """The user's supplementary groups, and ``gid``; sorted."""


class SystemAccounts:
    """The user database of the C library (files, LDAP or whatever it is set up for)."""

    def by_name(self, name: str) -> Account | None:
        """The user called ``name``."""
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            return None

    def by_uid(self, uid: int) -> Account | None:
        """The user numbered ``uid``."""
        try:
            return _account(pwd.getpwuid(uid))
        except (KeyError, OverflowError):
            return None

    def group_id(self, name: str) -> int | None:
        """The number of the group called ``name``."""
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None

    def groups_of(self, account: Account, gid: int) -> tuple[int, ...]:
        """The user's supplementary groups, and ``gid``; sorted."""
        return tuple(sorted(set(os.getgrouplist(account.name, gid))))


def running_identity() -> Identity:
    """What this process runs as."""
    return Identity(os.geteuid(), os.getegid(), tuple(sorted(set(os.getgroups()))))


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell)
