"""Who may do what: the table of smf_security(7). Pure.

An operation needs one of the authorizations that `authorizations_for` names: those of
`TABLE`, where some are standard ones and some are listed in properties of the repository.
Where the caller's own authorizations come from is `roost.daemon.security_file`'s affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from roost.fmri import is_instance, service_of
from roost.model import protection
from roost.model.properties import PropertyGroup, PropertyType
from roost.repository.bookkeeping import HASH_SERVICE
from roost.repository.port import Change, ChangeOp

MODIFY = "solaris.smf.modify"
MANAGE = "solaris.smf.manage"
SHUTDOWN = "solaris.system.shutdown"

GENERAL = "general"
OVERRIDE = "general_ovr"
REQUESTS = "restarter_actions"
ACTION = "action_authorization"

_FRAMEWORK, _METHOD = "framework", "method"
_MODIFIABLE = frozenset({_METHOD, "dependency", "application", _FRAMEWORK})
"""Group types with an authorization ``solaris.smf.modify.TYPE``."""
_STANDARD_TYPES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *(GENERAL, OVERRIDE, REQUESTS, "restarter", "options", "options_ovr", "startd"),
            *("method_context", "dependents", "manifestfiles", "deathrow"),
        ),
        _FRAMEWORK,
    ),
    **dict.fromkeys(("start", "stop", "refresh"), _METHOD),
}
"""Groups that svc.startd reads by name. A right for another type gives none to them."""


class Operation(Enum):
    """What can be asked for: the rows of `TABLE`."""

    CONFIGURE = auto()
    """Add or delete an entity; snapshots; whole bundles and layers."""
    CREATE_GROUP = auto()
    CREATE_REQUEST_GROUP = auto()
    """``general_ovr`` or ``restarter_actions`` of an instance, non-persistent."""
    DELETE_GROUP = auto()
    ACT = auto()
    """Restart, refresh, clear, mark, enable or disable until the next boot; the same by a
    commit to ``restarter_actions``, or to ``enabled`` and ``comment`` of ``general_ovr``."""
    CHANGE = auto()
    """Add or delete properties, change their types, or ``modify_authorization``."""
    CHANGE_VALUES = auto()
    """Give existing properties other values of the same type."""
    CHANGE_ACTION_AUTHORIZATION = auto()
    """Anything with ``general/action_authorization``."""
    READ = auto()
    """Read protected values."""
    READ_MODIFY_AUTHORIZATION = auto()
    """Read ``modify_authorization`` of a protected group."""
    SHUT_DOWN = auto()
    """End svc.startd and all services."""


class Source(Enum):
    """Where names of authorizations come from."""

    MODIFY = MODIFY
    TYPE = f"{MODIFY}.TYPE"
    MANAGE = MANAGE
    SHUTDOWN = SHUTDOWN
    ACTION = ACTION
    GROUP_MODIFY = protection.MODIFY
    GROUP_VALUE = protection.VALUE
    GROUP_READ = protection.READ


TABLE: Mapping[Operation, tuple[Source, ...]] = {
    Operation.CONFIGURE: (Source.MODIFY,),
    Operation.CREATE_GROUP: (Source.MODIFY, Source.TYPE),
    Operation.CREATE_REQUEST_GROUP: (Source.MODIFY, Source.TYPE, Source.MANAGE, Source.ACTION),
    Operation.DELETE_GROUP: (Source.MODIFY, Source.TYPE),
    Operation.ACT: (Source.MANAGE, Source.ACTION, Source.MODIFY),
    Operation.CHANGE: (Source.MODIFY, Source.TYPE, Source.GROUP_MODIFY),
    Operation.CHANGE_VALUES: (
        *(Source.MODIFY, Source.TYPE, Source.GROUP_MODIFY, Source.GROUP_VALUE),
    ),
    Operation.CHANGE_ACTION_AUTHORIZATION: (Source.MODIFY, Source.MANAGE),
    Operation.READ: (
        *(Source.MODIFY, Source.TYPE),
        *(Source.GROUP_MODIFY, Source.GROUP_VALUE, Source.GROUP_READ),
    ),
    Operation.READ_MODIFY_AUTHORIZATION: (
        *(Source.MODIFY, Source.TYPE, Source.GROUP_MODIFY, Source.GROUP_READ),
    ),
    Operation.SHUT_DOWN: (Source.SHUTDOWN,),
}
"""Any one of a row suffices."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an operation is done to. All is empty for one that concerns no single entity."""

    fmri: str = ""
    group: str = ""
    type: str = ""
    levels: tuple[PropertyGroup, ...] = ()
    """The group as it is: the instance's, then the service's; only what there is."""
    general: tuple[PropertyGroup, ...] = ()
    """Likewise the group ``general``, for requests to an instance."""
    types: frozenset[str] = frozenset()
    """Types of further groups of that name that compose with it."""


