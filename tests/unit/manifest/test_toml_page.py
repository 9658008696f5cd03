"""The manual page of the TOML form: its examples are good, its words are all there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roost.manifest import _toml_words as words
from roost.manifest import find_problems, read_bundle, write_toml
from roost.manifest._toml_source import MAX_BYTES, MAX_DEPTH, MAX_KEYS
from roost.model.bundle import BundleType
from roost.model.bundle_json import GROUPINGS, RESTART_ON
from roost.model.properties import Property, PropertyType
from tests.unit.manifest.documents import group

PAGE = (Path(__file__).parents[3] / "man" / "service_toml.5").read_text()
EXAMPLES = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", PAGE, re.MULTILINE | re.DOTALL)
TOML = [text for text in EXAMPLES if not text.startswith("<?xml")]
XML = [text for text in EXAMPLES if text.startswith("<?xml")]


@pytest.mark.parametrize("text", TOML, ids=range(len(TOML)))
def test_every_example_is_good(text: str) -> None:
    assert find_problems(text.encode(), "page.toml") == []


def test_the_first_example_is_the_service_that_the_page_says() -> None:
    bundle = read_bundle(TOML[0].encode(), "page.toml")
    assert len(TOML[0].splitlines()) < 10
    (service,) = bundle.services
    assert service.name == "site/quotes"
    assert [(one.name, one.enabled) for one in service.instances] == [("default", True)]
    assert group(service, "start").value("timeout_seconds") == "60"
    assert group(service, "method_context").value("use_profile") == "false"
    assert group(service, "network-loopback").value("type") == "service"
    assert group(service, "etc-quotes-conf").values("entities") == (
        "file://localhost/etc/quotes.conf",
    )
    port = Property("port", PropertyType.INTEGER, ("8080",))
    assert group(service, "config").properties == {"port": port}


def test_the_nest_is_the_same_in_both() -> None:
    nest = next(text for text in TOML if "filesystem/nest" in text)
    (xml,) = XML
    assert read_bundle(nest.encode(), "nest.toml") == read_bundle(xml.encode(), "nest.xml")


def test_the_profile_is_one() -> None:
    (profile,) = [text for text in TOML if text.startswith("type")]
    bundle = read_bundle(profile.encode(), "page.toml")
    assert bundle.type is BundleType.PROFILE
    assert bundle.services[0].untyped == {("config", "port")}


def test_the_last_example_is_as_it_is_written() -> None:
    """But for dotted keys, it has the form that svccfg prints."""
    printed = write_toml(read_bundle(TOML[-1].encode(), "page.toml")).decode()
    lines = set(printed.splitlines()) ^ set(TOML[-1].splitlines())
    assert lines == {
        "config.port = { count = 8080 }",
        "port = { count = 8080 }",
        '[service."site/web".instance.intranet.config]',
    }


def test_every_word_is_documented() -> None:
    items = " ".join(re.findall(r"^\.It Ic (.*)$", PAGE.replace("\\\n", ""), re.MULTILINE))
    assert set(words.WORDS) <= set(items.replace(",", " ").split()) | {"property_group"}
    known = (*words.DEPENDENCY_WORDS, *words.DEPENDENT_WORDS, *words.PATTERN_WORDS)
    for word in (*known, *words.PROPERTY_PATTERN_WORDS, *words.DURATIONS, *words.STABILITIES):
        assert re.search(rf"\b{word}\b", PAGE), word
    for word in (*GROUPINGS, *RESTART_ON, *words.IGNORED_ERRORS, "_type", "_properties"):
        assert word in PAGE, word


def test_the_limits_are_those_of_the_reader() -> None:
    flat = " ".join(PAGE.split())
    assert f"no larger than {MAX_BYTES // 2**20} MiB" in flat
    assert f"no more than {MAX_KEYS} keys" in flat
    assert f"no deeper than {MAX_DEPTH}." in flat
    assert f"{words.DEFAULT_TIMEOUT_S} where it is missing" in flat
