"""svccfg against a real server, repository and wire, all in this process.

The server is the one that ``svccfg repository FILE`` starts; its event loop turns while a call
waits for its answer, so no thread and no process is needed.
"""

from __future__ import annotations

import io
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from roost.api import typed
from roost.api.wire import PREFIX, Decoder, call_message, encode, error_from_wire
from roost.cli.cfg.runner import run_lines, run_words
from roost.cli.cfg.session import Session
from roost.cli.cfg.store import Store
from roost.daemon.private import FileServer
from roost.layout import PrivateLayout
from roost.loop import Loop

_READ_BYTES = 1 << 20
_WAIT_S = 60.0


class Wire:
    """A client's end of a connection to a server in this process."""

    def __init__(self, loop: Loop, server: FileServer) -> None:
        self._loop = loop
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel.setblocking(False)
        server.server.adopt(theirs)
        self._decoder = Decoder()

    def call(self, method: str, /, **parameters: object) -> dict[str, Any]:
        """Call a method; return the parameters of its reply, or raise what it reports."""
        data = encode(call_message(PREFIX + method, parameters))
        while data:
            data = data[self._channel.send(data) :]
            self._loop.turn(_WAIT_S)
        while (message := self._decoder.next_message()) is None:
            try:
                self._decoder.feed(self._channel.recv(_READ_BYTES))
            except BlockingIOError:
                self._loop.turn(_WAIT_S)
        content = dict(typed.record(message, "parameters")) if message.get("parameters") else {}
        if "error" in message:
            raise error_from_wire(typed.text(message, "error"), content, method)
        return content

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


class Svccfg:
    """A session of svccfg with an empty repository of its own."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        (self.place / "run").mkdir()
        layout = PrivateLayout(
            str(self.place), str(self.place / "repository.db"), str(self.place / "socket")
        )
        self._loop = Loop()
        self._server = FileServer(self._loop, layout)
        wire = Wire(self._loop, self._server)
        self.session = Session(Store(lambda: wire), root=str(self.place))

    def close(self) -> None:
        """Release everything."""
        self.session.store.close()
        self._server.close()
        self._loop.close()
        shutil.rmtree(self.place)

    def run(self, line: str) -> tuple[int, str, str]:
        """Run one subcommand as from the command line; its exit status, output, complaint."""
        self._listen()
        status = run_words(self.session, [line])
        return status, *self._heard()

    def feed(self, text: str) -> tuple[int, str, str]:
        """Run the subcommands of a file."""
        self._listen()
        status = run_lines(self.session, text.splitlines(keepends=True), "FILE")
        return status, *self._heard()

    def ok(self, line: str) -> str:
        """Run one subcommand, which must succeed; its output."""
        status, out, err = self.run(line)
        assert status == 0, (line, err)
        return out

    def _listen(self) -> None:
        self.session.out, self.session.err = io.StringIO(), io.StringIO()

    def _heard(self) -> tuple[str, str]:
        out, err = self.session.out, self.session.err
        assert isinstance(out, io.StringIO)
        assert isinstance(err, io.StringIO)
        return out.getvalue(), err.getvalue()
