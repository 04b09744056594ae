"""QueueKeys: how the keys of queues are called."""

from __future__ import annotations

from oxherd.engines import redis_keys


class QueueKeys:
    """The keys of the queues under one prefix."""

    def __init__(self, prefix: str = "bull") -> None:
        self.prefix = prefix

    def getKeys(self, name: str) -> dict[str, str]:
        """The keys of a queue by their last part; that of "" is what all begin with."""
        return redis_keys(self.prefix, name)

    def toKey(self, name: str, name_type: str) -> str:
        """The key of a queue that ends so."""
        return f"{self.getQueueQualifiedName(name)}:{name_type}"

    def getQueueQualifiedName(self, name: str) -> str:
        """The queue's name with the prefix."""
        return f"{self.prefix}:{name}"


__all__ = ["QueueKeys"]
