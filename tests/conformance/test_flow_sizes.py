"""Flows of many levels and of many children."""

from __future__ import annotations

import pytest

from oxherd.domain.lifecycle import EventKind, State
from tests.conformance.scenario import Scenario, node


async def run_chain(scenario: Scenario, length: int) -> None:
    top = node("job-0")
    for number in range(1, length):
        top = node(f"job-{number}", top)
    await scenario.flow(top)
    for number in range(length):
        await scenario.run(f"job-{number}", str(number))

    root = f"job-{length - 1}"
    assert await scenario.state(root) == State.COMPLETED
    assert (await scenario.children(root))[f"job-{length - 2}"].value == str(length - 2)


async def fail_chain(scenario: Scenario, length: int) -> None:
    top = node("job-0")
    for number in range(1, length):
        top = node(f"job-{number}", top)
    await scenario.flow(top)
    await scenario.break_down("job-0")
    for number in range(1, length):
        hand = await scenario.claim(job_id=f"job-{number}")
        reason = f"child {scenario.key(f'job-{number - 1}')} failed"
        assert hand.record.deferred_failure == reason
        await scenario.fail(hand, reason)

    assert (await scenario.store.counts("q"))[State.FAILED] == length


async def run_star(scenario: Scenario, width: int) -> None:
    await scenario.flow(node("top", *(node(f"job-{n}", queue="below") for n in range(width))))
    while hands := await scenario.claim_many(500, "below"):
        answers = await scenario.store.complete(
            "below", [hand.completion(f'"{hand.id}"') for hand in hands]
        )
        assert set(answers) == {None}
    page = await scenario.store.children("q", "top")
    assert [link.value for link in page.links] == [f'"job-{n}"' for n in range(width)]
    await scenario.run("top")


async def test_a_chain_of_many_runs_to_its_root(scenario: Scenario) -> None:
    await run_chain(scenario, 300)


async def test_a_failure_climbs_a_chain_of_many(scenario: Scenario) -> None:
    await fail_chain(scenario, 100)


async def test_a_thousand_children_of_one_parent(scenario: Scenario) -> None:
    await run_star(scenario, 1_000)


async def test_a_thousand_failing_children_fail_their_parent_once(scenario: Scenario) -> None:
    await scenario.flow(node("top", *(node(f"job-{n}", queue="below") for n in range(1_000))))
    while hands := await scenario.claim_many(500, "below"):
        await scenario.store.fail("below", [hand.failure() for hand in hands])

    assert (await scenario.kinds("top")).count(EventKind.WAITING) == 1
    hand = await scenario.claim(job_id="top")
    await scenario.fail(hand, hand.record.deferred_failure or "")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_chain_of_thousands(scenario: Scenario) -> None:
    scenario.trimmed = True
    await run_chain(scenario, 10_000)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_thousand_children_of_one_parent(scenario: Scenario) -> None:
    scenario.trimmed = True
    await run_star(scenario, 10_000)
