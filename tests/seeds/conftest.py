"""The seeds run on real stores; some on stores whose clock moves when it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.engines import open_store
from tests.runtime.engines import engine, memory, prefix, redis_url, store, store_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd import Store
    from tests.timing import FakeClock

__all__ = ["engine", "memory", "prefix", "redis_url", "store", "store_url"]


@pytest.fixture
async def timed_store(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """A store of either engine, whose time is the test's `clock`."""
    opened = open_store(store_url, clock=clock)
    yield opened
    await opened.aclose()
