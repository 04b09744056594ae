"""Waiting for a job to end: events wake, the stored state decides, nothing waits for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from oxherd.domain.codec import decode
from oxherd.domain.errors import JobFailed, JobRemoved
from oxherd.domain.events import Completed, Failed, JobEvent
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus, JobKey
from oxherd.runtime.clock import monotonic

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord
    from oxherd.store import Store

_LOOK_AGAIN: Final = 1.0
"""Seconds after which the state is read again even without an event: events are hints."""

_GOES_ON: Final[Any] = object()

_AT_ONCE: Final = 500
"""How many reads are asked for together."""


async def wait_until_finished(
    store: Store,
    queue: str,
    job_id: str,
    timeout: float | timedelta | None,  # noqa: ASYNC109 - the public name
) -> Any:
    """The result of a job, once it has ended.

    A job that a failed child is about to fail counts as failed at once, worker or not.

    Raises:
        JobFailed, JobRemoved, TimeoutError: see `Job.wait_until_finished`.
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds is not None and seconds <= 0:
        # A look takes time, of which there is none; one is meant all the same.
        return await _ended(store, queue, job_id)
    try:
        async with asyncio.timeout(seconds):
            return await _until_finished(store, queue, job_id)
    except TimeoutError:
        raise TimeoutError(
            f"job {job_id!r} of queue {queue!r} did not finish within {seconds} s"
        ) from None


async def _ended(store: Store, queue: str, job_id: str) -> Any:
    """The result of a job that has ended already.

    Raises:
        TimeoutError: it has not.
    """
    record, state = await _look(store, queue, job_id)
    result = await _result(store, queue, job_id, record, state)
    if result is not _GOES_ON:
        return result
    assert record is not None
    reason = await doomed(store, record)
    if reason is not None:
        raise JobFailed(job_id, queue, reason)
    raise TimeoutError(f"job {job_id!r} of queue {queue!r} has not finished")


async def _result(
    store: Store, queue: str, job_id: str, record: JobRecord | None, state: State | None
) -> Any:
    """What a job has come to, `_GOES_ON` while it has not ended."""
    if record is None:
        return await _from_log(store, queue, job_id)
    if state is State.COMPLETED:
        return decode(record.returnvalue or "null")
    if state is State.FAILED:
        raise _failure(record)
    return _GOES_ON


async def _until_finished(store: Store, queue: str, job_id: str) -> Any:
    """Whichever comes first: the job's own end, or one below that will reach it."""
    ending = asyncio.ensure_future(_ending(store, queue, job_id))
    doom = asyncio.ensure_future(_doom(store, queue, job_id))
    try:
        await asyncio.wait([ending, doom], return_when=asyncio.FIRST_COMPLETED)
        return await (ending if ending.done() else doom)
    finally:
        ending.cancel()
        doom.cancel()
        await asyncio.gather(ending, doom, return_exceptions=True)


async def _ending(store: Store, queue: str, job_id: str) -> Any:
    cursor = await store.last_event_id(queue)
    while True:
        record, state = await _look(store, queue, job_id)
        result = await _result(store, queue, job_id, record, state)
        if result is not _GOES_ON:
            return result
        hint = False
        look_at = monotonic() + _LOOK_AGAIN
        while not hint and (left := look_at - monotonic()) > 0:
            page = await store.read_events(queue, cursor, block_ms=max(1, int(left * 1000)))
            cursor = page.cursor
            about = [e for e in page.events if isinstance(e, JobEvent) and e.job_id == job_id]
            for event in about:
                if isinstance(event, Completed):
                    return event.returnvalue
            hint = bool(about) or page.trimmed


async def _doom(store: Store, queue: str, job_id: str) -> NoReturn:
    """Walk the flow below now and then; a large one takes its time, and may have a twentieth."""
    while True:
        began = monotonic()
        record, state = await _look(store, queue, job_id)
        if record is not None and state not in FINISHED:
            reason = await doomed(store, record)
            if reason is not None:
                raise JobFailed(job_id, queue, reason)
        await asyncio.sleep(max(_LOOK_AGAIN, 20 * (monotonic() - began)))


async def _look(store: Store, queue: str, job_id: str) -> tuple[JobRecord | None, State | None]:
    """The job and its state, the state first: a record may be newer than it, never older."""
    state = (await store.states(queue, [job_id]))[0]
    return (await store.jobs(queue, [job_id]))[0], state


async def _from_log(store: Store, queue: str, job_id: str) -> Any:
    """The end of a job that was removed as it ended, from the events that are left.

    Raises:
        JobFailed: it failed.
        JobRemoved: no end of it is in the log.
    """
    cursor = "0"
    while True:
        page = await store.read_events(queue, cursor, limit=1_000)
        if not page.events:
            raise JobRemoved(job_id, queue)
        cursor = page.cursor
        for event in page.events:
            if isinstance(event, Completed) and event.job_id == job_id:
                return event.returnvalue
            if isinstance(event, Failed) and event.job_id == job_id:
                raise JobFailed(job_id, queue, event.failed_reason)


def _failure(record: JobRecord) -> JobFailed:
    traces = tuple(decode(record.stacktrace or "[]"))
    return JobFailed(record.id, record.queue, record.failed_reason or "", traces)


async def doomed(store: Store, root: JobRecord) -> str | None:
    """Why `root` will fail although no worker failed it yet, or None.

    A deferred failure below reaches it level by level, along edges that fail the parent. Only
    jobs that wait for children can pass one on, so nothing else is walked into.
    """
    seen: set[str] = set()
    level = [root]
    while level:
        for record in level:
            if record.deferred_failure is not None:
                return record.deferred_failure
        above = {str(JobKey(store.prefix, record.queue, record.id)) for record in level}
        keys: list[JobKey] = []
        for start in range(0, len(level), _AT_ONCE):
            some = level[start : start + _AT_ONCE]
            pages = await asyncio.gather(
                *(store.children(record.queue, record.id) for record in some)
            )
            for page in pages:
                for link in page.links:
                    if link.status is ChildStatus.PENDING and link.key not in seen:
                        seen.add(link.key)
                        keys.append(JobKey.parse(link.key))
        level = [
            record
            for record, state in await _read(store, keys)
            if (state is State.WAITING_CHILDREN or record.deferred_failure is not None)
            and any(
                edge.parent in above and edge.on_failure is OnFailure.FAIL_PARENT
                for edge in record.parents
            )
        ]
    return None


async def _read(store: Store, keys: list[JobKey]) -> list[tuple[JobRecord, State | None]]:
    """Those of the jobs that there are, and their states; two reads for each queue."""
    by_queue: dict[str, list[str]] = {}
    for key in keys:
        if key.prefix == store.prefix:
            by_queue.setdefault(key.queue, []).append(key.id)
    found: list[tuple[JobRecord, State | None]] = []
    for queue, ids in by_queue.items():
        states = await store.states(queue, ids)
        records = await store.jobs(queue, ids)
        found += [
            (record, state)
            for record, state in zip(records, states, strict=True)
            if record is not None
        ]
    return found
