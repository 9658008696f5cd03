"""The commands of a unit as the methods start, stop and refresh. Pure.

One command that needs nothing before it stays one command; else the method is a small script
of the shell whose last word is ``exec``, so that the main process is the one roost started.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roost.convert.ledger import Setting
from roost.convert.unit_model import Plan
from roost.convert.unit_syntax import boolean, command_word, split_words, whole_seconds
from roost.convert.words import (
    Code,
    Text,
    Token,
    Variable,
    Word,
    command_line,
    literal,
    quoted,
    shell_script,
)

DEFAULT_TIMEOUT_S = 90
"""systemd's own patience with starts and stops."""
_PREFIXES = "@-:+!|"
_KILL = re.compile(r"(?:/usr)?(?:/bin/)?kill")
_INCLUDE = '. "$ROOST_ROOT/lib/svc/share/smf_include.sh"'
MAIN_PID = (Token("%{restarter/start_pid}"),)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of an ``Exec`` setting."""

    setting: Setting
    words: tuple[Word, ...]
    may_fail: bool = False
    is_privileged: bool = False
    """Has it root's rights, whoever the service runs as?"""

    @property
    def line(self) -> str:
        """The command for the shell."""
        return command_line(self.words)

    @property
    def tolerant(self) -> str:
        """The command in a script that stops at a failure."""
        return f"{self.line} || :" if self.may_fail else self.line

    def variables(self) -> set[str]:
        """Names of the variables in it."""
        return {p.name for word in self.words for p in word if isinstance(p, Variable)}


def read_commands(plan: Plan, key: str) -> list[Command]:
    """The commands of all assignments of ``key``."""
    found: list[Command] = []
    for setting in plan.unit.all(key):
        try:
            commands = _split_commands(setting.value)
        except ValueError as wrong:
            plan.unit.ledger.lose(setting, str(wrong))
            continue
        found += [_command(plan, setting, words) for words in commands]
    return found


def _split_commands(text: str) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in split_words(text):
        if word == ";":
            found.append([])
        else:
            found[-1].append(";" if word == "\\;" else word)
    commands = [words for words in found if words]
    if not commands or any(not words[0].lstrip(_PREFIXES) for words in commands):
        raise ValueError("it names no program")
    return commands


def _command(plan: Plan, setting: Setting, words: list[str]) -> Command:
    program = words[0].lstrip(_PREFIXES)
    prefixes = words[0][: len(words[0]) - len(program)]
    arguments = words[1:]
    ledger = plan.unit.ledger
    ledger.carry(setting)
    if "@" in prefixes and arguments:
        arguments = arguments[1:]
        ledger.change(setting, f"'@' is dropped: the program is called {program}, not {words[1]}")
    specifiers = plan.unit.specifiers
    has_variables = ":" not in prefixes
    rest = [command_word(word, specifiers, has_variables=has_variables) for word in arguments]
    first = command_word(program, specifiers, has_variables=False)
    if "|" in prefixes:
        # The command is for the user's shell.
        rest = [literal("-c"), literal(" ".join([program, *arguments]))]
        first = literal("/bin/sh")
    is_privileged = bool(set(prefixes) & {"+", "!"}) and bool(plan.user)
    return Command(setting, (first, *rest), "-" in prefixes, is_privileged)


# --- start ------------------------------------------------------------------------------


def set_start(plan: Plan, mains: Sequence[Command]) -> None:
    """The start method, with all that has to come before it."""
    conditions = read_commands(plan, "ExecCondition")
    before = read_commands(plan, "ExecStartPre")
    after = read_commands(plan, "ExecStartPost")
    lines = [*_condition_lines(plan, conditions)]
    for command in before:
        if command.is_privileged and plan.needs_setup:
            plan.setup.append(command.tolerant)
            why = "it runs as root before the first start after a boot, not before each"
            plan.unit.ledger.change(command.setting, why)
        else:
            lines.append(command.tolerant)
            if plan.starts_as_root and not command.is_privileged:
                plan.unit.ledger.change(command.setting, "it runs as root, as ExecStart does")
    if not plan.needs_setup:
        lines[:0] = plan.setup
    for command in mains:
        if command.is_privileged and not plan.starts_as_root:
            _lose_privilege(plan, command)
    tail = _after_lines(plan, after)
    used = set().union(*(c.variables() for c in (*conditions, *before, *mains, *after)))
    preludes = plan.preludes  # they may be there for the program, too
    text = _method_text([*preludes, *lines], mains, tail)
    whole = " ".join([*plan.wrappers, text, *plan.redirects])
    plan.draft.set_method("start", whole, _start_timeout_s(plan))
    if plan.starts_as_root:
        plan.draft.run_as_root("start")
    plan.unit.ledger.carry(*(command.setting for command in mains))
    _check_variables(plan, mains, used)


