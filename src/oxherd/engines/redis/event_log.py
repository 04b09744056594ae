"""Reading a queue's event stream: from a cursor on, waiting if asked, telling of gaps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from redis import exceptions

from oxherd.engines.redis import wire
from oxherd.engines.redis.calls import Calls
from oxherd.engines.redis.connection import end
from oxherd.engines.redis.keys import queue_key
from oxherd.engines.redis.pipe import hang_up
from oxherd.store import EventPage

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEGINNING: Final = "0"
_GRACE: Final = 2.0
_LONGEST_BLOCK_MS: Final = 10_000
_TRIES: Final = 2


class RedisEventLog(Calls):
    """The port's `EventLog`; a read that waits has a connection of its own, kept for the next."""

    async def last_event_id(self, queue: str) -> str:
        key = queue_key(self._base(queue), "events")
        entries = await self._client.ask("XREVRANGE", key, "+", "-", "COUNT", "1")
        return str(entries[0][0]) if entries else _BEGINNING

    async def read_events(
        self, queue: str, cursor: str, *, limit: int = 100, block_ms: int = 0
    ) -> EventPage:
        key = queue_key(self._base(queue), "events")
        command = ("XREAD", "COUNT", str(limit), "STREAMS", key, cursor)
        answer, first = await asyncio.gather(
            self._client.ask(*command),
            self._client.ask("XRANGE", key, "-", "+", "COUNT", "1"),
        )
        trimmed = await self._has_gap(key, cursor, str(first[0][0]) if first else None)
        if not answer and block_ms > 0:
            answer = await self._wait_for_entries(key, cursor, limit, block_ms)
        entries = answer[0][1] if answer else []
        events = tuple(
            wire.event(entry_id, queue, dict(zip(values[::2], values[1::2], strict=True)))
            for entry_id, values in entries
        )
        return EventPage(events, events[-1].id if events else cursor, trimmed=trimmed)

    async def trim_events(self, queue: str, most: int) -> int:
        key = queue_key(self._base(queue), "events")
        return int(await self._client.ask("XTRIM", key, "MAXLEN", "~", str(most)))

    async def publish_event(
        self, queue: str, name: str, fields: Mapping[str, str], *, most: int | None = None
    ) -> str:
        key = queue_key(self._base(queue), "events")
        words = [word for field in {"event": name, **fields}.items() for word in field]
        cap = () if most is None else ("MAXLEN", "~", str(most))
        return str(await self._client.ask("XADD", key, *cap, "*", *words, repeatable=False))

    async def _end_reads(self) -> None:
        """End the reads that wait and close their connections."""
        await asyncio.gather(*(end(task) for task in self._blocking_reads))
        while self._idle_connections:
            await hang_up(self._idle_connections.pop())

    async def _has_gap(self, key: str, cursor: str, first: str | None) -> bool:
        """Whether entries after the cursor are gone: it is before the first, and some were cut."""
        if first is None:
            return await self._was_emptied(key, cursor)
        if _order(cursor) >= _order(first):
            return False
        described = await self._client.ask("XINFO", "STREAM", key)
        facts = dict(zip(described[::2], described[1::2], strict=True))
        added = facts.get("entries-added")
        # Servers before 7.0 do not count; there a cursor before the first entry is a gap.
        return cursor != _BEGINNING if added is None else int(added) > int(facts["length"])

    async def _was_emptied(self, key: str, cursor: str) -> bool:
        """Whether a log without entries had some after the cursor."""
        if not await self._client.ask("EXISTS", key):
            return False
        described = await self._client.ask("XINFO", "STREAM", key)
        facts = dict(zip(described[::2], described[1::2], strict=True))
        return _order(cursor) < _order(str(facts["last-generated-id"]))

    async def _wait_for_entries(self, key: str, cursor: str, limit: int, block_ms: int) -> Any:
        task = asyncio.create_task(self._blocking_read(key, cursor, limit, block_ms))
        self._blocking_reads.add(task)
        try:
            await asyncio.wait({task})
        finally:
            await end(task)
            self._blocking_reads.discard(task)
        self._client.enter_loop()
        return task.result()

    async def _blocking_read(self, key: str, cursor: str, limit: int, block_ms: int) -> Any:
        block_ms = min(block_ms, _LONGEST_BLOCK_MS)
        problem: Exception | None = None
        for _ in range(_TRIES):
            connection = (
                self._idle_connections.pop()
                if self._idle_connections
                else self._client.endpoint.connection()
            )
            try:
                async with asyncio.timeout(block_ms / 1000 + _GRACE):
                    await connection.send_command(
                        "XREAD", "COUNT", limit, "BLOCK", block_ms, "STREAMS", key, cursor,
                        check_health=False,
                    )  # fmt: skip
                    answer = await connection.read_response(timeout=block_ms / 1000 + 2 * _GRACE)
            except (exceptions.RedisError, OSError, TimeoutError) as error:
                await hang_up(connection)
                problem = error
            except BaseException:
                await hang_up(connection)
                raise
            else:
                self._idle_connections.append(connection)
                return answer
        assert problem is not None
        raise self._client.endpoint.unavailable(problem) from problem


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)
