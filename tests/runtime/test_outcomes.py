"""Whatever a processor raises, the job ends or runs again, and the worker goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from oxherd import (
    BlockingJob,
    Job,
    JobOptions,
    Postpone,
    Queue,
    Release,
    State,
    Unrecoverable,
    WaitForChildren,
)
from oxherd.domain.outcome import Held
from tests.runtime.working import SOON, echo, failure_of, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from oxherd import Store


class Mute(Exception):
    def __str__(self) -> NoReturn:
        raise RuntimeError("not even this")


class MuteBase(BaseException):
    def __repr__(self) -> NoReturn:
        raise SystemExit(9)

    __str__ = __repr__


def _cyclic() -> Exception:
    error = ValueError("round and round")
    error.__cause__ = error
    return error


KINDS: dict[str, Callable[[], BaseException]] = {
    "Exception": lambda: Exception("plain"),
    "BaseException": lambda: BaseException("base"),
    "CancelledError": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "SystemExit": lambda: SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt,
    "ExceptionGroup": lambda: ExceptionGroup("two", [ValueError("a"), KeyError("b")]),
    "BaseExceptionGroup": lambda: BaseExceptionGroup("two", [KeyboardInterrupt(), OSError("b")]),
    "StopIteration": lambda: StopIteration(5),
    "StopAsyncIteration": StopAsyncIteration,
    "TimeoutError": TimeoutError,
    "MemoryError": MemoryError,
    "RecursionError": lambda: RecursionError("too deep"),
    "mute": Mute,
    "mute base": MuteBase,
    "cyclic cause": _cyclic,
    "surrogates": lambda: ValueError("lone \ud800 and \0"),
    "long": lambda: ValueError("x" * 10_000_000),
}


def _error(kind: str) -> BaseException:
    return KINDS[kind]()


def _processors(kind: str) -> dict[str, Callable[..., Any]]:
    async def on_loop(job: Job) -> NoReturn:
        raise _error(kind)

    def in_thread(job: BlockingJob) -> NoReturn:
        raise _error(kind)

    return {"loop": on_loop, "thread": in_thread, "good": echo}


@pytest.mark.parametrize("place", ["loop", "thread"])
@pytest.mark.parametrize("seconds", [None, 60], ids=["", "timed"])
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_is_raised_fails_the_job_and_the_worker_goes_on(
    memory: Store, kind: str, place: str, seconds: float | None
) -> None:
    queue = Queue("q", store=memory)
    async with working(memory, _processors(kind), concurrency=2):
        bad = await queue.add(place, {}, JobOptions(timeout=seconds))
        error = await failure_of(bad, 1.0 if kind != "long" else SOON)
        assert error.reason
        assert len(error.reason) < 70_000
        good = [await queue.add("good", number) for number in range(5)]
        assert [await job.result(SOON) for job in good] == list(range(5))
    assert (await bad.refresh()).attempts_made == 1


@pytest.mark.parametrize("kind", ["CancelledError", "SystemExit", "BaseException", "mute"])
async def test_whatever_is_raised_is_retried(store: Store, kind: str) -> None:
    tries: list[int] = []

    async def process(job: Job) -> str:
        tries.append(job.attempts_made)
        if len(tries) < 3:
            raise _error(kind)
        return "third time"

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job", {}, JobOptions(attempts=3))
        assert await job.result(SOON) == "third time"
    assert tries == [0, 1, 2]


async def test_a_processor_that_cancels_what_it_awaits_just_fails(memory: Store) -> None:
    async def process(job: Job) -> None:
        inner = asyncio.ensure_future(asyncio.sleep(60))
        await asyncio.sleep(0)
        inner.cancel()
        await inner

    queue = Queue("q", store=memory)
    async with working(memory, process):
        job = await queue.add("job")
        assert (await failure_of(job, 1.0)).reason == "CancelledError"


async def test_the_stack_trace_of_each_attempt_is_kept(store: Store) -> None:
    async def process(job: Job) -> None:
        raise LookupError(f"attempt {job.attempts_made + 1}")

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job", {}, JobOptions(attempts=3))
        error = await failure_of(job)
    stored = await job.refresh()
    assert stored.failed_reason == error.reason == "attempt 3"
    assert [trace.splitlines()[-1] for trace in stored.stacktrace] == [
        f"LookupError: attempt {number}" for number in (1, 2, 3)
    ]
    assert "in process" in stored.stacktrace[0]
    assert "LookupError: attempt 3" in str(error)


async def test_stack_traces_are_cut_to_their_limit(memory: Store) -> None:
    async def process(job: Job) -> None:
        raise LookupError(f"attempt {job.attempts_made + 1}")

    queue = Queue("q", store=memory)
    async with working(memory, process):
        two = await queue.add("job", {}, JobOptions(attempts=4, stack_trace_limit=2))
        none = await queue.add("job", {}, JobOptions(attempts=2, stack_trace_limit=0))
        await failure_of(two)
        await failure_of(none)
    assert [trace.splitlines()[-1] for trace in (await two.refresh()).stacktrace] == [
        "LookupError: attempt 3", "LookupError: attempt 4",
    ]  # fmt: skip
    assert (await none.refresh()).stacktrace == []


async def test_unrecoverable_fails_whatever_attempts_are_left(store: Store) -> None:
    async def process(job: Job) -> None:
        raise Unrecoverable("the file is not a video")

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job", {}, JobOptions(attempts=9, backoff=60))
        assert (await failure_of(job)).reason == "the file is not a video"
    assert (await job.refresh()).attempts_made == 1


async def test_postpone_runs_later_and_spends_no_attempt(store: Store) -> None:
    runs: list[tuple[int, int]] = []

    async def process(job: Job) -> str:
        runs.append((job.attempts_made, job.attempts_started))
        if len(runs) == 1:
            raise Postpone(60)
        return "later"

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job")
        await until(job.is_delayed)
        assert (await job.refresh()).delay == pytest.approx(60)
        await job.promote()
        assert await job.result(SOON) == "later"
    assert runs == [(0, 1), (0, 2)]


async def test_a_postponed_job_is_due_by_itself(store: Store) -> None:
    first: list[float] = []

    async def process(job: Job) -> float:
        first.append(asyncio.get_running_loop().time())
        if len(first) == 1:
            raise Postpone(0.2)
        return first[1] - first[0]

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job")
        assert 0.19 < await job.result(SOON) < 2


async def test_release_goes_to_the_front_and_spends_no_attempt(store: Store) -> None:
    order: list[str] = []

    async def process(job: Job) -> None:
        order.append(job.name)
        if order == ["first"]:
            raise Release
        assert job.attempts_made == 0

    queue = Queue("q", store=store)
    jobs = await queue.add_bulk([("first", {}), ("second", {})])
    # A script that the server does not know yet is sent once more, after the claim.
    await store.release("q", [Held("none", "none")])
    async with working(store, process):
        for job in jobs:
            await job.result(SOON)
    assert order == ["first", "first", "second"]


async def test_waiting_for_no_children_runs_again_at_once(store: Store) -> None:
    runs = 0

    async def process(job: Job) -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise WaitForChildren
        return job.attempts_made

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job")
        assert await job.result(SOON) == 0
    assert runs == 2


@pytest.mark.parametrize(
    "signal", [Unrecoverable("no"), Postpone(60), Release(), WaitForChildren()]
)
async def test_plain_functions_raise_the_same_signals(memory: Store, signal: Exception) -> None:
    runs = 0
    again = asyncio.Event()
    loop = asyncio.get_running_loop()

    def process(job: BlockingJob) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise signal
        loop.call_soon_threadsafe(again.set)

    queue = Queue("q", store=memory)
    async with working(memory, process):
        job = await queue.add("job", {}, JobOptions(attempts=3))
        match signal:
            case Unrecoverable():
                await until(job.is_failed)
            case Postpone():
                await until(job.is_delayed)
            case _:
                async with deadline(SOON):
                    await again.wait()
                    assert await job.result(SOON) is None


async def test_a_wrong_delay_of_postpone_fails_the_job_and_not_the_worker(memory: Store) -> None:
    async def process(job: Job) -> None:
        raise Postpone(-5)

    queue = Queue("q", store=memory)
    async with working(memory, {"bad": process, "good": echo}):
        bad = await queue.add("bad")
        assert "delay" in (await failure_of(bad, 1.0)).reason
        good = await queue.add("good", 1)
        assert await good.result(SOON) == 1


async def test_the_worker_fails_a_job_whose_data_cannot_be_read(memory: Store) -> None:
    queue = Queue("q", store=memory)
    job = await queue.add("job", {"a": 1})
    await memory.update_data("q", job.id, "{broken")
    async with working(memory, echo):
        assert "unreadable" in (await failure_of(job)).reason
    assert await job.get_state() is State.FAILED
