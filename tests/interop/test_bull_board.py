"""The dashboard bull-board shows our queues, jobs, flows and workers, and its buttons work."""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from oxherd import (
    FlowJob,
    FlowProducer,
    JobOptions,
    OnFailure,
    Queue,
    State,
    Store,
    Worker,
    WorkerOptions,
)  # fmt: skip
from tests.interop.cases import HOUR
from tests.interop.node import NodeProgram
from tests.interop.processing import perform
from tests.interop.sides import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.timeout(60)

QUEUES: Final = ("work", "middle", "top")


@dataclass(frozen=True, slots=True)
class Board:
    """A served dashboard."""

    port: int

    async def get(self, path: str) -> Any:
        """What its page fetches."""
        return json.loads(await self.page(f"/api{path}"))

    async def page(self, path: str) -> bytes:
        return await asyncio.to_thread(self._request, "GET", path, None)

    async def change(self, method: str, path: str, body: Any = None) -> None:
        """What its page does when a button is pressed."""
        await asyncio.to_thread(self._request, method, f"/api{path}", body)

    def _request(self, method: str, path: str, body: Any) -> bytes:
        peer = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            text = None if body is None else json.dumps(body)
            peer.request(method, f"/board{path}", text, {"Content-Type": "application/json"})
            answer = peer.getresponse()
            content = answer.read()
        finally:
            peer.close()
        assert answer.status in (200, 204), (answer.status, content)
        return content


@pytest.fixture(scope="session")
def boards(bullmq: None, server_url: str) -> Iterator[NodeProgram]:
    program = NodeProgram("board", server_url)
    yield program
    program.close()


@pytest.fixture
async def board(boards: NodeProgram, prefix: str) -> Board:
    return Board(await boards.ask("open", prefix=prefix, queues=QUEUES))


@pytest.fixture
async def work(store: Store) -> AsyncIterator[Queue]:
    async with Queue("work", store=store) as opened:
        yield opened


def worker(queue: str, store: Store, name: str | None = None) -> Worker:
    options = WorkerOptions(drain_delay=1, name=name, grace=0)
    return Worker(queue, perform, store=store, options=options)


async def in_states(queue: Queue, **expected: int) -> None:
    async def there() -> bool:
        return await queue.get_job_counts(*expected) == expected

    await until(there, f"{expected} in {queue}")


async def fill(work: Queue, store: Store) -> None:
    """A job of every state; what has ended was done by the worker `anna`."""
    told = {"returns": {"ü": [1]}, "progress": 50, "logs": ["eins", "zwei ü"]}
    await work.add("task", told, JobOptions(job_id="good", priority=2))
    await work.add("task", {"fails": 9}, JobOptions(job_id="bad", attempts=2))
    async with worker("work", store, "anna"):
        await in_states(work, completed=1, failed=1)
    await work.add("task", {"hold": True}, JobOptions(job_id="held"))
    await work.add("task", {}, JobOptions(job_id="ready"))
    await work.add("task", {}, JobOptions(job_id="first", priority=1))
    await work.add("task", {}, JobOptions(job_id="later", delay=HOUR / 1000))
    parent = FlowJob("task", queue="work", options=JobOptions(job_id="parent"), children=[
        FlowJob("task", queue="middle", options=JobOptions(job_id="child")),
    ])  # fmt: skip
    async with FlowProducer(store=store) as flows:
        await flows.add(parent)


LISTED: Final = {
    "completed": "good",
    "failed": "bad",
    "active": "held",
    "waiting": "ready",
    "prioritized": "first",
    "delayed": "later",
    "waiting-children": "parent",
}


