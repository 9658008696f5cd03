"""Methods of real services: how often they run, what their ends mean, time-outs, refresh."""

from __future__ import annotations

import pytest

from tests.integration.case import METHOD, Case, is_alive

BY_REQUEST = "(see 'svcs -xv' for details)"
TIMED_OUT = "Method or service exit timed out.  Killing contract "


def console_lines(case: Case, name: str) -> list[str]:
    """What the console said of an instance, without date and pid."""
    word = f"{case.word}/{name}:default"
    lines = case.daemon.console.read_text().splitlines()
    return [line.partition("]: ")[2] for line in lines if word in line]


class TestStart:
    def test_success_after_two_failures(self, case: Case) -> None:
        case.load(case.service("a", "codes 1 1 daemon"))
        case.wait_aux("a", "online", "dependencies_satisfied")
        assert case.trail() == ["a start"] * 3
        # It stayed offline, on its way to online, all the time.
        assert case.states("a") == ["offline", "online"]
        assert case.log("a").count('Method "start" exited with status 1.') == 2
        assert case.log("a").count('Method "start" exited with status 0.') == 1
        assert "Impact: None." in case.explain("a")

    def test_success_takes_earlier_failures_back(self, case: Case) -> None:
        case.load(case.service("a", "codes 1 1 daemon 1 1 daemon"))
        case.wait("a", "online")
        case.svcadm("restart", "@a")
        case.wait("a", "online")
        assert case.trail() == ["a start"] * 6

    def test_three_failures(self, case: Case) -> None:
        case.load(case.service("a", "exits 7"))
        case.wait_aux("a", "maintenance", "fault_threshold_reached")
        assert case.trail() == ["a start"] * 3
        assert case.states("a") == ["offline", "maintenance"]
        assert case.log("a").count('Method "start" exited with status 7.') == 3
        assert case.prop("a", "restarter/start_method_waitstatus") == str(7 << 8)
        found = case.explain("a")
        assert "Reason: Start method failed repeatedly, last exited with status 7." in found
        assert "/SMF-8000-KS" in found
        last = f"{case.word}/a:default failed repeatedly: transitioned to maintenance {BY_REQUEST}"
        assert console_lines(case, "a")[-1] == last
        assert len(console_lines(case, "a")) == 4

    @pytest.mark.parametrize(
        ("code", "name", "phrase"),
        [
            (95, "$SMF_EXIT_ERR_FATAL", "failed fatally"),
            (96, "$SMF_EXIT_ERR_CONFIG", "misconfigured"),
            (99, "$SMF_EXIT_ERR_NOSMF", "failed"),
            (100, "$SMF_EXIT_ERR_PERM", "failed"),
        ],
    )
    def test_codes_that_are_final(self, case: Case, code: int, name: str, phrase: str) -> None:
        case.load(case.service("a", f"codes {code} daemon"))
        case.wait_aux("a", "maintenance", "method_failed")
        assert case.trail() == ["a start"]
        assert f"Reason: Start method exited with {name}." in case.explain("a")
        last = f"{case.word}/a:default {phrase}: transitioned to maintenance {BY_REQUEST}"
        assert console_lines(case, "a")[-1] == last
        case.svcadm("clear", "@a")
        case.wait("a", "online")
        assert "Leaving maintenance because clear requested." in case.log("a")

    @pytest.mark.parametrize("code", [1, 2, 10, 97, 98, 255])
    def test_codes_that_are_retried(self, case: Case, code: int) -> None:
        case.load(case.service("a", f"codes {code} daemon"))
        case.wait("a", "online")
        assert case.trail() == ["a start"] * 2

    def test_death_by_a_signal_is_retried(self, case: Case) -> None:
        case.load(case.service("a", case.method("dies", "kill -SEGV $$\n")))
        case.wait_aux("a", "maintenance", "fault_threshold_reached")
        assert case.trail() == ["a start"] * 3
        assert 'Method "start" failed due to signal SIGSEGV.' in case.log("a")
        assert "failed repeatedly, last d" in case.explain("a")
        assert " SIGSEGV (11)." in case.explain("a")

    @pytest.mark.parametrize(("code", "runs"), [(1, 3), (95, 1)])
    def test_what_a_failed_start_leaves_is_ended(self, case: Case, code: int, runs: int) -> None:
        leaves = case.method("leaves", 'sleep 1000000 &\nkeep $!\nexit "$1"\n')
        case.load(case.service("a", f"{leaves} {code}"))
        case.wait("a", "maintenance")
        pids = case.kept_pids()
        assert len(pids) == runs
        assert not any(is_alive(pid) for pid in pids)
        assert case.pids("a") == []

    def test_94_means_that_no_process_stays(self, case: Case) -> None:
        case.load(case.service("a", "exits 94", "exits"))
        case.wait_aux("a", "online", "dependencies_satisfied")
        assert case.prop("a", "restarter/contract") == ""
        assert case.pids("a") == []
        case.svcadm("disable", "-s", "@a")
        assert case.trail() == ["a start", "a stop"]
        assert case.states("a") == ["offline", "online", "disabled"]

    def test_no_process_and_no_word_of_it_is_too_quick(self, case: Case) -> None:
        case.load(case.service("a", "exits 0"))
        case.wait_aux("a", "maintenance", "restarting_too_quickly")
        # The fifth start is the one that is refused.
        assert case.trail() == ["a start"] * 4
        assert case.log("a").count("Stopping because all processes in service exited.") == 4
        assert "Restarting too quickly, changing state to maintenance." in case.log("a")
        assert "Reason: Restarting too quickly." in case.explain("a")
        assert console_lines(case, "a")[-1].startswith(
            f"{case.word}/a:default restarting too quickly: transitioned to maintenance"
        )
        case.svcadm("clear", "@a")
        case.wait("a", "maintenance")

    def test_the_rate_can_be_set(self, case: Case) -> None:
        limits = (
            '<property_group name="startd" type="framework">'
            '<propval name="critical_failure_count" type="integer" value="7"/>'
            '<propval name="critical_failure_period" type="integer" value="600"/>'
        )
        made = case.service("a", "exits 0")
        case.load(made.replace('<property_group name="startd" type="framework">', limits))
        case.wait_aux("a", "maintenance", "restarting_too_quickly")
        assert case.trail() == ["a start"] * 8

    def test_transient_without_a_process(self, case: Case) -> None:
        case.load(case.transient("a"))
        case.wait("a", "online")
        assert case.pids("a") == []
        case.svcadm("disable", "-s", "@a")
        assert case.trail() == ["a start", "a stop"]

    def test_true_and_nothing_at_all_are_success_at_once(self, case: Case) -> None:
        case.load(
            case.transient("a", ":true", ":true"),
            case.transient("b", "", ""),
            case.service("c", ":true", ":kill", refresh=":true"),
            case.service("d", ":true", ":true", duration="child"),
        )
        for name in "abcd":
            case.wait(name, "online")
        case.svcadm("refresh", "@b", "@c")
        case.svcadm("disable", "-s", "@a", "@b", "@c", "@d")
        said = {name: [line for line in case.log(name) if "method" in line] for name in "abc"}
        assert said == {
            "a": ["Executing start method (:true).", "Executing stop method (:true)."],
            "b": [
                "No 'start' method defined.  Treating as :true.",
                "No 'refresh' method defined.  Treating as :true.",
                "Executing stop method (null).",
            ],
            # Without a contract there is nothing to stop.
            "c": ["Executing start method (:true).", "Executing refresh method (:true)."],
        }

    def test_a_method_that_is_not_there(self, case: Case) -> None:
        case.load(case.service("a", "absent"))
        case.wait_aux("a", "maintenance", "method_failed")
        assert "could not be run" in case.explain("a")
        assert f"{METHOD}/absent" in " ".join(case.log("a"))

    def test_a_method_that_may_not_be_executed(self, case: Case) -> None:
        path = case.root / "lib/svc/method/plain"
        path.write_text("#!/bin/sh\n")
        path.chmod(0o644)
        case.load(case.service("a", "plain"))
        case.wait_aux("a", "maintenance", "method_failed")
        path.chmod(0o755)
        case.svcadm("clear", "@a")
        case.wait_aux("a", "maintenance", "restarting_too_quickly")

    def test_kill_is_no_way_to_start(self, case: Case) -> None:
        case.load(case.service("a", ":kill"))
        case.wait_aux("a", "maintenance", "method_failed")

    def test_a_token_that_has_no_value(self, case: Case) -> None:
        case.load(case.service("a", "exits %{no/such}"))
        case.wait_aux("a", "maintenance", "method_failed")
        assert case.trail() == []

    def test_the_next_request_waits_for_the_method(self, case: Case) -> None:
        case.gate("a")
        case.load(case.transient("a", "gate"))
        case.wait_next("a", "online")
        case.svcadm("restart", "@a")
        case.svcadm("refresh", "@a")
        case.let_through("a")
        case.let_through("a")
        case.daemon.wait_until(
            case.fmri("a"), lambda _: len(case.trail()) >= 5, "started a second time"
        )
        case.wait("a", "online")
        once = ["a start", "a start let through"]
        assert case.trail() == [*once, "a stop", *once]

    def test_a_disable_waits_for_the_start_method(self, case: Case) -> None:
        case.gate("a")
        case.load(case.transient("a", "gate"))
        case.wait_next("a", "online")
        case.svcadm("disable", "@a")
        assert case.state("a") == "offline*"
        case.let_through("a")
        case.wait("a", "disabled")
        assert case.trail() == ["a start", "a start let through", "a stop"]


