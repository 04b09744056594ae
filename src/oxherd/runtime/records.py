"""Reading the records of many jobs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oxherd.domain.record import JobKey, JobRecord

if TYPE_CHECKING:
    from oxherd.store import Store


async def records_of(store: Store, keys: Sequence[JobKey]) -> list[JobRecord | None]:
    """The records of jobs that are there, with one read per queue."""
    by_queue: dict[str, list[str]] = {}
    for key in keys:
        if key.prefix == store.prefix:
            by_queue.setdefault(key.queue, []).append(key.id)
    found: dict[tuple[str, str], JobRecord | None] = {}
    for queue, ids in by_queue.items():
        for job_id, record in zip(ids, await store.jobs(queue, ids), strict=True):
            found[queue, job_id] = record
    return [found.get((key.queue, key.id)) for key in keys]
