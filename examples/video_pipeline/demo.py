"""One run of the demo: find or add the flow, work on it, watch it, tell what came out."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.video_pipeline import ffmpeg, flow
from examples.video_pipeline.screen import open_screen
from examples.video_pipeline.source import make_clip, serve
from examples.video_pipeline.steps import Steps
from examples.video_pipeline.watch import Watch
from oxherd import FlowProducer, Queue, QueueEvents, State, Store, Worker, WorkerOptions, connect

CONCURRENCY = {
    flow.DOWNLOADS: 20,  # waits for the network
    flow.TRANSCODES: 2,  # needs a processor each
    flow.THUMBNAILS: 2,
    flow.UPLOADS: 10,
    flow.NOTIFICATIONS: 50,
}


@dataclass(frozen=True)
class Order:
    """Which video is to be done, under which id; kept in a file until it is done."""

    run: str
    video: str


async def demo(work: Path, video: Path | None, seconds: float) -> int:
    """Run the pipeline once; a run that was cut short is finished first."""
    url = os.environ.get("OXHERD_URL") or f"sqlite:///{(work / 'oxherd.db').absolute()}"
    store = connect(url)
    try:
        order, resumed = await take_order(store, work, video, seconds)
        source = Path(order.video)
        print(f"video    {short(source)} ({await ffmpeg.probe(source)})")
        print(f"process  {os.getpid()}   (try: kill -9 {os.getpid()}, and run this again)")
        print(f"flow     {order.run}{', which an earlier run left unfinished' * resumed}")
        with serve(source) as origin:
            result = await follow(store, Steps(origin, work), order, resumed=resumed)
    finally:
        await store.aclose()
    order_file(work).unlink()
    await report(work, result)
    return 0


def order_file(work: Path) -> Path:
    """Where the order is kept."""
    return work / "order.json"


async def take_order(
    store: Store, work: Path, video: Path | None, seconds: float
) -> tuple[Order, bool]:
    """The order that is unfinished, else a new one; and whether it is an old one."""
    file = order_file(work)
    if file.exists():
        order = Order(**json.loads(file.read_text()))
        asked = order.video if video is None else str(video.resolve())
        async with Queue(flow.NOTIFICATIONS, store=store) as queue:
            state = await queue.get_job_state(order.run)
        if asked == order.video and Path(asked).exists() and state not in (None, State.FAILED):
            return order, True
    if video is None:
        video = work / "source" / f"clip-{seconds:g}s.mp4"
        await make_clip(video, seconds)
    order = Order(f"video-{secrets.token_hex(4)}", str(video.resolve()))
    file.write_text(json.dumps({"run": order.run, "video": order.video}))
    return order, False


@asynccontextmanager
async def workers(store: Store, steps: Steps) -> AsyncGenerator[None]:
    """A worker per queue. Short locks, so that the jobs of a killed run come back soon."""
    processors: dict[str, dict[str, Callable[..., Any]]] = {
        flow.DOWNLOADS: {"download": steps.download},
        flow.TRANSCODES: {"transcode": steps.transcode},
        flow.THUMBNAILS: {"thumbnail": steps.thumbnail},
        flow.UPLOADS: {"upload": steps.upload},
        flow.NOTIFICATIONS: {"notify": steps.notify},
    }
    async with AsyncExitStack() as stack:
        for queue, processor in processors.items():
            options = WorkerOptions(
                concurrency=CONCURRENCY[queue], lock_duration=5, stalled_interval=2, grace=1
            )
            await stack.enter_async_context(Worker(queue, processor, store=store, options=options))
        yield


async def follow(store: Store, steps: Steps, order: Order, *, resumed: bool) -> dict[str, Any]:
    """Add the flow (again, if it is there already), work on it, and show how it goes."""
    async with FlowProducer(store=store) as flows:
        await flows.add(flow.describe(Path(order.video).name, order.run))
        tree = await flows.get_flow(order.run, flow.NOTIFICATIONS)
    watch = Watch(tree, resumed=resumed)
    async with AsyncExitStack() as stack:
        screen = stack.enter_context(open_screen(watch.steps))
        readers = [
            await stack.enter_async_context(QueueEvents(queue, store=store))
            for queue in CONCURRENCY
        ]
        await watch.show_stored(screen)
        await stack.enter_async_context(workers(store, steps))
        watching = [asyncio.create_task(watch.follow(reader, screen)) for reader in readers]
        try:
            result: dict[str, Any] = await tree.job.wait_until_finished()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await watch.show_stored(screen, last=True)
    return result


async def report(work: Path, result: dict[str, Any]) -> None:
    """Say what came out."""
    for url in result["urls"]:
        path = work / url
        shape = f", {await ffmpeg.probe(path)}" if path.suffix == ".mp4" else ""
        print(f"made     {short(path)} ({path.stat().st_size / 1000:,.0f} kB{shape})")
    print(f"mail     {short(Path(result['mail']))}")


def short(path: Path) -> str:
    """A path as seen from here, when it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
