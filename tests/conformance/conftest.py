"""The stores on which the whole suite runs, and the check after every test."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from oxherd.engines import open_store
from tests.conformance.probe import RedisProbe, SqliteProbe
from tests.conformance.scenario import Scenario
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from oxherd.store import Store
    from tests.conformance.probe import Probe
    from tests.timing import FakeClock


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for the session; every test has a prefix of its own."""
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["sqlite-file", "sqlite-memory", "redis"])
def engine(request: pytest.FixtureRequest) -> str:
    """Where the stores of this test are; no test may ask."""
    name: str = request.param
    return name


@pytest.fixture
def store_url(engine: str, prefix: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    match engine:
        case "sqlite-file":
            return f"sqlite:///{tmp_path}/jobs.db?prefix={prefix}"
        case "sqlite-memory":
            return f"sqlite:///:memory:?prefix={prefix}"
        case _:
            return f"{request.getfixturevalue('redis_url')}?prefix={prefix}"


@pytest.fixture
async def store(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    opened = open_store(store_url, clock=clock)
    yield opened
    await opened.aclose()


@pytest.fixture
async def probe(
    engine: str, store_url: str, store: Store, clock: FakeClock
) -> AsyncIterator[Probe]:
    made: Probe = (
        RedisProbe(store_url, store.prefix, clock)
        if engine == "redis"
        else SqliteProbe(store, clock)
    )
    yield made
    await made.aclose()


@pytest.fixture
async def scenario(store: Store, clock: FakeClock, probe: Probe) -> AsyncIterator[Scenario]:
    """The store with its clock; what it holds at the end of the test must be sound."""
    made = Scenario(store, clock, probe)
    yield made
    await made.check()
