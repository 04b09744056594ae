"""What other clients leave or expect: half-settled parents, limits, markers, older queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from oxherd.domain.keep import KEEP_NONE
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.domain.outcome import Held
from oxherd.domain.record import ChildStatus, Edge
from oxherd.store import Rescued
from tests.redis.jobs import (
    completion,
    failure,
    family,
    finish_as_another_client,
    new_job,
    shared_child,
)

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore
    from tests.timing import FakeClock

LOCK_MS = 30_000


async def test_the_second_parent_is_settled_for_a_worker_that_does_not_know_it(
    store: RedisStore, client: Any, prefix: str
) -> None:
    options = JobOptions(remove_on_complete=True)
    await store.add([shared_child(prefix, options, OnFailure.FAIL_PARENT)])
    stored = client.hget(f"{prefix}:low:child", "opts")
    assert '"removeOnComplete":false' in stored
    claimed = await store.claim("low", 1, token="t", lock_ms=LOCK_MS)
    assert claimed.jobs[0].options == options
    finish_as_another_client(client, prefix)
    # The other client's worker is the one that checks for stalled jobs.
    client.set(f"{prefix}:low:stalled-check", 1)
    assert await store.states("top", ["p2"]) == [State.WAITING_CHILDREN]

    rescued = await store.rescue("low", max_stalled_count=1, interval_ms=30_000)
    assert rescued == Rescued(half_settled=("low",))
    assert await store.states("top", ["p1", "p2"]) == [State.WAITING, State.WAITING]
    page = await store.children("top", "p2")
    assert [(link.status, link.value) for link in page.links] == [(ChildStatus.PROCESSED, "7")]
    # Now that both have it, the retention that its producer asked for is applied.
    assert await store.jobs("low", ["child"]) == [None]
    assert client.exists(f"{prefix}:low:ox:parents") == 0


async def test_the_second_parent_is_told_of_a_failure_too(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([shared_child(prefix, JobOptions(), OnFailure.IGNORE)])
    await store.claim("low", 1, token="t", lock_ms=LOCK_MS)
    finish_as_another_client(client, prefix, failed=True)
    await store.rescue("low", max_stalled_count=1, interval_ms=0)
    page = await store.children("top", "p2")
    assert [(link.status, link.failure) for link in page.links] == [(ChildStatus.IGNORED, "boom")]
    assert await store.states("top", ["p2"]) == [State.WAITING]


async def test_the_second_parent_forgets_a_child_that_is_gone(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([shared_child(prefix, JobOptions(), OnFailure.FAIL_PARENT)])
    client.delete(f"{prefix}:low:child")
    client.lrem(f"{prefix}:low:wait", 0, "child")
    await store.rescue("low", max_stalled_count=1, interval_ms=0)
    assert await store.states("top", ["p2"]) == [State.WAITING]


async def test_a_parent_that_node_continued_is_cut_off_from_its_pending_children(
    store: RedisStore, client: Any, prefix: str
) -> None:
    """Its scripts leave the child's flag and nothing on the parent."""
    group = family(
        prefix, new_job("top", "p"), new_job("low", "c1"), new_job("low", "c2"),
        policy=OnFailure.CONTINUE_PARENT,
    )  # fmt: skip
    await store.add([group])
    client.srem(f"{prefix}:top:p:dependencies", f"{prefix}:low:c1")
    client.hset(f"{prefix}:top:p:failed", f"{prefix}:low:c1", "boom")
    client.zrem(f"{prefix}:top:waiting-children", "p")
    client.rpush(f"{prefix}:top:wait", "p")
    claimed = await store.claim("top", 1, token="t", lock_ms=LOCK_MS)
    assert await store.complete("top", [completion(claimed.jobs[0], "t")]) == [None]
    assert client.exists(f"{prefix}:top:p:dependencies") == 0
    [child] = await store.jobs("low", ["c2"])
    assert child is not None
    assert child.parents == ()


