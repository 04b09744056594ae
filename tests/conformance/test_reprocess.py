"""Running finished jobs again; what it does to parents is in test_flows.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.events import Waiting
from oxherd.domain.lifecycle import FINISHED, State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


@pytest.mark.parametrize("state", sorted(FINISHED))
async def test_it_starts_from_the_beginning(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state, data="[1]", attempts=3)
    await scenario.store.append_log("q", "job", ["line"])
    await scenario.store.update_progress("q", "job", "50")

    await scenario.reprocess("job", state)

    record = await scenario.record("job")
    assert (record.finished_on, record.processed_on) == (None, None)
    assert (record.returnvalue, record.failed_reason) == (None, None)
    assert (record.attempts_made, record.attempts_started) == (0, 0)
    assert record.data == "[1]"
    event = (await scenario.events())[-1]
    assert isinstance(event, Waiting)
    assert (event.job_id, event.prev) == ("job", state)
    await scenario.run("job", '"again"')
    assert (await scenario.record("job")).returnvalue == '"again"'


@pytest.mark.parametrize("state", sorted(FINISHED))
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("made", [False, True])
async def test_the_counts_of_attempts_may_stay(
    scenario: Scenario, state: State, *, made: bool, started: bool
) -> None:
    # More attempts made than started is what is asked for here.
    scenario.damaged = True
    await scenario.put("job", attempts=3)
    await scenario.retry(await scenario.claim())
    hand = await scenario.claim()
    await (scenario.complete if state is State.COMPLETED else scenario.fail)(hand)

    answers = await scenario.store.reprocess(
        "q", ["job"], state, attempts_made=made, attempts_started=started
    )

    assert answers == [None]
    record = await scenario.record("job")
    assert (record.attempts_made, record.attempts_started) == (
        0 if made else 2,
        0 if started else 2,
    )
    assert (record.finished_on, record.processed_on) == (None, None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["other", "job"]),
        ({"lifo": True}, ["job", "other"]),
        ({"priority": 2}, ["other", "job"]),
        ({"delay": 60}, ["other", "job"]),
    ],
)
async def test_it_goes_where_it_would_be_added_without_its_delay(
    scenario: Scenario, options: dict[str, Any], expected: list[str]
) -> None:
    await scenario.put("job", **options)
    await scenario.pass_time(60_000)
    await scenario.fail(await scenario.claim(job_id="job"))
    await scenario.put("other")

    await scenario.reprocess("job", State.FAILED)

    expected_state = State.PRIORITIZED if "priority" in options else State.WAITING
    assert await scenario.state("job") == expected_state
    assert await scenario.claim_order() == expected


@pytest.mark.parametrize("lifo", [False, True])
async def test_a_prioritized_job_goes_behind_its_priority(
    scenario: Scenario, *, lifo: bool
) -> None:
    await scenario.put("a", priority=2, lifo=lifo)
    await scenario.fail(await scenario.claim(job_id="a"))
    await scenario.put("b", priority=2)
    await scenario.put("c", priority=3)

    await scenario.reprocess("a", State.FAILED)

    assert await scenario.claim_order() == ["b", "a", "c"]


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    for name, state in (("a", State.FAILED), ("done", State.COMPLETED), ("b", State.FAILED)):
        await scenario.job_in(state, name, lifo=False)
    await scenario.put("waits")

    answers = await scenario.store.reprocess(
        "q", ["a", "nobody", "done", "waits", "b"], State.FAILED
    )

    assert [type(answer) for answer in answers] == [
        type(None), JobNotFound, WrongState, WrongState, type(None),
    ]  # fmt: skip
    refused = answers[2]
    assert isinstance(refused, WrongState)
    assert refused.state is State.COMPLETED
    assert await scenario.claim_order() == ["waits", "a", "b"]


async def test_the_same_call_again_changes_nothing(scenario: Scenario) -> None:
    await scenario.job_in(State.FAILED)
    await scenario.reprocess("job", State.FAILED)
    before = await scenario.dump()

    await scenario.store.reprocess("q", ["job"], State.FAILED)

    assert await scenario.dump() == before


async def test_a_completed_parent_with_results_runs_again_at_once(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", "7", queue="below")
    await scenario.run("top")

    await scenario.reprocess("top", State.COMPLETED)

    await scenario.claim(job_id="top")
    assert (await scenario.children("top"))["top-child"].value == "7"


async def test_an_old_stall_does_not_count_against_a_deferred_failure(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.claim()
    await scenario.pass_time(30_001)
    await scenario.rescue(max_stalled_count=0)
    hand = await scenario.claim(job_id="a")
    assert hand.record.deferred_failure is not None
    await scenario.fail(hand, hand.record.deferred_failure)

    await scenario.reprocess("a", State.FAILED)

    assert (await scenario.claim(job_id="a")).record.deferred_failure is None
