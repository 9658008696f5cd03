"""One unit of systemd while it is converted: its assignments, and what is agreed on so far.

`Unit` gives settings the way systemd combines them and tells the ledger of those that others
override. Says nothing of what they mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from roost.convert.draft import Draft
from roost.convert.ledger import Ledger, Setting, Source
from roost.convert.unit_syntax import Specifiers, boolean, settings_of, split_words
from roost.convert.words import Word

_Value = TypeVar("_Value")
_OWN_SECTIONS = frozenset({"Unit", "Service", "Install"})


@dataclass(frozen=True, slots=True)
class UnitFile:
    """A unit: its name (``nginx.service``), where it lies, its file and then its drop-ins."""

    name: str
    path: str
    sources: tuple[Source, ...]


class Unit:
    """The settings of a unit file and its drop-ins, by key."""

    def __init__(self, unit: UnitFile) -> None:
        self.name = unit.name
        self.file = unit.sources[0].name
        self.settings = [setting for source in unit.sources for setting in settings_of(source)]
        self.ledger = Ledger(self.settings)
        self.specifiers = Specifiers(unit.name, unit.path)

    def all(self, key: str) -> list[Setting]:
        """The assignments that hold: those after the last empty one, which takes back the rest."""
        found = [one for one in self.settings if one.key == key and one.section in _OWN_SECTIONS]
        empty = max((at for at, one in enumerate(found) if not one.value), default=-1)
        self.ledger.carry(*found[: empty + 1])
        return found[empty + 1 :]

    def one(self, key: str) -> Setting | None:
        """The assignment that holds of a setting with one value: the last."""
        found = self.all(key)
        self.ledger.carry(*found[:-1])
        return found[-1] if found else None

    def read(self, key: str, parse: Callable[[str], _Value]) -> tuple[Setting, _Value] | None:
        """The one assignment and its value; None if there is none, or it is no value."""
        setting = self.one(key)
        if setting is None:
            return None
        try:
            return setting, parse(self.specifiers.text(setting.value))
        except ValueError as wrong:
            self.ledger.lose(setting, str(wrong))
            return None

    def take(self, key: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
        """The value of a setting that is carried over as it is."""
        found = self.read(key, parse)
        if found is None:
            return default
        self.ledger.carry(found[0])
        return found[1]

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A boolean that is carried over as it is."""
        return self.take(key, boolean, default)

    def words(self, setting: Setting) -> list[str]:
        """The words of a list, specifiers resolved; [] (and a note) if they cannot be read."""
        try:
            return [self.specifiers.text(word) for word in split_words(setting.value)]
        except ValueError as wrong:
            self.ledger.lose(setting, str(wrong))
            return []


@dataclass(slots=True)
class Plan:
    """What the rules for one service have agreed on so far."""

    unit: Unit
    draft: Draft
    service: str
    """Name of the service, without ``svc:/``."""
    kind: str = "simple"
    """``Type=``."""
    model: str = "child"
    """``startd/duration``."""
    user: str = ""
    """Who it runs as, if that is not root."""
    group: str = ""
    starts_as_root: bool = False
    """Does the start method run as root although the service has a user?"""
    preludes: list[str] = field(default_factory=list)
    """Commands of the shell that set variables for others."""
    setup: list[str] = field(default_factory=list)
    """Commands of the shell that root has to run before the start."""
    wrappers: list[str] = field(default_factory=list)
    """Programs that change something of themselves and then become their arguments."""
    redirects: list[str] = field(default_factory=list)
    main_pid: Word | None = None
    """What stands for ``$MAINPID``; None if roost does not know it."""
    is_sought: bool = False
    """Is some program to be sought in PATH?"""

    @property
    def needs_setup(self) -> bool:
        """Must a service of its own do as root what comes before the start?"""
        return bool(self.user) and not self.starts_as_root
