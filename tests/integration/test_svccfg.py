"""svccfg against a real svc.startd: entities, properties, snapshots."""

from __future__ import annotations

import json
import subprocess

from tests.integration.svccfg_house import (
    TIMEOUT_S,
    House,
)


def test_services_and_instances_come_and_go(house: House) -> None:
    house.ok("add site/new")
    assert "site/new\n" in house.ok("list")
    assert house.ok("-s", "site/new", "list") == ":properties\n"
    house.ok("-s", "svc:/site/new", "add one")
    house.ok(text="select site/new\nadd two\n")
    assert house.ok("-s", "site/new", "list") == ":properties\none\ntwo\n"
    assert house.ok("-s", "site/new", "list", "t*") == "two\n"
    assert house.ok("-s", "site/new:one", "list") == ":properties\n"
    house.ok("delete", "svc:/site/new:one")
    house.ok(text="select site/new\ndelete two\nunselect\ndelete site/new\n")
    assert "site/new" not in house.ok("list")


def test_what_cannot_be_added(house: House) -> None:
    house.ok("add site/new")
    house.ok("-s", "site/new", "add one")
    assert "cannot add svc:/site/new: it exists" in house.refused("add site/new")
    assert "it exists" in house.refused("-s", "site/new", "add one")
    assert "legal service name" in house.refused("add site/new!")
    assert "legal instance name" in house.refused("-s", "site/new", "add 1")
    assert "nothing lies below it" in house.refused("-s", "site/new:one", "add two")


def test_selection_by_abbreviation(quotes: House) -> None:
    quotes.ok("add site/other")
    quotes.ok("-s", "site/other", "add nightly")

    def selected(text: str) -> str:
        # An instance lists one child, a service also its instances.
        return quotes.ok("-s", text, "--json", "list")

    service = selected("svc:/site/quotes")
    assert json.loads(service)["children"] == [":properties", "daily", "nightly"]
    for text in ("quotes", "site/quotes", "*quotes", "svc://localhost/site/quotes"):
        assert selected(text) == service
    for text in ("quotes:daily", "daily", ":daily", "site/quotes:daily", "svc:/site/quotes:daily"):
        assert json.loads(selected(text))["children"] == [":properties"]
    several = quotes.refused("-s", "nightly", "list")
    assert "svc:/site/quotes:nightly" in several
    assert "svc:/site/other:nightly" in several
    assert "svc:/site/quotes\n" in quotes.refused("-s", "site/*", "list")
    assert "Not found." in quotes.refused("-s", "uotes", "list")
    assert "Not found." in quotes.refused("-s", "svc:/quotes", "list")
    assert "Not found." in quotes.refused("select quotes:weekly")
    assert "Invalid FMRI." in quotes.refused("-s", "quotes!", "list")


def test_a_child_is_preferred_to_an_abbreviation(quotes: House) -> None:
    quotes.ok("add site/daily")
    out = quotes.ok(text="select site/quotes\nselect daily\nlistpg general\n")
    assert out == "general  framework\n"


def test_unselect(quotes: House) -> None:
    out = quotes.ok(text="select quotes:daily\nunselect\nlist\nunselect\nselect site/quotes\n")
    assert out == ":properties\ndaily\nnightly\n"
    assert "no service or instance is selected" in quotes.refused("unselect")


def test_the_selection_goes_with_what_is_deleted(quotes: House) -> None:
    out = quotes.ok(text="select quotes:daily\ndelete svc:/site/quotes:daily\nlist\n")
    assert out == ":properties\nnightly\n"


def test_groups_come_and_go(quotes: House) -> None:
    quotes.ok("-s", "quotes:daily", "addpg extra application")
    quotes.ok("-s", "quotes:daily", "addpg volatile framework P")
    assert quotes.ok("-s", "quotes:daily", "listpg [ev]*") == (
        "extra     application\nvolatile  framework\tNONPERSISTENT\n"
    )
    assert quotes.ok("-s", "quotes:daily", "listprop volatile").endswith("\tNONPERSISTENT\n")
    assert "the only flag is P" in quotes.refused("-s", "quotes:daily", "addpg x application Q")
    assert "svccfg: cannot" in quotes.refused("-s", "quotes:daily", "addpg extra application")
    assert "svccfg: cannot" in quotes.refused("-s", "quotes:daily", "addpg 1x application")
    quotes.ok("-s", "quotes:daily", "delpg extra")
    quotes.ok("-s", "quotes:daily", "delprop volatile")
    assert "Not found." in quotes.refused("-s", "quotes:daily", "delpg extra")
    assert quotes.ok("-s", "quotes:daily", "listpg [ev]*") == ""


