"""The written TOML: its looks, what it falls back to, what it refuses; notes in both notations."""

from __future__ import annotations

import pytest

from roost.errors import ManifestError
from roost.manifest import normal_form, read_bundle, write_bundle, write_toml
from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import (
    MAX_COUNT,
    Property,
    PropertyGroup,
    PropertyType,
    make_group,
)

T = PropertyType
NAME = "test.toml"


def astring(name: str, *values: str) -> Property:
    return Property(name, T.ASTRING, values)


def method(name: str, command: str, timeout: str = "60", *more: Property) -> PropertyGroup:
    own = (astring("type", "method"), astring("exec", command))
    return make_group(
        name, "method", [*own, Property("timeout_seconds", T.COUNT, (timeout,)), *more]
    )


def dependency(name: str, grouping: str, restart_on: str, *targets: str) -> PropertyGroup:
    kind = "path" if targets and targets[0].startswith("file:") else "service"
    own = (astring("type", kind), astring("grouping", grouping), astring("restart_on", restart_on))
    return make_group(name, "dependency", [*own, Property("entities", T.FMRI, targets)])


def of(service: ServiceBundle, kind: BundleType = BundleType.MANIFEST) -> Bundle:
    return Bundle(kind, "site-a", (service,))


def written(bundle: Bundle) -> str:
    data = write_toml(bundle)
    assert read_bundle(data, NAME) == normal_form(bundle)
    return data.decode()


def of_groups(*groups: PropertyGroup, is_profile: bool = False) -> str:
    """What is written for the groups of a service without instances, without its header."""
    kind = BundleType.PROFILE if is_profile else BundleType.MANIFEST
    text = written(of(ServiceBundle("site/a", groups=groups), kind))
    head = 'type = "profile"\n\n' if is_profile else ""
    head += '[service."site/a"]\n' + ("" if is_profile else "instance = {}\n")
    if text.startswith(head):
        return text.removeprefix(head).strip()
    return text.replace("instance = {}\n", "").partition('"]\n')[2].strip()


USER = (astring("user", "u"), Property("use_profile", T.BOOLEAN, ("false",)))


def test_the_whole_form() -> None:
    service = ServiceBundle(
        "site/a",
        3,
        "restarter",
        (
            method("start", "/bin/x -p %{config/port}", "60", *USER, astring("environment", "A=b")),
            method("stop", ":kill"),
            method("refresh", ":kill -HUP", str(MAX_COUNT)),
            make_group("general", "framework", [
                Property("single_instance", T.BOOLEAN, ("true",)),
                Property("restarter", T.FMRI, ("svc:/r:default",)),
                astring("entity_stability", "Stable"),
                astring("comment", "line 1\nline 2"),
            ]),
            make_group("startd", "framework", [astring("duration", "child")]),
            make_group("method_context", "framework", [astring("working_directory", "/")]),
            dependency("net", "require_all", "none", "svc:/net"),
            dependency("files", "optional_all", "restart", "file://localhost/a", "file://localhost/b"),
            make_group("config", "application", [
                astring("none"), astring("two", "1", "2"), Property("port", T.COUNT, ("80",)),
                Property("least", T.INTEGER, ("-9223372036854775808",)),
                Property("most", T.COUNT, (str(MAX_COUNT),)),
                Property("flag", T.BOOLEAN, ("true",)),
            ]),
            make_group("users", "odd"),
            make_group("tm_common_name", "template", [Property("C", T.USTRING, ('A "b"',))]),
        ),
        (Dependent("up", "optional_all", "none", "svc:/m"),),
        (
            InstanceBundle("default", False),
            InstanceBundle("two", True, (make_group("g", "application"),)),
        ),
        ("old",),
        frozenset({("config", "flag")}),
    )  # fmt: skip
    assert written(of(service)) == (
        """\
[service."site/a"]
type = "restarter"
version = 3
common_name = 'A "b"'
single_instance = true
stability = "Stable"
restarter = "svc:/r:default"
stop = ":kill"
refresh = { exec = ":kill -HUP", timeout_seconds = -1 }
duration = "child"
working_directory = "/"
delete = ["old"]

[service."site/a".start]
exec = "/bin/x -p %{config/port}"
user = "u"
environment = { A = "b" }

[service."site/a".needs]
files = { optional_all = ["/a", "/b"], restart_on = "restart" }
net = "svc:/net"

[service."site/a".needed_by]
up = { optional_all = "svc:/m" }

[service."site/a".general]
comment = \"""
line 1
line 2\"""

[service."site/a".config]
none = []
two = ["1", "2"]
port = { count = 80 }
least = -9223372036854775808
most = { count = "18446744073709551615" }
flag = { value = true, override = true }

[service."site/a".property_group.users]
_type = "odd"

[service."site/a".instance.default]
enabled = false

[service."site/a".instance.two]
enabled = true

[service."site/a".instance.two.g]
"""
    )


