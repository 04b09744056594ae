"""The tile: the interface that it lists."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

import oxherd.bullmq
from oxherd import (
    Closed,
    FlowProducer,
    InvalidFlow,
    InvalidOption,
    Job,
    JobNode,
    JobNotFound,
    ParentJob,
    Queue,
    State,
    Worker,
    WorkerOptions,
    chain,
)
from tests.runtime.working import SOON, until
from tests.seeds.running import all_values, every_queue, heard, name_of, run, workers
from tests.seeds.tile import LINEAR, SIGNUP, onboarding
from tests.timing import deadline

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd import Store


async def test_seed_3_2_a_flow_spans_queues(store: Store) -> None:
    """A flow spans many queues."""
    await run(store, SIGNUP)
    assert set(await store.queues()) == every_queue(SIGNUP)


async def test_seed_3_3_a_producer_takes_a_store_a_url_or_nothing(
    store: Store, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A producer takes a store, a URL or nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OXHERD_URL", raising=False)
    for given in (store, store_url, None):
        async with FlowProducer(store=given) as flows:
            assert (await flows.add(LINEAR)).job.name == "process-order"


async def test_seed_3_4_add_answers_a_node(store: Store) -> None:
    """`add` answers the node of the root."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR)
    assert isinstance(node, JobNode)
    assert isinstance(node.job, Job)


async def test_seed_3_5_add_bulk_takes_options_of_queues(store: Store) -> None:
    """`add_bulk` takes options of queues."""
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([LINEAR, SIGNUP], queues_options={"orders": {"attempts": 4}})
    assert [node.job.opts.attempts for node in nodes] == [4, 1]


async def test_seed_3_6_get_flow_reads_the_whole_tree(store: Store) -> None:
    """`get_flow` reads the whole tree, and says so where it was told to cut it."""
    children = [{"name": f"child-{n}", "queueName": "q"} for n in range(50)]
    deep = chain([{"name": f"step-{n}", "queueName": "q"} for n in range(15)])
    async with FlowProducer(store=store) as flows:
        wide = await flows.add({"name": "top", "queueName": "q", "children": children})
        long = await flows.add(deep)
        found = await flows.get_flow(wide.job.id, "q")
        assert [node.job.name for node in found.children] == [one["name"] for one in children]
        assert len(list((await flows.get_flow(long.job.id, "q")).walk())) == 15
        cut = await flows.get_flow(long.job.id, "q", depth=10)
        assert [node.truncated for node in cut.walk()] == [False] * 9 + [True]
        narrow = await flows.get_flow(wide.job.id, "q", max_children=20)
        assert (len(narrow.children), narrow.truncated) == (20, True)
        with pytest.raises(JobNotFound):
            await flows.get_flow("root-job-id", "orders")


async def test_seed_3_7_add_after_close_raises(store: Store) -> None:
    """`add` after `close` raises, and writes nothing."""
    flows = FlowProducer(store=store)
    await flows.close()
    with pytest.raises(Closed):
        await flows.add(LINEAR)
    assert await store.queues() == []


@pytest.mark.parametrize(
    ("opts", "error", "told"),
    [
        ({"repeat": {"every": 1}}, InvalidOption, "'repeat'"),
        ({"deduplication": {"id": "x"}}, InvalidFlow, "deduplication"),
        ({"nothing": 1}, InvalidOption, "'nothing'"),
        ({"attempts": -1}, InvalidOption, "'attempts'"),
        ({"parent": {"id": "1"}}, InvalidOption, "parent.queue"),
    ],
)
async def test_seed_3_8_a_job_of_a_flow_has_one_schema(
    store: Store, opts: dict[str, Any], error: type[Exception], told: str
) -> None:
    """A job of a flow has one schema, and what is not legal in a flow is refused."""
    async with FlowProducer(store=store) as flows:
        with pytest.raises(error, match=told):
            await flows.add({**LINEAR, "opts": opts})
    assert await store.queues() == []


async def test_seed_3_9_a_producer_has_a_prefix(store_url: str) -> None:
    """A producer's keys have the prefix of its store."""
    base = store_url.partition("?")[0]
    async with FlowProducer(store=f"{base}?prefix=moo") as flows:
        node = await flows.add(LINEAR)
        assert node.job.key == f"moo:orders:{node.job.id}"
        await node.job.remove()


