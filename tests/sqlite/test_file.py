"""The database file: who may have it, and what happens when it goes, fills or is locked."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import StoreFull, StoreMoved, StoreUnavailable
from oxherd.domain.outcome import Held
from tests.sqlite.using import completion, connection_of, new_job, opened, put, sql, take

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore


async def test_the_files_are_the_owners_alone(store: SqliteStore, path: Path) -> None:
    await put(store, "a")

    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"jobs.db", "jobs.db-wal", "jobs.db-gate"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_nothing_is_opened_before_it_is_used(path: Path) -> None:
    store = opened(path)
    await store.aclose()

    assert list(path.parent.iterdir()) == []


def take_away(path: Path, how: str) -> None:
    match how:
        case "deleted":
            path.unlink()
        case "moved":
            path.rename(path.with_name("elsewhere.db"))
        case _:
            other = path.with_name("other.db")
            with closing(sqlite3.connect(other)) as connection:
                connection.execute("CREATE TABLE notes (text)")
            other.replace(path)


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
async def test_a_file_that_went_is_noticed_before_anything_is_acknowledged(
    store: SqliteStore, path: Path, how: str
) -> None:
    await put(store, "a")
    take_away(path, how)

    with pytest.raises(StoreMoved):
        await put(store, "b")
    with pytest.raises(StoreMoved):
        await store.jobs("q", ["a"])


def bring_back(path: Path) -> None:
    path.with_name("elsewhere.db").rename(path)


async def test_a_file_that_came_back_is_used_again(store: SqliteStore, path: Path) -> None:
    await put(store, "a")
    take_away(path, "moved")
    with pytest.raises(StoreMoved):
        await put(store, "b")
    bring_back(path)

    await put(store, "c")

    assert (await store.jobs("q", ["b"])) == [None]


async def test_a_full_store_takes_nothing_and_goes_on_when_there_is_room(
    store: SqliteStore,
) -> None:
    await put(store, "a")
    (pages,) = (await sql(store, "PRAGMA page_count"))[0]
    connection_of(store).execute(f"PRAGMA max_page_count = {pages + 8}").fetchall()
    big = '"' + "x" * 100_000 + '"'

    with pytest.raises(StoreFull):
        await store.add([[new_job("small"), new_job("big", data=big)]])

    assert await store.jobs("q", ["small", "big"]) == [None, None]
    await put(store, "tiny")
    connection_of(store).execute("PRAGMA max_page_count = 1000000").fetchall()
    await put(store, "big", data=big)
    assert await sql(store, "PRAGMA integrity_check") == [("ok",)]


async def test_what_is_full_for_one_call_is_not_for_those_beside_it(store: SqliteStore) -> None:
    await put(store, "a")
    (pages,) = (await sql(store, "PRAGMA page_count"))[0]
    connection_of(store).execute(f"PRAGMA max_page_count = {pages + 8}").fetchall()

    first, big, last = await asyncio.gather(
        put(store, "first"),
        put(store, "big", data='"' + "x" * 100_000 + '"'),
        put(store, "last"),
        return_exceptions=True,
    )

    assert (first, type(big), last) == (None, StoreFull, None)
    assert [job is not None for job in await store.jobs("q", ["first", "big", "last"])] == [
        True, False, True,
    ]  # fmt: skip


async def test_a_lock_that_is_held_too_long_is_told(store: SqliteStore, path: Path) -> None:
    await put(store, "a")
    connection_of(store).execute("PRAGMA busy_timeout = 50").fetchall()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await put(store, "b")
        other.execute("ROLLBACK")

    await put(store, "c")


async def test_a_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path / "nowhere" / "jobs.db")

    with pytest.raises(StoreUnavailable, match="nowhere"):
        await put(store, "a")
    await store.aclose()


async def test_a_file_with_two_names_is_refused(path: Path, tmp_path: Path) -> None:
    first = opened(path)
    await put(first, "a")
    await first.aclose()
    os.link(path, tmp_path / "second.db")
    second = opened(tmp_path / "second.db")

    with pytest.raises(StoreUnavailable, match="hard links"):
        await put(second, "b")
    await second.aclose()


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
async def test_durability_is_what_was_asked_for(path: Path, durability: str, level: int) -> None:
    store = opened(path, durability=durability)
    await put(store, "a")

    assert await sql(store, "PRAGMA synchronous") == [(level,)]
    await store.aclose()


async def test_the_most_careful_store_of_a_file_decides(path: Path) -> None:
    careless, careful = opened(path, durability="normal"), opened(path)
    await put(careless, "a")
    await put(careful, "b")

    assert await sql(careless, "PRAGMA synchronous") == [(2,)]
    await careless.aclose()
    await careful.aclose()


async def test_a_loss_of_power_may_undo_only_who_works_on_a_job(path: Path) -> None:
    store = opened(path)
    levels: list[int] = []

    async def after(*calls: Awaitable[object]) -> None:
        await asyncio.gather(*calls)
        ((level,),) = connection_of(store).execute("PRAGMA synchronous")
        levels.append(level)

    await after(put(store, "a", "b"))
    await after(take(store))
    await after(store.extend_locks("q", [Held("a", "token")], 30_000))
    await after(store.complete("q", [completion("a")]), take(store))
    await after(take(store))
    await after(store.release("q", [Held("b", "token")]))

    assert levels == [2, 1, 1, 2, 1, 2]
    await store.aclose()
