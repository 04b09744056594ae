"""`oxherd worker` as a process: targets, signals, exit codes, what it logs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import JobFailed, JobOptions, Queue, State, Store
from tests.cli.running import Oxherd, started

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
import asyncio, os, sys, time
from pathlib import Path
from oxherd import Worker, WorkerOptions, connect

here = Path(__file__).parent

async def process(job):
    if job.name == "slow":
        (here / "started").write_text(job.id)
        await asyncio.sleep(job.data)
    if job.name == "bad":
        raise ValueError("no use")
    return f"{job.name} done"

def plain(job):
    return "plain done"

def deaf(job):
    (here / "started").write_text(job.id)
    time.sleep(60)

STEPS = {"a": process, "b": plain}

class Nested:
    process = staticmethod(process)

number = 5
empty = []
"""

WORKERS = """
from jobs import process
from oxherd import Worker, connect

store = connect()
one = Worker("one", process, store=store)
two = Worker("two", process, store=store)
both = [one, two]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs.py").write_text(MODULE)
    (tmp_path / "workers.py").write_text(WORKERS)
    (tmp_path / "broken.py").write_text("import os\n1 / 0\n")
    (tmp_path / "exits.py").write_text("raise SystemExit('bye')\n")
    (tmp_path / "missing.py").write_text("import no_such_thing_anywhere\n")
    return tmp_path


def add(oxherd: Oxherd, queue: str, name: str, data: Any = None, **options: Any) -> str:
    async def use(store: Store) -> str:
        return (await Queue(queue, store=store).add(name, data, JobOptions(**options))).id

    job_id: str = oxherd.store(use)
    return job_id


def result(oxherd: Oxherd, queue: str, job_id: str) -> Any:
    async def use(store: Store) -> Any:
        job = await Queue(queue, store=store).get_job(job_id)
        assert job is not None
        try:
            return await job.result(15)
        except JobFailed as error:
            return error.reason

    return oxherd.store(use)


def state_of(oxherd: Oxherd, queue: str, job_id: str) -> tuple[State | None, int]:
    async def use(store: Store) -> tuple[State | None, int]:
        job = await Queue(queue, store=store).get_job(job_id)
        assert job is not None
        return await job.get_state(), job.attempts_made

    found: tuple[State | None, int] = oxherd.store(use)
    return found


@pytest.mark.parametrize(
    ("target", "name", "told"),
    [
        ("jobs:process", "a", "a done"),
        ("jobs:plain", "a", "plain done"),
        ("jobs:STEPS", "b", "plain done"),
        ("jobs:Nested.process", "a", "a done"),
    ],
)
def test_a_function_or_a_mapping_works_on_a_queue(
    oxherd: Oxherd, folder: Path, target: str, name: str, told: str
) -> None:
    job_id = add(oxherd, "q", name)
    with started(folder, oxherd.url, "worker", target, "-q", "q", "-c", "3") as process:
        assert result(oxherd, "q", job_id) == told
        process.signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert "queue 'q', 3 jobs at once" in process.err
        assert process.out == ""


def test_workers_and_lists_of_workers_work(oxherd: Oxherd, folder: Path) -> None:
    jobs = {queue: add(oxherd, queue, "a") for queue in ("one", "two", "q")}
    targets = ["workers:both", "workers:one", "jobs:plain", "-q", "q"]
    with started(folder, oxherd.url, "worker", *targets) as process:
        assert [result(oxherd, queue, job_id) for queue, job_id in jobs.items()] == [
            "a done", "a done", "plain done",
        ]  # fmt: skip
        process.signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert process.err.count("working on") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere:process", "-q", "q"], 3, "No module named 'nowhere'"),
        (["jobs:nothing", "-q", "q"], 3, "no attribute 'nothing'"),
        (["broken:process", "-q", "q"], 3, "1 / 0"),
        (["exits:process", "-q", "q"], 3, "SystemExit: bye"),
        (["missing:process", "-q", "q"], 3, "import no_such_thing_anywhere"),
        (["jobs:process"], 2, "-q"),
        (["jobs:number", "-q", "q"], 2, "is int"),
        (["jobs:empty"], 2, "empty list"),
        (["workers:one", "-q", "q"], 2, "-q is for"),
        (["jobs:process", "jobs:plain", "-q", "q"], 2, "second function"),
        (["jobs:process", "-q", "a:b"], 2, "':'"),
    ],
)
def test_a_target_that_cannot_work_ends_with_its_code(
    folder: Path, arguments: list[str], code: int, told: str
) -> None:
    with started(folder, "sqlite:///jobs.db", "worker", *arguments) as process:
        assert process.wait() == code
        assert told in process.err


def test_a_store_that_cannot_be_reached_is_4(folder: Path) -> None:
    url = "redis://me:s3cret-word@127.0.0.1:1/0"
    for target in (["jobs:process", "-q", "q"], ["workers:both"]):
        with started(folder, url, "worker", *target) as process:
            assert process.wait() == 4
            assert "s3cret" not in process.err
            assert "cannot be reached" in process.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_the_running_job_end(
    oxherd: Oxherd, folder: Path, number: signal.Signals
) -> None:
    slow = add(oxherd, "q", "slow", 1.0)
    after = add(oxherd, "q", "a")
    with started(folder, oxherd.url, "worker", "jobs:process", "-q", "q") as process:
        process.until((folder / "started").exists)
        process.signal(number)
        assert process.wait() == 0
        assert "1 job is ending" in process.err
    assert state_of(oxherd, "q", slow) == (State.COMPLETED, 1)
    assert state_of(oxherd, "q", after) == (State.WAITING, 0)


def test_the_second_signal_cancels_and_gives_back(oxherd: Oxherd, folder: Path) -> None:
    slow = add(oxherd, "q", "slow", 60)
    with started(folder, oxherd.url, "worker", "jobs:process", "-q", "q") as process:
        process.until((folder / "started").exists)
        process.signal(signal.SIGTERM)
        process.until(lambda: "stopping" in process.err)
        process.signal(signal.SIGTERM)
        assert process.wait(3) == 130
        assert "given back" in process.err
    assert state_of(oxherd, "q", slow) == (State.WAITING, 0)


def test_the_third_signal_exits_at_once(oxherd: Oxherd, folder: Path) -> None:
    (folder / "stubborn.py").write_text(STUBBORN)
    add(oxherd, "q", "job")
    with started(folder, oxherd.url, "worker", "stubborn:process", "-q", "q") as process:
        process.until((folder / "started").exists)
        for told in ("stopping", "cancelling"):
            process.signal(signal.SIGINT)
            process.until_told(told)
        process.signal(signal.SIGINT)
        assert process.wait(1) == 130
        assert "Traceback" not in process.err


STUBBORN = """
import asyncio
from pathlib import Path

