"""Any bundle survives being written; nothing that is read can cause more than a refusal."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roost.errors import ManifestError, RequestError
from roost.manifest import find_problems, normal_form, read_bundle, write_bundle
from roost.model.bundle import Bundle
from roost.model.bundle_json import bundle_from_json, bundle_to_json
from tests.property.bundles import bundles

CALM = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))

DOCUMENT = b"""<?xml version='1.0'?>
<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>
<!-- a comment -->
<service_bundle type='manifest' name='x' xmlns:xi='http://www.w3.org/2001/XInclude'>
<service name='site/x' version='1' type='service'>
<create_default_instance enabled='true'/><single_instance/>
<restarter><service_fmri value='svc:/r:default'/></restarter>
<dependency name='d' grouping='require_all' restart_on='none' type='path'>
<service_fmri value='file://localhost/etc/x'/></dependency>
<dependent name='e' grouping='optional_all' restart_on='none' override='true'>
<service_fmri value='svc:/y'/></dependent>
<method_context working_directory='/'><method_credential user='root' group='x'/>
<method_environment><envvar name='A' value='b'/></method_environment></method_context>
<exec_method type='method' name='start' exec='/m %m &amp; &lt;' timeout_seconds='60'/>
<scheduled_method exec='x' interval='day' hour='3'/>
<notification_parameters><event value='all'/><type name='smtp'>
<paramval name='to' value='root'/></type></notification_parameters>
<property_group name='g' type='application'><stability value='Stable'/>
<propval name='p' type='count' value='1' override='true'/>
<property name='q' type='net_address_v4'><net_address_v4_list><value_node value='10.0.0.1/8'/>
</net_address_v4_list></property></property_group>
<instance name='i' enabled='false' complete='true'/>
<stability value='Unstable'/>
<template><common_name><loctext xml:lang='C'>x <![CDATA[<y>]]></loctext></common_name>
<documentation><manpage title='x' section='8'/><doc_link name='y' uri='http:/z'/></documentation>
<pg_pattern name='g' type='application' required='true'><prop_pattern name='p' type='count'>
<cardinality min='1' max='2'/><constraints><range min='1' max='9'/></constraints>
<choices><include_values type='constraints'/></choices></prop_pattern></pg_pattern></template>
</service></service_bundle>
"""


@CALM
@given(bundles())
def test_writing_and_reading_is_the_identity(bundle: Bundle) -> None:
    wanted = normal_form(bundle)
    assert normal_form(wanted) == wanted
    written = write_bundle(bundle)
    assert read_bundle(written) == wanted
    assert write_bundle(wanted) == written


@CALM
@given(bundles())
def test_json_is_the_identity(bundle: Bundle) -> None:
    assert bundle_from_json(json.loads(json.dumps(bundle_to_json(bundle)))) == bundle


def refuse_or_read(data: bytes) -> None:
    problems = find_problems(data, "test.xml")
    assert all(problem.startswith("test.xml:") for problem in problems)
    if problems:
        with pytest.raises(ManifestError):
            read_bundle(data, "test.xml")
    else:
        found = read_bundle(data, "test.xml")
        assert read_bundle(write_bundle(found)) == found


CHANGES = st.lists(
    st.tuples(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 40), st.binary(max_size=6)),
    min_size=1,
    max_size=6,
)


@CALM
@given(CHANGES)
def test_changed_bytes(changes: list[tuple[int, int, bytes]]) -> None:
    data = DOCUMENT
    for at, length, new in changes:
        data = data[:at] + new + data[at + length :]
    refuse_or_read(data)


WORDS = sorted(
    {word for word in DOCUMENT.replace(b"<", b" <").replace(b">", b"> ").split() if word}
)


@CALM
@given(
    st.lists(
        st.tuples(st.integers(0, len(DOCUMENT) - 1), st.sampled_from(WORDS)), min_size=1, max_size=4
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
def test_pieces_taken_out(start: int, end: int) -> None:
    lines = DOCUMENT.splitlines(keepends=True)
    refuse_or_read(b"".join(lines[: start % len(lines)] + lines[end % len(lines) :]))


@CALM
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    refuse_or_read(data)
    refuse_or_read(b"<service_bundle type='manifest' name='x'>" + data)


@CALM
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "name", "services", "groups", "properties", "values"]),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json(value: object) -> None:
    with contextlib.suppress(RequestError):
        bundle_from_json(value)
    with contextlib.suppress(RequestError):
        bundle_from_json({"type": "manifest", "services": [value]})
