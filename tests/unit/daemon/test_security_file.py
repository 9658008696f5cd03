"""etc/security/roost.toml: what it says, where it is wrong, and who may have written it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roost.daemon.authorizations import MANAGE, MODIFY
from roost.daemon.security_file import MAX_BYTES, Broken, Grants, SecurityFile, parse

TEXT = """\
# who may do what
[users]
alice = ["Service Operator"]
"1000" = ["solaris.smf.manage.*"]

[groups]
operators = ["solaris.smf.manage", "Web Admin"]

[profiles]
"Web Admin" = [
    "solaris.smf.manage.http/nginx",
    "site.web.",
]
"""


def test_what_a_file_says() -> None:
    assert parse(TEXT) == Grants(
        {"alice": (MANAGE, f"{MODIFY}.framework"), "1000": ("solaris.smf.manage.*",)},
        {"operators": (MANAGE, "solaris.smf.manage.http/nginx", "site.web.")},
    )
    assert parse('[users]\nbob = ["Service Management"]') == Grants({"bob": (MANAGE, MODIFY)})
    assert parse("") == Grants()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ('[users]\nalice = "x"', 2, "what 'alice' is given must be a list of strings"),
        ("[users]\nalice = [3]", 2, "what 'alice' is given must be a list of strings"),
        ('[users]\na = ["x.y"]\n[users]', 3, "Cannot declare"),
        ("\n\nalice", 3, "Expected '='"),
        ("[users]\nalice = [", 2, "Invalid value"),
        ('[user]\nalice = ["x.y"]', 1, "there is no table [user]"),
        ("\nusers = 3", 2, "users is no table"),
        ('[users]\na = ["Servce Operator"]', 2, "'Servce Operator' is no authorization"),
        ('[users]\na = [\n  "x.y",\n  "Web Admin",\n]', 4, "'Web Admin' is no authorization"),
        ('[users]\na=["x.y"]\n[profiles]\nP=["Service Operator"]', 4, "is no authorization"),
        ('[profiles]\n"Service Operator" = []', 2, "is built in"),
        ('[users]\na = ["*"]', 2, "'*' is no authorization"),
        ('[users]\na = ["word"]', 2, "'word' is no authorization"),
        ('[users]\na = ["x..y"]', 2, "'x..y' is no authorization"),
        ('[users]\na = ["x.*.y"]', 2, "'x.*.y' is no authorization"),
        ('[users]\na = ["x.y/"]', 2, "'x.y/' is no authorization"),
    ],
)
def test_where_a_file_is_wrong(text: str, line: int, why: str) -> None:
    with pytest.raises(Broken) as caught:
        parse(text)
    assert caught.value.line == line
    assert why in caught.value.why


class Watched(SecurityFile):
    """A file and what it has complained of."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        super().__init__(str(path), self.said.append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "roost.toml"


def _write(path: Path, text: str | bytes, mode: int = 0o644) -> None:
    """Another file each time, as editors do, so that no clock decides whether it is seen."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
    fresh.chmod(mode)
    fresh.rename(path)


ALICE = '[users]\nalice = ["solaris.smf.manage"]\n'


def test_brackets_without_end_are_a_mistake_like_any_other() -> None:
    with pytest.raises(Broken, match="too deeply"):
        parse("a=" + "[" * 100_000)


def test_it_is_read_again_when_it_has_changed(path: Path) -> None:
    file = Watched(path)
    assert file.grants() == Grants()
    _write(path, ALICE)
    assert file.grants().users == {"alice": (MANAGE,)}
    assert file.grants() is file.grants()
    _write(path, ALICE.replace("alice", "carol"))
    assert file.grants().users == {"carol": (MANAGE,)}
    path.unlink()
    assert file.grants() == Grants()
    assert file.said == []


def test_a_broken_file_grants_nothing_and_is_told_once(path: Path) -> None:
    file = Watched(path)
    _write(path, ALICE)
    assert file.grants().users
    _write(path, ALICE + "[profiles]\nx =")
    for _ in range(3):
        assert file.grants() == Grants()
    assert file.fault.startswith(f"{path} line 4: ")
    assert file.said == [f"{file.fault}; it grants nothing to anybody"]
    _write(path, ALICE)
    assert file.grants().users
    assert file.fault == ""


@pytest.mark.parametrize("mode", [0o646, 0o664, 0o666, 0o622])
def test_a_file_that_others_may_write(path: Path, mode: int) -> None:
    file = Watched(path)
    _write(path, ALICE, mode)
    assert file.grants() == Grants()
    assert file.fault == f"{path}: others than its owner may write it (chmod go-w)"
    path.chmod(0o644)
    assert file.grants().users


def test_a_file_of_somebody_else(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    file = Watched(path)
    _write(path, ALICE)
    os.chown(path, 65534, 65534)
    assert file.grants() == Grants()
    assert "it belongs to user 65534; it must be root's" in file.fault


def test_what_is_no_file(path: Path) -> None:
    file = Watched(path)
    path.mkdir()
    assert file.grants() == Grants()
    assert file.fault == f"{path}: it is not a regular file"
    path.rmdir()
    os.mkfifo(path)
    assert file.grants() == Grants()
    assert file.fault == f"{path}: it is not a regular file"
    path.unlink()
    path.symlink_to(path)
    assert file.grants() == Grants()
    assert "symbolic links" in file.fault
    path.unlink()
    assert file.grants() == Grants()
    assert file.fault == ""
    assert len(file.said) == 3


def test_what_is_no_text(path: Path) -> None:
    file = Watched(path)
    _write(path, b'[users]\na = ["\xff"]')
    assert file.grants() == Grants()
    assert file.fault == f"{path} line 2: it is not UTF-8"
    _write(path, "#" * (MAX_BYTES + 1))
    assert file.grants() == Grants()
    assert file.fault == f"{path}: it is longer than {MAX_BYTES} bytes"
