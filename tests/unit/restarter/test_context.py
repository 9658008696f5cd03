from __future__ import annotations

import resource
from dataclasses import dataclass, field

import pytest

from roost.errors import InvalidValue
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from roost.restarter.accounts import Account, Identity
from roost.restarter.context import Limit, MethodContext, resolve_context

ROOT = Identity(0, 0, (0,))
ALICE = Identity(1000, 1000, (27, 1000))
Values = str | tuple[str, ...]


@dataclass
class Table:
    """A user database as a table."""

    accounts: list[Account] = field(
        default_factory=lambda: [
            Account("root", 0, 0, "/", "/bin/sh"),
            Account("alice", 1000, 1000, "/", "/bin/bash"),
            Account("homeless", 7, 70, "/nonexistent", "/bin/false"),
        ]
    )
    groups: dict[str, int] = field(default_factory=lambda: {"mail": 8, "adm": 4, "staff": 50})

    def by_name(self, name: str) -> Account | None:
        return next((a for a in self.accounts if a.name == name), None)

    def by_uid(self, uid: int) -> Account | None:
        return next((a for a in self.accounts if a.uid == uid), None)

    def group_id(self, name: str) -> int | None:
        return self.groups.get(name)

    def groups_of(self, account: Account, gid: int) -> tuple[int, ...]:
        return tuple(sorted({gid, self.groups["staff"]} if account.uid else {gid}))


def group(name: str, values: dict[str, Values]) -> PropertyGroup:
    properties = [
        Property(key, PropertyType.ASTRING, value if isinstance(value, tuple) else (value,))
        for key, value in values.items()
    ]
    return make_group(name, "method", properties)


def resolved(
    method: dict[str, Values], context: dict[str, Values] | None = None, running: Identity = ROOT
) -> MethodContext:
    groups = {"start": group("start", method)}
    if context is not None:
        groups["method_context"] = group("method_context", context)
    return resolve_context("start", groups, Table(), running)


def refusal(method: dict[str, Values], running: Identity = ROOT) -> str:
    with pytest.raises(InvalidValue) as refused:
        resolved(method, running=running)
    assert refused.value.message.startswith("cannot run the start method: ")
    return refused.value.why


def test_without_a_context_nothing_changes() -> None:
    found = resolved({})
    assert found.identity is None
    assert (found.directory, found.is_default_directory) == ("/", True)
    assert (found.umask, found.limits, found.environment, found.notes) == (0o022, (), (), ())


def test_each_attribute_is_looked_up_on_its_own() -> None:
    found = resolved(
        {"user": "alice", "environment": ("A=1",)},
        {"user": "homeless", "group": "mail", "environment": ("B=2",), "umask": "077"},
    )
    assert found.identity == Identity(1000, 8, (8, 50))
    assert found.environment == ("A=1",)
    assert found.umask == 0o077


