"""kill -9 of svc.startd at any system call that writes: the old state or the new one.

strace ends svc.startd when it makes its Nth call of a kind. A first run, without an end,
tells which calls there are; the cases are chosen among them by a fixed seed.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from roost.api.client import Client
from roost.errors import RoostError
from roost.layout import Layout
from roost.repository.backups import backups_of
from tests.integration.daemon import BIN, HEADER, WAIT_S, Daemon

LIFE_CASES = int(os.environ.get("ROOST_KILLS_IN_LIFE", "40"))
RECOVERY_CASES = int(os.environ.get("ROOST_KILLS_IN_RECOVERY", "20"))
CALLS = "write,pwrite64,fsync,fdatasync,rename,unlink,ftruncate"
FMRI = "svc:/site/killed:default"
MANIFEST = """<service name="site/killed" type="service" version="1">
  <create_default_instance enabled="false"/>
  <exec_method type="method" name="start" exec=":true" timeout_seconds="10"/>
  <exec_method type="method" name="stop" exec=":true" timeout_seconds="10"/>
  <property_group name="startd" type="framework">
    <propval name="duration" type="astring" value="transient"/>
  </property_group>
  <property_group name="config" type="application">
    <propval name="delivered" type="count" value="{number}"/>
  </property_group>
</service>"""

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
    pytest.mark.timeout(900),
]


@dataclass
class Traced:
    """svc.startd under strace; ``inject`` is what strace does to it."""

    root: Path
    inject: str = ""
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.root.with_name(self.root.name + ".trace")
        self._out = self.root.with_name(self.root.name + ".console").open("ab")
        ready, write_fd = os.pipe()
        words = ["strace", "-o", str(self.log), "-e", f"trace={CALLS}"]
        words += ["-e", f"inject={self.inject}"] if self.inject else []
        self.process = subprocess.Popen(
            [*words, BIN / "svc.startd", "-R", self.root, "--ready-fd", str(write_fd)],
            stdout=self._out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[write_fd],
        )
        os.close(write_fd)
        self.is_up = bool(os.read(ready, 1))
        os.close(ready)

    def end(self) -> None:
        """Wait for its end, which was asked for or is injected; else end it."""
        try:
            with Client(Layout(str(self.root))) as client:
                for _ in client.follow("Manager.Shutdown", {}):
                    pass
        except RoostError:
            pass
        try:
            self.process.wait(WAIT_S)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._out.close()


def _commit(name: str, value: int) -> Callable[[Client], object]:
    changes = [
        {"op": "set", "name": f"{name}_{side}", "type": "count", "values": [str(value)]}
        for side in ("left", "right")
    ]
    return lambda client: client.call("Repository.Commit", fmri=FMRI, group="mine", changes=changes)


def _import(root: Path, number: int) -> Callable[[Client], object]:
    def act(_client: Client) -> object:
        file = root / "killed.xml"
        text = MANIFEST.format(number=number)
        file.write_text(f'{HEADER}<service_bundle type="manifest" name="k">{text}</service_bundle>')
        done = subprocess.run(
            [BIN / "svccfg", "-R", root, "import", file], capture_output=True, check=False
        )
        if done.returncode:
            raise RoostError("import", done.stderr.decode())
        return None

    return act


def _call(method: str, **given: object) -> Callable[[Client], object]:
    return lambda client: client.call(method, **given)


def _steps(root: Path) -> list[Callable[[Client], object]]:
    """What is done to a repository that has the service with a group ``mine``."""
    return [
        _commit("a", 1),
        _call("Manager.Act", fmri=FMRI, action="refresh"),
        _import(root, 2),
        _call("Manager.Act", fmri=FMRI, action="enable"),
        _commit("a", 2),
        _call("Repository.AddGroup", fmri=FMRI, name="more", type="application", persistent=True),
        _call("Repository.Revert", fmri=FMRI, snapshot="running"),
        _import(root, 3),
        _call("Repository.AddService", name="site/other"),
        _call("Repository.Delete", fmri="svc:/site/other", force=True),
        _commit("b", 3),
    ]


def _state(root: Path) -> object:
    """What holds, and what is to run."""

    def groups(client: Client, view: str) -> dict[str, Any]:
        found = client.call("Repository.Groups", fmri=FMRI, view=view)["groups"]
        return {
            group["name"]: {prop["name"]: prop["values"] for prop in group["properties"]}
            for group in found
            if group["persistent"] and group["name"] != "manifestfiles"
        }

    with Client(Layout(str(root))) as client:
        return (
            client.call("Repository.Find", pattern="*site/*")["entities"],
            groups(client, "composed"),
            groups(client, "running"),
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the service, and changes since its newest backup."""
    root = tmp_path_factory.mktemp("killed") / "root"
    daemon = Daemon(root)
    with Client(daemon.layout) as client:
        _import(root, 1)(client)
        client.call(
            "Repository.AddGroup", fmri=FMRI, name="mine", type="application", persistent=True
        )
        for number in range(3):  # each start makes a backup
            _commit("c", number)(client)
            client.close()
            daemon.stop()
            daemon = Daemon(root)
        _commit("c", 3)(client)
    daemon.stop()
    return root


