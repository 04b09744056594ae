"""Inspect and EventLog: what is only read, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from oxherd.domain.lifecycle import State
from oxherd.domain.record import JobRecord
from oxherd.domain.schedule import Schedule
from oxherd.store.answers import ChildPage, EventPage, Limits, LogPage, Metrics


class Inspect(Protocol):
    """Everyone may hold this: it only reads."""

    async def jobs(self, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """The records of jobs, None for those that do not exist."""
        ...

    async def states(self, queue: str, job_ids: Sequence[str]) -> list[State | None]:
        """The states of jobs, None for those that do not exist."""
        ...

    async def list_jobs(
        self, queue: str, state: State, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[JobRecord]:
        """Jobs of one state from rank `start` to `end`, both included, -1 being the last.

        Ascending: next to run first (waiting, prioritized, delayed), longest there first (others).
        """
        ...

    async def counts(self, queue: str) -> dict[State, int]:
        """How many jobs are in each state; every state is there."""
        ...

    async def children(
        self, queue: str, job_id: str, start: int = 0, count: int | None = None
    ) -> ChildPage:
        """A job's children as it sees them; empty when there is no such job."""
        ...

    async def logs(self, queue: str, job_id: str, start: int = 0, end: int = -1) -> LogPage:
        """A job's log lines from `start` to `end`, both included."""
        ...

    async def counts_by_priority(self, queue: str, priorities: Sequence[int]) -> list[int]:
        """How many jobs are ready with each of these priorities; 0 is none."""
        ...

    async def limits(self, queue: str) -> Limits:
        """What holds the queue back."""
        ...

    async def metrics(self, queue: str, state: State, start: int = 0, end: int = -1) -> Metrics:
        """What was counted of completed or failed jobs, points `start` to `end`, both included."""
        ...

    async def deduplication_job_id(self, queue: str, deduplication_id: str) -> str | None:
        """The job that owns a deduplication id; None when it is free."""
        ...

    async def schedules(
        self, queue: str, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[Schedule]:
        """Schedules from rank `start` to `end`, both included; ascending: next due first."""
        ...

    async def schedule(self, queue: str, schedule_id: str) -> Schedule | None:
        """One schedule, or None."""
        ...

    async def count_schedules(self, queue: str) -> int:
        """How many schedules the queue has."""
        ...

    async def is_paused(self, queue: str) -> bool:
        """Whether the queue gives no jobs."""
        ...

    async def queues(self) -> list[str]:
        """The names of the queues that were ever used under the store's prefix, sorted."""
        ...


class EventLog(Protocol):
    """Who follows events holds this."""

    async def last_event_id(self, queue: str) -> str:
        """The cursor after which only new events come."""
        ...

    async def read_events(
        self, queue: str, cursor: str, *, limit: int = 100, block_ms: int = 0
    ) -> EventPage:
        """Events after `cursor` ("0" for all there are), waiting up to `block_ms` for one."""
        ...

    async def trim_events(self, queue: str, most: int) -> int:
        """Cut the log to about the newest `most` events; answers how many went."""
        ...

    async def publish_event(
        self, queue: str, name: str, fields: Mapping[str, str], *, most: int | None = None
    ) -> str:
        """Write an event of the caller's own kind; answers its id. `most` as in `trim_events`.

        Not repeatable: a call sent again writes again.
        """
        ...
