"""Inclusion of local files, and every way in which it must not work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roost.errors import ManifestError
from roost.manifest import read_bundle
from roost.manifest._include import MAX_INCLUDE_DEPTH
from tests.unit.manifest.documents import refusal

NAMESPACE = "http://www.w3.org/2001/XInclude"


def write(path: Path, body: str, kind: str = "profile", namespace: str = NAMESPACE) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<service_bundle type='{kind}' name='{path.stem}' xmlns:xi='{namespace}'>\n{body}\n"
        "</service_bundle>\n"
    )
    return str(path)


def include(href: str, content: str = "") -> str:
    return f"<xi:include href='{href}'>{content}</xi:include>"


def service(name: str) -> str:
    return (
        f"<service name='{name}' version='1' type='service'>"
        "<instance name='default' enabled='true'/></service>"
    )


def names(path: str, root: str = "/") -> list[str]:
    return [found.name for found in read_bundle(path, root=root).services]


def why_not(path: str) -> str:
    with pytest.raises(ManifestError) as caught:
        read_bundle(path, "top.xml")
    return caught.value.why


@pytest.mark.parametrize("namespace", [NAMESPACE, "http://www.w3.org/2003/XInclude"])
def test_included_services_stand_in_place(tmp_path: Path, namespace: str) -> None:
    write(tmp_path / "sub" / "b.xml", service("b") + include("c.xml"))
    write(tmp_path / "sub" / "c.xml", service("c"))
    body = service("a") + include("sub/b.xml") + service("d")
    top = write(tmp_path / "top.xml", body, namespace=namespace)
    assert names(top) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}", "file://localhost{}"])
def test_absolute_forms_below_the_directory(tmp_path: Path, form: str) -> None:
    inner = write(tmp_path / "with space.xml", service("b"))
    top = write(tmp_path / "top.xml", include(form.format(inner).replace(" ", "%20")))
    assert names(top) == ["b"]


def test_absolute_paths_start_at_the_root_given(tmp_path: Path) -> None:
    write(tmp_path / "etc/svc/profile/name_service.xml", service("b"))
    top = write(tmp_path / "elsewhere/top.xml", include("file:/etc/svc/profile/name_service.xml"))
    assert names(top, root=str(tmp_path)) == ["b"]


def test_links_inside_the_directory_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "ns_dns.xml", service("b"))
    os.symlink("ns_dns.xml", tmp_path / "name_service.xml")
    assert names(write(tmp_path / "top.xml", include("name_service.xml"))) == ["b"]


def test_fallback(tmp_path: Path) -> None:
    write(tmp_path / "there.xml", service("there"))
    inner = include("there.xml") + service("c")
    absent = include("absent.xml", f"<xi:fallback>{inner}</xi:fallback>")
    top = write(tmp_path / "top.xml", service("a") + absent, "profile")
    assert names(top) == ["a", "there", "c"]


def test_absent_file_in_a_profile_is_noted(tmp_path: Path) -> None:
    top = write(tmp_path / "top.xml", "\n" + include("absent.xml") + service("a"))
    notes: list[str] = []
    found = read_bundle(top, "top.xml", note=notes.append)
    assert [found.name for found in found.services] == ["a"]
    absent = os.path.realpath(tmp_path / "absent.xml")
    assert notes == [f"top.xml:3: there is no file '{absent}' to include; skipped"]


def test_absent_file_in_a_manifest_is_an_error(tmp_path: Path) -> None:
    top = write(tmp_path / "top.xml", include("absent.xml"), "manifest")
    assert why_not(top).startswith("top.xml:2: there is no file ")


@pytest.mark.parametrize(
    "href",
    [
        "http://example.org/x.xml",
        "HTTPS://example.org/x.xml",
        "ftp://example.org/x.xml",
        "file://example.org/x.xml",
        "file:x.xml",
        "file:",
        "data:text/xml,x",
        "//example.org/x.xml",
        "",
        "x.xml#part",
        "x.xml?query",
        "%00x.xml",
    ],
)
def test_what_is_no_local_file(tmp_path: Path, href: str) -> None:
    assert why_not(write(tmp_path / "top.xml", include(href))).startswith("top.xml:2: '")


@pytest.mark.parametrize("href", ["../out.xml", "%2e%2e/out.xml", "sub/../../out.xml", "link.xml"])
def test_no_way_out_of_the_directory(tmp_path: Path, href: str) -> None:
    write(tmp_path / "out.xml", service("b"))
    top = write(tmp_path / "in/top.xml", include(href))
    os.symlink("../out.xml", tmp_path / "in/link.xml")
    assert f"'{href}' is outside of" in why_not(top)


def test_no_way_to_an_absolute_path(tmp_path: Path) -> None:
    for path in ("/etc/passwd", "file:///etc/passwd", f"{tmp_path}/out.xml"):
        top = write(tmp_path / "in/top.xml", include(path))
        assert "is outside of" in why_not(top)


def test_only_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.xml")
    (tmp_path / "dir.xml").mkdir()
    assert "not a regular file" in why_not(write(tmp_path / "top.xml", include("fifo.xml")))
    assert why_not(write(tmp_path / "top.xml", include("dir.xml"))).startswith("top.xml:2: ")


def test_whole_documents_only(tmp_path: Path) -> None:
    (tmp_path / "text.xml").write_text("root:x:0:0\n")
    (tmp_path / "other.xml").write_text("<other/>")
    broken = why_not(write(tmp_path / "top.xml", include("text.xml")))
    assert broken.startswith("text.xml:1: not well-formed XML")
    assert "root" not in broken
    other = why_not(write(tmp_path / "top.xml", include("other.xml")))
    assert other.startswith("other.xml:1: the element is 'other'")
    text = "<xi:include href='text.xml' parse='text'/>"
    assert "expected parse='xml'" in why_not(write(tmp_path / "top.xml", text))


def test_included_entities_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.xml").write_text("<!DOCTYPE service_bundle [<!ENTITY a 'b'>]><x>&a;</x>")
    assert "declares the entity 'a'" in why_not(write(tmp_path / "top.xml", include("bomb.xml")))


def test_cycles(tmp_path: Path) -> None:
    assert "includes itself" in why_not(write(tmp_path / "top.xml", include("top.xml")))
    write(tmp_path / "b.xml", include("top.xml"))
    assert why_not(write(tmp_path / "top.xml", include("b.xml"))).startswith("b.xml:2: 'top.xml'")


def test_depth(tmp_path: Path) -> None:
    def chain(length: int) -> str:
        write(tmp_path / f"{length}.xml", service("last"))
        for n in range(length):
            write(tmp_path / f"{n}.xml", include(f"{n + 1}.xml"))
        return str(tmp_path / "0.xml")

    assert names(chain(MAX_INCLUDE_DEPTH)) == ["last"]
    assert "inclusions nested deeper" in why_not(chain(MAX_INCLUDE_DEPTH + 1))


def test_many_inclusions(tmp_path: Path) -> None:
    for n in range(MAX_INCLUDE_DEPTH):
        write(tmp_path / f"{n}.xml", include(f"{n + 1}.xml") * 4)
    write(tmp_path / f"{MAX_INCLUDE_DEPTH}.xml", "")
    assert "too many inclusions" in why_not(str(tmp_path / "0.xml"))


def test_types_must_agree(tmp_path: Path) -> None:
    write(tmp_path / "b.xml", service("b"), "manifest")
    why = why_not(write(tmp_path / "top.xml", include("b.xml"), "profile"))
    assert why == "b.xml:1: a bundle of type 'manifest' inside one of type 'profile'"


def test_inclusion_elsewhere_is_refused(tmp_path: Path) -> None:
    body = f"<service name='a' version='1' type='service'>{include('b.xml')}</service>"
    assert "'xi:include' is not allowed in 'service'" in why_not(write(tmp_path / "t.xml", body))


def test_bytes_include_nothing() -> None:
    body = f"<service_bundle type='profile' name='t' xmlns:xi='{NAMESPACE}'>\n{include('b.xml')}"
    assert refusal(f"{body}</service_bundle>".encode()) == (
        "test.xml:2: it includes a file, but was not itself read from a file"
    )
