"""The drop-in's flows: whole trees in one step, and BullMQ's policies."""

from __future__ import annotations

from typing import Any

import pytest

from oxherd.bullmq import FlowProducer, Job, Queue, Worker
from tests.bullmq.watching import Heard

CHILDREN = [{"bar": None}, {"baz": 12.93}, {"qux": "a string"}]


async def test_children_run_before_their_parent(opts: dict[str, Any]) -> None:
    seen: list[tuple[str, Any]] = []

    async def child(job: Job, token: str) -> Any:
        seen.append((job.name, job.data["idx"]))
        return CHILDREN[job.data["idx"]]

    async def parent(job: Job, token: str) -> Any:
        return await job.getChildrenValues()

    parents, children = Worker("parents", parent, opts), Worker("children", child, opts)
    done = Heard(parents, "completed")
    flows = FlowProducer(opts["connection"], {"prefix": opts["prefix"]})
    tree = await flows.add(
        {
            "name": "parent-job",
            "queueName": "parents",
            "data": {},
            "children": [
                {"name": "child-job", "data": {"idx": n}, "queueName": "children"} for n in range(3)
            ],
        }
    )
    assert tree is not None
    job, values = await done.next()
    assert job.id == tree["job"].id
    keys = [f"{opts['prefix']}:children:{node['job'].id}" for node in tree["children"]]
    assert values == dict(zip(keys, CHILDREN, strict=True))
    assert seen == [("child-job", n) for n in range(3)]
    for one in (parents, children, flows):
        await one.close()


