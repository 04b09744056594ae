"""The step jobs article's Python programs that `tests/seeds/test_step_drop_in.py` does not run."""

from __future__ import annotations

from typing import Any

from oxherd.bullmq import FlowProducer, Job, Queue, Worker
from tests.bullmq.watching import Heard

STEPS: list[dict[str, Any]] = [
    {"name": "download", "queueName": "pipeline", "data": {"s3Key": "raw/vid.mov"}},
    {"name": "transcode", "queueName": "pipeline", "data": {"format": "mp4"}},
    {"name": "upload", "queueName": "pipeline", "data": {"bucket": "output"}},
]


def build_step_chain(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The article's helper, as it is printed."""
    chain: dict[str, Any] | None = None
    for step in reversed(steps):
        node = {"name": step["name"], "queueName": step["queueName"], "data": step["data"]}
        if chain:
            node["children"] = [chain]
        chain = node
    assert chain is not None
    return chain


async def test_each_step_has_a_queue_and_workers_of_its_own(opts: dict[str, Any]) -> None:
    async def process(job: Job, token: str) -> Any:
        values = list((await job.getChildrenValues()).values())
        return [*(values[0] if values else []), job.name]

    places = {"downloads": 20, "media-processing": 2, "uploads": 10, "notifications": 50}
    workers = {
        name: Worker(name, process, {**opts, "concurrency": concurrency})
        for name, concurrency in places.items()
    }
    flows = FlowProducer(opts)
    await flows.add(
        {
            "name": "notify",
            "queueName": "notifications",
            "data": {"userId": "user-42"},
            "children": [
                {
                    "name": "upload",
                    "queueName": "uploads",
                    "data": {},
                    "children": [
                        {
                            "name": "transcode",
                            "queueName": "media-processing",
                            "data": {},
                            "children": [
                                {"name": "download", "queueName": "downloads", "data": {}},
                            ],
                        }
                    ],
                }
            ],
        }
    )
    _, result = await Heard(workers["notifications"], "completed").next()
    assert result == ["download", "transcode", "upload", "notify"]
    for one in (*workers.values(), flows):
        await one.close()


async def test_the_articles_helper_runs_backwards_here_as_in_the_original(
    opts: dict[str, Any],
) -> None:
    ran: list[str] = []

    async def process(job: Job, token: str) -> None:
        ran.append(job.name)

    flows = FlowProducer(opts)
    await flows.add(build_step_chain(STEPS))
    worker = Worker("pipeline", process, opts)
    heard = Heard(worker, "completed")
    for _ in STEPS:
        await heard.next()
    assert ran == ["upload", "transcode", "download"]
    await worker.close()
    await flows.close()


async def test_a_pipeline_is_looked_into(opts: dict[str, Any]) -> None:
    async def process(job: Job, token: str) -> None:
        raise ValueError("the bucket is full")

    flows = FlowProducer(opts)
    await flows.add(build_step_chain(STEPS))
    worker = Worker("pipeline", process, opts)
    await Heard(worker, "failed").next()
    queue = Queue("pipeline", opts)
    assert await queue.getActive() == []
    assert [(job.name, job.failedReason) for job in await queue.getFailed()] == [
        ("upload", "the bucket is full")
    ]
    waiting = await queue.getWaitingChildren()
    assert sorted(job.name for job in waiting) == ["download", "transcode"]
    for one in (worker, queue, flows):
        await one.close()
