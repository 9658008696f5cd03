"""Runs subcommands: one from the command line, those of a file, or a dialogue.

Input that is no dialogue stops at its first error.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterable, Sequence

from roost.cli.cfg.lexer import Kind, Lexer, Token, WrongArguments, lex
from roost.cli.cfg.session import Call, Command, Session, refuse_snapshot, write_output
from roost.cli.cfg.table import command_named, is_command
from roost.cli.command import hint_of
from roost.errors import InternalError, NotAllowed, RequestError, RoostError


def run_words(session: Session, words: Sequence[str]) -> int:
    """Run one subcommand given as words of the shell; returns the exit status."""
    try:
        tokens = lex(" ".join(words))
    except RoostError as problem:
        return report(session, problem, "", in_shell=True)
    return _guarded(session, tokens, "", in_shell=True)


def run_lines(session: Session, lines: Iterable[str], source: str) -> int:
    """Run subcommands from ``source`` until it or one of them ends, or one fails."""
    lexer = Lexer()
    for number, line in enumerate(lines, 1):
        try:
            if not lexer.feed(line, number):
                continue
        except RoostError as problem:
            return report(session, problem, f"{source}:{number}")
        status = _guarded(session, lexer.tokens, f"{source}:{lexer.line}")
        lexer = Lexer()
        if status or session.ended:
            return status
    try:
        lexer.finish()
    except RoostError as problem:
        return report(session, problem, f"{source}:{lexer.line}")
    return 0


def _guarded(
    session: Session, tokens: Sequence[Token], place: str, *, in_shell: bool = False
) -> int:
    session.failed = False
    try:
        run(session, tokens)
    except RoostError as problem:
        has_hint = problem.hint or isinstance(problem, NotAllowed)
        if not has_hint and isinstance(problem, RequestError) and is_command(tokens[0].text):
            problem.hint = f"help {tokens[0].text}"
        return report(session, problem, place, in_shell=in_shell)
    return 1 if session.failed else 0


def _for_shell(session: Session, hint: str) -> str:
    """A hint that is a subcommand, as it is typed where there is no dialogue."""
    name, _, rest = hint.partition(" ")
    if not is_command(name):
        return hint
    if name == "select":
        return f"svccfg -s {rest} ..."
    selected = f" -s {session.selection}" if session.selection and name != "help" else ""
    # svccfg joins its words again before it takes them apart: blanks alone need no quotes.
    joined = rest.replace(" ", "")
    if joined and shlex.quote(joined) != joined:
        rest = shlex.quote(rest)
    return f"svccfg{selected} {name} {rest}".rstrip(" ")


def run(session: Session, tokens: Sequence[Token]) -> None:
    """Run one subcommand; nothing if there is no token."""
    if not tokens:
        return
    command = command_named(tokens[0].text)
    call = parse_call(command, tokens[1:], as_json=session.as_json)
    refuse_snapshot(session, call)
    if call.target is None:
        command.run(session, call)
        return
    usual, collected = session.out, io.StringIO()
    session.out = collected
    try:
        command.run(session, call)
    finally:
        session.out = usual
    # Written only now: a command that fails must not empty the file that is there.
    write_output(call.target, collected.getvalue())


def report(session: Session, problem: RoostError, place: str, *, in_shell: bool = False) -> int:
    """Say what failed, where, and what to type (``in_shell``: not in a dialogue or a file);
    returns the exit status.
    """
    session.out.flush()
    where = f"{place}: " if place else ""
    session.note(f"{where}{problem.message}")
    if in_shell and problem.hint:
        problem.hint = _for_shell(session, problem.hint)
    if (hint := hint_of(problem)) and not isinstance(problem, WrongArguments):
        session.note(f"try: {hint}")
    if isinstance(problem, InternalError):
        session.note("this is a bug in roost; the log of svc.startd has its trace")
    return problem.exit_status


def parse_call(command: Command, tokens: Sequence[Token], *, as_json: bool = False) -> Call:
    """Take the arguments apart; `WrongArguments` if they do not fit the command."""
    if command.own_grammar:
        return Call(command, (), {}, None, tokens, as_json)
    target = None
    words = tokens
    if command.redirects and len(tokens) >= 2 and tokens[-2].kind is Kind.REDIRECT:
        target, words = tokens[-1].text, tokens[:-2]
    if any(token.kind not in (Kind.WORD, Kind.STRING) for token in words):
        raise WrongArguments(command.usage)
    options, operands = _split_options(command, words)
    least, most = command.operands
    if len(operands) < least or (most is not None and len(operands) > most):
        raise WrongArguments(command.usage)
    return Call(command, operands, options, target, tokens, as_json or "--json" in options)


def _split_options(command: Command, tokens: Sequence[Token]) -> tuple[dict[str, str], list[str]]:
    """Options by their name with dashes, and the operands. A quoted word is no option."""
    options: dict[str, str] = {}
    operands: list[str] = []
    waiting = iter(tokens)
    may_be_option = bool(command.flags or command.words)
    for token in waiting:
        is_plain = token.kind is Kind.WORD
        if is_plain and token.text in command.words:
            options[token.text] = ""
        elif is_plain and f"{token.text}:" in command.words:
            value = next(waiting, None)
            if value is None:
                raise WrongArguments(command.usage)
            options[token.text] = value.text
        elif may_be_option and is_plain and token.text == "--":
            may_be_option = False
        elif may_be_option and is_plain and token.text.startswith("-") and token.text != "-":
            options |= _letters(command, token.text, (one.text for one in waiting))
        else:
            may_be_option = False
            operands.append(token.text)
    return options, operands


def _letters(command: Command, word: str, following: Iterable[str]) -> dict[str, str]:
    """The options of one word such as ``-am``; ``m:`` in the command's flags takes a value."""
    found: dict[str, str] = {}
    for at, letter in enumerate(word[1:], 1):
        place = -1 if letter == ":" else command.flags.find(letter)
        if place < 0:
            raise WrongArguments(command.usage)
        if command.flags[place + 1 : place + 2] == ":":
            value = word[at + 1 :] or next(iter(following), None)
            if value is None:
                raise WrongArguments(command.usage)
            return found | {f"-{letter}": value}
        found[f"-{letter}"] = ""
    return found
