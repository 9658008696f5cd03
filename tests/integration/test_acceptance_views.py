"""One service through its whole life: its log, its restarter group, what svcs says each time."""

from __future__ import annotations

import json
import time

from tests.integration.case import METHOD, Case


def look(case: Case) -> dict[str, str]:
    """The restarter group, as svcprop prints it."""
    lines = case.daemon.run("svcprop", "-p", "restarter", case.fmri("a")).splitlines()
    rows = [line.split(" ", 2) for line in lines]
    return {row[0].removeprefix("restarter/"): row[2] if len(row) > 2 else "" for row in rows}


def test_a_life(case: Case) -> None:
    case.gate("a")
    case.load(
        case.service("a", "daemon 2", "gate", refresh="gate", enabled=False, stop_timeout_s=0)
    )
    case.wait("a", "disabled")
    found = look(case)
    assert found["state"] == "disabled"
    assert found["next_state"] == "none"
    assert found["auxiliary_state"] == "disable_request"
    assert found["contract"] == ""
    assert found["logfile"] == case.daemon.layout.log_of(case.fmri("a"))
    assert case.svcs("-Ho", "state,nstate,ctid", "@a").split() == ["disabled", "-", "-"]

    before_s = time.time()
    case.svcadm("enable", "-s", "@a")
    found = look(case)
    assert (found["state"], found["next_state"]) == ("online", "none")
    assert found["auxiliary_state"] == "dependencies_satisfied"
    assert found["start_method_waitstatus"] == "0"
    assert before_s <= float(found["start_method_timestamp"]) <= time.time()
    assert before_s <= float(found["state_timestamp"]) <= time.time()
    contract = found["contract"]
    assert case.svcs("-Ho", "state,nstate,ctid", "@a").split() == ["online", "-", contract]

    case.svcadm("refresh", "@a")
    assert (look(case)["state"], look(case)["next_state"]) == ("online", "online")
    assert case.state("a") == "online*"
    case.let_through("a")
    case.wait_aux("a", "online", "refresh")
    assert look(case)["state_timestamp"] == found["state_timestamp"]

    case.svcadm("restart", "@a")
    found = look(case)
    assert (found["state"], found["next_state"]) == ("online", "offline")
    assert found["auxiliary_state"] == "restart_request"
    assert case.svcs("-Ho", "sta,nsta", "@a").split() == ["ON", "OFF"]
    before = case.wait_next("a", "offline")
    assert len(case.pids("a")) == 2
    case.svcadm("mark", "-I", "maintenance", "@a")
    found = look(case)
    assert (found["state"], found["next_state"]) == ("maintenance", "none")
    assert found["contract"] == ""
    assert before["state_time"] < float(found["state_timestamp"])
    case.svcadm("disable", "-s", "@a")
    assert look(case)["auxiliary_state"] == "disable_request"

    method = f"{case.root}{METHOD}"
    assert case.log("a") == [
        "Disabled.",
        "Enabled.",
        f'Executing start method ("{method}/daemon 2").',
        'Method "start" exited with status 0.',
        "Rereading configuration.",
        f'Executing refresh method ("{method}/gate").',
        'Method "refresh" exited with status 0.',
        "Stopping because service restarting.",
        f'Executing stop method ("{method}/gate").',
        'Method "stop" failed due to signal SIGKILL.',
        "Disabled.",
        "Leaving maintenance because disable requested.",
    ]
    auxes = [(move.state, move.aux) for move in case.moves("a") if move.is_new]
    assert auxes == [
        ("disabled", "disable_request"),
        ("offline", "enable_request"),
        ("online", "dependencies_satisfied"),
        ("maintenance", "service_request"),
        ("uninitialized", "disable_request"),
        ("disabled", "disable_request"),
    ]


def test_svcprop_waits_for_a_change(case: Case) -> None:
    case.gate("a")
    case.load(case.transient("a", "gate"))
    case.wait_next("a", "online")
    waits = case.method(
        "waits",
        """
while [ "$(svcprop -p restarter/state "$1")" != online ]; do
    echo waits >"$ROOST_ROOT/gate.$file"
    # Its state may change between the look and the wait.
    timeout 2 svcprop -w -p restarter/state "$1"
done
""",
    )
    case.gate("b")
    case.load(case.transient("b", f"{waits} {case.fmri('a')}"))
    assert case.hear("b") == ["waits"]
    case.let_through("a")
    case.wait("b", "online")
    assert case.state("a") == "online"


def test_details(case: Case) -> None:
    case.load(
        case.service("a"),
        case.service(
            "b", needs={"a": "require_all/error", "file:///etc/passwd": "require_all/none"}
        ),
    )
    case.wait("b", "online")
    lines = case.svcs("-lp", "@b").splitlines()
    labels = [line[:13].rstrip() for line in lines]
    assert labels[:4] == ["fmri", "enabled", "state", "next_state"]
    values = dict(zip(labels, (line[13:] for line in lines), strict=True))
    assert values["state"] == "online"
    assert values["next_state"] == "none"
    assert values["restarter"] == "svc:/system/svc/restarter:default"
    assert values["contract_id"].split() == [str(case.contract("b"))]
    assert f"dependency   require_all/error {case.fmri('a')} (online)" in lines
    assert "dependency   require_all/none file://localhost/etc/passwd (online)" in lines
    assert values["process"].split()[1:] == ["sleep", "1000000"]
    record = json.loads(case.svcs("--json", "-p", "@b"))["instances"][0]
    assert record["state"] == "online"
    assert record["contracts"] == [case.contract("b")]
    assert [process["command"] for process in record["processes"]] == ["sleep"]
    assert case.svcs("-L", "@b").strip() == values["logfile"]
