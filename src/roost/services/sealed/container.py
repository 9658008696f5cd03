"""The sealed file: what its bytes are, and how a stream is sealed into it and opened again.

The format is in ``docs/formats/sealed.md``. Knows bytes, keys and one file; nothing of trees,
mounts or services.

A store has an X25519 key pair. The private half, with a key for authentication codes, is in
the header under the passphrase; the tree is encrypted to the public half. So who opens needs
the passphrase, and who seals again does not.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

import pyrage

from roost.errors import (
    AlreadyExists,
    NotFound,
    RequestError,
    StorageFull,
    SystemCallFailed,
    SystemRefused,
)
from roost.services.passphrase import Passphrase
from roost.services.sealed.streams import CodedSource, GuardedSink, Pump, Sink

VERSION = 1
_MAGIC = b"roost-sealed/"
_MAX_HEADER_BYTES = 64 * 1024
_MAC_BYTES = 32
_HEADER_LABEL = b"roost-sealed header\0"
_BODY_LABEL = b"roost-sealed body\0"
_CHUNK_BYTES = 256 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WrongPassphrase(RequestError):
    """The passphrase does not open the store."""

    code = "WrongPassphrase"


class DamagedStore(SystemRefused):
    """The sealed file is not what was written."""

    code = "DamagedStore"


@dataclass(frozen=True, slots=True)
class SealKey:
    """What it takes to seal: no passphrase and nothing that opens a sealed file."""

    recipient: str
    """The public half of the store's key pair."""
    mac_key: bytes
    """Proves that a file was sealed by a holder of this key. 32 bytes."""

    def __repr__(self) -> str:
        return f"SealKey({self.recipient!r}, ...)"


@dataclass(frozen=True, slots=True)
class OpenKey:
    """What it takes to open."""

    identity: pyrage.x25519.Identity
    seal_key: SealKey

    def __repr__(self) -> str:
        return "OpenKey(...)"


@dataclass(frozen=True, slots=True)
class Header:
    """The front of a sealed file, up to the encrypted tree."""

    raw: bytes
    """All its bytes, code included, as they stand in the file."""
    recipient: str
    wrapped_key: bytes
    """An age file under the passphrase: the private keys."""

    def is_authentic(self, key: SealKey) -> bool:
        """Was the header written by a holder of ``key``, for the same key pair?"""
        code = _code(key, _HEADER_LABEL, self.raw[:-_MAC_BYTES])
        return self.recipient == key.recipient and hmac.compare_digest(code, self.raw[-_MAC_BYTES:])


def new_header(passphrase: Passphrase) -> tuple[Header, SealKey]:
    """Keys for a new store, under ``passphrase``. Takes about a second, on purpose."""
    identity = pyrage.x25519.Identity.generate()
    key = SealKey(str(identity.to_public()), secrets.token_bytes(32))
    return _wrap(OpenKey(identity, key), passphrase), key


def unwrap(header: Header, passphrase: Passphrase, what: str) -> OpenKey:
    """The keys in ``header``. Raises `WrongPassphrase`, or `DamagedStore` for a forged one."""
    try:
        text = pyrage.passphrase.decrypt(header.wrapped_key, passphrase.reveal()).decode()
    except pyrage.DecryptError:
        raise WrongPassphrase(what, "wrong passphrase") from None
    fields = _fields(text)
    try:
        identity = pyrage.x25519.Identity.from_str(fields["identity"])
        key = SealKey(str(identity.to_public()), bytes.fromhex(fields["mac-key"]))
    except (KeyError, ValueError, pyrage.IdentityError):
        raise DamagedStore(what, "its keys cannot be read") from None
    if not header.is_authentic(key):
        raise DamagedStore(what, "its header was changed by someone without the passphrase")
    return OpenKey(identity, key)


def rewrap(header: Header, old: Passphrase, new: Passphrase, what: str) -> tuple[Header, SealKey]:
    """The same keys under another passphrase."""
    key = unwrap(header, old, what)
    return _wrap(key, new), key.seal_key


def read_header(file: BinaryIO, what: str) -> Header:
    """Read the header and leave ``file`` at the encrypted tree. Raises `DamagedStore`."""
    lines: list[bytes] = []
    taken = 0
    while True:
        line = file.readline(_MAX_HEADER_BYTES)
        taken += len(line)
        if not lines:
            _check_version(line, what)
        if not line.endswith(b"\n") or taken > _MAX_HEADER_BYTES:
            raise DamagedStore(what, "its header ends too early")
        lines.append(line)
        if line == b"\n":
            break
    text = b"".join(lines[1:-1]).decode("ascii", "replace")
    fields = _fields(text)
    try:
        recipient, digest = fields["recipient"], fields["key-sha256"]
        length = int(fields["key-bytes"])
    except (KeyError, ValueError):
        raise DamagedStore(what, "its header lacks a field") from None
    if not 0 < length <= _MAX_HEADER_BYTES:
        raise DamagedStore(what, "its header has a field out of range")
    wrapped, code = file.read(length), file.read(_MAC_BYTES)
    if len(code) < _MAC_BYTES or hashlib.sha256(wrapped).hexdigest() != digest:
        raise DamagedStore(what, "its keys are damaged")
    return Header(b"".join(lines) + wrapped + code, recipient, wrapped)


