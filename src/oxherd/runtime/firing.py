"""Keeping schedules going: each job of one has the next one made before it runs itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError, StoreFull, StoreUnavailable
from oxherd.domain.lifecycle import FINISHED
from oxherd.domain.schedule import Schedule, job_id_of

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord
    from oxherd.store import Store

_log: Final = logging.getLogger("oxherd.schedules")

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_AT_ONCE: Final = 1_000
"""How many schedules are looked at together."""

OnError = Callable[[BaseException], None]


async def fire(
    store: Store, queue: str, records: Sequence[JobRecord], *, on_error: OnError
) -> None:
    """Have the followers of claimed jobs made, in one call.

    While the store cannot be reached it is asked again, for ever, and the jobs wait: a job that
    is given back, or whose worker dies, is fired by the next claim. After any other refusal the
    jobs run, and `heal` mends their schedules.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            await store.fire_schedule(queue, records)
        except (StoreUnavailable, StoreFull) as error:
            on_error(error)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)
        except Exception as error:  # noqa: BLE001 - the jobs must run, whatever this is
            _log.exception("no next job could be made for schedules of queue %r", queue)
            on_error(error)
            return
        else:
            return


async def heal(store: Store, queue: str) -> list[str]:
    """Make a job for each schedule whose own is gone or ended unfired; answers the schedules' ids.

    Without it such a schedule would never run again: only its job has the next one made.
    """
    healed: list[str] = []
    start = 0
    while True:
        page = await store.schedules(queue, start, start + _AT_ONCE - 1)
        for schedule in await _stopped(store, queue, page):
            # What was read may be old by now: a job that was claimed since has moved it on.
            if await store.schedule(queue, schedule.id) != schedule:
                continue
            made = await store.put_schedule(queue, schedule)
            if isinstance(made, OxherdError):
                raise made
            if made is not None:
                _log.warning("schedule %r of queue %r had stopped", schedule.id, queue)
                healed.append(schedule.id)
        if len(page) < _AT_ONCE:
            return healed
        start += _AT_ONCE


async def _stopped(store: Store, queue: str, page: Sequence[Schedule]) -> list[Schedule]:
    """Those that have further jobs to make, and none that would make them."""
    going = [schedule for schedule in page if not _is_complete(schedule)]
    if not going:
        return []
    ids = [job_id_of(schedule.id, schedule.next_ms or 0) for schedule in going]
    states = await store.states(queue, ids)
    return [
        schedule
        for schedule, state in zip(going, states, strict=True)
        if state is None or state in FINISHED
    ]


def _is_complete(schedule: Schedule) -> bool:
    limit = schedule.repeat.limit
    return limit is not None and schedule.count >= limit
