"""Replacing a job's data."""

from __future__ import annotations

import pytest

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.lifecycle import State
from tests.conformance.scenario import LOCK_MS, Scenario


@pytest.mark.parametrize("state", list(State))
async def test_an_administrator_may_in_any_state(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)
    before = await scenario.dump()

    assert await scenario.store.update_data("q", "job", '{"new":"ü"}') is None

    after = await scenario.dump()
    assert after["q"].jobs["job"].record.data == '{"new":"ü"}'
    assert await scenario.store.update_data("q", "job", '{"a":1}') is None
    assert await scenario.dump() == before


async def test_its_holder_may(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()

    assert await scenario.store.update_data("q", "a", "[1]", hand.token) is None
    assert (await scenario.record("a")).data == "[1]"


async def test_nobody_else_may(scenario: Scenario) -> None:
    await scenario.put("a")
    zombie = await scenario.claim()
    await scenario.lose_lock(zombie)
    await scenario.claim(job_id="a")
    before = await scenario.dump()

    answer = await scenario.store.update_data("q", "a", "[1]", zombie.token)

    assert type(answer) is LockLost
    assert await scenario.dump() == before


async def test_a_holder_whose_lock_ran_out_may_not(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    assert type(await scenario.store.update_data("q", "a", "[1]", hand.token)) is LockLost
    assert (await scenario.record("a")).data == '{"a":1}'


async def test_a_job_that_finished_is_held_by_nobody(scenario: Scenario) -> None:
    hand = await scenario.job_in(State.COMPLETED)
    assert hand is not None

    assert type(await scenario.store.update_data("q", "job", "1", hand.token)) is LockLost


@pytest.mark.parametrize("token", [None, "t"])
async def test_a_job_that_does_not_exist_is_not_made(scenario: Scenario, token: str | None) -> None:
    answer = await scenario.store.update_data("q", "nobody", "1", token)

    assert type(answer) is JobNotFound
    assert await scenario.state("nobody") is None
