"""The ear of a worker with free slots: one wait for a sign, as long as it takes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError

if TYPE_CHECKING:
    from collections.abc import Callable

    from oxherd.store import Wakeup

_PAUSE: Final = 0.05
"""Seconds after a wait that failed."""


class Ear:
    """Waits beside the loop that claims, which goes on meanwhile.

    Args:
        wakeup: what it waits with.
        longest_ms: how long one wait takes at most.
        on_sign: called when there may be jobs to claim, or the wait took too long.
        on_error: called with what went wrong.
    """

    def __init__(
        self,
        wakeup: Wakeup,
        *,
        longest_ms: int,
        on_sign: Callable[[], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._wakeup = wakeup
        self._longest_ms = longest_ms
        self._on_sign = on_sign
        self._on_error = on_error
        self._waiting: asyncio.Task[None] | None = None

    def attend(self) -> None:
        """Show that a worker is there."""
        self._wakeup.attend()

    def listen(self) -> None:
        """Wait for one sign, unless it does already."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._wait())

    async def aclose(self) -> None:
        """Wait for nothing any more."""
        if self._waiting is not None:
            self._waiting.cancel()
            with suppress(asyncio.CancelledError, OxherdError):
                await self._waiting
        await self._wakeup.aclose()

    async def _wait(self) -> None:
        try:
            await self._wakeup.wait(self._longest_ms)
        except Exception as error:  # noqa: BLE001 - a worker that is deaf still looks by itself
            self._on_error(error)
            await asyncio.sleep(_PAUSE)
        self._waiting = None
        self._on_sign()
