"""QueueEventsProducer: writes events of one's own among a queue's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from oxherd.bullmq.connection import Connection

_NAME: Final = "eventName"


class QueueEventsProducer:
    """Publishes events that `QueueEvents` emits under their name.

    Args:
        name: the queue's name.
        opts: `connection`, `prefix`.
    """

    def __init__(self, name: str, opts: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.opts: dict[str, Any] = dict(opts or {})
        self.prefix: str = self.opts.get("prefix", "bull")
        self.connection = Connection(self.opts)
        self.redisConnection = self.connection
        self.client = self.connection.client
        self.keys = self.connection.keys(name)
        self.qualifiedName = self.connection.qualified_name(name)
        self.closing = False

    async def publishEvent(self, args: Mapping[str, Any], maxEvents: int = 1000) -> None:
        """Write an event; the log keeps about `maxEvents`.

        Args:
            args: `eventName`, and the event's fields.
            maxEvents: how many events the log keeps.

        Raises:
            ValueError: there is no `eventName`.
        """
        if _NAME not in args:
            raise ValueError("publishEvent requires an 'eventName' key")
        fields = {name: str(value) for name, value in args.items() if name != _NAME}
        await self.connection.store.publish_event(self.name, args[_NAME], fields, most=maxEvents)

    async def close(self) -> None:
        """Close the connection. Harmless when repeated."""
        if not self.closing:
            self.closing = True
            await self.connection.close()


__all__ = ["QueueEventsProducer"]
