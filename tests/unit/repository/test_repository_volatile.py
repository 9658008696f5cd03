"""Non-persistent groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from roost.errors import InvalidName, NotFound, TypeMismatch
from roost.repository import Repository
from roost.repository.port import View

from .builders import group, opened, put

X = "svc:/x:default"


def _make(repository: Repository) -> None:
    repository.add_service("x")
    repository.add_instance("svc:/x", "default")


def test_write_replaces_whole_groups_and_counts(repository: Repository) -> None:
    _make(repository)
    one = group("restarter", "state=offline", "pid=count:4", kind="framework")
    two = group("restarter", "state=online", kind="framework")
    repository.write_volatile({X: [one]})
    first = repository.generation(X, "restarter")
    assert first is not None
    repository.write_volatile({X: [two], "svc:/x": [one]})
    found = repository.groups(X)["restarter"]
    assert not found.persistent
    assert dict(found.properties) == dict(two.properties)
    assert found.generation == first + 1
    repository.write_volatile({X: [two]})
    assert repository.generation(X, "restarter") == first + 1
    assert repository.groups("svc:/x")["restarter"].value("pid") == "4"


def test_write_is_refused_whole(repository: Repository) -> None:
    _make(repository)
    repository.add_group(X, "general", "framework")
    good = group("restarter", "state=online", kind="framework")
    with pytest.raises(NotFound):
        repository.write_volatile({X: [good], "svc:/y:default": [good]})
    with pytest.raises(TypeMismatch):
        repository.write_volatile({X: [good, group("general")]})
    with pytest.raises(InvalidName):
        repository.write_volatile({X: [good, group("no name")]})
    assert list(repository.groups(X)) == ["general"]


def test_commit_works_on_volatile_groups(repository: Repository) -> None:
    _make(repository)
    repository.add_group(X, "restarter_actions", "framework", persistent=False)
    generation = repository.commit(X, "restarter_actions", [put("restart=integer:7")])
    assert repository.groups(X)["restarter_actions"].value("restart") == "7"
    assert repository.generation(X, "restarter_actions") == generation
    repository.delete_volatile(X, "restarter_actions")
    repository.delete_volatile(X, "restarter_actions")
    repository.delete_volatile("svc:/y", "restarter_actions")
    assert repository.groups(X) == {}


def test_they_outlive_the_daemon_not_the_boot(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _make(repository)
        repository.add_group(X, "general", "framework")
        repository.write_volatile({X: [group("restarter", "state=online", kind="framework")]})
        before = repository.groups(X)
    with opened(tmp_path) as repository:
        assert repository.groups(X) == before
    with opened(tmp_path, fresh_boot=True) as repository:
        assert list(repository.groups(X)) == ["general"]
        repository.write_volatile({X: [group("restarter", "state=offline", kind="framework")]})
        assert repository.groups(X)["restarter"].value("state") == "offline"


def test_they_are_live_in_the_running_view_and_in_no_snapshot(repository: Repository) -> None:
    _make(repository)
    repository.add_group(X, "config", "application")
    repository.write_volatile({X: [group("restarter", "state=offline", kind="framework")]})
    repository.take_snapshot(X, "running")
    repository.write_volatile(
        {
            X: [group("restarter", "state=online", kind="framework")],
            "svc:/x": [group("above", "a=1")],
        }
    )
    running = repository.groups(X, View.RUNNING)
    assert list(running) == ["above", "config", "restarter"]
    assert running["restarter"].value("state") == "online"
    assert list(repository.groups(X, View.SNAPSHOT, "running")) == ["config"]
    assert list(repository.groups(X, View.RUNNING, group="restarter")) == ["restarter"]


def test_leftovers_of_entities_that_are_gone_are_swept(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _make(repository)
        repository.write_volatile({X: [group("restarter", "state=online", kind="framework")]})
    (tmp_path / "etc/svc/repository.db").unlink()
    with opened(tmp_path) as repository:
        _make(repository)
        assert repository.groups(X) == {}


def test_generations_grow_over_a_boot_that_forgets_volatile_ones(tmp_path: Path) -> None:
    with opened(tmp_path) as repository:
        _make(repository)
        repository.add_group(X, "live", "framework", persistent=False)
        repository.add_group(X, "config", "application")
        repository.delete_group(X, "live")
        repository.delete_group(X, "config")
    with opened(tmp_path, fresh_boot=True) as repository:
        repository.add_group(X, "config", "application")
        assert repository.generation(X, "config") == 2
