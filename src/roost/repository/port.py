"""What the daemon sees of the repository. Every method that changes something is one
transaction: durable when it returns, or an exception and no change at all.

Raises the exceptions of `roost.errors`: NotFound, AlreadyExists, InvalidName, InvalidValue,
TypeMismatch, Conflict, StorageFull, RepositoryDamaged, SystemCallFailed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from roost.model.bundle import Bundle, ServiceBundle
from roost.model.properties import PropertyGroup, PropertyType
from roost.repository.history import ChangeLog, Taken
from roost.repository.layers import Layer, LayerValue


class ChangeOp(Enum):
    """What one entry of a transaction does (smf(7)); SET is NEW or CHANGE as needed."""

    NEW = "new"
    CHANGE = "change"
    CHANGE_TYPE = "change_type"
    DELETE = "delete"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a transaction on one group. ``type`` None (SET only): keep the type."""

    op: ChangeOp
    name: str
    type: PropertyType | None = None
    values: tuple[str, ...] = ()


Changed = set[tuple[str, str]]
"""Groups, each as (FMRI, name)."""


class View(Enum):
    """Which groups of an entity a reader wants (see the io.roost.Repository interface)."""

    ATTACHED = "attached"
    COMPOSED = "composed"
    RUNNING = "running"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: canonical FMRIs, and lines about what was kept or skipped.

    ``instances`` are those to refresh: of every service in the bundle, and the instances of
    the dependents' targets.
    """

    services: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    messages: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to store; ``bundle`` gives what it holds, or raises what is wrong with it."""

    file: str
    bundle: Callable[[], Bundle]
    digest: str = ""
    is_delivered: bool = True
    """It lies where a clean-up looks for it."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one of several files; with ``error``, nothing of it was stored."""

    file: str
    report: ImportReport = ImportReport()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What the replacement of a profile layer did. ``instances`` are those to refresh.

    A file that is no longer there has a report where there is something to say about it.
    """

    files: tuple[FileReport, ...] = ()
    instances: tuple[str, ...] = ()


class RepositoryPort(Protocol):
    """Entities are named by canonical FMRI text everywhere."""

    def close(self) -> None:
        """Release the files."""

    def transaction(self) -> AbstractContextManager[Changed]:
        """All changes of the persistent store made inside are one transaction: all or none.

        What it gives holds, in the end, the groups whose generation the transaction changed.
        An exception must leave the block if one of the changes raised it.
        """

    @property
    def history(self) -> ChangeLog:
        """Who changed what; ``acting`` says who does now."""

    def snapshots_taken(self, fmri: str) -> list[Taken]:
        """The snapshots of an instance with times and users, sorted by name."""

    def services(self) -> list[str]:
        """All services, sorted."""

    def instances(self, service: str | None = None) -> list[str]:
        """All instances (of one service), sorted; NotFound for an unknown service."""

    def exists(self, fmri: str) -> bool:
        """Is there such a service or instance?"""

    def groups(
        self, fmri: str, view: View = View.ATTACHED, snapshot: str = "", group: str | None = None
    ) -> dict[str, PropertyGroup]:
        """Groups by name, sorted by name; with ``group`` only that one (empty if absent)."""

    def add_service(self, name: str) -> str:
        """Make an empty service; returns its FMRI."""

    def add_instance(self, service: str, name: str) -> str:
        """Make an empty instance; returns its FMRI."""

    def delete(self, fmri: str) -> None:
        """Delete an instance, or a service with its instances, and the dependency groups that
        their dependents put into other entities.
        """

    def add_group(self, fmri: str, name: str, kind: str, *, persistent: bool = True) -> None:
        """Make an empty group."""

    def delete_group(self, fmri: str, name: str) -> None:
        """Delete a group with its properties."""

    def commit(
        self, fmri: str, group: str, changes: Sequence[Change], generation: int | None = None
    ) -> int:
        """Apply all changes to one group; returns its new generation (unchanged if none).

        Conflict if ``generation`` is given and not the group's present one.
        """

    def layer_values(self, fmri: str, group: str | None = None) -> list[LayerValue]:
        """All that all layers say of an entity's own persistent groups (or of one): by group,
        then property, the lowest layer first.
        """

    def drop_customizations(
        self, fmri: str, pattern: str | None = None, *, masked_only: bool = False
    ) -> list[LayerValue]:
        """Drop what the admin layer says of an entity, where a glob over GROUP or
        GROUP/PROPERTY matches; only masks, if wanted. Returns what was dropped.
        """

    def write_volatile(self, groups: Mapping[str, Sequence[PropertyGroup]]) -> None:
        """Replace whole non-persistent groups, by entity, in one transaction of the volatile
        store (not durable over a reboot). Makes groups that are absent. Generations grow.
        """

    def delete_volatile(self, fmri: str, group: str) -> None:
        """Delete a non-persistent group if it is there."""

    def generation(self, fmri: str, group: str) -> int | None:
        """Present generation of a group; None if absent."""

    def snapshots(self, fmri: str) -> list[str]:
        """Names of an instance's snapshots, sorted."""

    def take_snapshot(self, fmri: str, name: str) -> None:
        """Point ``name`` at a picture of the instance's and service's persistent groups now."""

    def take_snapshots(self, fmris: Sequence[str], name: str) -> None:
        """`take_snapshot` of many instances, in one transaction."""

    def link_snapshots(self, links: Sequence[tuple[str, str, str]]) -> None:
        """Point snapshot ``to`` at what ``from`` points at, for each (instance, to, from), in
        one transaction; nothing is written where that is so already.
        """

    def revert(self, fmri: str, snapshot: str) -> None:
        """Take ``previous``, then set the editing view to what ``snapshot`` says."""

    def import_bundle(
        self, bundle: Bundle, file: str = "", digest: str = "", *, is_delivered: bool = True
    ) -> ImportReport:
        """Store a manifest bundle whole, take snapshots, and record the file (service_bundle(5)):
        its hash always, the file as the support of what it names if it is delivered.

        ``running`` is updated by the daemon's refresh of ``report.instances``, not here.
        """

    def import_files(self, files: Iterable[SourceFile]) -> list[FileReport]:
        """`import_bundle` of several manifests in one transaction. What a RequestError keeps
        from being stored leaves nothing of itself; any other error ends the whole.
        """

    def replace_layer(
        self, layer: Layer, files: Iterable[SourceFile], kept: Iterable[str] = ()
    ) -> LayerReport:
        """Make a profile layer say what these profiles say, and what files in ``kept`` said, and
        nothing else, in one transaction. A file that cannot be used, or that contradicts an
        earlier one, leaves nothing of itself. What is not there is passed over.
        """

    def withdraw_files(self, files: Iterable[str]) -> list[str]:
        """These manifests are gone: forget their hashes, and that they support anything.

        Returns all that files once supported and none does, sorted: instances, and services
        without instances. Never what was made by hand. It changes nothing else.
        """

    def imported_files(self) -> dict[str, str]:
        """SHA-256 (hex) of each imported file, by its absolute path."""

    def forget_file(self, file: str) -> None:
        """Forget the hash of an imported file; NotFound if there is none."""

    def export_service(self, service: str) -> ServiceBundle:
        """The bundle that, imported, gives the service's present persistent state."""
