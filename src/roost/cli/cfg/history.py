"""What is kept of the lines of dialogues, for the next one. Never a value that is protected.

Whether a value is protected its group says, and it may say so only later than the value was
typed: what set values is looked up when the dialogue ends. What cannot be told is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from roost.cli.cfg.lexer import Kind, Token
from roost.cli.cfg.store import Store
from roost.cli.cfg.table import is_command
from roost.errors import RoostError
from roost.fmri import service_of
from roost.model.protection import is_protected

MAX_LINES = 1000
_STATE = ".local/state"
_NAME = "roost/svccfg_history"
_SETS_VALUES = frozenset(("setprop", "addpropvalue", "delpropvalue"))


def history_file(environment: Mapping[str, str]) -> str:
    """Where the history is kept: in the XDG state directory; "" for somebody without a home."""
    state = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        home = environment.get("HOME", "")
        if not os.path.isabs(home):
            return ""
        state = os.path.join(home, _STATE)
    return os.path.join(state, _NAME)


@dataclass(frozen=True, slots=True)
class _Typed:
    """The lines of one command. ``entity`` and ``group``: where it put a value, if anywhere."""

    lines: tuple[str, ...]
    entity: str = ""
    group: str = ""


class History:
    """The lines of earlier dialogues, and those of this one."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._typed: list[_Typed] = []

    def earlier(self) -> list[str]:
        """The lines of earlier dialogues, the oldest first; none where they cannot be read."""
        try:
            with open(self._path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                return [line for line in file.read().split("\n") if line]
        except (OSError, ValueError):
            return []

    def note(
        self, lines: Sequence[str], tokens: Sequence[Token], entity: str | None, *, failed: bool
    ) -> None:
        """A command was run on the selected ``entity``."""
        name = tokens[0].text if tokens else ""
        if name in _SETS_VALUES:
            group = tokens[1].text.partition("/")[0] if len(tokens) > 1 else ""
            self._typed.append(_Typed(tuple(lines), entity or "", group or "?"))
        elif failed and (not is_command(name) or any(t.kind is Kind.EQUALS for t in tokens)):
            return  # it may have been meant to set a value
        else:
            self._typed.append(_Typed(tuple(lines)))

    def save(self, store: Store) -> None:
        """Add the lines of this dialogue to the file, as far as they may be kept.

        A home that cannot be written to takes nothing from a dialogue that ended well.
        """
        directory = os.path.dirname(self._path)
        # A home that is not there is not ours to make.
        home = self._path.removesuffix(os.path.join("/", _STATE, _NAME))
        if not self._path or (home != self._path and not os.path.isdir(home)):
            return
        known: dict[tuple[str, str], bool] = {}
        kept: list[str] = []
        for typed in self._typed:
            place = typed.entity, typed.group
            if typed.group and place not in known:
                known[place] = _is_open(store, *place)
            if not typed.group or known[place]:
                kept += typed.lines
        with suppress(OSError):
            os.makedirs(directory, mode=0o700, exist_ok=True)
            self._write([*self.earlier(), *filter(None, kept)][-MAX_LINES:])

    def _write(self, lines: Sequence[str]) -> None:
        fresh = f"{self._path}.{os.getpid()}"
        try:
            with suppress(FileNotFoundError):
                os.unlink(fresh)
            # O_EXCL: the home may be that of a user who lets root work in it (sudo -E).
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(fd, "wb") as file:
                os.fchmod(fd, 0o600)
                text = "".join(f"{line}\n" for line in lines)
                file.write(text.encode(errors="surrogateescape"))
            os.replace(fresh, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(fresh)
            raise


def _is_open(store: Store, entity: str, group: str) -> bool:
    """Is it certain that everybody may read the values of the group?"""
    try:
        found = store.groups(entity, group=group).get(group)
        above = store.groups(service_of(entity), group=group).get(group)
    except RoostError:
        return False
    return found is not None and not (is_protected(found) or is_protected(above))
