"""Subcommands about notification parameters: setnotify, listnotify, delnotify.

Stored as manifests give them (service_bundle(5)): a group of type notify_params for each event,
with properties ``TYPE,active`` and ``TYPE,PARAMETER``. What holds for all services is on
svc:/system/svc/global:default; classes of faults are on svc:/system/fm/notify-params:default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from roost.cli.cfg.entities import refresh
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.cfg.store import Change, put
from roost.cli.columns import STATE_ORDER
from roost.errors import InvalidName, InvalidValue, NotFound, TypeMismatch
from roost.fmri import is_component, is_instance, service_of
from roost.model.properties import Property, PropertyGroup, PropertyType, parse_value

GROUP_TYPE = "notify_params"
GLOBAL = "svc:/system/svc/global:default"
FAULTS = "svc:/system/fm/notify-params:default"

_ALL = "all"
_STATES = tuple(state for state in STATE_ORDER if state != "legacy_run")
_TRANSITIONS = frozenset(
    {_ALL, *_STATES, *(f"{way}-{state}" for way in ("to", "from") for state in _STATES)}
)
CLASSES = ("problem-diagnosed", "problem-updated", "problem-repaired", "problem-resolved")
EVENTS = (*sorted(_TRANSITIONS), *CLASSES)
"""What the subcommands take, several with commas between them."""

_TYPES: Mapping[str, str] = {"mailto": "smtp", "snmp": "snmp", "syslog": "syslog"}
"""The type of notification by the scheme of what setnotify takes."""
_ACTIVE = {"active": "true", "inactive": "false"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What setnotify wants of one type: only whether it is active, or all its parameters."""

    type: str
    active: bool
    parameters: Mapping[str, tuple[str, ...]] | None = None


def parse_events(text: str) -> list[str]:
    """The events of a list; `InvalidName` for an unknown one, or for both kinds in one list."""
    events = list(dict.fromkeys(text.split(",")))
    for event in events:
        if event not in EVENTS:
            raise InvalidName(
                f"use '{event}' as an event",
                "events are all, STATE, to-STATE, from-STATE, and " + ", ".join(CLASSES),
            )
    if 0 < sum(event in CLASSES for event in events) < len(events):
        raise InvalidName(
            f"use '{text}' as events", "changes of state and classes of faults do not go together"
        )
    return events


def parse_wish(text: str) -> Wish:
    """Parse ``mailto:ADDRESS[?NAME=VALUE&...]`` or ``TYPE:active``; raises `InvalidValue`."""
    scheme, colon, rest = text.partition(":")
    kind = _TYPES.get(scheme)
    if kind is None or not colon or not rest:
        raise InvalidValue(
            f"use '{text}' as a notification",
            "it is written mailto:ADDRESS, or mailto:, snmp: or syslog:, and active or inactive",
        )
    if rest in _ACTIVE:
        return Wish(kind, rest == "active")
    if scheme != "mailto":
        raise InvalidValue(f"use '{text}' as a notification", f"{scheme}: takes active or inactive")
    addresses, _, headers = rest.partition("?")
    parameters = {"to": tuple(unquote(one) for one in addresses.split(",") if one)}
    for header in filter(None, headers.split("&")):
        name, _, value = header.partition("=")
        if not is_component(f"{kind},{name}") or name == "active":
            raise InvalidValue(f"use '{text}' as a notification", f"'{name}' is no parameter")
        parameters[name] = (unquote(value),)
    if not parameters["to"]:
        raise InvalidValue(f"use '{text}' as a notification", "it names no address")
    return Wish(kind, active=True, parameters=parameters)


def changes_for(wish: Wish, present: PropertyGroup) -> list[Change]:
    """What makes the group say what the wish says of its type."""
    wanted = [_boolean(f"{wish.type},active", wish.active)]
    gone: list[str] = []
    if wish.parameters is not None:
        for name, values in wish.parameters.items():
            checked = tuple(parse_value(PropertyType.ASTRING, value) for value in values)
            wanted.append(Property(f"{wish.type},{name}", PropertyType.ASTRING, checked))
        kept = {prop.name for prop in wanted}
        gone = [name for name in present.properties if name.startswith(f"{wish.type},")]
        gone = [name for name in gone if name not in kept]
    changed = [put(prop) for prop in wanted if present.properties.get(prop.name) != prop]
    return [*changed, *(Change("delete", name) for name in gone)]


def _boolean(name: str, value: bool) -> Property:
    return Property(name, PropertyType.BOOLEAN, ("true" if value else "false",))


# Where they are


def _place(session: Session, call: Call, events: Sequence[str]) -> str:
    """The entity whose notifications are meant."""
    are_faults = any(event in CLASSES for event in events)
    if are_faults and "-g" in call.options:
        raise InvalidName(
            f"{call.command.name} -g", "classes of faults hold for all services anyway"
        )
    if are_faults:
        return FAULTS
    return GLOBAL if "-g" in call.options else session.entity(call)


def _sources(session: Session, place: str) -> list[tuple[str, Mapping[str, PropertyGroup]]]:
    """The entities whose groups hold for ``place``, the nearest first, with these groups."""
    if place == FAULTS:
        entities = [FAULTS]
    else:
        entities = list(dict.fromkeys((place, service_of(place), GLOBAL)))
    found: list[tuple[str, Mapping[str, PropertyGroup]]] = []
    for fmri in entities:
        if fmri == place or session.store.find(fmri):
            groups = session.store.groups(fmri) if session.store.find(fmri) else {}
            found.append((fmri, {n: g for n, g in groups.items() if g.type == GROUP_TYPE}))
    return found


