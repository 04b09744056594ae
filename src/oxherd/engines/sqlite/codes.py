"""How states and statuses are written in the database."""

from __future__ import annotations

from typing import Final

from oxherd.domain.lifecycle import State
from oxherd.domain.record import ChildStatus

STATES: Final = (
    State.WAITING,
    State.PRIORITIZED,
    State.DELAYED,
    State.WAITING_CHILDREN,
    State.ACTIVE,
    State.COMPLETED,
    State.FAILED,
)
WAITING, PRIORITIZED, DELAYED, WAITING_CHILDREN, ACTIVE, COMPLETED, FAILED = range(len(STATES))
CODES: Final = {state: code for code, state in enumerate(STATES)}
NAMES: Final = tuple(state.value for state in STATES)
"""What an event says of a state."""

STATUSES: Final = (
    ChildStatus.PENDING,
    ChildStatus.PROCESSED,
    ChildStatus.IGNORED,
    ChildStatus.FAILED,
)
PENDING, PROCESSED, IGNORED, CHILD_FAILED = range(len(STATUSES))

TIME_SHIFT: Final = 20
"""A rank that holds a time has it above this many bits of position."""

PRIORITY_SHIFT: Final = 32
"""A rank that holds a priority has it above this many bits of position."""

LATEST_MS: Final = 2**43 - 1
"""The last time that a rank can hold; what is due later waits until then."""
