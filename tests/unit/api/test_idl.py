"""The parser of interface descriptions, and the check of values."""

from __future__ import annotations

import pytest

from roost.api.idl import packaged_interfaces, parse_interface
from roost.errors import BY_CODE, InvalidValue

EXAMPLE = """
# A comment with (every: thing) -> in it.
interface com.example.Test  # and one behind

type Colour (red, green)
type Point (x: int, y: ?float, tags: []string, more: [string]Point)
type Inner (of: (a: bool, b: (on, off)))
method Draw(points: []Point, colour: ?Colour, extra: object) -> (done: bool)
method Nothing() -> ()
error Broken (why: string)
"""


def test_members_are_found() -> None:
    found = parse_interface(EXAMPLE)
    assert found.name == "com.example.Test"
    assert set(found.types) == {"Colour", "Point", "Inner"}
    assert set(found.methods) == {"Draw", "Nothing"}
    assert set(found.errors) == {"Broken"}
    assert found.text == EXAMPLE


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"points": [], "extra": {}}, None),
        ({"points": [], "extra": {}, "colour": None}, None),
        ({"points": [], "extra": {}, "colour": "red"}, None),
        ({"points": [], "extra": {}, "colour": "blue"}, "colour"),
        ({"points": [], "extra": 1}, "extra"),
        ({"points": []}, "extra"),
        ({"points": [], "extra": {}, "other": 1}, "other"),
        ({"points": None, "extra": {}}, "points"),
        ({"points": [{"x": 1, "tags": [], "more": {}}], "extra": {}}, None),
        ({"points": [{"x": True, "tags": [], "more": {}}], "extra": {}}, "points[0].x"),
        ({"points": [{"x": 1, "y": 2, "tags": [1], "more": {}}]}, "points[0].tags[0]"),
        ({"points": [{"x": 1, "tags": [], "more": {"k": {}}}]}, "points[0].more[k].x"),
        ({"points": [{"x": 1, "tags": [], "more": []}]}, "points[0].more"),
        ([], ""),
    ],
)
def test_the_first_fault_is_named(value: object, fault: str | None) -> None:
    found = parse_interface(EXAMPLE)
    assert found.fault_in(found.methods["Draw"].takes, value) == fault


def test_inline_types() -> None:
    found = parse_interface(EXAMPLE)
    assert found.fault_in(found.types["Inner"], {"of": {"a": True, "b": "on"}}) is None
    assert found.fault_in(found.types["Inner"], {"of": {"a": True, "b": "x"}}) == "of.b"


@pytest.mark.parametrize(
    "text",
    [
        "method A() -> ()",
        "interface a.b method A(x) -> ()",
        "interface a.b method A(x: lower) -> ()",
        "interface a.b method A() ()",
        "interface a.b type A (x: int, y)",
        "interface a.b thing A ()",
        "interface a.b type A (x: int",
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(InvalidValue, match="line 1"):
        parse_interface(text)


def test_the_packaged_interfaces_name_only_types_that_exist() -> None:
    interfaces = packaged_interfaces()
    assert {"io.roost", "io.roost.Manager", "io.roost.Repository"} <= set(interfaces)
    for interface in interfaces.values():
        for method in interface.methods.values():
            for struct in (method.takes, method.gives):
                interface.fault_in(struct, dict.fromkeys(struct.fields))
        for kind in interface.types.values():
            interface.fault_in(kind, {})


def test_every_error_class_is_described() -> None:
    assert set(packaged_interfaces()["io.roost"].errors) == set(BY_CODE)
