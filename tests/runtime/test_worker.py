"""Starting, pausing and listening to a worker."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import InvalidOption, Job, JobOptions, Keep, Queue, State, Worker, WorkerOptions
from tests.runtime.working import SOON, echo, failure_of, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store


async def test_it_starts_at_construction_when_a_loop_runs(store: Store) -> None:
    worker = Worker("q", echo, store=store)
    assert await (await Queue("q", store=store).add("job", 1)).result(SOON) == 1
    await worker.close()


async def test_without_autorun_it_waits_for_run(memory: Store) -> None:
    worker = Worker("q", echo, store=memory, options=WorkerOptions(autorun=False))
    job = await Queue("q", store=memory).add("job", 1)
    await asyncio.sleep(0.05)
    assert await job.get_state() is State.WAITING
    running = asyncio.ensure_future(worker.run())
    assert await job.result(SOON) == 1
    await worker.close()
    async with deadline(SOON):
        await running


async def test_run_joins_a_worker_that_runs(memory: Store) -> None:
    worker = Worker("q", echo, store=memory)
    runs = [asyncio.ensure_future(worker.run()) for _ in range(2)]
    assert await (await Queue("q", store=memory).add("job", 1)).result(SOON) == 1
    assert not any(run.done() for run in runs)
    await worker.close()
    async with deadline(SOON):
        await asyncio.gather(*runs)


async def test_a_paused_worker_claims_nothing_and_lets_jobs_end(store: Store) -> None:
    told: list[str] = []
    go = asyncio.Event()

    async def process(job: Job) -> Any:
        await go.wait()
        return job.data

    queue = Queue("q", store=store)
    async with working(store, process, concurrency=2) as worker:
        worker.on("paused", lambda: told.append("paused"))
        worker.on("resumed", lambda: told.append("resumed"))
        # Now no claim is under way that could bring another job.
        worker.on("active", lambda job: worker.pause())
        first = await queue.add("job", 1)
        await until(first.is_active)
        await until(lambda: told)
        worker.pause()
        second = await queue.add("job", 2)
        go.set()
        assert await first.result(SOON) == 1
        await asyncio.sleep(0.1)
        assert await second.get_state() is State.WAITING
        worker.resume()
        assert await second.result(SOON) == 2
    assert told[:2] == ["paused", "resumed"]


async def test_a_worker_paused_before_it_starts_stays_paused(memory: Store) -> None:
    queue = Queue("q", store=memory)
    worker = Worker("q", echo, store=memory, options=WorkerOptions(autorun=False))
    worker.pause()
    job = await queue.add("job", 1)
    async with worker:
        await asyncio.sleep(0.1)
        assert await job.get_state() is State.WAITING
        worker.resume()
        assert await job.result(SOON) == 1


async def test_a_paused_worker_closes(memory: Store) -> None:
    async with deadline(SOON), working(memory, echo) as worker:
        worker.pause()


async def test_a_paused_queue_gives_nothing(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, echo):
        await queue.pause()
        assert await queue.is_paused()
        job = await queue.add("job", 1)
        await asyncio.sleep(0.1)
        assert await job.get_state() is State.WAITING
        await queue.resume()
        assert not await queue.is_paused()
        assert await job.result(SOON) == 1


async def test_callbacks_are_told_what_happens(store: Store) -> None:
    told: list[tuple[Any, ...]] = []
    drained = asyncio.Event()

    async def process(job: Job) -> str:
        if job.name == "bad":
            raise ValueError("no")
        return "yes"

    queue = Queue("q", store=store)
    jobs = await queue.add_bulk([("good", {}), ("bad", {})])
    worker = Worker("q", process, store=store)
    worker.on("active", lambda job: told.append(("active", job.name)))
    worker.on("completed", lambda job, result: told.append(("completed", job.name, result)))

    async def failed(job: Job, reason: str) -> None:
        told.append(("failed", job.name, reason))

    worker.on("failed", failed)
    worker.on("drained", drained.set)
    worker.on("closed", lambda: told.append(("closed",)))
    async with deadline(SOON):
        await drained.wait()
    await worker.close()
    assert told == [
        ("active", "good"), ("completed", "good", "yes"),
        ("active", "bad"), ("failed", "bad", "no"), ("closed",),
    ]  # fmt: skip
    assert [await job.get_state() for job in jobs] == [State.COMPLETED, State.FAILED]


async def test_stalled_and_error_are_told(memory: Store) -> None:
    stalled: list[str] = []
    queue = Queue("q", store=memory)
    job = await queue.add("job", 1)
    await memory.claim("q", 1, token="dead", lock_ms=1)
    async with working(memory, echo, stalled_interval=0.1) as worker:
        worker.on("stalled", stalled.append)
        assert await job.result(SOON) == 1
    assert stalled == [job.id]


async def test_callbacks_that_raise_harm_nobody(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the callback's own")

    def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    async def broken_later(*_: object) -> None:
        raise RuntimeError("the callback's own, later")

    queue = Queue("q", store=store)
    with caplog.at_level(logging.ERROR, "oxherd.callbacks"):
        async with working(store, {"good": echo}) as worker:
            for event in ("active", "completed", "failed", "drained", "closed"):
                worker.on(event, broken)
                worker.on(event, broken_later)
                worker.on(event, cancelled)
            bad = await queue.add("bad")
            await failure_of(bad)
            for number in range(3):
                assert await (await queue.add("good", number)).result(SOON) == number
    assert {record.exc_text or str(record.exc_info) for record in caplog.records}
    assert any("later" in str(record.exc_info) for record in caplog.records)


def test_an_unknown_event_is_refused() -> None:
    worker = Worker("q", echo)
    with pytest.raises(InvalidOption, match="did you mean 'completed'"):
        worker.on("complete", print)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": 1.5},
        {"concurrency": True},
        {"run_in": "threads"},
        {"lock_duration": 0},
        {"lock_duration": -1},
        {"stalled_interval": 0},
        {"drain_delay": float("nan")},
        {"max_stalled_count": -1},
        {"timeout": -1},
        {"grace": -1},
        {"remove_on_complete": -1},
        {"limiter": object()},
        {"metrics": object()},
    ],
)
def test_impossible_options_are_refused(options: Any) -> None:
    with pytest.raises(InvalidOption):
        WorkerOptions(**options)


async def test_the_worker_says_what_is_kept_where_the_job_does_not(store: Store) -> None:
    queue = Queue("q", store=store)
    options: dict[str, Any] = {"remove_on_complete": 1, "remove_on_fail": True}
    async with working(store, {"good": echo}, **options):
        first = await queue.add("good", 1)
        kept = await queue.add("good", 2, JobOptions(remove_on_complete=Keep()))
        last = await queue.add("good", 3)
        bad = await queue.add("bad")
        await last.result(SOON)
        await failure_of(bad)
        own = await queue.add("bad", {}, JobOptions(remove_on_fail=False))
        await failure_of(own)
    assert await queue.get_job(first.id) is None
    assert await queue.get_job(last.id) is not None
    assert await queue.get_job(bad.id) is None
    assert await queue.get_job(own.id) is not None
    assert kept.id != last.id


async def test_the_name_of_the_worker_is_stored_with_its_jobs(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, echo, name="ox-1"):
        job = await queue.add("job")
        await job.result(SOON)
    assert (await job.refresh()).processed_by == "ox-1"


async def test_idle_workers_take_a_new_job_at_once(store: Store) -> None:
    loop = asyncio.get_running_loop()
    queue = Queue("q", store=store)
    async with working(store, echo, drain_delay=60):
        await (await queue.add("job")).result(SOON)
        for _ in range(5):
            started = loop.time()
            await (await queue.add("job")).result(SOON)
            assert loop.time() - started < 1


async def test_a_delayed_job_runs_when_it_is_due(store: Store) -> None:
    loop = asyncio.get_running_loop()
    queue = Queue("q", store=store)
    async with working(store, echo, drain_delay=60):
        await (await queue.add("job")).result(SOON)
        started = loop.time()
        far = await queue.add("job", 1, JobOptions(delay=60))
        near = await queue.add("job", 2, JobOptions(delay=0.3))
        assert await near.result(SOON) == 2
        assert 0.29 < loop.time() - started < 2
        assert await far.get_state() is State.DELAYED


async def test_jobs_run_in_order(store: Store) -> None:
    order: list[str] = []

    async def process(job: Job) -> None:
        order.append(job.name)

    queue = Queue("q", store=store)
    jobs = await queue.add_bulk(
        [
            ("low", {}, JobOptions(priority=9)),
            ("high", {}, JobOptions(priority=1)),
            ("first", {}),
            ("second", {}),
            ("lifo", {}, JobOptions(lifo=True)),
        ]
    )
    async with working(store, process):
        await asyncio.gather(*(job.result(SOON) for job in jobs))
    assert order == ["lifo", "first", "second", "high", "low"]


async def test_log_records_have_the_fields_of_the_job(
    memory: Store, caplog: pytest.LogCaptureFixture
) -> None:
    queue = Queue("q", store=memory)
    with caplog.at_level(logging.WARNING, "oxherd.worker"):
        async with working(memory, {"good": echo}):
            job = await queue.add("bad")
            await failure_of(job)
    fields = [(getattr(r, "job_id", None), getattr(r, "queue", None)) for r in caplog.records]
    assert (job.id, "q") in fields
