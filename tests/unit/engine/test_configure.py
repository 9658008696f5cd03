"""Property groups in, configuration out."""

from __future__ import annotations

import pytest

from roost.engine.config import (
    Dependency,
    Grouping,
    Method,
    MethodKind,
    Model,
    RestartOn,
    Target,
    TargetKind,
)
from roost.engine.configure import is_enabled, read_config
from roost.errors import InvalidName
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group

FMRI = "svc:/site/web:default"
MANY = 2**64 - 1


def astring(name: str, *values: str) -> Property:
    return Property(name, PropertyType.ASTRING, values)


def by_name(*groups: PropertyGroup) -> dict[str, PropertyGroup]:
    return {group.name: group for group in groups}


def dependency(
    name: str,
    *entities: str,
    grouping: str = "require_all",
    restart_on: str = "none",
    kind: str = "service",
) -> PropertyGroup:
    return make_group(
        name,
        "dependency",
        [
            astring("grouping", grouping),
            astring("restart_on", restart_on),
            astring("type", kind),
            Property("entities", PropertyType.FMRI, entities),
        ],
    )


def method(name: str, command: str | None, timeout: Property | None = None) -> PropertyGroup:
    properties = [astring("type", "method")]
    if command is not None:
        properties.append(astring("exec", command))
    if timeout is not None:
        properties.append(timeout)
    return make_group(name, "method", properties)


def startd(*properties: Property) -> dict[str, PropertyGroup]:
    return by_name(make_group("startd", "framework", properties))


# --- dependencies -----------------------------------------------------------------------


def test_dependencies_are_read_in_order_of_their_names() -> None:
    config = read_config(
        FMRI,
        by_name(
            dependency("net", "svc:/milestone/network", restart_on="error"),
            dependency("db", "svc:/site/db:main", "svc:/site/db:main", grouping="require_any"),
            dependency("files", "file://localhost/etc/web.conf", kind="path"),
            make_group("config", "application", [astring("grouping", "nonsense")]),
        ),
    )
    assert config.dependencies == (
        Dependency(
            "db",
            Grouping.REQUIRE_ANY,
            RestartOn.NONE,
            (Target(TargetKind.INSTANCE, "svc:/site/db:main"),),
        ),
        Dependency(
            "files",
            Grouping.REQUIRE_ALL,
            RestartOn.NONE,
            (Target(TargetKind.PATH, "/etc/web.conf"),),
        ),
        Dependency(
            "net",
            Grouping.REQUIRE_ALL,
            RestartOn.ERROR,
            (Target(TargetKind.SERVICE, "svc:/milestone/network"),),
        ),
    )
    assert config.invalid == ""
    assert config.fmri == FMRI


@pytest.mark.parametrize(
    ("entity", "target"),
    [
        ("svc://localhost/site/db:main", Target(TargetKind.INSTANCE, "svc:/site/db:main")),
        ("site/db", Target(TargetKind.SERVICE, "svc:/site/db")),
    ],
)
def test_targets_are_canonical(entity: str, target: Target) -> None:
    (found,) = read_config(FMRI, by_name(dependency("db", entity))).dependencies
    assert found.targets == (target,)


@pytest.mark.parametrize("text", ["file:///etc/x", "file:/etc/x", "file://localhost/etc/x"])
def test_the_forms_of_a_file_fmri(text: str) -> None:
    (found,) = read_config(FMRI, by_name(dependency("f", text, kind="path"))).dependencies
    assert found.targets == (Target(TargetKind.PATH, "/etc/x"),)


def test_a_dependency_without_entities_is_fine() -> None:
    config = read_config(FMRI, by_name(dependency("none")))
    assert config.dependencies[0].targets == ()
    assert config.invalid == ""


def test_a_dependency_of_an_unknown_type_is_ignored() -> None:
    config = read_config(FMRI, by_name(dependency("odd", "svc:/x", kind="package")))
    assert (config.dependencies, config.invalid) == ((), "")


