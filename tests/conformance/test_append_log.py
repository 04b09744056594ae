"""Log lines of a job."""

from __future__ import annotations

import pytest

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.lifecycle import State
from tests.conformance.scenario import LOCK_MS, Scenario


async def test_lines_are_kept_in_order_and_counted(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()

    assert await scenario.store.append_log("q", "a", ["one", "two ü"], hand.token) == 2
    assert await scenario.store.append_log("q", "a", ["three\nlines"], hand.token) == 3

    page = await scenario.store.logs("q", "a")
    assert page.lines == ("one", "two ü", "three\nlines")
    assert page.total == 3


async def test_the_newest_are_kept(scenario: Scenario) -> None:
    await scenario.put("a", keep_logs=3)
    assert await scenario.store.append_log("q", "a", ["1", "2"]) == 2
    assert await scenario.store.append_log("q", "a", ["3", "4"]) == 3
    assert await scenario.store.append_log("q", "a", ["5", "6", "7", "8"]) == 3

    page = await scenario.store.logs("q", "a")
    assert (page.lines, page.total) == (("6", "7", "8"), 3)


async def test_none_is_kept_when_none_is_wanted(scenario: Scenario) -> None:
    await scenario.put("a", keep_logs=0)

    assert await scenario.store.append_log("q", "a", ["1", "2"]) == 0
    assert (await scenario.store.logs("q", "a")).lines == ()


async def test_no_line_is_no_change(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.append_log("q", "a", ["1"])

    assert await scenario.store.append_log("q", "a", []) == 1


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, -1, "abcde"),
        (0, 0, "a"),
        (1, 2, "bc"),
        (3, 99, "de"),
        (-2, -1, "de"),
        (-99, 1, "ab"),
        (4, 2, ""),
        (9, 12, ""),
        (0, -2, "abcd"),
    ],
)
async def test_a_part_is_read_with_both_ends(
    scenario: Scenario, start: int, end: int, expected: str
) -> None:
    await scenario.put("a")
    await scenario.store.append_log("q", "a", list("abcde"))

    page = await scenario.store.logs("q", "a", start, end)

    assert page.lines == tuple(expected)
    assert page.total == 5


@pytest.mark.parametrize("state", list(State))
async def test_an_administrator_may_in_any_state(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)
    events = await scenario.events()

    assert await scenario.store.append_log("q", "job", ["note"]) == 1
    assert await scenario.events() == events


async def test_a_zombie_may_not(scenario: Scenario) -> None:
    await scenario.put("a")
    zombie = await scenario.claim()
    await scenario.lose_lock(zombie)
    await scenario.claim(job_id="a")

    assert type(await scenario.store.append_log("q", "a", ["x"], zombie.token)) is LockLost
    assert (await scenario.store.logs("q", "a")).total == 0


async def test_a_holder_whose_lock_ran_out_may_not(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    assert type(await scenario.store.append_log("q", "a", ["x"], hand.token)) is LockLost


@pytest.mark.parametrize("token", [None, "t"])
async def test_a_job_that_does_not_exist_has_no_log(scenario: Scenario, token: str | None) -> None:
    assert type(await scenario.store.append_log("q", "nobody", ["x"], token)) is JobNotFound
    page = await scenario.store.logs("q", "nobody")
    assert (page.lines, page.total) == ((), 0)
    assert await scenario.probe.leftovers() == []
