"""Many clients at once on one svc.startd: a process of these is started with ``python -m``.

usage: python -m tests.integration.crowd ROOT FIRST COUNT SECONDS

Runs COUNT clients, numbered from FIRST, each in a thread, for so many seconds. Each does what
an administrator's script would: read a group, commit on its generation, and on a conflict read
again and retry; refresh, enable and disable; look at the list. Prints one JSON object with
what all of them did.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from typing import Any

from roost.api.client import Client
from roost.errors import Conflict
from roost.layout import Layout

SERVICES = 5
GROUP = "shared"
MAX_TRIES = 1000


def service_name(number: int) -> str:
    """A service whose groups all clients change."""
    return f"site/crowd{number}"


class Visitor(threading.Thread):
    """One client; ``done`` counts what it did, ``added`` its increments by service."""

    def __init__(self, layout: Layout, number: int, end_s: float) -> None:
        super().__init__(daemon=True)
        self._layout = layout
        self._chance = random.Random(number)
        self._end_s = end_s
        self.done: Counter[str] = Counter()
        self.added: Counter[int] = Counter()
        self.failures: list[str] = []

    def run(self) -> None:
        try:
            with Client(self._layout) as client:
                while time.monotonic() < self._end_s:
                    self._act(client, self._chance.randrange(SERVICES))
        except Exception as problem:  # noqa: BLE001  whatever it is, the test must hear of it
            self.failures.append(repr(problem))

    def _act(self, client: Client, number: int) -> None:
        instance = f"svc:/{service_name(number)}:default"
        kind = self._chance.choices(
            ("increment", "look", "refresh", "enable", "disable"), (6, 6, 1, 1, 1)
        )[0]
        if kind == "increment":
            self._increment(client, number)
        elif kind == "look":
            self._look(client, number)
        else:
            client.call("Manager.Act", fmri=instance, action=kind)
        self.done[kind] += 1

    def _increment(self, client: Client, number: int) -> None:
        """Add one to both counters, on the generation that they were read at."""
        fmri = f"svc:/{service_name(number)}"
        for _ in range(MAX_TRIES):
            group = read(client, fmri)
            value = self._both(group) + 1
            changes = [
                {"op": "change", "name": name, "type": "count", "values": [str(value)]}
                for name in ("left", "right")
            ]
            try:
                client.call(
                    "Repository.Commit",
                    fmri=fmri,
                    group=GROUP,
                    generation=group["generation"],
                    changes=changes,
                )
            except Conflict:
                self.done["conflict"] += 1
            else:
                self.added[number] += 1
                return
        self.failures.append(f"{MAX_TRIES} conflicts in a row")

    def _look(self, client: Client, number: int) -> None:
        """What is read must hold together, and the list must have everybody."""
        self._both(read(client, f"svc:/{service_name(number)}"))
        if len(client.call("Manager.List", patterns=["site/*"])["instances"]) != SERVICES:
            self.failures.append("the list is not whole")

    def _both(self, group: dict[str, Any]) -> int:
        values = {prop["name"]: prop["values"][0] for prop in group["properties"]}
        if values["left"] != values["right"]:
            self.failures.append(f"a torn read: {values}")
        return int(values["left"])


def read(client: Client, fmri: str) -> dict[str, Any]:
    """The shared group of a service, as the wire has it."""
    found = client.call("Repository.Groups", fmri=fmri, view="attached", group=GROUP)["groups"][0]
    assert isinstance(found, dict)
    return found


def main() -> None:
    root, first, count, seconds = sys.argv[1:]
    end_s = time.monotonic() + float(seconds)
    visitors = [
        Visitor(Layout(root), number, end_s)
        for number in range(int(first), int(first) + int(count))
    ]
    for visitor in visitors:
        visitor.start()
    done: Counter[str] = Counter()
    added: Counter[int] = Counter()
    failures: list[str] = []
    for visitor in visitors:
        visitor.join()
        done += visitor.done
        added += visitor.added
        failures += visitor.failures
    print(json.dumps({"done": done, "added": added, "failures": failures[:20]}))


if __name__ == "__main__":
    main()
