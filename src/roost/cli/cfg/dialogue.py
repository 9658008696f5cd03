"""The interactive session: prompts, line editing, history and completion."""

from __future__ import annotations

import os
import readline
from collections.abc import Mapping

from roost.cli.cfg.completion import DELIMITERS, completions
from roost.cli.cfg.lexer import Lexer
from roost.cli.cfg.runner import report, run
from roost.cli.cfg.session import Session
from roost.errors import RoostError

_HISTORY_LINES = 1000
_STATE = ".local/state"
_NAME = "roost/svccfg_history"


def history_file(environment: Mapping[str, str]) -> str:
    """Where the history is kept: in the XDG state directory; "" for somebody without a home."""
    state = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        home = environment.get("HOME", "")
        if not os.path.isabs(home):
            return ""
        state = os.path.join(home, _STATE)
    return os.path.join(state, _NAME)


def hold(session: Session) -> int:
    """Read and run subcommands until the end; an error does not end it. Returns 0."""
    # There is a person who can mend what a template says is wrong.
    session.strict = True
    path = history_file(os.environ)
    _prepare_line_editing(session, path)
    lexer = Lexer()
    while not session.ended:
        try:
            lexer = _turn(session, lexer)
        except EOFError:
            session.say("")
            break
        except KeyboardInterrupt:
            # Drops the line, and whatever is half-typed above it.
            session.say("")
            lexer = Lexer()
    _save_history(path)
    return 0


def _turn(session: Session, lexer: Lexer) -> Lexer:
    """Read a line and run the subcommand that it ends, if any; returns the lexer for the next."""
    line = input("> " if lexer.missing else session.prompt)
    if not lexer.feed(line + "\n"):
        return lexer
    try:
        run(session, lexer.tokens)
    except RoostError as problem:
        report(session, problem, "")
    return Lexer()


def _prepare_line_editing(session: Session, path: str) -> None:
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            before = readline.get_line_buffer()[: readline.get_begidx()]
            found[:] = completions(session, before, text)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(DELIMITERS)
    readline.parse_and_bind("tab: complete")
    readline.set_history_length(_HISTORY_LINES)
    try:
        readline.read_history_file(path)
    except OSError:
        # No history yet, or none to be had: a session works without.
        readline.clear_history()


def _save_history(path: str) -> None:
    home = path.removesuffix(os.path.join("/", _STATE, _NAME))
    if not path or (home != path and not os.path.isdir(home)):
        return  # nobody's history, or a home that is not there and is not ours to make
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        readline.write_history_file(path)
        os.chmod(path, 0o600)
    except OSError:
        # A read-only home takes nothing from the session that just ended well.
        return
