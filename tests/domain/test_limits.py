"""Rate limits and deduplication: what is refused, and BullMQ's forms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from oxherd.domain.deduplication import Deduplication, as_deduplication
from oxherd.domain.errors import InvalidOption
from oxherd.domain.rate_limit import RateLimit


def test_a_rate_limit_in_both_forms() -> None:
    limit = RateLimit(5, 1.5)
    assert limit.duration_ms == 1_500
    assert RateLimit.from_mapping({"max": 5, "duration": 1_500}) == limit
    assert RateLimit(5, timedelta(seconds=1.5)) == limit


@pytest.mark.parametrize(
    ("most", "duration", "told"),
    [
        (0, 1, "max"),
        (1.5, 1, "max"),
        (True, 1, "max"),
        (1, 0, "duration"),
        (1, -1, "duration"),
        (1, 0.0001, "a millisecond or more"),
        (1, float("inf"), "duration"),
        (1, "1", "duration"),
    ],
)
def test_an_impossible_rate_limit_is_refused(most: Any, duration: Any, told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        RateLimit(most, duration)


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"max": 1}, "'limiter.duration' is missing"),
        ({"duration": 1}, "'limiter.max' is missing"),
        ({"max": 1, "duration": 1, "groupKey": "x"}, "unknown option 'limiter.groupKey'"),
        ({"mx": 1, "duration": 1}, "did you mean 'max'"),
    ],
)
def test_an_unknown_or_missing_part_is_refused(mapping: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        RateLimit.from_mapping(mapping)


@pytest.mark.parametrize(
    "mapping",
    [
        {"id": "x"},
        {"id": "x", "ttl": 5_000},
        {"id": "x", "ttl": 5_000, "extend": True, "replace": True},
        {"id": "x", "keepLastIfActive": True},
        {"id": "x", "reschedule": True},
    ],
)
def test_deduplication_in_both_forms(mapping: dict[str, Any]) -> None:
    found = as_deduplication(mapping)
    assert found.to_mapping() == mapping
    assert as_deduplication(found) is found
    assert found.ttl_ms == mapping.get("ttl", 0)


def test_seconds_become_milliseconds() -> None:
    assert Deduplication("x", ttl=1.5).ttl_ms == 1_500
    assert Deduplication("x", ttl=timedelta(minutes=1)).to_mapping() == {"id": "x", "ttl": 60_000}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "deduplication.id"),
        ({"id": ""}, "deduplication.id"),
        ({"id": 5}, "deduplication.id"),
        ({"id": "x", "ttl": -1}, "deduplication.ttl"),
        ({"id": "x", "ttl": "1"}, "deduplication.ttl"),
        ({"id": "x", "extend": "yes"}, "deduplication.extend"),
        ({"id": "x", "keep_last": True}, "unknown option 'deduplication.keep_last'"),
        ("x", "deduplication"),
    ],
)
def test_an_impossible_deduplication_is_refused(given: Any, told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        as_deduplication(given)
