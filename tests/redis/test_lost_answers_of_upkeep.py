"""What looks after jobs and queues is done once, though its answer was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import StoreUnavailable
from oxherd.domain.events import Added, Cleaned, Delayed, Removed, Unknown
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions
from oxherd.domain.schedule import Repeat, Schedule
from tests.redis.jobs import family, new_job
from tests.redis.proxy import lose_next

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore
    from tests.redis.proxy import Proxy

TICK = Schedule(id="tick", repeat=Repeat(every_ms=60_000), name="tock")


async def count(store: RedisStore, kind: type, queue: str = "q") -> int:
    page = await store.read_events(queue, "0", limit=1000)
    return sum(isinstance(event, kind) for event in page.events)


async def test_jobs_are_moved_once(far_store: RedisStore, proxy: Proxy) -> None:
    later = new_job(options=JobOptions(delay=60))
    first, second = new_job(), new_job()
    await far_store.add([[later], [first], [second]])

    lose_next(proxy, "change_delay")
    assert await far_store.change_delay("q", later.id, 5_000) is None
    lose_next(proxy, "change_priority")
    assert await far_store.change_priority("q", first.id, 0) is None

    assert proxy.lost == 2
    assert await count(far_store, Delayed) == 2
    waiting = await far_store.list_jobs("q", State.WAITING)
    assert [job.id for job in waiting] == [second.id, first.id]


async def test_what_was_unlinked_or_freed_is_answered_as_before(
    far_store: RedisStore, proxy: Proxy, prefix: str
) -> None:
    top, one, two = new_job("top"), new_job("low"), new_job("low")
    alike = new_job(options=JobOptions(deduplication=Deduplication("alike")))
    await far_store.add([family(prefix, top, one, two), [alike]])

    lose_next(proxy, "remove_child_dependency")
    parent = f"{prefix}:top:{top.id}"
    assert await far_store.remove_child_dependency("low", one.id, parent) is True
    lose_next(proxy, "remove_unprocessed_children")
    assert await far_store.remove_unprocessed_children("top", top.id) is None
    lose_next(proxy, "remove_deduplication_key")
    assert await far_store.remove_deduplication_key("q", "alike") is True

    assert proxy.lost == 3
    assert await count(far_store, Removed, "low") == 1
    assert await far_store.states("top", [top.id]) == [State.WAITING]


async def test_queues_are_cleared_once(far_store: RedisStore, proxy: Proxy) -> None:
    jobs = [new_job() for _ in range(3)]
    await far_store.add([[job] for job in jobs])

    lose_next(proxy, "clean")
    gone = await far_store.clean("q", State.WAITING, grace_ms=0, limit=2)
    lose_next(proxy, "drain")
    await far_store.drain("q")

    assert proxy.lost == 2
    assert gone == [job.id for job in jobs[:2]]
    assert await count(far_store, Cleaned) == 1
    assert await far_store.list_jobs("q", State.WAITING) == []
    lose_next(proxy, "obliterate")
    await far_store.obliterate("q")
    assert proxy.lost == 3
    assert await far_store.queues() == []


async def test_a_schedule_makes_each_job_once(
    far_store: RedisStore, proxy: Proxy, client: Any, prefix: str
) -> None:
    lose_next(proxy, "put_schedule")
    job_id = await far_store.put_schedule("q", TICK)
    assert isinstance(job_id, str)
    claimed = await far_store.claim("q", 1, token="t", lock_ms=30_000)
    lose_next(proxy, "fire_schedule")
    (following,) = await far_store.fire_schedule("q", claimed.jobs)

    assert proxy.lost == 2
    assert following is not None
    assert await count(far_store, Added) == 2
    assert client.hget(f"{prefix}:q:repeat:tick", "ic") == "2"
    assert client.get(f"{prefix}:q:id") == "2"
    lose_next(proxy, "remove_schedule")
    assert await far_store.remove_schedule("q", "tick") is True
    assert await count(far_store, Removed) == 1


async def test_an_event_of_the_caller_s_own_is_not_written_again(
    far_store: RedisStore, proxy: Proxy
) -> None:
    await far_store.publish_event("q", "painted", {})
    proxy.lose_answer_to = (b"XADD",)

    with pytest.raises(StoreUnavailable):
        await far_store.publish_event("q", "painted", {})

    assert proxy.lost == 1
    assert await count(far_store, Unknown) == 2
