"""Dependency cycles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.machine import Machine, exits, need, service


def test_self_dependency() -> None:
    machine = Machine(service("a", need("a")))
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "dependency_cycle"
    assert machine.reason("a").detail == "svc:/a:default -> svc:/a:default"


def test_self_dependency_by_the_service() -> None:
    machine = Machine(service("s:one", need("s:")))
    assert machine.states == {"s:one": "maintenance"}


def test_the_later_of_two_loses() -> None:
    machine = Machine(service("a", need("b")))
    machine.add(service("b", need("a")))
    machine.run_until_quiet()
    assert machine.states == {"a": "offline", "b": "maintenance"}
    assert not machine.engine.can_come_up("svc:/a:default")


def test_the_later_of_two_loses_in_one_step_too() -> None:
    machine = Machine(service("b", need("a")), service("a", need("b")))
    assert machine.states == {"b": "offline", "a": "maintenance"}


@pytest.mark.parametrize("order", ["abc", "bca", "cba", "acb"])
def test_cycle_of_three(order: str) -> None:
    needs = {"a": "b", "b": "c", "c": "a"}
    for together in (True, False):
        machine = Machine()
        configs = [service(name, need(needs[name])) for name in order]
        if together:
            machine.add(*configs)
        else:
            for config in configs:
                machine.add(config)
        machine.run_until_quiet()
        last = order[-1]
        assert machine.states == {
            name: "maintenance" if name == last else "offline" for name in "abc"
        }


def test_the_line_shows_the_whole_path() -> None:
    machine = Machine(service("a", need("b")), service("b", need("c")), service("c", need("a")))
    path = "svc:/c:default -> svc:/a:default -> svc:/b:default -> svc:/c:default"
    assert machine.reason("c").detail == path
    assert f"This instance completes a dependency cycle: {path}." in machine.said("c")
    [line] = machine.console
    assert line.startswith(f"c:default completes a dependency cycle: {path}: transitioned")
    assert line.endswith(" (see 'svcs -xv' for details)")


def test_online_service_that_closes_a_cycle_loses() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    machine.refresh("a", need("b"))
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance", "b": "offline"}
    assert machine.aux("a") == "dependency_cycle"
    assert machine.count("stop a") == 1


def test_service_that_closes_a_cycle_while_it_starts() -> None:
    machine = Machine()
    machine.script("a", "start", exits(0, after_s=5))
    machine.add(service("a"), service("b", need("a", restart_on="restart")))
    machine.refresh("a", need("b"))
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance", "b": "offline"}
    assert machine.count("stop a") == 1


def test_offline_and_disabled_services_that_close_a_cycle() -> None:
    for enabled in (True, False):
        machine = Machine(service("b", need("a")))
        machine.add(service("a", need("nowhere")), enabled=enabled)
        machine.refresh("a", need("b"))
        machine.run_until_quiet()
        assert machine.states == {"b": "offline", "a": "maintenance"}


def test_remove_refresh_clear() -> None:
    machine = Machine(service("a", need("b")), service("b", need("a")))
    machine.clear("b")
    machine.run_until_quiet()
    assert machine.state("b") == "maintenance"  # the cycle is still there
    assert machine.aux("b") == "dependency_cycle"
    machine.refresh("b", None)
    machine.run_until_quiet()
    assert machine.state("b") == "maintenance"  # a refresh alone does not leave it
    machine.clear("b")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}


def test_cycle_broken_at_the_other_end() -> None:
    machine = Machine(service("a", need("b")), service("b", need("a")))
    machine.refresh("a", None)
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "maintenance"}
    machine.clear("b")
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}


def test_refresh_of_the_innocent_one_does_not_blame_it() -> None:
    machine = Machine(service("a", need("b")), service("b", need("a")))
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "offline", "b": "maintenance"}


def test_target_that_comes_back_closes_the_cycle_again() -> None:
    machine = Machine(service("a", need("b")), service("b", need("a")))
    machine.remove("b")
    machine.run_until_quiet()
    machine.add(service("b", need("a")))
    machine.run_until_quiet()
    assert machine.states == {"a": "offline", "b": "maintenance"}


def test_cycle_through_a_service_target() -> None:
    machine = Machine(service("a", need("s:")), service("s:one"))
    assert machine.states == {"a": "online", "s:one": "online"}
    machine.add(service("s:two", need("a")))
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "s:one": "online", "s:two": "maintenance"}


def test_two_cycles_through_one_service() -> None:
    machine = Machine(
        service("a", need("b", "c")), service("b", need("a")), service("c", need("a"))
    )
    assert machine.states == {"a": "offline", "b": "maintenance", "c": "maintenance"}


@pytest.mark.parametrize("grouping", ["require_all", "require_any", "optional_all"])
def test_every_grouping_counts_but_exclude_all(grouping: str) -> None:
    machine = Machine(
        service("a", need("b", grouping=grouping)), service("b", need("a", grouping=grouping))
    )
    assert machine.state("b") == "maintenance"


def test_exclude_all_may_be_part_of_a_cycle() -> None:
    machine = Machine(service("a"), service("b", need("a")))
    machine.refresh("a", need("b", grouping="exclude_all"))
    machine.run_until_quiet()
    assert machine.states == {"a": "online", "b": "online"}


def test_disabled_while_in_a_cycle_and_enabled_again() -> None:
    machine = Machine(service("a", need("b")), service("b", need("a")))
    machine.disable("b")
    machine.enable("b")
    machine.run_until_quiet()
    assert machine.states == {"a": "offline", "b": "maintenance"}


def test_invalid_dependency() -> None:
    broken = replace(service("a"), invalid="group 'x' mixes files and services")
    machine = Machine(broken)
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "invalid_dependency"
    assert machine.reason("a").detail == broken.invalid
    machine.reconfigure(service("a"))
    machine.clear("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    machine.reconfigure(broken)
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert machine.count("stop a") == 1
