"""What the writer knows of its file from one transaction to the next, and when it asks again."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from oxherd.domain.errors import OxherdError
from oxherd.engines.sqlite import transaction as transactions
from tests.sqlite.using import completion, new_job, put, sql, take

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore
    from oxherd.engines.sqlite.transaction import Transaction


async def add_numbered(store: SqliteStore, nonce: str) -> str:
    (answer,) = await store.add([[replace(new_job(nonce), numbered=True)]])
    assert not isinstance(answer, OxherdError)
    return answer[0].id


async def test_what_another_connection_wrote_is_known(store: SqliteStore, path: Path) -> None:
    assert await add_numbered(store, "first") == "1"
    other = sqlite3.connect(path)
    with other:
        other.execute("UPDATE queues SET last_number = 10")
        other.execute("INSERT INTO events (queue, id, kind, job_id) VALUES (1, 3, 'progress', '1')")
        other.execute(
            "INSERT INTO jobs (id, queue, job_id, state, rank, name, data, options, timestamp)"
            " VALUES (2, 1, 'theirs', 0, 7, 'job', 'null', '{}', 0)"
        )
    other.close()

    assert await add_numbered(store, "second") == "11"

    page = await store.read_events("q", "0")
    assert [event.id for event in page.events] == ["1", "2", "3", "4", "5"]
    assert [job.id for job in await take(store, 3)] == ["1", "theirs", "11"]


@pytest.mark.parametrize("neighbours", [0, 2])
async def test_what_a_broken_call_counted_is_forgotten(store: SqliteStore, neighbours: int) -> None:
    def breaks(transaction: Transaction) -> None:
        number = transaction.used_queue("q")
        transaction.next_number(number)
        transaction.new_row()
        raise ValueError("a bug")

    await put(store, "1")
    calls = [store._write("test", breaks)]
    calls += [store._write("test", lambda _: None) for _ in range(neighbours)]
    with pytest.raises(ValueError, match="a bug"):
        await calls[0]
    for call in calls[1:]:
        await call

    last = (await sql(store, "SELECT last_number FROM queues"))[0][0]
    assert await add_numbered(store, "next") == str(last + 1)
    assert await sql(store, "SELECT max(id) FROM jobs") == [(2,)]


@pytest.mark.parametrize("limit", ["_MOST_COMMITS", "_MOST_LINES"])
async def test_lines_that_ran_empty_begin_again_now_and_then(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(transactions, limit, 1)
    ranks: list[int] = []
    for job_id in ("a", "b", "c", "d"):
        await put(store, job_id)
        await take(store, 1)
        ranks += (await sql(store, "SELECT rank FROM jobs WHERE state = 4"))[0]
        assert await store.complete("q", [completion(job_id)]) == [None]

    assert max(ranks) < len(ranks)
