"""Running jobs: from the claim to what becomes of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from oxherd.domain.record import JobKey
from oxherd.engines.redis import wire
from oxherd.engines.redis.calls import OK, Calls, nonce, refused
from oxherd.engines.redis.keys import listener_name, queue_key
from oxherd.engines.redis.lock_keeper import RedisLockKeeper
from oxherd.engines.redis.wakeup import RedisWakeup
from oxherd.store import Claimed, Rescued

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
    from oxherd.domain.rate_limit import RateLimit
    from oxherd.store import Refusal


class RedisWork(Calls):
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
        most, window_ms = (0, 0) if rate is None else (rate.max, rate.duration_ms)
        values = (self._now(), limit, token, lock_ms, worker or "", most, window_ms)
        read = partial(_claimed, queue, worker)
        ends_trip = self._client.has_waiting
        claimed = self._run("claim", queue, *values, read=read, repeatable=False)
        if ends_trip:
            # A worker claims after all that it settles: nothing more comes that could go along.
            self._client.flush()
        return claimed

    def complete(
        self, queue: str, items: Sequence[Completion], *, metrics: int = 0
    ) -> asyncio.Future[list[Refusal]]:
        packed = [(item.id, item.token, item.result, wire.keep(item.keep)) for item in items]
        return self._settle("complete", queue, items, self._now(), metrics, packed)

    def fail(
        self, queue: str, items: Sequence[Failure], *, metrics: int = 0
    ) -> asyncio.Future[list[Refusal]]:
        packed = [
            (item.id, item.token, item.reason, item.stacktrace, wire.keep(item.keep))
            for item in items
        ]
        return self._settle("fail", queue, items, self._now(), metrics, packed)

    def retry(self, queue: str, items: Sequence[Retrial]) -> asyncio.Future[list[Refusal]]:
        packed = [
            (item.id, item.token, item.reason, item.stacktrace, item.delay_ms) for item in items
        ]
        return self._settle("retry", queue, items, self._now(), packed)

    def postpone(self, queue: str, items: Sequence[Postponement]) -> asyncio.Future[list[Refusal]]:
        packed = [(item.id, item.token, item.delay_ms) for item in items]
        return self._settle("postpone", queue, items, self._now(), packed)

    def await_children(
        self, queue: str, items: Sequence[Held]
    ) -> asyncio.Future[list[OxherdError | bool]]:
        packed = [(item.id, item.token) for item in items]
        read = partial(_waits, queue, [item.id for item in items])
        return self._run("await_children", queue, self._now(), packed, read=read)

    def release(self, queue: str, items: Sequence[Held]) -> asyncio.Future[list[Refusal]]:
        return self._settle("release", queue, items, [(item.id, item.token) for item in items])

    def extend_locks(
        self, queue: str, items: Sequence[Held], lock_ms: int
    ) -> asyncio.Future[list[Refusal]]:
        packed = [(item.id, item.token) for item in items]
        return self._settle("extend_locks", queue, items, lock_ms, packed)

    async def rescue(self, queue: str, *, max_stalled_count: int, interval_ms: int) -> Rescued:
        jobs, half_settled = await self._run(
            "rescue", queue, self._now(), max_stalled_count, interval_ms, nonce()
        )
        return Rescued(tuple(jobs), tuple(sorted(JobKey.parse(key).queue for key in half_settled)))

    async def promote_due(self, queue: str) -> int:
        return int(await self._run("promote_due", queue, self._now()))

    def wakeup(self, queue: str, worker: str | None = None) -> RedisWakeup:
        wakeup = RedisWakeup(
            self._client,
            queue_key(self._base(queue), "marker"),
            listener_name(self._prefix, queue, worker),
        )
        self._wakeups.add(wakeup)
        return wakeup

    def lock_keeper(self) -> RedisLockKeeper:
        return RedisLockKeeper(self._endpoint, self._prefix)


def _claimed(queue: str, worker: str | None, answer: Any) -> Claimed:
    found, now, due_in, retry_after, paused = answer
    return Claimed(
        jobs=tuple([wire.claimed_record(queue, job, now, worker) for job in found]),
        due_in_ms=None if due_in < 0 else due_in,
        retry_after_ms=retry_after,
        paused=bool(paused),
    )


def _waits(queue: str, job_ids: Sequence[str], answers: Sequence[str]) -> list[OxherdError | bool]:
    """Whether each job waits for its children now, or why it may not."""
    return [
        answer == OK
        if answer in (OK, "nothing-pending")
        else refused("await children", queue, job_id, answer)
        for job_id, answer in zip(job_ids, answers, strict=True)
    ]
