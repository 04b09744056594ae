"""The keys of rate limits and of metrics: those that the original reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.lifecycle import State
from oxherd.domain.rate_limit import RateLimit
from oxherd.store import Metrics
from tests.redis.jobs import completion, failure, new_job

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore
    from tests.timing import FakeClock

LOCK_MS = 30_000
HELD = 9007199254740991
"""What another client's manual limit puts in the counter."""


async def claim(store: RedisStore, limit: int = 1, rate: RateLimit | None = None) -> list[str]:
    claimed = await store.claim("q", limit, token="t", lock_ms=LOCK_MS, rate=rate)
    return [job.id for job in claimed.jobs]


async def test_the_counter_of_a_window(store: RedisStore, client: Any, prefix: str) -> None:
    await store.add([[new_job() for _ in range(9)]])
    limiter = f"{prefix}:q:limiter"

    await claim(store, 2, RateLimit(5, 60))
    assert client.get(limiter) == "2"
    assert 55_000 < client.pttl(limiter) <= 60_000
    client.pexpire(limiter, 7_000)
    await claim(store, 2, RateLimit(5, 60))
    assert client.get(limiter) == "4"
    assert 5_000 < client.pttl(limiter) <= 7_000
    assert len(await claim(store, 9, RateLimit(5, 60))) == 1


async def test_without_a_number_there_is_no_counter(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job()]])
    client.hset(f"{prefix}:q:meta", "duration", 1_000)
    client.set(f"{prefix}:q:limiter", HELD, px=60_000)

    assert len(await claim(store)) == 1
    assert client.get(f"{prefix}:q:limiter") == str(HELD)


@pytest.mark.parametrize("number", ["meta", "worker"])
async def test_a_manual_limit_of_another_client(
    store: RedisStore, client: Any, prefix: str, *, number: str
) -> None:
    await store.add([[new_job(), new_job()]])
    if number == "meta":
        client.hset(f"{prefix}:q:meta", mapping={"max": 5, "duration": 1_000})
    client.set(f"{prefix}:q:limiter", HELD, px=60_000)
    rate = RateLimit(5, 1) if number == "worker" else None

    claimed = await store.claim("q", 1, token="t", lock_ms=LOCK_MS, rate=rate)

    assert claimed.jobs == ()
    assert 55_000 < claimed.retry_after_ms <= 60_000


async def test_a_number_without_any_window_counts_nothing_but_can_be_held(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job() for _ in range(3)]])
    client.hset(f"{prefix}:q:meta", "max", 1)
    assert len(await claim(store, 2)) == 2
    assert client.exists(f"{prefix}:q:limiter") == 0

    client.set(f"{prefix}:q:limiter", HELD, px=60_000)

    assert await claim(store) == []


async def test_a_counter_that_would_never_end_is_begun_anew(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job()]])
    client.set(f"{prefix}:q:limiter", 5)

    assert len(await claim(store, 1, RateLimit(2, 60))) == 1
    assert client.get(f"{prefix}:q:limiter") == "1"
    assert client.pttl(f"{prefix}:q:limiter") > 0


async def end(store: RedisStore, state: State, count: int, metrics: int = 3) -> None:
    await store.add([[new_job() for _ in range(count)]])
    claimed = await store.claim("q", count, token="t", lock_ms=LOCK_MS)
    if state is State.COMPLETED:
        items = [completion(job, "t") for job in claimed.jobs]
        answers = await store.complete("q", items, metrics=metrics)
    else:
        answers = await store.fail(
            "q", [failure(job, "t") for job in claimed.jobs], metrics=metrics
        )
    assert answers == [None] * count


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
async def test_the_keys_of_metrics(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock, *, state: State
) -> None:
    clock.now_ms = 1_800_000_030_000
    counts, points = f"{prefix}:q:metrics:{state}", f"{prefix}:q:metrics:{state}:data"
    await end(store, state, 2)
    first = {"count": "2", "prevTS": "1800000030000", "prevCount": "0"}
    assert client.hgetall(counts) == first
    assert client.exists(points) == 0

    clock.now_ms = 1_800_000_059_999
    await end(store, state, 1)
    assert client.hgetall(counts) == first | {"count": "3"}

    clock.now_ms = 1_800_000_120_000
    await end(store, state, 4)
    assert client.lrange(points, 0, -1) == ["0", "3"]
    assert client.hgetall(counts) == {
        "count": "7", "prevTS": "1800000120000", "prevCount": "3",
    }  # fmt: skip

    clock.now_ms += 60_000
    await end(store, state, 1)
    clock.now_ms += 60_000
    await end(store, state, 1)
    assert client.lrange(points, 0, -1) == ["1", "4", "0"]


async def test_the_metrics_of_another_client_are_read_and_gone_on_with(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = 1_800_000_120_000
    counts = {"count": 12, "prevTS": 1_800_000_061_000, "prevCount": 9}
    client.hset(f"{prefix}:q:metrics:completed", mapping=counts)
    client.rpush(f"{prefix}:q:metrics:completed:data", 4, 5)
    found = await store.metrics("q", State.COMPLETED)
    assert found == Metrics(12, 1_800_000_061_000, 9, (4, 5), 2)

    await end(store, State.COMPLETED, 1, metrics=9)

    found = await store.metrics("q", State.COMPLETED)
    assert found == Metrics(13, 1_800_000_120_000, 12, (3, 4, 5), 3)


async def test_metrics_cost_a_call_and_not_a_job(live_store: RedisStore, client: Any) -> None:
    await end(live_store, State.COMPLETED, 1, metrics=0)

    async def asked(metrics: int) -> int:
        client.config_resetstat()
        await end(live_store, State.COMPLETED, 20, metrics=metrics)
        stats = client.info("commandstats")
        return sum(each["calls"] for each in stats.values())

    assert 0 < await asked(5) - await asked(0) <= 6
