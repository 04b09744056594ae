"""What work costs the server, in counts: they do not depend on the machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from oxherd.runtime.queue import Queue
from oxherd.runtime.worker import Worker
from oxherd.runtime.worker_options import WorkerOptions
from tests.redis.jobs import completion, family, new_job
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd.domain.record import NewJob
    from oxherd.engines.redis.store import RedisStore
    from oxherd.runtime.job import Job

LOCK_MS: Final = 30_000
CHILDREN: Final = 10


def spent(client: Any) -> tuple[int, int]:
    """How many scripts ran since the last look, and how many commands in them."""
    stats = client.info("commandstats")
    client.config_resetstat()
    found = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}
    for ours in ("info", "config|resetstat"):
        found.pop(ours, None)
    scripts = found.pop("evalsha", 0) + found.pop("eval", 0)
    return scripts, sum(found.values())


def tree(prefix: str) -> list[NewJob]:
    return family(prefix, new_job("top"), *(new_job("low") for _ in range(CHILDREN)))


@dataclass(frozen=True)
class Cost:
    """So many jobs or trees, and how many commands each step may take for all of them."""

    size: int
    add: int
    complete: int
    claim: int = 0


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(Cost(size=1, add=9, claim=10, complete=13), id="one"),
        pytest.param(Cost(size=50, add=254, claim=206, complete=209), id="fifty"),
    ],
)
async def test_a_batch_costs_one_script_and_few_commands_a_job(
    live_store: RedisStore, client: Any, most: Cost
) -> None:
    await live_store.add([[new_job()]])
    spent(client)
    await live_store.add([[new_job()] for _ in range(most.size)])
    assert spent(client) <= (1, most.add)
    claimed = await live_store.claim("q", most.size, token="t", lock_ms=LOCK_MS)
    assert spent(client) <= (1, most.claim)
    await live_store.complete("q", [completion(job, "t") for job in claimed.jobs])
    assert spent(client) <= (1, most.complete)


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(Cost(size=1, add=62, complete=85), id="one"),
        pytest.param(Cost(size=50, add=2_806, complete=3_711), id="fifty"),
    ],
)
async def test_a_tree_costs_one_script_and_few_commands_a_job(
    live_store: RedisStore, client: Any, prefix: str, most: Cost
) -> None:
    await live_store.add([tree(prefix)])
    spent(client)
    await live_store.add([tree(prefix) for _ in range(most.size)])
    assert spent(client) <= (1, most.add)
    claimed = await live_store.claim("low", CHILDREN * most.size, token="t", lock_ms=LOCK_MS)
    spent(client)
    await live_store.complete("low", [completion(job, "t") for job in claimed.jobs])
    assert spent(client) <= (1, most.complete)


async def test_a_busy_worker_costs_few_round_trips(live_store: RedisStore, client: Any) -> None:
    concurrency, left = 50, 400
    most = 2 * (2 * left // concurrency)  # a claim and a settlement for each half of the slots
    beside = 12  # the first look, the last, and the upkeep's
    done = asyncio.Event()

    async def noop(job: Job) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    await Queue("w", store=live_store).add_bulk([("n", {})] * left)
    spent(client)
    options = WorkerOptions(concurrency=concurrency)
    async with Worker("w", noop, store=live_store, options=options), deadline(10):
        await done.wait()
    scripts, commands = spent(client)
    assert scripts <= most + beside
    assert commands <= 400 * 10


async def test_adding_one_by_one_costs_one_round_trip_each(
    live_store: RedisStore, client: Any
) -> None:
    queue = Queue("q", store=live_store)
    await queue.add("n")
    before = client.info("stats")["total_reads_processed"]
    for _ in range(10):
        await queue.add("n")
    assert client.info("stats")["total_reads_processed"] - before == 10 + 1
