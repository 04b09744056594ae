"""Removing jobs, alone or with all below them."""

from __future__ import annotations

from typing import Any

import pytest

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.events import Removed
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import LOCK_MS, Scenario, node


@pytest.mark.parametrize("state", [each for each in State if each is not State.ACTIVE])
async def test_it_is_gone_with_all_it_had(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)
    await scenario.store.append_log("q", "job", ["line"])

    await scenario.remove("job", children=True)

    assert await scenario.state("job") is None
    assert await scenario.store.jobs("q", ["job"]) == [None]
    event = (await scenario.events())[-1]
    assert isinstance(event, Removed)
    assert (event.job_id, event.prev) == ("job", state)
    assert await scenario.probe.leftovers() == []


async def test_a_locked_job_is_not_removed(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    before = await scenario.dump()

    (answer,) = await scenario.store.remove("q", ["a"], children=False)

    assert type(answer) is WrongState
    assert (answer.job_id, answer.queue, answer.state) == ("a", "q", State.ACTIVE)
    assert await scenario.dump() == before
    await scenario.complete(hand)


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await scenario.claim(job_id="a")
    await scenario.put("c")

    answers = await scenario.store.remove("q", ["b", "a", "nobody", "c"], children=False)

    assert [type(answer) for answer in answers] == [type(None), WrongState, JobNotFound, type(None)]
    assert await scenario.order(State.WAITING) == []


async def test_again_it_is_not_found(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.remove("a")
    before = await scenario.dump()

    (answer,) = await scenario.store.remove("q", ["a"], children=False)

    assert isinstance(answer, JobNotFound)
    assert await scenario.dump() == before


async def test_its_id_may_be_used_again(scenario: Scenario) -> None:
    await scenario.put("a", priority=3)
    await scenario.remove("a")

    (added,) = await scenario.add(scenario.job("a", data="[2]"))

    assert not added.duplicate
    assert (await scenario.record("a")).data == "[2]"
    assert await scenario.state("a") == State.WAITING


async def test_all_below_goes_too(scenario: Scenario) -> None:
    await scenario.flow(
        node("top", node("mid", node("leaf-1"), node("leaf-2")), node("side", queue="below"))
    )
    await scenario.run("side", queue="below")

    await scenario.remove("top", children=True)

    assert await scenario.store.states("q", ["top", "mid", "leaf-1", "leaf-2"]) == [None] * 4
    assert await scenario.state("side", "below") is None
    removed = [each.job_id for each in await scenario.events() if isinstance(each, Removed)]
    assert sorted(removed) == ["leaf-1", "leaf-2", "mid", "top"]
    assert removed[-1] == "top"
    assert await scenario.probe.leftovers() == []


async def test_alone_its_children_stay_and_forget_it(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))

    await scenario.remove("top", children=False)

    for name in ("a", "b"):
        assert (await scenario.record(name, "below")).parents == ()
        await scenario.run(name, queue="below")
    assert await scenario.state("top") is None


async def test_a_locked_job_below_keeps_everything(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("mid", node("leaf", queue="below")), node("other")))
    hand = await scenario.claim("below")
    before = await scenario.dump()

    (answer,) = await scenario.store.remove("q", ["top"], children=True)

    assert type(answer) is WrongState
    # What the message says must be true of the job that it names.
    assert (answer.job_id, answer.queue, answer.state) == ("leaf", "below", State.ACTIVE)
    assert await scenario.dump() == before
    await scenario.complete(hand)
    await scenario.remove("top", children=True)
    assert await scenario.probe.leftovers() == []


async def test_a_child_with_a_parent_elsewhere_stays(scenario: Scenario) -> None:
    shared = node("shared", node("deep"))
    await scenario.flow(node("root", node("one", shared), node("two", shared)))

    await scenario.remove("one", children=True)

    assert await scenario.state("one") is None
    record = await scenario.record("shared")
    assert record.parents == (scenario.edge("two"),)
    assert await scenario.state("deep") == State.WAITING
    assert await scenario.state("root") == State.WAITING_CHILDREN


