"""Names of a caller and its groups, to find them in etc/security/roost.toml.

Asks the databases of users and groups, which may take its time: so only where a grant in the
file could matter, and never for root.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable

from roost.api.connection import Peer
from roost.daemon.security_file import Grants


def is_trusted(peer: Peer) -> bool:
    """Is it root, or the user that svc.startd runs as? These may do everything."""
    return peer.uid in (0, os.geteuid())


def user_name(uid: int) -> str:
    """The user's name now; the number of one that the database does not have.

    Asked for each time: a number that was given to somebody else must not keep the old rights.
    """
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def granted(grants: Grants, peer: Peer) -> tuple[str, ...]:
    """All that the file grants the caller, itself and by its groups."""
    found: list[str] = []
    if grants.users:
        for name in {user_name(peer.uid), str(peer.uid)}:
            found += grants.users.get(name, ())
    if grants.groups:
        gids = {peer.gid, *_supplementary(peer)}
        for name, names in grants.groups.items():
            if _gid(name) in gids:
                found += names
    return tuple(dict.fromkeys(found))


def _supplementary(peer: Peer) -> Iterable[int]:
    """What the kernel says the process has; only without that what the database says."""
    if peer.groups is not None:
        return peer.groups
    try:
        return os.getgrouplist(pwd.getpwuid(peer.uid).pw_name, peer.gid)
    except (KeyError, OSError):
        return ()


def _gid(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return int(name) if name.isascii() and name.isdigit() else None
