"""What is done often leaves no cycles behind: the collector would walk through all that lives."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from oxherd import Queue, WorkerOptions
from oxherd.runtime.worker import Worker
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oxherd import Store

JOBS = 300
FEW = JOBS // 2
"""Objects; opening, closing and ending leave some."""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_adding(store: Store) -> None:
    queue = Queue("q", store=store)
    await queue.add("job")
    gc.collect()

    for _ in range(JOBS):
        await queue.add("job")

    assert gc.collect() < FEW


async def test_working(store: Store) -> None:
    done = 0
    all_done = asyncio.Event()

    async def work(_job: object) -> None:
        nonlocal done
        done += 1
        if done == JOBS:
            all_done.set()

    await Queue("q", store=store).add_bulk([("job", None)] * JOBS)
    gc.collect()

    options = WorkerOptions(concurrency=2)
    async with Worker("q", work, store=store, options=options), deadline(10):
        await all_done.wait()

    assert gc.collect() < FEW
