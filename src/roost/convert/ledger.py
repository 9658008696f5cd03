"""What becomes of each line of a foreign file: carried over, or named with the reason.

Every assignment that a parser reads is entered in a `Ledger`, and leaves it with at least one
outcome. So nothing is dropped in silence: what no rule knows is found at the end. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from roost.errors import InvalidValue
from roost.model.bundle import Bundle

_SHOWN = 100
"""Characters of a setting that a note repeats."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to convert: ``name`` is what messages call it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment of a file; ``line`` is the first of its lines."""

    file: str
    line: int
    section: str
    key: str
    value: str

    def __str__(self) -> str:
        """The assignment as it was written, on one line and not too long."""
        text = f"{self.key}={' '.join(self.value.split())}"
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


class Kind(Enum):
    """How much of a line was lost."""

    LOST = "lost"
    """It is not in the result."""
    CHANGED = "changed"
    """It is, but means something a little different there."""
    ASIDE = "aside"
    """It is not about a service, or is worth a word for another reason."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark about one line, or about a section that has one reason for all its lines."""

    kind: Kind
    file: str
    line: int
    subject: str
    why: str
    instead: str = ""
    """What to do about it; "" if there is nothing."""
    settings: tuple[Setting, ...] = ()
    """The assignments that it speaks for."""
    fmri: str = ""
    """The service whose file it is; "" if there is none."""

    def __str__(self) -> str:
        instead = f"; {self.instead}" if self.instead else ""
        return f"{self.file}:{self.line}: {self.subject}: {self.why}{instead}"


@dataclass(frozen=True, slots=True)
class Conversion:
    """The services that files say, and what has to be said about them."""

    bundle: Bundle
    notes: tuple[Note, ...] = ()
    carried: tuple[Setting, ...] = ()
    """The assignments that are in the bundle (some of them with a note)."""

    def lost(self) -> list[Note]:
        """The notes about lines that are not in the bundle."""
        return [note for note in self.notes if note.kind is Kind.LOST]

    def comments(self) -> dict[str, list[str]]:
        """The notes as lines for each service, by its FMRI; "" for those of none."""
        found: dict[str, list[str]] = {}
        for note in self.notes:
            found.setdefault(note.fmri, []).append(str(note))
        return found


def joined(name: str, conversions: Sequence[Conversion]) -> Conversion:
    """One conversion of several."""
    services = tuple(service for found in conversions for service in found.bundle.services)
    return Conversion(
        replace(conversions[0].bundle, name=name, services=services),
        tuple(note for found in conversions for note in found.notes),
        tuple(setting for found in conversions for setting in found.carried),
    )


class Ledger:
    """The assignments of one unit or program, and their outcomes so far."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._settings = tuple(settings)
        self._carried: dict[Setting, None] = {}
        self._notes: list[Note] = []

    def carry(self, *settings: Setting) -> None:
        """They are in the result, as they were meant."""
        self._carried.update(dict.fromkeys(settings))

    def change(self, setting: Setting, why: str, instead: str = "") -> None:
        """It is in the result, with a difference."""
        self.carry(setting)
        self._note(Kind.CHANGED, setting, why, instead)

    def lose(self, setting: Setting, why: str, instead: str = "") -> None:
        """It is not in the result."""
        self._note(Kind.LOST, setting, why, instead)

    def set_aside(self, setting: Setting, why: str, instead: str = "") -> None:
        """It is no matter of the service."""
        self._note(Kind.ASIDE, setting, why, instead)

    def remark(self, file: str, line: int, subject: str, why: str, instead: str = "") -> None:
        """Say something that no single assignment is the reason of."""
        self._notes.append(Note(Kind.ASIDE, file, line, subject, why, instead))

    def close_section(
        self, kind: Kind, line: int, settings: Sequence[Setting], why: str, instead: str = ""
    ) -> None:
        """One note for a whole section, whose heading is in ``line``."""
        file, section = settings[0].file, settings[0].section
        self._notes.append(Note(kind, file, line, f"[{section}]", why, instead, tuple(settings)))

    def _note(self, kind: Kind, setting: Setting, why: str, instead: str) -> None:
        note = Note(kind, setting.file, setting.line, str(setting), why, instead, (setting,))
        if note not in self._notes:
            self._notes.append(note)

    def open_settings(self) -> list[Setting]:
        """The assignments without an outcome."""
        named = {setting for note in self._notes for setting in note.settings}
        return [one for one in self._settings if one not in self._carried and one not in named]

    def carried(self) -> tuple[Setting, ...]:
        """The assignments that are in the result."""
        return tuple(self._carried)

    def notes(self, fmri: str) -> tuple[Note, ...]:
        """The notes in the order of their lines, as notes of the service ``fmri``."""
        placed = [replace(note, fmri=fmri) for note in self._notes]
        order = list(dict.fromkeys(setting.file for setting in self._settings))
        rank = {file: number for number, file in enumerate(order)}
        return tuple(sorted(placed, key=lambda note: (rank.get(note.file, 0), note.line)))


def refusal(file: str, line: int, why: str) -> InvalidValue:
    """The error for a file that cannot be converted."""
    return InvalidValue(f"convert {file}", f"{file}:{line}: {why}")
