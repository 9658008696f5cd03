"""What falcon's small servers share: paths below the root, detaching, system log, console."""
# ruff: noqa: INP001  these files are run by path, not imported as a package

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

ROOT = os.environ.get("ROOST_ROOT", "")
SMF_EXIT_ERR_FATAL = 95
SMF_EXIT_ERR_CONFIG = 96


def below(path: str) -> str:
    """An absolute path of falcon, below the root that it runs in."""
    return ROOT + path


def settings() -> dict[str, str]:
    """The ``NAME=VALUE`` arguments: properties of the service, from the tokens of its exec."""
    pairs = (argument.partition("=") for argument in sys.argv[1:])
    return {name: value for name, _, value in pairs}


def detach() -> int:
    """Go on in the background; the method returns once `ready` is called. The descriptor to
    pass to it.
    """
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(write_end)
        # Nothing to read means that the server died before it was ready.
        os._exit(0 if os.read(read_end, 1) else 1)
    os.close(read_end)
    return write_end


def ready(fd: int) -> None:
    """Let the start method return: the service works now."""
    os.write(fd, b"\n")
    os.close(fd)


def log(text: str) -> None:
    """A line for the system log, or for this service's own log while there is none."""
    name = os.environ.get("SMF_FMRI", "falcon").removeprefix("svc:/")
    line = f"{name}: {text}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, near("/run/log/log"):
            out.sendto(line.encode(), "log")
    except OSError:
        print(line, flush=True)


@contextlib.contextmanager
def near(path: str) -> Iterator[None]:
    """Stand in the directory of ``path``: the name of a socket has at most 107 bytes."""
    before = os.open(".", os.O_PATH)
    os.chdir(os.path.dirname(below(path)))
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def listen(path: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket at ``path`` for this user only, in place of one that was left there."""
    os.makedirs(os.path.dirname(below(path)), exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, kind)
    with near(path):
        name = os.path.basename(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        listener.bind(name)
        os.chmod(name, 0o600)
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener
