"""The pass over the standard trees: import what is new, apply what profiles say, clean up.

svc.startd runs it before anything else starts (svc:/system/early-manifest-import:default), and
svc:/system/manifest-import:default once local file systems are there, and when it is
restarted. A pass that is cut off leaves nothing half done, and the next one does the rest: all
manifests are one transaction, each profile layer is one, and what no file supports any more
is taken away last. A bad file fails alone, and is tried again by every pass.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from roost import trees
from roost.api import typed
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.sources import (
    Fates,
    Source,
    heed_templates,
    known_files,
    make_due,
    make_layer,
    read_standard,
    store_manifests,
)
from roost.errors import NotFound, RequestError
from roost.fmri import is_instance, service_of
from roost.layout import Layout
from roost.model.bundle import BundleType

OUR_INSTANCE = "SMF_FMRI"
"""Environment variable of a method: the instance whose method this is."""
STOP_LIMIT_S = 600.0
"""Longest wait for what is to be taken away; whatever stays up is left for the next pass."""
CONSOLE_FROM = 20
"""So many files, as after an installation or an upgrade, take long enough for a word on it."""
_NAMED = 3
"""As many failed files are named in the last line; the others are in the log."""


def run_pass(session: Session, fates: Fates, *, strict: bool) -> None:
    """Bring the repository to what the standard trees say now."""
    layout = Layout(session.root)
    known = known_files(session)
    found = trees.changes(layout, known)
    for directory, why in found.unlisted:
        fates.fail(directory, f"cannot list {directory}: {why}")
    for path in found.unchanged:
        fates.skip(path)
    sources = _read(session, found.manifests, fates, strict=strict)
    profiles = trees.standard_profiles(layout)
    # What profiles say of services that are new was passed over up to now.
    due = [layer for layer in profiles if layer in found.layers or (sources and profiles[layer])]
    if sources:
        make_due(session, due, known)
        store_manifests(session, sources, fates)
    for layer in due:
        make_layer(session, layer, known, fates)
    clean_up(session, found.gone, fates)


def _read(session: Session, paths: tuple[str, ...], fates: Fates, *, strict: bool) -> list[Source]:
    sources: list[Source] = []
    ticker = _Ticker(session, len(paths))
    for path in paths:
        try:
            sources.append(read_standard(session, path, BundleType.MANIFEST, act="import"))
        except RequestError as problem:
            fates.fail(path, problem.message)
        ticker.tick()
    ticker.end()
    return heed_templates(session, sources, fates, strict=strict, is_many=True)


class _Ticker:
    """A count that runs on one line of a terminal; of a boot, only its end is on the console."""

    def __init__(self, session: Session, total: int) -> None:
        self._out = session.err if total and session.err.isatty() else None
        self._console = Layout(session.root).console if OUR_INSTANCE in os.environ else ""
        self._total = total
        self._done = 0

    def tick(self) -> None:
        """One more is done."""
        self._done += 1
        if self._out is not None:
            self._out.write(f"\rLoading service descriptions: {self._done}/{self._total}")
            self._out.flush()

    def end(self) -> None:
        """All are done."""
        if self._out is not None:
            self._out.write("\n")
        if self._console and self._total >= CONSOLE_FROM:
            line = f"Loading service descriptions: {self._done}/{self._total}\n"
            with suppress(OSError):  # nobody reads it
                fd = os.open(self._console, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                with open(fd, "w", encoding="ascii") as console:
                    console.write(line)


# --- clean-up ---------------------------------------------------------------------------------


def clean_up(session: Session, gone: Sequence[str], fates: Fates) -> None:
    """Take away what no file supports any more, now that these files are gone.

    Also what an earlier clean-up did not come to. Instances are stopped first, and waited for.
    """
    files = list(gone)
    ours = os.environ.get(OUR_INSTANCE, "")  # which cannot wait for its own end
    while True:
        answer = session.store.call("Repository.Withdraw", files=files)
        files = []
        left = {ours, service_of(ours) if ours else "", *fates.stuck}
        found = [fmri for fmri in typed.texts(answer, "unsupported") if fmri not in left]
        if not found:
            return
        if not session.is_elsewhere:
            _stop(session, [fmri for fmri in found if is_instance(fmri)])
        for fmri in found:
            _delete(session, fmri, fates)


def _stop(session: Session, instances: Sequence[str]) -> None:
    """Have what runs stopped in order, and wait for it; `_delete` says what did not stop."""
    if not instances:
        return
    # A pass that has nothing to do, as at most boots, does without these.
    from roost.api.client import Client  # noqa: PLC0415
    from roost.cli.replies import instances_of  # noqa: PLC0415
    from roost.cli.waiting import wait_for  # noqa: PLC0415

    with Client(Layout(session.root)) as client:
        views = instances_of(client.call("Manager.List", patterns=list(instances)))
        running = [
            view.fmri
            for view in views
            if view.is_in_transition or view.state not in ("uninitialized", "disabled")
        ]
        for fmri in running:
            # Until the next boot: that there is no file any more is no wish of an administrator.
            client.call("Manager.Act", fmri=fmri, action="disable", temporary=True)
        wait_for(client, running, enable=False, limit_s=STOP_LIMIT_S)


def _delete(session: Session, fmri: str, fates: Fates) -> None:
    try:
        session.store.call("Repository.Delete", fmri=fmri, force=False)
    except NotFound:
        pass  # its service was deleted, and it went with it
    except RequestError as problem:
        fates.stuck.append(fmri)
        session.failed = True
        session.note(problem.message)
    else:
        fates.deleted.append(fmri)


def _cleanup(session: Session, call: Call) -> None:
    layout = Layout(session.root)
    known = known_files(session)
    fates = Fates(session)
    if "-a" in call.options:
        gone: Sequence[str] = trees.gone_manifests(layout, known)
    else:
        gone = trees.changes(layout, known).gone
    clean_up(session, gone, fates)
    if call.as_json:
        session.say_json(deleted=fates.deleted, stuck=fates.stuck)
        return
    for fmri in fates.deleted:
        session.say(f"{fmri} deleted: no file supports it.")


def tell(session: Session, fates: Fates, *, as_json: bool) -> None:
    """The result; the last line says what failed, if anything."""
    if as_json:
        fates.tell_json(deleted=fates.deleted, stuck=fates.stuck)
        return
    for fmri in fates.deleted:
        session.say(f"{fmri} deleted: no file supports it.")
    session.say(fates.counts())
    said = []
    if fates.failed:
        said.append(_enumerated("file", list(fates.failed), "imported"))
    if fates.stuck:
        said.append(_enumerated("instance", fates.stuck, "taken away"))
    if said:
        session.say("; ".join(said))


def _enumerated(noun: str, names: Sequence[str], done: str) -> str:
    plural = "" if len(names) == 1 else "s"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {noun}{plural} could not be {done}: {', '.join(names[:_NAMED])}{more}"


COMMANDS = (
    Command(
        "cleanup [-a]",
        "delete what manifests gave that are gone; -a: of absent trees too",
        _cleanup,
        flags="a",
        words=("--json",),
    ),
)
