"""What each element becomes. Every document here is also written and read again."""

from __future__ import annotations

import pytest

from roost.manifest import read_bundle
from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle
from roost.model.properties import MAX_COUNT, Property, PropertyType
from tests.unit.manifest.documents import (
    bundle,
    facts,
    group,
    instance,
    read_instance,
    read_service,
    refusal,
    same_again,
    service,
)

PERIODIC = "svc:/system/svc/periodic-restarter:default"


def dependency(name: str, targets: str = "", kind: str = "service", more: str = "") -> str:
    return (
        f"<dependency name='{name}' grouping='require_all' restart_on='error' type='{kind}'{more}>"
        f"{targets}</dependency>"
    )


def dependent(name: str, content: str = "", more: str = "") -> str:
    return (
        f"<dependent name='{name}' grouping='optional_all' restart_on='none'{more}>"
        f"<service_fmri value='svc:/milestone/x'/>{content}</dependent>"
    )


def method(name: str, content: str = "") -> str:
    return (
        f"<exec_method name='{name}' type='method' exec='/m %m' timeout_seconds='60'>"
        f"{content}</exec_method>"
    )


def plain(name: str, content: str = "", kind: str = "application") -> str:
    return f"<property_group name='{name}' type='{kind}'>{content}</property_group>"


def test_service_and_instances() -> None:
    found = read_bundle(
        bundle(
            "<service name='a/b' version='1.10.2' type='milestone'>"
            "<create_default_instance enabled='false'/>"
            "<instance name='other' enabled='true'/></service>"
            "<service_bundle type='manifest' name='inner'>"
            "<service name='c' version='2' type='restarter'/></service_bundle>"
        )
    )
    first, second = same_again(found).services
    assert (found.type, found.name) == (BundleType.MANIFEST, "test")
    assert (first.name, first.version, first.kind) == ("a/b", 1, "milestone")
    assert first.instances == (InstanceBundle("default", False), InstanceBundle("other", True))
    assert (second.name, second.version, second.kind) == ("c", 2, "restarter")


def test_general() -> None:
    found = read_service(
        "<single_instance/><restarter><service_fmri value='svc:/x:y'/></restarter>"
        + plain("general", "<propval name='comment' type='astring' value='c'/>", "framework")
        + "<stability value='Evolving'/>"
    )
    assert [(g.name, g.type) for g in found.groups] == [("general", "framework")]
    assert facts(found.groups[0]) == {
        "boolean single_instance": ("true",),
        "fmri restarter": ("svc:/x:y",),
        "astring comment": ("c",),
        "astring entity_stability": ("Evolving",),
    }


def test_complete_and_logfile_attributes() -> None:
    body = "<instance name='a' enabled='true' complete='true'/>"
    body += "<instance name='b' enabled='true' complete='false'/>"
    first, second = read_service(body).instances
    assert facts(group(first, "general")) == {"astring complete": ("",)}
    assert second.groups == ()
    found = read_service("<logfile_attributes permissions='0640'/>")
    assert facts(group(found, "logfile_attributes")) == {"astring permissions": ("0640",)}


def test_dependency() -> None:
    targets = "<service_fmri value='svc:/a'/><service_fmri value='b/c:d'/>"
    extra = "<stability value='Stable'/><propval name='x' type='count' value='0x10'/>"
    found = read_service(dependency("d", targets + extra))
    assert group(found, "d").type == "dependency"
    assert facts(group(found, "d")) == {
        "astring type": ("service",),
        "astring grouping": ("require_all",),
        "astring restart_on": ("error",),
        "fmri entities": ("svc:/a", "b/c:d"),
        "astring stability": ("Stable",),
        "count x": ("16",),
    }


def test_dependencies_without_targets_on_paths_and_of_unknown_type() -> None:
    path = "<service_fmri value='file://localhost/etc/x'/>"
    found = read_service(
        dependency("a") + dependency("b", path, "path") + dependency("c", "", "foo")
    )
    assert [group(found, name).values("entities") for name in "abc"] == [
        (),
        ("file://localhost/etc/x",),
        (),
    ]


