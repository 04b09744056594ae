"""Claims under a rate limit: how many jobs start in a window, and for how long none does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import LockLost
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.rate_limit import RateLimit
from tests.conformance.scenario import LOCK_MS, Hand

if TYPE_CHECKING:
    from oxherd.store import Claimed
    from tests.conformance.scenario import Scenario

TWO_A_MINUTE = RateLimit(2, 60)


async def claim(
    scenario: Scenario, rate: RateLimit | None = TWO_A_MINUTE, limit: int = 1, queue: str = "q"
) -> Claimed:
    token = scenario.new_token()
    return await scenario.store.claim(queue, limit, token=token, lock_ms=LOCK_MS, rate=rate)


def ids(claimed: Claimed) -> list[str]:
    return [record.id for record in claimed.jobs]


def assert_held(claimed: Claimed, most_ms: int = 60_000) -> None:
    """Nothing was given, and the limit says for how long: a server's own clock moves a little."""
    assert claimed.jobs == ()
    assert most_ms - 5_000 < claimed.retry_after_ms <= most_ms
    assert not claimed.paused


async def test_no_more_start_in_a_window(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c", "e", "f")

    assert ids(await claim(scenario)) == ["a"]
    assert ids(await claim(scenario)) == ["b"]
    assert_held(await claim(scenario))
    assert await scenario.order(State.WAITING) == ["c", "e", "f"]
    await scenario.pass_time(30_000)
    assert_held(await claim(scenario), 30_000)
    await scenario.pass_time(30_001)
    assert ids(await claim(scenario)) == ["c"]
    assert ids(await claim(scenario)) == ["e"]
    assert_held(await claim(scenario))


async def test_the_window_opens_with_the_first_job(scenario: Scenario) -> None:
    await scenario.put("a")
    await claim(scenario)
    await scenario.pass_time(40_000)
    await scenario.put("b", "c")
    assert ids(await claim(scenario)) == ["b"]

    assert_held(await claim(scenario), 20_000)
    await scenario.pass_time(20_001)

    assert ids(await claim(scenario)) == ["c"]


async def test_a_claim_of_many_starts_no_more_than_are_left(scenario: Scenario) -> None:
    await scenario.put(*"abcdefgh")
    rate = RateLimit(5, 60)

    assert ids(await claim(scenario, rate, limit=3)) == ["a", "b", "c"]
    assert ids(await claim(scenario, rate, limit=3)) == ["d", "e"]
    assert_held(await claim(scenario, rate, limit=3))


async def test_the_claim_that_takes_the_last_says_for_how_long(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")

    first = await claim(scenario)
    assert first.retry_after_ms == 0
    last = await claim(scenario, limit=5)

    assert ids(last) == ["b"]
    assert 55_000 < last.retry_after_ms <= 60_000


async def test_prioritized_jobs_count_as_well(scenario: Scenario) -> None:
    await scenario.put("low", priority=9)
    await scenario.put("high", priority=1)
    await scenario.put("plain")

    assert ids(await claim(scenario, limit=9)) == ["plain", "high"]
    assert_held(await claim(scenario, limit=9))


async def test_the_window_is_of_all_workers_and_of_one_queue(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await scenario.put("a", queue="q2")
    for worker in ("one", "two"):
        claimed = await scenario.store.claim(
            "q", 1, token=worker, lock_ms=LOCK_MS, worker=worker, rate=TWO_A_MINUTE
        )
        assert len(claimed.jobs) == 1

    assert_held(await claim(scenario))
    assert ids(await claim(scenario, queue="q2")) == ["a"]


async def test_each_worker_keeps_its_own_number(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await claim(scenario)
    await claim(scenario)
    assert_held(await claim(scenario))

    assert ids(await claim(scenario, RateLimit(3, 60))) == ["c"]


async def test_a_worker_without_a_limit_keeps_none_and_counts_for_none(scenario: Scenario) -> None:
    await scenario.put(*"abcdef")
    assert ids(await claim(scenario, None, limit=3)) == ["a", "b", "c"]

    assert ids(await claim(scenario, limit=3)) == ["d", "e"]
    assert_held(await claim(scenario))
    assert ids(await claim(scenario, None)) == ["f"]


async def test_where_there_is_nothing_to_claim_nothing_is_counted(scenario: Scenario) -> None:
    for _ in range(5):
        claimed = await claim(scenario, limit=3)
        assert (claimed.jobs, claimed.retry_after_ms) == ((), 0)
    await scenario.put("a", "b")

    assert ids(await claim(scenario, limit=3)) == ["a", "b"]


async def test_a_job_that_is_given_back_has_started_all_the_same(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    claimed = await scenario.store.claim("q", 2, token="t", lock_ms=LOCK_MS, rate=TWO_A_MINUTE)
    for record in claimed.jobs:
        await scenario.release(Hand(record, "t"))

    assert_held(await claim(scenario))


async def test_jobs_with_a_deferred_failure_cost_nothing(scenario: Scenario) -> None:
    for n in range(3):
        top, child = scenario.key(f"top-{n}"), scenario.key(f"child-{n}", "below")
        edge = scenario.edge(f"top-{n}", OnFailure.FAIL_PARENT)
        assert edge.parent == top
        await scenario.add(
            scenario.job(f"top-{n}", children=(child,)),
            scenario.job(f"child-{n}", queue="below", parents=(edge,)),
        )
        await scenario.break_down(f"child-{n}", queue="below")
    await scenario.put("a", "b", "c")

    # Parents that failed are in front, the last one first.
    claimed = await claim(scenario, limit=9)

    assert ids(claimed) == ["top-2", "top-1", "top-0", "a", "b"]
    assert [record.deferred_failure is None for record in claimed.jobs] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert_held(await claim(scenario))


async def test_a_used_up_window_holds_deferred_failures_too(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await claim(scenario, limit=2)
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")

    assert_held(await claim(scenario))


async def test_due_jobs_are_promoted_under_a_used_up_limit(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await claim(scenario, limit=2)
    await scenario.put("due", delay=1)
    await scenario.pass_time(1_000)

    assert_held(await claim(scenario))

    assert await scenario.state("due") is State.WAITING


async def test_asking_for_none_tells_of_the_limit(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    claimed = await claim(scenario, limit=0)
    assert (claimed.jobs, claimed.retry_after_ms) == ((), 0)
    await claim(scenario, limit=2)

    assert_held(await claim(scenario, limit=0))


async def test_an_id_without_a_record_costs_nothing(scenario: Scenario) -> None:
    scenario.damaged = True
    await scenario.put("a", "ghost", "b", "c")
    await scenario.probe.vanish("q", "ghost")

    assert ids(await claim(scenario, limit=9)) == ["a", "b"]


async def test_a_pause_is_told_while_the_window_is_open(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.pause("q")

    claimed = await claim(scenario)

    assert (claimed.jobs, claimed.retry_after_ms, claimed.paused) == ((), 0, True)


async def test_the_queue_gives_the_number_and_the_worker_the_window(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await scenario.store.limit_rate("q", RateLimit(1, 10))

    assert ids(await claim(scenario, RateLimit(5, 60), limit=5)) == ["a"]
    assert_held(await claim(scenario, RateLimit(5, 60)))
    await scenario.pass_time(60_001)
    assert ids(await claim(scenario, None, limit=5)) == ["b"]
    assert_held(await claim(scenario, None), 10_000)
    await scenario.pass_time(10_001)
    await scenario.store.limit_rate("q", None)
    assert ids(await claim(scenario, None)) == ["c"]


async def test_a_lifted_limit_no_longer_holds(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await scenario.store.limit_rate("q", RateLimit(1, 600))
    await claim(scenario, None)
    assert (await claim(scenario, None)).retry_after_ms > 0

    await scenario.store.limit_rate("q", None)

    assert ids(await claim(scenario, None)) == ["b"]


@pytest.mark.parametrize("limited", ["worker", "queue"])
async def test_a_hold_holds_where_there_is_a_number(scenario: Scenario, limited: str) -> None:
    await scenario.put("a", "b", "c")
    rate = TWO_A_MINUTE if limited == "worker" else None
    if limited == "queue":
        await scenario.store.limit_rate("q", TWO_A_MINUTE)
    await scenario.store.hold("q", 20_000)

    assert_held(await claim(scenario, rate), 20_000)
    await scenario.pass_time(20_001)
    assert ids(await claim(scenario, rate, limit=3)) == ["a", "b"]


async def test_a_hold_without_a_number_holds_nobody(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.hold("q", 20_000)

    assert ids(await claim(scenario, None)) == ["a"]


async def test_the_running_job_is_settled_under_a_used_up_limit(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    token = scenario.new_token()
    claimed = await scenario.store.claim("q", 2, token=token, lock_ms=LOCK_MS, rate=TWO_A_MINUTE)
    first, second = (Hand(record, token) for record in claimed.jobs)

    await scenario.complete(first)
    await scenario.fail(second)

    (again,) = await scenario.store.complete("q", [second.stolen().completion()])
    assert isinstance(again, LockLost)
