"""What is put off is written before anybody could miss it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import LockLost
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE
from oxherd.domain.lifecycle import State
from oxherd.domain.outcome import Completion
from oxherd.domain.record import ChildStatus
from tests.sqlite.using import add, completion, edge, key, new_job, put, star, take

if TYPE_CHECKING:
    from oxherd.domain.keep import Keep
    from oxherd.engines.sqlite.store import SqliteStore


@pytest.mark.parametrize("keep", [KEEP_ALL, KEEP_NONE])
async def test_a_job_that_comes_twice_in_a_call_counts_once(store: SqliteStore, keep: Keep) -> None:
    await add(store, *star(3))
    first, second, last = await take(store, 3, queue="below")
    twice = [Completion(job.id, "token", "1", keep) for job in (first, first, second)]

    assert await store.complete("below", twice) == [None, None, None]
    assert await store.states("q", ["parent"]) == [State.WAITING_CHILDREN]

    assert await store.complete("below", [completion(last.id)]) == [None]
    assert await store.states("q", ["parent"]) == [State.WAITING]
    links = (await store.children("q", "parent")).links
    assert [link.status for link in links] == [ChildStatus.PROCESSED] * 3


async def test_children_of_several_parents_settle_each_in_one_call(store: SqliteStore) -> None:
    """Two parents share a child, and only one has another child that goes on running."""
    await add(store, new_job("one", children=(key("shared", "below"), key("own", "below"))),
        new_job("two", children=(key("shared", "below"), key("late", "below"))),
        new_job("shared", queue="below", parents=(edge("one"), edge("two"))),
        new_job("own", queue="below", parents=(edge("one"),)),
        new_job("late", queue="below", parents=(edge("two"),)))  # fmt: skip
    await take(store, 3, queue="below")

    await store.complete("below", [completion("own"), completion("shared")])

    states = await store.states("q", ["one", "two"])
    assert states == [State.WAITING, State.WAITING_CHILDREN]


async def test_a_group_that_comes_twice_in_a_call_is_added_once(store: SqliteStore) -> None:
    await put(store, "known")
    group = [new_job("fresh")]

    one, other = await store.add([group, group])

    assert one == other
    assert (await store.counts("q"))[State.WAITING] == 2


async def test_verbs_are_on_their_way_when_they_are_called(store: SqliteStore) -> None:
    await put(store, "a", "b")
    await take(store, 1)

    ending, claiming = store.complete("q", [completion("a")]), store.claim(
        "q", 2, token="other", lock_ms=1_000
    )  # fmt: skip
    refused = store.complete("q", [completion("b")])
    await asyncio.wait((ending, claiming, refused))

    assert (ending.result(), [job.id for job in claiming.result().jobs]) == ([None], ["b"])
    assert isinstance(refused.result()[0], LockLost)


async def test_closing_sends_what_was_called_before(store: SqliteStore) -> None:
    await put(store, "a")
    claiming = store.claim("q", 1, token="token", lock_ms=1_000)

    await store.aclose()

    assert [job.id for job in (await claiming).jobs] == ["a"]
