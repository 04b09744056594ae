"""The command line runs on real stores, in this process and in others."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tests.cli.running import Oxherd
from tests.runtime.engines import engine, prefix, redis_url, store_url

__all__ = ["engine", "prefix", "redis_url", "store_url"]


@pytest.fixture
def oxherd(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Oxherd:
    """The command in this process, on a store of either engine."""
    monkeypatch.delenv("OXHERD_URL", raising=False)
    return Oxherd(CliRunner(), store_url)
