"""QueueEvents: the events of one queue, as an async iterator and as callbacks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from oxherd.domain.errors import Closed, OxherdError, StoreUnavailable
from oxherd.domain.events import Event, Unknown
from oxherd.domain.lifecycle import EventKind
from oxherd.domain.names import check_queue_name
from oxherd.runtime.callbacks import Callback, Callbacks
from oxherd.runtime.tenancy import Tenancy

if TYPE_CHECKING:
    from oxherd.store import EventPage, Store

_log: Final = logging.getLogger("oxherd.events")

_BLOCK_MS: Final = 5_000
_PAUSE: Final = 0.5
_LAST_WORDS: Final = 5.0
"""Seconds that closing waits for callbacks."""


class QueueEvents:
    """Follows the events of a queue, from now on or from an event that was seen before.

    Args:
        queue: the queue's name.
        store: a store, its URL, or nothing for the default.
        last_event_id: the id of the last event that was seen; "0" for all there are; only new
            ones unless given.
    """

    def __init__(
        self,
        queue: str,
        *,
        store: Store | str | None = None,
        last_event_id: str | None = None,
    ) -> None:
        self.queue_name = check_queue_name(queue)
        self._tenancy = Tenancy(store, "queue events reader")
        self._cursor = last_event_id
        self._callbacks = Callbacks([*EventKind, "error", "trimmed", "unknown"])
        self._reader: asyncio.Task[None] | None = None
        self._reads: set[asyncio.Task[EventPage]] = set()

    async def __aenter__(self) -> Self:
        """Events from here on are seen."""
        await self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event that was given out; another reader can go on from there."""
        return self._cursor

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback` with each event of a kind; plain or `async def`.

        The kinds are those of `docs/events.md`; `trimmed` () tells that events were lost before
        they were read, `error` (error) that the store could not be read for a while. Callbacks
        are served from `async with` or from `run()` on.

        Raises:
            InvalidOption: there is no such kind.
        """
        self._callbacks.on(event, callback)
        if self._cursor is not None and self._reader is None:
            self._reader = asyncio.ensure_future(self._serve())

    async def run(self) -> None:
        """Serve the callbacks until closed or cancelled."""
        await self._start()
        if self._reader is None:
            self._reader = asyncio.ensure_future(self._serve())
        with suppress(asyncio.CancelledError):
            await asyncio.shield(self._reader)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Every event until the reader is closed; each iterator starts where this reader is."""
        store = self._tenancy.store
        await self._start()
        cursor = self._cursor or "0"
        while not self._tenancy.closed:
            try:
                page = await self._read(store, cursor)
            except Closed:
                if self._tenancy.closed:
                    return
                raise
            except StoreUnavailable as error:
                self._callbacks.emit("error", error)
                await asyncio.sleep(_PAUSE)
                continue
            if page.trimmed:
                _log.warning(
                    "events of queue %r were trimmed before they were read", self.queue_name
                )
                self._callbacks.emit("trimmed")
            for event in page.events:
                self._cursor = event.id
                yield event
            cursor = page.cursor

    async def close(self) -> None:
        """Stop reading; iterators under way end at once."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._callbacks.settle(_LAST_WORDS)
        await self._tenancy.aclose()
        for read in self._reads:
            read.cancel()

    async def aclose(self) -> None:
        """The same as `close()`."""
        await self.close()

    async def _read(self, store: Store, cursor: str) -> EventPage:
        """The next page; closing ends the wait for it with `Closed`."""
        read = asyncio.ensure_future(store.read_events(self.queue_name, cursor, block_ms=_BLOCK_MS))
        self._reads.add(read)
        try:
            await asyncio.wait([read])
        finally:
            self._reads.discard(read)
            read.cancel()
        if read.cancelled():
            raise Closed("this queue events reader is closed; make a new one")
        return read.result()

    async def _start(self) -> None:
        if self._cursor is None:
            self._cursor = await self._tenancy.store.last_event_id(self.queue_name)
        if self._reader is None and any(
            self._callbacks.wanted(kind) for kind in [*EventKind, "unknown"]
        ):
            self._reader = asyncio.ensure_future(self._serve())

    async def _serve(self) -> None:
        with suppress(OxherdError):
            async for event in self:
                if isinstance(event, Unknown):
                    self._callbacks.emit("unknown", event)
                elif event.kind is not None:
                    self._callbacks.emit(event.kind, event)
