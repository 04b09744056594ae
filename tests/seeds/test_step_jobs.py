"""The step jobs article: its trees, its helper and its claims, row by row."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from oxherd import (
    BlockingJob,
    Cancellation,
    FlowJob,
    FlowProducer,
    Job,
    JobFailed,
    JobNode,
    JobOptions,
    NotSerializable,
    OxherdError,
    PayloadTooLarge,
    Queue,
    State,
    Worker,
    WorkerOptions,
    chain,
    connect,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import first_value, name_of, run, workers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from oxherd import Store

# The article's tree, key by key.
VIDEO: dict[str, Any] = {
    "name": "notify",
    "queueName": "video-pipeline",
    "data": {"userId": "user-42", "videoId": "vid-123"},
    "children": [
        {
            "name": "upload",
            "queueName": "video-pipeline",
            "data": {"videoId": "vid-123"},
            "children": [
                {
                    "name": "thumbnail",
                    "queueName": "video-pipeline",
                    "data": {"videoId": "vid-123"},
                    "children": [
                        {
                            "name": "transcode",
                            "queueName": "video-pipeline",
                            "data": {"videoId": "vid-123", "format": "mp4"},
                            "children": [
                                {
                                    "name": "download",
                                    "queueName": "video-pipeline",
                                    "data": {"s3Key": "uploads/raw/vid-123.mov"},
                                },
                            ],
                        },
                    ],
                },
            ],
        },
    ],
}
ORDER = ["download", "transcode", "thumbnail", "upload", "notify"]
QUEUES = {
    "download": "downloads", "transcode": "media-processing", "thumbnail": "media-processing",
    "upload": "uploads", "notify": "notifications",
}  # fmt: skip


async def download(job: Job) -> dict[str, Any]:
    return {"localPath": f"/tmp/{job.data['s3Key']}"}


async def transcode(job: Job) -> dict[str, Any]:
    path = (await first_value(job))["localPath"]
    return {"outputPath": f"{path}.{job.data['format']}"}


async def thumbnail(job: Job) -> dict[str, Any]:
    path = (await first_value(job))["outputPath"]
    return {"thumbnailPath": f"{path}.jpg", "videoPath": path}


async def upload(job: Job) -> dict[str, Any]:
    values = await first_value(job)
    return {
        "videoUrl": f"s3:{values['videoPath']}",
        "thumbUrl": f"s3:{values['thumbnailPath']}",
    }


async def notify(job: Job) -> dict[str, Any]:
    return {"notified": True, **await first_value(job)}


STEPS = {
    "download": download, "transcode": transcode, "thumbnail": thumbnail, "upload": upload,
    "notify": notify,
}  # fmt: skip
SENT = {
    "notified": True,
    "videoUrl": "s3:/tmp/uploads/raw/vid-123.mov.mp4",
    "thumbUrl": "s3:/tmp/uploads/raw/vid-123.mov.mp4.jpg",
}


def in_own_queues(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **tree,
        "queueName": QUEUES[tree["name"]],
        "children": [in_own_queues(child) for child in tree.get("children", ())],
    }


def once_failing(name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The steps, with one that fails at its first attempt; and how often each ran."""
    runs = dict.fromkeys(STEPS, 0)

    def counted(step: str) -> Any:
        async def process(job: Job) -> Any:
            runs[step] += 1
            if step == name and runs[step] == 1:
                raise ConnectionError("the bucket hung up")
            return await STEPS[step](job)

        return process

    return {step: counted(step) for step in STEPS}, runs


def with_attempts(tree: dict[str, Any], name: str, opts: dict[str, Any]) -> dict[str, Any]:
    own = {**tree, "children": [with_attempts(c, name, opts) for c in tree.get("children", ())]}
    return {**own, "opts": opts} if tree["name"] == name else own


async def test_seed_0_1_a_late_failure_redoes_nothing_before_it(store: Store) -> None:
    steps, runs = once_failing("upload")
    ran = await run(store, with_attempts(VIDEO, "upload", {"attempts": 5}), steps)
    assert ran.result == SENT
    assert runs == {"download": 1, "transcode": 1, "thumbnail": 1, "upload": 2, "notify": 1}


