"""Run both sides on the same work, three times in turn, and print a JSON line a figure.

usage: python -m bench [--runs N] [--services N] [--idle SECONDS]

Each line: the figure, the median of roost and of Supervisor, their ratio (below 1: roost is
better), the ratio aimed at, and all single values. Imports have no rival; their limits are in
seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.crowd import run_crowd
from bench.imports import run_imports
from bench.measure import Reports, cpu_s, pss_kib, switches
from bench.sides import BIN, Roost, Side, Supervisor

RESTARTS = 50
STATUS_RUNS = 5
Figures = dict[str, list[float]]
MakeSide = Callable[[Path, Path, int], Side]


def timed(command: list[str]) -> float:
    """Wall-clock seconds of one run of a command."""
    started = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - started


def run_empty(make: MakeSide, work: Path, figures: Figures) -> None:
    """A manager without services."""
    side = make(work / "empty", work / "none", 0)
    pid = side.start()
    side.wait_ready()
    timed(side.status())
    figures.setdefault("pss_0_kib", []).append(pss_kib(pid))
    side.stop()


def run_full(make: MakeSide, work: Path, count: int, idle_s: float, figures: Figures) -> None:
    """A manager with ``count`` services, from its start to its end."""
    fifo = work / "reports"
    reports = Reports(fifo)
    side = make(work / "full", fifo, count)
    drain(reports)
    started = time.monotonic()
    pid = side.start()
    arrived = reports.wait_for(count)
    figures.setdefault(f"start_{count}_s", []).append(arrived[-1][1] - started)
    side.wait_ready()

    for _ in range(STATUS_RUNS):
        figures.setdefault(f"status_{count}_s", []).append(timed(side.status()))

    names = sorted(reports.pids)
    for name in names[:: max(1, len(names) // RESTARTS)][:RESTARTS]:
        killed = time.monotonic()
        os.kill(reports.pids[name], signal.SIGKILL)
        figures.setdefault("restart_s", []).append(reports.wait_for(1)[0][1] - killed)

    figures.setdefault(f"pss_{count}_kib", []).append(pss_kib(pid))
    before_s, before = cpu_s(pid), switches(pid)
    time.sleep(idle_s)
    figures.setdefault(f"idle_{idle_s:.0f}s_cpu_s", []).append(cpu_s(pid) - before_s)
    figures.setdefault(f"idle_{idle_s:.0f}s_wakeups", []).append(switches(pid) - before)
    side.stop()
    reports.close()


def drain(reports: Reports) -> None:
    """Forget what services reported while the repository was being filled."""
    reports.pids.clear()
    reports.discard()


def run_small(work: Path) -> None:
    """Time svcs on a daemon of 20 services against a bare interpreter, in turn."""
    fifo = work / "small-reports"
    reports = Reports(fifo)
    side = Roost(work / "small", fifo, 20)
    drain(reports)
    side.start()
    reports.wait_for(20)
    side.wait_ready()
    ours, bare = [], []
    command = [str(BIN / "svcs"), "-R", str(work / "small")]
    for _ in range(20):
        ours.append(timed(command))
        bare.append(timed([sys.executable, "-c", "pass"]))
    side.stop()
    reports.close()
    svcs_s, python_s = statistics.median(ours), statistics.median(bare)
    limit_s = 1.5 * python_s + 0.06
    print(
        json.dumps(
            {
                "figure": "svcs_20_s",
                "roost": round(svcs_s, 4),
                "python_pass": round(python_s, 4),
                "limit": round(limit_s, 4),
                "met": svcs_s < limit_s,
            }
        ),
        flush=True,
    )


def report(figures: dict[str, Figures], limits: dict[str, float]) -> bool:
    """Print a line a figure; True if all aims are met."""
    all_met = True
    for name, ours in figures["roost"].items():
        theirs = figures["supervisor"][name]
        mine, other = statistics.median(ours), statistics.median(theirs)
        ratio = mine / other if other else (0.0 if not mine else float("inf"))
        line: dict[str, object] = {
            "figure": name,
            "roost": round(mine, 6),
            "supervisor": round(other, 6),
            "ratio": round(ratio, 5),
        }
        if name in limits:
            line["aim"] = limits[name]
            line["met"] = ratio < limits[name]
            all_met = all_met and ratio < limits[name]
        line["runs"] = {
            "roost": summary(ours),
            "supervisor": summary(theirs),
        }
        print(json.dumps(line), flush=True)
    return all_met


def summary(values: list[float]) -> list[float]:
    """Minimum, median, maximum."""
    return [round(value, 6) for value in (min(values), statistics.median(values), max(values))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds")
    options = parser.parse_args()
    limits = json.loads(Path(__file__).with_name("limits.json").read_text())
    figures: dict[str, Figures] = {"roost": {}, "supervisor": {}}
    sides: list[tuple[str, MakeSide]] = [("roost", Roost), ("supervisor", Supervisor)]
    for number in range(options.runs):
        for name, make in sides:
            with tempfile.TemporaryDirectory(prefix="roost-bench-") as directory:
                work = Path(directory)
                sys.stderr.write(f"run {number + 1} of {options.runs}: {name}\n")
                run_empty(make, work, figures[name])
                run_full(make, work, options.services, options.idle, figures[name])
    met = report(figures, limits)
    with tempfile.TemporaryDirectory(prefix="roost-bench-") as directory:
        run_small(Path(directory))
    met = run_imports(limits) and met
    met = run_crowd(limits) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
