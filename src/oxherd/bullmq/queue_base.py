"""QueueBase: a queue's name, its keys and its connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oxherd.bullmq.connection import Connection
from oxherd.bullmq.event_emitter import EventEmitter

if TYPE_CHECKING:
    from oxherd.store import Store


class QueueBase(EventEmitter):
    """What all have that are about one queue."""

    def __init__(self, name: str, opts: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.name = name
        self.opts: dict[str, Any] = dict(opts or {})
        self.connection = Connection(self.opts)
        self.prefix = self.connection.prefix
        self.redisConnection = self.connection
        self.client = self.connection.client
        self.keys = self.connection.keys(name)
        self.qualifiedName = self.connection.qualified_name(name)
        self.closing = False

    def toKey(self, type: str) -> str:
        """A key of the queue, by what it ends with."""
        return self.connection.queue_keys.toKey(self.name, type)

    async def waitUntilReady(self) -> Any:
        """Return once the server answers."""
        return await self.client.ping()

    async def close(self) -> None:
        """Close the connections; the jobs stay where they are. Harmless when repeated."""
        self.closing = True
        await self.connection.close()

    async def disconnect(self) -> None:
        """The same as `close()`."""
        await self.close()

    @property
    def _store(self) -> Store:
        return self.connection.store


__all__ = ["QueueBase"]
