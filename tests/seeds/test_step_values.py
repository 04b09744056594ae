"""The step jobs article: how the values of steps reach the steps after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from oxherd import (
    FlowJob,
    FlowProducer,
    Job,
    JobFailed,
    JobOptions,
    NotSerializable,
    PayloadTooLarge,
    Queue,
    Worker,
    chain,
)
from tests.runtime.working import SOON, failure_of
from tests.seeds.running import all_values, first_value, run
from tests.seeds.video import SENT, STEPS, VIDEO, transcode

if TYPE_CHECKING:
    from oxherd import Store

TWO_STEPS = chain([{"name": "a", "queueName": "q"}, {"name": "b", "queueName": "q"}])


async def test_seed_0_25_a_steps_value_reaches_its_parent(store: Store) -> None:
    """A step's value reaches its parent."""
    seen: list[Any] = []

    async def look(job: Job) -> Any:
        seen.append(await all_values(job))
        return await transcode(job)

    await run(store, VIDEO, {**STEPS, "transcode": look})
    assert seen == [[{"localPath": "/tmp/uploads/raw/vid-123.mov"}]]


async def test_seed_0_25_a_step_reads_the_values_of_all_below_it_by_name(store: Store) -> None:
    """A step can read the value of every step below it, by name (partly: through `get_flow`)."""

    async def look(job: Job) -> dict[str, Any]:
        async with FlowProducer(store=store) as flows:
            tree = await flows.get_flow(job.id, job.queue_name)
        return {node.job.name: node.job.returnvalue for node in tree.walk() if node is not tree}

    ran = await run(store, VIDEO, {**STEPS, "notify": look})
    assert list(ran.result) == ["upload", "thumbnail", "transcode", "download"]
    assert ran.result["download"] == {"localPath": "/tmp/uploads/raw/vid-123.mov"}
    assert ran.result["transcode"] == {"outputPath": "/tmp/uploads/raw/vid-123.mov.mp4"}


async def test_seed_0_26_values_are_keyed_by_the_full_job_key(store: Store) -> None:
    """Values are keyed by the full key of their job."""
    seen: list[str] = []

    async def look(job: Job) -> Any:
        seen.extend(await job.get_children_values())
        return await transcode(job)

    ran = await run(store, VIDEO, {**STEPS, "transcode": look})
    leaf = list(ran.node.walk())[-1].job
    assert seen == [f"{store.prefix}:video-pipeline:{leaf.id}"]


async def test_seed_0_26_values_come_by_name_and_in_order_too(store: Store) -> None:
    """Values come by name and in the order of definition, too."""

    async def look(job: Job) -> list[Any]:
        return [[one.name, one.value] for one in await job.get_results()]

    steps = [FlowJob(name, queue="q", options=JobOptions(priority=9 - n)) for n, name in
             enumerate("abc")]  # fmt: skip
    ran = await run(store, FlowJob("top", queue="q", children=steps), {"top": look}, concurrency=1)
    assert ran.order == ["c", "b", "a", "top"]
    assert ran.result == [["a", "a"], ["b", "b"], ["c", "c"]]


async def test_seed_0_27_the_value_of_an_only_child_needs_no_indexing(store: Store) -> None:
    """The value of an only child needs no indexing, and several children are an error."""

    async def only(job: Job) -> Any:
        return await job.get_child_value()

    assert (await run(store, TWO_STEPS, {"b": only})).result == "a"
    two = FlowJob("b", queue="q", children=[FlowJob("a", queue="q"), FlowJob("c", queue="q")])
    with pytest.raises(JobFailed, match="exactly one"):
        await run(store, two, {"b": only})


async def test_seed_0_28_the_first_of_the_values_is_the_only_one(store: Store) -> None:
    """The first of the values is that of the only child, as the article reads it."""

    async def first(job: Job) -> Any:
        return list((await job.get_children_values()).values())[0]  # noqa: RUF015 - as it is written

    assert (await run(store, TWO_STEPS, {"b": first})).result == "a"


async def test_seed_0_29_get_children_values_has_text_for_keys(store: Store) -> None:
    """`get_children_values` has text for keys, in the mapping and in the values."""

    async def download(job: Job) -> Any:
        return {"local_path": "/tmp/a", "sizes": {"1": "small", "2": "large"}}

    async def look(job: Job) -> Any:
        children_values = await job.get_children_values()
        [download_result, *_] = children_values.values()
        return [list(children_values), download_result]

    ran = await run(store, TWO_STEPS, {"a": download, "b": look})
    assert ran.result == [[ran.node.children[0].job.key], await download(ran.node.job)]


async def test_seed_0_29_keys_that_are_no_text_are_refused(store: Store) -> None:
    """A result with other keys than text is refused, not changed on the way."""

    async def numbers(job: Job) -> Any:
        return {1: "small"}

    one = {"name": "a", "queueName": "q", "opts": {"attempts": 1}}
    with pytest.raises(JobFailed, match="the result"):
        await run(store, one, {"a": numbers})


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
    """A processor returns a mapping, a dataclass, a pydantic model or nothing."""

    async def give(job: Job) -> Any:
        return value

    assert (await run(store, TWO_STEPS, {"a": give, "b": first_value})).result == stored


async def test_seed_0_31_older_results_can_be_passed_on(store: Store) -> None:
    """A step can pass older results on, as the article does."""
    ran = await run(store, VIDEO, STEPS)
    thumb = list(ran.node.walk())[2].job
    assert (await thumb.result(SOON))["videoPath"] == "/tmp/uploads/raw/vid-123.mov.mp4"


async def test_seed_0_31_older_results_need_not_be_passed_on(store: Store) -> None:
    """A step that needs an older result is given that step as a child too; nothing is passed on."""
    download = FlowJob("download", queue="q")
    transcode = FlowJob("transcode", queue="q", children=[download])
    thumbnail = FlowJob("thumbnail", queue="q", children=[transcode])
    upload = FlowJob("upload", queue="q", children=[thumbnail, transcode])

    async def look(job: Job) -> dict[str, Any]:
        return {one.name: one.value for one in await job.get_results() if one.name}

    ran = await run(store, upload, {"upload": look})
    assert ran.result == {"thumbnail": "thumbnail", "transcode": "transcode"}
    assert ran.order == ["download", "transcode", "thumbnail", "upload"]


async def test_seed_0_48_data_and_results_have_a_size_limit_and_are_json(store: Store) -> None:
    """Data and results are JSON and have a limit to their size (partly: nothing is offloaded)."""
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
    """Values survive steps that are not kept (partly: no retention of a flow as a whole)."""

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
