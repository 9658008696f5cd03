"""svcs -x: every case of a reason, causes, impact and path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from roost.engine.config import InstanceConfig, Method, MethodKind, Model
from roost.engine.engine import Engine
from roost.engine.events import Event, ExitStatus, InstanceAdded, MethodName
from roost.engine.explain import Explanation, explain, hindrance
from roost.engine.reasons import Aux, Reason
from roost.engine.sentences import maintenance
from roost.engine.states import State

from .machine import (
    GOOD,
    HANGS,
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


def told(machine: Machine, name: str) -> Explanation:
    """What is said of one instance."""
    (found,) = explain(machine.engine, [fmri(name)])
    return found


def listed(machine: Machine) -> list[str]:
    """What is listed without operands, in order."""
    return [found.fmri for found in explain(machine.engine, [])]


def with_disabled(*configs: InstanceConfig, disabled: tuple[str, ...]) -> Machine:
    machine = Machine()
    off = {fmri(name) for name in disabled}
    machine.add(*(c for c in configs if c.fmri in off), enabled=False)
    machine.add(*(c for c in configs if c.fmri not in off))
    machine.run_until_quiet()
    return machine


# --- what runs, and what is disabled ----------------------------------------------------


def test_what_runs_has_no_reason() -> None:
    machine = Machine(service("a"))
    found = told(machine, "a")
    assert found == Explanation(
        fmri("a"), State.ONLINE, found.since_s, "", "", "", impact=(), path=()
    )
    assert explain(machine.engine, []) == []


def test_disabled() -> None:
    machine = with_disabled(service("a"), disabled=("a",))
    found = told(machine, "a")
    assert (found.message_id, found.reason) == ("SMF-8000-05", "Disabled by an administrator.")
    assert found.type_this == "svcadm enable svc:/a:default"
    assert listed(machine) == []


def test_temporarily_disabled() -> None:
    machine = Machine(service("a"))
    machine.set_enabled(True, False, "a")
    machine.run_until_quiet()
    found = told(machine, "a")
    assert found.message_id == "SMF-8000-1S"
    assert found.reason == "Temporarily disabled by an administrator."


def test_disabled_both_ways_is_not_called_temporary() -> None:
    machine = Machine(service("a"))
    machine.set_enabled(False, False, "a")
    machine.run_until_quiet()
    assert told(machine, "a").message_id == "SMF-8000-05"


def test_the_comment_of_a_disable() -> None:
    machine = with_disabled(service("a"), disabled=("a",))
    (found,) = explain(machine.engine, [fmri("a")], lambda name: f"{name} moves")
    assert found.reason == "Disabled by an administrator: svc:/a:default moves"


def test_an_instance_that_is_not_configured() -> None:
    (found,) = explain(Engine(), ["svc:/site/new:default"])
    assert (found.state, found.message_id) == (State.UNINITIALIZED, "SMF-8000-AR")
    assert found.reason.startswith("Unknown. It is not configured")
    assert found.type_this == "svcadm enable svc:/site/new:default"


def test_degraded() -> None:
    machine = Machine(service("a"))
    machine.mark_degraded("a")
    found = told(machine, "a")
    assert (found.message_id, found.reason) == ("SMF-8000-DX", "Degraded by an administrator.")
    assert found.type_this == "svcadm clear svc:/a:default"


def test_degraded_by_its_method() -> None:
    """It runs, and yet is listed: nobody else would say that something is wrong."""
    machine = Machine()
    said = "2 files could not be imported: /a.xml, /b.xml"
    machine.script("a", "start", Outcome(103, token="import_failed", message=said), GOOD)
    machine.add(service("a"), service("b", need("a")))
    machine.run_until_quiet()
    assert machine.states == {"a": "degraded", "b": "online"}
    (found,) = explain(machine.engine, [])
    assert (found.fmri, found.message_id, found.impact) == (fmri("a"), "SMF-8000-VE", ())
    assert found.reason == f"Start method exited with $SMF_EXIT_DEGRADED: {said}."
    assert found.type_this == "svcadm restart svc:/a:default"
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    assert listed(machine) == []


def test_degraded_by_its_method_is_still_said_after_a_refresh_and_until_cleared() -> None:
    machine = Machine()
    machine.script("a", "start", Outcome(103))
    machine.add(service("a"))
    machine.run_until_quiet()
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.state("a") == "degraded"
    assert told(machine, "a").reason == "Start method exited with $SMF_EXIT_DEGRADED."
    machine.clear("a")
    assert machine.state("a") == "online"
    assert told(machine, "a").reason == ""


def test_an_administrator_s_mark_is_not_listed() -> None:
    machine = Machine(service("a"))
    machine.mark_degraded("a")
    assert listed(machine) == []


def test_what_a_failed_method_said() -> None:
    machine = Machine()
    machine.script("a", "start", Outcome(96, leaves=0, token="no_pool", message="No such pool."))
    machine.add(service("a"))
    machine.run_until_quiet()
    reason = told(machine, "a").reason
    assert reason == "Start method exited with $SMF_EXIT_ERR_CONFIG: No such pool."
    assert machine.engine.graph.nodes[fmri("a")].reason.auxiliary_state == "no_pool"


def test_in_transition() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    machine.script("b", "stop", HANGS)
    machine.disable("a")
    assert told(machine, "b").reason == "Stop method is running."
    assert told(machine, "b").message_id == "SMF-8000-PH"
    assert told(machine, "a").reason == (
        "About to stop. It waits until its dependents have stopped."
    )


def test_refreshing_and_draining() -> None:
    machine = Machine(service("a", refresh="exec"))
    machine.script("a", "refresh", HANGS)
    machine.refresh("a")
    assert told(machine, "a").reason == "Refresh method is running."
    machine = Machine(service("b"))
    machine.script("b", "stop", Outcome(kills=False))
    machine.disable("b")
    machine.run_until_quiet()
    assert told(machine, "b").reason == ("Stop method is done. Its processes are still running.")


def test_operands_are_explained_once_in_their_order() -> None:
    machine = Machine(service("a"), service("b"))
    found = explain(machine.engine, [fmri("b"), fmri("a"), fmri("b")])
    assert [each.fmri for each in found] == [fmri("b"), fmri("a")]


# --- uninitialized ----------------------------------------------------------------------


def delegated(name: str, restarter: str) -> InstanceConfig:
    return replace(service(name), restarter=restarter)


@pytest.mark.parametrize(
    ("restarter", "message_id", "reason"),
    [
        ("svc:/inet d", "SMF-8000-2A", "Restarter svc:/inet d is invalid."),
        ("svc:/inetd", "SMF-8000-2A", "Restarter svc:/inetd is invalid."),
        ("svc:/absent:default", "SMF-8000-3P", "Restarter svc:/absent:default does not exist."),
        (
            "svc:/up:default",
            "SMF-8000-4D",
            "Restarter svc:/up:default has not initialized service state.",
        ),
    ],
)
def test_a_broken_restarter(restarter: str, message_id: str, reason: str) -> None:
    machine = Machine(service("up"), delegated("a", restarter))
    found = told(machine, "a")
    assert found.state is State.UNINITIALIZED
    assert (found.message_id, found.reason, found.path) == (message_id, reason, ())
    assert listed(machine) == [fmri("a")]


def test_a_restarter_that_does_not_run() -> None:
    machine = with_disabled(
        service("inetd"), delegated("a", "svc:/inetd:default"), disabled=("inetd",)
    )
    found = told(machine, "a")
    assert found.message_id == "SMF-8000-5H"
    assert found.reason == (
        "Restarter svc:/inetd:default is not running. Service svc:/inetd:default is disabled."
    )
    assert found.type_this == "svcadm enable svc:/inetd:default"
    assert found.path == (fmri("a"), fmri("inetd"))
    assert listed(machine) == [fmri("inetd")]
    assert told(machine, "inetd").impact == (fmri("a"),)


# --- maintenance ------------------------------------------------------------------------


def in_maintenance(reason: Reason, name: str = "svc:/a:default") -> tuple[str, str, str]:
    machine = Machine(service(name.removeprefix("svc:/")))
    node = machine.engine.node(name)
    assert node is not None
    return tuple(maintenance(node, reason))  # type: ignore[return-value]


FAILED, REPEATED = Aux.METHOD_FAILED, Aux.FAULT_THRESHOLD_REACHED
START = "start"


def failure(
    aux: Aux,
    code: int | None = None,
    sig: int | None = None,
    *,
    name: str = START,
    core: bool = False,
    refusal: str = "",
    detail: str = "",
) -> Reason:
    status = ExitStatus(code, sig, core, refusal)
    return Reason(aux, method=MethodName(name), status=status, detail=detail)


@pytest.mark.parametrize(
    ("reason", "message_id", "text"),
    [
        (
            Reason(Aux.ADMINISTRATIVE_REQUEST),
            "SMF-8000-63",
            "Maintenance requested by an administrator.",
        ),
        (
            Reason(Aux.SERVICE_REQUEST, cause="svc:/fmd:default"),
            "SMF-8000-R4",
            "Maintenance requested by svc:/fmd:default.",
        ),
        (
            Reason(Aux.SERVICE_REQUEST),
            "SMF-8000-R4",
            "Maintenance requested by a program without a terminal.",
        ),
        (
            Reason(Aux.INVALID_DEPENDENCY, detail="dependency group 'x' has no type"),
            "SMF-8000-JA",
            "Has invalid dependency. Dependency group 'x' has no type.",
        ),
        (
            Reason(Aux.INVALID_RESTARTER),
            "SMF-8000-2A",
            "Restarter svc:/system/svc/restarter:default is invalid.",
        ),
        (Reason(Aux.RESTARTING_TOO_QUICKLY), "SMF-8000-L5", "Restarting too quickly."),
        (Reason(Aux.NONE), "SMF-8000-9C", "No reason was given."),
        (
            Reason(Aux.BAD_REPO_STATE),
            "SMF-8000-N3",
            "Its state in the repository is invalid.",
        ),
        (
            Reason(Aux.PER_CONFIGURATION),
            "SMF-8000-AR",
            "Unknown. It is recorded as per_configuration.",
        ),
        (Reason(FAILED), "SMF-8000-8Q", "Method failed."),
        (Reason(REPEATED), "SMF-8000-7Y", "Method failed repeatedly."),
        (failure(FAILED, 7), "SMF-8000-KS", "Start method exited with status 7."),
        (
            failure(FAILED, 95),
            "SMF-8000-KS",
            "Start method exited with $SMF_EXIT_ERR_FATAL.",
        ),
        (
            failure(FAILED, 96),
            "SMF-8000-KS",
            "Start method exited with $SMF_EXIT_ERR_CONFIG.",
        ),
        (
            failure(FAILED, 99),
            "SMF-8000-KS",
            "Start method exited with $SMF_EXIT_ERR_NOSMF.",
        ),
        (
            failure(FAILED, 100),
            "SMF-8000-KS",
            "Start method exited with $SMF_EXIT_ERR_PERM.",
        ),
        (failure(FAILED, sig=9), "SMF-8000-KS", "Start method died on SIGKILL (9)."),
        (failure(FAILED, sig=41), "SMF-8000-KS", "Start method died on signal (41)."),
        (
            failure(FAILED, sig=11, core=True),
            "SMF-8000-KS",
            "Start method dumped core on SIGSEGV (11).",
        ),
        (
            failure(FAILED, sig=9, detail="timed out"),
            "SMF-8000-KS",
            "Start method timed out and died on SIGKILL (9).",
        ),
        (
            failure(FAILED, refusal="unknown user 'web'"),
            "SMF-8000-KS",
            "Start method could not be run: unknown user 'web'.",
        ),
        (
            failure(REPEATED, 7),
            "SMF-8000-KS",
            "Start method failed repeatedly, last exited with status 7.",
        ),
        (
            failure(REPEATED, sig=9, detail="timed out"),
            "SMF-8000-KS",
            "Start method failed repeatedly, last timed out and died on SIGKILL (9).",
        ),
        (
            failure(REPEATED, sig=6, core=True),
            "SMF-8000-KS",
            "Start method failed repeatedly, last dumped core on SIGABRT (6).",
        ),
        (
            failure(FAILED, 1, name="stop"),
            "SMF-8000-8Q",
            "Method failed. Stop method exited with status 1.",
        ),
        (
            failure(REPEATED, 1, name="refresh"),
            "SMF-8000-7Y",
            "Method failed repeatedly. Refresh method last exited with status 1.",
        ),
        (
            failure(FAILED, sig=9, name="stop", detail="timed out"),
            "SMF-8000-8Q",
            "Method failed. Stop method timed out and died on SIGKILL (9).",
        ),
    ],
)
def test_sentences_of_maintenance(reason: Reason, message_id: str, text: str) -> None:
    assert in_maintenance(reason)[:2] == (message_id, text)


@pytest.mark.parametrize(
    ("name", "reason", "command"),
    [
        ("svc:/a:default", failure(FAILED, 7), "svcadm clear svc:/a:default"),
        (
            "svc:/a:default",
            Reason(Aux.INVALID_DEPENDENCY),
            "svcadm refresh svc:/a:default && svcadm clear svc:/a:default",
        ),
        (
            "svc:/system/filesystem/sealed:home",
            failure(FAILED, 95),
            "roost unlock svc:/system/filesystem/sealed:home",
        ),
        (
            "svc:/system/filesystem/sealed:home",
            failure(FAILED, 96),  # its store is absent, or wrong: no passphrase helps
            "svcadm clear svc:/system/filesystem/sealed:home",
        ),
        (
            "svc:/system/filesystem/sealed:home",
            failure(FAILED, 1, name="stop"),
            "svcadm clear svc:/system/filesystem/sealed:home",
        ),
        (
            "svc:/system/filesystem/sealed:home",
            Reason(Aux.ADMINISTRATIVE_REQUEST),
            "svcadm clear svc:/system/filesystem/sealed:home",
        ),
    ],
)
def test_what_to_type_in_maintenance(name: str, reason: Reason, command: str) -> None:
    assert in_maintenance(reason, name)[2] == command


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (exits(1), "Start method failed repeatedly, last exited with status 1."),
        (exits(96), "Start method exited with $SMF_EXIT_ERR_CONFIG."),
        (dies(11), "Start method failed repeatedly, last died on SIGSEGV (11)."),
        (refused("unknown user 'x'"), "Start method could not be run: unknown user 'x'."),
    ],
)
def test_failed_starts_as_the_engine_records_them(outcome: Outcome, reason: str) -> None:
    machine = Machine()
    machine.script("a", "start", outcome)
    machine.add(service("a"), service("b", need("a")))
    machine.run_until_quiet()
    (found,) = explain(machine.engine, [])
    assert (found.fmri, found.state, found.reason) == (fmri("a"), State.MAINTENANCE, reason)
    assert found.impact == (fmri("b"),)


def test_a_start_that_times_out() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(service("a", start=Method(MethodKind.EXEC, 5.0)))
    machine.run_until_quiet()
    assert told(machine, "a").reason == (
        "Start method failed repeatedly, last timed out and died on SIGKILL (9)."
    )


def test_too_quickly() -> None:
    machine = Machine()
    machine.script("a", "start", Outcome(leaves=0))
    machine.add(service("a"))
    machine.run_until_quiet()
    assert told(machine, "a").message_id == "SMF-8000-L5"


def test_a_cycle_is_named_in_order() -> None:
    machine = Machine(service("a", need("b")), service("b", need("c")), service("c", need("a")))
    found = told(machine, "c")
    assert found.message_id == "SMF-8000-HP"
    assert found.reason == (
        "Completes a dependency cycle. "
        "The cycle is svc:/c:default -> svc:/a:default -> svc:/b:default -> svc:/c:default."
    )
    assert found.impact == (fmri("a"), fmri("b"))
    assert listed(machine) == [fmri("c")]
    assert told(machine, "a").path == (fmri("a"), fmri("b"), fmri("c"))


def test_disabled_while_it_starts() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(service("a"))
    machine.disable("a")
    found = told(machine, "a")
    assert (found.message_id, found.type_this) == ("SMF-8000-C4", "")
    assert found.reason.startswith("Start method is running.")
    assert listed(machine) == []


def test_maintenance_is_listed_even_if_disabled() -> None:
    machine = with_disabled(service("a"), disabled=("a",))
    machine.mark_maintenance("a")
    assert listed(machine) == [fmri("a")]


# --- offline ----------------------------------------------------------------------------


def test_a_disabled_dependency() -> None:
    machine = with_disabled(service("a"), service("b", need("a")), disabled=("a",))
    found = told(machine, "b")
    assert found.state is State.OFFLINE
    assert found.message_id == "SMF-8000-GE"
    assert found.reason == "Service svc:/a:default is disabled."
    assert found.type_this == "svcadm enable svc:/a:default"
    assert found.path == (fmri("b"), fmri("a"))
    assert found.impact == ()
    (cause,) = explain(machine.engine, [])
    assert (cause.fmri, cause.impact, cause.path) == (fmri("a"), (fmri("b"),), ())
    assert cause.reason == "Disabled by an administrator."


def test_a_dependency_in_maintenance() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    machine.mark_maintenance("a")
    machine.run_until_quiet()
    found = told(machine, "b")
    assert found.reason == "Service svc:/a:default is in maintenance."
    assert found.type_this == "svcadm clear svc:/a:default"


def test_a_temporarily_disabled_dependency() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    machine.set_enabled(True, False, "a")
    machine.run_until_quiet()
    assert told(machine, "b").reason == "Service svc:/a:default is temporarily disabled."


@pytest.mark.parametrize("grouping", ["require_all", "require_any"])
@pytest.mark.parametrize(("target", "shown"), [("x", "svc:/x:default"), ("x:", "svc:/x")])
def test_an_absent_dependency(grouping: str, target: str, shown: str) -> None:
    machine = Machine(service("b", need(target, grouping=grouping)), service("c", need("b")))
    found = told(machine, "b")
    assert (found.message_id, found.reason) == ("SMF-8000-E2", f"Dependency {shown} is absent.")
    assert (found.path, found.impact) == ((), (fmri("c"),))
    assert listed(machine) == [fmri("b")]
    above = told(machine, "c")
    assert above.reason == (f"Service svc:/b:default is offline: its dependency {shown} is absent.")
    assert above.path == (fmri("c"), fmri("b"))


def test_an_absent_file() -> None:
    machine = Machine(service("b", need("/etc/my file")))
    found = told(machine, "b")
    assert found.message_id == "SMF-8000-E2"
    assert found.reason == "Dependency file://localhost/etc/my file is absent."
    assert found.type_this == "touch '/etc/my file' && svcadm refresh svc:/b:default"
    assert listed(machine) == [fmri("b")]


def test_a_file_that_came_unseen() -> None:
    machine = Machine(service("b", need("/x")), service("c", need("b")))
    machine.paths.add("/x")
    found = told(machine, "b")
    assert found.message_id == "SMF-8000-GE"
    assert found.type_this == "svcadm refresh svc:/b:default"
    assert told(machine, "c").path == (fmri("c"), fmri("b"))


def test_a_present_file_that_is_excluded() -> None:
    machine = Machine()
    machine.paths.add("/etc/nologin")
    machine.add(service("b", need("/etc/nologin", "/etc/other", grouping="exclude_all")))
    found = told(machine, "b")
    assert found.message_id == "SMF-8000-FJ"
    assert found.reason == "Excluded file file://localhost/etc/nologin is present."
    assert found.type_this == ("mv /etc/nologin /etc/nologin.off && svcadm refresh svc:/b:default")


@pytest.mark.parametrize("target", ["a", "a:"])
def test_an_excluded_service_that_runs(target: str) -> None:
    machine = Machine(service("a"))
    machine.add(service("b", need(target, grouping="exclude_all")))
    found = told(machine, "b")
    assert found.message_id == "SMF-8000-FJ"
    assert found.reason == "Excluded service svc:/a:default is running."
    assert found.type_this == "svcadm disable svc:/a:default"
    assert found.path == ()
    assert listed(machine) == [fmri("b")]
    assert told(machine, "a").impact == ()


def test_two_that_exclude_each_other() -> None:
    machine = Machine()
    machine.add(
        service("a", need("b", grouping="exclude_all")),
        service("b", need("a", grouping="exclude_all")),
    )
    assert listed(machine) == [fmri("a"), fmri("b")]
    assert told(machine, "a").reason == "Excluded service svc:/b:default is offline."


def starting(name: str, timeout_s: float | None = None) -> Machine:
    machine = Machine()
    machine.script(name, "start", HANGS)
    machine.add(
        service(name, start=method("exec", timeout_s)),
        service("b", need(name)),
        service("c", need("b")),
    )
    return machine


def test_a_start_method_that_runs() -> None:
    machine = starting("a", 60.0)
    found = told(machine, "a")
    assert found.message_id == "SMF-8000-C4"
    assert found.reason == "Start method is running. It may take 60 s."
    assert found.type_this == ""
    assert listed(machine) == [fmri("a")]
    assert found.impact == (fmri("b"), fmri("c"))


def test_a_start_method_without_time_out() -> None:
    assert told(starting("a"), "a").reason == (
        "Start method is running. It may take as long as it needs."
    )


def test_a_start_method_that_runs_again() -> None:
    machine = Machine()
    machine.script("a", "start", exits(1), HANGS)
    machine.add(service("a"))
    machine.run_until_quiet()
    assert told(machine, "a").reason == (
        "Start method is running. This is attempt 2 of 3. It may take as long as it needs."
    )


def test_waiting_for_what_is_starting() -> None:
    machine = starting("a")
    found = told(machine, "c")
    assert found.message_id == "SMF-8000-GE"
    assert found.reason == "Service svc:/a:default is starting."
    assert found.path == (fmri("c"), fmri("b"), fmri("a"))
    assert found.type_this == ""


def test_waiting_for_what_is_stopping() -> None:
    machine = Machine(service("a"), service("b", need("a", restart_on="restart")))
    machine.script("a", "stop", HANGS)
    machine.disable("a")
    machine.advance(1.0)
    assert told(machine, "b").reason == "Service svc:/a:default is stopping."
    assert told(machine, "a").impact == (fmri("b"),)
    assert listed(machine) == [fmri("a")]


def test_a_delayed_restart() -> None:
    machine = Machine()
    machine.script("a", "start", Outcome(code=1, after_s=0.01))
    machine.add(service("a", model=Model.CHILD, stop="absent"))
    machine.advance(0.5)
    found = told(machine, "a")
    assert found.message_id == "SMF-8000-PH"
    assert found.reason == "Restart is held back for a moment, because it ended too quickly."


def test_a_machine_that_goes_down() -> None:
    machine = Machine(service("a"))
    machine.shut_down()
    machine.run_until_quiet()
    assert told(machine, "a").reason == "The machine is going down."


def test_several_reasons() -> None:
    machine = with_disabled(
        service("a"),
        service("z"),
        service("b", need("z", "a", "x"), need("/f", name="file")),
        disabled=("a", "z"),
    )
    found = told(machine, "b")
    assert found.reason == (
        "Dependency svc:/x:default is absent. Dependency file://localhost/f is absent. "
        "Service svc:/a:default is disabled. Service svc:/z:default is disabled."
    )
    assert found.message_id == "SMF-8000-E2"
    assert found.path == ()
    (own,) = (each for each in explain(machine.engine, []) if each.fmri == fmri("b"))
    assert own.reason == (
        "Dependency svc:/x:default is absent. Dependency file://localhost/f is absent."
    )


def test_what_needs_an_administrator_comes_before_what_comes_by_itself() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(service("y"), enabled=False)
    machine.add(service("a"), service("z", need("y")), service("b", need("a", "z")))
    found = told(machine, "b")
    assert found.reason == "Service svc:/y:default is disabled. Service svc:/a:default is starting."
    assert found.path == (fmri("b"), fmri("z"), fmri("y"))


# --- who is really held back ------------------------------------------------------------


def test_optional_all_does_not_wait_for_what_is_disabled() -> None:
    machine = with_disabled(
        service("a"), service("b", need("a", grouping="optional_all")), disabled=("a",)
    )
    assert machine.state("b") == "online"
    assert told(machine, "a").impact == ()
    assert listed(machine) == []


def test_optional_all_waits_for_what_comes() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(
        service("off"),
        enabled=False,
    )
    machine.add(service("a"), service("b", need("off", "a", grouping="optional_all")))
    assert listed(machine) == [fmri("a")]
    assert told(machine, "a").impact == (fmri("b"),)
    assert told(machine, "off").impact == ()
    assert told(machine, "b").path == (fmri("b"), fmri("a"))


def test_require_any_is_held_by_nobody_while_one_is_up() -> None:
    machine = with_disabled(
        service("a"),
        service("b"),
        service("c", need("a", "b", grouping="require_any")),
        disabled=("a",),
    )
    assert machine.state("c") == "online"
    assert told(machine, "a").impact == ()


def test_require_any_is_held_by_all_that_are_down() -> None:
    machine = with_disabled(
        service("a"),
        service("b"),
        service("c", need("x", "b", "a", grouping="require_any")),
        disabled=("a", "b"),
    )
    assert listed(machine) == [fmri("a"), fmri("b")]
    found = told(machine, "c")
    assert found.reason == (
        "Service svc:/a:default is disabled. Service svc:/b:default is disabled."
    )
    assert found.type_this == "svcadm enable svc:/a:default"


def test_require_any_waits_only_for_the_one_that_comes() -> None:
    machine = Machine()
    machine.script("a", "start", HANGS)
    machine.add(service("off"), enabled=False)
    machine.add(service("a"), service("c", need("off", "a", grouping="require_any")))
    assert told(machine, "off").impact == ()
    assert told(machine, "c").reason == "Service svc:/a:default is starting."


def test_a_service_with_several_instances() -> None:
    machine = with_disabled(
        service("a:one"), service("a:two"), service("b", need("a:")), disabled=("a:one", "a:two")
    )
    assert listed(machine) == [fmri("a:one"), fmri("a:two")]
    machine.enable("a:two")
    machine.run_until_quiet()
    assert machine.state("b") == "online"
    assert told(machine, "a:one").impact == ()


def test_impact_does_not_pass_through_what_is_broken_itself() -> None:
    machine = Machine()
    machine.add(service("a"), enabled=False)
    machine.add(service("b", need("a")), service("c", need("b")), service("d", need("c")))
    machine.mark_maintenance("c")
    assert told(machine, "a").impact == (fmri("b"),)
    assert told(machine, "c").impact == (fmri("d"),)
    assert told(machine, "b").impact == ()


def test_most_impact_first_then_by_name() -> None:
    machine = with_disabled(
        *(service(name) for name in ("a", "m", "z")),
        service("b", need("a")),
        service("c", need("m")),
        service("d", need("z")),
        service("e", need("d")),
        disabled=("a", "m", "z"),
    )
    assert listed(machine) == [fmri("z"), fmri("a"), fmri("m")]
    assert [len(found.impact) for found in explain(machine.engine, [])] == [2, 1, 1]


def test_what_is_disabled_for_good_is_not_listed() -> None:
    machine = with_disabled(service("a"), service("b", need("a")), disabled=("a", "b"))
    assert listed(machine) == []
    assert told(machine, "a").impact == ()


# --- what to type -----------------------------------------------------------------------


def test_enable_recursively_where_one_is_not_enough() -> None:
    machine = with_disabled(
        service("a"), service("b", need("a")), service("c", need("b")), disabled=("a", "b")
    )
    assert told(machine, "b").type_this == "svcadm enable -r svc:/b:default"
    assert told(machine, "a").type_this == "svcadm enable svc:/a:default"
    assert told(machine, "c").type_this == "svcadm enable -r svc:/b:default"


def test_enable_recursively_what_needs_two() -> None:
    machine = with_disabled(
        service("a"), service("b"), service("c", need("a", "b")), disabled=("a", "b")
    )
    assert told(machine, "c").type_this == "svcadm enable -r svc:/c:default"


def test_recursion_follows_require_any_only_to_a_single_instance() -> None:
    machine = with_disabled(
        service("a:one"),
        service("b", need("a:", grouping="require_any")),
        disabled=("a:one", "b"),
    )
    assert told(machine, "b").type_this == "svcadm enable -r svc:/b:default"
    machine = with_disabled(
        service("a:one"),
        service("a:two"),
        service("b", need("a:", grouping="require_any")),
        disabled=("a:one", "a:two", "b"),
    )
    assert told(machine, "b").type_this == "svcadm enable svc:/b:default"


# --- phrases for a preview --------------------------------------------------------------


def test_hindrance() -> None:
    machine = with_disabled(
        service("a"),
        service("b", need("a")),
        service("c", need("b")),
        service("d", need("x")),
        service("e", need("a", grouping="exclude_all")),
        replace(service("f"), restarter="svc:/a:default"),
        disabled=("a",),
    )
    phrases = {name: hindrance(machine.engine, fmri(name)) for name in "abcdef"}
    assert phrases == {
        "a": "",
        "b": "its dependency svc:/a:default is disabled",
        "c": "its dependency svc:/b:default waits for svc:/a:default, which is disabled",
        "d": "its dependency svc:/x:default is absent",
        "e": "",
        "f": "its restarter svc:/a:default is disabled",
    }


# --- size and shape ---------------------------------------------------------------------


def instantly(name: str, *targets: str, grouping: str = "require_all") -> InstanceConfig:
    needs = [need(*targets, grouping=grouping)] if targets else []
    return service(name, *needs, start="absent", stop="absent", model=Model.TRANSIENT)


def chain(length: int) -> Machine:
    machine = Machine()
    machine.add(instantly("s0"), enabled=False)
    machine.add(*(instantly(f"s{i}", f"s{i - 1}") for i in range(1, length)))
    return machine


def star(width: int) -> Machine:
    machine = Machine()
    machine.add(instantly("s0"), enabled=False)
    machine.add(*(instantly(f"s{i}", "s0") for i in range(1, width)))
    return machine


@pytest.mark.parametrize("shape", [chain, star])
def test_ten_thousand_instances(shape: Callable[[int], Machine]) -> None:
    machine = shape(10_000)
    (cause,) = explain(machine.engine, [])
    assert cause.fmri == fmri("s0")
    assert len(cause.impact) == 9_999
    last = told(machine, "s9999")
    assert last.path[0] == fmri("s9999")
    assert last.path[-1] == fmri("s0")
    assert len(last.path) == (10_000 if shape is chain else 2)


def test_a_ring_that_nobody_has_broken_does_not_hang_it() -> None:
    """Restarters are no edges of the cycle search, so they can close a ring."""
    ring = [
        replace(service("r1"), restarter="svc:/r2:default"),
        replace(service("r2"), restarter="svc:/r1:default"),
        service("a", need("r1")),
    ]
    engine = Engine()
    events: list[Event] = [InstanceAdded(0.0, c.fmri, c, enabled=True) for c in ring]
    engine.step(events)
    (cause,) = explain(engine, [])
    assert cause.fmri == "svc:/r1:default"
    assert cause.impact == ("svc:/a:default", "svc:/r2:default")
    (found,) = explain(engine, ["svc:/a:default"])
    assert found.path == ("svc:/a:default", "svc:/r1:default")
    assert "svc:/r1:default -> svc:/r2:default -> svc:/r1:default" in found.reason
