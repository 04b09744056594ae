"""The housekeeping that every worker shares in: lost jobs, due jobs, schedules that stopped."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from oxherd.domain.checks import duration_ms
from oxherd.domain.errors import StoreUnavailable
from oxherd.runtime.firing import heal

if TYPE_CHECKING:
    from oxherd.runtime.worker_options import WorkerOptions
    from oxherd.store import Store

_log: Final = logging.getLogger("oxherd.upkeep")


async def keep_up(
    store: Store,
    queue: str,
    options: WorkerOptions,
    *,
    on_stalled: Callable[[str], None],
    on_error: Callable[[BaseException], None],
) -> None:
    """Rescue, promote and heal at once, then every `stalled_interval`, for ever.

    Args:
        store: where the jobs are.
        queue: the queue.
        options: the worker's.
        on_stalled: called with the id of each job that was taken back.
        on_error: called with what went wrong; the next round comes anyway.
    """
    interval_ms = duration_ms(options.stalled_interval)
    while True:
        try:
            rescued = await store.rescue(
                queue, max_stalled_count=options.max_stalled_count, interval_ms=interval_ms
            )
            for job_id in rescued.jobs:
                _log.warning("job %r of queue %r stalled and was taken back", job_id, queue)
                on_stalled(job_id)
            for name in rescued.half_settled:
                _warn_of_half_settled(store.prefix, name)
            await store.promote_due(queue)
            await heal(store, queue)
        except Exception as error:  # noqa: BLE001 - a loop that dies would be silent
            on_error(error)
            if not isinstance(error, StoreUnavailable):
                _log.exception("upkeep of queue %r failed", queue)
        await asyncio.sleep(interval_ms / 1000)


@functools.cache
def _warn_of_half_settled(prefix: str, queue: str) -> None:
    """Log it once in a process for each queue."""
    _log.warning(
        "workers of another program end jobs of queue %r (prefix %r) that have several parents;"
        " they settle the first parent only, the others wait for Oxherd's upkeep, up to"
        " stalled_interval. Let only Oxherd's workers serve this queue, or lower stalled_interval",
        queue,
        prefix,
    )
