"""What the commands print about flows, jobs, queues and events; and adding flows."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowProducer, Job, JobFailed, JobOptions, Queue, Store, Worker, WorkerOptions
from tests.cli.running import Oxherd, started
from tests.runtime.working import until

if TYPE_CHECKING:
    from pathlib import Path

FLOW: dict[str, Any] = {
    "name": "notify", "queueName": "mail", "data": {"to": "you"},
    "children": [
        {"name": "transcode", "queueName": "media", "data": {"height": 1080},
         "children": [{"name": "download", "queueName": "media"}]},
        {"name": "thumbnail", "queueName": "media", "opts": {"attempts": 3, "backoff": 60_000}},
    ],
}  # fmt: skip


@pytest.fixture
def flow(oxherd: Oxherd) -> str:
    """The id of the root of an added flow."""
    return oxherd("flow", "add", "-", stdin=json.dumps(FLOW)).split()[0]


async def _process(job: Job) -> Any:
    if job.name == "thumbnail":
        raise ValueError("no frame\nat 00:10")
    await job.log(f"{job.name} runs")
    return {"done": job.name}


def work(
    oxherd: Oxherd, *queues: str, job_id: str, wait_in: str, until_failed: bool = False
) -> None:
    """Run workers until the given job has ended, or is as good as failed."""

    async def use(store: Store) -> None:
        options = WorkerOptions(concurrency=4)
        job = await Queue(wait_in, store=store).get_job(job_id)
        assert job is not None
        workers = [Worker(queue, _process, store=store, options=options) for queue in queues]
        try:
            await job.result(10)
        except JobFailed:
            if until_failed:
                await until(job.is_failed)
        finally:
            for worker in workers:
                await worker.close()

    oxherd.store(use)


# flow add


def test_flow_add_prints_the_id_and_the_queue(oxherd: Oxherd, tmp_path: Path) -> None:
    file = tmp_path / "flow.json"
    file.write_text(json.dumps(FLOW))
    job_id, queue = oxherd("flow", "add", str(file)).split()
    assert queue == "mail"
    (shown,) = oxherd.json("flow", "show", job_id)
    assert [job["name"] for job in shown["jobs"]] == [
        "notify", "transcode", "thumbnail", "download",
    ]  # fmt: skip


def test_flow_add_takes_a_list_from_stdin(oxherd: Oxherd) -> None:
    printed = oxherd("flow", "add", "-", "--json", stdin=json.dumps([FLOW, FLOW]))
    added = [json.loads(line) for line in printed.splitlines()]
    assert [(one["queue"], one["jobs"]) for one in added] == [("mail", 4), ("mail", 4)]
    assert added[0]["id"] != added[1]["id"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("5", "is not an object"),
        ('["a"]', "is not an object"),
        ('{"name": "a"}', "there is no queue"),
        ('{"name": "a", "queue": "q", "childen": []}', "did you mean 'children'"),
        ('{"name": "a", "queue": "q", "opts": {"atempts": 1}}', "did you mean 'attempts'"),
        ('{"name": "a", "queue": "q", "data": NaN}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_flow_add_refuses_what_is_no_flow_and_adds_nothing(
    oxherd: Oxherd, text: str | bytes, told: str
) -> None:
    result = oxherd.result("flow", "add", "-", stdin=text)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert oxherd.json("queue", "ls") == []


# flow show


def test_flow_show_draws_the_tree(oxherd: Oxherd, flow: str) -> None:
    assert oxherd("flow", "show", flow).splitlines() == [
        "· notify          mail   waiting-children",
        "├─ · transcode    media  waiting-children",
        "│  └─ ○ download  media  waiting",
        "└─ ○ thumbnail    media  waiting",
        "",
        "0 of 4 done  ░░░░░░░░░░░░░░░░   0 %  2 waiting, 2 waiting-children",
    ]


def test_flow_show_tells_results_and_failures(oxherd: Oxherd) -> None:
    tree = {**FLOW, "children": [FLOW["children"][0], {"name": "thumbnail", "queueName": "media"}]}
    root = oxherd("flow", "add", "-", stdin=json.dumps(tree)).split()[0]
    work(oxherd, "mail", "media", job_id=root, wait_in="mail")
    (shown,) = oxherd.json("flow", "show", root, "-q", "mail")
    failed = next(job for job in shown["jobs"] if job["name"] == "thumbnail")
    assert failed["failed_reason"] == "no frame\nat 00:10"
    assert "no frame" in oxherd("flow", "show", root)
    assert "at 00:10" not in oxherd("flow", "show", root)


def test_flow_show_tells_of_the_next_attempt(oxherd: Oxherd, flow: str) -> None:
    (before,) = oxherd.json("flow", "show", flow)
    thumbnail = next(job for job in before["jobs"] if job["name"] == "thumbnail")

    async def fail_once(store: Store) -> None:
        job = await Queue("media", store=store).get_job(thumbnail["id"])
        assert job is not None
        async with Worker("media", _process, store=store):
            while not await job.is_delayed():
                pass

    oxherd.store(fail_once)
    printed = oxherd("flow", "show", flow)
    assert "delayed" in printed
    assert "attempt 1 of 3 failed: no frame" in printed


def test_flow_show_of_a_wide_flow_counts_what_it_does_not_draw(oxherd: Oxherd) -> None:
    tree = {"name": "top", "queue": "q", "children": [{"name": "n", "queue": "q"}] * 50}
    root = oxherd("flow", "add", "-", stdin=json.dumps(tree)).split()[0]
    lines = oxherd("flow", "show", root).splitlines()
    assert len(lines) == 1 + 20 + 1 + 2
    assert lines[21] == "└─ … and 30 waiting"
    assert "0 of 51 done" in lines[-1]


def test_flow_show_of_a_shared_job_draws_it_once(oxherd: Oxherd) -> None:
    leaf = {"name": "validate", "queue": "q", "opts": {"jobId": "v-1"}}
    shared = {"name": "pay", "queue": "q", "opts": {"jobId": "pay-1"}, "children": [leaf]}
    tree = {"name": "top", "queue": "q", "children": [
        {"name": "left", "queue": "q", "children": [shared]},
        {"name": "right", "queue": "q", "children": [{**shared, "children": []}]}]}  # fmt: skip
    root = oxherd("flow", "add", "-", stdin=json.dumps(tree)).split()[0]
    printed = oxherd("flow", "show", root)
    assert printed.count("validate") == 1
    assert "see above" in printed
    assert "0 of 5 done" in printed


def test_flow_show_of_nothing_is_1(oxherd: Oxherd) -> None:
    result = oxherd.result("flow", "show", "none")
    assert result.exit_code == 1
    assert "'none'" in result.stderr


def test_an_id_in_two_queues_asks_which(oxherd: Oxherd) -> None:
    async def add(store: Store) -> None:
        for queue in ("a", "b"):
            await Queue(queue, store=store).add("job", {}, JobOptions(job_id="twin"))

    oxherd.store(add)
    result = oxherd.result("job", "show", "twin")
    assert result.exit_code == 2
    assert "a, b" in result.stderr
    assert "twin" in oxherd("job", "show", "twin", "-q", "a")


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 5)], ids=["well", "badly"])
def test_flow_show_watch_ends_with_the_root(
    oxherd: Oxherd, tmp_path: Path, fails: Any, code: int
) -> None:
    children = [{"name": "thumbnail" if fails else "download", "queueName": "media"}]
    root = oxherd("flow", "add", "-", stdin=json.dumps({**FLOW, "children": children})).split()[0]
    with started(tmp_path, oxherd.url, "flow", "show", root, "--watch") as process:
        process.until(lambda: "0 of 2 done" in process.out)
        work(oxherd, "mail", "media", job_id=root, wait_in="mail", until_failed=True)
        assert process.wait() == code
        assert "2 of 2 done" in process.out
    assert (tmp_path / "stderr").read_text() == ""


def test_flow_show_watch_sees_a_failure_that_no_worker_acts_on(
    oxherd: Oxherd, tmp_path: Path
) -> None:
    children = [{"name": "thumbnail", "queueName": "media"}]
    root = oxherd("flow", "add", "-", stdin=json.dumps({**FLOW, "children": children})).split()[0]
    work(oxherd, "media", job_id=root, wait_in="mail")
    assert "will fail: child" in oxherd("flow", "show", root)
    oxherd("flow", "show", root, "--watch", code=5)


def test_flow_show_watch_of_a_root_that_is_not_kept(oxherd: Oxherd, tmp_path: Path) -> None:
    tree = {"name": "top", "queue": "q", "opts": {"removeOnComplete": True}}
    root = oxherd("flow", "add", "-", stdin=json.dumps(tree)).split()[0]
    with started(tmp_path, oxherd.url, "flow", "show", root, "--watch", "--json") as process:
        process.until(lambda: "waiting" in process.out)
        work(oxherd, "q", job_id=root, wait_in="q")
        assert process.wait() == 0
        assert "it completed" in process.err


def test_flow_show_watch_is_left_with_ctrl_c(oxherd: Oxherd, flow: str, tmp_path: Path) -> None:
    with started(tmp_path, oxherd.url, "flow", "show", flow, "--watch") as process:
        process.until(lambda: "0 of 4 done" in process.out)
        process.signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert "Traceback" not in process.err


# job show, queue ls


def test_job_show_tells_everything(oxherd: Oxherd) -> None:
    options = JobOptions(attempts=2, job_id="mine")

    async def run(store: Store) -> None:
        queue = Queue("media", store=store)
        good = await queue.add("download", {"url": "a"}, JobOptions(job_id="good"))
        bad = await queue.add("thumbnail", {}, options)
        async with Worker("media", _process, store=store, options=WorkerOptions(name="ox-1")):
            await good.result(10)
            with pytest.raises(JobFailed):
                await bad.result(10)

    oxherd.store(run)
    good = oxherd("job", "show", "good")
    lines = {
        line.split()[0]: line.split(maxsplit=1)[1] for line in good.splitlines() if " " in line
    }
    assert (lines["id"], lines["name"], lines["queue"]) == ("good", "download", "media")
    assert (lines["state"], lines["by"]) == ("completed", "ox-1")
    assert (lines["data"], lines["result"]) == ('{"url":"a"}', '{"done":"download"}')
    assert "download runs" in good
    bad = oxherd("job", "show", "mine", "-q", "media")
    assert "2 of 2" in bad
    assert "ValueError: no frame" in bad
    (stored,) = oxherd.json("job", "show", "mine")
    assert stored["state"] == "failed"
    assert stored["opts"] == {"attempts": 2}
    assert len(stored["stacktrace"]) == 2
    assert stored["children"] == {"processed": 0, "unprocessed": 0, "ignored": 0, "failed": 0}


def test_job_show_of_a_child_tells_its_flow(oxherd: Oxherd, flow: str) -> None:
    (shown,) = oxherd.json("flow", "show", flow)
    child = next(job for job in shown["jobs"] if job["name"] == "transcode")
    printed = oxherd("job", "show", child["id"])
    assert flow in printed
    assert "1 unprocessed" in printed


def test_queue_ls_counts(oxherd: Oxherd, flow: str) -> None:
    async def pause(store: Store) -> None:
        await Queue("media", store=store).pause()

    oxherd.store(pause)
    assert oxherd("queue", "ls").splitlines() == [
        "queue  waiting  prioritized  delayed  waiting-children  active  completed  failed",
        "mail         ·            ·        ·                 1       ·          ·       ·",
        "media        2            ·        ·                 1       ·          ·       ·  paused",
    ]
    assert [(one["queue"], one["paused"]) for one in oxherd.json("queue", "ls")] == [
        ("mail", False), ("media", True),
    ]  # fmt: skip
    assert oxherd.json("queue", "ls")[1]["counts"]["waiting"] == 2


# events


def test_events_prints_what_is_there(oxherd: Oxherd, flow: str) -> None:
    lines = oxherd("events", "-q", "mail").splitlines()
    assert [line.split()[1] for line in lines] == ["added", "waiting-children"]
    assert flow in lines[0]
    every = oxherd.json("events")
    assert {event["queue"] for event in every} == {"mail", "media"}
    assert every[0]["event"] == "added"
    assert (every[0]["name"], every[0]["job_id"]) == ("notify", flow)
    assert oxherd("events", "-q", "nothing-there") == ""


def test_events_follows_until_ctrl_c(oxherd: Oxherd, tmp_path: Path) -> None:
    async def add(store: Store, name: str) -> None:
        await FlowProducer(store=store).add({"name": name, "queue": "q", "data": 1})

    oxherd.store(lambda store: add(store, "before"))
    with started(tmp_path, oxherd.url, "events", "-f", "--json") as process:
        process.until(lambda: _added(oxherd, process.out, add))
        oxherd.store(lambda store: add(store, "late"))
        process.until(lambda: "late" in process.out)
        process.signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert "before" not in process.out
        assert process.err == ""
        events = [json.loads(line) for line in process.out.splitlines()]
    assert {event["event"] for event in events} == {"added", "waiting"}


def _added(oxherd: Oxherd, seen: str, add: Any) -> bool:
    """Whether events are followed already; another job is added until one is seen."""
    oxherd.store(lambda store: add(store, "first"))
    return "first" in seen


def test_events_follows_a_queue_that_is_new(oxherd: Oxherd, tmp_path: Path) -> None:
    with started(tmp_path, oxherd.url, "events", "--follow") as process:
        oxherd("flow", "add", "-", stdin='{"name": "fresh", "queue": "brand-new"}')
        process.until(lambda: "fresh" in process.out or _again(oxherd))
        process.signal(signal.SIGTERM)
        assert process.wait(5) == 0


def _again(oxherd: Oxherd) -> bool:
    oxherd("flow", "add", "-", stdin='{"name": "fresh", "queue": "brand-new"}')
    return False


def test_a_queue_name_that_is_none_is_2(oxherd: Oxherd) -> None:
    oxherd("events", "-q", "a:b", code=2)