@pytest.mark.parametrize(
    ("attributes", "identity"),
    [
        ({"user": "alice"}, Identity(1000, 1000, (50, 1000))),
        ({"user": "1000"}, Identity(1000, 1000, (50, 1000))),
        ({"user": "alice", "group": ":default"}, Identity(1000, 1000, (50, 1000))),
        ({"user": "alice", "group": "mail"}, Identity(1000, 8, (8, 50))),
        ({"user": "alice", "group": "12345"}, Identity(1000, 12345, (50, 12345))),
        ({"user": "alice", "supp_groups": "adm, 99 mail"}, Identity(1000, 1000, (4, 8, 99))),
        ({"user": "alice", "supp_groups": ""}, Identity(1000, 1000, ())),
        ({"user": "alice", "supp_groups": ":default"}, Identity(1000, 1000, (50, 1000))),
        ({"user": "root"}, None),
        ({"user": ":default"}, None),
        ({"group": "mail"}, Identity(0, 8, (8,))),
        ({"user": "alice", "use_profile": "false"}, Identity(1000, 1000, (50, 1000))),
        (
            {"user": "555", "group": "5", "supp_groups": "", "working_directory": "/"},
            Identity(555, 5, ()),
        ),
    ],
)
def test_credentials(attributes: dict[str, Values], identity: Identity | None) -> None:
    assert resolved(attributes).identity == identity


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"user": "bob"}, "there is no user 'bob'"),
        ({"user": str(2**32 - 1)}, "there is no user '4294967295'"),
        ({"user": "alice", "group": str(2**32 - 1)}, "there is no group '4294967295'"),
        ({"group": "nogroup"}, "there is no group 'nogroup'"),
        ({"user": "alice", "supp_groups": "adm,nogroup"}, "there is no group 'nogroup'"),
        ({"user": "555"}, "uid 555 has no entry in the user database, and no group is given"),
        ({"user": "555", "group": "5"}, "needs supp_groups"),
        ({"user": "555", "group": "5", "supp_groups": ""}, "needs a working_directory"),
        ({"use_profile": "true", "profile": "Web"}, "the execution profile 'Web'"),
        ({"use_profile": "false"}, "no user is given"),
        ({"working_directory": "relative"}, "is not an absolute path"),
        ({"umask": "8"}, "not an octal number"),
        ({"umask": "1777"}, "not an octal number"),
        ({"limits": "nofile"}, "is not NAME=SOFT[:HARD]"),
        ({"limits": "nofile=x"}, "is not NAME=SOFT[:HARD]"),
        ({"limits": "nofile=-1"}, "is not NAME=SOFT[:HARD]"),
        ({"limits": "nofile=9:8"}, "soft limit above its hard limit"),
        ({"limits": "nofile=unlimited:8"}, "soft limit above its hard limit"),
        ({"limits": "files=9"}, "'files' is not a resource limit"),
    ],
)
def test_refusals(attributes: dict[str, Values], why: str) -> None:
    assert why in refusal(attributes)


def test_limits() -> None:
    wanted = ("nofile=1024:4096", "RLIMIT_CORE=unlimited", "cpu = 7 : infinity")
    infinite = resource.RLIM_INFINITY
    assert resolved({"limits": wanted}).limits == (
        Limit("nofile", resource.RLIMIT_NOFILE, 1024, 4096),
        Limit("core", resource.RLIMIT_CORE, infinite, infinite),
        Limit("cpu", resource.RLIMIT_CPU, 7, infinite),
    )


@pytest.mark.parametrize(
    ("attributes", "directory", "is_default"),
    [
        ({"user": "homeless"}, "/", True),
        ({"user": "homeless", "working_directory": ":default"}, "/", True),
        ({"user": "homeless", "working_directory": ":home"}, "/nonexistent", False),
        ({"working_directory": "/var/tmp"}, "/var/tmp", False),
    ],
)
def test_directories(attributes: dict[str, Values], directory: str, is_default: bool) -> None:
    found = resolved(attributes)
    assert (found.directory, found.is_default_directory) == (directory, is_default)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"user": "alice"},
        {"user": "1000", "group": "1000"},
        {"user": ":default", "group": ":default", "supp_groups": ":default"},
        {"user": "alice", "supp_groups": "27"},
    ],
)
def test_without_root_rights_the_running_user_is_fine(attributes: dict[str, Values]) -> None:
    assert resolved(attributes, running=ALICE).identity is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"user": "root"},
        {"user": "homeless"},
        {"group": "mail"},
        {"user": "alice", "supp_groups": "adm"},
        {"user": "alice", "supp_groups": ""},
    ],
)
def test_without_root_rights_another_is_refused(attributes: dict[str, Values]) -> None:
    assert "needs root rights, and svc.startd runs as uid 1000" in refusal(attributes, ALICE)


def test_what_has_no_effect_is_noted_unless_it_is_the_default() -> None:
    quiet = {"project": ":default", "resource_pool": "", "security_flags": "default"}
    assert resolved(dict(quiet)).notes == ()
    notes = resolved({"project": "web", "corefile_pattern": "/cores/%p"}).notes
    assert [note.split()[0] for note in notes] == ["project", "corefile_pattern"]
