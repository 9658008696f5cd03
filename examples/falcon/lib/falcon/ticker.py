"""falcon's cron: runs the commands of its property ``config/jobs``, once in each interval."""
# ruff: noqa: INP001

from __future__ import annotations

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))

from service import below, detach, log, ready, settings


def main() -> None:
    """Run all jobs, then sleep."""
    given = settings()
    ready(detach())
    log("ready")
    while True:
        time.sleep(int(given["interval"]))
        for job in given["jobs"].split(","):
            done = subprocess.run([below(job.strip())], check=False, capture_output=True, text=True)
            log(f"{job.strip()} ended with {done.returncode} {done.stdout.strip()}")


main()
