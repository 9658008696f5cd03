from __future__ import annotations

import pytest

from roost.restarter.capabilities import CapabilityPlan, plan_capabilities

CHOWN, KILL, SETGID, SETUID, BIND, PTRACE = 0, 5, 6, 7, 10, 19
EVERY = frozenset(range(41))


def plan(privileges: str | None, limit: str | None = None, *, is_root: bool = False) -> object:
    return plan_capabilities(privileges, limit, is_root=is_root, may_grant=True)[0]


@pytest.mark.parametrize("text", [None, "", ":default", "default"])
def test_the_default_plans_nothing(text: str | None) -> None:
    assert plan(text, text) is None


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("basic", set()),
        ("none", set()),
        ("basic,net_privaddr", {BIND}),
        ("basic net_privaddr,proc_setid", {BIND, SETUID, SETGID}),
        ("proc_owner", {KILL, PTRACE}),
        ("CAP_CHOWN,cap_kill", {CHOWN, KILL}),
        ("net_privaddr,!net_privaddr", set()),
        ("all", set(EVERY)),
        ("zone,!file_chown", set(EVERY) - {CHOWN}),
    ],
)
def test_privileges_of_a_user(text: str, held: set[int]) -> None:
    assert plan(text) == CapabilityPlan(frozenset(held), None)


def test_root_is_limited_by_its_bounding_set() -> None:
    held = EVERY - {CHOWN}
    assert plan("all,!file_chown", is_root=True) == CapabilityPlan(held, held)
    assert plan("default,!file_chown", is_root=True) == CapabilityPlan(held, held)


def test_the_limit_set_holds_for_what_is_held() -> None:
    some = frozenset({BIND, KILL})
    assert plan("net_privaddr,file_chown", "cap_kill,net_privaddr") == CapabilityPlan(
        frozenset({BIND}), some
    )
    assert plan(None, "cap_kill,net_privaddr") == CapabilityPlan(None, some)


def test_what_cannot_be_done_is_noted() -> None:
    text = "basic,!proc_info,dtrace_user"
    _, notes = plan_capabilities(text, None, is_root=False, may_grant=True)
    assert notes == [
        "privileges: 'proc_info' cannot be taken away on Linux.",
        "privileges: 'dtrace_user' cannot be given on Linux.",
    ]
    found, notes = plan_capabilities("net_privaddr", None, is_root=False, may_grant=False)
    assert found is None
    assert notes == ["privileges have no effect: svc.startd has no root rights."]
