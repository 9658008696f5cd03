"""A directory tree as a stream, and back: a POSIX tar archive with everything a tree has.

Kept: names of any bytes, types, modes, numeric owners, times to the nanosecond, hard links,
symbolic links, FIFOs, extended attributes (so ACLs too), empty directories, holes of sparse
files. Sockets are left out: their makers make them again. Devices are refused.

The same tree gives the same bytes, so a hash of the stream tells whether a tree changed.
Extraction trusts no name: it cannot leave the directory it was given.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from roost.errors import SystemCallFailed, SystemRefused
from roost.services.sealed.streams import Sink

Warn = Callable[[str], None]
"""Told, in a sentence, of what could not be kept."""

_XATTR = "SCHILY.xattr."
_BLOCK_BYTES = 512
_COPY_BYTES = 256 * 1024
_MAX_SPARSE_BYTES = 8 * 1024**3
"""Above this a sparse file is stored in full: readers disagree about its size field."""


class UnsafeArchive(SystemRefused):
    """An archive that would write outside its directory, or holds what a tree cannot."""

    code = "UnsafeArchive"


def write_archive(tree: str, sink: Sink, warn: Warn) -> None:
    """Write the tree below the directory ``tree`` to ``sink``.

    Raises OSError, and `SystemCallFailed` for what cannot be stored.
    """
    seen: dict[tuple[int, int], str] = {}
    with tarfile.open(
        fileobj=cast("BinaryIO", sink),  # a stream is only written to
        mode="w|",
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        for name in _names(tree):
            _add(archive, tree, name, seen, warn)


def tree_digest(tree: str) -> str:
    """A hash of everything that `write_archive` would keep."""
    digest = hashlib.sha256()

    class Hasher:
        def write(self, data: bytes) -> int:
            digest.update(data)
            return len(data)

    write_archive(tree, Hasher(), lambda _text: None)
    return digest.hexdigest()


def _names(tree: str) -> Iterator[str]:
    """Paths below the tree, parents first, in the order of their bytes; "." is the tree."""
    yield "."
    stack = [iter(_children(tree, ""))]
    while stack:
        name = next(stack[-1], None)
        if name is None:
            stack.pop()
            continue
        yield name
        if stat.S_ISDIR(os.lstat(os.path.join(tree, name)).st_mode):
            stack.append(iter(_children(tree, name)))


def _children(tree: str, below: str) -> list[str]:
    names = sorted(os.listdir(os.path.join(tree, below)), key=os.fsencode)
    return [os.path.join(below, name) for name in names]


def _add(
    archive: tarfile.TarFile, tree: str, name: str, seen: dict[tuple[int, int], str], warn: Warn
) -> None:
    path = os.path.join(tree, name)
    found = os.lstat(path)
    if stat.S_ISSOCK(found.st_mode):
        return
    member = tarfile.TarInfo(name)
    member.mode = stat.S_IMODE(found.st_mode)
    member.uid, member.gid = found.st_uid, found.st_gid
    headers = {"mtime": _time_text(found.st_mtime_ns)}
    member.pax_headers = headers
    member.mtime = found.st_mtime_ns // 10**9
    first = seen.setdefault((found.st_dev, found.st_ino), name)
    if first != name and not stat.S_ISDIR(found.st_mode):
        member.type, member.linkname = tarfile.LNKTYPE, first
        archive.addfile(member)
        return
    headers.update(_xattrs(path, warn))
    if stat.S_ISREG(found.st_mode):
        _add_file(archive, member, headers, path)
        return
    if stat.S_ISDIR(found.st_mode):
        member.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
    elif stat.S_ISFIFO(found.st_mode):
        member.type = tarfile.FIFOTYPE
    else:
        raise SystemCallFailed(f"seal {path}", "a store does not hold devices", f"rm {path}")
    archive.addfile(member)


def _xattrs(path: str, warn: Warn) -> Iterator[tuple[str, str]]:
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if "=" in name:
            warn(f"the attribute '{name}' of {path} is not kept: its name has a '='")
            continue
        value = os.getxattr(path, name, follow_symlinks=False)
        yield _XATTR + name, value.decode("utf-8", "surrogateescape")


def _add_file(
    archive: tarfile.TarFile, member: tarfile.TarInfo, headers: dict[str, str], path: str
) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(fd, "rb", buffering=0) as file:
        found = os.fstat(fd)
        segments = data_segments(fd, found)
        stored = sum(length for _, length in segments)
        if stored == found.st_size or stored >= _MAX_SPARSE_BYTES:
            member.size = found.st_size
            file.seek(0)
            archive.addfile(member, file)
            return
        # The "1.0" form of GNU tar: a map of the data in front of the data.
        numbers = [len(segments), *(number for segment in segments for number in segment)]
        table = "".join(f"{number}\n" for number in numbers).encode()
        table += b"\0" * (-len(table) % _BLOCK_BYTES)
        headers |= {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": member.name,
            "GNU.sparse.realsize": str(found.st_size),
        }
        member.size = len(table) + stored
        reader = _SparseReader(fd, table, segments)
        archive.addfile(member, cast("BinaryIO", reader))


def data_segments(fd: int, found: os.stat_result) -> list[tuple[int, int]]:
    """Where the data of a file is, as (offset, length); the rest is holes."""
    if found.st_blocks * _BLOCK_BYTES >= found.st_size:
        return [(0, found.st_size)]
    segments = []
    at = 0
    while at < found.st_size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = min(os.lseek(fd, start, os.SEEK_HOLE), found.st_size)
        segments.append((start, at - start))
    if at < found.st_size or not segments:
        segments.append((found.st_size, 0))
    return segments


class _SparseReader:
    """The map, then the data of each segment, as one stream."""

    def __init__(self, fd: int, table: bytes, segments: list[tuple[int, int]]) -> None:
        self._fd = fd
        self._table = table
        self._segments = [list(segment) for segment in reversed(segments)]

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; fewer only at the end."""
        out, self._table = self._table[:size], self._table[size:]
        parts = [out]
        wanted = size - len(out)
        while wanted and self._segments:
            segment = self._segments[-1]
            data = os.pread(self._fd, min(wanted, segment[1]), segment[0])
            segment[0] += len(data)
            segment[1] -= len(data)
            wanted -= len(data)
            parts.append(data)
            if not data or not segment[1]:
                self._segments.pop()
        return b"".join(parts)


