"""Deduplication: who owns an id, who is dropped for whom, and when the id is free again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.events import Deduplicated, Duplicated
from oxherd.domain.keep import KEEP_NONE, Keep
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.record import Added, ChildStatus
from tests.conformance.scenario import node

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario

SIMPLE = Deduplication("d")
FOR_A_MINUTE = Deduplication("d", ttl=60)
EXTENDED = Deduplication("d", ttl=60, extend=True)


async def add(scenario: Scenario, job_id: str, mode: Deduplication, **options: Any) -> Added:
    (added,) = await scenario.add(scenario.job(job_id, deduplication=mode, **options))
    return added


async def dropped(
    scenario: Scenario, job_id: str, mode: Deduplication, owner: str, **options: Any
) -> None:
    """Adding this job drops it for the owner, with one event and no other change."""
    before, events = await scenario.still_dump(), await scenario.events()
    added = await add(scenario, job_id, mode, **options)
    assert (added.id, added.deduplicated, added.duplicate) == (owner, True, False)
    assert await scenario.owner() == owner
    assert await scenario.still_dump() == before
    (event,) = (await scenario.events())[len(events) :]
    assert isinstance(event, Deduplicated)
    assert (event.job_id, event.deduplication_id) == (owner, "d")
    assert event.deduplicated_job_id == job_id


async def taken(scenario: Scenario, job_id: str, mode: Deduplication, **options: Any) -> None:
    """Adding this job stores it, and it owns the id."""
    added = await add(scenario, job_id, mode, **options)
    assert (added.id, added.deduplicated, added.duplicate) == (job_id, False, False)
    assert await scenario.owner() == job_id
    assert await scenario.state(job_id) is not None


@pytest.mark.parametrize("mode", [SIMPLE, FOR_A_MINUTE, EXTENDED])
async def test_the_first_job_owns_the_id(scenario: Scenario, mode: Deduplication) -> None:
    assert await scenario.owner() is None

    await taken(scenario, "first", mode)

    record = await scenario.record("first")
    assert record.deduplication_id == "d"
    assert record.options.deduplication == mode
    assert await scenario.kinds("first") == [EventKind.ADDED, EventKind.WAITING]
    assert (await scenario.claim(job_id="first")).record.deduplication_id == "d"


async def test_a_job_without_an_id_has_none(scenario: Scenario) -> None:
    await scenario.put("a")

    assert (await scenario.record("a")).deduplication_id is None


@pytest.mark.parametrize("mode", [SIMPLE, FOR_A_MINUTE, EXTENDED])
@pytest.mark.parametrize(
    "state",
    [State.WAITING, State.PRIORITIZED, State.DELAYED, State.WAITING_CHILDREN, State.ACTIVE],
)
async def test_while_it_is_owned_another_job_is_dropped(
    scenario: Scenario, state: State, mode: Deduplication
) -> None:
    await scenario.job_in(state, "owner", deduplication=mode)

    await dropped(scenario, "second", mode, "owner")
    await dropped(scenario, "third", mode, "owner", delay=5, priority=3)

    assert await scenario.state("second") is None


async def test_the_one_who_asks_decides_about_the_mode(scenario: Scenario) -> None:
    await taken(scenario, "owner", SIMPLE)

    await dropped(scenario, "second", FOR_A_MINUTE, "owner")
    await scenario.pass_time(120_000)

    await dropped(scenario, "third", SIMPLE, "owner")


async def test_other_ids_and_other_queues_are_others(scenario: Scenario) -> None:
    await taken(scenario, "a", SIMPLE)
    await scenario.put("b", deduplication=Deduplication("other"))
    await scenario.put("a", queue="q2", deduplication=SIMPLE)
    await scenario.put("c")

    assert await scenario.owner("other") == "b"
    assert await scenario.owner("d", "q2") == "a"
    assert (await scenario.store.counts("q"))[State.WAITING] == 3


@pytest.mark.parametrize("name", ["a:b", "repeat", "ü 🐂", "*", "'--", "x" * 300])
async def test_the_id_is_any_text(scenario: Scenario, name: str) -> None:
    await scenario.put("first", deduplication=Deduplication(name))
    (added,) = await scenario.add(scenario.job("second", deduplication=Deduplication(name)))

    assert added.id == "first"
    assert await scenario.owner(name) == "first"


@pytest.mark.parametrize("keep", [Keep(), KEEP_NONE, Keep(count=0)])
@pytest.mark.parametrize("end", ["complete", "fail"])
async def test_the_end_of_the_owner_frees_the_id(scenario: Scenario, end: str, keep: Keep) -> None:
    await taken(scenario, "owner", SIMPLE)
    hand = await scenario.claim()

    if end == "complete":
        await scenario.complete(hand, keep=keep)
    else:
        await scenario.fail(hand, keep=keep)

    assert await scenario.owner() is None
    await taken(scenario, "second", SIMPLE)


async def test_attempts_that_end_free_nothing(scenario: Scenario) -> None:
    await taken(scenario, "owner", SIMPLE)

    await scenario.retry(await scenario.claim())
    await dropped(scenario, "a", SIMPLE, "owner")
    await scenario.release(await scenario.claim())
    await dropped(scenario, "b", SIMPLE, "owner")
    await scenario.postpone(await scenario.claim(), 1_000)
    await dropped(scenario, "c", SIMPLE, "owner")
    await scenario.pass_time(1_000)
    await scenario.lose_lock(await scenario.claim())
    await dropped(scenario, "e", SIMPLE, "owner")
    await scenario.retry(await scenario.claim(), 1_000)
    await dropped(scenario, "f", SIMPLE, "owner")


@pytest.mark.parametrize("mode", [SIMPLE, FOR_A_MINUTE, EXTENDED])
@pytest.mark.parametrize("state", [State.WAITING, State.DELAYED, State.COMPLETED])
async def test_removing_the_owner_frees_the_id(
    scenario: Scenario, state: State, mode: Deduplication
) -> None:
    await scenario.job_in(state, "owner", deduplication=mode)

    await scenario.remove("owner")

    assert await scenario.owner() is None
    await taken(scenario, "second", mode)


async def test_removing_another_job_frees_nothing(scenario: Scenario) -> None:
    await taken(scenario, "old", FOR_A_MINUTE)
    await scenario.pass_time(60_001)
    await taken(scenario, "owner", FOR_A_MINUTE)

    await scenario.remove("old")

    await dropped(scenario, "third", FOR_A_MINUTE, "owner")


async def test_an_id_is_owned_for_its_time_however_the_owner_fares(scenario: Scenario) -> None:
    await taken(scenario, "owner", FOR_A_MINUTE)
    await scenario.run("owner")

    await dropped(scenario, "second", FOR_A_MINUTE, "owner")
    await scenario.pass_time(40_000)
    await dropped(scenario, "third", FOR_A_MINUTE, "owner")
    await scenario.pass_time(20_001)

    assert await scenario.owner() is None
    await taken(scenario, "fourth", FOR_A_MINUTE)


async def test_after_its_time_an_id_is_free_although_the_owner_waits(scenario: Scenario) -> None:
    await taken(scenario, "first", FOR_A_MINUTE)
    await scenario.pass_time(60_001)

    await taken(scenario, "second", FOR_A_MINUTE)

    await scenario.run("first")
    await dropped(scenario, "third", FOR_A_MINUTE, "second")


async def test_the_end_of_a_former_owner_frees_nothing(scenario: Scenario) -> None:
    await taken(scenario, "first", FOR_A_MINUTE)
    await scenario.pass_time(60_001)
    await taken(scenario, "second", SIMPLE)

    await scenario.run("first")

    await dropped(scenario, "third", SIMPLE, "second")
    await scenario.run("second")
    await taken(scenario, "fourth", SIMPLE)


@pytest.mark.parametrize("keep", [KEEP_NONE, Keep(count=1)])
async def test_retention_frees_nothing(scenario: Scenario, keep: Keep) -> None:
    await taken(scenario, "owner", FOR_A_MINUTE)
    await scenario.put("other")
    await scenario.complete(await scenario.claim(job_id="owner"), keep=keep)
    await scenario.pass_time(1)
    await scenario.complete(await scenario.claim(job_id="other"), keep=keep)
    assert await scenario.state("owner") is None

    await dropped(scenario, "second", FOR_A_MINUTE, "owner")
    await scenario.pass_time(60_001)
    await taken(scenario, "third", FOR_A_MINUTE)


async def test_each_dropped_job_starts_an_extended_time_again(scenario: Scenario) -> None:
    await taken(scenario, "owner", EXTENDED)
    for n in range(3):
        await scenario.pass_time(40_000)
        await dropped(scenario, f"again-{n}", EXTENDED, "owner")
    await scenario.pass_time(60_001)

    await taken(scenario, "next", EXTENDED)


async def test_an_owner_without_a_record_owns_nothing(scenario: Scenario) -> None:
    scenario.damaged = True
    await taken(scenario, "ghost", SIMPLE)
    await scenario.probe.vanish("q", "ghost")

    await taken(scenario, "second", SIMPLE)

    assert not [event for event in await scenario.events() if isinstance(event, Deduplicated)]


async def test_a_given_id_that_exists_is_judged_first(scenario: Scenario) -> None:
    await taken(scenario, "owner", SIMPLE)
    await scenario.put("given")

    added = await add(scenario, "given", SIMPLE)

    assert (added.id, added.duplicate, added.deduplicated) == ("given", True, False)
    assert isinstance((await scenario.events())[-1], Duplicated)
    added = await add(scenario, "owner", SIMPLE)
    assert (added.id, added.duplicate, added.deduplicated) == ("owner", True, False)


async def test_jobs_of_one_call_are_judged_in_order(scenario: Scenario) -> None:
    def job(job_id: str) -> Any:
        return scenario.job(job_id, deduplication=SIMPLE)

    answers = await scenario.try_add(
        (job("a"), scenario.job("b"), job("c")), (job("e"),), (scenario.job("f"),)
    )

    told = [
        [(added.id, added.deduplicated) for added in answer]
        for answer in answers
        if isinstance(answer, tuple)
    ]
    assert told == [[("a", False), ("b", False), ("a", True)], [("a", True)], [("f", False)]]
    assert await scenario.claim_order() == ["a", "b", "f"]


async def test_a_fresh_id_is_dropped_as_well(scenario: Scenario) -> None:
    await taken(scenario, "owner", SIMPLE)
    job = scenario.job(deduplication=SIMPLE)

    (added,) = await scenario.add(job)

    assert (added.id, added.deduplicated) == ("owner", True)
    event = (await scenario.events())[-1]
    assert isinstance(event, Deduplicated)
    assert event.deduplicated_job_id == job.id


async def test_a_dropped_child_is_none_of_its_parents(scenario: Scenario) -> None:
    await scenario.put("owner", queue="below", deduplication=SIMPLE)

    added = await scenario.flow(
        node("top", node("other", queue="below"), node("leaf", queue="below", deduplication=SIMPLE))
    )

    assert [(each.id, each.deduplicated) for each in added] == [
        ("top", False), ("other", False), ("owner", True),
    ]  # fmt: skip
    assert {name: link.status for name, link in (await scenario.children("top")).items()} == {
        "other": ChildStatus.PENDING
    }
    await scenario.run("owner", queue="below")
    assert await scenario.state("top") is State.WAITING_CHILDREN
    await scenario.run("other", queue="below")
    await scenario.run("top")


async def test_a_parent_of_dropped_children_only_runs_at_once(scenario: Scenario) -> None:
    await scenario.put("owner", queue="below", deduplication=SIMPLE)

    await scenario.flow(
        node(
            "top",
            node("middle", node("leaf", queue="below", deduplication=SIMPLE), queue="middle"),
        )
    )

    assert await scenario.state("middle", "middle") is State.WAITING
    await scenario.run("middle", queue="middle")
    await scenario.run("top")


async def test_a_dropped_job_is_not_attached_to_a_live_parent(scenario: Scenario) -> None:
    await taken(scenario, "owner", SIMPLE)
    await scenario.job_in(State.WAITING_CHILDREN, "top")

    await dropped(scenario, "late", SIMPLE, "owner", parents=(scenario.edge("top"),))

    assert list(await scenario.children("top")) == ["top-child"]


async def test_a_job_run_again_does_not_own_the_id_anew(scenario: Scenario) -> None:
    await scenario.job_in(State.FAILED, "old", deduplication=SIMPLE)
    await taken(scenario, "owner", SIMPLE)

    await scenario.reprocess("old", State.FAILED)

    await dropped(scenario, "third", SIMPLE, "owner")
    await scenario.remove("owner")
    await scenario.run("old")
    await taken(scenario, "fourth", SIMPLE)