def _method_text(lines: Sequence[str], mains: Sequence[Command], tail: Sequence[str]) -> str:
    if not mains:
        return shell_script([*lines, *tail]) if lines or tail else ":true"
    last = mains[-1]
    if not lines and not tail and len(mains) == 1 and not last.may_fail:
        return last.line
    first = [command.tolerant for command in mains[:-1]]
    may_leave = not tail and not last.may_fail
    end = [f"exec {last.line}"] if may_leave else [last.tolerant, *tail]
    return shell_script([*lines, *first, *end])


def _condition_lines(plan: Plan, conditions: Sequence[Command]) -> list[str]:
    status, fate = {
        "transient": ("0", "the service is online without having run"),
        "contract": ("94", "the service is online with no process"),
    }.get(plan.model, ("96", "the service goes to maintenance"))
    lines = []
    for command in conditions:
        plan.unit.ledger.change(command.setting, f"where it fails, {fate} instead of being skipped")
        lines.append(f"{command.line} || exit {status}")
    return lines


def _after_lines(plan: Plan, after: Sequence[Command]) -> list[str]:
    if plan.model != "child":
        return [command.tolerant for command in after]
    for command in after:
        plan.unit.ledger.lose(
            command.setting,
            "nothing runs after the start of a service that stays in the foreground",
            "a service that depends on this one can do it",
        )
    return []


def _lose_privilege(plan: Plan, command: Command) -> None:
    why = f"'+' and '!' are dropped: it runs as {plan.user}"
    plan.unit.ledger.change(command.setting, why, "start/user and start/privileges can change that")


def _check_variables(plan: Plan, mains: Sequence[Command], used: set[str]) -> None:
    """Variables that nothing sets: systemd takes them as empty, and so does the shell."""
    known = {"MAINPID", "CREDENTIALS_DIRECTORY"}
    context = plan.draft.groups.get(("method_context", "framework"), {})
    environment = context["environment"].values if "environment" in context else ()
    known |= {entry.partition("=")[0] for entry in environment}
    unknown = sorted(used - known)
    if unknown and not plan.preludes and mains:
        setting = mains[-1].setting
        names = ", ".join(f"${name}" for name in unknown)
        plan.unit.ledger.remark(setting.file, setting.line, setting.key,
                                f"nothing here sets {names}: empty, as with systemd")  # fmt: skip


def _start_timeout_s(plan: Plan) -> int:
    """``timeout_seconds`` of the start method; it has no effect where that stays."""
    span_s = _timeout(plan, "TimeoutStartSec")
    if plan.model == "child":
        return 0
    is_patient = plan.kind == "oneshot"
    return span_s if span_s is not None else 0 if is_patient else DEFAULT_TIMEOUT_S


def _timeout(plan: Plan, key: str) -> int | None:
    """A time-out in seconds, 0 for none; None where it is not given."""
    both = plan.unit.take("TimeoutSec", whole_seconds, None)
    found = plan.unit.read(key, whole_seconds)
    if found is None:
        return both
    setting, span_s = found
    if key == "TimeoutStartSec" and plan.model == "child" and plan.kind in ("notify", "dbus"):
        why = "a service that stays in the foreground is online at once, and has no start time-out"
        plan.unit.ledger.lose(setting, why)
    else:
        plan.unit.ledger.carry(setting)
    return span_s


# --- stop -------------------------------------------------------------------------------


def set_stop(plan: Plan) -> None:
    """The stop method: the unit's commands, then a signal to what is left."""
    commands = read_commands(plan, "ExecStop")
    after = read_commands(plan, "ExecStopPost")
    timeout_s = _timeout(plan, "TimeoutStopSec")
    timeout_s = DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s
    signal, only_main = _kill_rules(plan)
    for command in (*commands, *after):
        if command.is_privileged:
            _lose_privilege(plan, command)
    lines = [_with_main_pid(plan, command) for command in commands]
    if plan.model == "transient":
        lines += [command.line for command in after]
    elif lines or after:
        wait = f" 1 {timeout_s}" if after else ""
        lines += [_INCLUDE, f"smf_kill_contract %{{restarter/contract}} {signal}{wait} || :"]
        for command in after:
            plan.unit.ledger.change(command.setting, "it runs after a stop, but not after a crash")
            lines.append(f"{command.line} || :")
    if lines:
        prelude = _needed_preludes(plan, (*commands, *after))
        is_single = len(lines) == 1 and not prelude
        text = lines[0] if is_single else shell_script([*prelude, *lines], stops_at_failure=False)
    elif plan.model == "transient":
        text = ":true"
    elif only_main:
        text = command_line([literal("/bin/kill"), literal(f"-{signal}"), MAIN_PID])
    else:
        text = ":kill" if signal == "TERM" else f":kill -{signal}"
    plan.draft.set_method("stop", text, timeout_s)


