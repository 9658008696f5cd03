"""svccfg against a real svc.startd: which layer says what, and customizations taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roost.api.client import Client
from roost.layout import Layout
from roost.model.bundle import Bundle, BundleType, ServiceBundle
from roost.model.bundle_json import bundle_to_json
from roost.model.properties import Property, PropertyType, make_group
from tests.integration.svccfg_house import House


def site_says(house: House, *services: ServiceBundle) -> None:
    """Make the layer of the site's profiles say this and nothing else."""
    bundle = Bundle(BundleType.PROFILE, "site", services)
    file = {"bundle": bundle_to_json(bundle), "file": "/etc/svc/profile/site.xml", "hash": ""}
    with Client(Layout(str(house.root))) as client:
        client.call("Repository.ReplaceLayer", layer="site-profile", files=[file], kept=[])


@pytest.fixture
def customized(quotes: House) -> House:
    """Site and administrator have changed the service, and the administrator one instance."""
    port = Property("port", PropertyType.COUNT, ("81",))
    group = make_group("config", "application", [port])
    site_says(quotes, ServiceBundle("site/quotes", groups=(group,)))
    quotes.ok(
        text="select quotes\nsetprop config/search = (c.example)\ndelprop config/greeting\n"
        "delpg stop\naddpg extra application\n"
        "select quotes:daily\naddpg own application\nsetprop own/x = astring: a\n"
    )
    return quotes


def test_listprop_shows_all_layers_and_marks_what_holds(customized: House) -> None:
    assert customized.ok("-s", "quotes", "listprop -l all config").splitlines() == [
        "config           application  manifest",
        "config           application  site-profile  *",
        'config/greeting  astring      manifest         "hello there"',
        "config/greeting  astring      admin            MASKED",
        "config/port      count        manifest         8080",
        "config/port      count        site-profile  *  81",
        'config/search    astring      manifest         "a.example" "b.example"',
        "config/search    astring      admin         *  c.example",
    ]


def test_listprop_of_one_layer(customized: House) -> None:
    assert customized.ok("-s", "quotes", "listprop -l admin").splitlines() == [
        "config/greeting  astring      admin  MASKED",
        "config/search    astring      admin  c.example",
        "extra            application  admin",
        "stop             method       admin  MASKED",
    ]
    assert customized.ok("-s", "quotes", "listprop -l site-profile,manifest config/port") == (
        "config/port  count  manifest      8080\nconfig/port  count  site-profile  81\n"
    )
    assert customized.ok("-s", "quotes", "listprop -l system-profile") == ""


def test_the_file_of_origin_and_chosen_columns(customized: House, tmp_path: Path) -> None:
    path = tmp_path / "quotes.xml"
    assert customized.ok("-s", "quotes", "listprop -f start/exec") == (
        f"start/exec  astring  manifest  {path}  :true\n"
    )
    assert customized.ok("-s", "quotes", "listprop -f config/search") == (
        "config/search  astring  admin  -  c.example\n"
    )
    assert customized.ok(
        "-s", "quotes", "listprop -l all -o layer,grouptype,name,holds,value config/port"
    ) == (
        "manifest      application  port  false  8080\nsite-profile  application  port  true   81\n"
    )
    assert "the fields are fmri, property" in customized.refused("-s", "quotes", "listprop -o x")
    assert "the layers are manifest, " in customized.refused("-s", "quotes", "listprop -l x")


def test_current_shows_what_holds_also_what_no_layer_has(customized: House) -> None:
    listed = customized.ok("-s", "quotes:daily", "listprop -l current")
    assert "own/x                      astring    admin     a\n" not in listed
    rows = [line.split() for line in listed.splitlines()]
    assert ["own/x", "astring", "admin", "a"] in rows
    assert ["restarter", "framework", "<none>", "NONPERSISTENT"] in rows
    assert ["restarter/state", "astring", "<none>", "disabled"] in rows
    assert "MASKED" not in customized.ok("-s", "quotes", "listprop -l current")


def test_layers_as_json(customized: House) -> None:
    found = json.loads(customized.ok("-s", "quotes", "--json", "listprop -l all config/greeting"))
    assert [(v["layer"], v["values"], v["masked"], v["holds"]) for v in found["values"]] == [
        ("manifest", ["hello there"], False, False),
        ("admin", [], True, False),
    ]
    assert found["values"][0]["fmri"] == "svc:/site/quotes"


