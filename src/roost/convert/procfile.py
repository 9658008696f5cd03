"""A Procfile to services: one for each process type (roost-convert(1)). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from roost.convert.draft import Draft, service_of
from roost.convert.ledger import Conversion, Ledger, Setting, Source, refusal
from roost.convert.names import legal_name
from roost.convert.words import USUAL_PATH, literal, shell_script, shell_word
from roost.errors import InvalidValue
from roost.model.bundle import Bundle, BundleType

FIRST_PORT = 5000
PORT_STEP = 100
STOP_S = 30
_LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(.+)")
_SHELL = re.compile(r"[;&|<>()`\n]|\$\(|^\w+=")
"""What makes a command more than one simple command of the shell."""
_PORT = re.compile(r"\$PORT\b|\$\{PORT\b")
_ONCE = "release"
"""The process type that runs once, when a version is brought out."""


@dataclass(frozen=True, slots=True)
class ProcfileOptions:
    """What a conversion has to know beside the file."""

    directory: str
    """Where it lies, absolute: its commands run there."""
    application: str
    """Name of the application; its services are ``site/APPLICATION/TYPE``."""
    environment_file: str = ""
    """Path of the ``.env`` beside it, if there is one."""


def convert_procfile(source: Source, options: ProcfileOptions) -> list[Conversion]:
    """A conversion for each process type; `InvalidValue` with FILE:LINE for other text."""
    settings = _settings_of(source)
    return [_convert(setting, at, options) for at, setting in enumerate(settings)]


def _settings_of(source: Source) -> list[Setting]:
    found: dict[str, Setting] = {}
    for number, raw in enumerate(source.text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise refusal(source.name, number, f"'{line[:60]}' is no 'name: command'")
        name = legal_name(matched[1])
        if name in found:
            why = f"process type {name} is there twice (first in line {found[name].line})"
            raise refusal(source.name, number, why)
        found[name] = Setting(source.name, number, "", matched[1], matched[2])
    if not found:
        raise refusal(source.name, 1, "it names no process type")
    return list(found.values())


def _convert(setting: Setting, at: int, options: ProcfileOptions) -> Conversion:
    ledger = Ledger([setting])
    ledger.carry(setting)
    service = f"{options.application}/{legal_name(setting.key)}"
    draft = Draft()
    is_once = setting.key == _ONCE
    environment = {"PATH": USUAL_PATH}
    if _PORT.search(setting.value):
        port = str(FIRST_PORT + PORT_STEP * at)
        environment["PORT"] = port
        why = f"PORT is {port}, as foreman(1) would have it"
        ledger.change(setting, why, "PORT=... in method_context/environment is another")
    if is_once:
        ledger.change(setting, "it runs once, when it is enabled", f"svcadm restart {service}")
    else:
        why = "it runs as the user of svc.startd: a Procfile names none"
        how = f"svccfg -s {service} setprop method_context/user = astring: NAME"
        ledger.remark(setting.file, setting.line, setting.key, why, how)
    draft.enabled = not is_once
    try:
        draft.set_startd("duration", "transient" if is_once else "child")
        draft.set_method("start", _start(setting, options, ledger), 0)
        draft.set_method("stop", ":true" if is_once else ":kill", STOP_S)
        draft.set_context("working_directory", options.directory)
        entries = [f"{name}={value}" for name, value in environment.items()]
        draft.set_context("environment", *entries)
    except InvalidValue as wrong:
        raise refusal(setting.file, setting.line, wrong.message) from None
    draft.add_dependency("after", "optional_all", "none", ["svc:/milestone/multi-user"])
    bundle = Bundle(BundleType.MANIFEST, legal_name(setting.key), (service_of(service, [draft]),))
    return Conversion(bundle, ledger.notes(f"svc:/{service}"), ledger.carried())


def _start(setting: Setting, options: ProcfileOptions, ledger: Ledger) -> str:
    """The command, which is the shell's as it stands there."""
    command = setting.value.replace("%", "%%")
    is_simple = not _SHELL.search(setting.value)
    if not options.environment_file:
        return command if is_simple else shell_script([command], stops_at_failure=False)
    why = f"the shell reads {options.environment_file} at each start"
    ledger.change(setting, why, "values with blanks need quotes in it")
    read = f". {shell_word(literal(options.environment_file))}"
    last = f"exec {command}" if is_simple else command
    return shell_script(["set -a", read, "set +a", last], stops_at_failure=False)
