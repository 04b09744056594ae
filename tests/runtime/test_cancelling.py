"""What a worker's owner may do to the jobs that it runs, and what the worker tells of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oxherd import (
    Backoff,
    BlockingJob,
    Cancellation,
    Job,
    JobOptions,
    Queue,
    Settled,
    State,
    Worker,
    WorkerOptions,
)
from oxherd.domain.outcome import Postponement
from tests.runtime import functions
from tests.runtime.working import SOON, echo, failure_of, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from oxherd import Store


async def hang(job: Job) -> None:
    await asyncio.Event().wait()


async def test_a_cancelled_job_fails_with_the_reason(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, hang) as worker:
        job = await queue.add("job")
        await until(lambda: worker.running)
        assert worker.cancel_job(job.id, "nobody wants it") is True
        assert (await failure_of(job)).reason == "nobody wants it"
        assert worker.cancel_job(job.id) is False
        assert worker.cancel_job("none") is False


async def test_a_cancelled_job_is_tried_again_while_attempts_are_left(store: Store) -> None:
    queue = Queue("q", store=store)
    started: list[int] = []

    async def process(job: Job) -> str:
        started.append(job.attempts_made)
        if not job.attempts_made:
            await hang(job)
        return "done"

    async with working(store, process) as worker:
        job = await queue.add("job", options=JobOptions(attempts=2))
        await until(lambda: started)
        worker.cancel_job(job.id)
        assert await job.result(SOON) == "done"
    assert started == [0, 1]


async def test_a_processor_may_decide_what_its_cancellation_means(store: Store) -> None:
    queue = Queue("q", store=store)

    async def process(job: Job, token: str, cancellation: Cancellation) -> str:
        try:
            await hang(job)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        return f"stopped: {cancellation.reason}"

    async with working(store, process) as worker:
        job = await queue.add("job")
        await until(lambda: worker.running)
        worker.cancel_job(job.id, "enough")
        assert await job.result(SOON) == "stopped: enough"


async def test_a_plain_function_is_told(store: Store) -> None:
    queue = Queue("q", store=store)
    began, told = threading.Event(), threading.Event()

    def process(job: BlockingJob, token: str, cancellation: Cancellation) -> None:
        began.set()
        if cancellation.wait(SOON):
            told.set()

    async with working(store, process) as worker:
        job = await queue.add("job")
        await until(began.is_set)
        worker.cancel_job(job.id, "enough")
        assert (await failure_of(job)).reason == "enough"
        assert await asyncio.to_thread(told.wait, SOON)


async def test_a_job_may_be_cancelled_before_its_first_step(store: Store) -> None:
    queue = Queue("q", store=store)
    ran: list[str] = []

    async def process(job: Job) -> None:
        ran.append(job.id)

    async with working(store, process) as worker:
        worker.on("active", lambda job: worker.cancel_job(job.id, "too late"))
        jobs = await queue.add_bulk([("job", number) for number in range(3)])
        for job in jobs:
            assert (await failure_of(job)).reason == "too late"
        await until(lambda: not worker.running)
    assert ran == []


async def test_an_abandoned_job_stalls_and_runs_again(store: Store) -> None:
    queue = Queue("q", store=store)
    stopped: list[str] = []

    async def process(job: Job) -> None:
        try:
            await hang(job)
        finally:
            stopped.append(job.id)

    async with working(store, process, lock_duration=0.3, stalled_interval=0.05) as worker:
        job = await queue.add("job")
        await until(lambda: worker.running)
        running = asyncio.ensure_future(worker.run())
        await asyncio.sleep(0)
        async with deadline(SOON):
            await worker.abandon()
            await running
        assert stopped == [job.id]
        assert await job.is_active()
        await worker.abandon()
    async with working(store, echo, stalled_interval=0.05):
        await job.result(SOON)
    assert (await job.refresh()).stalled_count == 1


async def test_a_worker_that_closes_slowly_can_be_abandoned(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, hang) as worker:
        job = await queue.add("job")
        await until(lambda: worker.running)
        closing = asyncio.ensure_future(worker.close(grace=60))
        await asyncio.sleep(0)
        async with deadline(SOON):
            await worker.abandon()
            await closing
        assert await job.is_active()


async def test_what_runs_is_cancelled_and_the_worker_goes_on(store: Store) -> None:
    queue = Queue("q", store=store)

    async def process(job: Job) -> str:
        if job.name == "long":
            await hang(job)
        return "short"

    async with working(store, process, concurrency=2) as worker:
        long = await queue.add_bulk([("long", number) for number in range(2)])
        await until(lambda: worker.running == 2)
        worker.cancel_running()
        short = await queue.add("short")
        assert await short.result(SOON) == "short"
        assert [await job.get_state() for job in long] == [State.ACTIVE] * 2


async def test_waiting_for_an_end(store: Store) -> None:
    queue = Queue("q", store=store)
    gate = asyncio.Event()

    async def process(job: Job) -> None:
        if job.name == "second":
            await hang(job)
        await gate.wait()

    async with working(store, process, concurrency=2) as worker:
        async with deadline(SOON):
            await worker.wait_for_end()
        await queue.add_bulk([("first", 1), ("second", 2)])
        await until(lambda: worker.running == 2)
        waiting = [asyncio.ensure_future(worker.wait_for_end()) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(one.done() for one in waiting)
        gate.set()
        async with deadline(SOON):
            await asyncio.gather(*waiting)
        assert worker.running == 1
        last = asyncio.ensure_future(worker.wait_for_end())
        await worker.abandon()
        async with deadline(SOON):
            await last


async def test_a_retry_is_told(store: Store) -> None:
    queue = Queue("q", store=store)
    told: list[tuple[str, int, str]] = []

    async def process(job: Job) -> None:
        raise ValueError(f"no {job.attempts_made}")

    async with working(store, process) as worker:
        for name in ("active", "retrying", "failed"):
            worker.on(name, lambda job, reason="", name=name: told.append((name, id(job), reason)))
        job = await queue.add("job", options=JobOptions(attempts=2))
        await failure_of(job)
        await until(lambda: len(told) == 4)
    assert [(name, reason) for name, _, reason in told] == [
        ("active", ""), ("retrying", "no 0"), ("active", ""), ("failed", "no 1"),
    ]  # fmt: skip
    assert told[0][1] == told[1][1]
    assert told[2][1] == told[3][1]


async def test_renewed_and_lost_locks_are_told(store: Store) -> None:
    queue = Queue("q", store=store)
    renewed: list[list[str]] = []
    lost: list[list[str]] = []
    async with working(store, hang, lock_duration=0.4) as worker:
        worker.on("locks_renewed", renewed.append)
        worker.on("locks_lost", lost.append)
        job = await queue.add("job")
        await until(lambda: renewed)
        await worker.extend_locks()
        assert all(ids == [job.id] for ids in renewed)
        assert lost == []
        held = next(iter(worker._runs))
        assert await store.release("q", [held]) == [None]
        worker.pause()
        await worker.extend_locks()
        await until(lambda: lost)
        assert lost[0] == [job.id]


async def test_a_processor_may_settle_its_job_itself(store: Store) -> None:
    queue = Queue("q", store=store)

    async def process(job: Job, token: str) -> None:
        assert job.token == token
        assert await store.postpone("q", [Postponement(job.id, token, 3_600_000)]) == [None]
        raise Settled

    async with working(store, process) as worker:
        job = await queue.add("job")
        await until(job.is_delayed)
        await until(lambda: not worker.running)
    assert (await job.refresh()).attempts_made == 0
    assert job.record.id == job.id
    assert job.token is None


async def test_a_process_may_say_that_its_job_is_settled(memory: Store) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, functions.say_settled, run_in="process") as worker:
        job = await queue.add("job")
        await until(lambda: worker.running, 20)
        await until(lambda: not worker.running, 20)
        assert await job.is_active()


class Every(Mapping[str, "Callable[..., float | None]"]):
    """Backoffs that are there when they are asked for, and not counted."""

    def __getitem__(self, name: str) -> Callable[..., float | None]:
        return lambda attempt, error, record: None if attempt > 1 else 0.01

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


async def test_backoffs_may_be_any_mapping(store: Store) -> None:
    async def process(job: Job[Any, Any]) -> None:
        raise ValueError("no")

    options = WorkerOptions(backoffs=Every())
    async with Worker("q", process, store=store, options=options):
        job = await Queue("q", store=store).add(
            "job", options=JobOptions(attempts=9, backoff=Backoff("mine", custom=True))
        )
        await failure_of(job)
    assert (await job.refresh()).attempts_made == 2
