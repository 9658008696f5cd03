"""Programs of Supervisor to services (roost-convert(1)).

`convert_supervisor` takes a main file with all that it includes; who calls it reads them, by
`included_patterns`. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from roost.convert.draft import Draft, service_of
from roost.convert.ledger import Conversion, Kind, Ledger, Setting, Source, refusal
from roost.convert.names import legal_name
from roost.convert.supervisor_rest import REASONS, SECTIONS
from roost.convert.supervisor_syntax import (
    Section,
    boolean,
    expand,
    number,
    pairs_of,
    sections_of,
)
from roost.convert.words import (
    USUAL_PATH,
    command_line,
    is_bare_name,
    literal,
)
from roost.errors import InvalidValue
from roost.model.bundle import Bundle, BundleType

_Value = TypeVar("_Value")

PROGRAM_KINDS = ("program", "fcgi-program")
DEFAULT_PRIORITY = 999
DEFAULT_STOP_S = 10

_LOG_DEVICES = ("/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "syslog")
_OF_LOGS = re.compile(
    r"std(out|err)_(logfile_(maxbytes|backups)|capture_maxbytes|events_enabled|syslog)"
)


def _again(setting: Setting) -> bool | None:
    """What autorestart says; None for "unexpected"."""
    try:
        return boolean(setting.value)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """What a conversion has to know beside the files."""

    here: Mapping[str, str]
    """Directory of each file, by its name: ``%(here)s``."""
    environment: Mapping[str, str]
    """What ``%(ENV_X)s`` stands for."""
    host: str = "localhost"
    name: str = ""
    """Name of the service, where there is but one program."""


def included_patterns(source: Source, here: str, environment: Mapping[str, str]) -> list[str]:
    """The files that a main file includes: patterns, relative to its directory ``here``."""
    sections = sections_of([source])
    if "include" not in sections:
        return []
    values = {"here": here, **{f"ENV_{name}": value for name, value in environment.items()}}
    found: list[str] = []
    for setting in sections["include"].settings:
        if setting.key == "files":
            try:
                found = expand(setting.value, values).split()
            except ValueError as wrong:
                raise refusal(setting.file, setting.line, str(wrong)) from None
    return found


def convert_supervisor(sources: Sequence[Source], options: SupervisorOptions) -> list[Conversion]:
    """A conversion for each program in the order of the file, and one for all else.

    Raises `InvalidValue` with FILE:LINE for what is no such file, and for a program that
    supervisord would refuse.
    """
    sections = sections_of(list(sources))
    programs = [
        _Program(section, options) for section in sections.values() if section.kind in PROGRAM_KINDS
    ]
    if options.name and len(programs) != 1:
        why = f"it has {len(programs)} programs, and --name is for one"
        raise refusal(sources[0].name, 1, why)
    rest = Ledger(setting for section in sections.values() for setting in section.settings)
    _read_groups(sections, programs, rest)
    defaults = _read_supervisord(sections.get("supervisord"), rest, options)
    names: set[str] = set()
    for program in programs:
        if program.service in names:
            why = f"another program becomes svc:/{program.service}, too"
            raise refusal(program.section.file, program.section.line, why)
        names.add(program.service)
        program.convert(defaults)
    _order_by_priority(programs)
    _name_sections(sections, rest)
    found = [program.finish() for program in programs]
    bundle = Bundle(BundleType.MANIFEST, "supervisord")
    return [*found, Conversion(bundle, rest.notes(""), rest.carried())]


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What supervisord itself hands down to its programs."""

    user: str = ""
    directory: str = ""
    umask: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class _Program:
    """One program while it is converted."""

    def __init__(self, section: Section, options: SupervisorOptions) -> None:
        self.section = section
        self.name = section.name
        self.group = ""
        self.priority = (DEFAULT_PRIORITY, DEFAULT_PRIORITY)
        self.has_priority = False
        self.given_name = options.name
        self.ledger = Ledger(section.settings)
        self.settings: dict[str, Setting] = {}
        for setting in section.settings:
            if setting.key in self.settings:
                self.ledger.carry(self.settings[setting.key])  # a later one takes its place
            self.settings[setting.key] = setting
        here = options.here.get(section.file, "")
        self.values = {
            "here": here, "program_name": self.name, "host_node_name": options.host,
            **{f"ENV_{name}": value for name, value in options.environment.items()},
        }  # fmt: skip
        self.drafts: list[Draft] = []
        priority = self.read("priority", number, DEFAULT_PRIORITY)
        self.priority = (priority, priority)
        self.has_priority = "priority" in self.settings

    @property
    def service(self) -> str:
        """The service's name, without ``svc:/``."""
        parts = [self.group, self.name] if self.group else [self.name]
        return self.given_name or "/".join(["site", *map(legal_name, parts)])

    def read(self, key: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
        """The value of a setting; ``default`` (and a note) if it has none that can be read."""
        setting = self.settings.get(key)
        if setting is None:
            return default
        try:
            value = parse(expand(setting.value, self.values))
        except ValueError as wrong:
            self.ledger.lose(setting, str(wrong))
            return default
        self._carry(setting)
        return value

    def _carry(self, setting: Setting) -> None:
        self.ledger.carry(setting)
        if "%(ENV_" in setting.value:
            self.ledger.change(setting, "%(ENV_...)s is the environment of this conversion")

    # --- from settings to a draft ---

    def convert(self, defaults: _Defaults) -> None:
        """Make the draft of each instance, and note what cannot be said."""
        count = self.read("numprocs", number, 1)
        start = self.read("numprocs_start", number, 0)
        if not 1 <= count <= 1000:
            raise refusal(self.section.file, self.section.line, f"numprocs={count} is out of range")
        self.values |= {"group_name": self.group or self.name, "numprocs": str(count)}
        for process in range(start, start + count):
            self.values["process_num"] = str(process)
            name = self.read("process_name", str, self.name)
            if any(draft.instance == legal_name(name) for draft in self.drafts):
                setting = self.settings.get("process_name", self.section.settings[0])
                why = f"all {count} processes are called {name}: it needs %(process_num)d"
                raise refusal(setting.file, setting.line, why)
            draft = Draft(legal_name(name) if count > 1 or name != self.name else "default")
            self._fill(draft, defaults)
            self.drafts.append(draft)
        self._note_restarts()
        self._note_output()

    def _fill(self, draft: Draft, defaults: _Defaults) -> None:
        try:
            self._set_methods(draft)
            self._set_context(draft, defaults)
        except InvalidValue as wrong:
            if wrong.what.startswith("convert "):
                raise
            raise refusal(self.section.file, self.section.line, wrong.message) from None
        draft.enabled = self.read("autostart", boolean, True) and self.section.kind == "program"
        draft.add_dependency("after", "optional_all", "none", ["svc:/milestone/multi-user"])

    def _set_methods(self, draft: Draft) -> None:
        setting = self.settings.get("command")
        if setting is None:
            raise refusal(
                self.section.file, self.section.line, f"program {self.name} has no command"
            )
        try:
            words = shlex.split(expand(setting.value, self.values))
        except ValueError as wrong:
            raise refusal(setting.file, setting.line, str(wrong)) from None
        if not words:
            raise refusal(setting.file, setting.line, "the command is empty")
        self._carry(setting)
        command = [literal(word) for word in words]
        if is_bare_name(command):
            draft.set_context("environment", f"PATH={USUAL_PATH}")
        text = " ".join([command_line(command), *self._redirects()])
        draft.set_startd("duration", "transient" if self._is_job() else "child")
        draft.set_method("start", text, 0)
        signal = self.read("stopsignal", _signal, "TERM")
        patience_s = self.read("stopwaitsecs", number, DEFAULT_STOP_S)
        stop = ":kill" if signal == "TERM" else f":kill -{signal}"
        draft.set_method("stop", stop, max(patience_s, 1))
        for key, what in (("stopasgroup", "get the signal"), ("killasgroup", "are killed")):
            if not self.read(key, boolean, True):
                self.ledger.change(self.settings[key], f"all processes of the service {what}")

    def _is_job(self) -> bool:
        """Is it run once? So supervisord is told of a program that does its work and ends."""
        again, seconds = self.settings.get("autorestart"), self.settings.get("startsecs")
        if again is None or seconds is None:
            return False
        return _again(again) is False and seconds.value.strip() == "0"

    def _redirects(self) -> list[str]:
        """An output that is thrown away stays so."""
        is_one = self.read("redirect_stderr", boolean, False)
        found = []
        if self._is_dropped("stdout_logfile"):
            found.append(">/dev/null")
        if self._is_dropped("stderr_logfile") and not is_one:
            found.append("2>/dev/null")
        elif found and is_one:
            found.append("2>&1")
        return found

    def _is_dropped(self, key: str) -> bool:
        setting = self.settings.get(key)
        if setting is None or setting.value.strip().lower() not in ("none", "off", "/dev/null"):
            return False
        self.ledger.carry(setting)
        return True

    def _set_context(self, draft: Draft, defaults: _Defaults) -> None:
        user = self.read("user", str, defaults.user)
        if user and user not in ("root", "0"):
            draft.set_credential(user=user)
        draft.set_context(
            "working_directory", self.read("directory", str, defaults.directory) or "/"
        )
        umask = self.read("umask", _umask, defaults.umask)
        if umask:
            draft.set_context("umask", umask)
        context = draft.groups[("method_context", "framework")]
        present = context["environment"].values if "environment" in context else ()
        path = dict(entry.split("=", 1) for entry in present)
        nothing: dict[str, str] = {}
        own = self.read("environment", pairs_of, nothing)
        environment = {**path, **defaults.environment, **own}
        if environment:
            entries = [f"{name}={value}" for name, value in environment.items()]
            draft.set_context("environment", *entries)

    # --- notes ---

    def _note_restarts(self) -> None:
        setting = self.settings.get("autorestart")
        if setting is None:
            return
        again = _again(setting)
        if again:
            self.ledger.carry(setting)
        elif self._is_job():
            self.ledger.carry(self.settings["startsecs"])
            why = "a job that ends: it is online when it has, and tried again if it fails"
            self.ledger.change(setting, why)
        elif again is None:
            self.ledger.change(setting, "roost starts it again whatever its exit status")
        else:
            why = "roost starts it again whenever it ends"
            how = "for a job that ends, set startd/duration to transient"
            self.ledger.change(setting, why, how)

    def _note_output(self) -> None:
        for key in ("stdout_logfile", "stderr_logfile"):
            setting = self.settings.get(key)
            if setting is None or self._is_dropped(key):
                continue
            value = setting.value.strip()
            if value.lower() == "auto" or value in _LOG_DEVICES:
                self.ledger.change(setting, "it goes to the service's log", self._where())
            else:
                sign = ">>" if key.startswith("stdout") else "2>>"
                how = f"or end start/exec with '{sign}FILE'"
                self.ledger.change(
                    setting, "it goes to the service's log", f"{self._where()}, {how}"
                )
        for setting in self.ledger.open_settings():
            if _OF_LOGS.fullmatch(setting.key):
                why = "roost neither rotates a service's log nor reads it"
                self.ledger.lose(setting, why, "logrotate(8) with copytruncate can rotate it")
            elif setting.key in REASONS:
                self.ledger.lose(setting, *REASONS[setting.key])
            else:
                self.ledger.lose(setting, "roost has nothing like it")

    def _where(self) -> str:
        return f"'svcs -L {self.service}' tells where that is"

    def finish(self) -> Conversion:
        """The service and the notes."""
        service = service_of(self.service, self.drafts)
        bundle = Bundle(BundleType.MANIFEST, legal_name(self.name), (service,))
        return Conversion(bundle, self.ledger.notes(f"svc:/{self.service}"), self.ledger.carried())


# --- what is about several programs -----------------------------------------------------


def _read_groups(
    sections: Mapping[str, Section], programs: Sequence[_Program], rest: Ledger
) -> None:
    by_name = {program.name: program for program in programs}
    for section in sections.values():
        if section.kind != "group":
            continue
        members: list[_Program] = []
        priority: int | None = None
        for setting in section.settings:
            if setting.key == "programs":
                rest.carry(setting)
                names = [name.strip() for name in setting.value.split(",") if name.strip()]
                missing = [name for name in names if name not in by_name]
                if missing:
                    raise refusal(setting.file, setting.line, f"there is no program {missing[0]}")
                members = [by_name[name] for name in names]
            elif setting.key == "priority":
                try:
                    priority = number(setting.value)
                except ValueError as wrong:
                    rest.lose(setting, str(wrong))
                    continue
                rest.carry(setting)
            else:
                rest.lose(setting, "roost has nothing like it")
        for member in members:
            member.group = section.name
            group_priority = DEFAULT_PRIORITY if priority is None else priority
            member.priority = (group_priority, member.priority[1])
            member.has_priority |= priority is not None


def _order_by_priority(programs: Sequence[_Program]) -> None:
    """Programs of a higher number start after those of the next lower one."""
    if not any(program.has_priority for program in programs):
        return
    order = sorted({program.priority for program in programs})
    for program in programs:
        at = order.index(program.priority)
        if at == 0:
            continue
        before = [f"svc:/{p.service}" for p in programs if p.priority == order[at - 1]]
        for draft in program.drafts:
            draft.add_dependency("priority", "optional_all", "none", before)


def _read_supervisord(
    section: Section | None, rest: Ledger, options: SupervisorOptions
) -> _Defaults:
    """What [supervisord] hands down; the rest of it is about supervisord itself."""
    if section is None:
        return _Defaults()
    values = {"here": options.here.get(section.file, ""), "host_node_name": options.host}
    values |= {f"ENV_{name}": value for name, value in options.environment.items()}
    texts: dict[str, str] = {}
    environment: dict[str, str] = {}
    aside: list[Setting] = []
    for setting in section.settings:
        try:
            value = expand(setting.value, values)
            if setting.key == "environment":
                environment = pairs_of(value)
            elif setting.key == "umask":
                texts["umask"] = _umask(value)
            elif setting.key in ("user", "directory"):
                texts[setting.key] = value
            elif setting.key in ("minfds", "minprocs"):
                limit = "nofile" if setting.key == "minfds" else "nproc"
                why = "roost leaves the limits of services as they are"
                rest.lose(setting, why, f"method_context/limits = {limit}={value} sets one")
                continue
            else:
                aside.append(setting)
                continue
        except ValueError as wrong:
            rest.lose(setting, str(wrong))
            continue
        rest.carry(setting)
    if aside:
        names = ", ".join(dict.fromkeys(setting.key for setting in aside))
        why = f"{names}: about supervisord itself"
        rest.close_section(Kind.ASIDE, section.line, aside, why)
    return _Defaults(
        texts.get("user", ""), texts.get("directory", ""), texts.get("umask", ""), environment
    )


def _name_sections(sections: Mapping[str, Section], rest: Ledger) -> None:
    """Name what is neither a program, nor a group, nor [supervisord]."""
    for section in sections.values():
        if section.kind in (*PROGRAM_KINDS, "group", "supervisord"):
            continue
        if section.title == "include":
            rest.carry(*section.settings)  # the files are read as if they stood here
        elif section.settings:
            default = (Kind.LOST, "roost knows no such section", "")
            kind, why, instead = SECTIONS.get(section.kind, default)
            rest.close_section(kind, section.line, section.settings, why, instead)


def _signal(text: str) -> str:
    name = text.strip().upper().removeprefix("SIG")
    if not re.fullmatch(r"[A-Z0-9+]+", name):
        raise ValueError(f"'{text}' is no signal")
    return name


def _umask(text: str) -> str:
    if not re.fullmatch(r"[0-7]{1,4}", text.strip()) or int(text, 8) > 0o777:
        raise ValueError(f"'{text}' is no umask")
    return f"{int(text, 8):03o}"
