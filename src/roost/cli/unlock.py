"""roost unlock: hand a passphrase to a service that waits for one, and let it go on."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any, cast

from roost.api import typed
from roost.api.client import Client
from roost.cli.command import HELP, ROOT, Parsed, Syntax, layout_of, print_error, run
from roost.cli.output import localised
from roost.cli.prompt import PASSPHRASE_FD, Asker, asker_of
from roost.cli.replies import InstanceView, instances_of, matches_of
from roost.errors import InvalidState, NotFound, RoostError
from roost.layout import Layout
from roost.services.passphrase import Passphrase, hide_process, is_asking, offer

PROGRAM = "roost"
MAX_TRIES = 3

SYNTAX = Syntax(
    "roost unlock",
    "Hand a passphrase to services that wait for one in maintenance.",
    ("[-R DIR] [--passphrase-fd N] [FMRI | PATTERN]...",),
    (ROOT, PASSPHRASE_FD, *HELP),
    "Without operands: all services that wait. The passphrase is asked for on the terminal,\n"
    "without echo, and goes to the service's start method through a FIFO of yours. It is\n"
    "never an argument, in the environment, in the repository, in a log or in a file.\n\n"
    "Exit status: 0 all are online, 1 some are not, 2 wrong usage.",
)


class _Refused(InvalidState):
    """The service went back to maintenance; ``may_retry`` if the passphrase was wrong."""

    def __init__(self, fmri: str, why: str, hint: str, *, may_retry: bool) -> None:
        super().__init__(f"unlock {fmri}", why, hint)
        self.may_retry = may_retry


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    hide_process()
    layout = layout_of(parsed)
    asker = asker_of(parsed)
    status = 0
    with Client(layout) as client:
        for fmri in _waiting(client, layout, parsed.operands):
            try:
                _unlock(client, layout, fmri, asker)
            except RoostError as problem:
                print_error(PROGRAM, problem)
                status = 1
    return status


def _waiting(client: Client, layout: Layout, operands: tuple[str, ...]) -> list[str]:
    """The instances to unlock. Raises `NotFound` if there are none."""
    if operands:
        chosen: dict[str, None] = {}
        for match in matches_of(client.call("Manager.Resolve", patterns=list(operands))):
            if not match.instances:
                what = f"unlock '{match.pattern}'"
                raise NotFound(what, "it matches no instance", _typed(layout, "svcs", "-a"))
            # An abbreviation means those that wait, if any do.
            asking = [fmri for fmri in match.instances if is_asking(layout, fmri)]
            chosen.update(dict.fromkeys(asking or match.instances))
        return list(chosen)
    views = instances_of(client.call("Manager.List", patterns=[]))
    asking = [v.fmri for v in views if v.state == "maintenance" and is_asking(layout, v.fmri)]
    if not asking:
        raise NotFound("unlock", "no service waits for a passphrase", _typed(layout, "svcs", "-x"))
    return asking


def _unlock(client: Client, layout: Layout, fmri: str, asker: Asker) -> None:
    """Ask, hand over, wait; a person may try again. Raises `RoostError` if it stays down."""
    for left in reversed(range(MAX_TRIES)):
        _check_waiting(client, layout, fmri)
        with asker.ask(f"Passphrase for {fmri}: ") as passphrase:
            try:
                view = _hand_over(client, layout, fmri, passphrase)
            except _Refused as problem:
                if not (left and problem.may_retry and asker.is_interactive):
                    raise
                print(f"{problem.why}; try again", file=sys.stderr)
                continue
        name = localised(view.common_names)
        print(f"{fmri} is {view.state}" + (f" ({name})" if name else ""))
        return


def _check_waiting(client: Client, layout: Layout, fmri: str) -> None:
    """Raise `InvalidState` unless the instance waits for a passphrase, once it is settled."""
    what = f"unlock {fmri}"
    with _watched(client, fmri) as replies:
        view = next(v for v, _ in _views(replies) if not v.is_in_transition)
    explain = _typed(layout, "svcs", f"-xv {fmri}")
    if view.state == "maintenance":
        if not is_asking(layout, fmri):
            why = "it is in maintenance for another reason than a passphrase"
            raise InvalidState(what, why, explain)
        return
    if view.state in ("online", "degraded"):
        raise InvalidState(what, f"it is {view.state}: there is nothing to unlock")
    if view.state == "disabled":
        raise InvalidState(what, "it is disabled", _typed(layout, "svcadm", f"enable {fmri}"))
    raise InvalidState(what, f"it is {view.state}: it has not asked yet", explain)


def _hand_over(client: Client, layout: Layout, fmri: str, passphrase: Passphrase) -> InstanceView:
    """Clear the instance with the passphrase ready, and wait until it is online."""
    with _watched(client, fmri) as replies:
        next(replies)  # watched from before the clear, so that no change is missed
        with offer(layout, fmri, passphrase) as offered:
            client.call("Manager.Act", fmri=fmri, action="clear")
            for view, can_come_up in _views(replies):
                if view.is_in_transition:
                    continue
                if view.state in ("online", "degraded"):
                    return view
                if view.state == "maintenance":
                    raise _failure(layout, view, was_taken=offered.was_taken)
                if not can_come_up:
                    why = f"it is {view.state} and cannot come up"
                    hint = _typed(layout, "svcs", f"-xv {fmri}")
                    raise _Refused(fmri, why, hint, may_retry=False)
    raise AssertionError("a watch has no end")


def _watched(client: Client, fmri: str) -> closing[Generator[dict[str, Any], None, None]]:
    replies = client.stream("Manager.Watch", fmris=[fmri])
    return closing(cast("Generator[dict[str, Any], None, None]", replies))


def _views(replies: Iterator[Mapping[str, Any]]) -> Iterator[tuple[InstanceView, bool]]:
    for reply in replies:
        view = InstanceView.read(typed.record(reply, "instance"))
        yield view, typed.boolean(reply, "can_come_up")


def _failure(layout: Layout, view: InstanceView, *, was_taken: bool) -> _Refused:
    if was_taken and is_asking(layout, view.fmri):
        again = _typed(layout, "roost", f"unlock {view.fmri}")
        return _Refused(view.fmri, "wrong passphrase", again, may_retry=True)
    why = typed.text(typed.record(view.record, "reason"), "text", "its start method failed")
    why = why.rstrip(".") if was_taken else "its start method did not take the passphrase"
    hint = _typed(layout, "svcs", f"-xv {view.fmri}")
    return _Refused(view.fmri, f"it is in maintenance again: {why}", hint, may_retry=False)


def _typed(layout: Layout, command: str, rest: str) -> str:
    """A command line that reaches the same roost."""
    if layout.root == "/":
        return f"{command} {rest}"
    if command == "roost":
        name, _, operands = rest.partition(" ")
        return f"roost {name} -R {layout.root} {operands}"
    return f"{command} -R {layout.root} {rest}"


if __name__ == "__main__":
    sys.exit(main())