def _make(session: Session, fmri: str) -> None:
    """Add the instance, which has no meaning but to hold notifications, where it is missing."""
    if session.store.find(fmri):
        return
    service, _, name = fmri.rpartition(":")
    if not session.store.find(service):
        session.store.call("Repository.AddService", name=service.removeprefix("svc:/"))
    session.store.call("Repository.AddInstance", service=service, name=name)


def _refresh(session: Session, fmri: str) -> None:
    refresh(session, [fmri] if is_instance(fmri) else session.store.instances(fmri))


# The subcommands


def _setnotify(session: Session, call: Call) -> None:
    events, wish = parse_events(call.operands[0]), parse_wish(call.operands[1])
    fmri = _place(session, call, events)
    if fmri in (GLOBAL, FAULTS):
        _make(session, fmri)
    for event in events:
        present = session.store.groups(fmri, group=event).get(event)
        if present is None:
            session.store.call(
                "Repository.AddGroup", fmri=fmri, name=event, type=GROUP_TYPE, persistent=True
            )
        elif present.type != GROUP_TYPE:
            raise TypeMismatch(
                f"setnotify '{event}' of {fmri}", f"there is a group {event} of type {present.type}"
            )
        session.store.change(fmri, event, lambda group: changes_for(wish, group))
        session.remark(f"{fmri}: {event} notifies by {wish.type}.")
    _refresh(session, fmri)


def _delnotify(session: Session, call: Call) -> None:
    events = parse_events(call.operands[0])
    fmri = _place(session, call, events)
    present = dict(_sources(session, fmri)).get(fmri, {})
    for event in events:
        if not any(_is_of(name, event) for name in present):
            raise NotFound(f"delnotify '{event}' of {fmri}", "Not found.", "listnotify")
    for name in [name for name in present if any(_is_of(name, event) for event in events)]:
        session.store.call("Repository.DeleteGroup", fmri=fmri, name=name)
        session.remark(f"{fmri}: {name} deleted.")
    _refresh(session, fmri)


def _is_of(name: str, event: str) -> bool:
    """Does deleting ``event`` delete the group ``name``? A state alone is both its changes."""
    return name in (event, f"to-{event}", f"from-{event}")


def _listnotify(session: Session, call: Call) -> None:
    text = call.operand(0)
    events = parse_events(text) if text is not None else None
    if events is None and session.selection is None and "-g" not in call.options:
        place = FAULTS
    else:
        place = _place(session, call, events or ())
    found = effective(_sources(session, place), events)
    if call.as_json:
        session.say_json(notifications=[_record(source, group) for source, group in found])
        return
    for source, group in found:
        for line in lines_of(source, group):
            session.say(line)


def effective(
    sources: Iterable[tuple[str, Mapping[str, PropertyGroup]]], events: Sequence[str] | None
) -> list[tuple[str, PropertyGroup]]:
    """The groups that hold for the events (all, without), by name, each with its entity."""
    found: dict[str, tuple[str, PropertyGroup]] = {}
    for source, groups in sources:
        for name, group in groups.items():
            if events is None or any(_covers(name, event) for event in events):
                found.setdefault(name, (source, group))
    return [found[name] for name in sorted(found)]


def _covers(name: str, event: str) -> bool:
    """Does the group ``name`` speak of the event?"""
    state = event.removeprefix("to-").removeprefix("from-")
    return name in (event, state) or _is_of(name, event) or (name == _ALL and event not in CLASSES)


def types_of(group: PropertyGroup) -> dict[str, dict[str, tuple[str, ...]]]:
    """The parameters by type, ``active`` among them."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for prop in group.properties.values():
        kind, comma, parameter = prop.name.partition(",")
        if comma:
            found.setdefault(kind, {})[parameter] = prop.values
    return found


def lines_of(source: str, group: PropertyGroup) -> list[str]:
    """The lines of listnotify for one event."""
    event = group.value("event") or group.name
    lines = [f"    Event: {event} (source: {source})"]
    for kind, parameters in sorted(types_of(group).items()):
        active = " ".join(parameters.get("active", ("true",)))
        lines += [f"        Notification Type: {kind}", f"            Active: {active}"]
        lines += [
            f"            {name}: {' '.join(values)}"
            for name, values in sorted(parameters.items())
            if name != "active"
        ]
    return lines


def _record(source: str, group: PropertyGroup) -> dict[str, object]:
    types = {
        kind: {name: list(values) for name, values in sorted(parameters.items())}
        for kind, parameters in sorted(types_of(group).items())
    }
    return {"event": group.value("event") or group.name, "source": source, "types": types}


COMMANDS = (
    Command(
        "setnotify [-g] EVENTS NOTIFICATION",
        "mailto:ADDRESS, snmp:active, ...; -g: for all services",
        _setnotify,
        (2, 2),
        flags="g",
        modifies=True,
    ),
    Command(
        "listnotify [-g] [EVENTS]",
        "whom events are told; -g: for all services",
        _listnotify,
        (0, 1),
        flags="g",
        words=("--json",),
    ),
    Command(
        "delnotify [-g] EVENTS",
        "tell nobody of events any more; -g: of all services",
        _delnotify,
        (1, 1),
        flags="g",
        modifies=True,
    ),
)
