"""Cutting a queue's event log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.lifecycle import EventKind

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


@pytest.fixture(autouse=True)
def _trimmed(scenario: Scenario) -> None:
    scenario.trimmed = True


async def test_none_are_left(scenario: Scenario) -> None:
    await scenario.put("a", "b")

    assert await scenario.store.trim_events("q", 0) == 4

    assert await scenario.events() == ()
    assert await scenario.store.trim_events("q", 0) == 0


async def test_about_so_many_are_left(scenario: Scenario) -> None:
    await scenario.add(*(scenario.job(f"a{number}") for number in range(1_000)))

    gone = await scenario.store.trim_events("q", 500)

    left = await scenario.events()
    assert 1_000 <= gone <= 1_500
    assert gone + len(left) == 2_000
    assert left[-1].kind is EventKind.WAITING


async def test_more_than_there_are(scenario: Scenario) -> None:
    await scenario.put("a")

    assert await scenario.store.trim_events("q", 100) == 0
    assert len(await scenario.events()) == 2


async def test_of_an_unknown_queue_there_are_none(scenario: Scenario) -> None:
    assert await scenario.store.trim_events("q", 0) == 0


async def test_a_reader_is_told_what_it_missed(scenario: Scenario) -> None:
    await scenario.put("a")
    cursor = (await scenario.store.read_events("q", "0")).cursor
    await scenario.store.trim_events("q", 0)
    assert (await scenario.store.read_events("q", cursor)).trimmed is False
    assert (await scenario.store.read_events("q", "0")).trimmed is True
    await scenario.put("b")
    await scenario.store.trim_events("q", 0)

    page = await scenario.store.read_events("q", cursor)

    assert page.trimmed is True
    assert page.events == ()
    await scenario.put("c")
    page = await scenario.store.read_events("q", await scenario.store.last_event_id("q"))
    assert page.trimmed is False
