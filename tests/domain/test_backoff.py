"""How long until the next attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain.backoff import MAX_BACKOFF_MS, Backoff, backoff_ms
from oxherd.domain.checks import MAX_SECONDS
from oxherd.domain.errors import InvalidOption


def test_without_a_backoff_there_is_no_wait() -> None:
    assert backoff_ms(None, 3, 0.5) == 0


@pytest.mark.parametrize("attempt", [1, 2, 50])
def test_fixed_is_the_same_each_time(attempt: int) -> None:
    assert backoff_ms(Backoff("fixed", 2), attempt, 0.9) == 2_000


def test_exponential_doubles() -> None:
    waits = [backoff_ms(Backoff("exponential", 1), attempt, 0) for attempt in range(1, 6)]
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000]


def test_the_longest_wait_caps_it() -> None:
    backoff = Backoff("exponential", 1, max=5)
    assert [backoff_ms(backoff, attempt, 0) for attempt in (1, 3, 4, 10_000)] == [
        1_000, 4_000, 5_000, 5_000,
    ]  # fmt: skip


def test_nothing_waits_longer_than_a_century() -> None:
    assert backoff_ms(Backoff("exponential", 1), 10**9, 0) == MAX_BACKOFF_MS
    assert round(MAX_SECONDS * 1_000) == MAX_BACKOFF_MS


@pytest.mark.parametrize(
    ("jitter", "chance", "expected"),
    [(0.5, 0.0, 500), (0.5, 0.5, 750), (1, 0.0, 0), (1, 0.25, 250), (0.2, 0.999, 999)],
)
def test_jitter_draws_below_the_whole(jitter: float, chance: float, expected: int) -> None:
    assert backoff_ms(Backoff("fixed", 1, jitter=jitter), 1, chance) == expected


spans = st.integers(0, 10**9).map(lambda ms: ms / 1_000)
backoffs = st.builds(
    Backoff,
    kind=st.sampled_from(["fixed", "exponential"]),
    delay=spans,
    jitter=st.floats(0, 1),
    max=st.none() | spans,
)


@given(backoffs, st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_every_wait_is_within_its_bounds(backoff: Backoff, attempt: int, chance: float) -> None:
    wait = backoff_ms(backoff, attempt, chance)
    assert isinstance(wait, int)
    whole = backoff.delay_ms << (min(attempt - 1, 48) if backoff.kind == "exponential" else 0)
    whole = whole if backoff.max_ms is None else min(whole, backoff.max_ms)
    least = min(int(whole * (1 - backoff.jitter)), MAX_BACKOFF_MS)
    assert least <= wait <= min(whole, MAX_BACKOFF_MS)


@pytest.mark.parametrize("jitter", [-0.1, 1.1, float("nan"), "1", True])
def test_jitter_is_a_share(jitter: float) -> None:
    with pytest.raises(InvalidOption, match="jitter"):
        Backoff("fixed", 1, jitter=jitter)


def test_a_function_of_the_workers_has_any_name() -> None:
    with pytest.raises(InvalidOption, match="custom=True"):
        Backoff("mine")
    assert Backoff("mine", custom=True).kind == "mine"
