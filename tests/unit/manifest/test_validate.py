"""Attributes, content and its order: what is refused, and with which words."""

from __future__ import annotations

import pytest

from roost.errors import ManifestError
from roost.manifest import find_problems, read_bundle
from roost.manifest._schema import ELEMENTS
from tests.unit.manifest.documents import bundle, instance, refusal, service

METHOD = "<exec_method name='start' type='method' exec='x' timeout_seconds='1'/>"
DEPENDENCY = "<dependency name='d' grouping='require_all' restart_on='none' type='service'/>"
GROUP = "<property_group name='g' type='application'>{}</property_group>"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<service_bundle/>", "1: element 'service_bundle' needs attribute 'type' (and 1 more)"),
        (
            bundle("", "thing"),
            (
                "1: attribute 'type' of 'service_bundle' is 'thing', "
                "expected one of manifest, profile, archive"
            ),
        ),
        (
            bundle("<service name='a'/>"),
            "2: element 'service' needs attribute 'version' (and 1 more)",
        ),
        (
            service("<instance name='a' enabled='maybe'/>"),
            "3: attribute 'enabled' of 'instance' is 'maybe', expected one of true, false",
        ),
        (service("<instance name='a'/>"), "3: element 'instance' needs attribute 'enabled'"),
        (
            service("<single_instance now='1'/>"),
            "3: element 'single_instance' has no attribute 'now', expected none",
        ),
        (service("<wibble/>"), "3: there is no element 'wibble'"),
        (
            service("<stability value='Stable'>\n x  y\n</stability>"),
            "3: text 'x y' in 'stability', expected elements only",
        ),
        (
            service("<restarter/>"),
            "3: element 'restarter' needs an element 'service_fmri'",
        ),
        (
            service(METHOD + "\n" + DEPENDENCY),
            "4: element 'dependency' in 'service' must come before 'exec_method'",
        ),
        (
            service("<single_instance/>\n<single_instance/>"),
            "4: a second 'single_instance' in 'service', expected at most one",
        ),
        (
            instance("<single_instance/>"),
            (
                "4: element 'single_instance' is not allowed in 'instance', expected restarter, "
                "dependency, dependent, method_context, exec_method, notification_parameters, "
                "property_group, template"
            ),
        ),
        (
            instance("<logfile_attributes permissions='1'/><logfile_attributes permissions='1'/>"),
            "4: a second 'logfile_attributes' in 'instance', expected at most one",
        ),
        (
            service(GROUP.format("<property name='p' type='count'>\n<count_list/></property>")),
            "4: element 'count_list' needs an element 'value_node'",
        ),
        (
            service(GROUP.format("<propval name='p' type='number' value='1'/>")),
            (
                "3: attribute 'type' of 'propval' is 'number', expected one of boolean, count, "
                "integer, time, opaque, astring, ustring, uri, fmri, host, hostname, net_address, "
                "net_address_v4, net_address_v6"
            ),
        ),
        (
            service(DEPENDENCY.replace("'none'", "'never'")),
            (
                "3: attribute 'restart_on' of 'dependency' is 'never', "
                "expected one of none, error, restart, refresh"
            ),
        ),
        (
            service("<template><description/></template>"),
            "3: element 'template' needs an element 'common_name' (and 1 more)",
        ),
        (
            bundle("<xi:include xmlns:xi='urn:other' href='x'/>"),
            "2: there is no element '{urn:other}include'",
        ),
    ],
)
def test_refused(data: bytes, why: str) -> None:
    assert refusal(data) == f"test.xml:{why}"


def test_all_problems_are_found_in_the_order_of_lines() -> None:
    data = service(f"{METHOD}\n<wibble/>\n{DEPENDENCY}\n<instance name='a'/>\n<wobble/>")
    lines = [
        "test.xml:4: there is no element 'wibble'",
        "test.xml:5: element 'dependency' in 'service' must come before 'exec_method'",
        "test.xml:6: element 'instance' needs attribute 'enabled'",
        "test.xml:7: there is no element 'wobble'",
    ]
    assert find_problems(data, "test.xml") == lines
    with pytest.raises(ManifestError) as caught:
        read_bundle(data, "test.xml")
    assert caught.value.why == f"{lines[0]} (and 3 more)"
    assert caught.value.hint == "svccfg validate test.xml"


def test_the_number_of_problems_is_bounded() -> None:
    assert len(find_problems(service("<wibble/>\n" * 5000))) == 100


def test_a_good_document_has_no_problems() -> None:
    assert find_problems(service(METHOD)) == []


def test_white_space_around_words_is_dropped() -> None:
    found = read_bundle(service("<create_default_instance enabled=' true '/>"))
    assert found.services[0].instances[0].enabled is True


def test_additions_of_solaris_may_stand_anywhere() -> None:
    logfile = "<logfile_attributes permissions='0640'/>"
    for body in (logfile + DEPENDENCY + METHOD, DEPENDENCY + logfile + METHOD, METHOD + logfile):
        assert find_problems(instance(body)) == []


def test_profiles_may_leave_things_open() -> None:
    body = (
        "<service name='a'><instance name='default'>"
        "<property_group name='g'><propval name='p' value='1'/><property name='q'/>"
        "</property_group></instance></service>"
    )
    assert find_problems(bundle(body, "profile")) == []
    assert len(find_problems(bundle(body, "manifest"), "test.xml")) == 6


def test_every_element_of_the_table_is_allowed_somewhere() -> None:
    known = {tag for rule in ELEMENTS.values() for step in rule.content for tag in step.tags}
    known |= {tag for rule in ELEMENTS.values() for tag in rule.anywhere}
    assert known == set(ELEMENTS)
