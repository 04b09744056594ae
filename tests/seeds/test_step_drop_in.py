"""The step jobs article's Python, with nothing changed but the line that imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from oxherd.bullmq import FlowProducer, Job, Queue, Worker
from tests.runtime.working import SOON, until
from tests.seeds.video import ORDER, SENT, VIDEO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def server(redis_url: str) -> AsyncIterator[dict[str, Any]]:
    """Where the server is; the article's queues on it are empty before and after."""
    address = urlsplit(redis_url)
    found = {"host": address.hostname, "port": address.port}
    queue = Queue("video-pipeline", {"connection": found})
    await queue.obliterate(force=True)
    yield found
    await queue.obliterate(force=True)
    await queue.close()


async def handle_download(job: Job, token: str) -> Any:
    return {"localPath": f"/tmp/{job.data['s3Key']}"}


async def handle_transcode(job: Job, token: str) -> Any:
    children_values = await job.getChildrenValues()
    download_result = list(children_values.values())[0]  # noqa: RUF015 - as it is written
    return {"outputPath": f"{download_result['localPath']}.{job.data['format']}"}


async def handle_thumbnail(job: Job, token: str) -> Any:
    children_values = await job.getChildrenValues()
    transcode_result = list(children_values.values())[0]  # noqa: RUF015 - as it is written
    path = transcode_result["outputPath"]
    return {"thumbnailPath": f"{path}.jpg", "videoPath": path}


async def handle_upload(job: Job, token: str) -> Any:
    children_values = await job.getChildrenValues()
    thumbnail_result = list(children_values.values())[0]  # noqa: RUF015 - as it is written
    return {
        "videoUrl": f"s3:{thumbnail_result['videoPath']}",
        "thumbUrl": f"s3:{thumbnail_result['thumbnailPath']}",
    }


async def handle_notify(job: Job, token: str) -> Any:
    children_values = await job.getChildrenValues()
    upload_result = list(children_values.values())[0]  # noqa: RUF015 - as it is written
    return {"notified": True, **upload_result}


async def process(job: Job, token: str) -> Any:
    if job.name == "download":
        return await handle_download(job, token)
    if job.name == "transcode":
        return await handle_transcode(job, token)
    if job.name == "thumbnail":
        return await handle_thumbnail(job, token)
    if job.name == "upload":
        return await handle_upload(job, token)
    if job.name == "notify":
        return await handle_notify(job, token)
    raise Exception(f"Unknown step: {job.name}")  # noqa: TRY002 - as it is written


async def test_seed_0_12_a_producer_takes_redis_options(server: dict[str, Any]) -> None:
    """The drop-in's producer takes the article's `redisOpts`."""
    flow_producer = FlowProducer(redisOpts=server)
    flow = await flow_producer.add(VIDEO)
    await flow_producer.close()
    assert flow is not None
    names = []
    node: dict[str, Any] | None = flow
    while node is not None:
        names.append(node["job"].name)
        node = node["children"][0] if node.get("children") else None
    assert names == ORDER[::-1]


async def test_seed_0_19_the_articles_worker_runs_the_articles_flow(
    server: dict[str, Any],
) -> None:
    """The article's worker, a queue, a function and a connection, runs the article's flow."""
    started: list[str] = []

    async def noted(job: Job, token: str) -> Any:
        started.append(job.name)
        return await process(job, token)

    flow_producer = FlowProducer(redisOpts=server)
    flow = await flow_producer.add(VIDEO)
    worker = Worker("video-pipeline", noted, {"connection": server})
    queue = Queue("video-pipeline", {"connection": server})
    assert flow is not None

    async def is_sent() -> bool:
        job = await Job.fromId(queue, flow["job"].id)
        return job is not None and job.returnvalue == SENT

    await until(is_sent, SOON)
    assert started == ORDER
    await worker.close()
    await queue.close()
    await flow_producer.close()


async def test_seed_0_20_an_unknown_step_raises_in_the_drop_in_too(server: dict[str, Any]) -> None:
    """An exception in the article's processor fails the job, with its text as reason."""
    queue = Queue("video-pipeline", {"connection": server})
    job = await queue.add("mystery", {})
    worker = Worker("video-pipeline", process, {"connection": server})

    async def is_failed() -> bool:
        return bool(await job.isFailed())

    await until(is_failed, SOON)
    stored = await Job.fromId(queue, job.id)
    assert stored is not None
    assert stored.failedReason == "Unknown step: mystery"
    await worker.close()
    await queue.close()
