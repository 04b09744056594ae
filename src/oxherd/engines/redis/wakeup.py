"""A waiting worker's ear: a blocking read of the queue's marker (BullMQ protocol, 6.3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from redis import exceptions

from oxherd.domain.errors import Closed
from oxherd.engines.redis.connection import end
from oxherd.engines.redis.pipe import hang_up

if TYPE_CHECKING:
    from oxherd.engines.redis.connection import Client

_LONGEST_READ: Final = 10.0
_SHORTEST_READ: Final = 0.001
_GRACE: Final = 2.0
"""How much later than the server's answer a connection counts as dead."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class RedisWakeup:
    """Hears the marker on a connection of its own, named as dashboards expect."""

    def __init__(self, client: Client, marker_key: str, client_name: str) -> None:
        self._client = client
        self._marker_key = marker_key
        self._client_name = client_name
        self._connection: Any = None
        self._listening: asyncio.Task[None] | None = None
        self._arriving: asyncio.Task[None] | None = None
        self._lost = False
        self._closed = False

    def attend(self) -> None:
        # Workers are known by the names of their connections, and a busy one waits for nothing.
        if self._arriving is None:
            self._client.enter_loop()
            self._arriving = asyncio.create_task(self._arrive())

    async def wait(self, timeout_ms: int) -> None:
        if self._closed:
            raise Closed("the wakeup was closed")
        self._client.enter_loop()
        listening = asyncio.create_task(self._listen(timeout_ms / 1000))
        self._listening = listening
        try:
            await asyncio.wait({listening})
        finally:
            # Cancelled in mid-read, the connection is dropped: its answer may be on the way.
            await end(listening)
            self._listening = None
        if not listening.cancelled():
            listening.result()

    async def aclose(self) -> None:
        self._closed = True
        for task in (self._arriving, self._listening):
            if task is not None:
                await end(task)
        await self._drop()

    async def _arrive(self) -> None:
        try:
            await self._connected()
        except (exceptions.RedisError, OSError):
            # Whoever waits tries again.
            await self._drop()
        except asyncio.CancelledError:
            await self._drop()
            raise

    async def _listen(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        pause = _FIRST_PAUSE
        if self._arriving is not None and not self._arriving.done():
            await asyncio.wait({self._arriving}, timeout=seconds)
        while (remaining := until - loop.time()) > 0:
            try:
                connection = await self._connected()
                if self._lost:
                    # What was popped for us before the loss is not told again.
                    self._lost = False
                    return
                if await self._read(connection, remaining):
                    return
            except (exceptions.RedisError, OSError):
                self._lost = True
                await self._drop()
                await asyncio.sleep(min(pause, max(0.0, until - loop.time())))
                pause = min(pause * 2, _LONGEST_PAUSE)
            except asyncio.CancelledError:
                await self._drop()
                raise

    async def _read(self, connection: Any, remaining: float) -> bool:
        """Whether the marker was heard: there may be work, now or sooner than was known."""
        seconds = min(max(remaining, _SHORTEST_READ), _LONGEST_READ)
        await connection.send_command(
            "BZPOPMIN", self._marker_key, f"{seconds:.3f}", check_health=False
        )
        try:
            # An own deadline: redis-py answers None for its time-outs, as for the server's.
            async with asyncio.timeout(seconds + _GRACE):
                return await connection.read_response(timeout=seconds + 2 * _GRACE) is not None
        except TimeoutError as error:
            raise exceptions.TimeoutError("no answer in time") from error

    async def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._client.endpoint.connection(self._client_name)
        if not self._connection.is_connected:
            await self._connection.connect()
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await hang_up(connection)
