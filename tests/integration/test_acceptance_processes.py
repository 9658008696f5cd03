"""Processes of real services: what counts as a failure, what :kill reaches, the three models."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.case import Case, is_alive, kill_and_wait

FATAL_SIGNAL = "Stopping because process received fatal signal from outside the service."
ALL_EXITED = "Stopping because all processes in service exited."


def ignoring(case: Case, what: str, *, processes: int) -> str:
    return case.service("a", f"daemon {processes}", startd={"ignore_error": what})


class TestContract:
    def test_one_of_several_killed_replaces_all(self, case: Case) -> None:
        case.load(case.service("a", "daemon 3"))
        before = case.wait("a", "online")
        pids = case.pids("a")
        assert len(pids) == 3
        os.kill(pids[1], signal.SIGKILL)
        case.wait_again("a", before)
        assert not set(pids) & set(case.pids("a"))
        assert len(case.pids("a")) == 3
        assert not any(is_alive(pid) for pid in pids)
        assert FATAL_SIGNAL in case.log("a")
        assert case.trail() == ["a start"] * 2
        auxes = [move.aux for move in case.moves("a") if move.is_new]
        assert auxes == [
            "enable_request",
            "dependencies_satisfied",
            "ct_ev_signal",
            "dependencies_satisfied",
        ]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV])
    def test_any_fatal_signal_from_outside_counts(self, case: Case, number: int) -> None:
        case.load(case.service("a", "daemon 2"))
        before = case.wait("a", "online")
        os.kill(case.pids("a")[0], number)
        case.wait_again("a", before)

    def test_ignore_error_signal(self, case: Case) -> None:
        case.load(ignoring(case, "signal", processes=2))
        before = case.wait("a", "online")
        pids = case.pids("a")
        kill_and_wait(pids[0])
        assert case.state("a") == "online"
        assert pids[1] in case.pids("a")
        # The last one gone is no matter of errors.
        os.kill(pids[1], signal.SIGKILL)
        case.wait_again("a", before)
        assert ALL_EXITED in case.log("a")
        assert case.states("a") == ["offline", "online", "offline", "online"]

    def test_a_signal_from_within_is_no_event(self, case: Case) -> None:
        case.gate("a")
        kills = case.method(
            "kills_its_child",
            """
sh -c 'sleep 1000000 & kill -9 $!; wait $!; echo $? >"$0"; exec sleep 1000000' \\
    "$ROOST_ROOT/gate.$file" &
""",
        )
        case.load(case.service("a", kills))
        assert case.hear("a") == ["137"]
        case.wait("a", "online")
        assert len(case.pids("a")) == 1
        assert case.states("a") == ["offline", "online"]

    def test_orderly_exits(self, case: Case) -> None:
        case.gate("a")
        two = case.method(
            "two_with_gate",
            """
for _ in 1 2; do
    sh -c 'read -r answer <"$0"; exit "${answer:-0}"' "$ROOST_ROOT/gate.$file" &
done
""",
        )
        case.load(case.service("a", two))
        before = case.wait("a", "online")
        case.let_through("a", 3)
        case.let_through("a", 0)
        case.wait_again("a", before)
        assert ALL_EXITED in case.log("a")
        assert FATAL_SIGNAL not in case.log("a")

    def test_core_dump_on_request(self, case: Case) -> None:
        case.load(case.service("a", "daemon 2"))
        before = case.wait("a", "online")
        pids = case.pids("a")
        case.svcadm("restart", "-d", "@a")
        case.wait_again("a", before)
        assert not set(pids) & set(case.pids("a"))
        assert case.trail() == ["a start"] * 2

    def test_kill_reaches_what_left_its_session(self, case: Case) -> None:
        # Two of the method, a session of two, and one whose ancestors are all gone.
        scatters = case.method(
            "scatters",
            """
