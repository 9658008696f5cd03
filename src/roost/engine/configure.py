"""From property groups to the engine's view of an instance (smf(7)).

Reads the composed groups of an instance's running snapshot and says what they mean. It
checks no target for existence, expands no token, and reads nothing but what it is given.
What is broken in a dependency does not raise: it becomes `InstanceConfig.invalid`, and the
engine puts that instance, and no other, in maintenance.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping

from roost.engine.config import (
    MASTER_RESTARTER,
    NO_METHOD,
    Dependency,
    Grouping,
    InstanceConfig,
    Method,
    MethodKind,
    Model,
    RestartOn,
    Target,
    TargetKind,
)
from roost.errors import InvalidName
from roost.fmri import canonical, parse, path_of
from roost.model.properties import PropertyGroup, PropertyType

Groups = Mapping[str, PropertyGroup]

ABSENT_STOP_TIMEOUT_S = 60.0
"""Patience with a service that has no stop method (docs/decisions/0004)."""
HUGE_TIMEOUT_S = 2**31
"""From here on a time-out is none: it is longer than any machine stays up."""

_MODELS = {"transient": Model.TRANSIENT, "child": Model.CHILD, "wait": Model.CHILD}
_IGNORED_ERRORS = {
    "core": frozenset({"core"}),
    "signal": frozenset({"signal"}),
    "core,signal": frozenset({"core", "signal"}),
    "signal,core": frozenset({"core", "signal"}),
}
_BLANKS = (" ", "\t", "\n")


def read_config(fmri: str, groups: Groups) -> InstanceConfig:
    """What the engine has to know of the instance ``fmri``.

    ``groups`` are its composed running groups, with ``general`` read live. Raises
    `InvalidName` if ``fmri`` is no instance.
    """
    dependencies, problems = _read_dependencies(groups)
    model = _MODELS.get(_text(groups, "startd", "duration"), Model.CONTRACT)
    return InstanceConfig(
        fmri=parse(fmri).instance_fmri,
        dependencies=dependencies,
        model=model,
        start=_read_method(groups, "start"),
        stop=_read_stop(groups, model),
        refresh=_read_method(groups, "refresh"),
        failure_count=_positive(groups, "critical_failure_count"),
        failure_period_s=_positive(groups, "critical_failure_period"),
        ignore_error=_IGNORED_ERRORS.get(_text(groups, "startd", "ignore_error"), frozenset()),
        timeout_retry=_boolean(groups, "startd", "timeout_retry") is not False,
        restarter=canonical(_text(groups, "general", "restarter")) or MASTER_RESTARTER,
        invalid="; ".join(problems),
    )


def is_enabled(groups: Groups) -> tuple[bool | None, bool | None]:
    """``general/enabled`` and ``general_ovr/enabled``; each None if absent or no boolean.

    Without the first the instance is not configured, and takes no part in the graph.
    """
    return _boolean(groups, "general", "enabled"), _boolean(groups, "general_ovr", "enabled")


# --- single properties ------------------------------------------------------------------


def _text(groups: Groups, group: str, name: str) -> str:
    found = groups.get(group)
    return found.value(name) if found is not None else ""


def _boolean(groups: Groups, group: str, name: str) -> bool | None:
    found = groups.get(group)
    prop = found.properties.get(name) if found is not None else None
    if prop is None or prop.type is not PropertyType.BOOLEAN or len(prop.values) != 1:
        return None
    return {"true": True, "false": False}.get(prop.values[0])


def _positive(groups: Groups, name: str) -> int | None:
    """A number of ``startd`` above 0; None for anything else."""
    text = _text(groups, "startd", name)
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number > 0 else None


# --- methods ----------------------------------------------------------------------------


def _read_method(groups: Groups, name: str) -> Method:
    group = groups.get(name)
    command = group.value("exec") if group is not None else ""
    if group is None or not command.strip():
        return NO_METHOD
    kind, number = _kind_of(command)
    return Method(kind, _timeout_s(group), number)


def _read_stop(groups: Groups, model: Model) -> Method:
    """The stop method; where processes are tracked, an absent one kills them (0004)."""
    method = _read_method(groups, "stop")
    if method.kind is MethodKind.ABSENT and model is not Model.TRANSIENT:
        return Method(MethodKind.KILL, ABSENT_STOP_TIMEOUT_S)
    return method


def _kind_of(command: str) -> tuple[MethodKind, int]:
    """The meaning of an ``exec`` and the signal it sends.

    ``:true`` and ``:kill`` count only at the very beginning, and before a blank or the end.
    What starts so and goes on wrongly is left to the restarter, which refuses to run it.
    """
    for kind in (MethodKind.TRUE, MethodKind.KILL):
        if not command.startswith(kind.value):
            continue
        rest = command.removeprefix(kind.value)
        words = rest.split()
        if rest and not rest.startswith(_BLANKS):
            continue
        if not words:
            return kind, signal.SIGTERM.value
        if kind is MethodKind.KILL and len(words) == 1 and words[0].startswith("-"):
            number = _signal_number(words[0][1:])
            if number is not None:
                return kind, number
    return MethodKind.EXEC, signal.SIGTERM.value


def _signal_number(name: str) -> int | None:
    """The signal of a ``:kill -SIG``. ``THAW`` wakes a frozen process: SIGCONT here."""
    text = name.upper().removeprefix("SIG")
    if text.isascii() and text.isdigit():
        return int(text) if int(text) in signal.valid_signals() else None
    if text == "THAW":
        return signal.SIGCONT.value
    found = signal.Signals.__members__.get(f"SIG{text}")
    return found.value if found is not None else None


def _timeout_s(group: PropertyGroup) -> float | None:
    """``timeout_seconds`` of a method; None (for ever) for 0, -1, huge, missing or mistyped."""
    prop = group.properties.get("timeout_seconds")
    if prop is None or prop.type is not PropertyType.COUNT or not prop.values:
        return None
    text = prop.values[0]
    seconds = int(text) if text.isascii() and text.isdigit() else 0
    return float(seconds) if 0 < seconds < HUGE_TIMEOUT_S else None


# --- dependencies -----------------------------------------------------------------------


def _read_dependencies(groups: Groups) -> tuple[tuple[Dependency, ...], list[str]]:
    """The usable dependency groups in the order of their names, and what is wrong."""
    found: list[Dependency] = []
    problems: list[str] = []
    for name in sorted(groups):
        group = groups[name]
        if group.type != "dependency":
            continue
        result = _read_dependency(group)
        if isinstance(result, Dependency):
            found.append(result)
        elif result:
            problems.append(f"dependency group '{name}' {result}")
    return tuple(found), problems


def _read_dependency(group: PropertyGroup) -> Dependency | str:
    """One dependency; or what is wrong with it, "" for a type that SMF ignores."""
    kind = group.value("type")
    if not kind:
        return "has no type"
    if kind not in ("service", "path"):
        return ""
    for name in ("grouping", "restart_on"):
        if not group.value(name):
            return f"has no {name}"
    try:
        grouping = Grouping(group.value("grouping"))
    except ValueError:
        return f"has an unknown grouping, '{group.value('grouping')}'"
    try:
        restart_on = RestartOn(group.value("restart_on"))
    except ValueError:
        return f"has an unknown restart_on, '{group.value('restart_on')}'"
    targets: dict[Target, None] = {}
    for entity in group.values("entities"):
        target = _path_target(entity) if kind == "path" else _service_target(entity)
        if isinstance(target, str):
            return target
        targets[target] = None
    return Dependency(group.name, grouping, restart_on, tuple(targets))


def _path_target(entity: str) -> Target | str:
    path = path_of(entity)
    if path is None:
        return f"is of type path, but '{entity}' is no file: FMRI"
    return Target(TargetKind.PATH, path)


def _service_target(entity: str) -> Target | str:
    try:
        found = parse(entity)
    except InvalidName as refused:
        return f"is of type service, but '{entity}' is no svc: FMRI: {refused.why}"
    if found.group is not None:
        return f"names '{entity}', which is neither a service nor an instance"
    kind = TargetKind.SERVICE if found.instance is None else TargetKind.INSTANCE
    return Target(kind, str(found))
