"""Which service or milestone of SMF a unit of systemd stands for (roost-convert(1)). Pure.

The tables here are the only place that knows; the manual page lists them, and a test holds
the page to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from roost.fmri import MAX_NAME_BYTES

LOCAL_FILES = "system/filesystem/local"
"""What a unit with default dependencies starts after: systemd's sysinit.target and basic.target."""

TARGETS: Mapping[str, tuple[str, str]] = {
    "basic.target": (LOCAL_FILES, "milestone/multi-user"),
    "cryptsetup.target": (LOCAL_FILES, LOCAL_FILES),
    "default.target": ("milestone/multi-user", "milestone/multi-user"),
    "getty.target": ("system/console-login", "milestone/multi-user"),
    "graphical.target": ("milestone/multi-user-server", "milestone/multi-user-server"),
    "local-fs-pre.target": ("system/filesystem/minimal", LOCAL_FILES),
    "local-fs.target": (LOCAL_FILES, LOCAL_FILES),
    "multi-user.target": ("milestone/multi-user", "milestone/multi-user"),
    "network-online.target": ("milestone/network", "milestone/network"),
    "network-pre.target": ("network/loopback", "network/physical"),
    "network.target": ("milestone/network", "milestone/network"),
    "nss-lookup.target": ("milestone/name-services", "milestone/name-services"),
    "nss-user-lookup.target": ("milestone/name-services", "milestone/name-services"),
    "paths.target": (LOCAL_FILES, "milestone/multi-user"),
    "remote-fs-pre.target": ("milestone/network", "network/nfs/client"),
    "remote-fs.target": ("network/nfs/client", "network/nfs/client"),
    "rescue.target": ("milestone/single-user", "milestone/single-user"),
    "rpcbind.target": ("network/rpc/bind", "network/rpc/bind"),
    "sockets.target": (LOCAL_FILES, "milestone/multi-user"),
    "swap.target": ("system/filesystem/minimal", LOCAL_FILES),
    "sysinit.target": (LOCAL_FILES, "milestone/multi-user"),
    "time-set.target": ("network/ntp", "network/ntp"),
    "time-sync.target": ("network/ntp", "network/ntp"),
    "timers.target": (LOCAL_FILES, "milestone/multi-user"),
}
"""Target: what it is to who comes after it, and to who comes before it or is wanted by it.

They are always ``optional_all``: a root without such a milestone holds nothing up.
"""

SERVICES: Mapping[str, str] = {
    "autofs": "system/filesystem/autofs",
    "avahi-daemon": "network/dns/multicast",
    "bind9": "network/dns/server",
    "chrony": "network/ntp",
    "chronyd": "network/ntp",
    "cron": "system/cron",
    "crond": "system/cron",
    "cups": "application/cups/scheduler",
    "dbus": "system/dbus",
    "dbus-broker": "system/dbus",
    "ifupdown": "network/physical",
    "mariadb": "application/database/mariadb",
    "mysql": "application/database/mysql",
    "mysqld": "application/database/mysql",
    "named": "network/dns/server",
    "networking": "network/physical",
    "network-manager": "network/physical",
    "NetworkManager": "network/physical",
    "nfs-client": "network/nfs/client",
    "nfs-kernel-server": "network/nfs/server",
    "nfs-server": "network/nfs/server",
    "ntp": "network/ntp",
    "ntpd": "network/ntp",
    "ntpsec": "network/ntp",
    "postgresql": "application/database/postgresql",
    "rpcbind": "network/rpc/bind",
    "rsyslog": "system/system-log",
    "ssh": "network/ssh",
    "sshd": "network/ssh",
    "syslog": "system/system-log",
    "syslog-ng": "system/system-log",
    "systemd-journald": "system/system-log",
    "systemd-networkd": "network/physical",
    "systemd-networkd-wait-online": "milestone/network",
    "systemd-remount-fs": "system/filesystem/root",
    "systemd-resolved": "network/dns/client",
    "systemd-timesyncd": "network/ntp",
    "systemd-udev-settle": "milestone/devices",
    "systemd-udevd": "system/device/local",
    "udev": "system/device/local",
    "ypbind": "network/nis/client",
}
"""Service (or socket) that is known by another name here. Any other is ``site/NAME``."""

