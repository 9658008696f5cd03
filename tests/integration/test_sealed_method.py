"""Sealed storage: the method as svc.startd runs it, with real files and real mounts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from roost.layout import Layout
from roost.services import passphrase as passphrases
from roost.services.passphrase import Passphrase
from roost.services.sealed import places
from roost.services.sealed.archive import tree_digest
from roost.services.sealed.container import change_passphrase
from roost.services.sealed.session import Workplace
from tests.integration.cheap_store import make_cheap_store

FMRI = "svc:/system/filesystem/sealed:nest"
SECRET = "correct horse battery staple"
METHOD = Path(__file__).parents[2] / "src/roost/share/lib/svc/method/sealed"


def secret(text: str = SECRET) -> Passphrase:
    return Passphrase(bytearray(text.encode()))


def may_mount(directory: Path) -> bool:
    try:
        places.mount_memory(str(directory), "1m")
    except OSError:
        return False
    places.wipe(str(directory))
    return True


@dataclass
class Nest:
    """A store below a root of its own, and its method."""

    root: Path
    mount: str = "directory"
    size: str = ""
    outputs: list[str] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout(str(self.root))

    @property
    def file(self) -> Path:
        return self.root / "srv/nest.sealed"

    @property
    def tree(self) -> Path:
        return self.root / "nest"

    @property
    def work(self) -> Workplace:
        return Workplace(self.layout.run_directory, FMRI)

    def command(self, method: str) -> list[str]:
        return [
            str(METHOD),
            method,
            "file=/srv/nest.sealed",
            "mountpoint=/nest",
            f"size={self.size}",
            "mode=",
            f"mount={self.mount}",
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "ROOST_ROOT": str(self.root),
            "ROOST_PYTHON": sys.executable,
            "SMF_FMRI": FMRI,
        }

    def run(self, method: str, **limits: int) -> int:
        def limit() -> None:
            import resource

            for size_bytes in limits.values():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))

        done = subprocess.run(
            self.command(method),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
            text=True,
            preexec_fn=limit,
        )
        self.outputs.append(done.stdout)
        return done.returncode

    def unlock(self, text: str = SECRET) -> int:
        with passphrases.offer(self.layout, FMRI, secret(text)):
            return self.run("start")

    @property
    def said(self) -> str:
        return self.outputs[-1]

    def clean(self) -> None:
        for path in (self.tree, Path(self.work.tree)):
            while path.is_mount():
                subprocess.run(["umount", str(path)], check=True)
        shutil.rmtree(self.root)


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sealed file."""
    base = tmp_path_factory.mktemp("sealed")
    source = base / "source"
    (source / "photos/empty").mkdir(parents=True)
    (source / "photos/one").write_text("first")
    (source / "letter").write_text("dear")
    (source / "letter").chmod(0o640)
    (source / "link").symlink_to("photos/one")
    file = base / "file"
    make_cheap_store(file, SECRET, source)
    return file.read_bytes()


@pytest.fixture(params=["directory", "memory"])
def nest(request: pytest.FixtureRequest, tmp_path: Path, sealed: bytes) -> Iterator[Nest]:
    probe = tmp_path / "probe"
    probe.mkdir()
    if request.param == "memory" and not may_mount(probe):
        pytest.skip("mounting is not allowed here")
    nest = Nest(tmp_path / "root", request.param)
    nest.file.parent.mkdir(parents=True)
    nest.file.write_bytes(sealed)
    yield nest
    nest.clean()


def test_without_a_passphrase_it_says_what_to_type(nest: Nest) -> None:
    before = nest.file.read_bytes()
    os.makedirs(nest.layout.run_directory)
    os.mkfifo(nest.layout.console)
    console = os.open(nest.layout.console, os.O_RDWR | os.O_NONBLOCK)
    try:
        assert nest.run("start") == 95
        shown = os.read(console, 4096).decode()
    finally:
        os.close(console)
    assert shown == f"Run 'roost unlock -R {nest.root} {FMRI}'\n"
    assert passphrases.is_asking(nest.layout, FMRI)
    assert nest.file.read_bytes() == before
    assert not nest.tree.exists()
    assert nest.work.load() is None


def test_a_wrong_passphrase_changes_nothing(nest: Nest) -> None:
    before = nest.file.read_bytes()
    assert nest.unlock("wrong") == 95
    assert "cannot open nest: wrong passphrase" in nest.said
    assert passphrases.is_asking(nest.layout, FMRI)
    assert nest.file.read_bytes() == before
    assert not os.path.lexists(nest.tree)
    assert nest.work.load() is None


