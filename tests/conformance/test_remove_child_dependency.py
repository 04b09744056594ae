"""Unlinking a job from one of its parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import OnFailure
from tests.conformance.scenario import Scenario, node

if TYPE_CHECKING:
    from oxherd.domain.errors import OxherdError


async def unlink(scenario: Scenario, job_id: str, parent: str) -> OxherdError | bool:
    return await scenario.store.remove_child_dependency("below", job_id, scenario.key(parent))


async def test_both_forget_each_other(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))

    assert await unlink(scenario, "a", "top") is True

    assert (await scenario.record("a", "below")).parents == ()
    assert list(await scenario.children("top")) == ["b"]
    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("a", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("b", queue="below")
    await scenario.claim(job_id="top")


@pytest.mark.parametrize(
    ("options", "state", "kind"),
    [
        ({}, State.WAITING, EventKind.WAITING),
        ({"priority": 3}, State.PRIORITIZED, EventKind.WAITING),
        ({"delay": 60}, State.DELAYED, EventKind.DELAYED),
    ],
)
async def test_a_parent_with_nothing_else_pending_is_released(
    scenario: Scenario, options: dict[str, Any], state: State, kind: EventKind
) -> None:
    await scenario.flow(node("top", node("a", queue="below"), **options))

    assert await unlink(scenario, "a", "top") is True

    assert await scenario.state("top") == state
    assert (await scenario.kinds("top"))[-1] == kind


async def test_a_running_parent_is_not_moved(scenario: Scenario) -> None:
    await scenario.put("top")
    hand = await scenario.claim()
    await scenario.add(scenario.job("a", queue="below", parents=(scenario.edge("top"),)))

    assert await unlink(scenario, "a", "top") is True

    await scenario.complete(hand)


async def test_the_other_parents_stay(scenario: Scenario) -> None:
    shared = node("a", queue="below")
    await scenario.flow(node("top", shared, node("mid", shared)))

    assert await unlink(scenario, "a", "top") is True

    (edge,) = (await scenario.record("a", "below")).parents
    assert edge.parent == scenario.key("mid")
    await scenario.run("a", queue="below", result="1")
    assert (await scenario.children("mid"))["a"].value == "1"
    assert "a" not in await scenario.children("top")


async def test_a_failed_child_that_blocks_is_unlinked_too(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below", on_failure=OnFailure.BLOCK)))
    await scenario.break_down("a", queue="below")

    assert await unlink(scenario, "a", "top") is True

    assert await scenario.state("top") == State.WAITING


async def test_a_job_whose_end_is_recorded_stays_so(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.run("a", queue="below")
    before = await scenario.dump()

    assert await unlink(scenario, "a", "top") is False

    assert await scenario.dump() == before


async def test_strangers(scenario: Scenario) -> None:
    await scenario.put("top")
    await scenario.put("a", queue="below")
    before = await scenario.dump()

    assert await unlink(scenario, "a", "top") is False

    assert await scenario.dump() == before


async def test_either_may_be_missing(scenario: Scenario) -> None:
    await scenario.put("top")
    await scenario.put("a", queue="below")
    before = await scenario.dump()

    missing = await unlink(scenario, "nobody", "top")
    assert isinstance(missing, JobNotFound)
    assert (missing.job_id, missing.queue) == ("nobody", "below")
    missing = await unlink(scenario, "a", "nobody")
    assert isinstance(missing, JobNotFound)
    assert (missing.job_id, missing.queue) == ("nobody", "q")
    assert await scenario.dump() == before
