"""``svcadm enable -s`` and ``disable -s``: wait until each instance is there, or cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from roost.api import typed
from roost.api.client import Client
from roost.cli.replies import InstanceView, instances_of

EXIT_FAILED = 3
"""In maintenance, or somebody wanted the opposite."""
EXIT_HOPELESS = 4
"""Only an administrator's act elsewhere can bring it about."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the wait for one instance ended; ``problem`` completes "it ..." ("" if it is there)."""

    fmri: str
    state: str
    exit_status: int
    problem: str = ""


def outcome_of(view: InstanceView, *, can_come_up: bool, enable: bool) -> Outcome | None:
    """Is the wait over with the instance as it is now? None if not. Pure."""
    is_settled = not view.is_in_transition

    def failed(problem: str, status: int = EXIT_FAILED) -> Outcome:
        return Outcome(view.fmri, view.state, status, problem)

    if view.enabled != enable:
        return failed("was disabled by somebody else" if enable else "was enabled again")
    if view.state == "maintenance" and is_settled:
        return failed("is in maintenance")
    if enable:
        if view.state in ("online", "degraded") and is_settled:
            return Outcome(view.fmri, view.state, 0)
        if is_settled and not can_come_up:
            return failed(f"is {view.state} and needs help to come up", EXIT_HOPELESS)
    else:
        if view.state == "disabled" and is_settled:
            return Outcome(view.fmri, view.state, 0)
        if view.state == "uninitialized" and is_settled and not can_come_up:
            return failed("has a restarter that does not work", EXIT_HOPELESS)
    return None


def wait_for(
    client: Client, fmris: Iterable[str], *, enable: bool, limit_s: float | None
) -> list[Outcome]:
    """Watch until every instance is there or cannot be, at most ``limit_s`` seconds.

    In the order of ``fmris``. One whose time ran out counts as failed.
    """
    names = list(fmris)
    found: dict[str, Outcome] = {}
    latest: dict[str, InstanceView] = {}
    if not names:
        return []
    deadline_s = None if limit_s is None else time.monotonic() + limit_s
    replies = client.follow("Manager.Watch", {"fmris": names}, deadline_s)
    try:
        for reply in replies:
            _take(reply, latest, found, enable=enable)
            if len(found) == len(names):
                break
    except TimeoutError:
        _look_at_unseen(client, names, latest, found, enable=enable)
    return [found.get(name) or _late(name, latest.get(name), limit_s) for name in names]


def _look_at_unseen(
    client: Client,
    names: Iterable[str],
    latest: dict[str, InstanceView],
    found: dict[str, Outcome],
    *,
    enable: bool,
) -> None:
    """The time was too short for the first word on these: ask how they are now."""
    unseen = [name for name in names if name not in latest]
    for view in instances_of(client.call("Manager.List", patterns=unseen)) if unseen else ():
        latest[view.fmri] = view
        outcome = outcome_of(view, can_come_up=True, enable=enable)
        if outcome is not None:
            found[view.fmri] = outcome


def _take(
    reply: Mapping[str, Any],
    latest: dict[str, InstanceView],
    found: dict[str, Outcome],
    *,
    enable: bool,
) -> None:
    view = InstanceView.read(typed.record(reply, "instance"))
    latest[view.fmri] = view
    can_come_up = typed.boolean(reply, "can_come_up")
    outcome = outcome_of(view, can_come_up=can_come_up, enable=enable)
    if outcome is not None:
        found.setdefault(view.fmri, outcome)


def _late(fmri: str, view: InstanceView | None, limit_s: float | None) -> Outcome:
    state = "unknown" if view is None else view.state
    star = "*" if view is not None and view.is_in_transition else ""
    after = "" if limit_s is None else f" after {limit_s:g} s"
    return Outcome(fmri, state, EXIT_FAILED, f"is still {state}{star}{after}")


def total_status(outcomes: Iterable[Outcome]) -> int:
    """The exit status of all; 3 wins over 4."""
    statuses = {outcome.exit_status for outcome in outcomes} - {0}
    return min(statuses, default=0)
