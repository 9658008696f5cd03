"""Any bundle survives being written as TOML; nothing that is read can cause more than a refusal."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roost.errors import ManifestError
from roost.manifest import find_problems, normal_form, read_bundle, write_bundle, write_toml
from roost.manifest._toml_source import Path, parse_toml
from roost.manifest._toml_words import known_types
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import Property, PropertyGroup, PropertyType
from tests.property.bundles import bundles

CALM = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

NAME = "test.toml"
E = TypeVar("E", ServiceBundle, InstanceBundle)


def is_of_bytes(text: str) -> bool:
    """Is this what some bytes are decoded to?"""
    raw = text.encode(errors="surrogateescape")
    return raw.decode(errors="surrogateescape") == text


TRAPS = ["\\n", "\\t", '"', '"""', "\\", "\n", "\t", " ", "  ", "a" * 30, "'", "\udcff", "\\u0041"]
ANY_TEXT = st.lists(st.sampled_from(TRAPS), max_size=5).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.sampled_from("\udc80\udcff\"'\\\n\t\r\x7f#= "),
    max_size=10,
).filter(is_of_bytes)
OPEN_VALUES = st.sampled_from(["true", "false", "1", "-1", "01", "", "a b", "9" * 30]) | ANY_TEXT


def changed(draw: st.DrawFn, entity: E, *, is_profile: bool) -> E:
    """The entity with texts that XML cannot hold and, in a profile, with types left open."""
    groups: list[PropertyGroup] = []
    untyped: set[tuple[str, str]] = set()
    for group in entity.groups:
        properties: dict[str, Property] = {}
        for name, prop in group.properties.items():
            properties[name] = prop
            if (group.name, name) == ("general", "enabled"):
                continue
            if is_profile and draw(st.booleans()):
                values = draw(st.lists(OPEN_VALUES, max_size=3))
                properties[name] = Property(name, PropertyType.ASTRING, tuple(values))
                untyped.add((group.name, name))
            elif prop.type is PropertyType.ASTRING and draw(st.booleans()):
                properties[name] = replace(prop, values=tuple(draw(ANY_TEXT) for _ in prop.values))
        kind = "" if is_profile and draw(st.booleans()) else group.type
        groups.append(PropertyGroup(group.name, kind, properties))
    return replace(entity, groups=tuple(groups), untyped=frozenset(untyped))


@st.composite
def any_bundles(draw: st.DrawFn) -> Bundle:
    bundle = draw(bundles())
    is_profile = bundle.type is BundleType.PROFILE
    services = []
    for service in bundle.services:
        instances = [changed(draw, one, is_profile=is_profile) for one in service.instances]
        whole = replace(service, instances=tuple(instances))
        services.append(changed(draw, whole, is_profile=is_profile))
    return replace(bundle, services=tuple(services))


@CALM
@given(bundles() | any_bundles())
def test_writing_and_reading_is_the_identity(bundle: Bundle) -> None:
    wanted = normal_form(bundle)
    written = write_toml(bundle)
    assert read_bundle(written, NAME) == wanted
    assert write_toml(wanted) == written


@CALM
@given(any_bundles())
def test_properties_keep_their_order(bundle: Bundle) -> None:
    found = read_bundle(write_toml(bundle), NAME)
    for ours, theirs in zip(found.services, normal_form(bundle).services, strict=True):
        for group, wanted in zip(ours.groups, theirs.groups, strict=True):
            is_ordered = "use_profile" not in known_types(group.name, group.type)
            if is_ordered and group.name != "general" and group.type != "dependency":
                assert list(group.properties) == list(wanted.properties)


@CALM
@given(any_bundles(), st.text(max_size=20))
def test_notes_change_nothing(bundle: Bundle, note: str) -> None:
    notes = {f"svc:/{service.name}": [note, note] for service in bundle.services} | {
        f"svc:/{service.name}:{instance.name}": [note]
        for service in bundle.services
        for instance in service.instances
    }
    assert read_bundle(write_toml(bundle, notes=notes), NAME) == normal_form(bundle)


@CALM
@given(bundles(), st.text(max_size=20))
def test_notes_change_nothing_in_xml(bundle: Bundle, note: str) -> None:
    notes = {f"svc:/{service.name}": [note, "-", note] for service in bundle.services}
    assert read_bundle(write_bundle(bundle, notes=notes)) == normal_form(bundle)


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Every key and every member of an array in a document."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from paths(inner, (*path, at))


