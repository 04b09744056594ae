"""The stores that these tests run on: SQLite in memory, and Redis with an own prefix."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from oxherd import connect
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from oxherd import Store


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests."""
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.fixture(params=["sqlite", "redis"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def store_url(engine: str, prefix: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A store that several connections can share."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.db?prefix={prefix}&durability=normal"
    return f"{request.getfixturevalue('redis_url')}?prefix={prefix}"


@pytest.fixture
async def store(engine: str, prefix: str, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A store of either engine."""
    url = f"sqlite:///:memory:?prefix={prefix}"
    if engine == "redis":
        url = f"{request.getfixturevalue('redis_url')}?prefix={prefix}"
    opened = connect(url)
    yield opened
    await opened.aclose()


@pytest.fixture
async def memory(prefix: str) -> AsyncIterator[Store]:
    """A store for what does not depend on the engine."""
    opened = connect(f"sqlite:///:memory:?prefix={prefix}")
    yield opened
    await opened.aclose()
