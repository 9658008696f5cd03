"""Sealed stores whose passphrase costs next to nothing to try.

roost makes stores whose passphrase takes a second of work, on purpose; tests that open many
would do little else. So the keys are put under the passphrase here, by what the formats of
age (age-encryption.org/v1) and of the sealed file say, with the least work factor. Nothing of
roost's own way to make a header is used, which makes every test a test of the format too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import struct
from pathlib import Path

import pyrage

from roost.services.sealed.archive import write_archive
from roost.services.sealed.container import Header, SealKey, write_sealed

_WORK_FACTOR = 1
_ROUNDS = 10
_MASK = 0xFFFFFFFF


def cheap_keys(passphrase: str) -> tuple[Header, SealKey]:
    """Keys for a new store."""
    identity = pyrage.x25519.Identity.generate()
    key = SealKey(str(identity.to_public()), os.urandom(32))
    content = f"identity: {identity}\nmac-key: {key.mac_key.hex()}\n".encode()
    wrapped = age_file(content, passphrase)
    front = (
        f"roost-sealed/1\nrecipient: {key.recipient}\nkey-bytes: {len(wrapped)}\n"
        f"key-sha256: {hashlib.sha256(wrapped).hexdigest()}\n\n"
    ).encode() + wrapped
    code = hmac.digest(key.mac_key, b"roost-sealed header\0" + front, "sha256")
    return Header(front + code, key.recipient, wrapped), key


def make_cheap_store(path: Path, passphrase: str, tree: Path) -> None:
    """A sealed file at ``path`` with a copy of ``tree``."""
    header, key = cheap_keys(passphrase)

    def refuse(text: str) -> None:
        raise AssertionError(text)

    write_sealed(
        str(path), header, key, lambda sink: write_archive(str(tree), sink, refuse), "make it"
    )


def age_file(content: bytes, passphrase: str) -> bytes:
    """An age file of one chunk under a passphrase."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrap_key = hashlib.scrypt(
        passphrase.encode(),
        salt=b"age-encryption.org/v1/scrypt" + salt,
        n=1 << _WORK_FACTOR,
        r=8,
        p=1,
        dklen=32,
    )
    header = (
        f"age-encryption.org/v1\n-> scrypt {_base64(salt)} {_WORK_FACTOR}\n"
        f"{_base64(_encrypt(wrap_key, bytes(12), file_key))}\n---"
    ).encode()
    code = hmac.digest(_hkdf(file_key, b"", b"header"), header, "sha256")
    last_chunk = bytes(11) + b"\1"
    body = _encrypt(_hkdf(file_key, nonce, b"payload"), last_chunk, content)
    return header + f" {_base64(code)}\n".encode() + nonce + body


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, 32 bytes."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\1", "sha256")


def _encrypt(key: bytes, nonce: bytes, content: bytes) -> bytes:
    """ChaCha20-Poly1305 without associated data (RFC 8439)."""
    out = bytearray()
    for number in range(0, len(content), 64):
        block = _chacha_block(key, nonce, number // 64 + 1)
        out += bytes(a ^ b for a, b in zip(content[number : number + 64], block, strict=False))
    padding = bytes(-len(out) % 16)
    tail = struct.pack("<QQ", 0, len(out))
    return bytes(out) + _poly1305(_chacha_block(key, nonce, 0)[:32], bytes(out) + padding + tail)


def _chacha_block(key: bytes, nonce: bytes, counter: int) -> bytes:
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter,
             *struct.unpack("<3I", nonce)]  # fmt: skip
    x = list(start)

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for into, add, target, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[into] = (x[into] + x[add]) & _MASK
            mixed = x[target] ^ x[into]
            x[target] = (mixed << shift | mixed >> 32 - shift) & _MASK

    for _ in range(_ROUNDS):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for row in range(4):
            quarter(row, 4 + (row + 1) % 4, 8 + (row + 2) % 4, 12 + (row + 3) % 4)
    return struct.pack("<16I", *((a + b) & _MASK for a, b in zip(x, start, strict=True)))


def _poly1305(key: bytes, message: bytes) -> bytes:
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b"\1", "little")) * r
        total %= (1 << 130) - 5
    return (total + int.from_bytes(key[16:], "little") & (1 << 128) - 1).to_bytes(16, "little")
