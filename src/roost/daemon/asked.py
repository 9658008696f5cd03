"""The names that a question is about. Who is not trusted may not have svc.startd compare more of
them than keeps others waiting for a moment.
"""

from __future__ import annotations

from roost.api import typed
from roost.api.connection import Call
from roost.daemon.callers import is_trusted
from roost.errors import InvalidValue
from roost.fmri import is_glob

MAX_PATTERNS = 1_000
MAX_GLOBS = 32
"""Of those patterns: each is compiled, and matched with every FMRI."""


def patterns_of(call: Call) -> list[str]:
    """The operands ``patterns`` of the call; `InvalidValue` for too many."""
    patterns = typed.texts(call.parameters, "patterns")
    if not is_trusted(call.peer):
        globs = sum(map(is_glob, patterns))
        if len(patterns) > MAX_PATTERNS or globs > MAX_GLOBS:
            found = f"{len(patterns)} patterns, {globs} of them with *, ? or ["
            why = f"at most {MAX_PATTERNS} are taken at a time, {MAX_GLOBS} of those"
            raise InvalidValue(f"look for {found}", why)
    return patterns


def fmris_of(call: Call) -> list[str]:
    """The FMRIs that the call names, each once."""
    return list(dict.fromkeys(typed.texts(call.parameters, "fmris")))
