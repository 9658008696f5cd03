"""Boot falcon, a small server whose data is sealed: it waits for a passphrase, and goes on.

Run it with ``make demo``. On a terminal it asks for the passphrase; elsewhere it takes it
from the file that FALCON_PASSPHRASE_FILE names, or from ``passphrase`` beside this program.
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from roost.api import typed
from roost.api.client import Client
from roost.cli.replies import InstanceView, instances_of
from roost.errors import RoostError
from roost.layout import ROOT_VARIABLE, Layout

HERE = Path(__file__).resolve().parent
NEST = "svc:/system/filesystem/sealed:nest"
LIMIT_S = float(os.environ.get("FALCON_LIMIT", "120"))
"""How long each wait may take before the demo gives up."""
PLAINTEXT = b"Grandmother's recipes"
"""Words that are in the nest, and nowhere in the clear once it is closed."""
RUNNING = ("online", "degraded")

Views = Mapping[str, InstanceView]
Transition = Mapping[str, Any]


class DemoFailed(Exception):
    """Something did not happen as it should; the text says what."""


class Screen:
    """Headings, commands, and the lines of falcon's console, each in its own look."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._number = 0

    def _line(self, text: str, look: str = "") -> None:
        with self._lock:
            print(f"\x1b[{look}m{text}\x1b[0m" if look and self._colour else text, flush=True)

    def heading(self, text: str) -> None:
        """The next step."""
        self._number += 1
        self._line(f"\n{self._number}. {text}\n", "1;36")

    def say(self, text: str) -> None:
        """The demo's own words."""
        self._line(f"   {text}")

    def console(self, text: str) -> None:
        """A line of falcon's console."""
        if text.strip():
            self._line(f"   | {text}", "33")

    def command(self, text: str) -> None:
        """What is typed."""
        self._line(f"   $ {text}", "1")

    def output(self, text: str) -> None:
        """What a command answers."""
        for line in text.strip("\n").splitlines():
            self._line(f"   {line}")
        if text:
            self._line("")


