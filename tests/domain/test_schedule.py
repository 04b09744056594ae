"""When the jobs of a schedule are due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain.errors import InvalidOption
from oxherd.domain.schedule import Repeat, has_ended, job_id_of, next_due

NOW = 1_800_000_000_000
"""A multiple of 1,000."""


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("repeat", "previous", "due"),
    [
        ({}, None, NOW),
        ({"start_ms": NOW + 7}, None, NOW + 7),
        ({"start_ms": NOW - 7}, None, NOW),
        ({"offset_ms": 300}, None, NOW + 300),
        ({"offset_ms": 1_000}, None, NOW + 1_000),
        ({}, NOW - 400, NOW + 600),
        ({}, NOW - 1_000, NOW),
        ({}, NOW - 5_400, NOW + 1_000),
        ({"offset_ms": 300}, NOW - 5_400, NOW + 300),
        ({"offset_ms": 300}, NOW - 400, NOW + 600),
        ({}, NOW + 5_000, NOW + 6_000),
    ],
)
def test_every(repeat: dict[str, Any], previous: int | None, due: int) -> None:
    assert next_due(Repeat(every_ms=1_000, **repeat), previous_ms=previous, now_ms=NOW) == due


@given(
    every=st.integers(1, 10**9),
    late=st.integers(-(10**9), 10**10),
    offset=st.integers(0, 10**9) | st.none(),
)
def test_every_goes_on_and_never_lies_far_off(every: int, late: int, offset: int | None) -> None:
    repeat = Repeat(every_ms=every, offset_ms=None if offset is None else offset % every)
    previous = NOW - late
    due = next_due(repeat, previous_ms=previous, now_ms=NOW)
    assert due is not None
    assert due >= NOW
    assert due > previous
    assert due <= max(NOW, previous) + 2 * every


@pytest.mark.parametrize(
    ("repeat", "now", "due"),
    [
        ({"pattern": "*/10 * * * * *"}, "2027-01-01T00:00:00", "2027-01-01T00:00:10"),
        ({"pattern": "*/10 * * * * *"}, "2027-01-01T00:00:09", "2027-01-01T00:00:10"),
        ({"pattern": "30 6 * * *"}, "2027-01-01T06:30:00", "2027-01-02T06:30:00"),
        ({"pattern": "0 12 * * mon"}, "2027-01-01T00:00:00", "2027-01-04T12:00:00"),
        ({"pattern": "0 0 l * *"}, "2027-02-01T00:00:00", "2027-02-28T00:00:00"),
        ({"pattern": "@daily"}, "2027-01-01T00:00:01", "2027-01-02T00:00:00"),
        ({"pattern": "@weekdays"}, "2027-01-01T00:00:01", "2027-01-04T00:00:00"),
        ({"pattern": "0 0 ? * MON"}, "2027-01-01T00:00:00", "2027-01-04T00:00:00"),
        # A day of the month and one of the week: either will do, also when one is stepped.
        ({"pattern": "0 0 13 * 5"}, "2027-01-01T00:00:00", "2027-01-08T00:00:00"),
        ({"pattern": "0 0 */10 * 5"}, "2027-01-01T00:00:00", "2027-01-08T00:00:00"),
        ({"pattern": "0 0 9 * */2"}, "2027-01-01T00:00:00", "2027-01-02T00:00:00"),
        ({"pattern": "0 0 9 * *"}, "2027-01-01T00:00:00", "2027-01-09T00:00:00"),
        (
            {"pattern": "0 9 * * *", "tz": "Europe/Berlin"},
            "2027-01-01T00:00:00",
            "2027-01-01T08:00:00",
        ),
        (
            {"pattern": "0 9 * * *", "tz": "Europe/Berlin"},
            "2027-07-01T00:00:00",
            "2027-07-01T07:00:00",
        ),
        (
            {"pattern": "0 9 * * *", "start_ms": at("2027-02-01T10:00:00")},
            "2027-01-01T00:00:00",
            "2027-02-02T09:00:00",
        ),
        ({"pattern": "0 9 * * *", "end_ms": at("2027-01-01T08:00:00")}, "2027-01-01", None),
    ],
)
def test_pattern(repeat: dict[str, Any], now: str, due: str | None) -> None:
    found = next_due(Repeat(**repeat), previous_ms=None, now_ms=at(now))
    assert found == (None if due is None else at(due))


def test_the_first_of_a_pattern_may_be_at_once() -> None:
    repeat = Repeat(pattern="0 9 * * *", immediately=True)
    assert next_due(repeat, previous_ms=None, now_ms=NOW) == NOW
    later = next_due(repeat, previous_ms=NOW, now_ms=NOW)
    assert later is not None
    assert later > NOW


def test_a_pattern_goes_on_from_the_later_of_now_and_the_last() -> None:
    repeat = Repeat(pattern="0 * * * *")
    ahead = at("2027-06-01T12:00:00")
    assert next_due(repeat, previous_ms=ahead, now_ms=at("2027-06-01T11:10:00")) == at(
        "2027-06-01T13:00:00"
    )


@pytest.mark.parametrize(
    ("repeat", "count", "ended"),
    [
        ({}, 10**6, False),
        ({"limit": 3}, 2, False),
        ({"limit": 3}, 3, True),
        ({"end_ms": NOW}, 1, False),
        ({"end_ms": NOW - 1}, 1, True),
    ],
)
def test_the_end(repeat: dict[str, Any], count: int, *, ended: bool) -> None:
    assert has_ended(Repeat(every_ms=5, **repeat), count=count, now_ms=NOW) is ended


@pytest.mark.parametrize(
    ("repeat", "told"),
    [
        ({}, "either"),
        ({"every_ms": 5, "pattern": "* * * * *"}, "either"),
        ({"every_ms": 0}, "every"),
        ({"every_ms": 1.5}, "every"),
        ({"every_ms": 5, "limit": 0}, "limit"),
        ({"every_ms": 5, "start_ms": -1}, "start"),
        ({"every_ms": 5, "offset_ms": "1"}, "offset"),
        ({"every_ms": 5, "immediately": True, "start_ms": 5}, "exclude"),
        ({"pattern": "often"}, "cron"),
        ({"pattern": 5}, "pattern"),
        ({"pattern": "0 0 30 2 *"}, "day-of-month"),
        ({"pattern": "* * * *"}, "cron"),
        ({"pattern": "* * * * *", "tz": "Mars/Olympus"}, "time zone"),
    ],
)
def test_what_is_impossible_is_refused(repeat: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        Repeat(**repeat)


@pytest.mark.parametrize(
    "mapping",
    [
        {"every": 1_000},
        {"every": 1_000, "offset": 5, "startDate": NOW, "endDate": NOW + 5, "limit": 3},
        {"pattern": "0 9 * * *", "tz": "Europe/Berlin"},
        {"pattern": "0 9 * * *", "immediately": True},
    ],
)
def test_the_mapping_is_the_same_again(mapping: dict[str, Any]) -> None:
    assert Repeat.from_mapping(mapping).to_mapping() == mapping
    with pytest.raises(InvalidOption, match="unknown option 'evry' of a schedule; did you mean"):
        Repeat.from_mapping({"evry": 5})


def test_the_id_of_a_job() -> None:
    assert job_id_of("tick", 1_795_322_139_445) == "repeat:tick:1795322139445"
