"""The hardened reader: what hostile or broken documents get."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from roost.errors import ManifestError
from roost.manifest import find_problems, read_bundle
from roost.manifest._source import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS
from tests.unit.manifest.documents import DOCTYPE, HEAD, bundle, refusal, service

PLAIN = service("<create_default_instance enabled='true'/>")


def with_subset(subset: str, body: str = "", *, external: bool = True) -> bytes:
    system = "SYSTEM 'x.dtd' " if external else ""
    return (
        f"{HEAD}<!DOCTYPE service_bundle {system}[\n{subset}\n]>\n"
        f"<service_bundle type='manifest' name='test'>{body}</service_bundle>"
    ).encode()


def test_plain_document_with_and_without_doctype() -> None:
    assert read_bundle(PLAIN) == read_bundle((HEAD + DOCTYPE).encode() + PLAIN)


BILLION_LAUGHS = "\n".join(
    ["<!ENTITY l0 'ha'>"] + [f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10)]
)


@pytest.mark.parametrize("external", [True, False])
@pytest.mark.parametrize(
    ("subset", "body"),
    [
        (BILLION_LAUGHS, "&l9;"),
        (f"<!ENTITY big '{'a' * 100_000}'>", "&big;" * 1000),
        ("<!ENTITY secret SYSTEM 'file:///etc/passwd'>", "&secret;"),
        ("<!ENTITY secret SYSTEM 'http://example.org/x'>", "&secret;"),
        ("<!ENTITY secret PUBLIC 'p' 'http://example.org/x'>", "&secret;"),
        ("<!ENTITY % outer SYSTEM 'file:///etc/passwd'>\n%outer;", ""),
        ("<!ENTITY % outer '<!ENTITY inner \"x\">'>\n%outer;", "&inner;"),
        ("<!ENTITY picture SYSTEM 'p.gif' NDATA gif>", ""),
    ],
)
def test_entity_declarations_are_refused(subset: str, body: str, *, external: bool) -> None:
    why = refusal(with_subset(subset, body, external=external))
    assert why.startswith("test.xml:3: declares the entity ")


@pytest.mark.parametrize(
    "subset",
    [
        "<!ELEMENT service_bundle ANY>",
        "<!ATTLIST service_bundle type CDATA 'profile'>",
        "<!NOTATION gif SYSTEM 'viewer'>",
    ],
)
def test_other_declarations_are_refused(subset: str) -> None:
    assert "inside DOCTYPE; a service bundle declares nothing there" in refusal(with_subset(subset))


@pytest.mark.parametrize("doctype", ["", DOCTYPE])
@pytest.mark.parametrize(
    "body",
    ["<service name='&who;' version='1' type='service'/>", "\n&who;"],
)
def test_undeclared_entities_are_refused(doctype: str, body: str) -> None:
    assert "entity" in refusal(doctype.encode() + bundle(body))


def test_undeclared_entity_in_an_attribute_has_its_line() -> None:
    data = DOCTYPE.encode() + bundle("<!-- &fine; \n -->\n<service name='&who;' type='service'/>")
    assert refusal(data).startswith("test.xml:5: a reference to an entity")


def test_likenesses_of_references_are_no_references() -> None:
    text = "<template><common_name><loctext xml:lang='C'><![CDATA[&b;]]></loctext></common_name>"
    found = read_bundle((DOCTYPE + "<!-- &a; -->").encode() + service(text + "</template>"))
    assert found.services[0].groups[0].value("C") == "&b;"


def test_parameter_entity_reference_is_refused() -> None:
    assert "entity" in refusal(with_subset("%outer;"))


def test_too_large(tmp_path: Path) -> None:
    data = PLAIN + b" " * MAX_BYTES
    assert "larger than 16 MiB" in refusal(data)
    big = tmp_path / "big.xml"
    big.write_bytes(data)
    with pytest.raises(ManifestError, match="larger than 16 MiB"):
        read_bundle(str(big))


def test_too_deep() -> None:
    deep = "<service_bundle type='manifest' name='x'>"
    assert "nested deeper" in refusal((deep * (MAX_DEPTH + 1)).encode())
    assert "nested deeper" in refusal((deep * 100_000).encode())


def test_too_many_elements() -> None:
    assert "elements" in refusal(bundle("<a/>" * (MAX_ELEMENTS + 1)))


def test_much_mixed_text_is_no_burden() -> None:
    assert "there is no element 'a'" in refusal(bundle("some text <a/>" * 90_000))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "test.xml:1: not well-formed XML (no element found)"),
        (b"<service_bundle>", "test.xml:1: not well-formed XML (no element found)"),
        (b"<service_bundle\n  type>", "test.xml:2: not well-formed XML"),
        (b"\0\1\2", "test.xml:1: not well-formed XML"),
        (b"<x/>", "test.xml:1: the document's element is 'x', expected 'service_bundle'"),
        (b"<!DOCTYPE x><service_bundle/>", "test.xml:1: the document type is 'x'"),
        (b"<!DOCTYPE service_bundle SYSTEM '<'><x/>", "test.xml:1: the document type's system"),
        (b"<a:service_bundle/>", "test.xml:1: not well-formed XML (unbound prefix)"),
        (b"<service_bundle xmlns='urn:x'/>", "test.xml:1: the document's element is '{urn:x}"),
        (b"<service_bundle>\n\xff</service_bundle>", "test.xml:2: bytes that are not utf-8"),
    ],
)
def test_not_a_service_bundle(data: bytes, why: str) -> None:
    assert refusal(data).startswith(why)


def encoded(encoding: str, declared: str, bom: bytes = b"") -> bytes:
    text = (
        f"<?xml version='1.0' encoding='{declared}'?>"
        + service(
            "<property_group name='g' type='application'>"
            "<propval name='p' type='ustring' value='gr\u00fcn'/></property_group>"
        ).decode()
    )
    return bom + text.encode(encoding)


@pytest.mark.parametrize(
    "data",
    [
        encoded("utf-8", "UTF-8"),
        encoded("utf-8", "utf8"),
        encoded("utf-8", "UTF-8", codecs.BOM_UTF8),
        encoded("utf-16-le", "UTF-16", codecs.BOM_UTF16_LE),
        encoded("utf-16-be", "UTF-16", codecs.BOM_UTF16_BE),
        encoded("iso8859-1", "ISO-8859-1"),
        encoded("cp1252", "windows-1252"),
    ],
)
def test_encodings(data: bytes) -> None:
    assert read_bundle(data).services[0].groups[0].value("p") == "gr\u00fcn"


@pytest.mark.parametrize(
    "declared",
    ["nonsense", "hex", "rot13", "idna", "punycode", "undefined", "unicode_escape", "utf-7", "zip"],
)
def test_odd_encodings_are_refused(declared: str) -> None:
    assert f"its encoding is '{declared}', expected UTF-8" in refusal(encoded("utf-8", declared))


def test_utf_32_and_cut_utf_16_are_refused() -> None:
    assert "UTF-32" in refusal(codecs.BOM_UTF32_LE + PLAIN)
    assert "bytes that are not utf-16" in refusal(codecs.BOM_UTF16_LE + b"<\0s")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (str(tmp_path), str(tmp_path / "absent.xml"), "a\0b"):
        with pytest.raises(ManifestError) as caught:
            read_bundle(path, "test.xml")
        assert caught.value.why.startswith("test.xml: ")


def test_the_name_of_a_file_is_its_path(tmp_path: Path) -> None:
    path = tmp_path / "bad.xml"
    path.write_bytes(bundle("<nonsense/>"))
    why = f"{path}:2: there is no element 'nonsense'"
    assert find_problems(str(path)) == [why]
    with pytest.raises(ManifestError) as caught:
        read_bundle(str(path))
    assert str(caught.value) == f"cannot import {why}"


def test_what_is_quoted_is_short_and_printable() -> None:
    value = "&#10;\u009b31m" + "x" * 1000
    why = refusal(service(f"<instance name='a' enabled='{value}'/>"))
    assert why.isprintable()
    assert why.startswith("test.xml:3: attribute 'enabled' of 'instance' is ' 31mxxx")
    assert why.endswith("xxx...")
