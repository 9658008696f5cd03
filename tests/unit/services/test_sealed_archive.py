"""A tree as a stream and back: all of it, and never outside."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from roost.errors import SystemCallFailed
from roost.services.sealed.archive import (
    UnsafeArchive,
    extract_archive,
    tree_digest,
    write_archive,
)


def packed(tree: Path) -> bytes:
    stream = io.BytesIO()
    write_archive(str(tree), stream, pytest.fail)
    return stream.getvalue()


def unpacked(content: bytes, target: Path) -> Path:
    target.mkdir()
    extract_archive(io.BytesIO(content), str(target), pytest.fail)
    return target


def plant_everything(tree: Path) -> None:
    (tree / "empty").mkdir(mode=0o1777)
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/file").write_text("content")
    (tree / "a/file").chmod(0o6751)
    os.link(tree / "a/file", tree / "a/b/hard")
    (tree / "a/link").symlink_to("../nowhere at all")
    os.mkfifo(tree / "fifo", 0o640)
    Path(os.fsdecode(os.fsencode(tree) + b"/not \xff utf-8")).write_text("odd")
    (tree / ("long" * 60)).write_text("")
    (tree / "new\nline").write_text("x")
    os.utime(tree / "a/file", ns=(1, 1_234_567_890_123_456_789))
    os.utime(tree / "a/link", ns=(1, -1_500_000_001), follow_symlinks=False)
    (tree / "read-only").mkdir()
    (tree / "read-only/file").write_text("kept")
    (tree / "read-only").chmod(0o500)


def facts(tree: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in [tree, *tree.rglob("*")]:
        at = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        target = os.readlink(path) if path.is_symlink() else ""
        name = os.fsdecode(os.path.relpath(path, tree))
        found[name] = (at.st_mode, at.st_uid, at.st_gid, at.st_mtime_ns, at.st_nlink, target,
                       content)  # fmt: skip
    return found


def test_everything_comes_back(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir(mode=0o750)
    plant_everything(tree)
    copy = unpacked(packed(tree), tmp_path / "copy")
    assert facts(copy) == facts(tree)
    assert (copy / "a/file").stat().st_ino == (copy / "a/b/hard").stat().st_ino
    assert tree_digest(str(copy)) == tree_digest(str(tree))
    assert packed(copy) == packed(tree)


def test_extended_attributes_come_back(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("")
    try:
        os.setxattr(tree / "file", "user.roost", b"\xff\0any=bytes\n")
        os.setxattr(tree, "user.top", b"1")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    copy = unpacked(packed(tree), tmp_path / "copy")
    assert os.getxattr(copy / "file", "user.roost") == b"\xff\0any=bytes\n"
    assert os.getxattr(copy, "user.top") == b"1"


def test_holes_stay_holes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name, size, data_at in (("middle", 8 << 30, 4 << 30), ("end", 1 << 30, 0), ("no", 0, 0)):
        with (tree / name).open("wb") as file:
            file.truncate(size)
            file.seek(data_at)
            file.write(b"data")
    with (tree / "hole").open("wb") as file:
        file.truncate(1 << 30)
    if (tree / "hole").stat().st_blocks:
        pytest.skip("this file system has no holes")
    content = packed(tree)
    assert len(content) < 1_000_000
    copy = unpacked(content, tmp_path / "copy")
    for path in tree.iterdir():
        mine, theirs = path.stat(), (copy / path.name).stat()
        assert (mine.st_size, mine.st_blocks) == (theirs.st_size, theirs.st_blocks)
    with (copy / "middle").open("rb") as file:
        file.seek(4 << 30)
        assert file.read(6) == b"data\0\0"


def remove(path: Path) -> None:
    path.unlink()


def touch_time(path: Path) -> None:
    os.utime(path, ns=(5, 5))


def change_mode(path: Path) -> None:
    path.chmod(0o600)


def change_byte(path: Path) -> None:
    before = path.stat()
    path.write_text("Content")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def change_name(path: Path) -> None:
    path.rename(path.with_name("other"))


@pytest.mark.parametrize("change", [remove, touch_time, change_mode, change_byte, change_name])
def test_the_digest_sees_a_change(tmp_path: Path, change: Callable[[Path], None]) -> None:
    (tmp_path / "file").write_text("content")
    (tmp_path / "file").chmod(0o644)
    before = tree_digest(str(tmp_path))
    assert tree_digest(str(tmp_path)) == before
    (tmp_path / "file").read_text()
    assert tree_digest(str(tmp_path)) == before
    change(tmp_path / "file")
    assert tree_digest(str(tmp_path)) != before


def test_sockets_are_left_out_and_devices_refused(tmp_path: Path) -> None:
    import socket

    tree = tmp_path / "t"
    tree.mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tree / "s"))
        assert list(unpacked(packed(tree), tmp_path / "copy").iterdir()) == []
    try:
        os.mknod(tree / "null", 0o020600, os.makedev(1, 3))
    except PermissionError:
        return
    with pytest.raises(SystemCallFailed, match="does not hold devices"):
        packed(tree)


def archive_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


HOSTILE = {
    "parent": [(member("../outside"), b"x")],
    "deep parent": [(member("a/../../outside"), b"x")],
    "absolute": [(member("/tmp/outside-of-the-store"), b"x")],
    "through a link": [(member("l", tarfile.SYMTYPE, ".."), b""), (member("l/outside"), b"x")],
    "link to a parent": [(member("h", tarfile.LNKTYPE, "../victim"), b"")],
    "link to nothing": [(member("h", tarfile.LNKTYPE, "."), b"")],
    "link through a link": [
        (member("l", tarfile.SYMTYPE, ".."), b""),
        (member("h", tarfile.LNKTYPE, "l/victim"), b""),
    ],
    "device": [(member("null", tarfile.CHRTYPE), b"")],
    "top is a file": [(member("."), b"x")],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_leads_outside(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    (tmp_path / "victim").write_text("safe")
    with pytest.raises(UnsafeArchive):
        unpacked(archive_of(*members), tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "victim"]
    assert (tmp_path / "victim").stat().st_nlink == 1


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("safe")
    hostile = archive_of(
        (member("l", tarfile.SYMTYPE, str(tmp_path / "victim")), b""), (member("l"), b"pwned")
    )
    with pytest.raises(FileExistsError):
        unpacked(hostile, tmp_path / "copy")
    assert (tmp_path / "victim").read_text() == "safe"


def test_a_stream_cut_short_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_bytes(b"x" * 5000)
    with pytest.raises(tarfile.TarError):
        unpacked(packed(tmp_path / "tree")[:3000], tmp_path / "copy")
