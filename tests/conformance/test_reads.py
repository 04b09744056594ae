"""Looking at jobs and queues: ranges, ranks, counts, and that looking changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import node

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_records_come_in_the_order_asked_for(scenario: Scenario) -> None:
    await scenario.put("a", "b")

    found = await scenario.store.jobs("q", ["b", "nobody", "a", "b"])

    assert [each and each.id for each in found] == ["b", None, "a", "b"]
    assert await scenario.store.jobs("q", []) == []
    assert await scenario.store.jobs("empty", ["a"]) == [None]


@pytest.mark.parametrize("state", list(State))
async def test_every_state_is_found_and_counted(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)

    assert await scenario.store.states("q", ["job", "nobody"]) == [state, None]
    counts = await scenario.store.counts("q")
    assert counts == {each: int(each is state) for each in State}
    assert await scenario.order(state) == ["job"]
    for other in State:
        if other is not state:
            assert await scenario.order(other) == []


async def test_an_unknown_queue_is_empty(scenario: Scenario) -> None:
    assert await scenario.store.counts("empty") == dict.fromkeys(State, 0)
    assert await scenario.store.list_jobs("empty", State.WAITING) == []
    assert await scenario.store.is_paused("empty") is False
    assert await scenario.store.queues() == []
    page = await scenario.store.children("empty", "nobody")
    assert (page.links, page.total) == ((), 0)


RANGES = [
    (0, -1, "abcde"),
    (0, 0, "a"),
    (1, 3, "bcd"),
    (3, 99, "de"),
    (-2, -1, "de"),
    (-99, 1, "ab"),
    (0, -2, "abcd"),
    (4, 2, ""),
    (7, 9, ""),
]


@pytest.mark.parametrize(("start", "end", "expected"), RANGES)
async def test_ranges_have_both_ends(
    scenario: Scenario, start: int, end: int, expected: str
) -> None:
    await scenario.put(*"abcde")

    found = await scenario.store.list_jobs("q", State.WAITING, start, end)

    assert "".join(each.id for each in found) == expected


@pytest.mark.parametrize(("start", "end", "expected"), RANGES)
async def test_ranges_count_from_the_other_side_when_descending(
    scenario: Scenario, start: int, end: int, expected: str
) -> None:
    await scenario.put(*"edcba")

    found = await scenario.store.list_jobs("q", State.WAITING, start, end, ascending=False)

    assert "".join(each.id for each in found) == expected


async def test_each_state_is_in_its_own_order(scenario: Scenario) -> None:
    await scenario.put("p5", priority=5)
    await scenario.put("p1", priority=1)
    await scenario.put("d9", delay=9)
    await scenario.put("d2", delay=2)
    await scenario.put("x", "y", "z", "w")
    for hand in await scenario.claim_many(3):
        await scenario.pass_time(1)
        if hand.id == "y":
            await scenario.fail(hand)
        else:
            await scenario.complete(hand)
    await scenario.put("v", lifo=True)
    await scenario.claim(job_id="v")
    await scenario.claim(job_id="w")

    assert await scenario.order(State.PRIORITIZED) == ["p1", "p5"]
    assert await scenario.order(State.DELAYED) == ["d2", "d9"]
    assert await scenario.order(State.COMPLETED) == ["x", "z"]
    assert await scenario.order(State.FAILED) == ["y"]
    assert await scenario.order(State.ACTIVE) == ["v", "w"]


async def test_parents_are_listed_longest_waiting_first(scenario: Scenario) -> None:
    for name in ("c", "a", "b"):
        await scenario.flow(node(name, node(f"{name}-child", queue="below")))
        await scenario.pass_time(5)

    assert await scenario.order(State.WAITING_CHILDREN) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [(0, None, "abcde"), (0, 2, "ab"), (2, 2, "cd"), (4, 9, "e"), (5, 1, ""), (9, None, "")],
)
async def test_children_come_in_pages(
    scenario: Scenario, start: int, count: int | None, expected: str
) -> None:
    await scenario.flow(node("top", *(node(name, queue="below") for name in "abcde")))

    page = await scenario.store.children("q", "top", start, count)

    assert page.total == 5
    assert [link.key for link in page.links] == [scenario.key(name, "below") for name in expected]


async def test_every_kind_of_child_is_seen(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("done", queue="below"),
            node("broken", queue="below", on_failure=OnFailure.FAIL_PARENT),
            node("ignored", queue="below", on_failure=OnFailure.IGNORE),
            node("pending", queue="below"),
        )
    )
    await scenario.run("done", "[1]", queue="below")
    await scenario.break_down("broken", "why", queue="below")
    await scenario.break_down("ignored", "who cares", queue="below")

    seen = await scenario.children("top")
    assert {name: (link.status, link.value, link.failure) for name, link in seen.items()} == {
        "done": (ChildStatus.PROCESSED, "[1]", None),
        "broken": (ChildStatus.FAILED, None, None),
        "ignored": (ChildStatus.IGNORED, None, "who cares"),
        "pending": (ChildStatus.PENDING, None, None),
    }


async def test_children_outlive_their_records(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below", remove_on_complete=True)))
    hand = await scenario.claim("below")
    keep = hand.record.options.remove_on_complete
    assert keep is not None
    await scenario.store.complete("below", [hand.completion('"kept"', keep)])  # type: ignore[arg-type] # options normalise it

    assert await scenario.state("a", "below") is None
    assert (await scenario.children("top"))["a"].value == '"kept"'


async def test_queues_are_sorted_and_stay_known(scenario: Scenario) -> None:
    await scenario.put("a", queue="b")
    await scenario.put("a", queue="a")
    await scenario.store.pause("c")
    await scenario.store.resume("c")
    await scenario.remove("a", "b")

    assert await scenario.store.queues() == ["a", "b", "c"]


async def test_looking_changes_nothing(scenario: Scenario) -> None:
    for state in State:
        await scenario.job_in(state, f"job-{state}")
    before = await scenario.dump()

    assert await scenario.dump() == before


async def test_many_reads_at_once(scenario: Scenario) -> None:
    await scenario.put(*(f"job-{n}" for n in range(20)))

    found = await asyncio.gather(*(scenario.record(f"job-{n}") for n in range(20)))

    assert [each.id for each in found] == [f"job-{n}" for n in range(20)]


async def test_what_was_written_is_read_at_once(scenario: Scenario) -> None:
    for number in range(25):
        await scenario.put(f"job-{number}")
        assert await scenario.state(f"job-{number}") == State.WAITING
        assert (await scenario.store.counts("q"))[State.WAITING] == number + 1
