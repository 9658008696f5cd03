"""FMRIs: parse, print, and match them and their abbreviations (smf(7), digest section a).

Pure text work; knows nothing of what exists. Elsewhere in roost an entity is known by its
canonical text (``svc:/network/ssh`` or ``svc:/network/ssh:default``), which is what ``str``
of an `Fmri` gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import NewType

from roost.errors import InvalidName

InstanceFmri = NewType("InstanceFmri", str)
"""Canonical text of an instance's FMRI: ``svc:/CAT/NAME:INST``."""
ServiceFmri = NewType("ServiceFmri", str)
"""Canonical text of a service's FMRI: ``svc:/CAT/NAME``."""

MAX_NAME_BYTES = 119
MAX_FMRI_BYTES = 719
MAX_VALUE_BYTES = 4095

_IDENTIFIER = r"[A-Za-z][A-Za-z0-9_-]*"
_COMPONENT = re.compile(rf"(?:[A-Za-z][A-Za-z0-9_.-]*,)?{_IDENTIFIER}")
_SCOPED = re.compile(r"svc://([^/]*)/(.*)", re.DOTALL)
_PROPERTIES = "/:properties/"
_GLOB = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Fmri:
    """One parsed ``svc:`` FMRI: a service, an instance, or a group or property of either."""

    service: str
    instance: str | None = None
    group: str | None = None
    prop: str | None = None

    def __str__(self) -> str:
        text = f"svc:/{self.service}"
        if self.instance is not None:
            text += f":{self.instance}"
        if self.group is not None:
            text += _PROPERTIES + self.group
            if self.prop is not None:
                text += f"/{self.prop}"
        return text

    @property
    def entity(self) -> Fmri:
        """The service or instance that a group or property belongs to; else itself."""
        return Fmri(self.service, self.instance)

    @property
    def service_fmri(self) -> ServiceFmri:
        """Canonical text of the service."""
        return ServiceFmri(f"svc:/{self.service}")

    @property
    def instance_fmri(self) -> InstanceFmri:
        """Canonical text of the instance; `InvalidName` if none is named."""
        if self.instance is None:
            raise InvalidName(f"use '{self}' as an instance", "it names a service, not an instance")
        return InstanceFmri(f"svc:/{self.service}:{self.instance}")


def is_component(name: str) -> bool:
    """Is this a legal instance, property-group or property name?"""
    return _COMPONENT.fullmatch(name) is not None and len(name) <= MAX_NAME_BYTES


def is_service_name(name: str) -> bool:
    """Is this a legal service name (components joined by ``/``)?"""
    return len(name) <= MAX_NAME_BYTES and all(
        _COMPONENT.fullmatch(part) for part in name.split("/")
    )


def check_name(name: str, kind: str) -> str:
    """Return ``name`` if it is one legal component, else raise `InvalidName` naming ``kind``."""
    if is_component(name):
        return name
    if _COMPONENT.fullmatch(name):
        why = f"it is longer than {MAX_NAME_BYTES} bytes"
    else:
        why = "a name is a letter, then letters, digits, '-' and '_'"
    raise InvalidName(f"use '{name}' as the name of a {kind}", why)


def parse(text: str) -> Fmri:
    """Parse a complete ``svc:`` FMRI; the scheme and leading ``/`` may be missing.

    Raises `InvalidName` with the reason when the text does not follow the grammar.
    """
    refused = f"use '{text}' as an FMRI"
    if len(text.encode(errors="surrogateescape")) > MAX_FMRI_BYTES:
        raise InvalidName(refused, f"it is longer than {MAX_FMRI_BYTES} bytes")
    rest = text
    scoped = _SCOPED.match(text)
    if scoped:
        scope = scoped[1].removesuffix("@localhost")
        if scope not in ("", "localhost"):
            raise InvalidName(refused, f"the only scope is localhost, not '{scope}'")
        rest = scoped[2]
    elif text.startswith("svc:"):
        rest = text[4:].removeprefix("/")
    elif re.match(r"(file|lrc|https?|ftp):", text):
        raise InvalidName(refused, "only svc: FMRIs name services")
    else:
        rest = text.removeprefix("/")

    entity, has_properties, below = rest.partition(_PROPERTIES)
    service, has_instance, instance = entity.partition(":")
    if not is_service_name(service):
        raise InvalidName(refused, f"'{service}' is not a legal service name")
    if has_instance and not is_component(instance):
        raise InvalidName(refused, f"'{instance}' is not a legal instance name")
    group: str | None = None
    prop: str | None = None
    if has_properties:
        group, has_prop, prop_text = below.partition("/")
        if not is_component(group):
            raise InvalidName(refused, f"'{group}' is not a legal property group name")
        if has_prop:
            if not is_component(prop_text):
                raise InvalidName(refused, f"'{prop_text}' is not a legal property name")
            prop = prop_text
    return Fmri(service, instance if has_instance else None, group, prop)


