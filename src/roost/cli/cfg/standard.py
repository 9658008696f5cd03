"""The pass over the standard trees: import what is new, apply what profiles say, clean up.

svc.startd runs it before anything else starts (svc:/system/early-manifest-import:default), and
svc:/system/manifest-import:default once local file systems are there, and when it is
restarted. A pass that is cut off leaves nothing half done, and the next one does the rest: all
manifests are one transaction, each profile layer is one, and what no file supports any more
is taken away last. A bad file fails alone, and is tried again by every pass.
"""

from __future__ import annotations

from roost import trees
from roost.api import typed
from roost.cli.cfg.session import Session
from roost.cli.cfg.sources import (
    Fates,
    Source,
    heed_templates,
    make_due,
    make_layer,
    read_source,
    store_manifests,
)
from roost.errors import RequestError
from roost.layout import Layout
from roost.model.bundle import BundleType

_NAMED = 3
"""As many failed files are named in the last line; the others are in the log."""


def run_pass(session: Session, fates: Fates, *, strict: bool) -> None:
    """Bring the repository to what the standard trees say now."""
    layout = Layout(session.root)
    known = typed.text_map(session.store.call("Repository.ImportedFiles"), "hashes")
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


def _read(session: Session, paths: tuple[str, ...], fates: Fates, *, strict: bool) -> list[Source]:
    sources: list[Source] = []
    ticker = _Ticker(session, len(paths))
    for path in paths:
        try:
            sources.append(read_source(session, path, BundleType.MANIFEST, act="import"))
        except RequestError as problem:
            fates.fail(path, problem.message)
        ticker.tick()
    ticker.end()
    return heed_templates(session, sources, fates, strict=strict, is_many=True)


class _Ticker:
    """A count that runs on one line of a terminal."""

    def __init__(self, session: Session, total: int) -> None:
        self._out = session.err if total and session.err.isatty() else None
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


def tell(session: Session, fates: Fates, *, as_json: bool) -> None:
    """The result; the last line says which files failed, if any."""
    if as_json:
        fates.tell_json()
        return
    session.say(fates.counts())
    if fates.failed:
        count = len(fates.failed)
        files = "file" if count == 1 else "files"
        named = list(fates.failed)[:_NAMED]
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        session.say(f"{count} {files} could not be imported: {', '.join(named)}{more}")
