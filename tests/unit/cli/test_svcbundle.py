"""svcbundle: from -s NAME=VALUE to a bundle, and the document that it writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roost.cli.bundle_settings import PERIODIC_RESTARTER, SETTINGS, Settings, make_bundle
from roost.cli.svcbundle import main
from roost.errors import InvalidName, InvalidValue, RoostError, UsageError
from roost.manifest import find_problems, read_bundle
from roost.manifest._methods import PERIODIC_RESTARTER as OF_THE_READER
from roost.manifest._methods import SCHEDULES
from roost.manifest._schema import ELEMENTS
from roost.model.bundle import Bundle, BundleType, ServiceBundle
from roost.model.properties import PropertyGroup

Shown = pytest.CaptureFixture[str]
LEAST = ("service-name=site/x", "start-method=/bin/x")


def bundle(*texts: str) -> Bundle:
    return make_bundle(Settings(texts))


def service(*texts: str) -> ServiceBundle:
    return bundle(*LEAST, *texts).services[0]


def groups(*texts: str) -> dict[str, PropertyGroup]:
    return {group.name: group for group in service(*texts).groups}


def values(group: PropertyGroup) -> dict[str, tuple[str, ...]]:
    return {prop.name: prop.values for prop in group.properties.values()}


def test_the_least_that_makes_a_service() -> None:
    made = bundle(*LEAST)
    assert (made.type, made.name) == (BundleType.MANIFEST, "site/x")
    found = {group.name: (group.type, values(group)) for group in made.services[0].groups}
    method = {"type": ("method",), "timeout_seconds": ("60",)}
    assert found == {
        "start": ("method", {**method, "exec": ("/bin/x",)}),
        "stop": ("method", {**method, "exec": (":true",)}),
        "startd": ("framework", {"duration": ("transient",)}),
        "multi_user_dependency": (
            "dependency",
            {
                "grouping": ("optional_all",),
                "restart_on": ("none",),
                "type": ("service",),
                "entities": ("svc:/milestone/multi-user",),
            },
        ),
    }
    (instance,) = made.services[0].instances
    assert (instance.name, instance.enabled, instance.groups) == ("default", True, ())


@pytest.mark.parametrize(
    ("word", "duration", "stop"),
    [
        ("transient", "transient", ":true"),
        ("daemon", "contract", ":kill"),
        ("contract", "contract", ":kill"),
        ("child", "child", ":kill"),
        ("wait", "child", ":kill"),
    ],
)
def test_models(word: str, duration: str, stop: str) -> None:
    for name in ("model", "duration"):
        found = groups(f"{name}={word}")
        assert found["startd"].value("duration") == duration
        assert found["stop"].value("exec") == stop


def test_everything_else_of_a_service() -> None:
    made = service(
        "instance-name=nightly",
        "enabled=false",
        "stop-method=/bin/x stop",
        "refresh-method=/bin/x refresh",
        "timeout=0",
        "service-property=config:port:count:8080",
        "service-property=config:url:uri:http://[::1]:80/",
        "service-property=config:word::plain",
        "service-property=startd:ignore_error:astring:core,signal",
        "service-property=start:user:astring:nobody",
        "instance-property=config:port:count:9090",
    )
    found = {group.name: group for group in made.groups}
    assert values(found["config"]) == {
        "port": ("8080",),
        "url": ("http://[::1]:80/",),
        "word": ("plain",),
    }
    assert found["config"].type == "application"
    assert found["startd"].value("ignore_error") == "core,signal"
    assert found["start"].value("user") == "nobody"
    assert [found[m].value("timeout_seconds") for m in ("start", "stop", "refresh")] == ["0"] * 3
    assert found["stop"].value("exec") == "/bin/x stop"
    (instance,) = made.instances
    assert (instance.name, instance.enabled) == ("nightly", False)
    assert instance.groups[0].value("port") == "9090"


@pytest.mark.parametrize(
    ("level", "before", "after"),
    [
        ("S", None, "single-user"),
        ("s", None, "single-user"),
        ("1", None, "single-user"),
        ("2", "single-user", "multi-user"),
        ("3", "multi-user", "multi-user-server"),
    ],
)
def test_rc_scripts(level: str, before: str | None, after: str) -> None:
    made = bundle("service-name=site/x", f"rc-script=/etc/init.d/x:{level}").services[0]
    found = {group.name: group for group in made.groups}
    assert found["start"].value("exec") == "/etc/init.d/x start"
    assert found["stop"].value("exec") == "/etc/init.d/x stop"
    targets = [group.value("entities") for group in found.values() if group.type == "dependency"]
    assert targets == ([f"svc:/milestone/{before}"] if before else [])
    (dependent,) = made.dependents
    assert dependent.target == f"svc:/milestone/{after}"


def test_periodic_services() -> None:
    made = service("period=30", "delay=15", "jitter=5", "persistent=true", "recover=false")
    found = {group.name: group for group in made.groups}
    assert found.keys() == {"start", "periodic", "general"}
    assert found["periodic"].type == "schedule"
    assert values(found["periodic"]) == {
        "period": ("30.000000000",),
        "delay": ("15.000000000",),
        "jitter": ("5.000000000",),
        "persistent": ("true",),
        "recover": ("false",),
    }
    assert found["start"].value("timeout_seconds") == "0"
    assert found["general"].value("restarter") == PERIODIC_RESTARTER == OF_THE_READER


def test_scheduled_services() -> None:
    found = groups("interval=week", "day=Sunday", "hour=2", "minute=-60", "timeout=9")
    assert values(found["scheduled"]) == {
        "interval": ("week",),
        "day": ("Sunday",),
        "hour": ("2",),
        "minute": ("-60",),
    }
    assert found["start"].value("timeout_seconds") == "9"


@pytest.mark.parametrize(
    "setting",
    [
        "frequency=2",
        "year=2027",
        "week-of-year=-1",
        "month=March",
        "week-of-month=-5",
        "weekday-of-month=1",
        "day-of-month=31",
        "hour=-24",
        "timezone=Europe/Berlin",
        "recover=true",
    ],
)
def test_each_setting_of_a_schedule(setting: str) -> None:
    name, _, value = setting.partition("=")
    scheduled = values(groups("interval=year", setting)["scheduled"])
    assert scheduled == {"interval": ("year",), name.replace("-", "_"): (value,)}


def test_every_attribute_of_a_schedule_has_a_name() -> None:
    names = {setting.name.replace("-", "_") for setting in SETTINGS}
    for element in SCHEDULES:
        assert ELEMENTS[element].attributes.keys() - {"exec", "timeout_seconds"} <= names


def test_profiles() -> None:
    texts = ("bundle-type=profile", "service-name=svc:/site/x")
    made = bundle(*texts, "enabled=false")
    assert made.type is BundleType.PROFILE
    (instance,) = made.services[0].instances
    assert (instance.name, instance.enabled) == ("default", False)
    of_service = bundle(*texts, "service-property=config:port:count:1").services[0]
    assert not of_service.instances
    assert of_service.groups[0].value("port") == "1"
    of_instance = bundle(*texts, "instance-name=y", "instance-property=config:port:count:1")
    (instance,) = of_instance.services[0].instances
    assert (instance.name, instance.enabled) == ("y", None)


@pytest.mark.parametrize(
    ("texts", "kind", "why"),
    [
        ((), UsageError, "-s service-name=... is needed"),
        (("service-name=site/x",), UsageError, "-s start-method=... is needed"),
        (("service-name=site/x", "start-method= "), UsageError, "is needed"),
        ((*LEAST, "colour=red"), UsageError, "there is no such name"),
        ((*LEAST, "colour"), UsageError, "it takes NAME=VALUE"),
        ((*LEAST, "enabled=true", "enabled=false"), UsageError, "'enabled' is set already"),
        ((*LEAST, "model=child", "duration=child"), UsageError, "'duration' is set already"),
        ((*LEAST, "enabled=maybe"), InvalidValue, "it is one of true, false"),
        ((*LEAST, "model=forking"), InvalidValue, "it is one of transient"),
        ((*LEAST, "bundle-type=archive"), InvalidValue, "it is one of manifest, profile"),
        ((*LEAST, "interval=fortnight"), InvalidValue, "it is one of year"),
        ((*LEAST, "timeout=soon"), InvalidValue, "a count is"),
        (("service-name=1x", "start-method=x"), InvalidValue, "a service name is"),
        ((*LEAST, "instance-name=a/b"), InvalidName, "a name is a letter"),
        ((*LEAST, "rc-script=/etc/init.d/x:2"), UsageError, "rc-script names the methods"),
        (("service-name=x", "rc-script=x:2"), InvalidValue, "the script's path"),
        (("service-name=x", "rc-script=/etc/init.d/x"), InvalidValue, "the script's path"),
        (("service-name=x", "rc-script=/etc/init.d/x:6"), InvalidValue, "the run levels are"),
        ((*LEAST, "service-property=config:port:80"), InvalidValue, "it takes GROUP:PROPERTY"),
        ((*LEAST, "service-property=config:port:count:x"), InvalidValue, "a count is"),
        ((*LEAST, "service-property=config:port:number:1"), InvalidValue, "the types are"),
        ((*LEAST, "service-property=1c:port:count:1"), InvalidName, "a name is a letter"),
        ((*LEAST, "service-property=c:1p:count:1"), InvalidName, "a name is a letter"),
        ((*LEAST, "service-property=start:exec:astring:x"), InvalidValue, "has a value already"),
        ((*LEAST, "instance-property=general:enabled:boolean:true"), InvalidValue, "-s enabled="),
        ((*LEAST, "delay=3"), UsageError, "it goes with -s period=..."),
        ((*LEAST, "hour=3"), UsageError, "it goes with -s interval=..."),
        ((*LEAST, "recover=true"), UsageError, "it goes with -s period=... or interval=..."),
        ((*LEAST, "period=3", "interval=day"), UsageError, "exclude each other"),
        ((*LEAST, "period=3", "model=child"), UsageError, "has a start method alone"),
        ((*LEAST, "interval=day", "stop-method=x"), UsageError, "has a start method alone"),
        ((*LEAST, "interval=day", "hour=24"), InvalidValue, "it is 0..23 | -24..-1"),
        ((*LEAST, "interval=day", "hour=-25"), InvalidValue, "it is 0..23 | -24..-1"),
        ((*LEAST, "interval=week", "day=Sunda"), InvalidValue, "it is 1..7"),
        ((*LEAST, "interval=week", "day=0"), InvalidValue, "it is 1..7"),
        ((*LEAST, "bundle-type=profile"), UsageError, "a profile has no methods"),
        (("service-name=x", "bundle-type=profile"), UsageError, "it says nothing"),
    ],
)
def test_what_makes_no_bundle(texts: tuple[str, ...], kind: type[RoostError], why: str) -> None:
    with pytest.raises(kind, match=re.escape(why)):
        bundle(*texts)


@pytest.mark.parametrize("name", ["x.xml", "x.toml", "x"])
def test_the_document_is_valid(name: str, tmp_path: Path, capsys: Shown) -> None:
    file = tmp_path / name
    words = [word for text in LEAST for word in ("-s", text)]
    assert main(["-R", str(tmp_path), "-o", str(file), *words]) == 0
    assert find_problems(str(file)) == []
    assert read_bundle(str(file)).services[0].name == "site/x"
    assert "Made by svcbundle." in file.read_text()
    assert capsys.readouterr() == ("", "")


def test_the_standard_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    words = [word for text in (*LEAST, "period=30") for word in ("-s", text)]
    assert main(["-R", str(tmp_path), *words]) == 0
    out, err = capfdbinary.readouterr()
    assert find_problems(out) == []
    assert b"nothing runs periodic and scheduled services yet" in err
    assert main(["-R", str(tmp_path), "--format", "toml", *words]) == 0
    assert capfdbinary.readouterr().out.startswith(b'name = "site/x"\n')


def test_help(capsys: Shown) -> None:
    assert main(["help"]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^{setting.name} ", shown, re.MULTILINE) for setting in SETTINGS)
    assert main(["help", "rc-script"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("rc-script")
    assert "bundle-type" not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["help", "colour"],
        ["help", "model", "enabled"],
        ["write"],
        ["-i", "-o", "x", "-s", LEAST[0], "-s", LEAST[1]],
        ["-o", "x.xml", "--format", "toml", "-s", LEAST[0], "-s", LEAST[1]],
        ["--format", "yaml", "-s", LEAST[0], "-s", LEAST[1]],
        ["-s", "service-name=x"],
    ],
)
def test_wrong_use(arguments: list[str], tmp_path: Path, capsys: Shown) -> None:
    here = [] if "help" in arguments else ["-R", str(tmp_path)]
    assert main([*here, *arguments]) == 2
    assert "svcbundle: cannot " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_stored_without_svc_startd(tmp_path: Path, capsys: Shown) -> None:
    words = [word for text in LEAST for word in ("-s", text)]
    assert main(["-R", str(tmp_path), "-i", *words]) == 1
    assert "cannot reach svc.startd" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
