"""setprop's forms, and what listprop prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.cli.cfg.lexer import BadCommand, WrongArguments, lex
from roost.cli.cfg.values import (
    Assignment,
    PropertyName,
    chosen_rows,
    glob_matcher,
    group_lines,
    parse_addition,
    parse_assignment,
    property_lines,
    property_name,
    settled,
    shown_values,
    without_matching,
)
from roost.errors import InvalidName, InvalidValue, TypeMismatch
from roost.model.properties import Property, PropertyType, make_group

USAGE = "setprop G/P = ..."
T = PropertyType
FMRI = "svc:/x"


def assignment(line: str) -> Assignment:
    return parse_assignment(lex(f"setprop {line}")[1:], USAGE)


@pytest.mark.parametrize(
    ("line", "kind", "values"),
    [
        ("a/b = c", None, ("c",)),
        ("a/b=c", None, ("c",)),
        ('a/b="a.example b.example"', None, ("a.example b.example",)),
        ("a/b = count: 7", T.COUNT, ("7",)),
        ("a/b=count: 7", T.COUNT, ("7",)),
        ("a/b = astring: (x y)", T.ASTRING, ("x", "y")),
        ("a/b = astring:(x)", T.ASTRING, ("x",)),
        ("a/b = (x y)", None, ("x", "y")),
        ("a/b = ()", None, ()),
        ("a/b = host: ()", T.HOST, ()),
        ('a/b = astring: ""', T.ASTRING, ("",)),
        ('a/b = "astring:"', None, ("astring:",)),
        ("a/b = foo:", None, ("foo:",)),
        ("a/b = svc:/x", None, ("svc:/x",)),
        ('a/b = ("(" "=" ">")', None, ("(", "=", ">")),
        ("a/b = (x\n y\n)", None, ("x", "y")),
        ("a/b = net_address_v4: 10.0.0.1", T.NET_ADDRESS_V4, ("10.0.0.1",)),
    ],
)
def test_setprop_forms(line: str, kind: PropertyType | None, values: tuple[str, ...]) -> None:
    assert assignment(line) == Assignment(PropertyName("a", "b"), kind, values)


@pytest.mark.parametrize(
    "line",
    ["", "a/b", "a/b =", "a/b c", "a/b c d", "= a/b c", "a/b = count:", "a/b = (x) y", "a/b == c"],
)
def test_setprop_refuses_other_shapes(line: str) -> None:
    with pytest.raises(BadCommand):
        assignment(line)


@pytest.mark.parametrize("line", ["", "a/b", "a/b =", "a/b c", "a/b = count:"])
def test_a_missing_part_gives_the_usage_line(line: str) -> None:
    with pytest.raises(WrongArguments) as caught:
        assignment(line)
    assert caught.value.message == f"usage: {USAGE}"
    assert caught.value.exit_status == 1


def test_several_values_without_parentheses_are_explained() -> None:
    with pytest.raises(BadCommand, match="several values need parentheses"):
        assignment("a/b = c d")


def test_a_sign_in_a_value_is_explained() -> None:
    with pytest.raises(BadCommand, match="needs double quotes"):
        assignment("a/b = c=d")


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(InvalidValue, match="'number' as a property type"):
        assignment("a/b = number: 3")


@pytest.mark.parametrize("text", ["a", "a/", "/b", "a/b/c", "a b/c", ""])
def test_property_names(text: str) -> None:
    with pytest.raises(InvalidName, match="GROUP/PROPERTY"):
        property_name(text)


def test_addpropvalue_forms() -> None:
    usage = "addpropvalue"
    assert parse_addition(lex("a/b c"), usage).values == ("c",)
    assert parse_addition(lex("a/b count: 4"), usage).type is T.COUNT
    for line in ("", "a/b", "a/b c d", "a/b = c", "a/b count:", "a/b (c)"):
        with pytest.raises(WrongArguments):
            parse_addition(lex(line), usage)


CONFIG = make_group(
    "config",
    "application",
    [Property("port", T.COUNT, ("80",)), Property("search", T.ASTRING, ("a b",))],
)


def test_an_existing_property_keeps_its_type() -> None:
    prop = settled(assignment('config/search="a.example b.example"'), CONFIG, FMRI)
    assert prop == Property("search", T.ASTRING, ("a.example b.example",))


def test_the_same_type_may_be_said() -> None:
    assert settled(assignment("config/port = count: 0x10"), CONFIG, FMRI).values == ("16",)


def test_another_type_is_refused_and_both_are_named() -> None:
    with pytest.raises(TypeMismatch, match="its type is count, not integer"):
        settled(assignment("config/port = integer: 3"), CONFIG, FMRI)


def test_a_value_must_fit_its_type() -> None:
    with pytest.raises(InvalidValue, match="of type count"):
        settled(assignment("config/port = http"), CONFIG, FMRI)


def test_a_new_property_needs_a_type() -> None:
    with pytest.raises(BadCommand, match="needs a type") as caught:
        settled(assignment("config/new = x"), CONFIG, FMRI)
    assert caught.value.hint == "setprop config/new = astring: x"


def test_a_type_without_blank_is_put_right() -> None:
    with pytest.raises(BadCommand) as caught:
        settled(assignment("config/new = count:8080"), CONFIG, FMRI)
    assert caught.value.hint == "setprop config/new = count: 8080"


def test_values_that_match_are_taken_away() -> None:
    prop = Property("x", T.ASTRING, ("one", "two", "three"))
    assert without_matching(prop, "t*").values == ("one",)
    assert without_matching(prop, "z*") == prop
    assert without_matching(prop, "tw").values == prop.values


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a*", "abc", True),
        (r"a\*", "abc", False),
        (r"a\*", "a*", True),
        (r"\[x]", "[x]", True),
        (r"a\\b", "a\\b", True),
        (r"\!", "!", True),
        ("[ab]?", "bz", True),
        ("a", "a\n", False),
        ("*", "a\nb", True),
    ],
)
def test_globs(pattern: str, text: str, matches: bool) -> None:
    assert (glob_matcher(pattern).match(text) is not None) is matches


def test_listprop_columns() -> None:
    groups = [
        make_group("general", "framework", [Property("enabled", T.BOOLEAN, ("true",))]),
        make_group(
            "config",
            "application",
            [
                Property("port", T.COUNT, ("8080", "8081")),
                Property("greeting", T.ASTRING, ("hello there",)),
                Property("names", T.USTRING, ("a", "b")),
                Property("one", T.ASTRING, ("a",)),
                Property("none", T.ASTRING),
                Property("empty", T.ASTRING, ("",)),
                Property("net", T.NET_ADDRESS_V4, ("10.0.0.1",)),
            ],
        ),
        make_group(
            "restarter",
            "framework",
            [Property("state", T.ASTRING, ("online",))],
            persistent=False,
        ),
    ]
    assert property_lines(chosen_rows(groups, None)) == [
        "general          framework",
        "general/enabled  boolean  true",
        "config           application",
        "config/port      count    8080 8081",
        'config/greeting  astring  "hello there"',
        'config/names     ustring  "a" "b"',
        "config/one       astring  a",
        "config/none      astring",
        'config/empty     astring  ""',
        "config/net       net_address_v4  10.0.0.1",
        "restarter        framework\tNONPERSISTENT",
        "restarter/state  astring  online",
    ]
    assert group_lines(groups) == [
        "general    framework",
        "config     application",
        "restarter  framework\tNONPERSISTENT",
    ]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("config", ["config", "config/port", "config/search"]),
        ("config/port", ["config/port"]),
        ("config/*", ["config/port", "config/search"]),
        ("*/p*", ["config/port"]),
        ("port", []),
    ],
)
def test_listprop_patterns(pattern: str, names: list[str]) -> None:
    rows = chosen_rows([CONFIG], pattern)
    assert [g.name if p is None else f"{g.name}/{p.name}" for g, p in rows] == names


@given(st.lists(st.text().filter(lambda text: "\0" not in text)))
def test_what_is_shown_can_be_set_again(values: list[str]) -> None:
    prop = Property("p", T.ASTRING, tuple(values))
    line = f"g/p = astring: ({' '.join(shown_values(prop))})"
    assert settled(assignment(line), make_group("g", "x", [prop]), FMRI) == prop


@given(st.text().filter(lambda text: "\0" not in text))
def test_a_single_value_needs_no_parentheses(value: str) -> None:
    prop = Property("p", T.ASTRING, (value,))
    line = f"g/p = {shown_values(prop)[0]}"
    assert settled(assignment(line), make_group("g", "x", [prop]), FMRI) == prop
