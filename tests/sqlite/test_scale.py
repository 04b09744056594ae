"""Deep, wide and many: the work of one step stays bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.keep import KEEP_NONE
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.outcome import Completion
from oxherd.domain.record import ChildStatus
from oxherd.engines.sqlite.transaction import KEEP_EVENTS
from tests.sqlite.using import (
    add,
    chain,
    completion,
    connection_of,
    failure,
    new_job,
    opened,
    put,
    sql,
    star,
    take,
)

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore

SIZES = [1_000, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(120)])]


@pytest.mark.parametrize("length", SIZES)
async def test_a_chain_runs_fails_and_goes_however_long_it_is(
    store: SqliteStore, length: int
) -> None:
    await add(store, *chain(length))
    (job,) = await take(store)
    assert job.id == f"step-{length - 1}"
    await store.complete("q", [completion(job.id)])

    while jobs := await take(store):
        await store.fail("q", [failure(jobs[0].id)])

    counts = await store.counts("q")
    assert (counts[State.FAILED], counts[State.COMPLETED]) == (length - 1, 1)
    assert await store.remove("q", ["step-0"], children=True) == [None]
    assert sum((await store.counts("q")).values()) == 0
    assert await sql(store, "SELECT count(*) FROM edges") == [(0,)]


@pytest.mark.parametrize("width", SIZES)
async def test_a_star_runs_however_wide_it_is(store: SqliteStore, width: int) -> None:
    await add(store, *star(width))

    number = 0
    while jobs := await take(store, 500, queue="below", token=str(number)):
        answers = await store.complete(
            "below", [completion(job.id, token=str(number)) for job in jobs]
        )
        assert answers == [None] * len(jobs)
        number += 1

    assert await store.states("q", ["parent"]) == [State.WAITING]
    page = await store.children("q", "parent", start=width - 2)
    assert page.total == width
    assert [link.status for link in page.links] == [ChildStatus.PROCESSED] * 2


@pytest.mark.parametrize("children", [True, False])
@pytest.mark.parametrize("width", [2_500])
async def test_a_wide_flow_is_removed_in_steps(
    store: SqliteStore,
    width: int,
    children: bool,  # noqa: FBT001 - both are tried
) -> None:
    await add(store, *star(width))
    seen: list[str] = []
    connection_of(store).set_trace_callback(seen.append)

    assert await store.remove("q", ["parent"], children=children) == [None]

    connection_of(store).set_trace_callback(None)
    assert seen.count("COMMIT") == (4 if children else 3)
    left = 0 if children else width
    assert (await store.counts("below"))[State.WAITING] == left
    assert await sql(store, "SELECT count(*) FROM edges") == [(0,)]
    assert await sql(store, "SELECT count(*) FROM jobs WHERE parents IS NOT NULL") == [(0,)]


async def test_a_removal_that_was_cut_short_is_finished_by_another(path: Path) -> None:
    def breaks_later(name: str) -> None:
        if name == "sqlite.remove.before_commit":
            steps.append(name)
            if len(steps) == 2:
                raise OSError("cut short")

    steps: list[str] = []
    store = opened(path, failpoint=breaks_later)
    await add(store, *star(1_500))

    with pytest.raises(Exception, match="cut short"):
        await store.remove("q", ["parent"], children=True)
    assert await store.states("q", ["parent"]) == [State.WAITING_CHILDREN]

    assert await store.remove("q", ["parent"], children=True) == [None]
    assert sum((await store.counts("below")).values()) == 0
    await store.aclose()


async def test_a_child_that_is_gone_has_still_told_its_parent(store: SqliteStore) -> None:
    await add(store, *star(2, OnFailure.IGNORE))
    first, second = await take(store, 2, queue="below")
    await store.complete("below", [Completion(first.id, "token", '"one"', KEEP_NONE)])
    await store.fail("below", [failure(second.id)])
    await store.remove("below", [second.id], children=False)

    links = (await store.children("q", "parent")).links
    assert [(link.status, link.value, link.failure) for link in links] == [
        (ChildStatus.PROCESSED, '"one"', None),
        (ChildStatus.IGNORED, None, "boom"),
    ]
    assert await store.states("q", ["parent"]) == [State.WAITING]


async def test_events_are_trimmed_and_a_reader_is_told(store: SqliteStore) -> None:
    await put(store, *(f"job-{number}" for number in range(6_000)))

    last = int(await store.last_event_id("q"))
    first = await store.read_events("q", "0", limit=1)
    oldest = int(first.events[0].id)
    assert (last, first.trimmed) == (12_000, True)
    assert KEEP_EVENTS <= last - oldest + 1 <= KEEP_EVENTS + 500
    assert not (await store.read_events("q", str(oldest - 1))).trimmed
    assert (await store.read_events("q", str(oldest - 2))).trimmed
    assert not (await store.read_events("q", str(last))).trimmed


async def steps_of_one_job(store: SqliteStore, token: str) -> int:
    """The instructions that SQLite's machine runs to claim one job and complete it."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection_of(store).set_progress_handler(count, 1)
    (job,) = await take(store, token=token)
    await store.complete("q", [completion(job.id, token=token)])
    connection_of(store).set_progress_handler(None, 1)
    return counted


@pytest.mark.parametrize(
    "number", [10_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
async def test_a_claim_takes_no_more_steps_however_many_wait(path: Path, number: int) -> None:
    store = opened(path, durability="normal")
    await put(store, *(f"few-{number}" for number in range(10)))
    few = [await steps_of_one_job(store, f"few-{each}") for each in range(5)]
    for start in range(0, number, 10_000):
        await store.add([[new_job(f"job-{start + each}") for each in range(10_000)]])

    many = [await steps_of_one_job(store, f"many-{each}") for each in range(5)]

    assert 100 < max(many) < 1.1 * max(few)
    await store.aclose()