async def test_every_state_is_listed_and_counted(
    board: Board, work: Queue, store: Store, prefix: str
) -> None:
    await fill(work, store)
    async with worker("work", store, "anna"):
        await in_states(work, active=1)
        for status, job_id in LISTED.items():
            shown = await board.get(
                f"/queues?activeQueue=work&status={status}&page=1&jobsPerPage=10"
            )
            queues = {queue["name"]: queue for queue in shown["queues"]}
            counts = {name: count for name, count in queues["work"]["counts"].items() if count}
            assert counts == dict.fromkeys(LISTED, 1)
            assert [job["id"] for job in queues["work"]["jobs"]] == [job_id]
            page = await board.get(f"/queues/work/{job_id}")
            assert (page["job"]["id"], page["status"]) == (job_id, status)
            assert page["job"] == queues["work"]["jobs"][0]
            assert not queues["work"]["isPaused"]


async def test_a_jobs_page_tells_all_about_it(board: Board, work: Queue, store: Store) -> None:
    await fill(work, store)
    good = (await board.get("/queues/work/good"))["job"]
    told = await work.get_job("good")
    assert told is not None
    expected = {
        "name": "task", "returnValue": {"ü": [1]}, "progress": 50, "attempts": 1, "priority": 2,
        "processedBy": "anna", "delay": 0, "isFailed": False, "stacktrace": [],
        "timestamp": told.timestamp, "processedOn": told.processed_on,
        "finishedOn": told.finished_on, "data": told.data,
    }  # fmt: skip
    assert {name: good[name] for name in expected} == expected
    assert (good["opts"]["priority"], good["opts"]["jobId"]) == (2, "good")
    assert await board.get("/queues/work/good/logs") == ["eins", "zwei ü"]
    bad = (await board.get("/queues/work/bad"))["job"]
    assert (bad["failedReason"], bad["attempts"], bad["isFailed"]) == ("boom 2", 2, True)
    assert ["boom 2" in bad["stacktrace"][0], "boom 1" in bad["stacktrace"][1]] == [True, True]
    later = (await board.get("/queues/work/later"))["job"]
    assert later["delay"] == HOUR


async def test_a_flow_is_a_tree_from_wherever_one_looks(board: Board, store: Store) -> None:
    async with FlowProducer(store=store) as flows, Queue("work", store=store) as work:
        await flows.add(
            FlowJob("root", queue="top", options=JobOptions(job_id="r"), children=[
                FlowJob("middle", queue="middle", options=JobOptions(job_id="m"), children=[
                    FlowJob("done", queue="work", data={"returns": 1},
                            options=JobOptions(job_id="a")),
                    FlowJob("ignored", queue="work", data={"fails": 9}, on_failure=OnFailure.IGNORE,
                            options=JobOptions(job_id="b")),
                    FlowJob("late", queue="work",
                            options=JobOptions(job_id="c", delay=HOUR / 1000)),
                ]),
            ])
        )  # fmt: skip
        async with worker("work", store):
            await in_states(work, completed=1, failed=1, delayed=1)
    for place in ("top/r", "middle/m", "work/c"):
        shown = await board.get(f"/queues/{place}/flow")
        assert (shown["nodeId"], shown["isFlowNode"]) == (place.split("/")[1], True)
        assert drawn(shown["flowRoot"]) == {
            "top/r": "waiting-children",
            "middle/m": "waiting-children",
            "work/a": "completed",
            "work/b": "failed",
            "work/c": "delayed",
        }
        middle = shown["flowRoot"]["children"][0]
        assert middle["dependencies"] == {
            "processed": 1, "unprocessed": 1, "ignored": 1, "failed": 0,
        }  # fmt: skip
        [reason] = middle["ignoredChildFailureReasons"].values()
        assert reason == "boom 1"
        assert not middle.get("truncated")


def drawn(node: dict[str, Any]) -> dict[str, str]:
    """The state of every job of the tree, by queue and id."""
    found = {f"{node['queueName']}/{node['id']}": node["state"]}
    for child in node["children"]:
        found |= drawn(child)
    return found


