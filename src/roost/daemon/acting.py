"""Who acts: the caller of each API call, for the change log and the log of transitions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from os.path import basename

from roost.api.connection import Call
from roost.api.server import Handler
from roost.errors import printable
from roost.repository.history import Actor, ChangeLog, user_name

_PREFIX = "io.roost."
_INTERPRETER = "python"
_MAX_PROGRAM_CHARS = 64


def recorded(log: ChangeLog, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """The same handlers; what they change is told of their callers."""
    return {name: _recorded(log, handler) for name, handler in handlers.items()}


def _recorded(log: ChangeLog, handler: Handler) -> Handler:
    def act(call: Call) -> Mapping[str, object] | None:
        with log.acting(cache(lambda: actor_of(call))):
            return handler(call)

    return act


def actor_of(call: Call) -> Actor:
    """The caller, while it waits for the answer."""
    peer = call.peer
    what = call.method.removeprefix(_PREFIX)
    action = call.parameters.get("action")
    if isinstance(action, str):
        what = f"{what} {printable(action)}"
    return Actor(peer.uid, user_name(peer.uid), program_of(peer.pid), peer.pid, what)


def program_of(pid: int, proc: str = "/proc") -> str:
    """The name of a running program, "" if it is gone; of a Python program its own name."""
    name = _read(f"{proc}/{pid}/comm").decode(errors="backslashreplace").strip()
    if name.startswith(_INTERPRETER):
        arguments = _read(f"{proc}/{pid}/cmdline").decode(errors="backslashreplace").split("\0")
        name = _script_of(arguments[1:]) or name
    return printable(name)[:_MAX_PROGRAM_CHARS]


def _script_of(arguments: list[str]) -> str:
    """What an interpreter was told to run; "" for text on its command line or input."""
    for at, argument in enumerate(arguments):
        if argument == "-m":
            return arguments[at + 1].rpartition(".")[2] if at + 1 < len(arguments) else ""
        if argument == "-c":
            return ""
        if not argument.startswith("-"):
            return basename(argument)
    return ""


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4096)
    except OSError:
        return b""
