"""The master log, ``svc.startd.log``: what svc.startd does, and what went wrong with itself."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from roost.layout import Layout

_BUGS = 20
_BUGS_S = 60.0
"""So many bugs are told of within this time: whoever has found one must not fill the disk."""


class MasterLog:
    """Appends bracketed, time-stamped lines. A log that cannot be written never stops work."""

    def __init__(self, layout: Layout) -> None:
        self.path = f"{layout.log_directory}/svc.startd.log"
        self.failures = 0
        """Lines that could not be written."""
        self.bugs = 0
        """Errors of ours that were met."""
        self._bugs_since = 0.0
        self._bugs_told = 0

    def write(self, text: str) -> None:
        """One line."""
        self._append(f"[ {time.strftime('%b %e %T')} {text} ]\n")

    def bug(self, where: str, problem: BaseException) -> None:
        """A bug of ours, with its trace; the work goes on."""
        import traceback  # noqa: PLC0415  not needed as long as all is well

        self.bugs += 1
        now = time.monotonic()
        if now - self._bugs_since >= _BUGS_S:
            self._bugs_since, self._bugs_told = now, 0
        self._bugs_told += 1
        if self._bugs_told > _BUGS:
            if self._bugs_told == _BUGS + 1:
                self.write(f"There were {_BUGS} bugs; more is not recorded for a while")
            return
        trace = "".join(traceback.format_exception(problem))
        self._append(f"[ {time.strftime('%b %e %T')} A bug in roost, at {where}: ]\n{trace}")
        with suppress(OSError):
            sys.stderr.write(
                f"svc.startd: a bug in roost, at {where}: {problem!r} (see {self.path})\n"
            )

    def _append(self, text: str) -> None:
        try:
            with open(self.path, "a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(text)
        except OSError:
            self.failures += 1
