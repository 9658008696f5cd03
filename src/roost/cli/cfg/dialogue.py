"""The interactive session: prompts, line editing, history and completion."""

from __future__ import annotations

import os
import readline

from roost.cli.cfg.completion import DELIMITERS, completions
from roost.cli.cfg.history import MAX_LINES, History, history_file
from roost.cli.cfg.lexer import Lexer
from roost.cli.cfg.runner import report, run
from roost.cli.cfg.session import Session
from roost.errors import RoostError


def hold(session: Session) -> int:
    """Read and run subcommands until the end; an error does not end it. Returns 0."""
    # There is a person who can mend what a template says is wrong.
    session.strict = True
    history = History(history_file(os.environ))
    _prepare_line_editing(session, history)
    command = _Command()
    while not session.ended:
        try:
            command = _turn(session, command, history)
        except EOFError:
            session.say("")
            break
        except KeyboardInterrupt:
            # Drops the line, and whatever is half-typed above it.
            session.say("")
            command = _Command()
    history.save(session.store)
    return 0


class _Command:
    """One command as far as it is typed."""

    def __init__(self) -> None:
        self.lexer = Lexer()
        self.lines: list[str] = []


def _turn(session: Session, command: _Command, history: History) -> _Command:
    """Read a line and run the subcommand that it ends, if any; returns what the next adds to."""
    line = input("> " if command.lexer.missing else session.prompt)
    command.lines.append(line)
    tokens = command.lexer.tokens
    selected = session.selection
    failed = False
    try:
        if not command.lexer.feed(line + "\n"):
            return command
        run(session, tokens)
    except RoostError as problem:
        failed = True
        report(session, problem, "")
    history.note(command.lines, tokens, selected, failed=failed)
    return _Command()


def _prepare_line_editing(session: Session, history: History) -> None:
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            before = readline.get_line_buffer()[: readline.get_begidx()]
            found[:] = completions(session, before, text)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(DELIMITERS)
    readline.parse_and_bind("tab: complete")
    readline.set_history_length(MAX_LINES)
    readline.clear_history()
    for line in history.earlier():
        readline.add_history(line)
