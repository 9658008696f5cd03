"""Who may change things: for now root and the user that svc.startd runs as."""

from __future__ import annotations

import os
import pwd

from roost.api.connection import Call
from roost.errors import NotAllowed


def require_right(call: Call, right: str, what: str) -> None:
    """Raise `NotAllowed` unless the caller may do ``what`` (it needs ``right``)."""
    if call.peer.uid not in (0, os.geteuid()):
        why = f"user {_name_of(call.peer.uid)} lacks the authorization {right}"
        raise NotAllowed(what, why, "sudo the same command")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
