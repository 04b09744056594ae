"""Adding jobs: where they land, all or none, ids that exist, parents outside the group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.events import Delayed
from oxherd.domain.keep import Keep
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import Added, ChildStatus
from tests.conformance.scenario import Scenario, node
from tests.timing import START_MS


async def test_what_is_stored_is_what_was_added(scenario: Scenario) -> None:
    options: dict[str, Any] = {
        "attempts": 5,
        "backoff": "exponential",
        "remove_on_complete": Keep(count=7, age=60),
        "remove_on_fail": False,
        "keep_logs": 3,
        "stack_trace_limit": 2,
        "size_limit": 1_000,
        "timeout": 1.5,
        "lifo": True,
        "on_failure": OnFailure.IGNORE,
    }
    job = scenario.job(
        "kept", name="a:b ü", data='{"ü":[1,2.5,null,"\\u0000"]}', flow_id="f", **options
    )

    await scenario.add(job)

    record = await scenario.record("kept")
    assert (record.queue, record.id, record.name) == ("q", "kept", "a:b ü")
    assert record.data == job.data
    assert record.options == replace(job.options, job_id=record.options.job_id)
    assert record.timestamp == START_MS
    assert (record.delay, record.priority) == (0, 0)
    assert (record.attempts_made, record.attempts_started, record.stalled_count) == (0, 0, 0)
    nothing = (
        record.processed_on, record.processed_by, record.finished_on, record.progress,
        record.returnvalue, record.failed_reason, record.stacktrace, record.deferred_failure,
        record.unreadable,
    )  # fmt: skip
    assert nothing == (None,) * 9
    assert record.parents == ()


async def test_a_flow_keeps_its_flow_id_and_edges(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("left", on_failure=OnFailure.IGNORE, queue="below"),
            node("right", on_failure=OnFailure.BLOCK, queue="below"),
        )
    )

    left = await scenario.record("left", "below")
    right = await scenario.record("right", "below")
    assert left.parents == (scenario.edge("top", OnFailure.IGNORE),)
    assert right.parents == (scenario.edge("top", OnFailure.BLOCK),)
    top = await scenario.record("top")
    assert top.flow_id is not None
    assert left.flow_id == right.flow_id == top.flow_id


async def test_the_answer_has_an_entry_per_group_and_per_job(scenario: Scenario) -> None:
    answers = await scenario.try_add(
        (scenario.job("a"), scenario.job("b", timestamp=START_MS - 5)), (scenario.job("c"),)
    )

    assert answers == [
        (Added("a", START_MS), Added("b", START_MS - 5)),
        (Added("c", START_MS),),
    ]
    assert (await scenario.record("b")).timestamp == START_MS - 5


async def test_adding_nothing_answers_nothing(scenario: Scenario) -> None:
    assert await scenario.try_add() == []
    assert await scenario.try_add(()) == [()]


async def test_waiting_jobs_are_claimed_in_the_order_in_which_they_were_added(
    scenario: Scenario,
) -> None:
    await scenario.add(*(scenario.job(f"a{n}") for n in range(5)))
    await scenario.put("b", "c")

    assert await scenario.order(State.WAITING) == ["a0", "a1", "a2", "a3", "a4", "b", "c"]
    assert await scenario.claim_order() == ["a0", "a1", "a2", "a3", "a4", "b", "c"]


async def test_lifo_puts_a_job_in_front(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await scenario.put("c", "d", lifo=True)

    assert await scenario.claim_order() == ["d", "c", "a", "b"]


async def test_prioritized_jobs_come_after_waiting_ones_by_priority_then_in_order(
    scenario: Scenario,
) -> None:
    await scenario.put("five", "five-more", priority=5)
    await scenario.put("last", priority=2**21 - 1)
    await scenario.put("one", priority=1)
    await scenario.put("one-lifo", priority=1, lifo=True)
    await scenario.put("plain")

    assert await scenario.claim_order() == [
        "plain", "one", "one-lifo", "five", "five-more", "last",
    ]  # fmt: skip


async def test_a_delay_counts_from_the_timestamp(scenario: Scenario) -> None:
    await scenario.put("later", delay=10, timestamp=START_MS + 5_000)
    await scenario.put("sooner", delay=10, timestamp=START_MS - 5_000)
    await scenario.put("past", delay=10, timestamp=START_MS - 60_000)

    due = {
        event.job_id: event.delay for event in await scenario.events() if isinstance(event, Delayed)
    }
    assert due == {
        "later": START_MS + 15_000,
        "sooner": START_MS + 5_000,
        "past": START_MS - 50_000,
    }
    assert await scenario.order(State.DELAYED) == ["past", "sooner", "later"]
    assert await scenario.claim_order() == ["past"]


async def test_a_delayed_job_has_its_delay_and_priority_in_its_record(scenario: Scenario) -> None:
    await scenario.put("a", delay=1.5, priority=3)

    record = await scenario.record("a")
    assert (record.delay, record.priority) == (1_500, 3)
    assert await scenario.state("a") == State.DELAYED


async def test_jobs_of_one_millisecond_become_due_in_the_order_in_which_they_were_added(
    scenario: Scenario,
) -> None:
    names = [f"job-{n}" for n in (5, 3, 9, 1, 7, 2)]
    await scenario.put(*names, delay=1)

    assert await scenario.order(State.DELAYED) == names
    await scenario.pass_time(1_000)
    assert await scenario.claim_order() == names


async def test_a_job_with_children_waits_for_them_whatever_else_it_says(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, delay=60, priority=5, lifo=True)

    assert await scenario.state("job") == State.WAITING_CHILDREN
    assert await scenario.kinds("job") == [EventKind.ADDED, EventKind.WAITING_CHILDREN]
    assert await scenario.claim_many(1) == []


async def test_edges_are_in_the_order_of_definition(scenario: Scenario) -> None:
    names = [f"child-{n}" for n in (5, 3, 9, 1, 7, 2)]
    await scenario.flow(node("top", *(node(name) for name in names)))
    await scenario.add(scenario.job("later", parents=(scenario.edge("top"),)))

    assert list(await scenario.children("top")) == [*names, "later"]


async def test_one_bad_job_refuses_its_group_whole_and_no_other(scenario: Scenario) -> None:
    good = scenario.job("good")
    bad = scenario.job("bad", parents=(scenario.edge("nobody"),))
    other = scenario.job("other")

    answers = await scenario.try_add((good, bad), (other,))

    refused, accepted = answers
    assert isinstance(refused, JobNotFound)
    assert accepted == (Added("other", START_MS),)
    assert await scenario.state("good") is None
    assert await scenario.state("bad") is None
    assert await scenario.kinds("good") == []


async def test_the_bad_job_may_be_anywhere_in_the_group(scenario: Scenario) -> None:
    for at in range(4):
        jobs = [scenario.job(f"g{at}-{n}", queue=f"q{n}") for n in range(3)]
        jobs.insert(at, scenario.job(f"bad-{at}", parents=(scenario.edge("nobody"),)))
        error = await scenario.refused(*jobs)
        assert isinstance(error, JobNotFound)
        assert (error.job_id, error.queue) == ("nobody", "q")


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
async def test_a_finished_job_takes_no_child(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)

    error = await scenario.refused(scenario.job("child", parents=(scenario.edge("job"),)))

    assert type(error) is WrongState
    assert (error.job_id, error.queue, error.state) == ("job", "q", state)


@pytest.mark.parametrize("state", [s for s in State if s not in {State.COMPLETED, State.FAILED}])
async def test_a_live_job_takes_a_child_and_stays_where_it_is(
    scenario: Scenario, state: State
) -> None:
    await scenario.job_in(state)
    before = list(await scenario.children("job"))

    await scenario.add(
        scenario.job("child", queue="other", parents=(scenario.edge("job", OnFailure.IGNORE),))
    )

    assert await scenario.state("job") == state
    children = await scenario.children("job")
    assert list(children) == [*before, "child"]
    assert children["child"].status is ChildStatus.PENDING


async def test_a_subtree_is_attached_to_a_live_job(scenario: Scenario) -> None:
    await scenario.put("outer")
    below = scenario.planned(node("top", node("leaf", queue="below")))
    await scenario.add(structs.replace(below[0], parents=(scenario.edge("outer"),)), *below[1:])

    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert list(await scenario.children("outer")) == ["top"]
    assert list(await scenario.children("top")) == ["leaf"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, State.WAITING),
        ({"priority": 5}, State.PRIORITIZED),
        ({"delay": 5}, State.DELAYED),
        ({"delay": 5, "priority": 5}, State.DELAYED),
    ],
)
async def test_a_parent_whose_children_are_all_done_is_released_by_its_add(
    scenario: Scenario, options: dict[str, Any], expected: State
) -> None:
    await scenario.put("done")
    await scenario.run("done", '"early"')

    await scenario.flow(node("top", node("done"), **options))

    assert await scenario.state("top") == expected
    link = (await scenario.children("top"))["done"]
    assert (link.status, link.value) == (ChildStatus.PROCESSED, '"early"')


async def test_a_parent_with_one_done_and_one_new_child_waits(scenario: Scenario) -> None:
    await scenario.put("done")
    await scenario.run("done", "1")

    await scenario.flow(node("top", node("done"), node("new", queue="below")))

    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("new", "2", queue="below")
    assert await scenario.state("top") == State.WAITING


@pytest.mark.parametrize("name", ["q*", "q[ab]", "{q}", "q q", "q'--", 'q"', "ü", "🐂", "a.b"])
async def test_names_have_no_special_characters(scenario: Scenario, name: str) -> None:
    await scenario.add(scenario.job("a", queue="q"), scenario.job("a", queue="qa"))
    await scenario.add(scenario.job(f"id {name}\n", queue=name))

    assert await scenario.claim_order(name) == [f"id {name}\n"]
    await scenario.remove("a", "q")
    assert await scenario.store.queues() == sorted({"q", "qa", name})
    assert await scenario.state("a", "qa") == State.WAITING
    assert await scenario.state(f"id {name}\n", name) == State.ACTIVE


async def test_a_thousand_jobs_in_one_group(scenario: Scenario) -> None:
    jobs = [scenario.job() for _ in range(1_000)]

    await scenario.add(*jobs)

    assert (await scenario.store.counts("q"))[State.WAITING] == 1_000
    assert await scenario.claim_order() == [job.id for job in jobs]


async def test_large_data_comes_back_whole(scenario: Scenario) -> None:
    data = '{"text":"' + "ox" * 500_000 + '"}'
    await scenario.put("big", data=data)

    assert (await scenario.claim(job_id="big")).record.data == data
