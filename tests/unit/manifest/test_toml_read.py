"""Each form of the TOML notation, and each mistake in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roost.errors import ManifestError
from roost.manifest import find_problems, read_bundle, write_toml
from roost.manifest._toml_source import MAX_BYTES, MAX_KEYS, MAX_WORD, parse_toml
from roost.model.bundle import BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import MAX_COUNT, PropertyType
from tests.unit.manifest.documents import facts, group

NAME = "test.toml"


def read(body: str, kind: str = "") -> ServiceBundle:
    """The service of a document, after a check that writing and reading it gives the same."""
    top = f'type = "{kind}"\n' if kind else ""
    bundle = read_bundle(f"{top}[service.x]\n{body}\n".encode(), NAME)
    assert read_bundle(write_toml(bundle), NAME) == bundle
    return bundle.services[0]


def properties(body: str, name: str = "g", kind: str = "") -> dict[str, tuple[str, ...]]:
    return facts(group(read(body, kind), name))


def of_group(value: str) -> dict[str, tuple[str, ...]]:
    return properties(f"g.p = {value}")


# The document


def test_the_least_service() -> None:
    bundle = read_bundle(b"[service.x]\n", NAME)
    assert (bundle.type, bundle.name) == (BundleType.MANIFEST, "x")
    assert bundle.services == (ServiceBundle("x", instances=(InstanceBundle("default", True),)),)


def test_several_services_and_a_name() -> None:
    bundle = read_bundle(b'type = "archive"\nname = ""\nservice."b/c" = {}\nservice.a = {}', NAME)
    assert (bundle.type, bundle.name) == (BundleType.ARCHIVE, "")
    assert [service.name for service in bundle.services] == ["b/c", "a"]
    assert read_bundle(b'[service."b/c"]\n[service.a]', NAME).name == "b-c"


def test_an_empty_document() -> None:
    bundle = read_bundle(b"", NAME)
    assert (bundle.name, bundle.services) == ("", ())
    assert write_toml(bundle) == b"\n"


def test_a_file_is_toml_by_its_name(tmp_path: Path) -> None:
    path = f"{tmp_path}/x.toml"
    with open(path, "wb") as file:
        file.write(b"\xef\xbb\xbf[service.x]\r\n")
    assert read_bundle(path).services[0].name == "x"
    assert read_bundle(path, "y.xml").services[0].name == "x"
    assert find_problems(path) == []


# Services and instances


def test_heads() -> None:
    service = read('type = "milestone"\nversion = 7\nenabled = false')
    assert (service.kind, service.version) == ("milestone", 7)
    assert service.instances == (InstanceBundle("default", False),)


def test_instances() -> None:
    assert read("instance = {}").instances == ()
    service = read('instance.b = {}\ninstance.a = { enabled = false, stop = ":true" }')
    assert [(one.name, one.enabled) for one in service.instances] == [("b", True), ("a", False)]
    assert group(service.instances[1], "stop").value("exec") == ":true"


def test_what_general_gets() -> None:
    body = 'stability = "Stable"\nrestarter = "svc:/r"\nsingle_instance = true\n'
    body += 'general.action_authorization = ["a", "b"]'
    found = properties(body, "general")
    assert list(found) == [
        "boolean single_instance",
        "fmri restarter",
        "astring action_authorization",
        "astring entity_stability",
    ]


def test_deleted_groups() -> None:
    assert read('delete = ["b", "a"]').deleted_groups == ("b", "a")


# Methods and their context


def test_a_method() -> None:
    assert properties('start = "/x"', "start") == {
        "astring type": ("method",),
        "astring exec": ("/x",),
        "count timeout_seconds": ("60",),
    }


def test_a_method_in_full() -> None:
    body = """
    [service.x.refresh]
    exec = '''a "b" 'c' '''
    type = "monitor"
    timeout_seconds = -1
    group = "g"
    user = "u"
    use_profile = true
    environment = { A = "b", C = "" }
    odd = { opaque = "FF" }
    """
    assert properties(body, "refresh") == {
        "astring exec": ("a \"b\" 'c' ",),
        "astring type": ("monitor",),
        "count timeout_seconds": (str(MAX_COUNT),),
        "astring group": ("g",),
        "astring user": ("u",),
        "boolean use_profile": ("true",),
        "astring environment": ("A=b", "C="),
        "opaque odd": ("ff",),
    }


def test_another_method() -> None:
    found = group(read('m = { _type = "method", exec = "x" }'), "m")
    assert (found.type, found.value("timeout_seconds")) == ("method", "60")


def test_use_profile_stands_after_the_credentials() -> None:
    found = properties('user = "u"\nworking_directory = "/"\ngroup = "g"', "method_context")
    assert list(found) == [
        "astring user",
        "astring working_directory",
        "astring group",
        "boolean use_profile",
    ]
    assert "boolean use_profile" not in properties('group = "g"', "method_context")


def test_context_and_startd_in_two_parts() -> None:
    body = 'umask = "027"\nlimits = { nofile = 9, core = "unlimited" }\nduration = "child"\n'
    body += "startd.timeout_retry = false\nmethod_context.trusted_path = true"
    assert properties(body, "method_context") == {
        "astring umask": ("027",),
        "astring limits": ("nofile=9", "core=unlimited"),
        "boolean trusted_path": ("true",),
    }
    assert properties(body, "startd") == {
        "astring duration": ("child",),
        "boolean timeout_retry": ("false",),
    }


def test_an_environment_as_an_array() -> None:
    found = properties('environment = ["A=b", "A=c", "odd"]', "method_context")
    assert found == {"astring environment": ("A=b", "A=c", "odd")}


# Dependencies


@pytest.mark.parametrize(
    ("value", "grouping", "restart_on", "kind", "entities"),
    [
        ('"svc:/y"', "require_all", "none", "service", ("svc:/y",)),
        ('"y/z"', "require_all", "none", "service", ("y/z",)),
        ('["svc:/y", "svc:/z:i"]', "require_all", "none", "service", ("svc:/y", "svc:/z:i")),
        ('"/etc/x"', "require_all", "none", "path", ("file://localhost/etc/x",)),
        ('"file:///etc/x"', "require_all", "none", "path", ("file:///etc/x",)),
        ('{ require_any = ["svc:/y"] }', "require_any", "none", "service", ("svc:/y",)),
        (
            '{ exclude_all = "/x", restart_on = "error" }',
            "exclude_all",
            "error",
            "path",
            ("file://localhost/x",),
        ),
        ('{ optional_all = [], type = "path" }', "optional_all", "none", "path", ()),
        ("[]", "require_all", "none", "service", ()),
    ],
)
def test_dependencies(
    value: str, grouping: str, restart_on: str, kind: str, entities: tuple[str, ...]
) -> None:
    assert properties(f"needs.d = {value}", "d") == {
        "astring grouping": (grouping,),
        "astring restart_on": (restart_on,),
        "astring type": (kind,),
        "fmri entities": entities,
    }


@pytest.mark.parametrize(
    "value", ['["svc:/a/b:c", { optional_all = "/etc/x.y" }]', '["a/b:c", ["/etc/x.y"]]']
)
def test_dependencies_without_names(value: str) -> None:
    names = [found.name for found in read(f"needs = {value}").groups]
    assert names == ["a-b-c", "etc-x-y"]


def test_one_dependency_without_a_name() -> None:
    assert read('needs = "svc:/y"') == read('needs = ["svc:/y"]')
    assert read('needed_by = "svc:/y"').dependents[0].name == "x_y"


def test_further_properties_of_a_dependency() -> None:
    body = 'needs.d = { require_all = "svc:/y", odd = { count = 1 }, '
    body += '_properties = { require_any = { astring = "x" } } }'
    found = properties(body, "d")
    assert (found["count odd"], found["astring require_any"]) == (("1",), ("x",))


def test_dependents() -> None:
    body = 'needed_by.d = "svc:/y"\n'
    body += 'needed_by.e = { optional_all = "z", restart_on = "error", override = true }\n'
    body += 'needed_by.f = { exclude_all = "svc:/z:i", delete = true, s = { astring = "t" } }'
    plain, overriding, deleted = read(body).dependents
    assert plain == Dependent("d", "require_all", "none", "svc:/y")
    assert overriding == Dependent("e", "optional_all", "error", "z", override=True)
    assert deleted.delete
    assert [prop.values for prop in deleted.properties] == [("t",)]


# Properties


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        ("true", "boolean", ("true",)),
        ("[true, false]", "boolean", ("true", "false")),
        ("-8_080", "integer", ("-8080",)),
        ("[0x10, 1]", "integer", ("16", "1")),
        ('"a"', "astring", ("a",)),
        ('["a", "", "a"]', "astring", ("a", "", "a")),
        ("[]", "astring", ()),
        ("{ count = 80 }", "count", ("80",)),
        ("{ count = -1 }", "count", (str(MAX_COUNT),)),
        ('{ count = "18446744073709551615" }', "count", (str(MAX_COUNT),)),
        ("{ count = [1, 2] }", "count", ("1", "2")),
        ("{ boolean = [] }", "boolean", ()),
        ("{ time = 2 }", "time", ("2.000000000",)),
        ("{ time = 1.5 }", "time", ("1.500000000",)),
        ('{ time = "1.000000001" }', "time", ("1.000000001",)),
        ('{ opaque = "FFee" }', "opaque", ("ffee",)),
        ('{ fmri = "svc:/y" }', "fmri", ("svc:/y",)),
        ('{ net_address = "::1" }', "net_address", ("::1",)),
        ("{ value = 5 }", "integer", ("5",)),
        ('{ hex = "ff41" }', "astring", ("\udcffA",)),
        ('["a", { hex = "ff" }]', "astring", ("a", "\udcff")),
        ('{ astring = { hex = "c3a4" } }', "astring", ("ä",)),
        ('"\\u0001\\u0007"', "astring", ("\x01\x07",)),
    ],
)
def test_values(value: str, kind: str, values: tuple[str, ...]) -> None:
    assert of_group(value) == {f"{kind} p": values}


def test_every_type_can_be_named() -> None:
    for kind in PropertyType:
        assert of_group(f"{{ {kind.value} = [] }}") == {f"{kind.value} p": ()}


def test_overrides() -> None:
    body = "[service.x.g]\np = { value = 1, override = true }\n"
    body += "q = { count = 1, override = true }\nr = { count = 1, override = false }"
    assert read(body).overrides == {("g", "p"), ("g", "q")}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("g", "application"), ("startd", "framework"), ("general", "framework")],
)
def test_types_of_groups(name: str, kind: str) -> None:
    assert group(read(f"{name} = {{}}"), name).type == kind
    assert group(read(f'{name} = {{ _type = "odd" }}'), name).type == "odd"


@pytest.mark.parametrize("name", ["user", "users", "needs", "stat", "star", "env", "type", "g"])
def test_a_group_may_have_any_name(name: str) -> None:
    found = group(read(f"property_group.{name} = {{ exec = 1 }}"), name)
    assert found.type == "application"
    assert facts(found) == {"integer exec": ("1",)}


# Notifications and templates


def test_notifications() -> None:
    body = 'notify."odd event".smtp = { to = ["a", "b"], subject = "s" }\n'
    body += "notify.all.snmp = { active = false }"
    assert properties(body, "event_odd_event") == {
        "astring event": ("odd event",),
        "boolean smtp,active": ("true",),
        "astring smtp,to": ("a", "b"),
        "astring smtp,subject": ("s",),
    }
    assert properties(body, "all") == {"boolean snmp,active": ("false",)}


def test_texts_and_pages() -> None:
    body = 'common_name = "c"\ndescription = { C = "d", "de@x" = "e" }\n'
    body += 'manpage = ["a(8)", { title = "b c", section = "1", manpath = "/m" }]\n'
    body += 'doc_link = { name = "n", uri = "http://x/" }'
    service = read(body)
    assert facts(group(service, "tm_common_name")) == {"ustring C": ("c",)}
    assert facts(group(service, "tm_description")) == {
        "ustring C": ("d",),
        "ustring de-40x": ("e",),
    }
    pages = [found for found in service.groups if found.name.startswith(("tm_man", "tm_doc"))]
    assert [found.value("title") or found.value("uri") for found in pages] == [
        "http://x/",
        "a",
        "b c",
    ]


def test_patterns() -> None:
    body = """
    pattern.any = { name = "", type = "application", target = "all", required = true }
    [service.x.pattern.g]
    common_name = "c"
    [service.x.pattern.g.property.p]
    choices = ["a", [1, 2], { include = "values" }]
    values = ["a", { value = "b", common_name = "B", description = { de = "C" } }]
    constraints = [[-5, 5]]
    internal_separators = ",;"
    cardinality = { min = 1 }
    visibility = "hidden"
    units = "u"
    type = "count"
    required = true
    [service.x.pattern.g.property.q]
    cardinality = 3
    """
    every, g, p, q = [found for found in read(body).groups if found.name.startswith("tm_")][:4]
    assert (every.value("name"), every.value("target")) == ("", "all")
    assert (g.value("name"), g.value("common_name_C"), g.value("target")) == ("g", "c", "this")
    assert facts(p) == {
        "astring pg_pattern": (g.name,),
        "astring name": ("p",),
        "astring type": ("count",),
        "boolean required": ("true",),
        "ustring units_C": ("u",),
        "astring visibility": ("hidden",),
        "count cardinality_min": ("1",),
        "count cardinality_max": (str(MAX_COUNT),),
        "astring internal_separators": (",;",),
        "astring values_value": ("a", "b"),
        "ustring values_value1_common_name_C": ("B",),
        "ustring values_value1_description_de": ("C",),
        "astring constraints_range": ("-5,5",),
        "astring choices_value": ("a",),
        "astring choices_range": ("1,2",),
        "astring choices_include": ("values",),
    }
    assert (q.value("cardinality_min"), q.value("cardinality_max")) == ("3", "3")


# Profiles


def test_a_profile_leaves_open_what_it_does_not_say() -> None:
    body = "[service.x.g]\na = 1\nb = [true, false]\nc = { count = 2 }\nd = { value = 'x' }"
    service = read(body, "profile")
    found = group(service, "g")
    assert found.type == ""
    assert service.untyped == {("g", "a"), ("g", "b"), ("g", "d")}
    assert facts(found) == {
        "astring a": ("1",),
        "astring b": ("true", "false"),
        "count c": ("2",),
        "astring d": ("x",),
    }
    assert service.instances == ()


def test_a_profile_fills_in_no_defaults() -> None:
    service = read('start = "/x"\nuser = "u"\nenabled = false', "profile")
    assert facts(group(service, "start")) == {"astring exec": ("/x",)}
    assert group(service, "method_context").value("use_profile") == "false"
    assert service.untyped == frozenset()
    assert service.instances == (InstanceBundle("default", False),)
    assert read("instance.a = {}", "profile").instances == (InstanceBundle("a"),)


# Mistakes


def problems(text: str) -> list[str]:
    found = find_problems(text.encode(), NAME)
    if found:
        with pytest.raises(ManifestError) as caught:
            read_bundle(text.encode(), NAME)
        assert caught.value.what == f"import {NAME}"
        assert caught.value.why.startswith(found[0])
    return [problem.removeprefix(f"{NAME}:") for problem in found]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('strat = "x"', "2: at service.x.strat: there is no key 'strat', did you mean 'start'?"),
        ('command = "x"', "did you mean 'start'?"),
        ("depends_on = []", "did you mean 'needs'?"),
        ("zzz = 1", "2: at service.x.zzz: there is no key 'zzz'"),
        ("enviroment = {}", "'enviroment' is too much like 'environment' for the name of a"),
        ("user = { a = 1 }", "(a property group of that name is property_group.user)"),
        ("user = 1", "service.x.user: expected a string in quotes, not a number"),
        ('duration = "chlid"', "'chlid' is none of contract, child, wait, transient (did you mean"),
        ('ignore_error = "x"', "'x' is none of core, signal"),
        ("start = 5", "service.x.start: expected a string in quotes, not a number"),
        ('start = ["a", "b"]', "service.x.start: expected a string in quotes, not an array"),
        ('start = { exce = "x" }', "did you mean 'exec'? (a property that SMF does not know"),
        ('start = { exec = "x", timeout = 5 }', "did you mean 'timeout_seconds'?"),
        ('start = { exec = ["x", "y"] }', "service.x.start.exec: expected one value, not an array"),
        ("start = {}", "service.x.start: a method needs 'exec', its command"),
        ('start = { exec = "x", timeout_seconds = -2 }', "a count is not negative"),
        ('environment = "A=b"', "expected a table of names and texts, not a string"),
        ("environment.A = 5", "service.x.environment.A: expected a string in quotes"),
        ('environment = { "" = "x" }', "'' is no name of a variable"),
        ("umask = 0o27", "service.x.umask: expected a string in quotes, not a number"),
        ('general.action_authorisation = "x"', "did you mean 'action_authorization'?"),
        ('enabled = "yes"', "expected true or false, not a string"),
        ("enabled = true\ninstance.a = {}", "2: at service.x.enabled: where a service names"),
        ("instance.a = { version = 1 }", "'version' is said of a service, not of an instance"),
        ('instance."a b" = {}', "use 'a b' as the name of a service instance"),
        ("instance = 5", "service.x.instance: expected a table, not a number"),
        ("version = true", "service.x.version: expected a number, not a boolean"),
        ('type = "odd"', "'odd' is none of service, restarter, milestone"),
        ("single_instance = false", "expected true; without the key"),
        ('stability = "stable"', "'stable' is none of Standard, Stable"),
        ('restarter = "a b"', "'a b' is not a legal service name"),
        ("delete = [1]", "service.x.delete[0]: expected a string"),
        ('delete = ["start"]\nstart = "x"', "'start' is marked"),
        ("g.p = 1.5", 'write { time = "1.5" }'),
        ("g.p = 2020-01-01", "expected a string in quotes, not a date or time"),
        ('g.p = [1, "a"]', "service.x.g.p[1]: the array holds integer and astring"),
        ("g.p = [[1]]", "service.x.g.p[0]: expected a string in quotes, not an array"),
        ("g.p = {}", "holds exactly one type and its value, as { count = 80 }"),
        ("g.p = { count = 1, integer = 1 }", "holds exactly one type"),
        ("g.p = { cuont = 1 }", "service.x.g.p.cuont: there is no key 'cuont', did you mean"),
        ('g.p = { count = "x" }', "2: cannot use 'x' as a value of type count"),
        ("g.p = { count = true }", "expected a number, not a boolean"),
        ("g.p = { boolean = 1 }", "expected true or false, not a number"),
        ("g.p = { astring = 1 }", "expected a string in quotes, not a number"),
        ('g.p = { hex = "x" }', "service.x.g.p.hex: expected hexadecimal digits"),
        ("g.p = 9223372036854775808", "an integer has 64 bits"),
        ('g."a b" = 1', "2: cannot use 'a b' as the name of a property"),
        ('"a b" = {}', "2: cannot use 'a b' as the name of a property group"),
        ('g._type = ""', "a type has a name"),
        ("g._tpye = 'x'", "use '_tpye' as the name of a property"),
        ("property_group.g = 1", "service.x.property_group.g: expected a table"),
        ("property_group = 1", "service.x.property_group: expected a table"),
        ("user = 'a'\nmethod_context.user = 'b'", "3: property 'user' of 'method_context'"),
        ("needs = 5", "service.x.needs: expected a string in quotes, not a number"),
        ("needs = ['svc:/']", "no name can be made of the target"),
        ("needs = ['svc:/y', 'svc:/y']", "property group 'y' is defined twice"),
        ("needs.d = ['svc:/y', '/z']", "services and paths in one dependency"),
        ("needs.d = { reqire_all = 'y' }", "did you mean 'require_all'?"),
        ("needs.d = { require_all = 'y', require_any = 'y' }", "expected exactly one of"),
        ("needs.d = { restart_on = 'none' }", "expected exactly one of require_all"),
        ("needs.d = { require_all = 'y', restarton = 'x' }", "did you mean 'restart_on'?"),
        ("needs.d = { require_all = 'y', restart_on = 'x' }", "'x' is none of none, error"),
        ("needs.d = 'a b'", "2: cannot use 'a b' as an FMRI"),
        ("needs.'svc:/y' = 'y'", "is no name for a dependency, which the key is"),
        ("needed_by.d = ['a', 'b']", "expected one service or instance that needs this one"),
        ("needed_by.d = '/etc/x'", ""),
        ("needed_by.d = { require_all = 'y', override = 1 }", "expected true or false"),
        ("notify = 'x'", "service.x.notify: expected a table"),
        ("notify.all.smtp.active = 1", "expected true or false"),
        ("common_name = 5", "expected a string"),
        ("common_name = {}", "expected a text, or a table of languages"),
        ("manpage = 'sshd'", "'sshd' is no manual page, expected one like"),
        ("manpage = { title = 'x' }", "expected a key 'section'"),
        ("doc_link = 'x'", "service.x.doc_link: expected a table"),
        ("doc_link = { name = 'x', url = 'y' }", "did you mean 'uri'?"),
        ("pattern.g.tpye = 'x'", "did you mean 'type'?"),
        ("pattern.g.property.p.type = 'x'", "'x' is none of boolean, count"),
        ("pattern.g.property.p.rquired = true", "did you mean 'required'?"),
        ("pattern.g.property.p.cardinality = { min = 2, max = 1 }", "minimum 2 is above"),
        ("pattern.g.property.p.constraints = [[1, 2, 3]]", "a range is [MIN, MAX]"),
        ("pattern.g.property.p.values = [[1, 2]]", "values[0]: expected a string"),
        ("pattern.g.property.p.values = [{ name = 'x' }]", "there is no key 'name'"),
        ("pattern.g.property.p.values = [{ description = 'x' }]", "expected a key 'value'"),
        ("pattern.g.property.p.choices = [{ include = 'x' }]", "'x' is none of constraints"),
    ],
)  # fmt: skip
def test_refused(body: str, why: str) -> None:
    found = problems(f"[service.x]\n{body}\n")
    if why:
        assert any(why in problem for problem in found), found
        assert all(re.match(r"[23]: ", problem) for problem in found)
    else:
        assert found == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('strat = "x"', "1: at strat: there is no key 'strat', expected type, name, service"),
        ("[services.x]", "1: at services: there is no key 'services', did you mean 'service'?"),
        ('type = "manifets"', "(did you mean 'manifest'?)"),
        ("name = 5", "1: at name: expected a string"),
        ("service = 5", "1: at service: expected a table"),
        ("service.x = 5", "1: at service.x: expected a table"),
        ('\n[service."a b"]', "2: 'a b' is not a legal service name"),
        ('type = "profile"\n[service.x]\ncommon_name = "x"', "3: at service.x.common_name: a"),
        ("[service.x]\na = ", "2: not well-formed TOML"),
        ("[service.x]\nstart = 'a'\nstart = 'b'\n", "3: not well-formed TOML"),
        ("a = '''\n\n", "1: not well-formed TOML"),
        ("x = 9" + "9" * MAX_WORD, "1: a name or a number of more than 1000 characters"),
        ("a" * (MAX_BYTES + 1), f" it is larger than {MAX_BYTES // 2**20} MiB"),
        ("a = [" + "1," * MAX_KEYS + "]", f"1: more than {MAX_KEYS} keys and members of arrays"),
        ("\n" + "a." * 16 + "b = 1", "2: a key of more than 16 names, with its table's"),
        ("a = " + "[" * 17, "1: nested deeper than 16"),
        ("a = " + "{ b = " * 16, "1: a key of more than 16 names"),
    ],
)  # fmt: skip
def test_refused_documents(text: str, why: str) -> None:
    assert any(why in problem for problem in problems(text)), problems(text)


def test_bytes_that_are_not_text() -> None:
    assert find_problems(b"[service.x]\n#\xff", NAME) == [f"{NAME}:2: bytes that are not utf-8"]


def test_all_mistakes_are_told_with_their_lines() -> None:
    text = "[service.x]\nstrat = 1\n[service.x.instance.i]\nneed = 1\n[service.y]\nb = 1"
    assert [problem.partition(":")[0] for problem in problems(text)] == ["2", "4", "6"]


def test_lines_of_keys() -> None:
    text = """\
a = [ # comment ]
  1, [2,
  3], { b = "]" },
]
[t."q.r"]
'x' . y = '''
[no]
''' # end
"\\u0041" = \"\"\"a\\\"\"\" \"\"\"\"\"
[[l]]
m = { n = [
  1 ], o = 2 }
[[l]]
k.z = 2020-01-01 07:00:00
[l.sub]
"""
    lines = parse_toml(text.encode(), NAME).place.lines
    assert lines == {
        ("a",): 1, ("a", 0): 2, ("a", 1): 2, ("a", 1, 0): 2, ("a", 1, 1): 3, ("a", 2): 3,
        ("a", 2, "b"): 3, ("t",): 5, ("t", "q.r"): 5, ("t", "q.r", "x"): 6,
        ("t", "q.r", "x", "y"): 6, ("t", "q.r", "A"): 9, ("l",): 10, ("l", 0): 10,
        ("l", 0, "m"): 11, ("l", 0, "m", "n"): 11, ("l", 0, "m", "n", 0): 12,
        ("l", 0, "m", "o"): 12, ("l", 1): 13, ("l", 1, "k"): 14, ("l", 1, "k", "z"): 14,
        ("l", 1, "sub"): 15,
    }  # fmt: skip
