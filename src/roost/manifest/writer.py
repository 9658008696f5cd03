"""Writing a service bundle, as XML or as TOML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roost.errors import ManifestError
from roost.manifest._normal import normal_form
from roost.manifest._write import document
from roost.manifest.reader import read_bundle
from roost.model.bundle import Bundle

Notes = Mapping[str, Sequence[str]]
"""FMRI of a service or an instance, and the lines of a comment to stand above it."""


def write_bundle(bundle: Bundle, *, notes: Notes | None = None) -> bytes:
    """The document that says what ``bundle`` says: reading it gives ``normal_form(bundle)``.

    The same bundle gives the same bytes. Raises ManifestError for a bundle that no document
    can express: an illegal name, a character that XML cannot hold, a manifest's instance
    without ``enabled``.
    """
    wanted = normal_form(bundle)
    try:
        return _checked(document(wanted, notes or {}), wanted, ".xml")
    except ManifestError as problem:
        place = _beyond_xml(wanted)
        if place is None:
            raise
        why = f"{place} holds a character that XML cannot hold"
        raise ManifestError(problem.what, why) from None


def write_toml(bundle: Bundle, *, notes: Notes | None = None) -> bytes:
    """The same as TOML (service_toml(5)), which can hold all characters."""
    from roost.manifest._toml_write import toml_document  # noqa: PLC0415  most is written as XML

    wanted = normal_form(bundle)
    return _checked(toml_document(wanted, notes or {}), wanted, ".toml")


_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _beyond_xml(bundle: Bundle) -> str | None:
    """The first property with a value that no XML document can hold."""
    for service in bundle.services:
        fmri = f"svc:/{service.name}"
        entities = [(fmri, service.groups)]
        entities += [(f"{fmri}:{one.name}", one.groups) for one in service.instances]
        for entity, groups in entities:
            for group in groups:
                for prop in group.properties.values():
                    if any(_NOT_XML.search(value) for value in prop.values):
                        return f"{group.name}/{prop.name} of {entity}"
    return None


def _checked(data: bytes, wanted: Bundle, ending: str) -> bytes:
    """``data``, if reading it gives just the bundle that was to be written."""
    what = f"write service bundle '{wanted.name}'"
    try:
        found = read_bundle(data, f"{wanted.name or 'bundle'}{ending}")
    except ManifestError as problem:
        raise ManifestError(what, problem.why) from None
    if found != wanted:
        names = [ours.name for ours in wanted.services if ours not in found.services]
        why = f"service {', '.join(names)} holds something that a document cannot express"
        raise ManifestError(what, why)
    return data
