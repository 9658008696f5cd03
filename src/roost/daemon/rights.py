"""May this caller do that? The one seam between the API's handlers and smf_security(7).

A handler asks `Rights` before it changes anything, and says what is to be done as it would
complete "cannot ...". Root and the user that svc.startd runs as may do everything. Of all
others, what was refused and what was done goes to svc.startd's log: names, never values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto

from roost.api.connection import Call, Peer
from roost.api.server import Handler
from roost.daemon.authorizations import (
    GENERAL,
    Operation,
    Place,
    authorizations_for,
    first_granted,
    operation_of_creation,
    operations_of_commit,
)
from roost.daemon.callers import granted, is_trusted
from roost.daemon.journal import MasterLog
from roost.daemon.security_file import SecurityFile
from roost.errors import NotAllowed, NotFound, RoostError, printable
from roost.fmri import is_instance, service_of
from roost.layout import Layout
from roost.model import protection
from roost.model.properties import Groups, PropertyGroup, PropertyType
from roost.repository.history import user_name
from roost.repository.port import Change, ChangeOp, RepositoryPort

READS = frozenset(
    (
        *(
            f"io.roost.Manager.{name}"
            for name in (
                *("Dependencies", "Dependents", "Explain", "List", "Preview", "Processes"),
                *("Resolve", "Status", "Subscribe", "Watch"),
            )
        ),
        *(
            f"io.roost.Repository.{name}"
            for name in (
                *("Export", "Find", "Groups", "ImportedFiles", "Instances", "Layers"),
                *("Services", "Snapshots", "WaitGroup"),
            )
        ),
        *(f"io.roost.History.{name}" for name in ("Read", "Snapshots")),
    )
)
"""The methods that everybody may call. Whatever is not here changes something."""
_MAX_NAMED = 8
_MAX_LINE = 400
"""Characters of a caller's making that a line of the log takes."""
_REFUSALS = 20
_ALL_REFUSALS = 2000
"""Likewise of all users together, of whom one may have many numbers."""
_REFUSALS_S = 60.0
"""So many refusals of one user are logged within this time: nobody fills the disk with them."""


class Secrecy(Enum):
    """What of a group's values a caller may not see."""

    OPEN = auto()
    MODIFY_AUTHORIZATION = auto()
    """Only this property is withheld."""
    CLOSED = auto()

    def hides(self, prop: str) -> bool:
        """Is the value of the property ``prop`` withheld?"""
        if self is Secrecy.MODIFY_AUTHORIZATION:
            return prop == protection.MODIFY
        return self is Secrecy.CLOSED