ENDS = frozenset(
    {
        "emergency.target",
        "exit.target",
        "final.target",
        "halt.target",
        "kexec.target",
        "poweroff.target",
        "reboot.target",
        "shutdown.target",
        "soft-reboot.target",
        "umount.target",
    }
)
"""Targets of the way down. roost stops everything in reverse order without being told."""

SLEEPS = frozenset(
    {
        "hibernate.target",
        "hybrid-sleep.target",
        "sleep.target",
        "suspend-then-hibernate.target",
        "suspend.target",
    }
)
"""Targets of sleep, which roost knows nothing of."""

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")


class Meaning(Enum):
    """What the name of a unit stands for."""

    SERVICE = "service"
    MILESTONE = "milestone"
    PATH = "path"
    END = "end"
    """The way down, which needs no words here."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Place:
    """What a unit's name stands for: an FMRI, or the reason why there is none."""

    meaning: Meaning
    fmri: str = ""
    why: str = ""


def legal_name(text: str) -> str:
    """The text as a component of an FMRI: what is not allowed there becomes ``_``."""
    name = _ILLEGAL.sub("_", text).strip("_") or "x"
    return (name if name[0].isalpha() else f"n{name}")[:MAX_NAME_BYTES]


def unescaped(text: str) -> str:
    r"""A unit's name or instance without systemd's escapes: ``-`` is ``/``, ``\x2d`` is ``-``."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text.replace("-", "/"))


def split_unit(unit: str) -> tuple[str, str | None, str]:
    """Name, instance (None if it is of no template, "" for a template itself) and type."""
    stem, _, kind = unit.rpartition(".")
    name, has_instance, instance = stem.partition("@")
    return name, instance if has_instance else None, kind


def service_name(unit: str, names: Mapping[str, str] | None = None) -> str:
    """The service that a unit becomes, without ``svc:/``.

    ``names`` are names given for single units; they win over the tables.
    """
    name, _, kind = split_unit(unit)
    for given in (unit, f"{name}.{kind}", f"{name}@.{kind}"):
        if names and given in names:
            return names[given]
    if unit in TARGETS:
        return TARGETS[unit][0]
    if kind == "target":
        return f"milestone/{legal_name(name)}"
    return SERVICES.get(name) or f"site/{legal_name(name)}"


def place_of(
    unit: str, names: Mapping[str, str] | None = None, *, is_before: bool = False
) -> Place:
    """What a unit is for one that depends on it, or (``is_before``) that it depends on."""
    name, instance, kind = split_unit(unit)
    if unit in ENDS:
        return Place(Meaning.END)
    if unit in SLEEPS:
        return Place(Meaning.NOTHING, why="roost knows nothing of sleep")
    if unit in TARGETS:
        return Place(Meaning.MILESTONE, f"svc:/{TARGETS[unit][is_before]}")
    match kind:
        case "service" | "target" | "socket" if name:
            service = service_name(
                f"{unit.rpartition('.')[0]}.service" if kind == "socket" else unit, names
            )
            end = f":{legal_name(instance)}" if instance else ""
            meaning = Meaning.MILESTONE if kind == "target" else Meaning.SERVICE
            return Place(meaning, f"svc:/{service}{end}")
        case "mount" | "automount":
            return Place(Meaning.MILESTONE, f"svc:/{LOCAL_FILES}")
        case "device":
            return Place(Meaning.PATH, f"file://localhost/{unescaped(name)}")
        case "slice" | "scope":
            return Place(Meaning.NOTHING, why="roost keeps no tree of control groups")
        case "timer" | "path" | "swap":
            return Place(Meaning.NOTHING, why=f"roost has nothing like a {kind} unit")
    return Place(Meaning.NOTHING, why="it is no unit that roost knows")
