"""What the console and the instance's log say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.engine.config import Model
from tests.unit.engine.machine import (
    HANGS,
    NO_PROCESS,
    Machine,
    Outcome,
    dies,
    exits,
    fmri,
    method,
    need,
    refused,
    service,
)

SEE = "(see 'svcs -xv' for details)"


@pytest.mark.parametrize(
    ("outcome", "phrase"),
    [
        (exits(1), "failed repeatedly: transitioned to maintenance"),
        (dies(11), "failed repeatedly: transitioned to maintenance"),
        (exits(95), "failed fatally: transitioned to maintenance"),
        (exits(96), "misconfigured: transitioned to maintenance"),
        (exits(99), "failed: transitioned to maintenance"),
        (exits(100), "failed: transitioned to maintenance"),
        (refused("unknown user"), "failed: transitioned to maintenance"),
        (HANGS, "timed out: transitioned to maintenance"),
        (NO_PROCESS, "restarting too quickly: transitioned to maintenance"),
    ],
)
def test_line_on_entering_maintenance(outcome: Outcome, phrase: str) -> None:
    machine = Machine()
    machine.script("a", "start", outcome)
    config = service("a", start=method("exec", 10))
    machine.add(replace(config, timeout_retry=False))
    machine.run_until_quiet()
    assert machine.console == [f"a:default {phrase} {SEE}"]


def test_line_on_request() -> None:
    for from_terminal in (True, False):
        machine = Machine(service("system/cron:daily"))
        machine.mark_maintenance("system/cron:daily", from_terminal=from_terminal)
        machine.run_until_quiet()
        assert machine.console == [
            f"system/cron:daily transitioned to maintenance by request {SEE}"
        ]


def test_line_on_an_invalid_dependency() -> None:
    machine = Machine(replace(service("a"), invalid="group 'x' mixes files and services"))
    [line] = machine.console
    assert line.startswith("a:default has an invalid dependency: group 'x' mixes")
    assert line.endswith(SEE)


def test_one_line_for_a_cycle_found_while_running() -> None:
    machine = Machine(service("a"), service("b", need("a")))
    machine.refresh("a", need("b"))
    machine.run_until_quiet()
    assert len(machine.console) == 1
    machine.clear("a")
    assert len(machine.console) == 2  # it is as bad as before


def test_healthy_boot_says_nothing() -> None:
    machine = Machine(service("a"), service("b", need("a")))
    assert machine.console == []


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("exit", "all processes in service exited"),
        ("dependency", "dependency activity requires stop"),
        ("disable", "service disabled"),
        ("restart", "service restarting"),
        ("child", "service exited with an error"),
        ("child 96", "service exited with a configuration error"),
    ],
)
def test_causes_of_a_stop(what: str, cause: str) -> None:
    model = Model.CHILD if what.startswith("child") else Model.CONTRACT
    machine = Machine(
        service("below"), replace(service("a", need("below", restart_on="restart")), model=model)
    )
    match what:
        case "exit":
            machine.exit_all("a")
        case "dependency":
            machine.restart("below")
        case "disable":
            machine.disable("a")
        case "restart":
            machine.restart("a")
        case "child":
            machine.exit_all("a", 1)
        case _:
            machine.exit_all("a", 96)
    machine.run_until_quiet()
    assert [line for line in machine.said("a") if line.startswith("Stopping")] == [
        f"Stopping because {cause}."
    ]


def test_log_of_a_life() -> None:
    machine = Machine(service("a", stop=method(":kill", 60)))
    machine.refresh("a")
    machine.disable("a")
    machine.run_until_quiet()
    machine.mark_maintenance("a")
    machine.clear("a")
    assert machine.said("a") == [
        "Enabled.",
        "Rereading configuration.",
        "No 'refresh' method defined.  Treating as :true.",
        "Disabled.",
        "Stopping because service disabled.",
        "Executing stop method (:kill).",
        "Leaving maintenance because clear requested.",
    ]
    assert {who for who, _ in machine.log} == {fmri("a")}
