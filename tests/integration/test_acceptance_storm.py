"""Many requests and deaths at once, by chance: afterwards all is as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import random
import signal

import pytest

from roost.api.client import Client
from roost.errors import InvalidState
from tests.integration.case import Case

SERVICES = 20
ACTS = 400
_ACTIONS = ("restart", "refresh", "enable", "disable", "clear", "mark_maintenance", "kill")


def forest(case: Case, chance: random.Random) -> list[str]:
    """Services of all models, with dependencies of all kinds on those before them."""
    elements = []
    for number in range(SERVICES):
        before = chance.sample(range(number), min(number, chance.randint(0, 3)))
        needs = {
            f"s{other}": "/".join(
                (
                    chance.choice(("require_all", "require_any", "optional_all")),
                    chance.choice(("none", "error", "restart", "refresh")),
                )
            )
            for other in before
        }
        name = f"s{number}"
        match chance.choice(("contract", "child", "transient")):
            case "contract":
                made = case.service(name, "daemon 2", needs=needs, refresh="exits")
            case "child":
                made = case.service(name, "stays", needs=needs, duration="child")
            case _:
                made = case.transient(name, needs=needs)
        patient = '<propval name="critical_failure_count" type="integer" value="1000"/>'
        elements.append(made.replace("</property_group>", f"{patient}</property_group>", 1))
    case.load(*elements)
    return [case.fmri(f"s{number}") for number in range(SERVICES)]


def kill_a_process(client: Client, fmri: str, chance: random.Random) -> None:
    processes = client.call("Manager.Processes", fmris=[fmri])["processes"]
    if processes:
        with contextlib.suppress(ProcessLookupError):  # it has just been stopped
            os.kill(chance.choice(processes)["pid"], signal.SIGKILL)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_comes_up_again(case: Case, seed: int) -> None:
    chance = random.Random(seed)
    fmris = forest(case, chance)
    with Client(case.daemon.layout) as client:
        for _ in range(ACTS):
            fmri, action = chance.choice(fmris), chance.choice(_ACTIONS)
            try:
                if action == "kill":
                    kill_a_process(client, fmri, chance)
                else:
                    client.call("Manager.Act", fmri=fmri, action=action)
            except InvalidState:
                assert action == "clear"
        for fmri in fmris:
            client.call("Manager.Act", fmri=fmri, action="enable")
        for fmri in fmris:
            # One that was on its way to maintenance gets there first.
            for instance in case.daemon.watch(fmri):
                if instance["next_state"] == "none" and instance["state"] == "maintenance":
                    client.call("Manager.Act", fmri=fmri, action="clear")
                elif instance["next_state"] == "none" and instance["state"] == "online":
                    break
        for fmri in fmris:
            case.daemon.wait_state(fmri, "online")
        assert client.call("Manager.Status")["in_transition"] == 0
    assert case.svcs("-x", *fmris).count("Impact: None.") == SERVICES