@pytest.mark.parametrize(
    ("group", "phrase"),
    [
        (
            dependency("a", "svc:/x:default", kind="path"),
            "dependency group 'a' is of type path, but 'svc:/x:default' is no file: FMRI",
        ),
        (
            dependency("a", "file:///x"),
            (
                "dependency group 'a' is of type service, but 'file:///x' is no svc: FMRI: "
                "only svc: FMRIs name services"
            ),
        ),
        (
            dependency("a", "svc:/x y"),
            (
                "dependency group 'a' is of type service, but 'svc:/x y' is no svc: FMRI: "
                "'x y' is not a legal service name"
            ),
        ),
        (
            dependency("a", "svc:/x:default/:properties/pg"),
            (
                "dependency group 'a' names 'svc:/x:default/:properties/pg', "
                "which is neither a service nor an instance"
            ),
        ),
        (
            dependency("a", grouping="require_some"),
            "dependency group 'a' has an unknown grouping, 'require_some'",
        ),
        (
            dependency("a", restart_on="monday"),
            "dependency group 'a' has an unknown restart_on, 'monday'",
        ),
        (dependency("a", grouping=""), "dependency group 'a' has no grouping"),
        (dependency("a", restart_on=""), "dependency group 'a' has no restart_on"),
        (make_group("a", "dependency"), "dependency group 'a' has no type"),
    ],
)
def test_what_is_broken_is_named(group: PropertyGroup, phrase: str) -> None:
    config = read_config(FMRI, by_name(group, dependency("good", "svc:/y")))
    assert config.invalid == phrase
    assert [found.name for found in config.dependencies] == ["good"]


def test_every_broken_group_is_named() -> None:
    groups = by_name(dependency("b", grouping=""), dependency("a", restart_on=""))
    assert read_config(FMRI, groups).invalid == (
        "dependency group 'a' has no restart_on; dependency group 'b' has no grouping"
    )


# --- methods ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "kind", "number"),
    [
        (":true", MethodKind.TRUE, 15),
        (":true ", MethodKind.TRUE, 15),
        (":kill", MethodKind.KILL, 15),
        (":kill  ", MethodKind.KILL, 15),
        (":kill -HUP", MethodKind.KILL, 1),
        (":kill\t-SIGHUP ", MethodKind.KILL, 1),
        (":kill -9", MethodKind.KILL, 9),
        (":kill -THAW", MethodKind.KILL, 18),
        (":kill -0", MethodKind.EXEC, 15),
        (":kill -999", MethodKind.EXEC, 15),
        (":kill -NONSENSE", MethodKind.EXEC, 15),
        (":kill HUP", MethodKind.EXEC, 15),
        (":kill -HUP now", MethodKind.EXEC, 15),
        (":killall", MethodKind.EXEC, 15),
        (":kill_process", MethodKind.EXEC, 15),
        (":true now", MethodKind.EXEC, 15),
        (":truely", MethodKind.EXEC, 15),
        (" :true", MethodKind.EXEC, 15),
        (" :kill", MethodKind.EXEC, 15),
        ("/lib/svc/method/web %m", MethodKind.EXEC, 15),
    ],
)
def test_kinds_of_methods(command: str, kind: MethodKind, number: int) -> None:
    config = read_config(FMRI, by_name(method("refresh", command)))
    assert config.refresh == Method(kind, None, number)


@pytest.mark.parametrize("command", ["", "  ", None])
def test_an_empty_method_is_absent(command: str | None) -> None:
    config = read_config(FMRI, by_name(method("start", command)))
    assert config.start == Method(MethodKind.ABSENT)
    assert config.refresh == Method(MethodKind.ABSENT)


@pytest.mark.parametrize(
    ("prop", "timeout_s"),
    [
        (Property("timeout_seconds", PropertyType.COUNT, ("60",)), 60.0),
        (Property("timeout_seconds", PropertyType.COUNT, ("1",)), 1.0),
        (Property("timeout_seconds", PropertyType.COUNT, ("0",)), None),
        (Property("timeout_seconds", PropertyType.COUNT, (str(MANY),)), None),
        (Property("timeout_seconds", PropertyType.COUNT, ()), None),
        (Property("timeout_seconds", PropertyType.INTEGER, ("-1",)), None),
        (Property("timeout_seconds", PropertyType.ASTRING, ("60",)), None),
        (None, None),
    ],
)
def test_timeouts(prop: Property | None, timeout_s: float | None) -> None:
    assert read_config(FMRI, by_name(method("start", "/x", prop))).start.timeout_s == timeout_s


