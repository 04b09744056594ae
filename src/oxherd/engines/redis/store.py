"""RedisStore: the port on Redis or Valkey, one script for each verb."""

from __future__ import annotations

import asyncio

from oxherd.engines.redis.control import RedisControl
from oxherd.engines.redis.event_log import RedisEventLog
from oxherd.engines.redis.intake import RedisIntake
from oxherd.engines.redis.reads import RedisInspect
from oxherd.engines.redis.schedules import RedisSchedules
from oxherd.engines.redis.tend import RedisTend
from oxherd.engines.redis.work import RedisWork


class RedisStore(
    RedisIntake,
    RedisWork,
    RedisTend,
    RedisControl,
    RedisSchedules,
    RedisInspect,
    RedisEventLog,
):
    """A store on one server; connects when it is first used."""

    async def aclose(self) -> None:
        await self._client.aclose()
        ears = [wakeup.aclose() for wakeup in list(self._wakeups)]
        await asyncio.gather(*ears, self._end_reads())


__all__ = ["RedisStore"]
