"""svccfg against a real svc.startd: whom events are told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.svccfg_house import House

GLOBAL = "svc:/system/svc/global:default"
FAULTS = "svc:/system/fm/notify-params:default"


@pytest.fixture
def notified(quotes: House) -> Iterator[House]:
    yield quotes
    for instance in (GLOBAL, FAULTS):
        if quotes.run("-s", instance, "list").status == 0:
            quotes.ok(f"delete {instance}")


def shown(event: str, source: str, kind: str, *parameters: str, active: bool = True) -> str:
    lines = [f"    Event: {event} (source: {source})", f"        Notification Type: {kind}"]
    lines += [f"            {text}" for text in (f"Active: {str(active).lower()}", *parameters)]
    return "".join(f"{line}\n" for line in lines)


def test_what_is_set_for_an_instance_is_stored_and_listed(notified: House) -> None:
    notified.ok("-s", "quotes:daily", 'setnotify to-maintenance "mailto:a@x,b@x?subject=it%20is"')
    assert notified.props("quotes:daily", "to-maintenance").splitlines() == [
        "to-maintenance               notify_params",
        "to-maintenance/smtp,active   boolean  true",
        'to-maintenance/smtp,subject  astring  "it is"',
        'to-maintenance/smtp,to       astring  "a@x" "b@x"',
    ]
    to_maintenance = shown(
        "to-maintenance", "svc:/site/quotes:daily", "smtp", "subject: it is", "to: a@x b@x"
    )
    assert notified.ok("-s", "quotes:daily", "listnotify") == to_maintenance
    assert notified.ok("-s", "quotes:daily", "listnotify maintenance") == to_maintenance
    assert notified.ok("-s", "quotes:daily", "listnotify from-maintenance") == ""
    # It takes effect at once: the instance was refreshed.
    text = "select quotes:daily\nselectsnap running\nlistpg to-*\n"
    assert notified.ok(text=text) == "to-maintenance  notify_params\n"


def test_an_address_is_replaced_and_other_types_stay(notified: House) -> None:
    at = "-s", "quotes"
    notified.ok(*at, 'setnotify offline,to-online "mailto:a@x?reply-to=c@x"')
    notified.ok(*at, "setnotify offline snmp:active")
    notified.ok(*at, "setnotify offline mailto:b@x")
    assert notified.ok(*at, "listnotify to-offline") == (
        "    Event: offline (source: svc:/site/quotes)\n"
        "        Notification Type: smtp\n"
        "            Active: true\n"
        "            to: b@x\n"
        "        Notification Type: snmp\n"
        "            Active: true\n"
    )
    notified.ok(*at, "setnotify offline mailto:inactive")
    found = json.loads(notified.ok(*at, "listnotify --json offline"))["notifications"]
    assert found == [
        {
            "event": "offline",
            "source": "svc:/site/quotes",
            "types": {"smtp": {"active": ["false"], "to": ["b@x"]}, "snmp": {"active": ["true"]}},
        }
    ]


def test_what_is_set_for_all_holds_where_nothing_nearer_is_set(notified: House) -> None:
    notified.ok("setnotify -g all mailto:root@x")
    notified.ok("setnotify -g to-maintenance snmp:active")
    everywhere = shown("to-maintenance", GLOBAL, "snmp")
    assert notified.ok("listnotify -g to-maintenance") == (
        shown("all", GLOBAL, "smtp", "to: root@x") + everywhere
    )
    notified.ok("-s", "quotes", "setnotify to-maintenance snmp:inactive")
    own = shown("to-maintenance", "svc:/site/quotes", "snmp", active=False)
    assert own in notified.ok("-s", "quotes:nightly", "listnotify")
    assert everywhere not in notified.ok("-s", "quotes:nightly", "listnotify")


def test_classes_of_faults_have_a_place_of_their_own(notified: House) -> None:
    assert notified.ok("listnotify") == ""
    notified.ok("setnotify problem-diagnosed,problem-repaired syslog:active")
    assert notified.ok("listnotify problem-repaired") == shown("problem-repaired", FAULTS, "syslog")
    assert notified.ok("listnotify").count("Event: ") == 2
    assert "for all services anyway" in notified.refused(
        "setnotify -g problem-repaired snmp:active"
    )
    assert "do not go together" in notified.refused("listnotify problem-repaired,to-online")


def test_delnotify(notified: House) -> None:
    at = "-s", "quotes:daily"
    notified.ok(*at, "setnotify to-offline,from-offline,online snmp:active")
    assert "Not found." in notified.refused(*at, "delnotify to-online")
    notified.ok(*at, "delnotify offline")
    assert notified.ok(*at, "listnotify").count("Event: ") == 1
    notified.ok(*at, "delnotify online")
    assert notified.ok(*at, "listnotify") == ""
    assert "Not found." in notified.refused("delnotify -g all")


def test_what_an_export_says_of_notifications_is_read_again(notified: House) -> None:
    notified.ok("-s", "quotes:daily", "setnotify to-maintenance mailto:a@x")
    assert '<event value="to-maintenance"/>' in notified.ok("export quotes")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("setnotify sometimes snmp:active", "events are all, STATE, to-STATE"),
        ("setnotify online snmp:sometimes", "snmp: takes active or inactive"),
        ("setnotify online gopher:x", "it is written mailto:ADDRESS"),
        ("setnotify online mailto:", "it is written mailto:ADDRESS"),
        ('setnotify online "mailto:?subject=x"', "it names no address"),
        ('setnotify online "mailto:a?=x"', "'' is no parameter"),
        ("setnotify start snmp:active", "events are all"),
    ],
)
def test_what_makes_no_sense_is_refused(notified: House, line: str, why: str) -> None:
    assert why in notified.refused("-s", "quotes", line)


def test_a_group_of_another_type_is_left_alone(notified: House) -> None:
    notified.ok("-s", "quotes", "addpg online application")
    complaint = notified.refused("-s", "quotes", "setnotify online snmp:active")
    assert "there is a group online of type application" in complaint
