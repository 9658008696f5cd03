"""Options, help, errors and exit statuses that all commands share."""

from __future__ import annotations

import pytest

from roost.cli.command import (
    HELP,
    JSON,
    ROOT,
    Option,
    Parsed,
    Syntax,
    exclude,
    layout_of,
    parse,
    run,
)
from roost.errors import BY_CODE, InternalError, NotFound, UsageError

SYNTAX = Syntax(
    "demo",
    "Show something.",
    ("[-ab] [-o NAME] FILE...", "-c"),
    (
        Option("-a", "all"),
        Option("-b", "both"),
        Option("-c", "check"),
        Option("-o", "only this", "NAME"),
        Option("--since", "from then on", "TIME"),
        ROOT,
        JSON,
        *HELP,
    ),
    "Notes at the end.",
)


def test_options_are_kept_in_order_and_end_at_the_first_operand() -> None:
    parsed = parse(SYNTAX, ["-ab", "-o", "x", "-oy", "--since=now", "file", "-c"])
    assert parsed.options == (
        ("-a", ""),
        ("-b", ""),
        ("-o", "x"),
        ("-o", "y"),
        ("--since", "now"),
    )
    assert parsed.operands == ("file", "-c")
    assert parsed.has("-c", "-b")
    assert not parsed.has("-c")
    assert parsed.values("-o") == ["x", "y"]
    assert parsed.value("-o") == "y"
    assert parsed.value("-R") is None
    assert parsed.given(("-b", "-c", "-a")) == ["-b", "-a"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-k"], "cannot use option -k: there is no such option"),
        (["--kind"], "cannot use option --kind: there is no such option"),
        (["-o"], "cannot use option -o: it needs an argument"),
        (["--since"], "cannot use option --since: it needs an argument"),
        (["--json=1"], "cannot use option --json: it takes no argument"),
    ],
)
def test_wrong_options(arguments: list[str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(SYNTAX, arguments)
    assert caught.value.message == text


def test_options_that_exclude_each_other() -> None:
    exclude(parse(SYNTAX, ["-a", "-a"]), ("-a", "-b"))
    with pytest.raises(UsageError, match="cannot use -a with -b"):
        exclude(parse(SYNTAX, ["-b", "-a"]), ("-a", "-b"))


def test_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOST_ROOT", "/from/environment")
    assert layout_of(parse(SYNTAX, [])).root == "/from/environment"
    assert layout_of(parse(SYNTAX, ["-R", "/given"])).root == "/given"
    monkeypatch.delenv("ROOST_ROOT")
    assert layout_of(parse(SYNTAX, [])).root == "/"


@pytest.mark.parametrize("flag", ["-?", "--help"])
def test_help_goes_to_standard_output(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SYNTAX, lambda _parsed: 5, [flag]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.splitlines() == [
        "Show something.",
        "",
        "Usage: demo [-ab] [-o NAME] FILE...",
        "       demo -c",
        "",
        "Options:",
        "  -a            all",
        "  -b            both",
        "  -c            check",
        "  -o NAME       only this",
        "  --since TIME  from then on",
        "  -R DIR        speak to the roost whose root directory is DIR (default: $ROOST_ROOT, /)",
        "  --json        print one JSON object instead of text",
        "  --help        print this help",
        "",
        "Notes at the end.",
    ]


def test_a_wrong_use_prints_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SYNTAX, lambda _parsed: 0, ["-k"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "demo: cannot use option -k: there is no such option",
        "Usage: demo [-ab] [-o NAME] FILE...",
        "       demo -c",
    ]


def test_a_refusal_is_told_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    def body(_parsed: Parsed) -> int:
        raise NotFound("find 'x'", "it is not there", "svcs -a")

    assert run(SYNTAX, body, []) == 1
    assert capsys.readouterr().err == "demo: cannot find 'x': it is not there\ndemo: try: svcs -a\n"


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_the_exit_status_is_the_errors(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    def body(_parsed: Parsed) -> int:
        raise BY_CODE[code]("do it")

    assert run(SYNTAX, body, []) == BY_CODE[code].exit_status
    shown = capsys.readouterr().err
    assert shown.startswith("demo: cannot do it\n")
    assert ("bug" in shown) == (BY_CODE[code] is InternalError)


def test_interrupts_and_bugs(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_parsed: Parsed) -> int:
        raise KeyboardInterrupt

    def broken(_parsed: Parsed) -> int:
        raise ZeroDivisionError("oops")

    assert run(SYNTAX, interrupted, []) == 130
    assert capsys.readouterr() == ("", "")
    assert run(SYNTAX, broken, []) == 70
    shown = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in shown
    assert "demo: this is a bug in roost" in shown
