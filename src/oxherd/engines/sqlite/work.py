"""Running jobs: from the claim to what becomes of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oxherd.engines.sqlite.calls import Calls
from oxherd.engines.sqlite.transitions.await_children import await_children
from oxherd.engines.sqlite.transitions.claim import claim
from oxherd.engines.sqlite.transitions.complete import complete
from oxherd.engines.sqlite.transitions.extend_locks import extend_locks
from oxherd.engines.sqlite.transitions.fail import fail
from oxherd.engines.sqlite.transitions.postpone import postpone
from oxherd.engines.sqlite.transitions.promote_due import promote_due
from oxherd.engines.sqlite.transitions.release import release
from oxherd.engines.sqlite.transitions.rescue import rescue
from oxherd.engines.sqlite.transitions.retry import retry
from oxherd.engines.sqlite.wakeups import JobsEar, JobsWakeup, Subject

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
    from oxherd.domain.rate_limit import RateLimit
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Claimed, LockKeeper, Refusal, Rescued, Wakeup


class SqliteWork(Calls):
    """The port's `Work`."""

    def claim(
        self,
        queue: str,
        limit: int,
        *,
        token: str,
        lock_ms: int,
        worker: str | None = None,
        rate: RateLimit | None = None,
    ) -> asyncio.Future[Claimed]:
        work = partial(
            claim,
            queue=queue,
            limit=limit,
            token=token,
            lock_ms=lock_ms,
            worker=worker,
            rate=rate,
        )
        return self._write("claim", work)

    def complete(
        self, queue: str, items: Sequence[Completion], *, metrics: int = 0
    ) -> asyncio.Future[list[Refusal]]:
        work = partial(complete, queue=queue, items=items, metrics=metrics)
        return self._write("complete", work)

    def fail(
        self, queue: str, items: Sequence[Failure], *, metrics: int = 0
    ) -> asyncio.Future[list[Refusal]]:
        return self._write("fail", partial(fail, queue=queue, items=items, metrics=metrics))

    def retry(self, queue: str, items: Sequence[Retrial]) -> asyncio.Future[list[Refusal]]:
        return self._write("retry", partial(retry, queue=queue, items=items))

    def postpone(self, queue: str, items: Sequence[Postponement]) -> asyncio.Future[list[Refusal]]:
        return self._write("postpone", partial(postpone, queue=queue, items=items))

    def await_children(
        self, queue: str, items: Sequence[Held]
    ) -> asyncio.Future[list[OxherdError | bool]]:
        work = partial(await_children, queue=queue, items=items)
        return self._write("await_children", work)

    def release(self, queue: str, items: Sequence[Held]) -> asyncio.Future[list[Refusal]]:
        return self._write("release", partial(release, queue=queue, items=items))

    def extend_locks(
        self, queue: str, items: Sequence[Held], lock_ms: int
    ) -> asyncio.Future[list[Refusal]]:
        work = partial(extend_locks, queue=queue, items=items, lock_ms=lock_ms)
        return self._write("extend_locks", work, urgent=True)

    async def rescue(self, queue: str, *, max_stalled_count: int, interval_ms: int) -> Rescued:
        del interval_ms
        work = partial(rescue, queue=queue, max_stalled_count=max_stalled_count)
        return await self._write("rescue", work)

    async def promote_due(self, queue: str) -> int:
        return await self._write("promote_due", partial(promote_due, queue=queue))

    def wakeup(self, queue: str, worker: str | None = None) -> Wakeup:
        del worker
        return JobsWakeup(partial(self._listen, queue))

    def lock_keeper(self) -> LockKeeper:
        return _LockKeeper(self._write_blocking)

    def _listen(self, queue: str, ear: JobsEar | None) -> JobsEar:
        writer, loop = self._enter()
        if ear is None:
            ear = JobsEar(writer.ears, Subject(self._prefix, queue), loop)
            self._ears.add(ear)
        return ear


class _LockKeeper:
    """Renews through the writer, ahead of what the event loop has queued."""

    def __init__(
        self, write: Callable[[str, Callable[[Transaction], list[Refusal]]], list[Refusal]]
    ) -> None:
        self._write = write

    def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[bool]:
        work = partial(extend_locks, queue=queue, items=items, lock_ms=lock_ms)
        return [answer is None for answer in self._write("extend_locks", work)]

    def close(self) -> None:
        """Nothing: the connection is the store's."""
