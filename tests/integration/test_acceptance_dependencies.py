"""Dependencies: who waits for whom, what a change of them does, and cycles."""

from __future__ import annotations

from roost.api.client import Client
from tests.integration.case import Case

UP = ["offline", "online"]


def need(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "require_all/none")


def test_require_all_needs_every_target(case: Case) -> None:
    case.load(
        case.service("a", enabled=False),
        case.service("b", enabled=False),
        case.service("c", needs=need("a b")),
    )
    case.svcadm("enable", "-s", "@a")
    assert case.wait("c", "offline")["enabled"]
    case.svcadm("enable", "-s", "@b")
    case.wait("c", "online")
    assert case.trail() == ["a start", "b start", "c start"]
    assert case.states("c") == UP


def test_two_groups_are_both_needed(case: Case) -> None:
    case.load(
        case.service("a"),
        case.service("b", enabled=False),
        case.service("c", needs=need("a", "b")),
    )
    case.wait("a", "online")
    case.wait("c", "offline")
    case.svcadm("enable", "@b")
    case.wait("c", "online")


def test_require_any_needs_one(case: Case) -> None:
    case.load(
        case.service("a", enabled=False),
        case.service("b", enabled=False),
        case.service("c", needs={"a b": "require_any/restart"}),
    )
    case.wait("c", "offline")
    case.svcadm("enable", "-s", "@a")
    case.wait("c", "online")
    case.svcadm("enable", "-s", "@b")
    # It goes down before a does, and comes back on b alone.
    case.svcadm("disable", "-s", "@a")
    case.wait("c", "online")
    assert case.states("c") == [*UP, "offline", "online"]
    case.svcadm("disable", "-s", "@b")
    case.wait("c", "offline")
    assert case.trail("c") == ["c start"] * 2


class TestOptionalAll:
    def test_absent(self, case: Case) -> None:
        case.load(case.service("b", needs={"a": "optional_all/none"}))
        case.wait("b", "online")

    def test_disabled(self, case: Case) -> None:
        case.load(
            case.service("a", enabled=False),
            case.service("b", needs={"a": "optional_all/none"}),
        )
        case.wait("b", "online")

    def test_in_maintenance(self, case: Case) -> None:
        case.load(
            case.service("a", "exits 96"), case.service("b", needs={"a": "optional_all/none"})
        )
        case.wait("a", "maintenance")
        case.wait("b", "online")

    def test_one_that_is_starting_is_waited_for(self, case: Case) -> None:
        case.gate("a")
        case.load(
            case.transient("a", "gate"),
            case.service("b", needs={"a": "optional_all/none"}),
        )
        case.wait_next("a", "online")
        assert case.state("a") == "offline*"
        assert case.state("b") == "offline"
        case.let_through("a")
        case.wait("b", "online")
        assert case.trail() == ["a start", "a start let through", "b start"]

    def test_one_that_cannot_come_up_is_not(self, case: Case) -> None:
        case.load(
            case.service("x", enabled=False),
            case.service("a", needs=need("x")),
            case.service("b", needs={"a": "optional_all/none"}),
        )
        case.wait("b", "online")
        assert case.state("a") == "offline"


def test_exclude_all(case: Case) -> None:
    case.load(case.service("a"), case.service("b", needs={"a": "exclude_all/error"}))
    case.wait("a", "online")
    assert case.state("b") == "offline"
    case.svcadm("disable", "-s", "@a")
    case.wait("b", "online")
    case.svcadm("enable", "-s", "@a")
    case.wait("b", "offline")
    assert case.states("b") == [*UP, "offline"]


def test_two_that_exclude_each_other_never_run_together(case: Case) -> None:
    case.load(
        case.service("a", enabled=False, needs={"b": "exclude_all/restart"}),
        case.service("b", enabled=False, needs={"a": "exclude_all/restart"}),
    )
    for one, other in (("a", "b"), ("b", "a"), ("a", "b")):
        case.svcadm("enable", "-s", f"@{one}")
        case.svcadm("disable", "-s", f"@{one}")
        assert case.state(other) == "disabled"
    case.svcadm("enable", "@a", "@b")
    states = dict.fromkeys("ab", "disabled")
    for move in case.moves():
        states[move.fmri[-9]] = move.state
        assert list(states.values()).count("online") < 2


