"""The lexical rules of svccfg."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.cli.cfg.lexer import BadCommand, Kind, Lexer, Token, lex, quoted


def texts(line: str) -> list[str]:
    return [token.text for token in lex(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("   \t\n", []),
        ("# only a comment", []),
        ("list", ["list"]),
        ("  select  system/cron:default \n", ["select", "system/cron:default"]),
        ("list a # b c", ["list", "a"]),
        ("list a#b", ["list", "a#b"]),
        ('list "a # b"', ["list", "a # b"]),
        ("setprop a/b=c", ["setprop", "a/b", "=", "c"]),
        ('setprop a/b="c d"', ["setprop", "a/b", "=", "c d"]),
        ("setprop a/b = count:(1 2)", ["setprop", "a/b", "=", "count:", "(", "1", "2", ")"]),
        ('setprop a/b = "x\\"y\\\\z"', ["setprop", "a/b", "=", 'x"y\\z']),
        ('setprop a/b = "\\n"', ["setprop", "a/b", "=", "n"]),
        ('setprop a/b = ""', ["setprop", "a/b", "=", ""]),
        ("export x>y", ["export", "x", ">", "y"]),
        ("delpropvalue a/b \\*x", ["delpropvalue", "a/b", "\\*x"]),
        ("list\r\n", ["list"]),
        ("list a'b c'd", ["list", "a'b", "c'd"]),
    ],
)
def test_tokens(line: str, expected: list[str]) -> None:
    assert texts(line) == expected


def test_a_quoted_sign_is_a_string() -> None:
    assert lex('= "="') == [Token(Kind.EQUALS, "="), Token(Kind.STRING, "=")]


@pytest.mark.parametrize("line", ['list "a', 'list "a\\"', 'list "a\\'])
def test_a_string_must_end(line: str) -> None:
    with pytest.raises(BadCommand, match='before a closing "'):
        lex(line)


def test_a_list_must_end() -> None:
    with pytest.raises(BadCommand, match=r"before a closing \)"):
        lex("setprop a/b = (1")


def test_a_value_list_spans_lines() -> None:
    lexer = Lexer()
    assert not lexer.feed("setprop a/b = (1 # one\n", 4)
    assert not lexer.feed("\n", 5)
    assert not lexer.feed('  "two\n', 6)
    assert lexer.missing == 'a closing "'
    assert not lexer.feed('lines"\n', 7)
    assert lexer.feed(")\n", 8)
    assert lexer.line == 4
    assert [token.text for token in lexer.tokens][3:] == ["(", "1", "two\nlines", ")"]


def test_a_stray_parenthesis_does_not_wait_for_more() -> None:
    assert Lexer().feed("list (\n")


def test_blank_lines_before_a_command_do_not_count_as_its_first_line() -> None:
    lexer = Lexer()
    lexer.feed("\n", 1)
    lexer.feed("  # remark\n", 2)
    lexer.feed("list\n", 3)
    assert lexer.line == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("/usr/bin/x", "/usr/bin/x"),
        (":kill", ":kill"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("#x", '"#x"'),
        ("x#", "x#"),
        ("astring:", '"astring:"'),
        ("a\nb", '"a\nb"'),
        ("a\u00a0b", '"a\u00a0b"'),
    ],
)
def test_quoting(text: str, expected: str) -> None:
    assert quoted(text) == expected


@given(st.text(), st.booleans())
def test_quoting_round_trip(text: str, always: bool) -> None:
    assert [token.text for token in lex(quoted(text, always=always))] == [text]


@given(st.lists(st.text()))
def test_quoted_list_round_trip(values: list[str]) -> None:
    written = "setprop a/b = (" + " ".join(quoted(value) for value in values) + ")"
    assert texts(written)[4:-1] == values


@given(st.lists(st.text(alphabet='ab "\\#=()>\n\t:'), min_size=1))
def test_feeding_line_by_line_gives_the_same_tokens(values: list[str]) -> None:
    written = "setprop a/b = (" + "\n".join(quoted(value) for value in values) + ")\n"
    lexer = Lexer()
    for line in written.splitlines(keepends=True):
        lexer.feed(line)
    assert lexer.tokens == lex(written)
