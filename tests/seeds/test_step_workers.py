"""The step jobs article: workers, how many jobs they run at once, and processors' forms."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from oxherd import (
    BlockingJob,
    Cancellation,
    FlowJob,
    FlowProducer,
    Job,
    JobOptions,
    Queue,
    Worker,
    WorkerOptions,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import WITHIN, Gate, name_of, run, workers
from tests.seeds.video import (
    ORDER,
    QUEUES,
    SENT,
    STEPS,
    VIDEO,
    in_own_queues,
    transcode_until_told,
)
from tests.timing import deadline

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd import Store


async def test_seed_0_4_each_queue_has_its_own_concurrency(store: Store) -> None:
    """Each queue's workers have their own concurrency."""
    limits = {"downloads": 20, "media-processing": 2}
    gates = {queue: Gate() for queue in limits}
    jobs: list[Job[Any, Any]] = []
    for queue in limits:
        jobs += await Queue(queue, store=store).add_bulk([("job", {})] * 24)
    many = [
        Worker(queue, gates[queue], store=store, options=WorkerOptions(concurrency=limit))
        for queue, limit in limits.items()
    ]
    await until(lambda: {queue: gate.held for queue, gate in gates.items()} == limits)
    for gate in gates.values():
        gate.open()
    await asyncio.gather(*(job.result(SOON) for job in jobs))
    await asyncio.gather(*(worker.close() for worker in many))
    assert {queue: gate.most for queue, gate in gates.items()} == limits


async def test_seed_0_4_a_queue_has_a_concurrency_over_all_its_workers(store: Store) -> None:
    """A queue can have a concurrency that holds for all its workers together."""
    queue = Queue("media-processing", store=store)
    await queue.set_global_concurrency(3)
    gate = Gate()
    jobs = await queue.add_bulk([("transcode", {})] * 9)
    async with (
        workers(store, {"media-processing"}, gate, concurrency=2),
        workers(store, {"media-processing"}, gate, concurrency=5),
    ):
        await until(lambda: gate.held == 3)
        assert (await queue.get_job_counts("active", "waiting")) == {"active": 3, "waiting": 6}
        gate.open()
        await asyncio.gather(*(job.result(SOON) for job in jobs))
    assert gate.most == 3


async def test_seed_0_17_one_worker_switches_on_the_name(store: Store) -> None:
    """One worker runs all steps of one queue: it switches on the name, or has a mapping."""

    async def process(job: Job, token: str) -> Any:
        assert token
        return await STEPS[job.name](job)

    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([VIDEO, VIDEO])
        async with workers(store, {"video-pipeline"}, STEPS, concurrency=1):
            assert await nodes[0].flow.result(SOON) == SENT
        async with Worker("video-pipeline", process, store=store):
            assert await nodes[1].flow.result(SOON) == SENT


async def test_seed_0_18_an_unknown_step_fails_without_a_retry(store: Store) -> None:
    """A step that the worker does not know fails without a retry; the reason lists the known."""
    queue = Queue("video-pipeline", store=store)
    async with workers(store, {"video-pipeline"}, STEPS):
        job = await queue.add("watermark", {}, JobOptions(attempts=5, backoff=60))
        error = await failure_of(job)
    assert "'watermark'" in error.reason
    assert "download, notify, thumbnail, transcode, upload" in error.reason
    assert (await job.refresh()).attempts_made == 1


async def test_seed_0_19_processors_are_async_or_plain_with_one_to_three_arguments(
    store: Store,
) -> None:
    """Processors are `async def` or plain, and take the job, its token and its cancellation."""

    async def two(job: Job, token: str) -> str:
        return "two"

    async def three(job: Job, token: str, cancellation: Cancellation) -> str:
        return "three"

    def plain(job: BlockingJob) -> str:
        return "plain"

    queue = Queue("q", store=store)
    async with Worker("q", {"two": two, "three": three, "plain": plain}, store=store):
        for name in ("two", "three", "plain"):
            assert await (await queue.add(name)).result(SOON) == name


async def test_seed_0_20_an_exception_fails_the_job_with_its_traceback(store: Store) -> None:
    """An exception fails the job, with its text as reason and its whole traceback."""

    async def process(job: Job, token: str) -> None:
        raise Exception(f"Unknown step: {job.name}")  # noqa: TRY002 - as the article has it

    queue = Queue("q", store=store)
    async with Worker("q", process, store=store):
        job = await queue.add("mystery")
        error = await failure_of(job)
    assert error.reason == "Unknown step: mystery"
    assert 'raise Exception(f"Unknown step: {job.name}")' in str(error)
    (trace,) = (await job.refresh()).stacktrace
    assert trace.startswith("Traceback (most recent call last):")


