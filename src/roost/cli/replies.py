"""Replies of svc.startd as values: the types of io.roost.Manager that commands show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from roost.api import typed

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance; ``record`` is the reply itself, for --json."""

    fmri: str
    state: str
    next_state: str
    state_time: float
    enabled: bool
    enabled_permanent: bool | None
    enabled_temporary: bool | None
    comment: str
    contracts: tuple[int, ...]
    restarter: str
    logfile: str
    common_names: Mapping[str, str]
    record: Record

    @classmethod
    def read(cls, record: Record) -> Self:
        """From type ``Instance``."""
        return cls(
            typed.text(record, "fmri"),
            typed.text(record, "state"),
            typed.text(record, "next_state"),
            typed.number(record, "state_time"),
            typed.boolean(record, "enabled"),
            typed.optional_boolean(record, "enabled_permanent"),
            typed.optional_boolean(record, "enabled_temporary"),
            typed.text(record, "comment"),
            tuple(typed.integers(record, "contracts")),
            typed.text(record, "restarter"),
            typed.text(record, "logfile"),
            typed.text_map(record, "common_names"),
            record,
        )

    @property
    def is_in_transition(self) -> bool:
        """Is there a next state?"""
        return self.next_state != "none"

    @property
    def service_name(self) -> str:
        """``site/quotes`` of ``svc:/site/quotes:nightly``."""
        return self.fmri.rpartition(":")[0].removeprefix("svc:/")

    @property
    def instance_name(self) -> str:
        """``nightly`` of ``svc:/site/quotes:nightly``."""
        return self.fmri.rpartition(":")[2]

    @property
    def has_override(self) -> bool:
        """Is it enabled or disabled only until the next boot?"""
        override = self.enabled_temporary
        return override is not None and override != bool(self.enabled_permanent)


@dataclass(frozen=True, slots=True)
class Match:
    """What one operand selects."""

    pattern: str
    instances: tuple[str, ...]
    services: tuple[str, ...]

    @classmethod
    def read(cls, record: Record) -> Self:
        """From type ``Match``."""
        return cls(
            typed.text(record, "pattern"),
            tuple(typed.texts(record, "instances")),
            tuple(typed.texts(record, "services")),
        )


@dataclass(frozen=True, slots=True)
class TargetView:
    """One entity of a dependency."""

    fmri: str
    kind: str
    state: str
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DependencyView:
    """One dependency group."""

    name: str
    grouping: str
    restart_on: str
    type: str
    targets: tuple[TargetView, ...]
    record: Record

    @classmethod
    def read(cls, record: Record) -> Self:
        """From type ``DependencyGroup``."""
        targets = tuple(
            TargetView(
                typed.text(target, "fmri"),
                typed.text(target, "kind"),
                typed.text(target, "state"),
                tuple(typed.texts(target, "instances")),
            )
            for target in typed.records(record, "targets")
        )
        return cls(
            typed.text(record, "name"),
            typed.text(record, "grouping"),
            typed.text(record, "restart_on"),
            typed.text(record, "type"),
            targets,
            record,
        )


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One process of an instance."""

    fmri: str
    pid: int
    start_time: float
    command: str
    arguments: str
    record: Record

    @classmethod
    def read(cls, record: Record) -> Self:
        """From type ``Process``."""
        return cls(
            typed.text(record, "fmri"),
            typed.integer(record, "pid"),
            typed.number(record, "start_time"),
            typed.text(record, "command"),
            typed.text(record, "arguments"),
            record,
        )


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """Why an instance is as it is."""

    fmri: str
    common_names: Mapping[str, str]
    state: str
    state_time: float
    message_id: str
    reason: str
    see: tuple[str, ...]
    type_this: str
    impact: tuple[str, ...]
    path: tuple[str, ...]
    record: Record

    @classmethod
    def read(cls, record: Record) -> Self:
        """From type ``Explanation``."""
        return cls(
            typed.text(record, "fmri"),
            typed.text_map(record, "common_names"),
            typed.text(record, "state"),
            typed.number(record, "state_time"),
            typed.text(record, "message_id"),
            typed.text(record, "reason"),
            tuple(typed.texts(record, "see")),
            typed.text(record, "type_this"),
            tuple(typed.texts(record, "impact")),
            tuple(typed.texts(record, "path")),
            record,
        )


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of what an action would do."""

    fmri: str
    action: str
    state_from: str
    state_to: str
    why: str
    record: Record

    @classmethod
    def read(cls, record: Record) -> Self:
        """From type ``Step``."""
        return cls(
            typed.text(record, "fmri"),
            typed.text(record, "action"),
            typed.text(record, "state_from"),
            typed.text(record, "state_to"),
            typed.text(record, "why"),
            record,
        )


def instances_of(reply: Record) -> list[InstanceView]:
    """The instances of a reply to ``Manager.List``."""
    return [InstanceView.read(record) for record in typed.records(reply, "instances")]


def matches_of(reply: Record) -> list[Match]:
    """The matches of a reply to ``Manager.Resolve``."""
    return [Match.read(record) for record in typed.records(reply, "matches")]


def dependencies_of(reply: Record) -> list[DependencyView]:
    """The groups of a reply to ``Manager.Dependencies``."""
    return [DependencyView.read(record) for record in typed.records(reply, "groups")]
