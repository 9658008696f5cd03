"""What svcbundle is told by ``-s NAME=VALUE``, and the service bundle that it makes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from roost.errors import InvalidValue, UsageError
from roost.fmri import check_name, is_service_name
from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.properties import (
    Property,
    PropertyGroup,
    PropertyType,
    make_group,
    parse_value,
    property_type,
)

PERIODIC_RESTARTER = "svc:/system/svc/periodic-restarter:default"
"""Who runs periodic and scheduled services."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A NAME of ``-s``: what may stand after it, and what that says."""

    name: str
    values: str
    help: str
    repeats: bool = False


_PROPERTY = "GROUP:PROPERTY:TYPE:VALUE"
SETTINGS = (
    Setting("bundle-type", "manifest|profile", "what to write (manifest)"),
    Setting("service-name", "NAME", "the service, such as site/quotes; required"),
    Setting("instance-name", "NAME", "its instance (default)"),
    Setting("enabled", "true|false", "whether the instance is to run (true)"),
    Setting("start-method", "COMMAND", "what starts it; required in a manifest"),
    Setting(
        "stop-method", "COMMAND", "what stops it (:true for a transient service, :kill for others)"
    ),
    Setting("refresh-method", "COMMAND", "what makes it read its configuration again"),
    Setting("timeout", "SECONDS", "time for each method (60; 0: no limit)"),
    Setting(
        "model",
        "transient|daemon|contract|child|wait",
        "how the service lives (transient); daemon is contract, wait is child",
    ),
    Setting("duration", "MODEL", "the same as model"),
    Setting("rc-script", "FILE:S|1|2|3", "an rc script and its run level, in place of the methods"),
    Setting("service-property", _PROPERTY, "a property of the service", repeats=True),
    Setting("instance-property", _PROPERTY, "a property of the instance", repeats=True),
    Setting("period", "SECONDS", "run the start method again after so many seconds"),
    Setting("delay", "SECONDS", "with period: the time before the first run"),
    Setting("jitter", "SECONDS", "with period: so much longer at most, at random"),
    Setting("persistent", "true|false", "with period: count on over a restart"),
    Setting("interval", "year|month|week|day|hour|minute", "run the start method once in each"),
    Setting("frequency", "NUMBER", "with interval: in each NUMBERth of them"),
    Setting("year", "YEAR", "with interval: the first year"),
    Setting("week-of-year", "1..53 | -53..-1", "with interval: the week"),
    Setting("month", "1..12 | -12..-1 | NAME", "with interval: the month"),
    Setting("week-of-month", "1..5 | -5..-1", "with interval: the week of the month"),
    Setting("weekday-of-month", "1..5 | -5..-1", "with interval: the how-manyth such day"),
    Setting("day-of-month", "1..31 | -31..-1", "with interval: the day of the month"),
    Setting("day", "1..7 | -7..-1 | NAME", "with interval: the day of the week"),
    Setting("hour", "0..23 | -24..-1", "with interval: the hour"),
    Setting("minute", "0..59 | -60..-1", "with interval: the minute"),
    Setting("timezone", "ZONE", "with interval: the time zone of all these"),
    Setting("recover", "true|false", "with period or interval: make up for a run that was missed"),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}

