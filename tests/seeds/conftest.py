"""The seeds run on real stores."""

from __future__ import annotations

from tests.runtime.engines import engine, memory, prefix, redis_url, store, store_url

__all__ = ["engine", "memory", "prefix", "redis_url", "store", "store_url"]