class TestTimeOut:
    def test_of_start_ends_everything_three_times(self, case: Case) -> None:
        case.load(case.service("a", "hangs", timeout_s=1))
        case.wait_aux("a", "maintenance", "fault_threshold_reached")
        assert case.trail() == ["a start"] * 3
        pids = case.kept_pids()
        assert len(pids) == 6
        assert not any(is_alive(pid) for pid in pids)
        assert sum(line.startswith(TIMED_OUT) for line in case.log("a")) == 3
        assert case.log("a").count('Method "start" failed due to signal SIGKILL.') == 3
        assert "SIGKILL (9)" in case.explain("a")

    def test_of_start_is_final_if_it_is_set_so(self, case: Case) -> None:
        final = (
            '<property_group name="startd" type="framework">'
            '<propval name="timeout_retry" type="boolean" value="false"/>'
        )
        made = case.service("a", "hangs", timeout_s=1)
        case.load(made.replace('<property_group name="startd" type="framework">', final))
        case.wait_aux("a", "maintenance", "method_failed")
        assert case.trail() == ["a start"]
        assert not any(is_alive(pid) for pid in case.kept_pids())
        last = f"{case.word}/a:default timed out: transitioned to maintenance {BY_REQUEST}"
        assert console_lines(case, "a")[-1] == last
        assert "timed out" in case.explain("a")

    def test_of_stop(self, case: Case) -> None:
        case.load(case.service("a", "daemon", "hangs", stop_timeout_s=1))
        case.wait("a", "online")
        case.svcadm("disable", "-s", "@a", status=3)
        case.wait_aux("a", "maintenance", "fault_threshold_reached")
        assert case.trail() == ["a start", *["a stop"] * 3]
        assert not any(is_alive(pid) for pid in case.kept_pids())

    def test_of_refresh(self, case: Case) -> None:
        case.load(case.service("a", refresh="hangs", timeout_s=1))
        case.wait("a", "online")
        case.svcadm("refresh", "@a")
        case.wait_aux("a", "maintenance", "fault_threshold_reached")
        assert case.trail() == ["a start", *["a refresh"] * 3]
        assert not any(is_alive(pid) for pid in case.kept_pids())

    def test_of_processes_that_a_stop_method_leaves(self, case: Case) -> None:
        case.load(case.service("a", "stubborn", "exits 0", stop_timeout_s=1))
        case.wait("a", "online")
        case.svcadm("disable", "-s", "@a", status=3)
        case.wait_aux("a", "maintenance", "method_failed")
        assert case.trail() == ["a start", "a stop"]
        assert not any(is_alive(pid) for pid in case.kept_pids())
        assert sum(line.startswith(TIMED_OUT) for line in case.log("a")) == 1
        assert case.pids("a") == []

    def test_of_processes_that_ignore_kill(self, case: Case) -> None:
        case.load(case.service("a", "stubborn", ":kill", stop_timeout_s=1))
        case.wait("a", "online")
        case.svcadm("restart", "@a")
        case.wait_aux("a", "maintenance", "method_failed")
        assert not any(is_alive(pid) for pid in case.kept_pids())
        assert "Executing stop method (:kill)." in case.log("a")


