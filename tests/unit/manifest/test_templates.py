"""Templates: the encoding as groups, and back."""

from __future__ import annotations

import pytest

from roost.fmri import is_component
from roost.manifest import write_bundle
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from tests.unit.manifest.documents import (
    facts,
    group,
    read_instance,
    read_service,
    refusal,
    same_again,
    service,
)

T = PropertyType


def text(words: str, locale: str = "C") -> str:
    return f"<loctext xml:lang='{locale}'>\n\t{words}\n</loctext>"


def template(body: str) -> str:
    return f"<template><common_name>{text('name')}</common_name>{body}</template>"


def pattern(content: str, attributes: str = "name='config' type='application'") -> str:
    return template(f"<pg_pattern {attributes}>{content}</pg_pattern>")


def only(entity: ServiceBundle | InstanceBundle, kind: str) -> PropertyGroup:
    (found,) = [g for g in entity.groups if g.type == kind]
    return found


def test_names_and_descriptions_by_locale() -> None:
    found = read_instance(
        f"<template><common_name>{text('name')}{text('Name', 'de.UTF-8@euro')}</common_name>"
        f"<description>{text('two  words')}</description></template>"
    )
    assert facts(group(found, "tm_common_name")) == {
        "ustring C": ("name",),
        "ustring de-2eUTF-2d8-40euro": ("Name",),
    }
    assert facts(group(found, "tm_description")) == {"ustring C": ("two  words",)}
    assert {g.type for g in found.groups} == {"template"}


def test_documentation() -> None:
    found = read_service(
        template(
            "<documentation><manpage title='sshd' section='8' manpath='/m'/>"
            "<doc_link name='site' uri='http://x/'/><manpage title='sshd' section='8'/>"
            "<doc_link name='site' uri='http://x/'/></documentation>"
        )
    )
    pages = [g for g in found.groups if g.name.startswith("tm_man_sshd_8_")]
    assert sorted(g.value("manpath") for g in pages) == ["/m", ":default"]
    assert facts(pages[0]).keys() == {"astring title", "astring section", "astring manpath"}
    (link,) = [g for g in found.groups if g.name.startswith("tm_doc_site_")]
    assert facts(link) == {"astring name": ("site",), "astring uri": ("http://x/",)}


def test_pg_pattern() -> None:
    found = only(
        read_service(
            pattern(
                f"<common_name>{text('c')}</common_name><description>{text('d')}</description>",
                "name='config' type='application' required='true' target='instance'",
            )
        ),
        "template_pg_pattern",
    )
    assert found.name.startswith("tm_pgpat_config_")
    assert facts(found) == {
        "astring name": ("config",),
        "astring type": ("application",),
        "astring target": ("instance",),
        "boolean required": ("true",),
        "ustring common_name_C": ("c",),
        "ustring description_C": ("d",),
    }


def test_defaults_of_patterns() -> None:
    found = read_service(pattern("<prop_pattern name='p'/>", ""))
    assert facts(only(found, "template_pg_pattern")) == {
        "astring name": ("",),
        "astring type": ("",),
        "astring target": ("this",),
        "boolean required": ("false",),
    }
    assert facts(only(found, "template_prop_pattern")) == {
        "astring pg_pattern": (only(found, "template_pg_pattern").name,),
        "astring name": ("p",),
        "astring type": ("",),
        "boolean required": ("false",),
    }


def test_prop_pattern() -> None:
    value = (
        "<value name='{}'><common_name><loctext xml:lang='C'>c{}</loctext></common_name>"
        "<description><loctext xml:lang='de'>d{}</loctext></description></value>"
    )
    values = "".join(value.format(n, n, n) for n in "ab")
    found = read_service(
        pattern(
            "<prop_pattern name='p' type='count' required='true'>"
            f"<common_name>{text('c')}</common_name><description>{text('d')}</description>"
            f"<units>{text('s')}</units><visibility value='hidden'/><cardinality max='3'/>"
            "<internal_separators> ,\n</internal_separators>"
            f"<values>{values}</values>"
            "<constraints><value name='x'/><range min='-1' max='0x10'/>"
            "<range min='0' max='18446744073709551615'/></constraints>"
            "<choices><value name='y'><description><loctext xml:lang='C'>d</loctext></description>"
            "</value><range min='1' max='1'/><include_values type='values'/>"
            "<include_values type='constraints'/></choices></prop_pattern>"
        )
    )
    assert facts(only(found, "template_prop_pattern")) == {
        "astring pg_pattern": (only(found, "template_pg_pattern").name,),
        "astring name": ("p",),
        "astring type": ("count",),
        "boolean required": ("true",),
        "ustring common_name_C": ("c",),
        "ustring description_C": ("d",),
        "ustring units_C": ("s",),
        "astring visibility": ("hidden",),
        "count cardinality_min": ("0",),
        "count cardinality_max": ("3",),
        "astring internal_separators": (" ,\n",),
        "astring values_value": ("a", "b"),
        "ustring values_value0_common_name_C": ("ca",),
        "ustring values_value0_description_de": ("da",),
        "ustring values_value1_common_name_C": ("cb",),
        "ustring values_value1_description_de": ("db",),
        "astring constraints_value": ("x",),
        "astring constraints_range": ("-1,16", "0,18446744073709551615"),
        "astring choices_value": ("y",),
        "ustring choices_value0_description_C": ("d",),
        "astring choices_range": ("1,1",),
        "astring choices_include": ("values", "constraints"),
    }