async def test_many_flows_are_added_in_one_step(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    errors = Heard(flows, "error")
    flow: dict[str, Any] = {
        "name": "parent",
        "queueName": "work",
        "children": [{"name": "child", "queueName": "work", "data": {"n": 1}}],
    }
    lost = {**flow, "opts": {"parent": {"id": "gone", "queue": f"{opts['prefix']}:work"}}}
    trees = await flows.addBulk([flow, lost, flow])
    assert trees is not None
    assert [node["children"][0]["job"].data for node in trees] == [{"n": 1}] * 3
    queue = Queue("work", opts)
    assert await queue.getJobCounts("waiting", "waiting-children") == {
        "waiting": 2, "waiting-children": 2,
    }  # fmt: skip
    (error,) = errors.rest()[0]
    assert str(error) == f"Missing key for parent job {opts['prefix']}:work:gone. addJob"
    await queue.close()
    await flows.close()


async def test_a_tree_has_the_shape_of_its_flow(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    tree = await flows.add(
        {
            "name": "root",
            "queueName": "work",
            "data": None,
            "opts": {"jobId": "own"},
            "children": [
                {
                    "name": "a",
                    "queueName": "work",
                    "children": [{"name": "b", "queueName": "work"}],
                },
                {"name": "c", "queueName": "other"},
            ],
        }
    )
    assert tree is not None
    assert (tree["job"].id, tree["job"].data) == ("own", None)
    a, c = tree["children"]
    assert "children" not in c
    assert a["children"][0]["job"].data == {}
    assert a["job"].parentKey == f"{opts['prefix']}:work:own"
    assert a["job"].parent == {"id": "own", "queueKey": f"{opts['prefix']}:work"}
    assert len({node["job"].id for node in (tree, a, c, a["children"][0])}) == 4
    await flows.close()
    assert await flows.add({"name": "x", "queueName": "work"}) is None
    assert await flows.addBulk([]) is None
    assert await flows.getFlow({"id": "own", "queueName": "work"}) is None


async def test_the_queues_own_options_are_left_as_they_were(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    defaults = {"removeOnComplete": True}
    queues = {"paint": {"defaultJobOptions": defaults}}
    tree = await flows.add(
        {"name": "job", "queueName": "paint", "data": {}, "opts": {"attempts": 3}},
        {"queuesOptions": queues},
    )
    assert tree is not None
    assert tree["job"].opts["attempts"] == 3
    assert tree["job"].opts["removeOnComplete"] is True
    assert defaults == {"removeOnComplete": True}
    await flows.close()


async def test_a_missing_parent_of_the_root_is_named(opts: dict[str, Any]) -> None:
    flows, queue = FlowProducer(opts), Queue("work", opts)
    flow = {
        "name": "root",
        "queueName": "work",
        "opts": {"parent": {"id": "gone", "queue": queue.qualifiedName}},
        "children": [{"name": "child", "queueName": "work"}],
    }
    with pytest.raises(Exception) as refused:
        await flows.add(flow)
    assert str(refused.value) == f"Missing key for parent job {queue.qualifiedName}:gone. addJob"
    assert refused.value.code == -5  # type: ignore[attr-defined]
    assert await queue.count() == 0
    parent = await queue.add("parent", {})
    tree = await flows.add(
        {**flow, "opts": {"parent": {"id": parent.id, "queue": queue.qualifiedName}}}
    )
    assert tree is not None
    key = f"{queue.qualifiedName}:{tree['job'].id}"
    assert (await parent.getDependencies())["unprocessed"] == [key]
    await queue.close()
    await flows.close()


@pytest.mark.parametrize(
    ("policy", "ends"),
    [
        ({"failParentOnFailure": True}, "failed"),
        ({"ignoreDependencyOnFailure": True}, "completed"),
        ({"removeDependencyOnFailure": True}, "completed"),
        ({"continueParentOnFailure": True}, "completed"),
    ],
)
async def test_the_childs_policy_decides_about_the_parent(
    opts: dict[str, Any], policy: dict[str, Any], ends: str
) -> None:
    async def broken(job: Job, token: str) -> Any:
        raise ValueError("broken")

    async def fine(job: Job, token: str) -> Any:
        return await job.getIgnoredChildrenFailures()

    flows = FlowProducer(opts)
    child = {"name": "child", "queueName": "children", "opts": policy}
    tree = await flows.add({"name": "parent", "queueName": "parents", "children": [child]})
    assert tree is not None
    children, parents = Worker("children", broken, opts), Worker("parents", fine, opts)
    ended, what = await Heard(parents, ends).next()
    assert ended.id == tree["job"].id
    key = f"{opts['prefix']}:children:{tree['children'][0]['job'].id}"
    if ends == "failed":
        assert str(what) == ended.failedReason == f"child {key} failed"
    else:
        assert what == ({} if "removeDependencyOnFailure" in policy else {key: "broken"})
    for one in (children, parents, flows):
        await one.close()


async def test_without_a_policy_the_parent_goes_on_waiting(opts: dict[str, Any]) -> None:
    async def broken(job: Job, token: str) -> Any:
        raise ValueError("broken")

    flows = FlowProducer(opts)
    child = {"name": "child", "queueName": "children", "opts": {"failParentOnFailure": False}}
    tree = await flows.add({"name": "parent", "queueName": "parents", "children": [child]})
    assert tree is not None
    worker = Worker("children", broken, opts)
    failed, _ = await Heard(worker, "failed").next()
    assert await tree["job"].getState() == "waiting-children"
    await failed.remove()
    assert await tree["job"].getState() == "waiting"
    await worker.close()
    await flows.close()


async def test_a_flow_is_read_as_deep_and_wide_as_asked(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    leaf: dict[str, Any] = {"name": "leaf", "queueName": "work"}
    chain = {**leaf, "children": [{**leaf, "children": [leaf]}]}
    tree = await flows.add({**leaf, "children": [chain, *[leaf] * 29]})
    assert tree is not None
    asked = {"id": tree["job"].id, "queueName": "work"}
    whole = await flows.getFlow({**asked, "maxChildren": 100})
    assert whole is not None
    assert len(whole["children"]) == 30
    deep = next(node for node in whole["children"] if "children" in node)
    assert "children" not in deep["children"][0]["children"][0]
    bounded = await flows.getFlow(asked)
    assert bounded is not None
    assert len(bounded["children"]) == 20
    shallow = await flows.getFlow({**asked, "depth": 2})
    assert shallow is not None
    assert not any("children" in node for node in shallow["children"])
    assert "children" not in (await flows.getFlow({**asked, "depth": 1}) or {})
    assert await flows.getFlow({"id": "nobody", "queueName": "work"}) is None
    await flows.close()


async def test_a_node_may_have_a_prefix_of_its_own(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    elsewhere = opts["prefix"] + "-else"
    child = {"name": "child", "queueName": "work", "prefix": elsewhere}
    tree = await flows.add({"name": "parent", "queueName": "work", "children": [child]})
    assert tree is not None

    async def process(job: Job, token: str) -> Any:
        return await job.getChildrenValues() or "value"

    one, other = (
        Worker("work", process, opts),
        Worker("work", process, {**opts, "prefix": elsewhere}),
    )
    _, values = await Heard(one, "completed").next()
    key = f"{elsewhere}:work:{tree['children'][0]['job'].id}"
    assert values == {key: "value"}
    shown = await flows.getFlow({"id": tree["job"].id, "queueName": "work"})
    assert shown is not None
    assert shown["children"][0]["job"].returnvalue == "value"
    for closing in (one, other, flows):
        await closing.close()


async def test_an_id_that_is_named_twice_is_one_job(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    shared = {"name": "shared", "queueName": "shared", "opts": {"jobId": "pay"}}
    mid: dict[str, Any] = {"queueName": "mid", "children": [shared]}
    tree = await flows.add(
        {
            "name": "root",
            "queueName": "root",
            "children": [{**mid, "name": "a"}, {**mid, "name": "b"}],
        }
    )
    assert tree is not None
    runs: list[str] = []

    async def process(job: Job, token: str) -> Any:
        runs.append(job.name)
        return job.name

    workers = [Worker(name, process, opts) for name in ("root", "mid", "shared")]
    await Heard(workers[0], "completed").next()
    assert runs[0] == "shared"
    assert sorted(runs) == ["a", "b", "root", "shared"]
    for one in (*workers, flows):
        await one.close()


async def test_flows_that_would_be_torn_are_refused(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    leaf = {"name": "leaf", "queueName": "work"}
    with pytest.raises(ValueError, match="cannot be used on flow nodes with children"):
        await flows.add({**leaf, "children": [leaf], "opts": {"deduplication": {"id": "x"}}})
    keep = {"deduplication": {"id": "x", "keepLastIfActive": True}}
    with pytest.raises(ValueError, match="cannot be used on flow nodes with a parent"):
        await flows.add({**leaf, "children": [{**leaf, "opts": keep}]})
    await flows.close()


async def test_a_deep_chain_is_no_deeper_for_python(opts: dict[str, Any]) -> None:
    flows = FlowProducer(opts)
    flow: dict[str, Any] = {"name": "leaf", "queueName": "work"}
    for _ in range(2_000):
        flow = {"name": "node", "queueName": "work", "children": [flow]}
    tree = await flows.add(flow)
    assert tree is not None
    queue = Queue("work", opts)
    assert await queue.getWaitingChildrenCount() == 2_000
    await queue.close()
    await flows.close()
