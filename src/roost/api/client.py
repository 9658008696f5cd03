"""The client of svc.startd: blocking calls over its socket.

For short-lived commands, so it imports little. A call may be interrupted by Ctrl-C at any
time; the connection is then good only for closing.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from roost.api.address import short_path
from roost.api.wire import PREFIX, Decoder, call_message, encode, error_from_wire
from roost.errors import DaemonNotRunning, InvalidValue, SystemCallFailed
from roost.layout import Layout

_READ_BYTES = 256 * 1024


class _Connection:
    """One connected socket and what arrived on it."""

    def __init__(self, layout: Layout) -> None:
        self._hint = f"roost run --root {'DIR' if layout.root == '/' else layout.root}"
        self._path = layout.socket
        self._decoder = Decoder()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with short_path(layout.socket) as address:
                self._socket.connect(address)
        except OSError as problem:
            self._socket.close()
            absent = problem.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)
            why = (
                f"it does not listen on {layout.socket}"
                if absent
                else f"{layout.socket}: {os.strerror(problem.errno or 0)}"
            )
            hint = self._hint if absent else f"ls -l {layout.socket}"
            raise DaemonNotRunning("reach svc.startd", why, hint) from None

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Mapping[str, object]) -> None:
        try:
            self._socket.sendall(encode(message))
        except OSError as problem:
            raise self._lost(problem) from None

    def receive(self, deadline_s: float | None = None) -> dict[str, Any]:
        """The next message; `TimeoutError` once the monotonic clock passes ``deadline_s``."""
        while (message := self._next_message()) is None:
            if deadline_s is not None:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                self._socket.settimeout(left_s)
            try:
                data = self._socket.recv(_READ_BYTES)
            except TimeoutError:
                raise
            except OSError as problem:
                raise self._lost(problem) from None
            if not data:
                raise self._lost(None)
            self._decoder.feed(data)
        return message

    def _next_message(self) -> dict[str, Any] | None:
        try:
            return self._decoder.next_message()
        except InvalidValue as problem:
            why = f"what listens on {self._path} does not answer as it does ({problem.why})"
            raise DaemonNotRunning("speak with svc.startd", why, f"fuser -v {self._path}") from None

    def _lost(self, problem: OSError | None) -> DaemonNotRunning | SystemCallFailed:
        gone = (errno.EPIPE, errno.ECONNRESET)
        if problem is not None and problem.errno not in gone:
            return SystemCallFailed("speak with svc.startd", os.strerror(problem.errno or 0))
        return DaemonNotRunning("speak with svc.startd", "it closed the connection", self._hint)


class Client:
    """Calls methods of svc.startd. ``method`` is short: ``Manager.List``.

    Parameters that are None are not sent. Raises what the method raised (`RoostError`), and
    `DaemonNotRunning` where nobody listens or the connection breaks.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._connection: _Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, /, **parameters: object) -> dict[str, Any]:
        """Call ``method`` and return the parameters of its reply."""
        if self._connection is None:
            self._connection = _Connection(self._layout)
        full = PREFIX + method
        self._connection.send(call_message(full, parameters))
        return _outcome(self._connection.receive(), full)[0]

    def stream(self, method: str, /, **parameters: object) -> Iterator[dict[str, Any]]:
        """Call ``method`` with ``more`` and yield the parameters of each reply."""
        return self.follow(method, parameters)

    def follow(
        self, method: str, parameters: Mapping[str, object], deadline_s: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """Like `stream`; `TimeoutError` if a reply is not there before ``deadline_s`` (seconds
        on the monotonic clock). A stream has its own connection, closed with the iterator.
        """
        connection = _Connection(self._layout)
        try:
            full = PREFIX + method
            connection.send(call_message(full, parameters, more=True))
            continues = True
            while continues:
                answer, continues = _outcome(connection.receive(deadline_s), full)
                yield answer
        finally:
            connection.close()


def _outcome(message: Mapping[str, Any], method: str) -> tuple[dict[str, Any], bool]:
    """Parameters of a reply, and whether more replies follow; raises what it reports."""
    parameters = message.get("parameters") or {}
    if not isinstance(parameters, dict):
        why = "its parameters are no JSON object"
        raise InvalidValue(f"read the answer to {method}", why, "roost version; roost status")
    error = message.get("error")
    if error is not None:
        raise error_from_wire(str(error), parameters, method)
    return parameters, message.get("continues") is True
