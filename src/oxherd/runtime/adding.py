"""From what a caller gives to jobs that are stored, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oxherd.domain.codec import encode
from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import InvalidOption, OxherdError
from oxherd.domain.flow import outer_edge
from oxherd.domain.names import check_job_name, nearest
from oxherd.domain.options import JobOptions
from oxherd.domain.record import JobKey, JobRecord, NewJob
from oxherd.runtime.ids import IdSource
from oxherd.runtime.intake import add_group
from oxherd.runtime.job import Job
from oxherd.runtime.records import records_of

if TYPE_CHECKING:
    from oxherd.domain.record import Added
    from oxherd.store import Store

Options = JobOptions | Mapping[str, Any]
BulkJob = tuple[str, Any] | tuple[str, Any, Options | None] | Mapping[str, Any]


def new_job(
    queue: str, name: str, data: Any, options: JobOptions, *, prefix: str, ids: IdSource
) -> NewJob:
    """A job to add, checked and encoded.

    Raises:
        InvalidOption, NotSerializable, PayloadTooLarge: it is refused.
    """
    return NewJob(
        queue=queue,
        id=options.job_id or ids.new_id(),
        given=options.job_id is not None,
        name=check_job_name(name),
        data=encode({} if data is None else data, "data", options.size_limit),
        options=options,
        timestamp=options.timestamp,
        parents=outer_edge(options, prefix),
    )


def new_jobs(
    jobs: Sequence[BulkJob], make: Callable[[str, Any, Options | None], NewJob]
) -> list[NewJob]:
    """Jobs of the forms of `add_bulk`, made one by one; an error says which it is about."""
    new: list[NewJob] = []
    for index, job in enumerate(jobs):
        try:
            new.append(make(*_parts(job)))
        except OxherdError as error:
            error.args = (f"jobs[{index}]: {error.args[0]}", *error.args[1:])
            raise
    return new


async def add_jobs(store: Store, new: Sequence[NewJob]) -> list[Job[Any, Any]]:
    """Add jobs, all or none."""
    return await jobs_added(store, new, await add_group(store, new))


async def jobs_added(
    store: Store, new: Sequence[NewJob], added: Sequence[Added]
) -> list[Job[Any, Any]]:
    """The jobs of an add; those that were there before are read as they are."""
    pairs = list(zip(new, added, strict=True))
    keys = [
        JobKey(store.prefix, job.queue, answer.id)
        for job, answer in pairs
        if answer.duplicate or answer.deduplicated
    ]
    earlier: dict[tuple[str, str], JobRecord | None] = {}
    if keys:
        found = zip(keys, await records_of(store, keys), strict=True)
        earlier = {(key.queue, key.id): record for key, record in found}
    return [
        Job(earlier.get((job.queue, answer.id)) or _as_record(job, answer), store)
        for job, answer in pairs
    ]


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


def _as_record(job: NewJob, answer: Added) -> JobRecord:
    owned = job.options.deduplication
    return JobRecord(
        queue=job.queue,
        id=answer.id,
        name=job.name,
        data=job.data,
        options=job.options,
        timestamp=answer.timestamp,
        delay=job.options.delay_ms,
        priority=job.options.priority,
        parents=job.parents,
        flow_id=job.flow_id,
        deduplication_id=owned.id if isinstance(owned, Deduplication) else None,
    )