def test_dependents() -> None:
    extra = "<stability value='Stable'/><propval name='p' type='count' value='0'/>"
    body = dependent("a") + dependent("b", extra) + dependent("c", "", " override='true'")
    found = read_service(body + dependent("d", "", " delete='true'"))
    plain_one = Dependent("a", "optional_all", "none", "svc:/milestone/x")
    properties = (
        Property("p", PropertyType.COUNT, ("0",)),
        Property("stability", PropertyType.ASTRING, ("Stable",)),
    )
    common = ("optional_all", "none", "svc:/milestone/x")
    assert found.dependents == (
        plain_one,
        Dependent("b", *common, properties=properties),
        Dependent("c", *common, override=True),
        Dependent("d", *common, delete=True),
    )
    assert found.groups == ()


CREDENTIAL = (
    "<method_context working_directory='/w' project='p' resource_pool='r' security_flags='aslr'>"
    "<method_credential user='u' group='g' supp_groups='' privileges='basic' "
    "limit_privileges=':default'/>"
    "<method_environment><envvar name='A' value='x=y'/><envvar name='B' value=''/>"
    "</method_environment></method_context>"
)
CREDENTIAL_FACTS = {
    "astring working_directory": ("/w",),
    "astring project": ("p",),
    "astring resource_pool": ("r",),
    "astring security_flags": ("aslr",),
    "astring user": ("u",),
    "astring group": ("g",),
    "astring supp_groups": ("",),
    "astring privileges": ("basic",),
    "astring limit_privileges": (":default",),
    "boolean use_profile": ("false",),
    "astring environment": ("A=x=y", "B="),
}
METHOD_FACTS = {
    "astring type": ("method",),
    "astring exec": ("/m %m",),
    "count timeout_seconds": ("60",),
}


def test_methods_and_contexts() -> None:
    profile = "<method_context><method_profile name='P'/></method_context>"
    extra = "<propval name='restart_on' type='astring' value='external_fault'/>"
    found = read_service(
        CREDENTIAL + method("stop", profile) + method("start", CREDENTIAL + extra) + method("x")
    )
    assert [(g.name, g.type) for g in found.groups] == [
        ("method_context", "framework"),
        ("start", "method"),
        ("stop", "method"),
        ("x", "method"),
    ]
    assert facts(group(found, "method_context")) == CREDENTIAL_FACTS
    assert facts(group(found, "start")) == {
        **METHOD_FACTS,
        **CREDENTIAL_FACTS,
        "astring restart_on": ("external_fault",),
    }
    assert facts(group(found, "stop")) == {
        **METHOD_FACTS,
        "astring profile": ("P",),
        "boolean use_profile": ("true",),
    }


def test_endless_timeout() -> None:
    found = read_service("<exec_method name='s' type='method' exec='' timeout_seconds='-1'/>")
    assert group(found, "s").value("timeout_seconds") == str(MAX_COUNT)
    assert group(found, "s").value("exec", "?") == ""


def test_credentials_of_solaris() -> None:
    credential = "<method_credential clearance='HIGH' trusted_path='true' audit_flags='lo'/>"
    found = read_service(f"<method_context>{credential}</method_context>")
    assert facts(group(found, "method_context")) == {
        "astring clearance": ("HIGH",),
        "astring audit_flags": ("lo",),
        "boolean trusted_path": ("true",),
        "boolean use_profile": ("false",),
    }


def test_periodic_method() -> None:
    found = read_instance(
        "<periodic_method exec='/m' period='30' delay='15' jitter='5' persistent='true' "
        "timeout_seconds='7'><method_context><method_credential user='u'/></method_context>"
        "</periodic_method>"
    )
    assert facts(group(found, "start")) == {
        "astring type": ("method",),
        "astring exec": ("/m",),
        "count timeout_seconds": ("7",),
        "astring user": ("u",),
        "boolean use_profile": ("false",),
    }
    assert group(found, "periodic").type == "schedule"
    assert facts(group(found, "periodic")) == {
        "time period": ("30.000000000",),
        "time delay": ("15.000000000",),
        "time jitter": ("5.000000000",),
        "boolean persistent": ("true",),
    }
    assert group(found, "general").value("restarter") == PERIODIC


