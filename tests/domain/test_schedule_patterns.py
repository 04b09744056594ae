"""Cron patterns against a slow reading of them, and where clocks are put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain.schedule import Repeat, has_ended, next_due

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_800_000_000_000
MINUTE = 60_000
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    """One field of a pattern, in one of the forms that it may have."""
    form = draw(st.sampled_from(["any", "one", "step", "span", "stepped span", "list"]))
    first = draw(st.integers(low, high - 1))
    last = draw(st.integers(first + 1, high))
    step = draw(st.integers(1, max(1, (high - low) // 2)))
    match form:
        case "any":
            return "*"
        case "one":
            return str(first)
        case "step":
            return f"*/{step}"
        case "span":
            return f"{first}-{last}"
        case "stepped span":
            return f"{first}-{last}/{step}"
        case _:
            return f"{first},{last}"


def values(field: str, low: int, high: int) -> set[int]:
    """What a field names."""
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        bounds = (low, high) if span == "*" else (int(first), int(last or first))
        found.update(range(bounds[0], bounds[1] + 1, int(step or 1)))
    return found


def fits(pattern: str) -> Callable[[datetime], bool]:
    """Whether a minute fits a pattern of five fields, as its definition has it."""
    texts = pattern.split()
    minutes, hours, days, months, weekdays = (
        values(text, *bounds) for text, bounds in zip(texts, RANGES, strict=True)
    )
    # Either of two days that are given will do.
    enough = any if texts[2] != "*" != texts[4] else all

    def fit(time: datetime) -> bool:
        on_day = enough((time.day in days, time.isoweekday() % 7 in weekdays))
        return time.minute in minutes and time.hour in hours and time.month in months and on_day

    return fit


@given(
    pattern=st.tuples(*(fields(*bounds) for bounds in RANGES)).map(" ".join),
    after=st.integers(0, 400 * 24 * 60 * MINUTE),
)
def test_it_is_the_first_minute_that_fits(pattern: str, after: int) -> None:
    now = START + after
    fit = fits(pattern)
    due = next_due(Repeat(pattern=pattern), previous_ms=None, now_ms=now)
    searched = 3 * 24 * 60
    first = now // MINUTE + 1
    expected = next(
        (
            minute * MINUTE
            for minute in range(first, first + searched)
            if fit(datetime.fromtimestamp(minute * 60, tz=UTC))
        ),
        None,
    )
    if expected is not None:
        assert due == expected
    elif due is not None:
        assert due > (first + searched - 1) * MINUTE
        assert fit(datetime.fromtimestamp(due / 1000, tz=UTC))


@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    day=st.integers(0, 700),
)
def test_once_a_day_is_once_on_each_day_of_its_zone(
    hour: int, minute: int, zone: str, day: int
) -> None:
    repeat = Repeat(pattern=f"{minute} {hour} * * *", tz=zone)
    due = START + day * 24 * 60 * MINUTE
    days = []
    for _ in range(4):
        found = next_due(repeat, previous_ms=due, now_ms=due)
        assert found is not None
        due = found
        days.append(datetime.fromtimestamp(due / 1000, tz=ZoneInfo(zone)).date())

    assert [later - days[0] for later in days] == [timedelta(days=number) for number in range(4)]


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("pattern", "after", "due"),
    [
        # 2027-03-28: from 02:00 to 03:00. What falls between is due right after.
        ("30 2 * * *", "2027-03-27T12:00+01:00", "2027-03-28T03:00+02:00"),
        ("30 2 * * *", "2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"),
        ("0 3 * * *", "2027-03-27T12:00+01:00", "2027-03-28T03:00+02:00"),
        ("*/30 * * * *", "2027-03-28T01:30+01:00", "2027-03-28T03:00+02:00"),
        # 2027-10-31: from 03:00 back to 02:00. A time of day comes once, an interval goes on.
        ("30 2 * * *", "2027-10-30T12:00+02:00", "2027-10-31T02:30+02:00"),
        ("30 2 * * *", "2027-10-31T02:30+02:00", "2027-11-01T02:30+01:00"),
        ("*/30 * * * *", "2027-10-31T02:30+02:00", "2027-10-31T02:00+01:00"),
        ("0 * * * *", "2027-10-31T02:00+01:00", "2027-10-31T03:00+01:00"),
    ],
)
def test_when_clocks_are_put_forward_and_back(pattern: str, after: str, due: str) -> None:
    repeat = Repeat(pattern=pattern, tz="Europe/Berlin")
    assert next_due(repeat, previous_ms=None, now_ms=at(after)) == at(due)


@given(
    every=st.integers(1, 10**6),
    limit=st.integers(1, 20),
    late=st.lists(st.integers(0, 10**7), min_size=20, max_size=20),
)
def test_never_more_jobs_than_the_limit(every: int, limit: int, late: list[int]) -> None:
    repeat = Repeat(every_ms=every, limit=limit)
    made, now, previous = 0, START, None
    for pause in late:
        if has_ended(repeat, count=made, now_ms=now):
            break
        previous = next_due(repeat, previous_ms=previous, now_ms=now)
        assert previous is not None
        made += 1
        now = max(now, previous) + pause

    assert made == min(limit, len(late))
