"""The written form: its shape, what it falls back to, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.errors import ManifestError
from roost.manifest import normal_form, read_bundle, write_bundle
from roost.model.bundle import (
    Bundle,
    BundleType,
    Dependent,
    InstanceBundle,
    ServiceBundle,
)
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from tests.unit.manifest.documents import same_again

T = PropertyType


def astring(name: str, *values: str) -> Property:
    return Property(name, T.ASTRING, values)


def of(service: ServiceBundle, kind: BundleType = BundleType.MANIFEST) -> Bundle:
    return Bundle(kind, "b", (service,))


def with_groups(*groups: PropertyGroup) -> str:
    found = normal_form(of(ServiceBundle("a", groups=groups)))
    return write_bundle(same_again(found)).decode()


def why_not(bundle: Bundle) -> str:
    with pytest.raises(ManifestError) as caught:
        write_bundle(bundle)
    assert caught.value.what == "write service bundle 'b'"
    return caught.value.why


METHOD = [
    astring("type", "method"),
    astring("exec", "/bin/x <&> \"y\" 'z'"),
    Property("timeout_seconds", T.COUNT, (str(2**64 - 1),)),
]
DEPENDENCY = [
    astring("type", "service"),
    astring("grouping", "require_all"),
    astring("restart_on", "none"),
    Property("entities", T.FMRI, ("svc:/x", "svc:/y:z")),
]


def test_the_whole_form() -> None:
    service = ServiceBundle(
        "site/a",
        3,
        "restarter",
        (
            make_group("start", "method", [*METHOD, astring("environment", "A=b")]),
            make_group("general", "framework", [
                Property("single_instance", T.BOOLEAN, ("true",)),
                Property("restarter", T.FMRI, ("svc:/r:default",)),
                astring("entity_stability", "Stable"),
                astring("comment", "line 1\nline 2\ttab\rreturn"),
            ]),
            make_group("dep", "dependency", [*DEPENDENCY, astring("stability", "Stable")]),
            make_group("config", "application", [
                astring("stability", "Obsolete"), astring("none"), astring("two", "1", "2"),
                Property("flag", T.BOOLEAN, ("true",)),
            ]),
            make_group("tm_common_name", "template", [Property("C", T.USTRING, ("A & b",))]),
        ),
        (Dependent("up", "optional_all", "none", "svc:/m"),),
        (
            InstanceBundle("default", False),
            InstanceBundle("two", True, (make_group("g", "application"),)),
        ),
        ("old",),
        frozenset({("config", "flag")}),
    )  # fmt: skip
    assert write_bundle(of(service)).decode() == (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE service_bundle SYSTEM "/usr/share/lib/xml/dtd/service_bundle.dtd.1">
<service_bundle type="manifest" name="b">
  <service name="site/a" type="restarter" version="3">
    <create_default_instance enabled="false"/>
    <single_instance/>
    <restarter>
      <service_fmri value="svc:/r:default"/>
    </restarter>
    <dependency name="dep" grouping="require_all" restart_on="none" type="service">
      <service_fmri value="svc:/x"/>
      <service_fmri value="svc:/y:z"/>
      <stability value="Stable"/>
    </dependency>
    <dependent name="up" grouping="optional_all" restart_on="none">
      <service_fmri value="svc:/m"/>
    </dependent>
    <exec_method name="start" type="method" exec="/bin/x &lt;&amp;&gt; &quot;y&quot; 'z'" \
timeout_seconds="-1">
      <method_context>
        <method_environment>
          <envvar name="A" value="b"/>
        </method_environment>
      </method_context>
    </exec_method>
    <property_group name="old" type="application" delete="true"/>
    <property_group name="general" type="framework">
      <propval name="comment" type="astring" value="line 1&#10;line 2&#9;tab&#13;return"/>
    </property_group>
    <property_group name="config" type="application">
      <stability value="Obsolete"/>
      <property name="none" type="astring"/>
      <property name="two" type="astring">
        <astring_list>
          <value_node value="1"/>
          <value_node value="2"/>
        </astring_list>
      </property>
      <propval name="flag" type="boolean" value="true" override="true"/>
    </property_group>
    <instance name="two" enabled="true">
      <property_group name="g" type="application"/>
    </instance>
    <stability value="Stable"/>
    <template>
      <common_name>
        <loctext xml:lang="C">A &amp; b</loctext>
      </common_name>
    </template>
  </service>
</service_bundle>
"""
    )


def test_empty_bundle() -> None:
    same_again(Bundle(BundleType.ARCHIVE, ""))