async def test_seed_3_10_a_flow_may_hang_below_a_job(store: Store) -> None:
    """A flow may hang below a job that waits (partly: by the root's options, not by `add`'s)."""
    below = onboarding("u")
    async with FlowProducer(store=store) as flows:
        above = await flows.add(LINEAR)
        parent = {"id": above.job.id, "queue": "orders"}
        node = await flows.add({**below, "opts": {"parent": parent}})
        assert node.job.parent == ParentJob(above.job.id, f"{store.prefix}:orders")
        queues = every_queue(LINEAR) | every_queue(below)
        async with workers(store, queues, {
            **dict.fromkeys(("validate-payment", "send-confirmation"), name_of),
            **dict.fromkeys(("onboard-user", "send-welcome-series"), name_of),
            "process-order": all_values,
        }):  # fmt: skip
            assert await above.flow.result(SOON) == ["validate-payment", "onboard-user"]


async def test_seed_3_10_a_parent_that_has_ended_takes_no_flow(store: Store) -> None:
    """A flow cannot hang below a job that has ended; nothing of it is added."""
    ran = await run(store, LINEAR)
    parent = {"id": ran.node.job.id, "queue": "orders"}
    async with FlowProducer(store=store) as flows:
        with pytest.raises(oxherd.WrongState):
            await flows.add({**onboarding("u"), "opts": {"parent": parent}})
    assert set(await store.queues()) == every_queue(LINEAR)


async def test_seed_3_11_options_of_queues_in_bullmqs_shape(store: Store) -> None:
    """Options of queues may be in BullMQ's shape."""
    options = {"payments": {"defaultJobOptions": {"attempts": 6}}}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR, queues_options=options)
    assert node.children[0].job.opts.attempts == 6


async def test_seed_3_13_the_node_has_the_id_of_the_root(store: Store) -> None:
    """`node.job.id` is the root's id."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR)
    assert await Queue("orders", store=store).get_job_state(node.job.id) is State.WAITING_CHILDREN


async def test_seed_3_15_a_node_has_a_job_and_children(store: Store) -> None:
    """A node has a job and children."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIGNUP)
    assert node.job.name == "process-user-signup"
    assert [child.job.name for child in node.children] == [
        "send-welcome-email", "create-user-profile", "add-to-mailing-list",
    ]  # fmt: skip


async def test_seed_3_16_children_are_always_a_list(store: Store) -> None:
    """A node's children are always a list."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIGNUP)
        tree = await flows.get_flow(node.job.id, "users")
    for root in (node, tree):
        assert all(isinstance(one.children, list) for one in root.walk())


async def test_seed_3_22_a_tree_can_be_walked_and_printed(store: Store) -> None:
    """A tree can be walked and printed, with the states of its jobs."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR)
        tree = await flows.get_flow(node.job.id, "orders")
    assert [await one.job.get_state() for one in tree.walk()] == [
        State.WAITING_CHILDREN, State.WAITING_CHILDREN, State.WAITING,
    ]  # fmt: skip
    assert str(tree) == (
        "process-order (orders)  waiting-children\n"
        "└─ validate-payment (payments)  waiting-children\n"
        "   └─ send-confirmation (notifications)  waiting"
    )


async def test_seed_3_26_a_worker_needs_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker needs no connection: then it uses a file in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OXHERD_URL", raising=False)
    async with Worker("orders", name_of), Queue("orders") as queue:
        assert await (await queue.add("process-order")).result(SOON) == "process-order"


async def test_seed_3_28_jobs_know_who_is_above_and_below(store: Store) -> None:
    """Jobs know who is above them and below."""
    seen: dict[str, Any] = {}

    async def middle(job: Job) -> None:
        parent = await job.get_parent()
        assert parent is not None
        seen["parent"] = parent.name
        seen["children"] = [one.name for one in await job.get_results()]

    await run(store, LINEAR, {"validate-payment": middle})
    assert seen == {"parent": "process-order", "children": ["send-confirmation"]}


