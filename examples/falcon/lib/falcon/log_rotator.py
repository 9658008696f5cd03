"""falcon's log rotator: moves a log that has grown away, and tells the system log to go on."""
# ruff: noqa: INP001

from __future__ import annotations

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))

from service import below, detach, log, ready, settings


def rotate(path: str, keep: int) -> None:
    """``messages`` becomes ``messages.0``, that ``messages.1``, and so on."""
    for number in range(keep - 1, 0, -1):
        older = f"{path}.{number - 1}"
        if os.path.exists(older):
            os.rename(older, f"{path}.{number}")
    os.rename(path, f"{path}.0")
    subprocess.run(["svcadm", "refresh", "svc:/system/system-log:default"], check=False)
    log(f"rotated {path}")


def main() -> None:
    """Look at the size once in each interval."""
    given = settings()
    path = below(given["file"])
    limit_bytes, interval_s = int(given["limit"]), int(given["interval"])
    ready(detach())
    while True:
        time.sleep(interval_s)
        if os.path.exists(path) and os.path.getsize(path) >= limit_bytes:
            rotate(path, int(given["keep"]))


main()
