"""smf_include.sh under each shell that a method may be run by."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.engine.events import Fault
from roost.restarter.procfs import ProcFs
from tests.integration.restarter_house import STOP, X, emptied, exited, open_house

INCLUDE = (
    Path(__file__).parents[2] / "src" / "roost" / "share" / "lib" / "svc" / "share"
) / "smf_include.sh"
SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]
CONTRACT = "4000000000001"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    name = str(request.param)
    return [name, "sh"] if name == "busybox" else [name]


def run(
    shell: list[str], text: str, *, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, "-euc", f". {INCLUDE}\n{text}"],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
    )


def test_sourcing_it_says_and_does_nothing(shell: list[str]) -> None:
    ran = run(shell, "")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("OK", 0),
        ("NODAEMON", 94),
        ("ERR_FATAL", 95),
        ("ERR_CONFIG", 96),
        ("MON_DEGRADE", 97),
        ("MON_OFFLINE", 98),
        ("ERR_NOSMF", 99),
        ("ERR_PERM", 100),
        ("TEMP_TRANSIENT", 102),
        ("DEGRADED", 103),
    ],
)
def test_exit_statuses(shell: list[str], name: str, status: int) -> None:
    assert run(shell, f"exit $SMF_EXIT_{name}").returncode == status


def test_method_exit_says_why_and_exits(shell: list[str], tmp_path: Path) -> None:
    text = "set -C; smf_method_exit $SMF_EXIT_DEGRADED half_full 'the tank is half full'; echo no"
    ran = run(shell, text)
    assert (ran.returncode, ran.stdout, ran.stderr) == (103, "", "the tank is half full\n")
    words = tmp_path / "run" / "roost" / "method" / CONTRACT
    mark = {"ROOST_ROOT": str(tmp_path), "ROOST_CONTRACT": f"{CONTRACT}@1"}
    assert run(shell, text, **mark).returncode == 103, "no directory: the words are lost alone"
    words.parent.mkdir(parents=True)
    words.touch()
    assert run(shell, text, **mark).returncode == 103
    assert words.read_text() == "half_full\nthe tank is half full\n"
    ran = run(shell, "smf_method_exit", **mark)
    assert (ran.returncode, ran.stderr, words.read_text()) == (1, "", "\n\n")


def test_smf_present_looks_for_the_socket(
    shell: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "if smf_present; then echo yes; else echo no; fi"
    assert run(shell, question, ROOST_ROOT=str(tmp_path)).stdout == "no\n"
    place = tmp_path / "run" / "roost"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)  # a socket's path is short, a test's directory may be long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("svc.startd.socket")
        assert run(shell, question, ROOST_ROOT=str(tmp_path)).stdout == "yes\n"


def test_smf_clear_env_keeps_the_mark_of_the_contract(shell: list[str]) -> None:
    smf = {f"SMF_{name}": "x" for name in ("FMRI", "METHOD", "RESTARTER", "ZONENAME")}
    ran = run(shell, "smf_clear_env; env", **smf, ROOST_CONTRACT="5")
    assert "SMF_" not in ran.stdout
    assert "ROOST_CONTRACT=5" in ran.stdout


def test_smf_console_writes_to_the_fifo_and_to_its_output(shell: list[str], tmp_path: Path) -> None:
    fifo = tmp_path / "run" / "roost" / "console"
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        ran = run(shell, "echo hello | smf_console", ROOST_ROOT=str(tmp_path))
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "hello\n", "")
        assert os.read(reader, 100) == b"hello\n"
    finally:
        os.close(reader)
    # Nobody reads any more: the method goes on all the same.
    assert run(shell, "echo hello | smf_console", ROOST_ROOT=str(tmp_path)).stdout == "hello\n"


def test_zones(shell: list[str]) -> None:
    assert run(shell, "smf_zonename").stdout == "global\n"
    assert run(shell, "smf_is_globalzone").returncode == 0
    assert run(shell, "smf_is_nonglobalzone").returncode == 1
    assert run(shell, "smf_is_system_labeled").returncode == 1
    assert run(shell, "smf_configure_ip").returncode == 0
    assert run(shell, "smf_dont_configure_ip").returncode == 1


def test_questions_about_the_machine(shell: list[str]) -> None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    kind = [fields[2] for fields in mounts if fields[1] == "/"][-1]
    is_ramdisk = kind in ("rootfs", "ramfs", "tmpfs")
    assert (run(shell, "smf_root_is_ramdisk").returncode == 0) is is_ramdisk
    has_terminals = Path("/dev/tty1").is_char_device()
    assert (run(shell, "smf_dont_configure_vt").returncode != 0) is has_terminals
    if not kind.startswith("nfs"):
        strategy = 'smf_netstrategy; echo "$_INIT_NET_STRATEGY,$_INIT_NET_IF"'
        assert run(shell, strategy).stdout == "none,\n"


def test_no_variable_of_the_method_is_touched(shell: list[str]) -> None:
    names = "contract signal wait timeout looks pid found fifo helper failed marked"
    text = "".join(f"{name}=mine\n" for name in names.split())
    text += f"smf_kill_contract {CONTRACT} TERM 1 1\nsmf_root_is_ramdisk || true\n"
    text += "".join(f'[ "${name}" = mine ]\n' for name in names.split())
    assert run(shell, text).returncode == 0


# --- smf_kill_contract --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("abc TERM", "'abc' is not the id of a contract"),
        ("'' TERM", "'' is not the id of a contract"),
        (f"{CONTRACT} NONSENSE", "'NONSENSE' is not a signal"),
        (f"{CONTRACT} 999", "'999' is not a signal"),
        (f"{CONTRACT} TERM 1 soon", "'soon' is not a number of seconds"),
    ],
)
def test_kill_contract_refuses_nonsense(shell: list[str], arguments: str, complaint: str) -> None:
    ran = run(shell, f"smf_kill_contract {arguments}")
    assert ran.returncode == 1
    assert complaint in ran.stderr


def test_an_empty_contract_is_killed_already(shell: list[str]) -> None:
    assert run(shell, f"smf_kill_contract {CONTRACT} TERM 1").returncode == 0


@pytest.fixture
def member() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of a contract: one that has its mark, with a child in the same session."""
    text = "import os, time; os.fork(); print(1, flush=True); time.sleep(1000)"
    started = subprocess.Popen(
        [sys.executable, "-c", text],
        env={"ROOST_CONTRACT": f"{CONTRACT}@1"},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    started.stdout.readline()
    started.stdout.readline()
    yield [started]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait(30)
    started.stdout.close()


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "-TERM", "15"])
def test_kill_contract_reaches_the_whole_tree(
    shell: list[str], member: list[subprocess.Popen[bytes]], name: str
) -> None:
    pids = [member[0].pid, *ProcFs().children(member[0].pid)]
    assert len(pids) == 2
    assert run(shell, f"smf_kill_contract {CONTRACT} {name} 1 30").returncode == 0
    assert member[0].wait(30) == -signal.SIGTERM
    left = [stat for pid in pids if (stat := ProcFs().stat(pid)) and stat.state not in "ZX"]
    assert left == []