def test_listpg_and_list_show_layers(customized: House) -> None:
    assert customized.ok("-s", "quotes", "listpg -l all [es]*").splitlines() == [
        "extra   application  admin     *",
        "start   method       manifest  *",
        "startd  framework    manifest  *",
        "stop    method       manifest",
        "stop    method       admin        MASKED",
    ]
    listed = "daily    manifest\ndaily    admin\nnightly  manifest\n"
    assert customized.ok("-s", "quotes", "list -l all") == listed
    assert customized.ok("-s", "quotes", "list -l current") == "daily    admin\nnightly  manifest\n"
    assert customized.ok("list -l site-profile") == "site/quotes  site-profile\n"
    assert json.loads(customized.ok("-s", "quotes", "list -l admin --json"))["children"] == [
        {"name": "daily", "layer": "admin"}
    ]


def test_a_snapshot_has_no_layers(customized: House) -> None:
    text = "select quotes:daily\nselectsnap running\nlistprop -l all\n"
    assert "a snapshot does not know of layers" in customized.refused(text=text)


CUSTOMIZED = [
    "config/greeting                            astring      admin  MASKED",
    "config/search                              astring      admin  c.example",
    "extra                                      application  admin",
    "stop                                       method       admin  MASKED",
    "svc:/site/quotes:daily/:properties/own     application  admin",
    "svc:/site/quotes:daily/:properties/own/x   astring      admin  a",
]


def test_listcust(customized: House) -> None:
    squeezed = [line.split() for line in CUSTOMIZED]
    listed = customized.ok("-s", "quotes", "listcust").splitlines()
    assert [line.split() for line in listed] == squeezed
    masked = customized.ok("-s", "quotes", "listcust -M").splitlines()
    assert [line.split() for line in masked] == [squeezed[0], squeezed[3]]
    assert customized.ok("-s", "quotes:daily", "listcust */x") == "own/x  astring  admin  a\n"
    assert "site-profile" not in customized.ok("-s", "quotes", "listcust")
    assert "config/port" in customized.ok("-s", "quotes", "listcust -L")
    everything = customized.ok("listcust")
    assert "svc:/site/quotes/:properties/extra" in everything
    assert (
        json.loads(customized.ok("-s", "quotes:daily", "listcust --json own"))["values"][0]["layer"]
        == "admin"
    )


def test_delcust_lets_what_lies_below_hold_again(customized: House) -> None:
    said = "Deleting customizations for property"
    assert customized.ok("-s", "quotes", "delcust -M config") == f"{said}: config/greeting\n"
    assert customized.props("quotes", "config/greeting") == (
        'config/greeting  astring  "hello there"\n'
    )
    assert customized.ok("-s", "quotes", "delcust -M config") == ""
    assert customized.ok("-s", "quotes", "delcust config/search") == f"{said}: config/search\n"
    assert customized.ok("-s", "quotes:daily", "delcust").splitlines() == [
        f"{said} group: own", f"{said}: own/x",
    ]  # fmt: skip
    assert customized.ok("-s", "quotes", "delcust").splitlines() == [
        f"{said} group: extra", f"{said} group: stop",
    ]  # fmt: skip
    assert customized.ok("listcust") == ""
    assert customized.props("quotes", "stop/exec") == "stop/exec  astring  :true\n"
    assert customized.props("quotes", "config/port") == "config/port  count    81\n"


def test_delcust_of_a_service_takes_its_instances_along(customized: House) -> None:
    done = json.loads(customized.ok("-s", "quotes", "delcust --json"))["values"]
    assert {v["fmri"] for v in done} == {"svc:/site/quotes", "svc:/site/quotes:daily"}
    assert customized.ok("listcust") == ""


def test_delcust_needs_a_selection_and_no_snapshot(customized: House) -> None:
    assert "no service or instance is selected" in customized.refused("delcust")
    text = "select quotes:daily\nselectsnap running\ndelcust\n"
    assert "Cannot modify snapshots." in customized.refused(text=text)
    assert len(customized.ok("listcust").splitlines()) == len(CUSTOMIZED)