def _time_text(time_ns: int) -> str:
    sign = "-" if time_ns < 0 else ""
    seconds, rest = divmod(abs(time_ns), 10**9)
    return f"{sign}{seconds}.{rest:09d}"


def _time_ns(text: str) -> int:
    seconds, _, rest = text.lstrip("-").partition(".")
    number = int(seconds or "0") * 10**9 + int(rest[:9].ljust(9, "0"))
    return -number if text.startswith("-") else number


@dataclass(slots=True)
class _Extraction:
    """One extraction under way. ``root_fd`` is the directory to fill."""

    root_fd: int
    warn: Warn
    owners: bool = field(default_factory=lambda: os.geteuid() == 0)
    directories: list[tuple[tuple[str, ...], tarfile.TarInfo]] = field(default_factory=list)
    warned: set[str] = field(default_factory=set)
    parent: tuple[tuple[str, ...], int] | None = None

    def close(self) -> None:
        if self.parent is not None:
            os.close(self.parent[1])
            self.parent = None

    def parent_fd(self, parts: tuple[str, ...]) -> int:
        """The directory that holds ``parts``; no symbolic link on the way is followed."""
        directory = parts[:-1]
        if self.parent is not None and self.parent[0] == directory:
            return self.parent[1]
        self.close()
        fd = self.open_directory(directory)
        self.parent = (directory, fd)
        return fd

    def open_directory(self, parts: tuple[str, ...]) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(".", flags, dir_fd=self.root_fd)
        for part in parts:
            try:
                below = os.open(part, flags, dir_fd=fd)
            except OSError as problem:
                why = f"'{'/'.join(parts)}' is no directory"
                raise UnsafeArchive("open the archive", why) from problem
            finally:
                os.close(fd)
            fd = below
        return fd