def test_setprop_and_listprop(quotes: House) -> None:
    quotes.ok("-s", "quotes", "setprop config/port = count: 1")
    quotes.ok("-s", "quotes", "setprop", "config/greeting=moin")
    quotes.ok("-s", "quotes", "setprop", 'config/search="a.example b.example"')
    quotes.ok("-s", "quotes", "setprop config/hosts = host: (10.0.0.1 h.example)")
    quotes.ok("-s", "quotes", "setprop config/none = astring: ()")
    quotes.ok("-s", "quotes", "-f", "-", text='setprop config/two = ustring: (\n  "x\ny"\n z)\n')
    assert quotes.props("quotes", "config") == (
        "config           application\n"
        "config/greeting  astring  moin\n"
        'config/hosts     host     "10.0.0.1" "h.example"\n'
        "config/none      astring\n"
        "config/port      count    1\n"
        'config/search    astring  "a.example b.example"\n'
        'config/two       ustring  "x\ny" "z"\n'
    )


def test_what_setprop_refuses(quotes: House) -> None:
    before = quotes.props("quotes")
    for line, why in (
        ("setprop config/port = integer: 1", "its type is count, not integer"),
        ("setprop config/port = -x", "of type count"),
        ("setprop config/new = 1", "a new property needs a type"),
        ("setprop nogroup/new = count: 1", "Not found."),
        ("setprop config/port = 1 2", "several values need parentheses"),
        ("setprop config/port = number: 1", "as a property type"),
        ("addpropvalue config/port integer: 2", "its type is count, not integer"),
        ("delprop config/nothing", "Not found."),
        ("delpropvalue config/nothing x", "Not found."),
    ):
        assert why in quotes.refused("-s", "quotes", line)
    assert quotes.props("quotes") == before


NASTY = [
    "",
    " ",
    "plain",
    "two words",
    'a "quoted" one',
    "back\\slash\\",
    "# no comment",
    "a=b (c) > d",
    "astring:",
    "tab\there",
    "line\nbreak",
    "it's; $HOME `x` & | < *",
    "Grüße, 東京",
    "\udce9t\udce9",
    "%{options/x} %%",
]


def test_strings_survive(quotes: House) -> None:
    """What listprop prints, setprop reads back: alone and in a list."""
    for value in NASTY:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        quotes.ok("-s", "quotes", "-f", "-", text=f'setprop config/greeting = "{escaped}"\n')
        shown = quotes.props("quotes", "config/greeting").partition("astring")[2].strip(" ")
        quotes.ok("-s", "quotes", "-f", "-", text=f"setprop config/copy = astring: {shown}")
        groups = json.loads(quotes.ok("--json", "-s", "quotes", "listprop config"))["groups"]
        values = {prop["name"]: prop["values"] for prop in groups[0]["properties"]}
        assert values["greeting"] == values["copy"] == [value]
    listed = " ".join(
        '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in NASTY
    )
    quotes.ok("-s", "quotes", text=f"setprop config/all = astring: ({listed})\n")
    shown = quotes.props("quotes", "config/all").partition("astring")[2]
    quotes.ok("-s", "quotes", text=f"setprop config/all2 = astring: ({shown})\n")
    groups = json.loads(quotes.ok("-s", "quotes", "listprop config/all* --json"))["groups"]
    assert [prop["values"] for prop in groups[0]["properties"]] == [NASTY, NASTY]


def test_single_values_of_a_list(quotes: House) -> None:
    quotes.ok("-s", "quotes", "addpropvalue config/search c.example")
    quotes.ok("-s", "quotes", "addpropvalue config/fresh count: 7")
    quotes.ok("-s", "quotes", "delpropvalue config/search [ab].*")
    quotes.ok("-s", "quotes", "delpropvalue config/search nothing*")
    assert quotes.props("quotes", "config/search") == "config/search  astring  c.example\n"
    assert quotes.props("quotes", "config/fresh") == "config/fresh  count    7\n"
    quotes.ok("-s", "quotes", "delpropvalue config/search *")
    assert quotes.props("quotes", "config/search") == "config/search  astring\n"


