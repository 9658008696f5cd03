"""Files on their way into the repository: read here, stored by svc.startd in one call.

What `importing` (files that somebody names) and `standard` (the standard trees) share: what
became of each file, and the two calls that store many files at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from roost import trees
from roost.api import typed
from roost.cli.cfg.bundles import believe, digest_of, read
from roost.cli.cfg.session import Session
from roost.cli.cfg.templates import bundle_problems, elsewhere
from roost.errors import ManifestError, RequestError, SystemCallFailed, printable
from roost.layout import Layout
from roost.model.bundle import Bundle, BundleType
from roost.ownership import fault_of

CALL_BYTES = 4 * 1024 * 1024
"""About as much of files goes into one call, far below what a message may hold; only more than
that takes more than one transaction.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read. ``path`` is absolute, ``digest`` its SHA-256 in hex."""

    path: str
    digest: str
    size_bytes: int
    bundle: Bundle

    def form(self) -> dict[str, object]:
        """Type SourceFile of the interface."""
        from roost.model.bundle_json import bundle_to_json  # noqa: PLC0415

        return {"bundle": bundle_to_json(self.bundle), "file": self.path, "hash": self.digest}


@dataclass(slots=True)
class Fates:
    """What became of each file, told as it becomes known: to standard error what failed, and
    every file to ``progress``, a line each.
    """

    session: Session
    progress: TextIO | None = None
    loaded: list[dict[str, object]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by path."""
    deleted: list[str] = field(default_factory=list)
    """FMRIs of what no file supports any more."""
    stuck: list[str] = field(default_factory=list)
    """Of those, the ones that do not go."""

    def load(self, path: str, services: Sequence[str], instances: Sequence[str]) -> None:
        """The file is stored."""
        self.loaded.append({"file": path, "services": services, "instances": instances})
        for fmri in services:
            self.session.remark(f"{fmri} imported from {path}.")
        for fmri in instances:
            self.session.remark(f"{fmri} refreshed.")
        self._note("loaded", path)

    def skip(self, path: str) -> None:
        """The file is what it was."""
        self.unchanged.append(path)
        self._note("unchanged", path)

    def fail(self, path: str, why: str) -> None:
        """The file is not stored; the rest goes on."""
        self.failed[path] = why
        self.session.failed = True
        self.session.note(why)
        self._note("failed", path)

    def _note(self, fate: str, path: str) -> None:
        if self.progress is not None:
            self.progress.write(f"{fate} {printable(path)}\n")
            self.progress.flush()

    def counts(self) -> str:
        """How many files were loaded, and how many not."""
        same = f", {len(self.unchanged)} unchanged" if self.unchanged else ""
        done, failed = len(self.loaded), len(self.failed)
        return f"Loaded {done} service descriptions{same}, {failed} failed."

    def tell_json(self, **more: object) -> None:
        """All of it, for programs."""
        failed = [{"file": path, "error": why} for path, why in self.failed.items()]
        self.session.say_json(imported=self.loaded, unchanged=self.unchanged, failed=failed, **more)


def known_files(session: Session) -> dict[str, str]:
    """SHA-256 of each file that was imported, by its path."""
    return typed.text_map(session.store.call("Repository.ImportedFiles"), "hashes")


