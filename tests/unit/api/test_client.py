"""The client of this package and the public one, against the server in a thread."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import varlink

from roost.api.client import Client
from roost.api.server import Call, Server
from roost.errors import DaemonNotRunning, InvalidValue, NotFound, SystemRefused
from roost.layout import Layout
from roost.loop import Loop

TRANSITION = {
    "sequence": 1,
    "fmri": "svc:/a:default",
    "time": 1.5,
    "state_from": "offline",
    "next_from": "online",
    "state": "online",
    "next_state": "none",
    "auxiliary_state": "none",
    "auxiliary_fmri": "",
    "reason": {"code": "none", "text": "", "cause": "", "method": "", "status": ""},
}


class Service:
    """A server on its own loop in its own thread."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        os.makedirs(layout.run_directory)
        self._loop = Loop()
        self._server = Server(
            self._loop,
            layout.socket,
            {
                "io.roost.Manager.Dependents": self._dependents,
                "io.roost.Manager.Subscribe": self._subscribe,
                "io.roost.Manager.Shutdown": self._shutdown,
            },
            check_replies=True,
        )
        self._wake_read, self._wake_write = os.pipe()
        self._loop.set_reader(self._wake_read, self._loop.stop)
        self._thread = threading.Thread(target=self._loop.run)
        self._thread.start()

    def close(self) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join(30)
        self._server.close()
        self._loop.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _dependents(self, call: Call) -> dict[str, object]:
        if call.parameters["fmri"] == "svc:/absent":
            raise NotFound("find 'svc:/absent'", "no such service", "svcs -a")
        return {"instances": [call.parameters["fmri"]]}

    def _subscribe(self, call: Call) -> None:
        call.require_more()
        call.reply({"transition": TRANSITION}, continues=True)
        call.reply({"transition": {**TRANSITION, "sequence": 2}}, continues=True)

    def _shutdown(self, call: Call) -> None:
        call.reply({"waiting": ["svc:/a:default"]}, continues=call.more)
        if call.more:
            call.reply({"waiting": []})


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Layout(str(tmp_path)))
    yield made
    made.close()


def test_calls_and_errors(service: Service) -> None:
    with Client(service.layout) as client:
        assert client.call("Manager.Dependents", fmri="svc:/a") == {"instances": ["svc:/a"]}
        with pytest.raises(NotFound) as caught:
            client.call("Manager.Dependents", fmri="svc:/absent")
        assert caught.value.hint == "svcs -a"
        with pytest.raises(InvalidValue, match=r"svc\.startd refuses 'x'"):
            client.call("Manager.Dependents", fmri="svc:/a", x=1)
        with pytest.raises(SystemRefused, match="MethodNotFound"):
            client.call("Manager.Nothing")
        assert client.call("Manager.Dependents", fmri="svc:/b") == {"instances": ["svc:/b"]}


def test_streams_beside_calls(service: Service) -> None:
    with Client(service.layout) as client:
        stream = client.stream("Manager.Subscribe")
        assert next(stream)["transition"]["sequence"] == 1
        assert client.call("Manager.Dependents", fmri="svc:/a") == {"instances": ["svc:/a"]}
        assert next(stream)["transition"]["sequence"] == 2
        assert [reply["waiting"] for reply in client.stream("Manager.Shutdown")] == [
            ["svc:/a:default"],
            [],
        ]


def test_a_deadline_ends_the_wait(service: Service) -> None:
    with Client(service.layout) as client:
        deadline_s = time.monotonic() + 0.05
        with pytest.raises(TimeoutError):
            list(client.follow("Manager.Subscribe", {}, deadline_s))


def test_nobody_listens(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    with pytest.raises(DaemonNotRunning) as caught, Client(layout) as client:
        client.call("Manager.Status")
    assert caught.value.message == (
        f"cannot reach svc.startd: it does not listen on {layout.socket}"
    )
    assert caught.value.hint == f"roost run --root {tmp_path}"


def test_a_root_with_a_long_path(tmp_path: Path) -> None:
    service = Service(Layout(str(tmp_path / ("long" * 40))))
    with Client(service.layout) as client:
        assert client.call("Manager.Dependents", fmri="svc:/a") == {"instances": ["svc:/a"]}
    service.close()
    with pytest.raises(DaemonNotRunning), Client(service.layout) as client:
        client.call("Manager.Status")


def test_a_server_that_ends_in_the_middle(tmp_path: Path) -> None:
    service = Service(Layout(str(tmp_path)))
    with Client(service.layout) as client:
        stream = client.stream("Manager.Subscribe")
        next(stream)
        service.close()
        with pytest.raises(DaemonNotRunning, match="closed the connection"):
            list(stream)


def test_the_public_varlink_client_is_understood(service: Service) -> None:
    with varlink.Client.new_with_address(f"unix:{service.layout.socket}") as client:
        info = client.get_interfaces()
        assert {"io.roost", "io.roost.Manager", "io.roost.Repository"} <= set(info)
        manager = client.open("io.roost.Manager")
        assert manager.Dependents("svc:/a") == {"instances": ["svc:/a"]}
        with pytest.raises(varlink.VarlinkError) as caught:
            manager.Dependents("svc:/absent")
        assert caught.value.error() == "io.roost.NotFound"
        assert caught.value.parameters()["hint"] == "svcs -a"
        waiting = [reply["waiting"] for reply in manager.Shutdown(_more=True)]
        assert waiting == [["svc:/a:default"], []]
        manager.close()
        for name in info:
            client.open(name).close()
