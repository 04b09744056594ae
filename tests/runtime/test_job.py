"""Job: what it tells, and what it does in a processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    ChildStatus,
    FlowJob,
    FlowProducer,
    HasFailedChildren,
    InvalidFlow,
    Job,
    JobNotFound,
    JobOptions,
    NotSerializable,
    OnFailure,
    OxherdError,
    ParentJob,
    PayloadTooLarge,
    Queue,
    State,
    WaitForChildren,
    WrongState,
)
from tests.runtime.working import SOON, echo, failure_of, run_one, until, working

if TYPE_CHECKING:
    from oxherd import Store


async def test_a_processor_tells_its_progress_and_logs(store: Store) -> None:
    async def process(job: Job[Any, Any]) -> list[Any]:
        assert job.progress == 0
        await job.update_progress(40)
        assert job.progress == 40
        await job.update_progress({"part": 2, "of": 3})
        count = [await job.log("one"), await job.log("two")]
        await job.update_data({"step": 2})
        return [count, job.data, await job.get_logs()]

    queue = Queue("q", store=store)
    async with working(store, process, name="ox"):
        job = await queue.add("job", {"step": 1})
        assert await job.result(SOON) == [[1, 2], {"step": 2}, ["one", "two"]]
    stored = await job.refresh()
    assert stored.progress == {"part": 2, "of": 3}
    assert stored.data == {"step": 2}
    assert stored.returnvalue == [[1, 2], {"step": 2}, ["one", "two"]]
    assert (stored.attempts_made, stored.attempts_started) == (1, 1)
    assert stored.processed_on is not None
    assert stored.finished_on is not None
    assert stored.timestamp <= stored.processed_on <= stored.finished_on
    assert stored.processed_by == "ox"
    assert (stored.failed_reason, stored.stacktrace, stored.deferred_failure) == (None, [], None)
    assert await stored.get_state() is State.COMPLETED


async def test_the_newest_log_lines_are_kept(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job", {}, JobOptions(keep_logs=2))
    for number in range(5):
        await job.log(f"line {number}")
    assert await job.get_logs() == ["line 3", "line 4"]


async def test_what_cannot_be_stored_is_refused_and_changes_nothing(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job", {"a": 1}, JobOptions(size_limit=20))
    with pytest.raises(NotSerializable):
        await job.update_progress(float("nan"))
    with pytest.raises(NotSerializable):
        await job.update_data({"a": {1}})
    with pytest.raises(PayloadTooLarge):
        await job.update_data({"a": "x" * 20})
    assert ((await job.refresh()).data, job.data) == ({"a": 1}, {"a": 1})
    with pytest.raises(PayloadTooLarge):
        await queue.add("job", "x" * 21, JobOptions(size_limit=20))
    assert await queue.count() == 1


async def test_verbs_on_a_job_that_is_gone(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job")
    await job.remove()
    assert await job.get_state() is None
    for call in (
        job.remove(), job.refresh(), job.retry(), job.promote(), job.log("x"),
        job.update_data({}), job.update_progress(1),
    ):  # fmt: skip
        with pytest.raises(JobNotFound, match=job.id):
            await call
    assert await job.get_children_values() == {}
    assert await job.get_parent() is None


async def test_verbs_in_the_wrong_state(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job")
    with pytest.raises(WrongState, match="promote"):
        await job.promote()
    with pytest.raises(WrongState) as caught:
        await job.retry()
    assert caught.value.state is State.WAITING
    with pytest.raises(InvalidFlow):
        await job.retry("active")


async def test_a_completed_job_runs_again(store: Store) -> None:
    runs: list[int] = []

    async def process(job: Job) -> int:
        runs.append(job.attempts_made)
        return len(runs)

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job", {}, JobOptions(attempts=2))
        await job.result(SOON)
        await job.retry("completed")
        await until(lambda: len(runs) == 2)
        await until(job.is_completed)
    assert runs == [0, 0]
    assert (await job.refresh()).returnvalue == 2


async def test_the_parent_reads_what_its_children_gave(store: Store) -> None:
    seen: dict[str, Any] = {}

    async def child(job: Job) -> Any:
        if job.name == "bad":
            raise ValueError("no use")
        return job.data

    async def parent(job: Job) -> None:
        seen["values"] = await job.get_children_values()
        seen["results"] = await job.get_results()
        seen["ignored"] = await job.get_ignored_children_failures()
        seen["failed"] = await job.get_failed_children_values()
        seen["dependencies"] = await job.get_dependencies()
        seen["page"] = await job.get_dependencies(1, 1)
        seen["counts"] = await job.get_dependencies_count()
        with pytest.raises(OxherdError, match="3 children"):
            await job.get_child_value()

    async with (
        FlowProducer(store=store) as flows,
        working(store, child, queue="below", concurrency=3),
        working(store, parent, queue="q"),
    ):
        node = await flows.add(
            FlowJob("top", queue="q", children=[
                FlowJob("b", queue="below", data={"n": 2}),
                FlowJob("bad", queue="below", on_failure=OnFailure.IGNORE),
                FlowJob("a", queue="below", data=None, options=JobOptions(delay=0.05)),
            ])
        )  # fmt: skip
        await node.flow.result(SOON)
    keys = [child.job.key for child in node.children]
    assert keys[0] == f"{store.prefix}:below:{node.children[0].job.id}"
    assert seen["values"] == {keys[0]: {"n": 2}, keys[2]: {}}
    assert list(seen["values"]) == [keys[0], keys[2]]
    assert [(r.key, r.name, r.status, r.value, r.failure) for r in seen["results"]] == [
        (keys[0], "b", ChildStatus.PROCESSED, {"n": 2}, None),
        (keys[1], "bad", ChildStatus.IGNORED, None, "no use"),
        (keys[2], "a", ChildStatus.PROCESSED, {}, None),
    ]
    assert seen["ignored"] == seen["failed"] == {keys[1]: "no use"}
    assert seen["dependencies"].processed == seen["values"]
    assert (seen["dependencies"].unprocessed, seen["dependencies"].failed) == ([], [])
    assert seen["dependencies"].ignored == seen["page"].ignored == {keys[1]: "no use"}
    assert seen["page"].processed == {}
    assert seen["counts"] == {"processed": 2, "unprocessed": 0, "ignored": 1, "failed": 0}


async def test_the_value_of_an_only_child(store: Store) -> None:
    async def parent(job: Job) -> Any:
        return await job.get_child_value()

    async with FlowProducer(store=store) as flows:
        node = await flows.add(
            FlowJob("top", queue="q", children=[FlowJob("only", queue="below", data=[1])])
        )
        with pytest.raises(OxherdError, match="not completed"):
            await node.job.get_child_value()
        async with working(store, echo, queue="below"), working(store, parent):
            assert await node.flow.result(SOON) == [1]


async def test_a_child_knows_its_parent(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(
            FlowJob("top", queue="q", children=[FlowJob("child", queue="below")])
        )
    child = node.children[0].job
    for job in (child, await child.refresh()):
        assert job.parent_key == node.job.key
        assert job.parent == ParentJob(node.job.id, f"{store.prefix}:q")
        assert job.parents == (job.parent,)
        assert job.flow_id == node.job.id
        parent = await job.get_parent()
        assert parent is not None
        assert (parent.id, parent.name) == (node.job.id, "top")
    assert await node.job.get_parent() is None


async def test_a_processor_adds_children_and_waits_for_them(store: Store) -> None:
    async def process(job: Job) -> Any:
        if (await job.get_dependencies_count())["processed"] == 0:
            added = await job.add_children(
                [
                    FlowJob("a", queue="below", data=1),
                    {"name": "b", "queueName": "below", "data": 2, "children": [
                        {"name": "c", "queueName": "below", "data": 3}]},
                ]
            )  # fmt: skip
            assert [one.name for one in added] == ["a", "b"]
            assert [one.flow_id for one in added] == [job.flow_id or job.id] * 2
            assert await job.move_to_waiting_children() is True
            raise WaitForChildren
        return [result.value for result in await job.get_results()]

    queue = Queue("q", store=store)
    async with working(store, process), working(store, echo, queue="below"):
        job = await queue.add("job")
        assert await job.result(SOON) == [1, 2]
    stored = await job.refresh()
    assert (stored.attempts_made, stored.attempts_started) == (1, 2)


async def test_there_may_be_nothing_to_wait_for(store: Store) -> None:
    async def process(job: Job) -> bool:
        return await job.move_to_waiting_children()

    assert await run_one(store, process) is False


async def test_a_job_cannot_complete_while_its_children_are_pending(store: Store) -> None:
    async def process(job: Job) -> str:
        await job.add_children([FlowJob("child", queue="nobody")])
        return "too early"

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job")
        assert "pending dependencies" in (await failure_of(job)).reason


async def test_a_child_that_failed_stops_the_wait_for_children(store: Store) -> None:
    caught: list[type[BaseException]] = []

    async def process(job: Job) -> None:
        children = await job.add_children([FlowJob("bad", queue="below")])
        await until(children[0].is_failed)
        try:
            await job.move_to_waiting_children()
        except HasFailedChildren as error:
            caught.append(type(error))
            raise

    async def bad(job: Job) -> None:
        raise ValueError("no")

    queue = Queue("q", store=store)
    async with working(store, process), working(store, bad, queue="below"):
        job = await queue.add("job")
        await failure_of(job)
    assert caught == [HasFailedChildren]


async def test_children_that_are_refused_are_not_added(store: Store) -> None:
    async def process(job: Job) -> dict[str, int]:
        with pytest.raises(NotSerializable):
            await job.add_children(
                [FlowJob("a", queue="below"), FlowJob("b", queue="below", data={1})]
            )
        assert await job.add_children([]) == []
        return await job.get_dependencies_count()

    counts = await run_one(store, process)
    assert set(counts.values()) == {0}
    assert await Queue("below", store=store).count() == 0


async def test_removing_a_job_removes_what_is_below(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        tree = FlowJob("top", queue="q", children=[
            FlowJob("middle", queue="q", children=[FlowJob("leaf", queue="q")]),
        ])  # fmt: skip
        node = await flows.add(tree)
        await node.children[0].job.remove()
        assert await node.children[0].children[0].job.get_state() is None
        assert await node.job.get_state() is State.WAITING
        other = await flows.add(tree)
        await other.job.remove(remove_children=False)
        assert await other.job.get_state() is None
        assert await other.children[0].job.get_state() is State.WAITING_CHILDREN
