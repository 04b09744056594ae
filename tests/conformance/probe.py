"""What a test may do behind a store's back: look at the truth, move time, break things."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from redis.asyncio import Redis

from oxherd.domain.lifecycle import State
from oxherd.domain.record import JobKey
from tests.conformance.sqlite_access import run_sql

if TYPE_CHECKING:
    from oxherd.store import Store
    from tests.timing import FakeClock

Jobs = tuple[str, str]
"""A queue's name and a job's id."""


class Probe(Protocol):
    """The same questions to every engine."""

    async def pass_time(self, milliseconds: int) -> None:
        """Move the clock and whatever expires by itself."""
        ...

    async def locks(self) -> dict[Jobs, str]:
        """The tokens of the locks that live."""
        ...

    async def truth(self) -> dict[Jobs, list[State]]:
        """Every id that has a record or is listed anywhere, with the states that list it."""
        ...

    async def timed_ids(self) -> set[tuple[str, str]]:
        """The deduplication ids that are owned for a time, with their queues."""
        ...

    async def damage(self, queue: str, job_id: str) -> None:
        """Make the stored record unreadable."""
        ...

    async def vanish(self, queue: str, job_id: str) -> None:
        """Delete the record and nothing else."""
        ...

    async def leftovers(self) -> list[str]:
        """What is stored about jobs; nothing when every job was removed."""
        ...

    async def check(self) -> None:
        """Assert that the engine's own files or keys are sound."""
        ...

    async def aclose(self) -> None:
        """Delete what is left and let go."""
        ...


STRUCTURES: Final = {
    "wait": State.WAITING,
    "prioritized": State.PRIORITIZED,
    "delayed": State.DELAYED,
    "waiting-children": State.WAITING_CHILDREN,
    "active": State.ACTIVE,
    "completed": State.COMPLETED,
    "failed": State.FAILED,
}
QUEUE_KEYS: Final = frozenset({"meta", "id", "events", "marker", "pc", "stalled", "stalled-check"})
"""What a queue has without any job; who was seen active last is forgotten at the next check."""
NOT_JOBS: Final = QUEUE_KEYS | {"repeat", "limiter"}
ANSWER: Final = "call-"
"""What keeps the answer of a call is called so, beside the queue's keys."""
SCHEDULED: Final = re.compile(r"repeat:.+:\d+")
"""The ids of the jobs of schedules."""


