"""Waiting for what an emitter tells."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd.bullmq import QueueEvents, Worker


class Heard:
    """All that was emitted under one name, from now on."""

    def __init__(self, emitter: Worker | QueueEvents, event: str) -> None:
        self._calls: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.event = event
        emitter.on(event, lambda *args: self._calls.put_nowait(args))

    async def next(self) -> tuple[Any, ...]:
        """The arguments of the next call."""
        async with deadline(8):
            return await self._calls.get()

    def rest(self) -> list[tuple[Any, ...]]:
        """The calls that nobody asked for yet."""
        return [self._calls.get_nowait() for _ in range(self._calls.qsize())]
