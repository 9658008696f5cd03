"""Documents for the tests, built from what is particular to each."""

from __future__ import annotations

import pytest

from roost.errors import ManifestError
from roost.manifest import normal_form, read_bundle, write_bundle
from roost.model.bundle import Bundle, InstanceBundle, ServiceBundle
from roost.model.properties import PropertyGroup

HEAD = "<?xml version='1.0'?>\n"
DOCTYPE = "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"


def bundle(body: str, kind: str = "manifest") -> bytes:
    """A document whose body starts in line 2."""
    return f"<service_bundle type='{kind}' name='test'>\n{body}\n</service_bundle>\n".encode()


def service(body: str, kind: str = "manifest") -> bytes:
    """A document with one service, whose content starts in line 3."""
    return bundle(
        f"<service name='site/test' version='1' type='service'>\n{body}\n</service>", kind
    )


def instance(body: str, kind: str = "manifest") -> bytes:
    """A document with one instance, whose content starts in line 4."""
    return service(f"<instance name='default' enabled='true'>\n{body}\n</instance>", kind)


def read_service(body: str, kind: str = "manifest") -> ServiceBundle:
    """The service, after a check that writing and reading it again gives the same."""
    return same_again(read_bundle(service(body, kind), "test.xml")).services[0]


def read_instance(body: str, kind: str = "manifest") -> InstanceBundle:
    """The instance, after the same check."""
    return same_again(read_bundle(instance(body, kind), "test.xml")).services[0].instances[0]


def same_again(found: Bundle) -> Bundle:
    """The bundle, which must survive being written."""
    assert normal_form(found) == found
    written = write_bundle(found)
    assert read_bundle(written, "written.xml") == found
    assert write_bundle(read_bundle(written)) == written
    return found


def group(entity: ServiceBundle | InstanceBundle, name: str) -> PropertyGroup:
    """The group of that name."""
    return next(found for found in entity.groups if found.name == name)


def facts(found: PropertyGroup) -> dict[str, tuple[str, ...]]:
    """``{"type name": values}``, for short assertions."""
    return {f"{p.type.value} {p.name}": p.values for p in found.properties.values()}


def refusal(data: bytes) -> str:
    """Why a document is refused, without ``cannot import test.xml: ``."""
    with pytest.raises(ManifestError) as caught:
        read_bundle(data, "test.xml")
    assert caught.value.what == "import test.xml"
    return caught.value.why
