"""A queue's events: read from a cursor on, waiting if asked; cut, and written by others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oxherd.engines.sqlite import reads
from oxherd.engines.sqlite.calls import Calls
from oxherd.engines.sqlite.transitions.publish_event import publish_event
from oxherd.engines.sqlite.transitions.trim_events import trim_events
from oxherd.engines.sqlite.wakeups import EventsEar, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd.store import EventPage


class SqliteEventLog(Calls):
    """The port's `EventLog`."""

    async def last_event_id(self, queue: str) -> str:
        return await self._read(partial(reads.last_event_id, queue=queue))

    async def read_events(
        self, queue: str, cursor: str, *, limit: int = 100, block_ms: int = 0
    ) -> EventPage:
        after = reads.read_cursor(cursor)
        work = partial(reads.events, queue=queue, cursor=after, limit=limit)
        writer, loop = self._enter()
        subject = Subject(self._prefix, queue, events=True)
        ear = EventsEar(writer.ears, subject, loop)
        ear.cursor = after
        until = loop.time() + block_ms / 1000
        self._ears.add(ear)
        try:
            while True:
                page: EventPage = await self._read(work)
                left = until - loop.time()
                if page.events or left <= 0:
                    return page
                self._enter()
                await ear.wait(left)
        finally:
            self._ears.discard(ear)

    async def trim_events(self, queue: str, most: int) -> int:
        return await self._write("trim_events", partial(trim_events, queue=queue, most=most))

    async def publish_event(
        self, queue: str, name: str, fields: Mapping[str, str], *, most: int | None = None
    ) -> str:
        work = partial(publish_event, queue=queue, name=name, fields=dict(fields), most=most)
        return await self._write("publish_event", work)
