"""What older versions of BullMQ left is read and finished; their workers and ours share queues."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from oxherd import FlowProducer, Job, Queue, State, Unknown, Worker, WorkerOptions
from oxherd.domain.events import Deduplicated
from tests.conformance.dump import all_events
from tests.interop.cases import HOUR, job, node
from tests.interop.node import NodeProgram
from tests.interop.observe import observed, tree
from tests.interop.processing import perform
from tests.interop.sides import NodeSide, OxherdSide, until
from tests.redis.keyspace import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from oxherd.store import Store

pytestmark = pytest.mark.timeout(60)

VERSIONS: Final = ("bullmq-5", pytest.param("bullmq-6-2", marks=pytest.mark.slow))
POLICIES: Final = (
    None, "failParentOnFailure", "ignoreDependencyOnFailure", "removeDependencyOnFailure",
    "continueParentOnFailure",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Older:
    """An older version's programs."""

    version: str
    client: NodeProgram
    workers: NodeProgram
    calls: NodeProgram


@pytest.fixture(scope="session", params=VERSIONS)
def older(request: pytest.FixtureRequest, bullmq: None, server_url: str) -> Iterator[Older]:
    version: str = request.param
    programs = [NodeProgram(name, server_url, version) for name in ("client", "workers", "calls")]
    yield Older(version, *programs)
    for program in programs:
        program.close()


@pytest.fixture
def theirs(older: Older, prefix: str) -> NodeSide:
    return NodeSide(older.client, older.workers, prefix)


@pytest.fixture
def ours(store: Store) -> OxherdSide:
    return OxherdSide(store)


@pytest.fixture
def server(server_url: str) -> Iterator[Any]:
    plain = connect(server_url)
    yield plain
    plain.close()


@pytest.fixture
async def work(store: Store) -> AsyncIterator[Queue]:
    async with Queue("work", store=store) as opened:
        yield opened


async def comes_to(queue: Queue, **expected: int) -> None:
    """The queue has so many jobs in these states, and none in the others."""
    wanted = {state.value: expected.get(state.name.lower(), 0) for state in State}

    async def there() -> bool:
        return await queue.get_job_counts() == wanted

    await until(there, f"{wanted} in {queue}")


async def reads_alike(older: Older, store: Store, prefix: str, queue: str, *ids: str) -> None:
    """We say about each job, and about the counts of the queue, what they say."""
    for job_id in ids:
        theirs = await older.client.ask("observe", prefix=prefix, queue=queue, id=job_id)
        assert theirs is not None
        assert await observed(store, queue, job_id) == theirs


async def test_jobs_of_every_state_are_read_and_finished(
    *, older: Older, theirs: NodeSide, store: Store, server: Any, prefix: str, work: Queue
) -> None:
    told = {"returns": {"ü": 1}, "progress": {"part": 1}, "logs": ["1", "2"]}
    await theirs.add("work", [job("done", told), job("gone", removeOnComplete=True)])
    await theirs.add("work", [job("bad", {"fails": 1}, attempts=1, keepLogs=3)])
    async with theirs.working("work"):
        await comes_to(work, completed=1, failed=1)
    await theirs.add("work", [
        job("second"), job("third"), job("first", lifo=True),
        job("low", priority=2_000_000), job("high", priority=1),
        job("later", delay=HOUR), job("later still", delay=2 * HOUR, priority=7),
    ])  # fmt: skip
    # Older still: what once woke workers lies at the end where jobs are taken.
    server.rpush(f"{prefix}:work:wait", "0:1700000000000")
    left = {
        State.COMPLETED: ["done"],
        State.FAILED: ["bad"],
        State.WAITING: ["first", "second", "third"],
        State.PRIORITIZED: ["high", "low"],
        State.DELAYED: ["later", "later still"],
    }
    for state, ids in left.items():
        assert [found.id for found in await work.get_jobs(state, asc=True)] == ids
        await reads_alike(older, store, prefix, "work", *ids)
    counts = {state.value: len(left.get(state, ())) for state in State}
    assert await work.get_job_counts() == counts

    await work.promote_jobs()
    failed = await work.get_job("bad")
    assert failed is not None
    await failed.update_data({"returns": "well"})
    await failed.retry()
    order: list[str] = []
    async with Worker("work", perform, store=store, options=WorkerOptions(drain_delay=1)) as worker:
        worker.on("active", lambda one: order.append(one.id))
        await comes_to(work, completed=9)
    assert order == [
        "first", "second", "third", "later", "bad", "high", "later still", "low",
    ]  # fmt: skip


