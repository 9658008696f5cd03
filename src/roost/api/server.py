"""The Varlink server of svc.startd, on the event loop: never blocks, never polls.

Knows no method itself but those of ``org.varlink.service``; the daemon registers a handler
for each. Parameters reach a handler only if they fit the interface description.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from roost import __version__
from roost.api.address import short_path
from roost.api.connection import Call, Connection, Peer, Terms
from roost.api.idl import Interface, packaged_interfaces
from roost.api.turns import Turns
from roost.api.wire import SERVICE, VarlinkError
from roost.errors import NotAllowed, SystemCallFailed, SystemRefused
from roost.loop import Loop

__all__ = ["Answer", "Call", "Guests", "Handler", "Peer", "Server", "handlers_of"]

Answer = Mapping[str, object]
Handler = Callable[[Call], Answer | None]
"""Answers a call: with a mapping (the whole answer), by an exception, or, after None, later
by ``reply`` or ``fail`` of the call."""

MAX_CONNECTIONS_OF_USER = 128
"""Connections that one user who is not trusted may hold at a time."""
MAX_CONNECTIONS_OF_GUESTS = 512
"""Likewise all of them together; fewer where svc.startd may open few files."""
MAX_KEPT_BYTES_OF_USER = 32 * 1024 * 1024
"""Of what users who are not trusted sent, or do not read, so much is kept for one of them."""

_BACKLOG = 1024
_ACCEPTS_A_TURN = 256
_ACCEPT_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Guests:
    """Who is served on equal terms with others of its kind: those that are not trusted."""

    is_guest: Callable[[Peer], bool]
    may_send_long: Callable[[Peer], bool]
    """Has it a use for long messages? Asked only when it sends one."""


def handlers_of(interface: str, **handlers: Handler) -> dict[str, Handler]:
    """The handlers of an interface by full method name; given by the methods' own names."""
    return {f"{interface}.{name}": handler for name, handler in handlers.items()}


def _ignore_bug(_method: str, _problem: BaseException) -> None:
    """Nobody wants to know; the caller has the error already."""