async def test_seed_0_21_a_mapping_has_a_processor_for_each_name(store: Store) -> None:
    """A worker's processor can be a mapping with a function for each name, in one queue or many."""
    ran: list[tuple[str, str]] = []

    def noting(own: str) -> Any:
        async def process(job: Job) -> Any:
            ran.append((own, job.name))
            return await STEPS[job.name](job)

        return process

    by_name = {name: noting(name) for name in ORDER}
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([VIDEO, in_own_queues(VIDEO)])
        worker = Worker(queue="video-pipeline", processor=by_name, store=store)
        assert await nodes[0].flow.result(SOON) == SENT
        await worker.close()
        async with workers(store, set(QUEUES.values()), by_name):
            assert await nodes[1].flow.result(SOON) == SENT
    assert ran == [(name, name) for name in ORDER] * 2


async def test_seed_0_22_each_step_may_have_its_own_queue_and_workers(store: Store) -> None:
    """Each step may have its own queue with its own workers."""
    ran = await run(store, in_own_queues(VIDEO), STEPS)
    assert ran.order == ORDER
    assert ran.result == SENT
    assert set(await store.queues()) == set(QUEUES.values())


async def test_seed_0_23_work_that_blocks_the_loop_runs_once(store: Store) -> None:
    """Work that blocks the event loop for longer than its lock lasts keeps it, and runs once."""
    runs = 0

    async def heavy(job: Job) -> str:
        nonlocal runs
        runs += 1
        time.sleep(0.9)  # noqa: ASYNC251 - what is tested
        return "done"

    queue = Queue("media-processing", store=store)
    options = WorkerOptions(concurrency=2, lock_duration=0.4, stalled_interval=0.2)
    async with Worker("media-processing", heavy, store=store, options=options):
        job = await queue.add("transcode")
        assert await job.result(SOON) == "done"
    assert (runs, (await job.refresh()).stalled_count) == (1, 0)


async def test_seed_0_24_many_workers_live_in_one_process(store: Store) -> None:
    """Many workers, each with its own concurrency, live in one process."""
    concurrency = {"downloads": 20, "media-processing": 2, "uploads": 10, "notifications": 50}
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([in_own_queues(VIDEO)] * 5)
    many = [
        Worker(queue, STEPS, store=store, options=WorkerOptions(concurrency=limit))
        for queue, limit in concurrency.items()
    ]
    results = await asyncio.gather(*(node.flow.result(SOON) for node in nodes))
    await asyncio.gather(*(worker.close() for worker in many))
    assert results == [SENT] * 5


async def test_seed_0_46_steps_on_one_level_run_in_parallel(store: Store) -> None:
    """Steps on one level run in parallel."""
    together = asyncio.Barrier(3)

    async def meet(job: Job) -> str:
        async with deadline(SOON):
            await together.wait()
        return job.name

    tree = FlowJob("all", queue="q", children=[FlowJob(name, queue="q") for name in "abc"])
    ran = await run(store, tree, dict.fromkeys("abc", meet))
    assert sorted(ran.order[:3]) == ["a", "b", "c"]
    assert ran.order[3:] == ["all"]


async def test_seed_0_50_busy_queues_do_not_hold_up_the_others(
    memory: Store, tmp_path: Path
) -> None:
    """With a queue for each kind of step, CPU-bound work in its process holds up nothing else."""
    done = tmp_path / "done"
    media = Queue("media-processing", store=memory)
    downloads = Queue("downloads", store=memory)
    heavy = WorkerOptions(concurrency=1, run_in="process")
    light = WorkerOptions(concurrency=20)
    async with (
        Worker("media-processing", transcode_until_told, store=memory, options=heavy),
        Worker("downloads", name_of, store=memory, options=light),
    ):
        busy = await media.add("transcode", str(done))
        next_one = await media.add("transcode", str(done))

        async def is_at_work() -> bool:
            return bool((await busy.refresh()).progress)

        await until(is_at_work, WITHIN)
        many = await downloads.add_bulk([("download", {})] * 50)
        async with deadline(SOON):
            assert await asyncio.gather(*(job.result() for job in many)) == ["download"] * 50
        assert (await busy.is_active(), await next_one.is_waiting()) == (True, True)
        done.touch()
        assert await busy.result(WITHIN) > 0
        assert await next_one.result(WITHIN) == 0
