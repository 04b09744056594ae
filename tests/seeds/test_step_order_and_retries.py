"""The step jobs article: why steps, in which order they run, and what a failure redoes."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oxherd import FlowJob, FlowProducer, Job, JobFailed, JobOptions, Keep, OxherdError, State
from oxherd.engines import open_store
from tests.runtime.working import SOON, until
from tests.seeds.running import fails, name_of, run, workers
from tests.seeds.video import (
    ORDER,
    RETRIES,
    SENT,
    STEPS,
    VIDEO,
    once_failing,
    upload,
    with_opts,
)

if TYPE_CHECKING:
    from oxherd import Store


async def test_seed_0_1_a_late_failure_redoes_nothing_before_it(store: Store) -> None:
    """A late failure redoes nothing before it (partly: no durable steps inside one job)."""
    steps, runs = once_failing("upload")
    ran = await run(store, with_opts(VIDEO, "upload", {"attempts": 5}), steps)
    assert ran.result == SENT
    assert runs == {"download": 1, "transcode": 1, "thumbnail": 1, "upload": 2, "notify": 1}


async def test_seed_0_1_one_job_keeps_in_its_data_what_is_done(store: Store) -> None:
    """A job that does everything itself can keep what is done in its data, and go on from there."""
    did: list[str] = []

    async def monolith(job: Job) -> Any:
        for step in ORDER:
            if step in job.data["done"]:
                continue
            did.append(step)
            if did == ORDER[:4]:
                raise ConnectionError("the bucket hung up")
            await job.update_data({"done": [*job.data["done"], step]})
        return job.data["done"]

    one = FlowJob("video", queue="q", data={"done": []}, options=JobOptions(attempts=2))
    assert (await run(store, one, {"video": monolith})).result == ORDER
    assert did == [*ORDER[:4], "upload", "notify"]


async def test_seed_0_3_each_step_has_its_own_retry_policy(store: Store) -> None:
    """Each step has its own retry policy."""
    tree = with_opts(VIDEO, "download", {"attempts": 5, "backoff": {"type": "fixed", "delay": 1}})
    steps, runs = once_failing("download")
    ran = await run(store, with_opts(tree, "notify", {"attempts": 1}), steps)
    assert (runs["download"], runs["notify"]) == (2, 1)
    assert [node.job.opts.attempts for node in ran.node.walk()] == [1, 1, 1, 1, 5]


async def test_seed_0_5_each_step_has_its_own_status_retries_and_logs(store: Store) -> None:
    """Each step has its own status, retries and logs."""
    steps, _ = once_failing("upload")

    async def logging_upload(job: Job) -> Any:
        await job.log(f"uploading, attempt {job.attempts_made + 1}")
        return await steps["upload"](job)

    tree = with_opts(VIDEO, "upload", {"attempts": 2})
    ran = await run(store, tree, {**steps, "upload": logging_upload})
    for node in ran.node.walk():
        stored = await node.job.refresh()
        assert await stored.get_state() is State.COMPLETED
        mine = stored.name == "upload"
        assert stored.attempts_made == (2 if mine else 1)
        told = ["uploading, attempt 1", "uploading, attempt 2"] if mine else []
        assert await stored.get_logs() == told


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """For each job but the first its parents, which come before it; most are trees."""
    size = draw(st.integers(1, 9))
    several = draw(st.booleans())
    return [
        sorted(draw(st.sets(st.integers(0, one - 1), min_size=1, max_size=3 if several else 1)))
        for one in range(1, size)
    ]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parents=graphs(), concurrency=st.integers(1, 4))
def test_seed_0_6_order_holds_in_any_graph(
    engine: str, request: pytest.FixtureRequest, parents: list[list[int]], concurrency: int
) -> None:
    """In any tree, and any graph, each job runs once, after all its children, on either store."""
    jobs: dict[int, FlowJob] = {}
    for one in range(len(parents), -1, -1):
        below = [jobs[child] for child, above in enumerate(parents, 1) if one in above]
        jobs[one] = FlowJob(f"n{one}", queue=f"q{one % 2}", children=below)
    base = "sqlite:///:memory:" if engine == "sqlite" else request.getfixturevalue("redis_url")

    async def check() -> None:
        store = open_store(f"{base}?prefix=t{uuid.uuid4().hex[:12]}")
        ran = await run(store, jobs[0], concurrency=concurrency)
        await store.aclose()
        assert sorted(ran.order) == sorted(job.name for job in jobs.values())
        for one, above in enumerate(parents, 1):
            assert all(ran.before(f"n{one}", f"n{parent}") for parent in above)

    asyncio.run(check())


@pytest.mark.parametrize("keep", [True, Keep(age=0)])
async def test_seed_0_7_retention_does_not_change_what_a_child_does(
    store: Store, keep: Keep | int
) -> None:
    """How long a child's record is kept does not change what its end does to the parent."""
    options = JobOptions(remove_on_fail=keep, remove_on_complete=keep)
    good, bad = (FlowJob(name, queue="q", options=options) for name in ("good", "bad"))
    started: list[str] = []

    async def top(job: Job) -> list[Any]:
        started.append(job.name)
        return list((await job.get_children_values()).values())

    assert (await run(store, FlowJob("top", queue="q", children=[good]), {"top": top})).result == [
        "good"
    ]
    with pytest.raises(JobFailed, match="failed"):
        await run(
            store, FlowJob("top", queue="q", children=[good, bad]), {"bad": fails, "top": top}
        )
    assert started == ["top"]


