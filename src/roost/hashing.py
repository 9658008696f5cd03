"""The hash by which a manifest's file is known again: svc.startd and svccfg must agree on it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat


def sha256_of(path: str) -> str:
    """SHA-256 of a regular file, in hex; `OSError` for one that cannot be read or is another
    kind of file, `ValueError` for what cannot be a path.
    """
    # O_NONBLOCK: a FIFO, which gives its content once and perhaps never, must not hang this.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        return hashlib.file_digest(file, "sha256").hexdigest()
