"""Files that svccfg is given: bundles of every broken kind, and commands with mistakes in them.

What is refused leaves the repository as it was, down to the text of an archive.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon import HEADER, Daemon, service
from tests.integration.refusals import (
    ALPHA,
    CONFIG,
    Outcome,
    call,
    execute,
    picture,
    started,
    stopped_clean,
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    found = started(tmp_path_factory.mktemp("files") / "root")
    yield found
    stopped_clean(found)


@pytest.fixture
def root(daemon: Daemon) -> Path:
    return daemon.root


def archive(root: Path) -> str:
    return call(root, "svccfg archive").clean(0).out


def head(kind: str = "manifest") -> str:
    return f'{HEADER}<service_bundle type="{kind}" name="x">'


GOOD = service("site/good", extra=CONFIG)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE service_bundle [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']><service_bundle type="manifest" name="&i;"/>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE service_bundle [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<service_bundle type="manifest" name="&x;"/>'
)
DEEP = head() + "<service_bundle>" * 2000 + "</service_bundle>" * 2000 + "</service_bundle>"
MANY = head() + '<service name="a" type="service" version="1"/>' * 120_000 + "</service_bundle>"

BROKEN_BUNDLES: dict[str, str | bytes] = {
    "empty": "",
    "blank": "  \n",
    "text": "enable cron\n",
    "half a tag": "<service_bundle",
    "not closed": head() + GOOD,
    "wrong order of tags": head() + "<service></instance></service></service_bundle>",
    "another document": "<html><body/></html>",
    "no type": f'{HEADER}<service_bundle name="x">{GOOD}</service_bundle>',
    "wrong type": head("nonsense") + GOOD + "</service_bundle>",
    "an archive": head("archive") + "</service_bundle>",
    "unknown element": head() + GOOD + "<wish/></service_bundle>",
    "unknown attribute": head() + GOOD.replace('version="1"', 'version="1" wish="x"', 1)
    + "</service_bundle>",
    "missing attribute": head() + GOOD.replace(' type="service"', "", 1) + "</service_bundle>",
    "wrong name of a service": head() + GOOD.replace("site/good", "1/x!") + "</service_bundle>",
    "long name": head() + GOOD.replace("site/good", "a" * 120) + "</service_bundle>",
    "wrong name of a group": head() + GOOD.replace('"config"', '"1"') + "</service_bundle>",
    "wrong type of a value": head() + GOOD.replace('"count"', '"number"') + "</service_bundle>",
    "wrong value": head() + GOOD.replace('"8080"', '"many"') + "</service_bundle>",
    "long value": head() + GOOD.replace("hello", "x" * 4096) + "</service_bundle>",
    "wrong grouping": head() + GOOD.replace(
        "<exec_method", '<dependency name="d" grouping="some" restart_on="none" type="service">'
        '<service_fmri value="svc:/x"/></dependency><exec_method', 1) + "</service_bundle>",
    "wrong timeout": head() + GOOD.replace('timeout_seconds="30"', 'timeout_seconds="soon"')
    + "</service_bundle>",
    "the good before the bad": head() + GOOD + service("site/worse").replace("8080", "x").replace(
        'version="1"', 'version="x"') + "</service_bundle>",
    "binary": random.Random(4).randbytes(20_000),
    "zeros": bytes(20_000),
    "an executable": Path("/bin/sh").read_bytes()[:100_000],
    "UTF-16 with half a character": (head() + "</service_bundle>").encode("utf-16") + b"\x00",
    "wrong bytes": (head() + GOOD + "</service_bundle>").encode().replace(b"hello", b"\xff\xfe"),
    "unknown encoding": '<?xml version="1.0" encoding="EBCDIC-X"?><service_bundle/>',
    "NUL": (head() + GOOD + "</service_bundle>").encode().replace(b"hello", b"he\0llo"),
    "20 MB": head() + " " * (20 << 20) + "</service_bundle>",
    "20 MB of one value": head() + GOOD.replace("hello", "x" * (20 << 20)) + "</service_bundle>",
    "entity bomb": BOMB,
    "outside entity": OUTSIDE,
    "undeclared entity": head() + GOOD.replace("hello", "&greeting;") + "</service_bundle>",
    "deep": DEEP,
    "many elements": MANY,
    "escapes in names": head() + "<a\x85b/></service_bundle>",
    "inclusion of nothing": head()
    + '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/nope.xml"/></service_bundle>',
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN_BUNDLES)
def test_a_broken_bundle(root: Path, tmp_path: Path, kind: str) -> None:
    """Refused by import, apply and restore alike; validate tells of each mistake."""
    before = archive(root)
    content = BROKEN_BUNDLES[kind]
    file = tmp_path / "broken.xml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    outcome = call(root, f"svccfg import {file}").refused(1, f"cannot import {file}:")
    assert len(outcome.err) < 2000
    assert archive(root) == before
    if len(content) < 1 << 20:
        call(root, f"svccfg apply {file}").refused(1, f"cannot apply {file}:")
        if kind != "an archive":
            call(root, f"svccfg restore {file}").refused(1, f"cannot restore {file}:")
            validation = call(root, f"svccfg validate {file}").clean(1)
            assert str(file) in validation.err
        assert archive(root) == before


def test_the_good_bundle_is_good(root: Path, tmp_path: Path) -> None:
    """So the broken ones are refused for what was broken in them."""
    file = tmp_path / "good.xml"
    file.write_text(head() + GOOD + "</service_bundle>")
    call(root, f"svccfg validate {file}").clean(0)


def test_places_that_hold_no_bundle(root: Path, tmp_path: Path) -> None:
    before = archive(root)
    call(root, f"svccfg import {tmp_path}/nope").refused(1, "No such file or directory")
    call(root, ["svccfg", f'import "{tmp_path}/a\0b"']).refused(1)
    outcome = call(root, f"svccfg import {tmp_path}").clean(0)
    assert outcome.out == "Loaded 0 service descriptions, 0 failed.\n"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    call(root, f"svccfg import {fifo}").refused(1, "it is no regular file")
    call(root, f"svccfg apply {tmp_path}/nope {fifo}").refused(1, "No such file or directory")
    (tmp_path / "loop").symlink_to("loop")
    call(root, f"svccfg import {tmp_path}/loop").refused(1, "Too many levels of symbolic links")
    assert archive(root) == before


def test_many_files_some_broken(root: Path, tmp_path: Path) -> None:
    """The others are imported; each failure is told; the count is; exit 1."""
    for number in range(3):
        name = f"site/many{number}"
        (tmp_path / f"good{number}.xml").write_text(
            head() + service(name, ":true", ":true", duration="transient") + "</service_bundle>"
        )
        (tmp_path / f"broken{number}.xml").write_text("<service_bundle")
    outcome = call(root, f"svccfg import {tmp_path}").clean(1)
    assert outcome.out == "Loaded 3 service descriptions, 3 failed.\n"
    assert outcome.err.count("svccfg: cannot import ") == 3
    assert call(root, "svccfg list site/many*").clean(0).out.count("site/many") == 3
    call(root, "svcadm disable -s site/many*").clean(0)
    for number in range(3):
        call(root, f"svccfg delete site/many{number}").clean(0)


def test_a_set_of_profiles_with_a_broken_one(root: Path, tmp_path: Path) -> None:
    """All are read before the first is applied."""
    before = archive(root)
    good = tmp_path / "good.xml"
    good.write_text(
        head("profile") + '<service name="site/alpha" type="service" version="1">'
        '<instance name="default" enabled="false"/></service></service_bundle>'
    )
    broken = tmp_path / "broken.xml"
    broken.write_text("<service_bundle")
    call(root, f"svccfg apply {good} {broken}").refused(1, f"cannot apply {broken}:")
    assert archive(root) == before


# --- commands in files and on standard input --------------------------------------------

THREE = "select site/alpha\naddpg {group} application\n{bad}\naddpg {group}2 application\n"
MISTAKES = (
    ("nonsense", "svccfg has no such subcommand"),
    ("setprop nope/x = count: 1", "Not found."),
    ("setprop config/port = x", "of type count"),
    ("select nope", "Not found."),
    ("import /nope.xml", "No such file or directory"),
    ("\x1b[2J\x07", r"'\x1b[2J\x07'"),
    ("\0\0\0", r"'\x00\x00\x00'"),
)


def _tried(root: Path, how: str, text: bytes, tmp_path: Path) -> tuple[Outcome, str]:
    """Run commands from a file or from standard input; the outcome, and what it calls them."""
    if how == "stdin":
        return execute(root, "svccfg", text), "stdin"
    if how == "-f -":
        return execute(root, "svccfg -f -", text), "stdin"
    file = tmp_path / "commands"
    file.write_bytes(text)
    return call(root, f"svccfg -f {file}"), str(file)


@pytest.mark.parametrize("how", ["file", "stdin", "-f -"])
@pytest.mark.parametrize(("bad", "why"), MISTAKES)
def test_an_error_in_line_three(root: Path, tmp_path: Path, how: str, bad: str, why: str) -> None:
    """Lines one and two are done, four is not, and the message says where."""
    text = THREE.format(group="made", bad=bad).encode()
    outcome, name = _tried(root, how, text, tmp_path)
    outcome.refused(1, why, place=f"{name}:3")
    assert call(root, "svccfg -s site/alpha listpg made*").clean(0).out == "made  application\n"
    call(root, "svccfg -s site/alpha delpg made").clean(0)


@pytest.mark.parametrize("how", ["file", "stdin"])
@pytest.mark.parametrize(
    "case",
    [
        (b'list "abc', 1, 'closing "'),
        (b'list "abc\nlist\n', 1, 'closing "'),
        (b'help list\n\nsetprop config/x = astring: "a\\"\n\n', 3, 'closing "'),
        (b"setprop config/x = (\n1\n2\n", 1, "closing )"),
        (b'setprop config/x = ("a" "b\n', 1, 'closing "'),
        (b'"', 1, 'closing "'),
        (b"list\n" * 3 + b'"\\', 4, 'closing "'),
    ],
)
def test_half_typed(root: Path, tmp_path: Path, how: str, case: tuple[bytes, int, str]) -> None:
    text, line, missing = case
    outcome, name = _tried(root, how, text, tmp_path)
    outcome.refused(1, f"the input ends before a {missing}", place=f"{name}:{line}")


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_no_commands_at_all(root: Path, tmp_path: Path, how: str) -> None:
    for text in (b"", b"\n\n", b"# nothing\n", b"   ", b"end\nnonsense\n"):
        outcome, _ = _tried(root, how, text, tmp_path)
        assert (outcome.clean(0).out, outcome.err) == ("", "")


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_binary_commands(root: Path, tmp_path: Path, how: str) -> None:
    before = archive(root)
    for seed in range(10):
        outcome, _ = _tried(root, how, random.Random(seed).randbytes(3000), tmp_path)
        outcome.clean(1)
        assert outcome.err.startswith("svccfg: ")
    assert archive(root) == before


def test_files_that_hold_no_commands(root: Path, tmp_path: Path) -> None:
    call(root, f"svccfg -f {tmp_path}/nope").refused(1, "No such file or directory")
    call(root, f"svccfg -f {tmp_path}").refused(1, "Is a directory")
    call(root, "svccfg -f /dev/null").clean(0)


def test_a_line_of_a_megabyte(root: Path, tmp_path: Path) -> None:
    text = b"setprop config/x = astring: " + b"x" * (1 << 20) + b"\n"
    outcome, name = _tried(root, "file", b"select site/alpha\n" + text, tmp_path)
    outcome.refused(1, "at most 4095 bytes", place=f"{name}:2")
    assert len(outcome.err) < 1000


def test_bytes_that_are_no_utf8_survive_in_values(daemon: Daemon, tmp_path: Path) -> None:
    """An astring is bytes: they come out as they went in, whatever the locale."""
    value = b"caf\xe9 \xff"
    commands = b'select site/alpha\nsetprop config/greeting = astring: "' + value + b'"\n'
    _tried(daemon.root, "file", commands, tmp_path)[0].clean(0)
    shown = value.decode(errors="surrogateescape")
    for locale in ("C", "C.UTF-8", "POSIX"):
        words = "svcprop -p config/greeting site/alpha"
        outcome = execute(daemon.root, words, environment={"LC_ALL": locale}).clean(0)
        assert outcome.out == shown.replace(" ", "\\ ") + "\n"
        words = "svccfg -s site/alpha listprop config/greeting"
        outcome = execute(daemon.root, words, environment={"LC_ALL": locale}).clean(0)
        assert outcome.out == f'config/greeting  astring  "{shown}"\n'
    # XML cannot hold them: refused, and said of which file.
    call(daemon.root, "svccfg export site/alpha").clean(1)
    call(daemon.root, "svccfg -s site/alpha setprop config/greeting = hello").clean(0)


def test_files_with_odd_names(daemon: Daemon, tmp_path: Path) -> None:
    before = picture(daemon.layout)
    for name in (b"\xff.xml", b"\x1b[31m.xml", b"a\nb.xml", b"-V.xml"):
        file = os.path.join(os.fsencode(tmp_path), name)
        with open(file, "wb") as broken:
            broken.write(b"<")
        outcome = call(daemon.root, ["svccfg", "import", b'"' + file + b'"']).refused(1)
        assert "not well-formed" in outcome.err
    assert picture(daemon.layout) == before


def test_snapshots_cannot_be_changed(root: Path, tmp_path: Path) -> None:
    for bad in ("setprop start/x = count: 1", "addpg x application", "delpg x"):
        text = f"select {ALPHA}\nselectsnap running\n{bad}\n"
        outcome, name = _tried(root, "file", text.encode(), tmp_path)
        outcome.refused(1, "Cannot modify snapshots.", place=f"{name}:3")
