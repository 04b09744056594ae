"""Attempts and the waits between them, which outlive the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import Backoff, InvalidOption, Job, JobOptions, Queue, State, connect
from tests.runtime.working import SOON, failure_of, until, working

if TYPE_CHECKING:
    from oxherd import Store
    from oxherd.domain.record import JobRecord


async def always_fails(job: Job) -> None:
    raise ConnectionError(f"attempt {job.attempts_made + 1}")


async def _delays(store: Store, options: Any, **worker_options: Any) -> list[float]:
    """The wait after each failed attempt; the job is promoted instead of waited for."""
    queue = Queue("q", store=store)
    delays: list[float] = []
    async with working(store, always_fails, **worker_options):
        job = await queue.add("job", {}, options)
        while True:
            await until(lambda: _stopped(job))
            if await job.is_failed():
                return delays
            delays.append((await job.refresh()).delay)
            await job.promote()


async def _stopped(job: Job[Any, Any]) -> bool:
    return await job.get_state() in (State.DELAYED, State.FAILED)


@pytest.mark.parametrize(
    ("options", "delays"),
    [
        (JobOptions(attempts=3, backoff=60), [60, 60]),
        (JobOptions(attempts=3, backoff="fixed"), [1, 1]),
        (JobOptions(attempts=4, backoff="exponential"), [1, 2, 4]),
        (JobOptions(attempts=4, backoff=Backoff("exponential", 5, max=12)), [5, 10, 12]),
        ({"attempts": 4, "backoff": "exponential"}, [1, 2, 4]),
        ({"attempts": 3, "backoff": {"type": "exponential", "delay": 2000}}, [2, 4]),
        ({"attempts": 3, "backoff": {"type": "fixed", "delay": 30000}}, [30, 30]),
        ({"attempts": 3, "backoff": 5000}, [5, 5]),
        (JobOptions(attempts=1, backoff=60), []),
        (JobOptions(attempts=0), []),
    ],
)
async def test_the_wait_between_attempts(store: Store, options: Any, delays: list[float]) -> None:
    assert await _delays(store, options) == pytest.approx(delays)


async def test_jitter_stays_within_its_part(store: Store) -> None:
    options = JobOptions(attempts=6, backoff=Backoff("fixed", 100, jitter=0.5))
    delays = await _delays(store, options)
    assert len(delays) == 5
    assert all(50 <= delay <= 100 for delay in delays)
    assert len(set(delays)) > 1


async def test_without_a_backoff_the_next_attempt_is_at_once(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, always_fails):
        job = await queue.add("job", {}, JobOptions(attempts=5))
        assert (await failure_of(job)).reason == "attempt 5"
    assert (await job.refresh()).attempts_made == 5


async def test_the_wait_ends_by_itself(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, always_fails):
        job = await queue.add("job", {}, JobOptions(attempts=3, backoff=0.1))
        assert (await failure_of(job)).reason == "attempt 3"


async def test_a_custom_backoff_is_a_function_of_the_worker(store: Store) -> None:
    asked: list[tuple[int, str, str]] = []

    def by_kind(attempt: int, error: BaseException, record: JobRecord) -> float | None:
        asked.append((attempt, str(error), record.name))
        return None if attempt == 3 else attempt * 10

    options = JobOptions(attempts=9, backoff=Backoff("by kind", custom=True))
    assert await _delays(store, options, backoffs={"by kind": by_kind}) == [10, 20]
    assert asked == [
        (1, "attempt 1", "job"), (2, "attempt 2", "job"), (3, "attempt 3", "job"),
    ]  # fmt: skip


@pytest.mark.parametrize("answer", ["soon", -1, float("nan")])
async def test_a_custom_backoff_that_answers_nonsense_fails_the_job(
    memory: Store, answer: Any
) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, always_fails, backoffs={"odd": lambda *_: answer}):
        job = await queue.add(
            "job", {}, JobOptions(attempts=3, backoff=Backoff("odd", custom=True))
        )
        error = await failure_of(job, 1.0)
    assert "delay" in error.reason
    assert "attempt 1" in error.stacktrace[-1]


async def test_a_custom_backoff_that_raises_fails_the_job(memory: Store) -> None:
    def broken(*_: Any) -> float:
        raise ZeroDivisionError("while thinking")

    queue = Queue("q", store=memory)
    async with working(memory, always_fails, backoffs={"odd": broken}):
        job = await queue.add(
            "job", {}, JobOptions(attempts=3, backoff=Backoff("odd", custom=True))
        )
        assert (await failure_of(job, 1.0)).reason == "while thinking"


async def test_a_backoff_that_the_worker_does_not_have_fails_the_job(memory: Store) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, always_fails, backoffs={"mine": lambda *_: 1.0}):
        job = await queue.add(
            "job", {}, JobOptions(attempts=3, backoff=Backoff("other", custom=True))
        )
        error = await failure_of(job, 1.0)
    assert "'other'" in error.reason
    assert "mine" in error.reason


def test_an_unknown_backoff_is_refused_when_it_is_written() -> None:
    with pytest.raises(InvalidOption, match="did you mean 'exponential'"):
        JobOptions(attempts=3, backoff="exponental")


async def test_a_retry_outlives_the_worker_and_the_store(store_url: str) -> None:
    store = connect(store_url)
    queue = Queue("q", store=store)
    async with working(store, always_fails):
        job = await queue.add("job", {}, JobOptions(attempts=2, backoff=0.3))
        await until(job.is_delayed)
    await store.aclose()

    async def process(job: Job) -> list[Any]:
        return [job.attempts_made, job.failed_reason]

    later = connect(store_url)
    async with working(later, process):
        found = await Queue("q", store=later).get_job(job.id)
        assert found is not None
        assert await found.result(SOON) == [1, "attempt 1"]
    await later.aclose()
