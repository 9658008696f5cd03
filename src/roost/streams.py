"""Standard input, output and error that are always there, whatever the caller closed.

A program started with one of them closed would get its first file or socket as descriptor
0, 1 or 2, and write its messages there. Standard library only; no other module is imported.
"""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Lead closed descriptors 0 to 2 to ``/dev/null``; call it before anything is opened.

    Reading a closed standard input stays an error; it does not become an empty one.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_WRONLY)  # the lowest free number: this one
            os.set_inheritable(fd, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  for good
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  for good


def lead_nowhere(fd: int) -> None:
    """Make ``fd`` ``/dev/null``, so that what the interpreter still flushes does no harm."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, fd)
    os.close(null)
