"""The subcommand repository: work on a repository file that no running svc.startd has.

A svc.startd of our own serves the file on a socket in a directory that only we may enter. It
ends when the pipe to its standard input is closed, and so with this process, however that ends.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from contextlib import suppress
from shlex import quote
from typing import BinaryIO

from roost.api.client import Client
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.store import Store
from roost.errors import NotFound, SystemCallFailed
from roost.layout import PrivateLayout

_START_S = 60.0
_END_S = 60.0


class _Server:
    """The process that serves the file. Raises `SystemCallFailed` with what it complains of."""

    def __init__(self, root: str, file: str) -> None:
        self._directory = tempfile.mkdtemp(prefix="svccfg.")
        self.layout = PrivateLayout(root, file, f"{self._directory}/socket")
        with tempfile.TemporaryFile() as complaints:
            ready, told = os.pipe()
            try:
                self._process = self._start(told, complaints)
            finally:
                os.close(told)
            answer = _answer(ready)
            if not answer:
                self.close()
                complaints.seek(0)
                raise _refusal(file, complaints.read().decode(errors="replace"))

    def _start(self, ready_fd: int, complaints: BinaryIO) -> subprocess.Popen[bytes]:
        layout = self.layout
        # -P: what lies in the working directory is no part of the program.
        program = [sys.executable, "-P", "-m", "roost.daemon.main", "-R", layout.root]
        options = ["--repository", layout.file, "--socket", layout.socket]
        return subprocess.Popen(
            [*program, *options, "--ready-fd", str(ready_fd)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            pass_fds=[ready_fd],
            start_new_session=True,  # Ctrl-C is meant for the dialogue
        )

    def close(self) -> None:
        """Let the process end, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(OSError):  # the process removes it when all is well
            os.rmdir(self._directory)


def _answer(ready: int) -> bytes:
    """What the process says when it is ready; empty if it ended, or is not ready in time."""
    try:
        readable, _, _ = select.select([ready], [], [], _START_S)
        return os.read(ready, 1) if readable else b""
    finally:
        os.close(ready)


def _refusal(file: str, complaints: str) -> SystemCallFailed:
    lines = [line.removeprefix("svc.startd: ") for line in complaints.splitlines()]
    why = next((line for line in lines if line.startswith("cannot ")), " ".join(lines))
    hint = next((line for line in lines if line.startswith("try: ")), "")
    what, _, reason = why.removeprefix("cannot ").partition(": ")
    return SystemCallFailed(
        what or f"use the repository {file}", reason or "it was not ready in time", hint[5:]
    )


def _repository(session: Session, call: Call) -> None:
    file = os.path.abspath(call.operands[0])
    if not os.path.isfile(file):
        raise NotFound(
            f"use the repository {file}", "there is no such file", f"ls -l {quote(file)}"
        )
    server = _Server(session.root, file)
    session.use(Store(lambda: Client(server.layout)), server.close)
    session.remark(f"The repository is {file} now.")


COMMANDS = (
    Command(
        "repository FILE",
        "work on a repository file that no svc.startd has open",
        _repository,
        (1, 1),
    ),
)
