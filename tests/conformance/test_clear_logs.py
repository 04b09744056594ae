"""Removing log lines of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (0, ()),
        (1, ("c",)),
        (2, ("b", "c")),
        (3, ("a", "b", "c")),
        (9, ("a", "b", "c")),
    ],
)
async def test_the_newest_stay(scenario: Scenario, keep: int, left: tuple[str, ...]) -> None:
    await scenario.put("a")
    await scenario.store.append_log("q", "a", ["a", "b", "c"])

    assert await scenario.store.clear_logs("q", "a", keep=keep) is None

    page = await scenario.store.logs("q", "a")
    assert (page.lines, page.total) == (left, len(left))


@pytest.mark.parametrize("state", list(State))
async def test_nothing_else_changes(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)
    before = await scenario.dump()
    await scenario.store.append_log("q", "job", ["line"])

    assert await scenario.store.clear_logs("q", "job") is None

    assert await scenario.dump() == before


async def test_lines_follow_those_that_stayed(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.append_log("q", "a", ["a", "b"])
    await scenario.store.clear_logs("q", "a", keep=1)

    assert await scenario.store.append_log("q", "a", ["c"]) == 2
    assert (await scenario.store.logs("q", "a")).lines == ("b", "c")


async def test_a_job_that_does_not_exist(scenario: Scenario) -> None:
    answer = await scenario.store.clear_logs("q", "nobody")

    assert isinstance(answer, JobNotFound)
    assert (answer.job_id, answer.queue) == ("nobody", "q")
