"""What all tests share: the clock and the Hypothesis profiles."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.timing import FakeClock

settings.register_profile(
    "sample",
    max_examples=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "full",
    max_examples=1_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("OXHERD_TEST_PROFILE", "sample"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
