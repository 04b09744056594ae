"""What is stored equals what the original stores, but for our own optional fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.options import JobOptions, OnFailure
from tests.redis.jobs import completion, failure, family, new_job
from tests.redis.keyspace import Keyspace, golden, keyspace

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore
    from tests.timing import FakeClock

LOCK_MS = 30_000


def seen(client: Any, prefix: str, *queues: str) -> Keyspace:
    """The keys of some queues; the version that each library writes of itself left out."""
    return without_version(
        {
            key: content
            for key, content in keyspace(client, prefix).items()
            if not queues or key.split(":")[1] in queues
        }
    )


def without_version(found: Keyspace) -> Keyspace:
    return {
        key: [line for line in content if not line.startswith("version = ")]
        for key, content in found.items()
    }


def expected(name: str, *, without: tuple[str, ...] = ()) -> Keyspace:
    return without_version(golden(name, without=without))


async def test_one_job(store: RedisStore, client: Any, prefix: str, clock: FakeClock) -> None:
    clock.now_ms = 1795322135138
    options = JobOptions(attempts=0)
    job = new_job("paint", "1", name="wall", data='{"color":"red"}', options=options)
    await store.add([[job]])
    assert seen(client, prefix) == expected("one-added")

    clock.now_ms = 1795322135153
    client.zpopmin(f"{prefix}:paint:marker")
    claimed = await store.claim("paint", 1, token="the-token", lock_ms=LOCK_MS, worker="w1")
    found = seen(client, prefix)
    found.pop("bull:paint:events")
    assert found == expected("one-active")

    clock.now_ms = 1795322135450
    client.zpopmin(f"{prefix}:paint:marker")
    await store.complete("paint", [completion(claimed.jobs[0], "the-token", '{"ok":true}')])
    assert seen(client, prefix) == expected("one-completed")


async def test_a_flow_of_three_levels(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    middle_options = JobOptions(attempts=0, job_id="M", on_failure=OnFailure.FAIL_PARENT)
    root = new_job(
        "top", "R", given=True, name="root", data='{"a":1}', timestamp=1795322135658,
        options=JobOptions(attempts=0, job_id="R"),
    )  # fmt: skip
    middle = new_job(
        "mid", "M", given=True, name="mid", timestamp=1795322135658, options=middle_options
    )
    leaf = new_job(
        "low", "L", given=True, name="leaf", data='{"n":1}', timestamp=1795322135659,
        options=JobOptions(attempts=0, job_id="L"),
    )  # fmt: skip
    above = family(prefix, root, middle)
    below = family(prefix, above[1], leaf, policy=OnFailure.BLOCK)
    await store.add([[above[0], *below]])
    assert seen(client, prefix) == expected("three-levels-added")

    clock.now_ms = 1795322135668
    claimed = await store.claim("low", 1, token="t", lock_ms=LOCK_MS)
    clock.now_ms = 1795322135670
    client.zpopmin(f"{prefix}:low:marker")
    await store.complete("low", [completion(claimed.jobs[0], "t", '{"leaf":"done"}')])
    assert seen(client, prefix) == expected("three-levels-leaf-completed")


CASES = [
    # The times at which the parent and the children were added, the child claimed and failed.
    (OnFailure.BLOCK, "policy-block", (1795322135871, 1795322135872, 1795322135886, 1795322135888)),
    (
        OnFailure.FAIL_PARENT,
        "policy-fail-parent",
        (1795322136088, 1795322136088, 1795322136096, 1795322136097),
    ),
    (OnFailure.IGNORE, "policy-ignore", (1795322136518,) * 4),
    (OnFailure.REMOVE, "policy-remove", (1795322136739,) * 4),
    (OnFailure.CONTINUE_PARENT, "policy-continue-parent", (1795322136948,) * 4),
]


@pytest.mark.parametrize(("policy", "name", "times"), CASES)
async def test_what_a_failed_child_does_to_its_parent(
    store: RedisStore,
    client: Any,
    prefix: str,
    clock: FakeClock,
    *,
    policy: OnFailure,
    name: str,
    times: tuple[int, int, int, int],
) -> None:
    parent_at, child_at, claimed_at, failed_at = times
    # No client has a flag for `BLOCK`: as an option of the job's it is ours alone.
    given = None if policy is OnFailure.BLOCK else policy
    short = JobOptions(attempts=0, job_id="C1", stack_trace_limit=0, on_failure=given)
    later = JobOptions(attempts=0, job_id="C2", delay=600, on_failure=given)
    parent = new_job(
        "par", "P", given=True, name="p", timestamp=parent_at,
        options=JobOptions(attempts=0, job_id="P", stack_trace_limit=0),
    )  # fmt: skip
    children = [
        new_job("chi", job_id, given=True, name="c", timestamp=child_at, options=options)
        for job_id, options in (("C1", short), ("C2", later))
    ]
    await store.add([family(prefix, parent, *children, policy=policy)])
    if policy is OnFailure.BLOCK:
        assert seen(client, prefix) == expected("policy-added")

    clock.now_ms = claimed_at
    claimed = await store.claim("chi", 1, token="t", lock_ms=LOCK_MS)
    clock.now_ms = failed_at
    await store.fail("chi", [failure(claimed.jobs[0], "t")])
    wanted = expected(name)
    found = seen(client, prefix)
    # The original's worker asked for its next job in the same script, and saw the delayed one.
    assert found["bull:chi:events"].pop() == "event=drained"
    assert {key: found.get(key) for key in wanted} == wanted
    assert {key for key in found if key.startswith("bull:par:")} == {
        key for key in wanted if key.startswith("bull:par:")
    }


async def test_a_deferred_failure_acted_on(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    options = JobOptions(attempts=0, job_id="C1", on_failure=OnFailure.FAIL_PARENT)
    later = JobOptions(attempts=0, job_id="C2", delay=600)
    parent = new_job(
        "par", "P", given=True, name="p", timestamp=1795322136088,
        options=JobOptions(attempts=0, job_id="P", stack_trace_limit=0),
    )  # fmt: skip
    first = new_job("chi", "C1", given=True, name="c", options=options)
    second = new_job("chi", "C2", given=True, name="c", options=later)
    await store.add([family(prefix, parent, first, second)])
    clock.now_ms = 1795322136097
    claimed = await store.claim("chi", 1, token="t", lock_ms=LOCK_MS)
    await store.fail("chi", [failure(claimed.jobs[0], "t")])

    clock.now_ms = 1795322136305
    claimed = await store.claim("par", 1, token="u", lock_ms=LOCK_MS)
    reason = claimed.jobs[0].deferred_failure
    assert reason is not None
    clock.now_ms = 1795322136312
    client.zpopmin(f"{prefix}:par:marker")
    await store.fail("par", [failure(claimed.jobs[0], "u", reason.replace(prefix, "bull"))])
    assert seen(client, prefix, "par") == expected("policy-fail-parent-acted-on")


async def test_a_delayed_job_with_a_priority(
    store: RedisStore, client: Any, prefix: str, clock: FakeClock
) -> None:
    clock.now_ms = 1795322137364
    options = JobOptions(attempts=0, delay=2, priority=7)
    await store.add([[new_job("dq", "1", name="x", data='{"n":1}', options=options)]])
    assert seen(client, prefix) == expected("delayed-added")

    await store.pause("dq")
    clock.now_ms = 1795322139432
    claimed = await store.claim("dq", 1, token="t", lock_ms=LOCK_MS)
    assert claimed.paused
    found = seen(client, prefix)
    found.pop("bull:dq:events")
    assert found == expected("delayed-due-while-paused")

    await store.resume("dq")
    claimed = await store.claim("dq", 1, token="t", lock_ms=LOCK_MS)
    await store.complete("dq", [completion(claimed.jobs[0], "t", '"r"')])
    assert seen(client, prefix) == expected("delayed-completed")
