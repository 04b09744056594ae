"""Plain functions in processes of their own: what goes over the pipe, and how they die."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowProducer, Job, JobOptions, OnFailure, Queue, State, Worker, WorkerOptions
from tests.runtime import functions
from tests.runtime.working import SOON, echo, failure_of, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store

STARTING = 15.0
"""Seconds that a fresh interpreter may take on a busy machine."""


async def test_a_function_runs_in_a_fresh_interpreter_that_is_kept(memory: Store) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, functions.give_back, run_in="process"):
        jobs = await queue.add_bulk([("job", {"n": 1}), ("job", {"n": 2})])
        first, second = [await job.result(STARTING) for job in jobs]
    assert [first["data"], second["data"]] == [{"n": 1}, {"n": 2}]
    assert first["pid"] == second["pid"] != os.getpid()


async def test_the_processes_end_with_the_worker(memory: Store) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, functions.give_back, run_in="process"):
        pid = (await (await queue.add("job")).result(STARTING))["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_it_takes_three_arguments_too(memory: Store) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, {"three": functions.take_three}, run_in="process"):
        assert await (await queue.add("three")).result(STARTING) == ["three", True, False]


async def test_the_verbs_of_the_job_go_over_the_pipe(store: Store) -> None:
    async def child(job: Job[str]) -> Any:
        if job.data == "bad":
            raise ValueError("no")
        return job.data

    below = [
        {"name": "child", "queue": "children", "data": "good"},
        {"name": "child", "queue": "children", "data": "bad", "opts": {"onFailure": "ignore"}},
    ]
    async with (
        FlowProducer(store=store) as flows,
        working(store, child, queue="children"),
        working(store, functions.use_the_job, run_in="process"),
    ):
        node = await flows.add(
            {"name": "top", "queue": "q", "opts": {"attempts": 2}, "children": below}
        )
        told = await node.flow.result(STARTING)
    job = await node.job.refresh()
    assert told == {
        "lines": [1, 2],
        "data": {"changed": True},
        "values": ["good"],
        "results": [["child", "processed", "good"], ["child", "ignored", None]],
        "counts": {"processed": 1, "unprocessed": 0, "ignored": 1, "failed": 0},
        "processed": ["good"],
        "ignored": ["no"],
        "failed": ["no"],
        "attributes": ["top", "q", 0, 0, 2, True, True],
    }
    assert job.data == {"changed": True}
    assert job.progress == {"part": 2}
    assert await job.get_logs() == ["one", "two"]


@pytest.mark.parametrize(
    ("function", "data", "told"),
    [
        (functions.end_the_process, {}, "exited with code 3"),
        (functions.die_of, int(signal.SIGKILL), "killed by signal 9"),
        (functions.die_of, int(signal.SIGSEGV), "killed by signal 11"),
        (functions.die_of, int(signal.SIGABRT), "killed by signal 6"),
    ],
    ids=["exit", "kill", "segv", "abort"],
)
async def test_a_process_that_dies_fails_its_job_at_once_and_no_other(
    memory: Store, function: Any, data: Any, told: str
) -> None:
    processors: dict[str, Any] = {"dies": function, "lives": functions.give_back}
    queue = Queue("q", store=memory)
    async with working(memory, processors, run_in="process", lock_duration=60):
        before = await queue.add("lives", 1)
        await before.result(STARTING)
        bad = await queue.add("dies", data)
        assert told in (await failure_of(bad, 2.0)).reason
        after = await queue.add("lives", 2)
        assert (await after.result(STARTING))["data"] == 2
    assert (await bad.refresh()).attempts_made == 1


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt", "ValueError"])
async def test_what_it_raises_fails_the_job_and_keeps_the_process(memory: Store, kind: str) -> None:
    processors: dict[str, Any] = {"raises": functions.raise_one, "lives": functions.give_back}
    queue = Queue("q", store=memory)
    async with working(memory, processors, run_in="process"):
        pid = (await (await queue.add("lives")).result(STARTING))["pid"]
        bad = await queue.add("raises", kind, JobOptions(attempts=2))
        error = await failure_of(bad)
        assert (await (await queue.add("lives")).result(SOON))["pid"] == pid
    assert "raise_one" in error.stacktrace[-1]
    assert len(error.stacktrace) == 2
    assert error.reason == {"SystemExit": "4", "ValueError": "from afar"}.get(kind, kind)


async def test_the_signals_travel(memory: Store) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, functions.raise_one, run_in="process"):
        final = await queue.add("job", "Unrecoverable", JobOptions(attempts=3))
        assert (await failure_of(final, STARTING)).reason == "no use"
        assert (await final.refresh()).attempts_made == 1
        for name in ("Release", "WaitForChildren"):
            again = await queue.add("job", name)
            assert await again.result(SOON) is None
            assert (await again.refresh()).attempts_started == 2
        later = await queue.add("job", "Postpone")
        await until(later.is_delayed)
        assert (await later.refresh()).delay == pytest.approx(60)
        bad = await queue.add("job", "unserialisable")
        assert "object" in (await failure_of(bad)).reason


async def test_a_timeout_kills_the_process(memory: Store, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    processors: dict[str, Any] = {
        "hangs": functions.write_pid_and_hang,
        "lives": functions.give_back,
    }
    queue = Queue("q", store=memory)
    async with working(memory, processors, run_in="process", timeout=STARTING):
        await (await queue.add("lives")).result(STARTING)
        bad = await queue.add("hangs", str(file), JobOptions(timeout=0.5))
        assert (await failure_of(bad)).reason == "the attempt took longer than its 0.5 s"
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)
        after = await queue.add("lives", 1)
        assert (await after.result(STARTING))["data"] == 1


async def test_closing_kills_the_process_and_gives_the_job_back(
    memory: Store, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    queue = Queue("q", store=memory)
    job = await queue.add("hangs", str(file))
    async with working(memory, functions.write_pid_and_hang, run_in="process") as worker:
        await until(lambda: _read(file), STARTING)
        async with deadline(4):
            await worker.close(grace=0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)
    assert await job.get_state() is State.WAITING
    assert (await job.refresh()).attempts_made == 0


async def test_output_of_any_size_passes(memory: Store, capfd: pytest.CaptureFixture[str]) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, functions.print_a_lot, run_in="process"):
        size = await (await queue.add("job")).result(STARTING)
    assert len(capfd.readouterr().out) >= size


async def test_a_module_that_cannot_be_imported_is_one_clear_failure(memory: Store) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, functions.nowhere, run_in="process"):
        bad = await queue.add("job")
        assert "no_such_module_anywhere" in (await failure_of(bad, STARTING)).reason


async def test_calls_over_the_pipe_are_fenced_by_the_lock(memory: Store, tmp_path: Path) -> None:
    go = tmp_path / "go"
    queue = Queue("q", store=memory)
    processors: dict[str, Any] = {"late": functions.ask_too_late}
    async with working(memory, processors, run_in="process", lock_duration=60) as worker:
        lost: list[BaseException] = []
        worker.on("error", lost.append)
        job = await queue.add("late", str(go))
        await until(lambda: worker._runs)
        held = next(iter(worker._runs))
        assert await memory.release("q", [held]) == [None]
        await memory.pause("q")
        go.touch()
        await until(lambda: lost, STARTING)
        assert "lock was lost" in str(lost[0])
        assert (await job.refresh()).progress == 0


async def test_work_that_holds_the_interpreter_keeps_its_lock(memory: Store) -> None:
    queue = Queue("q", store=memory)
    stalled: list[str] = []
    options: dict[str, Any] = {"lock_duration": 1.0, "stalled_interval": 0.4}
    async with (
        working(memory, functions.spin, run_in="process", **options) as first,
        working(memory, echo, queue="other", **options),
    ):
        first.on("stalled", stalled.append)
        job = await queue.add("job", 2.5)
        assert await job.result(STARTING) > 0
    assert stalled == []
    assert (await job.refresh()).attempts_started == 1


WORKER = """
import asyncio, sys
from oxherd import Queue, Worker, WorkerOptions
from tests.runtime.functions import write_pid_and_hang

