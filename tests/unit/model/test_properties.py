"""Types of properties and their values, groups, composition."""

from __future__ import annotations

import pytest

from roost.errors import InvalidValue
from roost.fmri import MAX_VALUE_BYTES
from roost.model.properties import (
    MAX_COUNT,
    STRING_TYPES,
    Property,
    PropertyGroup,
    PropertyType,
    compose,
    group_to_json,
    is_subtype,
    make_group,
    parse_value,
    property_type,
)

T = PropertyType


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (T.BOOLEAN, "true", "true"),
        (T.BOOLEAN, "false", "false"),
        (T.BOOLEAN, "1", "true"),
        (T.BOOLEAN, "0", "false"),
        (T.COUNT, "0", "0"),
        (T.COUNT, "007", "7"),
        (T.COUNT, str(MAX_COUNT), str(MAX_COUNT)),
        (T.COUNT, "-1", str(MAX_COUNT)),
        (T.INTEGER, "-5", "-5"),
        (T.INTEGER, "+5", "5"),
        (T.INTEGER, str(-(2**63)), str(-(2**63))),
        (T.INTEGER, str(2**63 - 1), str(2**63 - 1)),
        (T.TIME, "12", "12.000000000"),
        (T.TIME, "12.5", "12.500000000"),
        (T.TIME, "1700000000.123456789", "1700000000.123456789"),
        (T.OPAQUE, "", ""),
        (T.OPAQUE, "00fF", "00ff"),
        (T.ASTRING, "", ""),
        (T.ASTRING, " any \n thing \udce9 ", " any \n thing \udce9 "),
        (T.USTRING, "gr\u00fc\u00df", "gr\u00fc\u00df"),
        (T.URI, "http://localhost/x?y#z", "http://localhost/x?y#z"),
        (T.URI, "relative/path", "relative/path"),
        (T.FMRI, "svc:/system/cron:default", "svc:/system/cron:default"),
        (T.FMRI, "file://localhost/etc/passwd", "file://localhost/etc/passwd"),
        (T.HOST, "mail.example.org", "mail.example.org"),
        (T.HOST, "10.0.0.1", "10.0.0.1"),
        (T.HOST, "::1", "::1"),
        (T.HOSTNAME, "a-1.example", "a-1.example"),
        (T.HOSTNAME, "3com.example", "3com.example"),
        (T.NET_ADDRESS, "10.0.0.1/8", "10.0.0.1/8"),
        (T.NET_ADDRESS, "fe80::1/10", "fe80::1/10"),
        (T.NET_ADDRESS_V4, "10.0.0.1", "10.0.0.1"),
        (T.NET_ADDRESS_V4, "10.0.0.1/32", "10.0.0.1/32"),
        (T.NET_ADDRESS_V4, "10.0.0.0/0", "10.0.0.0/0"),
        (T.NET_ADDRESS_V6, "::", "::"),
        (T.NET_ADDRESS_V6, "2001:db8::1/128", "2001:db8::1/128"),
    ],
)
def test_values(kind: PropertyType, text: str, expected: str) -> None:
    assert parse_value(kind, text) == expected
    assert parse_value(kind, expected) == expected  # canonical text stays as it is


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (T.BOOLEAN, "yes"),
        (T.BOOLEAN, "True"),
        (T.BOOLEAN, ""),
        (T.COUNT, ""),
        (T.COUNT, "1.5"),
        (T.COUNT, "five"),
        (T.COUNT, str(MAX_COUNT + 1)),
        (T.COUNT, str(-(2**64) - 1)),
        (T.COUNT, " 1"),
        (T.COUNT, "1\n"),
        (T.COUNT, "\u0665"),
        (T.INTEGER, str(2**63)),
        (T.INTEGER, str(-(2**63) - 1)),
        (T.INTEGER, "0x"),
        (T.TIME, "now"),
        (T.TIME, "1.1234567890"),
        (T.TIME, "1."),
        (T.TIME, "\u0665"),
        (T.OPAQUE, "abc"),
        (T.OPAQUE, "zz"),
        (T.ASTRING, "a\0b"),
        (T.USTRING, "caf\udce9"),
        (T.URI, "two words"),
        (T.URI, "caf\udce9"),
        (T.HOST, "two words"),
        (T.HOST, ""),
        (T.HOST, "-a"),
        (T.HOSTNAME, "-a"),
        (T.HOSTNAME, "a-"),
        (T.HOSTNAME, "a..b"),
        (T.HOSTNAME, "a" * 64),
        (T.HOSTNAME, ".".join(["a" * 60] * 5)),
        (T.NET_ADDRESS, "mail.example.org"),
        (T.NET_ADDRESS_V4, "10.0.0"),
        (T.NET_ADDRESS_V4, "10.0.0.256"),
        (T.NET_ADDRESS_V4, "10.0.0.1/33"),
        (T.NET_ADDRESS_V4, "10.0.0.1/"),
        (T.NET_ADDRESS_V4, "10.0.0.1/-1"),
        (T.NET_ADDRESS_V4, "::1"),
        (T.NET_ADDRESS_V6, "10.0.0.1"),
        (T.NET_ADDRESS_V6, "::1/129"),
        (T.NET_ADDRESS_V6, ":::"),
    ],
)
def test_what_is_no_value(kind: PropertyType, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_value(kind, text)
    assert f"as a value of type {kind.value}" in caught.value.message
    assert caught.value.why


@pytest.mark.parametrize("kind", [T.ASTRING, T.USTRING])
def test_length_counts_bytes(kind: PropertyType) -> None:
    assert parse_value(kind, "a" * MAX_VALUE_BYTES)
    with pytest.raises(InvalidValue, match=f"at most {MAX_VALUE_BYTES} bytes"):
        parse_value(kind, "a" * (MAX_VALUE_BYTES + 1))
    with pytest.raises(InvalidValue, match=r"aaa\.\.\.'"):
        parse_value(kind, "a" * MAX_VALUE_BYTES + "\u00e4")


def test_names_of_types() -> None:
    assert [property_type(kind.value) for kind in PropertyType] == list(PropertyType)
    with pytest.raises(InvalidValue, match="the types are boolean, count"):
        property_type("string")


BASES = {
    T.USTRING: {T.ASTRING},
    T.URI: {T.USTRING, T.ASTRING},
    T.FMRI: {T.URI, T.USTRING, T.ASTRING},
    T.HOST: {T.USTRING, T.ASTRING},
    T.HOSTNAME: {T.HOST, T.USTRING, T.ASTRING},
    T.NET_ADDRESS: {T.HOST, T.USTRING, T.ASTRING},
    T.NET_ADDRESS_V4: {T.NET_ADDRESS, T.HOST, T.USTRING, T.ASTRING},
    T.NET_ADDRESS_V6: {T.NET_ADDRESS, T.HOST, T.USTRING, T.ASTRING},
}


@pytest.mark.parametrize("kind", PropertyType)
def test_tree_of_types(kind: PropertyType) -> None:
    for base in PropertyType:
        assert is_subtype(kind, base) == (kind is base or base in BASES.get(kind, set()))
    assert (kind in STRING_TYPES) == is_subtype(kind, T.ASTRING)


# --- groups -------------------------------------------------------------------------------


def _group(name: str, kind: str = "application", **values: str) -> PropertyGroup:
    return make_group(name, kind, [Property(k, T.ASTRING, (v,)) for k, v in values.items()])


def test_reading_a_group() -> None:
    group = make_group(
        "g", "application", [Property("many", T.COUNT, ("1", "2")), Property("none", T.COUNT)]
    )
    assert group.value("many") == "1"
    assert group.values("many") == ("1", "2")
    assert (group.value("none", "x"), group.values("none"), group.has("none")) == ("x", (), True)
    assert (group.value("gone"), group.values("gone"), group.has("gone")) == ("", (), False)
    assert group.persistent
    assert list(group.properties) == ["many", "none"]


def test_composition_goes_property_by_property() -> None:
    upper = {"g": _group("g", "upper", a="1", b="2"), "i": _group("i", x="3")}
    lower = {"g": _group("g", "lower", b="9", c="8"), "s": _group("s", y="4")}
    composed = compose(upper, lower)
    assert set(composed) == {"g", "i", "s"}
    group = composed["g"]
    assert {name: group.value(name) for name in group.properties} == {"a": "1", "b": "2", "c": "8"}
    assert group.type == "upper"
    assert lower["g"].value("b") == "9"  # what went in stays as it was


def test_property_without_values_hides_the_lower_one() -> None:
    upper = {"g": make_group("g", "t", [Property("a", T.ASTRING)])}
    assert compose(upper, {"g": _group("g", a="1")})["g"].values("a") == ()


def test_wire_form() -> None:
    group = make_group("g", "t", [Property("a", T.COUNT, ("1", "2"))], persistent=False)
    assert group_to_json(group) == {
        "name": "g",
        "type": "t",
        "persistent": False,
        "generation": 0,
        "properties": [{"name": "a", "type": "count", "values": ["1", "2"]}],
    }
