"""falcon's system log: what services send to a socket, with the time, in a file.

SIGHUP lets it open the file anew, after the log rotator moved the old one away.
"""
# ruff: noqa: INP001

from __future__ import annotations

import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))

from service import below, detach, listen, ready, settings


class Reopen(Exception):
    """SIGHUP came."""


def reopen(_number: int, _frame: object) -> None:
    """Leave the wait."""
    raise Reopen


def main() -> None:
    """Receive and write, for ever."""
    given = settings()
    path = below(given["file"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    started = detach()
    signal.signal(signal.SIGHUP, reopen)
    inbox = listen(given["socket"], socket.SOCK_DGRAM)
    ready(started)
    while True:
        try:
            with open(path, "a", buffering=1, encoding="utf-8") as file:
                while True:
                    text = inbox.recv(4096).decode("utf-8", "replace")
                    file.write(f"{time.strftime('%b %e %T')} falcon {text}\n")
        except Reopen:
            continue


main()
