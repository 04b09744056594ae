"""What a job costs in statements and commits, which does not depend on the machine."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from oxherd import Queue, Worker, WorkerOptions
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE
from oxherd.domain.outcome import Completion
from tests.sqlite.using import (
    add,
    completion,
    connection_of,
    edge,
    failure,
    key,
    new_job,
    put,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from oxherd.domain.keep import Keep
    from oxherd.engines.sqlite.store import SqliteStore

MANY = 50


class Spent:
    """What the writer was asked, once it is over."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @property
    def statements(self) -> int:
        # A removal is shown again for each thing that it does to what refers to the jobs.
        removals = {text for text in self.seen if text.startswith("DELETE FROM jobs")}
        others = sum(not text.startswith("DELETE FROM jobs") for text in self.seen)
        return len(removals) + others - self.switches

    @property
    def switches(self) -> int:
        """How often the next commits were told to wait for the disk, or not to."""
        return sum(text.startswith("PRAGMA synchronous") for text in self.seen)

    @property
    def commits(self) -> int:
        return Counter(self.seen)["COMMIT"]


@contextmanager
def spent(store: SqliteStore) -> Generator[Spent]:
    counted = Spent()
    connection = connection_of(store)
    connection.set_trace_callback(counted.seen.append)
    yield counted
    connection.set_trace_callback(None)


def names(number: int, prefix: str = "job") -> list[str]:
    return [f"{prefix}-{each:02}" for each in range(number)]


@pytest.fixture
async def used(store: SqliteStore) -> SqliteStore:
    """A store whose queues are known, and something waits, runs and has ended in one of them."""
    await put(store, "ended", "runs", "waits")
    await add(store, new_job("below", queue="below"))
    await take(store, 2, token="before")
    await store.complete("q", [completion("ended", token="before")])
    return store


@pytest.mark.parametrize(("number", "statements"), [(1, 8), (MANY, 11)])
async def test_added_jobs_cost_a_commit_and_few_statements(
    used: SqliteStore, number: int, statements: int
) -> None:
    with spent(used) as cost:
        await used.add([[new_job(name)] for name in names(number)])

    assert (cost.commits, cost.statements, cost.switches) == (1, statements, 0)


@pytest.mark.parametrize(("number", "statements"), [(1, 8), (MANY, 9)])
async def test_claimed_jobs_cost_a_commit_and_few_statements(
    used: SqliteStore, number: int, statements: int
) -> None:
    await put(used, *names(MANY))

    with spent(used) as cost:
        jobs = await take(used, number)

    assert (len(jobs), cost.commits, cost.statements) == (number, 1, statements)
    assert cost.switches == 1


@pytest.mark.parametrize(
    ("number", "keep", "statements"),
    [(1, KEEP_ALL, 7), (MANY, KEEP_ALL, 57), (1, KEEP_NONE, 9), (MANY, KEEP_NONE, 11)],
)
async def test_completed_jobs_cost_a_commit_and_few_statements(
    used: SqliteStore, number: int, keep: Keep, statements: int
) -> None:
    await put(used, *names(number))
    jobs = await take(used, number + 1)
    items = [Completion(job.id, "token", "null", keep) for job in jobs if job.id != "waits"]

    with spent(used) as cost:
        assert await used.complete("q", items) == [None] * number

    # A kept job is an update of its own.
    assert (cost.commits, cost.statements, cost.switches) == (1, statements, 1)


@pytest.mark.parametrize(("number", "statements"), [(1, 9), (MANY, 60)])
async def test_failed_jobs_cost_a_commit_and_few_statements(
    used: SqliteStore, number: int, statements: int
) -> None:
    await put(used, *names(number))
    jobs = await take(used, number + 1)

    with spent(used) as cost:
        await used.fail("q", [failure(job.id) for job in jobs if job.id != "waits"])

    assert (cost.commits, cost.statements, cost.switches) == (1, statements, 1)


@pytest.mark.parametrize(("trees", "statements"), [(1, 19), (10, 30)])
async def test_added_trees_cost_a_commit_and_few_statements(
    used: SqliteStore, trees: int, statements: int
) -> None:
    with spent(used) as cost:
        await used.add([tree(name) for name in names(trees, "top")])

    assert (cost.commits, cost.statements, cost.switches) == (1, statements, 0)


async def test_children_cost_few_statements_however_many_end_together(used: SqliteStore) -> None:
    await used.add([tree(name) for name in names(5, "top")])
    jobs = await take(used, MANY + 1, queue="below")

    with spent(used) as cost:
        answers = await used.complete("below", [completion(job.id) for job in jobs])

    assert answers == [None] * (MANY + 1)
    assert (cost.commits, cost.switches) == (1, 1)
    assert cost.statements <= 51 * 2 + 25


async def test_adds_of_one_tick_cost_no_more_than_one_of_as_many(used: SqliteStore) -> None:
    with spent(used) as cost:
        await asyncio.gather(*(used.add([[new_job(name)]]) for name in names(MANY)))

    assert (cost.commits, cost.statements, cost.switches) == (1, 11, 0)


async def test_verbs_of_one_tick_share_a_commit(used: SqliteStore) -> None:
    await put(used, *names(2 * MANY))
    jobs = await take(used, MANY)

    with spent(used) as cost:
        ending = used.complete(
            "q", [Completion(job.id, "token", "null", KEEP_NONE) for job in jobs]
        )
        claiming = used.claim("q", MANY, token="next", lock_ms=30_000)
        refused, claimed = await asyncio.gather(ending, claiming)

    assert (refused, len(claimed.jobs)) == ([None] * MANY, MANY)
    assert (cost.commits, cost.statements, cost.switches) == (1, 17, 1)


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1.1), (MANY, 0.1)])
async def test_a_busy_worker_needs_few_commits(
    store: SqliteStore, concurrency: int, most: float
) -> None:
    number = 500
    left = number
    done = asyncio.Event()

    async def work(_job: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    queue = Queue("q", store=store)
    await queue.add_bulk([("work", {})] * number)
    with spent(store) as cost:
        options = WorkerOptions(concurrency=concurrency)
        async with Worker("q", work, store=store, options=options):
            await done.wait()

    assert cost.commits / number <= most
    # Each trip has both: what waits for the disk, and what need not.
    assert cost.switches <= 10


def tree(name: str) -> list[Any]:
    """A parent with ten children, all with fresh ids."""
    children = names(10, name)
    return [
        new_job(name, children=tuple(key(child, "below") for child in children)),
        *(new_job(child, queue="below", parents=(edge(name),)) for child in children),
    ]
