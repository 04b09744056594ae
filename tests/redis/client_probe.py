"""Uses a store in every way and closes it whatever its server is doing; run as a program.

`python -m tests.redis.client_probe FOLDER ROUNDS` prints a JSON document: the version of the
driver, and how many seconds each object took to close in each round, so many of them for each
condition of the server.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import redis

from oxherd import FlowJob, FlowProducer, Job, Queue, QueueEvents, Worker, WorkerOptions, connect
from tests.redis.keyspace import connect as plain_client
from tests.servers import RedisServer, start_redis
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd.store import Store

LONG: Final = 60.0
SHORT_LOCK: Final = 0.4
"""Short, so that a renewal is under way when the server falls silent."""

CONDITIONS: Final = ("well", "paused", "frozen", "killed")
ORDERS: Final = ("inside out", "at once", "the store first")


class Scene:
    """A store with everything on it that a program may have open."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.queue = Queue("q", store=store)
        self.flows = FlowProducer(store=store)
        self.events = QueueEvents("q", store=store)
        options = WorkerOptions(concurrency=2, drain_delay=LONG, grace=0, lock_duration=SHORT_LOCK)
        self.worker = Worker("q", self._perform, store=store, options=options)
        self._heard: list[str] = []
        self._started = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def play(self, *, busy: bool) -> None:
        """Add, work, listen; then be idle, or in the middle of a job."""
        await self.events.__aenter__()
        self._listening = asyncio.create_task(self._listen())
        job = await self.queue.add("short", {"n": 1})
        assert await job.wait_until_finished(10) == {"n": 1}
        flow = FlowJob("top", queue="q", data=1, children=[FlowJob("low", queue="q", data=2)])
        node = await self.flows.add(flow)
        assert await node.flow.result(timeout=10) == 1
        if busy:
            await self.queue.add("long")
            await self._started.wait()

    async def wake(self) -> None:
        """A job reaches the worker in its blocking read."""
        job = await self.queue.add("short", 3)
        assert await job.wait_until_finished(10) == 3

    async def close(self, order: str) -> dict[str, float]:
        """Seconds that each object took to close."""
        closes: dict[str, Callable[[], Awaitable[None]]] = {
            "worker": self.worker.close,
            "events": self.events.close,
            "flows": self.flows.close,
            "queue": self.queue.close,
            "store": self.store.aclose,
        }
        took: dict[str, float] = {}

        async def close(name: str) -> None:
            begun = time.perf_counter()
            await closes[name]()
            took[name] = round(time.perf_counter() - begun, 3)

        names = list(closes)
        if order == "at once":
            await asyncio.gather(*(close(name) for name in names))
        else:
            for name in names[-1:] + names[:-1] if order == "the store first" else names:
                await close(name)
        assert self._listening is not None
        begun = time.perf_counter()
        self._listening.cancel()
        await asyncio.wait([self._listening])
        took["listening"] = round(time.perf_counter() - begun, 3)
        assert "completed" in self._heard
        return took

    async def _perform(self, job: Job[Any, Any]) -> Any:
        if job.name == "long":
            self._started.set()
            await asyncio.sleep(LONG)
        return job.data

    async def _listen(self) -> None:
        async for event in self.events:
            self._heard.append(str(event.kind))


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be got into any condition."""

    server: RedisServer

    async def begin(self, condition: str) -> None:
        process = self.server.process
        assert process is not None
        match condition:
            case "paused":
                await asyncio.to_thread(self._pause)
            case "frozen":
                process.send_signal(signal.SIGSTOP)
                # Stopped for sure: what it has begun it still does.
                await asyncio.to_thread(os.waitpid, process.pid, os.WUNTRACED)
            case "killed":
                await asyncio.to_thread(self.server.kill)
            case _:
                pass

    async def end(self, condition: str) -> None:
        match condition:
            case "paused" | "frozen":
                # A paused server hears nobody who could tell it that the pause is over.
                await asyncio.to_thread(self.server.kill)
                await asyncio.to_thread(self.server.start)
            case "killed":
                await asyncio.to_thread(self.server.start)
            case _:
                pass

    async def until(self, commands: Sequence[str]) -> None:
        """Its clients but for one that asks this did these commands last, or are in them."""
        admin = plain_client(self.server.url)
        async with deadline(10):
            while True:
                clients = await asyncio.to_thread(admin.client_list)
                last = sorted(client["cmd"] for client in clients)
                if all(command in last for command in commands) and (commands or len(last) == 1):
                    break
                await asyncio.sleep(0.005)
        admin.close()

    def _pause(self) -> None:
        admin = plain_client(self.server.url)
        admin.client_pause(600_000)
        admin.close()


async def play_all(folder: Path, host: str, count: int) -> list[dict[str, Any]]:
    """Rounds over one way to reach a server, in every condition, idle and busy by turns."""
    server = start_redis(folder / host, own=True)
    try:
        url = f"redis://{host}:{server.port}/0" if host != "unix" else server.socket_url
        assert url, "the folder's path is too long for a unix socket"
        told: list[dict[str, Any]] = []
        for number in range(count * len(CONDITIONS)):
            condition = CONDITIONS[number % len(CONDITIONS)]
            busy = number // len(CONDITIONS) % 2 == 1
            order = ORDERS[(number + len(host)) % len(ORDERS)]
            took = await play(Server(server), url, condition, order, number=number, busy=busy)
            told.append(
                {"host": host, "condition": condition, "busy": busy, "order": order, "took": took}
            )
        return told
    finally:
        server.kill()


async def play(
    server: Server, url: str, condition: str, order: str, *, number: int, busy: bool
) -> dict[str, float]:
    scene = Scene(connect(f"{url}?prefix=round{number}"))
    await scene.play(busy=busy)
    await server.until(["bzpopmin", "xread"])
    await scene.wake()
    await server.until(["bzpopmin", "xread"])
    await server.begin(condition)
    try:
        # Renewals and claims may be under way, and unanswered, in any of these moments.
        await asyncio.sleep(SHORT_LOCK * (number % 5) / 5)
        took = await scene.close(order)
    finally:
        await server.end(condition)
    if condition == "well":
        await server.until([])
    return took


async def main(folder: Path, count: int) -> None:
    logging.getLogger("oxherd").setLevel(logging.CRITICAL)
    hosts = ("127.0.0.1", "localhost", "unix")
    async with asyncio.TaskGroup() as playing:
        tasks = [playing.create_task(play_all(folder, host, count)) for host in hosts]
    for thread in threading.enumerate():
        if thread.name.startswith("oxherd-"):
            thread.join(10)
            assert not thread.is_alive(), f"{thread.name} goes on"
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    gc.collect()
    told = [one for task in tasks for one in task.result()]
    print(json.dumps({"driver": redis.__version__, "rounds": told}))  # noqa: T201 - the answer


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
