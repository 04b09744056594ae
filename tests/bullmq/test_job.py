"""The drop-in's job: what it shows, what it is told, and what its holder may do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oxherd.bullmq import Job, Queue, QueueEvents, UnrecoverableError, Worker
from oxherd.runtime.clock import wall_ms
from tests.bullmq.watching import Heard
from tests.timing import deadline

TOKEN = "a token"


async def stored(queue: Queue, job: Job) -> Job:
    found = await Job.fromId(queue, job.id)
    assert found is not None
    return found


async def held(queue: Queue, opts: dict[str, Any], **more: Any) -> tuple[Job, Worker]:
    """A job in our hands, and the worker by which it came."""
    worker = Worker(queue.name, None, {**opts, **more})
    job = await worker.getNextJob(TOKEN)
    assert job is not None
    return job, worker


def raised(text: str) -> ValueError:
    """An error with a trace."""
    with pytest.raises(ValueError, match=text) as caught:
        int(text)
    return ValueError(text).with_traceback(caught.tb)


@pytest.mark.parametrize("progress", [42, {"total": 120, "completed": 40}, "half", [1, 2]])
async def test_progress_is_any_value(opts: dict[str, Any], progress: Any) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {})
    await job.updateProgress(progress)
    assert job.progress == progress
    assert (await stored(queue, job)).progress == progress
    await queue.close()


async def test_data_is_replaced(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {"foo": "bar"})
    await job.updateData({"baz": "qux"})
    assert (await stored(queue, job)).data == {"baz": "qux"}
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        await job.updateData({"baz": float("nan")})
    await queue.close()


async def test_a_removed_job_has_no_verbs(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {})
    await job.remove()
    told = {
        "updateData": lambda: job.updateData({}),
        "updateProgress": lambda: job.updateProgress(1),
        "changePriority": lambda: job.changePriority({"priority": 1}),
        "changeDelay": lambda: job.changeDelay(1),
        "addLog": lambda: job.log("line"),
        "reprocessJob": job.retry,
        "moveToFinished": lambda: job.moveToCompleted(1, TOKEN),
        "moveToDelayed": lambda: job.moveToDelayed(0, TOKEN),
        "moveToWaitingChildren": lambda: job.moveToWaitingChildren(TOKEN, {}),
    }
    for command, verb in told.items():
        with pytest.raises(TypeError) as refused:
            await verb()
        assert str(refused.value) == f"Missing key for job {job.id}. {command}"
        assert refused.value.code == -1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=rf"Job {job.id} is not in the delayed state. promote"):
        await job.promote()
    await job.clearLogs()
    await job.removeUnprocessedChildren()
    await job.remove()
    assert await job.extendLock(TOKEN, 1000) == 0
    assert await job.getState() == "unknown"
    assert await job.getChildrenValues() == {}
    await queue.close()


async def test_a_log_is_counted_bounded_and_cleared(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {}, {"keepLogs": 2})
    assert [await job.log(line) for line in "abc"] == [1, 2, 2]
    assert await queue.getJobLogs(job.id) == {"logs": ["b", "c"], "count": 2}
    await job.clearLogs(1)
    assert (await queue.getJobLogs(job.id))["logs"] == ["c"]
    await job.clearLogs()
    assert (await queue.getJobLogs(job.id))["count"] == 0
    await queue.close()


async def test_states_are_asked_one_by_one(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    waiting = await queue.add("task", {})
    delayed = await queue.add("task", {}, {"delay": 60_000})
    ranked = await queue.add("task", {}, {"priority": 3})
    asked = ("isWaiting", "isDelayed", "isActive", "isCompleted", "isFailed", "isWaitingChildren")

    async def answers(job: Job) -> list[str]:
        return [name for name in asked if await getattr(job, name)()]

    assert (await waiting.getState(), await answers(waiting)) == ("waiting", ["isWaiting"])
    assert (await delayed.getState(), await answers(delayed)) == ("delayed", ["isDelayed"])
    assert (await ranked.getState(), await answers(ranked)) == ("prioritized", [])
    assert (ranked.priority, waiting.priority) == (3, 0)
    assert await queue.getJobState(ranked.id) == "prioritized"
    await queue.close()


async def test_a_delayed_job_is_promoted(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {}, {"delay": 1500})
    await job.promote()
    assert job.delay == 0
    assert (await job.isDelayed(), await job.isWaiting()) == (False, True)
    with pytest.raises(TypeError) as refused:
        await job.promote()
    assert str(refused.value) == f"Job {job.id} is not in the delayed state. promote"
    await queue.close()


async def test_delay_and_priority_are_changed(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    first = await queue.add("task", {}, {"priority": 5})
    second = await queue.add("task", {}, {"priority": 9})
    await second.changePriority({"priority": 1})
    assert second.priority == 1
    assert [job.id for job in await queue.getPrioritized()] == [second.id, first.id]
    await first.changePriority({"priority": 1, "lifo": True})
    assert [job.id for job in await queue.getPrioritized()] == [first.id, second.id]
    await first.changePriority({})
    assert await first.isWaiting()

    late = await queue.add("task", {}, {"delay": 60_000})
    await late.changeDelay(5_000)
    assert late.delay == (await stored(queue, late)).delay == 5_000
    with pytest.raises(
        TypeError, match=rf"Job {first.id} is not in the delayed state. changeDelay"
    ):
        await first.changeDelay(1)
    await queue.close()


async def test_a_finished_job_is_run_again(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {})
    job, worker = await held(queue, opts)
    await job.moveToFailed(ValueError("broken"), TOKEN)
    with pytest.raises(TypeError) as refused:
        await job.retry("completed")
    assert str(refused.value) == f"Job {job.id} is not in the completed state. reprocessJob"
    await job.retry()
    assert (job.failedReason, job.finishedOn, job.returnvalue) == (None, None, None)
    again = await stored(queue, job)
    assert (again.attemptsMade, again.attemptsStarted, again.failedReason) == (1, 1, None)

    job, other = await held(queue, opts)
    await job.moveToCompleted("done", TOKEN)
    await job.retry("completed", {"resetAttemptsMade": True, "resetAttemptsStarted": True})
    again = await stored(queue, job)
    assert (job.attemptsMade, again.attemptsMade) == (0, 0)
    assert (job.attemptsStarted, again.attemptsStarted) == (0, 0)
    for one in (worker, other, queue):
        await one.close()


# Held


async def test_a_job_is_completed_by_hand(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("first", {})
    second = await queue.add("second", {"n": 2})
    job, worker = await held(queue, opts)
    assert (job.name, job.token, job.attemptsStarted) == ("first", TOKEN, 1)
    assert job.processedOn
    with pytest.raises(ValueError, match="not JSON compliant"):
        await job.moveToCompleted(float("inf"), TOKEN)
    following = await job.moveToCompleted({"ok": True}, TOKEN, True)
    assert (job.returnvalue, job.attemptsMade) == ({"ok": True}, 1)
    assert following is not None
    fields, job_id, *rest = following
    assert (job_id, rest) == (second.id, [0, 0])
    following_job = Job.fromJSON(queue, fields, job_id)
    assert (following_job.data, await following_job.isActive()) == ({"n": 2}, True)
    assert await following_job.moveToCompleted(None, TOKEN, True) == [None, None, 0, 0]
    ended = await stored(queue, job)
    assert (ended.returnvalue, ended.attemptsMade) == ({"ok": True}, 1)
    assert ended.finishedOn
    await worker.close()
    await queue.close()


async def test_a_failed_attempt_is_followed_by_another(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {}, {"attempts": 3, "stackTraceLimit": 2})
    workers: list[Worker] = []
    for attempt in range(1, 4):
        job, worker = await held(queue, opts)
        workers.append(worker)
        assert await job.moveToFailed(raised(f"broken {attempt}"), TOKEN) is None
        assert job.attemptsMade == attempt
        assert job.failedReason == f"broken {attempt}"
        assert await job.getState() == ("failed" if attempt == 3 else "waiting")
    ended = await stored(queue, job)
    assert [trace.splitlines()[-1] for trace in ended.stacktrace] == [
        "ValueError: broken 2", "ValueError: broken 3",
    ]  # fmt: skip
    for one in (*workers, queue):
        await one.close()


@pytest.mark.parametrize(
    ("backoff", "wait"),
    [
        (600, 600),
        ({"type": "fixed", "delay": 700}, 700),
        ({"type": "exponential", "delay": 800}, 800),
        ({"type": "own"}, 7),
    ],
)
async def test_the_next_attempt_waits(opts: dict[str, Any], backoff: Any, wait: int) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {}, {"attempts": 2, "backoff": backoff})

    def strategy(made: int, kind: str, error: Exception, job: Job) -> int:
        assert (made, kind, str(error), job.name) == (1, "own", "broken", "task")
        return 7

    job, worker = await held(queue, opts, settings={"backoffStrategy": strategy})
    await job.moveToFailed(ValueError("broken"), TOKEN)
    assert job.delay == (await stored(queue, job)).delay == wait
    await worker.close()
    await queue.close()


async def test_a_backoff_of_nobodys_is_named(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {}, {"attempts": 2, "backoff": {"type": "own"}})
    job, worker = await held(queue, opts)
    with pytest.raises(Exception) as refused:
        await job.moveToFailed(ValueError("broken"), TOKEN)
    assert str(refused.value) == (
        "Unknown backoff strategy own. If a custom backoff strategy is used, specify it when the"
        " queue is created."
    )
    await worker.close()
    await queue.close()


@pytest.mark.parametrize("why", ["discarded", "unrecoverable", "strategy"])
async def test_there_is_no_attempt_where_none_shall_be(opts: dict[str, Any], why: str) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {}, {"attempts": 9, "backoff": {"type": "own"}})
    job, worker = await held(queue, opts, settings={"backoffStrategy": lambda *_: -1})
    if why == "discarded":
        job.discard()
    error = UnrecoverableError("no") if why == "unrecoverable" else ValueError("no")
    await job.moveToFailed(error, TOKEN)
    assert await job.isFailed()
    assert (await stored(queue, job)).failedReason == "no"
    await worker.close()
    await queue.close()


async def test_only_the_holder_moves_a_job(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {})
    job, worker = await held(queue, opts)
    with pytest.raises(TypeError) as refused:
        await job.moveToCompleted(1, "another token")
    assert str(refused.value) == f"Lock mismatch for job {job.id}. Cmd moveToFinished from active"
    assert refused.value.code == -6  # type: ignore[attr-defined]
    await queue.client.delete(queue.toKey(f"{job.id}:lock"))
    with pytest.raises(TypeError) as lost:
        await job.moveToFailed(ValueError("x"), TOKEN)
    assert str(lost.value) == f"Missing lock for job {job.id}. moveToFinished"
    assert lost.value.code == -2  # type: ignore[attr-defined]
    await worker.close()
    await queue.close()


async def test_a_lock_is_extended(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {})
    job, worker = await held(queue, opts, lockDuration=1_000)
    assert await job.extendLock(TOKEN, 60_000) == 1
    assert await queue.client.pttl(queue.toKey(f"{job.id}:lock")) > 30_000
    assert await job.extendLock("another token", 60_000) == 0
    await worker.close()
    await queue.close()


async def test_a_job_is_put_off_or_given_back(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("task", {}, {"priority": 2})
    job, worker = await held(queue, opts)
    assert await job.moveToWait(TOKEN) == 0
    assert await job.getState() == "prioritized"
    job, again = await held(queue, opts)
    await job.moveToDelayed(wall_ms() + 60_000, TOKEN)
    assert 59_000 < job.delay <= 60_000
    after = await stored(queue, job)
    assert (await after.isDelayed(), after.attemptsMade, after.attemptsStarted) == (True, 0, 2)
    for one in (worker, again, queue):
        await one.close()


async def test_a_job_waits_for_its_children(opts: dict[str, Any]) -> None:
    queue, other = Queue("work", opts), Queue("other", opts)
    await queue.add("parent", {})
    job, worker = await held(queue, opts)
    assert await job.moveToWaitingChildren(TOKEN, {}) is False
    link = {"parent": {"id": job.id, "queue": queue.qualifiedName}}
    child = await other.add("child", {}, {**link, "failParentOnFailure": True})
    named = {"id": child.id, "queue": other.qualifiedName}
    assert await job.moveToWaitingChildren(TOKEN, {"child": {**named, "id": "no"}}) is False
    with pytest.raises(TypeError, match=rf"Job {job.id} has pending dependencies. moveToFinished"):
        await job.moveToCompleted(1, TOKEN)
    assert await job.moveToWaitingChildren(TOKEN, {"child": named}) is True
    assert await job.isWaitingChildren()

    failing, its_worker = await held(other, opts)
    await failing.moveToFailed(UnrecoverableError("broken"), TOKEN)
    doomed, again = await held(queue, opts)
    assert doomed.deferredFailure == f"child {other.qualifiedName}:{child.id} failed"
    with pytest.raises(UnrecoverableError) as refused:
        await doomed.moveToCompleted(1, TOKEN)
    assert str(refused.value) == (
        f"Cannot complete job {job.id} because it has at least one failed child. moveToFinished"
    )
    for one in (worker, its_worker, again, queue, other):
        await one.close()


# Waiting, and children


async def test_a_result_is_awaited(opts: dict[str, Any]) -> None:
    queue, events = Queue("work", opts), QueueEvents("work", opts)
    good, bad = await queue.add("good", {}), await queue.add("bad", {})

    async def process(job: Job, token: str) -> str:
        if job.name == "bad":
            raise ValueError("broken")
        return "done"

    worker = Worker("work", process, opts)
    async with deadline(8):
        assert await good.waitUntilFinished(events) == "done"
        with pytest.raises(Exception, match=r"^broken$"):
            await bad.waitUntilFinished(events, 5_000)
    late = await queue.add("late", {}, {"delay": 60_000})
    with pytest.raises(TimeoutError) as waited:
        await late.waitUntilFinished(events, 20)
    assert str(waited.value) == (
        "Job wait late timed out before finishing, no finish notification arrived"
        f" after 20ms (id={late.id})"
    )
    await late.remove()
    with pytest.raises(TypeError, match=rf"Missing key for job {late.id}. isFinished"):
        await late.waitUntilFinished(events)
    for one in (worker, events, queue):
        await one.close()


async def test_a_job_is_a_dictionary_too(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {"n": 1}, {"jobId": "own", "deduplication": {"id": "same"}})
    assert job.deduplication_id == job.deduplicationId == "same"
    assert (job.queueName, job.prefix) == ("work", opts["prefix"])
    shown = job.asJSON()
    assert (shown["id"], shown["data"], shown["deduplicationId"]) == ("own", '{"n":1}', "same")
    assert job.toJSON()["data"] == {"n": 1}
    assert await job.removeDeduplicationKey() is True
    assert await job.removeDeduplicationKey() is False
    await queue.close()


async def test_a_child_is_unlinked_from_its_parent(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    parent = await queue.add("parent", {}, {"delay": 60_000})
    link = {"parent": {"id": parent.id, "queue": queue.qualifiedName}}
    child = await queue.add("child", {}, link)
    other = await queue.add("other", {}, link)
    assert await child.removeChildDependency() is True
    assert (child.parentKey, child.parent) == (None, None)
    assert await child.removeChildDependency() is False
    assert (await stored(queue, child)).parentKey is None
    assert await parent.getDependenciesCount() == {
        "processed": 0, "unprocessed": 1, "ignored": 0, "failed": 0,
    }  # fmt: skip
    await parent.removeUnprocessedChildren()
    assert await Job.fromId(queue, other.id) is None
    lone = await queue.add("lone", {}, link)
    await queue.client.delete(queue.toKey(parent.id))
    with pytest.raises(TypeError, match=r"Missing key for parent job .*removeChildDependency"):
        await lone.removeChildDependency()
    await queue.close()


async def test_children_are_paged_by_what_became_of_them(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("parent", {})
    parent, worker = await held(queue, opts)
    link = {"parent": {"id": parent.id, "queue": queue.qualifiedName}}
    policies: list[dict[str, Any]] = [
        {}, {}, {"ignoreDependencyOnFailure": True}, {"failParentOnFailure": True},
    ]  # fmt: skip
    children = [await queue.add("child", {}, {**link, **more}) for more in policies]
    keys = [f"{queue.qualifiedName}:{child.id}" for child in children]
    running, other = await held(queue, opts)
    await running.moveToCompleted({"n": 0}, TOKEN)
    await (await stored(queue, children[1])).changePriority({"priority": 9})
    for _ in range(2):
        failing, third = await held(queue, opts)
        await failing.moveToFailed(ValueError("broken"), TOKEN)
        await third.close()
    found = await parent.getDependencies()
    assert found == {
        "processed": {keys[0]: {"n": 0}},
        "unprocessed": [keys[1]],
        "ignored": {keys[2]: "broken"},
        "failed": [keys[3]],
    }
    assert await parent.getDependenciesCount({"failed": True}) == {"failed": 1}
    assert await parent.getChildrenValues() == {keys[0]: {"n": 0}}
    assert await parent.getIgnoredChildrenFailures() == {keys[2]: "broken"}
    assert await parent.getFailedChildrenValues() == {keys[2]: "broken"}
    await queue.addBulk([{"name": "more", "data": {}, "opts": link} for _ in range(3)])
    page = await parent.getDependencies({"unprocessed": {"count": 3}, "processed": {}})
    assert (len(page["unprocessed"]), page["nextUnprocessedCursor"]) == (3, 3)
    assert page["nextProcessedCursor"] == 0
    rest = await parent.getDependencies({"unprocessed": {"count": 3, "cursor": 3}})
    assert (len(rest["unprocessed"]), rest["nextUnprocessedCursor"]) == (1, 0)
    listed = await queue.getDependencies(parent.id, "processed", 0, -1)
    assert (listed["items"], listed["total"]) == ([{"id": keys[0], "v": {"n": 0}}], 1)
    assert [job["id"] for job in listed["jobs"]] == [children[0].id]
    for one in (worker, other, queue):
        await one.close()


async def test_a_listener_may_be_a_coroutine_function(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    told: asyncio.Queue[str] = asyncio.Queue()

    async def tell(job: Job) -> None:
        await told.put(job.id)

    queue.once("waiting", tell)
    heard = Heard(queue, "waiting")
    queue.on("waiting", tell)
    queue.off("waiting", tell)
    with pytest.raises(ValueError, match="not in list"):
        queue.off("nothing", tell)
    first = await queue.add("task", {})
    await queue.add("task", {})
    assert len(heard.rest()) == 2
    await asyncio.sleep(0)
    assert told.qsize() <= 1
    assert first.id == "1"
    await queue.close()
