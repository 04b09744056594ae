"""A worker process to be killed: `python -m tests.chaos.worker_process SETTINGS` (JSON)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from oxherd import Job, Worker, WorkerOptions
from oxherd.engines import open_store
from oxherd.store import Rescued
from tests.chaos.oracle import Oracle
from tests.chaos.plan import QUEUES
from tests.interop import processing

if TYPE_CHECKING:
    from oxherd.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the process works, and where it dies."""

    url: str
    oracle: str
    concurrency: int = 5
    lock: float = 1.5
    stalled: float = 0.7
    rescues: bool = True
    """False makes a worker that the storm must catch: it takes no lost job back."""
    max_stalled_count: int = 10
    """0 makes another: it fails the job of a killed worker."""
    failpoint: str = ""
    nth: int = 1
    """At which passing of the fail-point the process ends."""
    seed: int = 0
    """What a producer draws its plan from."""


class Trap:
    """A fail-point that ends the process as a `kill -9` does."""

    def __init__(self, name: str, nth: int) -> None:
        self._name = name
        self._left = nth

    def __call__(self, name: str) -> None:
        if name == self._name:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


async def main(settings: Settings) -> None:
    # Failures and rescues are the daily bread here.
    logging.getLogger("oxherd").setLevel(logging.ERROR)
    trap = Trap(settings.failpoint, settings.nth)
    oracle = Oracle(Path(settings.oracle))
    store = open_store(settings.url, failpoint=trap)
    if not settings.rescues:
        _stop_rescuing(store)
    options = WorkerOptions(
        concurrency=settings.concurrency,
        lock_duration=settings.lock,
        stalled_interval=settings.stalled,
        max_stalled_count=settings.max_stalled_count,
        drain_delay=0.5,
    )

    async def perform(job: Job[Any, Any]) -> Any:
        oracle.tell("start", job.queue_name, job.id)
        try:
            return await processing.perform(job)
        finally:
            oracle.tell("end", job.queue_name, job.id)

    async with AsyncExitStack() as stack:
        for queue in QUEUES:
            worker = Worker(queue, perform, store=store, options=options, failpoint=trap)
            await stack.enter_async_context(worker)
        await asyncio.Event().wait()


def _stop_rescuing(store: Store) -> None:
    async def rescue(queue: str, *, max_stalled_count: int, interval_ms: int) -> Rescued:
        return Rescued()

    store.rescue = rescue  # type: ignore[method-assign]


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Settings)))
