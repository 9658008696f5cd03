"""Handlers of the io.roost.Manager interface: what svcs and svcadm ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from roost import __version__
from roost.api import typed
from roost.api.connection import Call
from roost.api.server import Answer, Handler, handlers_of
from roost.daemon.asked import fmris_of, patterns_of
from roost.daemon.manager import Manager
from roost.daemon.wire_forms import dependency_form, state_word
from roost.engine.configure import is_enabled, read_config
from roost.engine.events import (
    ClearRequested,
    DegradedRequested,
    EnabledChanged,
    Event,
    MaintenanceRequested,
    RefreshRequested,
    RestartRequested,
)
from roost.engine.explain import explain
from roost.engine.preview import preview
from roost.engine.states import State
from roost.errors import InvalidState, InvalidValue, NotFound, SystemRefused
from roost.fmri import (
    InstanceFmri,
    canonical,
    is_instance,
    match_instances,
    match_services,
    service_of,
)
from roost.model.properties import Property, PropertyType, make_group
from roost.repository.port import Change, ChangeOp, View

MAX_COMMENT_BYTES = 1024

_ACTIONS = (
    "enable",
    "disable",
    "restart",
    "refresh",
    "clear",
    "mark_maintenance",
    "mark_degraded",
)


class ManagerApi:
    """Answers the calls with what the manager knows."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._engine = manager.engine
        self._repository = manager.repository
        self._rights = manager.rights

    def handlers(self) -> dict[str, Handler]:
        """The handlers by full method name."""
        return handlers_of(
            "io.roost.Manager",
            List=self._list,
            Resolve=self._resolve,
            Dependencies=self._dependencies,
            Dependents=self._dependents,
            Processes=self._processes,
            Explain=self._explain,
            Act=self._act,
            Preview=self._preview,
            Watch=self._watch,
            Subscribe=self._subscribe,
            Status=self._status,
            Shutdown=self._shutdown,
        )

    # --- questions --------------------------------------------------------------------

    def _list(self, call: Call) -> Answer:
        patterns = patterns_of(call)
        known = self._repository.instances()
        found: dict[str, None] = {}
        unmatched = []
        for pattern in patterns:
            matches = match_instances(pattern, known)
            found.update(dict.fromkeys(matches))
            if not matches:
                unmatched.append(pattern)
        chosen = sorted(found) if patterns else known
        return {"instances": [self._manager.form(f) for f in chosen], "unmatched": unmatched}

    def _resolve(self, call: Call) -> Answer:
        instances = self._repository.instances()
        services = self._repository.services()
        matches = []
        for pattern in patterns_of(call):
            chosen = match_instances(pattern, instances)
            named = {service_of(fmri) for fmri in chosen} | set(match_services(pattern, services))
            matches.append({"pattern": pattern, "instances": chosen, "services": sorted(named)})
        return {"matches": matches}

    def _dependencies(self, call: Call) -> Answer:
        node = self._engine.node(self._known(call))
        groups = node.config.dependencies if node is not None else ()
        return {"groups": [dependency_form(self._engine.graph, group) for group in groups]}

    def _dependents(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "fmri")
        if not self._repository.exists(fmri):
            raise NotFound(f"list dependents of {fmri}", "there is no such service", "svcs -a")
        graph = self._engine.graph
        nodes = graph.dependents_of(fmri if is_instance(fmri) else f"{fmri}:")
        return {"instances": sorted(node.fmri for node in nodes)}

    def _processes(self, call: Call) -> Answer:
        return {
            "processes": [
                {
                    "fmri": fmri,
                    "pid": process.pid,
                    "start_time": process.start_time,
                    "command": process.command,
                    "arguments": process.arguments,
                }
                for fmri in fmris_of(call)
                for process in self._manager.restarter.processes(fmri)
            ]
        }

    def _explain(self, call: Call) -> Answer:
        fmris = fmris_of(call)
        for fmri in fmris:
            self._check_known(fmri, "explain")
        explanations = []
        for found in explain(self._engine, fmris, comment_of=self._comment_of):
            facts = self._manager.facts_of(found.fmri)
            log = self._manager.layout.log_of(found.fmri)
            logs = [log] if os.path.exists(log) else []
            explanations.append(
                {
                    "fmri": found.fmri,
                    "common_names": dict(facts.common_names),
                    "state": state_word(found.state),
                    "state_time": self._manager.state_time(found.fmri),
                    "message_id": found.message_id,
                    "reason": found.reason,
                    "see": [*facts.manuals, *logs],
                    "type_this": found.type_this,
                    "impact": list(found.impact),
                    "path": list(found.path),
                }
            )
        return {"explanations": explanations}

    def _comment_of(self, fmri: str) -> str:
        return self._manager.facts_of(fmri).comment

    def _status(self, _call: Call) -> Answer:
        manager = self._manager
        return {
            "pid": os.getpid(),
            "root": manager.layout.root,
            "version": __version__,
            "phase": manager.phase,
            "started": manager.started,
            "instances": len(self._engine.graph.nodes),
            "in_transition": len(self._engine.in_transition()),
            "console": list(manager.console.lines),
            "notices": manager.notices,
        }

    # --- waiting ----------------------------------------------------------------------

    def _watch(self, call: Call) -> None:
        call.require_more()
        fmris = list(dict.fromkeys(map(canonical, fmris_of(call))))
        for fmri in fmris:
            self._check_known(fmri, "watch")
        for fmri in fmris:
            call.reply(self._manager.watch_form(fmri), continues=True)
        self._manager.state_watchers.add(call, fmris)

    def _subscribe(self, call: Call) -> None:
        call.require_more()
        self._manager.subscribers.add(call, None)

    def _shutdown(self, call: Call) -> Answer | None:
        self._rights.require_shutdown(call, "shut svc.startd down")
        if call.more:
            call.reply({"waiting": self._manager.still_up()}, continues=True)
            self._manager.shutdown_callers.add(call, None)
            self._manager.loop.call_soon(self._manager.shut_down)
            return None
        self._manager.loop.call_soon(self._manager.shut_down)
        return {"waiting": self._manager.still_up()}

    # --- acts -------------------------------------------------------------------------

    def _act(self, call: Call) -> Answer:
        fmri = self._known(call)
        action = typed.text(call.parameters, "action")
        self._check_action(fmri, action)
        self._require_action(call, fmri, action)
        manager = self._manager
        if action in ("enable", "disable"):
            self._set_enabled(call, fmri, action == "enable")
        elif action == "refresh":
            manager.refresh([fmri])
        else:
            manager.post(self._event(call, fmri, action))
        return {"notes": self._notes(fmri, action)}

    def _require_action(self, call: Call, fmri: str, action: str) -> None:
        """Enabling for good needs the right to write ``general/enabled``, of whatever else
        svc.startd writes there with it; all else the right to act.
        """
        what = f"{action.replace('_', ' ')} {fmri}"
        is_temporary = typed.boolean(call.parameters, "temporary", default=False)
        if action in ("enable", "disable") and not is_temporary:
            self._rights.require_enabling(call, what, fmri)
        else:
            self._rights.require_action(call, what, fmri)

    def _notes(self, fmri: str, action: str) -> list[str]:
        node = self._engine.node(fmri)
        if node is not None and action == "enable" and node.state is State.MAINTENANCE:
            return [f"{fmri} is in maintenance; type: svcadm clear {fmri}"]
        return []

    def _preview(self, call: Call) -> Answer:
        fmri = self._known(call)
        action = typed.text(call.parameters, "action")
        self._check_action(fmri, action)
        now = self._manager.loop.now()
        node = self._engine.node(fmri)
        if node is None:
            raise InvalidState(
                f"preview {action} of {fmri}",
                "it has no general/enabled yet, so it is in no graph",
                f"svcadm enable {fmri}",
            )
        event: Event
        if action in ("enable", "disable"):
            wanted = action == "enable"
            temporary = typed.boolean(call.parameters, "temporary", default=False)
            permanent = node.enabled if temporary else wanted
            event = EnabledChanged(now, node.fmri, permanent, wanted if temporary else None)
        elif action == "refresh":
            edited = self._repository.groups(fmri, View.COMPOSED)
            event = RefreshRequested(now, node.fmri, read_config(fmri, edited))
        else:
            event = self._event(call, fmri, action)
        return {
            "steps": [
                {
                    "fmri": step.fmri,
                    "action": step.action,
                    "state_from": state_word(step.state_from),
                    "state_to": state_word(step.state_to),
                    "why": step.why,
                }
                for step in preview(self._engine, [event])
            ]
        }

    def _event(self, call: Call, name: str, action: str) -> Event:
        now = self._manager.loop.now()
        fmri = InstanceFmri(name)
        given = call.parameters
        match action:
            case "restart":
                return RestartRequested(now, fmri, typed.boolean(given, "dump", default=False))
            case "clear":
                return ClearRequested(now, fmri)
            case "mark_degraded":
                return DegradedRequested(now, fmri)
            case _:
                return MaintenanceRequested(
                    now,
                    fmri,
                    typed.boolean(given, "immediate", default=False),
                    typed.boolean(given, "from_terminal", default=True),
                    self._requester(call),
                )

    def _requester(self, call: Call) -> str:
        """The instance whose contract the caller runs in, "" if none."""
        return self._manager.restarter.instance_of(call.peer.pid) or ""

    def _set_enabled(self, call: Call, fmri: str, wanted: bool) -> None:
        """The rules of svcadm(8); the comment goes to the group that is written."""
        repository = self._repository
        comment = typed.text(call.parameters, "comment", default="")
        if len(comment.encode(errors="surrogateescape")) > MAX_COMMENT_BYTES:
            raise InvalidValue(f"disable {fmri}", f"the comment is over {MAX_COMMENT_BYTES} bytes")
        permanent, _ = is_enabled(repository.groups(fmri, View.COMPOSED))
        text = "true" if wanted else "false"
        if typed.boolean(call.parameters, "temporary", default=False):
            properties = [Property("enabled", PropertyType.BOOLEAN, (text,))]
            if comment:
                properties.append(Property("comment", PropertyType.ASTRING, (comment,)))
            override = make_group("general_ovr", "framework", properties, persistent=False)
            with self._all_or_nothing(fmri):
                if permanent is None:
                    self._write_general(fmri, "false", None)
                repository.write_volatile({fmri: [override]})
        else:
            with self._all_or_nothing(fmri):
                self._write_general(fmri, text, comment)
                repository.delete_volatile(fmri, "general_ovr")
        self._manager.watchers.changed([(fmri, "general"), (fmri, "general_ovr")])
        self._manager.enabled_changed(fmri)
        self._manager.tell_state(fmri)

    @contextmanager
    def _all_or_nothing(self, fmri: str) -> Iterator[None]:
        """One transaction of the persistent store; the override is as before if it fails."""
        repository = self._repository
        before = repository.groups(fmri, group="general_ovr")
        try:
            with repository.transaction():
                yield
        except SystemRefused:
            with suppress(SystemRefused):
                if before:
                    repository.write_volatile({fmri: list(before.values())})
                else:
                    repository.delete_volatile(fmri, "general_ovr")
            raise

    def _write_general(self, fmri: str, enabled: str, comment: str | None) -> None:
        group = self._repository.groups(fmri, group="general").get("general")
        if group is None:
            self._repository.add_group(fmri, "general", "framework")
        changes = [Change(ChangeOp.SET, "enabled", PropertyType.BOOLEAN, (enabled,))]
        if comment:
            changes.append(Change(ChangeOp.SET, "comment", PropertyType.ASTRING, (comment,)))
        elif comment is not None and group is not None and group.has("comment"):
            changes.append(Change(ChangeOp.DELETE, "comment"))
        self._repository.commit(fmri, "general", changes)

    # --- checks -----------------------------------------------------------------------

    def _known(self, call: Call) -> str:
        fmri = typed.text(call.parameters, "fmri")
        self._check_known(fmri, "find")
        return fmri

    def _check_known(self, fmri: str, verb: str) -> None:
        if not is_instance(fmri) or not self._repository.exists(fmri):
            raise NotFound(f"{verb} {fmri}", "there is no such instance", "svcs -a")

    def _check_action(self, fmri: str, action: str) -> None:
        if action not in _ACTIONS:
            known = ", ".join(_ACTIONS)
            raise InvalidValue(f"do '{action}' to {fmri}", f"the actions are {known}")
        node = self._engine.node(fmri)
        state = node.state if node is not None else State.UNINITIALIZED
        if action == "clear" and state not in (State.MAINTENANCE, State.DEGRADED):
            raise InvalidState(
                f"clear {fmri}",
                f"it is not in a maintenance or degraded state, it is {state.value}",
                f"svcs -x {fmri}",
            )
        if action == "mark_degraded" and state is not State.ONLINE:
            raise InvalidState(
                f"mark {fmri} degraded", f"it is not online, it is {state.value}", f"svcs -x {fmri}"
            )
