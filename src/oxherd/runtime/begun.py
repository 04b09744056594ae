"""Calls that are on their way together, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def begun(call: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
    """A call on its way; what it raises at once comes as its answer, too."""
    try:
        return asyncio.ensure_future(call())
    except Exception as error:  # noqa: BLE001 - whoever waits for several calls is to hear of all
        refused: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        return refused


async def all_done(calls: Sequence[asyncio.Future[Any]]) -> None:
    """Wait for calls, and take them along when cancelled."""
    try:
        if calls:
            await asyncio.wait(calls)
    except asyncio.CancelledError:
        for call in calls:
            call.cancel()
        raise
