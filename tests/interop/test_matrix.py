"""Every case, whoever adds and whoever processes: both sides must see the same, as expected."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from oxherd import FlowProducer
from tests.interop.cases import CASES, Case
from tests.interop.observe import heard, observed, told, tree
from tests.interop.sides import BothSides, NodeSide, OxherdSide, Side, Works, until

if TYPE_CHECKING:
    from oxherd.store import Store
    from tests.interop.node import NodeProgram

pytestmark = pytest.mark.timeout(120)

WHO: Final = (
    # who adds, and who processes the first, the second, … queue of the case
    ("node", ("oxherd",)),
    ("oxherd", ("node",)),
    ("node", ("oxherd", "node")),
    ("oxherd", ("node", "oxherd")),
    ("node", ("both",)),
    ("oxherd", ("both",)),
    ("node", ("node",)),
    ("oxherd", ("oxherd",)),
)
IN_THE_SAMPLE: Final = 4


def _matrix() -> list[Any]:
    found: list[Any] = []
    for number, (adds, processes) in enumerate(WHO):
        for case in CASES:
            if len(processes) > len(case.queues) or (case.order and "both" in processes):
                continue
            name = f"{case.name}, {adds} → {' and '.join(processes)}"
            marks = [] if number < IN_THE_SAMPLE else [pytest.mark.slow]
            found.append(pytest.param(case, adds, processes, id=name, marks=marks))
    return found


@pytest.mark.parametrize(("case", "adds", "processes"), _matrix())
async def test_both_sides_agree(
    *,
    case: Case,
    adds: str,
    processes: tuple[str, ...],
    store: Store,
    prefix: str,
    client: NodeProgram,
    workers: NodeProgram,
    listener: NodeProgram,
) -> None:
    node, oxherd = NodeSide(client, workers, prefix), OxherdSide(store)
    producer: Side = node if adds == "node" else oxherd
    by_name: dict[str, Works] = {"node": node, "oxherd": oxherd, "both": BothSides(node, oxherd)}
    if case.flow is not None:
        await producer.add_flow(case.flow)
    await producer.add("work", case.jobs)
    for queue in case.queues:
        await listener.ask("listen", prefix=prefix, queue=queue)
    async with AsyncExitStack() as running:
        for number, queue in enumerate(case.queues):
            side = by_name[processes[number % len(processes)]]
            await running.enter_async_context(side.working(queue, 1 if case.order else 5))
        await until(lambda: _as_expected(case, store), _wanted(case))
    try:
        await _check_jobs(case, store, prefix, client)
        await _check_flow(case, store, prefix, client)
        await _check_events(case, store, prefix, listener)
    finally:
        for queue in case.queues:
            await listener.ask("close", prefix=prefix, queue=queue)


def _wanted(case: Case) -> str:
    return str({name: job and job["state"] for name, job in case.expected.items()})


async def _as_expected(case: Case, store: Store) -> bool:
    for name, expected in case.expected.items():
        queue, _, job_id = name.partition("/")
        state = (await store.states(queue, [job_id]))[0]
        if state != (expected and expected["state"]):
            return False
    return True


async def _check_jobs(case: Case, store: Store, prefix: str, client: NodeProgram) -> None:
    for name, expected in case.expected.items():
        queue, _, job_id = name.partition("/")
        ours = await observed(store, queue, job_id)
        theirs = await client.ask("observe", prefix=prefix, queue=queue, id=job_id)
        assert ours == theirs, name
        if expected is None:
            assert ours is None, name
            continue
        assert ours is not None, name
        assert {field: ours[field] for field in expected} == with_prefix(expected, prefix), name
    for queue in case.queues:
        counts = await client.ask("counts", prefix=prefix, queue=queue)
        assert counts == {state.value: n for state, n in (await store.counts(queue)).items()}


async def _check_flow(case: Case, store: Store, prefix: str, client: NodeProgram) -> None:
    if case.flow is None:
        return
    root, queue = case.flow["opts"]["jobId"], case.flow["queueName"]
    async with FlowProducer(store=store) as flows:
        ours = tree(await flows.get_flow(root, queue))
    assert ours == await client.ask("getFlow", prefix=prefix, queue=queue, id=root)


async def _check_events(case: Case, store: Store, prefix: str, listener: NodeProgram) -> None:
    for queue in case.queues:
        ours = await told(store, queue)

        async def theirs(queue: str = queue, count: int = len(ours)) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = await listener.ask("heard", prefix=prefix, queue=queue)
            return found if len(found) >= count else []

        events = [heard(event) for event in await until(theirs, f"{len(ours)} events of {queue}")]
        assert events == ours
        if case.order and queue == "work":
            starts = [event["jobId"] for event in ours if event["name"] == "active"]
            assert tuple(starts) == case.order


def with_prefix(value: Any, prefix: str) -> Any:
    match value:
        case str():
            return value.replace("{prefix}", prefix)
        case dict():
            return {name: with_prefix(item, prefix) for name, item in value.items()}
        case list():
            return [with_prefix(item, prefix) for item in value]
        case _:
            return value
