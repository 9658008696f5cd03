"""The syntax of unit files, against what systemd's manual pages say of it."""

from __future__ import annotations

import math

import pytest

from roost.convert.ledger import Source
from roost.convert.unit_syntax import (
    Specifiers,
    boolean,
    command_word,
    microseconds,
    seconds,
    settings_of,
    size,
    split_words,
    whole_seconds,
)
from roost.convert.words import shell_word
from roost.errors import InvalidValue


def read(text: str) -> list[tuple[int, str, str, str]]:
    return [(s.line, s.section, s.key, s.value) for s in settings_of(Source("u", text))]


def test_lines_continue_and_comments_between_do_not_count() -> None:
    text = "\ufeff# first\n[Unit]\nA = one \\\n# not this \\\n; nor this\n  two\\\n\n"
    text += "[B]\nC=\n  ;x\nD=e=f\n"
    assert read(text) == [
        (3, "Unit", "A", "one    two"),
        (9, "B", "C", ""),
        (11, "B", "D", "e=f"),
    ]


def test_a_continued_last_line_counts() -> None:
    assert read("[U]\nA=b\\") == [(2, "U", "A", "b")]


def test_two_backslashes_are_one_and_end_the_line() -> None:
    assert read("[U]\nA=b\\\\\nC=d") == [(2, "U", "A", "b\\\\"), (3, "U", "C", "d")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A=b\n", "u:1: 'A=b' stands before the first section"),
        ("[U]\n\nnonsense\n", "u:3: 'nonsense' is no assignment"),
        ("[U]\n=x\n", "u:2: '=x' is no assignment"),
        ("[U\n", "u:1: '[U' is no heading of a section"),
    ],
)
def test_what_is_no_unit_file_is_refused_by_line(text: str, why: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read(text)
    assert refused.value.why.startswith(why)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("'a b' \"c d\"", ["a b", "c d"]),
        ('"it\'s" \'say "x"\'', ["it's", 'say "x"']),
        (r"a\x20b\tc \101 \u00e9", ["a b\tc", "A", "é"]),
        (r"\s\"\' \q", [" \"'", r"\q"]),
        ("''", [""]),
        ("A='b c'", ["A=b c"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize("text", ["'open", '"open', r"\x00"])
def test_words_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"not closed|no character"):
        split_words(text)


def test_specifiers() -> None:
    found = Specifiers("foo-bar@a-b\\x2dc.service", "/etc/u/foo-bar@.service")
    text = found.text("%p %P %i %I %j %n %N %f %t %S %C %L %E %u %h %% %q %y %Y")
    assert text == (
        "foo-bar foo/bar a-b\\x2dc a/b-c bar foo-bar@a-b\\x2dc.service foo-bar@a-b\\x2dc"
        " /a/b-c /run /var/lib /var/cache /var/log /etc root /root % %q"
        " /etc/u/foo-bar@.service /etc/u"
    )
    assert Specifiers("x.service", "/x.service").text("%i%p%n") == "xx.service"
    with pytest.raises(ValueError, match=r"known only at run time"):
        found.text("on %H")
    with pytest.raises(ValueError, match=r"--instance"):
        Specifiers("x@.service", "/x").text("%i")


@pytest.mark.parametrize(
    ("word", "shell"),
    [
        ("plain", "plain"),
        ("$OPTS", "$OPTS"),
        ("${OPTS}", '"${OPTS}"'),
        ("--x=${A}b", '"--x=${A}b"'),
        ("a$b", "'a$b'"),
        ("$$PID", "'$PID'"),
        ("50%%", "50%%"),
        ("%i", "%i"),
        ("/run/%i.pid", '"/run/%i.pid"'),
        ("%H", '"$(uname -n)"'),
        ("two words", '"two words"'),
        ("it's", '"it\'s"'),
        ('"`', "'\"`'"),
        ("${A}%%", '"${A}%%"'),
        ("", '""'),
    ],
)
def test_words_of_commands_for_the_shell(word: str, shell: str) -> None:
    specifiers = Specifiers("x@.service", "/x@.service")
    assert shell_word(command_word(word, specifiers, has_variables=True)) == shell


def test_without_variables_a_dollar_is_a_dollar() -> None:
    specifiers = Specifiers("x.service", "/x.service")
    assert shell_word(command_word("${A}", specifiers, has_variables=False)) == "'${A}'"


@pytest.mark.parametrize(
    ("text", "span_s"),
    [("90", 90), ("1min 30s", 90), ("2h", 7200), ("500ms", 0.5), ("1d1h", 90000), ("1.5", 1.5),
     ("infinity", math.inf)],
)  # fmt: skip
def test_times(text: str, span_s: float) -> None:
    assert seconds(text) == pytest.approx(span_s)


def test_timeouts_are_whole_seconds_and_0_is_for_ever() -> None:
    assert [whole_seconds(text) for text in ("0", "infinity", "100ms", "2min")] == [0, 0, 1, 120]


@pytest.mark.parametrize("text", ["", "5 apples", "-1", "x", "1 1 1 parsec"])
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        seconds(text)


def test_sizes_booleans_and_microseconds() -> None:
    assert [size(t) for t in ("12", "1K", "2M", "1G", "infinity")] == [
        "12", "1024", "2097152", "1073741824", "unlimited"]  # fmt: skip
    assert [boolean(t) for t in ("yes", "On", "1", "no", "FALSE")] == [True] * 3 + [False] * 2
    assert [microseconds(t) for t in ("7", "1ms", "infinity")] == ["7", "1000", "unlimited"]
    for parse in (size, boolean):
        with pytest.raises(ValueError, match="many"):
            parse("many")
