"""FlowProducer, JobNode, Flow and chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    FlowJob,
    FlowProducer,
    InvalidFlow,
    InvalidOption,
    Job,
    JobNode,
    JobNotFound,
    JobOptions,
    NotSerializable,
    OnFailure,
    Queue,
    State,
    chain,
)
from tests.runtime.working import SOON, echo, failure_of, until, working

if TYPE_CHECKING:
    from oxherd import Store


TREE = FlowJob(
    "notify", queue="notifications", data={"to": "you"}, options=JobOptions(attempts=2),
    children=[
        FlowJob("upload", queue="uploads", children=[FlowJob("transcode", queue="media")]),
        FlowJob("audit", queue="audits", on_failure=OnFailure.IGNORE),
    ],
)  # fmt: skip


async def test_add_answers_the_tree(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(TREE)
    assert isinstance(node, JobNode)
    assert isinstance(node.job, Job)
    assert node["job"] is node.job
    assert node["children"] is node.children
    assert [child.job.name for child in node.children] == ["upload", "audit"]
    assert node.children[1].children == []
    assert [one.job.name for one in node.walk()] == ["notify", "upload", "audit", "transcode"]
    assert (node.job.data, node.job.opts.attempts) == ({"to": "you"}, 2)
    assert {one.job.flow_id for one in node.walk()} == {node.job.id}
    assert str(node) == (
        "notify (notifications)\n├─ upload (uploads)\n│  └─ transcode (media)\n└─ audit (audits)"
    )
    assert "notify" in repr(node)
    assert node.job.id in repr(node.flow)
    with pytest.raises(KeyError):
        node["jobs"]


async def test_mappings_spell_the_queue_in_three_ways(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(
            {
                "name": "a", "queueName": "qa", "data": 1, "opts": {"priority": 2},
                "children": [
                    {"name": "b", "queue_name": "qb"},
                    {"name": "c", "queue": "qc", "children": None},
                    FlowJob("d", queue="qd"),
                ],
            }
        )  # fmt: skip
    assert [one.job.queue_name for one in node.walk()] == ["qa", "qb", "qc", "qd"]
    assert node.job.priority == 2


async def test_get_flow_reads_the_tree_as_it_is(store: Store) -> None:
    async with FlowProducer(store=store) as flows, working(store, echo, queue="media"):
        added = await flows.add(TREE)
        await added.children[0].children[0].job.result(SOON)
        tree = await flows.get_flow(added.job.id, "notifications")
        assert [(one.job.name, one.state) for one in tree.walk()] == [
            ("notify", State.WAITING_CHILDREN), ("upload", State.WAITING),
            ("audit", State.WAITING), ("transcode", State.COMPLETED),
        ]  # fmt: skip
        assert not any(one.truncated or one.missing for one in tree.walk())
        assert "transcode (media)  completed" in str(tree)
        with pytest.raises(JobNotFound):
            await flows.get_flow("none", "notifications")


async def test_get_flow_says_when_it_is_cut(store: Store) -> None:
    children = [
        FlowJob(f"child {number}", queue="q", children=[FlowJob("leaf", queue="q")])
        for number in range(50)
    ]
    async with FlowProducer(store=store) as flows:
        node = await flows.add(FlowJob("top", queue="q", children=children))
        whole = await flows.get_flow(node.job.id, "q")
        assert [child.job.name for child in whole.children] == [one.name for one in children]
        assert not whole.truncated
        some = await flows.get_flow(node.job.id, "q", max_children=20)
        assert (len(some.children), some.truncated) == (20, True)
        flat = await flows.get_flow(node.job.id, "q", depth=2)
        assert len(flat.children) == 50
        assert [child.truncated for child in flat.children] == [True] * 50
        assert "… (cut)" in str(some)


async def test_get_flow_tells_of_children_that_are_not_kept(store: Store) -> None:
    leaf = FlowJob("leaf", queue="below", options=JobOptions(remove_on_complete=True))
    async with FlowProducer(store=store) as flows, working(store, echo, queue="below"):
        node = await flows.add(FlowJob("top", queue="q", children=[leaf]))
        await node.children[0].job.result(SOON)
        tree = await flows.get_flow(node.job.id, "q")
    assert tree.children == []
    assert tree.missing == [node.children[0].job.key]
    assert await tree.job.get_children_values() == {node.children[0].job.key: {}}


async def test_the_status_counts_the_whole_flow(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(TREE)
        flow = flows.flow(node.job.id, "notifications")
        before = await flow.status()
        async with working(store, echo, queue="media"), working(store, echo, queue="uploads"):
            await node.children[0].job.result(SOON)
        after = await flow.status()
        assert {state: n for state, n in before.items() if n} == {
            "waiting": 2, "waiting-children": 2,
        }  # fmt: skip
        assert {state: n for state, n in after.items() if n} == {
            "completed": 2, "waiting": 1, "waiting-children": 1,
        }  # fmt: skip
        with pytest.raises(JobNotFound):
            await flows.flow("none", "q").status()


async def test_chain_reads_in_running_order(store: Store) -> None:
    order: list[str] = []

    async def process(job: Job) -> Any:
        order.append(job.name)
        values = list((await job.get_children_values()).values())
        return [*(values[0] if values else []), job.name]

    steps: list[Any] = [
        FlowJob("a", queue="q"),
        {"name": "b", "queueName": "q"},
        FlowJob("c", queue="q", data={"last": True}),
    ]
    root = chain(steps)
    assert (root.name, root.data) == ("c", {"last": True})
    async with FlowProducer(store=store) as flows, working(store, process):
        node = await flows.add(root)
        assert await node.flow.result(SOON) == ["a", "b", "c"]
    assert order == ["a", "b", "c"]
    with pytest.raises(InvalidFlow):
        chain([])


async def test_a_chain_of_one(memory: Store) -> None:
    async with FlowProducer(store=memory) as flows, working(memory, echo):
        node = await flows.add(chain([{"name": "only", "queue": "q", "data": 1}]))
        assert await node.flow.result(SOON) == 1


async def test_one_object_under_two_parents_is_one_job(store: Store) -> None:
    runs: list[str] = []

    async def process(job: Job) -> Any:
        runs.append(job.name)
        return {"by": job.name, "below": list((await job.get_children_values()).values())}

    shared = FlowJob("shared", queue="q")
    flow = FlowJob("top", queue="q", children=[
        FlowJob("left", queue="q", children=[shared]),
        FlowJob("right", queue="q", children=[shared]),
    ])  # fmt: skip
    async with FlowProducer(store=store) as flows:
        node = await flows.add(flow)
        left, right = node.children
        assert left.children[0] is right.children[0]
        assert [one.job.name for one in node.walk()] == ["top", "left", "right", "shared"]
        stored = await left.children[0].job.refresh()
        assert [parent.id for parent in stored.parents] == [left.job.id, right.job.id]
        assert str(node).count("shared") == 2
        async with working(store, process, concurrency=4):
            result = await node.flow.result(SOON)
        tree = await flows.get_flow(node.job.id, "q")
    assert sorted(runs) == ["left", "right", "shared", "top"]
    assert runs[0] == "shared"
    assert [one["below"] for one in result["below"]] == [[{"by": "shared", "below": []}]] * 2
    assert len(list(tree.walk())) == 4
    assert await node.flow.status() == {
        state.value: 4 * (state is State.COMPLETED) for state in State
    }


async def test_two_nodes_of_one_id_are_one_job(store: Store) -> None:
    pay = {"name": "pay", "queueName": "q", "opts": {"jobId": "pay-1"}}
    async with FlowProducer(store=store) as flows, working(store, echo, concurrency=4):
        node = await flows.add(
            {
                "name": "top",
                "queueName": "q",
                "children": [
                    {"name": "reserve", "queueName": "q", "children": [{**pay, "data": 5}]},
                    {"name": "ship", "queueName": "q", "children": [pay]},
                ],
            }
        )
        await node.flow.result(SOON)
        assert len(list(node.walk())) == 4
        assert (await Queue("q", store=store).get_job_counts())["completed"] == 4


async def test_equal_mappings_are_separate_jobs(store: Store) -> None:
    leaf = {"name": "leaf", "queueName": "q"}
    async with FlowProducer(store=store) as flows:
        node = await flows.add({"name": "top", "queueName": "q", "children": [leaf, leaf]})
        assert len({child.job.id for child in node.children}) == 2


async def test_a_shared_job_that_fails_follows_each_edge(store: Store) -> None:
    """The policy of the job fills all its edges."""

    async def process(job: Job) -> Any:
        if job.name == "shared":
            raise ValueError("no")
        return job.name

    shared = FlowJob("shared", queue="q")
    flow = FlowJob("top", queue="q", children=[
        FlowJob("left", queue="q", children=[shared]),
        FlowJob("right", queue="q", children=[shared], on_failure=OnFailure.IGNORE),
    ])  # fmt: skip
    async with FlowProducer(store=store) as flows, working(store, process, concurrency=3):
        node = await flows.add(flow)
        await failure_of(node.job)
        for child in node.children:
            await until(child.job.is_failed)
            assert "shared" not in ((await child.job.refresh()).returnvalue or "")


@pytest.mark.parametrize(
    ("policy", "state", "ignored"),
    [
        (OnFailure.FAIL_PARENT, State.FAILED, 0),
        (None, State.FAILED, 0),
        (OnFailure.IGNORE, State.COMPLETED, 1),
        (OnFailure.CONTINUE_PARENT, State.COMPLETED, 1),
        (OnFailure.REMOVE, State.COMPLETED, 0),
        (OnFailure.BLOCK, State.WAITING_CHILDREN, 0),
    ],
)
async def test_what_the_failure_of_a_child_does(
    store: Store, policy: OnFailure | None, state: State, ignored: int
) -> None:
    async def process(job: Job) -> Any:
        if job.name == "bad":
            raise ValueError("no use")
        if job.name == "top":
            return len(await job.get_ignored_children_failures())
        return None

    async with FlowProducer(store=store) as flows:
        node = await flows.add(
            FlowJob("top", queue="q", children=[
                FlowJob("bad", queue="q", on_failure=policy), FlowJob("good", queue="q"),
            ])
        )  # fmt: skip
        async with working(store, process):
            await until(node.children[0].job.is_failed)
            await until(node.children[1].job.is_completed)
            await until(lambda: _is_in(node.job, state))
            if state is State.COMPLETED:
                assert await node.job.result(SOON) == ignored
            elif state is State.FAILED:
                assert node.children[0].job.key in (await failure_of(node.job)).reason


async def _is_in(job: Job, state: State) -> bool:
    return await job.get_state() is state


async def test_continue_parent_runs_at_once_and_is_cut_from_the_others(store: Store) -> None:
    async def process(job: Job) -> Any:
        if job.name == "bad":
            raise ValueError("no use")
        return await job.get_dependencies_count()

    async with FlowProducer(store=store) as flows, working(store, process):
        node = await flows.add(
            FlowJob("top", queue="q", children=[
                FlowJob("bad", queue="q", on_failure=OnFailure.CONTINUE_PARENT),
                FlowJob("never", queue="nobody"),
            ])
        )  # fmt: skip
        assert await node.flow.result(SOON) == {
            "processed": 0, "unprocessed": 1, "ignored": 1, "failed": 0,
        }  # fmt: skip


async def test_queues_have_default_options(store: Store) -> None:
    options: dict[str, Any] = {
        "a": {"attempts": 3},
        "b": JobOptions(priority=4),
        "c": {"defaultJobOptions": {"attempts": 7}},
    }
    flow = {
        "name": "a", "queueName": "a",
        "children": [
            {"name": "b", "queueName": "b"},
            {"name": "c", "queueName": "c", "opts": {"attempts": 2}},
        ],
    }  # fmt: skip
    async with FlowProducer(store=store) as flows:
        node = await flows.add(flow, queues_options=options)
        (again,) = await flows.add_bulk([flow], queues_options=options)
        for one in (node, again):
            assert one.job.opts.attempts == 3
            assert one.children[0].job.opts.priority == 4
            assert one.children[1].job.opts.attempts == 2
        with pytest.raises(InvalidFlow, match="'a'"):
            await flows.add(flow, queues_options={"a": {"atempts": 3}})


async def test_add_bulk_adds_all_or_none(store: Store) -> None:
    good = FlowJob("good", queue="q", children=[FlowJob("child", queue="q")])
    bad = FlowJob("bad", queue="q", children=[FlowJob("child", queue="q", data=object())])
    async with FlowProducer(store=store) as flows:
        with pytest.raises(NotSerializable, match=r"flows\[1\]: flow.children\[0\]"):
            await flows.add_bulk([good, bad])
        assert await Queue("q", store=store).count() == 0
        nodes = await flows.add_bulk([good, good])
        assert len({one.job.id for node in nodes for one in node.walk()}) == 4
        assert await flows.add_bulk([]) == []


async def test_a_flow_can_hang_below_a_live_job(store: Store) -> None:
    queue = Queue("q", store=store)
    async with FlowProducer(store=store) as flows:
        above = await flows.add(
            FlowJob("above", queue="q", children=[FlowJob("first", queue="below")])
        )
        node = await flows.add(
            {
                "name": "second",
                "queueName": "below",
                "opts": {"parent": {"id": above.job.id, "queue": "q"}},
                "children": [{"name": "third", "queueName": "below"}],
            }
        )
        assert node.job.parent_key == above.job.key
        async with working(store, echo, queue="below"):
            await node.job.result(SOON)
        assert await above.job.get_state() is State.WAITING
        assert (await above.job.get_dependencies_count())["processed"] == 2
        with pytest.raises(JobNotFound):
            await flows.add(
                {"name": "x", "queue": "q", "opts": {"parent": {"id": "none", "queue": "q"}}}
            )
    assert await queue.count() == 1


async def test_a_deep_and_a_wide_flow(store: Store) -> None:
    deep: Any = {"name": "leaf", "queue": "q"}
    for _ in range(300):
        deep = {"name": "node", "queue": "q", "children": [deep]}
    wide = {"name": "top", "queue": "q", "children": [{"name": "n", "queue": "q"}] * 300}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(deep)
        assert len(list(node.walk())) == 301
        assert len(str(node).splitlines()) == 301
        broad = await flows.add(wide)
        tree = await flows.get_flow(broad.job.id, "q")
        assert len(tree.children) == 300


def _cycle() -> dict[str, Any]:
    node: dict[str, Any] = {"name": "a", "queue": "q"}
    node["children"] = [{"name": "b", "queue": "q", "children": [node]}]
    return node


@pytest.mark.parametrize(
    ("flow", "error", "told"),
    [
        ({"queue": "q"}, InvalidFlow, "there is no name"),
        ({"name": "a"}, InvalidFlow, "there is no queue"),
        ({"name": "a", "queu": "q"}, InvalidFlow, "did you mean 'queue'"),
        ({"name": "a", "queue": "q", "queueName": "q"}, InvalidFlow, "given twice"),
        ({"name": "a", "queue": "q", "children": {"name": "b"}}, InvalidFlow, "list"),
        ({"name": "a", "queue": "q", "children": ["b"]}, InvalidFlow, r"flow.children\[0\]"),
        ("a", InvalidFlow, "FlowJob or a mapping"),
        (_cycle(), InvalidFlow, "cycle"),
        (
            {"name": "a", "queue": "q", "opts": {"jobId": "x"},
             "children": [{"name": "a", "queue": "q", "opts": {"jobId": "x"}}]},
            InvalidFlow, "cycle: a → a",
        ),
        (
            {"name": "a", "queue": "q", "children": [
                {"name": "b", "queue": "q", "opts": {"jobId": "x"}},
                {"name": "c", "queue": "q", "opts": {"jobId": "x"}}]},
            InvalidFlow, "not one name",
        ),
        (
            {"name": "a", "queue": "q", "children": [
                {"name": "b", "queue": "q", "opts": {"parent": {"failParentOnFailure": True}}}]},
            InvalidOption, "failParentOnFailure",
        ),
        (
            {"name": "a", "queue": "q", "opts": {
                "failParentOnFailure": True, "ignoreDependencyOnFailure": True}},
            InvalidOption, "one failure policy",
        ),
        (
            FlowJob("a", queue="q", on_failure=OnFailure.IGNORE,
                    options=JobOptions(on_failure=OnFailure.BLOCK)),
            InvalidOption, "given twice",
        ),
        (FlowJob("a", queue="q:r"), InvalidOption, "':'"),
        (FlowJob("", queue="q"), InvalidOption, "empty"),
    ],
)  # fmt: skip
async def test_a_flow_that_cannot_run_is_refused(
    store: Store, flow: Any, error: type[Exception], told: str
) -> None:
    async with FlowProducer(store=store) as flows:
        with pytest.raises(error, match=told):
            await flows.add(flow)
    assert await store.queues() == []
