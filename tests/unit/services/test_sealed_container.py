"""The sealed file: its format, its keys, and that it is never half of anything."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Self

import pytest

from roost.errors import AlreadyExists, NotFound, StorageFull, SystemCallFailed
from roost.services.passphrase import Passphrase
from roost.services.sealed.container import (
    DamagedStore,
    Header,
    OpenKey,
    SealKey,
    WrongPassphrase,
    locked,
    make_store,
    open_body,
    read_header,
    unwrap,
    write_sealed,
)
from roost.services.sealed.streams import Sink
from tests.integration.cheap_store import cheap_keys

CONTENT = os.urandom(300_000)
Keys = tuple[Header, SealKey, OpenKey]


def secret(text: str = "secret") -> Passphrase:
    return Passphrase(bytearray(text.encode()))


@pytest.fixture(scope="module")
def keys() -> Keys:
    header, seal_key = cheap_keys("secret")
    return header, seal_key, unwrap(header, secret(), "open it")


def produce(sink: Sink) -> None:
    for at in range(0, len(CONTENT), 10_000):
        sink.write(CONTENT[at : at + 10_000])


def opened(path: Path, key: OpenKey) -> bytes:
    found = io.BytesIO()
    with path.open("rb") as file:
        read_header(file, "open it")
        open_body(file, key, found, "open it")
    return found.getvalue()


def test_sealing_needs_no_passphrase_and_opening_does(tmp_path: Path, keys: Keys) -> None:
    header, seal_key, open_key = keys
    path = tmp_path / "store"
    write_sealed(str(path), header, seal_key, produce, "seal it")
    assert path.stat().st_mode & 0o777 == 0o600
    assert opened(path, open_key) == CONTENT
    assert seal_key.recipient.startswith("age1")
    assert "AGE-SECRET-KEY" not in path.read_bytes().decode("latin-1")
    with pytest.raises(WrongPassphrase, match="cannot open it: wrong passphrase"):
        unwrap(header, secret("other"), "open it")


def test_the_header_is_as_documented(tmp_path: Path, keys: Keys) -> None:
    header, seal_key, _ = keys
    path = tmp_path / "store"
    write_sealed(str(path), header, seal_key, produce, "seal it")
    lines = path.read_bytes().split(b"\n\n", 1)[0].decode().splitlines()
    assert lines[0] == "roost-sealed/1"
    assert [line.partition(": ")[0] for line in lines[1:]] == [
        "recipient",
        "key-bytes",
        "key-sha256",
    ]
    with path.open("rb") as file:
        assert read_header(file, "read it") == header
        assert file.tell() == len(header.raw)
        assert file.read(21) == b"age-encryption.org/v1"
    assert header.is_authentic(seal_key)


def test_secrets_do_not_show_themselves(keys: Keys) -> None:
    _, seal_key, open_key = keys
    shown = f"{seal_key!r} {open_key!r}"
    assert seal_key.mac_key.hex() not in shown
    assert "AGE-SECRET-KEY" not in shown


@pytest.mark.parametrize("cut", [0, 5, 100, 500, 100_000, -40, -32, -1])
def test_a_file_cut_short_is_damaged(tmp_path: Path, keys: Keys, cut: int) -> None:
    path = tmp_path / "store"
    write_sealed(str(path), keys[0], keys[1], produce, "seal it")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedStore):
        opened(path, keys[2])


@pytest.mark.parametrize("at", [700, 1000, 150_000, -1, -33, -60])
def test_a_changed_byte_is_seen(tmp_path: Path, keys: Keys, at: int) -> None:
    path = tmp_path / "store"
    write_sealed(str(path), keys[0], keys[1], produce, "seal it")
    content = bytearray(path.read_bytes())
    assert len(keys[0].raw) < 700
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedStore):
        opened(path, keys[2])


def test_bytes_added_at_the_end_are_seen(tmp_path: Path, keys: Keys) -> None:
    path = tmp_path / "store"
    write_sealed(str(path), keys[0], keys[1], produce, "seal it")
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(DamagedStore):
        opened(path, keys[2])


def test_the_public_key_alone_cannot_forge(tmp_path: Path, keys: Keys) -> None:
    header, seal_key, open_key = keys
    path = tmp_path / "store"
    forger = SealKey(seal_key.recipient, bytes(32))
    write_sealed(str(path), header, forger, produce, "seal it")
    with pytest.raises(DamagedStore, match="not sealed with the keys of this store"):
        opened(path, open_key)


def test_another_recipient_in_the_header_is_seen(keys: Keys) -> None:
    header, seal_key, _ = keys
    forged = Header(header.raw.replace(b"age1", b"age2", 1), header.recipient, header.wrapped_key)
    assert not forged.is_authentic(seal_key)
    with pytest.raises(DamagedStore, match="header was changed"):
        unwrap(forged, secret(), "open it")


@pytest.mark.parametrize("fails_after", [0, 1, 15, 29, 30])
def test_a_producer_that_fails_leaves_the_old_file(
    tmp_path: Path, keys: Keys, fails_after: int
) -> None:
    path = tmp_path / "store"
    path.write_bytes(b"old")

    def fail(sink: Sink) -> None:
        for number in range(30):
            if number == fails_after:
                break
            sink.write(CONTENT[:10_000])
        raise OSError(errno.EIO, "broken", "/nest/file")

    with pytest.raises(SystemCallFailed, match="/nest/file"):
        write_sealed(str(path), keys[0], keys[1], fail, "seal it")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["store"]


@pytest.mark.parametrize("size", [10, 1000, 60_000, 130_000, 200_000])
def test_no_room_at_any_byte_leaves_the_old_file(
    tmp_path: Path, keys: Keys, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the very last piece, whose error the cipher does not report."""
    path = tmp_path / "store"
    path.write_bytes(b"old")
    import builtins

    real_open = builtins.open

    def full_open(*arguments: object, **named: object) -> object:
        file = real_open(*arguments, **named)  # type: ignore[call-overload]
        if getattr(file, "mode", "") != "wb" or not isinstance(arguments[0], int):
            return file
        if os.fstat(arguments[0]).st_size == 0 and os.path.exists(tmp_path / ".store.sealing"):
            return _Limited(file, len(keys[0].raw) + size)
        return file

    monkeypatch.setattr("roost.services.sealed.container.open", full_open, raising=False)
    with pytest.raises(StorageFull, match="cannot seal it: No space left on device"):
        write_sealed(str(path), keys[0], keys[1], lambda sink: _write(sink, size), "seal it")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["store"]