class TestStop:
    def test_failures_are_retried(self, case: Case) -> None:
        case.load(case.transient("a", stop="codes 1 1 0"))
        case.wait("a", "online")
        case.svcadm("disable", "-s", "@a")
        assert case.trail() == ["a start", *["a stop"] * 3]
        assert case.states("a") == ["offline", "online", "disabled"]

    def test_three_failures(self, case: Case) -> None:
        case.load(case.service("a", stop="exits 1"))
        case.wait("a", "online")
        case.svcadm("disable", "-s", "@a", status=3)
        case.wait_aux("a", "maintenance", "fault_threshold_reached")
        assert case.trail() == ["a start", *["a stop"] * 3]
        assert "Method failed repeatedly." in case.explain("a")

    def test_96_is_final(self, case: Case) -> None:
        case.load(case.service("a", stop="exits 96"))
        case.wait("a", "online")
        pids = case.pids("a")
        case.svcadm("restart", "@a")
        case.wait_aux("a", "maintenance", "method_failed")
        assert case.trail() == ["a start", "a stop"]
        # Nobody has stopped it, and an administrator has to see that.
        assert case.pids("a") == pids
        assert "Method failed. Stop method exited with $SMF_EXIT_ERR_CONFIG." in case.explain("a")

    @pytest.mark.parametrize("stop", ["absent", "plain"])
    def test_one_that_cannot_be_run(self, case: Case, stop: str) -> None:
        if stop == "plain":
            (case.root / "lib/svc/method/plain").write_text("")
            (case.root / "lib/svc/method/plain").chmod(0o644)
        case.load(case.service("a", stop=stop))
        case.wait("a", "online")
        case.svcadm("disable", "@a")
        case.wait_aux("a", "maintenance", "method_failed")

    def test_kill_has_no_sense_in_a_transient_service(self, case: Case) -> None:
        case.load(case.transient("a", stop=":kill"))
        case.wait("a", "online")
        case.svcadm("disable", "@a")
        case.wait_aux("a", "maintenance", "method_failed")

    def test_a_failed_stop_is_cleared(self, case: Case) -> None:
        case.load(case.service("a", stop="codes 96 0", stop_timeout_s=1))
        case.wait("a", "online")
        pids = case.pids("a")
        case.svcadm("restart", "@a")
        case.wait("a", "maintenance")
        case.svcadm("clear", "@a")
        case.wait("a", "online")
        assert not set(pids) & set(case.pids("a"))

    def test_the_stop_method_finds_the_contract(self, case: Case) -> None:
        kill = case.method(
            "kill_contract",
            '. "$ROOST_ROOT/lib/svc/share/smf_include.sh"\nsmf_kill_contract "$1" TERM 1\n',
        )
        case.load(case.service("a", "daemon 3", f"{kill} %{{restarter/contract}}"))
        case.wait("a", "online")
        assert len(case.pids("a")) == 3
        case.svcadm("disable", "-s", "@a")
        assert case.trail() == ["a start", "a stop"]


