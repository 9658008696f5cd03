"""Passphrases: they do not show themselves, and reach a method through a private FIFO."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roost.errors import InvalidValue, NotAllowed
from roost.layout import Layout
from roost.services.passphrase import (
    MAX_PASSPHRASE_BYTES,
    Passphrase,
    ask,
    is_asking,
    offer,
    read_line,
    stop_asking,
    take,
)

FMRI = "svc:/system/filesystem/sealed:nest"


def secret(text: str = "secret") -> Passphrase:
    return Passphrase(bytearray(text.encode()))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path))


def lines(content: bytes) -> int:
    read_end, write_end = os.pipe()
    os.write(write_end, content)
    os.close(write_end)
    return read_end


def test_it_does_not_show_itself() -> None:
    assert "secret" not in f"{secret()!r} {secret()}"


def test_it_is_gone_after_use() -> None:
    content = bytearray(b"secret")
    with Passphrase(content) as held:
        assert held.reveal() == "secret"
    assert not held
    assert content == b""


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [
        (b"one\ntwo\n", "one", "two"),
        (b"one\ntwo", "one", "two"),
        (b"one", "one", None),
        (b"", None, None),
        (b"\n", None, None),
        (b" with blanks \n", " with blanks ", None),
    ],
)
def test_lines_are_taken_one_by_one(given: bytes, first: str | None, second: str | None) -> None:
    fd = lines(given)
    try:
        found = [read_line(fd), read_line(fd)]
    finally:
        os.close(fd)
    assert [None if one is None else one.reveal() for one in found] == [first, second]


def test_a_line_has_a_limit() -> None:
    fd = lines(b"x" * MAX_PASSPHRASE_BYTES + b"\n")
    assert read_line(fd) == secret("x" * MAX_PASSPHRASE_BYTES)
    os.close(fd)
    fd = lines(b"x" * (MAX_PASSPHRASE_BYTES + 1) + b"\n")
    with pytest.raises(InvalidValue, match="at most"):
        read_line(fd)
    os.close(fd)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidValue, match="UTF-8"):
        Passphrase(bytearray(b"\xff")).reveal()


def test_what_is_offered_is_taken_once(layout: Layout) -> None:
    with offer(layout, FMRI, secret()) as offered:
        path = Path(layout.passphrase_fifo(FMRI))
        assert path.is_fifo()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert not offered.was_taken
        assert take(layout, FMRI) == secret()
        assert offered.was_taken
        assert take(layout, FMRI) is None
    assert not path.exists()
    assert take(layout, FMRI) is None


def test_an_offer_ends_with_an_error_too(layout: Layout) -> None:
    with pytest.raises(KeyboardInterrupt), offer(layout, FMRI, secret()):
        raise KeyboardInterrupt
    assert os.listdir(layout.passphrases) == []


def test_one_offer_at_a_time(layout: Layout) -> None:
    with offer(layout, FMRI, secret("first")):
        with (
            pytest.raises(NotAllowed, match="another 'roost unlock'"),
            offer(layout, FMRI, secret("second")),
        ):
            pass
        assert take(layout, FMRI) == secret("first")


def test_a_fifo_left_behind_is_replaced(layout: Layout) -> None:
    os.makedirs(layout.passphrases, 0o700)
    os.mkfifo(layout.passphrase_fifo(FMRI), 0o600)
    assert take(layout, FMRI) is None
    with offer(layout, FMRI, secret()):
        assert take(layout, FMRI) == secret()


def test_only_a_private_fifo_is_trusted(layout: Layout) -> None:
    path = layout.passphrase_fifo(FMRI)
    with offer(layout, FMRI, secret()):
        os.chmod(path, 0o622)
        with pytest.raises(NotAllowed, match="others"):
            take(layout, FMRI)
    Path(path).write_text("secret\n")
    with pytest.raises(NotAllowed, match="not a FIFO"):
        take(layout, FMRI)


def test_the_mark_comes_and_goes(layout: Layout) -> None:
    assert not is_asking(layout, FMRI)
    ask(layout, FMRI)
    ask(layout, FMRI)
    assert is_asking(layout, FMRI)
    stop_asking(layout, FMRI)
    stop_asking(layout, FMRI)
    assert not is_asking(layout, FMRI)
