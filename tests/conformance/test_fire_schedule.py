"""Claimed jobs of schedules have the next ones made."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from oxherd.domain.events import Added, Delayed
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.schedule import job_id_of
from tests.conformance.scenario import Scenario
from tests.conformance.schedules import fire, occupy, put, run, schedule
from tests.timing import START_MS

HOUR = 3_600_000
NEXT_HOUR = START_MS - START_MS % HOUR + HOUR


async def test_the_next_job_is_added(scenario: Scenario) -> None:
    await put(scenario, schedule(attempts=3, priority=2))
    hand = await scenario.claim()
    await scenario.pass_time(18)

    following = await fire(scenario, hand)

    assert following is not None
    assert following == job_id_of("tick", START_MS + 1_000)
    record = await scenario.record(following)
    assert (record.name, record.data, record.schedule_id) == ("tock", '{"a":1}', "tick")
    assert (record.timestamp, record.delay, record.priority) == (START_MS + 18, 982, 2)
    assert record.options.attempts == 3
    assert json.loads(record.raw_options)["repeat"]["count"] == 2
    added, delayed = (await scenario.events())[-2:]
    assert isinstance(added, Added)
    assert isinstance(delayed, Delayed)
    assert (added.job_id, delayed.job_id) == (following, following)
    assert delayed.delay == START_MS + 1_000
    found = await scenario.store.schedule("q", "tick")
    assert found is not None
    assert (found.next_ms, found.count) == (START_MS + 1_000, 2)
    await scenario.complete(hand)


async def test_one_that_is_due_already_waits(scenario: Scenario) -> None:
    await put(scenario, schedule())
    hand = await scenario.claim()
    await scenario.pass_time(1_000)

    following = await fire(scenario, hand)

    assert following is not None
    assert following == job_id_of("tick", START_MS + 1_000)
    assert await scenario.state(following) == State.WAITING
    assert await scenario.claim_order() == [following]


async def test_times_that_were_missed_are_left_out(scenario: Scenario) -> None:
    await scenario.pass_time(445)
    await put(scenario, schedule())
    await scenario.pass_time(5_400)
    hand = await scenario.claim()

    # The times lie 445 ms after each second.
    assert await fire(scenario, hand) == job_id_of("tick", START_MS + 6_445)


async def test_a_given_offset_stays(scenario: Scenario) -> None:
    await put(scenario, schedule(offset_ms=100))
    await scenario.pass_time(3_450)

    assert await run(scenario) == job_id_of("tick", START_MS + 4_100)


async def test_by_a_pattern(scenario: Scenario) -> None:
    await put(scenario, schedule(pattern="0 * * * *"))
    await scenario.pass_time(NEXT_HOUR - START_MS + 5)

    assert await run(scenario) == job_id_of("tick", NEXT_HOUR + HOUR)

    await scenario.pass_time(5 * HOUR)
    assert await run(scenario) == job_id_of("tick", NEXT_HOUR + 6 * HOUR)


async def test_again_and_again(scenario: Scenario) -> None:
    await put(scenario, schedule())
    ran = []
    for _ in range(5):
        ran.append(await run(scenario))
        await scenario.pass_time(1_000)

    assert ran == [job_id_of("tick", START_MS + number * 1_000) for number in range(1, 6)]
    found = await scenario.store.schedule("q", "tick")
    assert found is not None
    assert found.count == 6
    assert (await scenario.store.counts("q"))[State.COMPLETED] == 5


async def test_a_second_time_nothing_follows(scenario: Scenario) -> None:
    await put(scenario, schedule())
    hand = await scenario.claim()
    await fire(scenario, hand)
    before = await scenario.dump()

    assert await fire(scenario, hand) is None

    assert await scenario.dump() == before


async def test_a_repeated_attempt_has_none_made(scenario: Scenario) -> None:
    await put(scenario, schedule(attempts=3))
    hand = await scenario.claim()
    await fire(scenario, hand)
    await scenario.retry(hand)

    again = await scenario.claim(job_id=hand.id)

    assert await fire(scenario, again) is None
    assert (await scenario.store.counts("q"))[State.DELAYED] == 1


async def test_one_that_was_given_back_has_it_made_by_the_next_claim(scenario: Scenario) -> None:
    await put(scenario, schedule())
    await scenario.release(await scenario.claim())

    assert await run(scenario) == job_id_of("tick", START_MS + 1_000)


async def test_when_the_schedule_is_gone_nothing_follows(scenario: Scenario) -> None:
    await put(scenario, schedule())
    hand = await scenario.claim()
    await scenario.store.remove_schedule("q", "tick")

    assert await fire(scenario, hand) is None

    assert (await scenario.store.counts("q"))[State.DELAYED] == 0
    await scenario.complete(hand)


async def test_a_leftover_of_another_time_has_none_made(scenario: Scenario) -> None:
    await put(scenario, schedule())
    hand = await scenario.claim()
    await scenario.store.remove_schedule("q", "tick")
    await scenario.pass_time(300)
    pending = await put(scenario, schedule())

    assert await fire(scenario, hand) is None

    assert await scenario.order(State.WAITING) == [pending]


@pytest.mark.parametrize(
    ("given", "times"),
    [
        ({"limit": 1}, 1),
        ({"limit": 3}, 3),
        ({"end_ms": START_MS + 2_500}, 4),
        ({"every_ms": 1_000, "limit": 9, "end_ms": START_MS + 999}, 2),
    ],
)
async def test_at_its_end_nothing_follows(
    scenario: Scenario, given: dict[str, Any], times: int
) -> None:
    await put(scenario, schedule(**given))
    ran = 0
    while await scenario.store.counts_by_priority("q", [0]) == [1]:
        ran += 1
        await run(scenario)
        await scenario.pass_time(1_000)
        await scenario.store.promote_due("q")

    assert ran == times
    assert await scenario.store.count_schedules("q") == 1
    assert await scenario.order(State.DELAYED) == []


async def test_a_pattern_ends_with_its_last_time(scenario: Scenario) -> None:
    await put(scenario, schedule(pattern="0 * * * *", end_ms=NEXT_HOUR + 5))
    await scenario.pass_time(NEXT_HOUR - START_MS)

    assert await run(scenario) is None


async def test_the_template_is_the_schedule_s_and_the_options_the_job_s(
    scenario: Scenario,
) -> None:
    await put(scenario, schedule(attempts=3))
    hand = await scenario.claim()
    raw = json.dumps(json.loads(hand.record.raw_options) | {"own": "thing"})
    record = msgspec.structs.replace(hand.record, raw_options=raw)

    (following,) = await scenario.store.fire_schedule("q", [record])

    assert following is not None
    record = await scenario.record(following)
    assert record.data == '{"a":1}'
    assert json.loads(record.raw_options)["own"] == "thing"
    await scenario.complete(hand)


async def test_each_of_a_batch_is_judged_alone(scenario: Scenario) -> None:
    for name in ("a", "b", "c"):
        await put(scenario, schedule(name))
    await scenario.put("plain")
    hands = await scenario.claim_many(4)
    await scenario.store.remove_schedule("q", "b")

    answers = await scenario.store.fire_schedule("q", [hand.record for hand in hands])

    due = START_MS + 1_000
    assert answers == [job_id_of("a", due), None, job_id_of("c", due), None]
    assert await scenario.store.fire_schedule("q", []) == []


async def test_slots_of_other_jobs_are_passed_over(scenario: Scenario) -> None:
    await occupy(scenario, START_MS + 1_000, START_MS + 2_000)
    await put(scenario, schedule())

    following = await run(scenario)

    assert following == job_id_of("tick", START_MS + 3_000)
    found = await scenario.store.schedule("q", "tick")
    assert found is not None
    assert (found.next_ms, found.count) == (START_MS + 3_000, 2)


async def test_a_paused_queue_gets_its_job(scenario: Scenario) -> None:
    await put(scenario, schedule())
    hand = await scenario.claim()
    await scenario.store.pause("q")
    await scenario.pass_time(1_000)

    following = await fire(scenario, hand)

    assert following is not None
    assert await scenario.state(following) == State.WAITING
    assert await scenario.claim_many(1) == []


async def test_jobs_of_schedules_are_jobs_like_others(scenario: Scenario) -> None:
    first = await put(scenario, schedule(attempts=2))
    hand = await scenario.claim()
    await fire(scenario, hand)
    await scenario.store.append_log("q", first, ["line"])
    await scenario.store.update_progress("q", first, "5")
    await scenario.retry(hand, 500)
    await scenario.pass_time(500)
    await scenario.fail(await scenario.claim(job_id=first))
    await scenario.reprocess(first, State.FAILED)
    await scenario.run(first)
    await scenario.remove(first)

    assert (await scenario.kinds(first))[-1] == EventKind.REMOVED
    assert await scenario.state(first) is None


async def test_such_a_job_may_have_children(scenario: Scenario) -> None:
    first = await put(scenario, schedule())
    hand = await scenario.claim()
    await scenario.add(scenario.job("a", queue="below", parents=(scenario.edge(first),)))
    assert await scenario.await_children(hand)

    await scenario.run("a", result="1", queue="below")

    assert await scenario.state(first) == State.WAITING
    assert (await scenario.children(first))["a"].value == "1"