class RedisProbe:
    """Looks at the keys below a prefix."""

    def __init__(self, url: str, prefix: str, clock: FakeClock) -> None:
        self._redis: Any = Redis.from_url(
            urlsplit(url)._replace(query="").geturl(), decode_responses=True
        )
        self._prefix = prefix
        self._clock = clock

    async def pass_time(self, milliseconds: int) -> None:
        self._clock.advance(milliseconds)
        keys = await self._keys()
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.pttl(key)
        left = dict(zip(keys, await pipeline.execute(), strict=True))
        for key, ttl in left.items():
            if 0 <= ttl <= milliseconds:
                pipeline.delete(key)
            elif ttl > milliseconds:
                pipeline.pexpire(key, ttl - milliseconds)
        await pipeline.execute()

    async def locks(self) -> dict[Jobs, str]:
        found = [key for key in await self._keys() if key.endswith(":lock")]
        tokens = await self._redis.mget(found) if found else []
        held = {}
        for key, token in zip(found, tokens, strict=True):
            job = JobKey.parse(key.removesuffix(":lock"))
            held[job.queue, job.id] = token
        return held

    async def truth(self) -> dict[Jobs, list[State]]:
        found: defaultdict[Jobs, list[State]] = defaultdict(list)
        for key in await self._keys():
            queue, _, rest = key.removeprefix(f"{self._prefix}:").partition(":")
            if rest.startswith(ANSWER):
                continue
            if rest in STRUCTURES:
                if await self._redis.type(key) == "list":
                    members = await self._redis.lrange(key, 0, -1)
                else:
                    members = await self._redis.zrange(key, 0, -1)
                for member in members:
                    found[queue, member].append(STRUCTURES[rest])
            elif (rest and ":" not in rest and rest not in NOT_JOBS) or SCHEDULED.fullmatch(rest):
                _ = found[queue, rest]
        return dict(found)

    async def timed_ids(self) -> set[tuple[str, str]]:
        found = set()
        for key in await self._keys():
            queue, _, rest = key.removeprefix(f"{self._prefix}:").partition(":")
            if rest.startswith("de:") and await self._redis.pttl(key) >= 0:
                found.add((queue, rest.removeprefix("de:")))
        return found

    async def damage(self, queue: str, job_id: str) -> None:
        await self._redis.hset(f"{self._prefix}:{queue}:{job_id}", "opts", "{not JSON")

    async def vanish(self, queue: str, job_id: str) -> None:
        await self._redis.delete(f"{self._prefix}:{queue}:{job_id}")

    async def leftovers(self) -> list[str]:
        left = []
        for key in await self._keys():
            rest = key.removeprefix(f"{self._prefix}:").partition(":")[2]
            # Kept for a while so that a call sent again can be answered.
            answers = rest == "ox:gone" or rest.startswith(ANSWER)
            if rest and rest not in QUEUE_KEYS and not answers:
                left.append(key)
        return sorted(left)

    async def check(self) -> None:
        types = {"wait": "list", "active": "list", "events": "stream", "meta": "hash"}
        for key in await self._keys():
            rest = key.removeprefix(f"{self._prefix}:").partition(":")[2]
            assert await self._redis.type(key) == types.get(rest, await self._redis.type(key))
            if rest.endswith(":lock"):
                assert await self._redis.pttl(key) > 0, f"{key} never expires"

    async def aclose(self) -> None:
        keys = await self._keys()
        for start in range(0, len(keys), 1_000):
            await self._redis.unlink(*keys[start : start + 1_000])
        await self._redis.aclose()

    async def _keys(self) -> list[str]:
        pattern = f"{self._prefix}:*"
        return sorted({key async for key in self._redis.scan_iter(pattern, count=10_000)})


class SqliteProbe:
    """Looks at the rows of the database."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self._store = store
        self._clock = clock

    async def pass_time(self, milliseconds: int) -> None:
        self._clock.advance(milliseconds)

    async def locks(self) -> dict[Jobs, str]:
        rows = await self._sql(
            "SELECT queues.name, job_id, lock_token FROM jobs JOIN queues ON queues.id = queue"
            " WHERE lock_token IS NOT NULL AND lock_until > ?",
            self._clock.now_ms,
        )
        return {(queue, job_id): token for queue, job_id, token in rows}

    async def truth(self) -> dict[Jobs, list[State]]:
        rows = await self._sql(
            "SELECT queues.name, job_id, state FROM jobs JOIN queues ON queues.id = queue"
        )
        states = list(State)
        return {(queue, job_id): [states[code]] for queue, job_id, code in rows}

    async def timed_ids(self) -> set[tuple[str, str]]:
        rows = await self._sql(
            "SELECT queues.name, deduplications.id FROM deduplications"
            " JOIN queues ON queues.id = queue WHERE until > ?",
            self._clock.now_ms,
        )
        return set(rows)

    async def damage(self, queue: str, job_id: str) -> None:
        await self._one_job("UPDATE jobs SET options = '{not JSON' WHERE {}", queue, job_id)

    async def vanish(self, queue: str, job_id: str) -> None:
        await self._one_job("DELETE FROM jobs WHERE {}", queue, job_id)

    async def leftovers(self) -> list[str]:
        tables = await self._sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
        left = []
        for (table,) in tables:
            if table not in {"queues", "events", "gone"} and not table.startswith("sqlite_"):
                rows = await self._sql(f"SELECT count(*) FROM {table}")
                left += [f"{table}: {count}" for (count,) in rows if count]
        return left

    async def check(self) -> None:
        assert await self._sql("PRAGMA integrity_check") == [("ok",)]
        assert await self._sql("PRAGMA foreign_key_check") == []

    async def aclose(self) -> None:
        pass

    async def _sql(self, statement: str, *values: object) -> list[Any]:
        return await run_sql(self._store, statement, values)

    async def _one_job(self, statement: str, queue: str, job_id: str) -> None:
        where = "job_id = ? AND queue = (SELECT id FROM queues WHERE name = ?)"
        await self._sql(statement.replace("{}", where), job_id, queue)
