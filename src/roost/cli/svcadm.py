"""svcadm: enable, disable, restart, refresh, clear and mark services."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from roost.api import typed
from roost.api.client import Client
from roost.cli.command import (
    HELP,
    JSON,
    ROOT,
    Option,
    Parsed,
    Syntax,
    layout_of,
    print_error,
    run,
)
from roost.cli.operands import choose
from roost.cli.output import plain, print_json
from roost.cli.recursion import Plan, plan_for
from roost.cli.replies import InstanceView, StepView, dependencies_of, instances_of
from roost.cli.waiting import Outcome, total_status, wait_for
from roost.errors import (
    DaemonNotRunning,
    InternalError,
    InvalidState,
    InvalidValue,
    RequestError,
    RoostError,
    UsageError,
)

PROGRAM = "svcadm"
MAX_COMMENT_BYTES = 1024

_STATES = ("uninitialized", "disabled", "offline", "online", "degraded", "maintenance")
_VERBOSE = Option("-v", "say what was done, a line each")
_DRY = Option("-n", "say what would happen, and do nothing")
_RECURSIVE = Option("-r", "also what it depends on")
_SYNCHRONOUS = Option("-s", "wait until each instance is there, or cannot be")
_TEMPORARY = Option("-t", "until the next boot only")
_LIMIT = Option("-T", "with -s: wait at most so long", "SECONDS")
_COMMENT = Option("-c", "why, for others to read", "COMMENT")
_DUMP = Option("-d", "dump core of the processes first")
_IMMEDIATE = Option("-I", "at once: the stop method is not run")
_FOR_BOOT = Option("-d", "also for the next boot")
_SHARED = (_VERBOSE, _DRY, ROOT, JSON, *HELP)


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One subcommand: its syntax and what it does."""

    name: str
    form: str
    help: str
    options: tuple[Option, ...] = ()

    @property
    def syntax(self) -> Syntax:
        """How it is used."""
        flags = "".join(option.flag[1:] for option in self.options if not option.argument)
        brackets = [f"[-{flags}]"] if flags else []
        brackets += [f"[{o.flag} {o.argument}]" for o in self.options if o.argument]
        form = " ".join([*brackets, self.form])
        options = (*self.options, *_SHARED)
        return Syntax(f"{PROGRAM} {self.name}", f"{self.help}.", (form,), options)


_OPERANDS = "FMRI | PATTERN..."
SUBCOMMANDS = {
    command.name: command
    for command in (
        Subcommand(
            "enable",
            _OPERANDS,
            "Let instances run",
            (_RECURSIVE, _SYNCHRONOUS, _TEMPORARY, _LIMIT),
        ),
        Subcommand(
            "disable",
            _OPERANDS,
            "Stop instances and keep them down",
            (_SYNCHRONOUS, _TEMPORARY, _COMMENT, _LIMIT),
        ),
        Subcommand("restart", _OPERANDS, "Stop instances and start them again", (_DUMP,)),
        Subcommand("refresh", _OPERANDS, "Let instances read their configuration again"),
        Subcommand("clear", _OPERANDS, "Say that what broke is repaired"),
        Subcommand(
            "mark",
            "{maintenance | degraded} " + _OPERANDS,
            "Set the state maintenance or degraded",
            (_IMMEDIATE, _TEMPORARY),
        ),
        Subcommand(
            "milestone",
            "{all | none | MILESTONE}",
            "Limit what runs to a milestone",
            (_FOR_BOOT,),
        ),
    )
}

SYNTAX = Syntax(
    PROGRAM,
    "Act on services.",
    (
        "[-nv] [-R DIR] [--json] SUBCOMMAND [OPTION]... FMRI | PATTERN...",
        "[-nv] [-R DIR] [--json] -S STATE SUBCOMMAND [OPTION]...",
    ),
    (Option("-S", "act on all instances that are in STATE", "STATE"), *_SHARED),
    "Subcommands:\n"
    + "\n".join(f"  {command.name:<9}  {command.help.lower()}" for command in SUBCOMMANDS.values())
    + f"\n\nSee: {PROGRAM} SUBCOMMAND --help",
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _global_body, argv)