_MODELS = {
    "transient": "transient",
    "contract": "contract",
    "daemon": "contract",
    "child": "child",
    "wait": "child",
}
_TIMEOUT_S = "60"
_OF_PERIOD = ("period", "delay", "jitter", "persistent", "recover")
_OF_INTERVAL = (
    *("interval", "frequency", "year", "week-of-year", "month", "week-of-month"),
    *("weekday-of-month", "day-of-month", "day", "hour", "minute", "timezone", "recover"),
)
_NUMBERS = {
    "year": (1970, 9999),
    "week-of-year": (1, 53),
    "month": (1, 12),
    "week-of-month": (1, 5),
    "weekday-of-month": (1, 5),
    "day-of-month": (1, 31),
    "day": (1, 7),
    "hour": (0, 23),
    "minute": (0, 59),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_WORDS = {"month": _MONTHS, "day": _DAYS}
_SCHEDULE_TYPES = {
    "period": PropertyType.TIME,
    "delay": PropertyType.TIME,
    "jitter": PropertyType.TIME,
    "persistent": PropertyType.BOOLEAN,
    "recover": PropertyType.BOOLEAN,
    "frequency": PropertyType.COUNT,
}
"""Types of the properties of a schedule; the others are astring."""

_KNOWN_GROUPS = {
    "general": "framework",
    "method_context": "framework",
    "startd": "framework",
    "start": "method",
    "stop": "method",
    "refresh": "method",
}
"""Types of groups that are not for the application."""

_MILESTONE = "svc:/milestone/"
_RUN_LEVELS = {
    "s": ("", "single-user"),
    "1": ("", "single-user"),
    "2": ("single-user", "multi-user"),
    "3": ("multi-user", "multi-user-server"),
}
"""Run level: the milestone that comes before its scripts, and the one that waits for them."""


class Settings:
    """The settings of one call, checked by name. Raises `UsageError`."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._values: dict[str, list[str]] = {}
        for text in texts:
            name, is_set, value = text.partition("=")
            if not is_set:
                raise UsageError(f"use -s {text}", "it takes NAME=VALUE")
            setting = setting_called(name)
            found = self._values.setdefault("model" if name == "duration" else name, [])
            if found and not setting.repeats:
                raise UsageError(f"use -s {text}", f"'{name}' is set already")
            found.append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def all(self, name: str) -> Sequence[str]:
        """All values of a setting."""
        return self._values.get(name, [])

    def value(self, name: str, default: str) -> str:
        """The value of a setting; one of its words where it has such."""
        found = self.all(name)
        if not found:
            return default
        words = _BY_NAME[name].values.split("|")
        if words[0].islower() and found[0] not in words:
            raise _refusal(name, found[0], f"it is one of {', '.join(words)}")
        return found[0]

    def needed(self, name: str) -> str:
        """The value of a setting that must be there and say something."""
        value = self.value(name, "")
        if not value.strip():
            raise UsageError("make a service bundle", f"-s {name}=... is needed")
        return value

    def refuse(self, names: Iterable[str], why: str) -> None:
        """Raise if one of these is set."""
        for name in names:
            if name in self:
                raise UsageError(f"use -s {name}=...", why)


def setting_called(name: str) -> Setting:
    """The setting of this name; `UsageError` if there is none."""
    if name not in _BY_NAME:
        raise UsageError(f"set '{name}'", "there is no such name; 'svcbundle help' lists them")
    return _BY_NAME[name]


def _refusal(name: str, value: str, why: str) -> InvalidValue:
    return InvalidValue(f"set {name} to '{value}'", why, f"svcbundle help {name}")


def make_bundle(settings: Settings) -> Bundle:
    """The bundle that the settings describe.

    Raises `UsageError` for settings that lack something or exclude each other, and
    `InvalidValue` or `InvalidName` for values that cannot be.
    """
    name = settings.needed("service-name").removeprefix("svc:/")
    if not is_service_name(name):
        why = "a service name is names with '/' between them, such as site/quotes"
        raise _refusal("service-name", name, why)
    is_profile = settings.value("bundle-type", "manifest") == "profile"
    service = (_profile if is_profile else _manifest)(name, settings)
    return Bundle(BundleType.PROFILE if is_profile else BundleType.MANIFEST, name, (service,))


def is_scheduled(settings: Settings) -> bool:
    """Is it a service that roost itself does not run: a periodic or scheduled one?"""
    return "period" in settings or "interval" in settings


# --- profiles -----------------------------------------------------------------------------------


def _profile(name: str, settings: Settings) -> ServiceBundle:
    others = {one.name for one in SETTINGS} - {
        *("bundle-type", "service-name", "instance-name", "enabled"),
        *("service-property", "instance-property"),
    }
    settings.refuse(
        (one.name for one in SETTINGS if one.name in others),
        "a profile has no methods and no schedule; name properties with service-property",
    )
    groups, own = _Groups(), _Groups()
    _add_properties(settings, groups, own)
    enabled = settings.value("enabled", "") == "true" if "enabled" in settings else None
    instances: tuple[InstanceBundle, ...] = ()
    if enabled is not None or own.finished():
        instances = (InstanceBundle(_instance_name(settings), enabled, own.finished()),)
    if not instances and not groups.finished():
        why = "it says nothing; set enabled, service-property or instance-property"
        raise UsageError("make a profile", why)
    return ServiceBundle(name, groups=groups.finished(), instances=instances)


def _instance_name(settings: Settings) -> str:
    return check_name(settings.value("instance-name", "default"), "service instance")


# --- manifests ----------------------------------------------------------------------------------


def _manifest(name: str, settings: Settings) -> ServiceBundle:
    groups, own = _Groups(), _Groups()
    dependents: list[Dependent] = []
    for words, chosen in ((_OF_PERIOD, "period"), (_OF_INTERVAL, "interval")):
        if chosen not in settings:
            settings.refuse(
                (word for word in words if word != "recover"), f"it goes with -s {chosen}=..."
            )
    if is_scheduled(settings):
        _add_schedule(settings, groups)
    else:
        settings.refuse(("recover",), "it goes with -s period=... or interval=...")
        dependents = _add_methods(name, settings, groups)
    _add_properties(settings, groups, own)
    instance = InstanceBundle(
        _instance_name(settings), settings.value("enabled", "true") == "true", own.finished()
    )
    return ServiceBundle(
        name, groups=groups.finished(), dependents=tuple(dependents), instances=(instance,)
    )


def _add_methods(name: str, settings: Settings, groups: _Groups) -> list[Dependent]:
    model = _MODELS[settings.value("model", "transient")]
    before, dependents = "multi-user", list[Dependent]()
    if "rc-script" in settings:
        settings.refuse(("start-method", "stop-method"), "rc-script names the methods")
        script, level = _rc_script(settings.needed("rc-script"))
        start, stop = f"{script} start", f"{script} stop"
        before, after = _RUN_LEVELS[level]
        called = f"{name.replace('/', '_')}_{after.replace('-', '_')}"
        dependents.append(Dependent(called, "optional_all", "none", _MILESTONE + after))
    else:
        start = settings.needed("start-method")
        stop = settings.value("stop-method", ":true" if model == "transient" else ":kill")
    methods = {"start": start, "stop": stop}
    if "refresh-method" in settings:
        methods["refresh"] = settings.needed("refresh-method")
    for method, command in methods.items():
        _add_method(groups, method, command, _timeout(settings, _TIMEOUT_S))
    if before:
        _add_milestone(groups, before)
    groups.set("startd", "duration", PropertyType.ASTRING, model)
    return dependents


def _rc_script(text: str) -> tuple[str, str]:
    script, _, level = text.rpartition(":")
    if not script.startswith("/"):
        raise _refusal("rc-script", text, "it takes the script's path, ':' and the run level")
    if level.lower() not in _RUN_LEVELS:
        raise _refusal("rc-script", text, "the run levels are S, 1, 2 and 3")
    return script, level.lower()


def _add_method(groups: _Groups, name: str, command: str, timeout_s: str) -> None:
    groups.set(name, "type", PropertyType.ASTRING, "method")
    groups.set(name, "exec", PropertyType.ASTRING, command)
    groups.set(name, "timeout_seconds", PropertyType.COUNT, timeout_s)


def _timeout(settings: Settings, default: str) -> str:
    return parse_value(PropertyType.COUNT, settings.value("timeout", default))


def _add_milestone(groups: _Groups, milestone: str) -> None:
    """Start after the milestone, where there is one: it must not keep the service from starting."""
    name = f"{milestone.replace('-', '_')}_dependency"
    groups.define(name, "dependency")
    for prop, value in (
        ("grouping", "optional_all"),
        ("restart_on", "none"),
        ("type", "service"),
    ):
        groups.set(name, prop, PropertyType.ASTRING, value)
    groups.set(name, "entities", PropertyType.FMRI, _MILESTONE + milestone)


def _add_schedule(settings: Settings, groups: _Groups) -> None:
    is_periodic = "period" in settings
    names, group = (_OF_PERIOD, "periodic") if is_periodic else (_OF_INTERVAL, "scheduled")
    unfit = ("model", "rc-script", "refresh-method", "stop-method")
    settings.refuse(unfit, f"a {group} service has a start method alone")
    settings.refuse(
        (name for name in (*_OF_PERIOD, *_OF_INTERVAL) if name not in names),
        "period and interval exclude each other",
    )
    _add_method(groups, "start", settings.needed("start-method"), _timeout(settings, "0"))
    groups.define(group, "schedule")
    for name in names:
        if name in settings:
            kind = _SCHEDULE_TYPES.get(name, PropertyType.ASTRING)
            value = parse_value(kind, _checked(name, settings.needed(name)))
            groups.set(group, name.replace("-", "_"), kind, value)
    groups.set("general", "restarter", PropertyType.FMRI, PERIODIC_RESTARTER)


def _checked(name: str, value: str) -> str:
    if name not in _NUMBERS or value.lower() in _WORDS.get(name, ()):
        return value
    least, most = _NUMBERS[name]
    try:
        number = int(value)
    except ValueError:
        raise _refusal(name, value, f"it is {_BY_NAME[name].values}") from None
    last = most if least else most + 1
    if not (least <= number <= most or (name != "year" and -last <= number <= -1)):
        raise _refusal(name, value, f"it is {_BY_NAME[name].values}")
    return value


# --- properties ---------------------------------------------------------------------------------


class _Groups:
    """Property groups while they are put together."""

    def __init__(self) -> None:
        self._types: dict[str, str] = {}
        self._properties: dict[str, dict[str, Property]] = {}

    def define(self, group: str, kind: str) -> None:
        """Make sure that the group is there; the type of one that is stays."""
        self._types.setdefault(group, kind)
        self._properties.setdefault(group, {})

    def set(self, group: str, name: str, kind: PropertyType, value: str) -> None:
        """Give a property its one value."""
        self.define(group, _KNOWN_GROUPS.get(group, "application"))
        self._properties[group][name] = Property(name, kind, (value,))

    def has(self, group: str, name: str) -> bool:
        """Is the property there?"""
        return name in self._properties.get(group, {})

    def finished(self) -> tuple[PropertyGroup, ...]:
        """The groups."""
        return tuple(
            make_group(name, kind, self._properties[name].values())
            for name, kind in self._types.items()
        )


def _add_properties(settings: Settings, service: _Groups, instance: _Groups) -> None:
    for setting, groups in (("service-property", service), ("instance-property", instance)):
        for text in settings.all(setting):
            _add_property(setting, text, groups)


def _add_property(setting: str, text: str, groups: _Groups) -> None:
    parts = text.split(":", 3)
    if len(parts) != 4:
        raise _refusal(setting, text, f"it takes {_PROPERTY}")
    group, name, kind, value = parts
    check_name(group, "property group")
    check_name(name, "property")
    if groups.has(group, name):
        raise _refusal(setting, text, f"'{group}/{name}' has a value already")
    if (group, name) == ("general", "enabled"):
        raise _refusal(setting, text, "that is -s enabled=...")
    chosen = property_type(kind or "astring")
    groups.set(group, name, chosen, parse_value(chosen, value))


def help_text(names: Mapping[str, Setting] | None = None) -> str:
    """The names of ``-s``, what each takes and says."""
    shown = list((names or _BY_NAME).values())
    width = max(len(one.name) for one in shown)
    return "\n".join(
        f"{one.name:<{width}}  {one.help}\n{'':<{width}}  {one.values}"
        + (" (may be repeated)" if one.repeats else "")
        for one in shown
    )
