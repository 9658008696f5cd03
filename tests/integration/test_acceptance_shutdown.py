"""The end of svc.startd and its next start: order, what hangs, what is left, what is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roost.api.client import Client
from tests.integration.case import Case, is_alive, processes_below, wipe_out
from tests.integration.daemon import BIN, HEADER, WAIT_S, Daemon, service


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def boot(root: Path) -> Iterator[Callable[[], Daemon]]:
    """Starts svc.startd, each time for the same root."""
    started: list[Daemon] = []

    def start() -> Daemon:
        started.append(Daemon(root))
        return started[-1]

    yield start
    for daemon in started:
        wipe_out(daemon)


@pytest.fixture
def daemon(boot: Callable[[], Daemon]) -> Daemon:
    return boot()


def end(daemon: Daemon) -> None:
    """SIGTERM, and wait; not a second one."""
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(WAIT_S) == 0


def test_dependents_stop_before_what_they_need(daemon: Daemon) -> None:
    """At shutdown every grouping and every restart_on counts."""
    case = Case(daemon)
    case.load(
        case.service("a", "polite"),
        case.service("b", "polite", needs={"a": "require_all/none"}),
        case.service("c", "polite", needs={"b": "require_any/error"}),
        case.service("d", "polite", needs={"a": "optional_all/none"}),
        case.transient("e", needs={"c d": "require_all/none"}),
        case.service("x", "polite", needs={"nobody": "exclude_all/none"}),
    )
    case.wait("e", "online")
    case.wait("x", "online")
    end(daemon)
    order = [line.split()[0] for line in case.trail() if not line.endswith("start")]
    assert sorted(order) == ["a", "b", "c", "d", "e", "x"]
    for first, later in ("ec", "ed", "cb", "ba", "da"):
        assert order.index(first) < order.index(later), order
    assert not processes_below(daemon.root)
    assert "The system is coming down.  Please wait." in daemon.console.read_text()
    log = Path(daemon.layout.log_of(case.fmri("a"))).read_text()
    assert "Executing stop method (:kill)." in log


def test_no_process_is_left(daemon: Daemon) -> None:
    """Also none of transient services, abandoned contracts, and those in maintenance."""
    case = Case(daemon)
    case.load(
        case.service("contract", "daemon 3"),
        case.service("child", "stays", duration="child"),
        case.service("transient", "daemon", ":true", duration="transient"),
        case.service("stubborn", "stubborn", stop_timeout_s=1),
        case.service("wrong_stop", stop="exits 96"),
        case.service("dropped"),
        case.service("starting", "hangs", timeout_s=0),
        case.service("blind", "absent"),
    )
    for name in ("contract", "child", "transient", "stubborn", "wrong_stop", "dropped"):
        case.wait(name, "online")
    case.wait_next("starting", "online")
    case.svcadm("mark", "-I", "maintenance", "@dropped")
    case.svcadm("disable", "@wrong_stop")
    case.wait("wrong_stop", "maintenance")
    assert len(processes_below(daemon.root)) > 8
    end(daemon)
    assert not processes_below(daemon.root)


def test_a_second_sigterm_does_not_wait(daemon: Daemon) -> None:
    case = Case(daemon)
    case.gate("b")
    case.method(
        "hangs_loudly",
        """
sleep 1000000 &
keep $!
setsid sh -c 'echo $$ >>"$ROOST_ROOT/pids"; echo hangs >"$0"; sleep 1000000; exit 0' \\
    "$ROOST_ROOT/gate.$file" &
