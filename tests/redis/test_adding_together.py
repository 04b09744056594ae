"""Adds of one tick share a call, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.errors import JobNotFound, OxherdError
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import Edge
from oxherd.engines.redis.store import RedisStore
from tests.redis.jobs import new_job
from tests.redis.test_connection import calls

if TYPE_CHECKING:
    from tests.servers import RedisServer


async def test_adds_of_one_tick_share_a_call(live_store: RedisStore, client: Any) -> None:
    await live_store.add([[new_job()]])
    client.config_resetstat()
    answers = await asyncio.gather(
        *(live_store.add([[new_job(job_id=f"{n}-a")], [new_job(job_id=f"{n}-b")]]) for n in "123")
    )
    assert [
        [group[0].id for group in answer if isinstance(group, tuple)] for answer in answers
    ] == [
        ["1-a", "1-b"],
        ["2-a", "2-b"],
        ["3-a", "3-b"],
    ]
    assert calls(client)["evalsha"] == 1


async def test_many_adds_of_one_tick_share_few_calls(live_store: RedisStore, client: Any) -> None:
    await live_store.add([[new_job()]])
    client.config_resetstat()
    await asyncio.gather(*(live_store.add([[new_job(job_id=f"job-{n}")]]) for n in range(120)))
    assert calls(client)["evalsha"] == 3
    assert (await live_store.counts("q"))[State.WAITING] == 121


async def test_a_refused_add_refuses_nobody_else(live_store: RedisStore, prefix: str) -> None:
    orphan = new_job(parents=(Edge(f"{prefix}:q:nobody", OnFailure.BLOCK),))
    refused, [added] = await asyncio.gather(
        live_store.add([[orphan]]), live_store.add([[new_job(job_id="good")]])
    )
    assert isinstance(refused[0], JobNotFound)
    assert not isinstance(added, OxherdError)
    assert added[0].id == "good"


async def test_whoever_is_cancelled_before_the_sending_adds_nothing(live_store: RedisStore) -> None:
    await live_store.counts("q")
    adding = [
        asyncio.create_task(live_store.add([[new_job(job_id=name, given=True)]]))
        for name in ("first", "second", "third")
    ]
    await asyncio.sleep(0)
    adding[1].cancel()
    first, second, third = await asyncio.gather(*adding, return_exceptions=True)
    assert isinstance(second, asyncio.CancelledError)
    assert [answer[0][0].id for answer in (first, third)] == ["first", "third"]  # type: ignore[index, union-attr]
    assert await live_store.states("q", ["first", "second", "third"]) == [
        State.WAITING,
        None,
        State.WAITING,
    ]


async def test_when_all_are_cancelled_a_later_add_goes_out_alone(live_store: RedisStore) -> None:
    await live_store.counts("q")
    adding = asyncio.create_task(live_store.add([[new_job(job_id="never")]]))
    await asyncio.sleep(0)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    [[added]] = await live_store.add([[new_job(job_id="later")]])  # type: ignore[misc]
    assert added.id == "later"
    assert await live_store.states("q", ["never"]) == [None]


async def test_all_hear_of_a_closed_store(server: RedisServer, prefix: str) -> None:
    store = RedisStore(server.url, prefix=prefix)
    adding = [asyncio.create_task(store.add([[new_job()]])) for _ in range(3)]
    await asyncio.sleep(0)
    await store.aclose()
    answers = await asyncio.gather(*adding, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["Closed"] * 3
