"""falcon's web server: shows what the database has. Its address is in a file."""
# ruff: noqa: INP001

from __future__ import annotations

import html
import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

sys.path.insert(0, os.path.dirname(__file__))

from service import below, detach, log, near, ready, settings


def ask_database(path: str, request: dict[str, str]) -> object:
    """One request to the database server."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        with near(path):
            link.connect(os.path.basename(path))
        link.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(link.makefile().readline())


class Pages(BaseHTTPRequestHandler):
    """Every page comes from the database."""

    database: ClassVar[str]

    def do_GET(self) -> None:
        """``/`` lists what there is, ``/KEY`` shows one entry; a ``.txt`` page is plain."""
        key = self.path.strip("/")
        try:
            if key in ("", "index.txt"):
                keys = ask_database(self.database, {"op": "keys"})
                visits = ask_database(self.database, {"op": "add", "key": "visits"})
                text = f"visit {visits}; entries: {', '.join(map(str, keys))}"  # type: ignore[call-overload]
            else:
                found = ask_database(self.database, {"op": "get", "key": key})
                text = "" if found is None else str(found)
        except OSError as problem:
            self._send(503, f"the database does not answer: {problem}")
            return
        if text:
            self._send(200, text)
        else:
            self._send(404, "no such entry")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in the base
        """Requests go to the system log."""
        log(format % args)

    def _send(self, status: int, text: str) -> None:
        plain = self.path.endswith(".txt") or "text/html" not in self.headers.get("Accept", "")
        body = f"{text}\n" if plain else f"<!doctype html><title>falcon</title>{html.escape(text)}"
        self.send_response(status)
        self.send_header("Content-Type", f"text/{'plain' if plain else 'html'}; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())


def main() -> None:
    """Serve for ever."""
    given = settings()
    Pages.database = given["database"]
    started = detach()
    server = HTTPServer((given["host"], int(given["port"])), Pages)
    with open(below(given["address_file"]), "w", encoding="utf-8") as file:
        file.write(f"http://{given['host']}:{server.server_port}/\n")
    ready(started)
    server.serve_forever()


main()
