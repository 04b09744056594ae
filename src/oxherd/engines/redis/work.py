"""Running jobs: from the claim to what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.record import JobKey
from oxherd.engines.redis import wire
from oxherd.engines.redis.calls import OK, Calls, nonce, refused
from oxherd.engines.redis.keys import listener_name, queue_key
from oxherd.engines.redis.lock_keeper import RedisLockKeeper
from oxherd.engines.redis.wakeup import RedisWakeup
from oxherd.store import Claimed, Rescued

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
    from oxherd.domain.rate_limit import RateLimit
    from oxherd.store import Refusal


class RedisWork(Calls):
    """The port's `Work`."""

    async def claim(
        self,
        queue: str,
        limit: int,
        *,
        token: str,
        lock_ms: int,
        worker: str | None = None,
        rate: RateLimit | None = None,
    ) -> Claimed:
        most, window_ms = (0, 0) if rate is None else (rate.max, rate.duration_ms)
        values = (self._now(), limit, token, lock_ms, worker or "", most, window_ms)
        found, due_in, retry_after, paused = await self._run(
            "claim", queue, *values, repeatable=False
        )
        return Claimed(
            jobs=tuple([wire.record(queue, job[-1], job[:-1]) for job in found]),
            due_in_ms=None if due_in < 0 else due_in,
            retry_after_ms=retry_after,
            paused=bool(paused),
        )

    async def complete(
        self, queue: str, items: Sequence[Completion], *, metrics: int = 0
    ) -> list[Refusal]:
        packed = [(item.id, item.token, item.result, wire.keep(item.keep)) for item in items]
        return await self._settle("complete", queue, items, self._now(), metrics, packed)

    async def fail(
        self, queue: str, items: Sequence[Failure], *, metrics: int = 0
    ) -> list[Refusal]:
        packed = [
            (item.id, item.token, item.reason, item.stacktrace, wire.keep(item.keep))
            for item in items
        ]
        return await self._settle("fail", queue, items, self._now(), metrics, packed)

    async def retry(self, queue: str, items: Sequence[Retrial]) -> list[Refusal]:
        packed = [
            (item.id, item.token, item.reason, item.stacktrace, item.delay_ms) for item in items
        ]
        return await self._settle("retry", queue, items, self._now(), packed)

    async def postpone(self, queue: str, items: Sequence[Postponement]) -> list[Refusal]:
        packed = [(item.id, item.token, item.delay_ms) for item in items]
        return await self._settle("postpone", queue, items, self._now(), packed)

    async def await_children(self, queue: str, items: Sequence[Held]) -> list[OxherdError | bool]:
        packed = [(item.id, item.token) for item in items]
        answers = await self._run("await_children", queue, self._now(), packed)
        return [
            answer == OK
            if answer in (OK, "nothing-pending")
            else refused("await children", queue, item.id, answer)
            for item, answer in zip(items, answers, strict=True)
        ]

    async def release(self, queue: str, items: Sequence[Held]) -> list[Refusal]:
        return await self._settle(
            "release", queue, items, [(item.id, item.token) for item in items]
        )

    async def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[Refusal]:
        packed = [(item.id, item.token) for item in items]
        return await self._settle("extend_locks", queue, items, lock_ms, packed)

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
