"""Connected: whatever has options, events and a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oxherd.bullmq.connection import Connection
from oxherd.bullmq.event_emitter import EventEmitter


class Connected(EventEmitter):
    """Stands on a connection, and closes it."""

    def __init__(self, opts: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.opts: dict[str, Any] = dict(opts or {})
        self.connection = Connection(self.opts)
        self.prefix = self.connection.prefix
        self.redisConnection = self.connection
        self.client = self.connection.client
        self.closing = False

    async def waitUntilReady(self) -> Any:
        """Return once the server answers."""
        return await self.client.ping()

    async def close(self) -> None:
        """Close the connections; what is stored stays where it is. Harmless when repeated."""
        self.closing = True
        await self.connection.close()

    async def disconnect(self) -> None:
        """The same as `close()`."""
        await self.close()


__all__ = ["Connected"]
