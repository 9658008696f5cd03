"""Typed getters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roost.api import typed
from roost.errors import InvalidValue

RECORD: dict[str, Any] = {
    "text": "a",
    "flag": True,
    "whole": 7,
    "part": 0.5,
    "object": {"a": "b"},
    "texts": ["a", "b"],
    "integers": [1, 2],
    "objects": [{}],
    "mixed": ["a", 1],
    "null": None,
}


def test_values_of_the_right_type() -> None:
    assert typed.text(RECORD, "text") == "a"
    assert typed.text(RECORD, "absent", "default") == "default"
    assert typed.optional_text(RECORD, "null") is None
    assert typed.optional_text(RECORD, "text") == "a"
    assert typed.boolean(RECORD, "flag") is True
    assert typed.boolean(RECORD, "absent", default=False) is False
    assert typed.optional_boolean(RECORD, "null") is None
    assert typed.optional_boolean(RECORD, "flag") is True
    assert typed.integer(RECORD, "whole") == 7
    assert typed.integer(RECORD, "absent", 3) == 3
    assert typed.number(RECORD, "whole") == 7.0
    assert typed.number(RECORD, "part") == 0.5
    assert typed.record(RECORD, "object") == {"a": "b"}
    assert typed.texts(RECORD, "texts") == ["a", "b"]
    assert typed.integers(RECORD, "integers") == [1, 2]
    assert typed.records(RECORD, "objects") == [{}]
    assert typed.text_map(RECORD, "object") == {"a": "b"}


@pytest.mark.parametrize(
    ("getter", "key", "wanted"),
    [
        (typed.text, "flag", "a string"),
        (typed.boolean, "whole", "a boolean"),
        (typed.integer, "flag", "an integer"),
        (typed.integer, "part", "an integer"),
        (typed.number, "flag", "a number"),
        (typed.record, "texts", "an object"),
        (typed.texts, "mixed", "a list of strings"),
        (typed.texts, "text", "a list of strings"),
        (typed.integers, "mixed", "a list of integers"),
        (typed.records, "texts", "a list of objects"),
    ],
)
def test_an_error_names_the_key_and_the_type(
    getter: Callable[[typed.Record, str], object], key: str, wanted: str
) -> None:
    for name in (key, "absent"):
        with pytest.raises(InvalidValue) as caught:
            getter(RECORD, name)
        assert f"'{name}'" in caught.value.message
        assert wanted in caught.value.message


def test_a_map_names_the_entry() -> None:
    with pytest.raises(InvalidValue, match=r"names\.C"):
        typed.text_map({"names": {"C": 1}}, "names")
