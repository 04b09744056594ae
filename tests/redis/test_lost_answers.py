"""A verb whose answer was lost is sent again, and done once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import StoreUnavailable
from oxherd.domain.events import (
    Added,
    Completed,
    Deduplicated,
    Duplicated,
    Paused,
    Progress,
    Removed,
    Waiting,
)
from oxherd.domain.keep import KEEP_NONE
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.domain.outcome import Completion
from oxherd.store import Rescued
from tests.redis.jobs import completion, finish_as_another_client, new_job, shared_child
from tests.redis.proxy import lose_next
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore
    from tests.redis.proxy import Proxy

LOCK_MS = 30_000


async def count(store: RedisStore, kind: type) -> int:
    page = await store.read_events("q", "0", limit=1000)
    return sum(isinstance(event, kind) for event in page.events)


async def test_a_job_is_added_once(far_store: RedisStore, proxy: Proxy) -> None:
    lose_next(proxy, "add")
    job = new_job()
    [answer] = await far_store.add([[job]])
    assert proxy.lost == 1
    assert isinstance(answer, tuple)
    assert not answer[0].duplicate
    assert (await far_store.counts("q"))[State.WAITING] == 1
    assert await count(far_store, Added) == 1


async def test_a_given_id_is_added_once_and_is_no_duplicate(
    far_store: RedisStore, proxy: Proxy
) -> None:
    lose_next(proxy, "add")
    job = new_job(job_id="mine", given=True, options=JobOptions(job_id="mine"))
    [answer] = await far_store.add([[job]])
    assert proxy.lost == 1
    assert isinstance(answer, tuple)
    assert not answer[0].duplicate
    assert await count(far_store, Duplicated) == 0


async def test_a_duplicate_writes_one_event(far_store: RedisStore, proxy: Proxy) -> None:
    job = new_job(job_id="mine", given=True, options=JobOptions(job_id="mine"))
    await far_store.add([[job]])
    lose_next(proxy, "add")
    [answer] = await far_store.add([[job]])
    assert proxy.lost == 1
    assert isinstance(answer, tuple)
    assert answer[0].duplicate
    assert await count(far_store, Duplicated) == 1


async def test_numbered_jobs_are_added_once(far_store: RedisStore, proxy: Proxy) -> None:
    lose_next(proxy, "add")
    group = [new_job(numbered=True), new_job(), new_job(numbered=True)]
    [answer] = await far_store.add([group])
    assert proxy.lost == 1
    assert isinstance(answer, tuple)
    assert [added.id for added in answer] == ["1", group[1].id, "3"]
    assert not any(added.duplicate or added.deduplicated for added in answer)
    assert (await far_store.counts("q"))[State.WAITING] == 3
    [answer] = await far_store.add([[new_job(numbered=True)]])
    assert isinstance(answer, tuple)
    assert answer[0].id == "4"


@pytest.mark.parametrize("mode", [{}, {"replace": True}, {"reschedule": True}])
async def test_a_dropped_job_writes_one_event(
    far_store: RedisStore, proxy: Proxy, *, mode: dict[str, bool]
) -> None:
    options = JobOptions(delay=60, deduplication=Deduplication("d", **mode))
    await far_store.add([[new_job(job_id="first", options=options)]])
    lose_next(proxy, "add")
    [answer] = await far_store.add([[new_job(job_id="second", options=options)]])
    assert proxy.lost == 1
    assert isinstance(answer, tuple)
    assert (answer[0].id == "first") == answer[0].deduplicated == ("replace" not in mode)
    assert await count(far_store, Deduplicated) == 1
    assert (await far_store.counts("q"))[State.DELAYED] == 1


async def test_a_kept_job_follows_once_and_is_counted_once(
    far_store: RedisStore, proxy: Proxy
) -> None:
    options = JobOptions(deduplication=Deduplication("d", keep_last_if_active=True))
    await far_store.add([[new_job(options=options)]])
    claimed = await far_store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    lose_next(proxy, "add")
    await far_store.add([[new_job(job_id="kept", options=options)]])
    lose_next(proxy, "complete")
    answers = await far_store.complete("q", [completion(claimed.jobs[0], "t")], metrics=5)
    assert answers == [None]
    assert proxy.lost == 2
    assert await far_store.states("q", ["kept"]) == [State.WAITING]
    assert await count(far_store, Deduplicated) == 1
    assert await count(far_store, Added) == 2
    assert (await far_store.metrics("q", State.COMPLETED)).count == 1


async def test_a_job_that_ran_and_went_meanwhile_is_not_added_again(
    far_store: RedisStore, live_store: RedisStore, proxy: Proxy
) -> None:
    """A worker elsewhere may be faster than the second sending."""
    job = new_job()
    await far_store.counts("q")
    lose_next(proxy, "add")

    async def work() -> None:
        await proxy.answered.wait()
        claimed = await live_store.claim("q", 1, token="t", lock_ms=LOCK_MS)
        [refusal] = await live_store.complete("q", [Completion(job.id, "t", "1", KEEP_NONE)])
        assert claimed.jobs
        assert refusal is None

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        adding = group.create_task(far_store.add([[job]]))
    [answer] = adding.result()
    assert isinstance(answer, tuple)
    assert not answer[0].duplicate
    assert proxy.lost == 1
    assert await count(live_store, Added) == 1


async def test_a_job_completes_once(far_store: RedisStore, proxy: Proxy) -> None:
    await far_store.add([[new_job()]])
    claimed = await far_store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    lose_next(proxy, "complete")
    assert await far_store.complete("q", [completion(claimed.jobs[0], "t")]) == [None]
    assert proxy.lost == 1
    assert await count(far_store, Completed) == 1


async def test_a_job_that_is_not_kept_completes_once(far_store: RedisStore, proxy: Proxy) -> None:
    await far_store.add([[new_job()]])
    claimed = await far_store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    lose_next(proxy, "complete")
    ending = Completion(claimed.jobs[0].id, "t", "1", KEEP_NONE)
    assert await far_store.complete("q", [ending]) == [None]
    assert proxy.lost == 1
    assert await count(far_store, Completed) == 1


async def test_the_calls_of_an_administrator_are_done_once(
    far_store: RedisStore, proxy: Proxy
) -> None:
    delayed, other = new_job(options=JobOptions(delay=60)), new_job()
    await far_store.add([[delayed], [other]])

    lose_next(proxy, "promote")
    assert await far_store.promote("q", [delayed.id]) == [None]
    lose_next(proxy, "update_progress")
    assert await far_store.update_progress("q", delayed.id, "1") is None
    lose_next(proxy, "pause")
    await far_store.pause("q")
    lose_next(proxy, "remove")
    assert await far_store.remove("q", [other.id], children=True) == [None]
    assert proxy.lost == 4
    assert await count(far_store, Waiting) == 2
    assert await count(far_store, Progress) == 1
    assert await count(far_store, Paused) == 1
    assert await count(far_store, Removed) == 1


async def test_a_rescue_answers_as_before(
    far_store: RedisStore, proxy: Proxy, client: Any, prefix: str
) -> None:
    await far_store.add([shared_child(prefix, JobOptions(), OnFailure.FAIL_PARENT)])
    await far_store.claim("low", 1, token="t", lock_ms=LOCK_MS)
    finish_as_another_client(client, prefix)
    lose_next(proxy, "rescue")
    rescued = await far_store.rescue("low", max_stalled_count=1, interval_ms=0)
    assert (proxy.lost, rescued) == (1, Rescued(half_settled=("low",)))


async def test_a_claim_is_not_sent_again(far_store: RedisStore, proxy: Proxy) -> None:
    await far_store.add([[new_job()], [new_job()]])
    await far_store.claim("q", 0, token="warm", lock_ms=LOCK_MS)
    lose_next(proxy, "claim")
    with pytest.raises(StoreUnavailable):
        await far_store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    counts = await far_store.counts("q")
    assert (counts[State.ACTIVE], counts[State.WAITING]) == (1, 1)


async def test_a_log_line_is_not_appended_again(far_store: RedisStore, proxy: Proxy) -> None:
    job = new_job()
    await far_store.add([[job]])
    await far_store.append_log("q", job.id, ["first"])
    lose_next(proxy, "append_log")
    with pytest.raises(StoreUnavailable):
        await far_store.append_log("q", job.id, ["second"])
    assert (await far_store.logs("q", job.id)).lines == ("first", "second")


async def test_a_wakeup_survives_being_cut_off(far_store: RedisStore, proxy: Proxy) -> None:
    wakeup = far_store.wakeup("q")
    waiting = asyncio.create_task(wakeup.wait(20_000))
    await asyncio.sleep(0.05)
    proxy.cut()
    await far_store.add([[new_job()]])
    async with deadline(5):
        await waiting
    await wakeup.aclose()