def test_scheduled_method_of_an_instance_whose_service_names_the_restarter() -> None:
    scheduled = "<scheduled_method exec='/m' interval='month' frequency='3' day_of_month='-1'/>"
    found = read_service(
        "<restarter><service_fmri value='svc:/other:one'/></restarter>"
        f"<instance name='a' enabled='true'>{scheduled}</instance>"
    )
    inner = found.instances[0]
    assert [g.name for g in inner.groups] == ["start", "scheduled"]
    assert group(inner, "start").value("timeout_seconds") == "0"
    assert facts(group(inner, "scheduled")) == {
        "astring interval": ("month",),
        "count frequency": ("3",),
        "astring day_of_month": ("-1",),
    }


def test_properties() -> None:
    values = "<value_node value='b'/><value_node value=' a '/>"
    found = read_service(
        plain(
            "g",
            "<stability value='Unstable'/>"
            "<propval name='one' type='boolean' value='1'/>"
            f"<property name='two' type='astring'><astring_list>{values}</astring_list></property>"
            "<property name='none' type='net_address'/>"
            "<propval name='x,y' type='time' value='5.5'/>"
            "<propval name='odd' type='astring' value='&#10;&#9;&lt;&amp;&quot;&gt;&apos; '/>",
        )
    )
    assert facts(group(found, "g")) == {
        "astring stability": ("Unstable",),
        "boolean one": ("true",),
        "astring two": ("b", " a "),
        "net_address none": (),
        "time x,y": ("5.500000000",),
        "astring odd": ("\n\t<&\">' ",),
    }


def test_overrides_and_deletions() -> None:
    found = read_service(
        dependency("gone", more=" delete='true'")
        + "<exec_method name='stop' type='method' exec='' timeout_seconds='0' delete='true'/>"
        + plain(
            "g",
            "<propval name='p' type='count' value='1' override='true'/>"
            "<property name='q' type='count' override='true'/>"
            "<propval name='r' type='count' value='1' override='false'/>",
        )
        + "<property_group name='old' type='application' delete='true'>"
        "<propval name='p' type='count' value='1'/></property_group>"
    )
    assert found.deleted_groups == ("gone", "stop", "old")
    assert found.overrides == {("g", "p"), ("g", "q")}
    assert [g.name for g in found.groups] == ["g"]


def test_override_inside_a_method() -> None:
    found = read_service(
        method("start", "<propval name='x' type='count' value='1' override='true'/>")
    )
    assert found.overrides == {("start", "x")}
    assert group(found, "start").type == "method"


def test_a_group_in_two_parts_is_one() -> None:
    found = read_service(
        plain("g", "<propval name='a' type='count' value='1'/>")
        + plain("g", "<propval name='b' type='count' value='2' override='true'/>")
    )
    assert facts(group(found, "g")) == {"count a": ("1",), "count b": ("2",)}
    assert found.overrides == {("g", "b")}


def test_nested_groups_have_flat_names() -> None:
    inner = plain("c", plain("d", "<propval name='p' type='count' value='1'/>"))
    found = read_service(plain("a,b", inner) + plain("e", plain("f,g")))
    assert [g.name for g in found.groups] == ["a,b", "a.b,c", "a.b.c,d", "e", "e.f,g"]


