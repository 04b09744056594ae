"""The step jobs article's tree, key by key, and its steps."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from oxherd import BlockingJob, Job
from tests.seeds.running import first_value

if TYPE_CHECKING:
    from collections.abc import Mapping

VIDEO: dict[str, Any] = {
    "name": "notify",
    "queueName": "video-pipeline",
    "data": {"userId": "user-42", "videoId": "vid-123"},
    "children": [
        {
            "name": "upload",
            "queueName": "video-pipeline",
            "data": {"videoId": "vid-123"},
            "children": [
                {
                    "name": "thumbnail",
                    "queueName": "video-pipeline",
                    "data": {"videoId": "vid-123"},
                    "children": [
                        {
                            "name": "transcode",
                            "queueName": "video-pipeline",
                            "data": {"videoId": "vid-123", "format": "mp4"},
                            "children": [
                                {
                                    "name": "download",
                                    "queueName": "video-pipeline",
                                    "data": {"s3Key": "uploads/raw/vid-123.mov"},
                                },
                            ],
                        },
                    ],
                },
            ],
        },
    ],
}
ORDER = ["download", "transcode", "thumbnail", "upload", "notify"]
QUEUES = {
    "download": "downloads", "transcode": "media-processing", "thumbnail": "media-processing",
    "upload": "uploads", "notify": "notifications",
}  # fmt: skip
RETRIES: dict[str, Any] = {
    "name": "notify", "queueName": "pipeline", "data": {"userId": "user-42"},
    "opts": {"attempts": 2, "backoff": {"type": "fixed", "delay": 5000}},
    "children": [
        {
            "name": "upload", "queueName": "pipeline", "data": {"bucket": "output"},
            "opts": {"attempts": 5, "backoff": {"type": "exponential", "delay": 1000}},
            "children": [
                {
                    "name": "download", "queueName": "pipeline", "data": {"s3Key": "raw/vid.mov"},
                    "opts": {"attempts": 5, "backoff": {"type": "exponential", "delay": 1000}},
                },
            ],
        },
    ],
}  # fmt: skip
"""The article's second tree: each step with a retry policy of its own."""


async def download(job: Job) -> dict[str, Any]:
    return {"localPath": f"/tmp/{job.data['s3Key']}"}


async def transcode(job: Job) -> dict[str, Any]:
    path = (await first_value(job))["localPath"]
    return {"outputPath": f"{path}.{job.data['format']}"}


async def thumbnail(job: Job) -> dict[str, Any]:
    path = (await first_value(job))["outputPath"]
    return {"thumbnailPath": f"{path}.jpg", "videoPath": path}


async def upload(job: Job) -> dict[str, Any]:
    values = await first_value(job)
    return {
        "videoUrl": f"s3:{values['videoPath']}",
        "thumbUrl": f"s3:{values['thumbnailPath']}",
    }


async def notify(job: Job) -> dict[str, Any]:
    return {"notified": True, **await first_value(job)}


STEPS = {
    "download": download, "transcode": transcode, "thumbnail": thumbnail, "upload": upload,
    "notify": notify,
}  # fmt: skip
SENT = {
    "notified": True,
    "videoUrl": "s3:/tmp/uploads/raw/vid-123.mov.mp4",
    "thumbUrl": "s3:/tmp/uploads/raw/vid-123.mov.mp4.jpg",
}


def transcode_until_told(job: BlockingJob[str]) -> int:
    """Work that keeps a processor busy until there is a file named as the data says."""
    job.update_progress(1)
    rounds = 0
    while not os.path.exists(job.data):  # noqa: PTH110 - as often as it can
        hashlib.sha256(bytes(10_000)).digest()
        rounds += 1
    return rounds


def in_own_queues(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The same tree with the queues of the article's separate workers."""
    return {
        **tree,
        "queueName": QUEUES[tree["name"]],
        "children": [in_own_queues(child) for child in tree.get("children", ())],
    }


def once_failing(name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The steps, with one that fails at its first attempt; and how often each ran."""
    runs = dict.fromkeys(STEPS, 0)

    def counted(step: str) -> Any:
        async def process(job: Job) -> Any:
            runs[step] += 1
            if step == name and runs[step] == 1:
                raise ConnectionError("the bucket hung up")
            return await STEPS[step](job)

        return process

    return {step: counted(step) for step in STEPS}, runs


def with_opts(tree: Mapping[str, Any], name: str, opts: dict[str, Any]) -> dict[str, Any]:
    """The tree with options for one of its steps."""
    own = {**tree, "children": [with_opts(c, name, opts) for c in tree.get("children", ())]}
    return {**own, "opts": opts} if tree["name"] == name else own