wait
""",
    )
    case.load(
        case.service("a", "stubborn", stop_timeout_s=0),
        case.transient("b", stop="hangs_loudly", timeout_s=0),
    )
    case.wait("a", "online")
    case.wait("b", "online")
    daemon.process.send_signal(signal.SIGTERM)
    case.wait_next("a", "offline")
    assert case.hear("b") == ["hangs"]
    assert daemon.process.poll() is None
    end(daemon)
    assert not processes_below(daemon.root)
    # Nothing was tried once more.
    assert case.trail("b") == ["b start", "b stop"]
    pids = case.kept_pids()
    assert len(pids) == 3
    assert not any(is_alive(pid) for pid in pids)
    assert "Killing 2 services that did not stop." in daemon.console.read_text()


def test_nothing_is_started_on_the_way_down(daemon: Daemon) -> None:
    case = Case(daemon)
    case.gate("a")
    case.load(
        case.transient("a", stop="gate"),
        case.service("b", enabled=False),
        case.service("c", "stays", duration="child"),
    )
    case.wait("a", "online")
    case.wait("c", "online")
    daemon.process.send_signal(signal.SIGTERM)
    case.wait_next("a", "offline")
    case.svcadm("enable", "@b")
    assert case.state("b") in ("disabled", "offline")
    case.let_through("a")
    assert daemon.process.wait(WAIT_S) == 0
    assert case.trail("b") == []
    assert sum("Executing start method" in line for line in case.log("c")) == 1
    case.close()


def test_roost_shutdown_does_the_same(daemon: Daemon) -> None:
    case = Case(daemon)
    case.load(case.service("a", "polite"))
    case.wait("a", "online")
    daemon.run("roost", "shutdown")
    assert daemon.process.wait(WAIT_S) == 0
    assert case.trail() == ["a start", "a ended"]
    assert not processes_below(daemon.root)


def test_a_second_daemon_is_refused(daemon: Daemon) -> None:
    daemon.run("svcs", "-a")
    second = subprocess.run(
        [BIN / "svc.startd", "-R", daemon.root],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert second.returncode != 0
    assert second.stderr.startswith(
        f"svc.startd: cannot start svc.startd for {daemon.root}: "
        f"process {daemon.process.pid} does that already\n"
    )
    daemon.run("svcs", "-a")


def test_temporary_changes_end_with_the_boot(daemon: Daemon, boot: Callable[[], Daemon]) -> None:
    case = Case(daemon)
    case.load(
        case.service("a"),
        case.service("b", enabled=False),
        case.service("c"),
        case.service("d"),
    )
    for name in "acd":
        case.wait(name, "online")
    case.svcadm("disable", "-st", "@a")
    case.svcadm("enable", "-st", "@b")
    case.svcadm("disable", "-s", "@c")
    case.svcadm("mark", "maintenance", "@d")
    case.wait("d", "maintenance")
    end(daemon)
    again = boot()
    after = Case(again)
    after.word = case.word
    after.wait("a", "online")
    after.wait("b", "disabled")
    after.wait("c", "disabled")
    after.wait("d", "online")
    assert "(temporary)" not in after.svcs("-l", "@a", "@b")
    again.stop()


def test_killed_with_all_its_services_it_starts_anew(
    daemon: Daemon, root: Path, boot: Callable[[], Daemon]
) -> None:
    """Without cgroups no service survives its svc.startd; the next one begins from nothing."""
    case = Case(daemon)
    case.load(case.service("a"), case.service("b", needs={"a": "require_all/none"}))
    case.wait("b", "online")
    old = processes_below(root)
    assert old
    daemon.kill()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    again = boot()
    after = Case(again)
    after.word = case.word
    after.wait("b", "online")
    assert after.trail() == ["a start", "b start"] * 2
    assert not set(old) & set(processes_below(root))
    again.stop()


def test_the_import_at_the_boot_can_be_broken_off(root: Path, boot: Callable[[], Daemon]) -> None:
    made = root / "lib/svc/manifest/site"
    made.mkdir(parents=True)
    for number in range(200):
        (made / f"m{number}.xml").write_text(
            f'{HEADER}<service_bundle type="manifest" name="m">'
            f"{service(f'boot/m{number}', 'sleep 1000000 &')}</service_bundle>"
        )
    broken_off = boot()
    end(broken_off)
    assert not processes_below(root)
    again = boot()
    booted: set[str] = set()
    with Client(again.layout) as client:
        for reply in client.follow("Manager.Subscribe", {}, time.monotonic() + WAIT_S):
            if reply["transition"]["state"] == "online":
                booted.add(reply["transition"]["fmri"])
            if len(booted) == 200:
                break
    end(again)
    assert not processes_below(root)


def test_manifests_of_the_root_are_imported_before_the_boot(
    root: Path, boot: Callable[[], Daemon]
) -> None:
    made = root / "lib/svc/manifest/site"
    made.mkdir(parents=True)
    method = root / "lib/svc/method"
    method.mkdir(parents=True)
    first = boot()
    case = Case(first)
    file = made / "test.xml"
    case.load(case.service("a"), case.service("b", needs={"a": "require_all/none"}))
    case.wait("b", "online")
    case.svcadm("disable", "-s", "@b")
    file.write_text((root / "test.xml").read_text())
    first.stop()
    again = boot()
    after = Case(again)
    after.word = case.word
    after.wait("a", "online")
    # What the administrator said is not undone by the import.
    after.wait("b", "disabled")
    again.stop()


def test_what_an_earlier_startd_left_running_is_not_started_beside_it(
    boot: Callable[[], Daemon],
) -> None:
    """After kill -9 of svc.startd the next one says what still runs, and waits for a person."""
    daemon = boot()
    daemon.load(
        service("site/left", "sleep 1000000 &")
        + service("site/above", needs={"svc:/site/left": "require_all/none"})
    )
    fmri = "svc:/site/left:default"
    daemon.wait_state("svc:/site/above:default", "online")
    old = int(daemon.run("svcs", "-Hp", fmri).split()[-2])
    daemon.kill()

    daemon = boot()
    daemon.wait_state(fmri, "maintenance")
    assert is_alive(old)
    said = daemon.run("svcs", "-x")
    assert f"An earlier svc.startd left processes of it running: {old}." in said
    assert f"Type: kill {old} && svcadm clear {fmri}" in said
    assert daemon.run("svcs", "-H", "-o", "state", "above").strip() == "offline"
    assert "still runs from before: transitioned to maintenance" in daemon.console.read_text()

    os.kill(old, signal.SIGKILL)
    daemon.run("svcadm", "clear", fmri)
    daemon.wait_state("svc:/site/above:default", "online")
    assert len(processes_below(daemon.root)) == 1
