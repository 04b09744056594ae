"""Telling how far a job is."""

from __future__ import annotations

import pytest

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.events import Progress
from oxherd.domain.lifecycle import State
from tests.conformance.scenario import LOCK_MS, Scenario


async def test_it_is_stored_and_told(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()

    assert await scenario.store.update_progress("q", "a", '{"frame":7}', hand.token) is None

    assert (await scenario.record("a")).progress == '{"frame":7}'
    event = (await scenario.events())[-1]
    assert isinstance(event, Progress)
    assert (event.job_id, event.data) == ("a", {"frame": 7})


@pytest.mark.parametrize("progress", ["0", "null", "false", '"half"', "[]", "12.5"])
async def test_any_json_value_is_progress(scenario: Scenario, progress: str) -> None:
    await scenario.put("a")

    await scenario.store.update_progress("q", "a", progress)

    assert (await scenario.record("a")).progress == progress
    assert (await scenario.events())[-1].kind == "progress"


@pytest.mark.parametrize("state", list(State))
async def test_an_administrator_may_in_any_state(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)

    assert await scenario.store.update_progress("q", "job", "5") is None
    assert (await scenario.record("job")).progress == "5"
    assert await scenario.state("job") == state


async def test_it_stays_when_the_job_ends(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.store.update_progress("q", "a", "50", hand.token)
    await scenario.complete(hand)

    assert (await scenario.record("a")).progress == "50"


async def test_a_zombie_may_not(scenario: Scenario) -> None:
    await scenario.put("a")
    zombie = await scenario.claim()
    await scenario.lose_lock(zombie)
    await scenario.claim(job_id="a")
    before = await scenario.dump()

    assert type(await scenario.store.update_progress("q", "a", "1", zombie.token)) is LockLost
    assert await scenario.dump() == before


async def test_a_holder_whose_lock_ran_out_may_not(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    assert type(await scenario.store.update_progress("q", "a", "1", hand.token)) is LockLost


@pytest.mark.parametrize("token", [None, "t"])
async def test_a_job_that_does_not_exist_is_not_made(scenario: Scenario, token: str | None) -> None:
    assert type(await scenario.store.update_progress("q", "nobody", "1", token)) is JobNotFound
    assert await scenario.state("nobody") is None
    assert await scenario.events() == ()
