"""svc.startd that is not there, and programs on its socket that are not svc.startd."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from roost.api.address import short_path
from roost.layout import Layout
from tests.integration.daemon import HEADER
from tests.integration.refusals import MAINS, Outcome, call, execute

COMMANDS = (
    "svcs",
    "svcs -a x",
    "svcs -x",
    "svcs -l x",
    "svcs -D x",
    "svcs --json",
    *(f"svcadm {act} x" for act in ("enable", "enable -s", "disable -t", "restart", "refresh")),
    *(f"svcadm {act} x" for act in ("clear", "mark maintenance", "-n enable", "enable -r")),
    "svcadm -S online disable",
    "svccfg list",
    "svccfg -s x list",
    "svccfg select x",
    "svccfg add x",
    "svccfg delete x",
    "svccfg export x",
    "svccfg archive",
    "svccfg extract",
    "svccfg import {manifest}",
    "svccfg validate svc:/x",
    "svcprop x",
    "svcprop -p a/b x",
    "svcprop -w -p a svc:/x",
)
CHILDREN = ("roost status", "roost shutdown", "roost unlock", "roost unlock x")
"""These change the process they run in, so they have one of their own."""


def ask(root: Path, manifest: Path, command: str) -> Outcome:
    words = command.format(manifest=manifest)
    if words.partition(" ")[0] in MAINS:
        return call(root, words)
    return execute(root, words)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("reach") / "x.xml"
    file.write_text(
        f'{HEADER}<service_bundle type="manifest" name="x">'
        '<service name="x" type="service" version="1"/></service_bundle>'
    )
    return file


@pytest.fixture
def root() -> Iterator[Path]:
    """Short, so that the plain socket module can bind below it."""
    with tempfile.TemporaryDirectory() as found:
        yield Path(found)


def made(root: Path, kind: str) -> Path:
    """A root on which nothing answers, for one of several reasons."""
    layout = Layout(str(root))
    if kind in ("root is absent", "root is absent and long"):
        return root / ("x/" * 60 if kind.endswith("long") else "absent")
    if kind == "root is a file":
        (root / "file").write_text("")
        return root / "file"
    if kind != "root is empty":
        Path(layout.run_directory).mkdir(parents=True)
    if kind == "socket is stale":
        with closing(socket.socket(socket.AF_UNIX)) as stale:
            stale.bind(layout.socket)
    elif kind == "socket is a file":
        Path(layout.socket).write_text("")
    elif kind == "socket is a directory":
        Path(layout.socket).mkdir()
    elif kind == "socket is of another kind":
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as other:
            other.bind(layout.socket)
    return root


KINDS = (
    "root is absent",
    "root is absent and long",
    "root is a file",
    "root is empty",
    "socket is stale",
    "socket is a file",
    "socket is a directory",
    "socket is of another kind",
)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listens(root: Path, manifest: Path, kind: str) -> None:
    place = made(root, kind)
    for command in COMMANDS:
        ask(place, manifest, command).refused(1, "cannot reach svc.startd: ", str(place))


@pytest.mark.parametrize("command", CHILDREN)
def test_nobody_listens_to_roost(root: Path, manifest: Path, command: str) -> None:
    ask(made(root, "socket is stale"), manifest, command).refused(1, "roost run --root")


def test_svccfg_stops_at_the_first_line_that_needs_svc_startd(root: Path) -> None:
    outcome = execute(root, "svccfg", b"help list\nlist\nhelp\n")
    outcome.refused(1, "cannot reach svc.startd", place="stdin:2")
    assert outcome.out.count("usage:") == 1


@pytest.mark.parametrize("command", ["validate {file}", "inventory {file}", "help"])
def test_svccfg_works_on_files_without_it(root: Path, manifest: Path, command: str) -> None:
    call(root, f"svccfg {command.format(file=manifest)}").clean(0)


BIG = b"x" * (17 << 20)
ANSWERS = {
    "closes at once": None,
    "nothing, then closes": b"",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "garbage": b"\xff\xfe\x01\x02 hello\0",
    "half a message": b'{"parameters": {"inst',
    "no object": b"[1, 2]\0",
    "a number": b"7\0",
    "an empty object": b"{}\0",
    "parameters that are none": b'{"parameters": []}\0',
    "wrong types": b'{"parameters": {"instances": 3, "matches": "x", "services": {}, '
    b'"entities": null, "pid": [], "unmatched": {}, "waiting": 1, "report": 0}}\0',
    "wrong types within": b'{"parameters": {"instances": [7], "matches": [{"pattern": 1}], '
    b'"services": [null], "entities": [1], "unmatched": [], "waiting": [[]], "report": {}}}\0',
    "an error of its own": b'{"error": "com.example.Oops", "parameters": {}}\0',
    "another version": b'{"error": "org.varlink.service.MethodNotFound", "parameters": {}}\0',
    "an error with escapes": b'{"error": "com.example.\\u001b[31m\\n\\u0007", "parameters": {}}\0',
    "nested": b'{"parameters":' + b"[" * 100_000 + b"\0",
    "half a surrogate pair": b'{"parameters": {"unmatched": ["\\ud800"]}}\0',
}


@contextmanager
def impostor(root: Path, answer: bytes | None) -> Iterator[None]:
    """A program on the socket of svc.startd that gives everybody the same answer."""
    layout = Layout(str(root))
    Path(layout.run_directory).mkdir(parents=True)
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        with short_path(layout.socket) as address:
            listener.bind(address)
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    channel, _ = listener.accept()
                except OSError:
                    return
                with channel:
                    _answer(channel, answer)

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join(30)
            assert not server.is_alive()
    shutil.rmtree(layout.run_directory)


def _answer(channel: socket.socket, answer: bytes | None) -> None:
    if answer is None:
        return
    try:
        channel.recv(65536)
        channel.sendall(answer)
        channel.shutdown(socket.SHUT_WR)
        while channel.recv(65536):
            pass
    except OSError:
        pass  # the client has seen enough


@pytest.mark.parametrize("kind", ANSWERS)
def test_somebody_else_listens(root: Path, manifest: Path, kind: str) -> None:
    with impostor(root, ANSWERS[kind]):
        for command in COMMANDS:
            ask(root, manifest, command).refused(1)


@pytest.mark.parametrize("kind", ["closes at once", "garbage", "wrong types"])
def test_somebody_else_listens_to_roost(root: Path, manifest: Path, kind: str) -> None:
    with impostor(root, ANSWERS[kind]):
        for command in CHILDREN[:3]:
            ask(root, manifest, command).refused(1)


def test_an_answer_without_an_end_is_not_collected_for_ever(root: Path, manifest: Path) -> None:
    with impostor(root, BIG):
        ask(root, manifest, "svcs").refused(1, "longer than")