@CALM
@given(any_bundles())
def test_every_key_has_its_line(bundle: Bundle) -> None:
    written = write_toml(bundle)
    place = parse_toml(written, NAME).place
    lines = written.decode().split("\n")
    assert place.lines.keys() == set(paths(tomllib.loads(written.decode())))
    for path, line in place.lines.items():
        if isinstance(path[-1], str) and path[-1].isalnum():
            assert path[-1] in lines[line - 1]


DOCUMENT = b"""\
# A comment
type = "manifest"
name = "x"
[service."site/x"]
type = "restarter"
common_name = { C = "x", de = "ix" }
manpage = ["x(8)", { title = "y", section = "1", manpath = "/z" }]
single_instance = true
stability = "Unstable"
restarter = "svc:/r:default"
start = { exec = "/m %m & <", timeout_seconds = -1 }
stop = ':kill'
duration = "child"
user = "nobody"
environment = { LANG = "C.UTF-8" }
delete = ["old"]
needed_by = ["svc:/m"]
needs = [{ optional_all = ["/etc/x", "/etc/y"], restart_on = "error" }, "svc:/y"]
[service."site/x".g]
_type = "framework"
p = { count = 1, override = true }
q = { net_address_v4 = ["10.0.0.1/8"] }
r = [1, -2, 0x10]
s = \"\"\"
two
lines\"\"\"
[service."site/x".property_group.users]
[service."site/x".notify.all]
smtp = { to = "root", active = false }
[service."site/x".pattern.g]
required = true
property.p = { type = "count", cardinality = { min = 1, max = 2 }, constraints = [[1, 9]] }
[service."site/x".instance.i]
enabled = false
[service.y]
"""


def refuse_or_read(data: bytes) -> None:
    problems = find_problems(data, NAME)
    assert all(problem.startswith(f"{NAME}:") for problem in problems)
    if problems:
        with pytest.raises(ManifestError):
            read_bundle(data, NAME)
    else:
        found = read_bundle(data, NAME)
        assert read_bundle(write_toml(found), NAME) == found


def test_the_document_is_good() -> None:
    assert find_problems(DOCUMENT, NAME) == []


@CALM
@given(
    st.lists(
        st.tuples(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 40), st.binary(max_size=6)),
        min_size=1,
        max_size=6,
    )
)
def test_changed_bytes(changes: list[tuple[int, int, bytes]]) -> None:
    data = DOCUMENT
    for at, length, new in changes:
        data = data[:at] + new + data[at + length :]
    refuse_or_read(data)


PIECES = [
    *sorted({word for word in DOCUMENT.split() if word}),
    *(b"[", b"]", b"{", b"}", b'"""', b"'''", b'"', b"\n", b"= ", b", ", b".", b"\\", b"#"),
    *(b"1.5", b"1979-05-27", b"{ hex = 'ff' }", b"[[service.x]]\n", b"nan"),
]


@CALM
@given(
    st.lists(
        st.tuples(st.integers(0, len(DOCUMENT) - 1), st.sampled_from(PIECES)),
        min_size=1,
        max_size=4,
    )
)
def test_words_in_wrong_places(changes: list[tuple[int, bytes]]) -> None:
    data = DOCUMENT
    for at, word in changes:
        space = data.find(b" ", at)
        data = data[: space + 1] + word + b" " + data[space + 1 :]
    refuse_or_read(data)


@CALM
@given(st.integers(0, len(DOCUMENT)), st.integers(0, len(DOCUMENT)))
def test_lines_taken_out(start: int, end: int) -> None:
    lines = DOCUMENT.splitlines(keepends=True)
    refuse_or_read(b"".join(lines[: start % len(lines)] + lines[end % len(lines) :]))


@CALM
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_pieces(pieces: list[bytes]) -> None:
    refuse_or_read(b" ".join(pieces))
    refuse_or_read(b"[service.x]\n" + b"".join(pieces))


@CALM
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    refuse_or_read(data)


DEEP = st.sampled_from(
    ["[", "{a=", "{ 'b' . c =\n", "[1,", '["",', "[[a]]\n", "[a.b]\n", "a.", "x="]
)


@CALM
@given(st.lists(DEEP, max_size=12), DEEP, st.integers(1, 40_000))
def test_no_depth_does_harm(start: list[str], again: str, times: int) -> None:
    problems = find_problems(("".join(start) + again * times).encode(), NAME)
    assert problems or not start
