"""Connection: what an object of the drop-in stands on: a server, a prefix, the engine's store."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from oxherd.bullmq.queue_keys import QueueKeys
from oxherd.bullmq.redis_connection import RedisConnection

if TYPE_CHECKING:
    from oxherd.store import Store


class Connection(RedisConnection):
    """The server that the options name, and a store on it.

    Args:
        opts: `connection`, `prefix`, `skipVersionCheck`.
    """

    def __init__(self, opts: Mapping[str, Any]) -> None:
        super().__init__(opts.get("connection"), bool(opts.get("skipVersionCheck")))
        self.prefix: str = opts.get("prefix") or "bull"
        self._stores: dict[str, Store] = {}

    @property
    def store(self) -> Store:
        """The engine, under the prefix."""
        return self.store_of(self.prefix)

    def store_of(self, prefix: str) -> Store:
        """The engine under another prefix."""
        if prefix not in self._stores:
            self._stores[prefix] = self.server.store(prefix)
        return self._stores[prefix]

    @property
    def client(self) -> Any:
        """The driver's client."""
        return self.conn

    @cached_property
    def queue_keys(self) -> QueueKeys:
        """How keys are called here."""
        return QueueKeys(self.prefix)

    def keys(self, queue: str) -> dict[str, str]:
        """The keys of a queue by their last part."""
        return self.queue_keys.getKeys(queue)

    def qualified_name(self, queue: str) -> str:
        """The name of a queue, with the prefix."""
        return self.queue_keys.getQueueQualifiedName(queue)

    async def close(self) -> None:
        """Close the store, and the client unless it was given. Harmless when repeated."""
        for store in self._stores.values():
            await store.aclose()
        await super().close()


__all__ = ["Connection"]