def test_kill_contract_gives_up_in_time(
    shell: list[str], member: list[subprocess.Popen[bytes]]
) -> None:
    assert run(shell, f"smf_kill_contract {CONTRACT} CONT 1 1").returncode == 2
    assert member[0].poll() is None


def test_kill_contract_spares_the_shell_that_calls_it(shell: list[str]) -> None:
    text = f"sleep 1000 &\nsmf_kill_contract {CONTRACT} KILL 1 30\necho alive\n"
    ran = run(shell, text, ROOST_CONTRACT=f"{CONTRACT}@1")
    assert (ran.returncode, ran.stdout) == (0, "alive\n")


def test_a_process_out_of_reach_is_a_failure(
    shell: list[str], member: list[subprocess.Popen[bytes]]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root rights, to start the method as another user")
    # It may look at the process, but not signal it.
    may_look = "+sys_ptrace,+dac_read_search"
    command = ["setpriv", "--reuid=65534"]
    command += [f"--inh-caps={may_look}", f"--ambient-caps={may_look}"]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine's root cannot hand on a capability")
    ran = run([*command, *shell], f"smf_kill_contract {CONTRACT} TERM")
    assert ran.returncode == 1
    assert member[0].poll() is None


@pytest.mark.parametrize("name", SHELLS)
def test_a_stop_method_ends_its_service_with_it(tmp_path: Path, name: str) -> None:
    shell = f"{shutil.which(name)}" + (" sh" if name == "busybox" else "")
    with open_house(tmp_path) as house:
        house.finish(house.script("daemon", "setsid sh -c 'sleep 1000 & sleep 1000' &\nexit 0"))
        house.until(lambda: len(house.pids()) == 3)
        (tmp_path / "stop").write_text(f'. {INCLUDE}\nsmf_kill_contract "$1" TERM 1 30\n')
        house.finish(f"{shell} {tmp_path}/stop %{{restarter/contract}}", STOP)
        house.until_told(emptied())
        house.until_told(exited(0, method=STOP))
        # Signals that the restarter did not send are faults; the engine is stopping and
        # takes no notice.
        told = [entry for entry in house.diary if entry != ("faulted", X, Fault.SIGNAL)]
        assert sorted(event for event, _, _ in told) == ["emptied", "method", "method"]