def test_open_change_close_open(nest: Nest) -> None:
    assert nest.unlock() == 0
    assert not passphrases.is_asking(nest.layout, FMRI)
    assert (nest.tree / "photos/one").read_text() == "first"
    assert (nest.tree / "link").read_text() == "first"
    assert (nest.tree / "letter").stat().st_mode & 0o7777 == 0o640
    assert nest.tree.is_mount() == (nest.mount == "memory")
    (nest.tree / "photos/two").write_text("second")
    (nest.tree / "letter").unlink()
    opened = tree_digest(str(nest.tree))

    assert nest.run("stop") == 0
    assert os.listdir(nest.tree) == []
    assert not nest.tree.is_mount()
    assert not os.path.lexists(nest.work.tree)

    assert nest.run("start") == 95
    assert nest.unlock() == 0
    assert tree_digest(str(nest.tree)) == opened
    assert (nest.tree / "photos/two").read_text() == "second"
    assert nest.run("stop") == 0


def test_what_did_not_change_is_not_sealed_again(nest: Nest) -> None:
    before = nest.file.stat()
    assert nest.unlock() == 0
    (nest.tree / "letter").read_text()
    assert nest.run("stop") == 0
    assert "nothing changed" in nest.said
    assert nest.file.stat().st_ino == before.st_ino


def test_a_full_disk_keeps_the_old_file_and_the_open_tree(nest: Nest) -> None:
    assert nest.unlock() == 0
    before = nest.file.read_bytes()
    (nest.tree / "big").write_bytes(os.urandom(400_000))
    assert nest.run("stop", file_size_bytes=100_000) == 95
    assert f"{nest.file} is untouched and {nest.tree} still open" in nest.said
    assert nest.file.read_bytes() == before
    assert os.listdir(nest.file.parent) == [nest.file.name]
    assert (nest.tree / "big").stat().st_size == 400_000
    # The administrator made room and typed: svcadm clear.
    assert nest.run("start") == 0
    assert "still open" in nest.said
    assert nest.run("stop") == 0
    assert nest.unlock() == 0
    assert (nest.tree / "big").stat().st_size == 400_000
    assert nest.run("stop") == 0


def test_a_tree_in_use_is_not_closed(nest: Nest) -> None:
    assert nest.unlock() == 0
    with (nest.tree / "letter").open("a") as file:
        assert nest.run("stop") == 95
        assert f"(process {os.getpid()})" in nest.said
        file.write(" you")
    assert (nest.tree / "letter").read_text() == "dear you"
    assert nest.run("stop") == 0
    assert nest.unlock() == 0
    assert (nest.tree / "letter").read_text() == "dear you"
    assert nest.run("stop") == 0


