"""Calls that are on their way to the store together, and their return."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def begun(call: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
    """A call on its way; what it raises at once comes as its answer, too."""
    try:
        answer = call()
        # An engine may answer with a future, which is on its way already.
        return answer if isinstance(answer, asyncio.Future) else asyncio.ensure_future(answer)
    except Exception as error:  # noqa: BLE001 - whoever waits for several calls is to hear of all
        refused: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        return refused


class Trip:
    """Calls that were begun in one tick.

    Callbacks and no task: a worker of one slot makes a trip for every job.

    Args:
        calls: there may be none.
        on_back: called once, when all are answered, unless the trip was cancelled.
    """

    __slots__ = ("_calls", "_left", "_on_back")

    def __init__(self, calls: Sequence[asyncio.Future[Any]], on_back: Callable[[], None]) -> None:
        self._calls = calls
        self._left = len(calls)
        self._on_back: Callable[[], None] | None = on_back
        for call in calls:
            call.add_done_callback(self._answered)
        if not calls:
            asyncio.get_running_loop().call_soon(self._return)

    def cancel(self) -> None:
        """Take no answers any more."""
        self._on_back = None
        for call in self._calls:
            call.cancel()

    def _answered(self, _: asyncio.Future[Any]) -> None:
        self._left -= 1
        if not self._left:
            self._return()

    def _return(self) -> None:
        # What it would call knows the trip: without that cycle it goes at once, with its answers.
        on_back, self._on_back = self._on_back, None
        if on_back is not None:
            on_back()