def test_the_least() -> None:
    service = ServiceBundle("site/a", instances=(InstanceBundle("default", True),))
    assert written(of(service)) == '[service."site/a"]\nenabled = true\n'
    assert written(Bundle(BundleType.ARCHIVE, "")) == 'type = "archive"\n'
    assert written(Bundle(BundleType.MANIFEST, "x")) == 'name = "x"\n'


def test_dependencies_without_names() -> None:
    groups = (
        dependency("net", "require_all", "none", "svc:/net"),
        dependency("etc-x", "require_any", "none", "file://localhost/etc/x"),
    )
    assert of_groups(*groups) == 'needs = [{ require_any = "/etc/x" }, "svc:/net"]'
    service = ServiceBundle(
        "site/a",
        dependents=(Dependent("site-a_m", "require_all", "none", "svc:/m"),),
        instances=(InstanceBundle("default", True),),
    )
    assert 'needed_by = ["svc:/m"]\n' in written(of(service))


@pytest.mark.parametrize(
    ("group", "text"),
    [
        (method("start", "/x", "30"), 'start = { exec = "/x", timeout_seconds = 30 }'),
        (method("start", "\udcff"), 'start = { hex = "ff" }'),
        (method("m", "/x"), 'm = { _type = "method", exec = "/x" }'),
        (
            make_group("start", "method", [astring("exec", "x")]),
            '[service."site/a".property_group.start]\n_type = "method"\nexec = "x"',
        ),
        (
            make_group("start", "framework"),
            '[service."site/a".start]\n_type = "framework"',
        ),
        (
            method("start", "x", "60", astring("odd", "a")),
            'start = { exec = "x", odd = { astring = "a" } }',
        ),
        (
            make_group("startd", "framework", [astring("duration", "odd")]),
            '[service."site/a".startd]\nduration = "odd"',
        ),
        (
            make_group("startd", "framework", [astring("duration", "child", "wait")]),
            '[service."site/a".startd]\nduration = { astring = ["child", "wait"] }',
        ),
        (
            make_group("method_context", "framework", [astring("user", "u")]),
            '[service."site/a".property_group.method_context]\n_type = "framework"\nuser = "u"',
        ),
        (
            make_group("method_context", "framework", [*USER, astring("profile", "p")]),
            '[service."site/a".method_context]\nprofile = "p"\nuser = "u"',
        ),
        (
            make_group("general", "framework", [Property("enabled", T.BOOLEAN, ("false",))]),
            '[service."site/a".general]\nenabled = false',
        ),
        (make_group("general", "framework"), '[service."site/a".general]'),
        (
            dependency("d", "odd", "none", "svc:/x"),
            """\
[service."site/a".d]
_type = "dependency"
type = "service"
grouping = "odd"
restart_on = "none"
entities = "svc:/x\"""",
        ),
        (
            make_group("all", "notify_params", [
                Property("smtp,active", T.BOOLEAN, ("false",)), astring("smtp,to", "a", "b"),
            ]),
            '[service."site/a".notify.all]\nsmtp = { active = false, to = ["a", "b"] }',
        ),
        (
            make_group("all", "notify_params", [astring("to", "x")]),
            '[service."site/a".all]\n_type = "notify_params"\nto = "x"',
        ),
        (
            make_group("tm_common_name", "template", [Property("C", T.USTRING, (" x",))]),
            '[service."site/a".tm_common_name]\n_type = "template"\nC = { ustring = " x" }',
        ),
    ],
)  # fmt: skip
def test_what_each_group_becomes(group: PropertyGroup, text: str) -> None:
    assert of_groups(group) == text


@pytest.mark.parametrize(
    ("prop", "text"),
    [
        (astring("p", "\udcff", "a"), 'p = [{ hex = "ff" }, "a"]'),
        (astring("p", 'a"b', "a\\b", "a'\"b"), """p = ['a"b', 'a\\b', "a'\\"b"]"""),
        (astring("p", "\x01\x7f\U000e0001"), 'p = "\\u0001\\u007f\\U000e0001"'),
        (astring("p", "ä€"), 'p = "ä€"'),
        (astring("p", "a\n\\n\\t\t"), 'p = """\na\n\\\\n\\\\t\t"""'),
        (astring("p", "a\nb "), 'p = """\na\nb """'),
        (astring("p", "a \nb"), 'p = "a \\nb"'),
        (astring("p", 'a\n"""\\"'), 'p = """\na\n"\\""\\\\\\""""'),
        (astring("p", "a\r\nb"), 'p = "a\\r\\nb"'),
        (Property("p", T.TIME, ("1.500000000",)), 'p = { time = "1.500000000" }'),
        (Property("p", T.OPAQUE, ("ff", "")), 'p = { opaque = ["ff", ""] }'),
        (Property("p", T.BOOLEAN), "p = { boolean = [] }"),
        (
            astring("p", *["x" * 30] * 3),
            "p = [\n" + f'    "{"x" * 30}",\n' * 3 + "]",
        ),
        (
            Property("p", T.URI, ("x" * 40,) * 2),
            "p = { uri = [\n" + f'    "{"x" * 40}",\n' * 2 + "] }",
        ),
    ],
)  # fmt: skip
def test_what_each_value_becomes(prop: Property, text: str) -> None:
    assert of_groups(make_group("g", "application", [prop])).partition("]\n")[2] == text


