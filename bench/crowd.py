"""How long svcs waits while fifty others change the configuration."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.integration.crowd import GROUP, SERVICES, service_name
from tests.integration.daemon import Daemon, service

from roost.api.client import Client
from roost.layout import Layout

FIGURE = "list_under_load_p99_ms"
PROCESSES, CLIENTS = 5, 10
BYSTANDERS = 350
LOAD_S, SETTLE_S, PAUSE_S = 20.0, 4.0, 0.02


def run_crowd(limits: Mapping[str, float]) -> bool:
    """Print the 99th percentile of Manager.List in ms; True if it is within its limit."""
    with tempfile.TemporaryDirectory(prefix="roost-bench-") as directory:
        daemon = Daemon(Path(directory) / "root")
        _fill(daemon)
        time.sleep(SETTLE_S)  # the backup that follows an import
        quiet = _latencies(daemon.layout, SETTLE_S)
        crowd = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.integration.crowd", str(daemon.root)),
                    *(str(CLIENTS * number), str(CLIENTS), str(LOAD_S)),
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(PROCESSES)
        ]
        time.sleep(1)
        loaded = _latencies(daemon.layout, LOAD_S - 2)
        reports = [json.loads(process.communicate()[0]) for process in crowd]
        daemon.stop()
    found = _percentile(loaded, 0.99)
    line = {
        "figure": FIGURE,
        "roost": found,
        "aim": limits[FIGURE],
        "met": found < limits[FIGURE],
        "median": _percentile(loaded, 0.5),
        "quiet_p99": _percentile(quiet, 0.99),
        "calls_of_others": sum(sum(report["done"].values()) for report in reports),
    }
    print(json.dumps(line), flush=True)
    return bool(line["met"])


def _fill(daemon: Daemon) -> None:
    shared = f'<property_group name="{GROUP}" type="application">' + "".join(
        f'<propval name="{side}" type="count" value="0"/>' for side in ("left", "right")
    )
    extra = {service_name(n): f"{shared}</property_group>" for n in range(SERVICES)}
    extra |= {f"bench/s{n}": "" for n in range(BYSTANDERS)}
    daemon.load(
        "".join(
            service(name, ":true", ":true", duration="transient", extra=text)
            for name, text in extra.items()
        )
    )


def _latencies(layout: Layout, seconds: float) -> list[float]:
    """How long each of a series of calls took, in ms, sorted."""
    found = []
    end_s = time.monotonic() + seconds
    with Client(layout) as client:
        while time.monotonic() < end_s:
            started = time.monotonic()
            client.call("Manager.List", patterns=[])
            found.append((time.monotonic() - started) * 1000)
            time.sleep(PAUSE_S)
    return sorted(found)


def _percentile(values: list[float], part: float) -> float:
    return round(values[min(len(values) - 1, int(len(values) * part))], 1)