@pytest.mark.parametrize("duration", ["contract", "child", "wait"])
@pytest.mark.parametrize("command", [None, ""])
def test_an_absent_stop_method_of_tracked_processes_kills(
    duration: str, command: str | None
) -> None:
    groups = startd(astring("duration", duration))
    if command is not None:
        groups["stop"] = method("stop", command)
    assert read_config(FMRI, groups).stop == Method(MethodKind.KILL, 60.0, 15)


def test_an_absent_stop_method_of_a_transient_service_stays_absent() -> None:
    groups = startd(astring("duration", "transient"))
    assert read_config(FMRI, groups).stop == Method(MethodKind.ABSENT)


def test_a_stop_method_that_is_there_keeps_its_meaning() -> None:
    timeout = Property("timeout_seconds", PropertyType.COUNT, ("5",))
    assert read_config(FMRI, by_name(method("stop", ":true", timeout))).stop == Method(
        MethodKind.TRUE, 5.0
    )


# --- the rest ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "model"),
    [
        ("contract", Model.CONTRACT),
        ("transient", Model.TRANSIENT),
        ("child", Model.CHILD),
        ("wait", Model.CHILD),
        ("forever", Model.CONTRACT),
        ("", Model.CONTRACT),
    ],
)
def test_models(duration: str, model: Model) -> None:
    assert read_config(FMRI, startd(astring("duration", duration))).model is model
    assert read_config(FMRI, {}).model is Model.CONTRACT


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("core", {"core"}),
        ("signal", {"signal"}),
        ("core,signal", {"core", "signal"}),
        ("signal,core", {"core", "signal"}),
        ("core, signal", set()),
        ("everything", set()),
        ("", set()),
    ],
)
def test_ignored_errors(text: str, ignored: set[str]) -> None:
    assert read_config(FMRI, startd(astring("ignore_error", text))).ignore_error == ignored


def test_failure_limits() -> None:
    config = read_config(
        FMRI,
        startd(
            Property("critical_failure_count", PropertyType.INTEGER, ("8",)),
            Property("critical_failure_period", PropertyType.COUNT, ("30",)),
            Property("timeout_retry", PropertyType.BOOLEAN, ("false",)),
        ),
    )
    assert (config.failure_count, config.failure_period_s) == (8, 30.0)
    assert not config.timeout_retry


@pytest.mark.parametrize("text", ["0", "-3", "often"])
def test_nonsense_limits_are_the_defaults(text: str) -> None:
    config = read_config(FMRI, startd(astring("critical_failure_count", text)))
    assert config.failure_count is None
    assert config.failure_period_s is None
    assert config.timeout_retry


def test_the_restarter() -> None:
    assert read_config(FMRI, {}).restarter == "svc:/system/svc/restarter:default"
    value = Property("restarter", PropertyType.FMRI, ("svc://localhost/network/inetd:default",))
    config = read_config(FMRI, by_name(make_group("general", "framework", [value])))
    assert config.restarter == "svc:/network/inetd:default"


def test_a_service_is_no_instance() -> None:
    with pytest.raises(InvalidName):
        read_config("svc:/site/web", {})


# --- the enabled flag -------------------------------------------------------------------


def enabled(group: str, kind: PropertyType, *values: str) -> PropertyGroup:
    return make_group(group, "framework", [Property("enabled", kind, values)])


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([], (None, None)),
        ([make_group("general", "framework")], (None, None)),
        ([enabled("general", PropertyType.BOOLEAN, "true")], (True, None)),
        ([enabled("general", PropertyType.BOOLEAN, "false")], (False, None)),
        ([enabled("general", PropertyType.BOOLEAN)], (None, None)),
        ([enabled("general", PropertyType.BOOLEAN, "true", "false")], (None, None)),
        ([enabled("general", PropertyType.ASTRING, "true")], (None, None)),
        (
            [
                enabled("general", PropertyType.BOOLEAN, "true"),
                enabled("general_ovr", PropertyType.BOOLEAN, "false"),
            ],
            (True, False),
        ),
        ([enabled("general_ovr", PropertyType.BOOLEAN, "true")], (None, True)),
    ],
)
def test_is_enabled(groups: list[PropertyGroup], expected: tuple[bool | None, bool | None]) -> None:
    assert is_enabled(by_name(*groups)) == expected
