"""Files that people ask for: written whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress


def replace_file(path: str, data: bytes) -> None:
    """Give the regular file ``path`` this content; its permissions stay. Raises `OSError`.

    A file beside it is written first: a full disk must not cost what was there before. Its name
    cannot be guessed: in a directory for all, somebody could have put a link there.
    """
    fd, fresh = tempfile.mkstemp(prefix=".svccfg.", dir=os.path.dirname(path) or os.curdir)
    try:
        with open(fd, "wb") as file:
            os.fchmod(fd, _mode_for(path))
            file.write(data)
        os.replace(fresh, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(fresh)
        raise


def _mode_for(path: str) -> int:
    try:
        return os.stat(path).st_mode & 0o7777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
