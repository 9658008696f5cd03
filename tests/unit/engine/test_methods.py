"""Start, stop and refresh of the contract and transient models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roost.engine.commands import CancelTimer, Kill, Scope, SetTimer
from roost.engine.config import Model
from roost.engine.events import (
    ContractEmptied,
    ContractFaulted,
    ExitStatus,
    Fault,
    MethodExited,
    MethodName,
    TimerFired,
)
from tests.unit.engine.machine import (
    GOOD,
    HANGS,
    NO_PROCESS,
    SIGABRT,
    SIGKILL,
    SIGTERM,
    STUBBORN,
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

FATAL = (95, 96, 99, 100)
MODELS = (Model.CONTRACT, Model.TRANSIENT)


def _machine(*outcomes: Outcome, **settings: object) -> Machine:
    """A machine with service ``a`` whose start goes as given; it has come to rest."""
    machine = Machine()
    machine.script("a", "start", *outcomes)
    machine.add(replace(service("a"), **settings))  # type: ignore[arg-type]
    machine.run_until_quiet()
    return machine


# --- start --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_start_succeeds(model: Model) -> None:
    machine = _machine(GOOD, model=model)
    assert machine.state("a") == "online"
    assert machine.runs == ["start a"]
    assert machine.snapshots == ["a"]
    assert machine.abandoned == ([] if model is Model.CONTRACT else ["a"])


def test_state_stays_offline_while_the_start_runs() -> None:
    machine = Machine()
    machine.add(service("a"))
    assert machine.states == {"a": "offline*"}
    assert machine.snapshots == []


@pytest.mark.parametrize("start", ["absent", ":true"])
@pytest.mark.parametrize("model", Model)
def test_nothing_to_run_for_a_start(start: str, model: Model) -> None:
    machine = Machine(service("a", start=start, model=model))
    assert machine.state("a") == "online"
    assert machine.runs == []
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.state("a") == "disabled"


def test_kill_as_a_start_method_is_an_error() -> None:
    machine = Machine(service("a", start=":kill"))
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "method_failed"
    status = machine.reason("a").status
    assert status is not None
    assert ":kill" in status.refusal


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("bad", [exits(1), exits(97), exits(98), exits(10), dies(9), dies(11)])
def test_two_failures_and_a_success(bad: Outcome, model: Model) -> None:
    machine = _machine(bad, bad, GOOD, model=model)
    assert machine.state("a") == "online"
    assert machine.count("start a") == 3


@pytest.mark.parametrize("model", MODELS)
def test_three_failures(model: Model) -> None:
    machine = _machine(exits(1), model=model)
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "fault_threshold_reached"
    assert machine.count("start a") == 3
    reason = machine.reason("a")
    assert (reason.method, reason.status) == (MethodName.START, ExitStatus(code=1))


def test_retries_stay_in_transition() -> None:
    machine = _machine(exits(1), exits(1), GOOD)
    offline = [m for m in machine.wall if m.state.value == "offline"]
    assert len(offline) == 2  # waiting, then starting: no move between the retries


@pytest.mark.parametrize("code", FATAL)
def test_fatal_codes_are_not_retried(code: int) -> None:
    machine = _machine(exits(code))
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "method_failed"
    assert machine.count("start a") == 1
    assert machine.reason("a").status == ExitStatus(code=code)


def test_fatal_code_after_retries_is_named_as_such() -> None:
    machine = _machine(exits(1), exits(1), exits(96))
    assert machine.aux("a") == "method_failed"
    assert machine.count("start a") == 3


def test_refused_start_is_not_retried() -> None:
    machine = _machine(refused("unknown user"))
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "method_failed"
    assert machine.count("start a") == 1


def test_what_a_failed_start_leaves_is_killed_before_the_next() -> None:
    machine = _machine(Outcome(code=1, leaves=3, ignores_term=True), GOOD)
    assert machine.kills == [Kill(fmri("a"), Scope.SERVICE, SIGKILL)]
    assert machine.state("a") == "online"
    assert machine.processes("a") == 1


def test_what_the_last_failed_start_leaves_is_killed_too() -> None:
    machine = _machine(Outcome(code=95, leaves=3))
    assert machine.state("a") == "maintenance"
    assert machine.processes("a") == 0


def test_failed_start_whose_contract_is_reported_empty_first() -> None:
    machine = _machine(Outcome(code=1, leaves=0, empties_first=True), GOOD)
    assert machine.state("a") == "online"
    assert machine.count("start a") == 2
    assert machine.kills == []


def test_failures_of_an_earlier_start_do_not_count() -> None:
    machine = _machine(exits(1), exits(1), GOOD, exits(1), exits(1), GOOD)
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    assert machine.count("start a") == 6


def test_failures_before_a_disable_do_not_count() -> None:
    machine = Machine()
    machine.script("a", "start", exits(1), exits(1, after_s=5), exits(1), exits(1), GOOD)
    machine.add(service("a"))
    machine.advance(1)
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.state("a") == "disabled"
    machine.enable("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"


@pytest.mark.parametrize("empties_first", [False, True])
def test_exit_94_is_online_without_a_process(empties_first: bool) -> None:
    machine = _machine(Outcome(code=94, leaves=0, empties_first=empties_first))
    assert machine.state("a") == "online"
    assert machine.count("start a") == 1
    assert machine.abandoned == ["a"]


def test_exit_102_is_what_solaris_calls_it() -> None:
    machine = _machine(Outcome(code=102, leaves=0))
    assert machine.state("a") == "online"
    assert machine.abandoned == ["a"]


def test_exit_103_goes_by_online_to_degraded() -> None:
    machine = _machine(Outcome(code=103))
    assert machine.states == {"a": "degraded"}
    assert machine.count("start a") == 1
    machine.exit_all("a")  # its processes count, as after any start
    machine.run_until_quiet()
    assert machine.count("start a") == 2


def test_a_refresh_that_exits_103_degrades() -> None:
    machine = Machine()
    machine.script("a", "refresh", Outcome(code=103), GOOD)
    machine.add(service("a", refresh="exec"))
    machine.run_until_quiet()
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "degraded"}
    assert machine.count("refresh a") == 1


@pytest.mark.parametrize("stop", ["exec", ":kill", ":true", "absent"])
def test_exit_94_counts_as_transient_until_the_next_start(stop: str) -> None:
    machine = Machine()
    machine.script("a", "start", Outcome(code=94, leaves=0), GOOD)
    machine.add(service("a", stop=stop))
    machine.run_until_quiet()
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    assert machine.count("stop a") == (1 if stop == "exec" else 0)
    machine.exit_all("a")
    machine.run_until_quiet()
    assert machine.count("start a") == 3  # the second start is tracked


@pytest.mark.parametrize("empties_first", [False, True])
def test_daemon_that_does_not_stay_restarts_too_quickly(empties_first: bool) -> None:
    machine = _machine(Outcome(leaves=0, empties_first=empties_first))
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "restarting_too_quickly"
    assert machine.count("start a") == 4
    assert "Restarting too quickly, changing state to maintenance." in machine.said("a")
    assert "Stopping because all processes in service exited." in machine.said("a")


def test_transient_needs_no_process() -> None:
    machine = _machine(NO_PROCESS, model=Model.TRANSIENT)
    assert machine.state("a") == "online"
    assert machine.count("start a") == 1


# --- time-outs ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_start_times_out_three_times(model: Model) -> None:
    machine = _machine(
        Outcome(after_s=None, ignores_term=True), model=model, start=method("exec", 60)
    )
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "fault_threshold_reached"
    assert machine.count("start a") == 3
    timed_out = Kill(fmri("a"), Scope.SERVICE, SIGKILL, timed_out=True)
    assert machine.kills.count(timed_out) == 3
    assert 180 <= machine.now_s < 190


def test_timeout_without_retry() -> None:
    machine = _machine(HANGS, start=method("exec", 60), timeout_retry=False)
    assert machine.aux("a") == "method_failed"
    assert machine.reason("a").detail == "timed out"
    assert machine.count("start a") == 1


def test_timeout_retry_false_leaves_other_failures_alone() -> None:
    machine = _machine(exits(1), exits(1), GOOD, start=method("exec", 60), timeout_retry=False)
    assert machine.state("a") == "online"


def test_timeout_then_success() -> None:
    machine = _machine(HANGS, GOOD, start=method("exec", 60))
    assert machine.state("a") == "online"
    machine.advance(1000)  # no timer is left behind
    assert machine.count("start a") == 2


def test_no_timeout_waits_for_ever() -> None:
    machine = _machine(HANGS)
    machine.advance(1_000_000)
    assert machine.states == {"a": "offline*"}


def test_start_that_ends_in_time_cancels_its_timer() -> None:
    machine = _machine(GOOD, start=method("exec", 60))
    commands = [command for _, step in machine.steps for command in step]
    timers = [command.timer for command in commands if isinstance(command, SetTimer)]
    assert timers == [command.timer for command in commands if isinstance(command, CancelTimer)]
    assert len(timers) == 1


def test_late_timer_is_ignored() -> None:
    machine = _machine(GOOD, start=method("exec", 60))
    assert machine.send(TimerFired(machine.now_s, fmri("a"), 1)) == []
    assert machine.send(TimerFired(machine.now_s, fmri("a"), 99)) == []


@pytest.mark.parametrize(("retry", "runs"), [(True, 3), (False, 1)])
def test_stop_method_times_out(retry: bool, runs: int) -> None:
    machine = _machine(GOOD, stop=method("exec", 60), timeout_retry=retry)
    machine.script("a", "stop", HANGS)
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == ("fault_threshold_reached" if retry else "method_failed")
    assert machine.count("stop a") == runs
    assert machine.kills == [Kill(fmri("a"), Scope.METHOD, SIGKILL, timed_out=True)] * runs
    assert machine.processes("a") == 1  # not ours to kill: the stop failed


def test_stop_method_times_out_once() -> None:
    machine = _machine(GOOD, stop=method("exec", 60))
    machine.script("a", "stop", HANGS, GOOD)
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"


def test_refresh_method_times_out() -> None:
    machine = _machine(GOOD, refresh=method("exec", 60))
    machine.script("a", "refresh", HANGS)
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.state("a") == "maintenance"
    assert machine.count("refresh a") == 3
    assert {kill.scope for kill in machine.kills} == {Scope.METHOD}


# --- stop ---------------------------------------------------------------------------------


def test_disable_stops() -> None:
    machine = _machine(GOOD)
    machine.disable("a")
    assert machine.states == {"a": "online*"}
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    assert machine.aux("a") == "disable_request"
    assert machine.processes("a") == 0


def test_disable_of_what_waits_runs_nothing() -> None:
    machine = Machine(service("a", need("nowhere")))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    assert machine.runs == []


def test_stop_is_done_when_the_last_process_is_gone() -> None:
    machine = _machine(GOOD, stop=method("exec", 60))
    machine.script("a", "stop", Outcome(kills=False))
    machine.disable("a")
    machine.advance(10)
    assert machine.states == {"a": "online*"}
    machine.exit_all("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    assert machine.kills == []


def test_process_that_outlives_the_stop_is_killed_at_the_timeout() -> None:
    machine = _machine(STUBBORN, stop=method("exec", 60))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert machine.aux("a") == "method_failed"
    assert machine.reason("a").detail == "timed out"
    assert machine.kills == [Kill(fmri("a"), Scope.SERVICE, SIGKILL, timed_out=True)]
    assert machine.processes("a") == 0
    assert machine.count("stop a") == 1


def test_without_a_timeout_the_stop_waits_for_ever() -> None:
    machine = _machine(STUBBORN)
    machine.disable("a")
    machine.run_until_quiet()
    machine.advance(1_000_000)
    assert machine.states == {"a": "online*"}


@pytest.mark.parametrize("stop", ["absent", ":true"])
def test_no_stop_method_waits_for_the_processes(stop: str) -> None:
    machine = _machine(GOOD, stop=method(stop, 60))
    machine.disable("a")
    machine.advance(1)
    assert machine.states == {"a": "online*"}
    machine.exit_all("a")
    assert machine.states == {"a": "disabled"}


def test_method_killed_too_late_leaves_no_time_for_the_rest() -> None:
    """The time-out fires, the method still says 0, and processes are left."""
    machine = Machine(service("a", stop=method("exec", 60)))
    machine.script("a", "stop", HANGS)
    machine.disable("a")
    [timer] = [c.timer for c in machine.steps[-1][1] if isinstance(c, SetTimer)]
    machine.send(
        TimerFired(machine.now_s, fmri("a"), timer),
        MethodExited(machine.now_s, fmri("a"), MethodName.STOP, ExitStatus(code=0)),
    )
    assert machine.kills[-1] == Kill(fmri("a"), Scope.SERVICE, SIGKILL, timed_out=True)
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}


def test_kill_as_a_stop_method() -> None:
    machine = _machine(Outcome(leaves=5), stop=method(":kill", 60))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    assert machine.kills == [Kill(fmri("a"), Scope.SERVICE, SIGTERM)]
    assert machine.count("stop a") == 0


def test_kill_with_another_signal() -> None:
    machine = _machine(STUBBORN, stop=method(":kill -9"))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    assert machine.kills == [Kill(fmri("a"), Scope.SERVICE, SIGKILL)]


def test_process_that_ignores_the_kill() -> None:
    machine = _machine(STUBBORN, stop=method(":kill", 60))
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert [kill.signal for kill in machine.kills] == [SIGTERM, SIGKILL]


def test_kill_of_a_transient_service_is_an_error() -> None:
    machine = _machine(GOOD, model=Model.TRANSIENT, stop=method(":kill"))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert machine.aux("a") == "method_failed"


@pytest.mark.parametrize(("stop", "runs"), [("exec", 1), (":true", 0), ("absent", 0)])
def test_stop_of_a_transient_service(stop: str, runs: int) -> None:
    machine = _machine(GOOD, model=Model.TRANSIENT, stop=method(stop))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    assert machine.count("stop a") == runs


def test_no_contract_no_stop_method() -> None:
    machine = Machine(service("a", start=":true"))
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "disabled"}
    assert machine.runs == []


@pytest.mark.parametrize("model", Model)
def test_failing_stop_is_retried(model: Model) -> None:
    machine = _machine(HANGS if model is Model.CHILD else GOOD, model=model)
    machine.script("a", "stop", exits(1), exits(1), GOOD, exits(1))
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("stop a") == 3
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert machine.aux("a") == "fault_threshold_reached"
    assert machine.count("stop a") == 6


@pytest.mark.parametrize("bad", [*map(exits, FATAL), refused("no such file")])
def test_stop_that_fails_for_good(bad: Outcome) -> None:
    machine = _machine(GOOD)
    machine.script("a", "stop", bad)
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert machine.aux("a") == "method_failed"
    assert machine.count("stop a") == 1
    assert machine.processes("a") == 1


def test_leftover_contract_is_abandoned_by_clear() -> None:
    machine = _machine(GOOD)
    machine.script("a", "stop", exits(96))
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.abandoned == []
    machine.clear("a")
    machine.run_until_quiet()
    assert machine.abandoned == ["a"]
    assert machine.states == {"a": "online"}
    assert machine.history("a")[-4:] == ["maintenance", "uninitialized", "offline", "online"]


def test_failures_of_the_stop_do_not_count_for_the_start_that_follows() -> None:
    machine = _machine(GOOD, exits(1), exits(1), GOOD)
    machine.script("a", "stop", exits(1), exits(1), GOOD)
    machine.crash("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("start a") == 4


# --- refresh ------------------------------------------------------------------------------


@pytest.mark.parametrize("refresh", ["absent", ":true"])
def test_refresh_without_a_method(refresh: str) -> None:
    machine = _machine(GOOD, refresh=method(refresh))
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.runs == ["start a"]
    assert machine.aux("a") == "refresh"
    assert "Rereading configuration." in machine.said("a")


def test_refresh_runs_the_method_in_transition() -> None:
    machine = _machine(GOOD, refresh=method("exec"))
    machine.refresh("a")
    assert machine.states == {"a": "online*"}
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("refresh a") == 1


def test_refresh_of_a_degraded_service_keeps_it_degraded() -> None:
    machine = _machine(GOOD, refresh=method("exec"))
    machine.mark_degraded("a")
    machine.refresh("a")
    assert machine.states == {"a": "degraded*"}
    machine.run_until_quiet()
    assert machine.states == {"a": "degraded"}


def test_kill_as_a_refresh_method() -> None:
    machine = _machine(GOOD, refresh=method(":kill -1"))
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.kills == [Kill(fmri("a"), Scope.SERVICE, 1)]


def test_refresh_of_what_does_not_run() -> None:
    machine = Machine()
    machine.add(service("off", refresh="exec"), enabled=False)
    machine.add(service("waiting", need("nowhere"), refresh="exec"))
    for name in ("off", "waiting"):
        machine.refresh(name)
    machine.run_until_quiet()
    assert machine.states == {"off": "disabled", "waiting": "offline"}
    assert machine.runs == []


def test_refresh_that_fails_twice() -> None:
    machine = _machine(GOOD, refresh=method("exec"))
    machine.script("a", "refresh", exits(1), exits(1), GOOD)
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("refresh a") == 3


@pytest.mark.parametrize(
    ("bad", "aux", "runs"),
    [(exits(96), "method_failed", 1), (exits(1), "fault_threshold_reached", 3)],
)
def test_refresh_that_fails_for_good_stops_the_service(bad: Outcome, aux: str, runs: int) -> None:
    machine = _machine(GOOD, refresh=method("exec"))
    machine.script("a", "refresh", bad)
    machine.script("a", "stop", exits(1), exits(1), GOOD)
    machine.refresh("a")
    machine.run_until_quiet()
    assert machine.states == {"a": "maintenance"}
    assert machine.aux("a") == aux
    assert machine.count("refresh a") == runs
    assert machine.count("stop a") == 3  # three tries of its own
    assert machine.processes("a") == 0


def test_new_configuration_counts_from_the_refresh_on() -> None:
    machine = _machine(GOOD)
    machine.reconfigure(replace(service("a"), stop=method(":kill"), refresh=method("exec")))
    machine.run_until_quiet()
    assert machine.count("refresh a") == 1
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.count("stop a") == 0
    assert machine.states == {"a": "disabled"}


# --- faults of a contract -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "aux", "phrase"),
    [
        (Fault.CORE, "ct_ev_core", "process dumped core"),
        (Fault.SIGNAL, "ct_ev_signal", "process received fatal signal from outside the service"),
        (Fault.HARDWARE, "ct_ev_hwerr", "process killed due to uncorrectable hardware error"),
    ],
)
def test_fault_of_one_process_restarts_the_whole_service(
    fault: Fault, aux: str, phrase: str
) -> None:
    machine = _machine(Outcome(leaves=3))
    machine.crash("a", fault)
    assert machine.states == {"a": "online*"}
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.runs == ["start a", "stop a", "start a"]
    assert machine.processes("a") == 3
    offline = next(m for m in machine.wall if m.state_from.is_running and not m.state.is_running)
    assert offline.reason.aux.value == aux
    assert f"Stopping because {phrase}." in machine.said("a")


@pytest.mark.parametrize("ignored", ["core", "signal"])
@pytest.mark.parametrize("fault", Fault)
def test_ignored_errors(fault: Fault, ignored: str) -> None:
    machine = _machine(Outcome(leaves=2), ignore_error=frozenset({ignored}))
    machine.crash("a", fault)
    machine.run_until_quiet()
    is_ignored = fault.value == ignored
    assert machine.count("start a") == (1 if is_ignored else 2)
    if is_ignored:
        machine.crash("a", fault)  # the last one: the contract is empty
        machine.run_until_quiet()
        assert machine.count("start a") == 2
    assert machine.states == {"a": "online"}


def test_all_processes_exit() -> None:
    machine = _machine(GOOD)
    machine.exit_all("a")
    machine.run_until_quiet()
    assert machine.runs == ["start a", "stop a", "start a"]
    offline = next(m for m in machine.wall if m.state_from.is_running)
    assert (offline.reason.aux.value, offline.state.value) == ("ct_ev_exit", "online")


def test_faults_of_a_transient_service_are_nothing() -> None:
    machine = _machine(GOOD, model=Model.TRANSIENT)
    for fault in Fault:
        machine.send(ContractFaulted(machine.now_s, fmri("a"), fault))
    machine.send(ContractEmptied(machine.now_s, fmri("a")))
    assert machine.states == {"a": "online"}


def test_faults_during_the_stop_are_expected() -> None:
    machine = _machine(Outcome(leaves=3))
    machine.script("a", "stop", Outcome(after_s=2))
    machine.restart("a")
    machine.crash("a", Fault.CORE)
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.runs == ["start a", "stop a", "start a"]


def test_fault_during_the_refresh_waits_for_its_end() -> None:
    machine = _machine(Outcome(leaves=3), refresh=method("exec"))
    machine.script("a", "refresh", Outcome(after_s=2))
    machine.refresh("a")
    machine.crash("a", Fault.CORE)
    assert machine.count("stop a") == 0
    machine.run_until_quiet()
    assert machine.runs == ["start a", "refresh a", "stop a", "start a"]


def test_processes_that_vanish_during_the_refresh() -> None:
    machine = _machine(GOOD, refresh=method("exec"))
    machine.script("a", "refresh", Outcome(after_s=2))
    machine.refresh("a")
    machine.exit_all("a")
    machine.run_until_quiet()
    assert machine.runs == ["start a", "refresh a", "stop a", "start a"]
    assert machine.states == {"a": "online"}


# --- restart ------------------------------------------------------------------------------


def test_restart() -> None:
    machine = _machine(GOOD)
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.runs == ["start a", "stop a", "start a"]
    offline = [m for m in machine.wall if m.state_from.is_running and not m.state.is_running]
    assert [m.reason.aux.value for m in offline] == ["restart_request"]


def test_restart_of_what_does_not_run_is_ignored() -> None:
    machine = Machine()
    machine.add(service("off"), enabled=False)
    machine.script("sick", "start", exits(95))
    machine.add(service("waiting", need("nowhere")), service("sick"))
    machine.run_until_quiet()
    before = (machine.states, list(machine.runs))
    for name in ("off", "waiting", "sick"):
        machine.restart(name)
    machine.run_until_quiet()
    assert (machine.states, machine.runs) == before


def test_restart_with_a_dump_recovers_from_the_core_event() -> None:
    machine = _machine(Outcome(leaves=2))
    machine.restart("a", dump_core=True)
    assert machine.kills == [Kill(fmri("a"), Scope.SERVICE, SIGABRT)]
    assert machine.states == {"a": "online"}
    machine.run_until_quiet()
    assert machine.states == {"a": "online"}
    assert machine.count("start a") == 2
    offline = next(m for m in machine.wall if m.state_from.is_running and not m.state.is_running)
    assert offline.reason.aux.value == "ct_ev_core"


def test_restart_with_a_dump_of_what_has_no_processes() -> None:
    machine = _machine(NO_PROCESS, model=Model.TRANSIENT)
    machine.restart("a", dump_core=True)
    machine.run_until_quiet()
    assert machine.runs == ["start a", "stop a", "start a"]
    assert machine.kills == []


# --- the rate of starts -------------------------------------------------------------------


def _crash_every(machine: Machine, seconds: float, times: int) -> None:
    for _ in range(times):
        if machine.state("a") != "online":
            return
        machine.advance(seconds)
        machine.crash("a")
        machine.run_until_quiet()


@pytest.mark.parametrize(("interval_s", "starts"), [(1, 4), (590, 4), (610, 21)])
def test_default_rate(interval_s: float, starts: int) -> None:
    """Five starts with an average interval below 600 s; the fifth is refused."""
    machine = _machine(GOOD)
    _crash_every(machine, interval_s, 20)
    assert machine.count("start a") == starts
    assert machine.state("a") == ("online" if starts == 21 else "maintenance")


def test_average_is_over_the_last_five() -> None:
    machine = _machine(GOOD)
    _crash_every(machine, 10, 3)
    machine.advance(3600)
    _crash_every(machine, 10, 20)
    assert machine.state("a") == "maintenance"
    assert machine.count("start a") == 8


@pytest.mark.parametrize("count", [1, 2, 5, 8, 20])
def test_explicit_rate_allows_that_many_failures(count: int) -> None:
    machine = _machine(GOOD, failure_count=count, failure_period_s=1000.0)
    _crash_every(machine, 1, 50)
    assert machine.state("a") == "maintenance"
    assert machine.aux("a") == "restarting_too_quickly"
    assert machine.count("start a") == count + 1  # the first start and one after each failure


@pytest.mark.parametrize("count", [1, 8])
def test_explicit_period_forgets_older_failures(count: int) -> None:
    machine = _machine(GOOD, failure_count=count, failure_period_s=50.0)
    _crash_every(machine, 50.0 / count + 1, 40)
    assert machine.state("a") == "online"


def test_only_a_count_takes_the_default_period() -> None:
    machine = _machine(GOOD, failure_count=3)
    _crash_every(machine, 190, 20)
    assert machine.count("start a") == 4
    machine = _machine(GOOD, failure_count=3)
    _crash_every(machine, 210, 20)
    assert machine.state("a") == "online"


def test_only_a_period_takes_the_default_count() -> None:
    machine = _machine(GOOD, failure_period_s=10.0)
    _crash_every(machine, 1, 20)
    assert machine.count("start a") == 6


@pytest.mark.parametrize("what", ["clear", "disable", "restart"])
def test_what_resets_the_rate(what: str) -> None:
    machine = _machine(GOOD)
    for _ in range(4):
        _crash_every(machine, 1, 3)
        match what:
            case "clear":
                machine.mark_maintenance("a")
                machine.run_until_quiet()
                machine.clear("a")
            case "disable":
                machine.disable("a")
                machine.run_until_quiet()
                machine.enable("a")
            case _:
                machine.restart("a")
        machine.run_until_quiet()
        assert machine.state("a") == "online"


def test_retries_of_one_start_are_one_start() -> None:
    machine = _machine(exits(1), exits(1), GOOD, exits(1), exits(1), GOOD)
    _crash_every(machine, 1, 1)
    assert machine.state("a") == "online"
    assert machine.count("start a") == 6
    assert len(machine.node("a").starts_s) == 2


# --- another model by a refresh -----------------------------------------------------------


@pytest.mark.parametrize("before", Model)
@pytest.mark.parametrize("after", Model)
@pytest.mark.parametrize("stop", ["exec", ":kill -9"])
def test_new_model_counts_from_the_next_start_on(before: Model, after: Model, stop: str) -> None:
    if stop != "exec" and Model.TRANSIENT in (before, after):
        return  # :kill is no stop method of a transient service
    machine = Machine(service("a", model=before, stop=stop))
    machine.reconfigure(service("a", model=after, stop=stop))
    machine.run_until_quiet()
    assert machine.runs == ["start a"]
    if before is not Model.TRANSIENT:
        machine.exit_all("a")  # noticed as before
        machine.run_until_quiet()
        assert machine.count("start a") == 2
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    starts = machine.count("start a")
    if after is not Model.TRANSIENT:
        machine.exit_all("a")
        machine.run_until_quiet()
        assert machine.count("start a") == starts + 1
    machine.disable("a")
    machine.run_until_quiet()
    assert machine.state("a") == "disabled"
    assert machine.processes("a") == 0


def test_new_model_during_a_start() -> None:
    machine = Machine()
    machine.script("a", "start", exits(0, after_s=5), GOOD)
    machine.add(service("a", model=Model.TRANSIENT))
    machine.reconfigure(service("a"))
    machine.run_until_quiet()
    assert machine.state("a") == "online"
    assert machine.abandoned == ["a"]  # that start was transient
    machine.restart("a")
    machine.run_until_quiet()
    assert machine.abandoned == ["a"]
