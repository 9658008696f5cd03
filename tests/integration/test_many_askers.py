"""One user who asks without end, for real: others are answered, and svc.startd stays small."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.api.client import Client
from roost.daemon.asked import MAX_GLOBS
from roost.errors import InvalidValue
from tests.integration.daemon import Daemon, service
from tests.integration.other_user import User, needs_root
from tests.integration.refusals import stopped_clean

pytestmark = needs_root

PEST, OTHER = User(65521, 65521), User(65522, 65522)
INSTANCES = 60
CONNECTIONS, PIPELINED = 40, 32
CALLS = CONNECTIONS * PIPELINED
GLOB = f"*{'a*' * 200}"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        found = Daemon(Path(place) / "root")
        needs = {f"svc:/site/n{number}": "require_all/none" for number in range(20)}
        found.load(
            "".join(
                service(f"site/n{number}", ":true", ":true", duration="transient", enabled=False)
                for number in range(INSTANCES)
            )
            + service("site/last", ":true", ":true", duration="transient", needs=needs)
        )
        yield found
        stopped_clean(found)


def message(method: str, **parameters: object) -> bytes:
    return json.dumps({"method": f"io.roost.{method}", "parameters": parameters}).encode() + b"\0"


COSTLY = {
    "explain": message("Manager.Explain", fmris=[f"svc:/site/n{n}:default" for n in range(60)]),
    "list": message("Manager.List", patterns=[]),
    "globs": message("Manager.List", patterns=[f"{GLOB}{n}" for n in range(MAX_GLOBS)]),
    "history": message("History.Read", patterns=["nothing*"], kinds=[], count=500),
}


def connected(daemon: Daemon) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(daemon.layout.socket)
    return channel


def answers_seen(daemon: Daemon, request: bytes) -> int:
    """Have one user ask a lot at once, then another one thing; how many answers the first had
    while the other waited for its own.
    """
    begun, asked, answered = os.pipe(), os.pipe(), os.pipe()
    seen = [0]

    def read_all(channel: socket.socket) -> None:
        while data := channel.recv(1 << 16):
            seen[0] += data.count(b"\0")

    def pester() -> int:
        channels = [connected(daemon) for _ in range(CONNECTIONS)]
        for channel in channels:
            threading.Thread(target=read_all, args=[channel], daemon=True).start()
        for channel in channels:
            channel.sendall(request * PIPELINED)
        os.write(begun[1], b"x")
        os.read(asked[0], 1)
        before = seen[0]
        os.read(answered[0], 1)
        return seen[0] - before

    def ask() -> None:
        with Client(daemon.layout) as client:
            client.call("Manager.List", patterns=["last"])  # connected, and all is loaded
            os.write(asked[1], b"x")
            client.call("Manager.List", patterns=["last"])

    def other() -> None:
        os.read(begun[0], 1)
        try:
            OTHER.do(ask)
        finally:
            os.write(asked[1], b"x")
            os.write(answered[1], b"x")

    asking = threading.Thread(target=other)
    asking.start()
    found = PEST.do(pester)
    asking.join()
    for fd in (*begun, *asked, *answered):
        os.close(fd)
    assert isinstance(found, int)
    return found


def called(daemon: Daemon, method: str, **parameters: object) -> object:
    with Client(daemon.layout) as client:
        return client.call(method, **parameters)


@pytest.mark.parametrize("what", sorted(COSTLY))
def test_another_user_does_not_wait_for_all_that_one_asks(daemon: Daemon, what: str) -> None:
    """Served in the order of their coming, the one would have had all its answers first."""
    assert answers_seen(daemon, COSTLY[what]) < CALLS // 4


def test_globs_are_counted(daemon: Daemon) -> None:
    patterns = [f"{GLOB}{number}" for number in range(MAX_GLOBS + 1)]
    for method in ("Manager.List", "Manager.Resolve", "History.Read"):
        more = {"kinds": [], "count": 1} if method == "History.Read" else {}
        asked = {"patterns": patterns, **more}
        refusal = PEST.do(lambda m=method, a=asked: called(daemon, m, **a))  # type: ignore[misc]
        assert isinstance(refusal, InvalidValue)
    assert called(daemon, "Manager.List", patterns=patterns)  # root may


def test_an_instance_asked_for_often_is_told_of_once(daemon: Daemon) -> None:
    fmris = ["svc:/site/n1:default"] * 5000
    answer = PEST.do(lambda: called(daemon, "Manager.Explain", fmris=fmris))
    assert isinstance(answer, dict)
    assert len(answer["explanations"]) == 1


def test_half_messages_take_little_memory(daemon: Daemon) -> None:
    def resident_kb() -> int:
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def half() -> int:
        channels = [connected(daemon) for _ in range(100)]
        for channel in channels:
            channel.settimeout(0.2)
            try:
                channel.sendall(b"x" * (4 << 20))
            except OSError:
                continue
        return resident_kb()

    before = resident_kb()
    after = PEST.do(half)
    assert isinstance(after, int)
    assert after - before < 64 * 1024


def test_the_console_s_fifo_keeps_nobody_waiting(daemon: Daemon) -> None:
    """A writer who is faster than the reader."""

    def pour() -> None:
        fd = os.open(daemon.layout.console, os.O_WRONLY)
        for _ in range(200):
            os.write(fd, b"\n" * 60_000)

    pouring = threading.Thread(target=PEST.do, args=[pour])
    pouring.start()
    assert called(daemon, "Manager.List", patterns=["last"])
    pouring.join()
    assert called(daemon, "Manager.List", patterns=["last"])