def test_a_file_counts_when_it_is_looked_at(case: Case) -> None:
    file = case.root / f"{case.word}.file"
    case.load(case.service("b", needs={f"file://localhost{file}": "require_all/none"}))
    case.wait("b", "offline")
    file.touch()
    assert case.state("b") == "offline"
    case.svcadm("refresh", "@b")
    case.wait("b", "online")
    # What runs does not feel that the file goes away.
    file.unlink()
    case.svcadm("refresh", "@b")
    assert case.state("b") == "online"
    case.svcadm("restart", "@b")
    case.wait("b", "offline")


def test_a_service_stands_for_any_of_its_instances(case: Case) -> None:
    case.load(
        case.service("a", enabled=False, extra='<instance name="two" enabled="false"/>'),
        case.service("b", needs={f"svc:/{case.word}/a": "require_all/restart"}),
    )
    case.wait("b", "offline")
    case.svcadm("enable", "-s", "@a:two")
    case.wait("b", "online")
    case.svcadm("disable", "-s", "@a:two")
    case.wait("b", "offline")
    case.svcadm("enable", "-s", "@a:default")
    case.wait("b", "online")


def test_a_dependency_that_is_imported_later_is_waited_for(case: Case) -> None:
    case.load(case.service("b", needs=need("a")))
    case.wait("b", "offline")
    case.load(case.service("a"))
    case.wait("b", "online")
    assert case.trail() == ["a start", "b start"]


def test_a_dependent_is_declared_by_the_other_side(case: Case) -> None:
    dependent = (
        f'<dependent name="{case.word}_a" grouping="require_all" restart_on="restart">'
        f'<service_fmri value="{case.fmri("b")}"/></dependent>'
    )
    case.load(case.service("b", enabled=False))
    a = case.service("a", enabled=False).replace("<exec_method", f"{dependent}<exec_method", 1)
    case.load(a)
    case.svcadm("enable", "@b")
    case.wait("b", "offline")
    case.svcadm("enable", "@a")
    case.wait("b", "online")


class TestRefresh:
    def test_without_its_only_unsatisfied_dependency_it_starts(self, case: Case) -> None:
        case.load(case.service("a", enabled=False), case.service("b", needs=need("a")))
        case.wait("b", "offline")
        case.svccfg("b", "delpg", "d0")
        assert case.state("b") == "offline"
        case.svcadm("refresh", "@b")
        case.wait("b", "online")

    def test_a_new_dependency_does_not_stop_what_runs(self, case: Case) -> None:
        case.load(case.service("a", enabled=False), case.service("b"))
        case.wait("b", "online")
        add_dependency(case, "b", "a")
        assert case.state("b") == "online"
        case.svcadm("restart", "@b")
        case.wait("b", "offline")
        case.svcadm("enable", "@a")
        case.wait("b", "online")


def test_mixed_entities_are_an_invalid_dependency(case: Case) -> None:
    case.load(case.service("a"))
    case.wait("a", "online")
    case.svccfg("a", "addpg", "mixed", "dependency")
    for prop in (
        "grouping = astring: require_all",
        "restart_on = astring: none",
        "type = astring: service",
        "entities = fmri: file://localhost/etc/passwd",
    ):
        case.svccfg("a", "setprop", f"mixed/{prop}")
    case.svcadm("refresh", "@a")
    case.wait_aux("a", "maintenance", "invalid_dependency")
    assert "Has invalid dependency." in case.explain("a")
    case.svccfg("a", "delpg", "mixed")
    case.svcadm("refresh", "@a")
    case.svcadm("clear", "@a")
    case.wait("a", "online")


