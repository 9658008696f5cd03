"""roost history on a real svc.startd; backups and damage, as people see them."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.api.client import Client
from roost.daemon.backups import QUIET_S
from roost.errors import InvalidValue
from tests.integration.daemon import BIN, WAIT_S, Daemon, service

X = "svc:/site/x:default"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    found = Daemon(tmp_path / "root")
    config = '<property_group name="config" type="application">'
    config += '<propval name="port" type="count" value="80"/></property_group>'
    found.load(service("site/x", "sleep 1000 &", extra=config))
    found.wait_state(X, "online")
    yield found
    if found.process.poll() is None:
        found.stop()


def _entries(daemon: Daemon, *words: str) -> list[dict[str, Any]]:
    found = json.loads(daemon.run("roost", "history", "--json", *words))["entries"]
    assert isinstance(found, list)
    return found


def test_a_change_names_its_user_and_program(daemon: Daemon) -> None:
    daemon.run("svccfg", "-s", "site/x", "setprop", "config/port", "=", "81")
    entry = _entries(daemon, "--changes", "x")[-1]
    change = entry["change"]
    assert entry["fmri"] == "svc:/site/x"
    assert (change["user"], change["uid"]) == (getpass.getuser(), os.getuid())
    assert (change["program"], change["call"]) == ("svccfg", "Repository.Commit")
    assert (change["old"]["values"], change["new"]["values"]) == (["80"], ["81"])
    shown = daemon.run("roost", "history", "-n", "1", "x", COLUMNS="200")
    who = f"{getpass.getuser()} svccfg"
    assert re.search(
        rf"\d\d:\d\d:\d\d {who} +svc:/site/x config/port 80 -> 81$", shown, re.MULTILINE
    )


def test_states_have_reasons_and_who_asked(daemon: Daemon) -> None:
    daemon.run("svcadm", "disable", "-s", "x")
    daemon.run("svcadm", "mark", "maintenance", "x")
    daemon.wait_state(X, "maintenance")
    shown = daemon.run("roost", "history", "--states", "x", COLUMNS="200")
    assert "online -> disabled: an administrator disabled it\n" in shown
    assert "disabled -> maintenance: " in shown
    by = [entry["transition"]["program"] for entry in _entries(daemon, "--states", "x")[-2:]]
    assert by == ["svcadm"] * 2
    kinds = {entry["kind"] for entry in _entries(daemon, "--states")}
    assert kinds == {"transition"}


def test_the_log_of_transitions_holds_no_values_and_outlives_svc_startd(daemon: Daemon) -> None:
    daemon.run("svccfg", "-s", "site/x", "setprop", "config/word", "=", "astring:", "hunter2")
    daemon.run("svcadm", "refresh", "x")
    before = _entries(daemon, "--states", "x")
    text = Path(f"{daemon.layout.log_directory}/transitions.log").read_text()
    assert "hunter2" not in text
    daemon.stop()
    again = Daemon(daemon.root)
    try:
        after = _entries(again, "--states", "x")
        assert after[: len(before)] == before
        assert len(after) > len(before)
    finally:
        again.stop()


def test_pages_of_both_logs_are_one_history(daemon: Daemon) -> None:
    for number in range(30):
        daemon.run("svccfg", "-s", "site/x", "setprop", "config/port", "=", str(number))
        if number % 10 == 0:
            daemon.run("svcadm", "refresh", "x")
    with Client(daemon.layout) as client:
        asked: dict[str, Any] = {"patterns": [], "kinds": []}
        whole = client.call("History.Read", **asked, count=500)
        assert whole["before"] == ""
        pages: list[Any] = []
        before = None
        while before != "":
            reply = client.call("History.Read", **asked, count=7, before=before)
            pages = reply["entries"] + pages
            before = reply["before"]
        assert pages == whole["entries"]
        with pytest.raises(InvalidValue):
            client.call("History.Read", **asked, before="x")


def test_filters(daemon: Daemon) -> None:
    daemon.load(service("site/y"))
    daemon.wait_state("svc:/site/y:default", "online", "maintenance")
    assert {e["fmri"] for e in _entries(daemon, "y")} == {"svc:/site/y", "svc:/site/y:default"}
    assert {e["fmri"] for e in _entries(daemon, "svc:/site/y:default")} == {
        "svc:/site/y",
        "svc:/site/y:default",
    }
    assert _entries(daemon, "--until", "2001-01-01") == []
    assert _entries(daemon, "--since", "1h") == _entries(daemon, "-n", "500")
    assert len(_entries(daemon, "-n", "2")) == 2
    daemon.run("svcadm", "disable", "-s", "y")
    daemon.run("svccfg", "delete", "site/y")
    assert _entries(daemon, "y")[-1]["change"]["op"] == "deleted"
    assert "cannot find 'nothing'" in daemon.run("roost", "history", "nothing", status=1)


def test_following(daemon: Daemon) -> None:
    words = [str(BIN / "roost"), "history", "-f", "--json", "-n", "1", "x"]
    follower = subprocess.Popen(
        words,
        env={**os.environ, "ROOST_ROOT": str(daemon.root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["fmri"] == X
        daemon.run("svccfg", "-s", "site/x", "setprop", "config/port", "=", "81")
        daemon.run("svcadm", "disable", "x")
        seen: list[dict[str, Any]] = []
        while (
            not seen
            or seen[-1]["kind"] == "change"
            or seen[-1]["transition"]["state"] != ("disabled")
        ):
            seen.append(json.loads(follower.stdout.readline()))
        assert [e["change"]["property"] for e in seen if e["change"]] == ["port", "enabled"]
    finally:
        follower.kill()
        follower.wait()
        if follower.stdout is not None:
            follower.stdout.close()


def test_reverting_names_the_snapshot(daemon: Daemon) -> None:
    daemon.run("svccfg", "-s", X, "setenv", "-i", "A", "1")
    daemon.run("svccfg", "-s", "site/x", "setprop", "config/port", "=", "81")
    daemon.run("svccfg", "-s", X, "revert", "start")
    reverted = [e for e in _entries(daemon, "--changes") if e["change"]["op"] == "reverted"]
    assert [e["change"]["property"] for e in reverted] == ["start"]
    number = reverted[0]["change"]["transaction"]
    same = [e for e in _entries(daemon, "--changes") if e["change"]["transaction"] == number]
    assert "port" in {e["change"]["property"] for e in same}
    daemon.run("svcadm", "refresh", "x")
    lines = daemon.run("svccfg", "-s", X, "listsnap", "-v").splitlines()
    assert [line.split()[0] for line in lines][:2] == ["initial", "last-import"]
    assert all(line.endswith(f" {getpass.getuser()}") and line.count(":") == 2 for line in lines)
    with Client(daemon.layout) as client:
        taken = client.call("History.Snapshots", fmri=X)["snapshots"]
    assert {each["name"] for each in taken} == {
        "initial",
        "last-import",
        "previous",
        "running",
        "start",
    }
    assert all(each["user"] == getpass.getuser() and each["time"] > 0 for each in taken)


def _backups(daemon: Daemon, kind: str) -> list[str]:
    found = Path(daemon.layout.repository).parent.glob(f"repository-{kind}-*")
    return sorted(str(path) for path in found)


def _wait_for_backup(daemon: Daemon, kind: str) -> str:
    deadline = time.monotonic() + QUIET_S + WAIT_S
    while not _backups(daemon, kind):
        assert time.monotonic() < deadline, f"no backup {kind}"
        time.sleep(0.1)
    return _backups(daemon, kind)[-1]


def test_a_backup_after_an_import_and_at_a_start_that_finds_changes(daemon: Daemon) -> None:
    _wait_for_backup(daemon, "manifest_import")
    assert _backups(daemon, "boot") == []
    running = daemon
    for changes in (False, True, False):
        before = _backups(daemon, "boot")
        if changes:
            running.run("svccfg", "-s", "site/x", "setprop", "config/port", "=", "81")
        running.stop()
        running = Daemon(daemon.root)
        running.wait_state(X, "online")
        assert len(_backups(daemon, "boot")) == len(before) + changes
    running.stop()


def test_a_damaged_repository(daemon: Daemon) -> None:
    backup = _wait_for_backup(daemon, "manifest_import")
    daemon.run("svccfg", "-s", "site/x", "setprop", "config/port", "=", "81")
    daemon.stop()
    repository = Path(daemon.layout.repository)
    content = repository.read_bytes()
    harmed = bytearray(content)
    harmed[content.rindex(b'["81"]') + 2] ^= 1
    repository.write_bytes(harmed)

    again = Daemon(daemon.root)
    try:
        assert again.run("svcprop", "-p", "config/port", X) == "80\n"
        shown = again.run("roost", "status")
        assert "was damaged" in shown
        assert re.search(r"Lost: .*\(svccfg\): svc:/site/x/config/port$", shown, re.MULTILINE)
        assert "was damaged" in again.console.read_text()
        assert "was damaged" in Path(f"{again.layout.log_directory}/svc.startd.log").read_text()
        assert f"restored from {backup}" in again.run("roost", "history", "-n", "500")
    finally:
        again.stop()
    (aside,) = repository.parent.glob("repository.db.damaged-*")
    assert aside.read_bytes() == harmed
    sound = Daemon(daemon.root)
    try:
        assert "was damaged" not in sound.run("roost", "status")
    finally:
        sound.stop()


def test_without_a_backup_it_is_refused(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "root")
    daemon.stop()
    repository = Path(daemon.layout.repository)
    for path in repository.parent.glob("repository-*"):
        path.unlink()
    repository.write_text("no database" * 500)
    done = subprocess.run(
        [BIN / "svc.startd", "-R", daemon.root], capture_output=True, text=True, check=False
    )
    assert done.returncode == 104
    assert "it has no backup" in done.stderr
    assert repository.read_text() == "no database" * 500


def test_a_repository_that_was_deleted(daemon: Daemon) -> None:
    backup = _wait_for_backup(daemon, "manifest_import")
    daemon.stop()
    os.unlink(daemon.layout.repository)
    again = Daemon(daemon.root)
    try:
        assert f"cp {backup} {daemon.layout.repository}" in again.run("roost", "status")
    finally:
        again.stop()