def killed_at(nest: Nest, method: str, module: str, function: str, *, after: bool = False) -> None:
    """Run a method that is killed where it calls ``function``: SIGKILL, no clean-up."""
    program = (
        "import os, sys\n"
        f"import {module} as module\n"
        f"from roost.services.sealed.method import main\n"
        f"real = module.{function}\n"
        "def deadly(*args, **named):\n"
        f"    {'real(*args, **named)' if after else 'pass'}\n"
        "    os.kill(os.getpid(), 9)\n"
        f"module.{function} = deadly\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *nest.command(method)[1:]],
        env=nest.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


START_CUTS = [
    ("roost.services.sealed.archive", "_set_link_attributes"),
    ("roost.services.sealed.method", "identity_of"),
    ("roost.services.sealed.method", "tree_digest"),
]


@pytest.mark.parametrize(("module", "function"), START_CUTS)
def test_half_an_opening_never_reaches_the_file(nest: Nest, module: str, function: str) -> None:
    before = nest.file.read_bytes()
    with passphrases.offer(nest.layout, FMRI, secret()):
        killed_at(nest, "start", module, function)
    assert nest.work.load() is None
    assert nest.run("stop") == 0
    assert nest.file.read_bytes() == before
    assert not os.path.lexists(nest.work.tree)
    with passphrases.offer(nest.layout, FMRI, secret()):
        killed_at(nest, "start", module, function)
    assert nest.unlock() == 0
    assert (nest.tree / "letter").read_text() == "dear"
    assert nest.run("stop") == 0


def test_an_opening_cut_after_its_record_goes_on(nest: Nest) -> None:
    with passphrases.offer(nest.layout, FMRI, secret()):
        killed_at(nest, "start", "roost.services.sealed.places", "publish")
    assert nest.run("start") == 0
    assert (nest.tree / "letter").read_text() == "dear"
    assert nest.run("stop") == 0


STOP_CUTS: list[tuple[str, str, bool]] = [
    ("roost.services.sealed.places", "withdraw", True),
    ("roost.services.sealed.container", "_seal_body", True),
    ("roost.services.sealed.container", "sync_directory", False),
    ("roost.services.sealed.session", "Workplace.remove", True),
    ("roost.services.sealed.places", "_overwrite", True),
]


@pytest.mark.parametrize(("module", "function", "after"), STOP_CUTS)
def test_a_stop_may_be_cut_anywhere(nest: Nest, module: str, function: str, after: bool) -> None:
    assert nest.unlock() == 0
    (nest.tree / "letter").write_text("changed")
    killed_at(nest, "stop", module, function, after=after)
    assert nest.run("stop") == 0
    assert not os.path.lexists(nest.work.tree)
    assert os.listdir(nest.file.parent) == [nest.file.name]
    assert nest.unlock() == 0
    assert (nest.tree / "letter").read_text() == "changed"
    assert nest.run("stop") == 0


def test_a_tree_that_went_away_is_never_sealed(nest: Nest) -> None:
    before = nest.file.read_bytes()
    assert nest.unlock() == 0
    if nest.mount == "memory":
        subprocess.run(["umount", nest.tree], check=True)
        subprocess.run(["umount", nest.work.tree], check=True)
    else:
        shutil.rmtree(nest.work.tree)
    assert nest.run("stop") == 0
    assert nest.file.read_bytes() == before
    assert nest.unlock() == 0
    assert (nest.tree / "letter").read_text() == "dear"
    assert nest.run("stop") == 0


def damaged_header(content: bytes) -> bytes:
    return content.replace(b"recipient: age1", b"recipient: age2", 1)


def damaged_key(content: bytes) -> bytes:
    at = content.index(b"\n\n") + 40
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def damaged_end(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def damaged_body(content: bytes) -> bytes:
    return content[:-200] + bytes([content[-200] ^ 1]) + content[-199:]


def cut_short(content: bytes) -> bytes:
    return content[:-100]


def newer_version(content: bytes) -> bytes:
    return content.replace(b"roost-sealed/1", b"roost-sealed/2", 1)


def no_store(_content: bytes) -> bytes:
    return b"something else\n"


DAMAGES = [
    damaged_header,
    damaged_key,
    damaged_end,
    damaged_body,
    cut_short,
    newer_version,
    no_store,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_from_a_wrong_passphrase(
    nest: Nest, damage: Callable[[bytes], bytes]
) -> None:
    nest.file.write_bytes(damage(nest.file.read_bytes()))
    assert nest.unlock() == 95
    assert "cannot open nest: " in nest.said
    assert "wrong passphrase" not in nest.said
    assert "Traceback" not in nest.said
    assert not os.path.lexists(nest.tree)
    assert not os.path.lexists(nest.work.tree)
    assert not passphrases.is_asking(nest.layout, FMRI)


def test_a_missing_file_is_a_fault_of_the_configuration(nest: Nest) -> None:
    nest.file.unlink()
    assert nest.run("start") == 96
    assert f"roost storage create {nest.file}" in nest.said


def test_a_mount_point_with_content_is_refused(nest: Nest) -> None:
    nest.tree.mkdir()
    (nest.tree / "mine").write_text("keep")
    assert nest.unlock() == 95
    assert "is not empty" in nest.said
    assert (nest.tree / "mine").read_text() == "keep"


def test_a_passphrase_changed_while_open_stays_changed(nest: Nest) -> None:
    assert nest.unlock() == 0
    change_passphrase(str(nest.file), secret(), secret("new"))
    (nest.tree / "letter").write_text("changed")
    assert nest.run("stop") == 0
    assert nest.unlock() == 95
    assert nest.unlock("new") == 0
    assert (nest.tree / "letter").read_text() == "changed"
    assert nest.run("stop") == 0


def test_a_file_lost_while_open_is_written_anew(nest: Nest) -> None:
    assert nest.unlock() == 0
    nest.file.unlink()
    assert nest.run("stop") == 0
    assert nest.unlock() == 0
    assert (nest.tree / "letter").read_text() == "dear"
    assert nest.run("stop") == 0


def test_a_tree_too_big_for_its_size_says_so(nest: Nest) -> None:
    if nest.mount != "memory":
        pytest.skip("only memory has a size")
    assert nest.unlock() == 0
    (nest.tree / "big").write_bytes(bytes(200_000))
    assert nest.run("stop") == 0
    nest.size = "100k"
    assert nest.unlock() == 95
    assert "does not fit" in nest.said
    assert not os.path.lexists(nest.work.tree)


def test_secrets_are_nowhere(nest: Nest) -> None:
    assert nest.unlock("not the right one") == 95
    assert nest.unlock() == 0
    for text in (SECRET, "not the right one", "AGE-SECRET-KEY"):
        needle = text.encode()
        assert not any(text in output for output in nest.outputs)
        for path in nest.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert needle not in path.read_bytes(), path
    assert nest.run("stop") == 0
