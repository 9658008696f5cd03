"""The two managers under test, behind one small interface."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from bench.measure import SERVICE

BIN = Path(sys.executable).parent


class Side(Protocol):
    """A manager with ``count`` services ready to start."""

    name: str

    def start(self) -> int:
        """Start the manager in the foreground; returns its pid at once."""

    def wait_ready(self) -> None:
        """Wait until it answers its command line."""

    def status(self) -> list[str]:
        """The command that prints the status of all services."""

    def stop(self) -> None:
        """End it and all its services."""


class Roost:
    """roost: a repository that has the services imported already."""

    name = "roost"

    def __init__(self, root: Path, fifo: Path, count: int) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        root.mkdir()
        if count:
            manifest = root / "bench.xml"
            manifest.write_text(_manifest(fifo, count))
            self._import(manifest)

    def start(self) -> int:
        self._ready, write_fd = os.pipe()
        self._process = subprocess.Popen(
            [BIN / "roost", "run", "--root", self._root, "--ready-fd", str(write_fd)],
            stdout=subprocess.DEVNULL,
            pass_fds=[write_fd],
        )
        os.close(write_fd)
        return self._process.pid

    def wait_ready(self) -> None:
        os.read(self._ready, 1)
        os.close(self._ready)

    def status(self) -> list[str]:
        return [str(BIN / "svcs"), "-R", str(self._root), "-a"]

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(120)

    def _import(self, manifest: Path) -> None:
        """Fill the repository, as an earlier run of the machine would have."""
        self.start()
        self.wait_ready()
        subprocess.run(
            [BIN / "svccfg", "-R", self._root, "import", manifest], check=True, timeout=120
        )
        self.stop()


def _manifest(fifo: Path, count: int) -> str:
    services = "".join(
        f"""
  <service name="bench/s{number}" type="service" version="1">
    <create_default_instance enabled="true"/>
    <exec_method type="method" name="start" exec="{SERVICE} %s {fifo}" timeout_seconds="60"/>
    <exec_method type="method" name="stop" exec=":kill" timeout_seconds="60"/>
    <property_group name="startd" type="framework">
      <propval name="duration" type="astring" value="child"/>
    </property_group>
  </service>"""
        for number in range(count)
    )
    return f"""<?xml version="1.0"?>
<!DOCTYPE service_bundle SYSTEM "/usr/share/lib/xml/dtd/service_bundle.dtd.1">
<service_bundle type="manifest" name="bench">{services}
</service_bundle>
"""


class Supervisor:
    """supervisord, with what it writes kept in memory or thrown away as by default."""

    name = "supervisor"

    def __init__(self, root: Path, fifo: Path, count: int) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        root.mkdir()
        programs = "".join(
            f"""
[program:s{number}]
command={SERVICE} bench/s{number} {fifo}
autorestart=true
startsecs=0
stdout_logfile={root}/s{number}.log
redirect_stderr=true
"""
            for number in range(count)
        )
        (root / "supervisord.conf").write_text(
            f"""[supervisord]
nodaemon=true
logfile={root}/supervisord.log
pidfile={root}/supervisord.pid
childlogdir={root}
minfds=4096
minprocs=1024

[unix_http_server]
file={root}/sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{root}/sock
{programs}"""
        )

    def start(self) -> int:
        self._process = subprocess.Popen(
            [BIN / "supervisord", "-c", self._root / "supervisord.conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self._process.pid

    def wait_ready(self) -> None:
        for _ in range(600):
            if subprocess.run(self.status(), capture_output=True, check=False).returncode in (0, 3):
                return
        raise TimeoutError("supervisord does not answer")

    def status(self) -> list[str]:
        return [str(BIN / "supervisorctl"), "-c", str(self._root / "supervisord.conf"), "status"]

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(120)
