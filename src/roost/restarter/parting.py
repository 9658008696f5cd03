"""What a method says when it exits (``smf_method_exit``): one word and a sentence, in a file.

The file is named by the method's contract, in a directory where nobody but svc.startd and
root may make one. A method that runs as another user finds its own there, empty. Losing the
words loses nothing else, so nothing here fails.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from roost.restarter.contracts import ContractId

_MAX_BYTES = 4096
_NO_TOKEN = re.compile(r"[^A-Za-z0-9_.-]")


class PartingWords:
    """The files below ``directory``; those of an earlier svc.startd are removed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._made: set[ContractId] = set()
        with suppress(OSError):
            # Methods of other users pass through; only names they are told of are of use.
            os.makedirs(directory, exist_ok=True)
            os.chmod(directory, 0o711)  # noqa: S103  as the line above says
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))

    def prepare(self, contract: ContractId, uid: int) -> None:
        """Make the file of a method that runs as another user, who could not."""
        if uid == os.geteuid():
            return
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(self._path(contract), flags, 0o600)
            self._made.add(contract)
            try:
                os.fchown(fd, uid, -1)
            finally:
                os.close(fd)

    def take(self, contract: ContractId) -> tuple[str, str]:
        """The word and the sentence, "" where there is none; then they are gone."""
        try:
            fd = os.open(self._path(contract), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return "", ""
        with open(fd, "rb") as file:
            first, _, rest = file.read(_MAX_BYTES).partition(b"\n")
        self._made.add(contract)
        self.discard(contract)
        message = " ".join(rest.decode(errors="replace").split())
        return (
            _NO_TOKEN.sub("", first.decode(errors="replace")),
            "".join(letter if letter.isprintable() else "?" for letter in message),
        )

    def discard(self, contract: ContractId) -> None:
        """Nobody will ask for these words."""
        if contract in self._made:
            self._made.discard(contract)
            with suppress(OSError):
                os.unlink(self._path(contract))

    def _path(self, contract: ContractId) -> str:
        return os.path.join(self._directory, str(contract))
