"""From jobs of the drop-in to jobs that are stored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oxherd.bullmq import options
from oxherd.bullmq.error_code import ErrorCode
from oxherd.bullmq.errors import with_code
from oxherd.domain.errors import InvalidOption, JobNotFound, OxherdError, WrongState
from oxherd.domain.record import Edge, JobKey, NewJob
from oxherd.runtime.intake import add_group

if TYPE_CHECKING:
    from oxherd.bullmq.job_data import JobData
    from oxherd.store import Store


def new_job(
    job: JobData,
    *,
    numbered: bool,
    flow_id: str | None = None,
    parents: tuple[Edge, ...] | None = None,
    children: tuple[str, ...] = (),
) -> NewJob:
    """A job to add.

    Args:
        job: what was asked for.
        numbered: a job without an id gets the queue's next number.
        flow_id: the flow that it belongs to.
        parents: its edges, where they are more than the options name.
        children: the full keys of its children in the same call.

    Raises:
        ValueError, TypeError: an option or the data is impossible.
    """
    given = bool(job.given.get("jobId"))
    if given:
        options.check_job_id(job.id)
    data = options.to_json(job.data)
    limit = job.opts.get("sizeLimit")
    if limit and len(data.encode()) > limit:
        raise ValueError(f"The size of job {job.name} exceeds the limit {limit} bytes")
    connection = job.queue.connection
    return NewJob(
        queue=job.queue.name,
        prefix=job.prefix,
        id=job.id or uuid.uuid4().hex,
        given=given,
        numbered=numbered and not job.id,
        name=job.name,
        data=data,
        options=options.for_engine(job.given),
        timestamp=job.given.get("timestamp"),
        flow_id=flow_id,
        parents=parents_of(job) if parents is None else parents,
        children=children,
        raw_options=connection.server.encode_options(options.to_store(job.given)),
    )


def parents_of(job: JobData) -> tuple[Edge, ...]:
    """The edge to the parent that the options name."""
    if job.parentKey is None:
        return ()
    return (Edge(job.parentKey, options.policy_of(job.opts)),)


async def add_jobs(store: Store, jobs: Sequence[JobData], new: Sequence[NewJob]) -> None:
    """Add jobs, all or none, and tell them the ids that they have.

    Raises:
        TypeError: the parent of one does not exist, or has ended.
    """
    for job in jobs:
        check_parent(job)
    try:
        answer = await add_group(store, new)
    except OxherdError as error:
        raise refused(error, jobs) from error
    for job, added in zip(jobs, answer, strict=True):
        job.id = added.id
        if not added.duplicate and not added.deduplicated:
            job.timestamp = added.timestamp


def refused(error: OxherdError, jobs: Sequence[JobData]) -> Exception:
    """The error for jobs that were not added, because of the parent of one."""
    if not isinstance(error, (JobNotFound, WrongState)):
        return error
    keys = [job.parentKey for job in jobs if job.parentKey is not None]
    about = [key for key in keys if JobKey.parse(key)[1:] == (error.queue, error.job_id)]
    key = about[0] if about else f"{error.queue}:{error.job_id}"
    if isinstance(error, JobNotFound):
        return _missing(key)
    return with_code(
        TypeError(f"The parent job {key} is {error.state}. addJob"), ErrorCode.JobNotInState
    )


def check_parent(job: JobData) -> None:
    """Refuse a parent by a key that no job can have.

    Raises:
        TypeError: it is such a key.
    """
    if job.parentKey is not None:
        try:
            JobKey.parse(job.parentKey)
        except InvalidOption:
            raise _missing(job.parentKey) from None


def _missing(key: str) -> Exception:
    return with_code(
        TypeError(f"Missing key for parent job {key}. addJob"), ErrorCode.ParentJobNotExist
    )


__all__ = ["add_jobs", "check_parent", "new_job", "parents_of", "refused"]
