"""Making delayed jobs ready by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.events import Waiting
from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_it_goes_behind_what_waits(scenario: Scenario) -> None:
    await scenario.put("later", delay=60)
    await scenario.put("later-lifo", delay=60, lifo=True)
    await scenario.put("a")

    assert await scenario.store.promote("q", ["later", "later-lifo"]) == [None, None]

    record = await scenario.record("later")
    assert record.delay == 0
    events = [each for each in await scenario.events() if isinstance(each, Waiting)]
    assert [(each.job_id, each.prev) for each in events] == [
        ("a", None), ("later", "delayed"), ("later-lifo", "delayed"),
    ]  # fmt: skip
    assert await scenario.claim_order() == ["a", "later", "later-lifo"]


async def test_it_keeps_its_priority(scenario: Scenario) -> None:
    await scenario.put("first", priority=3)
    await scenario.put("later", delay=60, priority=3)
    await scenario.put("urgent", delay=60, priority=1)

    await scenario.store.promote("q", ["later", "urgent"])

    assert await scenario.claim_order() == ["urgent", "first", "later"]


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b", delay=60)
    await scenario.put("waits")

    answers = await scenario.store.promote("q", ["a", "nobody", "waits", "b"])

    assert [type(answer) for answer in answers] == [
        type(None), JobNotFound, WrongState, type(None),
    ]  # fmt: skip
    refused = answers[2]
    assert isinstance(refused, WrongState)
    assert (refused.job_id, refused.queue, refused.state) == ("waits", "q", State.WAITING)


async def test_a_retried_job_may_be_promoted(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.retry(await scenario.claim(), 60_000)

    await scenario.promote("a")

    assert (await scenario.claim(job_id="a")).record.attempts_made == 1


async def test_when_its_time_comes_it_is_not_promoted_again(scenario: Scenario) -> None:
    await scenario.put("a", delay=1)
    await scenario.promote("a")
    await scenario.pass_time(5_000)

    assert await scenario.store.promote_due("q") == 0
    assert await scenario.claim_order() == ["a"]
