"""Clients that misbehave on the socket: none harms svc.startd or keeps another from its answer."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from roost.api.address import short_path
from roost.api.client import Client
from roost.api.idl import packaged_interfaces
from tests.integration.daemon import BIN, Daemon, service
from tests.integration.refusals import (
    ALPHA,
    LIMIT_S,
    call,
    execute,
    picture,
    started,
    stopped_clean,
)

MIB = 1 << 20


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    found = started(tmp_path_factory.mktemp("wire") / "root")
    yield found
    stopped_clean(found)


@pytest.fixture(autouse=True)
def _answers(daemon: Daemon) -> Iterator[None]:
    """After whatever a test does, the next client is served, with the same state as before."""
    before = picture(daemon.layout)
    descriptors = _descriptors(daemon)
    yield
    assert picture(daemon.layout) == before
    deadline_s = time.monotonic() + LIMIT_S
    while _descriptors(daemon) > descriptors:
        assert time.monotonic() < deadline_s, "descriptors of clients that are gone stay open"
        time.sleep(0.01)


def _descriptors(daemon: Daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def _resident_bytes(daemon: Daemon) -> int:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def connected(daemon: Daemon) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX)
    channel.settimeout(LIMIT_S)
    with short_path(daemon.layout.socket) as address:
        channel.connect(address)
    return channel


def sent(channel: socket.socket, data: bytes) -> bool:
    """Send all of it; False if svc.startd hung up meanwhile, which it may."""
    try:
        channel.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def everything(channel: socket.socket) -> bytes:
    """What comes until svc.startd hangs up."""
    found = b""
    try:
        while data := channel.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return found


def message(method: str, parameters: object, **flags: object) -> bytes:
    return json.dumps({"method": method, "parameters": parameters, **flags}).encode() + b"\0"


LIST = message("io.roost.Manager.List", {"patterns": []})
UNREADABLE = {
    "garbage": b"\x00",
    "bytes": b"\xff\xfe\xfd" * 100 + b"\0",
    "text": b"hello\0",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\0",
    "a number": b"7\0",
    "a list": b"[]\0",
    "null": b"null\0",
    "NaN": b"NaN\0",
    "no method": b"{}\0",
    "method is a number": b'{"method": 7}\0',
    "method is null": b'{"method": null}\0',
    "parameters are a list": b'{"method": "io.roost.Manager.List", "parameters": [1]}\0',
    "parameters are a text": b'{"method": "io.roost.Manager.List", "parameters": "x"}\0',
    "more is a text": b'{"method": "io.roost.Manager.List", "more": "yes"}\0',
    "oneway is a number": b'{"method": "io.roost.Manager.List", "oneway": 1}\0',
    "nested lists": b'{"method": "x", "parameters":' + b"[" * 100_000 + b"]" * 100_000 + b"}\0",
    "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\0",
    "nested and open": b"[" * 100_000 + b"\0",
    "a long number": b'{"method": "x", "parameters": {"a": ' + b"9" * 100_000 + b"}}\0",
    "half a surrogate pair": b'{"method": "io.roost.Manager.List", '
    b'"parameters": {"patterns": ["\\ud800"]}}\0',
    "surrogates as bytes": b'{"method": "io.roost.Manager.List", '
    b'"parameters": {"patterns": ["\xed\xa0\x80"]}}\0',
    "UTF-16": LIST.decode().encode("utf-16-le") + b"\0",
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_message(daemon: Daemon, kind: str) -> None:
    """Told once, then hung up on: what follows on that connection cannot be trusted."""
    with closing(connected(daemon)) as channel:
        sent(channel, UNREADABLE[kind] + LIST)
        answers = everything(channel).split(b"\0")
        assert answers.pop() == b""
        assert len(answers) == 1
        assert json.loads(answers[0])["error"] == "io.roost.InvalidValue"


REFUSED = {
    "unknown interface": ("com.example.Nothing", {}, "org.varlink.service.InterfaceNotFound"),
    "unknown method": ("io.roost.Manager.Nothing", {}, "org.varlink.service.MethodNotFound"),
    "no dots": ("List", {}, "org.varlink.service.InterfaceNotFound"),
    "empty name": ("", {}, "org.varlink.service.InterfaceNotFound"),
    "odd name": ("io.roost.Manager.\x00\x1b", {}, "org.varlink.service.MethodNotFound"),
    "long name": ("x." * MIB, {}, "org.varlink.service.InterfaceNotFound"),
    "missing": ("io.roost.Manager.List", {}, "org.varlink.service.InvalidParameter"),
    "wrong type": (
        "io.roost.Manager.List",
        {"patterns": "x"},
        "org.varlink.service.InvalidParameter",
    ),
    "wrong type within": (
        "io.roost.Manager.List",
        {"patterns": [1]},
        "org.varlink.service.InvalidParameter",
    ),
    "needs more": (
        "io.roost.Manager.Watch",
        {"fmris": [ALPHA]},
        "org.varlink.service.ExpectedMore",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_calls_that_are_refused(daemon: Daemon, kind: str) -> None:
    """The connection stays good."""
    method, parameters, error = REFUSED[kind]
    with closing(connected(daemon)) as channel:
        for _ in range(3):
            channel.sendall(message(method, parameters))
            assert json.loads(_one(channel))["error"] == error
        channel.sendall(LIST)
        assert "instances" in json.loads(_one(channel))["parameters"]


def _one(channel: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\0"):
        data = channel.recv(65536)
        assert data, found
        found += data
    return found[:-1]


def test_twenty_megabytes_without_an_end(daemon: Daemon) -> None:
    """Hung up on as soon as it is too long, and the memory is given back."""
    before = _resident_bytes(daemon)
    for _ in range(4):
        with closing(connected(daemon)) as channel:
            sent(channel, b"x" * (20 * MIB))
            assert b"longer than" in everything(channel)
    assert _resident_bytes(daemon) < before + 40 * MIB


def test_a_message_of_the_greatest_length(daemon: Daemon) -> None:
    before = _resident_bytes(daemon)
    pattern = "x" * (16 * MIB - 1000)
    with closing(connected(daemon)) as channel:
        channel.sendall(message("io.roost.Manager.List", {"patterns": [pattern]}))
        answer = json.loads(_one(channel))
    assert answer["parameters"]["unmatched"] == [pattern]
    assert _resident_bytes(daemon) < before + 120 * MIB


def test_half_a_message(daemon: Daemon) -> None:
    """It waits for the rest without disturbing others; gone, it is forgotten."""
    with ExitStack() as stack:
        halves = [stack.enter_context(closing(connected(daemon))) for _ in range(20)]
        for half in halves:
            half.sendall(LIST[:20])
        call(daemon.root, "svcs").clean(0)
        halves[0].sendall(LIST[20:])
        assert b"instances" in _one(halves[0])


def test_one_byte_at_a_time(daemon: Daemon) -> None:
    with closing(connected(daemon)) as channel:
        for byte in LIST:
            channel.sendall(bytes([byte]))
        assert b"instances" in _one(channel)


def test_calls_whose_answers_nobody_reads(daemon: Daemon) -> None:
    """Thousands of calls at once: answered as far as the client reads, never all kept."""
    before = _resident_bytes(daemon)
    with closing(connected(daemon)) as channel:
        channel.setblocking(False)
        flood = LIST * 1000
        for _ in range(200):
            try:
                channel.send(flood)
            except BlockingIOError:
                break
            except (BrokenPipeError, ConnectionResetError):
                break
        call(daemon.root, "svcs").clean(0)
        assert _resident_bytes(daemon) < before + 60 * MIB


def test_callers_that_hang_up_at_once(daemon: Daemon) -> None:
    calls = (
        LIST,
        message("io.roost.Manager.Subscribe", {}, more=True),
        message("io.roost.Manager.Watch", {"fmris": [ALPHA]}, more=True),
        message("io.roost.Manager.List", {"patterns": []}, oneway=True),
        message("io.roost.Repository.WaitGroup", {"fmri": ALPHA, "group": "none", "generation": 0}),
        LIST[:-10],
        b"",
    )
    for number in range(210):
        with closing(connected(daemon)) as channel:
            sent(channel, calls[number % len(calls)])


def test_three_hundred_clients_at_once(daemon: Daemon) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(connected(daemon))) for _ in range(300)]
        call(daemon.root, "svcs").clean(0)
        for client in clients:
            client.sendall(LIST)
        for client in clients:
            assert b"instances" in _one(client)


def test_three_hundred_watchers_of_one_change(daemon: Daemon) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(connected(daemon))) for _ in range(300)]
        for client in clients:
            client.sendall(message("io.roost.Repository.WaitGroup", {
                "fmri": "svc:/site/empty", "group": "flag", "generation": 0}))  # fmt: skip
        # Answered in order on one thread: now all of them wait.
        call(daemon.root, "svcs").clean(0)
        call(daemon.root, "svccfg -s site/empty addpg flag application").clean(0)
        for client in clients:
            assert json.loads(_one(client))["parameters"]["generation"] > 0
        call(daemon.root, "svccfg -s site/empty delpg flag").clean(0)


def test_clients_killed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """Waiting for what never comes, they die; others wait on undisturbed."""
    daemon = started(tmp_path / "root")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    fmri = "svc:/site/slow:default"
    daemon.load(service("site/slow", f"cat {fifo}", ":true", duration="transient", enabled=False))
    commands = ("svcadm", "enable", "-s", fmri), ("svcprop", "-wp", "general", "empty")
    environment = {**os.environ, "ROOST_ROOT": str(daemon.root)}
    patient, *killed = [
        subprocess.Popen([BIN / program, *words], env=environment)
        for program, *words in commands
        for _ in range(3)
    ]
    daemon.wait_until(fmri, lambda i: bool(i["next_state"] == "online"), "starting")
    for process in killed:
        process.kill()
        process.wait(LIMIT_S)
    assert patient.poll() is None
    fifo.write_text("go on\n")
    assert patient.wait(LIMIT_S) == 0
    stopped_clean(daemon)


# --- every method with every wrong thing --------------------------------------------------

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**30, 1.5, 1e308, "", "x", ALPHA, "svc:/site/alpha", "svc:/",
    ":", "*", "[", "general", "config", "running", "attached", "snapshot", "enable", "\0", "\n",
    "\x1b[31m", "\udcff", "é", "a" * 5000, "../../etc/passwd", [], [""], [ALPHA], [[]], [None],
    ["\udcff", "*", "a" * 5000], {}, {"": ""}, {"type": "manifest"}, {"services": [{}]},
    [{"op": "set", "name": "x", "type": "count", "values": ["x"]}], [{"op": "nope", "name": "x",
    "type": None, "values": []}], [{"op": "set", "name": "\udcff", "values": ["\udcff"]}],
)  # fmt: skip
DESTRUCTIVE = {"io.roost.Manager.Shutdown", "io.roost.Repository.Delete"}


def _calls() -> list[tuple[str, dict[str, Any]]]:
    """Calls that differ from good ones in a parameter or more."""
    dice = random.Random(5)
    found: list[tuple[str, dict[str, Any]]] = []
    for interface in packaged_interfaces().values():
        for name, method in interface.methods.items():
            full = f"{interface.name}.{name}"
            if full in DESTRUCTIVE:
                continue
            names = list(method.takes.fields)
            for _ in range(60):
                parameters = {each: dice.choice(ODD_VALUES) for each in names}
                if names and dice.random() < 0.2:
                    del parameters[dice.choice(names)]
                found.append((full, parameters))
            for value in ODD_VALUES:
                found.append((full, dict.fromkeys(names, value)))
                found.append((full, {**dict.fromkeys(names, ALPHA), "fmri": ALPHA, "extra": value}))
    return found


def test_every_method_with_odd_parameters(tmp_path: Path) -> None:
    """Each call is answered or refused; none is a bug, and svc.startd goes on."""
    daemon = started(tmp_path / "root")
    with closing(connected(daemon)) as channel:
        for method, parameters in _calls():
            channel.sendall(message(method, parameters))
            if method.endswith(("WaitGroup", "Watch", "Subscribe")):
                # These may have nothing to say yet; the next call is read after a look.
                channel.shutdown(socket.SHUT_WR)
                everything(channel)
                channel.close()
                channel = connected(daemon)  # noqa: PLW2901  a new one for the next
                continue
            answer = json.loads(_one(channel))
            assert answer.get("error") != "io.roost.InternalError", (method, parameters, answer)
    with Client(daemon.layout) as client:
        assert client.call("Manager.Status")["phase"] == "running"
    execute(daemon.root, "roost status").clean(0)
    stopped_clean(daemon)


def _good_calls(client: Client) -> list[tuple[str, dict[str, Any]]]:
    bundle = client.call("Repository.Export", service="svc:/site/alpha", all=True)["bundle"]
    changes = [
        {"op": "set", "name": "port", "type": "count", "values": ["1"]},
        {"op": "delete", "name": "greeting", "values": []},
    ]
    service_fmri = "svc:/site/alpha"
    return [
        ("Repository.Import", {"bundle": bundle, "file": "/x.xml", "hash": "00"}),
        ("Repository.Commit", {"fmri": service_fmri, "group": "config", "changes": changes}),
        ("Repository.Groups", {"fmri": ALPHA, "view": "snapshot", "snapshot": "running"}),
        ("Repository.AddGroup", {"fmri": ALPHA, "name": "a", "type": "b", "persistent": False}),
        ("Repository.AddInstance", {"service": service_fmri, "name": "more"}),
        ("Repository.Revert", {"fmri": ALPHA, "snapshot": "running"}),
        ("Manager.Act", {"fmri": ALPHA, "action": "disable", "temporary": True, "comment": "x"}),
        ("Manager.Preview", {"fmri": ALPHA, "action": "disable", "temporary": True}),
        ("Manager.Explain", {"fmris": [ALPHA]}),
    ]


def _mutated(value: Any, dice: random.Random) -> Any:
    """The value with one thing in it replaced, dropped or doubled, somewhere inside."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        if dice.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: _mutated(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        at = dice.randrange(len(value))
        if dice.random() < 0.1:
            return [*value, value[at]]
        return [*value[:at], _mutated(value[at], dice), *value[at + 1 :]]
    return dice.choice(ODD_VALUES)


def test_calls_that_are_nearly_good(tmp_path: Path) -> None:
    """One mistake somewhere inside: refused or harmless, never a bug."""
    daemon = started(tmp_path / "root")
    dice = random.Random(6)
    with Client(daemon.layout) as client, closing(connected(daemon)) as channel:
        good = _good_calls(client)
        for _ in range(200):
            for method, parameters in good:
                key = dice.choice(list(parameters))
                wrong = {**parameters, key: _mutated(parameters[key], dice)}
                channel.sendall(message(f"io.roost.{method}", wrong))
                answer = json.loads(_one(channel))
                assert answer.get("error") != "io.roost.InternalError", (method, wrong, answer)
        assert client.call("Manager.Status")["phase"] == "running"
    call(daemon.root, "svcs -a").clean(0)
    stopped_clean(daemon)