def test_notification_parameters() -> None:
    found = read_instance(
        "<notification_parameters><event value='to-maintenance, ereport.cpu.x'/>"
        "<type name='smtp'><paramval name='to' value='root'/>"
        "<parameter name='cc'><value_node value='a'/><value_node value='b'/></parameter>"
        "<parameter name='bcc'/></type>"
        "<type name='snmp' active='false'/></notification_parameters>"
    )
    common = {
        "boolean smtp,active": ("true",),
        "astring smtp,to": ("root",),
        "astring smtp,cc": ("a", "b"),
        "astring smtp,bcc": (),
        "boolean snmp,active": ("false",),
    }
    assert {g.type for g in found.groups} == {"notify_params"}
    assert facts(group(found, "to-maintenance")) == common
    assert facts(group(found, "event_ereport_cpu_x")) == {
        "astring event": ("ereport.cpu.x",),
        **common,
    }


def test_enabled_as_a_property() -> None:
    body = plain("general", "<propval name='enabled' type='boolean' value='0'/>", "framework")
    document = f"<service name='a'><instance name='default'>{body}</instance></service>"
    found = same_again(read_bundle(bundle(document, "profile")))
    assert found.services[0].instances == (InstanceBundle("default", False),)
    assert refusal(instance(body)).startswith("test.xml:4: general/enabled is the attribute")
    wrong = bundle(document.replace("'0'", "'2'").replace("type='boolean' ", ""), "profile")
    assert "general/enabled needs one value" in refusal(wrong)


def profile(body: str) -> Bundle:
    return same_again(read_bundle(bundle(body, "profile"), "test.xml"))


def test_what_a_profile_leaves_open() -> None:
    found = profile(
        "<service name='a'><property_group name='g'>"
        "<propval name='p' value='007'/><property name='q'/>"
        "<property name='r'><count_list><value_node value='007'/></count_list></property>"
        "</property_group><instance name='i'/></service>"
    ).services[0]
    assert (found.version, found.kind) == (1, "service")
    assert found.groups[0].type == ""
    assert facts(found.groups[0]) == {
        "astring p": ("007",),
        "astring q": (),
        "count r": ("7",),
    }
    assert found.untyped == {("g", "p"), ("g", "q")}
    assert found.instances == (InstanceBundle("i"),)


def test_a_profile_may_speak_of_a_service_twice() -> None:
    one = "<service name='a'>{}<instance name='i' enabled='true'>{}</instance></service>"
    first = one.format(plain("g"), plain("h"))
    second = one.format("", plain("k")) + "<service name='a'><instance name='j'/></service>"
    found = profile(first + second).services
    assert len(found) == 1
    assert [g.name for g in found[0].groups] == ["g"]
    assert [g.name for g in found[0].instances[0].groups] == ["h", "k"]
    assert [i.name for i in found[0].instances] == ["i", "j"]


