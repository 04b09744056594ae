"""Queue: removing, running again and counting many jobs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    Cleaned,
    InvalidFlow,
    InvalidOption,
    Job,
    JobNotFound,
    JobOptions,
    Queue,
    QueueEvents,
    State,
    WrongState,
)
from tests.runtime.working import SOON, echo, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from oxherd import Store


@pytest.fixture
async def queue(store: Store) -> AsyncIterator[Queue]:
    async with Queue("q", store=store) as opened:
        yield opened


async def held(queue: Queue, store: Store) -> Job[Any, Any]:
    """A job that a worker has."""
    job = await queue.add("held")
    claimed = await store.claim("q", 1, token="t", lock_ms=60_000)
    assert [record.id for record in claimed.jobs] == [job.id]
    return job


async def ended(queue: Queue, store: Store, *, failed: int = 0, completed: int = 0) -> None:
    """So many jobs that ended."""

    async def process(job: Job) -> None:
        if job.name == "bad":
            raise ValueError("no")

    names = ["bad"] * failed + ["good"] * completed
    await queue.add_bulk([(name, number) for number, name in enumerate(names)])
    async with working(store, process):
        await until(lambda: counted(queue, failed=failed, completed=completed))


async def counted(queue: Queue, **counts: int) -> bool:
    return await queue.get_job_counts(*counts) == counts


async def test_drain_leaves_what_is_not_ready(queue: Queue, store: Store) -> None:
    running = await held(queue, store)
    await queue.add_bulk([("plain", 1), ("first", 2, {"priority": 3})])
    later = await queue.add("later", options=JobOptions(delay=60))
    await queue.drain()
    assert await counted(queue, waiting=0, prioritized=0, delayed=1, active=1)
    await queue.drain(delayed=True)
    assert await queue.get_job(later.id) is None
    assert await running.is_active()


async def test_clean_removes_old_jobs_of_a_state(queue: Queue, store: Store) -> None:
    await ended(queue, store, completed=3, failed=2)
    oldest = [job.id for job in await queue.get_completed()][::-1]
    assert await queue.clean(3_600) == []
    assert await queue.clean(0, 2) == oldest[:2]
    assert await counted(queue, completed=1, failed=2)
    assert len(await queue.clean(0, 0, "failed")) == 2
    assert await counted(queue, completed=1, failed=0)


async def test_cleaning_tells_how_many_went(queue: Queue, store: Store) -> None:
    await ended(queue, store, completed=2)
    async with QueueEvents("q", store=store) as events:
        await queue.clean(0)
        async with deadline(SOON):
            async for event in events:
                assert isinstance(event, Cleaned)
                assert event.count == 2
                break


@pytest.mark.parametrize(
    "call",
    [
        lambda queue: queue.clean(-1),
        lambda queue: queue.clean(0, -1),
        lambda queue: queue.clean(0, 1, "finished"),
        lambda queue: queue.trim_events(-1),
        lambda queue: queue.set_global_concurrency(0),
        lambda queue: queue.set_global_rate_limit(0, 1),
        lambda queue: queue.set_global_rate_limit(1, 0),
        lambda queue: queue.rate_limit(-1),
    ],
)
async def test_what_is_impossible_is_refused(
    queue: Queue, call: Callable[[Queue], Awaitable[Any]]
) -> None:
    with pytest.raises(InvalidOption):
        await call(queue)


async def test_obliterate_leaves_nothing(queue: Queue, store: Store) -> None:
    await ended(queue, store, completed=1, failed=1)
    await queue.add_bulk([("plain", 1), ("later", 2, {"delay": 60_000})])
    await queue.upsert_job_scheduler("tick", every=60)
    await queue.obliterate()
    assert await queue.get_jobs() == []
    assert await queue.get_job_schedulers_count() == 0


async def test_obliterate_spares_running_jobs_unless_forced(queue: Queue, store: Store) -> None:
    job = await held(queue, store)
    with pytest.raises(WrongState):
        await queue.obliterate()
    assert await job.is_active()
    assert await queue.is_paused()
    await queue.obliterate(force=True)
    assert await job.get_state() is None


async def test_all_failed_jobs_run_again(queue: Queue, store: Store) -> None:
    await ended(queue, store, failed=5)
    assert await queue.retry_jobs() == 5
    assert await counted(queue, waiting=5, failed=0)
    assert [job.data for job in await queue.get_waiting()] == [0, 1, 2, 3, 4]


async def test_those_that_ended_by_a_time_run_again(queue: Queue, store: Store) -> None:
    await ended(queue, store, failed=3)
    times = [job.finished_on for job in await queue.get_failed()]
    assert all(times)
    last = max(time or 0 for time in times)
    assert await queue.retry_jobs(timestamp=last - 3_600_000) == 0
    assert await queue.retry_jobs("failed", 2, timestamp=last) == 2
    assert await queue.retry_jobs(timestamp=last) == 1


async def test_completed_jobs_run_again_when_asked(queue: Queue, store: Store) -> None:
    await ended(queue, store, completed=2)
    assert await queue.retry_jobs(State.COMPLETED) == 2
    assert await queue.retry_jobs("completed") == 0
    with pytest.raises(InvalidFlow):
        await queue.retry_jobs(State.DELAYED)


async def test_a_job_that_fails_again_is_run_again_once(queue: Queue, store: Store) -> None:
    async def process(job: Job) -> None:
        raise ValueError("never")

    await queue.add_bulk([("bad", number) for number in range(20)])
    async with working(store, process, concurrency=5):
        await until(lambda: counted(queue, failed=20))
        async with deadline(SOON):
            assert await queue.retry_jobs() == 20
        await until(lambda: counted(queue, failed=20))


async def test_all_delayed_jobs_become_ready(queue: Queue) -> None:
    options = JobOptions(delay=60)
    await queue.add_bulk([("later", number, options) for number in range(4)])
    assert await queue.promote_jobs(1) == 1
    assert await queue.promote_jobs() == 3
    assert await counted(queue, waiting=4, delayed=0)


async def test_counts_by_priority(queue: Queue) -> None:
    await queue.add_bulk([("job", 0), *[("job", n, {"priority": n}) for n in (1, 2, 2, 9)]])
    assert await queue.get_counts_per_priority([0, 1, 2, 3, 9]) == {0: 1, 1: 1, 2: 2, 3: 0, 9: 1}
    assert await queue.get_counts_per_priority([]) == {}


async def test_metrics_are_counted_where_a_worker_wants_them(queue: Queue, store: Store) -> None:
    async def process(job: Job) -> None:
        if job.data > 2:
            raise ValueError("no")

    await queue.add_bulk([("job", number) for number in range(5)])
    async with working(store, process, metrics=60):
        await until(lambda: counted(queue, completed=3, failed=2))
    assert (await queue.get_metrics("completed")).count == 3
    assert (await queue.get_metrics(State.FAILED)).count == 2
    with pytest.raises(InvalidFlow, match="are counted"):
        await queue.get_metrics("active")


async def test_nothing_is_counted_unless_a_worker_wants_it(queue: Queue, store: Store) -> None:
    await ended(queue, store, completed=2)
    assert (await queue.get_metrics("completed")).count == 0


async def test_trimmed_events_are_gone(queue: Queue, store: Store) -> None:
    await queue.add_bulk([("job", number) for number in range(200)])
    await queue.trim_events(0)
    assert len((await store.read_events("q", "0", limit=1_000)).events) <= 200
    await queue.add("job")
    assert (await store.read_events("q", "0", limit=1_000)).events


# Single jobs


async def test_a_delayed_job_gets_another_time(queue: Queue, store: Store) -> None:
    job = await queue.add("later", 5, JobOptions(delay=3_600))
    async with working(store, echo):
        await job.change_delay(0.05)
        assert await job.result(SOON) == 5
    with pytest.raises(WrongState):
        await job.change_delay(1)
    with pytest.raises(InvalidOption):
        await job.change_delay(-1)


async def test_a_job_gets_another_priority(queue: Queue) -> None:
    first, second, third = await queue.add_bulk([("job", n, {"priority": 5}) for n in range(3)])
    await third.change_priority(1)
    await second.change_priority(5, lifo=True)
    ready = [job.id for job in await queue.get_prioritized()]
    assert ready == [third.id, second.id, first.id]
    await second.change_priority()
    assert await second.is_waiting()
    with pytest.raises(InvalidOption):
        await first.change_priority(-1)
    await first.remove()
    with pytest.raises(JobNotFound):
        await first.change_priority(1)


async def test_logs_are_cleared(queue: Queue) -> None:
    job = await queue.add("job")
    for number in range(5):
        await job.log(f"line {number}")
    await job.clear_logs(keep=2)
    assert await job.get_logs() == ["line 3", "line 4"]
    await job.clear_logs()
    assert await job.get_logs() == []


async def test_a_retry_may_keep_the_counts(queue: Queue, store: Store) -> None:
    await ended(queue, store, failed=2)
    kept, fresh = await queue.get_failed()
    await kept.retry(reset_attempts_made=False, reset_attempts_started=False)
    await fresh.retry()
    kept, fresh = await kept.refresh(), await fresh.refresh()
    assert (kept.attempts_made, kept.attempts_started) == (1, 1)
    assert (fresh.attempts_made, fresh.attempts_started) == (0, 0)


async def test_a_processor_in_a_thread_changes_its_job(queue: Queue, store: Store) -> None:
    def process(job: Any) -> list[int]:
        lines = [job.log("one"), job.log("two")]
        job.clear_logs(1)
        job.change_priority(7)
        job.remove_unprocessed_children()
        assert job.remove_child_dependency() is False
        assert job.remove_deduplication_key() is True
        return lines

    job = await queue.add("job", options={"deduplication": {"id": "d"}})
    async with working(store, process):
        assert await job.result(SOON) == [1, 2]
    assert await job.get_logs() == ["two"]
    assert (await job.refresh()).priority == 7


async def test_all_of_a_thousand_and_more_run_again(memory: Store) -> None:
    queue = Queue("q", store=memory)
    await queue.add_bulk([("job", number, {"delay": 60_000}) for number in range(2_100)])
    assert await queue.promote_jobs() == 2_100
    assert await counted(queue, waiting=2_100, delayed=0)
