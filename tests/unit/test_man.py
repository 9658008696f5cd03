"""The manual pages against the code: nothing is missing in them, and nothing invented."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import roost
from roost.cli.cfg.table import COMMANDS
from roost.cli.columns import COLUMNS, SHORT_STATES
from roost.cli.completion import Level, levels
from roost.cli.prop_layers import LAYERS
from roost.engine.config import Grouping, RestartOn
from roost.manifest import find_problems
from roost.manifest._schema import ELEMENTS
from roost.model.properties import PropertyType
from roost.restarter.context import _FOREIGN
from roost.services.sealed.method import _NEEDED, _OPTIONAL

SOURCE = Path(roost.__file__).parent
MAN = Path(__file__).parents[2] / "man"
PAGES = sorted(MAN.glob("*.[1-9]"))
OURS = re.compile(r"(?:roost|smf|svc|service_bundle)")
SMF_INCLUDE = SOURCE / "share/lib/svc/share/smf_include.sh"

_FLAG = re.compile(r"\bFl (\S+(?: \| \S+)*)")
_MACRO = re.compile(r" (?:Oo|Op|Cm|Ar|Fl)\b.*")


def text_of(name: str) -> str:
    """A page's source, each line that is continued joined with the next."""
    return (MAN / name).read_text().replace("\\\n", "")


def page_of(command: str) -> str:
    return next(page.name for page in PAGES if page.stem == command and page.suffix in ".1.8")


def flags_in(line: str) -> set[str]:
    """``Fl a | b`` and ``Fl -json`` as ``-a``, ``-b``, ``--json``."""
    found = (word for group in _FLAG.findall(line) for word in group.split(" | "))
    return {"-" + word.replace("\\&", "") for word in found}


@dataclass
class Documented:
    """The options of one page: its own, and those of each subcommand."""

    shared: set[str] = field(default_factory=set)
    subcommands: dict[str, set[str]] = field(default_factory=dict)


def documented(page: str) -> Documented:
    """Subcommands are subsections of SUBCOMMANDS, or (svccfg) items ``.It Ic NAME``."""
    found = Documented()
    is_below = False
    at = ""
    for line in text_of(page).splitlines():
        if line.startswith(".Sh"):
            is_below, at = line == ".Sh SUBCOMMANDS", ""
        elif line.startswith(".It Ic") and is_below:
            for name in _MACRO.sub("", line.removeprefix(".It Ic ")).split(" , "):
                found.subcommands[name.split()[0]] = flags_in(line)
        elif line.startswith(".Ss") and is_below:
            at = _MACRO.sub("", line.removeprefix(".Ss "))
            found.subcommands[at] = set()
        elif line.startswith(".It Fl"):
            (found.subcommands[at] if at else found.shared).update(flags_in(line))
    if page == "svccfg.8":  # its subsections only sort the items
        names = {command.name for command in COMMANDS}
        found.subcommands = {n: f for n, f in found.subcommands.items() if n in names or f}
    return found


LEVELS = levels()
PROGRAMS = [level.path[0] for level in LEVELS if len(level.path) == 1]


def below(program: str) -> Iterator[Level]:
    return (level for level in LEVELS if level.path[0] == program and len(level.path) > 1)


def flags_of(level: Level) -> set[str]:
    return {option.flag for option in level.options}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_is_documented(program: str) -> None:
    found = documented(page_of(program))
    top = next(level for level in LEVELS if level.path == (program,))
    assert flags_of(top) <= found.shared
    parents = {level.path[:-1] for level in LEVELS}
    for level in below(program):
        name = " ".join(level.path[1:])
        if level.path in parents:
            assert flags_of(level) <= found.shared
        else:
            assert name in found.subcommands
            assert flags_of(level) <= found.subcommands[name] | found.shared, name


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_option_is_invented(program: str) -> None:
    found = documented(page_of(program))
    known = {" ".join(level.path[1:]): flags_of(level) for level in below(program)}
    top = next(level for level in LEVELS if level.path == (program,))
    assert found.shared <= flags_of(top).union(*known.values())
    assert found.subcommands.keys() <= known.keys()
    for name, flags in found.subcommands.items():
        assert flags <= known[name], name


def test_the_synopsis_has_no_other_options() -> None:
    for program in PROGRAMS:
        page = text_of(page_of(program))
        synopsis = page.partition(".Sh SYNOPSIS")[2].partition(".Sh DESCRIPTION")[0]
        short = {
            f"-{letter}"
            for flag in flags_in(synopsis)
            for letter in flag.removeprefix("-")
            if not flag.startswith("--")
        }
        long = {flag for flag in flags_in(synopsis) if flag.startswith("--")}
        shared = documented(page_of(program)).shared
        assert short | long <= shared, program


