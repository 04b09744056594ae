"""The drop-in's schedulers: jobs that are made again and again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest

from oxherd.bullmq import Job, JobScheduler, Queue, Worker
from oxherd.bullmq.job_scheduler import _transform_scheduler_data, default_repeat_strategy
from oxherd.runtime.clock import wall_ms
from tests.timing import deadline

MINUTE = 60_000


async def test_an_interval_makes_its_first_job_at_once(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.upsertJobScheduler(
        "every", {"every": MINUTE}, job_name="repeat-every", job_data={"foo": "bar"}
    )
    assert job is not None
    assert job.id.startswith("repeat:every:")
    assert (job.name, job.data, job.repeatJobKey) == ("repeat-every", {"foo": "bar"}, "every")
    assert job.opts["repeat"]["every"] == MINUTE
    assert await queue.getJobSchedulersCount() == 1
    assert await queue.isJobScheduler("every") is True
    shown = await queue.getJobScheduler("every")
    assert shown is not None
    assert (shown["key"], shown["name"], shown["every"]) == ("every", "repeat-every", MINUTE)
    assert shown["template"]["data"] == {"foo": "bar"}
    with pytest.raises(TypeError) as refused:
        await job.remove()
    assert str(refused.value) == (
        f"Job {job.id} belongs to a job scheduler and cannot be removed directly. removeJob"
    )
    with pytest.raises(TypeError, match="belongs to a job scheduler"):
        await queue.remove(job.id)
    await queue.close()


async def test_a_pattern_waits_for_its_time(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.upsertJobScheduler(
        "cron", {"pattern": "30 4 * * *", "tz": "Europe/Stockholm"}, "nightly", {"a": 1}
    )
    assert job is not None
    assert await job.isDelayed()
    shown = await queue.getJobScheduler("cron")
    assert shown is not None
    assert (shown["pattern"], shown["tz"]) == ("30 4 * * *", "Europe/Stockholm")
    assert job.id == f"repeat:cron:{shown['next']}"
    assert shown["next"] > wall_ms()
    assert shown["iterationCount"] == 1
    await queue.close()


async def test_nodes_template_and_the_queues_defaults_count(opts: dict[str, Any]) -> None:
    queue = Queue("work", {**opts, "defaultJobOptions": {"attempts": 4}})
    job = await queue.upsertJobScheduler(
        "id", {"every": MINUTE}, {"name": "named", "data": {"n": 1}, "opts": {"priority": 2}}
    )
    assert job is not None
    assert (job.name, job.data, job.priority, job.opts["attempts"]) == ("named", {"n": 1}, 2, 4)
    unnamed = await queue.upsertJobScheduler("other", {"every": MINUTE})
    assert unnamed is not None
    assert unnamed.name == "other"
    await queue.close()


async def test_options_of_the_template_have_their_long_names(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.upsertJobScheduler(
        "id", {"every": MINUTE}, "x", opts={"failParentOnFailure": True, "attempts": 3}
    )
    shown = await queue.getJobScheduler("id")
    assert shown is not None
    assert shown["template"] == {"opts": {"failParentOnFailure": True, "attempts": 3}}
    await queue.close()


async def test_upserting_replaces_the_pending_job(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.upsertJobScheduler("id", {"every": 2 * MINUTE}, "x", {"v": 1})
    await queue.upsertJobScheduler("id", {"every": MINUTE}, "x", {"v": 2})
    assert await queue.getJobSchedulersCount() == 1
    shown = await queue.getJobScheduler("id")
    assert shown is not None
    assert shown["every"] == MINUTE
    (pending,) = await queue.getJobs()
    assert pending.data == {"v": 2}
    await queue.close()


@pytest.mark.parametrize(
    "repeat",
    [
        {"every": 1000, "limit": 1, "count": 5},
        {"every": 1000, "endDate": 1_000},
        {"every": 1000, "endDate": "2020-01-01T00:00:00Z"},
        {"pattern": "* * * * *", "endDate": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)
async def test_nothing_is_made_past_the_end(opts: dict[str, Any], repeat: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    assert await queue.upsertJobScheduler("id", repeat, job_name="x") is None
    assert await queue.getJobSchedulersCount() == 0
    await queue.close()


async def test_removing_tells_whether_it_was_there(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.upsertJobScheduler("id", {"pattern": "0 0 1 1 *"}, "x")
    assert await queue.removeJobScheduler("id") == 0
    assert await queue.getJobSchedulersCount() == 0
    assert await queue.isJobScheduler("id") is False
    assert await queue.getJobScheduler("id") is None
    assert await queue.removeJobScheduler("id") == 1
    assert await queue.getDelayedCount() == 0
    await queue.close()


async def test_schedulers_are_paged(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    start = wall_ms() + MINUTE
    for number in range(3):
        await queue.upsertJobScheduler(
            f"s{number}", {"every": MINUTE, "startDate": start + number * 1000}, "x"
        )
    found = await queue.getJobSchedulers(0, -1, asc=True)
    assert [one["key"] for one in found] == ["s0", "s1", "s2"]
    assert [one["next"] for one in found] == [start, start + 1000, start + 2000]
    assert [one["key"] for one in await queue.getJobSchedulers(0, 1)] == ["s2", "s1"]
    await queue.close()


async def test_a_worker_keeps_a_schedule_going(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    processed: list[str] = []
    enough = asyncio.Event()

    async def process(job: Job, token: str) -> None:
        processed.append(job.id)
        if len(processed) >= 3:
            enough.set()

    await queue.upsertJobScheduler("tick", {"every": 100}, job_name="tick")
    worker = Worker("work", process, opts)
    async with deadline(8):
        await enough.wait()
    await worker.close()
    assert len(set(processed)) == len(processed) >= 3
    assert all(job_id.startswith("repeat:tick:") for job_id in processed)
    shown = await queue.getJobScheduler("tick")
    assert shown is not None
    assert shown["iterationCount"] > 2
    await queue.close()


async def test_the_next_job_is_made_by_hand(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.upsertJobScheduler("id", {"every": 5_000}, "x", {"v": 1})
    claimed = (await queue._store.claim("work", 1, token="t", lock_ms=30_000)).jobs[0]
    following = await queue.upsertJobScheduler(
        "id", {"every": 5_000}, "x", override=False, producer_id=claimed.id
    )
    assert following is not None
    assert (following.data, await following.isDelayed()) == ({"v": 1}, True)
    shown = await queue.getJobScheduler("id")
    assert shown is not None
    assert shown["iterationCount"] == 2
    again = await queue.upsertJobScheduler(
        "id", {"every": 5_000}, "x", override=False, producer_id=claimed.id
    )
    assert again is None
    assert await queue.upsertJobScheduler("id", {"every": 5_000}, "x", override=False) is None
    await queue.close()


@pytest.mark.parametrize(
    ("repeat", "text"),
    [
        (
            {"every": 1000, "pattern": "* * * * *"},
            "Both .pattern and .every options are defined for this repeatable job",
        ),
        ({}, "Either .pattern or .every options must be defined for this repeatable job"),
        (
            {"pattern": "* * * * *", "immediately": True, "startDate": 1},
            "Both .immediately and .startDate options are defined for this repeatable job",
        ),
        ({"pattern": "not a pattern"}, "pattern 'not a pattern' is not five or six cron fields"),
        ({"every": -5}, "option 'every' must be"),
    ],
)
async def test_impossible_repetitions_are_refused(
    opts: dict[str, Any], repeat: dict[str, Any], text: str
) -> None:
    queue = Queue("work", opts)
    with pytest.raises(ValueError) as refused:
        await queue.upsertJobScheduler("id", repeat, job_name="x")
    assert str(refused.value).startswith(text)
    assert await queue.getJobSchedulersCount() == 0
    await queue.close()


def test_the_default_strategy_tells_times() -> None:
    noon = int(datetime(2027, 5, 1, 12, tzinfo=UTC).timestamp() * 1000)
    assert default_repeat_strategy(noon, {"pattern": "30 12 * * *"}) == noon + 30 * MINUTE
    assert default_repeat_strategy(noon, {"pattern": "15 * * * * *"}) == noon + 15_000
    assert default_repeat_strategy(noon, {}) is None
    now = default_repeat_strategy(0, {"pattern": "* * * * *", "immediately": True})
    assert now is not None
    assert abs(now - wall_ms()) < 5_000
    with pytest.raises(ValueError, match="is not five or six cron fields"):
        default_repeat_strategy(0, {"pattern": "not-a-cron"})
    with pytest.raises(ZoneInfoNotFoundError):
        default_repeat_strategy(0, {"pattern": "* * * * *", "tz": "Not/AZone"})


async def test_a_scheduler_belongs_to_a_queue(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    assert queue.jobScheduler is queue.jobScheduler
    assert queue.jobScheduler.queue is queue
    with pytest.raises(ValueError, match="repeat_strategy"):
        JobScheduler(queue, lambda *_: None)
    await queue.close()


def test_a_key_of_an_old_release_tells_what_it_repeats() -> None:
    shown = _transform_scheduler_data("name:id:1700000000000:UTC:0 0 * * *", {}, 12)
    assert shown == {
        "key": "name:id:1700000000000:UTC:0 0 * * *", "name": "name", "id": "id",
        "endDate": 1_700_000_000_000, "tz": "UTC", "pattern": "0 0 * * *", "next": 12,
    }  # fmt: skip
    assert _transform_scheduler_data("plain", {}, None) is None
