"""Configuration that makes no sense: stored as asked, it never breaks svc.startd or its boot."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from roost.api.client import Client
from roost.errors import InternalError, RoostError
from tests.integration.daemon import Daemon, service
from tests.integration.refusals import ALPHA, call, started, stopped_clean

PLACES = ("svc:/site/alpha", ALPHA)
PROPERTIES = {
    "start": ("timeout_seconds", "exec", "type", "user", "environment", "limits"),
    "stop": ("timeout_seconds", "exec"),
    "startd": ("duration", "ignore_error", "need_session", "critical_failure_count"),
    "d0": ("grouping", "restart_on", "entities", "type"),
    "general": ("enabled", "restarter", "single_instance", "comment"),
    "general_ovr": ("enabled",),
    "method_context": ("user", "group", "working_directory", "privileges", "environment"),
    "restarter": ("state", "contract"),
    "restarter_actions": ("maint_on",),
    "tm_common_name": ("C",),
    "tm_man_x": ("title", "manpath"),
}
GROUP_TYPES = {"start": "method", "stop": "method", "d0": "dependency"}
NONSENSE: tuple[tuple[str, list[str]], ...] = (
    ("astring", ["nonsense"]),
    ("astring", []),
    ("astring", [""]),
    ("astring", ["\udcff"]),
    ("astring", ["%{nope/x}", "%", "%%", "%{"]),
    ("astring", ['"', "a b"]),
    ("astring", ["/nope", "svc:/site/alpha"]),
    ("count", ["18446744073709551615"]),
    ("integer", ["-1"]),
    ("boolean", ["true"]),
    ("opaque", ["00ff"]),
    ("time", ["9" * 40 + ".000000000"]),
    ("fmri", ["svc:/"]),
)
ACTIONS = ("refresh", "restart", "clear", "enable")


def _tried(client: Client, method: str, **parameters: Any) -> None:
    """Call; a refusal is fine, a bug is not."""
    try:
        client.call(method, **parameters)
    except InternalError:
        raise
    except RoostError:
        pass


@pytest.mark.parametrize("seed", range(2))
def test_nonsense_in_the_groups_that_svc_startd_reads(tmp_path: Path, seed: int) -> None:
    daemon = started(tmp_path / "root")
    dice = random.Random(seed)
    with Client(daemon.layout) as client:
        for _ in range(60):
            place, group = dice.choice(PLACES), dice.choice(list(PROPERTIES))
            name, (kind, values) = dice.choice(PROPERTIES[group]), dice.choice(NONSENSE)
            group_type = GROUP_TYPES.get(group, "framework")
            _tried(client, "Repository.AddGroup", fmri=place, name=group, type=group_type,
                   persistent=True)  # fmt: skip
            for op in ("change_type", "set"):
                change = {"op": op, "name": name, "type": kind, "values": values}
                _tried(client, "Repository.Commit", fmri=place, group=group, changes=[change])
            for action in ACTIONS:
                _tried(client, "Manager.Act", fmri=ALPHA, action=action)
            _tried(client, "Manager.Preview", fmri=ALPHA, action="disable")
            for method in ("Manager.Explain", "Manager.Processes"):
                _tried(client, method, fmris=[ALPHA])
            _tried(client, "Manager.Dependencies", fmri=ALPHA)
            if dice.random() < 0.2:
                _tried(client, "Repository.Revert", fmri=ALPHA, snapshot="initial")
    for command in ("svcs -a", "svcs -x", f"svcs -lv {ALPHA}", f"svcprop {ALPHA}"):
        call(daemon.root, command).clean(0)
    stopped_clean(daemon)
    daemon = Daemon(daemon.root)
    daemon.wait_state("svc:/other/alpha:default", "online")
    stopped_clean(daemon)


def test_svcadm_does_the_others(tmp_path: Path) -> None:
    """What is unknown or ambiguous is skipped, the rest is done, and the status is 1."""
    daemon = started(tmp_path / "root")
    daemon.load(service("site/last", ":true", ":true", duration="transient", enabled=False))
    outcome = call(daemon.root, "svcadm enable nope alpha site/idle site/empty last").clean(1)
    assert outcome.err.count("svcadm: cannot enable ") == 3
    for fmri in ("svc:/site/idle:default", "svc:/site/last:default"):
        daemon.wait_state(fmri, "online")
    outcome = call(daemon.root, "svcadm disable -s nope site/idle").clean(1)
    daemon.wait_state("svc:/site/idle:default", "disabled")
    outcome = call(daemon.root, "svcadm enable -s site/broken nope").clean(1)
    assert "svcadm: cannot enable 'nope'" in outcome.err
    outcome = call(daemon.root, "svcadm enable -s site/broken").clean(3)
    assert "svcadm: cannot enable svc:/site/broken:default: it is in maintenance" in outcome.err
    stopped_clean(daemon)