async def test_seed_3_29_a_child_has_the_id_of_its_parent(store: Store) -> None:
    """A child has its parent's id and key, and the root has none."""
    seen: list[Any] = []

    async def look(job: Job) -> None:
        seen.extend([job.parent, job.parent_key])

    ran = await run(store, LINEAR, {"validate-payment": look, "process-order": look})
    root = ran.node.job
    assert seen == [ParentJob(root.id, f"{store.prefix}:orders"), root.key, None, None]


async def test_seed_3_30_run_after_construction_joins(store: Store) -> None:
    """`run()` after construction joins the worker that runs already."""
    order_worker = Worker("orders", name_of, store=store)
    payment_worker = Worker("payments", name_of, store=store)
    both = asyncio.gather(order_worker.run(), payment_worker.run())
    assert await (await Queue("orders", store=store).add("a")).result(SOON) == "a"
    assert await (await Queue("payments", store=store).add("b")).result(SOON) == "b"
    async with deadline(SOON):
        await order_worker.close()
        await payment_worker.close()
        await both


async def test_seed_3_30_a_worker_may_wait_for_run(store: Store) -> None:
    """With `autorun=False` a worker takes no job before `run()`."""
    worker = Worker("orders", name_of, store=store, options=WorkerOptions(autorun=False))
    job = await Queue("orders", store=store).add("a")
    async with Worker("payments", name_of, store=store):
        assert await (await Queue("payments", store=store).add("b")).result(SOON) == "b"
    assert await job.is_waiting()
    running = asyncio.ensure_future(worker.run())
    assert await job.result(SOON) == "a"
    async with deadline(SOON):
        await worker.close()
        await running


async def test_seed_3_31_a_producer_closes(store: Store) -> None:
    """A producer closes, more than once too, and the flows stay."""
    flows = FlowProducer(store=store)
    node = await flows.add(LINEAR)
    await flows.close()
    await flows.close()
    assert await node.job.get_state() is State.WAITING_CHILDREN


async def test_seed_3_32_errors_raise_from_the_call(store: Store) -> None:
    """An error raises from the awaited call (partly: `on("error")` is the drop-in's only)."""
    async with FlowProducer(store=store) as flows:
        with pytest.raises(JobNotFound, match="gone"):
            await flows.add({**LINEAR, "opts": {"parent": {"id": "gone", "queue": "orders"}}})


async def test_seed_3_32_the_drop_in_emits_errors(redis_url: str, prefix: str) -> None:
    """The drop-in's producer emits `error` for a flow of several that was not added."""
    server = urlsplit(redis_url)
    connection = {"host": server.hostname, "port": server.port}
    flow_producer = oxherd.bullmq.FlowProducer({"connection": connection, "prefix": prefix})
    errors: list[BaseException] = []
    flow_producer.on("error", errors.append)
    orphan = {**LINEAR, "opts": {"parent": {"id": "gone", "queue": f"{prefix}:orders"}}}
    await flow_producer.addBulk([onboarding("u"), orphan])
    assert len(errors) == 1
    queue = oxherd.bullmq.Queue("onboarding", {"connection": connection, "prefix": prefix})
    assert (await queue.getJobCounts("waiting-children")) == {"waiting-children": 1}
    await queue.close()
    await flow_producer.close()


async def test_seed_3_33_a_flow_is_told_from_its_first_job_to_its_last(store: Store) -> None:
    """Events tell a flow's life from its first job to its last (partly: queue by queue)."""
    async with heard(store, every_queue(LINEAR), "added", "active", "completed") as events:
        ran = await run(store, LINEAR)
        await until(lambda: len(events) == 9)
    for node in ran.node.walk():
        own = [event for event in events if event.queue == node.job.queue_name]
        assert [str(event.kind) for event in own] == ["added", "active", "completed"]


async def test_seed_3_39_a_worker_reads_data_and_id(store: Store) -> None:
    """A worker reads the job's data and its id."""

    async def look(job: Job) -> list[Any]:
        return [job.id, job.data["orderId"]]

    ran = await run(store, LINEAR, {"process-order": look})
    assert ran.result == [ran.node.job.id, "order-123"]
