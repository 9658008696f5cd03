"""One client's connection: calls come in, are answered in order, replies go out.

A connection never blocks and never grows without bound. While a call is unanswered, or the
client does not read its replies, no further call of it is begun; what it sends meanwhile is
kept up to one message's length. A client that leaves the replies of a stream unread is
dropped: it finds an error as its last message. Who is not trusted begins a call only when it
is its user's turn, and sends long messages only if it has a use for them (`Terms`).
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from roost.api import typed
from roost.api.turns import Take
from roost.api.wire import (
    MAX_MESSAGE_BYTES,
    Decoder,
    VarlinkError,
    encode,
    error_to_wire,
)
from roost.errors import InternalError, InvalidValue, RoostError, SystemRefused
from roost.loop import Loop

MAX_UNREAD_BYTES = 4 * 1024 * 1024
"""Replies that a slow client may leave unread before it is dropped."""

MAX_SHORT_BYTES = 256 * 1024
"""Who is not trusted may send longer messages only where its terms say so."""

_READ_BYTES = 64 * 1024
_CALLS_A_TURN = 16
_CREDENTIALS = struct.Struct("=iII")
_SO_PEERGROUPS = 59
"""Not in Python's ``socket``; Linux 4.13, the same number on all but SPARC and PA-RISC."""
_GROUPS_BYTES = 1024
"""As much as Python hands over: 256 groups."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who called, as the kernel says."""

    uid: int
    gid: int
    pid: int
    groups: tuple[int, ...] | None = None
    """Supplementary groups; None if the kernel does not tell."""


def peer_of(channel: socket.socket) -> Peer:
    """The credentials of the process that connected, as they were when it did."""
    data = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    return Peer(uid, gid, pid, _groups_of(channel))


def _groups_of(channel: socket.socket) -> tuple[int, ...] | None:
    try:
        data = channel.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:
        return None  # an old kernel, or more groups than fit
    return struct.unpack(f"={len(data) // 4}I", data)


class Call:
    """One call of a method, until it is answered."""

    def __init__(
        self,
        connection: Connection,
        method: str,
        parameters: Mapping[str, object],
        *,
        more: bool,
        oneway: bool,
    ) -> None:
        self._connection = connection
        self.method = method
        """The full name."""
        self.parameters = parameters
        """As sent; checked against the interface description."""
        self.peer = connection.peer
        self.check: Callable[[Mapping[str, object]], None] | None = None
        """Set by a server that checks its own answers."""
        self.more = more
        """Does the caller take several replies?"""
        self._oneway = oneway
        self._closed = False
        self._on_close: list[Callable[[], None]] = []

    @property
    def closed(self) -> bool:
        """Is the call answered for good, or the caller gone?"""
        return self._closed

    def reply(self, parameters: Mapping[str, object], continues: bool = False) -> None:
        """Answer; with ``continues`` more replies follow. Does nothing if `closed`."""
        if continues and not self.more:
            raise InternalError(f"answer {self.method}", "the caller takes one reply only")
        if self.check is not None:
            self.check(parameters)
        message: dict[str, object] = {"parameters": parameters}
        if continues:
            message["continues"] = True
        self._send(message, final=not continues)

    def fail(self, problem: BaseException) -> None:
        """Answer with an error; a bug is reported too. Does nothing if `closed`."""
        is_ours = isinstance(problem, (RoostError, VarlinkError))
        if not is_ours or isinstance(problem, InternalError):
            self._connection.on_bug(self.method, problem)
        name, parameters = error_to_wire(problem, f"carry out {self.method}")
        self._send({"error": name, "parameters": parameters}, final=True)

    def require_more(self) -> None:
        """Raise what a handler must answer if the caller did not ask for several replies."""
        if not self.more:
            raise VarlinkError("ExpectedMore")

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once if the caller goes away before the call is answered."""
        self._on_close.append(callback)

    def abandon(self) -> None:
        """The caller is gone (called by the connection)."""
        if not self._closed:
            self._closed = True
            for callback in self._on_close:
                callback()

    def _send(self, message: Mapping[str, object], *, final: bool) -> None:
        if self._closed:
            return
        data = encode(message)  # may refuse, and then nothing was answered
        self._closed = final
        if not self._oneway:
            self._connection.send(data)
        if final:
            self._connection.finished(self)


Dispatch = Callable[[Call], None]
"""Begins a call, and answers it now or later; raises nothing."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a connection is served whose user is not trusted."""

    ask_turn: Callable[[Take], None]
    may_send_long: Callable[[], bool]
    """May it send messages longer than `MAX_SHORT_BYTES`? Asked when it does."""
    has_grown: Callable[[], None]
    """Called when a lot is kept for it, in or out."""


