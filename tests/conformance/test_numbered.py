"""Ids that the queue counts, and options in the store's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import JobOptions
from oxherd.domain.record import NewJob
from tests.timing import START_MS

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def number(scenario: Scenario, queue: str = "q", **options: Any) -> str:
    """Add a numbered job; its id."""
    (added,) = await scenario.add(scenario.job(queue=queue, numbered=True, **options))
    assert (added.duplicate, added.deduplicated, added.timestamp) == (False, False, START_MS)
    return added.id


async def test_jobs_are_numbered_in_their_order(scenario: Scenario) -> None:
    added = await scenario.add(*(scenario.job(numbered=True) for _ in range(3)))

    assert [each.id for each in added] == ["1", "2", "3"]
    assert await number(scenario) == "4"
    assert await scenario.claim_order() == ["1", "2", "3", "4"]


async def test_each_queue_counts_for_itself(scenario: Scenario) -> None:
    assert await number(scenario) == "1"
    assert await number(scenario, "q2") == "1"
    assert await number(scenario) == "2"


async def test_every_job_that_is_added_counts(scenario: Scenario) -> None:
    await scenario.put("given")
    assert await number(scenario) == "2"
    await scenario.add(scenario.job())
    await scenario.put("given")
    assert await number(scenario, deduplication=Deduplication("d")) == "5"
    await scenario.put("dropped", deduplication=Deduplication("d"))

    assert await number(scenario) == "7"


async def test_a_refused_group_counts_for_nothing(scenario: Scenario) -> None:
    refused = await scenario.refused(
        scenario.job(numbered=True), scenario.job("bad", parents=(scenario.edge("nobody"),))
    )

    assert isinstance(refused, JobNotFound)
    assert await number(scenario) == "1"


async def test_a_number_is_not_given_again(scenario: Scenario) -> None:
    await number(scenario)
    await scenario.remove("1")

    assert await number(scenario) == "2"


async def test_a_numbered_job_is_like_any_other(scenario: Scenario) -> None:
    job_id = await number(scenario, delay=5, priority=3, attempts=2)

    record = await scenario.record(job_id)
    assert (record.id, record.delay, record.priority) == ("1", 5_000, 3)
    assert record.options.attempts == 2
    assert await scenario.kinds("1") == [EventKind.ADDED, EventKind.DELAYED]
    await scenario.pass_time(5_000)
    await scenario.run("1", '"done"')
    assert await scenario.state("1") is State.COMPLETED


async def test_a_numbered_job_may_have_a_live_parent(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")

    (added,) = await scenario.add(scenario.job(numbered=True, parents=(scenario.edge("top"),)))

    assert list(await scenario.children("top")) == ["top-child", added.id]
    await scenario.run("top-child", queue="below")
    await scenario.run(added.id, "7")
    assert (await scenario.children("top"))[added.id].value == "7"
    await scenario.run("top")


async def test_a_numbered_job_is_dropped_for_the_owner_of_its_id(scenario: Scenario) -> None:
    mode = Deduplication("d")
    assert await number(scenario, deduplication=mode) == "1"

    (added,) = await scenario.add(scenario.job(numbered=True, deduplication=mode))

    assert (added.id, added.deduplicated) == ("1", True)
    assert await scenario.owner() == "1"


async def test_a_kept_job_follows_under_its_number(scenario: Scenario) -> None:
    mode = Deduplication("d", keep_last_if_active=True)
    await number(scenario, deduplication=mode)
    hand = await scenario.claim(job_id="1")
    await scenario.add(scenario.job(numbered=True, deduplication=mode, data="[2]"))

    await scenario.complete(hand)

    assert (await scenario.record("2")).data == "[2]"
    assert await scenario.owner() == "2"
    # The kept one is counted again when it follows.
    assert await number(scenario) == "4"


async def test_options_in_the_words_of_the_store_are_stored_as_they_are(scenario: Scenario) -> None:
    options = JobOptions(attempts=7, backoff="exponential", remove_on_fail=True, keep_logs=3)
    await scenario.add(
        NewJob(queue="q", id="own", given=True, name="n", data="{}", options=options)
    )
    text = (await scenario.record("own")).raw_options
    spaced = text.replace(":", " : ")

    await scenario.add(
        NewJob(
            queue="q", id="raw", given=True, name="n", data="{}", options=JobOptions(attempts=7),
            raw_options=spaced,
        )
    )  # fmt: skip

    record = await scenario.record("raw")
    assert record.raw_options == spaced
    assert record.options == (await scenario.record("own")).options
    assert {hand.id: hand.record.raw_options for hand in await scenario.claim_many(2)} == {
        "own": text, "raw": spaced,
    }  # fmt: skip
