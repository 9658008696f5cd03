"""The line that a person reads of an error."""

from __future__ import annotations

import pytest

from roost.errors import InvalidValue, ManifestError, NotFound, RoostError


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (NotFound("find a"), "cannot find a"),
        (NotFound("find a", "it is not there"), "cannot find a: it is not there"),
        (ManifestError("import a.xml", "a.xml:3: no"), "cannot import a.xml:3: no"),
        (ManifestError("import a.xml", "b.xml:3: no"), "cannot import a.xml: b.xml:3: no"),
        (
            ManifestError("take the inventory of /a b/c.xml", "/a b/c.xml:3: no"),
            "cannot take the inventory of /a b/c.xml:3: no",
        ),
        (InvalidValue("convert a", "a:1: no"), "cannot convert a:1: no"),
        (ManifestError("import a.xml", "a.xml.old: no"), "cannot import a.xml: a.xml.old: no"),
        (
            NotFound("delete svc:/a", "svc:/a:default is online"),
            "cannot delete svc:/a: svc:/a:default is online",
        ),
        (NotFound("find a\nb", "c\td"), r"cannot find a\nb: c\td"),
    ],
)
def test_what_and_why_are_one_line_that_names_a_file_once(
    problem: RoostError, message: str
) -> None:
    assert problem.message == message
    assert str(problem) == message
    problem.hint = "svcs"
    assert str(problem) == f"{message} (try: svcs)"
