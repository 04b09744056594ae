"""Time in tests: a clock that moves when it is told to, and deadlines instead of sleeps."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START_MS: Final = 1_800_000_000_000
"""When the fake clock starts: early in 2027."""


class FakeClock:
    """Milliseconds since the epoch, standing still until `advance` is called."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, milliseconds: int) -> None:
        assert milliseconds >= 0
        self.now_ms += milliseconds


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Fail when the body takes longer: what it waits for should have come by then."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"nothing came within {seconds} s") from None
