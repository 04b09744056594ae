"""Schedules are stored as the original stores them, and read as others left them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from oxherd.domain.errors import BelongsToSchedule
from oxherd.domain.options import JobOptions
from oxherd.domain.schedule import Repeat, Schedule
from tests.redis.jobs import completion
from tests.redis.keyspace import Keyspace, golden, keyspace

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore
    from tests.timing import FakeClock

START = 1795322139445
TICK = Schedule(id="tick", repeat=Repeat(every_ms=1_000), name="tock", data='{"a":1}')


def seen(client: Any, prefix: str) -> Keyspace:
    found = keyspace(client, prefix)
    return {key: _alike(content) for key, content in found.items() if "-ox:" not in key}


def expected(name: str, *without: str) -> Keyspace:
    return {key: _alike(content) for key, content in golden(name, without=without).items()}


def _alike(content: list[str]) -> list[str]:
    """Without what each library writes of itself; 0 attempts are those that were not given."""
    return [
        line.replace('"attempts": 0, ', "") for line in content if not line.startswith("version =")
    ]


async def run(store: RedisStore, clock: FakeClock, *times: int) -> None:
    """Claim the next job, have the following one made, and complete it."""
    claimed_at, fired_at, completed_at = times
    clock.now_ms = claimed_at
    claimed = await store.claim("sch", 1, token="t", lock_ms=30_000)
    clock.now_ms = fired_at
    assert await store.fire_schedule("sch", claimed.jobs) != [None]
    clock.now_ms = completed_at
    await store.complete("sch", [completion(claimed.jobs[0], "t", "1")])


async def test_its_whole_life(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = START
    await store.put_schedule("sch", TICK)
    assert seen(client, prefix) == expected("schedule-added")

    await run(store, clock, START + 16, START + 18, START + 19)
    await run(store, clock, START + 1_011, START + 1_012, START + 1_013)
    found, wanted = seen(client, prefix), expected("schedule-ran-twice")
    found.pop("bull:sch:marker")
    # The original's worker asked for its next job in the same script, and saw the delayed one.
    events = [line for line in found.pop("bull:sch:events") if line != "event=drained"]
    assert events == wanted.pop("bull:sch:events")
    assert found == wanted

    assert await store.remove_schedule("sch", "tick")
    found = seen(client, prefix)
    gone = {"repeat", "repeat:tick", "delayed", f"repeat:tick:{START + 2_000}"}
    assert {key.removeprefix("bull:sch:") for key in found} & gone == set()
    assert found["bull:sch:events"][-1] == (
        f"event=removed jobId=repeat:tick:{START + 2_000} prev=delayed"
    )


async def test_by_a_pattern(store: RedisStore, client: Any, prefix: str, clock: FakeClock) -> None:
    clock.now_ms = START
    repeat = Repeat(
        pattern="*/10 * * * * *", tz="Europe/Paris", limit=5, start_ms=START, end_ms=START + 10**6
    )
    options = JobOptions(attempts=3, keep_logs=7)
    made = Schedule(id="cron", repeat=repeat, name="tock", options=options)
    job_id = await store.put_schedule("sch", made)

    due = START // 10_000 * 10_000 + 10_000
    assert job_id == f"repeat:cron:{due}"
    stored = client.hgetall(f"{prefix}:sch:repeat:cron")
    assert json.loads(stored.pop("opts")) == {"attempts": 3, "kl": 7}
    assert stored == {
        "name": "tock", "pattern": "*/10 * * * * *", "tz": "Europe/Paris", "limit": "5",
        "startDate": str(START), "endDate": str(START + 10**6), "offset": "0", "ic": "1",
    }  # fmt: skip
    opts = json.loads(client.hget(f"{prefix}:sch:{job_id}", "opts"))
    assert opts == {
        "attempts": 3, "kl": 7, "jobId": job_id, "delay": due - START, "timestamp": START,
        "prevMillis": due, "repeatJobKey": "cron",
        "repeat": {
            "pattern": "*/10 * * * * *", "tz": "Europe/Paris", "limit": 5, "startDate": START,
            "endDate": START + 10**6, "count": 1,
        },
    }  # fmt: skip

    clock.now_ms = due + 3
    claimed = await store.claim("sch", 1, token="t", lock_ms=30_000)
    (following,) = await store.fire_schedule("sch", claimed.jobs)
    assert following == f"repeat:cron:{due + 10_000}"
    opts = json.loads(client.hget(f"{prefix}:sch:{following}", "opts"))
    assert (opts["prevMillis"], opts["repeat"]["count"]) == (due + 10_000, 2)
    assert (opts["delay"], opts["timestamp"]) == (9_997, due + 3)


async def test_what_an_older_client_left_is_passed_over(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    old = "mail:::UTC:* * * * *"
    client.zadd(f"{prefix}:sch:repeat", {old: START, "bare": START, "odd": START})
    client.hset(f"{prefix}:sch:repeat:{old}", mapping={"name": "mail", "pattern": "* * * * *"})
    client.hset(f"{prefix}:sch:repeat:odd", mapping={"name": "odd", "pattern": "never", "ic": "1"})
    clock.now_ms = START
    await store.put_schedule("sch", TICK)

    assert [each.id for each in await store.schedules("sch")] == ["tick"]
    for name in (old, "bare", "odd"):
        assert await store.schedule("sch", name) is None


async def test_a_stored_schedule_without_a_definition_goes_on_by_its_job(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = START
    await store.put_schedule("sch", TICK)
    client.delete(f"{prefix}:sch:repeat:tick")
    claimed = await store.claim("sch", 1, token="t", lock_ms=30_000)

    assert await store.fire_schedule("sch", claimed.jobs) == [f"repeat:tick:{START + 1_000}"]


async def test_options_of_other_programs_are_kept(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = START
    raw = '{"priority":3,"own":{"n":[1]},"de":{"id":"d"}}'
    made = Schedule(id="tick", repeat=Repeat(every_ms=1_000), name="tock", raw_options=raw)
    job_id = await store.put_schedule("sch", made)

    assert client.hget(f"{prefix}:sch:repeat:tick", "opts") == raw
    stored = client.hgetall(f"{prefix}:sch:{job_id}")
    assert (stored["priority"], stored["deid"]) == ("3", "d")
    assert json.loads(stored["opts"])["own"] == {"n": [1]}
    assert client.zrange(f"{prefix}:sch:prioritized", 0, -1) == [job_id]
    found = await store.schedule("sch", "tick")
    assert found is not None
    assert (found.raw_options, found.options.priority) == (raw, 3)


async def test_its_next_job_in_an_older_client_s_pause_is_found(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = START
    job_id = await store.put_schedule("sch", TICK)
    client.rename(f"{prefix}:sch:wait", f"{prefix}:sch:paused")

    (refused,) = await store.remove("sch", [str(job_id)], children=False)
    assert isinstance(refused, BelongsToSchedule)
    assert await store.put_schedule("sch", TICK) == job_id
    assert client.exists(f"{prefix}:sch:paused") == 0
    assert client.lrange(f"{prefix}:sch:wait", 0, -1) == [job_id]


async def test_a_job_of_one_may_be_a_parent_across_queues(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = START
    job_id = await store.put_schedule("sch", TICK)
    key = f"{prefix}:sch:{job_id}"
    client.lpop(f"{prefix}:sch:wait")
    client.zadd(f"{prefix}:sch:waiting-children", {str(job_id): START})
    client.sadd(f"{key}:dependencies", f"{prefix}:low:c")
    client.hset(f"{prefix}:low:c", mapping={"name": "c", "parentKey": key, "timestamp": START})
    client.lpush(f"{prefix}:low:wait", "c")

    claimed = await store.claim("low", 1, token="t", lock_ms=30_000)
    await store.complete("low", [completion(claimed.jobs[0], "t", "1")])

    assert client.lrange(f"{prefix}:sch:wait", 0, -1) == [job_id]
