"""The states of an instance and the moves between them: the one table (smf(7)).

Nothing else in roost decides whether a move is legal; the manual's picture and the legend
of svcs come from here.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where an instance is."""

    UNINITIALIZED = "uninitialized"
    DISABLED = "disabled"
    OFFLINE = "offline"
    ONLINE = "online"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"

    @property
    def is_running(self) -> bool:
        """Online and degraded satisfy a dependency alike."""
        return self is State.ONLINE or self is State.DEGRADED


MOVES: dict[State, frozenset[State]] = {
    State.UNINITIALIZED: frozenset({State.OFFLINE, State.DISABLED, State.MAINTENANCE}),
    State.DISABLED: frozenset({State.OFFLINE, State.MAINTENANCE}),
    State.OFFLINE: frozenset({State.ONLINE, State.DISABLED, State.MAINTENANCE}),
    State.ONLINE: frozenset(
        {State.OFFLINE, State.DISABLED, State.MAINTENANCE, State.DEGRADED, State.ONLINE}
    ),
    State.DEGRADED: frozenset(
        {State.OFFLINE, State.DISABLED, State.MAINTENANCE, State.ONLINE, State.DEGRADED}
    ),
    State.MAINTENANCE: frozenset({State.UNINITIALIZED}),
}
"""Each state and the states that it may turn into."""
