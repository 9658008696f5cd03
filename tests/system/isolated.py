"""A machine's root of its own for a test: the real ``/`` seen through throw-away overlays.

In a mount namespace, ``/usr``, ``/etc`` and ``/var`` are overlays and ``/run`` is empty, so that a
test may use SMF's absolute paths (``/lib/svc/method``, ``/sbin/sh``) unchanged and leaves nothing
behind. Processes of other namespaces see nothing of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
SHARED = Path(__file__).parents[2].parent / "shared"
WAIT_S = 60

_SETUP = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$LAYERS"
for top in usr etc var; do
    mkdir -p "$LAYERS/$top.up" "$LAYERS/$top.work"
    layers="lowerdir=/$top,upperdir=$LAYERS/$top.up,workdir=$LAYERS/$top.work"
    mount -t overlay overlay -o "$layers" "/$top"
done
mount -t tmpfs tmpfs /run
[ -e /sbin/sh ] || ln -s /bin/bash /sbin/sh
[ -e /bin/gawk ] || ln -s "$(command -v awk)" /usr/bin/gawk
echo set up
exec sleep 3600
"""


class IsolatedRoot:
    """The namespace, held by a sleeping process. Commands run inside it by `run`."""

    def __init__(self, layers: Path) -> None:
        flags = ["-m"] if os.geteuid() == 0 else ["-Urm"]
        self._holder = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", _SETUP],
            env={**os.environ, "LAYERS": str(layers)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "set up\n":
            why = self._holder.stderr.read().strip()
            if os.geteuid() == 0:
                raise RuntimeError(f"no mount namespace: {why}")
            pytest.skip(f"this user may not make a mount namespace: {why}")
        enter = ["-m"] if os.geteuid() == 0 else ["-U", "-m", "--preserve-credentials"]
        self._enter = ["nsenter", "-t", str(self._holder.pid), *enter, "--wd=/"]

    def command(self, *words: str) -> list[str]:
        """The words of a command that runs inside."""
        path = f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
        return [*self._enter, "env", f"PATH={path}", "LC_ALL=C.UTF-8", *words]

    def run(self, *words: str, data: str = "", check: bool = True) -> str:
        """Run a command inside; returns what it printed on stdout."""
        done = subprocess.run(
            self.command(*words),
            input=data,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{words} exited {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def install(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write a file inside, unchanged."""
        subprocess.run(
            self.command("sh", "-c", 'mkdir -p "$(dirname "$0")"; cat > "$0"', path),
            input=content,
            check=True,
            timeout=WAIT_S,
        )
        if executable:
            self.run("chmod", "755", path)

    def close(self) -> None:
        """End the namespace."""
        self._holder.kill()
        self._holder.wait(WAIT_S)
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        self._holder.stdout.close()
        self._holder.stderr.close()


class Startd:
    """``svc.startd`` as the system instance inside an isolated root."""

    def __init__(self, root: IsolatedRoot, console: Path) -> None:
        self._root = root
        self.console = console
        self._out = console.open("wb")
        ready, write_fd = os.pipe()
        self._process = subprocess.Popen(
            root.command("svc.startd", "--ready-fd", str(write_fd)),
            stdout=self._out,
            stderr=subprocess.STDOUT,
            pass_fds=[write_fd],
        )
        os.close(write_fd)
        answered = os.read(ready, 1)
        os.close(ready)
        assert answered, f"svc.startd did not start: {console.read_text()}"

    @property
    def pid(self) -> int:
        """Pid of svc.startd (env and nsenter have become it)."""
        return self._process.pid

    def stop(self) -> None:
        """Shut down in order."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(WAIT_S)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(WAIT_S)
            self._out.close()
