"""Several processes on one file: wake-ups, sharing, and deaths at the worst moments."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.lifecycle import State
from tests.sqlite.using import add, opened, put, sql, star, take
from tests.timing import deadline

if TYPE_CHECKING:
    from pathlib import Path


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sqlite.process", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


async def test_a_job_of_another_process_wakes_a_waiting_worker(path: Path) -> None:
    store = opened(path)
    await put(store, "mine", queue="other")
    process = start("adds", str(path), "first")
    assert await asyncio.to_thread(line_of, process) == "ready"
    assert [job.id for job in await take(store)] == ["first"]
    wakeup = store.wakeup("q")
    await wakeup.wait(0)
    assert await take(store, token="none") == ()

    waiting = asyncio.ensure_future(wakeup.wait(60_000))
    reading = asyncio.ensure_future(store.read_events("q", "3", block_ms=60_000))
    await asyncio.sleep(0)
    tell(process, "second")

    async with deadline(5):
        await waiting
        page = await reading
    assert [job.id for job in await take(store, token="next")] == ["second"]
    assert [event.id for event in page.events][:1] == ["4"]
    await asyncio.to_thread(process.communicate, "")
    await store.aclose()


async def test_what_another_process_added_before_the_wait_is_heard(path: Path) -> None:
    store = opened(path)
    await put(store, "mine", queue="other")
    wakeup = store.wakeup("q")
    await wakeup.wait(0)
    assert await take(store) == ()
    process = start("adds", str(path), "first")
    assert await asyncio.to_thread(line_of, process) == "ready"

    async with deadline(5):
        await wakeup.wait(60_000)

    await asyncio.to_thread(process.communicate, "")
    await store.aclose()


async def test_processes_share_a_queue_and_run_each_job_once(path: Path) -> None:
    store = opened(path)
    names = [f"job-{number:03}" for number in range(200)]
    await put(store, *names)
    drainers = [start("drains", str(path)) for _ in range(3)]
    said = [await asyncio.to_thread(drainer.communicate) for drainer in drainers]

    assert [drainer.returncode for drainer in drainers] == [0] * 3, said
    assert sorted(name for out, _ in said for name in out.split()) == names
    assert (await store.counts("q"))[State.COMPLETED] == 200
    await store.aclose()


@pytest.mark.parametrize("verb", ["add", "claim", "complete", "remove"])
@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
async def test_a_process_killed_in_a_transition_leaves_all_of_it_or_nothing(
    path: Path, verb: str, point: str
) -> None:
    store = opened(path)
    if verb == "remove":
        await add(store, *star(20))
    else:
        await put(store, *(f"job-{number}" for number in range(5)))
    before = {queue: await store.counts(queue) for queue in ("q", "below")}

    process = start("dies", str(path), verb, point)
    out, error = await asyncio.to_thread(process.communicate)

    assert process.returncode == -signal.SIGKILL, (out, error)
    after = {queue: await store.counts(queue) for queue in ("q", "below")}
    happened = {
        "add": after["below"][State.WAITING] == 20 and after["q"][State.WAITING_CHILDREN] == 1,
        "claim": after["q"][State.ACTIVE] == 5,
        "complete": after["q"][State.COMPLETED] == 5,
        "remove": sum(after["q"].values()) + sum(after["below"].values()) == 0,
    }[verb]
    assert happened == (point == "after_commit")
    if verb == "complete" and not happened:
        assert after["q"][State.ACTIVE] == 5
    elif not happened:
        assert after == before
    assert await sql(store, "PRAGMA integrity_check") == [("ok",)]
    assert await sql(store, "PRAGMA foreign_key_check") == []
    await store.aclose()


async def test_a_process_killed_while_it_holds_the_gate_holds_up_nobody(path: Path) -> None:
    store = opened(path)
    await put(store, *(f"job-{number}" for number in range(5)))
    process = start("dies", str(path), "claim", "before_commit")
    await asyncio.to_thread(process.communicate)

    async with deadline(5):
        assert len(await take(store, 5)) == 5
    await store.aclose()