@pytest.mark.parametrize(
    "odd",
    [
        make_group("start", "method"),
        make_group("start", "method", METHOD[1:]),
        make_group("start", "method", [*METHOD[:2], astring("timeout_seconds", "1")]),
        make_group("start", "method", [astring("type", "other"), *METHOD[1:]]),
        make_group("start", "framework", METHOD),
        make_group("dep", "dependency"),
        make_group("dep", "dependency", DEPENDENCY[:3]),
        make_group("dep", "dependency", [*DEPENDENCY[:3], astring("entities", "svc:/x")]),
        make_group(
            "dep", "dependency", [*DEPENDENCY[:3], Property("entities", T.FMRI, ("http://x",))]
        ),
        make_group("dep", "dependency", [astring("grouping", "all"), *DEPENDENCY[2:]]),
        make_group("method_context", "framework"),
        make_group("method_context", "other", [astring("project", "x")]),
        make_group("method_context", "framework", [astring("wall", "x")]),
        make_group("method_context", "framework", [astring("user", "x")]),
        make_group("notify", "notify_params"),
        make_group("notify", "notify_params", [astring("smtp,to", "x")]),
        make_group("notify", "notify_params", [astring("to", "x")]),
        make_group("general", "framework"),
        make_group("general", "other", [Property("restarter", T.FMRI, ("svc:/x",))]),
        make_group("general", "framework", [Property("restarter", T.FMRI, ("file:/x",))]),
        make_group("general", "framework", [Property("restarter", T.FMRI)]),
        make_group("general", "framework", [Property("single_instance", T.BOOLEAN, ("false",))]),
        make_group("general", "framework", [astring("entity_stability", "Shaky")]),
    ],
)
def test_what_has_not_the_shape_is_a_plain_group(odd: PropertyGroup) -> None:
    assert f'<property_group name="{odd.name}" type="{odd.type}"' in with_groups(odd)


@pytest.mark.parametrize(
    "properties",
    [
        [Property("use_profile", T.BOOLEAN, ("true",)), astring("profile", "x")],
        [Property("use_profile", T.BOOLEAN, ("true",)), astring("profile", "x"), astring("user")],
        [Property("use_profile", T.BOOLEAN, ("false",)), astring("profile", "x")],
        [Property("use_profile", T.BOOLEAN, ("false",)), astring("user", "x"), astring("group")],
        [astring("environment", "A")],
        [astring("environment")],
        [Property("environment", T.USTRING, ("A=b",))],
        [astring("name", "x"), astring("clearance", "x"), astring("corefile_pattern", "x")],
    ],
)
def test_odd_contexts_of_methods(properties: list[Property]) -> None:
    found = with_groups(make_group("start", "method", [*METHOD, *properties]))
    assert '<exec_method name="start"' in found


def test_an_override_that_an_element_cannot_hold() -> None:
    groups = (
        make_group("start", "method", METHOD),
        make_group("general", "framework", [Property("restarter", T.FMRI, ("svc:/x",))]),
    )
    overrides = frozenset({("start", "exec"), ("general", "restarter")})
    found = write_bundle(of(ServiceBundle("a", groups=groups, overrides=overrides)))
    assert b"exec_method" not in found
    assert b"<restarter" not in found


def test_normal_form() -> None:
    enabled = make_group("general", "framework", [Property("enabled", T.BOOLEAN, ("true",))])
    volatile = PropertyGroup("b", "t", {}, persistent=False, generation=7)
    instance = InstanceBundle("i", None, (volatile, make_group("a", "t"), enabled))
    service = ServiceBundle("s", instances=(instance,), untyped=frozenset({("a", "b")}))
    assert normal_form(of(service)).services[0] == ServiceBundle(
        "s", instances=(InstanceBundle("i", True, (make_group("a", "t"), make_group("b", "t"))),)
    )
    kept = replace(instance, enabled=False)
    found = normal_form(of(ServiceBundle("s", instances=(kept,))))
    assert found.services[0].instances[0].enabled is False


@pytest.mark.parametrize(
    ("service", "why"),
    [
        (ServiceBundle("a b"), "'a b' is not a legal service name"),
        (ServiceBundle("a", kind="odd"), "attribute 'type' of 'service' is 'odd'"),
        (ServiceBundle("a", instances=(InstanceBundle("i"),)), "needs attribute 'enabled'"),
        (ServiceBundle("a", groups=(make_group("g", ""),)), "needs attribute 'type'"),
        (
            ServiceBundle("a", groups=(make_group("g", "t", [astring("p", "\1")]),)),
            "g/p of svc:/a holds a character that XML cannot hold",
        ),
        (
            ServiceBundle(
                "a",
                instances=(
                    InstanceBundle("i", True, (make_group("g", "t", [astring("p", "\udc80")]),)),
                ),
            ),
            "g/p of svc:/a:i holds a character that XML cannot hold",
        ),
        (
            ServiceBundle("a", groups=(make_group("g", "t", [Property("p", T.COUNT, ("x",))]),)),
            "cannot use 'x' as a value of type count",
        ),
        (
            ServiceBundle("a", groups=(make_group("g", "t", [Property("p", T.COUNT, ("01",))]),)),
            "service a holds something that a document cannot express",
        ),
        (
            ServiceBundle("a", overrides=frozenset({("g", "p")})),
            "service a holds something that a document cannot express",
        ),
    ],
)
def test_refused(service: ServiceBundle, why: str) -> None:
    assert why in why_not(of(service))


def test_profiles_keep_types_open() -> None:
    group = make_group("g", "", [astring("p", "007")])
    service = ServiceBundle("a", groups=(group,), untyped=frozenset({("g", "p")}))
    bundle = of(service, BundleType.PROFILE)
    written = write_bundle(bundle)
    assert b'<property_group name="g">\n      <propval name="p" value="007"/>' in written
    assert read_bundle(written) == bundle
