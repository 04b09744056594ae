"""Control and Schedules: who steers queues, and who makes jobs again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import State
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import JobRecord
from oxherd.domain.schedule import Schedule


class Control(Protocol):
    """Who steers queues holds this."""

    async def pause(self, queue: str) -> None:
        """Stop giving jobs; running ones run on. Writes `paused`, each time."""
        ...

    async def resume(self, queue: str) -> None:
        """Give jobs again. Writes `resumed`, each time."""
        ...

    async def drain(self, queue: str, *, delayed: bool = False) -> None:
        """Remove all jobs that are ready, and with `delayed` the delayed ones, in bounded steps.

        Pending jobs of schedules stay. Parents and children forget a removed job as in `remove`;
        a parent that becomes ready here goes too. No events of the jobs that go.
        """
        ...

    async def clean(self, queue: str, state: State, *, grace_ms: int, limit: int = 0) -> list[str]:
        """Remove jobs of one state that are older than `grace_ms`, at most `limit` (0: all).

        Old is who finished, else was claimed, else was added that long ago; the oldest go first.
        Locked jobs and pending jobs of schedules stay. Parents and children forget a removed job
        as in `remove`. Answers the ids; writes one `cleaned`, and no events of the jobs that go.
        """
        ...

    async def obliterate(self, queue: str, *, force: bool = False) -> None:
        """Pause a queue and remove all that it has: jobs, schedules, events, settings, metrics.

        Refused with `WrongState` while a job is active, unless with `force`: it stays paused
        then. Parents in other queues forget the jobs. In bounded steps; repeat it after a crash.
        """
        ...

    async def limit_concurrency(self, queue: str, most: int | None) -> None:
        """Let at most so many jobs of the queue be active at once; None lifts the limit."""
        ...

    async def limit_rate(self, queue: str, rate: RateLimit | None) -> None:
        """Give the queue a rate limit that every worker keeps; None lifts it."""
        ...

    async def hold(self, queue: str, duration_ms: int) -> None:
        """Use up the rate limit for so long, whatever it is; 0 opens it again."""
        ...


class Schedules(Protocol):
    """Who makes jobs again and again holds this (BullMQ protocol, 4.13)."""

    async def put_schedule(self, queue: str, schedule: Schedule) -> str | OxherdError | None:
        """Store or replace a schedule, and add its next job, in the place of the pending one.

        Answers the job's id; None, and nothing is written, when there is no further time. The
        count of a known schedule goes on (a pending job's place keeps its number), and its time
        too, unless `every`, or a pattern with its zone, start and end, changed: a pending job's
        is kept, else the next is taken. Slots that other jobs have are passed over; `WrongState`
        when there is no free one among 33. No event of the replaced job.
        """
        ...

    async def fire_schedule(self, queue: str, jobs: Sequence[JobRecord]) -> list[str | None]:
        """Add the job that follows each of these, which were just claimed; answers their ids.

        None when nothing follows: the schedule is gone or at its end, or the job is not the one
        that it waits for (an attempt repeated, a leftover). The new job has the name and data of
        the schedule's template and the options of the job before it. Slots that other jobs have
        are passed over.
        """
        ...

    async def remove_schedule(self, queue: str, schedule_id: str) -> bool:
        """Remove a schedule with its delayed job; False when there is none.

        A job of it that is ready or active stays. Writes `removed` for the delayed one.
        """
        ...
