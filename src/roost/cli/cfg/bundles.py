"""Subcommands about service bundles: validate, export, inventory; and how a file is read.

Readers and writers are loaded only here, and only when a subcommand needs them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from shlex import quote

from roost.api import typed
from roost.cli.cfg.lexer import WrongArguments
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.templates import bundle_problems, elsewhere, entity_problems
from roost.errors import ManifestError, NotFound
from roost.fmri import is_instance, service_of
from roost.hashing import sha256_of
from roost.model.bundle import Bundle, BundleType, ServiceBundle

FORMAT = "--format"
"""Option of the subcommands that print a bundle: ``xml``, or ``toml`` (service_toml(5))."""


def digest_of(path: str) -> str:
    """SHA-256 of a file, in hex; `ManifestError` if it cannot be read."""
    try:
        return sha256_of(path)
    except (OSError, ValueError) as problem:
        raise _unreadable("import", path, getattr(problem, "strerror", None)) from None


def _unreadable(act: str, path: str, why: str | None) -> ManifestError:
    return ManifestError(f"{act} {path}", why or "it is not a path", f"ls -l {quote(path)}")


def believe(_path: str) -> str:
    """Every file may be read, and included."""
    return ""


def read(
    session: Session,
    path: str,
    *wanted: BundleType,
    act: str,
    distrust: Callable[[str], str] = believe,
) -> Bundle:
    """The bundle in a file, of one of the types ``wanted``; raises `ManifestError`, which says
    that one cannot ``act`` the file. ``distrust``: why the file, or one that it includes, is
    not to be believed.
    """
    from roost.manifest import read_bundle  # noqa: PLC0415

    _check_readable(act, path)
    if why := distrust(path):
        raise ManifestError(f"{act} {path}", why, f"ls -ld {quote(path)}")
    try:
        bundle = read_bundle(path, root=session.root, note=session.note, distrust=distrust)
    except ManifestError as problem:
        problem.what = f"{act} {path}"
        problem.hint = problem.hint or f"svccfg validate {quote(path)}"
        raise
    if bundle.type in wanted:
        return bundle
    command = {"profile": "apply", "archive": "restore"}.get(bundle.type.value, "import")
    raise ManifestError(
        f"{act} {path}", f"it is of type {bundle.type.value}", f"svccfg {command} {path}"
    )


def _check_readable(act: str, path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except (OSError, ValueError) as problem:
        raise _unreadable(act, path, getattr(problem, "strerror", None)) from None


def store_bundle(
    session: Session, bundle: Bundle, file: str = "", digest: str = ""
) -> tuple[list[str], list[str]]:
    """Have svc.startd store a manifest; returns its services and the instances refreshed."""
    from roost.model.bundle_json import bundle_to_json  # noqa: PLC0415

    answer = session.store.call(
        "Repository.Import", bundle=bundle_to_json(bundle), file=file, hash=digest
    )
    report = typed.record(answer, "report")
    for message in typed.texts(report, "messages"):
        session.note(message)
    return typed.texts(report, "services"), typed.texts(report, "instances")


def _validate(session: Session, call: Call) -> None:
    text = call.operand(0)
    if text is None:
        _validate_entity(session, session.entity(call), session.snapshot)
        return
    path = text.removeprefix("file:").removeprefix("//localhost")
    if path.startswith("///") and path != text:
        path = path.removeprefix("//")
    if path != text or (not text.startswith("svc:") and _looks_like_file(path)):
        _validate_file(session, path)
        return
    _validate_entity(session, session.resolve(text, "validate"), None)


def _validate_file(session: Session, path: str) -> None:
    from roost.manifest import find_problems  # noqa: PLC0415

    _check_readable("validate", path)
    found = find_problems(path, root=session.root)
    if not found:
        bundle = read(session, path, *BundleType, act="validate")
        if bundle.type is not BundleType.PROFILE:
            against = bundle_problems(bundle, elsewhere(session.store))
            found = [f"{path}: {text}" for text in against]
    for problem in found:
        session.note(problem)
    session.failed = bool(found)
    if not found:
        session.remark(f"{path} is valid.")


def _looks_like_file(text: str) -> bool:
    return text.endswith((".xml", ".toml")) or text.startswith((".", "/")) or os.path.isfile(text)


def _validate_entity(session: Session, fmri: str, snapshot: str | None) -> None:
    """Check the configuration that the restarter has, or that a snapshot holds, against all
    templates that count.
    """
    store = session.store
    view = store.view(fmri, "running") if snapshot is None else store.groups(fmri, snapshot)
    own = store.groups(fmri) if is_instance(fmri) else {}
    service = store.groups(service_of(fmri))
    found = entity_problems(fmri, view, own, service, elsewhere(store))
    for text in found:
        session.note(f"{fmri}: {text}")
    session.failed = bool(found)
    if not found:
        session.remark(f"{fmri} is valid.")


def exported(session: Session, service: str, *, everything: bool) -> tuple[ServiceBundle, ...]:
    """What svc.startd exports of a service; ``everything``: protected values too."""
    from roost.model.bundle_json import bundle_from_json  # noqa: PLC0415

    answer = session.store.call("Repository.Export", service=service, all=everything)
    return bundle_from_json(typed.record(answer, "bundle")).services


def print_bundle(session: Session, call: Call, bundle: Bundle) -> None:
    """Print a bundle in the format that the call asks for, or that the name of its file says."""
    from roost.manifest import write_bundle, write_toml  # noqa: PLC0415

    named = "toml" if call.target is not None and call.target.endswith(".toml") else "xml"
    writers = {"xml": write_bundle, "toml": write_toml}
    write = writers.get(call.options.get(FORMAT, named))
    if write is None:
        raise WrongArguments(call.command.usage)
    try:
        text = write(bundle).decode()
    except ManifestError as problem:
        if write is write_bundle:
            options = {**call.options, FORMAT: "toml"}
            words = [word for option in options.items() for word in option if word]
            problem.hint = " ".join([call.command.name, *words, *call.operands])
        raise
    session.out.write(text)


def _export(session: Session, call: Call) -> None:
    text = call.operands[0]
    fmri = session.resolve(text, "export")
    if is_instance(fmri):
        if not text.startswith("svc:"):
            raise NotFound(
                f"export '{text}'", f"it names the instance {fmri}", f"export {service_of(fmri)}"
            )
        session.note(f"only whole services are exported; exporting {service_of(fmri)}")
        fmri = service_of(fmri)
    services = exported(session, fmri, everything="-a" in call.options)
    name = fmri.removeprefix("svc:/").replace("/", "-")
    services = tuple(with_enabled(session, service) for service in services)
    print_bundle(session, call, Bundle(BundleType.MANIFEST, name, services))


def with_enabled(session: Session, service: ServiceBundle) -> ServiceBundle:
    """The service with ``enabled`` said for every instance, as a manifest must."""
    instances = []
    for instance in service.instances:
        if instance.enabled is None:
            session.note(
                f"svc:/{service.name}:{instance.name} has no general/enabled; "
                "it is exported as disabled"
            )
            instances.append(replace(instance, enabled=False))
        else:
            instances.append(instance)
    return replace(service, instances=tuple(instances))


def _inventory(session: Session, call: Call) -> None:
    bundle = read(session, call.operands[0], *BundleType, act="take the inventory of")
    found: list[str] = []
    for service in bundle.services:
        found += [f"svc:/{service.name}:{instance.name}" for instance in service.instances]
        found.append(f"svc:/{service.name}")
    if call.as_json:
        session.say_json(entities=found)
        return
    for fmri in found:
        session.say(fmri)


COMMANDS = (
    Command(
        "validate [FILE | FMRI]", "check a bundle, or an instance as it runs", _validate, (0, 1)
    ),
    Command(
        "export [-a] [--format xml|toml] SERVICE [> FILE]",
        "print a service as a manifest; -a: protected values too",
        _export,
        (1, 1),
        flags="a",
        words=(f"{FORMAT}:",),
        redirects=True,
    ),
    Command(
        "inventory FILE",
        "services and instances in a bundle",
        _inventory,
        (1, 1),
        words=("--json",),
    ),
)
