"""Renewing the locks of running jobs, from a thread that a busy event loop cannot starve."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from oxherd.domain.outcome import Held
from oxherd.runtime.clock import monotonic

if TYPE_CHECKING:
    from oxherd.store import LockKeeper, Store

_log: Final = logging.getLogger("oxherd.locks")

_LOOK_EVERY: Final = 0.5
_LAST_RENEWAL: Final = 0.2
"""Seconds that closing waits for a renewal that is under way."""

_BLOCKED_LOOKS: Final = 3
"""So many looks in a row without a turn of the event loop, and its blocking is logged."""


class LockRenewal:
    """Holds the locks of one worker's running jobs: one call renews them all.

    Args:
        store: where the locks are.
        queue: the worker's queue.
        lock_ms: how long a renewed lock lasts.
        renew_ms: how old a lock may get before it is renewed.
        on_lost: called on the event loop with the locks that are lost.
        on_renewed: called on the event loop with the locks that were renewed.
    """

    def __init__(
        self,
        store: Store,
        queue: str,
        *,
        lock_ms: int,
        renew_ms: int,
        on_lost: Callable[[Sequence[Held]], None],
        on_renewed: Callable[[Sequence[Held]], None],
    ) -> None:
        self._store = store
        self._queue = queue
        self._lock_ms = lock_ms
        self._period = max(0.001, renew_ms / 2000)
        self._on_lost = on_lost
        self._on_renewed = on_renewed
        self._held: dict[Held, tuple[str, float]] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looks_without_turn = 0

    def hold(self, held: Held, job_name: str) -> None:
        """Renew this lock until it is dropped."""
        self._held[held] = (job_name, monotonic())
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(
                target=self._work, name=f"oxherd-locks-{self._queue}", daemon=True
            )
            self._thread.start()

    def drop(self, held: Held) -> None:
        """Renew this lock no more."""
        self._held.pop(held, None)

    async def aclose(self) -> None:
        """Stop the thread; one that waits for a silent store ends by itself a little later."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _LAST_RENEWAL)

    def _work(self) -> None:
        keeper = self._store.lock_keeper()
        renewed = looked = monotonic()
        try:
            while not self._stopping.wait(min(self._period, _LOOK_EVERY)):
                now = monotonic()
                if now - looked >= _LOOK_EVERY:
                    # On a machine that is merely busy this thread is late as well.
                    if now - looked < 2 * _LOOK_EVERY:
                        self._watch_loop()
                    looked = now
                if now - renewed >= self._period:
                    renewed = now
                    self._renew(keeper)
        finally:
            keeper.close()

    def _renew(self, keeper: LockKeeper) -> None:
        # The loop changes the dict meanwhile; list() of its items is one step to it.
        held = [
            item
            for item, (_, since) in list(self._held.items())
            if monotonic() - since >= self._period
        ]
        if not held:
            return
        try:
            kept = keeper.extend_locks(self._queue, held, self._lock_ms)
        except Exception as error:  # noqa: BLE001 - a thread that dies would be silent
            _log.warning("locks of queue %r could not be renewed: %s", self._queue, error)
            return
        lost = [item for item, ok in zip(held, kept, strict=True) if not ok]
        if lost:
            self._call_loop(functools.partial(self._on_lost, lost))
        if len(lost) < len(held):
            renewed = [item for item, ok in zip(held, kept, strict=True) if ok]
            self._call_loop(functools.partial(self._on_renewed, renewed))

    def _watch_loop(self) -> None:
        """Log once when the event loop had no turn for some looks, with what is running."""
        self._looks_without_turn += 1
        if self._looks_without_turn == _BLOCKED_LOOKS and self._held:
            names = sorted({name for name, _ in list(self._held.values())})
            _log.warning(
                "the event loop is blocked for over a second while running: %s;"
                " use a plain function or run_in='process' for work that does not await",
                ", ".join(names),
            )
        self._call_loop(self._take_turn)

    def _take_turn(self) -> None:
        self._looks_without_turn = 0

    def _call_loop(self, function: Callable[[], None]) -> None:
        # The loop may be closed while the thread is ending.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)
