"""The manager: passes events to the engine and carries out what it answers.

One step: take all events that wait, let the engine settle, store every new state in one
transaction of the volatile store, *then* run methods, signal processes and set timers, and
tell those who watch. What the restarter reports meanwhile becomes an event of the next step;
nothing calls back up. The API's handlers (`manager_api`, `repository_api`) come in here too.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from roost.daemon.console import Console
from roost.daemon.facts import Facts, read_facts
from roost.daemon.journal import MasterLog
from roost.daemon.rights import Rights
from roost.daemon.transitions import TransitionLog
from roost.daemon.watchers import GroupWatchers, Subscribers
from roost.daemon.wire_forms import instance_form, transition_form, transition_line
from roost.engine.commands import (
    AbandonContract,
    CancelTimer,
    Command,
    ConsoleLine,
    Kill,
    LogLine,
    RunMethod,
    Scope,
    SetTimer,
    ShutdownComplete,
    TakeStartSnapshot,
    Transition,
)
from roost.engine.config import MASTER_RESTARTER, Model
from roost.engine.configure import is_enabled, read_config
from roost.engine.engine import Engine
from roost.engine.events import (
    ChildExited,
    ContractEmptied,
    ContractFaulted,
    EnabledChanged,
    Event,
    ExitStatus,
    Fault,
    InstanceAdded,
    InstanceRemoved,
    MaintenanceRequested,
    MethodExited,
    MethodName,
    RefreshRequested,
    ShutdownRequested,
    TimerFired,
)
from roost.engine.node import Node
from roost.engine.reasons import Aux, status_phrase
from roost.errors import RoostError, SystemRefused
from roost.fmri import InstanceFmri
from roost.layout import Layout
from roost.loop import Loop, Timer
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from roost.model.protection import Secret
from roost.repository.history import Actor
from roost.repository.port import RepositoryPort, View
from roost.restarter.leftovers import find_leftovers
from roost.restarter.ports import RestarterPort

RUNNING = "running"
TELL_WAITING_S = 0.2
EARLY_IMPORT = "svc:/system/early-manifest-import:default"
"""Pseudo instance whose start method brings the repository to what the standard manifests and
profiles say, before anything else starts.
"""
IMPORT_METHOD = "/lib/svc/method/manifest-import"


class Manager:
    """Owns the engine; everything that changes a state goes through `post`."""

    def __init__(
        self,
        loop: Loop,
        layout: Layout,
        repository: RepositoryPort,
        console: Console,
        journal: MasterLog,
    ) -> None:
        self.loop = loop
        self.layout = layout
        self.repository = repository
        self.console = console
        self.journal = journal
        self.rights = Rights(layout, repository, journal, loop.now)
        self.engine = Engine(os.path.exists)
        self.restarter: RestarterPort
        self.transitions = TransitionLog(layout, journal.write)
        self.facts: dict[str, Facts] = {}
        self.phase = "starting"
        self.notices: list[str] = []
        """What an administrator should know of this start."""
        self.started = time.time()
        self.sequence = 0
        self.watchers = GroupWatchers(repository.generation)
        self.state_watchers = Subscribers()
        self.subscribers = Subscribers()
        self.shutdown_callers = Subscribers()
        self.on_down: Callable[[], None] = loop.stop
        self._inbox: deque[Event] = deque()
        self._is_stepping = False
        self._waiting_told: Timer | None = None
        self._timers: dict[int, Timer] = {}
        self._state_times: dict[str, float] = {}
        self._method_ends: dict[str, tuple[float, ExitStatus]] = {}
        self._unsaved: dict[str, None] = {}
        self._askers: dict[str, tuple[Aux, Actor]] = {}
        self._links: list[tuple[str, str, str]] = []

    # --- configuration comes in ---------------------------------------------------------

    def import_then_boot(self) -> None:
        """Import what is new, through the API, and boot when that has ended."""
        start = make_group("start", "method", [_astring("exec", IMPORT_METHOD)])
        self.restarter.run_method(
            EARLY_IMPORT, MethodName.START, {"start": start}, lambda _entity, _path: None
        )

    def boot(self) -> None:
        """Take in every configured instance of the repository and let them start."""
        self.phase = "running"
        fmris = self.repository.instances()
        fresh = [fmri for fmri in fmris if RUNNING not in self.repository.snapshots(fmri)]
        self._take_running_if_possible(fresh)
        events = [event for fmri in fmris if (event := self._added_if_readable(fmri)) is not None]
        self.journal.write(f"Booting {len(events)} of {len(fmris)} instances.")
        self.post(*events, *self._held_by_leftovers(events))

    def _held_by_leftovers(self, events: Iterable[InstanceAdded]) -> list[Event]:
        """What still runs from before svc.startd was killed must not run twice: maintenance."""
        left = find_leftovers(self.layout.root)
        return [
            MaintenanceRequested(
                event.time_s,
                event.fmri,
                immediate=True,
                leftovers=" ".join(str(pid) for pid in left[event.fmri]),
            )
            for event in events
            if event.fmri in left and event.config.model is not Model.TRANSIENT
        ]

    def take_running(self, fmris: Iterable[str]) -> None:
        """Point the snapshot ``running`` of these instances at their present configuration."""
        self.repository.take_snapshots(list(fmris), RUNNING)

    def _take_running_if_possible(self, fmris: Sequence[str]) -> None:
        """An instance without the snapshot runs as it is configured: no reason not to start it."""
        try:
            self.take_running(fmris)
        except SystemRefused as problem:
            self.journal.write(f"Snapshots of {len(fmris)} instances are not taken: {problem}")

    def refresh(self, fmris: Iterable[str]) -> None:
        """Copy the editing view to ``running`` and tell the engine (smf(7))."""
        names = [fmri for fmri in fmris if self.repository.exists(fmri)]
        self.take_running(names)
        self.reread(names)

    def reread(self, fmris: Iterable[str]) -> None:
        """Tell the engine what ``running`` says now; the snapshots are taken already."""
        if self.phase == "starting":
            return
        events: list[Event] = []
        for fmri in fmris:
            node = self.engine.node(fmri)
            if node is None:
                added = self._added(fmri)
                if added is not None:
                    events.append(added)
                continue
            groups = self._load(fmri)
            config = read_config(fmri, groups)
            events.append(RefreshRequested(self.loop.now(), config.fmri, config))
            enabled, override = is_enabled(groups)
            if enabled is not None and (enabled, override) != (node.enabled, node.override):
                events.append(EnabledChanged(self.loop.now(), config.fmri, enabled, override))
        self.post(*events)

    def enabled_changed(self, fmri: str) -> None:
        """``general`` or ``general_ovr`` of an instance was written: it counts at once."""
        if self.phase == "starting":
            return
        if self.engine.node(fmri) is None:
            if RUNNING not in self.repository.snapshots(fmri):
                self._take_running_if_possible([fmri])
            added = self._added(fmri)
            if added is not None:
                self.post(added)
            return
        groups = self._load(fmri)
        permanent, override = is_enabled(groups)
        if permanent is not None:
            self.post(EnabledChanged(self.loop.now(), InstanceFmri(fmri), permanent, override))

    def removed(self, fmris: Iterable[str]) -> None:
        """These instances were deleted from the repository."""
        now = self.loop.now()
        names = list(fmris)
        self.post(*(InstanceRemoved(now, InstanceFmri(fmri)) for fmri in names))
        for fmri in names:
            for known in (self.facts, self._state_times, self._method_ends, self._askers):
                known.pop(fmri, None)
            self.restarter.forget(fmri)

    def _added_if_readable(self, fmri: str) -> InstanceAdded | None:
        """What cannot be read of one instance must not keep the others from starting."""
        try:
            return self._added(fmri)
        except RoostError as problem:
            text = f"{fmri} is left out: {problem}"
            self.console.say(text)
            self.journal.write(text)
            return None

    def _added(self, fmri: str) -> InstanceAdded | None:
        groups = self._load(fmri)
        permanent, override = is_enabled(groups)
        if permanent is None:
            return None
        config = read_config(fmri, groups)
        return InstanceAdded(self.loop.now(), config.fmri, config, permanent, override)

    def _load(self, fmri: str) -> Mapping[str, PropertyGroup]:
        groups = self.repository.groups(fmri, View.RUNNING)
        self.facts[fmri] = read_facts(groups)
        return groups

    # --- the step -----------------------------------------------------------------------

    def post(self, *events: Event) -> None:
        """Hand events to the engine and carry out what follows, unless that is under way."""
        self._inbox.extend(events)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._inbox:
                batch = list(self._inbox)
                self._inbox.clear()
                self._carry_out(self.engine.step(batch))
            self._save()
            self._save_links()
        finally:
            self._is_stepping = False

    def _carry_out(self, commands: list[Command]) -> None:
        transitions = [c for c in commands if isinstance(c, Transition)]
        now = time.time()
        for transition in transitions:
            self._unsaved[transition.fmri] = None
            if transition.state is not transition.state_from:
                self._state_times[transition.fmri] = now
            else:
                self._state_times.setdefault(transition.fmri, now)
        self._save()
        for command in commands:
            if not isinstance(command, Transition):
                self._do(command)
        self._record(transitions, now)
        for transition in transitions:
            self._tell(transition, now)

    def _record(self, transitions: Sequence[Transition], now: float) -> None:
        """Log what changed, and on whose request: what was asked for may end much later."""
        log = self.repository.history
        lines = []
        for each in transitions:
            if log.is_asked:
                self._askers[each.fmri] = (each.reason.aux, log.actor)
            elif each.fmri in self._askers and self._askers[each.fmri][0] is not each.reason.aux:
                del self._askers[each.fmri]
            if (each.state, each.next_state) != (each.state_from, each.next_from):
                _, actor = self._askers.get(each.fmri, (None, None))
                lines.append(transition_line(each, now, actor))
        self.transitions.append(lines)

    def _do(self, command: Command) -> None:
        fmri = command.fmri
        match command:
            case RunMethod(method=method):
                self._run_method(fmri, method)
            case Kill(scope=scope, signal=number, timed_out=timed_out):
                if timed_out:
                    contract = " ".join(str(i) for i in self.restarter.contract_ids(fmri))
                    text = f"Method or service exit timed out.  Killing contract {contract}."
                    self.restarter.log(fmri, text)
                self.restarter.kill(fmri, scope, number)
            case AbandonContract():
                self.restarter.abandon(fmri)
                self._unsaved[fmri] = None
            case SetTimer(timer=timer, delay_s=delay_s):
                self._timers[timer] = self.loop.call_later(
                    delay_s, lambda: self._timer_fired(fmri, timer)
                )
            case CancelTimer(timer=timer):
                if (running := self._timers.pop(timer, None)) is not None:
                    running.cancel()
            case TakeStartSnapshot():
                self._links.append((fmri, "start", RUNNING))
            case LogLine(text=text):
                self.restarter.log(fmri, text)
            case ConsoleLine(text=text):
                self.console.take_from_methods()
                self.console.say(text)
                self.journal.write(text)
            case ShutdownComplete():
                self.loop.call_soon(self.on_down)
            case _:
                raise AssertionError(f"no way to carry out {command}")

    def _run_method(self, fmri: InstanceFmri, method: MethodName) -> None:
        node = self.engine.node(fmri)
        if node is None:
            return
        self.restarter.run_method(
            fmri,
            method,
            self.repository.groups(fmri, View.RUNNING),
            lambda entity, path: self._look_up(entity or fmri, path),
            child_model=node.config.model is Model.CHILD,
        )
        self._unsaved[fmri] = None

    def _look_up(self, entity: str, path: str) -> tuple[str, ...] | None:
        group, _, name = path.partition("/")
        try:
            found = self.repository.groups(entity, View.RUNNING, group=group).get(group)
        except RoostError:
            return None
        if found is None or not found.has(name):
            return None
        values = found.values(name)
        if self.rights.is_protected(entity, group, found):
            return tuple(map(Secret, values))
        return values

    def _timer_fired(self, fmri: InstanceFmri, timer: int) -> None:
        self._timers.pop(timer, None)
        self.post(TimerFired(self.loop.now(), fmri, timer))

    # --- storing and telling --------------------------------------------------------------

    def _save(self) -> None:
        """Write the ``restarter`` groups of all instances that changed, in one transaction."""
        nodes = [node for fmri in self._unsaved if (node := self.engine.node(fmri)) is not None]
        self._unsaved.clear()
        if not nodes:
            return
        try:
            self.repository.write_volatile({n.fmri: [self._restarter_group(n)] for n in nodes})
        except RoostError as problem:
            # The engine's memory is the truth of this run; the store is its record.
            self.journal.write(f"States of {len(nodes)} instances are not stored: {problem}")
        self.watchers.changed((node.fmri, "restarter") for node in nodes)

    def _save_links(self) -> None:
        links = [link for link in self._links if self.repository.exists(link[0])]
        self._links.clear()
        if not links:
            return
        try:
            self.repository.link_snapshots(links)
        except RoostError as problem:
            self.journal.write(f"Snapshots of {len(links)} instances are due: {problem}")
            self._links.extend(links)

    def _restarter_group(self, node: Node) -> PropertyGroup:
        fmri = node.fmri
        pid = self.restarter.start_pid(fmri)
        ended, status = self._method_ends.get(fmri, (0.0, None))
        properties = [
            _astring("state", node.state.value),
            _astring("next_state", node.next_state.value if node.next_state else "none"),
            _astring("auxiliary_state", node.reason.auxiliary_state),
            _astring("auxiliary_fmri", node.reason.cause),
            _time("state_timestamp", self.state_time(fmri)),
            Property(
                "contract",
                PropertyType.COUNT,
                tuple(str(number) for number in self.restarter.contract_ids(fmri)),
            ),
            _astring("logfile", self.layout.log_of(fmri)),
        ]
        if pid is not None:
            properties.append(Property("start_pid", PropertyType.COUNT, (str(pid),)))
        if status is not None:
            waited = status.signal if status.signal is not None else (status.code or 0) << 8
            properties.append(_time("start_method_timestamp", ended))
            properties.append(
                Property("start_method_waitstatus", PropertyType.INTEGER, (str(waited),))
            )
        return make_group("restarter", "framework", properties, persistent=False)

    def _tell(self, transition: Transition, now: float) -> None:
        self.sequence += 1
        fmri = transition.fmri
        if subscribers := self.subscribers.of(fmri):
            form = transition_form(transition, self.sequence, now)
            for call in subscribers:
                call.reply({"transition": form}, continues=True)
        self.tell_state(fmri)
        if self._waiting_told is None and self.phase == "stopping":
            self._waiting_told = self.loop.call_later(TELL_WAITING_S, self._tell_waiting)

    def _tell_waiting(self) -> None:
        """Tell those who follow the shutdown who is still up; a few times a second at most."""
        self._waiting_told = None
        waiting = self.still_up()
        for call in self.shutdown_callers.everyone():
            call.reply({"waiting": waiting}, continues=True)

    def tell_state(self, fmri: str) -> None:
        """Tell those who watch this instance what it is now."""
        calls = self.state_watchers.of(fmri)
        if calls and fmri in self.engine.graph.nodes:
            answer = self.watch_form(fmri)
            for call in calls:
                call.reply(answer, continues=True)

    def watch_form(self, fmri: str) -> dict[str, object]:
        """A reply of Watch."""
        # While manifests are imported nothing runs yet, and nothing is hopeless.
        can_come_up = self.phase == "starting" or self.engine.can_come_up(fmri)
        return {"instance": self.form(fmri), "can_come_up": can_come_up}

    # --- answers ------------------------------------------------------------------------

    def state_time(self, fmri: str) -> float:
        """When the present state was reached, in seconds since the epoch."""
        return self._state_times.get(fmri, self.started)

    def facts_of(self, fmri: str) -> Facts:
        """The facts of an instance, also of one that is not configured."""
        found = self.facts.get(fmri)
        if found is None:
            self._load(fmri)
            found = self.facts[fmri]
        return found

    def form(self, fmri: str) -> dict[str, object]:
        """The wire form of an instance."""
        node = self.engine.node(fmri)
        enabled = is_enabled(self._load(fmri)) if node is None else (node.enabled, node.override)
        return instance_form(
            fmri,
            node,
            self.facts_of(fmri),
            enabled=enabled,
            state_time=self.state_time(fmri),
            contracts=self.restarter.contract_ids(fmri),
            logfile=self.layout.log_of(fmri),
        )

    def still_up(self) -> list[str]:
        """Instances that run or have a method under way."""
        nodes = self.engine.graph.nodes.values()
        return sorted(n.fmri for n in nodes if n.state.is_running or not n.is_idle)

    # --- shutting down --------------------------------------------------------------------

    def shut_down(self) -> None:
        """Stop everything in order; asked a second time, kill what is left."""
        if self.phase != "stopping":
            self.phase = "stopping"
            self.console.say("The system is coming down.  Please wait.")
            self.journal.write("Shutting down.")
            self.post(ShutdownRequested(self.loop.now(), MASTER_RESTARTER))
            return
        left = self.still_up()
        self.console.say(f"Killing {len(left)} services that did not stop.")
        for fmri in left:
            self.restarter.kill(fmri, Scope.METHOD, signal.SIGKILL)
            self.restarter.kill(fmri, Scope.SERVICE, signal.SIGKILL)
        # Not in the next turn: that would learn of the deaths and run the methods once more.
        self.on_down()

    # --- the restarter reports (restarter.ports.Listener) -----------------------------------

    def method_exited(self, instance: str, method: MethodName, status: ExitStatus) -> None:
        """A method has ended."""
        fmri = InstanceFmri(instance)
        if method is MethodName.START:
            self._method_ends[instance] = (time.time(), status)
        if not status.succeeded:
            self.console.take_from_methods()
            self._report_failure(instance, method, status)
        if instance == EARLY_IMPORT:
            if status.message:
                self.console.say(f"{status.message} (see {self.layout.log_of(instance)})")
            self.boot()
        else:
            self.post(MethodExited(self.loop.now(), fmri, method, status))

    def _report_failure(self, instance: str, method: MethodName, status: ExitStatus) -> None:
        command = self.restarter.command_of(instance, method) or f":{method.value}"
        if status.refusal:
            how = f"could not be run: {status.refusal}"
        elif status.signal is not None:
            how = f"failed due to {status_phrase(status)}"
        else:
            how = f"failed with {status_phrase(status)}"
        text = f'{instance}: Method "{command}" {how}.'
        self.console.say(text)
        self.journal.write(text)

    def contract_faulted(self, instance: str, fault: Fault) -> None:
        """A tracked process died of a signal."""
        self.post(ContractFaulted(self.loop.now(), InstanceFmri(instance), fault))

    def contract_emptied(self, instance: str) -> None:
        """No process of the primary contract is left."""
        self._unsaved[instance] = None
        self.post(ContractEmptied(self.loop.now(), InstanceFmri(instance)))

    def child_exited(self, instance: str, status: ExitStatus) -> None:
        """The main process of a child-model service has ended."""
        self.post(ChildExited(self.loop.now(), InstanceFmri(instance), status))


def _astring(name: str, value: str) -> Property:
    return Property(name, PropertyType.ASTRING, (value,))


def _time(name: str, seconds: float) -> Property:
    return Property(name, PropertyType.TIME, (f"{seconds:.9f}",))
