"""The five steps. Each may run twice (a crash, a retry), so each can be repeated harmlessly."""

from __future__ import annotations

import os
import shutil
import urllib.request
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

from examples.video_pipeline import ffmpeg
from oxherd import BlockingJob, Job

CHUNK = 64 * 1024


@dataclass(frozen=True)
class Steps:
    """The steps of a machine: where it downloads from, and where it keeps files."""

    origin: str
    work: Path

    def download(self, job: BlockingJob) -> dict[str, Any]:
        """Fetch the video over HTTP. A plain function: it runs in a thread."""
        target = self._file(job.flow_id, "original" + Path(job.data["video"]).suffix)
        part = target.with_suffix(".part")
        with (
            urllib.request.urlopen(self.origin + quote(job.data["video"])) as answer,
            part.open("wb") as file,
        ):
            size, done, told = int(answer.headers["Content-Length"]), 0, 0
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if (percent := 100 * done // size) >= told + 20:
                    job.update_progress(percent)
                    told = percent
        part.replace(target)
        job.log(f"{done} bytes from {job.data['video']}")
        return {"path": str(target), "bytes": done}

    async def transcode(self, job: Job) -> dict[str, Any]:
        """Make one rendition. The download is the only child, so its result is at hand."""
        original = Path((await job.get_child_value())["path"])
        rendition = job.data["rendition"]
        target = self._file(job.flow_id, f"{rendition}.mp4")
        # An ffmpeg that outlived a killed worker may still be writing: never to the same file.
        part = target.with_name(f"{rendition}.{os.getpid()}-{job.attempts_started}.part")
        length = (await ffmpeg.probe(original)).seconds
        scale = f"scale=-2:{job.data['height']}"
        await ffmpeg.run(
            *("-i", str(original), "-vf", scale, "-c:v", "libx264", "-preset", "medium"),
            *("-threads", "1", "-c:a", "aac", "-movflags", "+faststart", "-f", "mp4", str(part)),
            tell=job.update_progress,
            length=length,
        )
        part.replace(target)
        return {"path": str(target), "rendition": rendition}

    async def thumbnail(self, job: Job) -> dict[str, Any]:
        """Take a picture from the middle of the largest rendition."""
        videos = [Path(result.value["path"]) for result in await job.get_results()]
        largest = max(videos, key=lambda path: path.stat().st_size)
        target = self._file(job.flow_id, "thumbnail.jpg")
        middle = (await ffmpeg.probe(largest)).seconds / 2
        await ffmpeg.run(
            *("-ss", str(middle), "-i", str(largest), "-frames:v", "1"),
            *("-vf", "scale=640:-2", "-update", "1", str(target)),
        )
        return {"path": str(target)}

    def upload(self, job: BlockingJob) -> dict[str, Any]:
        """Put the results into the bucket, which is a folder here."""
        if job.attempts_made == 0:
            raise ConnectionError("the bucket hung up (on purpose, once)")
        bucket = self.work / "bucket" / job.data["folder"]
        bucket.mkdir(parents=True, exist_ok=True)
        results = job.get_results()
        urls: list[str] = []
        for number, result in enumerate(results, 1):
            source = Path(result.value["path"])
            part = bucket / f"{source.name}.part"
            shutil.copyfile(source, part)
            part.replace(bucket / source.name)
            urls.append(f"bucket/{job.data['folder']}/{source.name}")
            job.update_progress(100 * number // len(results))
        return {"urls": urls}

    def notify(self, job: BlockingJob) -> dict[str, Any]:
        """Write the mail; its name is the job's, so that a repeat writes the same file."""
        message = EmailMessage()
        message["From"] = "pipeline@example.com"
        message["To"] = job.data["to"]
        message["Subject"] = f"{job.data['video']} is ready"
        urls = job.get_child_value()["urls"]
        message.set_content("Your video is ready:\n\n" + "\n".join(urls) + "\n")
        outbox = self.work / "outbox"
        outbox.mkdir(parents=True, exist_ok=True)
        mail = outbox / f"{job.id}.eml"
        mail.write_bytes(bytes(message))
        return {"mail": str(mail), "urls": urls}

    def _file(self, flow_id: str | None, name: str) -> Path:
        folder = self.work / "videos" / (flow_id or "alone")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name
