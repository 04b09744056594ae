"""Queue: adds jobs to one queue, reads them, steers it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from oxherd.domain.checks import duration_ms, whole_number
from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import State
from oxherd.domain.names import check_queue_name
from oxherd.domain.options import as_options, merge
from oxherd.domain.rate_limit import RateLimit
from oxherd.runtime.adding import BulkJob, Options, add_jobs, new_job, new_jobs
from oxherd.runtime.bulk import promote_all, run_again
from oxherd.runtime.ids import IdSource
from oxherd.runtime.job import Job
from oxherd.runtime.job_scheduler import JobScheduler, Timing, as_job_scheduler, new_schedule
from oxherd.runtime.limits import seconds_held
from oxherd.runtime.states import finished, state_of, states_of
from oxherd.runtime.tenancy import Tenancy

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from oxherd.domain.record import NewJob
    from oxherd.store import Metrics, Store


class Queue:
    """A named line of jobs.

    Args:
        name: the queue's name.
        store: a store, its URL, or nothing for the default.
        defaults: options for jobs that do not give their own.

    Raises:
        InvalidOption: the name or an option is impossible.
    """

    def __init__(
        self,
        name: str,
        *,
        store: Store | str | None = None,
        defaults: Options | None = None,
    ) -> None:
        self.name = check_queue_name(name)
        self._defaults = as_options(defaults)
        self._tenancy = Tenancy(store, "queue")
        self._ids = IdSource()

    def __repr__(self) -> str:
        return f"<Queue {self.name!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the queue object; the jobs stay where they are."""
        await self._tenancy.aclose()

    async def aclose(self) -> None:
        """The same as `close()`."""
        await self.close()

    # Adding

    async def add(
        self, name: str, data: Any = None, options: Options | None = None
    ) -> Job[Any, Any]:
        """Add a job; one that is dropped by its deduplication is answered with the one that stays.

        Args:
            name: the job's name, by which a worker picks the processor.
            data: any JSON value.
            options: `JobOptions`, or a mapping of BullMQ's names (milliseconds).

        Raises:
            InvalidOption, NotSerializable, PayloadTooLarge: refused, and nothing was written.
            JobNotFound, WrongState: `options.parent` is gone or has ended.
        """
        return (await add_jobs(self._store, [self._new(name, data, options)]))[0]

    async def add_bulk(self, jobs: Sequence[BulkJob]) -> list[Job[Any, Any]]:
        """Add jobs, all of them or none: `(name, data)`, `(name, data, options)` or mappings.

        A mapping has `name` and may have `data` and `opts`.

        Raises:
            InvalidOption, NotSerializable, PayloadTooLarge: one is refused (the message says
                which), and nothing was written.
        """
        new = new_jobs(jobs, self._new)
        return await add_jobs(self._store, new) if new else []

    # Reading

    async def get_job(self, job_id: str) -> Job[Any, Any] | None:
        """The job with that id, or None."""
        record = (await self._store.jobs(self.name, [job_id]))[0]
        return None if record is None else Job(record, self._store)

    async def get_jobs(
        self,
        states: Sequence[State | str] | State | str | None = None,
        start: int = 0,
        end: int = -1,
        *,
        asc: bool = False,
    ) -> list[Job[Any, Any]]:
        """Jobs of the given states (all unless given), `start` to `end` of each, both included.

        Raises:
            InvalidOption: there is no such state.
        """
        found: list[Job[Any, Any]] = []
        for state in states_of(states):
            records = await self._store.list_jobs(self.name, state, start, end, ascending=asc)
            found.extend(Job(record, self._store) for record in records)
        return found

    async def get_waiting(self, start: int = 0, end: int = -1) -> list[Job[Any, Any]]:
        """Jobs that are ready, without a priority; next to run first."""
        return await self.get_jobs(State.WAITING, start, end, asc=True)

    async def get_prioritized(self, start: int = 0, end: int = -1) -> list[Job[Any, Any]]:
        """Jobs that are ready, with a priority; next to run first."""
        return await self.get_jobs(State.PRIORITIZED, start, end, asc=True)

    async def get_delayed(self, start: int = 0, end: int = -1) -> list[Job[Any, Any]]:
        """Jobs that wait for their time; next due first."""
        return await self.get_jobs(State.DELAYED, start, end, asc=True)

    async def get_active(self, start: int = 0, end: int = -1) -> list[Job[Any, Any]]:
        """Jobs that workers have; longest claimed first."""
        return await self.get_jobs(State.ACTIVE, start, end, asc=True)

    async def get_waiting_children(self, start: int = 0, end: int = -1) -> list[Job[Any, Any]]:
        """Jobs that wait for their children; oldest first."""
        return await self.get_jobs(State.WAITING_CHILDREN, start, end, asc=True)

    async def get_completed(self, start: int = 0, end: int = -1) -> list[Job[Any, Any]]:
        """Jobs that ended well; latest first."""
        return await self.get_jobs(State.COMPLETED, start, end)

    async def get_failed(self, start: int = 0, end: int = -1) -> list[Job[Any, Any]]:
        """Jobs that ended badly; latest first."""
        return await self.get_jobs(State.FAILED, start, end)

    async def get_job_state(self, job_id: str) -> State | None:
        """Where a job is; None when there is none."""
        return (await self._store.states(self.name, [job_id]))[0]

    async def get_job_counts(self, *states: State | str) -> dict[str, int]:
        """How many jobs are in each of the states (all unless given), by the state's name.

        Raises:
            InvalidOption: there is no such state.
        """
        counts = await self._store.counts(self.name)
        return {state.value: counts[state] for state in states_of(states or None)}

    async def count(self) -> int:
        """How many jobs no worker has had yet, whatever they wait for."""
        counts = await self._store.counts(self.name)
        unclaimed = (State.WAITING, State.PRIORITIZED, State.DELAYED, State.WAITING_CHILDREN)
        return sum(counts[state] for state in unclaimed)

    async def get_counts_per_priority(self, priorities: Sequence[int]) -> dict[int, int]:
        """How many jobs are ready with each of the priorities; 0 is none."""
        counts = await self._store.counts_by_priority(self.name, priorities)
        return dict(zip(priorities, counts, strict=True))

    async def get_metrics(self, state: State | str, start: int = 0, end: int = -1) -> Metrics:
        """How many jobs completed or failed, by minutes, where workers have the option `metrics`.

        Raises:
            InvalidFlow: `state` is neither completed nor failed.
        """
        ended = finished(state, "are counted")
        return await self._store.metrics(self.name, ended, start, end)

    async def get_job_logs(self, job_id: str, start: int = 0, end: int = -1) -> list[str]:
        """A job's log lines from `start` to `end`, both included."""
        return list((await self._store.logs(self.name, job_id, start, end)).lines)

    async def is_paused(self) -> bool:
        """Whether the queue gives no jobs."""
        return await self._store.is_paused(self.name)

    # Steering

    async def pause(self) -> None:
        """Give no jobs to any worker; running ones run on."""
        await self._store.pause(self.name)

    async def resume(self) -> None:
        """Give jobs again."""
        await self._store.resume(self.name)

    async def remove(self, job_id: str, *, remove_children: bool = True) -> None:
        """Remove a job, and all jobs below it.

        Raises:
            WrongState: it, or one that would go with it, is active; nothing was removed.
            BelongsToSchedule: it is the next job of a schedule.
            JobNotFound: there is no such job.
        """
        answers = await self._store.remove(self.name, [job_id], children=remove_children)
        if answers[0] is not None:
            raise answers[0]

    async def retry_jobs(
        self,
        state: State | str = State.FAILED,
        count: int | None = None,
        *,
        timestamp: int | None = None,
    ) -> int:
        """Run failed (or completed) jobs again, all or the first `count`; answers how many.

        With `timestamp` only those that ended by then, milliseconds since the epoch.

        Raises:
            InvalidFlow: `state` is neither failed nor completed.
        """
        return await run_again(self._store, self.name, finished(state), count, timestamp)

    async def promote_jobs(self, count: int | None = None) -> int:
        """Make delayed jobs ready now, all or the `count` next due; answers how many."""
        return await promote_all(self._store, self.name, count)

    async def drain(self, *, delayed: bool = False) -> None:
        """Remove the jobs that are ready, with `delayed` those too; next jobs of schedules stay."""
        await self._store.drain(self.name, delayed=delayed)

    async def clean(
        self,
        grace: float | timedelta,
        limit: int = 1_000,
        state: State | str = State.COMPLETED,
    ) -> list[str]:
        """Remove up to `limit` jobs (0: all) of a state that are older than `grace` seconds.

        The oldest go first; jobs of workers and next jobs of schedules stay. Answers the ids.

        Raises:
            InvalidOption: there is no such state.
        """
        whole_number("limit", limit, low=0)
        grace_ms = duration_ms(grace)
        return await self._store.clean(self.name, state_of(state), grace_ms=grace_ms, limit=limit)

    async def obliterate(self, *, force: bool = False) -> None:
        """Pause the queue, and remove everything that it has.

        Raises:
            WrongState: a job is active, and `force` is not given; the queue stays paused.
        """
        await self._store.obliterate(self.name, force=force)

    async def trim_events(self, max_length: int) -> int:
        """Forget all events but about the newest `max_length`; answers how many went."""
        most = whole_number("max_length", max_length, low=0)
        return await self._store.trim_events(self.name, most)

    async def set_global_concurrency(self, concurrency: int) -> None:
        """Let at most so many jobs of the queue be active at once, over all workers."""
        most = whole_number("concurrency", concurrency, low=1)
        await self._store.limit_concurrency(self.name, most)

    async def get_global_concurrency(self) -> int | None:
        """The most jobs that may be active at once, None without a limit."""
        return (await self._store.limits(self.name)).concurrency

    async def remove_global_concurrency(self) -> None:
        """Let every worker run as many jobs as it will."""
        await self._store.limit_concurrency(self.name, None)

    async def set_global_rate_limit(self, max: int, duration: float | timedelta) -> None:  # noqa: A002 - BullMQ's name
        """Let at most `max` jobs start in `duration` seconds, over all workers."""
        await self._store.limit_rate(self.name, RateLimit(max, duration))

    async def get_global_rate_limit(self) -> RateLimit | None:
        """The queue's own rate limit, None without one; workers may have another."""
        return (await self._store.limits(self.name)).rate

    async def remove_global_rate_limit(self) -> None:
        """Lift the queue's own rate limit."""
        await self._store.limit_rate(self.name, None)

    async def rate_limit(self, duration: float | timedelta) -> None:
        """Let workers with a limiter, or all if the queue has one, start no job for so long."""
        await self._store.hold(self.name, duration_ms(duration))

    async def get_rate_limit_ttl(self, max_jobs: int | None = None) -> float:
        """For how many seconds no job may start, by `max_jobs` or its own limit."""
        return seconds_held(await self._store.limits(self.name), max_jobs)

    # Schedules

    async def upsert_job_scheduler(
        self,
        scheduler_id: str,
        *,
        every: float | timedelta | None = None,
        pattern: str | None = None,
        name: str | None = None,
        data: Any = None,
        options: Options | None = None,
        limit: int | None = None,
        start: int | datetime | None = None,
        end: int | datetime | None = None,
        tz: str | None = None,
        offset: float | timedelta | None = None,
        immediately: bool = False,
    ) -> Job[Any, Any] | None:
        """Have jobs made again and again; answers the next one, None when there is none left.

        A schedule of that id is replaced, and its next job with it; its count goes on.

        Args:
            scheduler_id: what the schedule is known by.
            every: seconds from one job to the next, the first one being due at once.
            pattern: five cron fields, or six with the seconds first; instead of `every`.
            name: the jobs' name; the schedule's id unless given.
            data: the jobs' data.
            options: the jobs' options.
            limit: how many jobs to make in all.
            start: no job is due before; milliseconds since the epoch or a `datetime`.
            end: no job follows after it; likewise.
            tz: the pattern's time zone, an IANA name; UTC unless given.
            offset: seconds by which `every` is moved within its grid.
            immediately: the first job of a pattern is due at once.

        Raises:
            InvalidOption, NotSerializable, PayloadTooLarge: refused, and nothing was written.
            WrongState: other jobs have all the ids that the next ones would get.
        """
        timing = Timing(
            every=every, pattern=pattern, tz=tz, offset=offset, start=start, end=end,
            limit=limit, immediately=immediately,
        )  # fmt: skip
        schedule = new_schedule(
            scheduler_id, timing, name=name, data=data, options=options, defaults=self._defaults
        )
        answer = await self._store.put_schedule(self.name, schedule)
        if isinstance(answer, OxherdError):
            raise answer
        return None if answer is None else await self.get_job(answer)

    async def get_job_scheduler(self, scheduler_id: str) -> JobScheduler | None:
        """The schedule with that id, or None."""
        found = await self._store.schedule(self.name, scheduler_id)
        return None if found is None else as_job_scheduler(found)

    async def get_job_schedulers(
        self, start: int = 0, end: int = -1, *, asc: bool = False
    ) -> list[JobScheduler]:
        """Schedules `start` to `end`, both included; with `asc` next due first, else last."""
        found = await self._store.schedules(self.name, start, end, ascending=asc)
        return [as_job_scheduler(schedule) for schedule in found]

    async def get_job_schedulers_count(self) -> int:
        """How many schedules the queue has."""
        return await self._store.count_schedules(self.name)

    async def remove_job_scheduler(self, scheduler_id: str) -> bool:
        """Remove a schedule and its delayed job; False when there is none of that id."""
        return await self._store.remove_schedule(self.name, scheduler_id)

    async def get_deduplication_job_id(self, deduplication_id: str) -> str | None:
        """The id of the job that owns a deduplication id; None when it is free."""
        return await self._store.deduplication_job_id(self.name, deduplication_id)

    async def remove_deduplication_key(self, deduplication_id: str) -> bool:
        """Free a deduplication id, for the next job of it; whether it was owned."""
        return await self._store.remove_deduplication_key(self.name, deduplication_id)

    @property
    def _store(self) -> Store:
        return self._tenancy.store

    def _new(self, name: str, data: Any, options: Options | None) -> NewJob:
        given = merge(self._defaults, as_options(options))
        prefix = self._tenancy.store.prefix
        return new_job(self.name, name, data, given, prefix=prefix, ids=self._ids)
