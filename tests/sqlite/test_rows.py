"""Rows that other doors and older versions wrote, or that are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions
from oxherd.domain.schedule import Repeat, Schedule
from tests.sqlite.using import add, completion, connection_of, new_job, put, take

if TYPE_CHECKING:
    from oxherd.engines.sqlite.store import SqliteStore
    from tests.timing import FakeClock

RAW = '{"attempts":3,"kl":2,"de":{"id":"one","ttl":5000},"idof":true,"mine":[1]}'


async def test_options_of_another_program_are_stored_and_read(store: SqliteStore) -> None:
    await add(store, replace(new_job("a"), raw_options=RAW))

    (job,) = await take(store)
    assert job.raw_options == RAW
    assert (job.options.tries, job.options.keep_logs) == (3, 2)
    assert job.options.deduplication == Deduplication("one", ttl=5)


async def test_a_schedule_that_cannot_be_read_is_left_out(store: SqliteStore) -> None:
    for name in ("good", "bad"):
        await store.put_schedule("q", Schedule(id=name, repeat=Repeat(every_ms=1_000), name="tock"))
    connection_of(store).execute(
        """UPDATE schedules SET repetition = '{"pattern":"no such"}' WHERE id = 'bad'"""
    )

    assert [each.id for each in await store.schedules("q")] == ["good"]
    assert await store.schedule("q", "bad") is None
    jobs = await take(store, 2)
    fired = await store.fire_schedule("q", jobs)
    assert [made is None for made in fired] == ["bad" in job.id for job in jobs]


async def test_a_kept_job_with_damaged_options_is_added_all_the_same(store: SqliteStore) -> None:
    asked = Deduplication("one", keep_last_if_active=True)
    await put(store, "first", deduplication=asked)
    await take(store)
    await put(store, "second", deduplication=asked)
    connection_of(store).execute("UPDATE kept_jobs SET options = '{not JSON'")

    assert await store.complete("q", [completion("first")]) == [None]

    assert await store.states("q", ["second"]) == [State.WAITING]
    assert await store.deduplication_job_id("q", "one") == "second"


async def test_a_job_may_have_another_prefix(store: SqliteStore) -> None:
    await add(store, replace(new_job("a"), prefix="other"))
    await add(store, replace(new_job("nonce"), prefix="other", numbered=True))

    assert await store.queues() == []
    assert sum((await store.counts("q")).values()) == 0
    rows = connection_of(store).execute(
        "SELECT prefix, queues.name, job_id FROM jobs JOIN queues ON queues.id = queue"
        " ORDER BY jobs.id"
    )
    assert rows.fetchall() == [("other", "q", "a"), ("other", "q", "2")]


async def test_a_fired_job_has_the_options_of_the_one_before_it(store: SqliteStore) -> None:
    template = JobOptions(priority=4, attempts=2)
    schedule = Schedule(id="tick", repeat=Repeat(every_ms=1_000), name="tock", options=template)
    await store.put_schedule("q", schedule)
    (job,) = await take(store)

    (following,) = await store.fire_schedule("q", [job])

    assert following is not None
    (record,) = await store.jobs("q", [following])
    assert record is not None
    assert (record.priority, record.options.tries, record.delay) == (4, 2, 1_000)
    assert '"count":2' in record.raw_options


async def test_deduplication_ids_whose_time_ran_out_are_cleared_away(
    store: SqliteStore, clock: FakeClock
) -> None:
    for number in range(5):
        await put(store, f"job-{number}", deduplication=Deduplication(f"id-{number}", ttl=1))
    await put(store, "other", deduplication=Deduplication("for good"))
    clock.advance(1_001)

    await put(store, "last", deduplication=Deduplication("new", ttl=1))

    rows = connection_of(store).execute("SELECT id FROM deduplications ORDER BY id")
    assert rows.fetchall() == [("for good",), ("new",)]
