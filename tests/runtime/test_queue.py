"""Queue: adding, reading, steering."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    InvalidFlow,
    InvalidOption,
    Job,
    JobFailed,
    JobNotFound,
    JobOptions,
    NotSerializable,
    Queue,
    State,
    WrongState,
)
from tests.runtime.working import SOON, echo, until, working

if TYPE_CHECKING:
    from oxherd import Store


async def test_add_answers_the_job(store: Store) -> None:
    async with Queue("video", store=store) as queue:
        job = await queue.add("transcode", {"path": "a.mov"}, JobOptions(priority=2))
        stored = await queue.get_job(job.id)
        assert stored is not None
        for one in (job, stored):
            assert isinstance(one, Job)
            assert (one.name, one.queue_name) == ("transcode", "video")
            assert one.data == {"path": "a.mov"}
            assert one.opts == JobOptions(priority=2)
            assert one.key == f"{store.prefix}:video:{one.id}"
            assert (one.priority, one.delay, one.attempts_made) == (2, 0, 0)
            assert one.timestamp > 1_600_000_000_000
            assert (one.parent, one.parent_key, one.parents) == (None, None, ())
            assert one.flow_id is None
        assert "transcode" in repr(job)
        assert "video" in repr(queue)


async def test_options_may_be_a_mapping_in_milliseconds(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job", {}, {"delay": 5000, "priority": 2, "attempts": 3})
    assert job.opts == JobOptions(delay=5, priority=2, attempts=3)
    assert await job.get_state() is State.DELAYED
    assert job.delay == 5


async def test_data_may_be_anything_json(store: Store) -> None:
    queue = Queue("q", store=store)
    values: list[Any] = [{}, [], "", 0, False, "ü🐂\n\u2028", {"a": [None, 1.5, {"b": 2**63}]}]
    for data in values:
        job = await queue.add("job", data)
        assert job.data == data
        assert (await job.refresh()).data == data
    assert (await queue.add("job")).data == {}


async def test_ids_are_short_ordered_and_no_integers(store: Store) -> None:
    queue = Queue("q", store=store)
    ids = [(await queue.add("job")).id for _ in range(20)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 20
    assert all(len(one) <= 20 and not one.isdigit() for one in ids)


async def test_a_given_id_is_one_job(store: Store) -> None:
    queue = Queue("q", store=store)
    first = await queue.add("job", 1, JobOptions(job_id="mine"))
    again = await queue.add("other", 2, JobOptions(job_id="mine"))
    assert (first.id, again.id, again.name, again.data) == ("mine", "mine", "job", 1)
    assert await queue.count() == 1


async def test_defaults_fill_what_a_job_leaves_open(store: Store) -> None:
    queue = Queue("q", store=store, defaults={"attempts": 3, "priority": 5})
    job = await queue.add("job")
    own = await queue.add("job", {}, JobOptions(priority=1))
    assert (job.opts.attempts, job.opts.priority) == (3, 5)
    assert (own.opts.attempts, own.opts.priority) == (3, 1)


async def test_add_bulk_takes_tuples_and_mappings(store: Store) -> None:
    queue = Queue("q", store=store)
    jobs = await queue.add_bulk(
        [
            ("a", 1),
            ("b", 2, JobOptions(priority=1)),
            ("c", 3, {"priority": 2}),
            {"name": "d", "data": 4, "opts": {"priority": 3}},
            {"name": "e"},
        ]
    )
    assert [job.name for job in jobs] == list("abcde")
    assert [job.data for job in jobs] == [1, 2, 3, 4, {}]
    assert [job.priority for job in jobs] == [0, 1, 2, 3, 0]
    assert await queue.count() == 5
    assert await queue.add_bulk([]) == []


@pytest.mark.parametrize(
    ("bad", "error", "told"),
    [
        (("b", float("nan")), NotSerializable, r"jobs\[1\]"),
        (("b", {}, {"atempts": 3}), InvalidOption, "did you mean 'attempts'"),
        ({"nme": "b"}, InvalidOption, "did you mean 'name'"),
        ({"data": 1}, InvalidOption, "there is no name"),
        (("b",), InvalidOption, r"\(name, data\)"),
        (("b", {}, JobOptions(parent={"id": "none", "queue": "q"})), JobNotFound, "none"),
    ],
)
async def test_add_bulk_is_all_or_nothing(
    store: Store, bad: Any, error: type[Exception], told: str
) -> None:
    queue = Queue("q", store=store)
    with pytest.raises(error, match=told):
        await queue.add_bulk([("a", 1), bad, ("c", 3)])
    assert await queue.count() == 0


async def test_the_states_and_their_getters(store: Store) -> None:
    queue = Queue("q", store=store)
    hold = asyncio.Event()

    async def process(job: Job) -> Any:
        if job.name == "bad":
            raise ValueError("no")
        if job.name == "held":
            await hold.wait()
        return job.data

    async with working(store, process):
        done = await queue.add("good", 1)
        bad = await queue.add("bad", 2)
        await done.result(SOON)
        with pytest.raises(JobFailed):
            await bad.result(SOON)
        held = await queue.add("held", 3)
        await until(held.is_active)
        ready = [await queue.add("ready", number) for number in (4, 5)]
        high = await queue.add("high", 6, JobOptions(priority=3))
        later = await queue.add("later", 7, JobOptions(delay=60))
        child = await queue.add(
            "child", 8, JobOptions(delay=60, parent={"id": held.id, "queue": "q"})
        )
        found = {
            "waiting": await queue.get_waiting(),
            "prioritized": await queue.get_prioritized(),
            "delayed": await queue.get_delayed(),
            "active": await queue.get_active(),
            "completed": await queue.get_completed(),
            "failed": await queue.get_failed(),
            "waiting-children": await queue.get_waiting_children(),
        }
        assert {state: [job.id for job in jobs] for state, jobs in found.items()} == {
            "waiting": [job.id for job in ready],
            "prioritized": [high.id],
            "delayed": [later.id, child.id],
            "active": [held.id],
            "completed": [done.id],
            "failed": [bad.id],
            "waiting-children": [],
        }
        assert await queue.get_job_counts() == {
            "waiting": 2, "prioritized": 1, "delayed": 2, "waiting-children": 0,
            "active": 1, "completed": 1, "failed": 1,
        }  # fmt: skip
        assert await queue.get_job_counts("failed", State.ACTIVE) == {"failed": 1, "active": 1}
        assert await queue.count() == 5
        assert await queue.get_job_state(high.id) is State.PRIORITIZED
        assert await queue.get_job_state("none") is None
        assert await queue.get_job("none") is None
        for job, ask in (
            (ready[0], "is_waiting"), (high, "is_prioritized"), (later, "is_delayed"),
            (held, "is_active"), (done, "is_completed"), (bad, "is_failed"),
        ):  # fmt: skip
            assert await getattr(job, ask)() is True
            assert await job.is_waiting_children() is False
        await child.remove()
        hold.set()
        await held.result(SOON)


async def test_ranges_and_orders(store: Store) -> None:
    queue = Queue("q", store=store)
    await queue.add_bulk([("job", number) for number in range(5)])
    assert [job.data for job in await queue.get_waiting(1, 2)] == [1, 2]
    assert [job.data for job in await queue.get_waiting(3)] == [3, 4]
    assert [job.data for job in await queue.get_jobs("waiting", asc=True)] == [0, 1, 2, 3, 4]
    assert [job.data for job in await queue.get_jobs(["waiting"])] == [4, 3, 2, 1, 0]
    assert len(await queue.get_jobs()) == 5
    async with working(store, echo):
        await until(lambda: _completed(queue, 5))
    assert [job.data for job in await queue.get_completed()] == [4, 3, 2, 1, 0]
    with pytest.raises(InvalidOption, match="did you mean 'waiting'"):
        await queue.get_jobs("wating")
    with pytest.raises(InvalidOption):
        await queue.get_job_counts("nowhere")


async def _completed(queue: Queue, number: int) -> bool:
    return (await queue.get_job_counts())["completed"] == number


async def test_logs_by_id(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job")
    for number in range(4):
        assert await job.log(f"line {number}") == number + 1
    assert await queue.get_job_logs(job.id) == [f"line {number}" for number in range(4)]
    assert await queue.get_job_logs(job.id, 1, 2) == ["line 1", "line 2"]
    assert await queue.get_job_logs("none") == []


async def test_remove(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job")
    await queue.remove(job.id)
    assert await queue.get_job(job.id) is None
    with pytest.raises(JobNotFound):
        await queue.remove(job.id)
    held = await queue.add("job")
    await store.claim("q", 1, token="t", lock_ms=60_000)
    with pytest.raises(WrongState) as caught:
        await queue.remove(held.id)
    assert caught.value.state is State.ACTIVE


async def test_retry_jobs_and_promote_jobs(store: Store) -> None:
    queue = Queue("q", store=store)
    fixed = False

    async def process(job: Job) -> str:
        if not fixed:
            raise ValueError("no")
        return "yes"

    async with working(store, process):
        jobs = await queue.add_bulk([("job", number) for number in range(3)])
        await until(lambda: _failed(queue, 3))
        fixed = True
        assert await queue.retry_jobs(count=2) == 2
        assert await jobs[0].result(SOON) == "yes"
        assert await jobs[1].result(SOON) == "yes"
        assert await jobs[2].is_failed()
        assert await queue.retry_jobs() == 1
        await jobs[2].result(SOON)
        assert await queue.retry_jobs("completed", 1) == 1
        await until(lambda: _completed(queue, 3))
        later = await queue.add("job", {}, JobOptions(delay=60))
        assert await queue.promote_jobs() == 1
        assert await later.result(SOON) == "yes"
        assert await queue.promote_jobs() == 0
    with pytest.raises(InvalidFlow):
        await queue.retry_jobs("waiting")


async def _failed(queue: Queue, number: int) -> bool:
    return (await queue.get_job_counts())["failed"] == number


async def test_an_id_that_stands_twice_in_one_call_is_one_job(store: Store) -> None:
    queue = Queue("q", store=store)
    jobs = await queue.add_bulk(
        [("a", 1, {"jobId": "x"}), ("between", 2), ("b", 3, {"jobId": "x"})]
    )
    assert [job.data for job in jobs] == [1, 2, 1]
    assert [job.name for job in await queue.get_waiting()] == ["a", "between"]
