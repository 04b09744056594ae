"""Both engines on disk or on a server of their own, with the wall's clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from oxherd.engines import open_store
from tests.chaos.worker_process import Settings
from tests.conformance.dump import dump
from tests.conformance.invariants import check_all
from tests.conformance.probe import Probe, RedisProbe, SqliteProbe
from tests.servers import start_redis
from tests.timing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from oxherd.store import Store
    from tests.chaos.plan import Plan


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    server = start_redis(folder, "--enable-debug-command", "local", own=True)
    yield server.url
    server.stop()


@pytest.fixture(params=["sqlite", "redis"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if engine == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.db"
    return f"{request.getfixturevalue('redis_url')}?prefix=c{tmp_path.name[-24:]}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = open_store(url)
    yield opened
    await opened.aclose()


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    return Settings(url=url, oracle=str(tmp_path / "oracle"))


class Inspection:
    """The invariants of a store that a storm has left."""

    def __init__(self, url: str, store: Store) -> None:
        self._url = url
        self._store = store

    async def check(self, plan: Plan) -> None:
        """What must hold between any two calls holds, and the stored bytes are sound."""
        clock = FakeClock(time.time_ns() // 1_000_000)
        probe: Probe
        if self._url.startswith("sqlite"):
            probe = SqliteProbe(self._store, clock)
        else:
            probe = RedisProbe(self._url, self._store.prefix, clock)
        state = await dump(self._store, await probe.locks())
        told = {
            queue: sum(event.kind == "added" for event in part.events)
            for queue, part in state.items()
        }
        trimmed = any(told[queue] < len(part.jobs) for queue, part in state.items())
        truth = await probe.truth()
        check_all(state, truth, plan.expected, trimmed=trimmed)
        if isinstance(probe, RedisProbe):
            # Written out and loaded again, the data is the same.
            server: Any = Redis.from_url(self._url.partition("?")[0])
            await server.execute_command("DEBUG", "RELOAD")
            await server.aclose()
            assert await probe.truth() == truth
        await probe.check()
        await probe.aclose()


@pytest.fixture
def inspection(url: str, store: Store) -> Inspection:
    return Inspection(url, store)
