"""Units and the services they stand for."""

from __future__ import annotations

import pytest

from roost.convert.names import (
    SERVICES,
    TARGETS,
    Meaning,
    legal_name,
    place_of,
    service_name,
    unescaped,
)
from roost.fmri import is_component, is_service_name, parse


@pytest.mark.parametrize(
    ("unit", "service"),
    [
        ("nginx.service", "site/nginx"),
        ("sshd.service", "network/ssh"),
        ("foo@bar.service", "site/foo"),
        ("dbus-org.freedesktop.login1.service", "site/dbus-org_freedesktop_login1"),
        ("7zip.service", "site/n7zip"),
        ("multi-user.target", "milestone/multi-user"),
        ("app.target", "milestone/app"),
    ],
)
def test_service_names(unit: str, service: str) -> None:
    assert service_name(unit) == service


def test_a_given_name_wins() -> None:
    names = {"x.service": "app/x", "t@.service": "app/t"}
    assert service_name("x.service", names) == "app/x"
    assert service_name("t@i.service", names) == "app/t"
    assert place_of("t@i.service", names).fmri == "svc:/app/t:i"


def test_places() -> None:
    assert place_of("sysinit.target").fmri == "svc:/system/filesystem/local"
    assert place_of("sysinit.target", is_before=True).fmri == "svc:/milestone/multi-user"
    assert place_of("shutdown.target").meaning is Meaning.END
    assert place_of("sleep.target").meaning is Meaning.NOTHING
    assert place_of("dbus.socket").fmri == "svc:/system/dbus"
    assert place_of("dev-disk-by\\x2dlabel-x.device").fmri == "file://localhost/dev/disk/by-label/x"
    assert place_of("nonsense").meaning is Meaning.NOTHING


def test_every_name_in_the_tables_is_legal() -> None:
    names = [*SERVICES.values(), *(name for pair in TARGETS.values() for name in pair)]
    assert all(map(is_service_name, names))
    assert all(str(parse(f"svc:/{name}")) == f"svc:/{name}" for name in names)


@pytest.mark.parametrize("text", ["", "é", "-", "9", "a.b c", "x" * 500, "/dev/sda", "_a_"])
def test_any_text_becomes_a_legal_name(text: str) -> None:
    assert is_component(legal_name(text))


def test_escapes() -> None:
    assert unescaped("srv-a\\x2db") == "srv/a-b"
