"""A server for the session, a prefix for each test, and a look at the keys."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.engines.redis.store import RedisStore
from tests.redis.keyspace import connect, keys_under
from tests.redis.proxy import proxy_to
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.redis.proxy import Proxy
    from tests.servers import RedisServer
    from tests.timing import FakeClock


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    started = start_redis(tmp_path_factory.mktemp("redis"))
    yield started
    started.stop()


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def client(server: RedisServer, prefix: str) -> Iterator[Any]:
    """A plain client of the driver's; what the test stored goes at the end."""
    plain = connect(server.url)
    yield plain
    keys = keys_under(plain, prefix)
    if keys:
        plain.delete(*keys)
    plain.close()


@pytest.fixture
async def store(
    server: RedisServer, prefix: str, clock: FakeClock, client: Any
) -> AsyncIterator[RedisStore]:
    """A store whose time is the test's."""
    opened = RedisStore(server.url, prefix=prefix, clock=clock)
    yield opened
    await opened.aclose()


@pytest.fixture
async def live_store(server: RedisServer, prefix: str, client: Any) -> AsyncIterator[RedisStore]:
    """A store whose time is the server's."""
    opened = RedisStore(server.url, prefix=prefix)
    yield opened
    await opened.aclose()


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[Proxy]:
    async with proxy_to(server.url) as running:
        yield running


@pytest.fixture
async def far_store(proxy: Proxy, prefix: str, client: Any) -> AsyncIterator[RedisStore]:
    store = RedisStore(proxy.url, prefix=prefix)
    yield store
    await store.aclose()
