"""One server and one Node program of each kind for the session; a prefix for each test."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from oxherd import connect
from tests.interop.node import NodeProgram, install
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from oxherd.store import Store


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def bullmq() -> None:
    """The pinned npm package is there."""
    install()


@pytest.fixture(scope="session")
def client(bullmq: None, server_url: str) -> Iterator[NodeProgram]:
    program = NodeProgram("client", server_url)
    yield program
    program.close()


@pytest.fixture(scope="session")
def workers(bullmq: None, server_url: str) -> Iterator[NodeProgram]:
    program = NodeProgram("workers", server_url)
    yield program
    program.close()


@pytest.fixture(scope="session")
def listener(bullmq: None, server_url: str) -> Iterator[NodeProgram]:
    program = NodeProgram("events", server_url)
    yield program
    program.close()


@pytest.fixture
def prefix() -> str:
    return f"w{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def store(server_url: str, prefix: str) -> AsyncIterator[Store]:
    opened = connect(f"{server_url}?prefix={prefix}")
    yield opened
    await opened.aclose()
