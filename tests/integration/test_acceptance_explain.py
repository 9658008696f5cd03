"""What svcs -x, svcs and the console say of real services that do not run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.case import Case, wipe_out
from tests.integration.daemon import Daemon


class TestMaintenance:
    def test_the_block_as_a_whole(self, case: Case) -> None:
        facts = (
            "<template><common_name><loctext xml:lang='C'>quotes</loctext></common_name>"
            "<documentation><manpage title='quotes' section='8' manpath='/opt/man'/>"
            "</documentation></template>"
        )
        a = case.service("a", "exits 95").replace("</service>", f"{facts}</service>")
        case.load(
            a,
            case.service("b", needs={"a": "require_all/none"}),
            case.service("c", needs={"b": "require_all/none"}),
        )
        case.wait("a", "maintenance")
        lines = case.explain("a", "-v").splitlines()
        assert lines[0] == f"{case.fmri('a')} (quotes)"
        assert lines[1].startswith(" State: maintenance since ")
        assert lines[2:] == [
            "Reason: Start method exited with $SMF_EXIT_ERR_FATAL.",
            "   See: man:roost-messages(7)/SMF-8000-KS",
            "   See: man -M /opt/man -s 8 quotes",
            f"   See: {case.daemon.layout.log_of(case.fmri('a'))}",
            "Impact: 2 dependent services are not running:",
            f"        {case.fmri('b')}",
            f"        {case.fmri('c')}",
            f"  Type: svcadm clear {case.fmri('a')}",
        ]
        short = case.explain("a").splitlines()
        assert "Impact: 2 dependent services are not running.  (Use -v for list.)" in short

    @pytest.mark.parametrize(
        ("start", "more", "reason", "message"),
        [
            ("exits 95", {}, "Start method exited with $SMF_EXIT_ERR_FATAL.", "KS"),
            ("exits 96", {}, "Start method exited with $SMF_EXIT_ERR_CONFIG.", "KS"),
            ("exits 3", {}, "Start method failed repeatedly, last exited with status 3.", "KS"),
            ("kills_itself", {}, "failed repeatedly, last died on SIGKILL (9).", "KS"),
            ("hangs", {"timeout_s": 1}, "last timed out and died on SIGKILL (9).", "KS"),
            ("exits 0", {}, "Restarting too quickly.", "L5"),
            ("absent", {}, "Start method could not be run: cannot execute", "KS"),
        ],
    )
    def test_by_cause(
        self, case: Case, start: str, more: dict[str, Any], reason: str, message: str
    ) -> None:
        case.method("kills_itself", "kill -KILL $$\n")
        case.load(case.service("a", start, **more))
        case.wait("a", "maintenance")
        found = case.explain("a")
        assert reason in found
        assert f"/SMF-8000-{message}\n" in found
        assert f"  Type: svcadm clear {case.fmri('a')}" in found
        record = json.loads(case.svcs("--json", "-x", "@a"))["explanations"][0]
        assert record["state"] == "maintenance"
        assert record["type_this"] == f"svcadm clear {case.fmri('a')}"

    def test_by_request_of_a_service(self, case: Case) -> None:
        marks = case.method("marks", 'exec svcadm mark maintenance "$1"\n')
        case.load(case.service("a"))
        case.wait("a", "online")
        case.load(case.transient("b", f"{marks} {case.fmri('a')}"))
        found = case.wait("a", "maintenance")
        assert found["auxiliary_state"] == "service_request"
        assert case.prop("a", "restarter/auxiliary_fmri") == case.fmri("b")
        explained = case.explain("a")
        assert f"Reason: Maintenance requested by {case.fmri('b')}." in explained
        assert "SMF-8000-R4" in explained

    def test_a_failed_stop(self, case: Case) -> None:
        case.load(case.service("a", stop="exits 1"))
        case.wait("a", "online")
        case.svcadm("restart", "@a")
        case.wait("a", "maintenance")
        found = case.explain("a")
        assert "Method failed repeatedly. Stop method last exited with status 1." in found
        assert "SMF-8000-7Y" in found

    def test_a_cycle(self, case: Case) -> None:
        case.load(case.service("a", needs={"b": "require_all/none"}))
        case.load(case.service("b", needs={"a": "require_all/none"}))
        case.wait("b", "maintenance")
        a, b = case.fmri("a"), case.fmri("b")
        found = case.explain("b", "-v")
        cycle = f"The cycle is {b} -> {a} -> {b}."
        assert f"Reason: Completes a dependency cycle. {cycle}" in found
        assert "SMF-8000-HP" in found
        assert f"Impact: 1 dependent service is not running:\n        {a}" in found
        assert f"  Type: svcadm refresh {b} && svcadm clear {b}" in found


class TestOffline:
    def test_absent_dependency(self, case: Case) -> None:
        case.load(case.service("a", needs={"nobody": "require_all/none"}))
        case.wait("a", "offline")
        found = case.explain("a")
        assert f"Reason: Dependency {case.fmri('nobody')} is absent." in found
        assert "SMF-8000-E2" in found

    def test_absent_file(self, case: Case) -> None:
        file = case.root / f"{case.word} x"
        case.load(case.service("a", needs={f"file://localhost{case.root}/no": "require_all/none"}))
        case.wait("a", "offline")
        found = case.explain("a")
        path = f"{case.root}/no"
        assert f"Dependency file://localhost{path} is absent." in found
        assert f"  Type: touch {path} && svcadm refresh {case.fmri('a')}" in found
        assert not file.exists()

    def test_disabled_dependency_two_hops_away(self, case: Case) -> None:
        case.load(
            case.service("a", enabled=False),
            case.service("b", needs={"a": "require_all/none"}),
            case.service("c", needs={"b": "require_all/none"}),
        )
        case.wait("c", "offline")
        found = case.explain("c", "-v").splitlines()
        assert f"Reason: Service {case.fmri('a')} is disabled." in found
        assert "   See: man:roost-messages(7)/SMF-8000-GE" in found
        path = found.index(f"  Path: {case.fmri('c')}")
        assert found[path + 1 : path + 3] == [
            f"          {case.fmri('b')}",
            f"            {case.fmri('a')}",
        ]
        assert found[-1] == f"  Type: svcadm enable {case.fmri('a')}"
        case.svcadm("enable", "-s", "@a")
        case.wait("c", "online")

    def test_excluded_service(self, case: Case) -> None:
        case.load(case.service("a"), case.service("b", needs={"a": "exclude_all/none"}))
        case.wait("a", "online")
        found = case.explain("b")
        assert f"Excluded service {case.fmri('a')} is running." in found
        assert "SMF-8000-FJ" in found

    def test_a_restarter_that_is_not_there(self, case: Case) -> None:
        restarter = '<restarter><service_fmri value="svc:/nobody/restarts:default"/></restarter>'
        a = case.service("a", needs={"b": "optional_all/none"})
        case.load(a.replace("<dependency", f"{restarter}<dependency", 1))
        case.wait("a", "uninitialized")
        found = case.explain("a")
        assert "Reason: Restarter svc:/nobody/restarts:default does not exist." in found
        assert "SMF-8000-3P" in found
        assert case.svcs("-H", "-R", "svc:/nobody/restarts:default").split()[-1] == case.fmri("a")

    def test_starting(self, case: Case) -> None:
        case.gate("a")
        case.load(case.transient("a", "gate"))
        case.wait_next("a", "online")
        found = case.explain("a")
        assert "Reason: Start method is running." in found
        assert "SMF-8000-C4" in found
        case.let_through("a")
        case.wait("a", "online")

    def test_disabled_while_it_starts(self, case: Case) -> None:
        case.gate("a")
        case.load(case.transient("a", "gate", timeout_s=0))
        case.wait_next("a", "online")
        case.svcadm("disable", "@a")
        assert "Start method is running. It may take as long as it needs." in case.explain("a")
        case.let_through("a")
        case.wait("a", "disabled")
        assert "Reason: Disabled by an administrator." in case.explain("a")

    def test_stopping(self, case: Case) -> None:
        case.gate("a")
        case.load(case.transient("a", stop="gate"))
        case.wait("a", "online")
        case.svcadm("disable", "@a")
        assert "Stop method is running." in case.explain("a")
        assert case.svcs("-Ho", "sta,nsta", "@a").split() == ["ON", "DIS"]
        case.let_through("a")
        case.wait("a", "disabled")


class TestOthers:
    def test_online(self, case: Case) -> None:
        case.load(case.service("a"))
        case.wait("a", "online")
        lines = case.explain("a").splitlines()
        assert lines[1].startswith(" State: online since ")
        assert lines[-1] == "Impact: None."
        assert not any(line.startswith("Reason") for line in lines)

    def test_disabled(self, case: Case) -> None:
        case.load(case.service("a", enabled=False))
        found = case.explain("a")
        assert "Reason: Disabled by an administrator." in found
        assert "SMF-8000-05" in found
        assert f"Type: svcadm enable {case.fmri('a')}" in found

    def test_degraded(self, case: Case) -> None:
        case.load(case.service("a"))
        case.wait("a", "online")
        case.svcadm("mark", "degraded", "@a")
        found = case.explain("a")
        assert "Reason: Degraded by an administrator." in found
        assert "SMF-8000-DX" in found

    def test_nothing_of_that_name(self, case: Case) -> None:
        assert "cannot" in case.svcs("-x", f"{case.word}/nobody", status=1)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Case]:
    """A daemon with nothing else in it but what roost ships."""
    daemon = Daemon(tmp_path / "root").settled()
    made = Case(daemon)
    yield made
    made.close()
    wipe_out(daemon)


def test_root_causes_only_and_those_with_most_impact_first(alone: Case) -> None:
    assert alone.svcs("-x") == ""
    alone.load(
        alone.service("fine"),
        alone.service("broken", "exits 96"),
        alone.service("off", enabled=False),
        alone.service("victim1", needs={"off": "require_all/none"}),
        alone.service("victim2", needs={"victim1": "require_all/none"}),
        alone.service("victim3", needs={"broken": "require_all/none"}),
        alone.service("unneeded", enabled=False),
    )
    alone.wait("broken", "maintenance")
    alone.wait("fine", "online")
    blocks = alone.svcs("-xv").split("\n\n")
    assert [block.split()[0] for block in blocks] == [alone.fmri("off"), alone.fmri("broken")]
    assert f"        {alone.fmri('victim2')}" in blocks[0].splitlines()
    alone.svcadm("enable", "-s", "@off")
    alone.wait("victim2", "online")
    assert alone.svcs("-x").split()[0] == alone.fmri("broken")
    # A service that comes up by itself is no cause.
    alone.svcadm("disable", "-s", "@broken")
    assert alone.svcs("-x").split()[0] == alone.fmri("broken")
    alone.svcadm("disable", "-s", "@victim3")
    assert alone.svcs("-x") == ""


def test_states_letters_and_times(alone: Case) -> None:
    alone.gate("starting")
    alone.load(
        alone.service("on"),
        alone.service("off", enabled=False),
        alone.service("broken", "exits 96"),
        alone.service("waiting", needs={"off": "require_all/none"}),
        alone.transient("starting", "gate"),
        alone.service("poor"),
    )
    alone.wait("broken", "maintenance")
    alone.wait("poor", "online")
    alone.wait("on", "online")
    alone.wait_next("starting", "online")
    alone.svcadm("mark", "degraded", "@poor")
    lines = alone.svcs("-aHo", "inst,svc,sta,nsta,s,n,sn,state,nstate", "-s", "fmri").splitlines()
    rows = {line.split()[1].rpartition("/")[2]: line.split()[2:] for line in lines}
    assert rows == {
        "on": ["ON", "-", "1", "-", "1-", "online", "-"],
        "off": ["DIS", "-", "d", "-", "d-", "disabled", "-"],
        "broken": ["MNT", "-", "m", "-", "m-", "maintenance", "-"],
        "waiting": ["OFF", "-", "0", "-", "0-", "offline", "-"],
        "starting": ["OFF", "ON", "0*", "1", "01", "offline", "online"],
        "poor": ["DGD", "-", "D", "-", "D-", "degraded", "-"],
        "manifest-import": ["ON", "-", "1", "-", "1-", "online", "-"],
    }
    states = [line.split()[0] for line in alone.svcs("-aH").splitlines()]
    assert [state.removesuffix("*") for state in states] == [
        "disabled",
        "online",
        "online",
        "degraded",
        "offline",
        "offline",
        "maintenance",
    ]
    assert sorted(states)[3:5] == ["offline", "offline*"]
    alone.let_through("starting")
    alone.wait("starting", "online")
