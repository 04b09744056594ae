"""Limits: how many jobs run at once, and how many start in a span of time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import InvalidOption, Job, JobOptions, Queue, RateLimit, RateLimited, WorkerOptions
from oxherd.domain.outcome import Held
from tests.runtime import functions
from tests.runtime.working import SOON, echo, failure_of, until, working

if TYPE_CHECKING:
    from oxherd import Store


class Crowd:
    """A processor that knows how many of it run at once, and when each began."""

    def __init__(self, lasts: float = 0.01) -> None:
        self.now = self.most = 0
        self.began: list[float] = []
        self._lasts = lasts

    async def __call__(self, job: Job[Any, Any]) -> None:
        self.began.append(time.monotonic())  # noqa: TID251 - it is measured
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self._lasts)
        self.now -= 1


async def completed(queue: Queue, number: int) -> bool:
    return (await queue.get_job_counts("completed"))["completed"] == number


async def test_the_queues_concurrency_is_kept_over_all_workers(store: Store) -> None:
    queue = Queue("q", store=store)
    await queue.set_global_concurrency(2)
    assert await queue.get_global_concurrency() == 2
    crowd = Crowd()
    async with (
        working(store, crowd, concurrency=5),
        working(store, crowd, concurrency=5),
    ):
        await queue.add_bulk([("job", number) for number in range(30)])
        await until(lambda: completed(queue, 30))
    assert crowd.most == 2


async def test_a_slot_that_becomes_free_is_another_workers_at_once(store: Store) -> None:
    """Not only after `drain_delay`, which is long here."""
    queue = Queue("q", store=store)
    await queue.set_global_concurrency(1)
    gate = asyncio.Event()

    async def wait(job: Job) -> str:
        await gate.wait()
        return "first"

    async with working(store, wait, drain_delay=60) as first:
        one = await queue.add("job")
        await until(one.is_active)
        async with working(store, echo, drain_delay=60):
            two = await queue.add("job", 2)
            first.pause()
            gate.set()
            assert await one.result(SOON) == "first"
            assert await two.result(SOON) == 2


async def test_a_limit_that_is_lifted_is_noticed(store: Store) -> None:
    queue = Queue("q", store=store)
    await queue.set_global_concurrency(1)
    gate = asyncio.Event()

    async def wait(job: Job) -> None:
        await gate.wait()

    async with working(store, wait, concurrency=2, drain_delay=0.05):
        jobs = await queue.add_bulk([("job", number) for number in range(2)])
        await until(jobs[0].is_active)
        await queue.remove_global_concurrency()
        assert await queue.get_global_concurrency() is None
        await until(jobs[1].is_active)
        gate.set()


@pytest.mark.parametrize("own", [True, False])
async def test_a_rate_limit_spreads_the_jobs(store: Store, *, own: bool) -> None:
    """Two of four jobs at two in a second begin at once; by the queue's limit, by the worker's."""
    queue = Queue("q", store=store)
    limiter = None
    if own:
        limiter = RateLimit(2, 1)
    else:
        await queue.set_global_rate_limit(2, 1)
        assert await queue.get_global_rate_limit() == RateLimit(2, 1)
    crowd = Crowd(0)
    await queue.add_bulk([("job", number) for number in range(4)])
    async with working(store, crowd, concurrency=10, limiter=limiter):
        await until(lambda: completed(queue, 4))
    assert crowd.began[2] - crowd.began[0] >= 0.5
    assert crowd.began[1] - crowd.began[0] < 0.5


async def test_a_limiter_may_be_a_mapping_in_milliseconds() -> None:
    assert WorkerOptions(limiter={"max": 5, "duration": 1_500}).limiter == RateLimit(5, 1.5)
    for bad in ({"max": 5}, {"max": 0, "duration": 1}, 5, {"max": 1, "duration": 5, "group": "x"}):
        with pytest.raises(InvalidOption, match="limiter"):
            WorkerOptions(limiter=bad)  # type: ignore[arg-type] # that is what is tried


async def test_the_time_left_of_a_limit(store: Store) -> None:
    queue = Queue("q", store=store)
    assert await queue.get_rate_limit_ttl() == 0
    await queue.set_global_rate_limit(2, 60)
    async with working(store, echo):
        await (await queue.add("job")).result(SOON)
        assert await queue.get_rate_limit_ttl() == 0
        assert 0 < await queue.get_rate_limit_ttl(1) <= 60
        await (await queue.add("job")).result(SOON)
    assert 0 < await queue.get_rate_limit_ttl() <= 60
    await queue.remove_global_rate_limit()
    assert await queue.get_global_rate_limit() is None


async def test_a_queue_is_held_by_hand(store: Store) -> None:
    queue = Queue("q", store=store)
    await queue.set_global_rate_limit(1_000, 60)
    await queue.rate_limit(60)
    assert 0 < await queue.get_rate_limit_ttl() <= 60
    async with working(store, echo, drain_delay=0.05):
        job = await queue.add("job", 1)
        with pytest.raises(TimeoutError):
            await job.result(0.2)
        await queue.rate_limit(0)
        assert await job.result(SOON) == 1


@pytest.mark.parametrize("limiter", [None, RateLimit(100, 60)])
async def test_a_processor_may_hold_the_queue(store: Store, limiter: RateLimit | None) -> None:
    queue = Queue("q", store=store)
    began: list[tuple[int, float]] = []

    async def process(job: Job[int]) -> int:
        began.append((job.data, time.monotonic()))  # noqa: TID251 - it is measured
        if len(began) == 1:
            raise RateLimited(0.3)
        return job.attempts_made

    jobs = await queue.add_bulk([("job", number, JobOptions(attempts=1)) for number in range(3)])
    async with working(store, process, limiter=limiter):
        assert [await job.result(SOON) for job in jobs] == [0, 0, 0]
    assert [data for data, _ in began] == [0, 0, 1, 2]
    assert began[1][1] - began[0][1] >= 0.28


async def test_a_held_queue_is_held_for_all_workers_with_a_limiter(store: Store) -> None:
    queue = Queue("q", store=store)
    first = await queue.add("job")
    limiter = RateLimit(100, 60)

    async def process(job: Job) -> None:
        raise RateLimited(60)

    async with working(store, process, limiter=limiter):
        await until(lambda: _is_held(queue))
        await until(first.is_waiting)
        async with working(store, echo, limiter=limiter, drain_delay=0.05):
            with pytest.raises(TimeoutError):
                await first.result(0.3)
    assert (await first.refresh()).attempts_made == 0


async def _is_held(queue: Queue) -> bool:
    return await queue.get_rate_limit_ttl(100) > 0


async def test_a_process_may_hold_the_queue(memory: Store) -> None:
    queue = Queue("q", store=memory)
    job = await queue.add("job")
    async with working(memory, functions.hold_once, run_in="process"):
        assert await job.result(20) == 2


async def test_an_impossible_hold_fails_the_job(store: Store) -> None:
    async def process(job: Job) -> None:
        raise RateLimited(-1)

    job = await Queue("q", store=store).add("job", options=JobOptions(attempts=5))
    async with working(store, process):
        assert "seconds" in (await failure_of(job)).reason


async def test_a_job_starts_so_often_and_no_more(store: Store) -> None:
    queue = Queue("q", store=store)
    runs: list[int] = []

    async def process(job: Job) -> None:
        runs.append(job.attempts_started)
        raise ValueError("no")

    job = await queue.add("job", options=JobOptions(attempts=9))
    async with working(store, process, max_started_attempts=3):
        assert (await failure_of(job)).reason == "no"
    assert runs == [1, 2, 3]


async def test_a_job_that_started_too_often_does_not_run(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job", options=JobOptions(attempts=9))
    claimed = await store.claim("q", 1, token="t", lock_ms=60_000)
    assert await store.release("q", [Held(claimed.jobs[0].id, "t")]) == [None]
    async with working(store, echo, max_started_attempts=1):
        failure = await failure_of(job)
    assert failure.reason == "job started more than allowable limit"


@pytest.mark.parametrize("name", ["metrics", "max_started_attempts"])
def test_impossible_numbers_are_refused(name: str) -> None:
    for value in (0, -1, 1.5, True, "1"):
        with pytest.raises(InvalidOption, match=name):
            WorkerOptions(**{name: value})
