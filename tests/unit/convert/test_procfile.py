"""What a Procfile becomes."""

from __future__ import annotations

import pytest

from roost.convert import Kind
from roost.errors import InvalidValue
from tests.unit.convert.conversions import context, groups_of, notes, only, procfile, start_of


def test_process_types_are_services() -> None:
    found = procfile("# mine\nweb: bundle exec puma -p $PORT\n\nworker:  ./work --at 50%\n")
    services = {one.name: groups_of(one) for one in found.bundle.services}
    assert list(services) == ["site/app/web", "site/app/worker"]
    assert services["site/app/web"]["start"].value("exec") == "bundle exec puma -p $PORT"
    assert services["site/app/worker"]["start"].value("exec") == "./work --at 50%%"
    assert "PORT=5000" in services["site/app/web"]["method_context"].values("environment")
    assert services["site/app/worker"]["method_context"].value("working_directory") == "/srv/app"
    runs_as = "it runs as the user of svc.startd: a Procfile names none; svccfg -s site/app"
    assert [line for line in notes(found) if "PORT" not in line] == [
        f"Procfile:2: web: {runs_as}/web setprop method_context/user = astring: NAME",
        f"Procfile:4: worker: {runs_as}/worker setprop method_context/user = astring: NAME",
    ]
    (port,) = [line for line in notes(found) if "PORT" in line]
    assert port.startswith("Procfile:2: web=bundle exec puma -p $PORT: PORT is 5000, as foreman(1)")


def test_ports_count_by_position() -> None:
    found = procfile("a: x\nb: y ${PORT:-1}\n")
    assert "PORT=5100" in context(found, "environment")


@pytest.mark.parametrize("command", ["A=1 ./x", "a && b", "a | b", "a; b", "x > y", "a `b`"])
def test_what_is_more_than_one_command_runs_in_a_shell_of_its_own(command: str) -> None:
    assert start_of(procfile(f"web: {command}\n")) == f"/bin/sh -c '{command}'"


def test_env_is_read_at_each_start() -> None:
    found = procfile("web: ./x\n", "/srv/app/.env")
    assert start_of(found) == "/bin/sh -c 'set -a; . /srv/app/.env; set +a; exec ./x'"
    assert [note.kind for note in found.notes] == [Kind.ASIDE, Kind.CHANGED]


def test_a_release_runs_once_and_is_not_enabled() -> None:
    found = procfile("release: ./migrate\n")
    assert groups_of(only(found))["startd"].value("duration") == "transient"
    assert only(found).instances[0].enabled is False


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("web ./x\n", "Procfile:1: 'web ./x' is no 'name: command'"),
        ("a: b\n\na: c\n", "Procfile:3: process type a is there twice (first in line 1)"),
        ("# only words\n", "Procfile:1: it names no process type"),
    ],
)
def test_what_is_no_procfile_is_refused_by_line(text: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        procfile(text)
    assert refused.value.why == reason
