from __future__ import annotations

import signal

import pytest

from roost.errors import InvalidValue
from roost.restarter.special import (
    KillMethod,
    TrueMethod,
    leading_path,
    signal_name,
    special_method,
)


@pytest.mark.parametrize(
    ("command", "meaning"),
    [
        ("/bin/true", None),
        ("", None),
        (":true", TrueMethod()),
        ("  :true ", TrueMethod()),
        (":kill", KillMethod(15)),
        (":kill -HUP", KillMethod(1)),
        (":kill -SIGUSR1", KillMethod(signal.SIGUSR1)),
        (":kill  -9 ", KillMethod(9)),
        (":kill -THAW", KillMethod(signal.SIGCONT)),
    ],
)
def test_special_methods(command: str, meaning: TrueMethod | KillMethod | None) -> None:
    assert special_method(command) == meaning


@pytest.mark.parametrize(
    "command", [":killer", ":kill HUP", ":kill -NONE", ":kill -999", ":kill -1 -2", ":true x", ":"]
)
def test_unknown_words_are_refused(command: str) -> None:
    with pytest.raises(InvalidValue):
        special_method(command)


def test_signals_have_names() -> None:
    assert signal_name(9) == "SIGKILL"
    assert signal_name(41) == "SIG41"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("/lib/svc/method/x start", "/lib/svc/method/x"),
        ("  /bin/true", "/bin/true"),
        ("/bin/true\t-a", "/bin/true"),
        ("true", None),
        ("/bin/a;/bin/b", None),
        ("/bin/$NAME x", None),
        ("(/bin/a)", None),
        ('"/bin/a b"', None),
    ],
)
def test_the_first_word_is_a_path_only_where_that_is_plain(command: str, path: str | None) -> None:
    assert leading_path(command) == path
