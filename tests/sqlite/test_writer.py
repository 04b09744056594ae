"""The writer: shared, in batches, each call alone in its fate."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from oxherd.domain.errors import Closed, StoreUnavailable, WrongLoop
from oxherd.domain.lifecycle import State
from oxherd.domain.outcome import Held
from oxherd.engines.sqlite.writers import WRITERS
from tests.sqlite.using import completion, connection_of, new_job, opened, put, take
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore
    from oxherd.engines.sqlite.transaction import Transaction


def test_stores_of_one_file_share_a_writer_whatever_they_call_it(
    path: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)

    stores = [opened(path), opened(link), opened(os.path.relpath(path))]

    async def main() -> None:
        for store in stores:
            await store.pause("q")
        assert len({store._writer for store in stores}) == 1
        await stores[0].aclose()
        await stores[1].resume("q")
        for store in stores:
            await store.aclose()

    asyncio.run(main())

    assert WRITERS._shared == {}
    assert [thread for thread in threading.enumerate() if "oxherd" in thread.name] == []


async def test_memory_stores_are_strangers() -> None:
    one, other = opened(":memory:"), opened(":memory:")
    await put(one, "a")

    assert (await other.counts("q"))[State.WAITING] == 0
    await one.aclose()
    await other.aclose()


async def test_calls_of_one_tick_are_one_commit_in_their_order(store: SqliteStore) -> None:
    await put(store, "first")
    seen: list[str] = []
    connection_of(store).set_trace_callback(seen.append)

    await asyncio.gather(*(put(store, f"job-{number}") for number in range(20)))

    assert seen.count("BEGIN IMMEDIATE") == seen.count("COMMIT") <= 2
    jobs = await store.list_jobs("q", State.WAITING)
    assert [job.id for job in jobs] == ["first", *(f"job-{number}" for number in range(20))]


async def test_a_call_that_breaks_takes_nothing_of_its_neighbours(store: SqliteStore) -> None:
    def breaks(transaction: Transaction) -> None:
        number = transaction.used_queue("broken")
        transaction.run("UPDATE queues SET paused = 1 WHERE id = ?", number)
        raise ValueError("a bug")

    one, broken, other = await asyncio.gather(
        put(store, "a"), store._write("test", breaks), put(store, "b"), return_exceptions=True
    )

    assert (one, str(broken), other) == (None, "a bug", None)
    assert await store.queues() == ["q"]
    page = await store.read_events("q", "0")
    assert [event.id for event in page.events] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("broken", [0, 1])
async def test_a_call_that_breaks_in_a_new_queue_leaves_its_neighbours_be(
    store: SqliteStore, broken: int
) -> None:
    groups = [[new_job("good")], [new_job("good-too")]]
    # What no text column takes, in a queue that was never used.
    groups[broken] = [replace(new_job("bad", queue="new"), name="\ud800")]

    answers = await asyncio.gather(
        *(store.add([group]) for group in groups), return_exceptions=True
    )

    assert isinstance(answers[broken], UnicodeEncodeError)
    assert not isinstance(answers[1 - broken], BaseException)
    assert (await store.counts("q"))[State.WAITING] == 1


async def test_a_call_that_breaks_alone_is_rolled_back(store: SqliteStore) -> None:
    def breaks(transaction: Transaction) -> None:
        transaction.used_queue("broken")
        raise SystemExit

    await put(store, "a")
    with pytest.raises(SystemExit):
        await store._write("test", breaks)

    await put(store, "b")
    assert await store.queues() == ["q"]


async def test_a_loop_of_fifty_costs_few_statements_and_one_commit(store: SqliteStore) -> None:
    await put(store, *(f"job-{number:04}" for number in range(500)))
    jobs = await take(store, 50, token="0")
    seen: list[str] = []
    connection_of(store).set_trace_callback(seen.append)

    done = rounds = 0
    while jobs:
        items = [completion(job.id, token=str(rounds)) for job in jobs]
        rounds += 1
        _, jobs = await asyncio.gather(
            store.complete("q", items), take(store, 50, token=str(rounds))
        )
        done += len(items)

    connection_of(store).set_trace_callback(None)
    assert done == 500
    assert seen.count("COMMIT") <= rounds * 2
    assert len(seen) / done < 10


async def test_a_blocked_loop_does_not_keep_locks_from_being_renewed(
    store: SqliteStore, clock: Any
) -> None:
    await put(store, "a")
    await take(store)
    clock.advance(29_000)
    keeper = store.lock_keeper()

    # Blocking, on purpose: the loop does nothing meanwhile.
    thread_answers: list[list[bool]] = []
    thread = threading.Thread(
        target=lambda: thread_answers.append(
            keeper.extend_locks("q", [Held("a", "token"), Held("a", "other")], 30_000)
        )
    )
    thread.start()
    thread.join(10)
    keeper.close()

    assert thread_answers == [[True, False]]
    clock.advance(29_000)
    assert await store.complete("q", [completion("a")]) == [None]


def test_a_store_belongs_to_the_loop_that_used_it_first(path: Path) -> None:
    store = opened(path)
    asyncio.run(put(store, "a"))

    async def other() -> None:
        with pytest.raises(WrongLoop):
            await put(store, "b")
        with pytest.raises(WrongLoop):
            await store.counts("q")

    asyncio.run(other())
    asyncio.run(store.aclose())


CALLS: list[Callable[[SqliteStore], Any]] = [
    lambda store: put(store, "b"),
    lambda store: store.counts("q"),
    lambda store: store.read_events("q", "0"),
    lambda store: store.wakeup("q").wait(10),
    lambda store: store.remove("q", ["a"], children=True),
]


@pytest.mark.parametrize("call", range(len(CALLS)))
@pytest.mark.parametrize("used", [False, True])
async def test_a_closed_store_says_so(path: Path, call: int, used: bool) -> None:  # noqa: FBT001
    store = opened(path)
    if used:
        await put(store, "a")
    await store.aclose()
    await store.aclose()

    with pytest.raises(Closed):
        await CALLS[call](store)
    with pytest.raises(Closed):
        store.lock_keeper().extend_locks("q", [], 1)


async def test_closing_ends_what_waits(store: SqliteStore) -> None:
    await put(store, "a")
    wakeup = store.wakeup("q")
    await wakeup.wait(0)
    waiting = asyncio.ensure_future(wakeup.wait(60_000))
    reading = asyncio.ensure_future(store.read_events("q", "2", block_ms=60_000))
    await store.counts("q")

    async with deadline(1):
        await wakeup.aclose()
        await waiting
        await store.aclose()
        with pytest.raises(Closed):
            await reading


async def test_a_claim_that_nobody_waits_for_takes_nothing(store: SqliteStore) -> None:
    await put(store, "a")
    gate, reached = threading.Event(), threading.Event()

    def blocks(_transaction: Transaction) -> None:
        reached.set()
        assert gate.wait(10)

    blocking = asyncio.ensure_future(store._write("test", blocks))
    await asyncio.to_thread(reached.wait, 10)
    claiming = asyncio.ensure_future(take(store))
    await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.gather(claiming, return_exceptions=True)
    gate.set()
    await blocking

    assert (await store.counts("q"))[State.WAITING] == 1


def test_a_forked_child_is_refused(path: Path) -> None:
    async def main() -> int:
        store = opened(path)
        await put(store, "a")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                await put(store, "b")
            except StoreUnavailable:
                code = 0
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        await put(store, "c")
        assert await store.jobs("q", ["b"]) == [None]
        await store.aclose()
        return os.waitstatus_to_exitcode(status)

    assert asyncio.run(main()) == 0