def test_values_added_at_the_same_time_are_all_there(quotes: House) -> None:
    running = [
        subprocess.Popen(
            quotes.command("-s", "quotes", "-f", "-"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for writer, process in enumerate(running):
        assert process.stdin is not None
        lines = "".join(f"addpropvalue config/search w{writer}-{n}\n" for n in range(20))
        process.stdin.write(lines.encode())
        process.stdin.close()
    for process in running:
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr is not None
        process.stderr.close()
    groups = json.loads(quotes.ok("-s", "quotes", "listprop config/search --json"))["groups"]
    values = groups[0]["properties"][0]["values"]
    assert sorted(values) == sorted(
        ["a.example", "b.example", *(f"w{w}-{n}" for w in range(3) for n in range(20))]
    )


def test_the_instance_does_not_show_what_the_service_has(quotes: House) -> None:
    assert quotes.props("quotes:nightly", "config") == (
        "config       application\nconfig/port  count    9090\n"
    )
    assert "Not found." in quotes.refused("-s", "quotes:daily", "setprop config/port = 1")


def test_snapshots(quotes: House) -> None:
    names = quotes.ok("-s", "quotes:nightly", "listsnap").split()
    assert {"initial", "last-import", "running"} <= set(names)
    quotes.ok("-s", "quotes:nightly", "setprop config/port = 1")
    out = quotes.ok(
        text="select quotes:nightly\nselectsnap running\nlistprop config/port\n"
        "selectsnap\nlistprop config/port\n"
    )
    assert out == "config/port  count    9090\nconfig/port  count    1\n"
    assert "Cannot modify snapshots." in quotes.refused(
        text="select quotes:nightly\nselectsnap running\nsetprop config/port = 2\n"
    )
    quotes.ok("-s", "quotes:nightly", "refresh")
    out = quotes.ok(text="select quotes:nightly\nselectsnap running\nlistprop config/port\n")
    assert out == "config/port  count    1\n"
    quotes.ok("-s", "quotes:nightly", "revert initial")
    assert quotes.props("quotes:nightly", "config/port") == "config/port  count    9090\n"
    assert "previous" in quotes.ok("-s", "quotes:nightly", "listsnap").split()
    out = quotes.ok(text="select quotes:nightly\nselectsnap previous\nrevert\nlistprop config/p*")
    assert out == "config/port  count    1\n"


def test_since_when_a_snapshot_says_what_it_says(quotes: House) -> None:
    lines = quotes.ok("-s", "quotes:nightly", "listsnap -v").splitlines()
    assert [line.split()[0] for line in lines] == ["initial", "last-import", "running"]
    told = json.loads(quotes.ok("-s", "quotes:nightly", "listsnap -v --json"))["snapshots"]
    assert [each["name"] for each in told] == ["initial", "last-import", "running"]
    assert all(each["time"] > 0 and each["user"] for each in told)
    names = json.loads(quotes.ok("-s", "quotes:nightly", "listsnap --json"))["snapshots"]
    assert names == ["initial", "last-import", "running"]


def test_what_cannot_be_written_as_xml_is_named(quotes: House) -> None:
    quotes.ok("-s", "quotes", text='setprop config/greeting = "a\1b"\n')
    why = "config/greeting of svc:/site/quotes holds a character that XML cannot hold"
    for command, better in (
        ("export quotes", "export --format toml quotes"),
        ("archive", "archive --format toml"),
        ("extract -l admin", "extract -l admin --format toml"),
    ):
        refusal = quotes.refused(command)
        assert why in refusal
        assert refusal.endswith(f"try: svccfg {better}\n")
        assert r"a\u0001b" in quotes.ok(better)


def test_what_to_type_names_the_root_that_was_given(quotes: House) -> None:
    def hint(*words: str, text: str | None = None) -> str:
        done = subprocess.run(
            quotes.command(*words), input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]

    program = f"svccfg: try: svccfg -R {quotes.root}"
    assert hint("-s", "nothing", "list") == f"{program} list"
    assert hint("delcust") == f"{program} -s FMRI ..."
    assert hint("-s", "quotes", "setprop config/new = a") == (
        f"{program} -s svc:/site/quotes setprop config/new = astring: a"
    )
    assert hint("-s", "quotes", 'setprop config/new = "a b"') == (
        f"{program} -s svc:/site/quotes setprop 'config/new = astring: \"a b\"'"
    )
    assert hint("nonsense") == f"{program} help"
    assert hint("-s", "quotes", "setprop config/port = x") == f"{program} help setprop"
    # In a dialogue or a file it is a subcommand.
    assert hint(text="delcust\n") == "svccfg: try: select FMRI"
    assert hint(text="nonsense\n") == "svccfg: try: help"
    assert hint(text="select quotes\nsetprop config/port = x\n") == "svccfg: try: help setprop"


def test_what_has_no_snapshot(quotes: House) -> None:
    assert "only instances have snapshots" in quotes.refused("-s", "quotes", "listsnap")
    assert "Not found." in quotes.refused("-s", "quotes:daily", "selectsnap nothing")
    assert "Not found." in quotes.refused("-s", "quotes:daily", "revert nothing")
    assert "usage: revert" in quotes.refused("-s", "quotes:daily", "revert")


def test_refresh_of_a_service_is_one_of_its_instances(quotes: House) -> None:
    quotes.ok("-s", "quotes", "setprop config/greeting = moin")
    out = quotes.ok("-v", "-s", "quotes", "refresh")
    assert out == "svc:/site/quotes:daily refreshed.\nsvc:/site/quotes:nightly refreshed.\n"
    for name in ("daily", "nightly"):
        out = quotes.ok(text=f"select quotes:{name}\nselectsnap running\nlistprop config/greeting")
        assert out == "config/greeting  astring  moin\n"
