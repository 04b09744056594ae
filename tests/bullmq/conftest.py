"""One server for the session; a prefix for each test, and the options that lead there."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.fixture
def opts(server_url: str) -> dict[str, Any]:
    """The options that every object of a test is made with."""
    server = urlsplit(server_url)
    return {
        "connection": {"host": server.hostname, "port": server.port},
        "prefix": f"b{uuid.uuid4().hex[:12]}",
    }