def authorizations_for(operation: Operation, place: Place) -> tuple[str, ...]:
    """The authorizations of which any one suffices, in the order of the table."""
    found: dict[str, None] = {}
    for source in TABLE[operation]:
        match source:
            case Source.TYPE:
                names: Iterable[str] = _of_type(place)
            case Source.ACTION:
                names = listed((g for g in place.general if g.type == _FRAMEWORK), ACTION)
            case Source.GROUP_MODIFY | Source.GROUP_VALUE | Source.GROUP_READ:
                names = listed(place.levels, source.value)
            case _:
                names = (source.value,)
        found.update(dict.fromkeys(names))
    return tuple(found)


def listed(levels: Iterable[PropertyGroup], name: str) -> tuple[str, ...]:
    """The authorizations that a property lists; the first level that has it decides, and it
    counts only with the type astring.
    """
    for group in levels:
        prop = group.properties.get(name)
        if prop is not None:
            return prop.values if prop.type is PropertyType.ASTRING else ()
    return ()


def _of_type(place: Place) -> tuple[str, ...]:
    """``solaris.smf.modify.TYPE``, unless groups of other types are concerned too.

    What reads properties finds them by the group's name, composed of all levels: the right
    to write ``application`` groups must not reach a method by way of the name ``start``.
    """
    kinds = {place.type, *(group.type for group in place.levels), *place.types}
    if service_of(place.fmri) == HASH_SERVICE:
        kinds.add(_FRAMEWORK)  # whatever its type, a group there says what was imported
    kinds.add(_STANDARD_TYPES.get(place.group, place.type))
    is_one = len(kinds) == 1 and place.type in _MODIFIABLE
    return (f"{MODIFY}.{place.type}",) if is_one else ()


# --- commits ----------------------------------------------------------------------------


def operation_of_creation(fmri: str, group: str, kind: str, *, persistent: bool) -> Operation:
    """The row for making a group."""
    is_request = group in (OVERRIDE, REQUESTS) and kind == _FRAMEWORK and not persistent
    if is_request and is_instance(fmri):
        return Operation.CREATE_REQUEST_GROUP
    return Operation.CREATE_GROUP


def operations_of_commit(group: PropertyGroup, changes: Sequence[Change]) -> list[Operation]:
    """The rows for a commit to ``group`` as it is: each of them must be allowed.

    A commit without changes counts as one of values.
    """
    if _is_request(group, changes):
        return [Operation.ACT]
    found: dict[Operation, None] = {}
    for change in changes:
        if group.name == GENERAL and change.name == ACTION:
            found[Operation.CHANGE_ACTION_AUTHORIZATION] = None
        elif _keeps_shape(group, change):
            found[Operation.CHANGE_VALUES] = None
        else:
            found[Operation.CHANGE] = None
    return list(found) or [Operation.CHANGE_VALUES]


def _is_request(group: PropertyGroup, changes: Sequence[Change]) -> bool:
    if group.persistent or group.type != _FRAMEWORK:
        return False
    names = {change.name for change in changes}
    return group.name == REQUESTS or (group.name == OVERRIDE and names <= {"enabled", "comment"})


def _keeps_shape(group: PropertyGroup, change: Change) -> bool:
    present = group.properties.get(change.name)
    return (
        present is not None
        and change.name != protection.MODIFY
        and change.op in (ChangeOp.CHANGE, ChangeOp.SET)
        and change.type in (None, present.type)
    )


# --- what a caller has --------------------------------------------------------------------


def first_granted(grants: Iterable[str], wanted: Sequence[str], fmri: str) -> str | None:
    """The first authorization of ``wanted`` that one of the ``grants`` gives for ``fmri``."""
    given = tuple(grants)
    return next((name for name in wanted if any(covers(g, name, fmri) for g in given)), None)


def covers(grant: str, wanted: str, fmri: str = "") -> bool:
    """Does what somebody was granted include ``wanted`` for the entity ``fmri``?

    ``A.B.*`` and ``A.B.`` cover all names below ``A.B``. ``A.B/OBJECT`` covers A.B for one
    object only: the name of an instance, or the FMRI of a service (and its instances) or of
    an instance.
    """
    name, _, thing = grant.partition("/")
    wanted_name, _, wanted_thing = wanted.partition("/")
    if not _name_covers(name, wanted_name):
        return False
    return not thing or thing == wanted_thing or (bool(fmri) and _is_thing(thing, fmri))


def _name_covers(name: str, wanted: str) -> bool:
    above = name.removesuffix("*")
    if above.endswith("."):
        return wanted.startswith(above) and wanted != above
    return name == wanted


def _is_thing(thing: str, fmri: str) -> bool:
    if not is_instance(fmri):
        return thing == fmri
    return thing in (fmri, service_of(fmri), fmri.rpartition(":")[2])