class Server:
    """Listens on ``path`` and hands calls to ``handlers`` (by full method name).

    ``on_bug`` hears of each exception that is no answer to a client's mistake. Calls of the
    methods in ``slow`` (full names) wait in a line of their own, of which each turn of the loop
    takes one: so who only asks never waits for a crowd of those who change something.
    With ``guests`` nobody of those can keep the others from being served: their calls are begun
    in turns, and what they hold is bounded. Without, all callers are trusted.
    With ``check_replies`` answers are checked against the interface too (for tests).
    Raises `SystemCallFailed` if the socket cannot be made.
    """

    def __init__(
        self,
        loop: Loop,
        path: str,
        handlers: Mapping[str, Handler],
        *,
        on_bug: Callable[[str, BaseException], None] = _ignore_bug,
        slow: Collection[str] = (),
        guests: Guests | None = None,
        interfaces: Mapping[str, Interface] | None = None,
        check_replies: bool = False,
    ) -> None:
        self._loop = loop
        self._path = path
        self._on_bug = on_bug
        self._interfaces = packaged_interfaces() if interfaces is None else interfaces
        self._check_replies = check_replies
        self._slow = frozenset(slow)
        self._line = Turns(loop, slice_s=0)
        self._handlers: dict[str, Handler] = {
            SERVICE + "GetInfo": self._get_info,
            SERVICE + "GetInterfaceDescription": self._get_description,
            **handlers,
        }
        self._connections: set[Connection] = set()
        self._guests = guests
        self._guest_connections: Counter[int] = Counter()
        """How many there are, by user."""
        self._turns = Turns(loop)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._max_guests = min(MAX_CONNECTIONS_OF_GUESTS, files // 2)
        self._socket, self._inode = _listen(path)
        loop.set_reader(self._socket.fileno(), self._accept)

    @property
    def connections(self) -> int:
        """Number of connected clients."""
        return len(self._connections)

    def close(self) -> None:
        """Stop listening, drop all clients, remove the socket."""
        if self._socket.fileno() < 0:
            return
        self._loop.set_reader(self._socket.fileno(), None)
        self._socket.close()
        for connection in list(self._connections):
            connection.close()
        try:
            if _inode(self._path) == self._inode:
                os.unlink(self._path)
        except OSError:
            pass  # somebody removed it before

    def adopt(self, channel: socket.socket) -> None:
        """Serve a socket that is connected already."""
        connection = Connection(self._loop, channel, self._dispatch, self._on_bug, self._forget)
        self._connections.add(connection)
        if self._is_guest(connection.peer):
            self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        """Serve a guest, if there is room for it."""
        peer = connection.peer
        of_user, of_all = self._guest_connections[peer.uid], self._guest_connections.total()
        self._guest_connections[peer.uid] += 1
        if of_user >= MAX_CONNECTIONS_OF_USER:
            why = f"this user has {of_user} connections already"
            connection.refuse(NotAllowed("connect to svc.startd", why))
        elif of_all >= self._max_guests:
            why = f"{of_all} clients are connected already"
            connection.refuse(SystemRefused("connect to svc.startd", why))
        else:
            connection.restrict(
                Terms(
                    partial(self._turns.ask, peer.uid),
                    partial(self._may_send_long, peer),
                    partial(self._check_kept, connection),
                )
            )

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        uid = connection.peer.uid
        if uid in self._guest_connections:
            self._guest_connections[uid] -= 1
            if not self._guest_connections[uid]:
                del self._guest_connections[uid]

    def _is_guest(self, peer: Peer) -> bool:
        return self._guests is not None and self._guests.is_guest(peer)

    def _may_send_long(self, peer: Peer) -> bool:
        return self._guests is not None and self._guests.may_send_long(peer)

    def _check_kept(self, connection: Connection) -> None:
        uid = connection.peer.uid
        kept = sum(other.kept_bytes for other in self._connections if other.peer.uid == uid)
        if kept > MAX_KEPT_BYTES_OF_USER:
            why = f"{kept} bytes are kept for this user already"
            connection.drop(SystemRefused("answer", why))

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            try:
                channel, _ = self._socket.accept()
            except OSError as problem:
                if problem.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    # The listener stays readable; asking again at once would spin.
                    self._loop.set_reader(self._socket.fileno(), None)
                    self._loop.call_later(_ACCEPT_AGAIN_S, self._accept_again)
                return
            self.adopt(channel)

    def _accept_again(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.set_reader(self._socket.fileno(), self._accept)

    def _dispatch(self, call: Call) -> None:
        if call.method not in self._slow or self._is_guest(call.peer):  # which had its turn
            self._carry_out(call)
            return
        self._line.ask(call.peer.uid, partial(self._take_from_line, call))

    def _take_from_line(self, call: Call) -> bool:
        if not call.closed:  # the caller may have gone meanwhile
            self._carry_out(call)
        return False

    def _carry_out(self, call: Call) -> None:
        try:
            handler = self._handler_of(call)
            if self._check_replies:
                call.check = partial(self._check, call.method)
            answer = handler(call)
            if answer is not None:
                call.reply(answer)
            elif not call.closed:
                call.parameters = {}  # who waits holds no more than it must
        except Exception as problem:  # noqa: BLE001  one bad call must not end the manager
            call.fail(problem)

    def _handler_of(self, call: Call) -> Handler:
        interface_name, _, name = call.method.rpartition(".")
        interface = self._interfaces.get(interface_name)
        if interface is None:
            raise VarlinkError("InterfaceNotFound", interface=interface_name)
        method = interface.methods.get(name)
        if method is None:
            raise VarlinkError("MethodNotFound", method=call.method)
        handler = self._handlers.get(call.method)
        if handler is None:
            raise VarlinkError("MethodNotImplemented", method=call.method)
        fault = interface.fault_in(method.takes, call.parameters)
        if fault is not None:
            raise VarlinkError("InvalidParameter", parameter=fault)
        return handler

    def _check(self, full_name: str, answer: Mapping[str, object]) -> None:
        interface_name, _, name = full_name.rpartition(".")
        interface = self._interfaces[interface_name]
        fault = interface.fault_in(interface.methods[name].gives, dict(answer))
        if fault is not None:
            raise TypeError(f"the answer's '{fault}' does not fit {full_name}")

    def _get_info(self, _call: Call) -> Mapping[str, object]:
        return {
            "vendor": "roost",
            "product": "roost",
            "version": __version__,
            "url": "",
            "interfaces": sorted(self._interfaces),
        }

    def _get_description(self, call: Call) -> Mapping[str, object]:
        wanted = str(call.parameters["interface"])
        if wanted not in self._interfaces:
            raise VarlinkError("InvalidParameter", parameter="interface")
        return {"description": self._interfaces[wanted].text}


def _inode(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _listen(path: str) -> tuple[socket.socket, tuple[int, int]]:
    """A listening socket at ``path``, there from one moment to the next, and its inode."""
    # Made under another name and renamed, so that no client meets one that refuses it.
    fresh = f"{path}.new"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        for name in (path, fresh):
            _remove_stale(name)
        with short_path(fresh) as address:
            listener.bind(address)
        # Everybody may ask; what each may do is decided call by call.
        os.chmod(fresh, 0o666)  # noqa: S103  as the line above says
        listener.listen(_BACKLOG)
        os.rename(fresh, path)
        return listener, _inode(path)
    except OSError as problem:
        listener.close()
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        raise SystemCallFailed(f"listen on {path}", why, f"ls -ld {path}") from None


def _remove_stale(path: str) -> None:
    """Remove a socket that a dead manager left; anything else is not ours to remove."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        os.unlink(path)
    except FileNotFoundError:
        pass
