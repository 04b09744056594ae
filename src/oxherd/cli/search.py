"""Finding the queue of a job that is known by its id alone."""

from __future__ import annotations

import click

from oxherd.cli.exits import NotFound
from oxherd.store import Inspect


async def queue_of(store: Inspect, job_id: str, queue: str | None, address: str) -> str:
    """The queue that has the job: the given one, or the only one that does.

    Raises:
        NotFound: no queue has it.
        UsageError: several have one of that id.
    """
    searched = [queue] if queue is not None else await store.queues()
    found = [name for name in searched if (await store.states(name, [job_id]))[0] is not None]
    if len(found) > 1:
        raise click.UsageError(
            f"queues {', '.join(found)} have a job {job_id!r} each; say which with -q"
        )
    if found:
        return found[0]
    where = f"queue {queue!r}" if queue is not None else "no queue"
    raise NotFound(f"{where} of {address} has {'no' if queue is not None else 'a'} job {job_id!r}")