async def test_a_paused_queue_is_read_and_goes_on(
    *, older: Older, theirs: NodeSide, ours: OxherdSide, store: Store, prefix: str, work: Queue
) -> None:
    """The oldest put the waiting jobs of a paused queue aside, in a list of their own."""
    await theirs.add("work", [job("before")])
    await older.calls.ask("queue", prefix=prefix, queue="work", call="pause", args=[])
    await theirs.add("work", [job("in it"), job("high", priority=1), job("later", delay=HOUR)])
    await ours.add("work", [job("of ours")])
    assert await work.is_paused()
    waiting = [found.id for found in await work.get_waiting()]
    assert sorted(waiting) == ["before", "in it", "of ours"]
    await reads_alike(older, store, prefix, "work", *waiting, "high", "later")
    await work.remove("in it")
    await work.promote_jobs()
    await work.resume()
    async with ours.working("work"):
        await comes_to(work, completed=4)


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_flow_is_read_and_finished(
    *,
    policy: str | None,
    older: Older,
    theirs: NodeSide,
    ours: OxherdSide,
    client: NodeProgram,
    store: Store,
    prefix: str,
    work: Queue,
) -> None:
    flags = {policy: True} if policy else {}
    failing = node("work", "bad", data={"fails": 1}, **flags)
    later = node("work", "later", delay=HOUR, data={"returns": 5})
    middle = node("mid", "m", failing, later, data={"gather": True}, ignoreDependencyOnFailure=True)
    await theirs.add_flow(node("top", "r", middle, data={"gather": True}))
    async with theirs.working("work"):
        await comes_to(work, delayed=1, failed=1)
    await reads_alike(older, store, prefix, "work", "bad", "later")
    await reads_alike(older, store, prefix, "mid", "m")
    await reads_alike(older, store, prefix, "top", "r")
    async with FlowProducer(store=store) as flows:
        seen = tree(await flows.get_flow("r", "top"))
    assert seen == await older.client.ask("getFlow", prefix=prefix, queue="top", id="r")

    await work.promote_jobs()
    if policy is None:
        bad = await work.get_job("bad")
        assert bad is not None
        await bad.update_data({"returns": 4})
        await bad.retry()
    async with ours.working("work"):
        await until(lambda: _no_more(work), "no more jobs to do")
    async with ours.working("mid"), ours.working("top"), Queue("top", store=store) as top:
        await comes_to(top, completed=1)
        root = await top.get_job("r")
    assert root is not None
    assert root.returnvalue == _gathered(policy, prefix)
    # The current version agrees about what came of it.
    theirs_now = await client.ask("observe", prefix=prefix, queue="top", id="r")
    assert await observed(store, "top", "r") == theirs_now


async def _no_more(queue: Queue) -> bool:
    counts = await queue.get_job_counts("waiting", "prioritized", "delayed", "active")
    return not any(counts.values())


def _gathered(policy: str | None, prefix: str) -> dict[str, Any]:
    """What the root returns: what the job in the middle returned, or why it was ignored."""
    middle: dict[str, Any]
    match policy:
        case None:
            middle = {"values": {"bad": 4, "later": 5}, "ignored": {}}
        case "removeDependencyOnFailure":
            middle = {"values": {"later": 5}, "ignored": {}}
        case "failParentOnFailure":
            return {"values": {}, "ignored": {"m": f"child {prefix}:work:bad failed"}}
        case _:
            middle = {"values": {"later": 5}, "ignored": {"bad": "boom 1"}}
    return {"values": {"m": middle}, "ignored": {}}


async def test_a_deduplicated_job_is_read_with_its_events(
    *, older: Older, theirs: NodeSide, ours: OxherdSide, server: Any, store: Store, prefix: str,
    work: Queue,
) -> None:  # fmt: skip
    plain, timed = {"id": "plain"}, {"id": "timed", "ttl": HOUR}
    for job_id in ("a", "b"):
        await theirs.add("work", [job(job_id, deduplication=plain)])
    for job_id in ("c", "d"):
        await theirs.add("work", [job(job_id, deduplication=timed)])
    assert [found.id for found in await work.get_waiting()] == ["a", "c"]
    events = await all_events(store, "work")
    unknown = {event.name for event in events if isinstance(event, Unknown)}
    assert unknown == ({"debounced"} if older.version == "bullmq-5" else set())
    dropped = [event for event in events if isinstance(event, Deduplicated)]
    assert [(one.job_id, one.deduplicated_job_id) for one in dropped] == [("a", "b"), ("c", "d")]
    async with ours.working("work"):
        await comes_to(work, completed=2)
    owned = {name for name in ("plain", "timed") if server.exists(f"{prefix}:work:de:{name}")}
    assert owned == {"timed"}


