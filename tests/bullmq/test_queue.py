"""The drop-in's queue: adding, reading, counting, steering."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from oxherd.bullmq import Job, Queue, Worker
from oxherd.runtime.clock import wall_ms
from tests.bullmq.watching import Heard
from tests.timing import deadline

COUNT = 8


async def returning(job: Job, token: str) -> Any:
    return job.data


async def failing(job: Job, token: str) -> Any:
    raise ValueError("broken")


async def ended(opts: dict[str, Any], event: str, number: int) -> list[Job]:
    """Run so many jobs to their end."""
    worker = Worker("work", failing if event == "failed" else returning, opts)
    heard = Heard(worker, event)
    jobs = [(await heard.next())[0] for _ in range(number)]
    await worker.close()
    return jobs


async def test_ids_are_the_queues_numbers(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    jobs = [await queue.add("task", {"foo": "bar"}) for _ in range(3)]
    assert [job.id for job in jobs] == ["1", "2", "3"]
    again = await queue.add("task", {}, {"jobId": "own"})
    assert again.id == "own"
    assert (await queue.add("task", {}, {"jobId": ""})).id == "5"
    await queue.close()


async def test_a_job_shows_what_it_was_given(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", data={"foo": "bar"}, opts={"attempts": 3, "delay": 1000})
    for seen in (job, await Job.fromId(queue, job.id)):
        assert seen is not None
        assert (seen.name, seen.data, seen.attempts, seen.delay) == (
            "task",
            {"foo": "bar"},
            3,
            1000,
        )
        assert seen.opts["delay"] == 1000
        assert (seen.attemptsMade, seen.attemptsStarted, seen.stalledCounter) == (0, 0, 0)
        assert (seen.progress, seen.returnvalue, seen.failedReason) == (0, None, None)
        assert seen.timestamp == job.timestamp
    assert abs(job.timestamp - wall_ms()) < 60_000
    await queue.close()


async def test_the_queues_defaults_are_overridden_by_the_jobs_options(
    opts: dict[str, Any],
) -> None:
    queue = Queue("work", {**opts, "defaultJobOptions": {"attempts": 5, "delay": 2000}})
    job = await queue.add("task", {})
    assert (job.attempts, job.delay) == (5, 2000)
    other = await queue.add("task", {}, {"attempts": 10})
    assert (other.attempts, other.delay) == (10, 2000)
    (bulk,) = await queue.addBulk([{"name": "task", "data": {}, "opts": {"delay": 0}}])
    assert (bulk.attempts, bulk.delay) == (5, 0)
    await queue.close()


async def test_options_that_nobody_knows_are_kept(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    given = {
        "tags": ["a"], "keepLogs": 5, "backoff": 500, "failParentOnFailure": True,
        "telemetry": {"metadata": "span", "omitContext": True},
    }  # fmt: skip
    job = await queue.add("task", {}, given)
    stored = await Job.fromId(queue, job.id)
    assert stored is not None
    assert stored.opts == {
        "attempts": 0, "delay": 0, "tags": ["a"], "keepLogs": 5, "failParentOnFailure": True,
        "backoff": {"type": "fixed", "delay": 500},
        "telemetry": {"metadata": "span", "omitContext": True},
    }  # fmt: skip
    written = json.loads(await queue.client.hget(queue.toKey(job.id), "opts"))
    assert written == {
        "attempts": 0, "tags": ["a"], "kl": 5, "fpof": True, "tm": "span", "omc": True,
        "backoff": {"type": "fixed", "delay": 500},
    }  # fmt: skip
    assert stored.opts == job.opts
    await queue.close()


async def test_adding_an_id_again_adds_nothing(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("first", {"n": 1}, {"jobId": "own"})
    again = await queue.add("second", {"n": 2}, {"jobId": "own"})
    assert again.id == "own"
    stored = await Job.fromId(queue, "own")
    assert stored is not None
    assert (stored.name, stored.data) == ("first", {"n": 1})
    assert await queue.getWaitingCount() == 1
    await queue.close()


TOGETHER = (
    "The following options cannot be used together: failParentOnFailure, ignoreDependencyOnFailure"
)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"priority": 2**21}, "Priority should be between 0 and 2097151"),
        ({"priority": 1.5}, "Priority should not be float"),
        ({"jobId": "0"}, "JobId cannot be '0' or start with '0:'"),
        ({"jobId": "0:1"}, "JobId cannot be '0' or start with '0:'"),
        ({"jobId": "wait"}, "JobId cannot be 'wait', which is a key of the queue"),
        ({"sizeLimit": 5}, "The size of job task exceeds the limit 5 bytes"),
        ({"backoff": {"type": "fixed", "jitter": 2}}, "Jitter should be between 0 and 1"),
        ({"failParentOnFailure": True, "ignoreDependencyOnFailure": True}, TOGETHER),
    ],
)
async def test_what_no_client_could_use_is_refused(
    opts: dict[str, Any], options: dict[str, Any], text: str
) -> None:
    queue = Queue("work", opts)
    with pytest.raises(ValueError) as refused:
        await queue.add("task", {"foo": "bar"}, options)
    assert str(refused.value) == text
    assert await queue.count() == 0
    await queue.close()


async def test_data_that_json_does_not_have_is_refused(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        await queue.add("task", {"x": float("nan")})
    with pytest.raises(TypeError, match="not JSON serializable"):
        await queue.add("task", {"x": object()})
    with pytest.raises(ValueError, match="surrogates not allowed"):
        await queue.add("task", "\ud800")
    job = await queue.add("task", {"é": "ü", "n": (1, 2), 3: None})
    assert await queue.client.hget(queue.toKey(job.id), "data") == '{"é":"ü","n":[1,2],"3":null}'
    await queue.close()


async def test_a_missing_parent_is_named(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    for parent in (f"{opts['prefix']}work", f"{opts['prefix']}:work"):
        with pytest.raises(TypeError) as refused:
            await queue.add("task", {}, {"parent": {"id": "gone", "queue": parent}})
        assert str(refused.value) == f"Missing key for parent job {parent}:gone. addJob"
        assert refused.value.code == -5  # type: ignore[attr-defined]
    assert await queue.count() == 0
    await queue.close()


async def test_a_child_can_be_added_to_a_live_parent(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    parent = await queue.add("parent", {})
    child = await queue.add(
        "child",
        {},
        {"parent": {"id": parent.id, "queue": queue.qualifiedName}, "failParentOnFailure": True},
    )
    key = f"{queue.qualifiedName}:{parent.id}"
    for seen in (child, await queue.getJob(child.id)):
        assert seen is not None
        assert seen.parentKey == key
        assert seen.parent == {"id": parent.id, "queueKey": queue.qualifiedName, "fpof": True}
        assert seen.opts["parent"] == {"id": parent.id, "queue": queue.qualifiedName}
    assert (await parent.getDependencies())["unprocessed"] == [f"{queue.qualifiedName}:{child.id}"]
    await queue.close()


async def test_many_jobs_are_added_in_order(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    assert await queue.addBulk([]) == []
    jobs = await queue.addBulk(
        [{"name": "task", "data": {"i": i}, "opts": {"priority": i % 4}} for i in range(42)]
    )
    assert [job.id for job in jobs] == [str(i) for i in range(1, 43)]
    assert await queue.getCountsPerPriority([0, 1, 2, 3, 1]) == {
        "0": 11, "1": 11, "2": 10, "3": 10,
    }  # fmt: skip
    with pytest.raises(TypeError, match="Missing key for parent job"):
        await queue.addBulk(
            [
                {"name": "good", "data": {}},
                {"name": "bad", "opts": {"parent": {"id": "1", "queue": "nowhere:at-all"}}},
            ]
        )
    assert await queue.count() == 42
    await queue.close()


# Reading


async def test_jobs_are_listed_from_either_end(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    for number in range(5):
        await queue.add("task", {"n": number})
    assert [job.id for job in await queue.getJobs(["wait"])] == ["5", "4", "3", "2", "1"]
    assert [job.id for job in await queue.getJobs("waiting", 1, 2)] == ["4", "3"]
    assert [job.id for job in await queue.getWaiting(1, 2)] == ["2", "3"]
    assert await queue.getRanges(["waiting"], 0, 1, True) == ["1", "2"]
    assert [job.id for job in await queue.getJobs()] == ["5", "4", "3", "2", "1"]
    await queue.close()


async def test_a_page_is_filled_up_where_a_job_is_gone(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    jobs = [await queue.add("task", {"n": number}) for number in range(1, 6)]
    await queue.client.delete(queue.toKey(jobs[1].id))
    page = await queue.getJobs(["waiting"], 0, 2, True)
    assert [job.data["n"] for job in page] == [1, 3, 4]
    await queue.close()


async def test_every_state_has_its_getter(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("low", {}, {"priority": 10})
    await queue.add("high", {}, {"priority": 1})
    await queue.add("late", {}, {"delay": 90_000})
    await queue.add("soon", {}, {"delay": 60_000})
    await queue.add("now", {})
    names = {
        "getPrioritized": ["high", "low"],
        "getDelayed": ["soon", "late"],
        "getWaiting": ["now"],
        "getActive": [],
        "getCompleted": [],
        "getFailed": [],
        "getWaitingChildren": [],
    }
    for getter, wanted in names.items():
        assert [job.name for job in await getattr(queue, getter)()] == wanted, getter
        counter = getter + "Count"
        assert await getattr(queue, counter)() == len(wanted), counter
    assert await queue.count() == 5
    assert await queue.getDelayedCount(wall_ms() + 75_000) == 1
    assert await queue.getJobCountByTypes("waiting", "delayed") == 3
    assert await queue.getJobCounts("wait", "paused", "prioritized") == {
        "wait": 1, "paused": 0, "prioritized": 2,
    }  # fmt: skip
    assert await queue.getJobCounts() == {
        "active": 0, "completed": 0, "delayed": 2, "failed": 0, "prioritized": 2, "waiting": 1,
        "waiting-children": 0,
    }  # fmt: skip
    await queue.close()


def test_job_types_need_no_queue() -> None:
    assert Queue.sanitizeJobTypes(None, ["waiting"]) == ["waiting"]  # type: ignore[arg-type]
    assert set(Queue.sanitizeJobTypes(None, [])) == {  # type: ignore[arg-type]
        "active", "completed", "delayed", "failed", "prioritized", "waiting", "waiting-children",
    }  # fmt: skip


async def test_finished_jobs_are_listed_latest_first(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {"n": n}} for n in range(3)])
    await ended(opts, "completed", 3)
    assert [job.data["n"] for job in await queue.getCompleted()] == [2, 1, 0]
    assert await queue.getFailed() == []
    await queue.close()


async def test_logs_are_paged_from_either_end(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {})
    for line in "abcd":
        await queue.addJobLog(job.id, line)
    assert await queue.getJobLogs(job.id) == {"logs": ["a", "b", "c", "d"], "count": 4}
    assert await queue.getJobLogs(job.id, 1, 2) == {"logs": ["b", "c"], "count": 4}
    assert await queue.getJobLogs(job.id, 0, 1, False) == {"logs": ["d", "c"], "count": 4}
    assert await queue.getJobLogs(job.id, asc=False) == {
        "logs": ["d", "c", "b", "a"], "count": 4,
    }  # fmt: skip
    assert await queue.addJobLog(job.id, "e", 2) == 2
    assert await queue.getJobLogs(job.id) == {"logs": ["d", "e"], "count": 2}
    with pytest.raises(TypeError, match=r"Missing key for job nobody. addLog"):
        await queue.addJobLog("nobody", "x")
    await queue.close()


async def test_the_keys_are_where_programs_look_for_them(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    base = f"{opts['prefix']}:work"
    assert queue.qualifiedName == base
    assert queue.toKey("wait") == queue.keys["wait"] == f"{base}:wait"
    assert queue.keys[""] == f"{base}:"
    assert {
        "active", "wait", "waiting-children", "paused", "completed", "failed", "delayed",
        "repeat", "stalled", "limiter", "prioritized", "id", "stalled-check", "meta", "pc",
        "events", "marker", "de",
    } <= queue.keys.keys()  # fmt: skip
    await queue.add("task", {})
    assert await queue.client.llen(queue.keys["wait"]) == 1
    meta = await queue.getMeta()
    assert (meta["maxLenEvents"], meta["paused"]) == (10_000, False)
    assert (await queue.getVersion() or "").startswith("oxherd:")
    await queue.close()


async def test_an_empty_name_is_a_name(opts: dict[str, Any]) -> None:
    queue = Queue("", opts)
    job = await queue.add("task", {"foo": "bar"})
    worker = Worker("", returning, opts)
    heard = Heard(worker, "completed")
    assert (await heard.next())[0].id == job.id
    await job.remove()
    assert await queue.getJobCountByTypes() == 0
    await worker.close()
    await queue.close()


# Steering


async def test_a_queue_is_paused_and_resumed(opts: dict[str, Any]) -> None:
    queue = Queue("work", {**opts, "prefix": "{" + opts["prefix"] + "}"})
    told = [Heard(queue, "paused"), Heard(queue, "resumed"), Heard(queue, "waiting")]
    await queue.pause()
    assert await queue.isPaused() is True
    job = await queue.add("task", {})
    assert await queue.getWaitingCount() == 1
    await queue.resume()
    assert await queue.isPaused() is False
    assert [heard.rest() for heard in told] == [[()], [()], [(job,)]]
    await queue.obliterate()
    await queue.close()


@pytest.mark.parametrize("state", ["failed", "completed"])
async def test_all_finished_jobs_are_run_again(opts: dict[str, Any], state: str) -> None:
    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {"n": n}} for n in range(COUNT)])
    await ended(opts, state, COUNT)
    assert await queue.getJobCounts(state) == {state: COUNT}
    await queue.retryJobs({"count": 2, "state": state})
    assert await queue.getJobCounts(state, "waiting") == {state: 0, "waiting": COUNT}
    jobs = await ended(opts, "completed", COUNT)
    assert [job.data["n"] for job in jobs] == list(range(COUNT))
    assert {job.attemptsMade for job in jobs} == {2}
    await queue.close()


async def test_jobs_that_ended_later_are_not_run_again(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {}} for _ in range(3)])
    await ended(opts, "failed", 3)
    last = await queue.getFailed(0, 0)
    async with deadline(5):
        while wall_ms() <= (last[0].finishedOn or 0):
            await asyncio.sleep(0.001)
    await queue.add("later", {})
    await ended(opts, "failed", 1)
    await queue.pause()
    await queue.retryJobs({"count": 2, "timestamp": last[0].finishedOn})
    assert [job.name for job in await queue.getFailed()] == ["later"]
    assert await queue.getWaitingCount() == 3
    await queue.close()


async def test_all_delayed_jobs_are_promoted(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    jobs = [{"name": "task", "data": {"n": n}, "opts": {"delay": 60_000 + n}} for n in range(COUNT)]
    await queue.addBulk(jobs)
    await queue.promoteJobs({"count": 3})
    assert await queue.getJobCounts("delayed", "waiting") == {"delayed": 0, "waiting": COUNT}
    assert [job.data["n"] for job in await ended(opts, "completed", COUNT)] == list(range(COUNT))
    await queue.close()


async def test_removing_answers_whether_it_could(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {})
    worker = Worker("work", None, opts)
    held = await worker.getNextJob("a token")
    assert held is not None
    assert await queue.remove(job.id) == 0
    with pytest.raises(Exception) as refused:
        await job.remove()
    assert str(refused.value) == (
        f"Job {job.id} could not be removed because it is locked by another worker"
    )
    await held.moveToCompleted("done", "a token")
    assert await queue.remove(job.id, {"removeChildren": False}) == 1
    assert await Job.fromId(queue, job.id) is None
    assert await queue.remove(job.id) == 1
    await job.remove()
    await worker.close()
    await queue.close()


async def test_drain_leaves_the_delayed_unless_asked(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.addBulk(
        [{"name": "task", "data": {}, "opts": {"priority": n % 3}} for n in range(9)]
    )
    await queue.add("late", {}, {"delay": 60_000})
    await queue.drain()
    assert await queue.getJobCountByTypes() == await queue.getDelayedCount() == 1
    await queue.drain(True)
    assert await queue.getJobCountByTypes() == 0
    keys = {key.split(":")[2] for key in await queue.client.keys(queue.toKey("*"))}
    assert keys == {"marker", "events", "meta", "pc", "id"}
    await queue.close()


async def test_cleaning_takes_the_oldest(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    cleaned = Heard(queue, "cleaned")
    await queue.addBulk([{"name": "task", "data": {"n": n}} for n in range(4)])
    await ended(opts, "completed", 4)
    assert await queue.clean(60_000, 0, "completed") == []
    assert sorted(await queue.clean(0, 2, "completed")) == ["1", "2"]
    assert sorted(await queue.clean(0, 0)) == ["3", "4"]
    assert await queue.clean(0, 0, "paused") == []
    assert [call[1] for call in cleaned.rest()] == ["completed"] * 3
    await queue.add("task", {})
    assert await queue.clean(0, 0, "wait") == ["5"]
    await queue.close()


async def test_obliterate_spares_a_queue_at_work(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {}} for _ in range(3)])
    worker = Worker("work", None, opts)
    assert await worker.getNextJob("a token") is not None
    with pytest.raises(Exception, match="Cannot obliterate queue with active jobs"):
        await queue.obliterate(force=False)
    await queue.obliterate({"force": True})
    assert await queue.client.keys(queue.toKey("*")) == []
    await worker.close()
    await queue.close()


async def test_events_can_be_trimmed(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    for _ in range(4):
        await queue.add("task", data={}, opts={})
    assert await queue.client.xlen(queue.keys["events"]) == 8
    await queue.trimEvents(0)
    assert await queue.client.xlen(queue.keys["events"]) == 0
    await queue.client.set(queue.toKey("priority"), "old")
    assert await queue.removeDeprecatedPriorityKey() == 1
    await queue.close()


# Limits


async def test_global_concurrency(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    assert await queue.getGlobalConcurrency() is None
    assert await queue.isMaxed() is False
    assert await queue.setGlobalConcurrency(5) == 1
    assert await queue.setGlobalConcurrency(1) == 0
    assert await queue.getGlobalConcurrency() == 1
    await queue.addBulk([{"name": "task", "data": {}} for _ in range(2)])
    worker = Worker("work", None, opts)
    assert await worker.getNextJob("a token") is not None
    assert await queue.isMaxed() is True
    assert (await queue.getMeta())["concurrency"] == 1
    assert await queue.removeGlobalConcurrency() == 1
    assert await queue.removeGlobalConcurrency() == 0
    assert await queue.getGlobalConcurrency() is None
    await worker.close()
    await queue.close()


async def test_the_global_rate_limit(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    assert await queue.getGlobalRateLimit() is None
    assert await queue.setGlobalRateLimit(100, 1000) == 2
    assert await queue.getGlobalRateLimit() == {"max": 100, "duration": 1000}
    assert await queue.removeGlobalRateLimit() == 2
    assert await queue.removeGlobalRateLimit() == 0
    assert await queue.getGlobalRateLimit() is None
    await queue.close()


async def test_a_queue_is_held_by_hand(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    assert await queue.getRateLimitTtl() == -2
    await queue.rateLimit(5000)
    assert 0 < await queue.getRateLimitTtl() <= 5000
    assert 0 < await queue.getRateLimitTtl(3) <= 5000
    assert await queue.removeRateLimitKey() == 1
    assert await queue.removeRateLimitKey() == 0
    assert await queue.getRateLimitTtl() == -2
    assert await queue.getRateLimitTtl(3) == 0
    await queue.close()


# Who is about, and what ended


async def test_workers_are_counted_by_their_connections(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    assert await queue.get_workers_count() == 0
    plain, named = (
        Worker("work", returning, opts),
        Worker("work", returning, {**opts, "name": "w1"}),
    )
    other = Worker("other", returning, opts)
    async with deadline(8):
        while await queue.getWorkersCount() < 2:
            await asyncio.sleep(0.01)
    found = await queue.getWorkers()
    assert {worker["name"] for worker in found} == {"work"}
    assert sorted(worker["rawname"].endswith(":w:w1") for worker in found) == [False, True]
    assert len(await queue.get_workers()) == 2
    assert await queue.getQueueEvents() == []
    for worker in (plain, named, other):
        await worker.close()
    await queue.close()


async def test_ended_jobs_are_counted_by_the_minute(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {}} for _ in range(3)])
    await ended({**opts, "metrics": {"maxDataPoints": 15}}, "completed", 3)
    metrics = await queue.getMetrics("completed")
    assert metrics["meta"]["count"] == 3
    assert metrics["meta"]["prevTS"] > 0
    assert metrics["count"] == len(metrics["data"])
    assert (await queue.getMetrics("failed"))["meta"] == {"count": 0, "prevTS": 0, "prevCount": 0}
    text = await queue.exportPrometheusMetrics({"env": 'a"b'})
    assert 'bullmq_job_count{queue="work", state="completed", env="a\\"b"} 3' in text
    assert 'bullmq_job_completed_total{queue="work", env="a\\"b"} 3' in text
    await queue.close()


async def test_progress_of_any_job_can_be_told(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {})
    await queue.updateJobProgress(job.id, {"part": 1})
    stored = await queue.getJob(job.id)
    assert stored is not None
    assert stored.progress == {"part": 1}
    with pytest.raises(TypeError, match=r"Missing key for job nobody. updateProgress"):
        await queue.updateJobProgress("nobody", 1)
    await queue.close()
