"""Short ways to convert text, and to look at what came of it."""

from __future__ import annotations

from roost.convert import (
    Conversion,
    ProcfileOptions,
    Source,
    SupervisorOptions,
    UnitFile,
    UnitOptions,
    convert_procfile,
    convert_supervisor,
    convert_units,
    joined,
)
from roost.model.bundle import ServiceBundle
from roost.model.properties import PropertyGroup, compose


def unit(
    text: str, *drop_ins: str, name: str = "x.service", instances: tuple[str, ...] = ()
) -> Conversion:
    """Convert one unit; drop-ins are called 1.conf, 2.conf, ..."""
    sources = [Source(name, text)]
    sources += [Source(f"{at}.conf", drop_in) for at, drop_in in enumerate(drop_ins, 1)]
    file = UnitFile(name, f"/etc/systemd/system/{name}", tuple(sources))
    return convert_units([file], UnitOptions({}, instances))[0]


def service(*lines: str, head: str = "", install: str = "", name: str = "x.service") -> Conversion:
    """Convert a unit with these lines in its section Service."""
    body = "\n".join(lines)
    return unit(f"[Unit]\n{head}\n[Service]\n{body}\n[Install]\n{install}\n", name=name)


def supervisor(text: str, **environment: str) -> Conversion:
    options = SupervisorOptions({"s.conf": "/etc/s"}, environment, "falcon")
    return joined("s", convert_supervisor([Source("s.conf", text)], options))


def procfile(text: str, environment_file: str = "") -> Conversion:
    options = ProcfileOptions("/srv/app", "site/app", environment_file)
    return joined("p", convert_procfile(Source("Procfile", text), options))


def only(conversion: Conversion) -> ServiceBundle:
    (found,) = conversion.bundle.services
    return found


def groups_of(service: ServiceBundle, instance: str | None = None) -> dict[str, PropertyGroup]:
    """Composed groups of an instance (the first, if none is named)."""
    upper = [one for one in service.instances if instance in (None, one.name)]
    above = {group.name: group for group in upper[0].groups} if upper else {}
    return compose(above, {group.name: group for group in service.groups})


def start_of(conversion: Conversion) -> str:
    return method(conversion, "start")


def method(conversion: Conversion, name: str) -> str:
    return groups_of(conversion.bundle.services[-1])[name].value("exec")


def context(conversion: Conversion, attribute: str) -> tuple[str, ...]:
    found = groups_of(conversion.bundle.services[-1]).get("method_context")
    return found.values(attribute) if found is not None else ()


def needs(conversion: Conversion) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Dependencies: grouping, restart_on and targets by name."""
    return {
        name: (group.value("grouping"), group.value("restart_on"), group.values("entities"))
        for name, group in groups_of(conversion.bundle.services[-1]).items()
        if group.type == "dependency"
    }


def notes(conversion: Conversion) -> list[str]:
    return [str(note) for note in conversion.notes]


def why(conversion: Conversion, subject: str) -> str:
    """Kind and reason of the one note about ``subject``."""
    (found,) = [note for note in conversion.notes if note.subject.startswith(subject)]
    return f"{found.kind.value}: {found.why}"
