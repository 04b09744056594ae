"""ffmpeg as a coroutine that tells how far it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # it has no types

Tell = Callable[[int], Awaitable[None]]

EXECUTABLE: str = imageio_ffmpeg.get_ffmpeg_exe()


@dataclass(frozen=True)
class Shape:
    """What a video is like."""

    width: int
    height: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.width}x{self.height}, {self.seconds:.1f} s"


async def run(*arguments: str, tell: Tell | None = None, length: float = 0.0) -> None:
    """Run ffmpeg; with `tell`, call it with each new percentage of `length` seconds.

    Raises:
        RuntimeError: ffmpeg failed; the message is what it said.
    """
    process = await asyncio.create_subprocess_exec(
        EXECUTABLE,
        *("-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-progress", "pipe:1"),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = asyncio.ensure_future(process.stderr.read())
    told = 0
    try:
        async for line in process.stdout:
            found = re.match(rb"out_time_us=(\d+)", line)
            if found and tell and length:
                percent = min(99, int(int(found[1]) / length / 10_000))
                if percent > told:
                    await tell(percent)
                    told = percent
        code = await process.wait()
        if code:
            raise RuntimeError(f"ffmpeg ended with {code}: {(await said).decode().strip()}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await said


async def probe(video: Path) -> Shape:
    """The shape of a video, from what ffmpeg says about its input.

    Raises:
        RuntimeError: it is no video.
    """
    process = await asyncio.create_subprocess_exec(
        EXECUTABLE,
        *("-hide_banner", "-nostdin", "-i", str(video)),
        stderr=asyncio.subprocess.PIPE,
    )
    text = (await process.communicate())[1].decode(errors="replace")
    time = re.search(r"Duration: (\d+):(\d+):([\d.]+)", text)
    size = re.search(r"Video: .*?\b(\d{2,5})x(\d{2,5})\b", text)
    if time is None or size is None:
        raise RuntimeError(f"{video} is no video:\n{text.strip()}")
    hours, minutes, seconds = int(time[1]), int(time[2]), float(time[3])
    return Shape(int(size[1]), int(size[2]), 3600 * hours + 60 * minutes + seconds)
