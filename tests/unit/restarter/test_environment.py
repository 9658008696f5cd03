from __future__ import annotations

from collections.abc import Mapping

from roost.restarter.accounts import Account
from roost.restarter.environment import DEFAULT_PATH, method_environment


def built(
    base: Mapping[str, str], *entries: str, account: Account | None = None
) -> tuple[dict[str, str], list[str]]:
    return method_environment(
        base,
        instance="svc:/a:b",
        method="stop",
        mark="7@1",
        account=account,
        entries=entries,
    )


def test_what_every_method_gets() -> None:
    assert built({"LANG": "C"}) == (
        {
            "LANG": "C",
            "PATH": DEFAULT_PATH,
            "SMF_FMRI": "svc:/a:b",
            "SMF_METHOD": "stop",
            "SMF_RESTARTER": "svc:/system/svc/restarter:default",
            "SMF_ZONENAME": "global",
            "ROOST_CONTRACT": "7@1",
        },
        [],
    )


def test_the_context_replaces_and_its_first_wins() -> None:
    found, notes = built({"PATH": "/bin", "LANG": "C"}, "LANG=de", "PATH=/mine", "LANG=fr", "E=")
    assert (found["LANG"], found["PATH"], found["E"]) == ("de", "/mine", "")
    assert notes == []


def test_reserved_names_and_other_text_are_dropped_with_a_line() -> None:
    found, notes = built({}, "SMF_FMRI=x", "SMF_MINE=x", "ROOST_CONTRACT=1", "text", "=x")
    assert found["SMF_FMRI"] == "svc:/a:b"
    assert found["ROOST_CONTRACT"] == "7@1"
    assert "SMF_MINE" not in found
    assert len(notes) == 5


def test_a_user_other_than_root_is_at_home() -> None:
    alice = Account("alice", 1000, 1000, "/home/alice", "/bin/bash")
    found, _ = built({"HOME": "/root"}, account=alice)
    wanted = {"HOME": "/home/alice", "LOGNAME": "alice", "USER": "alice", "SHELL": "/bin/bash"}
    assert wanted.items() <= found.items()
    assert built({}, "HOME=/else", account=alice)[0]["HOME"] == "/else"
    assert "USER" not in built({}, account=Account("root", 0, 0, "/root", "/bin/sh"))[0]
