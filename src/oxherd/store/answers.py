"""What the port answers: pages, limits, counts; and what a claim got."""

from __future__ import annotations

from dataclasses import dataclass

from oxherd.domain.errors import OxherdError
from oxherd.domain.events import Event
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import ChildLink, JobRecord

Refusal = OxherdError | None
"""The answer to one item: None when it was done (now or by an earlier sending)."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim got."""

    jobs: tuple[JobRecord, ...]
    due_in_ms: int | None = None
    """How long, by the store's time, until the earliest delayed job is due; None without one, or
    when a job was claimed."""
    retry_after_ms: int = 0
    """How long a rate limit of the queue forbids the next claim."""
    paused: bool = False
    """The queue is paused, or has all the active jobs it may have."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """What a rescue found."""

    jobs: tuple[str, ...] = ()
    """The ids of the jobs that were taken back."""
    half_settled: tuple[str, ...] = ()
    """Queues where another program's worker ended jobs with several parents: it settled their
    first parents, and this call the others."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds a queue back."""

    concurrency: int | None = None
    """The most jobs that may be active at once."""
    rate: RateLimit | None = None
    """The queue's own rate limit, which every worker keeps."""
    used: int = 0
    """How many jobs started in the window that is open; more than any limit while held."""
    window_ms: int = 0
    """How long that window is open still; 0 without one."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """How many jobs ended, minute by minute."""

    count: int
    """In all."""
    previous_ms: int
    """When the last point was made; 0 before the first."""
    previous_count: int
    """`count` at that time."""
    points: tuple[int, ...]
    """Ended in each minute, the newest first."""
    total: int
    """How many points there are."""


@dataclass(frozen=True, slots=True)
class ChildPage:
    """Some of a job's children, in the order in which they were defined."""

    links: tuple[ChildLink, ...]
    total: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some of a job's log lines, oldest first."""

    lines: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events after a cursor."""

    events: tuple[Event, ...]
    cursor: str
    """Give it to the next read."""
    trimmed: bool = False
    """Events after the given cursor were trimmed away before they were read."""
