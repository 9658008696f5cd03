"""The grammar of all commands that completion is made from."""

from __future__ import annotations

import pytest

from roost.cli import roost, svcadm
from roost.cli.cfg.table import COMMANDS
from roost.cli.command import Option
from roost.cli.completion import ARGUMENTS, WORDS, levels, main, operand_kinds, subcommands_of

LEVELS = {" ".join(level.path): level for level in levels()}
WITHOUT_OPTIONS = {"version", "help"}


def option(level: str, flag: str) -> Option:
    return next(option for option in LEVELS[level].options if option.flag == flag)


def test_every_argument_of_an_option_has_a_kind() -> None:
    for level in LEVELS.values():
        for each in level.options:
            assert not each.argument or each.argument in ARGUMENTS, (level.path, each)


def test_every_subcommand_is_there() -> None:
    assert {f"svcadm {name}" for name in svcadm.SUBCOMMANDS} <= LEVELS.keys()
    assert {f"svccfg {command.name}" for command in COMMANDS} <= LEVELS.keys()
    assert {f"roost storage {name}" for name in ("create", "passphrase", "check")} <= LEVELS.keys()


def test_every_subcommand_of_roost_gives_its_syntax() -> None:
    for name, syntax in roost.syntaxes().items():
        assert f"roost {name}" in LEVELS
        assert (syntax is None) == (name in WITHOUT_OPTIONS), name


def test_options_come_from_the_tables() -> None:
    assert ARGUMENTS[option("svcs", "-o").argument] == "columns"
    assert ARGUMENTS[option("svcadm", "-S").argument] == "state"
    assert ARGUMENTS[option("svc.startd", "-R").argument] == "directory"
    assert ARGUMENTS[option("svc.startd", "--milestone").argument] == "milestone"
    assert ARGUMENTS[option("svccfg setenv", "-m").argument] == "text"
    assert not option("svccfg import", "--standard").argument


@pytest.mark.parametrize(
    ("form", "kinds"),
    [
        ("FMRI | PATTERN...", ("fmri",)),
        ("{maintenance | degraded} FMRI | PATTERN...", ("maintenance degraded", "fmri")),
        ("{all | none | MILESTONE}", ("all none",)),
        ("[-V] [-p FILE] [--standard] [PATH ...]", ("file",)),
        ("[-a] SERVICE [> FILE]", ("entity",)),
        ("[-a] [> FILE]", ()),
        ("[-i | -s] [-m METHOD] NAME VALUE", ()),
        ("GROUP/PROPERTY = [TYPE:] VALUE | = [TYPE:] (VALUE ...)", ("property",)),
        ("[COMMAND]", ("command",)),
        ("", ()),
    ],
)
def test_operands_are_read_from_the_usage(form: str, kinds: tuple[str, ...]) -> None:
    assert operand_kinds(form) == kinds


def test_levels_below_one() -> None:
    below = subcommands_of(("roost", "storage"), LEVELS.values())
    assert [level.path[-1] for level in below] == ["create", "passphrase", "check"]
    assert LEVELS["svcadm mark"].operands == ("maintenance degraded", "fmri")
    assert "legacy_run" not in WORDS["state"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shell]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.startswith(f"# {shell} completion")


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_an_unknown_shell_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "cannot print a script: it takes one of bash, zsh, fish" in shown.err
