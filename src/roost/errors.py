"""The one tree of exceptions that roost raises on purpose.

::

    RoostError
    ├── RequestError          the caller asked for something impossible
    │   ├── UsageError            wrong option or number of operands      (exit 2)
    │   ├── InvalidName           not an FMRI, or not a legal name
    │   ├── InvalidValue          text that is no value of its type
    │   ├── TypeMismatch          the property or group has another type
    │   ├── NotFound              no such entity, group, property, file
    │   ├── AmbiguousName         an abbreviation that several things match
    │   ├── AlreadyExists         would be made a second time
    │   ├── InvalidState          the instance's state does not allow it
    │   ├── Conflict              the group changed since it was read
    │   ├── ManifestError         a service bundle that cannot be used
    │   └── NotAllowed            the caller lacks the right
    ├── SystemRefused         the machine said no
    │   ├── DaemonNotRunning      nobody listens on the socket
    │   ├── StorageFull           no room for the change
    │   ├── RepositoryDamaged     the store failed its check
    │   │   └── RepositoryTooNew      a later roost wrote it
    │   └── SystemCallFailed      any other refusal of the kernel
    └── InternalError         a bug of ours; the only one shown with a trace

Each class has a stable ``code`` (its name on the wire) and an ``exit_status``.
The text of an error is one line, ``cannot WHAT: WHY``, and ``hint`` is what to type next.
"""

from __future__ import annotations

from typing import ClassVar


def printable(text: str, *, with_lists: bool = False) -> str:
    """The text on one line and safe for a terminal: what is no plain character is escaped.

    ``with_lists`` keeps line breaks before a blank or a tab, as lists of things have them.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or (with_lists and _is_of_list(text, at)) else _escaped(c)
        for at, c in enumerate(text)
    )


def _is_of_list(text: str, at: int) -> bool:
    if text[at] == "\n":
        return text[at + 1 : at + 2] in (" ", "\t")
    return text[at] == "\t" and text[at - 1 : at] == "\n"


def _escaped(character: str) -> str:
    try:
        byte = character.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        byte = b""
    if len(byte) == 1 and byte[0] >= 0x80:
        return f"\\x{byte[0]:02x}"  # a byte that is not UTF-8
    return character.encode("unicode_escape").decode("ascii")


class RoostError(Exception):
    """Base of all errors that are meant to be read by a person.

    ``what`` completes "cannot ..."; ``why`` is the reason; ``hint`` a command to type.
    """

    code: ClassVar[str] = "Error"
    exit_status: ClassVar[int] = 1

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what, why, hint)
        self.what = what
        self.why = why
        self.hint = hint

    @property
    def message(self) -> str:
        """The line for people, without the hint; a list in ``why`` goes on below it.

        A file that ``what`` ends with and ``why`` begins with (FILE:LINE: ...) is in it once.
        """
        what, why = printable(self.what), printable(self.why, with_lists=True)
        for at in (at for at, character in enumerate(what) if character == " "):
            file, _, rest = why.partition(f"{what[at + 1 :]}:")
            # After an instance's service, say, there is more of the name.
            if not file and (rest[:1].isdigit() or rest.startswith(" ")):
                return f"cannot {what[:at]} {why}"
        return f"cannot {what}: {why}" if why else f"cannot {what}"

    def __str__(self) -> str:
        return f"{self.message} (try: {self.hint})" if self.hint else self.message


class RequestError(RoostError):
    """The caller asked for something impossible."""

    code = "RequestError"


class UsageError(RequestError):
    """Wrong option, or wrong number of operands."""

    code = "UsageError"
    exit_status = 2


class InvalidName(RequestError):
    """The text is no FMRI, or a name breaks the naming rules."""

    code = "InvalidName"


class InvalidValue(RequestError):
    """The text is not a value of the wanted property type."""

    code = "InvalidValue"


class TypeMismatch(RequestError):
    """The property or group exists with another type."""

    code = "TypeMismatch"


class NotFound(RequestError):
    """There is no such entity, group, property, snapshot or file."""

    code = "NotFound"


class AmbiguousName(RequestError):
    """An abbreviation that more than one thing matches."""

    code = "AmbiguousName"


class AlreadyExists(RequestError):
    """The thing to be made is there already."""

    code = "AlreadyExists"


class InvalidState(RequestError):
    """The instance's state does not allow the request."""

    code = "InvalidState"


class Conflict(RequestError):
    """The property group changed since the caller read it; read again and retry."""

    code = "Conflict"


class ManifestError(RequestError):
    """A service bundle that cannot be used; ``why`` begins with FILE:LINE."""

    code = "ManifestError"


class NotAllowed(RequestError):
    """The caller lacks the right to do this."""

    code = "NotAllowed"


class SystemRefused(RoostError):
    """The machine said no."""

    code = "SystemRefused"


class DaemonNotRunning(SystemRefused):
    """Nobody listens on the socket of svc.startd."""

    code = "DaemonNotRunning"


class StorageFull(SystemRefused):
    """There is no room for the change; nothing was changed."""

    code = "StorageFull"


class RepositoryDamaged(SystemRefused):
    """The repository failed its integrity check."""

    code = "RepositoryDamaged"
    exit_status = 104


class RepositoryTooNew(RepositoryDamaged):
    """A later roost wrote the repository: nothing is wrong with it."""

    code = "RepositoryTooNew"


class SystemCallFailed(SystemRefused):
    """Any other refusal of the kernel."""

    code = "SystemCallFailed"


class InternalError(RoostError):
    """A bug in roost."""

    code = "InternalError"
    exit_status = 70


def _tree(base: type[RoostError]) -> dict[str, type[RoostError]]:
    found = {base.code: base}
    for child in base.__subclasses__():
        found |= _tree(child)
    return found


BY_CODE: dict[str, type[RoostError]] = _tree(RoostError)
"""Every class by its code, to turn an error on the wire back into an exception."""
