"""What a unit needs, follows, precedes and excludes: dependencies and dependents. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from roost.convert.ledger import Setting
from roost.convert.names import LOCAL_FILES, Meaning, Place, legal_name, place_of, split_unit
from roost.convert.unit_model import Plan
from roost.model.bundle import Dependent

RELATIONS: Mapping[str, tuple[str, str, str]] = {
    "Requires": ("requires", "require_all", "restart"),
    "BindsTo": ("requires", "require_all", "restart"),
    "Requisite": ("requires", "require_all", "restart"),
    "PartOf": ("part_of", "optional_all", "restart"),
    "Wants": ("after", "optional_all", "none"),
    "After": ("after", "optional_all", "none"),
    "Conflicts": ("conflicts", "exclude_all", "restart"),
}
"""Setting: the dependency that it becomes, its grouping and restart_on."""

_PATHS = {
    "PathExists": "",
    "PathIsDirectory": "that it is a directory is not checked",
    "PathIsSymbolicLink": "that it is a symbolic link is not checked",
    "FileIsExecutable": "that it can be executed is not checked",
    "FileNotEmpty": "that something is in it is not checked",
    "DirectoryNotEmpty": "that something is in it is not checked",
}
"""Condition about a path, and what a dependency on the path does not look at."""

_RANKS = {
    "svc:/milestone/single-user": 1,
    "svc:/milestone/multi-user": 2,
    "svc:/milestone/multi-user-server": 3,
}


def set_dependencies(plan: Plan, names: Mapping[str, str], converted: frozenset[str]) -> None:
    """Dependencies, then dependents; ``converted`` are the units of the same run."""
    own = f"svc:/{plan.service}"
    for key in RELATIONS:
        for setting in plan.unit.all(key):
            plan.unit.ledger.carry(setting)
            for unit in plan.unit.words(setting):
                place = place_of(unit, names)
                if place.fmri.partition(":default")[0] != own:
                    _relate(plan, setting, unit, place, converted)
                elif unit.endswith(".socket"):
                    _lose_socket(plan, setting)
    for setting in plan.unit.all("RequiresMountsFor") + plan.unit.all("WantsMountsFor"):
        plan.draft.add_dependency("after", "optional_all", "none", [f"svc:/{LOCAL_FILES}"])
        plan.unit.ledger.change(setting, f"it waits for svc:/{LOCAL_FILES} as a whole")
    if plan.unit.flag("DefaultDependencies", default=True):
        plan.draft.add_dependency("after", "optional_all", "none", [f"svc:/{LOCAL_FILES}"])
    _drop_weaker(plan)
    _set_paths(plan)
    _set_before(plan, names)
    _set_install(plan, names)


def _relate(
    plan: Plan, setting: Setting, unit: str, place: Place, converted: frozenset[str]
) -> None:
    """One unit of one setting."""
    name, grouping, restart_on = RELATIONS[setting.key]
    ledger, draft = plan.unit.ledger, plan.draft
    match place.meaning:
        case Meaning.END:
            return
        case Meaning.NOTHING:
            ledger.lose(setting, f"{unit}: {place.why}")
        case Meaning.PATH if grouping == "exclude_all":
            draft.add_dependency("no_paths", grouping, "none", [place.fmri], "path")
        case Meaning.PATH if grouping == "require_all":
            draft.add_dependency("paths", grouping, "none", [place.fmri], "path")
            if setting.key == "BindsTo":
                ledger.change(setting, f"{unit}: its end does not stop the service")
        case Meaning.PATH:
            return  # who only follows a device does not need it
        case Meaning.MILESTONE if grouping == "require_all":
            draft.add_dependency("after", "optional_all", "none", [place.fmri])
        case _:
            draft.add_dependency(name, grouping, restart_on, [place.fmri])
            if grouping == "require_all" and unit not in converted:
                ledger.change(setting, f"{place.fmri} has to be there", f"convert {unit} too")
            elif grouping == "exclude_all":
                why = f"{place.fmri} stops this when it starts, but this does not stop it: it waits"
                ledger.change(setting, why)


def _lose_socket(plan: Plan, setting: Setting) -> None:
    why = "roost opens no sockets: the service has to listen itself"
    plan.unit.ledger.lose(setting, why)


def _drop_weaker(plan: Plan) -> None:
    """A target in ``requires`` or ``part_of`` needs no place in ``after``."""
    groups = plan.draft.groups
    after = groups.pop(("after", "dependency"), None)
    if after is None:
        return
    stronger = plan.draft.targets()
    left = [target for target in after["entities"].values if target not in stronger]
    if left:
        plan.draft.add_dependency("after", "optional_all", "none", left)


# --- conditions -------------------------------------------------------------------------


def _set_paths(plan: Plan) -> None:
    """Conditions about paths become dependencies on them."""
    triggers: list[tuple[Setting, str]] = []
    is_exact = True
    for prefix in ("Condition", "Assert"):
        for check, unchecked in _PATHS.items():
            for setting in plan.unit.all(f"{prefix}{check}"):
                texts = plan.unit.words(setting)
                if not texts:
                    continue
                text = texts[0]
                is_trigger = text.startswith("|")
                is_negated = text.lstrip("|").startswith("!")
                path = text.lstrip("|!")
                if not path.startswith("/") or (unchecked and is_negated):
                    is_exact &= not is_trigger
                    plan.unit.ledger.lose(setting, "roost checks only whether a path exists")
                    continue
                if is_trigger:
                    is_exact &= not is_negated
                    triggers.append((setting, path))
                    continue
                _need_path(plan, path, is_negated=is_negated)
                if unchecked:
                    plan.unit.ledger.change(setting, unchecked)
                plan.unit.ledger.carry(setting)
    if not is_exact or _has_other_triggers(plan):
        for setting, _ in triggers:
            plan.unit.ledger.lose(setting, "one of several conditions of different kinds")
        return
    for setting, path in triggers:
        target = [f"file://localhost{path}"]
        plan.draft.add_dependency("any_path", "require_any", "none", target, "path")
        plan.unit.ledger.carry(setting)


def _has_other_triggers(plan: Plan) -> bool:
    return any(
        one.key.startswith("Condition") and one.value.startswith("|")
        and one.key.removeprefix("Condition") not in _PATHS
        for one in plan.unit.settings
    )  # fmt: skip


def _need_path(plan: Plan, path: str, *, is_negated: bool) -> None:
    name, grouping = ("no_paths", "exclude_all") if is_negated else ("paths", "require_all")
    plan.draft.add_dependency(name, grouping, "none", [f"file://localhost{path}"], "path")


# --- dependents -------------------------------------------------------------------------


def _set_before(plan: Plan, names: Mapping[str, str]) -> None:
    for setting in plan.unit.all("Before"):
        plan.unit.ledger.carry(setting)
        for unit in plan.unit.words(setting):
            place = place_of(unit, names, is_before=True)
            if place.meaning in (Meaning.SERVICE, Meaning.MILESTONE):
                _precede(plan, setting, place, "optional_all")
            elif place.meaning is not Meaning.END:
                plan.unit.ledger.lose(setting, f"{unit}: {place.why or 'it is no service'}")


def _precede(plan: Plan, setting: Setting, place: Place, grouping: str) -> None:
    """Make what ``place`` names start after this service, unless that closes a circle."""
    targets = plan.draft.targets()
    rank = _RANKS.get(place.fmri, 9)
    if place.fmri == f"svc:/{plan.service}":
        return
    if place.fmri in targets or any(_RANKS.get(target, 0) > rank for target in targets):
        plan.unit.ledger.change(setting, f"{place.fmri} does not wait for it: it waits for that")
        return
    name, instance, _ = split_unit(plan.unit.name)
    parts = [name, *([instance] if instance else []), place.fmri.rpartition("/")[2]]
    own = legal_name("_".join(parts))
    if own not in plan.draft.dependents or grouping == "require_all":
        plan.draft.dependents[own] = Dependent(own, grouping, "none", place.fmri)


def _set_install(plan: Plan, names: Mapping[str, str]) -> None:
    """``[Install]``: enabled if somebody wants it, and before who does."""
    unit = plan.unit
    is_wanted = False
    for key, grouping in (
        ("WantedBy", "optional_all"),
        ("RequiredBy", "require_all"),
        ("UpheldBy", "optional_all"),
    ):
        for setting in unit.all(key):
            is_wanted = True
            unit.ledger.carry(setting)
            for wanting in unit.words(setting):
                place = place_of(wanting, names, is_before=True)
                if place.meaning in (Meaning.SERVICE, Meaning.MILESTONE):
                    _precede(plan, setting, place, grouping)
                elif place.meaning is Meaning.NOTHING:
                    unit.ledger.lose(setting, f"{wanting}: {place.why}")
    plan.draft.enabled = is_wanted
    if not is_wanted:
        unit.ledger.remark(
            unit.file, 1, "no WantedBy=",
            "nothing wants it, so it is not enabled",
            f"svcadm enable {plan.service}",
        )  # fmt: skip
    for setting in unit.all("Alias"):
        why = f"a service has one name, svc:/{plan.service}"
        unit.ledger.lose(setting, why)
    for setting in unit.all("Also"):
        missing = [
            word for word in unit.words(setting)
            if re.search(r"\.(service|target)$", word)
        ]  # fmt: skip
        if missing:
            unit.ledger.set_aside(setting, "a unit of its own", f"convert {' '.join(missing)} too")
        else:
            unit.ledger.set_aside(setting, "roost opens no sockets, and has no timers")