def test_names_of_groups_are_legal_and_distinct() -> None:
    long = "p" * 119
    body = "".join(
        f"<pg_pattern name='{name}' type='{kind}' target='{target}'>"
        f"<prop_pattern name='{long}'/><prop_pattern name='a,b'/></pg_pattern>"
        for name, kind, target in (
            ("", "", "this"),
            ("", "t", "this"),
            (long, "t", "this"),
            (long, "t", "all"),
            ("a/b/c", "", "this"),
        )
    )
    found = read_service(template(body))
    assert len({g.name for g in found.groups}) == 16
    assert all(is_component(g.name) for g in found.groups)


def prop(content: str) -> str:
    return pattern(f"\n<prop_pattern name='p'>{content}</prop_pattern>")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (f"<template><common_name>\n{text('x', '')}</common_name></template>", "'' is not a"),
        (f"<template><common_name>\n{text('x', '8')}</common_name></template>", "'8' is not a"),
        (
            (
                f"<template><common_name>{text('x')[:-1]} >\n"
                "<loctext xml:lang='C'/></common_name></template>"
            ),
            "property 'C' of 'tm_common_name' is given twice",
        ),
        (pattern("", "name='a b'"), "cannot use 'a b' as the name of a pattern"),
        (pattern("", "type='a b'"), "cannot use 'a b' as the name of a property group type"),
        (prop("<cardinality min='2' max='1'/>"), "the cardinality's minimum 2 is above"),
        (prop("<cardinality min='x'/>"), "cannot use 'x' as a value of type count"),
        (prop("<constraints><range min='2' max='1'/></constraints>"), "the range's minimum 2"),
        (prop("<constraints><range min='a' max='b'/></constraints>"), "cannot use 'a' as a value"),
        (prop("<visibility value='secret'/>"), "attribute 'visibility'"),
        (
            template("<pg_pattern name='a'/>\n<pg_pattern name='a'/>"),
            "property group 'tm_pgpat_a_",
        ),
        (
            pattern("<prop_pattern name='a'/>\n<prop_pattern name='a'/>"),
            "property group 'tm_proppat_config_a_",
        ),
    ],
)
def test_refused(body: str, why: str) -> None:
    found = refusal(service(body))
    assert why.replace("'visibility'", "'value' of 'visibility'") in found
    assert found.startswith(("test.xml:4: ", "test.xml:5: ", "test.xml:6: "))


def written(*groups: PropertyGroup) -> str:
    found = Bundle(BundleType.MANIFEST, "b", (ServiceBundle("a", groups=groups),))
    return write_bundle(found).decode()


NAME = make_group("tm_common_name", "template", [Property("C", T.USTRING, ("x",))])


@pytest.mark.parametrize(
    "odd",
    [
        make_group("tm_common_name", "template"),
        make_group("tm_common_name", "template", [Property("C", T.ASTRING, ("x",))]),
        make_group("tm_common_name", "template", [Property("C", T.USTRING, (" x",))]),
        make_group("tm_common_name", "template", [Property("C", T.USTRING, ("x", "y"))]),
        make_group("tm_common_name", "template", [Property("C-xx", T.USTRING, ("x",))]),
    ],
)
def test_odd_names_are_written_as_plain_groups(odd: PropertyGroup) -> None:
    assert '<property_group name="tm_common_name"' in written(odd)


@pytest.mark.parametrize(
    "odd",
    [
        make_group("tm_description", "template"),
        make_group("tm_description_x", "template", [Property("C", T.USTRING, ("x",))]),
        make_group("tm_man_x", "template", [Property("title", T.ASTRING, ("x",))]),
        make_group("tm_doc_x", "template", [Property("name", T.ASTRING, ("x",))]),
        make_group("other", "template"),
        make_group("tm_pgpat_x", "template_pg_pattern"),
        make_group("tm_pgpat_x", "template_pg_pattern", [Property("name", T.ASTRING, ("x",))]),
        make_group("tm_proppat_x", "template_prop_pattern"),
        make_group("tm_proppat_x", "template_prop_pattern", [Property("name", T.ASTRING, ("x",))]),
    ],
)
def test_odd_template_groups_are_written_as_plain_groups(odd: PropertyGroup) -> None:
    found = written(NAME, odd)
    assert f'<property_group name="{odd.name}" type="{odd.type}"' in found
    assert "<template>" in found


def test_templates_in_a_profile_are_plain_groups() -> None:
    services = (ServiceBundle("a", groups=(NAME,)),)
    found = same_again(Bundle(BundleType.PROFILE, "b", services))
    assert b"<template>" not in write_bundle(found)
