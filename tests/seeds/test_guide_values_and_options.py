"""The Elixir guide: what a parent reads of its children, options, workers and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis.asyncio

from oxherd import (
    Completed,
    Deduplication,
    FlowProducer,
    Job,
    JobOptions,
    Queue,
    RateLimit,
    RateLimited,
    State,
    Unrecoverable,
    WaitingChildren,
    Worker,
    connect,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.guide import IGNORED, OPTIONS, REPORT
from tests.seeds.running import (
    all_values,
    every_queue,
    fails,
    heard,
    name_of,
    run,
    run_a_job,
    workers,
)

if TYPE_CHECKING:
    from oxherd import Store


async def test_seed_2_9_counts_are_summed(store: Store) -> None:
    """A parent sums what its children counted."""

    async def fetch(job: Job) -> dict[str, Any]:
        data = list(job.data["source"])
        return {"data": data, "count": len(data)}

    async def total(job: Job) -> dict[str, int]:
        return {"total": sum(value["count"] for value in await all_values(job))}

    ran = await run(
        store, REPORT, {"fetch-users": fetch, "fetch-orders": fetch, "generate-report": total}
    )
    assert ran.result == {"total": 11}


async def test_seed_2_10_ignored_failures_can_be_read(store: Store) -> None:
    """The failures of children that were ignored can be read, by their keys."""

    async def look(job: Job) -> dict[str, str]:
        return await job.get_ignored_children_failures()

    ran = await run(store, IGNORED, {"optional-child": fails, "parent": look})
    assert ran.result == {ran.node.children[1].job.key: "optional-child failed"}


async def test_seed_2_11_pending_dependencies_can_be_read(store: Store) -> None:
    """The keys of children that are pending can be read."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(REPORT)
    dependencies = await node.job.get_dependencies()
    assert list(dependencies.unprocessed) == [child.job.key for child in node.children]
    await node.children[0].job.remove()
    dependencies = await node.job.get_dependencies()
    assert list(dependencies.unprocessed) == [node.children[1].job.key]


async def test_seed_2_12_dependencies_can_be_counted(store: Store) -> None:
    """A job's dependencies can be counted."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(REPORT)
    assert (await node.job.get_dependencies_count())["unprocessed"] == 2


async def test_seed_2_13_options_of_a_job_of_a_flow_are_honoured(store: Store) -> None:
    """A job of a flow is stored and queued with its priority, attempts and backoff."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(OPTIONS)
    important = await node.children[1].job.refresh()
    assert (important.priority, important.opts.attempts) == (1, 5)
    assert await important.get_state() is State.PRIORITIZED


async def test_seed_2_14_a_larger_number_is_a_lower_priority(store: Store) -> None:
    """A larger number is a lower priority, also where it is changed later."""
    ran = await run(store, OPTIONS, concurrency=1)
    assert ran.order == ["important-child", "batch-child", "parent"]
    async with FlowProducer(store=store) as flows:
        node = await flows.add(OPTIONS)
    await node.children[1].job.change_priority(11)
    started: list[str] = []

    async def note(job: Job) -> None:
        started.append(job.name)

    async with workers(store, every_queue(OPTIONS), note, concurrency=1):
        await node.flow.result(SOON)
    assert started == ["batch-child", "important-child", "parent"]