def _global_body(parsed: Parsed) -> int:
    if not parsed.operands:
        raise UsageError("do anything", "no subcommand is given")
    name, *rest = parsed.operands
    command = SUBCOMMANDS.get(name)
    if command is None:
        raise UsageError(f"do '{name}'", "there is no such subcommand")
    return run(command.syntax, partial(_body, command, parsed), rest)


def _body(command: Subcommand, given_before: Parsed, given_after: Parsed) -> int:
    parsed = Parsed(
        given_before.options + given_after.options,
        given_after.operands,
    )
    if command.name == "milestone":
        return _milestone(parsed)
    order = _order_of(command, parsed)
    with Client(layout_of(parsed)) as client:
        return Work(client, order).carry_out()


def _milestone(parsed: Parsed) -> int:
    if len(parsed.operands) != 1:
        raise UsageError("set the milestone", "it takes one milestone")
    why = "this version of roost does not have milestones to switch to yet"
    raise InvalidState(f"set milestone '{parsed.operands[0]}'", why, "svcs -a")


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for."""

    subcommand: str
    action: str
    """As ``Manager.Act`` names it."""
    flags: Mapping[str, object]
    """Further parameters of ``Manager.Act``."""
    operands: tuple[str, ...] = ()
    state: str | None = None
    recursive: bool = False
    synchronous: bool = False
    limit_s: float | None = None
    verbose: bool = False
    dry: bool = False
    as_json: bool = False

    def done_text(self, fmri: str, state: str) -> str:
        """What -v says of an instance that was in ``state``."""
        temporarily = " temporarily" if "temporary" in self.flags else ""
        match self.action:
            case "enable" | "disable":
                return f"{fmri}{temporarily} {self.action}d."
            case "mark_maintenance":
                name = _MAINTENANCE_NAMES["temporary" in self.flags, "immediate" in self.flags]
            case "mark_degraded":
                name = "degraded"
            case "clear":
                name = "restore" if state == "degraded" else "maint_off"
            case other:
                name = other
        return f"Action {name} set for {fmri}."


_MAINTENANCE_NAMES = {
    (False, False): "maint_on",
    (True, False): "maint_on_temporary",
    (False, True): "maint_on_immediate",
    (True, True): "maint_on_immtemp",
}


def _order_of(command: Subcommand, parsed: Parsed) -> Order:
    """Check the command line whole, before anything is asked of anybody."""
    operands = list(parsed.operands)
    action = command.name
    flags: dict[str, object] = {}
    if command.name == "mark":
        action = _mark_action(operands)
        if action == "mark_degraded" and parsed.has("-t"):
            raise UsageError("mark degraded with -t", "only maintenance can be temporary")
        if action == "mark_maintenance":
            flags["from_terminal"] = os.isatty(0)
    if parsed.has("-t"):
        flags["temporary"] = True
    if parsed.has("-I"):
        flags["immediate"] = True
    if command.name == "restart" and parsed.has("-d"):
        flags["dump"] = True
    if (comment := parsed.value("-c")) is not None:
        flags["comment"] = _checked_comment(comment)
    state = parsed.value("-S")
    if state is not None and state not in _STATES:
        raise UsageError(f"use -S {state}", f"the states are {', '.join(_STATES)}")
    if state is not None and operands:
        raise UsageError("use -S with operands", "it stands in their place")
    if state is None and not operands:
        raise UsageError(command.name, "no instance is named")
    return Order(
        command.name,
        action,
        flags,
        tuple(operands),
        state,
        recursive=parsed.has("-r"),
        synchronous=parsed.has("-s"),
        limit_s=_limit(parsed),
        verbose=parsed.has("-v"),
        dry=parsed.has("-n"),
        as_json=parsed.has("--json"),
    )


def _mark_action(operands: list[str]) -> str:
    """Take the state from the operands; the action it means."""
    if not operands:
        raise UsageError("mark", "no state is named")
    state = operands.pop(0)
    if state not in ("maintenance", "degraded"):
        raise UsageError(f"mark '{state}'", "the state is maintenance or degraded")
    return f"mark_{state}"


def _checked_comment(comment: str) -> str:
    if len(comment.encode(errors="surrogateescape")) > MAX_COMMENT_BYTES:
        why = f"it is longer than {MAX_COMMENT_BYTES} bytes"
        raise InvalidValue("store the comment", why, "svcadm disable -c COMMENT FMRI")
    return comment


def _limit(parsed: Parsed) -> float | None:
    text = parsed.value("-T")
    if text is None:
        return None
    if not parsed.has("-s"):
        raise UsageError("use -T", "it goes with -s")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise UsageError(f"use -T {text}", "it takes a number of seconds")
    return seconds


@dataclass(slots=True)
class Result:
    """What became of one instance (or operand, if it selects none)."""

    fmri: str
    problem: RoostError | None = None
    notes: list[str] = field(default_factory=list)
    steps: list[StepView] = field(default_factory=list)
    outcome: Outcome | None = None

    def record(self) -> dict[str, object]:
        """For --json."""
        content: dict[str, object] = {"fmri": self.fmri, "done": self.problem is None}
        if self.problem is not None:
            content["error"] = {
                "code": self.problem.code,
                "what": self.problem.what,
                "why": self.problem.why,
                "hint": self.problem.hint,
            }
        if self.notes:
            content["notes"] = self.notes
        if self.steps:
            content["steps"] = [step.record for step in self.steps]
        if self.outcome is not None:
            content["state"] = self.outcome.state
            content["exit_status"] = self.outcome.exit_status
        return content


class Work:
    """Carries out one order, instance by instance."""

    def __init__(self, client: Client, order: Order) -> None:
        self._client = client
        self._order = order
        self._refused: list[RoostError] = []
        self._plan = Plan()
        self._only_awaited: set[str] = set()
        """With -r: dependencies that are enabled already, so that there is nothing to do."""
        self._known: dict[str, InstanceView] | None = None

    def carry_out(self) -> int:
        """Do it, tell, and return the exit status."""
        order = self._order
        results = [self._result_of(fmri) for fmri in self._instances()]
        done = [result for result in results if result.problem is None]
        if order.synchronous and not order.dry:
            self._wait(done)
        if order.as_json:
            self._print_json(results)
        problems = [*self._refused, *(r.problem for r in results if r.problem is not None)]
        if problems:
            is_bug = any(isinstance(problem, InternalError) for problem in problems)
            return InternalError.exit_status if is_bug else 1
        return total_status(r.outcome for r in done if r.outcome is not None)

    # --- which instances ---------------------------------------------------------------

    def _instances(self) -> Sequence[str]:
        order = self._order
        if order.state is not None:
            chosen: Sequence[str] = [v.fmri for v in self._all().values() if v.state == order.state]
        else:
            choice = choose(self._client, order.subcommand, order.operands)
            for problem in choice.problems:
                self._refuse(problem)
            chosen = choice.instances
        return self._with_dependencies(chosen) if order.recursive else chosen

    def _all(self) -> dict[str, InstanceView]:
        if self._known is None:
            reply = self._client.call("Manager.List", patterns=[])
            self._known = {view.fmri: view for view in instances_of(reply)}
        return self._known

    def _with_dependencies(self, chosen: Sequence[str]) -> Sequence[str]:
        for fmri in chosen:
            try:
                plan_for(
                    fmri,
                    self._all(),
                    lambda name: dependencies_of(
                        self._client.call("Manager.Dependencies", fmri=name)
                    ),
                    self._plan,
                )
            except RequestError as problem:
                self._refuse(problem)
        for line in self._plan.warnings:
            print(f"{PROGRAM}: {line}", file=sys.stderr)
        if not self._order.as_json:
            for line in self._plan.questions:
                print(line)
        self._only_awaited = {
            name for name in self._plan.order if name not in chosen and self._is_enabled(name)
        }
        return self._plan.order

    def _is_enabled(self, fmri: str) -> bool:
        """Is a dependency enabled already, as firmly as is asked for?"""
        view = self._all().get(fmri)
        if view is None:
            return False
        if self._order.flags.get("temporary"):
            return view.enabled
        return view.enabled and view.enabled_permanent is True and view.enabled_temporary is None

    def _refuse(self, problem: RoostError) -> None:
        self._refused.append(problem)
        print_error(PROGRAM, problem)

    # --- what is done ------------------------------------------------------------------

    def _result_of(self, fmri: str) -> Result:
        result = Result(fmri)
        if fmri in self._only_awaited:
            return result
        try:
            if self._order.dry:
                self._preview(result)
            else:
                self._act(result)
        except DaemonNotRunning:
            raise
        except RoostError as problem:
            result.problem = problem
            print_error(PROGRAM, problem)
        return result

    def _act(self, result: Result) -> None:
        order = self._order
        state = self._checked_state(result.fmri)
        reply = self._client.call(
            "Manager.Act", fmri=result.fmri, action=order.action, **order.flags
        )
        result.notes = typed.texts(reply, "notes")
        for note in result.notes:
            print(f"{PROGRAM}: {plain(note)}", file=sys.stderr)
        if order.verbose and not order.as_json:
            print(order.done_text(result.fmri, state))

    def _checked_state(self, fmri: str) -> str:
        """Refuse what makes no sense in the present state; the state, if it matters."""
        order = self._order
        if order.action not in ("clear", "mark_degraded"):
            return ""
        reply = self._client.call("Manager.List", patterns=[fmri])
        state = next((view.state for view in instances_of(reply)), "")
        if order.action == "clear" and state not in ("maintenance", "degraded"):
            why = "it is not in a maintenance or degraded state"
            raise InvalidState(f"clear {fmri}", why, f"svcs -x {fmri}")
        if order.action == "mark_degraded" and state != "online":
            why = f"it is {state}, and only what is online can be degraded"
            raise InvalidState(f"mark {fmri} degraded", why, f"svcs -x {fmri}")
        return state

    def _preview(self, result: Result) -> None:
        order = self._order
        self._checked_state(result.fmri)
        flags = {k: v for k, v in order.flags.items() if k not in ("comment", "from_terminal")}
        reply = self._client.call("Manager.Preview", fmri=result.fmri, action=order.action, **flags)
        result.steps = [StepView.read(record) for record in typed.records(reply, "steps")]
        if order.as_json:
            return
        if not result.steps:
            print(f"{result.fmri}: nothing would change")
        for step in result.steps:
            print(step_line(step))

    def _wait(self, done: Sequence[Result]) -> None:
        outcomes = wait_for(
            self._client,
            [result.fmri for result in done],
            enable=self._order.action == "enable",
            limit_s=self._order.limit_s,
        )
        for result, outcome in zip(done, outcomes, strict=True):
            result.outcome = outcome
            if outcome.problem:
                problem = InvalidState(
                    f"{self._order.subcommand} {outcome.fmri}",
                    f"it {outcome.problem}",
                    f"svcs -xv {outcome.fmri}",
                )
                print_error(PROGRAM, problem)

    def _print_json(self, results: Sequence[Result]) -> None:
        refused = [
            {"code": problem.code, "what": problem.what, "why": problem.why, "hint": problem.hint}
            for problem in self._refused
        ]
        print_json(
            {
                "action": self._order.action,
                "dry_run": self._order.dry,
                "results": [result.record() for result in results],
                "refused": refused,
                "choices": self._plan.questions,
            }
        )


def step_line(step: StepView) -> str:
    """One step of a preview: ``svc:/a:default: stop (online -> offline): WHY``."""
    move = "" if step.state_from == step.state_to else f" ({step.state_from} -> {step.state_to})"
    act = "nothing to do" if step.action == "none" else step.action
    why = f": {plain(step.why)}" if step.why else ""
    return f"{step.fmri}: {act}{move}{why}"


if __name__ == "__main__":
    sys.exit(main())