async def test_seed_0_8_the_deepest_leaf_runs_first(store: Store) -> None:
    """Nested one level at a time, steps are a chain; the deepest leaf runs first."""
    ran = await run(store, VIDEO)
    assert ran.timeline == [f"{sign}{name}" for name in ORDER for sign in "+-"]


async def test_seed_0_16_literal_tree_order(store: Store) -> None:
    """The article's tree runs download, transcode, thumbnail, upload, notify."""
    ran = await run(store, VIDEO, STEPS)
    assert ran.order == ORDER
    assert ran.result == SENT


async def test_seed_0_37_only_the_failing_step_retries_and_values_are_kept(store: Store) -> None:
    """A failing upload retries alone, and gets the values of the steps before it again."""
    seen: list[Any] = []

    async def flaky(job: Job) -> Any:
        seen.append(await job.get_child_value())
        if len(seen) == 1:
            raise ConnectionError("the bucket hung up")
        return await upload(job)

    tree = with_opts(VIDEO, "upload", {"attempts": 2, "backoff": {"type": "fixed", "delay": 10}})
    ran = await run(store, tree, {**STEPS, "upload": flaky})
    assert Counter(ran.order) == Counter([*ORDER, "upload"])
    assert seen[0] == seen[1]
    assert ran.result == SENT


async def wait_of(job: Job, made: int) -> float:
    """For how long a job waits after so many attempts."""

    async def waits() -> bool:
        return (await job.refresh()).attempts_made == made and await job.is_delayed()

    await until(waits)
    return (await job.refresh()).delay


async def test_seed_0_38_each_step_has_attempts_and_a_backoff(timed_store: Store) -> None:
    """Each step has a number of tries and a backoff, which decides how long a retry waits."""

    async def flaky(job: Job) -> str:
        if job.attempts_made < 2:
            raise ConnectionError("no")
        return "downloaded"

    processors = {"download": flaky, "upload": name_of, "notify": name_of}
    async with FlowProducer(store=timed_store) as flows:
        node = await flows.add(RETRIES)
        leaf = node.children[0].children[0].job
        async with workers(timed_store, {"pipeline"}, processors):
            for made, wait in ((1, 1.0), (2, 2.0)):
                assert await wait_of(leaf, made) == wait
                await leaf.promote()
            assert await node.flow.result(SOON) == "notify"
    assert (await leaf.refresh()).attempts_made == 3


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (2_000, [2.0, 2.0]),
        ("fixed", [1.0, 1.0]),
        ({"type": "exponential", "delay": 300}, [0.3, 0.6]),
        ({"type": "polite", "custom": True}, [10.0, 20.0]),
    ],
)
async def test_seed_0_38_a_backoff_is_a_number_a_name_an_object_or_a_function(
    timed_store: Store, backoff: Any, expected: list[float]
) -> None:
    """A backoff is a number, a name, an object or a function of the worker's."""

    def polite(attempt: int, error: BaseException, record: object) -> float:
        return 10.0 * attempt

    async with FlowProducer(store=timed_store) as flows:
        opts = {"attempts": 3, "backoff": backoff}
        node = await flows.add({"name": "step", "queueName": "q", "opts": opts})
    async with workers(timed_store, {"q"}, fails, backoffs={"polite": polite}):
        for made, wait in enumerate(expected, 1):
            assert await wait_of(node.job, made) == wait
            await node.job.promote()
        await until(node.job.is_failed)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"opts": {"attempts": "five"}}, r"flow(\.children\[0\]){4}"),
        ({"data": {"file": b"bytes"}}, r"flow(\.children\[0\]){4}"),
        ({"queueName": "a:b"}, r"flow(\.children\[0\]){4}"),
    ],
)
async def test_seed_0_9_all_jobs_are_added_or_none(
    store: Store, wrong: dict[str, Any], told: str
) -> None:
    """All jobs of a flow are added or none: a refusal names the job and leaves no trace."""
    tree = _with_leaf(VIDEO, wrong)
    async with FlowProducer(store=store) as flows:
        with pytest.raises(OxherdError, match=told):
            await flows.add(tree)
        with pytest.raises(OxherdError, match=r"flows\[1\]"):
            await flows.add_bulk([VIDEO, tree])
    assert await store.queues() == []


async def test_seed_0_9_a_parent_that_is_not_there_leaves_no_trace(store: Store) -> None:
    """A flow whose parent is not there is refused by the store, and leaves no trace."""
    orphan = {**VIDEO, "opts": {"parent": {"id": "gone", "queue": "video-pipeline"}}}
    async with FlowProducer(store=store) as flows:
        with pytest.raises(OxherdError, match="gone"):
            await flows.add_bulk([VIDEO, orphan])
    assert await store.queues() == []


def _with_leaf(tree: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    children = tree.get("children")
    if not children:
        return {**tree, **own}
    return {**tree, "children": [_with_leaf(children[0], own)]}
