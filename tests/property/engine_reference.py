"""What dependencies are worth, the slow and obvious way: straight from the tables of SMF.

Written without a look at the engine's graph: recursive, without a cache, over a plain picture
of the machine. The properties compare the engine with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from roost.engine.config import Dependency, Grouping, InstanceConfig, RestartOn, Target, TargetKind


class Hope(IntEnum):
    """Is it there, may it come, or can only an administrator bring it?"""

    NEVER = 0
    LATER = 1
    NOW = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One instance as an onlooker sees it."""

    state: str
    is_enabled: bool
    config: InstanceConfig
    mark: str = ""
    """``disable`` or ``offline`` while a reverse-order stop is under way."""


@dataclass(frozen=True, slots=True)
class World:
    """All instances, and the paths that exist."""

    instances: dict[str, Picture]
    paths: frozenset[str]

    def hope_of(self, name: str) -> Hope:
        """What an instance is worth to those that need it."""
        one = self.instances.get(name)
        if one is None:
            return Hope.NEVER
        if one.state in ("online", "degraded"):
            return {"disable": Hope.NEVER, "offline": Hope.LATER}.get(one.mark, Hope.NOW)
        if one.state == "uninitialized":
            return Hope.LATER
        if one.state == "maintenance" or not one.is_enabled:
            return Hope.NEVER
        return Hope.NEVER if self.own_hope(name) is Hope.NEVER else Hope.LATER

    def own_hope(self, name: str) -> Hope:
        """What all groups of an instance together are worth."""
        return min(
            (self.hope_of_group(group) for group in self.instances[name].config.dependencies),
            default=Hope.NOW,
        )

    def hope_of_group(self, group: Dependency) -> Hope:
        """What one group is worth."""
        if group.grouping is Grouping.REQUIRE_ALL:
            return min(map(self.hope_of_target, group.targets), default=Hope.NOW)
        if group.grouping is Grouping.REQUIRE_ANY:
            return max(map(self.hope_of_target, group.targets), default=Hope.NOW)
        names = [name for one in group.targets for name in self.instances_of(one)]
        if group.grouping is Grouping.OPTIONAL_ALL:
            some_come = any(self.hope_of(name) is Hope.LATER for name in names)
            return Hope.LATER if some_come else Hope.NOW
        files = [t for t in group.targets if t.kind is TargetKind.PATH and t.name in self.paths]
        return min(
            [Hope.NEVER for _ in files] + [self.hope_without(name) for name in names] + [Hope.NOW]
        )

    def hope_without(self, name: str) -> Hope:
        """What an instance is worth to those that exclude it."""
        one = self.instances[name]
        if one.state in ("online", "degraded"):
            return Hope.NEVER if one.is_enabled else Hope.LATER
        return Hope.LATER if one.state in ("offline", "uninitialized") else Hope.NOW

    def hope_of_target(self, target: Target) -> Hope:
        """What one target is worth: a path, an instance, or the best of a service's."""
        if target.kind is TargetKind.PATH:
            return Hope.NOW if target.name in self.paths else Hope.NEVER
        return max(map(self.hope_of, self.instances_of(target)), default=Hope.NEVER)

    def instances_of(self, target: Target) -> list[str]:
        """The present instances that a target names."""
        if target.kind is TargetKind.INSTANCE:
            return [target.name] if target.name in self.instances else []
        if target.kind is TargetKind.SERVICE:
            return [name for name in self.instances if name.rsplit(":", 1)[0] == target.name]
        return []

    def needs(self, name: str, *, reacting: bool = False) -> set[str]:
        """The instances that one names in any group but exclude_all.

        With ``reacting`` only in groups that stop it when a target is disabled.
        """
        groups: Iterable[Dependency] = self.instances[name].config.dependencies
        return {
            found
            for group in groups
            if group.grouping is not Grouping.EXCLUDE_ALL
            if not reacting or group.restart_on in (RestartOn.RESTART, RestartOn.REFRESH)
            for one in group.targets
            for found in self.instances_of(one)
        }
