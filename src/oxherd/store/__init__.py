"""THE PORT: what an engine does for everybody above it, in transitions, not in queries.

Rules that hold for every verb:

- A mutating verb is atomic, takes a batch, and judges each item alone: the answer has one entry
  per item, in order, and an item that is refused is answered by an error *returned* there. What
  is raised instead (`StoreUnavailable`, `StoreFull`, `StoreMoved`, `Closed`) concerns the call.
- Everything is checked before the first write, and every verb but those that say
  otherwise may be sent again after a lost answer: the work is found done and answered as before.
- Events are written inside the transition that causes them, in the order `TRANSITIONS` gives.
- Time is the store's: the server's clock on Redis, the host's wall clock on SQLite (never
  running backwards), or the `clock` given to the engine's constructor, in milliseconds.
- Order: waiting jobs are claimed before prioritized ones, in the order in which they were
  committed; prioritized ones by priority, then in that order. Parents released by their
  children, rescued and released jobs go in front.
- A lock that has expired is lost, rescued yet or not: its holder is answered `LockLost`.
- No key, row, connection or script crosses this file; `queue` is a queue's plain name, and full
  job keys `prefix:queue:id` are text.
- The port is private to the package and may change in any release.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from oxherd.store.answers import (
    ChildPage,
    Claimed,
    EventPage,
    Limits,
    LogPage,
    Metrics,
    Refusal,
    Rescued,
)
from oxherd.store.control import Control, Schedules
from oxherd.store.inspect import EventLog, Inspect
from oxherd.store.intake import Intake
from oxherd.store.tend import Tend
from oxherd.store.work import LockKeeper, Wakeup, Work

Clock = Callable[[], int]
"""Milliseconds since the epoch."""

FailPoint = Callable[[str], None]
"""Called with the name of each point at which a test may end the process; does nothing else."""


def no_failpoint(name: str) -> None:
    """The fail-point of production: nothing happens."""


class Store(Intake, Work, Tend, Control, Schedules, Inspect, EventLog, Protocol):
    """A whole engine. Connects when first used; belongs to the event loop of that moment."""

    async def aclose(self) -> None:
        """Close connections; calls after it raise `Closed`. Harmless when repeated."""
        ...


__all__ = [
    "ChildPage",
    "Claimed",
    "Clock",
    "Control",
    "EventLog",
    "EventPage",
    "FailPoint",
    "Inspect",
    "Intake",
    "Limits",
    "LockKeeper",
    "LogPage",
    "Metrics",
    "Refusal",
    "Rescued",
    "Schedules",
    "Store",
    "Tend",
    "Wakeup",
    "Work",
    "no_failpoint",
]
