"""One svc.startd for each module: for acceptance tests with services, for svccfg's without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.api.client import Client
from tests.integration.case import Case, Diary, processes_below, wipe_out, zombies_of
from tests.integration.daemon import Daemon
from tests.integration.svccfg_house import House, open_house

_LOOKS = 100
"""A process that has just died is a zombie for a moment: that long is a moment."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Diary]]:
    """A daemon and its diary. It must end with no zombie, no process and no complaint."""
    daemon = Daemon(tmp_path_factory.mktemp("stage") / "root")
    try:
        yield daemon, Diary(daemon)
        check_the_end(daemon)
    finally:
        wipe_out(daemon)


def check_the_end(daemon: Daemon) -> None:
    """Shut the daemon down in order, and look at what it leaves."""
    zombies = zombies_of(daemon.process.pid)
    with Client(daemon.layout) as client:
        for _ in range(_LOOKS):
            if not zombies:
                break
            client.call("Manager.Status")
            zombies = [pid for pid in zombies_of(daemon.process.pid) if pid in zombies]
    daemon.stop()
    assert not zombies
    assert not processes_below(daemon.root)
    assert daemon.process.returncode == 0
    assert "Killing " not in daemon.console.read_text(), "it had to be told twice"
    assert "Traceback" not in daemon.console.read_text() + master_log(daemon)


@pytest.fixture
def case(stage: tuple[Daemon, Diary]) -> Iterator[Case]:
    """The services of one test."""
    made = Case(*stage)
    yield made
    made.close()


def master_log(daemon: Daemon) -> str:
    """The log of svc.startd itself."""
    with open(daemon.layout.below("/var/svc/log/svc.startd.log")) as log:
        return log.read()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("svccfg") / "root") as opened:
        yield opened


@pytest.fixture
def house(shared_house: House) -> House:
    """The shared svc.startd, without services of an earlier test."""
    shared_house.clear()
    return shared_house


@pytest.fixture
def quotes(house: House, tmp_path: Path) -> House:
    """With the service site/quotes and its instances daily and nightly."""
    return house.with_quotes(tmp_path)