async def test_a_rate_limit_of_the_queue_is_kept(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job()] for _ in range(5)])
    client.hset(f"{prefix}:q:meta", mapping={"max": 3, "duration": 60_000})
    first = await store.claim("q", 10, token="t", lock_ms=LOCK_MS)
    assert len(first.jobs) == 3
    second = await store.claim("q", 10, token="u", lock_ms=LOCK_MS)
    assert second.jobs == ()
    assert 0 < second.retry_after_ms <= 60_000
    client.delete(f"{prefix}:q:limiter")
    assert len((await store.claim("q", 10, token="v", lock_ms=LOCK_MS)).jobs) == 2


async def test_a_deferred_failure_costs_no_token(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job(job_id="doomed")]])
    client.hset(f"{prefix}:q:meta", mapping={"max": 3, "duration": 60_000})
    client.hset(f"{prefix}:q:doomed", "defa", "why")
    await store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    assert client.exists(f"{prefix}:q:limiter") == 0


async def test_a_queue_has_no_more_active_jobs_than_it_may(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job()] for _ in range(3)])
    client.hset(f"{prefix}:q:meta", "concurrency", 2)
    first = await store.claim("q", 10, token="t", lock_ms=LOCK_MS)
    assert len(first.jobs) == 2
    assert (await store.claim("q", 10, token="u", lock_ms=LOCK_MS)).paused
    client.delete(f"{prefix}:q:marker")
    await store.complete("q", [completion(first.jobs[0], "t")])
    # A free slot wakes a worker.
    assert client.zrange(f"{prefix}:q:marker", 0, -1) == ["0"]
    assert len((await store.claim("q", 10, token="v", lock_ms=LOCK_MS)).jobs) == 1


async def test_resuming_takes_back_what_an_older_client_put_aside(
    store: RedisStore, client: Any, prefix: str
) -> None:
    old, new = new_job(), new_job()
    await store.add([[old]])
    client.rename(f"{prefix}:q:wait", f"{prefix}:q:paused")
    client.hset(f"{prefix}:q:meta", "paused", 1)
    await store.add([[new]])
    assert (await store.counts("q"))[State.WAITING] == 2
    assert await store.states("q", [old.id]) == [State.WAITING]
    await store.resume("q")
    claimed = await store.claim("q", 10, token="t", lock_ms=LOCK_MS)
    assert [job.id for job in claimed.jobs] == [old.id, new.id]


async def test_old_markers_and_ghosts_are_dropped(
    store: RedisStore, client: Any, prefix: str
) -> None:
    job = new_job()
    await store.add([[job]])
    client.rpush(f"{prefix}:q:wait", "ghost", "0:1")
    client.set(f"{prefix}:q:stranger", "x")
    client.rpush(f"{prefix}:q:wait", "stranger")
    claimed = await store.claim("q", 10, token="t", lock_ms=LOCK_MS)
    assert [found.id for found in claimed.jobs] == [job.id]
    assert client.lrange(f"{prefix}:q:active", 0, -1) == [job.id]


async def test_a_failed_child_that_blocks_is_not_evicted(
    store: RedisStore, clock: FakeClock, prefix: str
) -> None:
    group = family(prefix, new_job("top"), new_job("low", "c"), policy=OnFailure.BLOCK)
    await store.add([group])
    claimed = await store.claim("low", 1, token="t", lock_ms=LOCK_MS)
    ending = failure(claimed.jobs[0], "t")
    await store.fail("low", [replace(ending, keep=KEEP_NONE)])
    assert await store.states("low", ["c"]) == [State.FAILED]
    assert (await store.children("top", group[0].id)).links[0].status is ChildStatus.PENDING