def test_a_deleted_dependency_is_absent(case: Case) -> None:
    case.load(case.service("a"), case.service("b", needs=need("a")))
    case.wait("b", "online")
    case.daemon.run("svccfg", "delete", "-f", f"{case.word}/a")
    assert case.state("b") == "online"
    case.svcadm("restart", "@b")
    case.wait("b", "offline")
    assert f"Dependency {case.fmri('a')} is absent." in case.explain("b")
    case.load(case.service("a"))
    case.wait("b", "online")


class TestCycles:
    def test_with_itself(self, case: Case) -> None:
        case.load(case.service("a", needs=need("a")))
        case.wait_aux("a", "maintenance", "dependency_cycle")
        assert "Completes a dependency cycle." in case.explain("a")
        case.svccfg("a", "delpg", "d0")
        case.svcadm("refresh", "@a")
        case.svcadm("clear", "@a")
        case.wait("a", "online")

    def test_the_later_of_two_closes_it(self, case: Case) -> None:
        case.load(case.service("a", needs=need("b")))
        case.load(case.service("b", needs=need("a")))
        case.wait_aux("b", "maintenance", "dependency_cycle")
        assert case.state("a") == "offline"
        path = f"{case.fmri('b')} -> {case.fmri('a')} -> {case.fmri('b')}"
        assert path in " ".join(case.log("b"))
        assert path in case.daemon.console.read_text()

    def test_the_last_of_three_closes_it(self, case: Case) -> None:
        case.load(case.service("a", needs=need("b")))
        case.load(case.service("b", needs=need("c")))
        case.load(case.service("c", needs=need("a")))
        case.wait_aux("c", "maintenance", "dependency_cycle")
        assert [case.state(name) for name in "ab"] == ["offline", "offline"]
        case.svccfg("c", "delpg", "d0")
        case.svcadm("refresh", "@c")
        case.svcadm("clear", "@c")
        case.wait("a", "online")
        assert case.trail() == ["c start", "b start", "a start"]

    def test_closed_by_one_that_runs(self, case: Case) -> None:
        case.load(case.service("a"), case.service("b", needs=need("a")))
        case.wait("b", "online")
        add_dependency(case, "a", "b")
        case.wait_aux("a", "maintenance", "dependency_cycle")
        assert case.pids("a") == []
        assert case.state("b") == "online"
        case.svccfg("a", "delpg", "more")
        case.svcadm("refresh", "@a")
        case.svcadm("clear", "@a")
        case.wait("a", "online")

    def test_exclude_all_makes_none(self, case: Case) -> None:
        case.load(
            case.service("a", needs=need("b")),
            case.service("b", needs={"a": "exclude_all/none"}),
        )
        assert case.wait("a", "offline", "online")["auxiliary_state"] != "dependency_cycle"


def add_dependency(case: Case, name: str, target: str) -> None:
    """Add the dependency group ``more`` to an instance's service, and refresh."""
    case.svccfg(name, "addpg", "more", "dependency")
    for prop in (
        "grouping = astring: require_all",
        "restart_on = astring: none",
        "type = astring: service",
        f"entities = fmri: {case.fmri(target)}",
    ):
        case.svccfg(name, "setprop", f"more/{prop}")
    case.svcadm("refresh", f"@{name}")


def test_svcs_shows_dependencies_both_ways(case: Case) -> None:
    case.load(
        case.service("a"),
        case.service("b", enabled=False),
        case.service("c", needs=need("a") | {"b": "optional_all/error"}),
    )
    case.wait("c", "online")
    assert case.svcs("-Ho", "fmri", "-d", "@c").split() == [case.fmri("b"), case.fmri("a")]
    assert case.svcs("-Ho", "fmri", "-D", "@a").split() == [case.fmri("c")]
    long = case.svcs("-l", "@c").splitlines()
    assert f"dependency   require_all/none {case.fmri('a')} (online)" in long
    assert f"dependency   optional_all/error {case.fmri('b')} (disabled)" in long
    with Client(case.daemon.layout) as client:
        groups = client.call("Manager.Dependencies", fmri=case.fmri("c"))["groups"]
    assert [group["grouping"] for group in groups] == ["require_all", "optional_all"]
