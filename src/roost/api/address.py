"""Names of Unix sockets that the kernel accepts, however long the path is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

MAX_PATH_BYTES = 107
"""What fits into ``sun_path`` with its NUL."""


@contextmanager
def short_path(path: str) -> Iterator[str]:
    """A name for ``path`` to give to bind or connect, good inside the ``with`` block.

    A long path is reached through a descriptor of its directory. Raises `OSError`.
    """
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield path
        return
    directory, name = os.path.split(path)
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)
