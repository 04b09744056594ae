"""The demo makes what it says, on both engines, and goes on after `kill -9`."""

from __future__ import annotations

import asyncio
import email
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.video_pipeline import ffmpeg, flow

from oxherd import Queue
from tests.servers import start_redis

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
    else:
        server = start_redis(tmp_path / "redis")
        yield f"{server.url}?prefix=demo-{os.getpid()}"
        server.stop()


def start(url: str, work: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "examples.video_pipeline", "--work", str(work), *arguments],
        cwd=ROOT,
        env={**os.environ, "OXHERD_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    try:
        output = process.communicate(timeout=150)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(process.communicate()[0]) from None
    assert process.returncode == 0, output
    return output


def check_results(work: Path, output: str, seconds: float) -> None:
    [bucket] = (work / "bucket").iterdir()
    assert {path.name for path in bucket.iterdir()} == {"720p.mp4", "360p.mp4", "thumbnail.jpg"}
    for height in (720, 360):
        shape = asyncio.run(ffmpeg.probe(bucket / f"{height}p.mp4"))
        assert shape.height == height
        assert shape.seconds == pytest.approx(seconds, abs=0.2)
    assert (bucket / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8")
    [mail] = (work / "outbox").iterdir()
    message = email.message_from_bytes(mail.read_bytes())
    assert message["To"] == "viewer@example.com"
    assert f"bucket/{bucket.name}/720p.mp4" in message.get_payload()
    assert f"made     {bucket}/360p.mp4" in output


async def started(url: str, queue: str) -> list[int]:
    """How many times each job of a queue was started."""
    async with Queue(queue, store=url) as jobs:
        return [job.attempts_started for job in await jobs.get_jobs(["completed"])]


@pytest.mark.timeout(200)
def test_the_flow_runs_to_its_end_and_only_the_upload_runs_twice(url: str, tmp_path: Path) -> None:
    work = tmp_path / "work"

    output = finish(start(url, work, "--seconds", "1"))

    check_results(work, output, seconds=1)
    assert re.search(r"↻ upload .* the bucket hung up", output)
    counts = {queue: asyncio.run(started(url, queue)) for queue in (flow.DOWNLOADS, flow.UPLOADS)}
    assert counts == {flow.DOWNLOADS: [1], flow.UPLOADS: [2]}
    assert asyncio.run(started(url, flow.TRANSCODES)) == [1, 1]


@pytest.mark.timeout(200)
def test_a_killed_run_goes_on_without_downloading_again(url: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    first = start(url, work, "--seconds", "6")
    assert first.stdout is not None
    for line in first.stdout:
        if re.search(r"▶ transcode 720p +[1-9]\d%", line):
            break
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    first.stdout.close()

    output = finish(start(url, work, "--seconds", "6"))

    check_results(work, output, seconds=6)
    assert "which an earlier run left unfinished" in output
    assert re.search(r"✔ download .* done before", output)
    assert asyncio.run(started(url, flow.DOWNLOADS)) == [1]
    assert 2 in asyncio.run(started(url, flow.TRANSCODES))


@pytest.mark.timeout(200)
def test_a_video_of_the_users_is_taken(tmp_path: Path) -> None:
    video = tmp_path / "my holiday ä.mkv"
    asyncio.run(
        ffmpeg.run("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=1", str(video))
    )
    work = tmp_path / "work"

    output = finish(start(f"sqlite:///{tmp_path}/jobs.db", work, str(video)))

    check_results(work, output, seconds=1)
    assert "320x180" in output


def test_a_video_that_is_not_there_is_refused(tmp_path: Path) -> None:
    process = start("sqlite:///:memory:", tmp_path, str(tmp_path / "none.mp4"))
    assert "there is no file" in process.communicate(timeout=20)[0]
    assert process.returncode == 2
