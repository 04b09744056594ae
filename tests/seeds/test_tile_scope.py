"""The tile: the subjects of the pages that it names beside flows, each with a page of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    BelongsToSchedule,
    Cleaned,
    Deduplication,
    Drained,
    FlowProducer,
    Job,
    JobOptions,
    Keep,
    Paused,
    Queue,
    Removed,
    Resumed,
    State,
    Unrecoverable,
    WrongState,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import Gate, fails, heard, name_of, run, workers
from tests.seeds.tile import LINEAR

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd import Store
    from tests.timing import FakeClock

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "configuration": "options.md",
    "error-handling": "errors.md",
    "event-monitoring": "events.md",
    "job-lifecycle": "lifecycle.md",
    "job-processing": "workers.md",
    "job-scheduling": "schedules.md",
    "queue-management": "queues.md",
}


@pytest.fixture
async def queue(store: Store) -> AsyncIterator[Queue]:
    async with Queue("orders", store=store) as opened:
        yield opened


@pytest.mark.parametrize("subject", PAGES)
def test_seed_3_40_each_subject_has_a_page(subject: str) -> None:
    """Each subject of the tile's other pages has a page in the documentation, which is listed."""
    text = (DOCS / PAGES[subject]).read_text()
    assert text.startswith("# ")
    assert len(text.split()) > 100
    assert PAGES[subject] in (DOCS.parent / "mkdocs.yml").read_text()


async def test_seed_3_40_configuration_defaults_of_a_queue(store: Store) -> None:
    """Configuration: a queue has defaults, and what a job says itself goes before them."""
    defaults = JobOptions(attempts=3, remove_on_complete=Keep(count=5))
    async with Queue("orders", store=store, defaults=defaults) as queue:
        plain = await queue.add("a")
        own = await queue.add("a", options={"attempts": 7})
    assert [job.opts.attempts for job in (plain, own)] == [3, 7]
    assert own.opts.remove_on_complete == Keep(count=5)


async def test_seed_3_40_configuration_keeps_so_many(store: Store, queue: Queue) -> None:
    """Configuration: the newest completed jobs are kept, as many as a worker or a job says."""
    jobs = await queue.add_bulk([("a", number) for number in range(6)])
    async with workers(store, {"orders"}, concurrency=1, remove_on_complete=2):
        for job in jobs[-1:]:
            await job.result(SOON)
        await until(lambda: _are_completed(queue, 2))
    assert {job.data for job in await queue.get_completed()} == {4, 5}


async def _are_completed(queue: Queue, number: int) -> bool:
    return await queue.get_job_counts() == {
        **dict.fromkeys((state.value for state in State), 0), "completed": number,
    }  # fmt: skip


async def test_seed_3_40_errors_without_a_retry(store: Store, queue: Queue) -> None:
    """Error handling: what is unrecoverable is not tried again but by hand."""

    async def process(job: Job) -> str:
        if job.attempts_started == 1:
            raise Unrecoverable("the card is stolen")
        return "paid"

    job = await queue.add("pay", options={"attempts": 5})
    async with workers(store, {"orders"}, process):
        assert (await failure_of(job)).reason == "the card is stolen"
        assert (await job.refresh()).attempts_made == 1
        await job.retry(reset_attempts_started=False)
        assert await job.result(SOON) == "paid"


async def test_seed_3_40_events_of_what_is_done_to_a_queue(store: Store, queue: Queue) -> None:
    """Event monitoring: what is done to a queue is told as events."""
    kinds = ("paused", "resumed", "removed", "cleaned")
    async with heard(store, {"orders"}, *kinds) as events:
        await queue.pause()
        await queue.resume()
        job = await queue.add("a")
        await job.remove()
        await run(store, {"name": "a", "queueName": "orders"})
        await queue.clean(0)
        await until(lambda: any(isinstance(event, Cleaned) for event in events))
    told = [type(event) for event in events]
    assert told[:3] == [Paused, Resumed, Removed]
    assert [event.count for event in events if isinstance(event, Cleaned)] == [1]


async def test_seed_3_40_events_tell_when_a_queue_is_empty(store: Store, queue: Queue) -> None:
    """Event monitoring: that the last ready job was taken is told."""
    async with heard(store, {"orders"}, "drained") as events:
        await queue.add_bulk([("a", 1), ("a", 2)])
        async with workers(store, {"orders"}):
            await until(lambda: len(events) > 0)
    assert isinstance(events[0], Drained)


async def test_seed_3_40_the_life_of_a_delayed_job(store: Store, queue: Queue) -> None:
    """Job lifecycle: delayed, prioritized, active, completed, run again."""
    job = await queue.add("a", options={"delay": 60_000, "priority": 3})
    states = [await job.get_state()]
    await job.promote()
    states.append(await job.get_state())
    gate = Gate()
    async with workers(store, {"orders"}, gate):
        await until(job.is_active)
        states.append(await job.get_state())
        gate.open()
        await job.result(SOON)
        states.append(await job.get_state())
    await job.retry("completed")
    states.append(await job.get_state())
    assert states == [
        State.DELAYED, State.PRIORITIZED, State.ACTIVE, State.COMPLETED, State.PRIORITIZED,
    ]  # fmt: skip


async def test_seed_3_40_processing_the_last_first(store: Store, queue: Queue) -> None:
    """Job processing: jobs run in their order, with `lifo` before those that wait."""
    order: list[Any] = []

    async def note(job: Job) -> None:
        order.append(job.data)

    for number in (1, 2):
        await queue.add("a", number)
    for number in (3, 4):
        await queue.add("a", number, JobOptions(lifo=True))
    async with workers(store, {"orders"}, note, concurrency=1):
        await until(lambda: len(order) == 4)
    assert order == [4, 3, 1, 2]


