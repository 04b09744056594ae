"""Outcomes on their way to the store: the verb for each kind, and what its answers mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from oxherd.domain.errors import HasFailedChildren, HasPendingChildren
from oxherd.domain.outcome import (
    AwaitingChildren,
    Completion,
    Failure,
    Held,
    Outcome,
    Postponement,
    Released,
    Retrial,
    Throttled,
    failed,
    raised,
)
from oxherd.runtime.runner import Run
from oxherd.runtime.trip import begun

if TYPE_CHECKING:
    import asyncio

    from oxherd.runtime.worker_options import WorkerOptions
    from oxherd.store import Store

Ended = tuple[Run, Outcome | None]
"""A job and what became of it; None when it is lost and only frees its slot."""

Settling = tuple[list[Ended], "asyncio.Future[list[Any]]"]
"""Outcomes of one kind, and the answers to them, in order."""


class Settler:
    """Settles the outcomes of one worker.

    Args:
        store: where the jobs are.
        queue: the worker's queue.
        options: the worker's.
    """

    def __init__(self, store: Store, queue: str, options: WorkerOptions) -> None:
        self._store = store
        self._queue = queue
        self._rules = options.rules
        metrics = options.metrics or 0
        self._verbs: dict[type, Callable[[list[Any]], Awaitable[list[Any]]]] = {
            Completion: lambda items: store.complete(queue, items, metrics=metrics),
            Failure: lambda items: store.fail(queue, items, metrics=metrics),
            Retrial: lambda items: store.retry(queue, items),
            Postponement: lambda items: store.postpone(queue, items),
            AwaitingChildren: lambda items: store.await_children(queue, _held(items)),
            Released: lambda items: store.release(queue, _held(items)),
            Throttled: self._throttle,
        }

    def settle(self, gathered: Sequence[Ended]) -> list[Settling]:
        """One call for each kind of outcome that there is."""
        kinds: dict[type, list[Ended]] = {}
        for ended in gathered:
            if ended[1] is not None:
                kinds.setdefault(type(ended[1]), []).append(ended)
        return [
            (items, begun(partial(self._verbs[kind], [outcome for _, outcome in items])))
            for kind, items in kinds.items()
        ]

    def judge(self, run: Run, outcome: Outcome, answer: object) -> Outcome | None:
        """What to send next for an answered outcome, or None when there is no more to say."""
        if answer is False:
            # Nothing to wait for: the job runs again at once.
            return Released(outcome.id, outcome.token)
        if isinstance(answer, HasPendingChildren):
            return raised(run.record, run.token, answer, self._rules, 0.0)
        if isinstance(answer, HasFailedChildren):
            return failed(run.record, run.token, answer, self._rules)
        return None

    async def _throttle(self, items: Sequence[Throttled]) -> list[Any]:
        """Hold the queue first: nobody may claim a job that is given back too soon."""
        await self._store.hold(self._queue, max(item.duration_ms for item in items))
        return await self._store.release(self._queue, _held(items))


def _held(items: Sequence[Held]) -> list[Held]:
    """Outcomes as no more than what they settle."""
    return [Held(item.id, item.token) for item in items]
