"""Storing schedules: when the next job is due, and whose place it takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.errors import WrongState
from oxherd.domain.events import Added, Delayed, Waiting
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.schedule import job_id_of
from tests.conformance.scenario import Scenario
from tests.conformance.schedules import fire, occupy, put, run, schedule
from tests.timing import START_MS

if TYPE_CHECKING:
    from oxherd.domain.schedule import Schedule

HOUR = 3_600_000
NEXT_HOUR = START_MS - START_MS % HOUR + HOUR
HOURLY = {"pattern": "0 * * * *"}


@pytest.fixture(autouse=True)
def _swept(scenario: Scenario) -> None:
    # A pending job that another takes the place of goes without a word.
    scenario.swept = True


async def stored(scenario: Scenario, schedule_id: str = "tick") -> Schedule:
    found = await scenario.store.schedule("q", schedule_id)
    assert found is not None
    return found


async def test_its_first_job_waits(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule())

    assert job_id == job_id_of("tick", START_MS)
    assert await scenario.state(job_id) == State.WAITING
    record = await scenario.record(job_id)
    assert (record.name, record.data, record.schedule_id) == ("tock", '{"a":1}', "tick")
    assert (record.timestamp, record.delay, record.priority) == (START_MS, 0, 0)
    added, waiting = await scenario.events()
    assert isinstance(added, Added)
    assert isinstance(waiting, Waiting)
    assert (added.job_id, waiting.job_id, waiting.prev) == (job_id, job_id, None)


async def test_a_later_one_is_delayed(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule(start_ms=START_MS + 700))

    assert job_id == job_id_of("tick", START_MS + 700)
    assert await scenario.state(job_id) == State.DELAYED
    assert (await scenario.record(job_id)).delay == 700
    event = (await scenario.events())[-1]
    assert isinstance(event, Delayed)
    assert event.delay == START_MS + 700
    await scenario.pass_time(699)
    assert await scenario.claim_order() == []
    await scenario.pass_time(1)
    assert await scenario.claim_order() == [job_id]


async def test_one_by_a_pattern_is_due_when_it_says(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule(**HOURLY))

    assert job_id == job_id_of("tick", NEXT_HOUR)
    assert await scenario.state(job_id) == State.DELAYED


async def test_one_by_a_pattern_may_begin_at_once(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule(**HOURLY, immediately=True))

    assert job_id == job_id_of("tick", START_MS)
    assert await scenario.state(job_id) == State.WAITING
    assert (await stored(scenario)).repeat.immediately is False
    assert await run(scenario) == job_id_of("tick", NEXT_HOUR)


@pytest.mark.parametrize(
    "given",
    [
        {"every_ms": 5_000, "offset_ms": 300},
        {"every_ms": 5_000, "start_ms": START_MS + 5, "end_ms": START_MS + HOUR, "limit": 9},
        {"pattern": "*/5 3 * * 1-5", "tz": "Europe/Paris"},
        {"pattern": "0 0 1 1 *", "start_ms": START_MS + 5, "limit": 2},
    ],
)
async def test_it_can_be_read(scenario: Scenario, given: dict[str, Any]) -> None:
    made = schedule(name="tock", data='{"n":[1,2]}', attempts=3, priority=2, **given)

    job_id = await put(scenario, made)

    found = await stored(scenario)
    assert (found.id, found.name, found.data) == (made.id, made.name, made.data)
    assert (found.options, found.count) == (made.options, 1)
    assert job_id == job_id_of("tick", found.next_ms or 0)
    for name in ("every_ms", "pattern", "tz", "start_ms", "end_ms", "limit"):
        assert getattr(found.repeat, name) == getattr(made.repeat, name)
    if made.repeat.offset_ms is not None:
        assert found.repeat.offset_ms == made.repeat.offset_ms
    assert await scenario.store.schedules("q") == [found]


async def test_without_data_there_is_an_empty_object(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule(data="{}"))

    assert (await stored(scenario)).data == "{}"
    assert (await scenario.record(job_id)).data == "{}"


async def test_the_options_are_those_of_its_jobs(scenario: Scenario) -> None:
    await scenario.put("first")
    front = await put(scenario, schedule("front", lifo=True))
    urgent = await put(scenario, schedule("urgent", priority=2, attempts=4, keep_logs=3))

    record = await scenario.record(urgent)
    assert (record.priority, record.options.attempts, record.options.keep_logs) == (2, 4, 3)
    assert await scenario.claim_order() == [front, "first", urgent]


async def test_the_repetition_is_told_in_the_stored_options(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule(limit=7))

    stored_options = json.loads((await scenario.record(job_id)).raw_options)
    assert stored_options["repeat"]["every"] == 1_000
    assert (stored_options["repeat"]["count"], stored_options["repeat"]["limit"]) == (1, 7)


async def test_put_again_its_waiting_job_is_replaced(scenario: Scenario) -> None:
    before = await put(scenario, schedule())
    await scenario.pass_time(400)

    after = await put(scenario, schedule(name="new", data="[2]", priority=3))

    assert after == before
    record = await scenario.record(after)
    assert (record.name, record.data, record.priority) == ("new", "[2]", 3)
    assert await scenario.state(after) == State.PRIORITIZED
    found = await stored(scenario)
    assert (found.name, found.data, found.count) == ("new", "[2]", 1)
    assert EventKind.REMOVED not in await scenario.kinds(after)
    assert await scenario.store.count_schedules("q") == 1
    assert await scenario.claim_order() == [after]


async def test_put_again_its_delayed_job_is_replaced(scenario: Scenario) -> None:
    await put(scenario, schedule())
    following = await run(scenario)
    await scenario.pass_time(300)

    assert await put(scenario, schedule(name="new")) == following

    found = await stored(scenario)
    assert (found.next_ms, found.count) == (START_MS + 1_000, 2)
    assert await scenario.order(State.DELAYED) == [following]


async def test_put_again_while_the_queue_is_paused(scenario: Scenario) -> None:
    await put(scenario, schedule())
    await scenario.store.pause("q")
    await scenario.pass_time(300)

    again = await put(scenario, schedule())

    assert await scenario.order(State.WAITING) == [again]


async def test_put_again_while_a_job_of_it_runs(scenario: Scenario) -> None:
    await put(scenario, schedule())
    hand = await scenario.claim()
    following = await fire(scenario, hand)

    assert await put(scenario, schedule(name="new")) == following

    assert (await scenario.record(following or "")).name == "new"
    assert await scenario.order(State.ACTIVE) == [hand.id]
    assert (await stored(scenario)).count == 2
    await scenario.complete(hand)


@pytest.mark.parametrize("other", [{"every_ms": 7_000}, {"every_ms": 500}])
async def test_with_another_interval_its_times_begin_anew(
    scenario: Scenario, other: dict[str, Any]
) -> None:
    await put(scenario, schedule())
    await run(scenario)
    await scenario.pass_time(250)

    again = await put(scenario, schedule(**other))

    assert again == job_id_of("tick", START_MS + 250)
    assert await scenario.order(State.DELAYED) == []
    assert (await stored(scenario)).count == 2


async def test_from_an_interval_to_a_pattern_and_back(scenario: Scenario) -> None:
    await put(scenario, schedule())
    assert await put(scenario, schedule(**HOURLY)) == job_id_of("tick", NEXT_HOUR)
    await scenario.pass_time(100)
    assert await put(scenario, schedule()) == job_id_of("tick", START_MS + 100)

    (only,) = await scenario.store.schedules("q")
    assert (only.repeat.pattern, only.count) == (None, 1)
    assert len(await scenario.claim_order()) == 1


async def test_with_another_pattern_or_zone_its_times_begin_anew(scenario: Scenario) -> None:
    await put(scenario, schedule(**HOURLY))
    half = await put(scenario, schedule(pattern="30 * * * *"))
    assert half == job_id_of("tick", START_MS + HOUR // 2)
    moved = await put(scenario, schedule(pattern="30 * * * *", tz="Asia/Kathmandu"))

    assert half != moved
    assert await scenario.order(State.DELAYED) == [moved]


async def test_an_overdue_job_of_the_same_pattern_keeps_its_time(scenario: Scenario) -> None:
    first = await put(scenario, schedule(**HOURLY))
    await scenario.pass_time(2 * HOUR)

    assert await put(scenario, schedule(**HOURLY)) == first

    assert await scenario.claim_order() == [first]


async def test_when_its_job_ended_unfired_the_next_time_follows(scenario: Scenario) -> None:
    first = await put(scenario, schedule())
    await scenario.complete(await scenario.claim(job_id=first))
    await scenario.pass_time(5_400)

    again = await put(scenario, await stored(scenario))

    assert again == job_id_of("tick", START_MS + 6_000)
    assert (await stored(scenario)).count == 2
    assert await scenario.state(first) == State.COMPLETED


async def test_when_its_job_is_gone_the_next_time_follows(scenario: Scenario) -> None:
    first = await put(scenario, schedule())
    await scenario.complete(await scenario.claim(job_id=first))
    await scenario.remove(first)
    await scenario.pass_time(400)

    again = await put(scenario, schedule())

    assert again == job_id_of("tick", START_MS + 1_000)
    assert (await stored(scenario)).count == 2


@pytest.mark.parametrize(
    "over",
    [
        {"end_ms": START_MS - 1},
        {"pattern": "0 0 1 1 *", "end_ms": START_MS + 5_000},
        {"pattern": "0 0 1 1 *", "end_ms": START_MS - 5_000},
    ],
)
async def test_past_its_end_nothing_is_written(scenario: Scenario, over: dict[str, Any]) -> None:
    await scenario.put("a")
    before = await scenario.dump()

    assert await scenario.store.put_schedule("q", schedule(**over)) is None

    assert await scenario.dump() == before
    assert await scenario.store.count_schedules("q") == 0


async def test_when_all_its_jobs_were_made_nothing_is_written(scenario: Scenario) -> None:
    made = schedule(limit=2)
    await put(scenario, made)
    await run(scenario)
    # The second still waits: it may be replaced.
    assert await put(scenario, made) == job_id_of("tick", START_MS + 1_000)
    await scenario.pass_time(1_000)
    assert await run(scenario) is None
    before = await scenario.dump()

    assert await scenario.store.put_schedule("q", made) is None

    assert await scenario.dump() == before
    assert (await stored(scenario)).count == 2
    assert await put(scenario, schedule(limit=3)) == job_id_of("tick", START_MS + 2_000)
    assert (await stored(scenario)).count == 3


async def test_slots_of_other_jobs_are_passed_over(scenario: Scenario) -> None:
    await occupy(scenario, *range(START_MS, START_MS + 3_000, 1_000))

    again = await put(scenario, schedule())

    assert again == job_id_of("tick", START_MS + 3_000)
    assert await scenario.state(again) == State.DELAYED


async def test_without_a_free_slot_it_is_refused(scenario: Scenario) -> None:
    await occupy(scenario, *range(START_MS, START_MS + 33_000, 1_000))
    before = await scenario.dump()

    answer = await scenario.store.put_schedule("q", schedule())

    assert isinstance(answer, WrongState)
    assert answer.state == State.COMPLETED
    assert await scenario.dump() == before
    assert await scenario.store.count_schedules("q") == 0


async def test_the_stored_offset_is_where_the_times_lie(scenario: Scenario) -> None:
    await scenario.pass_time(445)
    await put(scenario, schedule())

    assert (await stored(scenario)).repeat.offset_ms == 445


async def test_a_given_offset_is_where_the_times_lie(scenario: Scenario) -> None:
    first = await put(scenario, schedule(offset_ms=100))

    assert first == job_id_of("tick", START_MS + 100)
    assert (await stored(scenario)).repeat.offset_ms == 100


async def test_a_stored_schedule_put_as_it_is_changes_nothing(scenario: Scenario) -> None:
    await put(scenario, schedule(attempts=2))
    await run(scenario)
    found = await stored(scenario)

    await put(scenario, found)

    assert await stored(scenario) == found


async def test_several_schedules_stand_side_by_side(scenario: Scenario) -> None:
    await put(scenario, schedule("a"))
    await put(scenario, schedule("b:c", every_ms=5))
    await put(scenario, schedule("d"))

    assert await scenario.store.count_schedules("q") == 3
    assert {each.id for each in await scenario.store.schedules("q")} == {"a", "b:c", "d"}