async def test_workers_of_both_share_a_queue(
    *, older: Older, theirs: NodeSide, ours: OxherdSide, work: Queue, prefix: str
) -> None:
    jobs = [{"name": "task", "data": {"takes": 4, "returns": n}, "opts": {}} for n in range(80)]
    flows = [
        node("work", f"p{n}", node("work", f"a{n}", data={"takes": 4, "returns": n}),
             node("work", f"b{n}", data={"fails": 1, "returns": n}, attempts=2, backoff=20),
             data={"gather": True})
        for n in range(10)
    ]  # fmt: skip
    await theirs.add_bulk("work", jobs[::2])
    await ours.add_bulk("work", jobs[1::2])
    for number, flow in enumerate(flows):
        await (theirs if number % 2 else ours).add_flow(flow)
    async with theirs.working("work", 3), ours.working("work", 3):

        async def both_seen() -> bool:
            return int(await older.client.ask("workers", prefix=prefix, queue="work")) == 2

        await until(both_seen, "two workers in their list")
        await comes_to(work, completed=110)
    done = {found.id: found for found in await work.get_completed()}
    values = [found.returnvalue for found in done.values() if found.name == "task"]
    assert Counter(value for value in values if isinstance(value, int)) == Counter(
        [*range(80), *range(10), *range(10)]
    )
    for n in range(10):
        assert done[f"p{n}"].returnvalue == {"values": {f"a{n}": n, f"b{n}": n}, "ignored": {}}
    assert all(found.attempts_started == found.attempts_made for found in done.values())


async def test_the_job_of_their_killed_worker_is_rescued(
    *, older: Older, theirs: NodeSide, store: Store, server_url: str, prefix: str, work: Queue
) -> None:
    await theirs.add("work", [job("a", {"hold": True})])
    doomed = NodeProgram("workers", server_url, older.version)
    options = {"lockDuration": 1_000, "stalledInterval": 400}
    await doomed.ask("start", prefix=prefix, queue="work", options=options)
    assert (await doomed.news())["id"] == "a"
    doomed.kill()
    found: Job[Any, Any] | None = await work.get_job("a")
    assert found is not None
    await found.update_data({"returns": "rescued"})
    ours = WorkerOptions(drain_delay=1, stalled_interval=0.4)
    async with Worker("work", perform, store=store, options=ours):
        await comes_to(work, completed=1)
    found = await work.get_job("a")
    assert found is not None
    assert (found.returnvalue, found.stalled_count) == ("rescued", 1)


async def test_their_schedulers_go_on_with_us(
    *, older: Older, theirs: NodeSide, ours: OxherdSide, prefix: str, work: Queue
) -> None:
    template = {"name": "tock", "data": {"returns": 7}, "opts": {"priority": 3}}
    repeats = {
        "tick": {"every": 150},
        "nightly": {"pattern": "0 30 3 * * *", "tz": "Europe/Paris", "limit": 9},
    }
    for name, repeat in repeats.items():
        await older.calls.ask(
            "queue", prefix=prefix, queue="work",
            call="upsertJobScheduler", args=[name, repeat, template],
        )  # fmt: skip
    tick, nightly = [await work.get_job_scheduler(name) for name in repeats]
    assert tick is not None
    assert nightly is not None
    assert (tick.name, tick.data, tick.opts.priority) == ("tock", {"returns": 7}, 3)
    assert (tick.every, tick.iteration_count, tick.next) == (
        0.15,
        1,
        _due(await work.get_prioritized()),
    )
    assert (nightly.pattern, nightly.tz, nightly.limit) == ("0 30 3 * * *", "Europe/Paris", 9)
    assert nightly.next == _due(await work.get_delayed())
    for number, side in enumerate((ours, theirs, ours), 1):
        async with side.working("work"):
            await until(lambda wanted=3 * number: _ran(work, wanted), "three more runs")
    done = await work.get_completed()
    due = sorted(int(one.id.rsplit(":", 1)[1]) for one in done)
    assert all(one.returnvalue == 7 and one.priority == 3 for one in done)
    assert len(set(due)) == len(due)
    tick = await work.get_job_scheduler("tick")
    assert tick is not None
    assert tick.iteration_count == len(due) + 1
    assert await work.remove_job_scheduler("tick")
    assert [found.id for found in await work.get_job_schedulers()] == ["nightly"]


def _due(jobs: list[Job[Any, Any]]) -> int:
    """The time in the only job's id."""
    [job] = jobs
    return int(job.id.rsplit(":", 1)[1])


async def _ran(queue: Queue, wanted: int) -> bool:
    return (await queue.get_job_counts(State.COMPLETED))["completed"] >= wanted


@pytest.mark.parametrize("older", ["bullmq-5"], indirect=True)
async def test_what_repeated_jobs_before_schedulers_goes_on_too(
    theirs: NodeSide, ours: OxherdSide, work: Queue
) -> None:
    [first] = await theirs.add("work", [job("old", {"returns": 1}, repeat={"every": HOUR})])
    assert await work.get_job_schedulers() == []
    for number, side in enumerate((ours, theirs, ours), 1):
        await work.promote_jobs()
        async with side.working("work"):
            await comes_to(work, completed=number, delayed=1)
    scheduler, _, due = first.rpartition(":")
    done = {one.id for one in await work.get_completed()}
    assert done == {f"{scheduler}:{int(due) + number * HOUR}" for number in range(3)}
