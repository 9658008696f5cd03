"""What is fuzzed: one function a reader, from bytes to nothing.

A target may refuse its input with the errors that are meant for people; any other exception
is a bug. What it accepts must survive being written and read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

from roost.api.idl import packaged_interfaces
from roost.api.wire import Decoder
from roost.cli.cfg.lexer import Lexer, lex, quoted
from roost.cli.cfg.runner import parse_call
from roost.cli.cfg.table import command_named, is_command
from roost.cli.cfg.values import glob_matcher, parse_addition, parse_assignment
from roost.convert import (
    Conversion,
    ProcfileOptions,
    Source,
    SupervisorOptions,
    UnitFile,
    UnitOptions,
    convert_procfile,
    convert_supervisor,
    convert_units,
    joined,
)
from roost.daemon.security_file import Broken
from roost.daemon.security_file import parse as parse_security
from roost.errors import InvalidName, InvalidValue, RoostError
from roost.fmri import canonical, match_instances, match_services, parse
from roost.manifest import normal_form, read_bundle, write_bundle, write_toml
from roost.model.bundle import Bundle
from roost.model.bundle_json import bundle_from_json, bundle_to_json

Target = Callable[[bytes], None]
MEGABYTE = 1 << 20

_SERVICES = ("svc:/site/a", "svc:/system/a", "svc:/network/http")
_INSTANCES = ("svc:/site/a:default", "svc:/system/a:b", "svc:/network/http:apache")
_INTERFACES = packaged_interfaces()
_UNITS = UnitOptions({})


def manifest(data: bytes) -> None:
    """XML: what is accepted reads the same after it was written, in both forms."""
    with suppress(RoostError):
        _same_again(read_bundle(data, "fuzz.xml"))


def toml(data: bytes) -> None:
    """The short form, likewise."""
    with suppress(RoostError):
        _same_again(read_bundle(data, "fuzz.toml"))


def _same_again(bundle: Bundle) -> None:
    assert read_bundle(write_bundle(bundle), "again.xml") == bundle
    assert read_bundle(write_toml(bundle), "again.toml") == bundle
    on_the_wire = json.loads(json.dumps(bundle_to_json(bundle)))
    assert bundle_from_json(on_the_wire) == bundle


def svccfg(data: bytes) -> None:
    """Lines of svccfg: tokens, subcommands with their arguments, values, globs."""
    text = data.decode(errors="surrogateescape")
    lexer = Lexer()
    with suppress(RoostError):
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            if lexer.feed(line, number):
                _command(lexer)
                lexer = Lexer()
        lexer.finish()
    (token,) = lex(quoted(text))
    assert token.text == text


def _command(lexer: Lexer) -> None:
    if not lexer.tokens:
        return
    for parse_value in (parse_assignment, parse_addition):
        with suppress(RoostError):
            parse_value(lexer.tokens[1:], "usage")
    name = lexer.tokens[0].text
    with suppress(RoostError):
        glob_matcher(name)
    with suppress(RoostError):
        if is_command(name):
            parse_call(command_named(name), lexer.tokens[1:])


def fmri(data: bytes) -> None:
    """FMRIs, abbreviations and globs; the canonical form is a fixed point."""
    text = data.decode(errors="surrogateescape")
    for match, known in ((match_instances, _INSTANCES), (match_services, _SERVICES)):
        with suppress(RoostError):
            assert set(match(text, known)) <= set(known)
    with suppress(RoostError):
        shown = str(parse(text))
        assert str(parse(shown)) == shown
    with suppress(RoostError):
        assert canonical(canonical(text)) == canonical(text)


def wire(data: bytes) -> None:
    """Messages of a client, in two pieces, checked as the server checks them; bundles in them."""
    decoder = Decoder()
    with suppress(RoostError):
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            decoder.feed(piece)
            for message in decoder.messages():
                _message(message)


def _message(message: dict[str, object]) -> None:
    interface_name, _, name = str(message.get("method")).rpartition(".")
    interface = _INTERFACES.get(interface_name)
    parameters = message.get("parameters")
    if interface is not None and name in interface.methods:
        fault = interface.fault_in(interface.methods[name].takes, parameters)
        assert fault is None or isinstance(fault, str)
    bundle = parameters.get("bundle") if isinstance(parameters, dict) else None
    if isinstance(bundle, dict):
        with suppress(RoostError):
            bundle_from_json(bundle)


def unit(data: bytes) -> None:
    """A systemd unit becomes a bundle that can be written, with its notes, and read again."""
    source = Source("fuzz.service", data.decode(errors="surrogateescape"))
    with suppress(InvalidName, InvalidValue):
        _written(convert_units([UnitFile("fuzz.service", "/x/fuzz.service", (source,))], _UNITS))


def supervisor(data: bytes) -> None:
    """So does supervisord.conf."""
    source = Source("supervisord.conf", data.decode(errors="surrogateescape"))
    with suppress(InvalidName, InvalidValue):
        options = SupervisorOptions({source.name: "/x"}, {"HOME": "/root"})
        _written(convert_supervisor([source], options))


def procfile(data: bytes) -> None:
    """So does a Procfile."""
    source = Source("Procfile", data.decode(errors="surrogateescape"))
    with suppress(InvalidName, InvalidValue):
        _written(convert_procfile(source, ProcfileOptions("/x", "site/fuzz")))


def _written(conversions: list[Conversion]) -> None:
    found = joined("fuzz", conversions)
    notes = {fmri: lines for fmri, lines in found.comments().items() if fmri}
    data = write_toml(found.bundle, notes=notes)
    assert read_bundle(data, "again.toml") == normal_form(found.bundle)


def security(data: bytes) -> None:
    """etc/security/roost.toml."""
    with suppress(Broken, UnicodeDecodeError):
        parse_security(data.decode())


TARGETS: dict[str, Target] = {
    "manifest": manifest,
    "toml": toml,
    "svccfg": svccfg,
    "fmri": fmri,
    "wire": wire,
    "unit": unit,
    "supervisor": supervisor,
    "procfile": procfile,
    "security": security,
}
