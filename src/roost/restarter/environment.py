"""The environment of a method (smf_method(7)). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from roost.restarter.accounts import Account
from roost.restarter.contracts import CONTRACT_VARIABLE

DEFAULT_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
RESTARTER_FMRI = "svc:/system/svc/restarter:default"


def method_environment(
    base: Mapping[str, str],
    *,
    instance: str,
    method: str,
    mark: str,
    account: Account | None,
    entries: Iterable[str],
) -> tuple[dict[str, str], list[str]]:
    """The variables of a method, and lines about those of its context that were dropped.

    ``base`` is what svc.startd hands to everything it starts, ``mark`` the contract's
    (`roost.restarter.contracts.mark_of`), ``entries`` are the context's ``NAME=value``,
    which replace what is there. Of two for one name the first wins.
    """
    found = {"PATH": DEFAULT_PATH, **base}
    found |= {
        "SMF_FMRI": instance,
        "SMF_METHOD": method,
        "SMF_RESTARTER": RESTARTER_FMRI,
        "SMF_ZONENAME": "global",
        CONTRACT_VARIABLE: mark,
    }
    if account is not None and account.uid != 0:
        found |= {
            "HOME": account.home,
            "LOGNAME": account.name,
            "USER": account.name,
            "SHELL": account.shell,
        }
    notes: list[str] = []
    given: dict[str, str] = {}
    for entry in entries:
        name, has_value, value = entry.partition("=")
        if not has_value or not name:
            notes.append(f"Ignoring '{entry}' of the environment: it is not NAME=value.")
        elif name.startswith("SMF_") or name == CONTRACT_VARIABLE:
            notes.append(f"Ignoring {name} of the environment: the name is reserved.")
        else:
            given.setdefault(name, value)
    return found | given, notes
