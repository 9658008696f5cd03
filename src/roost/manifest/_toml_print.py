"""From tables to the text of a TOML document that looks as if a person had written it.

How a table is written depends on its class: a plain dict stays on its key's line, a `Short` one
too if it fits, a `Section` has a header of its own, and a `Holder` none, since all that is in it
has. Must not know what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

WIDTH = 79
_INDENT = "    "
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"'}
_ESCAPES["\\"] = "\\\\"

Path = tuple[str, ...]


class Section(dict[str, object]):
    """A table with a header."""

    __slots__ = ()


class Short(Section):
    """A table that stays on the line of its key if there is room."""

    __slots__ = ()


class Holder(dict[str, object]):
    """A table that has a header only if something in it has none."""

    __slots__ = ()


def print_table(
    table: Mapping[str, object], comments: Mapping[Path, Sequence[str]], path: Path = ()
) -> Iterator[str]:
    """Lines of what is in a table: its values, then the tables below. ``comments`` stand
    above the key or the header of their path.
    """
    below: list[tuple[str, Mapping[str, object]]] = []
    for key, value in table.items():
        if _is_section(key, value):
            assert isinstance(value, dict)
            below.append((key, value))
        else:
            yield from _comment(comments.get((*path, key), ()))
            yield f"{_key(key)} = {_statement(value, len(_key(key)) + 3)}"
    for key, inner in below:
        at = (*path, key)
        if not isinstance(inner, Holder) or not all(map(_is_section, inner, inner.values())):
            yield ""
            yield from _comment(comments.get(at, ()))
            yield f"[{'.'.join(map(_key, at))}]"
        yield from print_table(inner, comments, at)


def _is_section(key: str, value: object) -> bool:
    if isinstance(value, Holder):
        return bool(value)
    if isinstance(value, Short):
        return bool(value) and len(f"{_key(key)} = {_inline(value)}") > WIDTH
    return isinstance(value, Section)


def _comment(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        for part in line.splitlines() or [""]:
            safe = "".join(char if char.isprintable() or char == "\t" else "?" for char in part)
            yield f"# {safe}".rstrip()


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _basic(name)


def _statement(value: object, used: int) -> str:
    """A value at the end of a line that has ``used`` columns already; it may go on below."""
    if isinstance(value, str) and _is_paragraph(value):
        return _paragraph(value)
    shown = _inline(value)
    if used + len(shown) <= WIDTH:
        return shown
    if isinstance(value, str) and " " in value and value.isprintable() and value[0] != " ":
        return _folded(value)
    if isinstance(value, list):
        members = "".join(f"{_INDENT}{_inline(member)},\n" for member in value)
        return f"[\n{members}]"
    if isinstance(value, dict) and value:
        *first, last = value.items()
        if isinstance(last[1], list):
            # Only an array may go on in the next line here.
            inner = "".join(f"{_key(key)} = {_inline(found)}, " for key, found in first)
            return f"{{ {inner}{_key(last[0])} = {_statement(last[1], WIDTH)} }}"
    return shown


def _inline(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    assert isinstance(value, dict), value
    inner = ", ".join(f"{_key(key)} = {_inline(found)}" for key, found in value.items())
    return f"{{ {inner} }}" if inner else "{}"


def _string(text: str) -> str:
    if ("\\" in text or '"' in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return _basic(text)


def _basic(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str, but: str = "") -> str:
    return "".join(char if char in but else _ESCAPES.get(char) or _printed(char) for char in text)


def _printed(char: str) -> str:
    if char.isprintable():
        return char
    char.encode()  # half a character has no escape
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _is_paragraph(text: str) -> bool:
    """Has it several lines, and nothing at their ends that an editor would drop?"""
    lines = text.split("\n")
    return len(lines) > 1 and all(line == line.rstrip() for line in lines[:-1])


def _paragraph(text: str) -> str:
    """A text of several lines, as it stands."""
    return f'"""\n{_between_quotes(text)}"""'


def _folded(text: str) -> str:
    """A long line, broken after blanks; a backslash takes the break out again."""
    lines = [""]
    for word in re.findall(r"[^ ]+ *", _between_quotes(text)):
        if lines[-1] and len(_INDENT) + len(lines[-1]) + len(word) > WIDTH:
            lines.append("")
        lines[-1] += word
    return '"""\\\n' + "\\\n".join(f"{_INDENT}{line}" for line in lines) + '"""'


def _between_quotes(text: str) -> str:
    """The text escaped for a string that may have several lines."""
    body = text.removesuffix('"')
    shown = _escaped(body, but='"\t\n').replace('""', '"\\"')
    return shown if body == text else shown + '\\"'
