"""The step jobs article: flows that are built from a list of steps, or while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowJob, FlowProducer, InvalidFlow, Job, WaitForChildren, chain
from tests.seeds.running import run
from tests.seeds.video import ORDER, SENT, STEPS, VIDEO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd import JobNode, Store


def steps_of_the_helper(*, should_notify: bool) -> list[dict[str, Any]]:
    steps = [
        {"name": "download", "queueName": "pipeline", "data": {"s3Key": "raw/vid.mov"}},
        {"name": "transcode", "queueName": "pipeline", "data": {"format": "mp4"}},
        {"name": "upload", "queueName": "pipeline", "data": {"bucket": "output"}},
    ]
    if should_notify:
        steps.append({"name": "notify", "queueName": "pipeline", "data": {"userId": "u-1"}})
    return steps


def shape(node: JobNode) -> list[tuple[str, str, Any, int]]:
    return [
        (one.job.name, one.job.queue_name, one.job.data, len(one.children)) for one in node.walk()
    ]


async def test_seed_0_32_the_first_step_of_a_chain_runs_first(store: Store) -> None:
    """The first step of a chain runs first; the article's helper nests the other way round."""
    ran = await run(store, chain(steps_of_the_helper(should_notify=True)))
    assert ran.order == ["download", "transcode", "upload", "notify"]
    assert ran.node.job.name == "notify"


async def test_seed_0_33_a_chain_of_mappings_keeps_their_data(store: Store) -> None:
    """A chain of mappings keeps each step's data, and leaves the mappings as they were."""
    steps = steps_of_the_helper(should_notify=False)
    async with FlowProducer(store=store) as flows:
        node = await flows.add(chain(steps))
    assert [one.job.data for one in node.walk()] == [step["data"] for step in reversed(steps)]
    assert all(set(step) == {"name", "queueName", "data"} for step in steps)


async def test_seed_0_34_a_chain_takes_snake_case_steps(store: Store) -> None:
    """A chain takes steps in snake_case."""
    steps = [{"name": name, "queue_name": "pipeline", "data": {}} for name in ORDER]
    assert (await run(store, chain(steps))).order == ORDER


async def test_seed_0_35_a_step_of_a_chain_may_have_options(store: Store) -> None:
    """A step of a chain may have options."""
    steps = steps_of_the_helper(should_notify=False)
    steps[1]["opts"] = {"attempts": 3}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(chain(steps))
    assert [one.job.opts.attempts for one in node.walk()] == [1, 3, 1]


@pytest.mark.parametrize("should_notify", [True, False])
async def test_seed_0_36_a_step_can_be_left_out_before_building(
    store: Store, should_notify: Any
) -> None:
    """A step can be left out before the chain is built."""
    ran = await run(store, chain(steps_of_the_helper(should_notify=should_notify)))
    assert ran.order == ["download", "transcode", "upload", "notify"][: 4 if should_notify else 3]


@pytest.mark.parametrize("kind", ["mov", "mp4"])
async def test_seed_0_36_a_step_decides_what_runs_before_it_goes_on(
    store: Store, kind: str
) -> None:
    """A step can decide at run time which steps come in between (partly: no `when=` on a step)."""

    async def prepare(job: Job) -> list[Any]:
        if job.data["kind"] == "mov" and not (await job.get_dependencies_count())["processed"]:
            await job.add_children([{"name": "convert", "queueName": "pipeline"}])
            if await job.move_to_waiting_children():
                raise WaitForChildren
        return list((await job.get_children_values()).values())

    steps = [
        FlowJob("prepare", queue="pipeline", data={"kind": kind}),
        FlowJob("upload", queue="pipeline"),
    ]

    async def look(job: Job) -> Any:
        return await job.get_child_value()

    ran = await run(store, chain(steps), {"prepare": prepare, "upload": look})
    converted = kind == "mov"
    assert ran.result == (["convert"] if converted else [])
    expected = ["prepare", "convert", "upload"] if converted else ["prepare", "upload"]
    # The new step may be done before there is anything to wait for.
    assert list(dict.fromkeys(ran.order)) == expected


async def test_seed_0_49_a_flat_list_makes_the_nested_tree(store: Store) -> None:
    """The helper makes the article's nested tree of a flat list in running order, step by step."""
    steps: list[Mapping[str, Any]] = []
    node: Mapping[str, Any] | None = VIDEO
    while node is not None:
        steps.insert(0, {key: value for key, value in node.items() if key != "children"})
        node = node["children"][0] if "children" in node else None
    assert [step["name"] for step in steps] == ORDER
    async with FlowProducer(store=store) as flows:
        nested, flat = await flows.add_bulk([VIDEO, chain(steps)])
    assert shape(flat) == shape(nested)
    assert (await run(store, chain(steps), STEPS)).result == SENT


async def test_seed_0_49_the_helper_takes_one_step_and_refuses_none(store: Store) -> None:
    """A chain of one step is that step, and a chain of none is refused."""
    ran = await run(store, chain([VIDEO["children"][0]["children"][0]]))
    assert ran.order == ["download", "transcode", "thumbnail"]
    with pytest.raises(InvalidFlow, match="at least one step"):
        chain([])


async def test_seed_0_55_a_sequence_may_fan_out_and_converge(store: Store) -> None:
    """A sequence may fan out and converge again, also from one step that several share."""
    source = FlowJob("download", queue="q")
    parts = [FlowJob(f"part {n}", queue="q", children=[source]) for n in range(3)]
    ran = await run(
        store, chain([FlowJob("merge", queue="q", children=parts), FlowJob("send", queue="q")])
    )
    assert ran.order[0] == "download"
    assert ran.order[-2:] == ["merge", "send"]
    assert len(ran.order) == len(set(ran.order)) == 6
