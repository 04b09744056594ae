"""Checked by mypy and pyright, never run: what the types of the public objects promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, assert_type

from oxherd import (
    BlockingJob,
    Completed,
    Deduplication,
    Event,
    FlowJob,
    FlowProducer,
    Job,
    JobNode,
    JobOptions,
    JobScheduler,
    Metrics,
    OnFailure,
    Queue,
    QueueEvents,
    RateLimit,
    State,
    Store,
    Worker,
    WorkerOptions,
    chain,
    connect,
)


class Video(TypedDict):
    path: str


async def typed(job: Job[Video, int]) -> int:
    assert_type(job.data, Video)
    assert_type(job.data["path"], str)
    assert_type(job.returnvalue, int | None)
    assert_type(await job.wait_until_finished(timeout=1), int)
    assert_type(await job.get_state(), State | None)
    return 1


async def untyped(job: Job) -> None:
    assert_type(job.data, dict[str, Any])
    assert_type(await job.get_children_values(), dict[str, Any])


def blocking(job: BlockingJob[Video, int]) -> int:
    assert_type(job.data, Video)
    assert_type(job.get_children_values(), dict[str, Any])
    return 1


async def objects() -> None:
    store = connect("sqlite:///:memory:")
    assert_type(store, Store)
    async with Queue("video", store=store) as queue:
        job = await queue.add("transcode", {"path": "a.mov"}, JobOptions(attempts=3))
        assert_type(job.id, str)
        await queue.add("transcode", {"path": "a.mov"}, {"attempts": 3})
        await queue.add(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert_type(await queue.clean(60, state=State.FAILED), list[str])
        assert_type(await queue.get_metrics("completed"), Metrics)
        assert_type(await queue.get_counts_per_priority([0, 1]), dict[int, int])
        assert_type(await queue.get_global_rate_limit(), RateLimit | None)
        assert_type(await queue.get_job_schedulers(), list[JobScheduler])
        await queue.upsert_job_scheduler("tick", every=timedelta(hours=1), start=datetime.now(UTC))  # noqa: TID251 - never run
        await queue.upsert_job_scheduler("tick", every="1 h")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert_type(await job.remove_child_dependency(), bool)
        JobOptions(deduplication=Deduplication("x", ttl=5))
    Worker("video", typed, store=store)
    WorkerOptions(limiter=RateLimit(5, 1), metrics=60)
    WorkerOptions(limiter={"max": 5, "duration": 1_000})
    Worker("video", {"a": typed, "b": blocking}, options=WorkerOptions(concurrency=2))
    Worker("video", "typed")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with QueueEvents("video", store=store) as events:
        async for event in events:
            assert_type(event, Event)
            if isinstance(event, Completed):
                assert_type(event.job_id, str)


async def flows() -> None:
    step = FlowJob("a", queue="video", on_failure=OnFailure.IGNORE)
    FlowJob("a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(chain([step, {"name": "b", "queueName": "video"}]), FlowJob)
    async with FlowProducer() as producer:
        node = await producer.add(step)
        assert_type(node, JobNode)
        assert_type(node.children, list[JobNode])
        assert_type(await node.flow.status(), dict[str, int])