async def test_a_rescue_leaves_the_jobs_of_a_scheduler_their_chances(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([[new_job(job_id="j")]])
    client.hset(f"{prefix}:q:j", "rjk", "every-minute")
    client.zadd(f"{prefix}:q:repeat", {"every-minute": 1})
    await store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    client.delete(f"{prefix}:q:j:lock")
    await store.rescue("q", max_stalled_count=0, interval_ms=0)
    assert (await store.rescue("q", max_stalled_count=0, interval_ms=0)).jobs == ("j",)
    [job] = await store.jobs("q", ["j"])
    assert job is not None
    assert job.deferred_failure is None


async def test_jobs_of_other_clients_are_read(store: RedisStore, client: Any, prefix: str) -> None:
    """Options under short names, a bare number for a backoff, ids in three parts."""
    base = f"{prefix}:q:"
    options = '{"attempts":3,"backoff":500,"kl":5,"removeOnFail":-1,"custom":{"x":[]},"jobId":"7"}'
    client.hset(
        f"{base}repeat:a:1",
        mapping={"name": "n", "data": "[1]", "opts": options, "timestamp": 5, "attemptsMade": 2},
    )
    client.lpush(f"{base}wait", "repeat:a:1")
    claimed = await store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    job = claimed.jobs[0]
    assert (job.id, job.data, job.attempts_made, job.unreadable) == ("repeat:a:1", "[1]", 2, None)
    assert (job.options.attempts, job.options.keep_logs) == (3, 5)
    assert await store.release("q", [Held(job.id, "t")]) == [None]
    assert await store.remove("q", [job.id], children=True) == [None]
    assert client.llen(f"{base}wait") == 0
    assert client.xrevrange(f"{base}events", count=1)[0][1]["prev"] == "wait"


async def test_a_job_leaves_no_key_behind(store: RedisStore, client: Any, prefix: str) -> None:
    group = family(prefix, new_job("top", "p"), *(new_job("low") for _ in range(3)))
    await store.add([group])
    claimed = await store.claim("low", 1, token="t", lock_ms=LOCK_MS)
    await store.append_log("low", claimed.jobs[0].id, ["line"])
    await store.complete("low", [completion(claimed.jobs[0], "t")])
    assert await store.remove("top", ["p"], children=True) == [None]
    keys = client.scan_iter(match=f"{prefix}:*")
    left = {key.split(":", 2)[2] for key in keys if "ox:" not in key}
    assert left <= {"id", "meta", "events", "marker", "pc"}


@pytest.mark.parametrize("served", ["first", "top"])
async def test_a_worker_of_any_parents_queue_settles_it_as_well(
    *, served: str, store: RedisStore, client: Any, prefix: str
) -> None:
    """The child's queue may have no worker of ours at all."""
    child_key = f"{prefix}:low:child"
    first, second = (
        new_job(queue, name, children=(child_key,))
        for queue, name in (("first", "p1"), ("top", "p2"))
    )
    edges = tuple(
        Edge(f"{prefix}:{parent.queue}:{parent.id}", OnFailure.FAIL_PARENT)
        for parent in (first, second)
    )
    await store.add([[first, second, new_job("low", "child", parents=edges)]])
    await store.claim("low", 1, token="t", lock_ms=LOCK_MS)
    finish_as_another_client(client, prefix)
    rescued = await store.rescue(served, max_stalled_count=1, interval_ms=30_000)
    assert rescued == Rescued(half_settled=("low",))
    assert await store.states("top", ["p2"]) == [State.WAITING]
    assert client.keys(f"{prefix}:*:ox:parents") == client.keys(f"{prefix}:*:ox:shared") == []
    again = await store.rescue(served, max_stalled_count=1, interval_ms=30_000)
    assert again == Rescued()


async def test_a_parent_that_waits_on_is_settled_when_another_client_retries_the_child(
    store: RedisStore, client: Any, prefix: str
) -> None:
    await store.add([shared_child(prefix, JobOptions(), OnFailure.BLOCK)])
    [child] = (await store.claim("low", 1, token="t", lock_ms=LOCK_MS)).jobs
    assert await store.fail("low", [failure(child, "t")]) == [None]
    assert await store.rescue("low", max_stalled_count=1, interval_ms=0) == Rescued()
    client.zrem(f"{prefix}:low:failed", "child")
    client.hdel(f"{prefix}:low:child", "failedReason", "finishedOn")
    client.lpush(f"{prefix}:low:active", "child")
    finish_as_another_client(client, prefix)
    rescued = await store.rescue("top", max_stalled_count=1, interval_ms=0)
    assert rescued == Rescued(half_settled=("low",))
    assert await store.states("top", ["p2"]) == [State.WAITING]
