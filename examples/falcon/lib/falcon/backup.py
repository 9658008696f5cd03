"""falcon's backup: a consistent copy of the database inside the nest, once in each interval.

The copy stays in the nest, so it is sealed with it: what lies outside is never in the clear.
"""
# ruff: noqa: INP001

from __future__ import annotations

import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))

from service import below, detach, log, near, ready, settings


def back_up(database: str, directory: str, keep: int) -> None:
    """One copy; the oldest ones beyond ``keep`` go."""
    os.makedirs(below(directory), exist_ok=True)
    target = f"{directory}/{time.strftime('%Y%m%d-%H%M%S')}.db"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        with near(database):
            link.connect(os.path.basename(database))
        link.sendall(json.dumps({"op": "backup", "to": target}).encode() + b"\n")
        log(f"copy to {target}: {json.loads(link.makefile().readline())}")
    for name in sorted(os.listdir(below(directory)))[:-keep]:
        os.unlink(f"{below(directory)}/{name}")


def main() -> None:
    """The first copy is part of the start: a backup that cannot work says so at once."""
    given = settings()
    started = detach()
    back_up(given["database"], given["directory"], int(given["keep"]))
    ready(started)
    while True:
        time.sleep(int(given["interval"]))
        back_up(given["database"], given["directory"], int(given["keep"]))


main()
