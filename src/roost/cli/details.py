"""The blocks of ``svcs -l`` and what ``-v`` adds to them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roost.api import typed
from roost.cli.output import full_date, localised, plain
from roost.cli.replies import DependencyView, InstanceView, ProcessView, TargetView

_TEXT_TYPES = frozenset(
    {
        "astring",
        "ustring",
        "uri",
        "fmri",
        "host",
        "hostname",
        "net_address",
        "net_address_v4",
        "net_address_v6",
    }
)


@dataclass(frozen=True, slots=True)
class Details:
    """All that ``-l`` tells of one instance. ``groups`` (with -v) are all its groups."""

    instance: InstanceView
    dependencies: Sequence[DependencyView] = ()
    manifests: Sequence[str] = ()
    processes: Sequence[ProcessView] = ()
    groups: Sequence[Mapping[str, Any]] = field(default=())

    def text(self) -> str:
        """The block, without a blank line after it."""
        rows = [*self._rows()]
        lines = [f"{label:<13}{value}" for label, value in rows]
        return "\n".join([*lines, *application_lines(self.groups)])

    def record(self) -> dict[str, object]:
        """The block for --json."""
        return {
            **self.instance.record,
            "dependencies": [group.record for group in self.dependencies],
            "manifests": list(self.manifests),
            "processes": [process.record for process in self.processes],
        }

    def _rows(self) -> list[tuple[str, str]]:
        view = self.instance
        rows = [("fmri", view.fmri)]
        if name := localised(view.common_names):
            rows.append(("name", name))
        enabled = "true" if view.enabled else "false"
        rows.append(("enabled", enabled + (" (temporary)" if view.has_override else "")))
        if view.comment:
            rows.append(("comment", plain(view.comment)))
        rows += [("state", view.state), ("next_state", view.next_state)]
        if view.state_time > 0:
            rows.append(("state_time", full_date(view.state_time)))
        if view.logfile:
            rows.append(("logfile", view.logfile))
        rows.append(("restarter", view.restarter))
        if view.contracts:
            rows.append(("contract_id", "".join(f"{number} " for number in view.contracts)))
        rows += [("manifest", path) for path in self.manifests]
        rows += [("dependency", dependency_text(group)) for group in self.dependencies]
        rows += [("process", f"{p.pid} {plain(p.arguments or p.command)}") for p in self.processes]
        return rows


def dependency_text(group: DependencyView) -> str:
    """``require_all/none svc:/a (online) svc:/b (multiple)``."""
    targets = "".join(f" {target.fmri} ({_state_of(target)})" for target in group.targets)
    return f"{group.grouping}/{group.restart_on}{targets}"


def _state_of(target: TargetView) -> str:
    return target.state or "-"


def application_lines(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """The application properties with their descriptions, as ``-lv`` shows them."""
    templates = _Descriptions(groups)
    lines = []
    for group in groups:
        name, kind = typed.text(group, "name"), typed.text(group, "type")
        if kind != "application":
            continue
        lines.append(f"{name} ({kind})")
        if about := templates.of_group(name, kind):
            lines.append(f"  {about}")
        for prop in typed.records(group, "properties"):
            prop_name, prop_type = typed.text(prop, "name"), typed.text(prop, "type")
            values = " ".join(_shown(prop_type, value) for value in typed.texts(prop, "values"))
            lines.append(f"{name}/{prop_name} ({prop_type}) = {values}".rstrip())
            if about := templates.of_property(name, prop_name):
                lines.append(f"  {about}")
    return lines


def _shown(kind: str, value: str) -> str:
    return f'"{value}"' if kind in _TEXT_TYPES else value


class _Descriptions:
    """What the template patterns among the groups say of groups and properties."""

    def __init__(self, groups: Sequence[Mapping[str, Any]]) -> None:
        self._groups: dict[tuple[str, str], str] = {}
        self._properties: dict[tuple[str, str], str] = {}
        names: dict[str, str] = {}
        for group in groups:
            if typed.text(group, "type") == "template_pg_pattern":
                values = _first_values(group)
                about = (values.get("name", ""), values.get("type", ""))
                names[typed.text(group, "name")] = about[0]
                self._groups[about] = _description(values)
        for group in groups:
            if typed.text(group, "type") == "template_prop_pattern":
                values = _first_values(group)
                owner = names.get(values.get("pg_pattern", ""), "")
                self._properties[owner, values.get("name", "")] = _description(values)

    def of_group(self, name: str, kind: str) -> str:
        """The most exact pattern wins: name and type, name, type, neither."""
        keys = ((name, kind), (name, ""), ("", kind), ("", ""))
        return next((found for key in keys if (found := self._groups.get(key))), "")

    def of_property(self, group: str, name: str) -> str:
        keys = ((group, name), ("", name))
        return next((found for key in keys if (found := self._properties.get(key))), "")


def _first_values(group: Mapping[str, Any]) -> dict[str, str]:
    return {
        typed.text(prop, "name"): values[0]
        for prop in typed.records(group, "properties")
        if (values := typed.texts(prop, "values"))
    }


def _description(values: Mapping[str, str]) -> str:
    """The text of the properties ``description_LOCALE``."""
    texts = {
        name.removeprefix("description_"): value
        for name, value in values.items()
        if name.startswith("description_")
    }
    return localised(texts)