gate=$ROOST_ROOT/gate.$file
sh -c 'echo $$ >"$0"; exec sleep 1000000' "$gate" &
sh -c 'echo $$ >"$0"; exec sleep 1000000 >/dev/null 2>&1' "$gate" &
setsid sh -c 'echo $$ >"$0"; sh -c "echo \\$\\$ >\\$0; exec sleep 1000000" "$0"; exit 0' "$gate" &
(setsid sh -c '(sh -c "echo \\$\\$ >\\$0; exec sleep 1000000" "$0" &) ; exit 0' "$gate" &)
""",
        )
        case.gate("a")
        case.load(case.service("a", scatters))
        pids = sorted(map(int, case.hear("a", 5)))
        case.wait("a", "online")
        assert case.pids("a") == pids
        case.svcadm("disable", "-s", "@a")
        assert not any(is_alive(pid) for pid in pids)
        assert case.pids("a") == []
        assert case.prop("a", "restarter/contract") == ""

    def test_a_double_fork_stays_in_the_service(self, case: Case) -> None:
        forks = case.method("forks_twice", "(setsid sh -c 'sleep 1000000 & exit 0' &)\n")
        case.load(case.service("a", forks))
        before = case.wait("a", "online")
        (pid,) = case.pids("a")
        assert "sleep" in case.svcs("-Hp", "@a")
        os.kill(pid, signal.SIGKILL)
        case.wait_again("a", before)
        (other,) = case.pids("a")
        assert other != pid

    def test_a_restart_replaces_the_processes(self, case: Case) -> None:
        case.load(case.service("a"))
        before = case.wait("a", "online")
        contract, pids = case.contract("a"), case.pids("a")
        case.svcadm("restart", "@a")
        case.wait_again("a", before)
        assert case.contract("a") > contract
        assert case.pids("a") != pids
        assert case.svcs("-Ho", "ctid", "@a").strip() == str(case.contract("a"))
        long = case.svcs("-l", "@a").splitlines()
        assert any(line.startswith(f"contract_id  {case.contract('a')}") for line in long)

    def test_killed_again_and_again_is_too_quick(self, case: Case) -> None:
        case.load(case.service("a"))
        for _ in range(3):
            before = case.wait("a", "online")
            os.kill(case.pids("a")[0], signal.SIGKILL)
            case.wait_again("a", before)
        os.kill(case.pids("a")[0], signal.SIGKILL)
        case.wait_aux("a", "maintenance", "restarting_too_quickly")
        assert case.trail() == ["a start"] * 4
        assert case.pids("a") == []

    def test_an_administrator_is_never_too_quick(self, case: Case) -> None:
        case.load(case.service("a"))
        for _ in range(7):
            before = case.wait("a", "online")
            case.svcadm("restart", "@a")
            case.wait_again("a", before)
        assert case.trail() == ["a start"] * 8


class TestTransient:
    def test_what_it_leaves_is_nobody_s(self, case: Case) -> None:
        case.load(case.service("a", "daemon", ":true", duration="transient"))
        case.wait("a", "online")
        assert case.prop("a", "restarter/contract") == ""
        case.svcadm("disable", "-s", "@a")


class TestChild:
    @pytest.mark.parametrize("duration", ["child", "wait"])
    def test_it_is_the_service(self, case: Case, duration: str) -> None:
        case.load(case.service("a", "stays", duration=duration))
        before = case.wait("a", "online")
        (pid,) = case.pids("a")
        assert case.prop("a", "restarter/start_pid") == str(pid)
        os.kill(pid, signal.SIGKILL)
        case.wait_again("a", before)
        assert case.pids("a") != [pid]
        case.svcadm("disable", "-s", "@a")
        assert sum("Executing start method" in line for line in case.log("a")) == 2
        assert case.pids("a") == []

    def test_exit_0_restarts_it_and_never_puts_it_in_maintenance(self, case: Case) -> None:
        case.gate("a")
        case.load(case.service("a", "gate", duration="child"))
        for _ in range(8):
            before = case.wait("a", "online")
            case.let_through("a")
            case.wait_again("a", before)
        assert case.trail().count("a start let through") == 8
        assert "maintenance" not in case.states("a")

    def test_failures_are_throttled_and_never_put_it_in_maintenance(self, case: Case) -> None:
        case.load(case.service("a", "exits 1", duration="child"))
        case.daemon.wait_until(
            case.fmri("a"), lambda _: len(case.trail()) >= 7, "started seven times"
        )
        assert "Failing too quickly, throttling." in case.log("a")
        assert "maintenance" not in case.states("a")
        case.svcadm("disable", "-s", "@a")

    def test_96_is_final(self, case: Case) -> None:
        case.load(case.service("a", "exits 96", duration="child"))
        case.wait_aux("a", "maintenance", "method_failed")
        assert case.trail() == ["a start"]
        assert "Start method exited with $SMF_EXIT_ERR_CONFIG." in case.explain("a")
        assert "Stopping because service exited with a configuration error." in case.log("a")

    def test_a_start_method_that_is_not_there(self, case: Case) -> None:
        case.load(case.service("a", "absent", duration="child"))
        case.wait_aux("a", "maintenance", "method_failed")

    def test_what_the_main_process_leaves_goes_with_it(self, case: Case) -> None:
        family = case.method(
            "family",
            """
sleep 1000000 &
echo $! >"$ROOST_ROOT/gate.$file"
exec sleep 1000000
""",
        )
        case.gate("a")
        case.load(case.service("a", family, duration="child"))
        before = case.wait("a", "online")
        (left,) = map(int, case.hear("a"))
        os.kill(int(case.prop("a", "restarter/start_pid")), signal.SIGKILL)
        case.wait_again("a", before)
        assert not is_alive(left)

    def test_it_has_no_time_out_of_start(self, case: Case) -> None:
        case.load(
            case.service("a", "stays", duration="child", timeout_s=1),
            case.service("b", "hangs", timeout_s=1, needs={"a": "require_all/none"}),
        )
        case.wait("a", "online")
        (pid,) = case.pids("a")
        # Started later, it has its time-out later, three times.
        case.wait("b", "maintenance")
        assert case.pids("a") == [pid]


def test_process_lines_of_svcs(case: Case) -> None:
    case.load(case.service("a", "daemon 2"))
    case.wait("a", "online")
    lines = case.svcs("-p", "@a").splitlines()
    assert lines[0].split() == ["STATE", "STIME", "FMRI"]
    for line, pid in zip(lines[2:], case.pids("a"), strict=True):
        assert line[:15].isspace()
        assert line[26:32] == f"{pid:>6}"
        assert line[33:] == "sleep"
