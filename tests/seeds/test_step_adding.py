"""The step jobs article: the forms in which a flow may be given, and what adding it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowProducer, JobNode, JobOptions, Keep, Queue
from tests.runtime.working import SOON
from tests.seeds.running import run, workers
from tests.seeds.video import ORDER, QUEUES, SENT, STEPS, VIDEO, in_own_queues

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from oxherd import Store


async def test_seed_0_10_a_producer_needs_no_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A producer needs no argument: then it uses a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OXHERD_URL", raising=False)
    async with FlowProducer() as flows:
        assert (await flows.add(VIDEO)).job.name == "notify"
    assert (tmp_path / "oxherd.db").exists()


async def test_seed_0_11_the_mapping_of_the_article_is_taken_unchanged(store: Store) -> None:
    """The article's mapping, in camelCase, is taken unchanged."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(VIDEO)
    assert [one.job.name for one in node.walk()] == ORDER[::-1]
    assert node.job.data == {"userId": "user-42", "videoId": "vid-123"}
    assert {one.job.queue_name for one in node.walk()} == {"video-pipeline"}


async def test_seed_0_13_a_mapping_may_have_opts_at_the_end(store: Store) -> None:
    """A mapping of a job may have `opts` after everything else."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add({**VIDEO, "opts": {"attempts": 2, "backoff": 5000}})
    assert node.job.opts == JobOptions(attempts=2, backoff=5)


async def test_seed_0_14_keys_may_be_in_snake_case(store: Store) -> None:
    """The keys of a mapping may be in snake_case."""

    def snake(tree: Mapping[str, Any]) -> dict[str, Any]:
        own = {key: value for key, value in tree.items() if key not in ("queueName", "children")}
        children = [snake(child) for child in tree.get("children", ())]
        return {**own, "queue_name": tree["queueName"], "children": children}

    assert (await run(store, snake(VIDEO), STEPS)).result == SENT


async def test_seed_0_15_the_answer_is_the_tree_of_jobs(store: Store) -> None:
    """The answer is the tree of jobs, an object that can be read like BullMQ's mapping."""
    async with FlowProducer(store=store) as flows:
        flow = await flows.add(VIDEO)
    assert isinstance(flow, JobNode)
    assert flow["job"].name == "notify"
    assert flow["children"][0]["job"].name == "upload"
    assert [one.job.id for one in flow.walk()] == [
        found.job.id for found in (await _read(store, flow)).walk()
    ]


async def _read(store: Store, flow: JobNode) -> JobNode:
    async with FlowProducer(store=store) as flows:
        return await flows.get_flow(flow.job.id, "video-pipeline")


async def test_seed_0_52_a_queue_has_defaults_for_the_jobs_of_a_flow(store: Store) -> None:
    """`add` and `add_bulk` take defaults by queue (partly: a queue's own defaults do not count)."""
    options = {"video-pipeline": {"defaultJobOptions": {"removeOnComplete": True}}}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(VIDEO, queues_options=options)
        (other,) = await flows.add_bulk([VIDEO], queues_options=options)
        async with workers(store, {"video-pipeline"}, STEPS):
            assert await node.flow.result(SOON) == SENT
            assert await other.flow.result(SOON) == SENT
    assert (await Queue("video-pipeline", store=store).get_job_counts())["completed"] == 0


async def test_seed_0_52_each_queue_of_a_flow_has_its_defaults(store: Store) -> None:
    """Each queue has its own defaults, and what a job says itself goes before them."""
    tree = in_own_queues(VIDEO)
    tree["opts"] = {"attempts": 9}
    options: dict[str, Any] = {
        "notifications": JobOptions(attempts=2, remove_on_complete=True),
        "media-processing": {"attempts": 4, "removeOnComplete": 7},
        "elsewhere": JobOptions(attempts=99),
    }
    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree, queues_options=options)
    found = {one.job.name: (await one.job.refresh()).opts for one in node.walk()}
    assert set(QUEUES) == set(found)
    assert {name: opts.attempts for name, opts in found.items()} == {
        "download": 1, "transcode": 4, "thumbnail": 4, "upload": 1, "notify": 9,
    }  # fmt: skip
    assert found["thumbnail"].remove_on_complete == Keep(count=7)
    assert found["notify"].remove_on_complete == Keep(count=0)
