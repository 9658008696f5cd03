"""A server of canned data, on a real socket, for running commands end to end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roost.api.server import Call, Server
from roost.errors import InvalidState, NotFound
from roost.fmri import match_instances, match_services
from roost.layout import Layout
from roost.loop import Loop

Record = dict[str, Any]
MASTER = "svc:/system/svc/restarter:default"
NO_REASON: Record = {"code": "none", "text": "", "cause": "", "method": "", "status": ""}


def instance(fmri: str, state: str = "online", **changes: object) -> Record:
    """One instance record; enabled unless its state is disabled."""
    return {
        "fmri": fmri,
        "state": state,
        "next_state": "none",
        "state_time": 1000.0,
        "enabled": state != "disabled",
        "enabled_permanent": state != "disabled",
        "enabled_temporary": None,
        "comment": "",
        "auxiliary_state": "none",
        "auxiliary_fmri": "",
        "reason": NO_REASON,
        "contracts": [],
        "restarter": MASTER,
        "logfile": f"/var/svc/log/{fmri.removeprefix('svc:/').replace('/', '-')}.log",
        "common_names": {},
        **changes,
    }


def target(fmri: str, *instances: str, kind: str = "service", state: str = "online") -> Record:
    return {"fmri": fmri, "kind": kind, "state": state, "instances": list(instances)}


def dependency(name: str, grouping: str, *targets: Record, **changes: object) -> Record:
    return {
        "name": name,
        "grouping": grouping,
        "restart_on": "none",
        "type": "service",
        "targets": list(targets),
        **changes,
    }


def group(name: str, kind: str, *properties: tuple[str, str, list[str]]) -> Record:
    return {
        "name": name,
        "type": kind,
        "persistent": True,
        "generation": 1,
        "properties": [{"name": n, "type": t, "values": v} for n, t, v in properties],
    }


def layer_value(path: str, layer: str, kind: str, *values: str, **changes: object) -> Record:
    """What a layer says of GROUP/PROPERTY, or of GROUP; "holds" and "masked" by ``changes``."""
    name, _, prop = path.partition("/")
    return {
        "group": name,
        "property": prop,
        "layer": layer,
        "type": kind,
        "values": list(values),
        "masked": False,
        "file": "",
        "holds": False,
        **changes,
    }


class CannedDaemon:
    """Answers from its attributes, in its own thread; remembers what it was asked to do."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.instances: dict[str, Record] = {}
        self.dependencies: dict[str, list[Record]] = {}
        self.dependents: dict[str, list[str]] = {}
        self.processes: list[Record] = []
        self.explanations: list[Record] = []
        self.explained: list[list[str]] = []
        self.acts: list[Record] = []
        self.notes: dict[str, list[str]] = {}
        self.refusals: dict[str, Exception] = {}
        self.previews: dict[str, list[Record]] = {}
        self.watch: list[tuple[Record, bool]] = []
        self.watched: list[list[str]] = []
        self.groups: dict[tuple[str, str], list[Record]] = {}
        self.asked_groups: list[Record] = []
        self.layers: dict[str, list[Record]] = {}
        self.waits: list[Record] = []
        self.on_wait: Callable[[], None] = lambda: None
        os.makedirs(layout.run_directory)
        self._loop = Loop()
        self._server = Server(
            self._loop,
            layout.socket,
            {
                "io.roost.Manager.List": self._list,
                "io.roost.Manager.Resolve": self._resolve,
                "io.roost.Manager.Dependencies": lambda call: {
                    "groups": self.dependencies.get(str(call.parameters["fmri"]), [])
                },
                "io.roost.Manager.Dependents": lambda call: {
                    "instances": self.dependents.get(str(call.parameters["fmri"]), [])
                },
                "io.roost.Manager.Processes": self._processes,
                "io.roost.Manager.Explain": self._explain,
                "io.roost.Manager.Act": self._act,
                "io.roost.Manager.Preview": self._preview,
                "io.roost.Manager.Watch": self._watch,
                "io.roost.Repository.Find": self._find,
                "io.roost.Repository.Instances": self._instances,
                "io.roost.Repository.Groups": self._groups,
                "io.roost.Repository.Layers": self._layers,
                "io.roost.Repository.WaitGroup": self._wait_group,
            },
            check_replies=True,
        )
        self._wake_read, self._wake_write = os.pipe()
        self._loop.set_reader(self._wake_read, self._loop.stop)
        self._thread = threading.Thread(target=self._loop.run)
        self._thread.start()

    def add(self, *records: Record) -> None:
        for record in records:
            self.instances[record["fmri"]] = record

    def close(self) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join(30)
        self._server.close()
        self._loop.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _matching(self, pattern: str) -> list[str]:
        return match_instances(pattern, sorted(self.instances))

    def _services(self) -> list[str]:
        return sorted({fmri.rpartition(":")[0] for fmri in self.instances})

    def _list(self, call: Call) -> Mapping[str, object]:
        patterns = _texts(call, "patterns")
        found = {fmri for pattern in patterns for fmri in self._matching(pattern)}
        return {
            "instances": [
                self.instances[fmri]
                for fmri in sorted(self.instances)
                if fmri in found or not patterns
            ],
            "unmatched": [pattern for pattern in patterns if not self._matching(pattern)],
        }

    def _resolve(self, call: Call) -> Mapping[str, object]:
        matches = []
        for pattern in _texts(call, "patterns"):
            instances = self._matching(pattern)
            services = sorted({fmri.rpartition(":")[0] for fmri in instances})
            matches.append({"pattern": pattern, "instances": instances, "services": services})
        return {"matches": matches}

    def _processes(self, call: Call) -> Mapping[str, object]:
        wanted = _texts(call, "fmris")
        return {"processes": [p for p in self.processes if p["fmri"] in wanted]}

    def _explain(self, call: Call) -> Mapping[str, object]:
        self.explained.append(list(_texts(call, "fmris")))
        return {"explanations": self.explanations}

    def _act(self, call: Call) -> Mapping[str, object]:
        self.acts.append(dict(call.parameters))
        fmri = str(call.parameters["fmri"])
        if fmri in self.refusals:
            raise self.refusals[fmri]
        return {"notes": self.notes.get(fmri, [])}

    def _preview(self, call: Call) -> Mapping[str, object]:
        return {"steps": self.previews.get(str(call.parameters["fmri"]), [])}

    def _watch(self, call: Call) -> None:
        call.require_more()
        self.watched.append(list(_texts(call, "fmris")))
        for record, can_come_up in self.watch:
            call.reply({"instance": record, "can_come_up": can_come_up}, continues=True)

    def _find(self, call: Call) -> Mapping[str, object]:
        pattern = str(call.parameters["pattern"])
        services = match_services(pattern, self._services())
        instances = [
            fmri
            for fmri in self._matching(pattern)
            if ":" in pattern.removeprefix("svc:") or fmri.rpartition(":")[0] not in services
        ]
        return {"entities": services + instances}

    def _instances(self, call: Call) -> Mapping[str, object]:
        service = str(call.parameters["service"])
        return {"instances": [i for i in sorted(self.instances) if i.startswith(f"{service}:")]}

    def _groups(self, call: Call) -> Mapping[str, object]:
        self.asked_groups.append(dict(call.parameters))
        fmri, view = str(call.parameters["fmri"]), str(call.parameters["view"])
        if view == "snapshot" and call.parameters["snapshot"] == "absent":
            raise NotFound("find snapshot 'absent'", f"{fmri} has no such snapshot")
        groups = self.groups.get((fmri, view), self.groups.get((fmri, ""), []))
        wanted = call.parameters.get("group")
        return {"groups": [g for g in groups if wanted in (None, g["name"])]}

    def _layers(self, call: Call) -> Mapping[str, object]:
        wanted = call.parameters.get("group")
        found = self.layers.get(str(call.parameters["fmri"]), [])
        return {"values": [one for one in found if wanted in (None, one["group"])]}

    def _wait_group(self, call: Call) -> Mapping[str, object]:
        self.waits.append(dict(call.parameters))
        if call.parameters["group"] == "gone":
            raise InvalidState("wait for the group", "it was deleted")
        self.on_wait()
        return {"generation": 2}


def _texts(call: Call, key: str) -> Sequence[str]:
    found = call.parameters[key]
    assert isinstance(found, list)
    return found
