"""The pipeline as a graph of jobs: what runs, on which queue, after what, how often tried."""

from __future__ import annotations

from oxherd import Backoff, FlowJob, JobOptions

RENDITIONS = {"720p": 720, "360p": 360}

# One queue per kind of work, so that each has its own workers and concurrency.
DOWNLOADS, TRANSCODES, THUMBNAILS = "downloads", "transcodes", "thumbnails"
UPLOADS, NOTIFICATIONS = "uploads", "notifications"


def describe(video: str, run: str) -> FlowJob:
    """The flow for one video.

    A parent runs after its children, so the last step is the root. The download stands under
    both transcodes, and each transcode under the thumbnail and the upload: a job that several
    others wait for runs once, and each of them gets its result.
    """
    download = FlowJob(
        "download",
        queue=DOWNLOADS,
        data={"video": video},
        options=JobOptions(attempts=5, backoff=Backoff("exponential", delay=1)),
    )
    transcodes = [
        FlowJob(
            "transcode",
            queue=TRANSCODES,
            data={"rendition": rendition, "height": height},
            options=JobOptions(attempts=2),
            children=[download],
        )
        for rendition, height in RENDITIONS.items()
    ]
    thumbnail = FlowJob(
        "thumbnail",
        queue=THUMBNAILS,
        options=JobOptions(attempts=3, backoff=1),
        children=transcodes,
    )
    upload = FlowJob(
        "upload",
        queue=UPLOADS,
        data={"folder": run},
        options=JobOptions(attempts=5, backoff=Backoff("exponential", delay=1)),
        children=[thumbnail, *transcodes],
    )
    return FlowJob(
        "notify",
        queue=NOTIFICATIONS,
        data={"to": "viewer@example.com", "video": video},
        # An id of our own: adding the flow a second time finds this one and changes nothing.
        options=JobOptions(job_id=run, attempts=2, backoff=5),
        children=[upload],
    )