async def test_workers_are_seen_by_their_names(board: Board, store: Store) -> None:
    async def seen(queue: str, *names: str | None) -> None:
        async def there() -> bool:
            shown = await board.get(f"/queues/{queue}/workers")
            return sorted(str(one["name"]) for one in shown["workers"]) == sorted(map(str, names))

        await until(there, f"workers {names} of {queue}")

    await seen("work")
    async with worker("work", store, "anna"), worker("work", store), worker("middle", store, "ben"):
        await seen("work", "anna", None)
        await seen("middle", "ben")
        await seen("top")
    await seen("work")


async def test_a_worker_is_seen_while_it_is_busy(board: Board, work: Queue, store: Store) -> None:
    await work.add("task", {"hold": True})
    async with worker("work", store, "anna"):
        await in_states(work, active=1)
        shown = await board.get("/queues/work/workers")
        assert [one["name"] for one in shown["workers"]] == ["anna"]
        shown = await board.get("/queues")
        assert [queue["hasWorkers"] for queue in shown["queues"]] == [True, False, False]


async def test_schedulers_limits_and_metrics_are_shown(
    board: Board, work: Queue, store: Store
) -> None:
    await work.upsert_job_scheduler("tick", every=3_600, name="tock", data={"returns": 1})
    await work.upsert_job_scheduler("cron", pattern="0 0 1 1 *", tz="Europe/Paris")
    await work.set_global_concurrency(4)
    await work.set_global_rate_limit(100, 60)
    options = WorkerOptions(drain_delay=1, metrics=10)
    async with Worker("work", perform, store=store, options=options):
        await in_states(work, completed=1, delayed=2)
    shown = (await board.get("/job-schedulers"))["schedulers"]
    found = {one["id"]: one for one in shown}
    assert found.keys() == {"tick", "cron"}
    assert (found["tick"]["every"], found["tick"]["name"]) == (HOUR, "tock")
    assert found["tick"]["template"]["data"] == {"returns": 1}
    assert (found["tick"]["iterationCount"], found["cron"]["iterationCount"]) == (2, 1)
    assert found["tick"]["nextRunJobId"] == f"repeat:tick:{found['tick']['next']}"
    assert found["tick"]["lastRunJobId"]
    assert (found["cron"]["pattern"], found["cron"]["tz"]) == ("0 0 1 1 *", "Europe/Paris")
    queues = {queue["name"]: queue for queue in (await board.get("/queues"))["queues"]}
    assert queues["work"]["jobSchedulerCount"] == 2
    assert queues["work"]["globalConcurrency"] == 4
    assert (await board.get("/queues/work/rate-limit"))["rateLimit"] == {
        "max": 100, "duration": 60_000,
    }  # fmt: skip
    assert (await board.get("/queues/work/metrics"))["completed"]["meta"]["count"] == 1
    await board.change("PUT", "/queues/work/job-schedulers/cron/remove")
    assert await work.get_job_scheduler("cron") is None


async def test_its_buttons_do_what_they_say(board: Board, work: Queue, store: Store) -> None:
    await fill(work, store)
    await board.change("PUT", "/queues/work/pause")
    assert await work.is_paused()
    await board.change("PUT", "/queues/work/bad/retry")
    await board.change("PUT", "/queues/work/later/promote")
    await board.change("PUT", "/queues/work/good/clean")
    await board.change("PUT", "/queues/work/held/clean")
    await board.change("PATCH", "/queues/work/ready/update-data", {"jobData": {"returns": "new"}})
    await board.change("PATCH", "/queues/work/first/priority", {"priority": 7})
    await board.change("PUT", "/queues/work/resume")
    assert await work.get_job("good") is None
    async with worker("work", store):
        await in_states(work, completed=3, failed=1, waiting=0)
    ready, first = await work.get_job("ready"), await work.get_job("first")
    assert ready is not None
    assert first is not None
    assert (ready.returnvalue, first.priority) == ("new", 7)
    await board.change("PUT", "/queues/work/parent/remove-unprocessed-children")
    assert await work.get_job_state("parent") is State.WAITING


async def test_its_page_itself_is_served(board: Board) -> None:
    assert b"<html" in await board.page("")
