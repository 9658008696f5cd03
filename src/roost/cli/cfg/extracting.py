"""Subcommand extract: a profile of what is here, for another machine or for another time.

Without ``-l`` it says what is enabled and disabled. With ``-l`` it says what these layers say, so
that applying it, or putting it into the standard place of a site's profiles, gives that again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from roost.cli.cfg.bundles import FORMAT, print_bundle
from roost.cli.cfg.layers import wanted_layers
from roost.cli.cfg.lexer import WrongArguments
from roost.cli.cfg.session import Call, Command, Session
from roost.cli.prop_layers import Said, group_types, read_layers, said_by
from roost.fmri import is_instance
from roost.model.bundle import Bundle, BundleType, InstanceBundle, ServiceBundle
from roost.model.properties import Property, PropertyGroup, make_group, property_type
from roost.model.protection import is_protected

_GENERAL, _ENABLED = "general", "enabled"
_KEPT_BY_ROOST = frozenset({"dependents", "manifestfiles"})
"""Groups that say what is so, not what is wanted: no profile sets them."""
_FILE_RECORD = "svc:/smf/manifest"
"""A service that says which files were imported: likewise."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What the profile says of one entity."""

    groups: tuple[PropertyGroup, ...] = ()
    deleted: tuple[str, ...] = ()
    enabled: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Is there nothing to say?"""
        return not self.groups and not self.deleted and self.enabled is None


def _extract(session: Session, call: Call) -> None:
    if "-a" in call.options and "-l" not in call.options:
        raise WrongArguments(call.command.usage)
    wanted = [session.resolve(text, "extract") for text in call.operands]
    services = []
    for service in session.store.services():
        if service != _FILE_RECORD:
            services += _service(session, call, service, wanted)
    print_bundle(session, call, Bundle(BundleType.PROFILE, "extract", tuple(services)))


def _service(
    session: Session, call: Call, service: str, wanted: Collection[str]
) -> list[ServiceBundle]:
    """The service, if the operands ask for it or for one of its instances; none if nothing is
    to be said.
    """
    is_whole = not wanted or service in wanted
    own = _part(session, call, service) if is_whole else _Part()
    instances = [
        InstanceBundle(fmri.rpartition(":")[2], part.enabled, part.groups, (), part.deleted)
        for fmri in session.store.instances(service)
        if is_whole or fmri in wanted
        if not (part := _part(session, call, fmri)).is_empty
    ]
    if own.is_empty and not instances:
        return []
    name = service.removeprefix("svc:/")
    return [
        ServiceBundle(
            name, groups=own.groups, instances=tuple(instances), deleted_groups=own.deleted
        )
    ]


def _part(session: Session, call: Call, fmri: str) -> _Part:
    if "-l" in call.options:
        return _of_layers(session, call, fmri)
    if not is_instance(fmri):
        return _Part()
    general = session.store.groups(fmri, group=_GENERAL).get(_GENERAL)
    if general is None or not general.has(_ENABLED):
        return _Part()
    return _Part(enabled=general.value(_ENABLED) == "true")


def _of_layers(session: Session, call: Call, fmri: str) -> _Part:
    """What the layers of -l say; the highest of them, where several say something."""
    everything = read_layers(session.store, fmri, None, attached=True)
    types = group_types(everything)
    wanted = wanted_layers(call)
    # The lowest layer comes first, so the last word is the highest one's.
    last = {said.subject: said for said in everything if said_by(said, wanted)}
    for name in _KEPT_BY_ROOST | _secret(session, call, fmri, {said.group for said in everything}):
        last = {subject: said for subject, said in last.items() if said.group != name}
    deleted = tuple(said.group for said in last.values() if not said.name and said.masked)
    told = [said for said in last.values() if said.group not in deleted]
    told = _sayable(session, fmri, told)
    groups = []
    enabled = None
    for name in dict.fromkeys(said.group for said in told):
        properties = [
            Property(said.name, property_type(said.type), said.values)
            for said in told
            if said.group == name and said.name
        ]
        if name == _GENERAL and is_instance(fmri):
            flag = next((prop for prop in properties if prop.name == _ENABLED), None)
            if flag is not None and flag.values:
                enabled = flag.values == ("true",)
                properties.remove(flag)
            if not properties:
                continue
        groups.append(make_group(name, types.get(name, ""), properties))
    return _Part(tuple(groups), deleted, enabled)


def _secret(session: Session, call: Call, fmri: str, names: Collection[str]) -> set[str]:
    """The groups whose values are protected, unless they are asked for."""
    if "-a" in call.options:
        return set()
    seen = session.store.view(fmri, "composed")
    return {name for name in names if name in seen and is_protected(seen[name])}


def _sayable(session: Session, fmri: str, told: Iterable[Said]) -> list[Said]:
    """What a profile can say, and may: the rest is remarked on, where errors go."""
    found = []
    for said in told:
        path = f"{said.group}/{said.name}"
        if said.masked:
            session.note(f"{fmri}: {path} is masked; a profile cannot say that")
        elif said.protected and said.name:
            session.note(f"{fmri}: {path} is protected, and left out")
        else:
            found.append(said)
    return found


COMMANDS = (
    Command(
        "extract [-l LAYERS] [-a] [--format xml|toml] [FMRI ...] [> FILE]",
        "print a profile of what is enabled, or of layers; -a: secrets too",
        _extract,
        (0, None),
        flags="al:",
        words=(f"{FORMAT}:",),
        redirects=True,
    ),
)
