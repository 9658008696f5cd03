"""Contracts with real processes: who belongs to a service, and what becomes of them."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.engine.commands import Scope
from roost.engine.events import ExitStatus, Fault
from roost.restarter.ports import RestarterPort
from roost.restarter.procfs import ProcFs
from tests.integration.restarter_house import (
    REFRESH,
    START,
    STOP,
    Happening,
    House,
    X,
    Y,
    emptied,
    exited,
    open_house,
)

DAEMON = "sleep 1000"
ESCAPES = {
    "background": "sleep 1000 &",
    "double fork": "(sleep 1000 &)",
    "own session": "setsid sleep 1000 &",
    "double fork and session": "setsid sh -c 'sleep 1000 & exit 0' &",
    "session twice": "setsid sh -c '(setsid sleep 1000 &) ; exit 0'",
    "no environment": "env -i /bin/sh -c 'sleep 1000 &'",
    "no environment, own session": "setsid env -i sleep 1000 &",
    "only SMF's variables": "setsid env -u ROOST_CONTRACT sleep 1000 >/dev/null 2>&1 &",
    "nothing left of it": """
        setsid env -i sleep 1000 >/dev/null 2>&1 &
        while read -r name </proc/$!/comm; [ "$name" != sleep ]; do :; done""",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("how", ESCAPES)
def test_a_daemon_stays_in_its_contract_however_it_leaves_its_parent(
    house: House, how: str
) -> None:
    daemon = house.script("daemon", f"{ESCAPES[how]}\nexit 0")
    assert house.finish(daemon) == ExitStatus(code=0)
    house.until(lambda: [p.command for p in house.restarter.processes(X)] == ["sleep"])
    assert emptied() not in house.diary

    house.kill(signal.SIGTERM)
    house.until_told(emptied())
    assert house.diary == [exited(0), emptied()]
    assert house.restarter.contract_ids(X) == ()
    assert house.restarter.processes(X) == []


@pytest.mark.parametrize(
    "orphan",
    [
        # known by its session only
        "env -i sleep 1000 >/dev/null 2>&1 &",
        # known by its log only
        "setsid env -i sleep 1000 &",
        # known by SMF's variables only
        "setsid env -i SMF_FMRI=$SMF_FMRI SMF_METHOD=start sleep 1000 >/dev/null 2>&1 &",
    ],
)
def test_an_orphan_is_known_even_if_no_tracked_process_died(house: House, orphan: str) -> None:
    daemon = house.script("daemon", f"({orphan})\nexec sleep 1000")
    house.finish(house.script("start", f"{daemon} &\nexit 0"))
    house.until(lambda: [p.arguments for p in house.restarter.processes(X)] == ["sleep 1000"] * 2)
    house.kill(signal.SIGTERM)
    house.until_told(emptied())


def test_an_orphan_of_an_abandoned_contract_joins_no_other(house: House) -> None:
    fifo = house.root / "fifo"
    os.mkfifo(fifo)
    text = f"read line < {fifo}\nsetsid sleep 4321 >/dev/null 2>&1 &\nexit 0"
    daemon = house.script("daemon", text)
    house.finish(house.script("x", f"{daemon} &\nexit 0"), instance=X)
    house.finish(house.script("y", "sleep 1000 &\nsleep 1000 &\nexit 0"), instance=Y)
    house.until(lambda: len(house.pids(X)) == 1 and len(house.pids(Y)) == 2)
    (left,) = house.pids(X)
    first, second = house.pids(Y)
    house.restarter.abandon(X)
    fifo.write_text("go\n")
    os.kill(first, signal.SIGKILL)
    proc = ProcFs()

    def is_dead(pid: int) -> bool:
        stat = proc.stat(pid)
        return stat is not None and stat.state == "Z"

    # One reading finds both: the loss of Y, and the orphan of what X left.
    house.watch(lambda: is_dead(left) and is_dead(first))
    house.until_told(("faulted", Y, Fault.SIGNAL))
    assert house.pids(Y) == [second]


def test_two_services_that_daemonize_at_once_keep_apart(house: House) -> None:
    daemon = house.script("daemon", "(setsid sleep 1000 &) ; exit 0")
    house.run(daemon, instance=X)
    house.run(daemon, instance=Y)
    house.until_told(exited(0, X))
    house.until_told(exited(0, Y))
    house.until(lambda: len(house.pids(X)) == len(house.pids(Y)) == 1)
    assert house.pids(X) != house.pids(Y)
    house.kill(signal.SIGTERM, instance=X)
    house.until_told(emptied(X))
    assert emptied(Y) not in house.diary
    assert len(house.pids(Y)) == 1


def test_a_start_that_leaves_nothing_is_told_as_end_then_empty(house: House) -> None:
    house.run("/bin/true")
    house.until_told(emptied())
    assert house.diary == [exited(0), emptied()]


@pytest.mark.parametrize("code", [1, 10, 94, 95, 96, 99, 100, 255])
def test_exit_codes_arrive(house: House, code: int) -> None:
    assert house.finish(house.script("fails", f"exit {code}")) == ExitStatus(code=code)
    assert f'Method "start" exited with status {code}.' in house.log()


def test_a_start_method_that_dies_of_a_signal_is_no_fault_of_the_contract(house: House) -> None:
    assert house.finish(house.script("dies", "kill -SEGV $$")).signal == signal.SIGSEGV
    house.until_told(emptied())
    assert [event for event, _, _ in house.diary] == ["method", "emptied"]
    assert 'Method "start" failed due to signal SIGSEGV.' in house.log()


def test_kill_reaches_all_processes_of_a_tree(house: House) -> None:
    tree = "for i in 1 2 3; do setsid sh -c 'sleep 1000 & sleep 1000 & wait' & done\nexit 0"
    house.finish(house.script("tree", tree))
    house.until(lambda: len(house.pids()) == 9)
    pids = house.pids()
    house.kill(signal.SIGTERM)
    house.until_told(emptied())
    assert not any(ProcFs().stat(pid) for pid in pids)


def test_what_ignores_sigterm_stays_until_sigkill(house: House) -> None:
    house.finish(house.script("stubborn", "trap '' TERM\nsleep 1000 &\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    pids = house.pids()
    house.kill(signal.SIGTERM)
    house.settle()
    assert house.pids() == pids
    assert house.diary == [exited(0)]
    house.kill(signal.SIGKILL)
    house.until_told(emptied())
    assert house.diary == [exited(0), emptied()]


def test_a_hanging_start_is_killed_with_all_that_it_started(house: House) -> None:
    ready = house.root / "ready"
    text = f"(setsid sleep 1000 &)\nsleep 1000 &\ntouch {ready}\nsleep 1000"
    house.run(house.script("hangs", text))
    house.until(lambda: ready.exists() and len(house.pids()) == 4)
    pids = house.pids()
    house.kill(signal.SIGKILL)
    house.until_told(emptied())
    assert house.diary == [("method", X, (START, ExitStatus(signal=signal.SIGKILL))), emptied()]
    assert not any(ProcFs().stat(pid) for pid in pids)


def test_sigkill_wins_against_what_forks_without_end(house: House) -> None:
    ready = house.root / "ready"
    text = f"import os\nopen({str(ready)!r}, 'w')\nwhile True:\n    if os.fork(): os._exit(0)\n"
    (house.root / "forks.py").write_text(text)
    house.run(f"{sys.executable} {house.root}/forks.py")
    house.until(ready.exists)

    def is_over() -> bool:
        # It has a new pid every moment: one kill may see none of them, the next one does.
        house.kill(signal.SIGKILL)
        return emptied() in house.diary

    house.until(is_over)


def test_a_death_by_an_outside_signal_is_a_fault_before_it_is_empty(house: House) -> None:
    house.finish(house.script("daemon", "sleep 1000 &\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    os.kill(house.pids()[0], signal.SIGKILL)
    house.until_told(emptied())
    assert house.diary == [exited(0), ("faulted", X, Fault.SIGNAL), emptied()]


def test_one_of_two_killed_from_outside_leaves_the_other(house: House) -> None:
    house.finish(house.script("pair", "sleep 1000 &\nsleep 1000 &\nexit 0"))
    house.until(lambda: len(house.pids()) == 2)
    first, second = house.pids()
    os.kill(first, signal.SIGKILL)
    house.until_told(("faulted", X, Fault.SIGNAL))
    assert house.pids() == [second]
    assert emptied() not in house.diary


def test_an_orderly_exit_of_a_process_is_no_fault(house: House) -> None:
    fifo = house.root / "fifo"
    os.mkfifo(fifo)
    house.finish(house.script("daemon", f"(read line < {fifo}; exit 3) &\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    fifo.write_text("go\n")
    house.until_told(emptied())
    assert house.diary == [exited(0), emptied()]


def test_a_core_dump_is_a_fault_of_its_own_kind(house: House) -> None:
    if Path("/proc/sys/kernel/core_pattern").read_text().startswith("|"):
        pytest.skip("a handler takes the core files of this machine")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this session may write no core files (ulimit -Hc is 0)")
    house.finish(
        house.script("daemon", "sleep 1000 &\nexit 0"),
        limits=("core=unlimited",),
        working_directory=str(house.root),
    )
    house.until(lambda: len(house.pids()) == 1)
    os.kill(house.pids()[0], signal.SIGABRT)
    house.until_told(emptied())
    assert house.diary == [exited(0), ("faulted", X, Fault.CORE), emptied()]


def test_a_child_model_service_is_its_own_process(house: House) -> None:
    house.run("sleep 1000", child=True)
    house.until_told(exited(0))
    pid = house.restarter.start_pid(X)
    assert house.pids() == [pid]
    house.kill(signal.SIGTERM)
    house.until_told(emptied())
    ended = ExitStatus(signal=signal.SIGTERM)
    assert house.diary == [exited(0), ("child", X, ended), emptied()]


@pytest.mark.parametrize("code", [0, 1, 96])
def test_the_exit_of_a_child_model_service_is_told(house: House, code: int) -> None:
    house.run(house.script("child", f"exit {code}"), child=True)
    house.until_told(emptied())
    assert house.diary == [exited(0), ("child", X, ExitStatus(code=code)), emptied()]


def test_what_a_child_model_service_leaves_stays_in_its_contract(house: House) -> None:
    house.run(house.script("child", "setsid sleep 1000 &\nexit 1"), child=True)
    house.until_told(("child", X, ExitStatus(code=1)))
    assert emptied() not in house.diary
    assert len(house.pids()) == 1
    house.kill(signal.SIGKILL)
    house.until_told(emptied())


def test_a_stop_method_survives_the_kill_of_the_service(house: House) -> None:
    house.finish(house.script("daemon", "sleep 1000 &\nexit 0"))
    fifo = house.root / "fifo"
    os.mkfifo(fifo)
    house.run(house.script("stop", f"read line < {fifo}\nexit 7"), STOP)
    house.kill(signal.SIGKILL)
    house.until_told(emptied())
    fifo.write_text("go\n")
    house.until_told(exited(7, method=STOP))


def test_scope_method_reaches_the_stop_method_alone(house: House) -> None:
    house.finish(house.script("daemon", "sleep 1000 &\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    house.run("sleep 1000", STOP)
    house.kill(signal.SIGKILL, Scope.METHOD)
    killed = ExitStatus(signal=signal.SIGKILL)
    house.until_told(("method", X, (STOP, killed)))
    assert len(house.pids()) == 1
    assert emptied() not in house.diary


def test_what_a_stop_method_leaves_is_killed(house: House) -> None:
    house.finish(house.script("daemon", "sleep 1000 &\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    left = house.root / "left"
    house.finish(house.script("stop", f"setsid sleep 1000 &\necho $! > {left}\nexit 0"), STOP)
    pid = int(left.read_text())
    house.until(lambda: ProcFs().stat(pid) is None)
    assert f'Killing what method "stop" left behind: {pid}.' in house.log()
    assert len(house.pids()) == 1


def test_what_a_refresh_method_leaves_joins_the_service(house: House) -> None:
    house.finish(house.script("daemon", "sleep 1000 &\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    house.finish(house.script("refresh", "(setsid sleep 1000 &)\nexit 0"), REFRESH)
    house.until(lambda: len(house.pids()) == 2)
    house.kill(signal.SIGTERM)
    house.until_told(emptied())
    assert house.diary == [exited(0), exited(0, method=REFRESH), emptied()]


def test_an_abandoned_contract_is_left_alone_and_never_told(house: House) -> None:
    house.finish(house.script("daemon", "(setsid sleep 1000 &)\nexit 0"))
    house.until(lambda: len(house.pids()) == 1)
    (pid,) = house.pids()
    house.restarter.abandon(X)
    assert house.restarter.contract_ids(X) == ()
    house.kill(signal.SIGKILL)
    assert ProcFs().stat(pid) is not None
    os.kill(pid, signal.SIGKILL)
    house.until(lambda: ProcFs().stat(pid) is None)
    assert house.diary == [exited(0)]


def test_a_process_is_known_by_its_instance(house: House) -> None:
    house.finish(house.script("daemon", "setsid sh -c 'sleep 1000; true' &\nexit 0"))
    house.until(lambda: len(house.pids()) == 2)
    assert {house.restarter.instance_of(pid) for pid in house.pids()} == {X}
    assert house.restarter.instance_of(os.getpid()) is None
    assert house.restarter.instance_of(1) is None
    house.run("sleep 1000", STOP, Y)
    (pid,) = set(ProcFs().children(os.getpid())) - set(house.pids())
    assert house.restarter.instance_of(pid) == Y


def test_close_ends_all_also_what_was_abandoned_or_is_stubborn(house: House) -> None:
    stubborn = house.script("stubborn", "trap '' TERM\nsetsid sleep 1000 &\nexit 0")
    port: RestarterPort = house.restarter
    house.finish(stubborn, instance=X)
    port.abandon(X)
    house.finish(house.script("daemon", "(setsid sleep 1000 &)\nexit 0"), instance=Y)
    port.close()
    assert ProcFs().children(os.getpid()) == []


def test_an_instance_made_anew_starts_while_its_old_methods_still_end(house: House) -> None:
    """It was deleted while its stop method ran: the engine has forgotten that method."""
    works = house.script("works", "sleep 1000 &\nexit 0")
    house.finish(works)
    house.run("sleep 1000", STOP)
    house.kill(signal.SIGKILL, Scope.METHOD)
    house.restarter.abandon(X)
    house.run(works)
    house.until(lambda: house.diary.count(exited(0)) == 2)
    house.settle()
    assert house.diary == [exited(0), exited(0)]


def test_abandoning_a_start_method_under_way_forgets_it(house: House) -> None:
    house.run("sleep 1000")
    pid = house.restarter.start_pid(X)
    assert pid is not None
    house.restarter.abandon(X)
    os.kill(pid, signal.SIGKILL)
    house.until(lambda: ProcFs().stat(pid) is None)
    house.run("/bin/true")
    house.until_told(emptied())
    assert house.diary == [exited(0), emptied()]


def test_a_new_start_kills_what_the_last_one_left(house: House) -> None:
    house.finish(house.script("fails", "sleep 1000 &\nexit 1"))
    house.until(lambda: len(house.pids()) == 1)
    (old,) = house.pids()
    first = house.restarter.contract_ids(X)
    house.finish(house.script("works", "sleep 1000 &\nexit 0"))
    house.until(lambda: ProcFs().stat(old) is None and len(house.pids()) == 1)
    assert house.restarter.contract_ids(X) > first
    assert house.diary == [exited(1), exited(0)]


def test_a_retry_from_within_the_listener_gets_no_stale_news(house: House) -> None:
    """method_exited of a start that left nothing: the engine starts again inside that call."""
    again = house.script("again", "sleep 1000 &\nexit 0")

    def retry(happening: Happening) -> None:
        if happening == exited(1):
            house.run(again)

    house.on_happening = retry
    house.run(house.script("fails", "exit 1"))
    house.until_told(exited(0))
    house.settle()
    assert house.diary == [exited(1), exited(0)]
    assert len(house.pids()) == 1


def test_no_zombie_is_left_of_200_orphans(house: House) -> None:
    orphans = "i=0; while [ $i -lt 200 ]; do (setsid true &) ; i=$((i+1)); done; exit 0"
    house.finish(house.script("orphans", orphans))
    house.until_told(emptied())
    house.until(lambda: ProcFs().children(os.getpid()) == [])
    assert house.diary == [exited(0), emptied()]


def test_500_services_start_and_stop(house: House) -> None:
    instances = [f"svc:/site/many:i{number}" for number in range(500)]
    before = set(os.listdir("/proc/self/fd"))
    for instance in instances:
        house.run("sleep 1000", instance=instance, child=True)
    house.until(lambda: len(house.diary) == 500)
    assert set(os.listdir("/proc/self/fd")) <= before
    assert {event for event, _, _ in house.diary} == {"method"}
    for instance in instances:
        house.kill(signal.SIGTERM, instance=instance)
    house.until(lambda: len(house.diary) == 1500)
    assert {who for event, who, _ in house.diary if event == "emptied"} == set(instances)