def open_body(file: BinaryIO, key: OpenKey, sink: Sink, what: str) -> None:
    """Decrypt the tree that follows the header into ``sink``.

    Raises `DamagedStore` unless every byte is as it was sealed; ``sink`` may have got a part
    by then, which the caller throws away. What ``sink`` raises comes through.
    """
    code = hmac.new(key.seal_key.mac_key, _BODY_LABEL, "sha256")
    source = CodedSource(file, _MAC_BYTES, code)
    guarded = GuardedSink(sink)
    try:
        pyrage.decrypt_io(source, guarded, [key.identity])
    except (OSError, pyrage.DecryptError):
        guarded.raise_own()
        raise DamagedStore(what, "its content is damaged or cut short") from None
    guarded.raise_own()
    if not hmac.compare_digest(source.rest(), code.digest()):
        raise DamagedStore(what, "its content was not sealed with the keys of this store")


def write_sealed(
    path: str, header: Header, key: SealKey, produce: Callable[[Sink], None], what: str
) -> None:
    """Put a sealed file at ``path`` with all that ``produce`` writes, or leave it as it was.

    The caller holds `locked` if the file exists. Raises `StorageFull` or `SystemCallFailed`.
    """

    def fill(file: BinaryIO) -> None:
        file.write(header.raw)
        _seal_body(file, key, produce)

    replace_file(path, fill, what)


def change_passphrase(path: str, old: Passphrase, new: Passphrase) -> None:
    """Put the keys of the store at ``path`` under another passphrase; the tree stays as it is."""
    what = f"change the passphrase of {path}"
    with locked(path, what) as file:
        header, _ = rewrap(read_header(file, what), old, new, what)

        def fill(target: BinaryIO) -> None:
            target.write(header.raw)
            while chunk := file.read(_CHUNK_BYTES):
                target.write(chunk)

        replace_file(path, fill, what)


@contextlib.contextmanager
def locked(path: str, what: str) -> Iterator[BinaryIO]:
    """The sealed file at ``path``, open for reading; nobody replaces it meanwhile."""
    while True:
        try:
            file = open(path, "rb")  # noqa: SIM115 - closed below, on every way out
        except FileNotFoundError:
            hint = f"roost storage create {path}"
            raise NotFound(what, f"there is no file {path}", hint) from None
        except OSError as problem:
            raise SystemCallFailed(what, f"{path}: {problem.strerror}") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                now = os.stat(path)
            except FileNotFoundError:
                continue
            here = os.fstat(file.fileno())
            # Whoever held the lock before may have renamed a new file over this one.
            if (now.st_dev, now.st_ino) == (here.st_dev, here.st_ino):
                yield file
                return


def replace_file(path: str, fill: Callable[[BinaryIO], None], what: str) -> None:
    """Let ``fill`` write a new file, make it durable, and rename it to ``path``.

    Owner and mode are those of the old file; a first one is for its owner only.
    """
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, f".{name}.sealing")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                fill(file)
                file.flush()
                _keep_owner(path, fd)
                os.fsync(fd)
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        sync_directory(directory)
    except OSError as problem:
        _refuse(what, problem)


def make_store(path: str, passphrase: Passphrase, produce: Callable[[Sink], None]) -> None:
    """Make a new store at ``path``, which must not exist, with what ``produce`` writes."""
    what = f"create {path}"
    if os.path.lexists(path):
        raise AlreadyExists(what, "there is a file of that name")
    header, key = new_header(passphrase)
    write_sealed(path, header, key, produce, what)


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse(what: str, problem: OSError) -> NoReturn:
    kind = StorageFull if problem.errno in _NO_ROOM else SystemCallFailed
    why = os.strerror(problem.errno) if problem.errno else str(problem)
    raise kind(what, f"{problem.filename}: {why}" if problem.filename else why) from problem


def _wrap(key: OpenKey, passphrase: Passphrase) -> Header:
    text = f"identity: {key.identity}\nmac-key: {key.seal_key.mac_key.hex()}\n"
    wrapped = pyrage.passphrase.encrypt(text.encode(), passphrase.reveal())
    front = (
        f"roost-sealed/{VERSION}\n"
        f"recipient: {key.seal_key.recipient}\n"
        f"key-bytes: {len(wrapped)}\n"
        f"key-sha256: {hashlib.sha256(wrapped).hexdigest()}\n"
        "\n"
    ).encode() + wrapped
    code = _code(key.seal_key, _HEADER_LABEL, front)
    return Header(front + code, key.seal_key.recipient, wrapped)


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: value for name, separator, value in pairs if separator}


def _check_version(line: bytes, what: str) -> None:
    if not line.startswith(_MAGIC):
        raise DamagedStore(what, "it is not a sealed store")
    version = line[len(_MAGIC) :].strip().decode("ascii", "replace")
    if version != str(VERSION):
        raise DamagedStore(what, f"it has format {version}, and this roost knows {VERSION}")


def _seal_body(file: BinaryIO, key: SealKey, produce: Callable[[Sink], None]) -> None:
    code = hmac.new(key.mac_key, _BODY_LABEL, "sha256")
    sink = GuardedSink(file, code)
    recipient = pyrage.x25519.Recipient.from_str(key.recipient)
    with Pump(produce) as source:
        try:
            pyrage.encrypt_io(source, sink, [recipient])
        except (OSError, pyrage.EncryptError):
            sink.raise_own()
            raise
        sink.raise_own()
        source.finish()
    file.write(code.digest())


def _keep_owner(old: str, fd: int) -> None:
    try:
        found = os.stat(old)
    except FileNotFoundError:
        return
    with contextlib.suppress(PermissionError):
        os.fchown(fd, found.st_uid, found.st_gid)
    os.fchmod(fd, found.st_mode & 0o7777)


def _code(key: SealKey, label: bytes, content: bytes) -> bytes:
    return hmac.new(key.mac_key, label + content, "sha256").digest()
