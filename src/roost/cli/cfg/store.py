"""The repository as svccfg sees it: typed calls of io.roost.Repository.

Connects at the first call, so that commands which need no svc.startd run without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from roost.api import typed
from roost.errors import Conflict, DaemonNotRunning, NotFound
from roost.model.properties import Property, PropertyGroup, PropertyType, property_type

_USUAL_TYPES = {
    **dict.fromkeys(("general", "method_context", "startd"), "framework"),
    **dict.fromkeys(("refresh", "start", "stop"), "method"),
}
"""Of groups that have a meaning for svc.startd (smf(7))."""
_ATTEMPTS = 100
"""So often is a change begun anew when somebody else keeps changing the same group."""


class Caller(Protocol):
    """What is needed of `roost.api.client.Client`."""

    def call(self, method: str, /, **parameters: object) -> dict[str, Any]:
        """Call a method; return the parameters of its reply."""

    def close(self) -> None:
        """End the connection; the next call makes a new one."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a transaction; ``op`` as in the interface."""

    op: str
    name: str
    type: PropertyType | None = None
    values: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The wire form."""
        form: dict[str, object] = {"op": self.op, "name": self.name, "values": list(self.values)}
        if self.type is not None:
            form["type"] = self.type.value
        return form


def put(prop: Property) -> Change:
    """The change that makes the property, or gives it new values of the same type."""
    return Change("set", prop.name, prop.type, prop.values)


class Store:
    """Calls of svc.startd, made when they are needed."""

    def __init__(self, connect: Callable[[], Caller]) -> None:
        self._connect = connect
        self._caller: Caller | None = None

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._caller is not None:
            self._caller.close()

    def call(self, method: str, /, **parameters: object) -> dict[str, Any]:
        """Call a method of svc.startd."""
        if self._caller is None:
            self._caller = self._connect()
        try:
            return self._caller.call(method, **parameters)
        except DaemonNotRunning:
            # A session outlives a restart of svc.startd: the next command connects anew.
            self._caller.close()
            raise

    def services(self) -> list[str]:
        """All services, sorted."""
        return typed.texts(self.call("Repository.Services"), "services")

    def instances(self, service: str) -> list[str]:
        """Instances of a service, sorted."""
        return typed.texts(self.call("Repository.Instances", service=service), "instances")

    def find(self, pattern: str) -> list[str]:
        """Services and instances that a pattern or abbreviation selects; empty if none."""
        try:
            return typed.texts(self.call("Repository.Find", pattern=pattern), "entities")
        except NotFound:
            return []

    def groups(
        self, fmri: str, snapshot: str | None = None, group: str | None = None
    ) -> dict[str, PropertyGroup]:
        """The entity's own groups, live; with ``snapshot`` those of the snapshot, composed."""
        view = "attached" if snapshot is None else "snapshot"
        return self.view(fmri, view, snapshot, group)

    def view(
        self, fmri: str, view: str, snapshot: str | None = None, group: str | None = None
    ) -> dict[str, PropertyGroup]:
        """Groups by name, as the interface's ``view`` says."""
        answer = self.call(
            "Repository.Groups", fmri=fmri, view=view, snapshot=snapshot, group=group
        )
        found = [_group(form) for form in typed.records(answer, "groups")]
        return {one.name: one for one in found}

    def group(self, fmri: str, name: str) -> PropertyGroup:
        """One of the entity's own groups; `NotFound` with the command that makes it."""
        found = self.groups(fmri, group=name).get(name)
        if found is None:
            kind = _USUAL_TYPES.get(name, "application")
            raise NotFound(
                f"find property group '{name}' of {fmri}", "Not found.", f"addpg {name} {kind}"
            )
        return found

    def commit(
        self, fmri: str, group: str, changes: Sequence[Change], generation: int | None = None
    ) -> None:
        """Apply all changes to one group or none."""
        forms = [change.to_json() for change in changes]
        self.call("Repository.Commit", fmri=fmri, group=group, generation=generation, changes=forms)

    def change(
        self, fmri: str, group: str, edit: Callable[[PropertyGroup], Sequence[Change]]
    ) -> None:
        """Read a group and write what ``edit`` makes of it; begin anew if it changed meanwhile."""
        for _ in range(_ATTEMPTS):
            present = self.group(fmri, group)
            changes = edit(present)
            if not changes:
                return
            try:
                self.commit(fmri, group, changes, present.generation)
            except Conflict:
                continue
            return
        raise Conflict(
            f"change property group '{group}' of {fmri}",
            f"it was changed by somebody else {_ATTEMPTS} times in a row",
        )

    def snapshots(self, instance: str) -> list[str]:
        """Names of an instance's snapshots, sorted."""
        return typed.texts(self.call("Repository.Snapshots", fmri=instance), "names")


def _group(form: Mapping[str, Any]) -> PropertyGroup:
    properties = [
        Property(
            typed.text(one, "name"),
            property_type(typed.text(one, "type")),
            tuple(typed.texts(one, "values")),
            protected=typed.boolean(one, "protected", default=False),
        )
        for one in typed.records(form, "properties")
    ]
    return PropertyGroup(
        typed.text(form, "name"),
        typed.text(form, "type"),
        {prop.name: prop for prop in properties},
        typed.boolean(form, "persistent"),
        typed.integer(form, "generation"),
    )
