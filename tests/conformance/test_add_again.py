"""Adding what is there already: given ids, calls sent again, cycles."""

from __future__ import annotations

import pytest
from msgspec import structs

from oxherd.domain.errors import InvalidFlow, JobNotFound, WrongState
from oxherd.domain.events import Duplicated
from oxherd.domain.flow import FlowJob
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions, OnFailure
from tests.conformance.scenario import Scenario, node


async def test_a_given_id_that_exists_keeps_the_first_job(scenario: Scenario) -> None:
    await scenario.put("a", priority=1)
    before = await scenario.still_dump()
    await scenario.pass_time(500)

    (again,) = await scenario.add(scenario.job("a", data='{"b":2}', delay=5, name="else"))

    assert (again.id, again.duplicate) == ("a", True)
    assert await scenario.still_dump() == before
    (event,) = [each for each in await scenario.events() if isinstance(each, Duplicated)]
    assert event.job_id == "a"


async def test_the_same_given_id_in_two_groups_of_one_call_is_one_job(scenario: Scenario) -> None:
    first, second = await scenario.try_add((scenario.job("a"),), (scenario.job("a"),))

    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert [first[0].duplicate, second[0].duplicate] == [False, True]
    assert await scenario.order(State.WAITING) == ["a"]


async def test_one_id_may_be_used_in_two_queues(scenario: Scenario) -> None:
    await scenario.add(scenario.job("a", queue="q"), scenario.job("a", queue="p"))

    assert await scenario.state("a", "q") == await scenario.state("a", "p") == State.WAITING


@pytest.mark.parametrize("moved_on", [False, True])
async def test_a_fresh_id_sent_again_is_answered_as_before_and_writes_nothing(
    scenario: Scenario, *, moved_on: bool
) -> None:
    job = scenario.job()
    first = await scenario.add(job)
    if moved_on:
        await scenario.run(job.id)
    before = await scenario.dump()
    await scenario.pass_time(5_000)

    assert await scenario.add(job) == first
    assert await scenario.dump() == before


async def test_a_fresh_flow_sent_again_is_answered_as_before_and_writes_nothing(
    scenario: Scenario,
) -> None:
    flow = FlowJob(
        "top",
        queue="q",
        children=[
            FlowJob("a", queue="q"),
            FlowJob("b", queue="below", options=JobOptions(delay=9)),
        ],
    )
    jobs = scenario.planned(flow)
    first = await scenario.add(*jobs)
    before = await scenario.dump()
    await scenario.pass_time(5_000)

    assert await scenario.add(*jobs) == first
    assert await scenario.dump() == before


async def test_a_flow_whose_root_exists_adds_none_of_its_children(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("first")))
    before = await scenario.still_dump()

    answer = await scenario.flow(node("top", node("second", node("third")), node("first")))

    assert {each.id: each.duplicate for each in answer} == {
        "top": True, "second": True, "first": True, "third": True,
    }  # fmt: skip
    assert await scenario.still_dump() == before


async def test_what_hangs_only_below_an_existing_job_is_not_added(scenario: Scenario) -> None:
    await scenario.put("known")
    shared = node("shared", queue="below")

    answer = await scenario.flow(
        node("top", node("known", node("only-here", node("deeper")), shared), shared)
    )

    assert {each.id: each.duplicate for each in answer} == {
        "top": False, "known": True, "shared": False, "only-here": True, "deeper": True,
    }  # fmt: skip
    assert await scenario.state("only-here") is None
    assert await scenario.state("deeper") is None
    assert list(await scenario.children("top")) == ["known", "shared"]
    assert await scenario.children("known") == {}
    assert (await scenario.record("shared", "below")).parents == (scenario.edge("top"),)
    assert await scenario.state("known") == State.WAITING


async def test_a_job_cannot_be_attached_where_it_is_its_own_ancestor(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("middle", node("leaf"))))

    for parent in ("leaf", "middle", "top"):
        error = await scenario.refused(
            scenario.job("top", parents=(scenario.edge(parent),)), scenario.job("other")
        )
        assert isinstance(error, InvalidFlow), parent


async def test_a_cycle_over_a_group_and_existing_jobs_is_refused(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("leaf")))
    group = scenario.planned(node("new", node("top")))

    error = await scenario.refused(
        structs.replace(group[0], parents=(scenario.edge("leaf"),)), *group[1:]
    )

    assert isinstance(error, InvalidFlow)


@pytest.mark.parametrize("is_there", [True, False])
async def test_an_edge_that_a_job_had_already_is_refused_like_another(
    scenario: Scenario, *, is_there: bool
) -> None:
    await scenario.flow(node("top", node("low")))
    await scenario.run("low")
    await scenario.complete(
        await scenario.claim(job_id="top"), keep=KEEP_ALL if is_there else KEEP_NONE
    )

    refusal = await scenario.refused(scenario.job("low", parents=(scenario.edge("top"),)))

    assert isinstance(refusal, WrongState if is_there else JobNotFound)


async def test_the_parents_of_a_failed_job_are_let_go_in_the_groups_order(
    scenario: Scenario,
) -> None:
    await scenario.put("low", attempts=1)
    await scenario.fail(await scenario.claim(job_id="low"))
    low = node("low", on_failure=OnFailure.FAIL_PARENT)
    mid = node("mid", low, on_failure=OnFailure.FAIL_PARENT)
    late = node("late", low, mid, on_failure=OnFailure.FAIL_PARENT)

    added = await scenario.flow(node("top", low, mid, late))

    # Each goes before those that are there, since their children came before.
    above = [each.id for each in added if each.id != "low"]
    assert above == ["top", "late", "mid"]
    assert await scenario.order(State.WAITING) == above[::-1]
