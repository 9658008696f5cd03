"""What the engine needs to know of an instance: read from its composed running snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from roost.fmri import InstanceFmri

MASTER_RESTARTER = InstanceFmri("svc:/system/svc/restarter:default")


class Grouping(Enum):
    """How the targets of one dependency group combine."""

    REQUIRE_ALL = "require_all"
    REQUIRE_ANY = "require_any"
    OPTIONAL_ALL = "optional_all"
    EXCLUDE_ALL = "exclude_all"


class RestartOn(Enum):
    """Which stops of a target stop the dependent too."""

    NONE = "none"
    ERROR = "error"
    RESTART = "restart"
    REFRESH = "refresh"


class TargetKind(Enum):
    """What a dependency names."""

    INSTANCE = "instance"
    SERVICE = "service"
    PATH = "path"


class Model(Enum):
    """The service model, ``startd/duration``."""

    CONTRACT = "contract"
    TRANSIENT = "transient"
    CHILD = "child"


class MethodKind(Enum):
    """What running a method means."""

    ABSENT = "absent"
    TRUE = ":true"
    KILL = ":kill"
    EXEC = "exec"


@dataclass(frozen=True, slots=True)
class Target:
    """One entity of a dependency group: canonical FMRI, or the path for a file."""

    kind: TargetKind
    name: str


@dataclass(frozen=True, slots=True)
class Dependency:
    """One dependency group."""

    name: str
    grouping: Grouping
    restart_on: RestartOn
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """Facts about a method that the engine decides by; what it runs is the restarter's."""

    kind: MethodKind = MethodKind.ABSENT
    timeout_s: float | None = None
    """Seconds until the method is killed; None is for ever."""
    signal: int = 15
    """Signal of a ``:kill`` method."""


NO_METHOD = Method()


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """The engine's view of one instance's running snapshot."""

    fmri: InstanceFmri
    dependencies: tuple[Dependency, ...] = ()
    model: Model = Model.CONTRACT
    start: Method = NO_METHOD
    stop: Method = NO_METHOD
    refresh: Method = NO_METHOD
    failure_count: int | None = None
    """``startd/critical_failure_count``; None for SMF's default."""
    failure_period_s: float | None = None
    """``startd/critical_failure_period`` in seconds; None for SMF's default."""
    ignore_error: frozenset[str] = field(default=frozenset())
    """Out of ``core`` and ``signal``."""
    timeout_retry: bool = True
    restarter: str = MASTER_RESTARTER
    invalid: str = ""
    """Why the dependencies cannot be used (aux ``invalid_dependency``); "" if they can."""
