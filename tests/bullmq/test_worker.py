"""The drop-in's worker: what it runs, emits, retries, and how it stops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oxherd.bullmq import (
    DelayedError,
    Job,
    Queue,
    UnrecoverableError,
    WaitingChildrenError,
    Worker,
)
from oxherd.runtime.clock import wall_ms
from tests.bullmq.watching import Heard
from tests.timing import deadline


async def returning(job: Job, token: str) -> Any:
    return job.data


async def failing(job: Job, token: str) -> Any:
    raise ValueError("broken")


@pytest.mark.parametrize("value", ["done", ["foo"], True, {"a": None}, 12.5, None])
async def test_a_result_reaches_the_listener_and_the_store(
    opts: dict[str, Any], value: Any
) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {"value": value})

    async def process(job: Job, token: str) -> Any:
        return job.data["value"]

    worker = Worker("work", process, opts)
    completed, result = await Heard(worker, "completed").next()
    assert (completed.id, result, completed.returnvalue) == (job.id, value, value)
    assert completed.attemptsMade == 1
    stored = await Job.fromId(queue, job.id)
    assert stored is not None
    assert (stored.returnvalue, stored.attemptsMade, stored.data) == (value, 1, {"value": value})
    assert stored.finishedOn
    await worker.close()
    await queue.close()


async def test_a_failure_reaches_the_listener_and_the_store(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {})
    worker = Worker("work", failing, opts)
    failed, error = await Heard(worker, "failed").next()
    assert (failed.id, type(error), str(error)) == (job.id, ValueError, "broken")
    stored = await Job.fromId(queue, job.id)
    assert stored is not None
    assert (stored.failedReason, stored.attemptsMade, len(stored.stacktrace)) == ("broken", 1, 1)
    assert await stored.isFailed()
    await worker.close()
    await queue.close()


async def test_each_attempt_that_fails_is_told(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {}, {"attempts": 3, "backoff": {"type": "fixed", "delay": 20}})
    worker = Worker("work", failing, opts)
    heard = Heard(worker, "failed")
    made = [(await heard.next())[0].attemptsMade for _ in range(3)]
    assert made == [1, 2, 3]
    await worker.close()
    await queue.close()


async def test_a_function_of_the_users_says_how_long_to_wait(opts: dict[str, Any]) -> None:
    asked: list[tuple[int, str, str]] = []

    def strategy(attempts: int, kind: str, error: Exception, job: Any) -> int:
        asked.append((attempts, kind, str(error)))
        return 30 if attempts < 3 else -1

    queue = Queue("work", opts)
    await queue.add("task", {}, {"attempts": 9, "backoff": {"type": "my own"}})
    worker = Worker("work", failing, {**opts, "settings": {"backoffStrategy": strategy}})
    heard = Heard(worker, "failed")
    for _ in range(3):
        job, _ = await heard.next()
    assert asked == [(n, "my own", "broken") for n in (1, 2, 3)]
    assert await job.isFailed()
    await worker.close()
    await queue.close()


async def test_what_is_unrecoverable_is_not_tried_again(opts: dict[str, Any]) -> None:
    async def process(job: Job, token: str) -> None:
        raise UnrecoverableError("never")

    queue = Queue("work", opts)
    await queue.add("task", {}, {"attempts": 5})
    worker = Worker("work", process, opts)
    job, error = await Heard(worker, "failed").next()
    assert isinstance(error, UnrecoverableError)
    assert await job.isFailed()
    await worker.close()
    await queue.close()


async def test_a_processor_moves_its_job_to_delayed(opts: dict[str, Any]) -> None:
    async def process(job: Job, token: str) -> str:
        if not job.data.get("again"):
            await job.updateData({"again": True})
            await job.moveToDelayed(wall_ms() + 50, token)
            raise DelayedError
        return "later"

    queue = Queue("work", opts)
    await queue.add("task", {})
    worker = Worker("work", process, opts)
    job, result = await Heard(worker, "completed").next()
    assert (result, job.attemptsMade, job.attemptsStarted) == ("later", 1, 2)
    await worker.close()
    await queue.close()


async def test_children_are_added_and_waited_for(opts: dict[str, Any]) -> None:
    parents, work = Queue("parents", opts), Queue("work", opts)

    async def process(job: Job, token: str) -> Any:
        if job.attemptsStarted == 1:
            parent = {"id": job.id, "queue": job.queueQualifiedName}
            for n in range(2):
                await work.add(f"child {n}", {"n": n}, {"parent": parent})
            assert await job.moveToWaitingChildren(token, {})
            raise WaitingChildrenError
        assert not await job.moveToWaitingChildren(token, {})
        return sorted(child["n"] for child in (await job.getChildrenValues()).values())

    parent_worker = Worker("parents", process, opts)
    child_worker = Worker("work", returning, opts)
    await parents.add("parent", {})
    _, result = await Heard(parent_worker, "completed").next()
    assert result == [0, 1]
    for one in (parent_worker, child_worker, parents, work):
        await one.close()


async def test_a_job_is_taken_and_settled_by_hand(opts: dict[str, Any]) -> None:
    queue, worker = Queue("work", opts), Worker("work", None, opts)
    await queue.add("good", {})
    await queue.add("bad", {})
    good = await worker.getNextJob("one")
    assert good is not None
    assert await good.isActive()
    await good.moveToCompleted({"a": 1}, "one")
    assert (await good.isCompleted(), good.attemptsMade, good.returnvalue) == (True, 1, {"a": 1})
    bad = await worker.getNextJob("two")
    assert bad is not None
    await bad.moveToFailed(Exception("by hand"), "two")
    assert (await bad.isFailed(), bad.failedReason) == (True, "by hand")
    assert await worker.getNextJob("three") is None
    await worker.close()
    await queue.close()


async def test_another_token_cannot_settle_it(opts: dict[str, Any]) -> None:
    queue, worker = Queue("work", opts), Worker("work", None, opts)
    await queue.add("task", {})
    job = await worker.getNextJob("mine")
    assert job is not None
    with pytest.raises(TypeError, match="Lock mismatch for job 1") as caught:
        await job.moveToCompleted("x", "yours")
    assert caught.value.code == -6  # type: ignore[attr-defined]
    await worker.close()
    await queue.close()


async def test_no_more_run_at_once_than_told(opts: dict[str, Any]) -> None:
    running, most = 0, 0
    all_in = asyncio.Event()

    async def process(job: Job, token: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            all_in.set()
        await all_in.wait()
        running -= 1

    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {}} for _ in range(8)])
    worker = Worker("work", process, {**opts, "concurrency": 4})
    heard = Heard(worker, "completed")
    for _ in range(8):
        await heard.next()
    assert most == 4
    await worker.close()
    await queue.close()


async def test_locks_are_renewed_and_told(opts: dict[str, Any]) -> None:
    renewed = asyncio.Event()

    async def process(job: Job, token: str) -> str:
        await renewed.wait()
        return "survived"

    queue = Queue("work", opts)
    job = await queue.add("task", {})
    worker = Worker("work", process, {**opts, "lockDuration": 1000, "lockRenewTime": 200})
    told = Heard(worker, "locksRenewed")
    done = Heard(worker, "completed")
    assert await told.next() == ({"count": 1, "jobIds": [job.id]},)
    assert worker.lockManager.get_tracked_job_ids() == [job.id]
    renewed.set()
    assert (await done.next())[1] == "survived"
    assert worker.lockManager.get_active_job_count() == 0
    await worker.close()
    await queue.close()


async def test_closed_by_force_the_job_stalls_and_another_worker_has_it(
    opts: dict[str, Any],
) -> None:
    started = asyncio.Event()

    async def stuck(job: Job, token: str) -> None:
        started.set()
        await asyncio.Event().wait()

    queue = Queue("work", opts)
    job = await queue.add("task", {"x": 1})
    short = {**opts, "lockDuration": 600, "stalledInterval": 300}
    first = Worker("work", stuck, short)
    async with deadline(5):
        await started.wait()
    async with deadline(2):
        await first.close(force=True)
    second = Worker("work", returning, short)
    stalled, done = Heard(second, "stalled"), Heard(second, "completed")
    assert await stalled.next() == (job.id,)
    finished, result = await done.next()
    assert (finished.id, result) == (job.id, {"x": 1})
    await second.close()
    await queue.close()


async def test_closing_waits_for_what_runs(opts: dict[str, Any]) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def process(job: Job, token: str) -> str:
        started.set()
        await go_on.wait()
        return "whole"

    queue = Queue("work", opts)
    job = await queue.add("task", {})
    worker = Worker("work", process, opts)
    told = [Heard(worker, name) for name in ("closing", "closed")]
    async with deadline(5):
        await started.wait()
    closing = asyncio.ensure_future(worker.close())
    assert await told[0].next() == ()
    assert not closing.done()
    go_on.set()
    async with deadline(5):
        await closing
    assert await told[1].next() == ()
    assert worker.closed
    stored = await Job.fromId(queue, job.id)
    assert stored is not None
    assert stored.returnvalue == "whole"
    await worker.close()
    await queue.close()


async def test_an_idle_worker_closes_within_a_second(opts: dict[str, Any]) -> None:
    worker = Worker("work", returning, {**opts, "drainDelay": 60})
    await Heard(worker, "drained").next()
    async with deadline(1):
        await worker.close()


async def test_paused_and_resumed(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    worker = Worker("work", returning, opts)
    paused, resumed, done = (Heard(worker, x) for x in ("paused", "resumed", "completed"))
    await worker.pause()
    assert await paused.next() == ()
    assert worker.isPaused()
    await queue.add("task", {"n": 1})
    worker.resume()
    assert await resumed.next() == ()
    assert (await done.next())[1] == {"n": 1}
    await worker.close()
    await queue.close()


async def test_a_worker_runs_once(opts: dict[str, Any]) -> None:
    worker = Worker("work", returning, {**opts, "autorun": False})
    running = asyncio.ensure_future(worker.run())
    await Heard(worker, "drained").next()
    with pytest.raises(Exception, match="Worker is already running"):
        await worker.run()
    await worker.close()
    await running


async def test_a_child_that_fails_its_parent(opts: dict[str, Any]) -> None:
    parents, work = Queue("parents", opts), Queue("work", opts)
    parent = await parents.add("parent", {}, {"delay": 60_000})
    child = await work.add(
        "child",
        {},
        {
            "parent": {"id": parent.id, "queue": parents.qualifiedName},
            "failParentOnFailure": True,
        },
    )
    worker = Worker("work", failing, opts)
    parent_worker = Worker("parents", returning, opts)
    job, error = await Heard(parent_worker, "failed").next()
    assert job.id == parent.id
    assert isinstance(error, UnrecoverableError)
    assert str(error) == f"child {opts['prefix']}:work:{child.id} failed"
    for one in (worker, parent_worker, parents, work):
        await one.close()


async def test_a_limiter_and_a_pattern_of_options_are_taken(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {"n": n}} for n in range(2)])
    worker = Worker("work", returning, {**opts, "limiter": {"max": 1, "duration": 200}})
    heard = Heard(worker, "completed")
    first, second = (await heard.next())[0], (await heard.next())[0]
    assert second.processedOn - first.processedOn >= 150
    await worker.close()
    await queue.close()