async def test_a_child_shared_only_inside_goes_too(scenario: Scenario) -> None:
    shared = node("shared", node("deep"))
    await scenario.flow(node("root", node("one", shared), node("two", shared)))

    await scenario.remove("root", children=True)

    assert await scenario.store.states("q", ["root", "one", "two", "shared", "deep"]) == [None] * 5
    assert await scenario.probe.leftovers() == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, State.WAITING),
        ({"priority": 100}, State.PRIORITIZED),
        ({"delay": 60}, State.DELAYED),
        ({"delay": 60, "priority": 1}, State.DELAYED),
    ],
)
async def test_the_last_child_removed_releases_its_parent_by_its_options(
    scenario: Scenario, options: dict[str, Any], expected: State
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top", **options)

    await scenario.remove("top-child", queue="below")

    assert await scenario.state("top") == expected
    assert await scenario.children("top") == {}


async def test_with_another_child_pending_the_parent_waits_on(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))

    await scenario.remove("a", queue="below")

    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert list(await scenario.children("top")) == ["b"]
    await scenario.run("b", queue="below")
    assert await scenario.state("top") == State.WAITING


async def test_removing_a_blocking_child_unblocks(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below", on_failure=OnFailure.BLOCK)))
    await scenario.break_down("a", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN

    await scenario.remove("a", queue="below")

    await scenario.run("top")


async def test_a_parent_may_run_again_once_the_child_that_failed_it_is_removed(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    await scenario.break_down("top")

    await scenario.remove("top-child", queue="below")
    await scenario.reprocess("top", State.FAILED)

    assert await scenario.children("top") == {}
    assert (await scenario.record("top")).deferred_failure is None
    await scenario.run("top")


@pytest.mark.parametrize("policy", [OnFailure.IGNORE, OnFailure.CONTINUE_PARENT])
async def test_what_a_removed_child_gave_stays(scenario: Scenario, policy: OnFailure) -> None:
    await scenario.flow(
        node("top", node("bad", queue="below", on_failure=policy), node("good", queue="below"))
    )
    await scenario.break_down("bad", "no luck", queue="below")
    await scenario.run("good", "7", queue="below")
    before = await scenario.children("top")

    await scenario.remove("bad", queue="below")
    await scenario.remove("good", queue="below")

    assert await scenario.children("top") == before


async def test_a_parent_in_a_paused_queue_is_released_there(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.store.pause("q")

    await scenario.remove("top-child", queue="below")

    assert await scenario.state("top") == State.WAITING
    assert await scenario.claim_many(1) == []


async def test_a_removed_child_is_forgotten_by_all_its_parents(scenario: Scenario) -> None:
    shared = node("shared", queue="below")
    await scenario.flow(node("root", node("one", shared), node("two", shared)))

    await scenario.remove("shared", queue="below")

    assert await scenario.store.states("q", ["one", "two"]) == [State.WAITING] * 2


async def test_an_active_job_nobody_holds_any_more_is_removed(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    await scenario.remove("a")

    assert await scenario.rescue() == []
    (answer,) = await scenario.store.complete("q", [hand.completion()])
    assert isinstance(answer, JobNotFound)
    assert await scenario.probe.leftovers() == []


async def test_the_parent_of_a_removed_subtree_goes_on(scenario: Scenario) -> None:
    await scenario.flow(node("root", node("mid", node("leaf")), node("other", queue="below")))
    await scenario.run("other", queue="below")

    await scenario.remove("mid", children=True)

    assert await scenario.state("root") == State.WAITING
    children = await scenario.children("root")
    assert {name: link.status for name, link in children.items()} == {
        "other": ChildStatus.PROCESSED
    }


async def test_a_deep_and_wide_tree_goes_whole(scenario: Scenario) -> None:
    deepest = node("level-0")
    for level in range(1, 300):
        deepest = node(f"level-{level}", deepest)
    await scenario.flow(node("top", deepest, *(node(f"wide-{n}") for n in range(1_200))))

    await scenario.remove("top", children=True)

    assert set((await scenario.store.counts("q")).values()) == {0}
    assert await scenario.probe.leftovers() == []
