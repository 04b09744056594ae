"""Freeing a deduplication id by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oxherd.domain.deduplication import Deduplication

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario

ALIKE = Deduplication("alike")


async def test_the_next_job_of_the_id_is_added(scenario: Scenario) -> None:
    await scenario.put("a", deduplication=ALIKE)

    assert await scenario.store.remove_deduplication_key("q", "alike") is True

    assert await scenario.store.deduplication_job_id("q", "alike") is None
    await scenario.put("b", deduplication=ALIKE)
    assert await scenario.store.deduplication_job_id("q", "alike") == "b"


async def test_one_with_a_time_to_live_too(scenario: Scenario) -> None:
    await scenario.put("a", deduplication=Deduplication("alike", ttl=60))

    assert await scenario.store.remove_deduplication_key("q", "alike") is True

    assert await scenario.store.deduplication_job_id("q", "alike") is None


async def test_only_if_that_job_owns_it(scenario: Scenario) -> None:
    await scenario.put("a", deduplication=ALIKE)
    await scenario.put("other")

    assert await scenario.store.remove_deduplication_key("q", "alike", "other") is False
    assert await scenario.store.deduplication_job_id("q", "alike") == "a"
    assert await scenario.store.remove_deduplication_key("q", "alike", "a") is True
    assert await scenario.store.deduplication_job_id("q", "alike") is None


async def test_one_that_is_free(scenario: Scenario) -> None:
    assert await scenario.store.remove_deduplication_key("q", "alike") is False
    assert await scenario.store.remove_deduplication_key("q", "alike", "a") is False


async def test_other_queues_have_their_own(scenario: Scenario) -> None:
    await scenario.put("a", deduplication=ALIKE)
    await scenario.put("a", queue="other", deduplication=ALIKE)

    await scenario.store.remove_deduplication_key("q", "alike")

    assert await scenario.store.deduplication_job_id("other", "alike") == "a"


async def test_the_job_itself_stays(scenario: Scenario) -> None:
    await scenario.put("a", deduplication=ALIKE)
    before = (await scenario.dump())["q"]

    await scenario.store.remove_deduplication_key("q", "alike")

    assert (await scenario.dump())["q"] == replace(before, owners={})
    await scenario.run("a")
