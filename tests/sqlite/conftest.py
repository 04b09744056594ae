"""A store in a file of its own, and short ways to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sqlite.using import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore
    from tests.timing import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    made = opened(path, clock=clock)
    yield made
    await made.aclose()