def path_of(text: str) -> str | None:
    """The absolute path that a ``file:`` FMRI names, or None if it is no such FMRI."""
    if not text.startswith("file:"):
        return None
    rest = text[5:]
    if rest.startswith("//"):
        rest = "/" + rest[2:].partition("/")[2]
    return rest if rest.startswith("/") else None


def canonical(text: str) -> str:
    """Canonical text of an fmri value (``svc:`` or ``file:``); other text is returned unchanged."""
    path = path_of(text)
    if path is not None:
        return f"file://localhost{path}"
    try:
        return str(parse(text))
    except InvalidName:
        return text


def is_instance(fmri: str) -> bool:
    """Does this canonical text of a service or instance name an instance?"""
    return ":" in fmri.removeprefix("svc:")


def service_of(fmri: str) -> str:
    """The service's FMRI of an instance's; a service's own is returned as it is."""
    service = fmri.rpartition(":")[0]
    return fmri if service == "svc" else service


def is_glob(text: str) -> bool:
    """Does the text hold a glob character?"""
    return _GLOB.search(text) is not None


def match_instances(pattern: str, instances: Iterable[str]) -> list[str]:
    """Which of the canonical instance FMRIs does an operand of svcs or svcadm select?

    A complete FMRI (one with its scheme) is compared exactly; a glob is matched over the
    whole FMRI; anything else follows the abbreviation rule: a suffix of the service name
    that starts at a component boundary, an instance name, or both joined by ``:``.
    The order given is kept. What is longer than any FMRI selects nothing: a client's pattern
    must not cost svc.startd more time than it costs the client.
    """
    if len(pattern) > MAX_FMRI_BYTES:
        return []
    if is_glob(pattern):
        anchored = pattern if pattern.startswith(("svc:", "lrc:")) else f"svc:/{pattern}"
        return [fmri for fmri in instances if _glob(anchored).match(fmri)]
    if pattern.startswith("svc:"):
        try:
            wanted = str(parse(pattern.removesuffix(":")))
        except InvalidName:
            return []
        return [f for f in instances if f == wanted or f.rpartition(":")[0] == wanted]
    service, has_instance, instance = pattern.removeprefix("/").partition(":")
    if not service and not instance:
        return []

    def is_selected(fmri: str) -> bool:
        head, _, name = fmri.rpartition(":")
        service_matches = bool(service) and _is_suffix(service, head)
        if has_instance:
            return (service_matches or not service) and instance in ("", name)
        return service_matches or service == name

    return [fmri for fmri in instances if is_selected(fmri)]


@lru_cache(maxsize=64)
def _glob(pattern: str) -> re.Pattern[str]:
    """The compiled glob. `fnmatch` keeps 32768 of them, which is too many of a client's making."""
    return re.compile(translate(pattern))


def match_services(pattern: str, services: Iterable[str]) -> list[str]:
    """Which of the canonical *service* FMRIs does an operand of svccfg or svcprop select?

    The rules of `match_instances`; an operand that names an instance selects no service.
    """
    if len(pattern) > MAX_FMRI_BYTES:
        return []
    if is_glob(pattern):
        anchored = pattern if pattern.startswith("svc:") else f"svc:/{pattern}"
        return [fmri for fmri in services if _glob(anchored).match(fmri)]
    if pattern.startswith("svc:"):
        try:
            wanted = str(parse(pattern))
        except InvalidName:
            return []
        return [fmri for fmri in services if fmri == wanted]
    name = pattern.removeprefix("/")
    if not name or ":" in name:
        return []
    return [fmri for fmri in services if _is_suffix(name, fmri)]


def _is_suffix(name: str, service_fmri: str) -> bool:
    return service_fmri.endswith(f"/{name}")