async def test_seed_3_40_a_pattern_makes_jobs_at_its_times(
    timed_store: Store, clock: FakeClock
) -> None:
    """Job scheduling: a pattern makes a job at each of its times, in its time zone."""
    queue = Queue("orders", store=timed_store)
    job = await queue.upsert_job_scheduler(
        "morning", pattern="0 9 * * *", tz="Europe/Vienna", name="report", data={"n": 1}
    )
    assert job is not None
    due = [job.timestamp + round(job.delay * 1000)]
    async with workers(timed_store, {"orders"}, drain_delay=0.02):
        for _ in range(2):
            assert await job.is_delayed()
            clock.advance(due[-1] - clock.now_ms)
            await job.result(SOON)
            (job,) = await queue.get_delayed()
            found = await queue.get_job_scheduler("morning")
            assert found is not None
            due.append(found.next or 0)
    assert [datetime.fromtimestamp(at / 1000, UTC).isoformat() for at in due] == [
        "2027-01-16T08:00:00+00:00", "2027-01-17T08:00:00+00:00", "2027-01-18T08:00:00+00:00",
    ]  # fmt: skip
    assert (job.name, job.data, job.schedule_id) == ("report", {"n": 1}, "morning")


async def test_seed_3_40_a_schedule_is_replaced_and_removed(store: Store, queue: Queue) -> None:
    """Job scheduling: a schedule is replaced by its id, listed and removed with its job."""
    later = datetime(2040, 1, 1, tzinfo=UTC)
    await queue.upsert_job_scheduler("tick", every=3_600, data=1, start=later)
    job = await queue.upsert_job_scheduler("tick", every=1_800, data=2, start=later)
    assert job is not None
    (found,) = await queue.get_job_schedulers()
    assert (found.id, found.every, found.data) == ("tick", 1_800, 2)
    with pytest.raises(BelongsToSchedule):
        await job.remove()
    assert await queue.remove_job_scheduler("tick") is True
    assert await queue.get_jobs() == []


async def test_seed_3_40_draining_a_queue(store: Store, queue: Queue) -> None:
    """Queue management: draining removes what is ready; what runs, or is due later, stays."""
    gate = Gate()
    async with workers(store, {"orders"}, gate, concurrency=1):
        runs = await queue.add("runs")
        await until(runs.is_active)
        await queue.add_bulk([("a", 1), ("a", 2, {"priority": 1}), ("late", 3, {"delay": 60_000})])
        await queue.drain()
        assert [job.name for job in await queue.get_jobs()] == ["late", "runs"]
        await queue.drain(delayed=True)
        assert [job.name for job in await queue.get_jobs()] == ["runs"]
        gate.open()
        assert await runs.result(SOON) == "runs"


async def test_seed_3_40_draining_takes_the_flows_below(store: Store, queue: Queue) -> None:
    """Queue management: a flow's job that is drained is missed by its parent no more."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR)
    await Queue("notifications", store=store).drain()
    payment = node.children[0].job
    assert await payment.is_waiting()
    async with workers(store, {"orders", "payments"}):
        assert await node.flow.result(SOON) == "process-order"


async def test_seed_3_40_cleaning_a_queue(timed_store: Store, clock: FakeClock) -> None:
    """Queue management: cleaning removes the oldest jobs of a state, up to a limit."""
    queue = Queue("orders", store=timed_store)
    jobs = []
    async with workers(timed_store, {"orders"}, {"good": name_of, "bad": fails}):
        for name in ("good", "good", "bad", "good"):
            jobs.append(await queue.add(name))
            await until(jobs[-1].is_failed if name == "bad" else jobs[-1].is_completed)
            clock.advance(1_000)
    assert await queue.clean(3.5) == [jobs[0].id]
    assert await queue.clean(0, 1) == [jobs[1].id]
    assert await queue.clean(0, 0, "failed") == [jobs[2].id]
    assert [job.id for job in await queue.get_jobs()] == [jobs[3].id]


async def test_seed_3_40_obliterating_a_queue(store: Store, queue: Queue) -> None:
    """Queue management: obliterating removes all that a queue has, jobs that run only by force."""
    await queue.upsert_job_scheduler("tick", every=3_600)
    await queue.add("alike", 1, JobOptions(deduplication=Deduplication("d", ttl=60)))
    gate = Gate()
    async with workers(store, {"orders"}, gate, grace=0):
        await until(lambda: gate.held == 2)
        with pytest.raises(WrongState):
            await queue.obliterate()
        assert await queue.is_paused()
        await queue.obliterate(force=True)
        gate.open()
    assert await queue.get_jobs() == []
    assert await queue.get_job_schedulers_count() == 0
    assert await queue.get_deduplication_job_id("d") is None
    assert "orders" not in await store.queues()


async def test_seed_3_40_many_jobs_run_again_or_now(store: Store, queue: Queue) -> None:
    """Queue management: all failed jobs run again, all delayed ones now."""
    jobs = await queue.add_bulk([("a", number, {"delay": 60_000}) for number in range(3)])
    assert await queue.promote_jobs() == 3
    async with workers(store, {"orders"}, fails):
        for job in jobs:
            await failure_of(job)
    assert await queue.retry_jobs(count=2) == 2
    assert await queue.get_job_counts("waiting", "failed") == {"waiting": 2, "failed": 1}
    assert await queue.retry_jobs() == 1
    async with workers(store, {"orders"}):
        for job in jobs:
            assert await job.result(SOON) == "a"
