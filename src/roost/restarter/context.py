"""Resolve a method's context (smf_method(7)): who it runs as, where, and within which limits.

Everything that can be known before the fork is settled here, so that a wrong context is a
refusal with a plain reason. Reads the user database through `Accounts`; changes nothing.

``umask`` (octal) and ``limits`` (``NAME=SOFT[:HARD]``, names and units of setrlimit(2)) are
extensions for Linux, looked up like the attributes of SMF.
"""

from __future__ import annotations

import os
import re
import resource
from dataclasses import dataclass

from roost.errors import InvalidValue
from roost.model.properties import Groups
from roost.restarter.accounts import Account, Accounts, Identity
from roost.restarter.capabilities import CapabilityPlan, plan_capabilities

DEFAULT = ":default"
HOME = ":home"
_DEFAULTS = ("", DEFAULT)
DEFAULT_UMASK = 0o022
_NO_ID = 2**32 - 1

_FOREIGN = {
    "project": "there are no projects",
    "resource_pool": "there are no resource pools",
    "security_flags": "the kernel keeps its own hardening",
    "corefile_pattern": "the pattern of core files is one for the whole machine",
}
"""Attributes that are accepted and have no effect here, each with the reason."""

_LIMITS = {
    name.removeprefix("RLIMIT_").lower(): value
    for name, value in vars(resource).items()
    if name.startswith("RLIMIT_")
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One resource limit, in the kernel's units; -1 is unlimited."""

    name: str
    resource: int
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class MethodContext:
    """A context with every name resolved."""

    identity: Identity | None
    """Uid, gid and supplementary groups to take on; None keeps those of svc.startd."""
    account: Account | None
    """The user's entry in the user database, if there is one."""
    directory: str
    is_default_directory: bool
    umask: int = DEFAULT_UMASK
    limits: tuple[Limit, ...] = ()
    environment: tuple[str, ...] = ()
    capabilities: CapabilityPlan | None = None
    notes: tuple[str, ...] = ()
    """What of the context has no effect here: sentences to say once."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The three credential attributes as written; None where absent."""

    user: str | None
    group: str | None
    supplementary: str | None


class _Attributes:
    """The attributes of one method: its own group's, else those of ``method_context``."""

    def __init__(self, method: str, groups: Groups) -> None:
        self.method = method
        self._groups = [groups[name] for name in (method, "method_context") if name in groups]

    def values(self, name: str) -> tuple[str, ...] | None:
        """Values of the attribute; None where it is absent or has none."""
        for group in self._groups:
            if group.has(name):
                return group.values(name)
        return None

    def one(self, name: str) -> str | None:
        """The attribute's value; None where it is absent."""
        found = self.values(name)
        return found[0].strip() if found else None

    def refusal(self, why: str) -> InvalidValue:
        return InvalidValue(f"run the {self.method} method", why)


def resolve_context(
    method: str, groups: Groups, accounts: Accounts, running: Identity
) -> MethodContext:
    """The context of ``method``; raises `InvalidValue` with the reason if it cannot be had.

    ``running`` is what svc.startd runs as: without uid 0 it can start methods as itself only.
    """
    found = _Attributes(method, groups)
    profile = found.one("use_profile")
    if profile == "true":
        name = found.one("profile") or ""
        raise found.refusal(
            f"it asks for the execution profile '{name}', and there are none on Linux: "
            f"set {method}/use_profile to false and {method}/user to a user"
        )
    if profile == "false" and found.one("user") is None:
        raise found.refusal("use_profile is false, and no user is given")
    identity, account = _resolve_identity(found, accounts, running)
    capabilities, notes = plan_capabilities(
        found.one("privileges"),
        found.one("limit_privileges"),
        is_root=(identity or running).uid == 0,
        may_grant=running.uid == 0,
    )
    directory, is_default = _resolve_directory(found, account)
    return MethodContext(
        identity,
        account,
        directory,
        is_default,
        _resolve_umask(found),
        _resolve_limits(found),
        found.values("environment") or (),
        capabilities,
        (*notes, *_foreign_notes(found)),
    )


def _resolve_identity(
    found: _Attributes, accounts: Accounts, running: Identity
) -> tuple[Identity | None, Account | None]:
    asked = _Asked(found.one("user"), found.one("group"), found.one("supp_groups"))
    if asked == _Asked(None, None, None):
        return None, accounts.by_uid(running.uid)
    if asked.user is None or asked.user in _DEFAULTS:
        # Root if svc.startd is root; without root rights there is one user only.
        uid, account = running.uid, accounts.by_uid(running.uid)
    else:
        uid, account = _resolve_user(found, asked.user, accounts)
    if running.uid != 0:
        _check_own(found, asked, uid, accounts, running)
        return None, account
    gid = _resolve_group(found, asked.group, uid, account, accounts)
    groups = _resolve_supplementary(found, asked.supplementary, account, gid, accounts)
    wanted = Identity(uid, gid, groups)
    return (None if wanted == running else wanted), account


def _check_own(
    found: _Attributes, asked: _Asked, uid: int, accounts: Accounts, running: Identity
) -> None:
    """Without root rights only the running user's own credentials can be given."""
    needs = f"needs root rights, and svc.startd runs as uid {running.uid}"
    if uid != running.uid:
        raise found.refusal(f"user '{asked.user}' {needs}")
    group = asked.group or DEFAULT
    if group != DEFAULT and _group_id(found, group, accounts) != running.gid:
        raise found.refusal(f"group '{group}' {needs}")
    if asked.supplementary is None or asked.supplementary == DEFAULT:
        return
    wanted = _group_list(found, asked.supplementary, accounts)
    if set(wanted) | {running.gid} != set(running.groups) | {running.gid}:
        raise found.refusal(f"supp_groups '{asked.supplementary}' {needs}")


def _resolve_user(found: _Attributes, user: str, accounts: Accounts) -> tuple[int, Account | None]:
    account = accounts.by_name(user)
    if account is not None:
        return account.uid, account
    uid = _number(user)
    if uid is not None:
        return uid, accounts.by_uid(uid)
    raise found.refusal(f"there is no user '{user}'")


def _resolve_group(
    found: _Attributes, group: str | None, uid: int, account: Account | None, accounts: Accounts
) -> int:
    if group is not None and group not in _DEFAULTS:
        return _group_id(found, group, accounts)
    if account is None:
        raise found.refusal(f"uid {uid} has no entry in the user database, and no group is given")
    return account.gid


def _resolve_supplementary(
    found: _Attributes, text: str | None, account: Account | None, gid: int, accounts: Accounts
) -> tuple[int, ...]:
    if text is not None and text != DEFAULT:
        return _group_list(found, text, accounts)
    if account is None:
        raise found.refusal("a uid without an entry in the user database needs supp_groups")
    return accounts.groups_of(account, gid)


def _group_list(found: _Attributes, text: str, accounts: Accounts) -> tuple[int, ...]:
    names = [name for name in re.split(r"[,\s]+", text) if name]
    return tuple(sorted({_group_id(found, name, accounts) for name in names}))


def _group_id(found: _Attributes, group: str, accounts: Accounts) -> int:
    gid = accounts.group_id(group)
    if gid is None:
        gid = _number(group)
    if gid is None:
        raise found.refusal(f"there is no group '{group}'")
    return gid


def _number(text: str) -> int | None:
    """A uid or gid. The highest number means "leave it as it is" to the kernel: never that."""
    if not (text.isascii() and text.isdigit()) or int(text) >= _NO_ID:
        return None
    return int(text)


def _resolve_directory(found: _Attributes, account: Account | None) -> tuple[str, bool]:
    """The working directory, and whether it is a default that nobody asked for by name.

    The default is the user's home; many system users of Linux have none, and get ``/``.
    """
    text = found.one("working_directory")
    if text is not None and text not in (*_DEFAULTS, HOME):
        if not text.startswith("/"):
            raise found.refusal(f"working_directory '{text}' is not an absolute path")
        return text, False
    if account is None:
        raise found.refusal("a uid without an entry in the user database needs a working_directory")
    if text == HOME:
        return account.home, False
    return (account.home if os.path.isdir(account.home) else "/"), True


def _resolve_umask(found: _Attributes) -> int:
    text = found.one("umask")
    if not text:
        return DEFAULT_UMASK
    if not re.fullmatch(r"[0-7]{1,4}", text) or int(text, 8) > 0o777:
        raise found.refusal(f"umask '{text}' is not an octal number up to 777")
    return int(text, 8)


def _resolve_limits(found: _Attributes) -> tuple[Limit, ...]:
    limits: dict[str, Limit] = {}
    for text in found.values("limits") or ():
        name, _, values = text.replace(" ", "").partition("=")
        soft, has_hard, hard = values.partition(":")
        key = name.lower().removeprefix("rlimit_")
        if key not in _LIMITS:
            raise found.refusal(f"'{name}' is not a resource limit ({', '.join(sorted(_LIMITS))})")
        numbers = [_limit_value(part) for part in (soft, hard if has_hard else soft)]
        low, high = numbers
        if low is None or high is None:
            raise found.refusal(f"limit '{text}' is not NAME=SOFT[:HARD] in numbers or 'unlimited'")
        if high != resource.RLIM_INFINITY and (low == resource.RLIM_INFINITY or low > high):
            raise found.refusal(f"limit '{text}' has a soft limit above its hard limit")
        limits[key] = Limit(key, _LIMITS[key], low, high)
    return tuple(limits.values())


def _limit_value(text: str) -> int | None:
    if text in ("unlimited", "infinity"):
        return resource.RLIM_INFINITY
    return int(text) if text.isascii() and text.isdigit() else None


def _foreign_notes(found: _Attributes) -> list[str]:
    return [
        f"{name} '{value}' has no effect: {why}."
        for name, why in _FOREIGN.items()
        if (value := found.one(name)) not in (None, "", DEFAULT, "default")
    ]