class Connection:
    """The server's end of one client's connection."""

    def __init__(
        self,
        loop: Loop,
        channel: socket.socket,
        dispatch: Dispatch,
        on_bug: Callable[[str, BaseException], None],
        on_closed: Callable[[Connection], None],
    ) -> None:
        self._loop = loop
        self._terms: Terms | None = None
        self._socket = channel
        self._fd = channel.fileno()
        self._dispatch = dispatch
        self.on_bug = on_bug
        self._on_closed = on_closed
        self.peer = peer_of(channel)
        self._decoder = Decoder()
        self._call: Call | None = None
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._first_sent = 0
        self._is_ending = False
        self._is_closed = False
        self._wants_turn = False
        self._is_paused = False
        """Is nothing read until it is this connection's turn?"""
        channel.setblocking(False)
        loop.set_reader(self._fd, self._read)

    def restrict(self, terms: Terms) -> None:
        """Serve it on these terms: its user is not trusted. To be called before it is read."""
        self._terms = terms
        self._decoder = Decoder(MAX_SHORT_BYTES)

    @property
    def kept_bytes(self) -> int:
        """What is kept for the client: what it sent, and what it has not read."""
        return self._decoder.waiting_bytes + self._unsent_bytes

    def send(self, data: bytes) -> None:
        """Send an encoded message, or keep it for when the client reads."""
        if self._is_ending or self._is_closed:
            return
        if len(data) - 1 > MAX_MESSAGE_BYTES:
            data = _error(SystemRefused("answer", "the answer is too long for one message"))
        self._append(data)
        if len(self._unsent) == 1:
            self._write()
        if self._unsent_bytes > MAX_UNREAD_BYTES and self._call is not None and self._call.more:
            self._drop_slow()
        self._tell_growth()

    def finished(self, call: Call) -> None:
        """The call under way has its last reply; the next may begin."""
        if self._call is call:
            self._call = None
            self._take_turn_soon()

    def refuse(self, problem: RoostError) -> None:
        """Answer nothing more: send the problem, then close."""
        self.send(_error(problem))
        self._end()

    def drop(self, problem: RoostError) -> None:
        """Forget what is kept for the client, tell it the problem if that can be, and close."""
        self._decoder = Decoder()
        was_cut = bool(self._unsent and self._first_sent)
        self._forget_unsent()
        if not was_cut:
            self.send(_error(problem))
        self._end()

    def close(self) -> None:
        """Close now, after one attempt to send what is left."""
        if self._is_closed:
            return
        self._write()
        self._is_closed = True
        self._loop.set_reader(self._fd, None)
        self._loop.set_writer(self._fd, None)
        self._socket.close()
        self._forget_unsent()
        self._on_closed(self)
        if self._call is not None:
            call, self._call = self._call, None
            call.abandon()

    # --- in ---------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data or self._is_ending:
            # A client that goes while it ends is not waited for any longer.
            if not data:
                self._forget_unsent()
                self.close()
            return
        self._decoder.feed(data)
        if self._decoder.waiting_bytes > self._decoder.max_bytes:
            self._let_send_long()
        if self._is_busy() and self._decoder.waiting_bytes > self._decoder.max_bytes:
            self._forget_unsent()
            self.close()
            return
        self._tell_growth()
        self._take_calls()

    def _let_send_long(self) -> None:
        if self._terms is not None and self._terms.may_send_long():
            self._decoder.max_bytes = MAX_MESSAGE_BYTES

    def _tell_growth(self) -> None:
        if self._terms is not None and self.kept_bytes > _READ_BYTES and not self._is_ending:
            self._terms.has_grown()

    def _is_busy(self) -> bool:
        return self._call is not None or bool(self._unsent)

    def _may_begin(self) -> bool:
        return not (self._is_busy() or self._is_ending or self._is_closed)

    def _take_turn_soon(self) -> None:
        if self._wants_turn or self._is_closed:
            return
        if self._terms is None:
            self._wants_turn = True
            self._loop.call_soon(self._turn)
        elif self._may_begin() and self._decoder.waiting_bytes:
            self._wants_turn = True
            self._terms.ask_turn(self._take_one)
            if self._decoder.waiting_bytes >= _READ_BYTES:
                self._loop.set_reader(self._fd, None)
                self._is_paused = True

    def _turn(self) -> None:
        self._wants_turn = False
        self._take_calls()

    def _take_calls(self) -> None:
        """Begin calls until one stays unanswered; others get their turn in between."""
        if self._terms is not None:
            self._take_turn_soon()
            return
        for _ in range(_CALLS_A_TURN):
            if not self._begin_call():
                return
        self._take_turn_soon()

    def _take_one(self) -> bool:
        """It is the turn of this connection's user; is there more to begin here?"""
        self._wants_turn = True  # the end of the call must not ask again
        is_more = self._begin_call() and self._may_begin() and self._decoder.waiting_bytes > 0
        self._wants_turn = is_more
        if self._is_paused and not self._is_closed:
            self._loop.set_reader(self._fd, self._read)
            self._is_paused = False
        return is_more

    def _begin_call(self) -> bool:
        """Begin the next call, if it is here and may begin."""
        if not self._may_begin():
            return False
        try:
            message = self._decoder.next_message()
            if message is None:
                return False
            call = self._call_of(message)
        except InvalidValue as problem:
            self.refuse(problem)
            return False
        self._call = call
        self._dispatch(call)
        return True

    def _call_of(self, message: Mapping[str, object]) -> Call:
        parameters = message.get("parameters")
        return Call(
            self,
            typed.text(message, "method"),
            {} if parameters is None else typed.record(message, "parameters"),
            more=typed.boolean(message, "more", default=False),
            oneway=typed.boolean(message, "oneway", default=False),
        )

    # --- out --------------------------------------------------------------------------

    def _forget_unsent(self) -> None:
        self._unsent.clear()
        self._unsent_bytes = self._first_sent = 0

    def _append(self, data: bytes) -> None:
        self._unsent.append(data)
        self._unsent_bytes += len(data)

    def _write(self) -> None:
        try:
            while self._unsent:
                first = self._unsent[0]
                sent = self._socket.send(memoryview(first)[self._first_sent :])
                self._first_sent += sent
                self._unsent_bytes -= sent
                if self._first_sent == len(first):
                    self._unsent.popleft()
                    self._first_sent = 0
        except (BlockingIOError, InterruptedError):
            self._loop.set_writer(self._fd, self._write_more)
        except OSError:
            # Not closed here: whoever replies may be walking over its own list of callers.
            self._forget_unsent()
            self._is_ending = True
            self._loop.call_soon(self.close)

    def _write_more(self) -> None:
        self._write()
        if self._unsent:
            return
        self._loop.set_writer(self._fd, None)
        if self._is_ending:
            self.close()
        else:
            self._take_calls()

    def _drop_slow(self) -> None:
        """Keep the message that is partly sent, forget the rest, say why."""
        unread = self._unsent_bytes
        first, sent = self._unsent[0], self._first_sent
        self._forget_unsent()
        if sent:
            self._append(first)
            self._first_sent = sent
            self._unsent_bytes -= sent
        why = f"the client read too slowly: {unread} bytes were waiting"
        self._append(_error(SystemRefused("follow the changes", why)))
        self._end()

    def _end(self) -> None:
        """Close when the client has read what is left; begin nothing more."""
        self._is_ending = True
        if not self._unsent:
            self._loop.call_soon(self.close)
        elif self._call is not None:
            # What the call holds on to is given up now, not when the client wakes.
            self._loop.call_soon(self._abandon)

    def _abandon(self) -> None:
        if self._call is not None:
            call, self._call = self._call, None
            call.abandon()


def _error(problem: RoostError) -> bytes:
    name, parameters = error_to_wire(problem, "")
    return encode({"error": name, "parameters": parameters})
