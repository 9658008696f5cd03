"""The server on its loop, spoken to over real sockets from the same thread."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from roost.api.address import MAX_PATH_BYTES, short_path
from roost.api.connection import MAX_SHORT_BYTES, MAX_UNREAD_BYTES, Peer
from roost.api.server import (
    MAX_CONNECTIONS_OF_USER,
    MAX_KEPT_BYTES_OF_USER,
    Call,
    Guests,
    Server,
)
from roost.api.wire import MAX_MESSAGE_BYTES, Decoder, encode
from roost.errors import InternalError, NotFound, SystemCallFailed
from roost.loop import Loop

Message = Mapping[str, object]
MAX_TURNS = 20_000


class Bench:
    """A server with a few handlers, and clients that turn its loop while they wait."""

    def __init__(self, path: str, guests: Guests | None = None) -> None:
        self.loop = Loop()
        self.path = path
        self.bugs: list[tuple[str, BaseException]] = []
        self.calls: list[Call] = []
        self.gone: list[str] = []
        self.acts: list[str] = []
        self.server = Server(
            self.loop,
            path,
            {
                "io.roost.Manager.Resolve": self._resolve,
                "io.roost.Manager.Status": self._later,
                "io.roost.Manager.Subscribe": self._subscribe,
                "io.roost.Manager.Dependents": self._fail,
                "io.roost.Manager.Processes": self._bug,
                "io.roost.Manager.Act": self._act,
                "io.roost.Manager.Shutdown": lambda _call: {"waiting": {1}},
            },
            on_bug=lambda method, problem: self.bugs.append((method, problem)),
            slow=["io.roost.Manager.Act"],
            guests=guests,
        )

    def close(self) -> None:
        self.server.close()
        self.loop.close()

    def _resolve(self, call: Call) -> Message:
        return {"matches": [], "echo": call.parameters["patterns"], "uid": call.peer.uid}

    def _act(self, call: Call) -> Message:
        self.acts.append(str(call.parameters["fmri"]))
        return {"notes": []}

    def _later(self, call: Call) -> None:
        self.calls.append(call)
        call.on_close(lambda: self.gone.append(call.method))

    def _subscribe(self, call: Call) -> None:
        call.require_more()
        self._later(call)

    def _fail(self, call: Call) -> Message:
        raise NotFound(f"find '{call.parameters['fmri']}'", "no such instance", "svcs -a")

    def _bug(self, _call: Call) -> Message:
        raise ZeroDivisionError("oops")

    def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(MAX_TURNS):
            if is_so():
                return
            self.loop.turn(0.01)
        raise AssertionError("it did not come about")


class Talker:
    """A client that writes raw bytes and never blocks the thread."""

    def __init__(self, bench: Bench, channel: socket.socket | None = None) -> None:
        self.bench = bench
        if channel is None:
            channel = socket.socket(socket.AF_UNIX)
            with short_path(bench.path) as address:
                channel.connect(address)
        self.socket = channel
        self.socket.setblocking(False)
        self.decoder = Decoder(64 * MAX_MESSAGE_BYTES)

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        left = memoryview(data)
        for _ in range(MAX_TURNS):
            if not left:
                return
            try:
                left = left[self.socket.send(left) :]
            except BlockingIOError:
                self.bench.loop.turn(0.01)
        raise AssertionError("the server does not read")

    def call(self, method: str, parameters: Message | None = None, **flags: bool) -> None:
        self.send(encode({"method": method, "parameters": parameters or {}, **flags}))

    def answer(self) -> dict[str, Any]:
        """The next message; {} at the end of the stream."""
        for _ in range(MAX_TURNS):
            message = self.decoder.next_message()
            if message is not None:
                return message
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                self.bench.loop.turn(0.01)
                continue
            except ConnectionResetError:
                return {}
            if not data:
                return {}
            self.decoder.feed(data)
        raise AssertionError("no answer")

    def ask(self, method: str, parameters: Message | None = None, **flags: bool) -> dict[str, Any]:
        self.call(method, parameters, **flags)
        return self.answer()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(str(tmp_path / "socket"))
    yield made
    made.close()


@pytest.fixture
def talker(bench: Bench) -> Iterator[Talker]:
    made = Talker(bench)
    yield made
    made.close()


RESOLVE = "io.roost.Manager.Resolve"
STATUS = "io.roost.Manager.Status"
SUBSCRIBE = "io.roost.Manager.Subscribe"
ACT = "io.roost.Manager.Act"


def echo(text: str) -> Message:
    return {"patterns": [text]}


def test_a_handler_answers_and_knows_its_caller(talker: Talker) -> None:
    answer = talker.ask(RESOLVE, echo("a"))
    assert answer == {"parameters": {"matches": [], "echo": ["a"], "uid": os.getuid()}}


def test_a_socketpair_is_served_too(bench: Bench) -> None:
    ours, theirs = socket.socketpair()
    bench.server.adopt(ours)
    talker = Talker(bench, theirs)
    assert talker.ask(RESOLVE, echo("a"))["parameters"]["echo"] == ["a"]
    assert bench.server.connections == 1
    talker.close()
    bench.until(lambda: bench.server.connections == 0)


def test_bytes_one_by_one_and_many_calls_at_once(talker: Talker) -> None:
    for byte in encode({"method": RESOLVE, "parameters": echo("slow")}):
        talker.send(bytes([byte]))
    assert talker.answer()["parameters"]["echo"] == ["slow"]
    talker.send(
        b"".join(encode({"method": RESOLVE, "parameters": echo(str(n))}) for n in range(100))
    )
    assert [talker.answer()["parameters"]["echo"] for _ in range(100)] == [
        [str(n)] for n in range(100)
    ]


def test_calls_are_answered_in_order_though_the_first_takes_longer(
    bench: Bench, talker: Talker
) -> None:
    talker.call(STATUS)
    talker.call(RESOLVE, echo("second"))
    bench.until(lambda: len(bench.calls) == 1)
    bench.loop.turn(0)
    assert not bench.calls[0].closed
    bench.calls[0].reply({"first": True})
    assert bench.calls[0].closed
    assert talker.answer() == {"parameters": {"first": True}}
    assert talker.answer()["parameters"]["echo"] == ["second"]
    bench.calls[0].reply({"late": True})
    bench.calls[0].fail(NotFound("x"))
    assert talker.ask(RESOLVE, echo("third"))["parameters"]["echo"] == ["third"]
    assert bench.gone == []


def test_who_asks_does_not_wait_for_a_crowd_of_those_who_change(bench: Bench) -> None:
    crowd = [Talker(bench) for _ in range(10)]
    asking = Talker(bench)
    bench.until(lambda: bench.server.connections == 11)
    for number, one in enumerate(crowd):
        one.call(ACT, {"fmri": str(number), "action": "refresh"})
    asking.call(RESOLVE, echo("asked last"))
    assert asking.answer()["parameters"]["echo"] == ["asked last"]
    assert len(bench.acts) <= 1
    assert [one.answer() for one in crowd] == [{"parameters": {"notes": []}}] * 10
    assert bench.acts == [str(number) for number in range(10)]


def test_one_who_goes_away_in_the_line_is_passed_over(bench: Bench, talker: Talker) -> None:
    gone = Talker(bench)
    for number, one in enumerate((talker, gone)):
        one.call(ACT, {"fmri": str(number), "action": "refresh"})
    bench.loop.turn(0.01)  # both are in the line now
    gone.close()
    assert talker.answer() == {"parameters": {"notes": []}}
    bench.until(lambda: bench.server.connections == 1)
    assert talker.ask(ACT, {"fmri": "2", "action": "refresh"}) == {"parameters": {"notes": []}}
    assert bench.acts[0] == "0"
    assert bench.acts[-1] == "2"


def test_a_call_behind_a_change_on_one_connection_waits_for_it(
    bench: Bench, talker: Talker
) -> None:
    talker.call(ACT, {"fmri": "x", "action": "refresh"})
    talker.call(RESOLVE, echo("after"))
    assert talker.answer() == {"parameters": {"notes": []}}
    assert bench.acts == ["x"]
    assert talker.answer()["parameters"]["echo"] == ["after"]


def test_a_later_failure(bench: Bench, talker: Talker) -> None:
    talker.call(STATUS)
    bench.until(lambda: len(bench.calls) == 1)
    bench.calls[0].fail(NotFound("find 'x'", "it is not there"))
    assert talker.answer()["error"] == "io.roost.NotFound"
    assert bench.bugs == []


def test_a_refusal_has_what_why_and_hint(talker: Talker) -> None:
    assert talker.ask("io.roost.Manager.Dependents", {"fmri": "svc:/x"}) == {
        "error": "io.roost.NotFound",
        "parameters": {"what": "find 'svc:/x'", "why": "no such instance", "hint": "svcs -a"},
    }


def test_a_bug_is_reported_and_the_connection_lives(bench: Bench, talker: Talker) -> None:
    answer = talker.ask("io.roost.Manager.Processes", {"fmris": []})
    assert answer["error"] == "io.roost.InternalError"
    assert answer["parameters"]["why"] == "ZeroDivisionError: oops"
    method, problem = bench.bugs[0]
    assert method == "io.roost.Manager.Processes"
    assert problem.__traceback__ is not None
    assert "parameters" in talker.ask(RESOLVE, echo("a"))


def test_an_answer_that_is_no_json_is_a_bug(bench: Bench, talker: Talker) -> None:
    assert talker.ask("io.roost.Manager.Shutdown")["error"] == "io.roost.InternalError"
    assert isinstance(bench.bugs[0][1], TypeError)


def test_replies_can_be_checked_against_the_interface(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "checked")
    handlers = {"io.roost.Manager.Shutdown": lambda _call: {"waiting": [1]}}
    server = Server(bench.loop, path, handlers, check_replies=True)
    ours, theirs = socket.socketpair()
    server.adopt(ours)
    talker = Talker(bench, theirs)
    answer = talker.ask("io.roost.Manager.Shutdown")
    assert "waiting[0]" in answer["parameters"]["why"]
    talker.close()
    server.close()


@pytest.mark.parametrize(
    ("method", "parameters", "error", "details"),
    [
        ("io.roost.Nothing.X", {}, "InterfaceNotFound", {"interface": "io.roost.Nothing"}),
        ("nodot", {}, "InterfaceNotFound", {"interface": ""}),
        ("io.roost.Manager.X", {}, "MethodNotFound", {"method": "io.roost.Manager.X"}),
        (
            "io.roost.Manager.List",
            {"patterns": []},
            "MethodNotImplemented",
            {"method": "io.roost.Manager.List"},
        ),
        (RESOLVE, {}, "InvalidParameter", {"parameter": "patterns"}),
        (RESOLVE, {"patterns": "a"}, "InvalidParameter", {"parameter": "patterns"}),
        (RESOLVE, {"patterns": [1]}, "InvalidParameter", {"parameter": "patterns[0]"}),
        (RESOLVE, {"patterns": [], "x": 1}, "InvalidParameter", {"parameter": "x"}),
        (SUBSCRIBE, {}, "ExpectedMore", {}),
    ],
)
def test_errors_of_varlink(
    talker: Talker, method: str, parameters: Message, error: str, details: Message
) -> None:
    answer = talker.ask(method, parameters)
    assert answer == {"error": f"org.varlink.service.{error}", "parameters": details}
    assert "parameters" in talker.ask(RESOLVE, echo("still here"))


def test_introspection(talker: Talker) -> None:
    info = talker.ask("org.varlink.service.GetInfo")["parameters"]
    assert info["product"] == "roost"
    assert "io.roost.Manager" in info["interfaces"]
    for name in info["interfaces"]:
        found = talker.ask("org.varlink.service.GetInterfaceDescription", {"interface": name})
        assert f"interface {name}" in found["parameters"]["description"]
    unknown = talker.ask("org.varlink.service.GetInterfaceDescription", {"interface": "a.b"})
    assert unknown["error"] == "org.varlink.service.InvalidParameter"


@pytest.mark.parametrize(
    "garbage", [b"garbage\0", b"\0", b"[1]\0", b'{"parameters":{}}\0', b'{"method":1}\0']
)
def test_garbage_is_answered_and_the_connection_closed(bench: Bench, garbage: bytes) -> None:
    talker = Talker(bench)
    talker.send(garbage)
    assert talker.answer()["error"] == "io.roost.InvalidValue"
    assert talker.answer() == {}
    assert bench.server.connections == 0
    talker.close()


def test_a_message_without_end_is_cut_off(bench: Bench, talker: Talker) -> None:
    talker.send(b" " * MAX_MESSAGE_BYTES)
    bench.until(lambda: bench.server.connections == 1)
    talker.send(b" " * 65536)
    assert talker.answer()["error"] == "io.roost.InvalidValue"
    assert talker.answer() == {}


def test_a_stream_ends_with_the_last_reply(bench: Bench, talker: Talker) -> None:
    talker.call(SUBSCRIBE, more=True)
    bench.until(lambda: len(bench.calls) == 1)
    bench.calls[0].reply({"n": 1}, continues=True)
    bench.calls[0].reply({"n": 2})
    assert talker.answer() == {"parameters": {"n": 1}, "continues": True}
    assert talker.answer() == {"parameters": {"n": 2}}
    single = Call(bench.calls[0]._connection, "a.B", {}, more=False, oneway=False)
    with pytest.raises(InternalError):
        single.reply({}, continues=True)


def test_a_handler_hears_when_its_caller_goes(bench: Bench, talker: Talker) -> None:
    talker.call(SUBSCRIBE, more=True)
    bench.until(lambda: len(bench.calls) == 1)
    talker.close()
    bench.until(lambda: bench.gone == [SUBSCRIBE])
    assert bench.calls[0].closed
    bench.calls[0].reply({"n": 1}, continues=True)
    assert bench.server.connections == 0


def test_oneway_gets_no_reply(talker: Talker) -> None:
    talker.call(RESOLVE, echo("silent"), oneway=True)
    talker.call("io.roost.Manager.X", oneway=True)
    assert talker.ask(RESOLVE, echo("heard"))["parameters"]["echo"] == ["heard"]


def test_a_slow_subscriber_is_dropped_with_an_error(bench: Bench, talker: Talker) -> None:
    talker.call(SUBSCRIBE, more=True)
    bench.until(lambda: len(bench.calls) == 1)
    call = bench.calls[0]
    sent = 0
    while not bench.gone and sent < 1000:
        call.reply({"text": "x" * 65536, "n": sent}, continues=True)
        sent += 1
        bench.loop.turn(0)
    assert call.closed
    assert MAX_UNREAD_BYTES // 65536 <= sent < 1000
    messages = []
    while message := talker.answer():
        messages.append(message)
    numbers = [message["parameters"]["n"] for message in messages[:-1]]
    assert numbers == list(range(len(numbers)))
    assert messages[-1]["error"] == "io.roost.SystemRefused"
    assert "too slowly" in messages[-1]["parameters"]["why"]
    assert bench.server.connections == 0


def test_a_client_that_reads_nothing_is_not_served_further(bench: Bench, talker: Talker) -> None:
    big = encode({"method": RESOLVE, "parameters": echo("y" * 300_000)})
    for _ in range(30):
        talker.send(big)
    for _ in range(50):
        bench.loop.turn(0)
    connection = next(iter(bench.server._connections))
    assert connection._unsent_bytes < 2 * len(big)
    for _ in range(30):
        assert len(talker.answer()["parameters"]["echo"][0]) == 300_000


def test_a_client_that_sends_without_end_behind_a_call_is_cut_off(
    bench: Bench, talker: Talker
) -> None:
    talker.call(STATUS)
    bench.until(lambda: len(bench.calls) == 1)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        talker.send(b"z" * (MAX_MESSAGE_BYTES + (1 << 20)))
    assert bench.gone == [STATUS]


def test_an_answer_longer_than_a_message_becomes_an_error(bench: Bench, talker: Talker) -> None:
    talker.call(STATUS)
    bench.until(lambda: len(bench.calls) == 1)
    bench.calls[0].reply({"text": "x" * (MAX_MESSAGE_BYTES + 1)})
    assert talker.answer()["error"] == "io.roost.SystemRefused"


def test_the_socket_is_for_all_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    bench = Bench(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    talker = Talker(bench)
    assert "parameters" in talker.ask(RESOLVE, echo("a"))
    bench.server.close()
    bench.server.close()
    assert list(tmp_path.iterdir()) == []
    assert talker.answer() == {}
    talker.close()
    bench.close()


def test_a_socket_of_another_server_is_left_at_close(bench: Bench, tmp_path: Path) -> None:
    second = Bench(bench.path)
    bench.server.close()
    talker = Talker(second)
    assert "parameters" in talker.ask(RESOLVE, echo("a"))
    talker.close()
    second.close()
    assert not (tmp_path / "socket").exists()


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "socket"
    file.write_text("precious")
    with pytest.raises(SystemCallFailed, match=r"cannot listen on .*: File exists"):
        Bench(str(file))
    assert file.read_text() == "precious"
    with pytest.raises(SystemCallFailed, match="No such file"):
        Bench(str(tmp_path / "absent" / "socket"))


def test_a_path_longer_than_the_kernel_takes(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    directory.mkdir()
    path = directory / "socket"
    assert len(str(path)) > MAX_PATH_BYTES
    bench = Bench(str(path))
    talker = Talker(bench)
    assert "parameters" in talker.ask(RESOLVE, echo("a"))
    talker.close()
    bench.close()
    assert not path.exists()


def test_an_answer_is_one_line_of_json(bench: Bench, talker: Talker) -> None:
    talker.call(RESOLVE, echo("é\n"))
    bench.until(lambda: bench.server.connections == 1)
    for _ in range(20):
        bench.loop.turn(0.01)
    data = talker.socket.recv(4096)
    assert data.endswith(b"\0")
    assert json.loads(data[:-1])["parameters"]["echo"] == ["é\n"]


# --- who is not trusted -------------------------------------------------------------------------


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[Bench]:
    """A server to which everybody is a guest, and nobody has a use for long messages."""
    made = Bench(str(tmp_path / "guests"), Guests(lambda _peer: True, lambda _peer: False))
    yield made
    made.close()


def test_guests_are_answered_in_order(open_house: Bench) -> None:
    talkers = [Talker(open_house) for _ in range(3)]
    for number in range(40):
        for talker in talkers:
            talker.call(RESOLVE, echo(str(number)))
    for talker in talkers:
        answers = [talker.answer()["parameters"]["echo"] for _ in range(40)]
        assert answers == [[str(number)] for number in range(40)]
        talker.close()


def test_a_guest_s_calls_byte_by_byte_and_behind_one_that_takes_longer(open_house: Bench) -> None:
    talker = Talker(open_house)
    talker.call(STATUS)
    data = encode({"method": RESOLVE, "parameters": echo("late")})
    for byte in data:
        talker.send(bytes([byte]))
        open_house.loop.turn(0)
    assert len(open_house.calls) == 1
    open_house.calls[0].reply({"text": "early"})
    assert talker.answer()["parameters"] == {"text": "early"}
    assert talker.answer()["parameters"]["echo"] == ["late"]
    talker.close()


def test_a_guest_sends_no_long_messages(open_house: Bench) -> None:
    talker = Talker(open_house)
    assert talker.ask(RESOLVE, echo("x" * (MAX_SHORT_BYTES - 1000)))["parameters"]["echo"]
    talker.send(encode({"method": RESOLVE, "parameters": echo("x" * MAX_SHORT_BYTES)}))
    assert str(MAX_SHORT_BYTES) in talker.answer()["parameters"]["why"]
    assert talker.answer() == {}
    talker.close()


def test_a_guest_with_a_use_for_long_messages(tmp_path: Path) -> None:
    asked: list[Peer] = []

    def may_send_long(peer: Peer) -> bool:
        asked.append(peer)
        return True

    guests = Guests(lambda _peer: True, may_send_long)
    bench = Bench(str(tmp_path / "guests"), guests)
    talker = Talker(bench)
    talker.ask(RESOLVE, echo("x"))
    assert asked == []
    text = "x" * (4 * MAX_SHORT_BYTES)
    assert talker.ask(RESOLVE, echo(text))["parameters"]["echo"] == [text]
    assert asked
    talker.close()
    bench.close()


def test_guests_have_so_many_connections(open_house: Bench) -> None:
    talkers = [Talker(open_house) for _ in range(MAX_CONNECTIONS_OF_USER)]
    for talker in talkers:
        assert "parameters" in talker.ask(RESOLVE, echo("x"))
    more = Talker(open_house)
    refused = more.answer()
    assert refused["error"] == "io.roost.NotAllowed"
    more.close()
    talkers.pop().close()
    open_house.until(lambda: open_house.server.connections == MAX_CONNECTIONS_OF_USER - 1)
    again = Talker(open_house)
    assert "error" not in again.ask(RESOLVE, echo("x"))
    for talker in (*talkers, again):
        talker.close()


def test_what_a_guest_sends_in_pieces_is_not_kept_without_bound(open_house: Bench) -> None:
    talkers = [Talker(open_house) for _ in range(MAX_CONNECTIONS_OF_USER)]
    for talker in talkers:
        with suppress(ConnectionError):
            talker.send(b"x" * MAX_SHORT_BYTES)
    for _ in range(200):
        open_house.loop.turn(0)
    kept = sum(each.kept_bytes for each in open_house.server._connections)
    assert kept <= MAX_KEPT_BYTES_OF_USER
    for talker in talkers:
        talker.close()


def test_what_a_guest_does_not_read_is_not_kept_without_bound(open_house: Bench) -> None:
    talkers = [Talker(open_house) for _ in range(40)]
    for talker in talkers:
        talker.call(SUBSCRIBE, more=True)
    open_house.until(lambda: len(open_house.calls) == len(talkers))
    for call in open_house.calls:
        for _ in range(3):
            call.reply({"text": "x" * 1_000_000}, continues=True)
    kept = sum(each.kept_bytes for each in open_house.server._connections)
    assert 1_000_000 < kept <= MAX_KEPT_BYTES_OF_USER
    open_house.until(lambda: len(open_house.gone) > 0)
    assert talkers[-1].answer() == {}  # a message was cut; nothing can be said after it
    for talker in talkers:
        talker.close()


def test_a_call_that_waits_holds_no_parameters(open_house: Bench) -> None:
    talker = Talker(open_house)
    talker.call(SUBSCRIBE, more=True)
    open_house.until(lambda: len(open_house.calls) == 1)
    assert open_house.calls[0].parameters == {}
    talker.close()
