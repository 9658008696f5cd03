"""How subcommands are read, refused and reported; nothing here needs svc.startd."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from roost.cli import svccfg
from roost.cli.cfg.completion import completions
from roost.cli.cfg.history import history_file
from roost.cli.cfg.lexer import BadCommand, WrongArguments, lex
from roost.cli.cfg.runner import parse_call, run_lines, run_words
from roost.cli.cfg.session import Command, Session
from roost.cli.cfg.store import Caller, Store
from roost.cli.cfg.table import COMMANDS, command_named
from roost.errors import DaemonNotRunning


def nobody() -> Caller:
    raise DaemonNotRunning("reach svc.startd", "it does not listen")


class Scene:
    """A session without svc.startd, and what it printed."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.session = Session(Store(nobody), self.out, self.err)

    def run(self, line: str) -> int:
        return run_words(self.session, [line])

    def feed(self, text: str) -> int:
        return run_lines(self.session, text.splitlines(keepends=True), "FILE")


PLAIN = [command for command in COMMANDS if not command.own_grammar]


@pytest.mark.parametrize("command", PLAIN, ids=lambda command: command.name)
def test_a_wrong_number_of_arguments_gives_the_usage_line(command: Command) -> None:
    least, most = command.operands
    wrong = [least - 1] if least else []
    wrong += [most + 1] if most is not None else []
    for count in wrong:
        scene = Scene()
        assert scene.run(f"{command.name} {'x ' * count}") == 1
        assert scene.err.getvalue() == f"svccfg: usage: {command.usage}\n"
        assert scene.out.getvalue() == ""


@pytest.mark.parametrize(
    "line",
    ["setprop", "setprop a/b", "setprop a/b =", "addpropvalue", "addpropvalue a/b",
     "addpropvalue a/b c d"],
)  # fmt: skip
def test_so_do_the_commands_with_a_grammar_of_their_own(line: str) -> None:
    scene = Scene()
    assert scene.run(line) == 1
    usage = command_named(line.split(maxsplit=1)[0]).usage
    assert scene.err.getvalue() == f"svccfg: usage: {usage}\n"


@pytest.mark.parametrize(
    "line", ["list = x", "list (x)", "list > x", "delete -x y", "select a = b"]
)
def test_stray_signs_and_unknown_options_are_refused(line: str) -> None:
    scene = Scene()
    assert scene.run(line) == 1
    assert scene.err.getvalue().startswith("svccfg: usage: ")


def test_names_are_given_in_full() -> None:
    scene = Scene()
    assert scene.run("lis") == 1
    assert "cannot run 'lis': svccfg has no such subcommand" in scene.err.getvalue()


def test_options_values_and_operands() -> None:
    call = parse_call(command_named("setenv"), lex("-sm stop NAME -x"))
    assert dict(call.options) == {"-s": "", "-m": "stop"}
    assert list(call.operands) == ["NAME", "-x"]
    call = parse_call(command_named("setenv"), lex("-mstop -- -N 1"))
    assert dict(call.options) == {"-m": "stop"}
    assert list(call.operands) == ["-N", "1"]
    with pytest.raises(WrongArguments):
        parse_call(command_named("setenv"), lex("-m"))


def test_a_quoted_word_is_no_option() -> None:
    call = parse_call(command_named("delete"), lex('"-f"'))
    assert not call.options
    assert list(call.operands) == ["-f"]


def test_a_command_without_options_takes_dashes_as_they_are() -> None:
    call = parse_call(command_named("delpropvalue"), lex("a/b -5"))
    assert list(call.operands) == ["a/b", "-5"]


def test_json_may_stand_last() -> None:
    assert parse_call(command_named("listprop"), lex("config --json")).as_json


def test_input_stops_at_the_first_error_and_names_the_line() -> None:
    scene = Scene()
    text = "# remark\n\nhelp end\n   bogus\nhelp quit\n"
    assert scene.feed(text) == 1
    assert scene.err.getvalue().startswith("svccfg: FILE:4: cannot run 'bogus'")
    assert scene.out.getvalue() == "usage: end\nleave svccfg\n"


def test_the_line_named_is_the_first_of_the_command() -> None:
    scene = Scene()
    assert scene.feed('\nsetprop a/b = (1\n2\n) "x"\n') == 1
    assert scene.err.getvalue().startswith("svccfg: FILE:2: ")