class Rights:
    """Answers for one svc.startd. ``now`` is a monotonic clock, in seconds."""

    def __init__(
        self,
        layout: Layout,
        repository: RepositoryPort,
        journal: MasterLog,
        now: Callable[[], float],
    ) -> None:
        self._repository = repository
        self._journal = journal
        self._now = now
        self._file = SecurityFile(layout.security, journal.write)
        self._allowed: list[tuple[str, str]] = []
        """What the call under way may do, and by which authorization."""
        self._refusals: Counter[int] = Counter()
        """How many there were of each user, since then."""
        self._refusals_since = now()

    # --- changes ------------------------------------------------------------------------

    def require_modify(self, call: Call, what: str, fmri: str = "") -> None:
        """Raise `NotAllowed` unless the caller may change the repository as it likes.

        With ``fmri`` the right for this entity is enough; without, it must be the right for all.
        """
        self._require(call, what, [Operation.CONFIGURE], lambda: Place(fmri))

    def require_action(self, call: Call, what: str, fmri: str) -> None:
        """Raise `NotAllowed` unless the caller may act on the instance ``fmri``."""
        self._require(call, what, [Operation.ACT], lambda: self._place(fmri))

    def require_enabling(self, call: Call, what: str, fmri: str) -> None:
        """Raise `NotAllowed` unless the caller may set ``general/enabled`` of the instance."""
        if is_trusted(call.peer):
            return
        present = self._repository.groups(fmri, group=GENERAL).get(GENERAL)
        if present is None:
            self.require_creation(call, what, fmri, GENERAL, "framework", persistent=True)
        else:
            change = Change(ChangeOp.SET, "enabled", PropertyType.BOOLEAN)
            self.require_commit(call, what, fmri, GENERAL, [change])

    def require_shutdown(self, call: Call, what: str) -> None:
        """Raise `NotAllowed` unless the caller may end svc.startd."""
        self._require(call, what, [Operation.SHUT_DOWN], Place)

    def require_creation(
        self, call: Call, what: str, fmri: str, group: str, kind: str, *, persistent: bool
    ) -> None:
        """Raise `NotAllowed` unless the caller may make the group."""
        operation = operation_of_creation(fmri, group, kind, persistent=persistent)
        self._require(call, what, [operation], lambda: self._place(fmri, group, kind))

    def require_deletion(self, call: Call, what: str, fmri: str, group: str) -> None:
        """Raise `NotAllowed` unless the caller may delete the group; `NotFound` if there is
        none.
        """
        if is_trusted(call.peer):
            return
        kind = self._present(what, fmri, group).type
        self._require(call, what, [Operation.DELETE_GROUP], lambda: self._place(fmri, group, kind))

    def require_commit(
        self, call: Call, what: str, fmri: str, group: str, changes: Sequence[Change]
    ) -> None:
        """Raise `NotAllowed` unless the caller may make these changes to the group;
        `NotFound` if there is none.
        """
        if is_trusted(call.peer):
            return
        present = self._present(what, fmri, group)
        operations = operations_of_commit(present, changes)
        self._require(call, what, operations, lambda: self._place(fmri, group, present.type))

    def may_send_long(self, peer: Peer) -> bool:
        """Has the caller a use for messages of many megabytes: may it import?"""
        if is_trusted(peer):
            return True
        wanted = authorizations_for(Operation.CONFIGURE, Place())
        return first_granted(granted(self._file.grants(), peer), wanted, "") is not None

    # --- reading ------------------------------------------------------------------------

    def is_protected(self, fmri: str, group: str, *seen: PropertyGroup) -> bool:
        """Is the group protected, as it is now, by its service, or as it is ``seen``?"""
        return any(map(protection.is_protected, (*self._levels(fmri, group), *seen)))

    def secrecy(self, call: Call, fmri: str, group: str, *seen: PropertyGroup) -> Secrecy:
        """What the caller may not see of the group. ``seen`` is what it is about to see, if
        that is not the present state: of a snapshot, of a layer.
        """
        if is_trusted(call.peer):
            return Secrecy.OPEN
        if not self.is_protected(fmri, group, *seen):
            return Secrecy.OPEN
        return self._secrecy(call, _with_seen(self._place(fmri, group), seen))

    def shown(self, call: Call, fmri: str, groups: Groups) -> Groups:
        """Groups of an entity, in any view, without the values that the caller may not see."""
        if is_trusted(call.peer):
            return groups
        protected = self._protected(fmri, groups)
        found = dict(groups)
        for name in protected:
            group = groups[name]
            found[name] = protection.without_values(
                group, self.secrecy(call, fmri, name, group).hides
            )
        return found

    def require_reading(self, call: Call, what: str, fmri: str, groups: Groups) -> None:
        """Raise `NotAllowed` unless the caller may read all values of these groups."""
        if is_trusted(call.peer):
            return
        for name in self._protected(fmri, groups):
            if self.secrecy(call, fmri, name, groups[name]) is not Secrecy.OPEN:
                place = _with_seen(self._place(fmri, name), [groups[name]])
                wanted = authorizations_for(Operation.READ_MODIFY_AUTHORIZATION, place)
                raise self._refusal(call, what, wanted)

    def withheld(self, call: Call, fmri: str, groups: Groups) -> Groups:
        """Groups of an entity, as somebody gets them who does not ask for protected values:
        of protected groups only the authorizations are left, and those only for who may read
        them.
        """
        found = dict(self.shown(call, fmri, groups))
        for name in self._protected(fmri, groups):
            found[name] = protection.without_values(
                found[name], lambda prop: prop not in protection.AUTHORIZATIONS
            )
        return found

    def _protected(self, fmri: str, groups: Groups) -> list[str]:
        """The groups that are protected: in this view, or now, here or by the service."""
        own = self._repository.groups(fmri)
        above = self._repository.groups(service_of(fmri)) if is_instance(fmri) else {}
        return [
            name
            for name, group in groups.items()
            if any(map(protection.is_protected, (group, own.get(name), above.get(name))))
        ]

    def _secrecy(self, call: Call, place: Place) -> Secrecy:
        grants = granted(self._file.grants(), call.peer)

        def may(operation: Operation) -> bool:
            wanted = authorizations_for(operation, place)
            return first_granted(grants, wanted, place.fmri) is not None

        if not may(Operation.READ):
            return Secrecy.CLOSED
        if not may(Operation.READ_MODIFY_AUTHORIZATION):
            return Secrecy.MODIFY_AUTHORIZATION
        return Secrecy.OPEN

    # --- what is there --------------------------------------------------------------------

    def _present(self, what: str, fmri: str, group: str) -> PropertyGroup:
        found = self._repository.groups(fmri, group=group).get(group)
        if found is None:
            why = "there is no such property group"
            raise NotFound(what, why, f"svccfg -s {fmri} listpg")
        return found

    def _place(self, fmri: str, group: str = "", kind: str = "") -> Place:
        """The group ``group`` of an entity, or the entity itself, with all that decides."""
        if not group:
            return Place(fmri, general=self._levels(fmri, GENERAL))
        types: set[str] = set()
        if not is_instance(fmri):
            for instance in self._repository.instances(fmri):
                found = self._repository.groups(instance, group=group)
                types |= {one.type for one in found.values()}
        return Place(
            *(fmri, group, kind, self._levels(fmri, group)),
            *(self._levels(fmri, GENERAL), frozenset(types)),
        )

    def _levels(self, fmri: str, group: str) -> tuple[PropertyGroup, ...]:
        entities = [fmri, service_of(fmri)] if is_instance(fmri) else [fmri]
        found = (self._repository.groups(name, group=group).get(group) for name in entities)
        return tuple(one for one in found if one is not None)

    # --- the decision -----------------------------------------------------------------------

    def _require(
        self,
        call: Call,
        what: str,
        operations: Sequence[Operation],
        place_of: Callable[[], Place],
    ) -> None:
        """All of the operations must be allowed; ``place_of`` is asked only if it matters."""
        if is_trusted(call.peer):
            return
        place = place_of()
        grants = granted(self._file.grants(), call.peer)
        used: dict[str, None] = {}
        for operation in operations:
            wanted = authorizations_for(operation, place)
            by = first_granted(grants, wanted, place.fmri)
            if by is None:
                raise self._refusal(call, what, wanted)
            used[by] = None
        self._allowed.append((what, ", ".join(used)))

    def _refusal(self, call: Call, what: str, wanted: Sequence[str]) -> NotAllowed:
        """The error, which says what would have sufficed; it is logged too."""
        user = user_name(call.peer.uid)
        if len(wanted) == 1:
            why = f"user {user} lacks the authorization {wanted[0]}"
        else:
            more = ", ..." if len(wanted) > _MAX_NAMED else ""
            why = f"user {user} has none of {', '.join(wanted[:_MAX_NAMED])}{more}"
        if self._file.fault:
            why = f"{self._file.fault}; so {why}"
        self._log_refusal(call.peer, what)
        return NotAllowed(what, why)

    # --- the log ----------------------------------------------------------------------------

    def audited(self, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
        """The same handlers; what they do by somebody's authorization is logged."""
        return {name: self._audited(handler) for name, handler in handlers.items()}

    def _audited(self, handler: Handler) -> Handler:
        def audited(call: Call) -> Mapping[str, object] | None:
            self._allowed.clear()
            try:
                answer = handler(call)
            except NotAllowed:
                raise
            except RoostError as problem:
                self._log_allowed(call.peer, f", which failed ({problem.code})")
                raise
            self._log_allowed(call.peer, "")
            return answer

        return audited

    def _log_allowed(self, peer: Peer, how: str) -> None:
        for what, by in self._allowed:
            self._log(peer, f"was allowed to {what} by {by}{how}")
        self._allowed.clear()

    def _log_refusal(self, peer: Peer, what: str) -> None:
        if self._now() - self._refusals_since >= _REFUSALS_S:
            self._refusals_since = self._now()
            self._refusals.clear()
        if self._refusals.total() >= _ALL_REFUSALS:
            return
        self._refusals[peer.uid] += 1
        if self._refusals[peer.uid] <= _REFUSALS:
            self._log(peer, f"was not allowed to {what}")
        elif self._refusals[peer.uid] == _REFUSALS + 1:
            self._log(peer, f"was refused {_REFUSALS} times; more is not logged for a while")
        if self._refusals.total() == _ALL_REFUSALS:
            self._journal.write(f"{_ALL_REFUSALS} requests were refused; more is not logged now.")

    def _log(self, peer: Peer, text: str) -> None:
        shown = printable(text)
        if len(shown) > _MAX_LINE:
            shown = f"{shown[:_MAX_LINE]}..."
        user = user_name(peer.uid)
        self._journal.write(f"User {user} (uid {peer.uid}, process {peer.pid}) {shown}.")


def _with_seen(place: Place, seen: Sequence[PropertyGroup]) -> Place:
    """The place of a group that is read: as it is now, else as what is seen says."""
    levels = place.levels or tuple(seen)
    types = place.types | {group.type for group in seen}
    return replace(place, type=levels[0].type, levels=levels, types=types)
