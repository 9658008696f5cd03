"""FMRIs: grammar, names, abbreviations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost.errors import InvalidName
from roost.fmri import (
    MAX_FMRI_BYTES,
    MAX_NAME_BYTES,
    Fmri,
    canonical,
    check_name,
    is_component,
    is_glob,
    is_service_name,
    match_instances,
    match_services,
    parse,
    path_of,
)

# --- grammar ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("svc:/cron", Fmri("cron")),
        ("svc:/system/cron", Fmri("system/cron")),
        ("svc:/system/cron:default", Fmri("system/cron", "default")),
        ("svc:/a/b", Fmri("a/b")),
        ("svc:/a:b", Fmri("a", "b")),
        ("svc:/system/cron/:properties/start", Fmri("system/cron", None, "start")),
        ("svc:/system/cron/:properties/start/exec", Fmri("system/cron", None, "start", "exec")),
        ("svc:/system/cron:x/:properties/start", Fmri("system/cron", "x", "start")),
        ("svc:/system/cron:x/:properties/start/exec", Fmri("system/cron", "x", "start", "exec")),
        ("svc:/SUNW,foo/com.example,bar:v.1,z", Fmri("SUNW,foo/com.example,bar", "v.1,z")),
    ],
)
def test_every_form(text: str, expected: Fmri) -> None:
    assert parse(text) == expected
    assert str(expected) == text
    assert canonical(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "svc:/system/cron:default",
        "svc://localhost/system/cron:default",
        "svc:///system/cron:default",
        "svc://localhost@localhost/system/cron:default",
        "svc://@localhost/system/cron:default",
        "system/cron:default",
        "/system/cron:default",
        "svc:system/cron:default",
    ],
)
def test_scope_scheme_and_slash_may_vary(text: str) -> None:
    assert str(parse(text)) == "svc:/system/cron:default"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "svc:",
        "svc:/",
        "svc:/a//b",
        "svc:/a/",
        "svc:/1a",
        "svc:/a b",
        "svc:/foo!/bar",
        "svc:/foo/bar!",
        "svc:/-a",
        "svc:/a:",
        "svc:/a:b:c",
        "svc:/a:b/c",
        "svc:/a.b",
        "svc:/a/:properties/",
        "svc:/a/:properties/g/",
        "svc:/a/:properties/g/p/q",
        "svc:/a/:properties/g!",
        "svc:/a/:properties/g/p!",
        "svc:/\u00e4",
        "svc:/a\n",
        "svc://elsewhere/a",
        "lrc:/etc/rc2_d/S10x",
        "file:///etc/passwd",
        "http://localhost/a",
        ",a",
        "a,",
    ],
)
def test_what_is_no_fmri(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse(text)
    assert caught.value.message.startswith("cannot use '")
    assert caught.value.why


def test_lengths() -> None:
    assert parse("a" * MAX_NAME_BYTES)
    with pytest.raises(InvalidName):
        parse("a" * (MAX_NAME_BYTES + 1))
    with pytest.raises(InvalidName):
        parse("a:" + "b" * (MAX_NAME_BYTES + 1))
    with pytest.raises(InvalidName, match=f"longer than {MAX_FMRI_BYTES} bytes"):
        parse("svc:/a" + "/a" * MAX_FMRI_BYTES)


def test_text_that_is_no_utf8_is_refused_too() -> None:
    with pytest.raises(InvalidName):
        parse("svc:/caf\udce9")


def test_parts() -> None:
    fmri = parse("svc:/system/cron:default/:properties/start/exec")
    assert fmri.entity == Fmri("system/cron", "default")
    assert fmri.service_fmri == "svc:/system/cron"
    assert fmri.instance_fmri == "svc:/system/cron:default"
    with pytest.raises(InvalidName, match="names a service, not an instance"):
        _ = parse("system/cron").instance_fmri


_IDENTIFIERS = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True)
_COMPONENTS = st.one_of(
    _IDENTIFIERS,
    st.tuples(st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,5}", fullmatch=True), _IDENTIFIERS).map(
        ",".join
    ),
)


@st.composite
def _fmris(draw: st.DrawFn) -> Fmri:
    group = draw(st.none() | _COMPONENTS)
    return Fmri(
        "/".join(draw(st.lists(_COMPONENTS, min_size=1, max_size=4))),
        draw(st.none() | _COMPONENTS),
        group,
        draw(st.none() | _COMPONENTS) if group is not None else None,
    )


@settings(max_examples=100, derandomize=True)
@given(_fmris())
def test_printing_and_parsing_are_inverse(fmri: Fmri) -> None:
    assert parse(str(fmri)) == fmri


# --- names --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "A9", "a-b_c", "SUNW,a", "com.example,a", "a.b-c_9,z"])
def test_components(name: str) -> None:
    assert is_component(name)
    assert is_service_name(name)
    assert check_name(name, "property") == name


@pytest.mark.parametrize("name", ["", "9a", "_a", "a.b", "a/b", "a,b,c", ",a", "a,", "a,9", "*"])
def test_no_components(name: str) -> None:
    assert not is_component(name)
    with pytest.raises(InvalidName, match=r"as the name of a property: .*letter"):
        check_name(name, "property")


def test_long_names() -> None:
    assert is_component("a" * MAX_NAME_BYTES)
    with pytest.raises(InvalidName, match=f"longer than {MAX_NAME_BYTES} bytes"):
        check_name("a" * (MAX_NAME_BYTES + 1), "group")


# --- files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file://localhost/etc/passwd", "/etc/passwd"),
        ("file:///etc/passwd", "/etc/passwd"),
        ("file:/etc/passwd", "/etc/passwd"),
        ("file:///a b", "/a b"),
        ("file:etc", None),
        ("svc:/etc", None),
        ("/etc", None),
    ],
)
def test_file_fmris(text: str, path: str | None) -> None:
    assert path_of(text) == path
    if path is not None:
        assert canonical(text) == f"file://localhost{path}"


def test_canonical_leaves_other_text_alone() -> None:
    assert canonical("system/cron:default") == "svc:/system/cron:default"
    assert canonical("no fmri!") == "no fmri!"
    assert canonical("lrc:/etc/rc2_d/S10x") == "lrc:/etc/rc2_d/S10x"


# --- abbreviations ------------------------------------------------------------------------

INSTANCES = [
    "svc:/network/smtp:sendmail",
    "svc:/network/smtp:exim",
    "svc:/network/ssh:default",
    "svc:/network/rpc/keyserv:default",
    "svc:/site/sendmail:default",
    "lrc:/etc/rc2_d/S10x",
]
SMTP = INSTANCES[:2]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("smtp", SMTP),
        ("network/smtp", SMTP),
        ("/network/smtp", SMTP),
        ("smtp:", SMTP),
        ("svc:/network/smtp", SMTP),
        ("svc:/network/smtp:", SMTP),
        ("svc://localhost/network/smtp", SMTP),
        ("smtp:sendmail", SMTP[:1]),
        ("network/smtp:exim", SMTP[1:]),
        (":exim", SMTP[1:]),
        ("sendmail", [SMTP[0], INSTANCES[4]]),  # an instance's name, a service's name
        (":sendmail", SMTP[:1]),
        ("svc:/network/smtp:sendmail", SMTP[:1]),
        ("rpc/keyserv", INSTANCES[3:4]),
        ("default", [INSTANCES[2], INSTANCES[3], INSTANCES[4]]),
        ("mail", []),
        ("network", []),
        ("network/smt", []),
        ("work/smtp", []),
        ("smtp:send", []),
        ("svc:/smtp", []),  # a complete FMRI is looked up exactly
        ("svc:/network/smtp:x", []),
        ("svc:/no good", []),
        ("", []),
        (":", []),
        ("/", []),
    ],
)
def test_operands_of_svcs_and_svcadm(pattern: str, expected: list[str]) -> None:
    assert match_instances(pattern, INSTANCES) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*keyserv*", INSTANCES[3:4]),
        ("network/*", INSTANCES[:4]),  # / is nothing special
        ("network/s*:*e*l*t", INSTANCES[2:3]),
        ("smtp*", []),
        ("*smtp*", SMTP),
        ("svc:/network/s?h:default", INSTANCES[2:3]),
        ("*:[de]*", [*INSTANCES[1:5]]),
        ("lrc:*", INSTANCES[5:]),
        ("*", INSTANCES[:5]),
        ("*SMTP*", []),
    ],
)
def test_globs(pattern: str, expected: list[str]) -> None:
    assert is_glob(pattern)
    assert match_instances(pattern, INSTANCES) == expected


SERVICES = ["svc:/network/smtp", "svc:/network/ssh", "svc:/site/network/ssh"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("smtp", SERVICES[:1]),
        ("ssh", SERVICES[1:]),
        ("network/ssh", SERVICES[1:]),
        ("site/network/ssh", SERVICES[2:]),
        ("svc:/network/ssh", SERVICES[1:2]),
        ("svc:/network/ssh:default", []),
        ("svc:/network/s h", []),
        ("ssh:default", []),
        ("sh", []),
        ("", []),
        ("*ssh", SERVICES[1:]),
        ("network/*", SERVICES[:2]),
        ("svc:/site/*", SERVICES[2:]),
    ],
)
def test_operands_that_select_services(pattern: str, expected: list[str]) -> None:
    assert match_services(pattern, SERVICES) == expected


def test_plain_text_is_no_glob() -> None:
    assert not is_glob("svc:/network/smtp:sendmail")


@pytest.mark.parametrize("match", [match_instances, match_services])
def test_a_pattern_longer_than_any_fmri_selects_nothing(
    match: Callable[[str, list[str]], list[str]],
) -> None:
    known = ["svc:/site/a:default", "svc:/site/a"]
    assert match("*" * MAX_FMRI_BYTES, known) == known
    assert match("*" * (MAX_FMRI_BYTES + 1), known) == []
    # Its translation to a regular expression takes time that grows with the square.
    assert match("[" * (1 << 20), known) == []