def _copied(house: Path, root: Path) -> Path:
    shutil.copytree(house, root, symlinks=True, ignore=shutil.ignore_patterns("run"))
    return root


def _chosen(log: Path, count: int) -> list[tuple[str, int]]:
    """Some of the calls in a trace, as (name, which one of that name)."""
    made: dict[str, int] = {}
    for name in re.findall(r"^(\w+)\(", log.read_text(errors="replace"), re.MULTILINE):
        made[name] = made.get(name, 0) + 1
    everyone = [(name, n) for name, times in made.items() for n in range(1, times + 1)]
    # Rare kinds are worth as much as frequent ones.
    weights = [1 / made[name] for name, _ in everyone]
    chance = random.Random(20261123)
    found: dict[tuple[str, int], None] = {}
    while len(found) < min(count, len(everyone)):
        found[chance.choices(everyone, weights)[0]] = None
    return list(found)


def _check_backups(root: Path) -> int:
    """Each backup that has its name is whole; returns their number."""
    found = backups_of(Layout(str(root)).repository)
    for backup in found:
        with closing(sqlite3.connect(f"file:{backup.path}?immutable=1", uri=True)) as store:
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return len(found)


def _survivor(root: Path) -> Iterator[Daemon]:
    daemon = Daemon(root)
    try:
        yield daemon
    finally:
        daemon.stop()


def test_commits_imports_and_backups(house: Path, tmp_path: Path) -> None:
    whole = _copied(house, tmp_path / "whole")
    backups = _check_backups(whole)
    traced = Traced(whole)
    assert traced.is_up
    states = [_state(whole)]
    with Client(Layout(str(whole))) as client:
        for step in _steps(whole):
            step(client)
            states.append(_state(whole))
    traced.end()
    assert _check_backups(whole) == backups + 1
    assert all(one != other for one, other in pairwise(states))
    killed = 0
    for name, number in _chosen(traced.log, LIFE_CASES):
        case = f"{name} number {number}"
        root = _copied(house, tmp_path / f"{name}-{number}")
        traced = Traced(root, f"{name}:signal=KILL:when={number}")
        done = 0
        if traced.is_up:
            try:
                with Client(Layout(str(root))) as client:
                    for step in _steps(root):
                        step(client)
                        done += 1
            except RoostError:
                pass
        traced.end()
        killed += traced.process.returncode < 0
        assert _check_backups(root) >= backups, case
        for daemon in _survivor(root):
            assert _state(root) in states[done : done + 2], f"{case}, after {done} steps"
            assert daemon.run("roost", "status").count("notice") == 0, case
        shutil.rmtree(root)
    assert killed > LIFE_CASES * 0.8


def test_a_recovery(house: Path, tmp_path: Path) -> None:
    broken = _copied(house, tmp_path / "broken")
    repository = Path(Layout(str(broken)).repository)
    content = bytearray(repository.read_bytes())
    content[8192:] = bytes(len(content) - 8192)
    repository.write_bytes(content)

    whole = _copied(broken, tmp_path / "whole")
    traced = Traced(whole)
    assert traced.is_up
    state = _state(whole)
    traced.end()
    cut = traced.log.read_text(errors="replace").partition("svc.startd.log")[0]
    traced.log.write_text(cut or traced.log.read_text(errors="replace"))
    killed = 0
    for name, number in _chosen(traced.log, RECOVERY_CASES):
        case = f"{name} number {number}"
        root = _copied(broken, tmp_path / f"{name}-{number}")
        traced = Traced(root, f"{name}:signal=KILL:when={number}")
        traced.end()
        killed += traced.process.returncode < 0
        for _ in _survivor(root):
            assert _state(root) == state, case
        kept = Path(Layout(str(root)).repository).parent.glob("repository.db.damaged-*")
        assert bytes(content) in [path.read_bytes() for path in kept], case
        shutil.rmtree(root)
    assert killed > RECOVERY_CASES * 0.8
