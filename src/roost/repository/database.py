"""One SQLite connection: statements, transactions, and errors in roost's own terms.

Every statement of the repository goes through `Database.execute` or `Database.execute_many`,
which is the seam for fault injection: a *gate* sees the running number and text of each call
and may raise `sqlite3.Error` in its place. Knows nothing of the schema.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from shlex import quote
from typing import Any

from roost.errors import (
    InternalError,
    InvalidName,
    InvalidValue,
    RepositoryDamaged,
    RequestError,
    RoostError,
    StorageFull,
    SystemCallFailed,
    printable,
)

MAX_PATH_BYTES = 500
"""SQLite's 512, without what it appends for its journals."""
Gate = Callable[[int, str], None]
"""``gate(number, sql)`` is called before each statement; 1 is the first."""
Parameter = str | int | bytes | None
Row = tuple[Any, ...]

_REFUSALS = {
    sqlite3.SQLITE_READONLY: "the file system or the file is read-only",
    sqlite3.SQLITE_IOERR: "reading or writing failed",
    sqlite3.SQLITE_CANTOPEN: "it does not open",
    sqlite3.SQLITE_PERM: "permission denied",
    sqlite3.SQLITE_AUTH: "permission denied",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_NOLFS: "it is too large for its file system",
    sqlite3.SQLITE_PROTOCOL: "its lock does not work here",
}


class Database:
    """A connection that is its file's only user for as long as it is open."""

    def __init__(self, path: str, gate: Gate | None = None) -> None:
        """Open or create ``path`` (mode 0600) and take its lock at the first statement."""
        self.path = path
        self._gate = gate
        self._calls = 0
        self._transactions = 0
        create_file(path)
        try:
            self._connection = sqlite3.connect(
                path, timeout=0, isolation_level=None, cached_statements=256
            )
        except sqlite3.Error as problem:
            raise self._refusal(problem) from problem

    @property
    def calls(self) -> int:
        """How many statements were asked for so far."""
        return self._calls

    @property
    def transactions(self) -> int:
        """How many transactions were begun so far."""
        return self._transactions

    def execute(self, sql: str, parameters: Sequence[Parameter] = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        try:
            self._pass(sql)
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as problem:
            raise self._refusal(problem) from problem
        except UnicodeDecodeError as problem:  # of a message that quotes what the file holds
            raise self.damaged("it holds text that is not UTF-8") from problem
        except (UnicodeEncodeError, OverflowError) as problem:
            raise _unfit(problem) from None

    def execute_many(self, sql: str, rows: Iterable[Sequence[Parameter]]) -> None:
        """Run one statement for each of ``rows``."""
        try:
            self._pass(sql)
            self._connection.executemany(sql, rows)
        except sqlite3.Error as problem:
            raise self._refusal(problem) from problem
        except (UnicodeEncodeError, OverflowError) as problem:
            raise _unfit(problem) from None

    @property
    def in_transaction(self) -> bool:
        """Is a transaction under way?"""
        return self._connection.in_transaction

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside or, after any exception, none; one inside another is part of it."""
        if self.in_transaction:
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        self._transactions += 1
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # Not through the seam: a roll-back only forgets, and some errors did it already.
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Within a transaction: all statements inside or, after any exception, none of them."""
        self.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # some errors end it whole
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            raise
        self.execute("RELEASE part")

    @contextmanager
    def decoding(self, what: str) -> Iterator[None]:
        """What the file holds does not decode inside: the file is damaged; ``what`` says where."""
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError) as problem:
            raise self.damaged(f"{what} cannot be read ({problem})") from problem

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def damaged(self, why: str) -> RepositoryDamaged:
        """The error for a file that cannot be used, with the way to set it aside."""
        return damaged(self.path, why)

    def _pass(self, sql: str) -> None:
        self._calls += 1
        if self._gate is not None:
            self._gate(self._calls, sql)

    def _refusal(self, problem: sqlite3.Error) -> RoostError:
        what = f"use the repository {self.path}"
        # An error that the sqlite3 module itself finds (a closed connection) has no code.
        code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return _full(self.path)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self.damaged(str(problem))
        if str(problem).startswith("Could not decode to UTF-8"):  # raised without a code
            return self.damaged(printable(str(problem)))
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return SystemCallFailed(what, "another process has it open", f"fuser -v {self.path}")
        if code in _REFUSALS:
            return SystemCallFailed(what, f"{_REFUSALS[code]} ({problem})", f"ls -l {self.path}")
        return InternalError(what, str(problem))


def damaged(path: str, why: str) -> RepositoryDamaged:
    """The error for a file that cannot be used, with the way to set it aside."""
    aside = f"{os.path.dirname(path)}/damaged"
    hint = f"mkdir -p {quote(aside)} && mv {quote(path)}* {quote(aside)}"
    return RepositoryDamaged(f"use the repository {path}", why, hint)


def _unfit(problem: UnicodeEncodeError | OverflowError) -> RequestError:
    """The error for what a caller gave, and SQLite cannot hold."""
    if isinstance(problem, UnicodeEncodeError):
        what = f"look up '{problem.object}'"
        return InvalidName(what, "it holds bytes that are not UTF-8", "svccfg list")
    return InvalidValue("store a number", "it does not fit into 64 bits")


def _full(path: str) -> StorageFull:
    directory = os.path.dirname(path)
    return StorageFull(f"write to {path}", "no space is left there", f"df {directory}")


def create_file(path: str) -> None:
    """Make an empty file for its owner alone, if there is none."""
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        why = f"its path is longer than the {MAX_PATH_BYTES} bytes that SQLite takes"
        raise SystemCallFailed(f"open the repository {path}", why, "roost run --root DIR")
    # Made here, not by SQLite, because values may be for privileged eyes only.
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from problem
        why = problem.strerror or str(problem)
        raise SystemCallFailed(f"open the repository {path}", why, f"ls -l {path}") from problem
