"""QueueBase: a queue's name, its keys and its connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oxherd.bullmq.connected import Connected

if TYPE_CHECKING:
    from oxherd.store import Store


class QueueBase(Connected):
    """What all have that are about one queue."""

    def __init__(self, name: str, opts: Mapping[str, Any] | None = None) -> None:
        super().__init__(opts)
        self.name = name
        self.keys = self.connection.keys(name)
        self.qualifiedName = self.connection.qualified_name(name)

    def toKey(self, type: str) -> str:
        """A key of the queue, by what it ends with."""
        return self.connection.queue_keys.toKey(self.name, type)

    @property
    def _store(self) -> Store:
        return self.connection.store


__all__ = ["QueueBase"]