def _kill_rules(plan: Plan) -> tuple[str, bool]:
    """The signal of a stop, and whether it goes to the main process alone."""
    unit, ledger = plan.unit, plan.unit.ledger
    signal = unit.take("KillSignal", _signal, "TERM")
    mode = unit.one("KillMode")
    only_main = False
    if mode is not None:
        match mode.value:
            case "control-group":
                ledger.carry(mode)
            case "mixed" if plan.model == "child":
                only_main = True
                why = "its children have until the time-out to end; then all are killed and the \
service is in maintenance"
                ledger.change(mode, why)
            case "mixed":
                ledger.change(mode, "all processes get the signal, not the main one alone")
            case _:
                why = "a stop ends all processes of a service"
                ledger.lose(mode, why, "what must outlive it has to be a service of its own")
    kills = unit.read("SendSIGKILL", boolean)
    if kills is not None and kills[1]:
        ledger.carry(kills[0])
    elif kills is not None:
        ledger.lose(kills[0], "what is left at the time-out of a stop is killed")
    return signal, only_main


def _signal(text: str) -> str:
    name = text.upper().removeprefix("SIG")
    if not re.fullmatch(r"[A-Z0-9+]+", name):
        raise ValueError(f"'{text}' is no signal")
    return name


# --- refresh ----------------------------------------------------------------------------


def set_refresh(plan: Plan) -> None:
    """The refresh method, if the unit can reload."""
    commands = read_commands(plan, "ExecReload")
    notify = plan.kind == "notify-reload"
    timeout_s = _timeout(plan, "TimeoutStartSec")
    timeout_s = DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s
    if notify and not commands:
        signal = plan.unit.take("ReloadSignal", _signal, "HUP")
        line = command_line([literal("/bin/kill"), literal(f"-{signal}"), MAIN_PID])
        plan.draft.set_method("refresh", line, timeout_s)
    if not commands:
        return
    alone = _kill_of_main(commands) if plan.main_pid is None else None
    if alone is not None:
        why = "all processes get the signal: roost does not know which is the main one"
        plan.unit.ledger.change(commands[0].setting, why)
        plan.draft.set_method("refresh", f":kill -{alone}", timeout_s)
        return
    lines = [_with_main_pid(plan, command) for command in commands]
    tolerant = [
        f"{line} || :" if command.may_fail else line
        for line, command in zip(lines, commands, strict=True)
    ]
    prelude = _needed_preludes(plan, commands)
    is_single = len(lines) == 1 and not prelude and not commands[0].may_fail
    text = lines[0] if is_single else shell_script([*prelude, *tolerant])
    plan.draft.set_method("refresh", text, timeout_s)
    privileged = [command for command in commands if command.is_privileged]
    if privileged and len(privileged) == len(commands):
        plan.draft.run_as_root("refresh")
    else:
        for command in privileged:
            _lose_privilege(plan, command)


def _needed_preludes(plan: Plan, commands: Sequence[Command]) -> list[str]:
    """Settings from files, where a command uses variables."""
    uses = any(command.variables() - {"MAINPID"} for command in commands)
    return plan.preludes if uses else []


def _kill_of_main(commands: Sequence[Command]) -> str | None:
    """The signal, if all that the commands do is send one to the main process."""
    if len(commands) != 1:
        return None
    texts = [
        piece.text if isinstance(piece, Text) else "$MAINPID" if _is_main_pid(word) else ""
        for word in commands[0].words
        for piece in word
    ]
    found = re.fullmatch(r"(\S+) (?:-s )?-?(?:SIG)?([A-Z0-9]+) \$MAINPID", " ".join(texts))
    if found is None or not _KILL.fullmatch(found[1]):
        return None
    return found[2]


def _is_main_pid(word: Word) -> bool:
    return len(word) == 1 and isinstance(word[0], Variable) and word[0].name == "MAINPID"


def _with_main_pid(plan: Plan, command: Command) -> str:
    """The command with the main process's id in the place of ``$MAINPID``."""
    pid = plan.main_pid
    mentions = any(
        (isinstance(p, Variable) and p.name == "MAINPID")
        or (isinstance(p, Text) and "MAINPID" in p.text)
        for word in command.words
        for p in word
    )
    if not mentions:
        return command.line
    if pid is None:
        why = "roost does not know the main process of a service that forks: $MAINPID is empty"
        plan.unit.ledger.change(command.setting, why, "PIDFile= would tell")
        return command.line
    if all(not isinstance(p, Text) or "MAINPID" not in p.text for w in command.words for p in w):
        return command_line(
            [tuple(q for p in word for q in (pid if p in _PID else (p,))) for word in command.words]
        )
    return f"env MAINPID={command_line([pid])} {command.line}"


_PID = (Variable("MAINPID"), Variable("MAINPID", is_split=True))


def pid_of_file(path: str) -> Word:
    """The main process that a PID file names."""
    return (Code(f"$(cat {quoted(path)})"),)