def extract_archive(source: BinaryIO, tree: str, warn: Warn) -> None:
    """Fill the empty directory ``tree`` with what `write_archive` wrote.

    Raises OSError, `UnsafeArchive`, and tarfile.TarError for bytes that are no archive.
    Owners are set only by root.
    """
    root_fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    work = _Extraction(root_fd, warn)
    try:
        with tarfile.open(
            fileobj=source, mode="r|", encoding="utf-8", errors="surrogateescape"
        ) as archive:
            while (member := archive.next()) is not None:
                _extract(archive, member, work)
                # A stream never goes back; the members of a big tree must not pile up.
                archive.members = []  # type: ignore[attr-defined]
        # Last, and deepest first: making entries changes times, and a mode may forbid it.
        for parts, member in reversed(work.directories):
            fd = work.open_directory(parts)
            try:
                _set_attributes(fd, member, work)
            finally:
                os.close(fd)
        while source.read(_COPY_BYTES):
            pass  # the padding at the end, so that the writer does not meet a closed pipe
    finally:
        work.close()
        os.close(root_fd)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, work: _Extraction) -> None:
    parts = _safe_parts(member.name)
    if not parts or member.isdir():
        if not member.isdir():
            raise UnsafeArchive("open the archive", "its top is no directory")
        if parts:
            os.mkdir(parts[-1], 0o700, dir_fd=work.parent_fd(parts))
        work.directories.append((parts, member))
        return
    parent, name = work.parent_fd(parts), parts[-1]
    if member.isreg():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=parent)
        try:
            _write_content(archive, member, fd)
            _set_attributes(fd, member, work)
        finally:
            os.close(fd)
    elif member.islnk():
        target = _safe_parts(member.linkname)
        if not target:
            raise UnsafeArchive("open the archive", f"'{member.name}' is a link to nothing")
        target_fd = work.open_directory(target[:-1])
        try:
            os.link(
                target[-1], name, src_dir_fd=target_fd, dst_dir_fd=parent, follow_symlinks=False
            )
        finally:
            os.close(target_fd)
    elif member.issym():
        os.symlink(member.linkname, name, dir_fd=parent)
        _set_link_attributes(parent, name, member, work)
    elif member.isfifo():
        os.mkfifo(name, 0o600, dir_fd=parent)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=parent)
        try:
            _set_attributes(fd, member, work)
        finally:
            os.close(fd)
    else:
        raise UnsafeArchive("open the archive", f"'{member.name}' is of a kind no store holds")


def _safe_parts(name: str) -> tuple[str, ...]:
    """The components of a relative path that stays below its start."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise UnsafeArchive("open the archive", f"'{name}' leads outside")
    return parts


def _write_content(archive: tarfile.TarFile, member: tarfile.TarInfo, fd: int) -> None:
    source = archive.fileobj
    assert source is not None
    source.seek(member.offset_data)
    sparse = cast("list[tuple[int, int]] | None", member.sparse)  # typeshed calls it an int
    segments = [(0, member.size)] if sparse is None else sparse
    for offset, length in segments:
        if not 0 <= offset <= offset + length <= member.size:
            raise UnsafeArchive("open the archive", f"'{member.name}' has data past its end")
        os.lseek(fd, offset, os.SEEK_SET)
        left = length
        while left:
            data = source.read(min(left, _COPY_BYTES))
            if not data:
                raise tarfile.ReadError("unexpected end of data")
            left -= len(data)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
    os.ftruncate(fd, member.size)


def _set_attributes(fd: int, member: tarfile.TarInfo, work: _Extraction) -> None:
    """Owner first, since that drops set-id bits and capabilities; times last."""
    if work.owners:
        os.fchown(fd, member.uid, member.gid)
    for key, value in member.pax_headers.items():
        if key.startswith(_XATTR):
            _set_xattr(fd, key.removeprefix(_XATTR), value, member.name, work)
    os.fchmod(fd, member.mode & 0o7777)
    time_ns = _member_time_ns(member)
    os.utime(fd, ns=(time_ns, time_ns))


def _set_xattr(fd: int, key: str, value: str, name: str, work: _Extraction) -> None:
    try:
        os.setxattr(fd, key, value.encode("utf-8", "surrogateescape"))
    except OSError as problem:
        if key not in work.warned:
            work.warned.add(key)
            why = os.strerror(problem.errno or 0)
            work.warn(f"the attribute '{key}' of '{name}' (and maybe others) is lost: {why}")


def _set_link_attributes(
    parent: int, name: str, member: tarfile.TarInfo, work: _Extraction
) -> None:
    if work.owners:
        os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
    time_ns = _member_time_ns(member)
    os.utime(name, ns=(time_ns, time_ns), dir_fd=parent, follow_symlinks=False)


def _member_time_ns(member: tarfile.TarInfo) -> int:
    exact = member.pax_headers.get("mtime")
    return int(member.mtime) * 10**9 if exact is None else _time_ns(exact)
