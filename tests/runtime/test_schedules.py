"""Schedules: their jobs come one after the other, whatever happens to workers and stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    BelongsToSchedule,
    InvalidOption,
    Job,
    JobOptions,
    Keep,
    NotSerializable,
    Queue,
    State,
    StoreUnavailable,
    WaitForChildren,
)
from oxherd.domain.outcome import Completion
from oxherd.engines import open_store
from oxherd.runtime.firing import heal
from tests.runtime.working import SOON, echo, until, working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd import JobScheduler, Store

FAR = 3_600.0


@pytest.fixture
async def queue(store: Store) -> AsyncIterator[Queue]:
    async with Queue("q", store=store) as opened:
        yield opened


async def tick(queue: Queue, **more: Any) -> Job[Any, Any]:
    """A schedule whose first job is ready, and that job."""
    job = await queue.upsert_job_scheduler("tick", every=FAR, **more)
    assert job is not None
    return job


async def read(queue: Queue) -> JobScheduler:
    found = await queue.get_job_scheduler("tick")
    assert found is not None
    return found


async def test_a_schedule_makes_jobs_again_and_again(store: Store, queue: Queue) -> None:
    seen: list[tuple[str, Any, str | None]] = []

    async def process(job: Job) -> None:
        seen.append((job.name, job.data, job.schedule_id))

    first = await queue.upsert_job_scheduler(
        "tick", every=0.05, name="tock", data={"a": 1}, limit=4
    )
    assert first is not None
    assert (first.name, first.data, first.schedule_id) == ("tock", {"a": 1}, "tick")
    async with working(store, process, concurrency=5):
        await until(lambda: len(seen) == 4)
    assert seen == [("tock", {"a": 1}, "tick")] * 4
    assert await queue.count() == 0
    assert (await read(queue)).iteration_count == 4


async def test_the_next_job_is_there_before_one_runs(store: Store, queue: Queue) -> None:
    first = await tick(queue)
    next_ones: list[str] = []

    async def process(job: Job) -> None:
        next_ones.extend(one.id for one in await queue.get_delayed())

    async with working(store, process):
        await first.result(SOON)
    scheduler = await read(queue)
    assert next_ones == [f"repeat:tick:{scheduler.next}"]
    assert scheduler.iteration_count == 2


async def test_what_a_schedule_is_can_be_read(queue: Queue) -> None:
    start = datetime(2040, 1, 1, tzinfo=UTC)
    await queue.upsert_job_scheduler(
        "tick", pattern="0 9 * * mon", tz="Europe/Berlin", start=start, end=4_000_000_000_000,
        limit=7, data=[1], options=JobOptions(attempts=3, priority=2),
    )  # fmt: skip
    found = await read(queue)
    assert (found.id, found.name, found.data) == ("tick", "tick", [1])
    assert (found.pattern, found.tz, found.every) == ("0 9 * * mon", "Europe/Berlin", None)
    assert (found.start, found.end, found.limit) == (2_208_988_800_000, 4_000_000_000_000, 7)
    assert (found.opts.attempts, found.opts.priority) == (3, 2)
    assert found.next == round(datetime(2040, 1, 2, 8, tzinfo=UTC).timestamp() * 1000)
    assert await queue.get_job_scheduler("none") is None


async def test_several_schedules(queue: Queue) -> None:
    for number in range(3):
        await queue.upsert_job_scheduler(f"s{number}", every=timedelta(hours=1), start=10**12)
    await queue.upsert_job_scheduler("later", pattern="0 0 1 1 *")
    assert await queue.get_job_schedulers_count() == 4
    last, *others = await queue.get_job_schedulers()
    assert last.id == "later"
    assert {one.id for one in others} == {"s0", "s1", "s2"}
    assert [one.id for one in await queue.get_job_schedulers(3, 3, asc=True)] == ["later"]
    assert others[0].every == 3_600


async def test_a_schedule_is_replaced(store: Store, queue: Queue) -> None:
    await tick(queue, data=1)
    await tick(queue, data=2)
    assert [job.data for job in await queue.get_waiting()] == [2]
    assert await queue.get_job_schedulers_count() == 1


async def test_a_schedule_is_removed(store: Store, queue: Queue) -> None:
    first = await tick(queue)
    async with working(store, echo):
        await first.result(SOON)
    assert await queue.remove_job_scheduler("tick") is True
    assert await queue.get_delayed() == []
    assert await queue.get_job_schedulers() == []
    assert await queue.remove_job_scheduler("tick") is False


async def test_the_next_job_cannot_be_removed_alone(queue: Queue) -> None:
    job = await tick(queue)
    with pytest.raises(BelongsToSchedule, match="remove_job_scheduler"):
        await job.remove()
    with pytest.raises(BelongsToSchedule):
        await queue.remove(job.id)


async def test_the_queues_defaults_are_the_templates(store: Store) -> None:
    queue = Queue("q", store=store, defaults={"attempts": 4, "delay": 5_000, "priority": 3})
    job = await tick(queue, options={"priority": 1})
    assert (job.opts.attempts, job.priority) == (4, 1)
    assert await job.get_state() is State.PRIORITIZED


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "either"),
        ({"every": 1, "pattern": "* * * * *"}, "either"),
        ({"every": 0}, "every"),
        ({"every": -1}, "every"),
        ({"pattern": "often"}, "cron"),
        ({"pattern": "* * * * *", "tz": "Mars/Olympus"}, "time zone"),
        ({"every": 1, "limit": 0}, "limit"),
        ({"every": 1, "start": datetime(2030, 1, 1)}, "time zone"),  # noqa: DTZ001 - that is tried
        ({"every": 1, "end": "tomorrow"}, "end"),
        ({"every": 1, "immediately": True, "start": 5}, "exclude"),
        ({"every": 1, "offset": "x"}, "offset"),
        ({"every": 1, "options": {"delay": 5}}, "'delay'"),
        ({"every": 1, "options": {"jobId": "mine"}}, "'job_id'"),
        ({"every": 1, "options": {"timestamp": 1_700_000_000_000}}, "'timestamp'"),
        ({"every": 1, "options": {"parent": {"id": "a", "queue": "q"}}}, "'parent'"),
        ({"every": 1, "options": {"deduplication": {"id": "a"}}}, "'deduplication'"),
        ({"every": 1, "name": ""}, "job name"),
    ],
)
async def test_what_is_impossible_is_refused(
    queue: Queue, store: Store, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidOption, match=told):
        await queue.upsert_job_scheduler("tick", **more)
    assert await store.queues() == []


async def test_an_impossible_id_or_data_is_refused(queue: Queue) -> None:
    for schedule_id in ("", "tick:5", "a:b:c:d:e"):
        with pytest.raises(InvalidOption, match="schedule id"):
            await queue.upsert_job_scheduler(schedule_id, every=1)
    with pytest.raises(NotSerializable):
        await queue.upsert_job_scheduler("tick", every=1, data={1})


async def test_a_schedule_without_a_further_time_makes_no_job(queue: Queue) -> None:
    end = 1_000_000_000_000
    assert await queue.upsert_job_scheduler("tick", pattern="* * * * *", end=end) is None
    assert await queue.get_job_schedulers() == []


async def test_a_scheduled_job_may_have_children(store: Store, queue: Queue) -> None:
    async def process(job: Job) -> Any:
        if job.name == "child":
            return job.data
        if job.attempts_started == 1:
            await job.add_children([{"name": "child", "queue": "q", "data": 5}])
            assert await job.move_to_waiting_children()
            raise WaitForChildren
        return list((await job.get_children_values()).values())

    first = await tick(queue)
    async with working(store, process):
        assert await first.result(SOON) == [5]


# What goes wrong


class Fault:
    """A fail-point that loses some answers of one verb."""

    def __init__(self, verb: str, point: str, times: int) -> None:
        self.name = f"{verb}.{point}"
        self.left = times
        self.reached = 0

    def __call__(self, name: str) -> None:
        if name.partition(".")[2] == self.name:
            self.reached += 1
            if self.left > 0:
                self.left -= 1
                raise StoreUnavailable("the test cut the line")


POINTS = {"sqlite": ("before_commit", "after_commit"), "redis": ("before_send", "after_answer")}


@pytest.mark.parametrize("point", [0, 1])
async def test_a_job_waits_until_its_follower_is_made(
    engine: str, store_url: str, point: int
) -> None:
    fault = Fault("fire_schedule", POINTS[engine][point], 2)
    store = open_store(store_url, failpoint=fault)
    errors: list[BaseException] = []
    try:
        queue = Queue("q", store=store)
        first = await tick(queue)
        async with working(store, echo) as worker:
            worker.on("error", errors.append)
            await first.result(SOON)
        # After a lost answer a look may be enough to see that it is done.
        assert fault.reached == 3 or point == 1
        assert len(await queue.get_delayed()) == 1
        assert (await read(queue)).iteration_count == 2
        assert errors
        assert all(isinstance(error, StoreUnavailable) for error in errors)
    finally:
        await store.aclose()


async def test_a_worker_that_closes_meanwhile_gives_the_job_back(
    engine: str, store_url: str
) -> None:
    fault = Fault("fire_schedule", POINTS[engine][0], 10**6)
    store = open_store(store_url, failpoint=fault)
    try:
        queue = Queue("q", store=store)
        first = await tick(queue)
        async with working(store, echo, grace=0.05):
            await until(lambda: fault.reached > 1)
        assert await first.is_waiting()
        fault.left = 0
        async with working(store, echo):
            await first.result(SOON)
        assert (await first.refresh()).attempts_made == 1
        assert len(await queue.get_delayed()) == 1
    finally:
        await store.aclose()


async def test_all_scheduled_jobs_of_a_claim_are_fired_together(
    engine: str, store_url: str
) -> None:
    fault = Fault("fire_schedule", POINTS[engine][0], 0)
    store = open_store(store_url, failpoint=fault)
    try:
        queue = Queue("q", store=store)
        for number in range(5):
            await queue.upsert_job_scheduler(f"s{number}", every=FAR)
        await queue.add("plain")
        async with working(store, echo, concurrency=10):
            await until(lambda: _completed(queue, 6))
        assert fault.reached == 1
        assert len(await queue.get_delayed()) == 5
    finally:
        await store.aclose()


async def _completed(queue: Queue, number: int) -> bool:
    return (await queue.get_job_counts("completed"))["completed"] == number


async def test_a_job_of_a_dead_worker_is_fired_by_the_next(store: Store, queue: Queue) -> None:
    first = await tick(queue)
    assert await store.claim("q", 1, token="dead", lock_ms=1)
    async with working(store, echo, stalled_interval=0.05):
        await first.result(SOON)
    assert len(await queue.get_delayed()) == 1
    assert (await read(queue)).iteration_count == 2


async def lose(store: Store, keep: Keep) -> None:
    """Run the pending job as somebody who knows nothing of schedules."""
    claimed = await store.claim("q", 1, token="t", lock_ms=60_000)
    done = Completion(claimed.jobs[0].id, "t", "null", keep)
    assert await store.complete("q", [done]) == [None]


@pytest.mark.parametrize("keep", [Keep(count=0), Keep()])
async def test_a_schedule_that_stopped_goes_on(store: Store, queue: Queue, keep: Keep) -> None:
    await tick(queue, data=[7])
    await lose(store, keep)
    assert await queue.get_delayed() == []
    async with working(store, echo, stalled_interval=0.05):
        await until(lambda: _is_pending(queue))
    assert [job.data for job in await queue.get_delayed()] == [[7]]
    assert await heal(store, "q") == []


async def _is_pending(queue: Queue) -> bool:
    return bool(await queue.get_delayed())


async def test_a_schedule_that_goes_on_is_let_alone(store: Store, queue: Queue) -> None:
    """Pending, ready or running: the job is there."""
    await tick(queue)
    assert await heal(store, "q") == []
    claimed = await store.claim("q", 1, token="t", lock_ms=60_000)
    assert await heal(store, "q") == []
    await store.fire_schedule("q", claimed.jobs)
    assert await heal(store, "q") == []
    assert len(await queue.get_delayed()) == 1


async def test_a_schedule_at_its_end_is_let_alone(store: Store, queue: Queue) -> None:
    await tick(queue, limit=1)
    await lose(store, Keep(count=0))
    assert await heal(store, "q") == []
    assert await queue.count() == 0


async def test_more_schedules_than_are_looked_at_together(memory: Store) -> None:
    queue = Queue("q", store=memory)
    for number in range(1_050):
        await queue.upsert_job_scheduler(f"s{number}", every=FAR, start=4_000_000_000_000)
    last = (await queue.get_job_schedulers())[0]
    assert await memory.promote("q", [f"repeat:{last.id}:{last.next}"]) == [None]
    await lose(memory, Keep(count=0))
    assert await heal(memory, "q") == [last.id]


async def test_a_firing_that_is_refused_does_not_stop_the_job(engine: str, store_url: str) -> None:
    class Broken(Fault):
        def __call__(self, name: str) -> None:
            if name.partition(".")[2] == self.name and self.left:
                self.left -= 1
                raise RuntimeError("a mistake of ours")

    store = open_store(store_url, failpoint=Broken("fire_schedule", POINTS[engine][0], 1))
    try:
        queue = Queue("q", store=store)
        first = await tick(queue)
        async with working(store, echo, stalled_interval=0.1):
            await first.result(SOON)
            await until(lambda: _is_pending(queue))
    finally:
        await store.aclose()
