"""Handlers of the io.roost.Repository interface: what svccfg and svcprop ask."""

from __future__ import annotations

from collections.abc import Mapping

from roost.api import typed
from roost.api.connection import Call
from roost.api.server import Answer, Handler, handlers_of
from roost.daemon.changes import announce, instances_at, settle
from roost.daemon.manager import Manager
from roost.errors import InvalidState, InvalidValue, NotFound
from roost.fmri import is_instance, match_instances, match_services, service_of
from roost.model.properties import group_to_json, parse_value, property_type
from roost.repository.port import Change, ChangeOp, View


class RepositoryApi:
    """Answers the calls from the repository, and tells the manager what changed."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._repository = manager.repository
        self._rights = manager.rights

    def handlers(self) -> dict[str, Handler]:
        """The handlers by full method name."""
        return handlers_of(
            "io.roost.Repository",
            Services=self._services,
            Find=self._find,
            Instances=self._instances,
            Groups=self._groups,
            AddService=self._add_service,
            AddInstance=self._add_instance,
            Delete=self._delete,
            AddGroup=self._add_group,
            DeleteGroup=self._delete_group,
            Commit=self._commit,
            Snapshots=self._snapshots,
            Revert=self._revert,
            WaitGroup=self._wait_group,
        )

    # --- reading ----------------------------------------------------------------------

    def _services(self, call: Call) -> Answer:
        services = self._repository.services()
        pattern = typed.optional_text(call.parameters, "pattern")
        return {"services": match_services(pattern, services) if pattern else services}

    def _find(self, call: Call) -> Answer:
        pattern = typed.text(call.parameters, "pattern")
        services = match_services(pattern, self._repository.services())
        instances = [
            fmri
            for fmri in match_instances(pattern, self._repository.instances())
            # A word that names a service means the service, not its instances too.
            if is_instance(pattern) or service_of(fmri) not in services
        ]
        return {"entities": services + instances}

    def _instances(self, call: Call) -> Answer:
        return {"instances": self._repository.instances(typed.text(call.parameters, "service"))}

    def _groups(self, call: Call) -> Answer:
        given = call.parameters
        try:
            view = View(typed.text(given, "view"))
        except ValueError:
            known = ", ".join(view.value for view in View)
            raise InvalidValue(f"use view '{given['view']}'", f"the views are {known}") from None
        fmri = typed.text(given, "fmri")
        groups = self._repository.groups(
            fmri,
            view,
            typed.text(given, "snapshot", default=""),
            typed.optional_text(given, "group"),
        )
        shown = self._rights.shown(call, fmri, groups)
        return {"groups": [group_to_json(group) for group in shown.values()]}

    def _snapshots(self, call: Call) -> Answer:
        return {"names": self._repository.snapshots(typed.text(call.parameters, "fmri"))}

    def _wait_group(self, call: Call) -> None:
        fmri = typed.text(call.parameters, "fmri")
        if not self._repository.exists(fmri):
            raise NotFound(f"wait for {fmri}", "there is no such service or instance", "svcs -a")
        group = typed.text(call.parameters, "group")
        generation = typed.integer(call.parameters, "generation")
        self._manager.watchers.wait(call, fmri, group, generation)

    # --- writing ----------------------------------------------------------------------

    def _add_service(self, call: Call) -> Answer:
        name = typed.text(call.parameters, "name")
        self._rights.require_modify(call, f"add service {name}", f"svc:/{name}")
        return {"fmri": self._repository.add_service(name)}

    def _add_instance(self, call: Call) -> Answer:
        service, name = typed.text(call.parameters, "service"), typed.text(call.parameters, "name")
        what = f"add instance {name} to {service}"
        self._rights.require_modify(call, what, f"{service}:{name}")
        return {"fmri": self._repository.add_instance(service, name)}

    def _delete(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "fmri")
        self._rights.require_modify(call, f"delete {fmri}", fmri)
        if not self._repository.exists(fmri):
            raise NotFound(f"delete {fmri}", "there is no such service or instance", "svcs -a")
        instances = instances_at(self._repository, fmri)
        if not typed.boolean(call.parameters, "force", default=False):
            for name in instances:
                node = self._manager.engine.node(name)
                if node is not None and node.state.is_running:
                    raise InvalidState(
                        f"delete {fmri}",
                        f"{name} is {node.state.value}",
                        f"svcadm disable -s {name}  (or svccfg delete -f {fmri})",
                    )
        dependents = self._targets_of(fmri, instances)
        # In the transaction that changes them: all is stored, or nothing is.
        with self._repository.transaction() as changed:
            self._repository.delete(fmri)
            self._manager.take_running(dependents)
        self._manager.removed(instances)
        settle(self._manager, dependents, changed)
        return {}

    def _targets_of(self, fmri: str, instances: list[str]) -> list[str]:
        """Instances that lose a dependency group with this entity."""
        found: list[str] = []
        for name in {fmri, *instances}:
            group = self._repository.groups(name, group="dependents").get("dependents")
            if group is None:
                continue
            for prop in group.properties.values():
                for target in prop.values:
                    if not self._repository.exists(target):
                        continue
                    found += instances_at(self._repository, target)
        return [name for name in found if name not in instances]

    def _add_group(self, call: Call) -> Answer:
        given = call.parameters
        fmri, name = typed.text(given, "fmri"), typed.text(given, "name")
        kind, persistent = typed.text(given, "type"), typed.boolean(given, "persistent")
        what = f"add property group {name} to {fmri}"
        self._rights.require_creation(call, what, fmri, name, kind, persistent=persistent)
        self._repository.add_group(fmri, name, kind, persistent=persistent)
        announce(self._manager, [(fmri, name)])
        return {}

    def _delete_group(self, call: Call) -> Answer:
        fmri, name = typed.text(call.parameters, "fmri"), typed.text(call.parameters, "name")
        what = f"delete property group {name} of {fmri}"
        self._rights.require_deletion(call, what, fmri, name)
        self._repository.delete_group(fmri, name)
        announce(self._manager, [(fmri, name)])
        return {}

    def _commit(self, call: Call) -> Answer:
        given = call.parameters
        fmri, group = typed.text(given, "fmri"), typed.text(given, "group")
        expected = None if given.get("generation") is None else typed.integer(given, "generation")
        what = f"change {group} of {fmri}"
        try:
            changes = [_change(item) for item in typed.records(given, "changes")]
            self._rights.require_commit(call, what, fmri, group, changes)
            generation = self._repository.commit(fmri, group, changes, expected)
        except InvalidValue:
            if self._repository.exists(fmri) and self._rights.is_protected(fmri, group):
                why = "a value does not fit its type; the group is protected, so it is not shown"
                raise InvalidValue(what, why) from None
            raise
        announce(self._manager, [(fmri, group)])
        return {"generation": generation}

    def _revert(self, call: Call) -> Answer:
        fmri = typed.text(call.parameters, "fmri")
        # It sets the service's groups too.
        self._rights.require_modify(call, f"revert {fmri}", service_of(fmri))
        with self._repository.transaction() as changed:
            self._repository.revert(fmri, typed.text(call.parameters, "snapshot"))
        announce(self._manager, changed)
        return {}


def _change(item: Mapping[str, object]) -> Change:
    op_name = typed.text(item, "op")
    try:
        op = ChangeOp(op_name)
    except ValueError:
        known = ", ".join(op.value for op in ChangeOp)
        raise InvalidValue(f"do '{op_name}' to a property", f"known are {known}") from None
    type_name = typed.optional_text(item, "type")
    kind = property_type(type_name) if type_name is not None else None
    values = typed.texts(item, "values")
    if kind is not None:
        values = [parse_value(kind, value) for value in values]
    return Change(op, typed.text(item, "name"), kind, tuple(values))
