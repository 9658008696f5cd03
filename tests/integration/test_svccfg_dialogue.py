"""svccfg against a real svc.startd: its sources of input, the environment, the editor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.svccfg_house import (
    TIMEOUT_S,
    House,
    Result,
    Terminal,
)


def test_setenv_and_unsetenv(quotes: House) -> None:
    quotes.ok("-s", "quotes:daily", "setenv LANG C")
    quotes.ok("-s", "quotes:daily", 'setenv A "x y=z"')
    quotes.ok("-s", "quotes:daily", "setenv LANG de")
    assert quotes.props("quotes", "start/environment") == (
        'start/environment  astring  "A=x y=z" "LANG=de"\n'
    )
    quotes.ok("-s", "quotes:daily", "setenv -i B 1")
    quotes.ok("-s", "quotes:daily", "setenv -s -m stop C 1")
    assert quotes.props("quotes:daily", "method_context/*").split() == [
        "method_context/environment", "astring", '"B=1"',
    ]  # fmt: skip
    quotes.ok("-s", "quotes:daily", "unsetenv A")
    quotes.ok("-s", "quotes:daily", "unsetenv NEVER")
    assert "LANG=de" in quotes.props("quotes", "start/environment")
    assert "type application, not method" in quotes.refused("-s", "quotes", "setenv -m config A 1")
    refusal = quotes.refused("-s", "quotes", "setenv -m nothing A 1")
    assert "there is no method 'nothing'" in refusal
    assert refusal.endswith("try: svccfg -s svc:/site/quotes listpg\n")
    refusal = quotes.refused("-s", "quotes", "setenv -i A 1")
    assert "svc:/site/quotes is a service; -i is for an instance, -s for its service" in refusal
    for wrong in ("setenv A", "setenv A=1", "setenv -i -s A 1", "unsetenv", "setenv -x A 1"):
        assert f"usage: {wrong.split()[0]} [-i" in quotes.refused("-s", "quotes:daily", wrong)


def test_taking_away_a_variable_makes_no_context(quotes: House) -> None:
    quotes.ok("-s", "quotes:daily", "unsetenv -i NEVER")
    quotes.ok("-s", "quotes:daily", "unsetenv -s NEVER")
    for fmri in ("quotes", "quotes:daily"):
        assert quotes.ok("-s", fmri, "listpg method_context") == ""


def test_editprop(quotes: House, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/^#\\(setprop config.port = count: \\)8080/\\17/' $1\n")
    editor.chmod(0o755)
    result = quotes.run("-s", "quotes", "editprop", env={"EDITOR": str(editor), "VISUAL": ""})
    assert result == Result(0, "", "")
    assert quotes.props("quotes", "config/port") == "config/port  count    7\n"


def test_what_was_written_in_vain_is_not_lost(quotes: House, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(
        "#!/bin/sh\nprintf 'setprop config/port = 9\\nsetprop config/port = x\\n' >$1\n"
    )
    editor.chmod(0o755)
    environment = {"EDITOR": str(editor), "VISUAL": "", "TMPDIR": str(tmp_path)}
    result = quotes.run("-s", "quotes", "editprop", env=environment)
    assert result.status == 1
    assert "edited text:2: cannot use 'x' as a value" in result.err
    (kept,) = tmp_path.glob("svccfg.*")
    assert f"what you wrote is in {kept}; mend it, then: svccfg -s" in result.err
    assert kept.read_text() == "setprop config/port = 9\nsetprop config/port = x\n"
    kept.write_text(kept.read_text().replace("x", "10"))
    assert quotes.run("-s", "svc:/site/quotes", "-f", str(kept)) == Result(0, "", "")
    assert quotes.props("quotes", "config/port") == "config/port  count    10\n"
    kept.unlink()
    editor.write_text("#!/bin/sh\nexit 1\n")
    assert quotes.run("-s", "quotes", "editprop", env=environment).status == 1
    assert list(tmp_path.glob("svccfg.*")) == []


def test_the_hint_for_a_missing_group_has_its_type(quotes: House) -> None:
    quotes.ok("add site/bare")
    for group, kind in (("general", "framework"), ("stop", "method"), ("mine", "application")):
        said = quotes.refused("-s", "site/bare", f"setprop {group}/x = astring: y")
        assert f"addpg {group} {kind}" in said


def test_a_file_of_commands_stops_at_the_first_error(quotes: House, tmp_path: Path) -> None:
    path = tmp_path / "commands"
    path.write_text(
        "# three commands\nselect quotes\nsetprop config/port = 1\n\nsetprop config/port = x\n"
        "setprop config/port = 2\n"
    )
    assert f"{path}:5: cannot use 'x' as a value" in quotes.refused("-f", str(path))
    assert quotes.props("quotes", "config/port") == "config/port  count    1\n"
    assert "stdin:1: " in quotes.refused(text="bogus\n")
    assert "cannot read" in quotes.refused("-f", str(tmp_path / "absent"))


def test_an_absent_daemon(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "roost.cli.svccfg", "-R", str(tmp_path), "list"],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("svccfg: cannot reach svc.startd: it does not listen on")
    assert "roost run" in done.stderr


def test_a_dialogue(quotes: House, tmp_path: Path) -> None:
    terminal = Terminal(quotes.command(), tmp_path)
    terminal.expect("svc:> ")
    terminal.type("select site/quo\t\n")
    terminal.expect("svc:/site/quotes> ")
    terminal.type("setprop config/port = bad\n")
    terminal.expect("as a value of type count")
    terminal.expect("svc:/site/quotes> ")
    terminal.type("setprop config/port = (\n")
    terminal.expect("\n> ")
    terminal.type("11)\n")
    terminal.expect("svc:/site/quotes> ")
    terminal.type("listprop config/po\t\n")
    terminal.expect("config/port  count    11")
    terminal.type("select dai\t\n")
    terminal.expect("svc:/site/quotes:daily> ")
    terminal.type("selectsnap run\t\n")
    terminal.expect("svc:/site/quotes:daily:[running]> ")
    terminal.type('list "never ended')
    terminal.expect("never ended")
    os.kill(terminal.process.pid, signal.SIGINT)
    terminal.type("\n")  # the line editor may see the signal only at the next key
    terminal.expect("svc:/site/quotes:daily:[running]> ")
    terminal.type("unselect\n")
    terminal.expect("svc:/site/quotes:daily> ")
    terminal.type("end\n")
    assert terminal.close() == 0
    history = tmp_path / "roost" / "svccfg_history"
    assert "selectsnap running" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_the_history_holds_no_protected_value(quotes: House, tmp_path: Path) -> None:
    history = tmp_path / "roost" / "svccfg_history"
    history.parent.mkdir()
    history.write_text("".join(f"list earlier{number}\n" for number in range(1000)))
    terminal = Terminal(quotes.command(), tmp_path)
    terminal.expect("svc:> ")
    terminal.type("select site/quotes\n")
    for line in (
        "addpg secrets application",
        "setprop secrets/password = astring: hunter1",
        # What is said of the group only now holds for what was typed before it, too.
        "setprop secrets/read_authorization = astring: somebody",
        "setprop secrets/password = (\n hunter2)",
        "setprp secrets/password = hunter3",
        "setprop nowhere/password = astring: hunter4",
        "setprop config/port = 4242",
        "setprop config/port = 4243x",
        'listprop "never ended hunter5',
    ):
        terminal.expect("svc:/site/quotes> ")
        terminal.type(f"{line}\n")
    terminal.expect("\n> ")
    os.kill(terminal.process.pid, signal.SIGINT)
    terminal.type("\n")  # the line editor may see the signal only at the next key
    terminal.expect("svc:/site/quotes> ")
    terminal.type("end\n")
    assert terminal.close() == 0
    lines = history.read_text().splitlines()
    assert lines[-5:] == [
        "select site/quotes",
        "addpg secrets application",
        "setprop config/port = 4242",
        "setprop config/port = 4243x",
        "end",
    ]
    assert "hunter" not in history.read_text()
    assert len(lines) == 1000
    assert lines[0] == "list earlier5"
    assert history.stat().st_mode & 0o777 == 0o600
