"""Deduplication: a new job in the place of the delayed owner, or its delay for the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.events import Deduplicated, Delayed, Event, JobEvent, Removed
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import node
from tests.timing import START_MS

if TYPE_CHECKING:
    from oxherd.domain.record import Added
    from tests.conformance.scenario import Scenario

REPLACING = Deduplication("d", replace=True)
RESCHEDULING = Deduplication("d", reschedule=True)


async def add(scenario: Scenario, job_id: str, mode: Deduplication, **options: Any) -> Added:
    (added,) = await scenario.add(scenario.job(job_id, deduplication=mode, **options))
    return added


async def stories(scenario: Scenario) -> list[tuple[str, EventKind | None]]:
    return [
        (event.job_id, event.kind)
        for event in await scenario.events()
        if isinstance(event, JobEvent)
    ]


async def last_event(scenario: Scenario) -> Event:
    return (await scenario.events())[-1]


async def test_a_delayed_owner_makes_way(scenario: Scenario) -> None:
    await add(scenario, "old", REPLACING, delay=60)

    added = await add(scenario, "new", REPLACING, delay=30, data="[2]")

    assert (added.id, added.deduplicated) == ("new", False)
    assert await scenario.state("old") is None
    assert await scenario.order(State.DELAYED) == ["new"]
    assert await scenario.owner() == "new"
    assert await stories(scenario) == [
        ("old", EventKind.ADDED),
        ("old", EventKind.DELAYED),
        ("old", EventKind.REMOVED),
        ("new", EventKind.DEDUPLICATED),
        ("new", EventKind.ADDED),
        ("new", EventKind.DELAYED),
    ]
    removed, deduplicated = (await scenario.events())[2:4]
    assert isinstance(removed, Removed)
    assert removed.prev == "delayed"
    assert isinstance(deduplicated, Deduplicated)
    assert (deduplicated.deduplication_id, deduplicated.deduplicated_job_id) == ("d", "old")
    await scenario.pass_time(30_000)
    await scenario.run("new")
    assert await scenario.owner() is None


@pytest.mark.parametrize(
    "state", [State.WAITING, State.PRIORITIZED, State.ACTIVE, State.WAITING_CHILDREN]
)
async def test_any_other_owner_stays_and_nothing_is_told(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state, "owner", deduplication=REPLACING)
    before = await scenario.dump()

    added = await add(scenario, "new", REPLACING)

    assert (added.id, added.deduplicated) == ("owner", True)
    assert await scenario.dump() == before


async def test_an_owner_that_waits_for_its_next_attempt_makes_way(scenario: Scenario) -> None:
    await add(scenario, "old", REPLACING, attempts=3)
    await scenario.store.append_log("q", "old", ["line"])
    await scenario.retry(await scenario.claim(), 5_000)

    await add(scenario, "new", REPLACING)

    assert await scenario.state("old") is None
    assert (await scenario.store.logs("q", "old")).total == 0
    await scenario.run("new")


async def test_the_time_to_live_runs_on(scenario: Scenario) -> None:
    mode = Deduplication("d", ttl=60, replace=True)
    await add(scenario, "old", mode, delay=600)
    await scenario.pass_time(40_000)
    await add(scenario, "new", mode, delay=600)
    assert await scenario.owner() == "new"

    await scenario.pass_time(20_001)

    assert await scenario.owner() is None
    await add(scenario, "next", mode, delay=600)
    assert await scenario.state("new") is State.DELAYED


async def test_an_extended_time_to_live_starts_again(scenario: Scenario) -> None:
    mode = Deduplication("d", ttl=60, replace=True, extend=True)
    await add(scenario, "old", mode, delay=600)
    await scenario.pass_time(40_000)
    await add(scenario, "new", mode, delay=600)

    await scenario.pass_time(40_000)

    assert await scenario.owner() == "new"
    await scenario.pass_time(20_001)
    assert await scenario.owner() is None


async def test_an_owner_for_good_is_replaced_by_one_for_good(scenario: Scenario) -> None:
    await add(scenario, "old", Deduplication("d"), delay=600)
    await add(scenario, "new", Deduplication("d", ttl=1, replace=True), delay=600)

    await scenario.pass_time(10_000)

    assert await scenario.owner() == "new"


async def test_an_owner_without_a_record_gives_its_place(scenario: Scenario) -> None:
    scenario.damaged = True
    await add(scenario, "ghost", REPLACING)
    await scenario.probe.vanish("q", "ghost")

    added = await add(scenario, "new", REPLACING)

    assert (added.id, added.deduplicated) == ("new", False)
    assert await scenario.owner() == "new"


async def test_the_parents_of_a_replaced_job_forget_it(scenario: Scenario) -> None:
    await scenario.flow(
        node("top", node("leaf", queue="below", delay=600, deduplication=REPLACING))
    )

    (added,) = await scenario.add(scenario.job("new", queue="below", deduplication=REPLACING))

    assert added.id == "new"
    assert await scenario.children("top") == {}
    await scenario.run("top")
    await scenario.run("new", queue="below")


async def test_the_children_of_a_replaced_job_forget_it(scenario: Scenario) -> None:
    await add(scenario, "old", REPLACING, delay=600)
    edge = scenario.edge("old")
    for name in ("done", "waits"):
        await scenario.add(scenario.job(name, queue="below", parents=(edge,)))
    await scenario.run("done", queue="below")

    await add(scenario, "new", REPLACING)

    assert (await scenario.record("waits", "below")).parents == ()
    assert (await scenario.record("done", "below")).parents == ()
    assert await scenario.children("old") == {}
    await scenario.run("waits", queue="below")
    await scenario.run("new")


async def test_of_two_children_alike_the_later_one_stays(scenario: Scenario) -> None:
    def leaf(job_id: str) -> Any:
        return node(job_id, queue="below", delay=60, deduplication=REPLACING)

    added = await scenario.flow(node("top", leaf("one"), leaf("two")))

    assert [each.id for each in added] == ["top", "one", "two"]
    assert {name: link.status for name, link in (await scenario.children("top")).items()} == {
        "two": ChildStatus.PENDING
    }
    await scenario.pass_time(60_000)
    await scenario.run("two", queue="below")
    await scenario.run("top")


async def test_a_delayed_owner_takes_the_delay_of_the_dropped_job(scenario: Scenario) -> None:
    await add(scenario, "owner", RESCHEDULING, delay=600)
    await scenario.put("other", delay=60)
    await scenario.pass_time(10_000)

    added = await add(scenario, "second", RESCHEDULING, delay=20, data="[2]")

    assert (added.id, added.deduplicated) == ("owner", True)
    record = await scenario.record("owner")
    assert (record.delay, record.data) == (20_000, '{"a":1}')
    deduplicated, delayed = (await scenario.events())[-2:]
    assert isinstance(deduplicated, Deduplicated)
    assert deduplicated.deduplicated_job_id == "second"
    assert isinstance(delayed, Delayed)
    assert (delayed.job_id, delayed.delay) == ("owner", START_MS + 30_000)
    assert await scenario.order(State.DELAYED) == ["owner", "other"]
    await scenario.pass_time(20_000)
    await scenario.run("owner")


async def test_the_new_delay_counts_from_the_time_of_the_dropped_job(scenario: Scenario) -> None:
    await add(scenario, "owner", RESCHEDULING, delay=600)

    await add(scenario, "second", RESCHEDULING, delay=30, timestamp=START_MS + 5_000)

    delayed = await last_event(scenario)
    assert isinstance(delayed, Delayed)
    assert delayed.delay == START_MS + 35_000


async def test_without_a_delay_the_owner_is_due_at_once(scenario: Scenario) -> None:
    await add(scenario, "owner", RESCHEDULING, delay=600)

    await add(scenario, "second", RESCHEDULING)

    assert (await scenario.record("owner")).delay == 0
    await scenario.run("owner")


@pytest.mark.parametrize("state", [State.WAITING, State.PRIORITIZED, State.ACTIVE])
async def test_only_a_delayed_owner_is_rescheduled(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state, "owner", deduplication=RESCHEDULING)
    before = await scenario.still_dump()

    added = await add(scenario, "second", RESCHEDULING, delay=5)

    assert added.deduplicated
    assert await scenario.still_dump() == before
    assert isinstance(await last_event(scenario), Deduplicated)


async def test_an_extended_time_starts_again_with_the_new_delay(scenario: Scenario) -> None:
    mode = Deduplication("d", ttl=60, extend=True, reschedule=True)
    await add(scenario, "owner", mode, delay=600)
    await scenario.pass_time(40_000)
    await add(scenario, "second", mode, delay=300)

    await scenario.pass_time(40_000)

    assert await scenario.owner() == "owner"
    assert (await scenario.record("owner")).delay == 300_000


async def test_replacing_wins_over_rescheduling(scenario: Scenario) -> None:
    mode = Deduplication("d", replace=True, reschedule=True)
    await add(scenario, "old", mode, delay=600)

    added = await add(scenario, "new", mode, delay=30)

    assert (added.id, added.deduplicated) == ("new", False)
    assert await scenario.order(State.DELAYED) == ["new"]
