"""From the files of other service managers to a service bundle, with nothing dropped in silence.

`convert_units` (systemd), `convert_supervisor` and `convert_procfile` turn text into
`Conversion` values: a bundle, and a note for every line that it does not say, or says
differently. Pure: whoever calls reads the files, and writes the bundle with `roost.manifest`.
"""

from roost.convert.ledger import Conversion, Kind, Note, Setting, Source, joined
from roost.convert.procfile import ProcfileOptions, convert_procfile
from roost.convert.supervisor import SupervisorOptions, convert_supervisor, included_patterns
from roost.convert.unit import UNIT_TYPES, UnitOptions, convert_units
from roost.convert.unit_model import UnitFile

__all__ = [
    "UNIT_TYPES",
    "Conversion",
    "Kind",
    "Note",
    "ProcfileOptions",
    "Setting",
    "Source",
    "SupervisorOptions",
    "UnitFile",
    "UnitOptions",
    "convert_procfile",
    "convert_supervisor",
    "convert_units",
    "included_patterns",
    "joined",
]
