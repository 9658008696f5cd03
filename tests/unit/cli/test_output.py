"""Times, locales, quoting."""

from __future__ import annotations

import json
import time

import pytest

from roost.cli.output import (
    clock_or_date,
    full_date,
    localised,
    plain,
    print_json,
    shell_quoted,
)

DAY = 24 * 3600
NOW = 1_795_425_161.0  # Mon Nov 23 09:12:41 2026 UTC


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (0, " 9:12:41"),
        (DAY - 1, " 9:12:42"),
        (DAY, "Nov_22"),
        (51 * DAY, "Oct_03"),
        (360 * DAY - 1, "Nov_28"),
        (360 * DAY, "2025"),
        (-60, " 9:13:41"),
        (-5 * 3600, "14:12:41"),
    ],
)
def test_time_of_the_state(age_s: float, text: str) -> None:
    assert clock_or_date(NOW - age_s, NOW) == text


def test_full_date() -> None:
    assert full_date(NOW) == "Mon Nov 23 09:12:41 2026"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({}, "clock"),
        ({"LANG": "de_DE.UTF-8"}, "Uhr"),
        ({"LANG": "de"}, "Uhr"),
        ({"LANG": "de_DE", "LC_MESSAGES": "fr_FR"}, "horloge"),
        ({"LANG": "de_DE", "LC_ALL": "C"}, "clock"),
        ({"LANG": "nl_NL.UTF-8"}, "clock"),
    ],
)
def test_names_in_the_locale(
    environment: dict[str, str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    names = {"C": "clock", "de": "Uhr", "fr_FR": "horloge"}
    assert localised(names) == text
    assert localised({}) == ""


def test_foreign_text_cannot_drive_the_terminal() -> None:
    assert plain("a\x1b[2Jb\nc é") == "a?[2Jb?c é"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", '""'),
        ("plain-value/1.0", "plain-value/1.0"),
        ("a b", "a\\ b"),
        ("a\tb\nc", "a\\\tb\\\nc"),
        (";&()|^<>", "\\;\\&\\(\\)\\|\\^\\<\\>"),
        ("\\\"'`", "\\\\\\\"\\'\\`"),
        ("$*?[]{}!#~%", "$*?[]{}!#~%"),
    ],
)
def test_values_for_a_shell(value: str, text: str) -> None:
    assert shell_quoted(value) == text


def test_json_has_a_version(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "é\udce9"})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"version": 1, "a": "é\udce9"}
    assert shown.isascii()


NAMES = {
    "C": "mail",
    "de": "Post",
    "de_CH": "Briefpost",
    "pt-BR": "correio",
    "ca-40valencia": "correu",
    "sr_RS-40latin": "pošta",
}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("de_CH.UTF-8", "Briefpost"),
        ("de_AT.UTF-8", "Post"),
        ("pt_BR.UTF-8", "correio"),
        ("ca@valencia", "correu"),
        ("sr_RS.UTF-8@latin", "pošta"),
        ("fr_FR.UTF-8", "mail"),
        ("C.UTF-8", "mail"),
        ("POSIX", "mail"),
        ("", "mail"),
    ],
)
def test_texts_in_the_users_language(
    wanted: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", wanted)
    assert localised(NAMES) == text
    assert localised({"fr": "poste"}) == ("poste" if wanted.startswith("fr") else "")
    monkeypatch.setenv("LC_MESSAGES", "de")
    assert localised(NAMES) == "Post"
    monkeypatch.setenv("LC_ALL", "C")
    assert localised(NAMES) == "mail"
