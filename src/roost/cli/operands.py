"""Which instances the operands of svcadm mean, and what to say when that is unclear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roost.api.client import Client
from roost.cli.replies import Match, matches_of
from roost.errors import AmbiguousName, InvalidState, NotFound, RequestError
from roost.fmri import is_glob


@dataclass(frozen=True, slots=True)
class Choice:
    """The instances to act on, each once, in the order of the operands; and what is refused."""

    instances: tuple[str, ...]
    problems: tuple[RequestError, ...]


def choose(client: Client, subcommand: str, operands: Sequence[str]) -> Choice:
    """Ask the manager what the operands match, and apply `chosen_of` to each."""
    matches = matches_of(client.call("Manager.Resolve", patterns=list(operands)))
    chosen: dict[str, None] = {}
    problems: list[RequestError] = []
    for match in matches:
        try:
            chosen.update(dict.fromkeys(chosen_of(match, subcommand)))
        except RequestError as problem:
            problems.append(problem)
    return Choice(tuple(chosen), tuple(problems))


def chosen_of(match: Match, subcommand: str) -> Sequence[str]:
    """The instances that svcadm acts on for one operand (smf(7)).

    A glob acts on all; so does ``SERVICE:``. Anything else must mean one instance:
    `AmbiguousName` lists them if there are several, `NotFound` says there is none.
    """
    pattern, instances = match.pattern, match.instances
    refused = f"{subcommand} '{pattern}'"
    if pattern.startswith("lrc:"):
        raise InvalidState(refused, "it is a legacy service", "svcs -a")
    if not instances:
        if match.services:
            raise NotFound(
                refused, "the service has no instances", f"svccfg -s {pattern} add INSTANCE"
            )
        raise NotFound(refused, "it matches no instance", "svcs -a")
    if len(instances) == 1 or is_glob(pattern):
        return instances
    if len(match.services) == 1 and pattern.endswith(":"):
        return instances
    what = (
        "it is ambiguous: the service has several instances"
        if len(match.services) == 1
        else "it is ambiguous: it matches several instances"
    )
    raise AmbiguousName(
        refused, f"{what}:{_indented(instances)}", f"svcadm {subcommand} {instances[0]}"
    )


def _indented(names: Iterable[str]) -> str:
    return "".join(f"\n    {name}" for name in names)
