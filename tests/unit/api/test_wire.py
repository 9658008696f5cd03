"""Framing and the translation of errors."""

from __future__ import annotations

import pytest

from roost.api.wire import (
    Decoder,
    VarlinkError,
    call_message,
    decode,
    encode,
    error_from_wire,
    error_to_wire,
)
from roost.errors import BY_CODE, InternalError, InvalidValue, NotFound, RoostError, SystemRefused


def test_a_message_is_json_and_a_nul() -> None:
    assert encode({"method": "a.b"}) == b'{"method":"a.b"}\0'


def test_a_text_that_is_no_utf8_survives() -> None:
    message = {"arguments": "caf\udce9"}
    assert decode(encode(message)[:-1]) == message


def test_parameters_that_are_none_are_not_sent() -> None:
    assert call_message("a.B", {"x": None, "y": 0}) == {"method": "a.B", "parameters": {"y": 0}}
    assert call_message("a.B", {}, more=True)["more"] is True


def test_messages_come_out_whole_however_the_bytes_are_cut() -> None:
    sent = [{"n": number, "text": "x" * number} for number in range(20)]
    stream = b"".join(encode(message) for message in sent)
    for size in (1, 2, 7, 64, len(stream)):
        decoder = Decoder()
        found = []
        for start in range(0, len(stream), size):
            decoder.feed(stream[start : start + size])
            found += list(decoder.messages())
        assert found == sent
        assert decoder.waiting_bytes == 0


@pytest.mark.parametrize(
    "frame", [b"", b"1", b"[]", b"{", b"\xff\xfe", b'{"a":1}}', b"[" * 100_000]
)
def test_what_is_no_json_object_is_refused(frame: bytes) -> None:
    decoder = Decoder()
    decoder.feed(frame + b"\0")
    with pytest.raises(InvalidValue, match="cannot read a message: it is not a JSON object"):
        decoder.next_message()


def test_a_message_too_long_is_refused_before_its_end_is_there() -> None:
    decoder = Decoder(max_bytes=10)
    decoder.feed(b'{"a":12345}\0'[:10])
    assert decoder.next_message() is None
    decoder.feed(b"6")
    with pytest.raises(InvalidValue, match="longer than 10 bytes"):
        decoder.next_message()


def test_the_limit_counts_one_message_not_what_waits() -> None:
    decoder = Decoder(max_bytes=10)
    decoder.feed(b'{"a":1}\0' * 5)
    assert len(list(decoder.messages())) == 5


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_every_error_comes_back_as_what_it_was(code: str) -> None:
    problem = BY_CODE[code]("read 'x'", "it is absent", "svcs x")
    name, parameters = error_to_wire(problem, "anything")
    assert name == f"io.roost.{code}"
    back = error_from_wire(name, parameters, "io.roost.Manager.List")
    assert type(back) is type(problem)
    assert (back.message, back.hint, back.exit_status) == (
        problem.message,
        problem.hint,
        problem.exit_status,
    )


def test_an_unforeseen_exception_is_our_bug() -> None:
    name, parameters = error_to_wire(KeyError("x"), "carry out a.B")
    assert name == "io.roost.InternalError"
    back = error_from_wire(name, parameters, "a.B")
    assert isinstance(back, InternalError)
    assert back.message == "cannot carry out a.B: KeyError: 'x'"


def test_errors_of_varlink_itself() -> None:
    assert error_to_wire(VarlinkError("MethodNotFound", method="a.B"), "") == (
        "org.varlink.service.MethodNotFound",
        {"method": "a.B"},
    )
    refused = error_from_wire("org.varlink.service.InvalidParameter", {"parameter": "x"}, "a.B")
    assert isinstance(refused, InvalidValue)
    assert "'x'" in refused.message
    missing = error_from_wire("org.varlink.service.MethodNotFound", {"method": "a.B"}, "a.B")
    assert isinstance(missing, SystemRefused)


def test_an_unknown_code_or_odd_parameters_are_still_an_error() -> None:
    back = error_from_wire("io.roost.Later", {"what": 5}, "a.B")
    assert type(back) is RoostError
    assert back.message == "cannot call a.B"
    assert type(error_from_wire("io.roost.NotFound", {}, "a.B")) is NotFound