async def test_seed_0_2_progress_and_logs_say_where_a_long_job_is(store: Store) -> None:
    reached = asyncio.Event()
    go = asyncio.Event()

    async def monolith(job: Job) -> None:
        await job.log("downloaded")
        await job.update_progress(20)
        await job.log("transcoding")
        await job.update_progress({"step": "transcode", "percent": 40})
        reached.set()
        await go.wait()

    queue = Queue("video-pipeline", store=store)
    async with Worker("video-pipeline", monolith, store=store):
        job = await queue.add("video")
        await reached.wait()
        assert (await job.refresh()).progress == {"step": "transcode", "percent": 40}
        assert await job.get_logs() == ["downloaded", "transcoding"]
        go.set()
        await job.result(SOON)


async def test_seed_0_3_each_step_has_its_own_retry_policy(store: Store) -> None:
    tree = with_attempts(
        VIDEO, "download", {"attempts": 5, "backoff": {"type": "fixed", "delay": 1}}
    )
    steps, runs = once_failing("download")
    ran = await run(store, with_attempts(tree, "notify", {"attempts": 1}), steps)
    assert (runs["download"], runs["notify"]) == (2, 1)
    assert [node.job.opts.attempts for node in ran.node.walk()] == [1, 1, 1, 1, 5]


async def test_seed_0_4_each_queue_has_its_own_concurrency(store: Store) -> None:
    running = {"downloads": 0, "media-processing": 0}
    most = dict(running)

    async def process(job: Job) -> None:
        running[job.queue_name] += 1
        most[job.queue_name] = max(most[job.queue_name], running[job.queue_name])
        await asyncio.sleep(0.02)
        running[job.queue_name] -= 1

    limits = {"downloads": 20, "media-processing": 2}
    jobs: list[Job[Any, Any]] = []
    for queue in limits:
        jobs += await Queue(queue, store=store).add_bulk([("job", {})] * 24)
    many = [
        Worker(queue, process, store=store, options=WorkerOptions(concurrency=limit))
        for queue, limit in limits.items()
    ]
    await asyncio.gather(*(job.result(SOON) for job in jobs))
    await asyncio.gather(*(worker.close() for worker in many))
    assert most == limits


async def test_seed_0_5_each_step_has_its_own_status_retries_and_logs(store: Store) -> None:
    async def logging_upload(job: Job) -> Any:
        await job.log("uploading")
        return await upload(job)

    ran = await run(store, VIDEO, {**STEPS, "upload": logging_upload})
    for node in ran.node.walk():
        stored = await node.job.refresh()
        assert await stored.get_state() is State.COMPLETED
        assert stored.attempts_made == 1
        assert await stored.get_logs() == (["uploading"] if stored.name == "upload" else [])


TREES = st.recursive(
    st.just(()),
    lambda children: st.lists(children, min_size=1, max_size=3).map(tuple),
    max_leaves=8,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=TREES, concurrency=st.integers(1, 4))
def test_seed_0_6_order_holds_on_any_tree(shape: Any, concurrency: int) -> None:
    names = iter(range(1000))

    def tree(below: Any) -> FlowJob:
        return FlowJob(f"n{next(names)}", queue="q", children=[tree(one) for one in below])

    async def check() -> None:
        memory = connect("sqlite:///:memory:")
        ran = await run(memory, tree(shape), concurrency=concurrency)
        for node in ran.node.walk():
            for child in node.children:
                assert ran.before(child.job.name, node.job.name)
        assert len(ran.order) == len(list(ran.node.walk()))
        await memory.aclose()

    asyncio.run(check())


