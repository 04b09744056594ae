"""The keys of deduplication: those that the original writes, and what it left is taken up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions, OnFailure
from tests.redis.jobs import completion, failure, family, new_job
from tests.redis.keyspace import golden, keyspace

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore
    from tests.timing import FakeClock

LOCK_MS = 30_000
KEEPING = Deduplication("d", keep_last_if_active=True)


def alike(mode: Deduplication = KEEPING, **options: Any) -> JobOptions:
    return JobOptions(attempts=0, deduplication=mode, **options)


def seen(client: Any, prefix: str) -> dict[str, list[str]]:
    return without_version(keyspace(client, prefix))


def without_version(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        key: [line for line in lines if not line.startswith("version = ")]
        for key, lines in found.items()
    }


async def test_a_job_for_which_another_was_dropped(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = 1795322137364
    options = alike(Deduplication("dd", ttl=5), delay=2, priority=7)
    for data in ('{"n":1}', '{"n":2}'):
        job = new_job("dq", name="x", data=data, options=options, numbered=True)
        [answer] = await store.add([[job]])
        assert isinstance(answer, tuple)
        assert answer[0].id == "1"
    assert seen(client, prefix) == without_version(golden("deduplicated-added"))
    assert 0 < client.pttl(f"{prefix}:dq:de:dd") <= 5_000

    await store.pause("dq")
    clock.now_ms = 1795322139432
    await store.claim("dq", 1, token="t", lock_ms=LOCK_MS)
    await store.resume("dq")
    claimed = await store.claim("dq", 1, token="t", lock_ms=LOCK_MS)
    await store.complete("dq", [completion(claimed.jobs[0], "t", '"r"')])
    assert seen(client, prefix) == without_version(golden("deduplicated-completed"))
    assert 0 < client.pttl(f"{prefix}:dq:de:dd") <= 5_000


async def start_owner(store: RedisStore, **options: Any) -> Any:
    """A numbered job that owns the id and runs."""
    job = new_job(name="x", data='{"n":1}', options=alike(**options), numbered=True)
    await store.add([[job]])
    return (await store.claim("q", 1, token="t", lock_ms=LOCK_MS)).jobs[0]


async def test_a_job_that_is_kept(store: RedisStore, client: Any, prefix: str) -> None:
    await start_owner(store)
    options = alike(priority=3)
    await store.add([[new_job(name="y", data='{"n":3}', options=options, numbered=True)]])

    kept = client.hgetall(f"{prefix}:q:dn:d")
    assert json.loads(kept.pop("opts")) == {
        "priority": 3, "de": {"id": "d", "keepLastIfActive": True}, "attempts": 0,
    }  # fmt: skip
    assert kept == {"name": "y", "data": '{"n":3}', "jid": "2"}
    assert client.get(f"{prefix}:q:de:d") == "1"
    assert client.ttl(f"{prefix}:q:de:d") == -1


@pytest.mark.parametrize("ending", ["complete", "fail"])
async def test_a_job_that_another_client_kept_follows(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock, *, ending: str
) -> None:
    owner = await start_owner(store)
    client.set(f"{prefix}:q:id", 7)
    opts = '{"attempts":0,"de":{"id":"d","keepLastIfActive":true,"later":1},"lifo":true}'
    client.hset(
        f"{prefix}:q:dn:d",
        mapping={"name": "y", "data": '{"n":3}', "opts": opts, "jid": "5", "rjk": "tick"},
    )
    clock.advance(1_000)

    if ending == "complete":
        await store.complete("q", [completion(owner, "t")])
    else:
        await store.fail("q", [failure(owner, "t")])

    assert client.hgetall(f"{prefix}:q:5") == {
        "name": "y", "data": '{"n":3}', "opts": opts, "timestamp": str(clock.now_ms),
        "delay": "0", "priority": "0", "deid": "d", "rjk": "tick",
    }  # fmt: skip
    assert client.get(f"{prefix}:q:id") == "8"
    assert client.exists(f"{prefix}:q:dn:d") == 0
    assert client.get(f"{prefix}:q:de:d") == "5"
    assert client.lrange(f"{prefix}:q:wait", 0, -1) == ["5"]


async def test_a_kept_job_of_older_data_gets_the_next_number(
    store: RedisStore, client: Any, prefix: str
) -> None:
    owner = await start_owner(store)
    opts = '{"de":{"id":"d","ttl":60000},"delay":5000}'
    client.hset(f"{prefix}:q:dn:d", mapping={"name": "y", "data": "{}", "opts": opts})

    await store.complete("q", [completion(owner, "t")])

    assert await store.states("q", ["2"]) == [State.DELAYED]
    assert client.get(f"{prefix}:q:de:d") == "2"
    assert 0 < client.pttl(f"{prefix}:q:de:d") <= 60_000


@pytest.mark.parametrize("has_parent", [True, False])
async def test_a_kept_child_joins_its_parent_if_that_is_there(
    store: RedisStore, client: Any, prefix: str, *, has_parent: bool
) -> None:
    parent, other = new_job("top", "P"), new_job("low", "other")
    if has_parent:
        await store.add([family(prefix, parent, other, policy=OnFailure.IGNORE)])
    owner = await start_owner(store)
    client.hset(
        f"{prefix}:q:dn:d",
        mapping={
            "name": "y", "data": "{}", "opts": "{}", "jid": "kept", "pk": f"{prefix}:top:P",
            "pd": json.dumps({"id": "P", "queueKey": f"{prefix}:top", "idof": True}),
            "pdk": f"{prefix}:top:P:dependencies",
        },
    )  # fmt: skip

    await store.complete("q", [completion(owner, "t")])

    [record] = await store.jobs("q", ["kept"])
    assert record is not None
    expected = [(f"{prefix}:top:P", OnFailure.IGNORE)] if has_parent else []
    assert [(edge.parent, edge.on_failure) for edge in record.parents] == expected
    pending = {f"{prefix}:low:other", f"{prefix}:q:kept"} if has_parent else set()
    assert client.smembers(f"{prefix}:top:P:dependencies") == pending


async def test_options_of_a_later_client_are_read(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job(job_id="a", given=True)]])
    client.hset(f"{prefix}:q:a", "opts", '{"de":{"id":"d","later":{"x":1},"ttl":1500}}')

    [record] = await store.jobs("q", ["a"])

    assert record is not None
    assert record.unreadable is None
    assert record.options.deduplication == Deduplication("d", ttl=1.5)


async def test_without_deduplication_nothing_is_asked(live_store: RedisStore, client: Any) -> None:
    await live_store.add([[new_job()]])
    await live_store.counts("q")
    client.config_resetstat()
    await live_store.add([[new_job() for _ in range(10)]])
    claimed = await live_store.claim("q", 10, token="t", lock_ms=LOCK_MS)
    await live_store.complete("q", [completion(job, "t") for job in claimed.jobs])
    stats = client.info("commandstats")
    # The locks are read at once; for each job there is nothing besides.
    assert "cmdstat_pttl" not in stats
    assert "cmdstat_get" not in stats
