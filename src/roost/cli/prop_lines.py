"""The lines of svcprop: a property each, and the fields they are made of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from roost.api import typed
from roost.cli.output import shell_quoted
from roost.errors import UsageError

if TYPE_CHECKING:  # svcprop is run in loops: what few options need is not loaded by all
    from roost.cli.command import Parsed
    from roost.cli.prop_layers import Said

PROPERTIES = "/:properties/"
"""Stands between an entity and its group in an FMRI."""


class Line(NamedTuple):
    """One property of one entity; with ``said``, what one layer says of it.

    A named tuple, since svcprop is run in loops and a data class takes longer to make.
    """

    fmri: str
    group: str
    group_type: str
    name: str
    """"" for what a layer says of the group itself."""
    type: str
    values: tuple[str, ...]
    protected: bool
    said: Said | None = None

    @classmethod
    def read(cls, fmri: str, group: Mapping[str, Any], record: Mapping[str, Any]) -> Self:
        """From the types ``PropertyGroup`` and ``Property`` of io.roost.Repository."""
        return cls(
            fmri,
            typed.text(group, "name"),
            typed.text(group, "type"),
            typed.text(record, "name"),
            typed.text(record, "type"),
            tuple(typed.texts(record, "values")),
            typed.boolean(record, "protected", default=False),
        )

    @property
    def path(self) -> str:
        """``GROUP/PROPERTY``, or ``GROUP``."""
        return f"{self.group}/{self.name}" if self.name else self.group

    @property
    def property_fmri(self) -> str:
        """The FMRI of the property, or of the group."""
        return f"{self.fmri}{PROPERTIES}{self.path}"

    @property
    def values_text(self) -> str:
        """The values on one line, safe for a shell; MASKED for those that a layer takes away."""
        if self.said is not None and self.said.masked:
            return "MASKED"
        return " ".join(shell_quoted(value) for value in self.values)

    def columns(self, *, with_fmri: bool) -> str:
        """Name, type, the layer if there is one, and values."""
        shown = self.property_fmri if with_fmri else self.path
        layer = f" {self.said.layer}" if self.said is not None else ""
        return f"{shown} {self.type}{layer} {self.values_text}"

    def fields(self, names: Sequence[str]) -> str:
        """These fields (names of `FIELDS`), with a blank between them."""
        return " ".join(FIELDS[name](self) for name in names)

    def record(self) -> dict[str, object]:
        """The line for --json."""
        found: dict[str, object] = {
            "fmri": self.fmri,
            "group": self.group,
            "group_type": self.group_type,
            "name": self.name,
            "type": self.type,
            "values": list(self.values),
            "protected": self.protected,
        }
        if self.said is not None:
            found |= {
                "entity": self.said.entity,
                "layer": self.said.layer,
                "file": self.said.file,
                "masked": self.said.masked,
                "holds": self.said.holds,
            }
        return found


FIELDS: Mapping[str, Callable[[Line], str]] = {
    "fmri": lambda line: line.fmri,
    "property": lambda line: line.path,
    "group": lambda line: line.group,
    "grouptype": lambda line: line.group_type,
    "name": lambda line: line.name or '""',
    "type": lambda line: line.type,
    "value": lambda line: line.values_text,
    "layer": lambda line: line.said.layer if line.said else "",
    "entity": lambda line: line.said.entity if line.said else "",
    "file": lambda line: shell_quoted(line.said.file) if line.said else "",
    "holds": lambda line: ("true" if line.said.holds else "false") if line.said else "",
}
"""What ``-o`` takes, and what it prints."""
_FIELDS_OF_LAYERS = frozenset(("layer", "entity", "file", "holds"))


def wanted_fields(parsed: Parsed) -> list[str]:
    """The fields of ``-o``; `UsageError` for one that there is not."""
    names = [name for text in parsed.values("-o") for name in text.split(",")]
    for name in names:
        if name not in FIELDS:
            raise UsageError(f"print field '{name}'", f"the fields are {', '.join(FIELDS)}")
        if name in _FIELDS_OF_LAYERS and not parsed.has("-l"):
            raise UsageError(f"print field '{name}'", "only -l knows it")
    return names
