"""Subcommands about the hashes by which imported files are known again: hash, delhash."""

from __future__ import annotations

import os
from shlex import quote

from roost.api import typed
from roost.cli.cfg.session import Call, Command, Session
from roost.errors import NotFound
from roost.hashing import sha256_of


def _hash(session: Session, call: Call) -> None:
    known = typed.text_map(session.store.call("Repository.ImportedFiles"), "hashes")
    wanted = call.operand(0)
    files = sorted(known) if wanted is None else [os.path.abspath(wanted)]
    rows = [(file, known.get(file, ""), _state_of(file, known.get(file))) for file in files]
    if call.as_json:
        session.say_json(files=[{"file": f, "hash": h, "state": s} for f, h, s in rows])
        return
    for file, digest, state in rows:
        session.say(f"{state:<8} {digest or '-'}  {file}")


def _state_of(file: str, known: str | None) -> str:
    """What an import that looks for changes would find: new, changed, same, or gone; or unread."""
    try:
        present = sha256_of(file)
    except (FileNotFoundError, NotADirectoryError):
        if known is not None:
            return "gone"
        raise NotFound(
            f"look at {file}", "there is no such file, and none was imported", "hash"
        ) from None
    except OSError:
        return "unread"
    if known is None:
        return "new"
    return "same" if present == known else "changed"


def _delhash(session: Session, call: Call) -> None:
    file = os.path.abspath(call.operands[0])
    if "-d" not in call.options and not os.path.exists(file):
        raise NotFound(
            f"forget the hash of {file}", "there is no such file", f"delhash -d {quote(file)}"
        )
    session.store.call("Repository.ForgetFile", file=file)
    session.remark(f"The hash of {file} is forgotten.")


COMMANDS = (
    Command(
        "hash [FILE]",
        "hashes of imported files: new, changed, same, or gone",
        _hash,
        (0, 1),
        words=("--json",),
    ),
    Command(
        "delhash [-d] FILE",
        "forget a file's hash; -d: the file need not exist",
        _delhash,
        (1, 1),
        flags="d",
    ),
)
