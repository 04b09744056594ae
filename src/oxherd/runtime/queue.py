"""Queue: adds jobs to one queue, reads them, steers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from oxherd.domain.codec import encode
from oxherd.domain.errors import InvalidOption, OxherdError
from oxherd.domain.flow import outer_edge
from oxherd.domain.lifecycle import State
from oxherd.domain.names import check_job_name, check_queue_name, nearest
from oxherd.domain.options import JobOptions, as_options, merge
from oxherd.domain.record import JobRecord, NewJob
from oxherd.runtime.ids import IdSource
from oxherd.runtime.job import Job, finished
from oxherd.runtime.tenancy import Tenancy

if TYPE_CHECKING:
    from oxherd.domain.record import Added
    from oxherd.store import Store

Options = JobOptions | Mapping[str, Any]
BulkJob = tuple[str, Any] | tuple[str, Any, Options | None] | Mapping[str, Any]


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
        """Add a job.

        Args:
            name: the job's name, by which a worker picks the processor.
            data: any JSON value.
            options: `JobOptions`, or a mapping of BullMQ's names (milliseconds).

        Raises:
            InvalidOption, NotSerializable, PayloadTooLarge: refused, and nothing was written.
            JobNotFound, WrongState: `options.parent` is gone or has ended.
        """
        return (await self._add([self._new_job(name, data, options)]))[0]

    async def add_bulk(self, jobs: Sequence[BulkJob]) -> list[Job[Any, Any]]:
        """Add jobs, all of them or none: `(name, data)`, `(name, data, options)` or mappings.

        A mapping has `name` and may have `data` and `opts`.

        Raises:
            InvalidOption, NotSerializable, PayloadTooLarge: one is refused (the message says
                which), and nothing was written.
        """
        new: list[NewJob] = []
        for index, job in enumerate(jobs):
            try:
                new.append(self._new_job(*_parts(job)))
            except OxherdError as error:
                error.args = (f"jobs[{index}]: {error.args[0]}", *error.args[1:])
                raise
        return await self._add(new) if new else []

    # Reading

    async def get_job(self, job_id: str) -> Job[Any, Any] | None:
        """The job with that id, or None."""
        return self._jobs(await self._store.jobs(self.name, [job_id]))[0]

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
        for state in _states(states):
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
        return {state.value: counts[state] for state in _states(states or None)}

    async def count(self) -> int:
        """How many jobs no worker has had yet, whatever they wait for."""
        counts = await self._store.counts(self.name)
        unclaimed = (State.WAITING, State.PRIORITIZED, State.DELAYED, State.WAITING_CHILDREN)
        return sum(counts[state] for state in unclaimed)

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
            JobNotFound: there is no such job.
        """
        answers = await self._store.remove(self.name, [job_id], children=remove_children)
        if answers[0] is not None:
            raise answers[0]

    async def retry_jobs(self, state: State | str = State.FAILED, count: int = 1_000) -> int:
        """Run up to `count` finished jobs again, oldest first; answers how many.

        Raises:
            InvalidOption: `state` is neither failed nor completed.
        """
        source = finished(state)
        records = await self._store.list_jobs(self.name, source, 0, count - 1)
        ids = [record.id for record in records]
        answers = await self._store.reprocess(self.name, ids, source) if ids else []
        return sum(answer is None for answer in answers)

    async def promote_jobs(self, count: int = 1_000) -> int:
        """Make up to `count` delayed jobs ready now, next due first; answers how many."""
        records = await self._store.list_jobs(self.name, State.DELAYED, 0, count - 1)
        ids = [record.id for record in records]
        answers = await self._store.promote(self.name, ids) if ids else []
        return sum(answer is None for answer in answers)

    @property
    def _store(self) -> Store:
        return self._tenancy.store

    def _jobs(self, records: Sequence[JobRecord | None]) -> list[Job[Any, Any] | None]:
        return [None if record is None else Job(record, self._store) for record in records]

    def _new_job(self, name: str, data: Any, options: Options | None) -> NewJob:
        given = merge(self._defaults, as_options(options))
        return NewJob(
            queue=self.name,
            id=given.job_id or self._ids.new_id(),
            given=given.job_id is not None,
            name=check_job_name(name),
            data=encode({} if data is None else data, "data", given.size_limit),
            options=given,
            timestamp=given.timestamp,
            parents=outer_edge(given, self._tenancy.store.prefix),
        )

    async def _add(self, new: Sequence[NewJob]) -> list[Job[Any, Any]]:
        answer = (await self._store.add([new]))[0]
        if isinstance(answer, OxherdError):
            raise answer
        return await jobs_added(self._store, new, answer)


async def jobs_added(
    store: Store, new: Sequence[NewJob], added: Sequence[Added]
) -> list[Job[Any, Any]]:
    """The jobs of an add; those that existed already are read as they are."""
    existing: dict[tuple[str, str], JobRecord | None] = {}
    by_queue: dict[str, list[str]] = {}
    for job, answer in zip(new, added, strict=True):
        if answer.duplicate:
            by_queue.setdefault(job.queue, []).append(job.id)
    for queue, ids in by_queue.items():
        for job_id, record in zip(ids, await store.jobs(queue, ids), strict=True):
            existing[queue, job_id] = record
    return [
        Job(existing.get((job.queue, job.id)) or _as_record(job, answer), store)
        for job, answer in zip(new, added, strict=True)
    ]


def _as_record(job: NewJob, answer: Added) -> JobRecord:
    return JobRecord(
        queue=job.queue,
        id=job.id,
        name=job.name,
        data=job.data,
        options=job.options,
        timestamp=answer.timestamp,
        delay=job.options.delay_ms,
        priority=job.options.priority,
        parents=job.parents,
        flow_id=job.flow_id,
    )


def _parts(job: BulkJob) -> tuple[str, Any, Options | None]:
    if isinstance(job, Mapping):
        known = {"name", "data", "opts", "options"}
        for key in job:
            if key not in known:
                raise InvalidOption(f"unknown key {key!r}{nearest(str(key), known)}")
        if "name" not in job:
            raise InvalidOption("there is no name; every job needs one")
        return job["name"], job.get("data"), job.get("opts", job.get("options"))
    match job:
        case (name, data):
            return name, data, None
        case (name, data, options):
            return name, data, options
        case _:
            raise InvalidOption(
                f"a job is (name, data), (name, data, options) or a mapping: {job!r}"
            )


def _states(states: Sequence[State | str] | State | str | None) -> list[State]:
    if states is None:
        return list(State)
    names = [states] if isinstance(states, str) else list(states)
    found: list[State] = []
    for name in names:
        if name not in set(State):
            raise InvalidOption(f"there is no state {name!r}{nearest(str(name), set(State))}")
        found.append(State(name))
    return found