def test_input_that_ends_within_a_command_is_an_error() -> None:
    scene = Scene()
    assert scene.feed('help\nsetprop a/b = ("x\n') == 1
    assert 'FILE:2: cannot read the command: the input ends before a closing "' in (
        scene.err.getvalue()
    )


@pytest.mark.parametrize("word", ["end", "exit", "quit"])
def test_end(word: str) -> None:
    scene = Scene()
    assert scene.feed(f"{word}\nbogus\n") == 0
    assert scene.session.ended


def test_without_a_selection_there_is_nothing_to_change() -> None:
    scene = Scene()
    assert scene.run("listprop") == 1
    assert "cannot listprop: no service or instance is selected" in scene.err.getvalue()


def test_an_absent_daemon_is_said_in_one_line() -> None:
    scene = Scene()
    assert scene.run("list") == 1
    assert scene.err.getvalue() == "svccfg: cannot reach svc.startd: it does not listen\n"


def test_snapshots_are_not_modified() -> None:
    scene = Scene()
    scene.session.select("svc:/x:default")
    scene.session.snapshot = "running"
    assert scene.session.prompt == "svc:/x:default:[running]> "
    assert scene.run("delpg config") == 1
    assert "Cannot modify snapshots." in scene.err.getvalue()
    assert scene.run("unselect") == 0
    assert scene.session.prompt == "svc:/x:default> "


@pytest.mark.parametrize(
    "line",
    ["select foo!", "select svc:/a/:properties/b", "select file:///x", "select a:b:c", "delete %"],
)
def test_an_fmri_is_checked_before_it_is_looked_up(line: str) -> None:
    scene = Scene()
    assert scene.run(line) == 1
    assert "Invalid FMRI." in scene.err.getvalue()


def test_help_names_every_command() -> None:
    scene = Scene()
    assert scene.run("help") == 0
    for command in COMMANDS:
        assert command.usage in scene.out.getvalue()
        assert scene.run(f"help {command.name}") == 0
    assert max(map(len, scene.out.getvalue().splitlines())) <= 80


def test_an_unknown_command_has_no_help() -> None:
    with pytest.raises(BadCommand):
        command_named("selec")


def test_completion_of_commands_and_types() -> None:
    session = Scene().session
    assert completions(session, "", "sel") == ["select ", "selectsnap "]
    assert completions(session, "setprop a/b = ", "as") == ["astring: "]
    assert completions(session, "addpg x ", "fr") == ["framework"]
    assert completions(session, "help ", "unsel") == ["unselect"]


def test_completion_of_options_and_what_they_take(tmp_path: Path) -> None:
    session = Scene().session
    assert completions(session, "listprop ", "-") == ["--json", "-f", "-l", "-o"]
    assert completions(session, "set ", "--s") == ["--strict"]
    assert completions(session, "listprop -l ", "s") == ["site-profile", "system-profile"]
    assert completions(session, "list -l ", "manifest,a") == ["manifest,admin", "manifest,all"]
    assert completions(session, "listprop -fo ", "va") == ["value"]
    assert completions(session, "setnotify -g ", "to-m") == ["to-maintenance"]
    assert completions(session, "setnotify -g to-maintenance ", "m") == []
    assert completions(session, "nonsense ", "x") == []
    (tmp_path / "some.xml").touch()
    (tmp_path / "so").mkdir()
    assert completions(session, "import ", f"{tmp_path}/so") == [
        f"{tmp_path}/so/", f"{tmp_path}/some.xml",
    ]  # fmt: skip
    assert completions(session, "repository ", "/nowhere/x") == []


def test_completion_is_silent_where_nobody_answers() -> None:
    session = Scene().session
    assert completions(session, "select ", "x") == []
    assert completions(session, 'list "', "x") == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/h"}, "/h/.local/state/roost/svccfg_history"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/roost/svccfg_history"),
        ({"HOME": "/h", "XDG_STATE_HOME": "s"}, "/h/.local/state/roost/svccfg_history"),
        ({"HOME": ""}, ""),
        ({}, ""),
    ],
)
def test_the_history_is_state(environment: dict[str, str], expected: str) -> None:
    assert history_file(environment) == expected


@pytest.mark.parametrize("argv", [["-x"], ["-s"], ["-f", "a", "list"], ["--nope"]])
def test_wrong_options_of_svccfg_itself_exit_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert svccfg.main(argv) == 2
    assert "Usage: svccfg" in capsys.readouterr().err
