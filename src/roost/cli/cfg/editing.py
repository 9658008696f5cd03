"""The subcommand editprop: change the properties of the selected entity in an editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress

from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.values import shown_values
from roost.errors import SystemCallFailed
from roost.model.properties import PropertyGroup

_HEAD = """\
# Each property of {fmri} stands below as the command that sets it.
# Take the '#' away from a line and change it; what is left a comment is not done.
# Nothing takes effect before 'refresh'.
#
"""


def edit_text(fmri: str, groups: Iterable[PropertyGroup]) -> str:
    """The commented commands that an editor is given. Groups that a reboot loses are left out."""
    lines = [_HEAD.format(fmri=fmri)]
    for group in groups:
        if not group.persistent:
            continue
        lines.append(f"## property group {group.name}, of type {group.type}\n")
        for prop in group.properties.values():
            if prop.protected:
                lines.append(f"## {group.name}/{prop.name} is protected: it cannot be read\n")
                continue
            values = " ".join(shown_values(prop))
            shown = values if len(prop.values) == 1 else f"({values})"
            text = f"setprop {group.name}/{prop.name} = {prop.type.value}: {shown}"
            lines += [f"#{line}\n" for line in text.split("\n")]
        lines.append("\n")
    return "".join(lines)


def _editprop(session: Session, call: Call) -> None:
    # The runner knows all subcommands, this one too, so it cannot be imported earlier.
    from roost.cli.cfg.runner import run_lines  # noqa: PLC0415

    fmri = session.entity(call)
    text = edit_text(fmri, session.store.groups(fmri).values())
    fd, path = tempfile.mkstemp(prefix="svccfg.")
    with open(fd, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
    done = False
    try:
        _edit(path, fmri)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as edited:
            done = run_lines(session, edited, "edited text") == 0
    finally:
        _put_away(session, path, text, fmri, done=done)
    session.failed = not done


def _put_away(session: Session, path: str, text: str, fmri: str, *, done: bool) -> None:
    """Remove the text; but keep what was written in vain."""
    with suppress(OSError, ValueError):
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            is_lost = not done and file.read() != text
        if is_lost:
            session.note(f"what you wrote is in {path}; mend it, then: svccfg -s {fmri} -f {path}")
        else:
            os.unlink(path)


def _edit(path: str, fmri: str) -> None:
    wanted = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    hint = f"EDITOR=vi svccfg -s {fmri} editprop"
    try:
        editor = shlex.split(wanted)
        status = subprocess.run([*editor, path], check=False).returncode
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise SystemCallFailed(f"run the editor '{wanted}'", why, hint) from None
    if status:
        how = f"exited {status}" if status > 0 else f"died of signal {-status}"
        raise SystemCallFailed("edit the properties", f"{editor[0]} {how}", hint)


COMMANDS = (Command("editprop", "change properties in $EDITOR", _editprop, modifies=True),)
