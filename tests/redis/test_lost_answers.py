"""A verb whose answer was lost is sent again, and done once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.errors import StoreUnavailable
from oxherd.domain.events import Added, Completed, Duplicated, Paused, Progress, Removed, Waiting
from oxherd.domain.keep import KEEP_NONE
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions
from oxherd.domain.outcome import Completion
from oxherd.engines.redis.scripts import SCRIPTS
from oxherd.engines.redis.store import RedisStore
from tests.redis.jobs import completion, new_job
from tests.redis.proxy import Proxy, proxy_to
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import RedisServer

LOCK_MS = 30_000


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[Proxy]:
    async with proxy_to(server.url) as running:
        yield running


@pytest.fixture
async def far_store(proxy: Proxy, prefix: str, client: Any) -> AsyncIterator[RedisStore]:
    store = RedisStore(proxy.url, prefix=prefix)
    for script in SCRIPTS.values():
        client.script_load(script.source.decode())
    yield store
    await store.aclose()


def lose_next(proxy: Proxy, store: RedisStore, verb: str) -> None:
    """The next call of a verb is done, and its answer lost."""
    # The proxy knows a verb by its script's digest, which a connection's first call does not send.
    store._client._known.update(SCRIPTS)
    proxy.lose_answer_to = SCRIPTS[verb].digest


async def count(store: RedisStore, kind: type) -> int:
    page = await store.read_events("q", "0", limit=1000)
    return sum(isinstance(event, kind) for event in page.events)


async def test_a_job_is_added_once(far_store: RedisStore, proxy: Proxy) -> None:
    lose_next(proxy, far_store, "add")
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
    lose_next(proxy, far_store, "add")
    job = new_job(job_id="mine", given=True, options=JobOptions(job_id="mine"))
    [answer] = await far_store.add([[job]])
    assert proxy.lost == 1
    assert isinstance(answer, tuple)
    assert not answer[0].duplicate
    assert await count(far_store, Duplicated) == 0


async def test_a_duplicate_writes_one_event(far_store: RedisStore, proxy: Proxy) -> None:
    job = new_job(job_id="mine", given=True, options=JobOptions(job_id="mine"))
    await far_store.add([[job]])
    lose_next(proxy, far_store, "add")
    [answer] = await far_store.add([[job]])
    assert proxy.lost == 1
    assert isinstance(answer, tuple)
    assert answer[0].duplicate
    assert await count(far_store, Duplicated) == 1


async def test_a_job_that_ran_and_went_meanwhile_is_not_added_again(
    far_store: RedisStore, live_store: RedisStore, proxy: Proxy
) -> None:
    """A worker elsewhere may be faster than the second sending."""
    job = new_job()
    await far_store.counts("q")
    lose_next(proxy, far_store, "add")

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
    lose_next(proxy, far_store, "complete")
    assert await far_store.complete("q", [completion(claimed.jobs[0], "t")]) == [None]
    assert proxy.lost == 1
    assert await count(far_store, Completed) == 1


async def test_a_job_that_is_not_kept_completes_once(far_store: RedisStore, proxy: Proxy) -> None:
    await far_store.add([[new_job()]])
    claimed = await far_store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    lose_next(proxy, far_store, "complete")
    ending = Completion(claimed.jobs[0].id, "t", "1", KEEP_NONE)
    assert await far_store.complete("q", [ending]) == [None]
    assert proxy.lost == 1
    assert await count(far_store, Completed) == 1


async def test_the_calls_of_an_administrator_are_done_once(
    far_store: RedisStore, proxy: Proxy
) -> None:
    delayed, other = new_job(options=JobOptions(delay=60)), new_job()
    await far_store.add([[delayed], [other]])

    lose_next(proxy, far_store, "promote")
    assert await far_store.promote("q", [delayed.id]) == [None]
    lose_next(proxy, far_store, "update_progress")
    assert await far_store.update_progress("q", delayed.id, "1") is None
    lose_next(proxy, far_store, "pause")
    await far_store.pause("q")
    lose_next(proxy, far_store, "remove")
    assert await far_store.remove("q", [other.id], children=True) == [None]
    assert proxy.lost == 4
    assert await count(far_store, Waiting) == 2
    assert await count(far_store, Progress) == 1
    assert await count(far_store, Paused) == 1
    assert await count(far_store, Removed) == 1


async def test_a_claim_is_not_sent_again(far_store: RedisStore, proxy: Proxy) -> None:
    await far_store.add([[new_job()], [new_job()]])
    await far_store.claim("q", 0, token="warm", lock_ms=LOCK_MS)
    lose_next(proxy, far_store, "claim")
    with pytest.raises(StoreUnavailable):
        await far_store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    counts = await far_store.counts("q")
    assert (counts[State.ACTIVE], counts[State.WAITING]) == (1, 1)


async def test_a_log_line_is_not_appended_again(far_store: RedisStore, proxy: Proxy) -> None:
    job = new_job()
    await far_store.add([[job]])
    await far_store.append_log("q", job.id, ["first"])
    lose_next(proxy, far_store, "append_log")
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
