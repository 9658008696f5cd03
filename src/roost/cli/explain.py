"""The blocks of ``svcs -x``."""

from __future__ import annotations

from roost.cli.command import to_type
from roost.cli.output import full_date, localised, plain
from roost.cli.replies import ExplanationView

MESSAGE_BASE = "man:roost-messages(7)"
"""Where a message id is looked up."""


def block(view: ExplanationView, *, longer: bool) -> str:
    """What is wrong with one instance, why, and what that takes down with it.

    SMF's lines come first and in its layout; ``Type:`` is what to type to help.
    """
    lines = [f"{view.fmri} ({localised(view.common_names) or '?'})"]
    since = f" since {full_date(view.state_time)}" if view.state_time > 0 else ""
    lines.append(f" State: {view.state}{since}")
    if view.reason:
        lines.append(f"Reason: {plain(view.reason)}")
    if view.message_id:
        lines.append(f"   See: {MESSAGE_BASE}/{view.message_id}")
    lines += [f"   See: {plain(page)}" for page in view.see]
    if longer and view.path:
        lines += _path_lines(view)
    lines += _impact_lines(view, longer=longer)
    if view.type_this:
        lines.append(f"  Type: {plain(to_type(view.type_this))}")
    return "\n".join(lines)


def _path_lines(view: ExplanationView) -> list[str]:
    hops = view.path if view.path[0] == view.fmri else (view.fmri, *view.path)
    return [
        f"{'  Path: ' if depth == 0 else ' ' * (8 + 2 * depth)}{fmri}"
        for depth, fmri in enumerate(hops)
    ]


def _impact_lines(view: ExplanationView, *, longer: bool) -> list[str]:
    count = len(view.impact)
    if not count:
        return ["Impact: None."]
    what = "1 dependent service is" if count == 1 else f"{count} dependent services are"
    if not longer:
        return [f"Impact: {what} not running.  (Use -v for list.)"]
    return [f"Impact: {what} not running:", *(f"        {fmri}" for fmri in view.impact)]
