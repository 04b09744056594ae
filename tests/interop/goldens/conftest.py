"""The two sides of a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.engines.redis.store import RedisStore
from tests.interop.goldens.node_side import NodeSide
from tests.interop.goldens.oxherd_side import OxherdSide
from tests.interop.node import NodeProgram
from tests.redis.keyspace import connect, keys_under

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.timing import FakeClock


@pytest.fixture(scope="session")
def scenes(bullmq: None, server_url: str) -> Iterator[NodeProgram]:
    program = NodeProgram("scenes", server_url)
    yield program
    program.close()


@pytest.fixture
def server(server_url: str, prefix: str) -> Iterator[Any]:
    """A plain client of the driver's; what the scene stored goes at the end."""
    plain = connect(server_url)
    yield plain
    for played in (f"{prefix}-node", f"{prefix}-oxherd"):
        keys = keys_under(plain, played)
        if keys:
            plain.delete(*keys)
    plain.close()


@pytest.fixture
async def theirs(scenes: NodeProgram, server: Any, prefix: str) -> NodeSide:
    side = NodeSide(scenes, server, f"{prefix}-node")
    await side.advance(0)
    return side


@pytest.fixture
async def ours(
    server_url: str, server: Any, prefix: str, clock: FakeClock
) -> AsyncIterator[OxherdSide]:
    store = RedisStore(server_url, prefix=f"{prefix}-oxherd", clock=clock)
    side = OxherdSide(store, clock, server)
    await side.advance(0)
    yield side
    await side.aclose()
    await store.aclose()
