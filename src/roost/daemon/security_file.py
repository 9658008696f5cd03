"""The file etc/security/roost.toml: who was granted which authorizations (roost.toml(5)).

`parse` is pure. `SecurityFile` reads the file again when it has changed. A file that is
broken, or that somebody else may have written, grants nothing: half of what it says could
be worse than none of it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from roost.daemon.authorizations import MANAGE, MODIFY
from roost.errors import printable

BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "Service Management": (MANAGE, MODIFY),
    "Service Operator": (MANAGE, f"{MODIFY}.framework"),
}
"""The profiles that are always there."""
MAX_BYTES = 1024 * 1024

_USERS, _GROUPS, _PROFILES = "users", "groups", "profiles"
_AUTHORIZATION = re.compile(
    r"[A-Za-z][\w-]*(?:\.[\w-]+)*"  # a name ...
    r"(?:\.\*?)?"  # ... or all names below it ...
    r"(?:/\S+)?",  # ... for one object
    re.ASCII,
)
_AT_LINE = re.compile(r"(.*?) \(at line (\d+), column \d+\)", re.DOTALL)
_HEADER = re.compile(r"\s*\[\s*([\"']?)(.+?)\1\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+))\s*=")


@dataclass(frozen=True, slots=True)
class Grants:
    """Authorizations by the names (or numbers) of users and of groups; profiles are resolved."""

    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Broken(Exception):
    """The file grants nothing. ``line`` is where it is wrong, 0 for the file as a whole."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why, line)
        self.why = why
        self.line = line


def parse(text: str) -> Grants:
    """What a file says; raises `Broken`."""
    import tomllib  # noqa: PLC0415  most machines have no such file

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        found = _AT_LINE.fullmatch(str(problem))
        if found is None:  # "(at end of document)"
            raise Broken(str(problem), text.count("\n") + 1) from None
        raise Broken(found[1], int(found[2])) from None
    except RecursionError:
        raise Broken("its brackets are nested too deeply") from None
    return _Reader(text, content).grants()


class _Reader:
    """Takes the content apart, and knows in which lines it stands."""

    def __init__(self, text: str, content: Mapping[str, object]) -> None:
        self._lines = text.splitlines()
        self._content = content

    def grants(self) -> Grants:
        for name in self._content:
            if name not in (_USERS, _GROUPS, _PROFILES):
                why = f"there is no table [{name}]; the tables are users, groups and profiles"
                raise Broken(why, self._line_of(name))
        profiles = dict(BUILT_IN)
        for name, members in self._table(_PROFILES):
            if name in BUILT_IN:
                why = f"the profile '{name}' is built in, and cannot be made anew"
                raise Broken(why, self._line_of(_PROFILES, name))
            profiles[name] = self._resolved(_PROFILES, name, members, {})
        return Grants(
            *(
                {
                    name: self._resolved(table, name, members, profiles)
                    for name, members in self._table(table)
                }
                for table in (_USERS, _GROUPS)
            )
        )

    def _table(self, table: str) -> Iterable[tuple[str, list[object]]]:
        content = self._content.get(table, {})
        if not isinstance(content, dict):
            raise Broken(f"{table} is no table", self._line_of(table))
        for name, members in content.items():
            if not isinstance(members, list):
                why = f"what '{name}' is given must be a list of strings"
                raise Broken(why, self._line_of(table, name))
            yield name, members

    def _resolved(
        self,
        table: str,
        name: str,
        members: Iterable[object],
        profiles: Mapping[str, tuple[str, ...]],
    ) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for member in members:
            if not isinstance(member, str):
                why = f"what '{name}' is given must be a list of strings"
                raise Broken(why, self._line_of(table, name))
            if member in profiles:
                found |= dict.fromkeys(profiles[member])
            elif _AUTHORIZATION.fullmatch(member) and "." in member.partition("/")[0]:
                found[member] = None
            else:
                is_profile = table == _PROFILES
                kinds = "no authorization" if is_profile else "no authorization and no profile"
                raise Broken(f"'{member}' is {kinds}", self._line_of(table, name, member))
        return tuple(found)

    def _line_of(self, table: str, name: str | None = None, member: str | None = None) -> int:
        """The line of a table, of a key in it, or of a word in that key's list: the nearest
        that can be told without a parser that knows lines.
        """
        at, is_inside = 0, False
        for number, line in enumerate(self._lines, 1):
            header, key = _HEADER.fullmatch(line), _KEY.match(line)
            if header is not None:
                is_inside = header[2] == table
                at = number if is_inside and not at else at
            elif key is not None:
                found = next(part for part in key.groups() if part is not None)
                if not is_inside and found == table and not at:
                    at = number
                if is_inside and found == name:
                    return self._line_with(member, number) if member is not None else number
        return at

    def _line_with(self, member: str, start: int) -> int:
        for number, line in enumerate(self._lines[start - 1 :], start):
            if f'"{member}"' in line or f"'{member}'" in line:
                return number
        return start


_Signature = tuple[int, ...]


class SecurityFile:
    """The grants of one file. ``complain`` gets a line, once, when the file is broken."""

    def __init__(self, path: str, complain: Callable[[str], None]) -> None:
        self.path = path
        self._complain = complain
        self._signature: _Signature | None = None
        self._grants = Grants()
        self._fault = ""

    def grants(self) -> Grants:
        """What the file grants now; nothing if it is absent or broken."""
        self._refresh()
        return self._grants

    @property
    def fault(self) -> str:
        """What is wrong with the file as last read, with its path and line; "" if nothing is."""
        return self._fault

    def _refresh(self) -> None:
        try:
            signature = _signature_of(os.stat(self.path))
        except (FileNotFoundError, NotADirectoryError):
            self._signature, self._grants, self._fault = None, Grants(), ""
            return
        except OSError:
            signature = None  # reading it will say what is wrong
        if signature is not None and signature == self._signature:
            return
        try:
            self._signature, self._grants = self._read()
            self._fault = ""
        except Broken as problem:
            self._signature, self._grants = signature, Grants()
            line = f" line {problem.line}" if problem.line else ""
            fault = printable(f"{self.path}{line}: {problem.why}")
            if fault != self._fault or signature is not None:
                self._complain(f"{fault}; it grants nothing to anybody")
            self._fault = fault

    def _read(self) -> tuple[_Signature, Grants]:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                status = os.fstat(fd)
                _check_owner(status)
                with open(fd, "rb", closefd=False) as file:
                    data = file.read(MAX_BYTES + 1)
            finally:
                os.close(fd)
        except OSError as problem:
            raise Broken(problem.strerror or str(problem)) from None
        if len(data) > MAX_BYTES:
            raise Broken(f"it is longer than {MAX_BYTES} bytes")
        try:
            text = data.decode()
        except UnicodeDecodeError as problem:
            raise Broken("it is not UTF-8", data[: problem.start].count(b"\n") + 1) from None
        return _signature_of(status), parse(text)


def _signature_of(status: os.stat_result) -> _Signature:
    return (
        *(status.st_dev, status.st_ino, status.st_size, status.st_mode, status.st_uid),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )


def _check_owner(status: os.stat_result) -> None:
    """Only root, and the user that svc.startd runs as, may have written it."""
    if not stat.S_ISREG(status.st_mode):
        raise Broken("it is not a regular file")
    if status.st_uid not in (0, os.geteuid()):
        raise Broken(f"it belongs to user {status.st_uid}; it must be root's (chown root)")
    if status.st_mode & 0o022:
        raise Broken("others than its owner may write it (chmod go-w)")