def test_every_column_and_state_is_documented() -> None:
    svcs = re.findall(r"^\.It ([A-Z]+) Ta", text_of("svcs.1"), re.MULTILINE)
    assert svcs == list(COLUMNS)
    states = re.findall(r"^\.It Li (\w+) Ta (\w+) Ta (\w) Ta", text_of("smf.7"), re.MULTILINE)
    assert {state: (short, letter) for state, short, letter in states} == SHORT_STATES


def test_groupings_types_and_restart_on_are_documented() -> None:
    smf = text_of("smf.7")
    groupings = re.findall(r"^\.It Cm (\w+)$", smf, re.MULTILINE)
    assert groupings == [grouping.value for grouping in Grouping]
    header = re.search(r"^\.It Em the target Ta (.*)$", smf, re.MULTILINE)
    assert header is not None
    assert re.findall(r"Cm (\w+)", header[1]) == [kind.value for kind in RestartOn]
    for kind in PropertyType:
        assert re.search(rf"\b{kind.value}\b", smf)


def test_layers_are_documented() -> None:
    found = re.findall(r"^\.It Li (\S+) Ta", text_of("smf_layers.7"), re.MULTILINE)
    assert found == list(LAYERS)


def test_every_message_is_explained() -> None:
    used = {
        found
        for path in (SOURCE / "engine").glob("*.py")
        for found in re.findall(r"SMF-8000-\w\w", path.read_text())
    }
    explained = re.findall(r"^\.Ss (SMF-8000-\w\w) ", text_of("roost-messages.7"), re.MULTILINE)
    assert sorted(explained) == sorted(used)


def test_every_element_and_attribute_is_documented() -> None:
    items = re.findall(r"^\.It Ic (.*)$", text_of("service_bundle.5"), re.MULTILINE)
    found: dict[str, set[str]] = {}
    for item in items:
        names, _, attributes = item.partition(" Ar ")
        attributes = re.sub(r"\b(Ar|Oo|Oc|Op)\b", " ", attributes)
        for name in re.sub(r"\b(Oo|Op)\b", " ", names).split(" , "):
            found[name.strip()] = set(attributes.split())
    assert found.keys() == ELEMENTS.keys()
    for tag, attributes_found in found.items():
        wanted = ELEMENTS[tag].attributes.keys()
        if "..." in attributes_found:
            assert attributes_found - {"..."} <= wanted, tag
        else:
            assert attributes_found == wanted, tag


def test_the_example_bundles_are_valid() -> None:
    page = text_of("service_bundle.5").partition(".Sh EXAMPLES")[2]
    bundles = re.findall(r"^<\?xml.*?</service_bundle>$", page, re.MULTILINE | re.DOTALL)
    assert len(bundles) == 2
    for bundle in bundles:
        assert find_problems(bundle.encode()) == []


def test_exit_statuses_and_functions_of_methods_are_documented() -> None:
    page, include = text_of("smf_method.7"), SMF_INCLUDE.read_text()
    statuses = re.findall(r"^(SMF_EXIT_\w+)=(\d+)$", include, re.MULTILINE)
    assert statuses
    shown = re.findall(r"^\.It Dv (SMF_EXIT_\w+) Ta (\d+) Ta", page, re.MULTILINE)
    assert shown == statuses
    functions = set(re.findall(r"^(smf_\w+)\(\)", include, re.MULTILINE))
    assert set(re.findall(r"^\.It (?:Fn|Ic) (smf_\w+)", page, re.MULTILINE)) == functions


def test_attributes_without_effect_are_named() -> None:
    page = text_of("smf_method.7")
    assert f".It Li {' , '.join(_FOREIGN)}\n" in page


def test_properties_of_sealed_storage_are_documented() -> None:
    page = text_of("roost-sealed.7").partition(".Sh PROPERTIES")[2].partition(".Sh EXAMPLES")[0]
    assert re.findall(r"^\.It Li (\w+)$", page, re.MULTILINE) == [*_NEEDED, *_OPTIONAL]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_references_lead_somewhere(page: Path) -> None:
    names = {each.name for each in PAGES}
    text = page.read_text()
    for name, section in re.findall(r"\bXr (\S+) (\d)", text):
        if OURS.match(name):
            assert f"{name}.{section}" in names
            assert (name, section) != (page.stem, page.suffix[1:])
    assert f".Dt {page.stem.upper()} {page.suffix[1:]}\n" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_mandoc_finds_nothing(page: Path) -> None:
    mandoc = shutil.which("mandoc")
    if mandoc is None:
        pytest.skip("mandoc is not installed (apt-get install mandoc)")
    done = subprocess.run(
        [mandoc, "-T", "lint", "-W", "warning", str(page)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout + done.stderr == ""
