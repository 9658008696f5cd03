"""What follows from a change of property groups, whoever made it: the one place for all calls."""

from __future__ import annotations

from collections.abc import Collection

from roost.daemon.manager import Manager
from roost.fmri import is_instance
from roost.repository.port import Changed, RepositoryPort

LIVE_GROUPS = frozenset({"general", "general_ovr"})
"""What these say counts at once, without a refresh (smf(7))."""


def announce(manager: Manager, changed: Collection[tuple[str, str]]) -> None:
    """Groups, each as (FMRI, name), were committed: wake who waits, let live ones act at once."""
    manager.watchers.changed(changed)
    live = sorted({fmri for fmri, group in changed if group in LIVE_GROUPS})
    for fmri in live:
        if manager.repository.exists(fmri):
            for name in instances_at(manager.repository, fmri):
                manager.enabled_changed(name)


def instances_at(repository: RepositoryPort, fmri: str) -> list[str]:
    """The instance, or all instances of the service."""
    return [fmri] if is_instance(fmri) else repository.instances(fmri)


def settle(manager: Manager, instances: Collection[str], changed: Changed) -> None:
    """A transaction that took ``running`` of these instances is committed: the engine reads
    it, and who waits for one of the groups is woken.
    """
    manager.reread(instances)
    manager.watchers.changed(changed)
