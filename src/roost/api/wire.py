"""Varlink messages: framing, and the one place where errors turn into messages and back.

A message is one JSON object ended by a NUL byte. A call is ``{method, parameters, more,
oneway}``; a reply is ``{parameters, continues}`` or ``{error, parameters}``. Pure: no
socket, no file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from roost.errors import BY_CODE, InternalError, InvalidValue, RoostError, SystemRefused

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""No message is longer, in either direction."""

PREFIX = "io.roost."
SERVICE = "org.varlink.service."


def encode(message: Mapping[str, object]) -> bytes:
    """The bytes of one message, its NUL included."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\0"


def call_message(
    method: str, parameters: Mapping[str, object], *, more: bool = False
) -> dict[str, object]:
    """A call of ``method`` (full name). Parameters that are None are left out."""
    message: dict[str, object] = {
        "method": method,
        "parameters": {key: value for key, value in parameters.items() if value is not None},
    }
    if more:
        message["more"] = True
    return message


def decode(frame: bytes) -> dict[str, object]:
    """The message in ``frame`` (without its NUL); `InvalidValue` if it is no JSON object."""
    try:
        message = json.loads(frame.decode("utf-8"))
        if b"\\ud" in frame or b"\\uD" in frame:
            # Half a surrogate pair is no text; only bytes that are not UTF-8 travel as one.
            json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise InvalidValue("read a message", "it is not a JSON object")
    return message


class Decoder:
    """Cuts a stream of bytes into messages.

    ``feed`` what arrives, then take ``next_message`` until it gives None. Both raise
    `InvalidValue` (too long, no JSON object), after which the stream is of no more use.
    """

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.max_bytes = max_bytes
        """Length of the longest message taken."""
        self._buffer = bytearray()
        self._start = 0
        self._searched = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were fed and not yet taken."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Add bytes as they came."""
        if self._start:
            del self._buffer[: self._start]
            self._searched -= self._start
            self._start = 0
        self._buffer += data

    def next_message(self) -> dict[str, object] | None:
        """The next whole message, or None until more bytes arrive."""
        end = self._buffer.find(0, self._searched)
        length = (len(self._buffer) if end < 0 else end) - self._start
        if length > self.max_bytes:
            raise InvalidValue("read a message", f"it is longer than {self.max_bytes} bytes")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        frame = bytes(self._buffer[self._start : end])
        self._start = self._searched = end + 1
        if self._start == len(self._buffer):
            self._buffer.clear()  # an idle connection holds no memory
            self._start = self._searched = 0
        return decode(frame)

    def messages(self) -> Iterator[dict[str, object]]:
        """Every whole message at hand."""
        while (message := self.next_message()) is not None:
            yield message


class VarlinkError(Exception):
    """An error that Varlink itself defines (``org.varlink.service.NAME``)."""

    def __init__(self, name: str, **parameters: str) -> None:
        super().__init__(name, parameters)
        self.name = SERVICE + name
        self.parameters = parameters


def error_to_wire(problem: BaseException, doing: str) -> tuple[str, dict[str, str]]:
    """Name and parameters of the error message for ``problem``, met while ``doing`` (a phrase)."""
    if isinstance(problem, VarlinkError):
        return problem.name, problem.parameters
    if not isinstance(problem, RoostError):
        text = str(problem)
        why = type(problem).__name__ + (f": {text}" if text else "")
        problem = InternalError(doing, why)
    return PREFIX + problem.code, {
        "what": problem.what,
        "why": problem.why,
        "hint": problem.hint,
    }


def error_from_wire(name: str, parameters: Mapping[str, object], method: str) -> RoostError:
    """The exception that an error reply to ``method`` stands for."""

    def text(key: str) -> str:
        value = parameters.get(key, "")
        return value if isinstance(value, str) else ""

    if name.startswith(PREFIX):
        kind = BY_CODE.get(name.removeprefix(PREFIX), RoostError)
        return kind(text("what") or f"call {method}", text("why"), text("hint"))
    if name == SERVICE + "InvalidParameter":
        return InvalidValue(f"call {method}", f"svc.startd refuses '{text('parameter')}'")
    why = f"svc.startd answered '{name}': it is of another version than this command"
    return SystemRefused(f"call {method}", why, "roost version; roost status")
