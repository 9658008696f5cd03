"""Fifty clients change the same groups at once: nothing is lost, nothing is torn, all is told."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from roost.api.client import Client
from tests.integration.crowd import GROUP, SERVICES, read, service_name
from tests.integration.daemon import Daemon, service

SECONDS = float(os.environ.get("ROOST_CROWD_S", "10"))
CLIENTS = 50
PROCESSES = 5
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(240 + 3 * SECONDS)
def test_fifty_clients_lose_nothing(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "root")
    shared = f'<property_group name="{GROUP}" type="application">' + "".join(
        f'<propval name="{side}" type="count" value="0"/>' for side in ("left", "right")
    )
    names = [service_name(number) for number in range(SERVICES)]
    daemon.load(
        "".join(
            service(
                name, ":true", ":true", duration="transient", extra=f"{shared}</property_group>"
            )
            for name in names
        )
    )
    with Client(daemon.layout) as client:
        before = _newest_change(client)
    each = CLIENTS // PROCESSES
    crowd = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.integration.crowd"),
                *(str(daemon.root), str(each * number), str(each), str(SECONDS)),
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    reports = [json.loads(process.communicate(timeout=SECONDS + 120)[0]) for process in crowd]

    assert [failure for report in reports for failure in report["failures"]] == []
    done: Counter[str] = Counter()
    added: Counter[str] = Counter()
    for report in reports:
        done += Counter(report["done"])
        added += Counter(report["added"])
    assert done["conflict"] > 0, "no two clients ever met"
    assert all(done[kind] > 0 for kind in ("increment", "look", "refresh", "enable", "disable"))
    with Client(daemon.layout) as client:
        for number, name in enumerate(names):
            group = read(client, f"svc:/{name}")
            values = [prop["values"] for prop in group["properties"]]
            assert values == [[str(added[str(number)])]] * 2, name
        told = _increments(client, before, set(names))
    # Every increment is in the history, in order; the oldest may have gone.
    for number, name in enumerate(names):
        last = added[str(number)]
        values = told[name]
        assert values == list(range(last - len(values) + 1, last + 1))
        assert len(values) == last or sum(map(len, told.values())) > 1000
    daemon.stop()
    with sqlite3.connect(daemon.layout.repository) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _newest_change(client: Client) -> int:
    reply = client.call("History.Read", patterns=[], kinds=["change"], count=1)
    number = reply["entries"][-1]["change"]["number"]
    assert isinstance(number, int)
    return number


def _increments(client: Client, after: int, names: set[str]) -> dict[str, list[int]]:
    """The values that the history says ``left`` had, by service, the oldest first."""
    found: dict[str, list[int]] = {name: [] for name in names}
    before: str | None = None
    while before != "":
        reply = client.call(
            "History.Read", patterns=["site/*"], kinds=["change"], count=500, before=before
        )
        before = reply["before"]
        for entry in reversed(reply["entries"]):
            change = entry["change"]
            if change["number"] <= after:
                return found
            if change["property"] == "left":
                name = entry["fmri"].removeprefix("svc:/")
                found[name].insert(0, int(change["new"]["values"][0]))
    return found