async def process(job):
    Path(__file__).with_name("started").touch()
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
"""


def test_a_thread_that_does_not_listen_is_left_behind(oxherd: Oxherd, folder: Path) -> None:
    deaf = add(oxherd, "q", "job")
    with started(folder, oxherd.url, "worker", "jobs:deaf", "-q", "q") as process:
        process.until((folder / "started").exists)
        process.signal(signal.SIGTERM)
        process.until(lambda: "stopping" in process.err)
        process.signal(signal.SIGTERM)
        process.until(lambda: state_of(oxherd, "q", deaf) == (State.WAITING, 0))
        assert process.wait(4) == 130


def test_failures_are_logged_with_the_fields_of_the_job(oxherd: Oxherd, folder: Path) -> None:
    bad = add(oxherd, "q", "bad")
    with started(folder, oxherd.url, "worker", "jobs:process", "-q", "q") as process:
        assert result(oxherd, "q", bad) == "no use"
        process.until(lambda: f"job_id={bad} queue=q attempt=1" in process.err)
        assert "warning" in process.err
        assert "starts" not in process.err
        process.signal(signal.SIGTERM)
        process.wait(5)


def test_verbose_logs_every_job(oxherd: Oxherd, folder: Path) -> None:
    good = add(oxherd, "q", "a")
    with started(folder, oxherd.url, "worker", "jobs:process", "-q", "q", "--verbose") as process:
        process.until(lambda: f"job {good!r} (a) completed" in process.err)
        assert f"job {good!r} (a) starts" in process.err
        process.signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_the_users_logging_is_left_alone(oxherd: Oxherd, folder: Path) -> None:
    (folder / "logs.py").write_text(
        "import logging\n"
        "logging.basicConfig(level='INFO', format='MINE %(message)s')\n"
        "from jobs import process\n"
    )
    with started(folder, oxherd.url, "worker", "logs:process", "-q", "q") as process:
        process.until(lambda: "working on" in process.err)
        assert process.err.startswith("MINE ")
        process.signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_options_of_the_worker_come_from_the_environment(oxherd: Oxherd, folder: Path) -> None:
    own = {"OXHERD_WORKER_QUEUE": "from-env", "OXHERD_WORKER_CONCURRENCY": "7"}
    with started(folder, oxherd.url, "worker", "jobs:process", env=own) as process:
        process.until(lambda: "queue 'from-env', 7 jobs at once" in process.err)
        process.signal(signal.SIGTERM)
        assert process.wait(5) == 0