def test_a_profile_must_not_contradict_itself() -> None:
    one = "<service name='a'><instance name='i' enabled='{}'/></service>\n"
    data = bundle(one.format("true") + one.format("false"), "profile")
    assert refusal(data) == ("test.xml:3: the instance is said to be both enabled and not enabled")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (dependency("1d"), "3: cannot use '1d' as the name of a property group: a name is"),
        (dependency("d" * 120), "3: cannot use"),
        (plain("g", kind="a b"), "3: cannot use 'a b' as the name of a property group type: "),
        (
            plain("g", "\n<propval name='a b' type='count' value='1'/>"),
            "4: cannot use 'a b' as the name of a property: ",
        ),
        (
            "<instance name='a.b' enabled='true'/>",
            "3: cannot use 'a.b' as the name of a service instance",
        ),
        (
            plain("g", "\n<propval name='p' type='count' value='x'/>"),
            "4: cannot use 'x' as a value of type count: ",
        ),
        (
            plain("g", "<property name='p' type='count'>\n<astring_list>\n<value_node value='x'/>"
            "</astring_list></property>"),
            "4: a list of astring in a property of type count",
        ),
        (
            plain("g", "<property name='p' type='integer'><integer_list>\n<value_node value='1'/>\n"
            "<value_node value='x'/></integer_list></property>"),
            "5: cannot use 'x' as a value of type integer: ",
        ),
        (
            plain("g", "<propval name='p' type='count' value='1'/>\n"
            "<propval name='p' type='count' value='1'/>"),
            "4: property 'p' of 'g' is given twice",
        ),
        (plain("g") + "\n" + plain("g", kind="other"), "4: property group 'g' is defined twice"),
        (method("start") + "\n" + plain("start"), "4: property group 'start' is defined twice"),
        (dependency("d") + "\n" + dependency("d"), "4: property group 'd' is defined twice"),
        (dependency("d") + "\n" + dependent("d"), "4: dependent 'd' has the name of a property"),
        (dependent("d") + "\n" + plain("d"), "4: 'd' is the name of a dependent already"),
        (dependent("d") + "\n" + dependent("d"), "4: 'd' is the name of a dependent already"),
        (
            plain("g") + "\n<property_group name='g' type='application' delete='true'/>",
            "4: 'g' is defined and marked delete='true'",
        ),
        (
            "<property_group name='g' type='application' delete='true'/>\n" + plain("g"),
            "4: 'g' is marked delete='true'",
        ),
        (
            "<instance name='a' enabled='true'/>\n<instance name='a' enabled='true'/>",
            "4: instance 'a' is defined twice (first in line 3)",
        ),
        (
            "<create_default_instance enabled='true'/>\n<instance name='default' enabled='true'/>",
            "4: instance 'default' is defined twice (first in line 3)",
        ),
        (
            dependency("d", "\n<service_fmri value='svc:/a/:properties/b'/>"),
            "4: 'svc:/a/:properties/b' names a property group",
        ),
        (dependency("d", "\n<service_fmri value='http://x/'/>"), "4: cannot use 'http://x/'"),
        (
            dependency("d", "\n<service_fmri value='svc:/a'/>", "path"),
            "4: 'svc:/a' names no file, expected file://localhost/PATH",
        ),
        (
            "<restarter>\n<service_fmri value='file:/x'/></restarter>",
            "4: cannot use 'file:/x' as an FMRI: ",
        ),
        (
            dependent("d", "<propval name='grouping' type='astring' value='x'/>"),
            "3: property 'grouping' of a dependent",
        ),
        (
            method("start", "<method_context><method_environment>\n<envvar name='A=B' value=''/>"
            "</method_environment></method_context>"),
            "4: 'A=B' is not the name of an environment variable",
        ),
        (
            method("start", "<propval name='exec' type='astring' value='x'/>"),
            "3: property 'exec' of 'start' is given twice",
        ),
        (
            method("start").replace("'60'", "'soon'"),
            "3: cannot use 'soon' as a value of type count",
        ),
        (
            ("<notification_parameters><event value=''/>\n<type name='smtp'/>"
            "</notification_parameters>"),
            "3: an event without a name",
        ),
        (
            "<notification_parameters>\n<event value='" + "a," * 100 + "'/><type name='smtp'/>"
            "</notification_parameters>",
            "4: more than 16 events",
        ),
        (
            ("<notification_parameters><event value='all'/>\n<type name='1'/>"
            "</notification_parameters>"),
            "4: cannot use '1,active' as the name of a notification parameter",
        ),
    ],
)  # fmt: skip
def test_refused(body: str, why: str) -> None:
    assert refusal(service(body)).startswith(f"test.xml:{why}")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (
            bundle("<service name='a!' version='1' type='service'/>"),
            "2: 'a!' is not a legal service name",
        ),
        (
            bundle("<service name='a' version='one' type='service'/>"),
            "2: version 'one' is not a number",
        ),
        (
            bundle("<service name='a' version='1' type='service'/>\n" * 2),
            "3: service 'a' is defined twice (first in line 2)",
        ),
        (
            bundle("<service_bundle type='profile' name='x'/>"),
            "2: a bundle of type 'profile' inside one of type 'manifest'",
        ),
        (
            service(
                "<template><common_name><loctext xml:lang='C'>x</loctext></common_name></template>",
                "profile",
            ),
            "3: a template in a profile",
        ),
    ],
)
def test_documents_refused(data: bytes, why: str) -> None:
    assert refusal(data).startswith(f"test.xml:{why}")
