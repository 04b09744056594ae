"""Steering queues."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oxherd.engines.sqlite.calls import Calls
from oxherd.engines.sqlite.transitions.clean import Cleaning, clean, clean_on
from oxherd.engines.sqlite.transitions.drain import drain
from oxherd.engines.sqlite.transitions.hold import hold
from oxherd.engines.sqlite.transitions.limit_concurrency import limit_concurrency
from oxherd.engines.sqlite.transitions.limit_rate import limit_rate
from oxherd.engines.sqlite.transitions.obliterate import obliterate, obliterate_on
from oxherd.engines.sqlite.transitions.pause import pause
from oxherd.engines.sqlite.transitions.resume import resume

if TYPE_CHECKING:
    from oxherd.domain.errors import OxherdError
    from oxherd.domain.lifecycle import State
    from oxherd.domain.rate_limit import RateLimit


class SqliteControl(Calls):
    """The port's `Control`."""

    async def pause(self, queue: str) -> None:
        await self._write("pause", partial(pause, queue=queue))

    async def resume(self, queue: str) -> None:
        await self._write("resume", partial(resume, queue=queue))

    async def drain(self, queue: str, *, delayed: bool = False) -> None:
        step = partial(drain, queue=queue, delayed=delayed)
        last_row: int | None = await self._write("drain", partial(step, last_row=None))
        while last_row is not None:
            last_row = await self._write("drain", partial(step, last_row=last_row))

    async def clean(self, queue: str, state: State, *, grace_ms: int, limit: int = 0) -> list[str]:
        begin = partial(clean, queue=queue, state=state, grace_ms=grace_ms, limit=limit)
        answer: Cleaning | list[str] = await self._write("clean", begin)
        while isinstance(answer, Cleaning):
            step = partial(clean_on, queue=queue, cleaning=answer)
            answer = await self._write("clean", step)
        return answer

    async def obliterate(self, queue: str, *, force: bool = False) -> None:
        begin = partial(obliterate, queue=queue, force=force)
        answer: OxherdError | bool = await self._write("obliterate", begin)
        if not isinstance(answer, bool):
            raise answer
        while answer:
            answer = await self._write("obliterate", partial(obliterate_on, queue=queue))

    async def limit_concurrency(self, queue: str, most: int | None) -> None:
        work = partial(limit_concurrency, queue=queue, most=most)
        await self._write("limit_concurrency", work)

    async def limit_rate(self, queue: str, rate: RateLimit | None) -> None:
        await self._write("limit_rate", partial(limit_rate, queue=queue, rate=rate))

    async def hold(self, queue: str, duration_ms: int) -> None:
        await self._write("hold", partial(hold, queue=queue, duration_ms=duration_ms))