def test_a_long_line_is_broken_after_blanks() -> None:
    value = astring("p", "word \\t  " * 9 + 'x""" ""')
    broken = r'''p = """\
    word \\t  word \\t  word \\t  word \\t  word \\t  word \\t  word \\t  word \
    \\t  word \\t  x"\"" "\""""'''
    assert of_groups(make_group("g", "application", [value])).partition("]\n")[2] == broken


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("1", "-2"), "[1, -2]"),
        (("true",), "true"),
        (("true", "1"), '["true", "1"]'),
        (("01",), '"01"'),
        (("9223372036854775808",), '"9223372036854775808"'),
        ((), "[]"),
        (("\udcff",), '{ hex = "ff" }'),
    ],
)
def test_values_of_open_types(values: tuple[str, ...], text: str) -> None:
    group = make_group("g", "", [astring("p", *values)])
    service = ServiceBundle("site/a", groups=(group,), untyped=frozenset({("g", "p")}))
    assert written(of(service, BundleType.PROFILE)).endswith(f'"site/a".g]\np = {text}\n')


def test_a_profile() -> None:
    group = make_group("g", "", [astring("p", "x"), astring("q", "1")])
    service = ServiceBundle(
        "site/a",
        groups=(group, method("start", "/x")),
        instances=(InstanceBundle("default", False),),
        untyped=frozenset({("g", "q")}),
    )
    assert written(of(service, BundleType.PROFILE)) == (
        """\
type = "profile"

[service."site/a"]
enabled = false
start = { type = "method", exec = "/x", timeout_seconds = 60 }

[service."site/a".g]
p = { astring = "x" }
q = 1
"""
    )


@pytest.mark.parametrize(
    ("service", "why"),
    [
        (ServiceBundle("a b"), "'a b' is not a legal service name"),
        (ServiceBundle("a", instances=(InstanceBundle("i"),)), "instance 'a:i' is not said to be"),
        (ServiceBundle("a", groups=(make_group("g", ""),)), "property group 'g' of 'a' holds"),
        (
            ServiceBundle("a", groups=(make_group("g", "t", [Property("p", T.COUNT, ("01",))]),)),
            "property group 'g' of 'a' holds something that no text says",
        ),
        (ServiceBundle("a", overrides=frozenset({("g", "p")})), "cannot express"),
        (ServiceBundle("a", kind="odd"), "'odd' is none of"),
        (ServiceBundle("a", groups=(make_group("g", "t", [astring("p", "\ud800")]),)), "half a"),
    ],
)
def test_refused(service: ServiceBundle, why: str) -> None:
    with pytest.raises(ManifestError) as caught:
        write_toml(of(service))
    assert caught.value.what == "write service bundle 'site-a'"
    assert why in caught.value.why


NOTES = {
    "svc:/site/a": ["of the service", "--", "x--->\ny\x1b"],
    "svc:/site/a:default": ["of default"],
    "svc:/site/a:two": ["of two"],
    "svc:/site/other": ["of nobody"],
}


def test_notes() -> None:
    default = InstanceBundle("default", True)
    alone = of(ServiceBundle("site/a", instances=(default,)))
    assert write_toml(alone, notes=NOTES).decode() == (
        '# of the service\n# --\n# x--->\n# y?\n[service."site/a"]\n# of default\nenabled = true\n'
    )
    both = of(ServiceBundle("site/a", instances=(default, InstanceBundle("two", False))))
    text = write_toml(both, notes=NOTES).decode()
    assert '\n\n# of default\n[service."site/a".instance.default]\n' in text
    assert '\n\n# of two\n[service."site/a".instance.two]\n' in text
    assert "nobody" not in text


def test_notes_in_xml() -> None:
    both = (InstanceBundle("default", True), InstanceBundle("two", False))
    bundle = of(ServiceBundle("site/a", instances=both))
    text = write_bundle(bundle, notes=NOTES).decode()
    assert (
        "  <!-- of the service -->\n  <!-- - - -->\n  <!-- x- - -> -->\n  <!-- y? -->\n  <service "
    ) in text
    assert "    <!-- of default -->\n    <create_default_instance " in text
    assert "    <!-- of two -->\n    <instance " in text
    assert read_bundle(text.encode()) == bundle