async def test_seed_2_18_each_queue_needs_a_worker(store: Store) -> None:
    """A job waits until its queue has a worker (partly: no warning, no `flow.diagnose()`)."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(REPORT)
    async with workers(store, {"data-fetch"}):
        await until(node.job.is_waiting)
        await run_a_job(store, "data-fetch")
        assert await node.job.is_waiting()
        assert (await node.flow.status())["waiting"] == 1
        async with workers(store, {"reports"}):
            assert await node.flow.result(SOON) == "generate-report"


async def test_seed_2_29_a_reason_is_plain_text_on_the_wire(redis_url: str, prefix: str) -> None:
    """A failure's reason is plain text on the wire, as Node's (partly: the rest is in interop)."""
    store = connect(f"{redis_url}?prefix={prefix}")
    queue = Queue("tasks", store=store)
    reason = 'Größe "x" fehlt'

    async def broken(job: Job) -> None:
        raise Unrecoverable(reason)

    async with Worker("tasks", broken, store=store):
        job = await queue.add("job", {"größe": "ß"}, JobOptions(attempts=3))
        await failure_of(job)
    async with redis.asyncio.Redis.from_url(redis_url, decode_responses=True) as client:
        stored = await client.hgetall(job.key)
    assert stored["failedReason"] == reason
    assert stored["data"] == '{"größe":"ß"}'
    await store.aclose()


async def test_seed_2_29_a_rate_limit_is_kept_to(store: Store) -> None:
    """A rate limit is kept to, over all workers of the queue, and can be lifted."""
    queue = Queue("tasks", store=store)
    await queue.set_global_rate_limit(2, 60)
    assert await queue.get_global_rate_limit() == RateLimit(2, 60)
    started: list[str] = []

    async def note(job: Job) -> None:
        started.append(job.id)

    jobs = await queue.add_bulk([("job", number) for number in range(5)])
    async with (
        workers(store, {"tasks"}, note, drain_delay=0.05),
        workers(store, {"tasks"}, note, drain_delay=0.05),
    ):
        for job in jobs[:2]:
            await job.result(SOON)
        assert 0 < await queue.get_rate_limit_ttl() <= 60
        # All five were asked for at once; a claim that gave more would have started them by now.
        assert started == [job.id for job in jobs[:2]]
        assert (await queue.get_job_counts("waiting")) == {"waiting": 3}
        await queue.remove_global_rate_limit()
        for job in jobs[2:]:
            await job.result(SOON)
    assert len(started) == 5


async def test_seed_2_29_a_workers_own_limit_spreads_its_jobs(store: Store) -> None:
    """A worker's own rate limit spreads the jobs in time, by the store's clock."""
    queue = Queue("tasks", store=store)
    jobs = await queue.add_bulk([("job", number) for number in range(3)])
    async with workers(store, {"tasks"}, limiter=RateLimit(2, 0.3)):
        for job in jobs:
            await job.result(SOON)
    began = [(await job.refresh()).processed_on or 0 for job in jobs]
    # A server's own clock moves a little.
    assert began[2] - began[0] >= 290


async def test_seed_2_29_a_processor_that_is_told_to_wait_gives_its_job_back(
    store: Store,
) -> None:
    """A processor that raises `RateLimited` gives its job back, and no attempt is spent."""

    began: list[int] = []

    async def throttled(job: Job) -> Any:
        began.append(job.processed_on or 0)
        if job.attempts_started == 1:
            raise RateLimited(0.2)
        return [job.attempts_made, job.attempts_started]

    queue = Queue("tasks", store=store)
    async with workers(store, {"tasks"}, throttled, limiter=RateLimit(100, 60)):
        job = await queue.add("job")
        assert await job.result(SOON) == [0, 2]
    assert began[1] - began[0] >= 190
    assert (await job.refresh()).attempts_made == 1


async def test_seed_2_29_a_schedule_goes_on_with_our_workers(store: Store) -> None:
    """A schedule's jobs follow each other with our workers, and stop at its limit."""
    queue = Queue("tasks", store=store)
    first = await queue.upsert_job_scheduler("poll", every=0.05, data={"n": 1}, limit=3)
    assert first is not None
    seen: list[str] = []

    async def note(job: Job) -> None:
        seen.append(f"{job.schedule_id} {job.data['n']}")

    async with workers(store, {"tasks"}, note):
        await until(lambda: len(seen) == 3)
        await (await queue.add("last", {"n": 0})).result(SOON)
    assert seen == [*["poll 1"] * 3, "None 0"]
    assert await queue.get_delayed() == []


async def test_seed_2_29_a_job_alike_is_dropped(store: Store) -> None:
    """A job alike another one is dropped by its deduplication, and a delayed one may make way."""
    queue = Queue("tasks", store=store)
    alike = JobOptions(deduplication=Deduplication("d"))
    first = await queue.add("job", 1, alike)
    again = await queue.add("job", 2, alike)
    assert (again.id, again.data) == (first.id, 1)
    newest = JobOptions(delay=60, deduplication=Deduplication("late", replace=True))
    old = await queue.add("job", 1, newest)
    new = await queue.add("job", 2, newest)
    assert await queue.get_job(old.id) is None
    assert [(job.id, job.data) for job in await queue.get_delayed()] == [(new.id, 2)]


async def test_seed_2_34_events_monitor_a_flow(store: Store) -> None:
    """Events tell of every job of a flow, from all its queues (partly: by queue, not by flow)."""
    async with heard(store, every_queue(REPORT), "waiting-children", "completed") as events:
        ran = await run(store, REPORT)
        await until(lambda: len(events) == 4)
    assert {
        (event.queue, event.job_id, event.returnvalue)
        for event in events
        if isinstance(event, Completed)
    } == {(node.job.queue_name, node.job.id, node.job.name) for node in ran.node.walk()}
    (waits,) = [event for event in events if isinstance(event, WaitingChildren)]
    assert (waits.queue, waits.job_id) == ("reports", ran.node.job.id)


async def test_seed_2_35_one_store_serves_all_objects(store_url: str) -> None:
    """One store, made once, serves all objects (partly: there is no app that holds it)."""
    store = connect(store_url)
    async with FlowProducer(store=store) as flows, Queue("reports", store=store) as queue:
        node = await flows.add(REPORT)
        async with (
            Worker("data-fetch", name_of, store=store),
            Worker("reports", name_of, store=store),
        ):
            assert await node.flow.result(SOON) == "generate-report"
        assert (await queue.get_job_counts("completed")) == {"completed": 1}
    await store.aclose()
