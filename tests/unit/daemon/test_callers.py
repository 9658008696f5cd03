"""Which grants a caller has: by the names and numbers of its user and of its groups."""

from __future__ import annotations

import grp
import os
import socket

import pytest

from roost.api.connection import Peer, peer_of
from roost.daemon.callers import granted, is_trusted, user_name
from roost.daemon.security_file import Grants

UNKNOWN = 64999
"""No database has a user or a group of this number."""
GRANTS = Grants(
    {"root": ("u.root",), "0": ("u.zero",), str(UNKNOWN): ("u.unknown",)},
    {
        grp.getgrgid(0).gr_name: ("g.root",),
        str(UNKNOWN): ("g.unknown",),
        "no-such-group": ("g.none",),
    },
)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (Peer(0, 5, 1, ()), {"u.root", "u.zero"}),
        (Peer(UNKNOWN, 5, 1, ()), {"u.unknown"}),
        (Peer(64998, 0, 1, ()), {"g.root"}),
        (Peer(64998, UNKNOWN, 1, ()), {"g.unknown"}),
        (Peer(64998, 5, 1, (7, UNKNOWN, 0)), {"g.unknown", "g.root"}),
        (Peer(64998, 5, 1, ()), set()),
        # Without the kernel's word: what the database says, and nothing for whom it does not have.
        (Peer(0, 0, 1), {"u.root", "u.zero", "g.root"}),
        (Peer(64998, 5, 1), set()),
    ],
)
def test_what_a_caller_has(peer: Peer, expected: set[str]) -> None:
    assert set(granted(GRANTS, peer)) == expected


def test_names() -> None:
    assert user_name(0) == "root"
    assert user_name(UNKNOWN) == str(UNKNOWN)


def test_who_is_trusted() -> None:
    assert is_trusted(Peer(0, 0, 1))
    assert is_trusted(Peer(os.geteuid(), 5, 1))
    assert not is_trusted(Peer(UNKNOWN, 0, 1, (0,)))


def test_the_kernel_tells_the_groups_of_a_peer() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = peer_of(ours)
    assert (peer.uid, peer.gid, peer.pid) == (os.geteuid(), os.getegid(), os.getpid())
    assert peer.groups is not None
    assert set(peer.groups) == set(os.getgroups())