class Falcon:
    """One falcon below a root of its own, from the making of its nest to the last process."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.root = Path(tempfile.mkdtemp(prefix="falcon-"))
        self.layout = Layout(str(self.root))
        self._daemon: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.has_asked = threading.Event()
        """The console has said all that it says when the nest cannot be opened."""
        self._transitions: queue.Queue[Transition] = queue.Queue()
        self._environment = {**os.environ, ROOT_VARIABLE: str(self.root)}

    def run(self, *words: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> None:
        """Run a command of roost as one types it, with its output shown."""
        self.screen.command(" ".join(words))
        done = subprocess.run(
            command_line(words),
            env=self._environment,
            stdin=stdin,
            capture_output=True,  # of stderr too: a count-down is for a terminal of its own
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        self.screen.output(done.stdout + done.stderr)
        if done.returncode:
            raise DemoFailed(f"'{' '.join(words)}' ended with status {done.returncode}")

    def make(self, passphrase: Path) -> None:
        """Copy the example below the root and make the nest from its directory."""
        shutil.copytree(HERE / "lib", self.root / "lib", ignore=shutil.ignore_patterns("__py*"))
        (self.root / "srv").mkdir()
        with passphrase.open("rb") as secret:
            subprocess.run(
                command_line(
                    [
                        *("roost", "storage", "create", "--from", str(HERE / "nest")),
                        *("--passphrase-fd", "0", str(self.nest_file)),
                    ]
                ),
                stdin=secret,
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=LIMIT_S,
            )

    @property
    def nest_file(self) -> Path:
        """The sealed file."""
        return self.root / "srv/nest.sealed"

    def boot(self) -> None:
        """Start svc.startd; returns once it answers."""
        read_end, write_end = os.pipe()
        words = ("roost", "run", "--root", str(self.root), "--ready-fd", str(write_end))
        self.screen.command(f"roost run --root {self.root}")
        self._daemon = subprocess.Popen(
            command_line(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(write_end,),
            start_new_session=True,
        )
        os.close(write_end)
        self._reader = threading.Thread(target=self._show_console, daemon=True)
        self._reader.start()
        with open(read_end, "rb") as ready:
            if not ready.read(1):
                raise DemoFailed("svc.startd did not start")

    def _show_console(self) -> None:
        assert self._daemon is not None
        assert self._daemon.stdout is not None
        for line in self._daemon.stdout:
            self.screen.console(line.rstrip("\n"))
            if "transitioned to maintenance" in line:
                self.has_asked.set()

    def follow(self) -> None:
        """Collect the transitions from now on, for `wait_until`."""

        def collect() -> None:
            with contextlib.suppress(RoostError), Client(self.layout) as client:
                for reply in client.stream("Manager.Subscribe"):
                    self._transitions.put(typed.record(reply, "transition"))

        threading.Thread(target=collect, daemon=True).start()

    def wait_until(
        self,
        what: str,
        holds: Callable[[Views], bool],
        tell: Callable[[Transition], None] = lambda _transition: None,
    ) -> None:
        """Wait for transitions until ``holds``; each of them also goes to ``tell``."""
        deadline_s = time.monotonic() + LIMIT_S
        with Client(self.layout) as client:
            while not holds(views_of(client)):
                try:
                    left_s = max(0.0, deadline_s - time.monotonic())
                    tell(self._transitions.get(timeout=left_s))
                except queue.Empty:
                    if holds(views_of(client)):
                        return
                    raise DemoFailed(f"{what} did not happen within {LIMIT_S:g} s") from None

    def shut_down(self) -> None:
        """Stop everything in order; returns when svc.startd has ended."""
        self.run("roost", "shutdown")
        assert self._daemon is not None
        assert self._reader is not None
        if status := self._daemon.wait(LIMIT_S):
            raise DemoFailed(f"svc.startd ended with status {status}")
        self._reader.join(LIMIT_S)

    def processes(self) -> list[int]:
        """Every process that was started below this root."""
        mark = f"{ROOT_VARIABLE}={self.root}".encode()
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
        return found

    def clean_up(self) -> None:
        """Leave nothing behind, whatever went wrong before."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._daemon.wait(LIMIT_S)
            self._daemon.kill()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            where = line.split()[4]
            if where.startswith(f"{self.root}/"):
                subprocess.run(["umount", where], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


def views_of(client: Client) -> Views:
    """All instances."""
    reply = client.call("Manager.List", patterns=[])
    return {view.fmri: view for view in instances_of(reply)}


def dependents_of(client: Client, fmri: str) -> set[str]:
    """Everything that needs ``fmri``, directly or not."""
    found: set[str] = set()
    todo = [fmri]
    while todo:
        for name in typed.texts(client.call("Manager.Dependents", fmri=todo.pop()), "instances"):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


def is_up(view: InstanceView) -> bool:
    """Does it run, or is it meant not to?"""
    return not view.is_in_transition and (view.state in RUNNING or not view.enabled)


def command_line(words: Sequence[str]) -> list[str]:
    """How to run a command of this roost, whatever is on PATH."""
    return [sys.executable, "-m", f"roost.cli.{words[0]}", *words[1:]]


def chosen_passphrase() -> Path:
    """The file with the passphrase that the nest is made with."""
    path = Path(os.environ.get("FALCON_PASSPHRASE_FILE", HERE / "passphrase"))
    if not path.is_file():
        raise DemoFailed(f"there is no file {path} to take the passphrase from")
    return path


def boot(falcon: Falcon) -> None:
    """Boot until nothing more can be done without a person."""
    falcon.boot()
    falcon.follow()

    def has_settled(views: Views) -> bool:
        nest = views.get(NEST)
        if nest is None or nest.state != "maintenance":
            return False
        with Client(falcon.layout) as client:
            held = dependents_of(client, NEST)
        return all(is_up(v) for f, v in views.items() if f != NEST and f not in held)

    falcon.wait_until("the boot up to the passphrase", has_settled)
    if not falcon.has_asked.wait(LIMIT_S):
        raise DemoFailed("the console did not say that the nest waits")


def unlock(falcon: Falcon, passphrase: Path) -> None:
    """Hand over the passphrase, and see what was held come up."""
    with Client(falcon.layout) as client:
        held = {NEST, *dependents_of(client, NEST)}
    if sys.stdin.isatty():
        if passphrase == HERE / "passphrase":
            falcon.screen.say(f"(for this demo it is: {passphrase.read_text().strip()})")
        falcon.run("roost", "unlock", NEST)
    else:
        falcon.screen.say(f"(no terminal here: it comes from {passphrase.name})")
        with passphrase.open("rb") as secret:
            falcon.run("roost", "unlock", "--passphrase-fd", "0", NEST, stdin=secret)

    told: set[str] = set()

    def tell(transition: Transition) -> None:
        fmri = typed.text(transition, "fmri")
        is_news = fmri in held and fmri not in told
        if typed.text(transition, "state") in RUNNING and is_news:
            told.add(fmri)
            falcon.screen.say(f"online  {fmri}")

    def all_up(views: Views) -> bool:
        return held <= told and all(is_up(view) for view in views.values())

    falcon.wait_until("that all services are online", all_up, tell)


def look_at_page(falcon: Falcon) -> None:
    """Ask the web server for something that only the nest knows."""
    address = (falcon.root / "run/http.address").read_text().strip()
    url = f"{address}recipes"
    falcon.screen.command(f"curl {url}")
    with urllib.request.urlopen(url, timeout=LIMIT_S) as reply:  # noqa: S310  our own server
        answer = reply.read()
    falcon.screen.output(answer.decode())
    if PLAINTEXT not in answer:
        raise DemoFailed("the page does not come from the nest")


def check_closed(falcon: Falcon) -> None:
    """The nest is sealed, nothing of it is in the clear, and no process is left."""
    say = falcon.screen.say
    with falcon.nest_file.open("rb") as file:
        say(f"srv/nest.sealed   {falcon.nest_file.stat().st_size} bytes,"
            f" begins with '{file.readline().decode().strip()}'")  # fmt: skip
    left = list((falcon.root / "nest").rglob("*"))
    say(f"nest/             {len(left)} files")
    clear = [path for path in falcon.root.rglob("*") if path.is_file() and
             PLAINTEXT in path.read_bytes()]  # fmt: skip
    say(f"files with a text of the nest in the clear: {len(clear)}")
    processes = falcon.processes()
    say(f"processes left: {len(processes)}")
    if left or clear or processes:
        raise DemoFailed(f"something is left: {left} {clear} {processes}")


def play(falcon: Falcon, passphrase: Path) -> None:
    """The whole story."""
    screen = falcon.screen
    screen.heading("falcon boots; its data is in srv/nest.sealed, and nobody gave the passphrase")
    falcon.make(passphrase)
    boot(falcon)
    screen.heading("What does not need the nest is up; the rest waits, and says for what")
    falcon.run("svcs")
    falcon.run("svcs", "-x")
    screen.heading("Type what the console says: the boot goes on")
    unlock(falcon, passphrase)
    screen.heading("The web server shows what the database has in the nest")
    look_at_page(falcon)
    falcon.run("svcs")
    falcon.run("svcs", "-x")
    screen.say("(nothing to explain: all is well)")
    screen.heading("falcon goes down in order, and the nest is sealed again")
    falcon.shut_down()
    check_closed(falcon)


def main() -> int:
    """Play it; the exit status is 0 if all went as it should."""
    falcon = Falcon(Screen())
    try:
        play(falcon, chosen_passphrase())
    except (DemoFailed, RoostError, OSError, subprocess.SubprocessError) as problem:
        print(f"\ndemo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        falcon.clean_up()
    return 0


if __name__ == "__main__":
    sys.exit(main())
