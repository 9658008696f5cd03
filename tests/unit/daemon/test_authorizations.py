"""The table of who may do what: every cell, names with wildcards and objects, inheritance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from roost.daemon.authorizations import (
    MANAGE,
    MODIFY,
    SHUTDOWN,
    TABLE,
    Operation,
    Place,
    Source,
    authorizations_for,
    covers,
    first_granted,
    listed,
    operation_of_creation,
    operations_of_commit,
)
from roost.daemon.security_file import BUILT_IN, parse
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from roost.repository.port import Change, ChangeOp

S, X = "svc:/site/web", "svc:/site/web:blue"
ASTRING = PropertyType.ASTRING


def _group(
    name: str = "config", kind: str = "application", *, persistent: bool = True, **lists: str
) -> PropertyGroup:
    properties = [Property(key, ASTRING, tuple(text.split())) for key, text in lists.items()]
    return make_group(name, kind, properties, persistent=persistent)


CONFIG = _group(
    modify_authorization="a.modify", value_authorization="a.value", read_authorization="a.read"
)
GENERAL = _group("general", "framework", action_authorization="a.act a.more")
PLACE = Place(X, "config", "application", (CONFIG,), (GENERAL,))

TYPE = f"{MODIFY}.application"
ACTION = ("a.act", "a.more")
EXPECTED: Mapping[Operation, tuple[str, ...]] = {
    Operation.CONFIGURE: (MODIFY,),
    Operation.CREATE_GROUP: (MODIFY, TYPE),
    Operation.CREATE_REQUEST_GROUP: (MODIFY, TYPE, MANAGE, *ACTION),
    Operation.DELETE_GROUP: (MODIFY, TYPE),
    Operation.ACT: (MANAGE, *ACTION, MODIFY),
    Operation.CHANGE: (MODIFY, TYPE, "a.modify"),
    Operation.CHANGE_VALUES: (MODIFY, TYPE, "a.modify", "a.value"),
    Operation.CHANGE_ACTION_AUTHORIZATION: (MODIFY, MANAGE),
    Operation.READ: (MODIFY, TYPE, "a.modify", "a.value", "a.read"),
    Operation.READ_MODIFY_AUTHORIZATION: (MODIFY, TYPE, "a.modify", "a.read"),
    Operation.SHUT_DOWN: (SHUTDOWN,),
}
EVERYTHING = {name for names in EXPECTED.values() for name in names}


@pytest.mark.parametrize("operation", Operation, ids=lambda each: each.name)
def test_each_authorization_of_a_row_suffices_and_no_other(operation: Operation) -> None:
    wanted = authorizations_for(operation, PLACE)
    assert wanted == EXPECTED[operation]
    for name in wanted:
        assert first_granted([name], wanted, X) == name
    assert first_granted(EVERYTHING - set(wanted), wanted, X) is None
    assert first_granted([], wanted, X) is None


@pytest.mark.parametrize(
    ("kind", "has_own"),
    [
        *(("method", True), ("dependency", True), ("application", True), ("framework", True)),
        *(("template", False), ("com.example", False), ("", False)),
    ],
)
def test_types_with_an_authorization_of_their_own(kind: str, *, has_own: bool) -> None:
    wanted = authorizations_for(Operation.CREATE_GROUP, Place(X, "new", kind))
    assert wanted == ((MODIFY, f"{MODIFY}.{kind}") if has_own else (MODIFY,))


@pytest.mark.parametrize(
    ("name", "kind", "standard"),
    [
        *(("start", "application", "method"), ("general", "application", "framework")),
        *(("startd", "dependency", "framework"), ("stop", "framework", "method")),
    ],
)
def test_a_right_for_one_type_reaches_no_standard_group_of_another(
    name: str, kind: str, standard: str
) -> None:
    assert authorizations_for(Operation.CREATE_GROUP, Place(X, name, kind)) == (MODIFY,)
    place = Place(X, name, standard)
    assert f"{MODIFY}.{standard}" in authorizations_for(Operation.CREATE_GROUP, place)


def test_a_right_for_one_type_reaches_no_group_that_composes_with_another() -> None:
    service = _group("net", "dependency")
    wanted = authorizations_for(Operation.CREATE_GROUP, Place(X, "net", "application", (service,)))
    assert wanted == (MODIFY,)
    place = Place(S, "net", "application", types=frozenset({"dependency"}))
    assert authorizations_for(Operation.CREATE_GROUP, place) == (MODIFY,)


# --- what groups list -----------------------------------------------------------------------


def test_the_first_level_that_has_the_property_decides() -> None:
    own, above = _group(value_authorization="a.own"), _group(value_authorization="a.above")
    assert listed((own, above), "value_authorization") == ("a.own",)
    assert listed((_group(), above), "value_authorization") == ("a.above",)
    assert listed((_group(value_authorization=""), above), "value_authorization") == ()
    assert listed((), "value_authorization") == ()


@pytest.mark.parametrize("kind", [kind for kind in PropertyType if kind is not ASTRING])
def test_only_the_type_astring_counts(kind: PropertyType) -> None:
    prop = Property("value_authorization", kind, ("a.own",))
    own = make_group("config", "application", [prop])
    assert listed((own, _group(value_authorization="a.above")), "value_authorization") == ()


def test_action_authorization_of_a_group_of_another_type_does_not_count() -> None:
    forged = _group("general", "application", action_authorization="a.forged")
    wanted = authorizations_for(Operation.ACT, Place(X, general=(forged,)))
    assert wanted == (MANAGE, MODIFY)


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant", "wanted", "fmri", "is_covered"),
    [
        (MANAGE, MANAGE, X, True),
        (MANAGE, f"{MANAGE}.http", X, False),
        (f"{MANAGE}.http", MANAGE, X, False),
        (f"{MANAGE}.*", f"{MANAGE}.http", X, True),
        (f"{MANAGE}.", f"{MANAGE}.http", X, True),
        (f"{MANAGE}.*", f"{MANAGE}.http.deep", X, True),
        (f"{MANAGE}.*", MANAGE, X, False),
        (f"{MANAGE}.*", f"{MANAGE}r.x", X, False),
        ("solaris.*", MODIFY, "", True),
        ("solaris.smf.man*", MANAGE, X, False),
        # For one object: an instance by its name, a service or an instance by its FMRI.
        (f"{MANAGE}/blue", MANAGE, X, True),
        (f"{MANAGE}/green", MANAGE, X, False),
        (f"{MANAGE}/blue", MANAGE, S, False),
        (f"{MANAGE}/blue", MANAGE, "", False),
        (f"{MANAGE}/{X}", MANAGE, X, True),
        (f"{MANAGE}/{S}", MANAGE, X, True),
        (f"{MANAGE}/{S}", MANAGE, S, True),
        (f"{MANAGE}/{X}", MANAGE, S, False),
        (f"{MANAGE}/svc:/site/we", MANAGE, X, False),
        (f"{MANAGE}/site/web", MANAGE, X, False),
        (f"{MANAGE}.*/blue", f"{MANAGE}.http", X, True),
        (f"{MANAGE}.*/green", f"{MANAGE}.http", X, False),
        # A service may list a name with an object.
        (f"{MANAGE}.http/nginx", f"{MANAGE}.http/nginx", X, True),
        (f"{MANAGE}.http", f"{MANAGE}.http/nginx", X, True),
        (f"{MANAGE}.*", f"{MANAGE}.http/nginx", X, True),
        (f"{MANAGE}.http/nginx", f"{MANAGE}.http", X, False),
        (f"{MANAGE}.http/apache", f"{MANAGE}.http/nginx", X, False),
    ],
)
def test_names(grant: str, wanted: str, fmri: str, *, is_covered: bool) -> None:
    assert covers(grant, wanted, fmri) is is_covered


def test_the_first_of_the_wanted_is_told() -> None:
    assert first_granted(["solaris.*", "a.act"], ("a.act", MANAGE), X) == "a.act"


# --- which row a request is in ------------------------------------------------------------------

CREATE, REQUEST = Operation.CREATE_GROUP, Operation.CREATE_REQUEST_GROUP


@pytest.mark.parametrize(
    ("fmri", "name", "kind", "persistent", "expected"),
    [
        (X, "general_ovr", "framework", False, REQUEST),
        (X, "restarter_actions", "framework", False, REQUEST),
        (X, "general_ovr", "framework", True, CREATE),
        (X, "general_ovr", "application", False, CREATE),
        (S, "general_ovr", "framework", False, CREATE),
        (X, "general", "framework", False, CREATE),
        (X, "config", "application", True, CREATE),
    ],
)
def test_creating(
    fmri: str, name: str, kind: str, expected: Operation, *, persistent: bool
) -> None:
    assert operation_of_creation(fmri, name, kind, persistent=persistent) is expected


def _set(name: str, op: ChangeOp = ChangeOp.SET, kind: PropertyType | None = ASTRING) -> Change:
    return Change(op, name, kind, ("x",))


ACT, CHANGE, VALUES = Operation.ACT, Operation.CHANGE, Operation.CHANGE_VALUES
AUTHORIZING = Operation.CHANGE_ACTION_AUTHORIZATION
OVERRIDE = _group("general_ovr", "framework", persistent=False, enabled="true")
REQUESTS = _group("restarter_actions", "framework", persistent=False)


@pytest.mark.parametrize(
    ("group", "changes", "expected"),
    [
        (_group(port="1"), [_set("port")], [VALUES]),
        (_group(port="1"), [_set("port", ChangeOp.CHANGE)], [VALUES]),
        (_group(port="1"), [_set("port", kind=None)], [VALUES]),
        (_group(port="1"), [], [VALUES]),
        (_group(), [_set("port")], [CHANGE]),
        (_group(), [_set("port", ChangeOp.NEW)], [CHANGE]),
        (_group(port="1"), [_set("port", kind=PropertyType.COUNT)], [CHANGE]),
        (_group(port="1"), [_set("port", ChangeOp.CHANGE_TYPE)], [CHANGE]),
        (_group(port="1"), [_set("port", ChangeOp.DELETE)], [CHANGE]),
        (_group(port="1"), [_set("port"), _set("new")], [VALUES, CHANGE]),
        (CONFIG, [_set("modify_authorization")], [CHANGE]),
        (CONFIG, [_set("value_authorization"), _set("read_authorization")], [VALUES]),
        (GENERAL, [_set("action_authorization")], [AUTHORIZING]),
        (GENERAL, [_set("action_authorization", ChangeOp.DELETE)], [AUTHORIZING]),
        (GENERAL, [_set("action_authorization"), _set("enabled")], [AUTHORIZING, CHANGE]),
        (_group("general", "framework", enabled="true"), [_set("enabled")], [VALUES]),
        (_group(action_authorization="a"), [_set("action_authorization")], [VALUES]),
        (OVERRIDE, [_set("enabled")], [ACT]),
        (OVERRIDE, [_set("enabled"), _set("comment")], [ACT]),
        (OVERRIDE, [_set("enabled"), _set("other")], [VALUES, CHANGE]),
        (REQUESTS, [_set("restart")], [ACT]),
        (_group("general_ovr", "framework", enabled="1"), [_set("enabled")], [VALUES]),
        (_group("restarter_actions", "application", persistent=False), [_set("restart")], [CHANGE]),
    ],
)
def test_committing(group: PropertyGroup, changes: list[Change], expected: list[Operation]) -> None:
    assert operations_of_commit(group, changes) == expected


# --- the manual -----------------------------------------------------------------------------------

PAGE = Path(__file__).parents[3] / "man/smf_security.7"
_SHORT = {
    Source.MODIFY: "modify",
    Source.TYPE: "modify.TYPE",
    Source.MANAGE: "manage",
    Source.SHUTDOWN: "shutdown",
}


def test_the_manual_has_the_table() -> None:
    text = PAGE.read_text().replace("\\\n", "")
    table = text.partition(".Ss Who may do what")[2].partition(".El")[0]
    rows = re.findall(r"^\.It (?!Em)(.+) Ta (.+)$", table, re.MULTILINE)
    assert rows.pop() == ("read anything else", "everybody")
    written = [[_SHORT.get(each, each.value) for each in TABLE[op]] for op in Operation]
    assert [names.split(", ") for _, names in rows] == written


def test_the_manual_has_the_profiles_and_tables_of_the_file() -> None:
    text = PAGE.read_text()
    profiles = re.findall(r"^\.It Li (Service \w+)\n\.Li (.+)$", text, re.MULTILINE)
    assert {name: tuple(names.split(" , ")) for name, names in profiles} == BUILT_IN
    example = (PAGE.parent / "roost.toml.5").read_text().partition(".Bd")[2]
    grants = parse(example.partition("\n")[2].partition(".Ed")[0])
    assert grants.groups["web"] == ("site.web.manage", "site.web.values")
