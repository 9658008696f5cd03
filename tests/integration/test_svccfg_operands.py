"""svccfg against a real svc.startd: what its operands may be, and forms that nothing else tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.svccfg_house import QUOTES, House

NIGHTLY, DAILY = "svc:/site/quotes:nightly", "svc:/site/quotes:daily"


@pytest.fixture
def quotes(house: House, tmp_path: Path) -> House:
    return house.with_quotes(tmp_path)


def test_delete_takes_a_name_an_fmri_and_a_glob(quotes: House) -> None:
    quotes.ok("-s", "quotes", "delete nightly")
    assert quotes.ok("-s", "quotes", "list") == ":properties\ndaily\n"
    quotes.ok("delete *quo*:da*")
    assert quotes.ok("-s", "quotes", "list") == ":properties\n"
    quotes.ok("delete svc:/site/quotes")
    assert quotes.ok("list site/*") == ""


def test_delete_of_several_deletes_none(quotes: House) -> None:
    quotes.ok("add site/quotas")
    refusal = quotes.refused("delete site/quot*")
    assert refusal == (
        "svccfg: cannot delete 'site/quot*': it matches several:\n"
        "\tsvc:/site/quotas\n\tsvc:/site/quotes\n"
        "svccfg: try: svccfg delete svc:/site/quotas\n"
    )
    assert quotes.ok("list site/*") == "site/quotas\nsite/quotes\n"
    assert quotes.refused("-s", "site/quot*", "list").endswith(
        "try: svccfg -s svc:/site/quotas ...\n"
    )


def test_what_runs_is_deleted_with_f_only(quotes: House) -> None:
    quotes.ok("-s", DAILY, "setprop general/enabled = true")
    # It acts at once, without refresh: sooner or later the instance is no more disabled.
    for service in ("quotes", DAILY):
        refusal = quotes.refused("delete", service)
        assert f"{DAILY} is " in refusal
        assert f"svcadm disable -s {DAILY}" in refusal
    quotes.ok("delete", "-f", DAILY)
    assert quotes.ok("-s", "quotes", "list") == ":properties\nnightly\n"


def test_deleting_a_service_takes_its_dependents_out_of_their_targets(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "quotes.xml"
    dependent = (
        '<dependent name="after" grouping="optional_all" restart_on="none">'
        '<service_fmri value="svc:/site/target:default"/></dependent>'
    )
    path.write_text(QUOTES.replace("  <exec_method", f"  {dependent}<exec_method", 1))
    house.ok("import", str(path))
    assert "after" in house.ok("-s", "target:default", "listpg")
    # It belongs to the manifest of the other service.
    assert "after" not in house.ok("export site/target")
    assert "<dependent " in house.ok("export site/quotes")
    house.ok("delete site/quotes")
    assert "after" not in house.ok("-s", "target:default", "listpg")


def test_lists_as_json(quotes: House, tmp_path: Path) -> None:
    def answer(*words: str) -> object:
        found = json.loads(quotes.ok(*words))
        assert found.pop("version") == 1
        return found

    children = {"children": [":properties", "daily", "nightly"]}
    assert answer("-s", "quotes", "list --json") == children
    assert answer("--json", "-s", "quotes", "list") == children
    assert answer("list --json site/q*") == {"children": ["site/quotes"]}
    assert answer("-s", "quotes", "listpg --json s*") == {
        "groups": [
            {"name": "start", "type": "method", "persistent": True},
            {"name": "startd", "type": "framework", "persistent": True},
            {"name": "stop", "type": "method", "persistent": True},
        ]
    }
    assert answer("inventory", "--json", str(tmp_path / "quotes.xml")) == {
        "entities": [NIGHTLY, DAILY, "svc:/site/quotes"]
    }


def test_validate_takes_files_and_fmris_with_their_schemes(quotes: House, tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    for name in (f"file://{path}", f"file://localhost{path}", f"file:{path}", str(path)):
        assert quotes.ok("-v", "validate", name) == f"{path} is valid.\n"
    for name in (DAILY, "daily", ":daily", "quotes:daily"):
        assert quotes.ok("-v", "validate", name) == f"{DAILY} is valid.\n"
    assert f"cannot validate {path}.xml: No such file" in quotes.refused("validate", f"{path}.xml")
    assert "Not found." in quotes.refused("validate svc:/site/nothing")
    assert "no service or instance is selected" in quotes.refused("validate")


def test_apply_reads_directories(quotes: House, tmp_path: Path) -> None:
    directory = tmp_path / "profiles"
    directory.mkdir()
    for name, port in (("a", 1), ("b", 2)):
        quotes.ok("-s", "quotes", f"setprop config/port = {port}")
        quotes.ok(f"extract -l admin quotes > {directory}/{name}.xml")
    quotes.ok("-s", "quotes", "delcust")
    quotes.ok("apply", "-n", str(directory))
    assert quotes.props("quotes", "config/port").split()[-1] == "8080"
    quotes.ok("apply", str(directory))
    assert quotes.props("quotes", "config/port").split()[-1] == "2"


def test_extract_of_some(quotes: House) -> None:
    assert DAILY.rpartition(":")[2] not in quotes.ok("extract", NIGHTLY)
    assert 'name="nightly"' in quotes.ok("extract", "nightly")
    whole = quotes.ok("extract quotes")
    assert 'name="nightly"' in whole
    assert 'name="daily"' in whole
    assert "manifest-import" not in whole
    assert "Not found." in quotes.refused("extract site/nothing")


def test_variables_of_other_methods(quotes: House) -> None:
    for place, options in (("quotes", ""), (DAILY, "-i"), (DAILY, "-s"), (DAILY, "-s -m stop")):
        quotes.ok("-s", place, f"setenv {options} A 1")
    assert quotes.props("quotes", "*/environment").split() == [
        "method_context/environment", "astring", '"A=1"',
        "start/environment", "astring", '"A=1"', "stop/environment", "astring", '"A=1"',
    ]  # fmt: skip
    for place, options in (("quotes", ""), (DAILY, "-i"), (DAILY, "-s"), (DAILY, "-m stop")):
        quotes.ok("-s", place, f"unsetenv {options} A")
    assert "A=1" not in quotes.props("quotes") + quotes.props(DAILY)
    # A service of inetd has no start method.
    quotes.ok("add site/internet")
    quotes.ok("-s", "site/internet", "addpg inetd_start method")
    quotes.ok("-s", "site/internet", "setenv A 1")
    assert '"A=1"' in quotes.props("site/internet", "inetd_start/environment")


@pytest.mark.parametrize("word", ["end", "exit", "quit"])
def test_what_ends_a_session(quotes: House, word: str) -> None:
    assert quotes.ok(text=f"list site/*\n{word}\nnonsense\n") == "site/quotes\n"
    assert quotes.ok(word) == ""
    assert f"usage: {word}" in quotes.refused(f"{word} 1")


def test_subcommands_come_from_standard_input_and_from_files(quotes: House, tmp_path: Path) -> None:
    commands = (
        '# both\nselect quotes\nsetprop config/search = (one # first\n"two 2"\n)\nlistpg c*\n'
    )
    path = tmp_path / "commands"
    path.write_text(commands)
    for words, text in ((["-f", str(path)], None), (["-f", "-"], commands), ([], commands)):
        assert quotes.ok(*words, text=text) == "config  application\n"
        assert quotes.props("quotes", "config/search").endswith('"one" "two 2"\n')
    assert quotes.ok("-s", "quotes", "-f", "-", text="listpg c*\n") == "config  application\n"


def test_what_setprop_suggests_keeps_the_type(quotes: House) -> None:
    refusal = quotes.refused("-s", "quotes", "setprop config/new = ustring: a b")
    assert 'setprop \'config/new = ustring: ("first value" "second value")\'' in refusal
    refusal = quotes.refused("-s", "quotes", "setprop config/new = ustring: a=b")
    assert "setprop 'config/new = ustring: \"VALUE\"'" in refusal
