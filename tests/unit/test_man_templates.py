"""The pages about templates and svcbundle against the code; their examples are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from roost.cli.bundle_settings import SETTINGS
from roost.cli.cfg.templates import bundle_problems
from roost.cli.svcbundle import main
from roost.manifest import find_problems, read_bundle
from roost.manifest._schema import ELEMENTS

MAN = Path(__file__).parents[2] / "man"


def page(name: str) -> str:
    return (MAN / name).read_text().replace("\\e", "\\").replace("\\&", "")


def bundles() -> list[bytes]:
    found = re.findall(
        r"^<\?xml.*?</service_bundle>$", page("smf_template.7"), re.MULTILINE | re.DOTALL
    )
    return [text.encode() for text in found]


def test_the_example_templates_are_valid() -> None:
    assert len(bundles()) == 2
    for data in bundles():
        assert find_problems(data) == []
        assert bundle_problems(read_bundle(data)) == []


def test_the_problem_that_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    wrong = bundles()[0].replace(b'value="8080"', b'value="80"')
    (problem,) = bundle_problems(read_bundle(wrong))
    assert problem in " ".join(page("smf_template.7").split())


def test_every_element_of_a_pattern_is_explained() -> None:
    explained = set(re.findall(r"\bIc ([a-z_]+(?: , [a-z_]+)*)", page("smf_template.7")))
    names = {name for group in explained for name in group.split(" , ")}
    particles = ELEMENTS["prop_pattern"].content
    assert {tag for particle in particles for tag in particle.tags} <= names


def test_every_name_of_svcbundle_is_explained() -> None:
    items = re.findall(r"^\.It Cm ([a-z-]+) Ns = Ns", page("svcbundle.8"), re.MULTILINE)
    assert sorted(items) == sorted(setting.name for setting in SETTINGS)


def test_the_examples_of_svcbundle(tmp_path: Path) -> None:
    examples = page("svcbundle.8").partition(".Sh EXAMPLES")[2]
    commands = re.findall(r"^svcbundle (.*?[^\\])\n\.Ed", examples, re.MULTILINE | re.DOTALL)
    assert len(commands) == 4
    for number, command in enumerate(commands):
        words = shlex.split(command.replace("\\\n", " "))
        if words[0] in ("-i", "-o"):
            del words[: 1 if words[0] == "-i" else 2]
        file = tmp_path / f"{number}.xml"
        assert main(["-R", str(tmp_path), "-o", str(file), *words]) == 0
        assert find_problems(str(file)) == []
