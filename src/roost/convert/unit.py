"""Units of systemd to services: ``.service``, ``.target``, and why not ``.socket``, ``.timer``.

`convert_units` takes the files of one run together, because they name each other. Opens no
file: drop-ins come as further sources of their unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from roost.convert.draft import Draft, service_of
from roost.convert.ledger import Conversion, Kind, Ledger, Setting, refusal
from roost.convert.names import legal_name, service_name, split_unit
from roost.convert.unit_commands import (
    MAIN_PID,
    Command,
    pid_of_file,
    read_commands,
    set_refresh,
    set_start,
    set_stop,
)
from roost.convert.unit_context import read_identity, set_context
from roost.convert.unit_depends import set_dependencies
from roost.convert.unit_model import Plan, Unit, UnitFile
from roost.convert.unit_rest import reason_for
from roost.convert.unit_syntax import whole_seconds
from roost.convert.words import shell_script
from roost.errors import InvalidValue
from roost.manifest.pages import doc_link_group, manpage_group
from roost.model.bundle import Bundle, BundleType, ServiceBundle
from roost.model.properties import PropertyType

UNIT_TYPES = (
    "service", "target", "socket", "timer", "path", "mount", "automount", "swap", "slice",
    "device", "scope",
)  # fmt: skip

_FOREGROUND = ("simple", "exec", "notify", "notify-reload", "dbus", "idle")
_TYPES = (*_FOREGROUND, "forking", "oneshot")
_SERVICE_SECTIONS = frozenset({"Unit", "Service", "Install"})
_MAN = re.compile(r"man:([^()]+)\((\w+)\)")

_TRIGGERS = {
    "socket": "roost opens no sockets: the service has to listen itself",
    "timer": "roost has no timers",
    "path": "roost watches no paths",
}
"""Type of a unit that starts another one, and why it does not here."""


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """What the user of a conversion may say about units."""

    names: Mapping[str, str]
    """Names of services for units that shall not have the usual one."""
    instances: tuple[str, ...] = ()
    """Instances to make of templates."""


def convert_units(files: Sequence[UnitFile], options: UnitOptions) -> list[Conversion]:
    """A conversion for each unit, in the order given.

    Raises `InvalidValue` with FILE:LINE for a file that is no unit, and for a service that
    systemd would refuse.
    """
    units = [Unit(file) for file in files]
    for unit in units:
        if not unit.settings:
            raise refusal(unit.file, 1, "it is empty: such a unit is masked, and never started")
    converted = frozenset(unit.name for unit in units)
    return [
        _convert(unit, file, options, converted) for unit, file in zip(units, files, strict=True)
    ]


def _convert(
    unit: Unit, file: UnitFile, options: UnitOptions, converted: frozenset[str]
) -> Conversion:
    name, instance, kind = split_unit(unit.name)
    service = service_name(unit.name, options.names)
    if kind == "target":
        services = [_target(unit, service, options, converted)]
    elif kind != "service":
        return _triggering(unit, options)
    elif instance == "" and options.instances:
        return _instances(file, options, converted)
    else:
        services = _service(unit, service, options, converted)
    _name_rest(unit)
    bundle = Bundle(BundleType.MANIFEST, name, tuple(services))
    return Conversion(bundle, unit.ledger.notes(f"svc:/{service}"), unit.ledger.carried())


# --- services ---------------------------------------------------------------------------


def _service(
    unit: Unit, service: str, options: UnitOptions, converted: frozenset[str]
) -> list[ServiceBundle]:
    _, instance, _ = split_unit(unit.name)
    draft = Draft(legal_name(instance) if instance else "default")
    plan = Plan(unit, draft, service)
    try:
        _describe(plan)
        _set_model(plan)
        read_identity(plan)
        mains = _main_commands(plan)
        plan.starts_as_root = bool(mains) and all(command.is_privileged for command in mains)
        plan.is_sought = _seeks(plan)
        set_context(plan)
        set_start(plan, mains)
        set_stop(plan)
        set_refresh(plan)
        set_dependencies(plan, options.names, converted)
        setup = _setup(plan)
    except InvalidValue as wrong:
        if wrong.what.startswith("convert "):
            raise
        raise refusal(unit.file, 1, wrong.message) from None
    if instance == "":
        bundle = replace(service_of(service, [draft]), instances=())
        why = "a template: the service has no instance yet"
        how = f"svccfg -s {service} add NAME, or convert with --instance NAME"
        unit.ledger.remark(unit.file, 1, unit.name, why, how)
        return [*setup, bundle]
    return [*setup, service_of(service, [draft], shares=instance is None)]


def _seeks(plan: Plan) -> bool:
    """Is any program of the unit to be sought in PATH?"""
    texts = [one.value for one in plan.unit.settings if one.key.startswith("Exec")]
    return any(text and "/" not in text.split()[0] for text in texts)


def _instances(file: UnitFile, options: UnitOptions, converted: frozenset[str]) -> Conversion:
    """The instances that were asked for of a template: one service."""
    name, _, kind = split_unit(file.name)
    found = []
    names = [legal_name(instance) for instance in options.instances]
    if len(set(names)) < len(names):
        raise refusal(file.sources[0].name, 1, f"two instances have the name {names[-1]}")
    for instance in options.instances:
        unit = Unit(replace(file, name=f"{name}@{instance}.{kind}"))
        found.append(_convert(unit, file, options, converted))
    merged: dict[str, ServiceBundle] = {}
    for service in (each for one in found for each in one.bundle.services):
        present = merged.get(service.name)
        merged[service.name] = (
            service
            if present is None
            else replace(present, instances=(*present.instances, *service.instances))
        )
    notes = dict.fromkeys(note for one in found for note in one.notes)
    return Conversion(
        Bundle(BundleType.MANIFEST, name, tuple(merged.values())), tuple(notes), found[0].carried
    )


def _describe(plan: Plan) -> None:
    name = plan.unit.take("Description", str, "")
    if name:
        plan.draft.set_name(name)
    for setting in plan.unit.all("Documentation"):
        plan.unit.ledger.carry(setting)
        for uri in plan.unit.words(setting):
            page = _MAN.fullmatch(uri)
            if page:
                plan.draft.add_group(manpage_group(page[1], page[2]))
            elif uri.startswith(("http:", "https:", "file:")):
                plan.draft.add_group(doc_link_group(uri, uri))
            else:
                plan.unit.ledger.change(setting, f"'{uri}' is left out: no manual page, no URL")


def _set_model(plan: Plan) -> None:
    """``Type=``, ``Restart=`` and what else decides about ``startd/duration``."""
    unit, ledger = plan.unit, plan.unit.ledger
    has_start = bool(unit.all("ExecStart"))
    plan.kind = "simple" if has_start else "oneshot"
    setting = unit.one("Type")
    if setting is not None:
        if setting.value not in _TYPES:
            raise refusal(setting.file, setting.line, f"'{setting.value}' is no type of a service")
        plan.kind = setting.value
        ledger.carry(setting)
    stays = unit.flag("RemainAfterExit")
    if plan.kind in _FOREGROUND:
        plan.model = "child"
        plan.main_pid = MAIN_PID
        if plan.kind in ("notify", "notify-reload", "dbus") and setting is not None:
            ledger.change(setting, "online as soon as it is started: roost waits for no message")
        elif plan.kind == "idle" and setting is not None:
            ledger.change(setting, "it is not held back until other starts are done")
        if stays:
            ledger.change(_given(unit, "RemainAfterExit"), "it is started again when it ends")
    elif plan.kind == "forking":
        plan.model = "contract"
        _read_pid_file(plan)
    else:
        plan.model = "transient"
        if not stays:
            ledger.remark(unit.file, setting.line if setting else 1, "no RemainAfterExit=",
                          "once it has run, it stays online all the same",
                          f"svcadm restart {plan.service} runs it again")  # fmt: skip
    plan.draft.set_startd("duration", plan.model)
    _read_restart(plan)
    _read_start_limit(plan)


def _given(unit: Unit, key: str) -> Setting:
    found = unit.one(key)
    assert found is not None, key
    return found


def _read_pid_file(plan: Plan) -> None:
    found = plan.unit.read("PIDFile", str)
    if found is None:
        return
    setting, path = found
    plan.unit.ledger.carry(setting)
    plan.main_pid = pid_of_file(path if path.startswith("/") else f"/run/{path}")


def _read_restart(plan: Plan) -> None:
    setting = plan.unit.one("Restart")
    ledger = plan.unit.ledger
    if plan.model == "transient":
        if setting is not None and setting.value == "no":
            ledger.carry(setting)
        elif setting is not None:
            why = "it is tried three times at once, then it is in maintenance"
            ledger.change(setting, why)
        return
    if setting is None:
        ledger.remark(plan.unit.file, 1, "no Restart=",
                      "systemd starts it once; roost starts it again whenever it ends")  # fmt: skip
    elif setting.value == "always":
        ledger.carry(setting)
    else:
        ledger.change(setting, "roost starts it again whenever it ends, whatever its exit status")


def _read_start_limit(plan: Plan) -> None:
    """How many starts in how long are too many."""
    unit = plan.unit
    for keys, name in (
        (("StartLimitIntervalSec", "StartLimitInterval"), "critical_failure_period"),
        (("StartLimitBurst",), "critical_failure_count"),
    ):
        for key in keys:
            found = unit.read(key, whole_seconds)
            if found is None:
                continue
            setting, number = found
            if plan.model != "contract":
                why = {
                    "child": "a service that stays in the foreground is never too quick: it is \
held back a second each time",
                    "transient": "a start that fails is tried three times",
                }[plan.model]
                unit.ledger.lose(setting, why)
            elif number:
                unit.ledger.carry(setting)
                plan.draft.put("startd", "framework", name, PropertyType.COUNT, str(number))
            else:
                why = "that turns the limit off; roost's own holds (five starts in 40 minutes)"
                unit.ledger.lose(setting, why)


def _main_commands(plan: Plan) -> list[Command]:
    mains = read_commands(plan, "ExecStart")
    unit = plan.unit
    if plan.kind != "oneshot" and len(mains) != 1:
        line = mains[-1].setting.line if mains else 1
        file = mains[-1].setting.file if mains else unit.file
        why = f"Type={plan.kind} needs one ExecStart, and there are {len(mains)}"
        raise refusal(file, line, why)
    if not mains and not unit.all("ExecStop"):
        raise refusal(unit.file, 1, "it has neither ExecStart nor ExecStop")
    return mains


def _setup(plan: Plan) -> list[ServiceBundle]:
    """The service that does as root what the service itself has no right to."""
    if not plan.needs_setup or not plan.setup:
        return []
    draft = Draft(plan.draft.instance)
    draft.set_name(f"directories and the like for {plan.service}")
    draft.set_startd("duration", "transient")
    draft.set_method("start", shell_script(plan.setup), 60)
    draft.set_method("stop", ":true", 60)
    name = f"{plan.service}-setup"
    end = "" if draft.instance == "default" else f":{draft.instance}"
    plan.draft.add_dependency("setup", "require_all", "none", [f"svc:/{name}{end}"])
    draft.add_dependency("after", "optional_all", "none", ["svc:/system/filesystem/local"])
    return [service_of(name, [draft], shares=not end)]


# --- other units ------------------------------------------------------------------------


def _target(
    unit: Unit, service: str, options: UnitOptions, converted: frozenset[str]
) -> ServiceBundle:
    """A target is a milestone: a service without processes that others gather in."""
    draft = Draft()
    plan = Plan(unit, draft, service, kind="oneshot", model="transient")
    _describe(plan)
    draft.set_startd("duration", "transient")
    draft.set_method("start", ":true", 60)
    draft.set_method("stop", ":true", 60)
    set_dependencies(plan, options.names, converted)
    draft.enabled = True
    return service_of(service, [draft], kind="milestone")


def _triggering(unit: Unit, options: UnitOptions) -> Conversion:
    """A unit that is no service: each of its own lines is named."""
    name, instance, kind = split_unit(unit.name)
    ledger = unit.ledger
    started = _started_unit(unit, name, instance)
    service = service_name(started, options.names)
    why = _TRIGGERS.get(kind, f"roost has nothing like a {kind} unit")
    instead = f"a line in crontab(5): svcadm restart {service}" if kind == "timer" else ""
    for section, settings in _by_section(unit.settings).items():
        if section in ("Unit", "Install"):
            line = settings[0].line
            ledger.close_section(Kind.LOST, line, settings, f"{unit.name} is not converted")
            continue
        for setting in settings:
            ledger.lose(setting, why, instead if setting.key.startswith("On") else "")
    fmri = f"svc:/{service}" if kind in _TRIGGERS else ""
    return Conversion(Bundle(BundleType.MANIFEST, name), ledger.notes(fmri), ledger.carried())


def _started_unit(unit: Unit, name: str, instance: str | None) -> str:
    """The service that a socket, timer or path starts."""
    for setting in unit.settings:
        if setting.key in ("Unit", "Service") and setting.value:
            return setting.value
    return f"{name}.service" if instance is None else f"{name}@{instance}.service"


def _by_section(settings: Iterable[Setting]) -> dict[str, list[Setting]]:
    found: dict[str, list[Setting]] = {}
    for setting in settings:
        found.setdefault(setting.section, []).append(setting)
    return found


def _name_rest(unit: Unit) -> None:
    """Name every assignment that no rule took."""
    ledger: Ledger = unit.ledger
    for setting in ledger.open_settings():
        if not setting.value and setting.section in _SERVICE_SECTIONS:
            ledger.carry(setting)  # takes back what was said before, and nothing was
        elif setting.section not in _SERVICE_SECTIONS:
            is_foreign = setting.section.startswith("X-")
            why = "systemd does not read this section of a service, either"
            ledger.set_aside(setting, "it is for another program" if is_foreign else why)
        elif setting not in unit.all(setting.key):
            ledger.carry(setting)  # taken back by an empty assignment below it
        else:
            reason = reason_for(setting)
            if reason is None:
                ledger.carry(setting)
            elif reason.kind is Kind.ASIDE:
                ledger.set_aside(setting, reason.why, reason.instead)
            else:
                ledger.lose(setting, reason.why, reason.instead)
