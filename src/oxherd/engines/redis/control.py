"""Steering queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.errors import WrongState
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.engines.redis import wire
from oxherd.engines.redis.calls import OK, Calls, nonce
from oxherd.engines.redis.keys import QUEUE_KEYS, stray_patterns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd.domain.rate_limit import RateLimit

_STEP: Final = 250
"""How many jobs one script removes, so that it does not hold the server long."""

_LOOK: Final = 1000
"""How many jobs one script looks at."""

_REMOVED: Final = -1
"""Instead of a total: no event yet."""


class RedisControl(Calls):
    """The port's `Control`."""

    async def pause(self, queue: str) -> None:
        await self._run("pause", queue, nonce())

    async def resume(self, queue: str) -> None:
        while await self._run("resume", queue, nonce()) != OK:
            pass

    async def drain(self, queue: str, *, delayed: bool = False) -> None:
        while await self._run("drain", queue, self._now(), nonce(), int(delayed), _STEP):
            pass

    async def clean(self, queue: str, state: State, *, grace_ms: int, limit: int = 0) -> list[str]:
        structure = wire.STRUCTURES[state]
        todo = await self._old(queue, state, grace_ms, limit)
        gone: list[str] = []
        while todo and (not limit or len(gone) < limit):
            step = min(_STEP, limit - len(gone)) if limit else _STEP
            looked_at, removed = await self._run(
                "clean", queue, self._now(), nonce(), structure, todo[:step], _STEP, _REMOVED
            )
            gone += removed
            todo = todo[looked_at:]
        await self._run("clean", queue, self._now(), nonce(), structure, [], _STEP, len(gone))
        return gone

    async def obliterate(self, queue: str, *, force: bool = False) -> None:
        await self.pause(queue)
        await self._obliterate(queue, force=force)
        strays = [key async for key in self._strays(queue)]
        for at in range(0, len(strays), _STEP):
            await self._obliterate(queue, strays[at : at + _STEP], force=force)
        await self._obliterate(queue, force=force, last=True)

    async def limit_concurrency(self, queue: str, most: int | None) -> None:
        await self._run("limit_concurrency", queue, most or 0)

    async def limit_rate(self, queue: str, rate: RateLimit | None) -> None:
        most, duration = (0, 0) if rate is None else (rate.max, rate.duration_ms)
        await self._run("limit_rate", queue, most, duration)

    async def hold(self, queue: str, duration_ms: int) -> None:
        await self._run("hold", queue, duration_ms)

    async def _old(self, queue: str, state: State, grace_ms: int, limit: int) -> list[str]:
        """The ids of jobs that have been there long enough, the oldest first."""
        found: dict[str, int] = {}
        # What has ended is listed by its age.
        enough = limit if limit and state in FINISHED else None
        structures = [wire.STRUCTURES[state]]
        if state is State.WAITING:
            structures.append(QUEUE_KEYS["legacy_paused"])
        for structure in structures:
            first, looked_at = 0, _LOOK
            while looked_at == _LOOK and (enough is None or len(found) < enough):
                looked_at, *old = await self._read(
                    "ages", queue, self._now(), structure, grace_ms, first, _LOOK
                )
                pairs = zip(old[::2], old[1::2], strict=True)
                found |= {job_id: int(float(since)) for job_id, since in pairs}
                first += looked_at
        return sorted(found, key=found.__getitem__)

    async def _obliterate(
        self, queue: str, strays: list[str] | None = None, *, force: bool, last: bool = False
    ) -> None:
        """Remove the queue's jobs step by step, then the keys that were found beside them."""
        answer = "more"
        while answer == "more":
            answer = await self._run(
                "obliterate", queue, self._now(), int(force), _STEP, strays or [], int(last)
            )
        if answer != OK:
            job_id = str(answer).partition(" ")[2]
            raise WrongState(job_id, queue, "obliterate the queue of", State.ACTIVE)

    async def _strays(self, queue: str) -> AsyncIterator[str]:
        """Keys of the queue's that are named after something else than its jobs."""
        for pattern in stray_patterns(self._base(queue)):
            cursor = "0"
            while True:
                answer: Any = await self._client.ask(
                    "SCAN", cursor, "MATCH", pattern, "COUNT", str(_LOOK)
                )
                cursor, keys = answer
                for key in keys:
                    yield key
                if cursor == "0":
                    break
