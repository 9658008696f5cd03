"""Subcommand import: files that somebody names are stored, all manifests of one call together.

With ``--standard`` it is the pass over the standard trees (`standard`), which svc.startd and
svc:/system/manifest-import run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext

from roost import trees
from roost.cli.cfg import standard
from roost.cli.cfg.bundles import store_bundle
from roost.cli.cfg.lexer import WrongArguments
from roost.cli.cfg.profiles import apply_profiles
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.sources import (
    Fates,
    Source,
    heed_templates,
    known_files,
    layers_about,
    make_due,
    make_layer,
    open_progress,
    read_source,
    store_manifests,
)
from roost.errors import RequestError
from roost.layout import Layout
from roost.model.bundle import BundleType

CHECK_HASH_VARIABLE = "SVCCFG_CHECKHASH"
"""Set and not empty, it makes import pass over files that are what they were."""


def _import(session: Session, call: Call) -> None:
    is_standard = "--standard" in call.options
    if is_standard == bool(call.operands):
        raise WrongArguments(call.command.usage)
    strict = "-V" in call.options or session.strict
    with open_progress(call.options.get("-p")) or nullcontext() as progress:
        fates = Fates(session, progress)
        if is_standard:
            standard.run_pass(session, fates, strict=strict)
            standard.tell(session, fates, as_json=call.as_json)
        else:
            _import_named(session, call, fates, strict=strict)


def _import_named(session: Session, call: Call, fates: Fates, *, strict: bool) -> None:
    paths = trees.bundles_at(call.operands)
    is_many = len(paths) != 1 or os.path.isdir(call.operands[0])
    known = known_files(session)
    heeds_hashes = bool(os.environ.get(CHECK_HASH_VARIABLE))
    sources: list[Source] = []
    for path in paths:
        try:
            source = read_source(
                session, path, BundleType.MANIFEST, BundleType.PROFILE, act="import"
            )
            if heeds_hashes and known.get(source.path) == source.digest:
                fates.skip(source.path)
                continue
            sources.append(source)
        except RequestError as problem:
            if not is_many:
                raise
            fates.fail(os.path.abspath(path), problem.message)
    passed = heed_templates(session, sources, fates, strict=strict, is_many=is_many)
    _store(session, passed, known, fates, is_many=is_many)
    _tell(session, call, fates, is_many=is_many)


def _store(
    session: Session,
    sources: Sequence[Source],
    known: dict[str, str],
    fates: Fates,
    *,
    is_many: bool,
) -> None:
    """Manifests in one call, then the standard profiles that speak of them, then profiles."""
    manifests = [one for one in sources if one.bundle.type is BundleType.MANIFEST]
    if manifests:
        _warn_of_standard_places(session, manifests)
        named = {f"svc:/{service.name}" for one in manifests for service in one.bundle.services}
        layers = layers_about(session, named)
        make_due(session, layers, known)
        if is_many:
            store_manifests(session, manifests, fates)
        else:
            _store_one(session, manifests[0], fates)
        for layer in layers:
            make_layer(session, layer, known, fates)
    for source in sources:
        if source.bundle.type is BundleType.PROFILE:
            session.note(f"{source.path} is a profile: applied to what exists.")
            changed = apply_profiles(session, [(source.path, source.bundle)])
            fates.load(source.path, [], changed)


def _store_one(session: Session, source: Source, fates: Fates) -> None:
    """Alone, a manifest that is refused is an error with a hint, like any other."""
    fates.load(source.path, *store_bundle(session, source.bundle, source.path, source.digest))


def _warn_of_standard_places(session: Session, sources: Sequence[Source]) -> None:
    layout = Layout(session.root)
    for source in sources:
        if layout.is_delivered(source.path):
            session.note(
                f"{source.path} lies in a standard place; "
                "'svcadm restart manifest-import' imports what is new there"
            )


def _tell(session: Session, call: Call, fates: Fates, *, is_many: bool) -> None:
    if call.as_json:
        fates.tell_json()
    elif is_many:
        session.say(fates.counts())


COMMANDS = (
    Command(
        "import [-V] [-p FILE] [--standard] [PATH ...]",
        "store manifests; --standard: what is new in the standard trees",
        _import,
        (0, None),
        flags="Vp:",
        words=("--standard", "--json"),
    ),
)