class TestRefresh:
    def test_without_a_method(self, case: Case) -> None:
        case.load(case.service("a"))
        case.wait("a", "online")
        pids = case.pids("a")
        case.svcadm("refresh", "@a")
        case.wait_aux("a", "online", "refresh")
        assert case.pids("a") == pids
        assert "Rereading configuration." in case.log("a")
        assert case.states("a") == ["offline", "online"]

    def test_with_a_method(self, case: Case) -> None:
        case.load(case.service("a", refresh="exits 0"))
        case.wait("a", "online")
        pids = case.pids("a")
        case.svcadm("refresh", "@a")
        case.wait_aux("a", "online", "refresh")
        assert case.trail() == ["a start", "a refresh"]
        assert case.pids("a") == pids

    def test_kill_hup_reaches_the_service(self, case: Case) -> None:
        case.gate("a")
        case.load(case.service("a", "hears", refresh=":kill -HUP"))
        case.wait("a", "online")
        pids = case.pids("a")
        case.svcadm("refresh", "@a")
        assert case.hear("a") == ["hup"]
        case.wait_aux("a", "online", "refresh")
        assert "Executing refresh method (:kill -1)." in case.log("a")
        assert case.pids("a")[0] == pids[0]

    def test_96_is_final(self, case: Case) -> None:
        case.load(case.service("a", refresh="exits 96"))
        case.wait("a", "online")
        case.svcadm("refresh", "@a")
        case.wait_aux("a", "maintenance", "method_failed")
        assert case.trail() == ["a start", "a refresh"]
        assert case.pids("a") == []
        found = case.explain("a")
        assert "Method failed. Refresh method exited with $SMF_EXIT_ERR_CONFIG." in found

    def test_one_that_does_not_run_only_rereads(self, case: Case) -> None:
        case.load(case.service("a", enabled=False, refresh="exits 0"))
        case.wait("a", "disabled")
        case.svcadm("refresh", "@a")
        case.wait("a", "disabled")
        assert case.trail() == []


class TestTokens:
    def test_a_value_counts_from_refresh_on(self, case: Case) -> None:
        says = case.method("says", 'note "$@"\n')
        made = case.transient("a", f"{says} %i %{{config/text}}", f"{says} %m %{{text}}")
        groups = (
            '<property_group name="config" type="application">'
            '<propval name="text" type="astring" value="old value"/></property_group>'
            '<property_group name="application" type="application">'
            '<propval name="text" type="astring" value="bare"/></property_group>'
        )
        case.load(made.replace("</service>", f"{groups}</service>"))
        case.wait("a", "online")
        case.svccfg("a", "setprop", 'config/text = astring: "new; value"')
        case.svcadm("restart", "@a")
        case.wait("a", "online")
        case.svcadm("refresh", "@a")
        assert case.prop("a", "config/text") == "new\\;\\ value"
        case.svcadm("restart", "@a")
        case.wait("a", "online")
        said = [line for line in case.trail() if line not in ("a start", "a stop")]
        assert said == [
            "a default old value",
            "a stop bare",
            "a default old value",
            "a stop bare",
            "a default new; value",
        ]
        old, new = 'Executing start method ("', " default new\\;\\ value"
        assert any(line.startswith(old) and new in line for line in case.log("a"))
