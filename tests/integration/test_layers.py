"""The calls about layers against a real svc.startd: what they do to services that run."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from roost.api.address import short_path
from roost.api.client import Client
from roost.api.wire import PREFIX, Decoder, call_message, encode
from roost.errors import InvalidValue
from roost.fmri import service_of
from tests.integration.case import Case
from tests.integration.daemon import WAIT_S


def _call(case: Case, method: str, **parameters: object) -> dict[str, Any]:
    with Client(case.daemon.layout) as client:
        return client.call(f"Repository.{method}", **parameters)


class _Wait:
    """A WaitGroup that svc.startd reads before any call that is made later."""

    def __init__(self, case: Case, fmri: str, group: str) -> None:
        groups = _call(case, "Groups", fmri=fmri, view="attached", group=group)["groups"]
        self.known = groups[0]["generation"] if groups else 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(WAIT_S)
        with short_path(case.daemon.layout.socket) as address:
            self._socket.connect(address)
        self._decoder = Decoder()
        # A first call is answered: so the connection is accepted, and what is sent is read in
        # its turn.
        self._send("Repository.Instances", service=service_of(fmri))
        self._receive()
        self._send("Repository.WaitGroup", fmri=fmri, group=group, generation=self.known)

    def _send(self, method: str, **parameters: object) -> None:
        self._socket.sendall(encode(call_message(PREFIX + method, parameters)))

    def _receive(self) -> dict[str, Any]:
        while (message := self._decoder.next_message()) is None:
            self._decoder.feed(self._socket.recv(4096))
        return message

    def answer(self) -> int:
        with self._socket:
            generation = self._receive()["parameters"]["generation"]
        assert isinstance(generation, int)
        return generation


def _said(case: Case, fmri: str, group: str) -> list[tuple[str, str, str, bool]]:
    found = _call(case, "Layers", fmri=fmri, group=group)["values"]
    return [(v["property"], v["layer"], " ".join(v["values"]), v["holds"]) for v in found]


def test_dropping_customizations_acts_at_once(case: Case) -> None:
    case.load(case.service("a"))
    fmri = case.fmri("a")
    case.wait("a", "online")
    case.svcadm("disable", "-s", "@a")
    assert _said(case, fmri, "general") == [
        ("", "manifest", "", True),
        ("enabled", "manifest", "true", False),
        ("enabled", "admin", "false", True),
    ]
    wait = _Wait(case, fmri, "general")
    answer = _call(case, "DropCustomizations", fmri=fmri, pattern="gen*", masked_only=True)
    assert answer == {"dropped": []}
    answer = _call(case, "DropCustomizations", fmri=fmri, masked_only=False)
    answer["dropped"][0].pop("protected", None)
    assert answer == {
        "dropped": [
            {
                "group": "general",
                "property": "enabled",
                "layer": "admin",
                "type": "boolean",
                "values": ["false"],
                "masked": False,
                "file": "",
                "holds": True,
            }
        ]
    }
    assert wait.answer() == wait.known + 1
    case.wait("a", "online")
    assert "restarter" not in {v["group"] for v in _call(case, "Layers", fmri=fmri)["values"]}


def test_an_import_and_a_deletion_wake_who_waits(case: Case) -> None:
    case.load(case.service("a"))
    changed = _Wait(case, service_of(case.fmri("a")), "startd")
    case.load(case.service("a", startd={"ignore_error": "core"}))
    assert changed.answer() == changed.known + 1
    gone = _Wait(case, case.fmri("a"), "general")
    case.wait("a", "online")
    _call(case, "Delete", fmri=case.fmri("a"), force=True)
    assert gone.answer() == 0


def test_files_are_imported_and_withdrawn(case: Case) -> None:
    """One call for all; what is new starts, and one bad file keeps none of the others away."""
    name, tree = case.fmri("a"), case.daemon.layout.manifest_directories[0]
    bundle = {
        "type": "manifest",
        "name": "t",
        "services": [
            {
                "name": service_of(name).removeprefix("svc:/"),
                "groups": [
                    _group("start", "method", exec=":true", timeout_seconds="10", type="method"),
                    _group("startd", "framework", duration="transient"),
                ],
                "instances": [{"name": "default", "enabled": True}],
            }
        ],
    }
    files = [
        {"bundle": {"type": "manifest", "services": 1}, "file": f"{tree}/bad.xml", "hash": "00"},
        {"bundle": bundle, "file": f"{tree}/good.xml", "hash": "ab"},
    ]
    reports = _call(case, "ImportFiles", files=files)["reports"]
    assert [report["error"] for report in reports] == [
        "cannot use the bundle: 'bundle.services' must be an array",
        None,
    ]
    assert [report["instances"] for report in reports] == [[], [name]]
    case.wait("a", "online")
    assert _call(case, "Withdraw", files=[f"{tree}/good.xml"]) == {"unsupported": [name]}
    assert case.state("a") == "online"
    assert f"{tree}/good.xml" not in _call(case, "ImportedFiles")["hashes"]
    assert _call(case, "Withdraw", files=[]) == {"unsupported": [name]}


def _group(name: str, kind: str, /, **values: str) -> dict[str, object]:
    properties = [
        {
            "name": prop,
            "type": "count" if prop == "timeout_seconds" else "astring",
            "values": [text],
        }
        for prop, text in values.items()
    ]
    return {"name": name, "type": kind, "properties": properties}


def test_a_profile_layer_acts_at_once(case: Case) -> None:
    """What it enables starts; what it sets is what runs; nobody else is refreshed."""
    case.load(case.service("a", enabled=False) + case.service("b"))
    a = case.fmri("a")
    case.wait("a", "disabled")
    case.wait("b", "online")
    site = case.daemon.layout.below("/etc/svc/profile/site.xml")

    def replace(**said: object) -> dict[str, Any]:
        service = {"name": service_of(a).removeprefix("svc:/"), **said}
        bundle = {"type": "profile", "name": "site", "services": [service]}
        file = {"bundle": bundle, "file": site, "hash": "ab" * 32}
        return _call(case, "ReplaceLayer", layer="site-profile", files=[file], kept=[])

    wait = _Wait(case, a, "general")
    answer = replace(
        groups=[_group("config", "application", name="x")],
        instances=[{"name": "default", "enabled": True}],
    )
    assert answer["instances"] == [a]
    assert [(r["file"], r["error"]) for r in answer["reports"]] == [(site, None)]
    case.wait("a", "online")
    assert wait.answer() == wait.known + 1
    assert _running(case, a, "config") == {"name": ["x"]}
    assert _said(case, a, "general")[-1] == ("enabled", "site-profile", "true", True)
    assert _call(case, "ImportedFiles")["hashes"][site] == "ab" * 32

    case.svcadm("disable", "-s", "@a")
    again = replace(
        groups=[_group("config", "application", name="x")],
        instances=[{"name": "default", "enabled": True}],
    )
    assert again["instances"] == []
    assert case.state("a") == "disabled"
    log = case.log("b")
    answer = replace(groups=[_group("config", "application", name="y")])
    assert answer["instances"] == [a]
    assert _running(case, a, "config") == {"name": ["y"]}
    _call(case, "DropCustomizations", fmri=a, masked_only=False)
    assert case.state("a") == "disabled"  # as the manifest has it
    _call(case, "ReplaceLayer", layer="site-profile", files=[], kept=[])
    assert _running(case, a, "config") == {}
    assert case.log("b") == log
    assert site not in _call(case, "ImportedFiles")["hashes"]


def test_only_profile_layers_are_replaced(case: Case) -> None:
    for name in ("admin", "manifest", "", "site"):
        with pytest.raises(InvalidValue, match="that goes for system-profile and site-profile"):
            _call(case, "ReplaceLayer", layer=name, files=[], kept=[])


def _running(case: Case, fmri: str, group: str) -> dict[str, list[str]]:
    found = _call(case, "Groups", fmri=fmri, view="running", group=group)["groups"]
    return {prop["name"]: prop["values"] for each in found for prop in each["properties"]}
