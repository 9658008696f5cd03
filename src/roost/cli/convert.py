"""roost convert: from the files of other service managers to a service bundle.

Finds out what kind a file is, reads it with what belongs to it (drop-ins, included files), and
writes the result; what becomes of each line is decided in `roost.convert`. svc.startd need not
run.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roost.cli.command import HELP, JSON, Option, Parsed, Syntax, run
from roost.cli.files import replace_file
from roost.cli.output import print_json
from roost.convert import (
    UNIT_TYPES,
    Conversion,
    Kind,
    Note,
    ProcfileOptions,
    Source,
    SupervisorOptions,
    UnitFile,
    UnitOptions,
    convert_procfile,
    convert_supervisor,
    convert_units,
    included_patterns,
    joined,
)
from roost.convert.names import legal_name
from roost.errors import InvalidName, InvalidValue, NotFound, SystemCallFailed, UsageError
from roost.fmri import is_service_name
from roost.manifest import write_bundle, write_toml

_MAX_BYTES = 1024 * 1024
_FORMATS = ("toml", "xml")
_SUPERVISOR = re.compile(
    r"^\[(program|supervisord|group|fcgi-program|eventlistener|include)\b", re.MULTILINE
)
_UNIT = re.compile(r"^\[(Unit|Service|Install)\]", re.MULTILINE)

_FORMAT = Option("--format", "the format: toml (the default) or xml", "FORMAT")
_OUTPUT = Option("-o", "write to this file, or a file for each service to this directory", "PATH")
_NAME = Option("--name", "the name of the service that is made", "SERVICE")
_INSTANCE = Option("--instance", "make this instance of a template unit (may be repeated)", "NAME")
_STRICT = Option("--strict", "exit with 1 if some line could not be carried over")

SYNTAX = Syntax(
    "roost convert",
    "Make a service bundle of units of systemd, supervisord.conf or a Procfile.",
    ("[--format FORMAT] [-o PATH] [--name SERVICE] [--instance NAME] [--strict] [--json] FILE...",),
    (_FORMAT, _OUTPUT, _NAME, _INSTANCE, _STRICT, JSON, *HELP),
    "Each line that cannot be carried over becomes a comment above its service.\n"
    "Files are known by their name: NAME.service and the like, Procfile; else by sections of\n"
    "supervisord.conf.",
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run(SYNTAX, _body, argv)


def _body(parsed: Parsed) -> int:
    if not parsed.operands:
        raise UsageError("convert anything", "no file is given")
    target = parsed.value(_FORMAT.flag) or _FORMATS[0]
    if target not in _FORMATS:
        raise UsageError(f"convert to '{target}'", f"the formats are {' and '.join(_FORMATS)}")
    name = _checked_name(parsed.value(_NAME.flag))
    found = _convert(parsed.operands, name, tuple(parsed.values(_INSTANCE.flag)))
    _refuse_doubles(found)
    if not any(each.bundle.services for each in found):
        _tell_all(note for each in found for note in each.notes)
        what = "it" if len(parsed.operands) == 1 else "any of them"
        raise InvalidValue(f"convert {' '.join(parsed.operands)}", f"there is no service in {what}")
    output = parsed.value(_OUTPUT.flag)
    outputs = _outputs(found, output, target)
    for path, conversion in outputs:
        if path is not None:
            _write(path, _document(conversion, target))
        elif not parsed.has(JSON.flag):
            sys.stdout.write(_document(conversion, target).decode(errors="surrogateescape"))
    whole = joined("", found)
    if parsed.has(JSON.flag):
        text = None if output is not None else _document(outputs[0][1], target).decode()
        print_json(_as_json(whole, [path for path, _ in outputs if path is not None], text))
    else:
        written = {note for _, conversion in outputs for note in conversion.notes}
        _summarise(found, written)
    return 1 if parsed.has(_STRICT.flag) and whole.lost() else 0


def _checked_name(text: str | None) -> str:
    name = (text or "").removeprefix("svc:").lstrip("/")
    if text is not None and not is_service_name(name):
        raise InvalidName(f"use '{text}' as the name of a service", "use one such as site/web")
    return name


# --- reading ----------------------------------------------------------------------------


def _convert(paths: Sequence[str], name: str, instances: tuple[str, ...]) -> list[Conversion]:
    """The conversions of all files. Units are converted together: they name each other."""
    units: list[UnitFile] = []
    found: list[Conversion] = []
    for path in dict.fromkeys(paths):
        source = _read(path)
        kind = _kind_of(path, source.text)
        if kind == "unit":
            units.append(_unit_file(path, source))
        elif kind == "procfile":
            found += convert_procfile(source, _procfile_options(path, name))
        else:
            found += _supervisor(path, source, name)
    if name and len(paths) > 1:
        raise UsageError(f"name {len(paths)} files {name}", "--name is for one file")
    if instances and not any("@." in unit.name for unit in units):
        raise UsageError("use --instance", "no file is a template (NAME@.service)")
    names = {unit.name: name for unit in units if name}
    if units:
        found += convert_units(units, UnitOptions(names, instances))
    return found


def _read(path: str) -> Source:
    what = f"convert {path}"
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(what, "there is no such file") from None
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "it is not a path"
        raise SystemCallFailed(what, why) from None
    if len(data) > _MAX_BYTES:
        raise InvalidValue(what, f"it has more than {_MAX_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        raise InvalidValue(what, f"{path}:{line}: it is no UTF-8 text") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidValue(what, f"{path}:{line}: it holds a NUL, so it is no text")
    return Source(path, text.replace("\r\n", "\n"))


def _kind_of(path: str, text: str) -> str:
    base = os.path.basename(path)
    if base.rpartition(".")[2] in UNIT_TYPES:
        return "unit"
    if base.startswith("Procfile") or base.endswith(".procfile"):
        return "procfile"
    if _SUPERVISOR.search(text):
        return "supervisor"
    if _UNIT.search(text):
        why = "a unit is known by its name: NAME.service or the like"
        raise InvalidValue(f"convert {path}", why, f"cp {path} NAME.service")
    why = "it is neither a unit (NAME.service), nor a supervisord.conf, nor a Procfile"
    raise InvalidValue(f"convert {path}", why)


def _unit_file(path: str, source: Source) -> UnitFile:
    """The unit with the drop-ins beside it, in the order of their names."""
    name = os.path.basename(path)
    stem, at, rest = name.partition("@")
    template = f"{stem}@.{rest.rpartition('.')[2]}" if at else name
    directory = os.path.dirname(path)
    drop_ins: dict[str, str] = {}
    for unit in dict.fromkeys((template, name)):
        for found in glob.glob(
            os.path.join(glob.escape(directory), f"{glob.escape(unit)}.d", "*.conf")
        ):
            drop_ins[os.path.basename(found)] = found
    sources = [_read(drop_ins[base]) for base in sorted(drop_ins)]
    return UnitFile(name, os.path.abspath(path), (source, *sources))


def _procfile_options(path: str, name: str) -> ProcfileOptions:
    directory = os.path.dirname(os.path.abspath(path))
    environment = os.path.join(directory, ".env")
    application = name or f"site/{legal_name(os.path.basename(directory))}"
    return ProcfileOptions(
        directory, application, environment if os.path.isfile(environment) else ""
    )


def _supervisor(path: str, source: Source, name: str) -> list[Conversion]:
    """The main file and what it includes, each once."""
    here = os.path.dirname(os.path.abspath(path))
    sources = {os.path.abspath(path): source}
    for pattern in included_patterns(source, here, os.environ):
        for found in sorted(glob.glob(os.path.join(here, pattern))):
            if os.path.abspath(found) not in sources:
                sources[os.path.abspath(found)] = _read(found)
    places = {each.name: os.path.dirname(full) for full, each in sources.items()}
    options = SupervisorOptions(places, os.environ, os.uname().nodename, name)
    return convert_supervisor(list(sources.values()), options)


def _refuse_doubles(found: Iterable[Conversion]) -> None:
    names = Counter(service.name for each in found for service in each.bundle.services)
    for name, count in names.items():
        if count > 1:
            why = f"{count} of them become svc:/{name}"
            raise InvalidValue(
                "convert the files together", why, "roost convert --name SERVICE FILE"
            )


# --- writing ----------------------------------------------------------------------------


def _outputs(
    found: list[Conversion], output: str | None, target: str
) -> list[tuple[str | None, Conversion]]:
    """What goes where; None is standard output."""
    if output is None or not (os.path.isdir(output) or output.endswith("/")):
        name = next(each.bundle.services[-1].name for each in found if each.bundle.services)
        return [(output, joined(name.rpartition("/")[2], found))]
    return [
        (os.path.join(output, f"{_leaf(each)}.{target}"), each)
        for each in found
        if each.bundle.services
    ]


def _leaf(conversion: Conversion) -> str:
    return conversion.bundle.services[-1].name.replace("/", "-")


def _document(conversion: Conversion, target: str) -> bytes:
    notes = _placed_comments(conversion)
    if target == "xml":
        return write_bundle(conversion.bundle, notes=notes)
    return write_toml(conversion.bundle, notes=notes)


def _placed_comments(conversion: Conversion) -> dict[str, list[str]]:
    """Comments by FMRI; those about no service, or one that is not here, come with the first."""
    services = [f"svc:/{service.name}" for service in conversion.bundle.services]
    comments = conversion.comments()
    astray = [line for fmri, lines in comments.items() if fmri not in services for line in lines]
    placed = {fmri: comments[fmri] for fmri in services if fmri in comments}
    if astray and services:
        placed[services[0]] = [*astray, *placed.get(services[0], [])]
    return placed


def _write(path: str, data: bytes) -> None:
    """Write the file whole, or leave what is there."""
    try:
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as device:
                device.write(data)
            return
        replace_file(path, data)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "it is not a path"
        raise SystemCallFailed(f"write {path}", why) from None


# --- telling ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """How the lines of one service fared."""

    carried: int = 0
    changed: int = 0
    lost: int = 0


def _tally(conversion: Conversion) -> _Tally:
    found = _Tally(carried=len(conversion.carried))
    for note in conversion.notes:
        found.changed += note.kind is Kind.CHANGED
        found.lost += len(note.settings) if note.kind is Kind.LOST else 0
    return found


def _summarise(found: Iterable[Conversion], commented: set[Note]) -> None:
    for conversion in found:
        tally = _tally(conversion)
        if not conversion.bundle.services:
            _tell_all(note for note in conversion.notes if note not in commented)
            continue
        name = conversion.bundle.services[-1].name
        line = f"svc:/{name}: {_lines(tally.carried)} converted"
        if tally.changed:
            line += f", {tally.changed} of them with a difference"
        _tell(line + (f"; {tally.lost} not:" if tally.lost else ""))
        reasons = Counter[str]()
        for note in conversion.lost():
            reasons[note.why] += len(note.settings)
        for why, count in reasons.items():
            _tell(f"  {count:4d}  {why}")


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _tell_all(notes: Iterable[Note]) -> None:
    for note in notes:
        _tell(str(note))


def _tell(line: str) -> None:
    print(f"roost: {line}", file=sys.stderr)


def _as_json(whole: Conversion, files: Sequence[str], document: str | None) -> dict[str, object]:
    """What the command did, for programs (docs/formats/json.md)."""
    found: dict[str, object] = {
        "services": [f"svc:/{service.name}" for service in whole.bundle.services],
        "files": list(files),
        "carried": len(whole.carried),
        "notes": [
            {
                "kind": note.kind.value,
                "service": note.fmri,
                "file": note.file,
                "line": note.line,
                "setting": note.subject,
                "why": note.why,
                "instead": note.instead,
            }
            for note in whole.notes
        ],
    }
    return found if document is None else {**found, "document": document}


if __name__ == "__main__":
    sys.exit(main())
