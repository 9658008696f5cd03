"""Operands, options, names and values that svcs, svcadm, svccfg and svcprop must refuse.

Each is one line that says what, on what and why, and one with what to type; SMF's exit status;
and nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.model.properties import PropertyType
from tests.integration.daemon import Daemon
from tests.integration.refusals import (
    ALPHA,
    BROKEN,
    call,
    picture,
    started,
    stopped_clean,
    words_of,
)

ODD = b"svc:/\xff"
LONG = "a" * 800


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    found = started(tmp_path_factory.mktemp("words") / "root")
    yield found
    stopped_clean(found)


@pytest.fixture(autouse=True)
def _unchanged(daemon: Daemon) -> Iterator[None]:
    """Nothing in this file may change anything."""
    before = picture(daemon.layout)
    yield
    assert picture(daemon.layout) == before


@pytest.fixture
def root(daemon: Daemon) -> Path:
    return daemon.root


UNKNOWN = ("nope", "svc:/nope", "svc:/site/alpha:nope", "svc:/1", "site", "lpha", ODD, LONG, ":")
"""Names of nothing: absent, illegal, not at the start of a component, no UTF-8, too long."""
ACTS = ("enable", "disable", "restart", "refresh", "clear", "mark maintenance", "mark degraded")


@pytest.mark.parametrize("options", ["", "-l", "-L", "-x", "-d", "-D", "-p", "-v", "--json"])
@pytest.mark.parametrize("name", UNKNOWN)
def test_svcs_unknown(root: Path, options: str, name: str | bytes) -> None:
    call(root, ["svcs", *options.split(), name]).refused(1, "it matches no instance", "svcs -a")


def test_svcs_shows_the_others_all_the_same(root: Path) -> None:
    outcome = call(root, "svcs -H -o fmri nope site/alpha").refused(1, "'nope'")
    assert outcome.out == f"{ALPHA}\n"


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", UNKNOWN)
def test_svcadm_unknown(root: Path, act: str, name: str | bytes) -> None:
    call(root, ["svcadm", *act.split(), name]).refused(1, "it matches no instance")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("alpha", ("svc:/other/alpha:default", ALPHA)),
        (":default", ("svc:/other/alpha:default", ALPHA, BROKEN)),
        ("alpha:default", ("svc:/other/alpha:default", ALPHA)),
        ("beta", ("svc:/site/beta:default", "svc:/site/beta:two")),
        ("svc:/site/beta", ("svc:/site/beta:default", "svc:/site/beta:two")),
    ],
)
def test_svcadm_ambiguous(root: Path, act: str, name: str, listed: tuple[str, ...]) -> None:
    outcome = call(root, ["svcadm", *act.split(), name]).refused(1, "it is ambiguous")
    for fmri in listed:
        assert f"\n    {fmri}\n" in outcome.err


@pytest.mark.parametrize("name", ["site/empty", "svc:/site/empty"])
def test_svcadm_service_without_instances(root: Path, name: str) -> None:
    call(root, ["svcadm", "enable", name]).refused(1, "the service has no instances")


def test_svcadm_legacy_and_properties(root: Path) -> None:
    call(root, "svcadm enable lrc:/etc/rc2_d/S10x").refused(1, "it is a legacy service")
    call(root, f"svcadm enable {ALPHA}/:properties/general").refused(1, "matches no instance")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (f"svcadm clear {ALPHA}", "not in a maintenance or degraded state"),
        ("svcadm mark degraded site/idle", "only what is online can be degraded"),
        ("svcadm milestone nope", "milestone"),
    ],
)
def test_svcadm_in_the_wrong_state(root: Path, command: str, why: str) -> None:
    call(root, command).refused(1, why)


def test_svcadm_comment_is_too_long(root: Path) -> None:
    call(root, ["svcadm", "disable", "-c", "x" * 1025, ALPHA]).refused(1, "longer than 1024 bytes")
    call(root, ["svcadm", "disable", "-c", "é" * 513, ALPHA]).refused(1, "longer than 1024 bytes")


@pytest.mark.parametrize("name", [n for n in UNKNOWN if n != "site"])
@pytest.mark.parametrize("options", ["", "-p general", "-c", "-C", "-s running", "-w -p general"])
def test_svcprop_unknown(root: Path, name: str | bytes, options: str) -> None:
    outcome = call(root, ["svcprop", *options.split(), name])
    outcome.refused(1, "it matches no service and no instance")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("svcprop -p nope site/alpha", "'nope' of svc:/site/alpha: it is not there"),
        (f"svcprop -p general/nope {ALPHA}", "'general/nope' of"),
        (f"svcprop {ALPHA}/:properties/nope", "'nope' of"),
        (f"svcprop -p 1 {ALPHA}", "'1' is not a legal name"),
        (f"svcprop -p a/b/c {ALPHA}", "'b/c' is not a legal name"),
        (["svcprop", "-p", b"\xff", ALPHA], r"'\xff' is not a legal name"),
        (["svcprop", "-p", "x" * 120, ALPHA], "is not a legal name"),
        (f"svcprop -s nope {ALPHA}", "there is no such snapshot"),
        (["svcprop", "-s", b"\xff", ALPHA], "not UTF-8"),
        ("svcprop -s running svc:/site/alpha", "a service has no snapshots"),
        (f"svcprop -qv -p nope {ALPHA}", "it is not there"),
    ],
)
def test_svcprop_missing(root: Path, command: str | list[str | bytes], why: str) -> None:
    call(root, command).refused(1, why)


def test_svcprop_quiet(root: Path) -> None:
    outcome = call(root, f"svcprop -q -p nope {ALPHA}").clean(1)
    assert (outcome.out, outcome.err) == ("", "")


USAGE = [
    ("svcs -Q", "option -Q: there is no such option"),
    ("svcs --nope", "option --nope: there is no such option"),
    ("svcs -o", "option -o: it needs an argument"),
    ("svcs --json=1", "option --json: it takes no argument"),
    ("svcs -o nope", "the columns are"),
    ("svcs -s nope", "the columns are"),
    ("svcs -l", "it needs an FMRI or a pattern"),
    ("svcs -L", "it needs an FMRI or a pattern"),
    ("svcs -d -D alpha", "they exclude each other"),
    ("svcs -x -a", "beside -x only -v is allowed"),
    ("svcs -d -R svc:/site/x:y alpha", "they exclude each other"),
    ("svcs -z work", "the only zone is global"),
    ("svcadm", "no subcommand is given"),
    ("svcadm nope alpha", "there is no such subcommand"),
    ("svcadm ENABLE alpha", "there is no such subcommand"),
    ("svcadm -Q enable alpha", "there is no such option"),
    ("svcadm enable", "no instance is named"),
    ("svcadm enable -Q alpha", "there is no such option"),
    ("svcadm disable -r alpha", "there is no such option"),
    ("svcadm restart -t alpha", "there is no such option"),
    ("svcadm disable -c", "it needs an argument"),
    ("svcadm enable -T 1 alpha", "it goes with -s"),
    ("svcadm enable -s -T soon alpha", "a number of seconds"),
    ("svcadm enable -s -T nan alpha", "a number of seconds"),
    ("svcadm enable -s -T -1 alpha", "a number of seconds"),
    ("svcadm mark", "no state is named"),
    ("svcadm mark maintenance", "no instance is named"),
    ("svcadm mark online alpha", "the state is maintenance or degraded"),
    ("svcadm mark -t degraded alpha", "only maintenance can be temporary"),
    ("svcadm -S nope enable", "the states are"),
    ("svcadm -S online disable alpha", "it stands in their place"),
    ("svcadm milestone", "it takes one milestone"),
    ("svcadm milestone all none", "it takes one milestone"),
    ("svccfg -Q", "there is no such option"),
    ("svccfg -s", "it needs an argument"),
    ("svccfg -f", "it needs an argument"),
    ("svccfg -f x list", "they exclude each other"),
    ("svcprop", "no service or instance is named"),
    ("svcprop -Q alpha", "there is no such option"),
    ("svcprop -p", "it needs an argument"),
    ("svcprop -c -C alpha", "they exclude each other"),
    ("svcprop -w -s running alpha", "they exclude each other"),
    ("svcprop -w alpha", "one service or instance only"),
    (f"svcprop -w {ALPHA}", "it needs one group to wait for"),
    (f"svcprop -w -p start -p stop {ALPHA}", "it needs one group to wait for"),
    (f"svcprop -p start {ALPHA}/:properties/start/exec", "names a property already"),
    (f"svcprop -p start/exec {ALPHA}/:properties/start", "names a group"),
    ("svcprop -z work alpha", "the only zone is global"),
]


@pytest.mark.parametrize(("command", "why"), USAGE)
def test_wrong_usage(root: Path, command: str, why: str) -> None:
    call(root, command).refused(2, why)


@pytest.mark.parametrize("program", ["svcs", "svcadm", "svccfg", "svcprop"])
def test_an_empty_root_is_not_the_whole_machine(root: Path, program: str) -> None:
    rest = {"svcadm": ["enable", "x"], "svcprop": ["x"], "svccfg": ["list"]}.get(program, [])
    flags = [] if program == "svcs" else ["-R", ""]
    if flags:
        call(root, [program, *flags, *rest]).refused(2, "it is empty")


SVCCFG = [
    ("nope", "svccfg has no such subcommand"),
    ("LIST", "svccfg has no such subcommand"),
    ("= x", "svccfg has no such subcommand"),
    ("help nope", "svccfg has no such subcommand"),
    ("select nope", "Not found."),
    ("select svc:/nope", "Not found."),
    ("select svc:/site/alpha:nope", "Not found."),
    ("select 1x", "Invalid FMRI."),
    (b"select \xff", "Invalid FMRI."),
    (f"select {LONG}", "longer than 719 bytes"),
    (f"select {ALPHA}/:properties/start", "Invalid FMRI."),
    ("select alpha", "it matches several"),
    ("select alpha:default", "it matches several"),
    ("unselect", "no service or instance is selected"),
    ("add 1x", "not a legal service name"),
    ("add x!/y", "not a legal service name"),
    (b"add \xff", "not a legal service name"),
    (f"add {'a' * 120}", "not a legal service name"),
    ("add site/alpha", "it exists"),
    ("delete nope", "Not found."),
    ("delete alpha", "it matches several"),
    (f"delete {ALPHA}", "is online"),
    ("delete svc:/site/alpha", "is online"),
    *((f"{name}", "no service or instance is selected") for name in ("refresh", "listsnap")),
    ("addpg a application", "no service or instance is selected"),
    ("setprop a/b = count: 1", "no service or instance is selected"),
    ("export nope", "Not found."),
    ("export alpha", "it matches several"),
    ("export site/alpha:default", "it names the instance"),
    ("export site/alpha > /nope/x", "No such file or directory"),
    ("archive > /dev/null/x", "Not a directory"),
    ("extract > /", "Is a directory"),
    ("import /nope", "No such file or directory"),
    ("apply /nope", "cannot apply /nope"),
    ("restore /nope", "cannot restore /nope"),
    ("validate /nope", "cannot validate /nope"),
    ("inventory /nope", "cannot take the inventory of /nope"),
    ("import /dev/null", "it is no regular file"),
    ("validate svc:/nope", "Not found."),
    ('list "', 'the input ends before a closing "'),
    ("setprop a/b = (", "the input ends before a closing )"),
]
"""Refused with nothing selected."""

ON_ALPHA = [
    ("addpg config application", "it is there already"),
    ("addpg 1x application", "a name is a letter"),
    (b"addpg \xff application", "a name is a letter"),
    (f"addpg {'g' * 120} application", "longer than 119 bytes"),
    (f"addpg g {'t' * 120}", "longer than 119 bytes"),
    (b"addpg g \xff", "a name is a letter"),
    ("addpg g application Q", "the only flag is P"),
    ("delpg nope", "Not found."),
    (b"delpg \xff", "not UTF-8"),
    ("delprop nope", "Not found."),
    ("delprop nope/x", "Not found."),
    ("delprop config/nope", "Not found."),
    ("delprop config/1", "GROUP/PROPERTY"),
    ("setprop config/new = 1", "a new property needs a type"),
    ("setprop config/new = nope: 1", "the types are"),
    ("setprop nope/x = count: 1", "Not found."),
    ("setprop config = 1", "GROUP/PROPERTY"),
    (f"setprop config/{'p' * 120} = count: 1", "GROUP/PROPERTY"),
    ("setprop config/port = integer: 1", "its type is count, not integer"),
    ("setprop config/greeting = a b", "several values need parentheses"),
    ("setprop config/greeting = a=b", "needs double quotes"),
    ("addpropvalue config/port astring: x", "its type is count, not astring"),
    ("addpropvalue config/new x", "a new property needs a type"),
    ("delpropvalue config/nope x", "Not found."),
    ("setenv -m nope A B", "there is no method 'nope'"),
    ("setenv -m config A B", "not method"),
    ("add default", "it exists"),
    ("add 1", "not a legal instance name"),
    ("add a/b", "not a legal instance name"),
    ("select nope", "Not found."),
    ("listsnap", "only instances have snapshots"),
    ("selectsnap running", "only instances have snapshots"),
    ("revert running", "only instances have snapshots"),
]
"""Refused with the service site/alpha selected."""


def _line(command: str | bytes) -> bytes:
    return command if isinstance(command, bytes) else command.encode()


@pytest.mark.parametrize(("command", "why"), SVCCFG)
def test_svccfg_on_the_command_line(root: Path, command: str | bytes, why: str) -> None:
    call(root, ["svccfg", *_line(command).split()]).refused(1, why)


@pytest.mark.parametrize(("command", "why"), ON_ALPHA)
def test_svccfg_with_a_selection(root: Path, command: str | bytes, why: str) -> None:
    call(root, ["svccfg", "-s", "svc:/site/alpha", *_line(command).split()]).refused(1, why)


@pytest.mark.parametrize(("command", "why"), SVCCFG + ON_ALPHA)
def test_svccfg_in_a_file(root: Path, tmp_path: Path, command: str | bytes, why: str) -> None:
    """The line is named, and nothing after it is done."""
    selects = (command, why) in ON_ALPHA
    file = tmp_path / "commands"
    first = b"# a comment\n" + (b"select svc:/site/alpha\n" if selects else b"list nothing\n")
    last = b"\n" if b"closing" in why.encode() else b"\nadd not/to/be/made\n"
    file.write_bytes(first + _line(command) + last)
    call(root, ["svccfg", "-f", file]).refused(1, why, place=f"{file}:3")


@pytest.mark.parametrize("name", ["nope", "svc:/nope", "alpha", "1x", b"\xff"])
def test_svccfg_cannot_select_first(root: Path, name: str | bytes) -> None:
    call(root, ["svccfg", "-s", name, "list"]).refused(1, "cannot select")


WRONG_NUMBER = [
    "select",
    "add",
    "delete",
    "addpg",
    "setprop",
    "addpropvalue",
    "delpg",
    "delprop",
    "delpropvalue",
    "setenv",
    "unsetenv",
    "import",
    "apply",
    "restore",
    "inventory",
    "export",
]


@pytest.mark.parametrize(
    "command",
    [
        *WRONG_NUMBER,
        *(f"{name} a b c d" for name in ("help", "select", "list", "delpg", "revert", "end")),
        *(f"{name} -Q" for name in ("list", "import", "delete", "archive", "apply")),
        "archive >",
        "archive > a b",
        "setprop x",
        "setprop x =",
        "addpg a",
        "setenv A",
        "unsetenv -i -s A",
    ],
)
def test_svccfg_wrong_number_of_arguments(root: Path, command: str) -> None:
    """A failed subcommand, so 1; the usage line is what to type next."""
    outcome = call(root, ["svccfg", "-s", ALPHA, *command.split()]).clean(1)
    assert outcome.err.startswith(f"svccfg: usage: {command.partition(' ')[0]}")
    assert outcome.err.count("\n") == 1


MALFORMED = {
    PropertyType.BOOLEAN: ("yes", "2", "TRUE", '""'),
    PropertyType.COUNT: ("abc", "1.5", "18446744073709551616", "1e3", "٣"),
    PropertyType.INTEGER: ("x", "9223372036854775808", "-9223372036854775809", "0x"),
    PropertyType.TIME: ("now", "1.1234567890", "1,5", ".5"),
    PropertyType.OPAQUE: ("abc", "xy", "0x00"),
    PropertyType.ASTRING: ("x" * 4096,),
    PropertyType.USTRING: ("x" * 4096, "é" * 2048, b"\xff", b"caf\xe9"),
    PropertyType.URI: ('"a b"', '" "'),
    PropertyType.FMRI: ('"a b"',),
    PropertyType.HOST: ("-a-", "a..b", '"a b"', "1.2.3.4/33"),
    PropertyType.HOSTNAME: ("a..b", "-a", "a" * 64, ".".join(["a" * 60] * 5), "a/b"),
    PropertyType.NET_ADDRESS: ("1.2.3", "1.2.3.4/33", "::g", "host"),
    PropertyType.NET_ADDRESS_V4: ("::1", "1.2.3.256", "1.2.3.4/x", "1.2.3.4/-1"),
    PropertyType.NET_ADDRESS_V6: ("1.2.3.4", "::1/129", ":::", "::1/"),
}


def test_each_type_has_malformed_values() -> None:
    assert set(MALFORMED) == set(PropertyType)


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in MALFORMED.items() for value in values]
)
def test_malformed_values(root: Path, kind: PropertyType, value: str | bytes) -> None:
    for name in ("setprop", "addpropvalue"):
        sign = ["="] if name == "setprop" else []
        command = ["svccfg", "-s", "site/alpha", name, "config/new", *sign, f"{kind.value}:", value]
        call(root, command).refused(1, f"as a value of type {kind.value}")


def test_a_new_value_of_an_existing_property_is_checked_too(root: Path) -> None:
    for name in ("setprop config/port = x", "addpropvalue config/port x"):
        call(root, words_of(f"svccfg -s site/alpha {name}")).refused(1, "of type count")
