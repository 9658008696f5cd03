"""The configuration store on SQLite: transactions, layers, snapshots, composed lookup."""

from __future__ import annotations

import time
from collections.abc import Callable

from roost.layout import Layout
from roost.repository.database import Gate
from roost.repository.layers import Layer, LayeredGroup
from roost.repository.repository import Repository
from roost.repository.schema import PERSISTENT, open_database
from roost.repository.store import GenerationFloor
from roost.repository.volatile import open_volatile

__all__ = ["Gate", "Layer", "LayeredGroup", "Repository", "open_repository"]


def open_repository(
    layout: Layout,
    *,
    fresh_boot: bool = False,
    gate: Gate | None = None,
    clock: Callable[[], float] = time.time,
) -> Repository:
    """Open, or make, both stores of a root; ``fresh_boot`` empties the volatile one.

    ``gate`` may make any statement fail (tests). Raises RepositoryDamaged for a file that
    cannot be used, SystemCallFailed if another process has it open, StorageFull.
    """
    # First the persistent store: its lock keeps a second svc.startd from the volatile one.
    database = open_database(layout.repository, PERSISTENT, gate)
    try:
        floor = GenerationFloor()
        volatile = open_volatile(
            layout.volatile_repository, floor, fresh_boot=fresh_boot, gate=gate
        )
    except BaseException:
        database.close()
        raise
    try:
        return Repository(database, volatile, floor, clock)
    except BaseException:
        volatile.database.close()
        database.close()
        raise
