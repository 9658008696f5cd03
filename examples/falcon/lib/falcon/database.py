"""falcon's database: keys and values in SQLite inside the nest, asked over a Unix socket.

One JSON object a line: {"op": "get", "key": ...}, {"op": "add", "key": ..., "by": 1},
{"op": "put", "key": ..., "value": ...}, {"op": "keys"}, {"op": "backup", "to": PATH}.
"""
# ruff: noqa: INP001

from __future__ import annotations

import json
import os
import socketserver
import sqlite3
import sys
from contextlib import closing
from typing import ClassVar

sys.path.insert(0, os.path.dirname(__file__))

from service import SMF_EXIT_ERR_CONFIG, below, detach, listen, log, ready, settings


class Store:
    """The table of keys and values."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
        )
        self._connection.commit()

    def fill(self, path: str) -> None:
        """Take in the entries of a JSON file that are not there yet."""
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
        with self._connection as changes:
            changes.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?)", entries.items())

    def answer(self, request: dict[str, str]) -> object:
        """Do what one request asks."""
        key = request.get("key", "")
        match request.get("op"):
            case "get":
                return self._get(key)
            case "put":
                return self._put(key, request["value"])
            case "add":
                return self._put(key, str(int(self._get(key) or "0") + 1))
            case "keys":
                rows = self._connection.execute("SELECT key FROM entries ORDER BY key")
                return [row[0] for row in rows]
            case "backup":
                with closing(sqlite3.connect(below(request["to"]))) as copy:
                    self._connection.backup(copy)
                return "done"
            case other:
                return f"unknown: {other}"

    def _get(self, key: str) -> str | None:
        rows = self._connection.execute("SELECT value FROM entries WHERE key = ?", (key,))
        found = rows.fetchone()
        return found[0] if found else None

    def _put(self, key: str, value: str) -> str:
        with self._connection as changes:
            changes.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", (key, value))
        return value


class Conversation(socketserver.StreamRequestHandler):
    """One client."""

    store: ClassVar[Store]

    def handle(self) -> None:
        """Answer line by line."""
        for line in self.rfile:
            answer = self.store.answer(json.loads(line))
            self.wfile.write(json.dumps(answer).encode() + b"\n")


def main() -> int:
    """Serve for ever."""
    given = settings()
    directory = below(given["directory"])
    if not os.path.isdir(directory):
        print(f"cannot open the database: there is no directory {directory}")
        return SMF_EXIT_ERR_CONFIG
    started = detach()
    store = Store(f"{directory}/falcon.db")
    store.fill(f"{directory}/albums.json")
    Conversation.store = store
    server = socketserver.UnixStreamServer("unused", Conversation, bind_and_activate=False)
    server.socket.close()
    server.socket = listen(given["socket"])
    log(f"{len(store.answer({'op': 'keys'}))} entries")  # type: ignore[arg-type]
    ready(started)
    server.serve_forever()
    return 0


sys.exit(main())