async def test_seed_0_7_retention_does_not_change_what_a_child_does(store: Store) -> None:
    async def bad(job: Job) -> None:
        raise ValueError("no")

    tree = {
        "name": "top", "queueName": "q",
        "children": [{"name": "bad", "queueName": "q", "opts": {"removeOnFail": True}}],
    }  # fmt: skip
    ran_top: list[str] = []

    async def top(job: Job) -> None:
        ran_top.append(job.name)

    with pytest.raises(JobFailed, match="failed"):
        await run(store, tree, {"bad": bad, "top": top})
    assert ran_top == []


async def test_seed_0_8_the_deepest_leaf_runs_first(store: Store) -> None:
    ran = await run(store, chain([{"name": name, "queueName": "q"} for name in ORDER]))
    assert ran.order == ORDER


async def test_seed_0_9_all_jobs_are_added_or_none(store: Store) -> None:
    bad = with_attempts(VIDEO, "download", {"attempts": "five"})
    async with FlowProducer(store=store) as flows:
        with pytest.raises(OxherdError, match=r"flow(\.children\[0\]){4}"):
            await flows.add(bad)
    assert await store.queues() == []


async def test_seed_0_10_a_producer_needs_no_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OXHERD_URL", raising=False)
    async with FlowProducer() as flows:
        assert (await flows.add(VIDEO)).job.name == "notify"
    assert (tmp_path / "oxherd.db").exists()


