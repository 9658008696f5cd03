from __future__ import annotations

import subprocess

import pytest

from roost.errors import InvalidValue
from roost.restarter.expand import escape, expand

X = "svc:/network/ssh:alt"
PROPERTIES = {
    ("", "application/port"): ("22",),
    ("", "options/search"): ("a.org", "b.org"),
    ("", "options/empty"): (),
    ("", "options/odd"): ("a b;c$d",),
    ("svc:/other/thing:default", "pg/prop"): ("there",),
    ("svc:/other/thing", "pg/prop"): ("service",),
}


def expanded(command: str) -> str:
    return expand(command, instance=X, method="start", lookup=lambda e, p: PROPERTIES.get((e, p)))


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("", ""),
        ("/lib/svc/method/sshd start", "/lib/svc/method/sshd start"),
        ("%%", "%"),
        ("100%%%%", "100%%"),
        ("%r %m %s %i %f", f"svc.startd start network/ssh alt {X}"),
        ("-p %{port}", "-p 22"),
        ("-p%{application/port}x", "-p22x"),
        ("%{options/search}", "a.org b.org"),
        ("%{options/search:}", "a.org:b.org"),
        ("%{options/search,}", "a.org,b.org"),
        ("[%{options/empty}]", "[]"),
        ("%{options/odd}", r"a\ b\;c\$d"),
        ("%{svc:/other/thing:default/:properties/pg/prop}", "there"),
        ("%{svc:/other/thing:default/:properties/pg/prop,}", "there"),
        ("%{svc:/other/thing/:properties/pg/prop}", "service"),
    ],
)
def test_tokens(command: str, result: str) -> None:
    assert expanded(command) == result


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("%x", "'%x' is not a token"),
        ("tail %", "'%' is not a token"),
        ("%{port", "no closing brace"),
        ("%{}", "not the name of a property"),
        ("%{a/b/c}", "not the name of a property"),
        ("%{9}", "not the name of a property"),
        ("%{gone}", "there is no property application/gone"),
        ("%{options/gone:}", "there is no property options/gone"),
        ("%{svc:/other/thing:default}", "names no property"),
        ("%{svc:/-/:properties/a/b}", "not a legal service name"),
        (
            "%{svc:/other/thing:default/:properties/pg/gone}",
            "there is no property pg/gone in svc:/other/thing:default",
        ),
    ],
)
def test_refusals_say_what_is_wrong(command: str, why: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        expanded(command)
    assert why in refused.value.message
    assert refused.value.message.startswith(f"cannot expand '{command}'")


def test_each_character_of_smf_s_list_is_escaped() -> None:
    special = ";&()|^<>\n \t\\\"'`"
    assert escape(special) == "".join("\\" + char for char in special)
    assert escape("plain-text_1.0/*") == "plain-text_1.0/*"


@pytest.mark.parametrize("value", ["$HOME", "${IFS}--more", "$(id)", "`id`", "a;b", "a\\$b", "x y"])
def test_a_value_is_one_word_of_the_shell_as_it_is(value: str) -> None:
    """What somebody may set as a value makes no more arguments, and tells no variables."""
    argv = ["sh", "-c", f"exec printf '<%s>' {escape(value)}"]
    assert subprocess.run(argv, capture_output=True, check=True, text=True).stdout == f"<{value}>"