def _write(sink: Sink, size: int) -> None:
    sink.write(CONTENT[:size])


class _Limited:
    """A file on a disk with room for so many bytes."""

    def __init__(self, file: io.BufferedWriter, room_bytes: int) -> None:
        self._file = file
        self._room_bytes = room_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_what: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        self._room_bytes -= len(data)
        if self._room_bytes < 0:
            self._room_bytes = 1 << 30  # somebody else makes room a moment later
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def test_an_owner_and_a_mode_stay(tmp_path: Path, keys: Keys) -> None:
    path = tmp_path / "store"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_sealed(str(path), keys[0], keys[1], produce, "seal it")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_store_is_not_made_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(AlreadyExists):
        make_store(str(tmp_path / "there"), secret(), produce)
    assert (tmp_path / "there").read_text() == "mine"


def test_the_lock_is_on_the_file_that_is_there_now(tmp_path: Path, keys: Keys) -> None:
    path = tmp_path / "store"
    path.write_bytes(b"old")
    with locked(str(path), "open it") as file:
        write_sealed(str(path), keys[0], keys[1], produce, "seal it")
        assert file.read() == b"old"
    with locked(str(path), "open it") as file:
        assert read_header(file, "open it") == keys[0]
    with pytest.raises(NotFound, match="there is no file"), locked(f"{path}.no", "open it"):
        pass
