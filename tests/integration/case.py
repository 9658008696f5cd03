"""What the acceptance tests share: services of one test, their methods, and their history.

A `Case` is one test's set of services in a daemon that other tests use as well; all their names
begin with a word of its own. Their methods are scripts that write to the *trail*, so a test sees
what ran, and in which order. A `Diary` holds every transition that svc.startd told.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from roost.api.client import Client
from roost.errors import RoostError
from tests.integration.daemon import WAIT_S, Daemon, service

_PRELUDE = """#!/bin/sh
name=${SMF_FMRI#svc:/}; name=${name%:default}
file=${name%%/*}.${name#*/}
trail=$ROOST_ROOT/trail
note() { echo "$name $*" >>"$trail"; }
keep() { echo "$1" >>"$ROOST_ROOT/pids"; }
note "$SMF_METHOD"
"""
_METHODS = {
    # Leaves N processes, and their pids.
    "daemon": """
n=${1:-1}
while [ "$n" -gt 0 ]; do
    sleep 1000000 &
    n=$((n - 1))
done
""",
    "exits": 'exit "${1:-0}"',
    # The n-th run exits with the n-th word, and every later one with the last.
    "codes": """
n=$(grep -cx "$name $SMF_METHOD" "$trail")
while [ "$n" -gt 1 ] && [ $# -gt 1 ]; do
    shift
    n=$((n - 1))
done
[ "$1" = daemon ] && { sleep 1000000 & exit 0; }
exit "$1"
""",
    # Waits until the test opens the gate.
    "gate": """
read -r answer <"$ROOST_ROOT/gate.$file"
note "$SMF_METHOD" let through
exit "${answer:-0}"
""",
    # A process that exits when the test opens the gate.
    "daemon_with_gate": """
sh -c 'read -r answer <"$0"; exit "${answer:-0}"' "$ROOST_ROOT/gate.$file" &
""",
    "stays": "exec sleep 1000000",
    # Does not end; neither does what it started, a process that made a session included.
    "hangs": """
sleep 1000000 &
keep $!
setsid sh -c 'echo $$ >>"$ROOST_ROOT/pids"; sleep 1000000; exit 0' &
wait
""",
    # A process that SIGTERM does not end.
    "stubborn": """
ready=$ROOST_ROOT/ready.$file
mkfifo "$ready"
sh -c 'trap "" TERM; echo $$ >>"$ROOST_ROOT/pids"; echo >"$0"; while :; do sleep 1000000; done' \\
    "$ready" &
read -r _ <"$ready"
rm "$ready"
""",
    # A process that says through the gate when it gets SIGHUP. It waits without a child: one that
    # is just being forked would lose a signal.
    "hears": """
ready=$ROOST_ROOT/ready.$file
mkfifo "$ready" "$ready.hold"
sh -c 'trap "echo hup >\\"$1\\"" HUP; exec 3<>"$0.hold"; echo >"$0"
    until read -r _ <&3; do :; done' "$ready" "$ROOST_ROOT/gate.$file" &
read -r _ <"$ready"
rm "$ready" "$ready.hold"
""",
    # A process that says when it is told to end.
    "polite": """
ready=$ROOST_ROOT/ready.$file
mkfifo "$ready" "$ready.hold"
sh -c 'trap "echo $1 ended >>\\"$2\\"; exit 0" TERM; exec 3<>"$0.hold"; echo >"$0"
    until read -r _ <&3; do :; done' "$ready" "$name" "$trail" &
read -r _ <"$ready"
rm "$ready" "$ready.hold"
""",
}
METHOD = "/lib/svc/method"


class Move(NamedTuple):
    """One transition."""

    fmri: str
    state: str
    next_state: str
    aux: str
    cause: str
    is_new: bool
    """Is the state another than before?"""


class Diary:
    """Every transition from now on."""

    _MARKER = "svc:/diary/marker:default"

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._moves: list[Move] = []
        self._changed = threading.Condition()
        daemon.load(service("diary/marker", stop=":true", duration="transient"))
        daemon.wait_state(self._MARKER, "online")
        threading.Thread(target=self._read, daemon=True).start()
        # Nothing tells when a subscription has begun, so do something until it is seen.
        with Client(daemon.layout) as client, self._changed:
            while not self._moves:
                client.call("Manager.Act", fmri=self._MARKER, action="refresh")
                self._changed.wait(1)

    def all(self) -> list[Move]:
        """All transitions up to now, complete."""
        with Client(self._daemon.layout) as client, self._changed:
            known = sum(move.fmri == self._MARKER for move in self._moves)
            client.call("Manager.Act", fmri=self._MARKER, action="refresh")
            assert self._changed.wait_for(
                lambda: sum(m.fmri == self._MARKER for m in self._moves) >= known + 2, WAIT_S
            )
            return [move for move in self._moves if move.fmri != self._MARKER]

    def _read(self) -> None:
        try:
            with Client(self._daemon.layout) as client:
                for reply in client.stream("Manager.Subscribe"):
                    with self._changed:
                        self._moves.append(_move(reply["transition"]))
                        self._changed.notify_all()
        except RoostError:
            pass  # svc.startd has ended


def _move(form: Mapping[str, Any]) -> Move:
    return Move(
        form["fmri"],
        form["state"],
        form["next_state"],
        form["auxiliary_state"],
        form["auxiliary_fmri"],
        form["state"] != form["state_from"],
    )


class Case:
    """One test's services."""

    _numbers = itertools.count(1)

    def __init__(self, daemon: Daemon, diary: Diary | None = None) -> None:
        self.daemon = daemon
        self.root = daemon.root
        self.word = f"case{next(self._numbers)}"
        self._diary = diary
        self._gates: dict[str, int] = {}
        for name, body in _METHODS.items():
            self.method(name, body)

    # --- making -------------------------------------------------------------------------

    def method(self, name: str, body: str) -> str:
        """Write a method script that first notes its run in the trail; returns its path."""
        path = self.root / "lib/svc/method" / name
        if not path.exists() or path.read_text() != _PRELUDE + body:
            path.write_text(_PRELUDE + body)
            path.chmod(0o755)
        return f"{METHOD}/{name}"

    def service(
        self,
        name: str,
        start: str = "daemon",
        stop: str = ":kill",
        *,
        refresh: str = "",
        needs: Mapping[str, str] | None = None,
        **more: Any,
    ) -> str:
        """A service element. Methods that begin with a letter are scripts; targets of
        dependencies without a colon are instances of this case.
        """
        return service(
            f"{self.word}/{name}",
            self._found(start),
            self._found(stop),
            refresh=self._found(refresh),
            needs={self.target(target): how for target, how in (needs or {}).items()},
            **more,
        )

    def transient(self, name: str, start: str = "exits", stop: str = "exits", **more: Any) -> str:
        """A service without processes whose methods only note their runs."""
        return self.service(name, start, stop, duration="transient", **more)

    def load(self, *services: str) -> None:
        """Import these service elements as one manifest."""
        self.daemon.load("".join(services))

    @staticmethod
    def _found(command: str) -> str:
        return f"{METHOD}/{command}" if command[:1].isalpha() else command

    def target(self, name: str) -> str:
        """The FMRIs of names: one with a colon is meant so, others are instances of ours."""
        return " ".join(word if ":" in word else self.fmri(word) for word in name.split())

    def fmri(self, name: str) -> str:
        """The FMRI of an instance of ours: ``a`` is a:default, ``a:b`` is that instance."""
        return f"svc:/{self.word}/{name}" + ("" if ":" in name else ":default")

    # --- acting -------------------------------------------------------------------------

    def svcadm(self, *words: str, status: int = 0) -> str:
        """Run svcadm; words with a leading ``@`` are instances of ours."""
        return self._run("svcadm", words, status)

    def svccfg(self, name: str, *words: str, status: int = 0) -> str:
        """Run svccfg on the service ``name``."""
        return self.daemon.run("svccfg", "-s", f"{self.word}/{name}", *words, status=status)

    def svcs(self, *words: str, status: int = 0) -> str:
        """Run svcs; words with a leading ``@`` are instances of ours."""
        return self._run("svcs", words, status)

    def _run(self, program: str, words: tuple[str, ...], status: int) -> str:
        meant = [self.fmri(word[1:]) if word.startswith("@") else word for word in words]
        return self.daemon.run(program, *meant, status=status)

    def gate(self, name: str) -> None:
        """Make the gate where the method ``gate`` of a service waits."""
        path = self.root / f"gate.{self.word}.{name}"
        os.mkfifo(path)
        # Open for reading too, so that it neither blocks nor breaks while no method reads.
        self._gates[name] = os.open(path, os.O_RDWR)

    def let_through(self, name: str, code: int = 0) -> None:
        """Let one run of a method (or one process) that waits at the gate exit with a code."""
        os.write(self._gates[name], f"{code}\n".encode())

    def hear(self, name: str, count: int = 1) -> list[str]:
        """Wait until ``count`` lines were written to the gate; returns them."""
        heard = b""
        while heard.count(b"\n") < count:
            readable, _, _ = select.select([self._gates[name]], [], [], WAIT_S)
            assert readable, f"only this was heard of {name}: {heard!r}"
            heard += os.read(self._gates[name], 1000)
        return heard.decode().splitlines()

    def close(self) -> None:
        """The test has ended."""
        for fd in self._gates.values():
            os.close(fd)

    # --- seeing -------------------------------------------------------------------------

    def wait(self, name: str, *states: str) -> dict[str, Any]:
        """Wait until the instance is at rest in one of the states; returns its wire form."""
        return self.daemon.wait_state(self.fmri(name), *states)

    def wait_next(self, name: str, next_state: str) -> dict[str, Any]:
        """Wait until the instance is on its way to ``next_state``."""
        return self.daemon.wait_until(
            self.fmri(name), lambda i: i["next_state"] == next_state, f"on its way to {next_state}"
        )

    def wait_again(self, name: str, before: Mapping[str, Any], state: str = "online") -> None:
        """Wait until the instance, at rest and as ``before`` some time ago, is so once more."""
        self.daemon.wait_until(
            self.fmri(name),
            lambda i: (
                i["state"] == state
                and i["next_state"] == "none"
                and i["state_time"] > before["state_time"]
            ),
            f"{state} again",
        )

    def wait_aux(self, name: str, state: str, aux: str) -> dict[str, Any]:
        """Wait for the state; its auxiliary state must be ``aux``."""
        found = self.wait(name, state)
        assert found["auxiliary_state"] == aux, found
        assert self.prop(name, "restarter/state") == state
        assert self.prop(name, "restarter/next_state") == "none"
        assert self.prop(name, "restarter/auxiliary_state") == aux
        return found

    def state(self, name: str) -> str:
        """The state as ``svcs -o state`` shows it (``*``: in transition)."""
        return self.svcs("-Ho", "state", f"@{name}").strip()

    def contract(self, name: str) -> int:
        """The id of the primary contract."""
        return int(self.prop(name, "restarter/contract"))

    def prop(self, name: str, path: str) -> str:
        """A property as svcprop prints it: from the snapshot ``running``."""
        return self.daemon.run("svcprop", "-p", path, self.fmri(name)).rstrip("\n")

    def live(self, name: str, path: str) -> str:
        """A property as it is now, which ``running`` may not know yet."""
        return self.daemon.run("svcprop", "-cp", path, self.fmri(name)).rstrip("\n")

    def pids(self, name: str) -> list[int]:
        """The processes that ``svcs -p`` lists."""
        lines = self.svcs("-Hp", f"@{name}").splitlines()[1:]
        return [int(line.split()[-2]) for line in lines]

    def explain(self, name: str, *options: str) -> str:
        """The block of ``svcs -x``."""
        return self.svcs("-x", *options, f"@{name}")

    def log(self, name: str) -> list[str]:
        """The log; of the restarter's own lines, only what they say."""
        lines = self.daemon.log(self.fmri(name)).splitlines()
        return [line[18:-2] if line.startswith("[ ") else line for line in lines]

    def trail(self, *names: str) -> list[str]:
        """What our methods noted, or those of some services only: ``a start``."""
        path = self.root / "trail"
        lines = path.read_text().splitlines() if path.exists() else []
        mine = [line.removeprefix(f"{self.word}/") for line in lines if self._is_mine(line)]
        return [line for line in mine if not names or line.split()[0] in names]

    def _is_mine(self, line: str) -> bool:
        return line.startswith(f"{self.word}/")

    def kept_pids(self) -> list[int]:
        """The pids that methods have kept, which makes them unknown to later calls."""
        path = self.root / "pids"
        pids = [int(line) for line in path.read_text().split()]
        path.unlink()
        return pids

    def moves(self, *names: str) -> list[Move]:
        """The transitions of our instances (or some of them) up to now, in order."""
        assert self._diary is not None
        wanted = {self.fmri(name) for name in names}
        prefix = f"svc:/{self.word}/"
        found = [move for move in self._diary.all() if move.fmri.startswith(prefix)]
        return [move for move in found if not wanted or move.fmri in wanted]

    def states(self, name: str) -> list[str]:
        """The states that an instance has been in, in order."""
        return [move.state for move in self.moves(name) if move.is_new]


def is_alive(pid: int) -> bool:
    """Is it a process that runs (and no zombie)?"""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill_and_wait(pid: int) -> None:
    """Kill a process, which may be anybody's child, and wait until it has ended."""
    fd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        readable, _, _ = select.select([fd], [], [], WAIT_S)
        assert readable, f"process {pid} does not end"
    finally:
        os.close(fd)


def zombies_of(parent: int) -> list[int]:
    """The children of a process that nobody has reaped."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if not is_alive(int(pid))]


def processes_below(root: Path) -> list[int]:
    """The processes of all services of a root, by their environment."""
    wanted = f"ROOST_ROOT={root}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                content = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            if wanted in content.split(b"\0") and is_alive(int(entry)):
                found.append(int(entry))
    return found


def wipe_out(daemon: Daemon) -> None:
    """End a daemon and its services without ado, if they are still there (the test failed)."""
    if daemon.process.poll() is None:
        daemon.kill()
    for pid in processes_below(daemon.root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