async def test_seed_0_11_the_mapping_of_the_article_is_taken_unchanged(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(VIDEO)
    assert [one.job.name for one in node.walk()] == ORDER[::-1]
    assert node.job.data == {"userId": "user-42", "videoId": "vid-123"}
    assert {one.job.queue_name for one in node.walk()} == {"video-pipeline"}


async def test_seed_0_13_a_mapping_may_have_opts_at_the_end(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add({**VIDEO, "opts": {"attempts": 2, "backoff": 5000}})
    assert node.job.opts == JobOptions(attempts=2, backoff=5)


async def test_seed_0_14_keys_may_be_in_snake_case(store: Store) -> None:
    def snake(tree: Mapping[str, Any]) -> dict[str, Any]:
        own = {key: value for key, value in tree.items() if key not in ("queueName", "children")}
        children = [snake(child) for child in tree.get("children", ())]
        return {**own, "queue_name": tree["queueName"], "children": children}

    assert (await run(store, snake(VIDEO), STEPS)).result == SENT


async def test_seed_0_15_the_answer_is_the_tree_of_jobs(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        flow = await flows.add(VIDEO)
    assert isinstance(flow, JobNode)
    assert flow["job"].name == "notify"
    assert flow["children"][0]["job"].name == "upload"


async def test_seed_0_16_literal_tree_order(store: Store) -> None:
    ran = await run(store, VIDEO, STEPS)
    assert ran.order == ORDER
    assert ran.result == SENT


async def test_seed_0_17_one_worker_switches_on_the_name(store: Store) -> None:
    async def process(job: Job, token: str) -> Any:
        assert token
        return await STEPS[job.name](job)

    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([VIDEO, VIDEO])
        async with workers(store, {"video-pipeline"}, STEPS, concurrency=1):
            assert await nodes[0].flow.result(SOON) == SENT
        async with Worker("video-pipeline", process, store=store):
            assert await nodes[1].flow.result(SOON) == SENT


async def test_seed_0_18_an_unknown_step_fails_without_a_retry(store: Store) -> None:
    queue = Queue("video-pipeline", store=store)
    async with workers(store, {"video-pipeline"}, STEPS):
        job = await queue.add("watermark", {}, JobOptions(attempts=5, backoff=60))
        error = await failure_of(job)
    assert "'watermark'" in error.reason
    assert "download, notify, thumbnail, transcode, upload" in error.reason


async def test_seed_0_19_processors_are_async_or_plain_with_one_to_three_arguments(
    store: Store,
) -> None:
    async def two(job: Job, token: str) -> str:
        return "two"

    async def three(job: Job, token: str, cancellation: Cancellation) -> str:
        return "three"

    def plain(job: BlockingJob) -> str:
        return "plain"

    queue = Queue("q", store=store)
    async with Worker("q", {"two": two, "three": three, "plain": plain}, store=store):
        for name in ("two", "three", "plain"):
            assert await (await queue.add(name)).result(SOON) == name


async def test_seed_0_20_an_exception_fails_the_job_with_its_traceback(store: Store) -> None:
    async def process(job: Job, token: str) -> None:
        raise Exception(f"Unknown step: {job.name}")  # noqa: TRY002 - as the article has it

    queue = Queue("q", store=store)
    async with Worker("q", process, store=store):
        job = await queue.add("mystery")
        error = await failure_of(job)
    assert error.reason == "Unknown step: mystery"
    assert 'raise Exception(f"Unknown step: {job.name}")' in str(error)


async def test_seed_0_22_each_step_may_have_its_own_queue_and_workers(store: Store) -> None:
    ran = await run(store, in_own_queues(VIDEO), STEPS)
    assert ran.order == ORDER
    assert ran.result == SENT
    assert set(await store.queues()) == set(QUEUES.values())


async def test_seed_0_23_work_that_blocks_the_loop_runs_once(store: Store) -> None:
    runs = 0

    async def heavy(job: Job) -> str:
        nonlocal runs
        runs += 1
        time.sleep(1.2)  # noqa: ASYNC251 - what is tested
        return "done"

    queue = Queue("media-processing", store=store)
    options = WorkerOptions(concurrency=2, lock_duration=0.4, stalled_interval=0.2)
    async with Worker("media-processing", heavy, store=store, options=options):
        job = await queue.add("transcode")
        assert await job.result(SOON) == "done"
    assert (runs, (await job.refresh()).stalled_count) == (1, 0)


async def test_seed_0_24_many_workers_live_in_one_process(store: Store) -> None:
    concurrency = {"downloads": 20, "media-processing": 2, "uploads": 10, "notifications": 50}
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([in_own_queues(VIDEO)] * 5)
    many = [
        Worker(queue, STEPS, store=store, options=WorkerOptions(concurrency=limit))
        for queue, limit in concurrency.items()
    ]
    results = await asyncio.gather(*(node.flow.result(SOON) for node in nodes))
    await asyncio.gather(*(worker.close() for worker in many))
    assert results == [SENT] * 5


async def test_seed_0_25_a_steps_value_reaches_its_parent(store: Store) -> None:
    seen: list[Any] = []

    async def look(job: Job) -> Any:
        seen.append(list((await job.get_children_values()).values()))
        return await transcode(job)

    await run(store, VIDEO, {**STEPS, "transcode": look})
    assert seen == [[{"localPath": "/tmp/uploads/raw/vid-123.mov"}]]


async def test_seed_0_26_values_are_keyed_by_the_full_job_key(store: Store) -> None:
    seen: list[str] = []

    async def look(job: Job) -> Any:
        seen.extend(await job.get_children_values())
        return await transcode(job)

    ran = await run(store, VIDEO, {**STEPS, "transcode": look})
    leaf = list(ran.node.walk())[-1].job
    assert seen == [f"{store.prefix}:video-pipeline:{leaf.id}"]


async def test_seed_0_27_the_value_of_an_only_child_needs_no_indexing(store: Store) -> None:
    async def only(job: Job) -> Any:
        return await job.get_child_value()

    tree = chain([{"name": "a", "queueName": "q"}, {"name": "b", "queueName": "q"}])
    assert (await run(store, tree, {"b": only})).result == "a"
    two = FlowJob("b", queue="q", children=[FlowJob("a", queue="q"), FlowJob("c", queue="q")])
    with pytest.raises(JobFailed, match="exactly one"):
        await run(store, two, {"b": only})


async def test_seed_0_28_the_first_of_the_values_is_the_only_one(store: Store) -> None:
    async def first(job: Job) -> Any:
        return list((await job.get_children_values()).values())[0]  # noqa: RUF015 - as it is written

    tree = chain([{"name": "a", "queueName": "q"}, {"name": "b", "queueName": "q"}])
    assert (await run(store, tree, {"b": first})).result == "a"


@dataclass
class Local:
    localPath: str  # noqa: N815 - the article's key


class Model(BaseModel):
    localPath: str  # noqa: N815 - the article's key


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ({"localPath": "a"}, {"localPath": "a"}),
        (Local("a"), {"localPath": "a"}),
        (Model(localPath="a"), {"localPath": "a"}),
        (None, None),
    ],
)
async def test_seed_0_30_a_processor_returns_a_mapping_a_dataclass_a_model_or_nothing(
    store: Store, value: Any, stored: Any
) -> None:
    async def give(job: Job) -> Any:
        return value

    tree = chain([{"name": "a", "queueName": "q"}, {"name": "b", "queueName": "q"}])
    assert (await run(store, tree, {"a": give, "b": first_value})).result == stored


async def test_seed_0_31_older_results_can_be_passed_on(store: Store) -> None:
    ran = await run(store, VIDEO, STEPS)
    thumb = list(ran.node.walk())[2].job
    assert (await thumb.result(SOON))["videoPath"] == "/tmp/uploads/raw/vid-123.mov.mp4"


def steps_of_the_helper(*, should_notify: bool) -> list[dict[str, Any]]:
    steps = [
        {"name": "download", "queueName": "pipeline", "data": {"s3Key": "raw/vid.mov"}},
        {"name": "transcode", "queueName": "pipeline", "data": {"format": "mp4"}},
        {"name": "upload", "queueName": "pipeline", "data": {"bucket": "output"}},
    ]
    if should_notify:
        steps.append({"name": "notify", "queueName": "pipeline", "data": {"userId": "u-1"}})
    return steps


async def test_seed_0_32_the_first_step_of_a_chain_runs_first(store: Store) -> None:
    """The article's helper nests the other way round; ours does what its prose says."""
    ran = await run(store, chain(steps_of_the_helper(should_notify=True)))
    assert ran.order == ["download", "transcode", "upload", "notify"]
    assert ran.node.job.name == "notify"


async def test_seed_0_33_a_chain_of_mappings_keeps_their_data(store: Store) -> None:
    steps = steps_of_the_helper(should_notify=False)
    async with FlowProducer(store=store) as flows:
        node = await flows.add(chain(steps))
    assert [one.job.data for one in node.walk()] == [step["data"] for step in reversed(steps)]
    assert all(set(step) == {"name", "queueName", "data"} for step in steps)


async def test_seed_0_34_a_chain_takes_snake_case_steps(store: Store) -> None:
    steps = [{"name": name, "queue_name": "pipeline", "data": {}} for name in ORDER]
    assert (await run(store, chain(steps))).order == ORDER


async def test_seed_0_35_a_step_of_a_chain_may_have_options(store: Store) -> None:
    steps = steps_of_the_helper(should_notify=False)
    steps[1]["opts"] = {"attempts": 3}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(chain(steps))
    assert [one.job.opts.attempts for one in node.walk()] == [1, 3, 1]


@pytest.mark.parametrize("should_notify", [True, False])
async def test_seed_0_36_a_step_can_be_left_out_before_building(
    store: Store, should_notify: Any
) -> None:
    ran = await run(store, chain(steps_of_the_helper(should_notify=should_notify)))
    assert ran.order == ["download", "transcode", "upload", "notify"][: 4 if should_notify else 3]


async def test_seed_0_37_only_the_failing_step_retries_and_values_are_kept(store: Store) -> None:
    steps, runs = once_failing("upload")
    tree = with_attempts(
        VIDEO, "upload", {"attempts": 2, "backoff": {"type": "fixed", "delay": 50}}
    )
    ran = await run(store, tree, steps)
    assert runs["transcode"] == 1
    assert ran.result == SENT


async def test_seed_0_38_each_step_has_attempts_and_a_backoff(store: Store) -> None:
    """The article's second tree."""
    tree = {
        "name": "notify", "queueName": "pipeline", "data": {"userId": "user-42"},
        "opts": {"attempts": 2, "backoff": {"type": "fixed", "delay": 5000}},
        "children": [
            {
                "name": "upload", "queueName": "pipeline", "data": {"bucket": "output"},
                "opts": {"attempts": 5, "backoff": {"type": "exponential", "delay": 1000}},
                "children": [
                    {
                        "name": "download", "queueName": "pipeline",
                        "data": {"s3Key": "raw/vid.mov"},
                        "opts": {"attempts": 5, "backoff": {"type": "exponential", "delay": 1000}},
                    },
                ],
            },
        ],
    }  # fmt: skip
    tries = 0

    async def flaky(job: Job) -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError("no")
        return "downloaded"

    async with FlowProducer(store=store) as flows, workers(store, {"pipeline"}, {
        "download": flaky, "upload": name_of, "notify": name_of,
    }):  # fmt: skip
        node = await flows.add(tree)
        leaf = node.children[0].children[0].job
        for wait in (1.0, 2.0):
            await until(leaf.is_delayed)
            assert (await leaf.refresh()).delay == wait
            await leaf.promote()
            await until(partial(_tried, leaf, wait))
        assert await node.flow.result(SOON) == "notify"
    assert (await leaf.refresh()).attempts_made == 3


async def _tried(job: Job, number: float) -> bool:
    return (await job.refresh()).attempts_made > number


async def test_seed_0_39_the_active_jobs_show_the_current_step(store: Store) -> None:
    go = asyncio.Event()

    async def wait(job: Job) -> Any:
        await go.wait()
        return await transcode(job)

    queue = Queue("video-pipeline", store=store)
    async with FlowProducer(store=store) as flows:
        node = await flows.add(VIDEO)
    async with workers(store, {"video-pipeline"}, {**STEPS, "transcode": wait}):
        step = list(node.walk())[3].job
        await until(step.is_active)
        assert [(job.name, job.id) for job in await queue.get_active()] == [("transcode", step.id)]
        go.set()
        assert await node.flow.result(SOON) == SENT


async def test_seed_0_40_the_failed_jobs_show_which_step_broke(store: Store) -> None:
    async def broken(job: Job) -> None:
        raise ValueError("no codec")

    queue = Queue("video-pipeline", store=store)
    with pytest.raises(JobFailed):
        await run(store, VIDEO, {**STEPS, "transcode": broken})
    reasons = {job.name: job.failed_reason for job in await queue.get_failed()}
    assert reasons["transcode"] == "no codec"


async def test_seed_0_41_the_waiting_parents_can_be_listed(store: Store) -> None:
    queue = Queue("video-pipeline", store=store)
    async with FlowProducer(store=store) as flows:
        await flows.add(VIDEO)
    assert {job.name for job in await queue.get_waiting_children()} == set(ORDER[1:])


async def test_seed_0_46_steps_on_one_level_run_in_parallel(store: Store) -> None:
    together = asyncio.Barrier(3)

    async def meet(job: Job) -> str:
        async with asyncio.timeout(SOON):
            await together.wait()
        return job.name

    tree = FlowJob("all", queue="q", children=[FlowJob(name, queue="q") for name in "abc"])
    ran = await run(store, tree, dict.fromkeys("abc", meet))
    assert sorted(ran.order[:3]) == ["a", "b", "c"]


async def test_seed_0_48_data_and_results_have_a_size_limit_and_are_json(store: Store) -> None:
    queue = Queue("q", store=store)
    with pytest.raises(PayloadTooLarge):
        await queue.add("job", {"content": "x" * 1000}, JobOptions(size_limit=500))
    with pytest.raises(NotSerializable):
        await queue.add("job", {"content": b"bytes"})

    async def content(job: Job) -> Any:
        return "x" * (16 * 1024 * 1024)

    async with Worker("q", content, store=store):
        job = await queue.add("job")
        assert "16777216" in (await failure_of(job)).reason


async def test_seed_0_51_values_survive_steps_that_are_not_kept(store: Store) -> None:
    def tidy(tree: Mapping[str, Any]) -> dict[str, Any]:
        children = [tidy(child) for child in tree.get("children", ())]
        opts = {} if tree["name"] == "notify" else {"removeOnComplete": True}
        return {**tree, "opts": opts, "children": children}

    ran = await run(store, tidy(VIDEO), STEPS)
    assert ran.result == SENT
    assert (await Queue("video-pipeline", store=store).get_job_counts())["completed"] == 1
    async with FlowProducer(store=store) as flows:
        tree = await flows.get_flow(ran.node.job.id, "video-pipeline")
    assert tree.missing == [ran.node.children[0].job.key]


async def test_seed_0_52_a_queue_has_defaults_for_the_jobs_of_a_flow(store: Store) -> None:
    options = {"video-pipeline": {"defaultJobOptions": {"removeOnComplete": True}}}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(VIDEO, queues_options=options)
        (other,) = await flows.add_bulk([VIDEO], queues_options=options)
        async with workers(store, {"video-pipeline"}, STEPS):
            assert await node.flow.result(SOON) == SENT
            assert await other.flow.result(SOON) == SENT
    assert (await Queue("video-pipeline", store=store).get_job_counts())["completed"] == 0


async def test_seed_0_53_every_ancestor_of_the_current_step_waits_for_children(
    store: Store,
) -> None:
    go = asyncio.Event()

    async def wait(job: Job) -> Any:
        await go.wait()
        return await transcode(job)

    async with FlowProducer(store=store) as flows:
        node = await flows.add(VIDEO)
        async with workers(store, {"video-pipeline"}, {**STEPS, "transcode": wait}):
            await until(list(node.walk())[3].job.is_active)
            tree = await flows.get_flow(node.job.id, "video-pipeline")
            states = {one.job.name: one.state for one in tree.walk()}
            go.set()
            await node.flow.result(SOON)
    assert states == {
        "download": State.COMPLETED, "transcode": State.ACTIVE,
        "thumbnail": State.WAITING_CHILDREN, "upload": State.WAITING_CHILDREN,
        "notify": State.WAITING_CHILDREN,
    }  # fmt: skip


async def test_seed_0_54_the_next_step_may_be_in_any_state(store: Store) -> None:
    steps: list[dict[str, Any]] = [
        {"name": "later", "queueName": "q", "opts": {"delay": 60_000}},
        {"name": "soon", "queueName": "q", "opts": {"priority": 3}},
        {"name": "now", "queueName": "q"},
    ]
    async with FlowProducer(store=store) as flows:
        node = await flows.add({"name": "top", "queueName": "q", "children": steps})
        counts = await node.flow.status()
    assert {state: number for state, number in counts.items() if number} == {
        "delayed": 1, "prioritized": 1, "waiting": 1, "waiting-children": 1,
    }  # fmt: skip


async def test_seed_0_55_a_sequence_may_fan_out_and_converge(store: Store) -> None:
    source = FlowJob("download", queue="q")
    parts = [FlowJob(f"part {n}", queue="q", children=[source]) for n in range(3)]
    ran = await run(
        store, chain([FlowJob("merge", queue="q", children=parts), FlowJob("send", queue="q")])
    )
    assert ran.order[0] == "download"
    assert ran.order[-2:] == ["merge", "send"]
    assert len(ran.order) == 6


async def test_seed_0_56_steps_are_ordinary_jobs(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(VIDEO)
    queue = Queue("video-pipeline", store=store)
    for one in node.walk():
        found = await queue.get_job(one.job.id)
        assert found is not None
        assert (found.name, found.data) == (one.job.name, one.job.data)
        await found.log("seen")
        assert await queue.get_job_logs(found.id) == ["seen"]


async def test_seed_0_57_a_queue_inspects_the_pipeline(store: Store) -> None:
    await run(store, VIDEO, STEPS)
    async with Queue("video-pipeline", store=store) as queue:
        assert (await queue.get_job_counts())["completed"] == 5
        # Those that end in one millisecond have no order on Redis.
        assert {job.name for job in await queue.get_completed()} == set(ORDER)
