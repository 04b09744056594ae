"""Verbs over many jobs of a state, some at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from oxherd.store import Refusal, Store

AT_ONCE: Final = 1_000


async def run_again(
    store: Store, queue: str, state: State, count: int | None, ended_by: int | None
) -> int:
    """Run finished jobs again, those that ended first before the others; answers how many.

    Without a `count` those that there are now: one that ends again meanwhile is left.
    """

    def again(ids: list[str]) -> Awaitable[list[Refusal]]:
        return store.reprocess(queue, ids, state)

    return await in_steps(store, queue, state, again, count=count, ended_by=ended_by)


async def promote_all(store: Store, queue: str, count: int | None) -> int:
    """Make delayed jobs ready, next due first; answers how many. `count` as in `run_again`."""

    def promote(ids: list[str]) -> Awaitable[list[Refusal]]:
        return store.promote(queue, ids)

    return await in_steps(store, queue, State.DELAYED, promote, count=count)


async def in_steps(
    store: Store,
    queue: str,
    state: State,
    verb: Callable[[list[str]], Awaitable[list[Refusal]]],
    *,
    count: int | None = None,
    ended_by: int | None = None,
    at_once: int = AT_ONCE,
) -> int:
    """Call `verb` on the jobs of a state, as `run_again` does; answers for how many it worked."""
    left = (await store.counts(queue))[state] if count is None else count
    done = 0
    while left > 0:
        records = await store.list_jobs(queue, state, 0, min(left, at_once) - 1)
        ids = [
            record.id
            for record in records
            if ended_by is None or (record.finished_on or 0) <= ended_by
        ]
        if not ids:
            break
        # One that is refused is not in the list any more, so this gets on.
        done += sum(answer is None for answer in await verb(ids))
        left -= len(ids)
    return done
