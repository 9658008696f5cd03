"""Any string survives setprop, listprop, export, import and editprop as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from roost.cli.cfg.editing import edit_text
from roost.cli.cfg.lexer import lex, quoted
from roost.model.properties import Property, PropertyGroup, PropertyType
from tests.property.in_process import Svccfg

_AWKWARD = "\"'\\ \t\n\r=()>#;:[]{}*?!$`|&<-,./%@^~\x01\x1f\x7f\x85\xa0\u2028\ufeff\udc80\udcff"

strings = st.text(
    st.one_of(st.sampled_from(_AWKWARD), st.characters(exclude_categories=["Cs"])), max_size=12
).filter(lambda text: "\0" not in text)
"""As values of type astring may be: any bytes but NUL, those that are not UTF-8 escaped."""


@pytest.fixture(scope="module")
def svccfg() -> Iterator[Svccfg]:
    opened = Svccfg()
    opened.ok("add site/q")
    opened.ok("select site/q")
    opened.ok("addpg g application")
    yield opened
    opened.close()


thorough = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def stored(svccfg: Svccfg) -> tuple[str, ...]:
    return svccfg.session.store.groups("svc:/site/q")["g"].properties["p"].values


@given(st.lists(strings, max_size=3))
@example([""])
@example(["#", "a#b"])
@example(["astring:"])
@example(["-f"])
@example([" leading", "trailing "])
@example(["two\nlines", "\n"])
@example(["\\", '\\"', '"'])
@example(["(", ")", "()", "=", ">", "a>b"])
@example(["\udc80\udcff"])
@thorough
def test_listprop_prints_what_setprop_reads(svccfg: Svccfg, values: list[str]) -> None:
    prop = Property("p", PropertyType.ASTRING, tuple(values))
    shown = " ".join(quoted(value) for value in values)
    status, _, complaint = svccfg.feed(f"setprop g/p = astring: ({shown})\n")
    assert (status, complaint) == (0, "")
    assert stored(svccfg) == tuple(values)
    listed = svccfg.ok("listprop g/p")
    assert listed.startswith("g/p  astring")
    tokens = lex(f"setprop g/p = ({listed.removeprefix('g/p  astring')})")
    assert [token.text for token in tokens[4:-1]] == values
    svccfg.ok("delprop g/p")
    assert svccfg.feed(edited(prop))[0] == 0
    assert stored(svccfg) == tuple(values)


def edited(prop: Property) -> str:
    """What editprop shows of a property, with the marks of comments taken away."""
    text = edit_text("svc:/site/q", [PropertyGroup("g", "application", {prop.name: prop})])
    command = text[text.index("#setprop") : -1]  # without the empty line after the group
    return "".join(line.removeprefix("#") for line in re.split("(?<=\n)", command))


@given(strings)
@example("a b  c")
@example("\\\\")
@thorough
def test_one_word_of_the_shell_is_one_value(svccfg: Svccfg, value: str) -> None:
    assert svccfg.run(f"setprop g/p = astring: {quoted(value, always=True)}")[0] == 0
    assert stored(svccfg) == (value,)
    svccfg.ok("delprop g/p")
    assert svccfg.run(f"addpropvalue g/p astring: {quoted(value)}")[0] == 0
    assert stored(svccfg) == (value,)


_NOT_IN_XML = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\udc80-\udcff\ufffe\uffff]")


@given(st.lists(strings, min_size=1, max_size=3))
@example(["a\r\n\tb", " c "])
@example(["\x01"])
@thorough
def test_export_and_import_keep_every_string(svccfg: Svccfg, values: list[str]) -> None:
    shown = " ".join(quoted(value) for value in values)
    assert svccfg.feed(f"setprop g/p = astring: ({shown})\n")[0] == 0
    before = svccfg.ok("listprop g/p")
    file = svccfg.place / "exported.xml"
    status, _, complaint = svccfg.run(f"export site/q > {file}")
    # What XML has no character for is refused, never changed.
    assert status == int(any(map(_NOT_IN_XML.search, values))), complaint
    if status:
        return
    svccfg.ok("delete site/q")
    svccfg.ok(f"import {file}")
    svccfg.ok("select site/q")
    assert svccfg.ok("listprop g/p") == before
    assert stored(svccfg) == tuple(values)
