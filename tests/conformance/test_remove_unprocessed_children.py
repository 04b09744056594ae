"""Removing what a job still waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.errors import JobNotFound
from oxherd.domain.events import Removed
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import Scenario, node

if TYPE_CHECKING:
    from collections.abc import Iterable


async def sweep(scenario: Scenario, job_id: str = "top") -> None:
    assert await scenario.store.remove_unprocessed_children("q", job_id) is None


async def states(scenario: Scenario, job_ids: Iterable[str]) -> list[State | None]:
    return await scenario.store.states("below", list(job_ids))


async def test_pending_children_go_and_the_parent_is_released(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below", delay=60)))

    await sweep(scenario)

    assert await states(scenario, "ab") == [None, None]
    assert await scenario.state("top") == State.WAITING
    assert await scenario.children("top") == {}
    removed = [each for each in await scenario.events("below") if isinstance(each, Removed)]
    assert {(each.job_id, each.prev) for each in removed} == {
        ("a", State.WAITING), ("b", State.DELAYED),
    }  # fmt: skip


async def test_what_has_ended_stays(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("done", queue="below"),
            node("broken", queue="below", on_failure=OnFailure.IGNORE),
            node("left", queue="below"),
        )
    )
    await scenario.run("done", result="1", queue="below")
    await scenario.break_down("broken", queue="below")

    await sweep(scenario)

    assert await states(scenario, ["done", "broken", "left"]) == [
        State.COMPLETED, State.FAILED, None,
    ]  # fmt: skip
    links = await scenario.children("top")
    assert {name: link.status for name, link in links.items()} == {
        "done": ChildStatus.PROCESSED,
        "broken": ChildStatus.IGNORED,
    }
    assert await scenario.state("top") == State.WAITING


async def test_a_failed_child_that_blocks_stays(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("broken", queue="below", on_failure=OnFailure.BLOCK),
            node("left", queue="below"),
        )
    )
    await scenario.break_down("broken", queue="below")

    await sweep(scenario)

    assert await states(scenario, ["broken", "left"]) == [State.FAILED, None]
    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert list(await scenario.children("top")) == ["broken"]


async def test_a_running_child_stays_and_is_awaited(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    hand = await scenario.claim("below")

    await sweep(scenario)

    assert await states(scenario, "ab") == [State.ACTIVE, None]
    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.complete(hand, "5")
    assert (await scenario.children("top"))["a"].value == "5"
    assert await scenario.state("top") == State.WAITING


async def test_at_every_level_only_what_is_pending_goes(scenario: Scenario) -> None:
    mid = node(
        "mid",
        node("done", queue="below"),
        node("runs", queue="below"),
        node("left", queue="below"),
        queue="below",
    )
    await scenario.flow(node("top", mid))
    await scenario.run("done", queue="below")
    hand = await scenario.claim("below")

    await sweep(scenario)

    assert await states(scenario, ["mid", "left"]) == [None, None]
    assert await states(scenario, ["done", "runs"]) == [State.COMPLETED, State.ACTIVE]
    for name in ("done", "runs"):
        assert (await scenario.record(name, "below")).parents == ()
    assert await scenario.state("top") == State.WAITING
    await scenario.complete(hand)


async def test_one_with_a_parent_elsewhere_stays_unlinked(scenario: Scenario) -> None:
    shared = node("shared", queue="below")
    await scenario.flow(node("root", node("top", shared), node("other", shared)))

    await sweep(scenario)

    assert await scenario.state("top") == State.WAITING
    (edge,) = (await scenario.record("shared", "below")).parents
    assert edge.parent == scenario.key("other")
    await scenario.run("shared", queue="below")
    assert await scenario.state("other") == State.WAITING


async def test_a_shared_child_goes_with_all_its_parents(scenario: Scenario) -> None:
    shared = node("shared", queue="below")
    await scenario.flow(
        node("top", node("a", shared, queue="below"), node("b", shared, queue="below"))
    )

    await sweep(scenario)

    assert await states(scenario, ["a", "b", "shared"]) == [None, None, None]
    assert await scenario.state("top") == State.WAITING


async def test_a_running_parent_is_not_moved(scenario: Scenario) -> None:
    await scenario.put("top")
    hand = await scenario.claim()
    await scenario.add(scenario.job("a", queue="below", parents=(scenario.edge("top"),)))

    await sweep(scenario)

    assert await states(scenario, "a") == [None]
    await scenario.complete(hand)


async def test_without_any_nothing_happens(scenario: Scenario) -> None:
    await scenario.put("top")
    before = await scenario.dump()

    await sweep(scenario)

    assert await scenario.dump() == before


async def test_many_go_in_steps(scenario: Scenario) -> None:
    children = [node(f"c{number:04}", queue="below") for number in range(1_200)]
    await scenario.flow(node("top", *children))

    await sweep(scenario)

    assert (await scenario.store.counts("below"))[State.WAITING] == 0
    assert await scenario.state("top") == State.WAITING


async def test_a_job_that_does_not_exist(scenario: Scenario) -> None:
    answer = await scenario.store.remove_unprocessed_children("q", "nobody")

    assert isinstance(answer, JobNotFound)
    assert (answer.job_id, answer.queue) == ("nobody", "q")
