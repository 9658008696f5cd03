"""SMF's privileges as capabilities of Linux (smf_method(7)): what a method keeps and may gain.

`plan_capabilities` is pure; `apply_bounding` and `apply_capabilities` run in the child.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAMES_BY_NUMBER = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap "
    "linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner "
    "sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice "
    "sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap "
    "mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf "
    "checkpoint_restore"
)
_NUMBERS = {f"cap_{name}": number for number, name in enumerate(_NAMES_BY_NUMBER.split())}
_EVERY = frozenset(_NUMBERS.values())

_MEANINGS = {
    "file_chown": "chown",
    "file_dac_read": "dac_read_search",
    "file_dac_search": "dac_read_search",
    "file_dac_write": "dac_override",
    "file_owner": "fowner",
    "file_setid": "fsetid",
    "ipc_dac_read": "ipc_owner",
    "ipc_dac_write": "ipc_owner",
    "ipc_owner": "ipc_owner",
    "net_icmpaccess": "net_raw",
    "net_privaddr": "net_bind_service",
    "net_rawaccess": "net_raw",
    "proc_audit": "audit_write",
    "proc_chroot": "sys_chroot",
    "proc_lock_memory": "ipc_lock",
    "proc_owner": "kill sys_ptrace",
    "proc_priocntl": "sys_nice",
    "proc_setid": "setuid setgid",
    "sys_acct": "sys_pacct",
    "sys_audit": "audit_control",
    "sys_devices": "mknod",
    "sys_ip_config": "net_admin",
    "sys_mount": "sys_admin",
    "sys_net_config": "net_admin",
    "sys_resource": "sys_resource",
    "sys_time": "sys_time",
}
_BASIC_NAMES = (
    "file_link_any file_read file_write net_access proc_exec proc_fork proc_info proc_session "
    "proc_clock_highres sys_ib_info"
)
_BASIC = frozenset(_BASIC_NAMES.split())
"""What every process of Linux may do; there is no capability to take away."""

_CAPBSET_DROP, _SET_KEEPCAPS, _CAP_AMBIENT, _AMBIENT_RAISE = 24, 8, 47, 2
_VERSION_3 = 0x20080522
_LAST_CAP_FILE = "/proc/sys/kernel/cap_last_cap"


@dataclass(frozen=True, slots=True)
class CapabilityPlan:
    """``held``: capabilities the method starts with; ``bounding``: the most it can ever gain.
    None leaves either as it is.
    """

    held: frozenset[int] | None
    bounding: frozenset[int] | None


def plan_capabilities(
    privileges: str | None, limit: str | None, *, is_root: bool, may_grant: bool
) -> tuple[CapabilityPlan | None, list[str]]:
    """What the two attributes mean for a method run as root or not, and notes for the log."""
    notes: list[str] = []
    held = _capabilities(privileges, "privileges", notes, default=_EVERY if is_root else None)
    bounding = _capabilities(limit, "limit_privileges", notes, default=_EVERY)
    if held is None and bounding is None:
        return None, notes
    if not may_grant:
        return None, [*notes, "privileges have no effect: svc.startd has no root rights."]
    if is_root and held is not None:
        # The kernel gives root all of the bounding set at exec; only that set can limit it.
        bounding = held if bounding is None else held & bounding
    if held is not None and bounding is not None:
        held &= bounding
    return CapabilityPlan(held, bounding), notes


def _capabilities(
    text: str | None, attribute: str, notes: list[str], default: frozenset[int] | None
) -> frozenset[int] | None:
    """The capabilities that a list of privileges gives; None where it says nothing."""
    if text in (None, "", ":default", "default"):
        return None
    assert text is not None
    given: set[int] = set()
    for word in re.split(r"[,\s]+", text):
        name = word.lstrip("!-").lower()
        if not name:
            continue
        removes = word[0] in "!-"
        found = _meaning(name, default)
        if found is not None:
            given = given - found if removes else given | found
        if found is None or (removes and name in _BASIC):
            what = "taken away" if removes else "given"
            notes.append(f"{attribute}: '{name}' cannot be {what} on Linux.")
    return frozenset(given)


def _meaning(name: str, default: frozenset[int] | None) -> frozenset[int] | None:
    if name in ("all", "zone"):
        return _EVERY
    if name == "default":
        return default or frozenset()
    if name in ("basic", "none") or name in _BASIC:
        return frozenset()
    if name in _NUMBERS:
        return frozenset({_NUMBERS[name]})
    if name in _MEANINGS:
        return frozenset(_NUMBERS[f"cap_{cap}"] for cap in _MEANINGS[name].split())
    return None


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def apply_bounding(plan: CapabilityPlan) -> None:
    """Before the change of uid: drop from the bounding set, keep the rest over setuid."""
    if plan.bounding is not None:
        for number in _known(_EVERY - plan.bounding):
            _prctl(_CAPBSET_DROP, number)
    if plan.held is not None:
        _prctl(_SET_KEEPCAPS, 1)


def apply_capabilities(plan: CapabilityPlan) -> None:
    """After the change of uid: hold what the plan says, also over exec. OSError if refused."""
    if plan.held is None:
        return
    header = ctypes.byref(_Header(_VERSION_3, 0))
    sets = (_Sets * 2)()
    _check(_libc.capget(header, sets))
    # Nobody can give what it has not: a container's svc.startd lacks some itself.
    permitted = sets[0].permitted | sets[1].permitted << 32
    bits = sum(1 << number for number in plan.held) & permitted
    for word, part in zip((bits & 0xFFFFFFFF, bits >> 32), sets, strict=True):
        part.effective = part.permitted = part.inheritable = word
    _check(_libc.capset(header, sets))
    for number in plan.held:
        if bits & 1 << number:
            _prctl(_CAP_AMBIENT, _AMBIENT_RAISE, number)


def _known(numbers: Iterable[int]) -> list[int]:
    """Those that this kernel has; an older one refuses later inventions."""
    with open(_LAST_CAP_FILE, encoding="ascii") as file:
        last = int(file.read())
    return [number for number in sorted(numbers) if number <= last]


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(n) for n in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(ctypes.c_int(option), *padded))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