async def main():
    queue = Queue("q", store=sys.argv[1])
    await queue.add("job", sys.argv[2])
    options = WorkerOptions(run_in="process")
    async with Worker("q", write_pid_and_hang, store=sys.argv[1], options=options) as worker:
        await worker.run()

asyncio.run(main())
"""


async def test_when_the_worker_is_killed_its_processes_end(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    worker = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
        [sys.executable, "-c", WORKER, f"sqlite:///{tmp_path}/jobs.db", str(file)],
        cwd=Path(__file__).parents[2],
    )
    try:
        await until(lambda: _read(file), STARTING)
        child = int(file.read_text())
        os.kill(child, 0)
    finally:
        worker.kill()
        worker.wait()
    await until(lambda: _gone(child), 2.0)


async def test_a_main_script_can_have_its_processor(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(script), f"sqlite:///{tmp_path}/jobs.db"],
        capture_output=True, text=True, timeout=25, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.returncode) == ("twice 42\n", 0), ran.stderr


SCRIPT = """
import asyncio, sys
from oxherd import Queue, Worker, WorkerOptions

def double(job):
    return 2 * job.data

async def main():
    options = WorkerOptions(run_in="process")
    queue = Queue("q", store=sys.argv[1])
    async with Worker("q", double, store=sys.argv[1], options=options), queue:
        print("twice", await (await queue.add("job", 21)).result(20))

if __name__ == "__main__":
    asyncio.run(main())
"""


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


async def test_children_policies_reach_a_process(memory: Store) -> None:
    """`Edge`s of the record survive the pipe."""
    async with (
        FlowProducer(store=memory) as flows,
        working(memory, functions.give_back, run_in="process"),
        Worker("top", echo, store=memory, options=WorkerOptions()),
    ):
        node = await flows.add(
            {
                "name": "top",
                "queue": "top",
                "data": 1,
                "children": [
                    {"name": "a", "queue": "q", "opts": {"onFailure": OnFailure.BLOCK.value}}
                ],
            }
        )
        assert await node.flow.result(STARTING) == 1
