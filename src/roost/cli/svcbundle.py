"""svcbundle: write a service bundle from a few words, and install it if asked.

The names of ``-s`` and what becomes of them are in `roost.cli.bundle_settings`.
"""

from __future__ import annotations

import os
import sys
from shlex import quote

from roost.cli import svccfg
from roost.cli.bundle_settings import (
    PERIODIC_RESTARTER,
    SETTINGS,
    Settings,
    help_text,
    is_scheduled,
    make_bundle,
    setting_called,
)
from roost.cli.cfg.session import write_output
from roost.cli.cfg.store import Store
from roost.cli.cfg.templates import bundle_problems, elsewhere
from roost.cli.command import HELP, ROOT, Option, Parsed, Syntax, exclude, layout_of, run
from roost.errors import AlreadyExists, ManifestError, SystemCallFailed, UsageError, printable
from roost.layout import Layout
from roost.model.bundle import Bundle, BundleType

PROGRAM = "svcbundle"
FORMATS = ("xml", "toml")

SYNTAX = Syntax(
    PROGRAM,
    "Write a service bundle: the manifest of a service, or a profile.",
    (
        "[-i | -o FILE] [--format xml|toml] [-R DIR] -s NAME=VALUE ...",
        "help [NAME]",
    ),
    (
        Option("-s", "what the bundle says; 'svcbundle help' lists the names", "NAME=VALUE"),
        Option("-o", "write to FILE, not to the standard output", "FILE"),
        Option("-i", "store it below etc/svc, and import it"),
        Option("--format", "xml (the default, unless FILE ends with .toml) or toml", "FORMAT"),
        ROOT,
        *HELP,
    ),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    if parsed.operands:
        return _help(parsed)
    exclude(parsed, ("-i", "-o"))
    if not parsed.has("-s"):
        raise UsageError("make a service bundle", "-s service-name=... is needed")
    layout = layout_of(parsed)
    suffix = _format(parsed)
    settings = Settings(parsed.values("-s"))
    bundle = make_bundle(settings)
    data = _written(bundle, suffix)
    _warn(layout, settings, bundle)
    if parsed.has("-i"):
        return _install(layout, bundle, data, suffix)
    file = parsed.value("-o")
    if file is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_output(file, data.decode(errors="surrogateescape"))
    return 0


def _help(parsed: Parsed) -> int:
    if parsed.operands[0] != "help" or len(parsed.operands) > 2 or parsed.options:
        raise UsageError(f"use '{parsed.operands[0]}'", "the one operand is help [NAME]")
    chosen = [setting_called(name) for name in parsed.operands[1:]] or SETTINGS
    print(help_text({one.name: one for one in chosen}))
    return 0


def _format(parsed: Parsed) -> str:
    """``xml`` or ``toml``; the name of FILE must not say another: it is read by its name."""
    file = parsed.value("-o") or ""
    named = "toml" if file.endswith(".toml") else "xml" if file.endswith(".xml") else ""
    chosen = parsed.value("--format") or named or FORMATS[0]
    if chosen not in FORMATS:
        raise UsageError(f"write format '{chosen}'", f"the formats are {', '.join(FORMATS)}")
    if named not in ("", chosen):
        raise UsageError(f"write {file}", f"its name does not fit --format {chosen}")
    return chosen


def _written(bundle: Bundle, suffix: str) -> bytes:
    """The document; it has been read again, so every importer gets just this bundle."""
    from roost.manifest import write_bundle, write_toml  # noqa: PLC0415  not for help

    notes = {f"svc:/{bundle.name}": ["Made by svcbundle."]}
    return (write_toml if suffix == "toml" else write_bundle)(bundle, notes=notes)


def _warn(layout: Layout, settings: Settings, bundle: Bundle) -> None:
    if is_scheduled(settings):
        _say(f"nothing runs periodic and scheduled services yet: it waits for {PERIODIC_RESTARTER}")
    if bundle.type is BundleType.MANIFEST:
        from roost.api.client import Client  # noqa: PLC0415  not for help

        store = Store(lambda: Client(layout))
        for problem in bundle_problems(bundle, elsewhere(store)):
            _say(problem)
        store.close()


def _say(text: str) -> None:
    print(f"{PROGRAM}: {printable(text)}", file=sys.stderr)


# --- installing ---------------------------------------------------------------------------------


def place_of(layout: Layout, bundle: Bundle, suffix: str) -> str:
    """Where ``-i`` stores a bundle: among the site's manifests or profiles, by its service's
    name without ``site/``, with ``-`` for each other ``/``.
    """
    tree = "profile" if bundle.type is BundleType.PROFILE else "manifest"
    name = bundle.name.removeprefix("site/").replace("/", "-")
    return layout.below(f"/etc/svc/{tree}/site/{name}.{suffix}")


def _install(layout: Layout, bundle: Bundle, data: bytes, suffix: str) -> int:
    from roost.api.client import Client  # noqa: PLC0415  not for help

    path = place_of(layout, bundle, suffix)
    store = Store(lambda: Client(layout))
    store.services()  # without an svc.startd that answers nothing is stored either
    store.close()
    for other in FORMATS:
        _check_free(place_of(layout, bundle, other), bundle, is_ours=other == suffix)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as problem:
        why, hint = problem.strerror or str(problem), f"ls -ld {quote(os.path.dirname(path))}"
        raise SystemCallFailed(f"write {path}", why, hint) from None
    write_output(path, data.decode(errors="surrogateescape"))
    print(f"{path} is written.")
    sys.stdout.flush()
    # The same pass as that of svc:/system/manifest-import, with its messages here.
    return svccfg.main(["-R", layout.root, "import", "--standard"])


def _check_free(path: str, bundle: Bundle, *, is_ours: bool) -> None:
    """`AlreadyExists` if a file stands there that says something of another service.

    One about this service alone is what an earlier call made, and gives way; but not to a file
    beside it.
    """
    if not os.path.lexists(path):
        return
    from roost.manifest import read_bundle  # noqa: PLC0415  not for help

    try:
        said = {service.name for service in read_bundle(path).services}
    except ManifestError:
        said = set()
    if not is_ours or said != {bundle.name}:
        about = ", ".join(f"svc:/{name}" for name in sorted(said)) or "something else"
        what = f"install svc:/{bundle.name}"
        raise AlreadyExists(what, f"{path} is there, about {about}", f"cat {quote(path)}")


if __name__ == "__main__":
    sys.exit(main())