def open_progress(path: str | None) -> TextIO | None:
    """The file for progress, emptied; None for none. `SystemCallFailed` if it cannot be written."""
    if path is None:
        return None
    try:
        return open(path, "w", encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        hint = f"ls -ld {os.path.dirname(path) or '.'}"
        raise SystemCallFailed(f"write {path}", why, hint) from None


def read_source(
    session: Session,
    path: str,
    *wanted: BundleType,
    act: str,
    distrust: Callable[[str], str] = believe,
) -> Source:
    """Read a file with a bundle of one of these types; `ManifestError` if that cannot be."""
    # Hashed before it is read: what changes in between is found changed the next time.
    digest = digest_of(path)
    size_bytes = os.path.getsize(path)
    bundle = read(session, path, *wanted, act=act, distrust=distrust)
    return Source(os.path.abspath(path), digest, size_bytes, bundle)


def read_standard(session: Session, path: str, wanted: BundleType, *, act: str) -> Source:
    """`read_source` of a file in a standard place. Nobody has named it, and what it says may
    run as root: so it is refused if others can write it.
    """
    layout = Layout(session.root)
    named = (*layout.manifest_directories, layout.profile_directory)
    tops = (*named, *map(os.path.realpath, named))

    def distrust(file: str) -> str:
        top = next((top for top in tops if file.startswith(f"{top}/")), "/")
        try:
            return fault_of(file, top)
        except OSError as problem:
            return problem.strerror or str(problem)

    return read_source(session, path, wanted, act=act, distrust=distrust)


def heed_templates(
    session: Session, sources: Sequence[Source], fates: Fates, *, strict: bool, is_many: bool
) -> list[Source]:
    """Say what templates find wrong with manifests that are about to be stored together.

    Returns what may be stored: if ``strict``, a manifest that breaks a template fails, or is a
    `ManifestError` where it is not one of many.
    """
    lookup = elsewhere(session.store, [source.bundle for source in sources])
    passed: list[Source] = []
    for source in sources:
        is_manifest = source.bundle.type is BundleType.MANIFEST
        found = bundle_problems(source.bundle, lookup) if is_manifest else []
        if found and strict:
            why = "\n    ".join(("its templates say:", *found))
            problem = ManifestError(f"import {source.path}", why)
            if not is_many:
                raise problem
            fates.fail(source.path, problem.message)
            continue
        for text in found:
            session.note(f"{source.path}: {text}")
        passed.append(source)
    return passed


def store_manifests(session: Session, sources: Sequence[Source], fates: Fates) -> None:
    """Have svc.startd store manifests, in one transaction (see `CALL_BYTES`)."""
    for batch in _batches(sources):
        try:
            answer = session.store.call(
                "Repository.ImportFiles", files=[source.form() for source in batch]
            )
        except RequestError as problem:
            for source in batch:
                fates.fail(source.path, problem.message)
            continue
        for report in typed.records(answer, "reports"):
            _take_report(session, report, fates)


def _batches(sources: Sequence[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    size_bytes = 0
    for source in sources:
        if batch and size_bytes + source.size_bytes > CALL_BYTES:
            yield batch
            batch, size_bytes = [], 0
        batch.append(source)
        size_bytes += source.size_bytes
    if batch:
        yield batch


def _take_report(session: Session, report: Mapping[str, object], fates: Fates) -> None:
    path = typed.text(report, "file")
    for message in typed.texts(report, "messages"):
        session.note(message)
    error = typed.optional_text(report, "error")
    if error is None:
        fates.load(path, typed.texts(report, "services"), typed.texts(report, "instances"))
    else:
        fates.fail(path, error)


# --- profile layers ---------------------------------------------------------------------------


def layers_about(session: Session, services: Iterable[str]) -> list[str]:
    """The profile layers whose standard files speak of any of these services."""
    if session.is_elsewhere:
        return []
    wanted = set(services)
    return [
        layer
        for layer, paths in trees.standard_profiles(Layout(session.root)).items()
        if any(_speaks_of(session, path, wanted) for path in paths)
    ]


def _speaks_of(session: Session, path: str, services: set[str]) -> bool:
    try:
        bundle = read(session, path, BundleType.PROFILE, act="apply")
    except ManifestError:
        return False
    return any(f"svc:/{service.name}" in services for service in bundle.services)


def make_due(session: Session, layers: Iterable[str], known: Mapping[str, str]) -> None:
    """Have the layers made anew even if this run does not come to it: the next one that
    compares hashes will find them changed.
    """
    profiles = trees.standard_profiles(Layout(session.root))
    for layer in layers:
        path = next((path for path in profiles[layer] if path in known), None)
        if path is not None:
            session.store.call("Repository.ForgetFile", file=path)


def make_layer(session: Session, layer: str, known: Iterable[str], fates: Fates) -> None:
    """Make a profile layer say what its files say now. A file that cannot be read keeps its
    say, and fails alone.
    """
    layout = Layout(session.root)
    sources: list[Source] = []
    kept = trees.hidden_profiles(layout, layer, known)
    for path in trees.standard_profiles(layout)[layer]:
        try:
            sources.append(read_standard(session, path, BundleType.PROFILE, act="apply"))
        except RequestError as problem:
            fates.fail(path, problem.message)
            kept.append(path)
    answer = session.store.call(
        "Repository.ReplaceLayer",
        layer=layer,
        files=[source.form() for source in sources],
        kept=kept,
    )
    for report in typed.records(answer, "reports"):
        for message in typed.texts(report, "messages"):
            session.note(message)
        error = typed.optional_text(report, "error")
        if error is not None:
            fates.fail(typed.text(report, "file"), error)
    for fmri in typed.texts(answer, "instances"):
        session.remark(f"{fmri} refreshed.")
