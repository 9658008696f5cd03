"""What a client was told is committed survives kill -9 of svc.startd at any moment."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roost.api.client import Client
from roost.errors import RoostError
from tests.integration.daemon import Daemon

KILLS = 300
WRITERS = 4
SERVICE = "svc:/site/durable"


class Writer(threading.Thread):
    """Writes one number after the other to two properties of its group, in one transaction."""

    def __init__(self, daemon: Daemon, number: int, first: int, acked: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        self._daemon = daemon
        self._group = f"group{number}"
        self.sent = self.acknowledged = first
        self._acked = acked

    def run(self) -> None:
        try:
            with Client(self._daemon.layout) as client:
                while True:
                    self.sent += 1
                    client.call(
                        "Repository.Commit",
                        fmri=SERVICE,
                        group=self._group,
                        changes=[
                            {"op": "set", "name": n, "type": "count", "values": [str(self.sent)]}
                            for n in ("left", "right")
                        ],
                    )
                    self.acknowledged = self.sent
                    self._acked.release()
        except RoostError:
            pass  # the daemon was killed


class Toggler(threading.Thread):
    """Makes and deletes a group, and enables and disables an instance, again and again."""

    def __init__(self, daemon: Daemon, acked: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        self._daemon = daemon
        self._acked = acked
        self.enabled: set[bool] = set()
        self.has_group: set[bool] = set()

    def run(self) -> None:
        instance = f"{SERVICE}:default"
        try:
            with Client(self._daemon.layout) as client:
                has_group = bool(read(client, "coming"))
                self.has_group = {has_group}
                general = read(client, "general", instance)
                self.enabled = {general.get("enabled") == ["true"]}
                while True:
                    for wanted in (True, False):
                        self.enabled |= {wanted}
                        action = "enable" if wanted else "disable"
                        client.call("Manager.Act", fmri=instance, action=action)
                        self.enabled = {wanted}
                        self.has_group |= {not has_group}
                        if has_group:
                            client.call("Repository.DeleteGroup", fmri=SERVICE, name="coming")
                        else:
                            client.call(
                                "Repository.AddGroup",
                                fmri=SERVICE,
                                name="coming",
                                type="application",
                                persistent=True,
                            )
                        has_group = not has_group
                        self.has_group = {has_group}
                        self._acked.release()
        except RoostError:
            pass


def read(client: Client, group: str, fmri: str = SERVICE) -> dict[str, list[str]]:
    """The values of a group, and its name, or nothing."""
    groups = client.call("Repository.Groups", fmri=fmri, view="attached", group=group)["groups"]
    if not groups:
        return {}
    return {"": [group]} | {prop["name"]: prop["values"] for prop in groups[0]["properties"]}


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Callable[[], Daemon]]:
    """Starts svc.startd, each time for the same root; none is left at the end."""
    started: list[Daemon] = []

    def start() -> Daemon:
        started[:] = [Daemon(tmp_path / "root")]
        return started[0]

    yield start
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.kill()


@pytest.mark.timeout(600)  # 300 starts, also on a busy machine
def test_acknowledged_changes_survive_kill_9(boot: Callable[[], Daemon]) -> None:
    chance = random.Random(20261123)
    daemon = boot()
    daemon.run("svccfg", "add", "site/durable")
    daemon.run("svccfg", "-s", "site/durable", "add", "default")
    for number in range(WRITERS):
        daemon.run("svccfg", "-s", "site/durable", "addpg", f"group{number}", "application")
    expected = [0] * WRITERS
    written = 0
    for _ in range(KILLS):
        acked = threading.Semaphore(0)
        writers = [Writer(daemon, n, expected[n], acked) for n in range(WRITERS)]
        toggler = Toggler(daemon, acked)
        threads = [*writers, toggler]
        for thread in threads:
            thread.start()
        for _ in range(chance.randint(0, 30)):
            assert acked.acquire(timeout=60)
        daemon.kill()
        for thread in threads:
            thread.join(60)
        daemon = boot()
        with Client(daemon.layout) as client:
            for number, writer in enumerate(writers):
                found = read(client, f"group{number}")
                left = int(found.get("left", ["0"])[0])
                assert found.get("left") == found.get("right"), "half a transaction"
                assert writer.acknowledged <= left <= writer.sent
                written += left - expected[number]
                expected[number] = left
            if toggler.has_group:
                assert bool(read(client, "coming")) in toggler.has_group
            if toggler.enabled:
                general = read(client, "general", f"{SERVICE}:default")
                assert (general.get("enabled") == ["true"]) in toggler.enabled
    daemon.stop()
    assert written > KILLS
    with sqlite3.connect(daemon.layout.repository) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
