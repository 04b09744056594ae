"""Which functions can be processors, how they are called, and by which name."""

from __future__ import annotations

import asyncio
import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from pydantic import BaseModel

from oxherd import (
    BlockingJob,
    Cancellation,
    InvalidOption,
    Job,
    JobOptions,
    Queue,
    Worker,
    WorkerOptions,
)
from tests.runtime.working import SOON, echo, failure_of, run_one, working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from oxherd import Store


async def test_a_coroutine_function_runs_on_the_loop(store: Store) -> None:
    async def process(job: Job) -> dict[str, Any]:
        assert isinstance(job, Job)
        assert threading.current_thread() is threading.main_thread()
        return {"seen": job.data}

    assert await run_one(store, process, {"a": 1}) == {"seen": {"a": 1}}


async def test_a_plain_function_runs_in_a_thread(store: Store) -> None:
    def process(job: BlockingJob) -> dict[str, Any]:
        assert isinstance(job, BlockingJob)
        assert threading.current_thread() is not threading.main_thread()
        return {"seen": job.data}

    assert await run_one(store, process, {"a": 1}) == {"seen": {"a": 1}}


async def test_plain_functions_run_side_by_side(memory: Store) -> None:
    both = threading.Barrier(2, timeout=SOON)

    def process(job: BlockingJob) -> None:
        both.wait()

    queue = Queue("q", store=memory)
    async with working(memory, process, concurrency=2):
        jobs = await queue.add_bulk([("a", {}), ("b", {})])
        await asyncio.gather(*(job.result(SOON) for job in jobs))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("place", ["loop", "thread"])
async def test_a_processor_takes_one_to_three_arguments(
    memory: Store, count: int, place: str
) -> None:
    got: list[Any] = []

    def take(*given: Any) -> None:
        got.extend(given)

    async def one(job: Job) -> None:
        take(job)

    async def two(job: Job, token: str) -> None:
        take(job, token)

    async def three(job: Job, token: str, cancellation: Cancellation) -> None:
        take(job, token, cancellation)

    def plain_one(job: BlockingJob) -> None:
        take(job)

    def plain_two(job: BlockingJob, token: str) -> None:
        take(job, token)

    def plain_three(job: BlockingJob, token: str, cancellation: Cancellation) -> None:
        take(job, token, cancellation)

    functions: dict[tuple[int, str], Callable[..., Any]] = {
        (1, "loop"): one, (2, "loop"): two, (3, "loop"): three,
        (1, "thread"): plain_one, (2, "thread"): plain_two, (3, "thread"): plain_three,
    }  # fmt: skip
    await run_one(memory, functions[count, place])
    assert len(got) == count
    assert [type(item) for item in got[1:]] == [str, Cancellation][: count - 1]


async def test_a_variadic_processor_gets_everything(memory: Store) -> None:
    async def process(*given: Any) -> int:
        return len(given)

    assert await run_one(memory, process) == 3


async def test_arguments_with_a_default_stay_the_users(memory: Store) -> None:
    async def process(job: Job, times: int = 2, *, shout: bool = False) -> str:
        return f"{times} {shout}"

    assert await run_one(memory, process) == "2 False"


async def test_methods_partials_and_callable_objects_are_functions(memory: Store) -> None:
    class Steps:
        async def method(self, job: Job) -> str:
            return "method"

        async def __call__(self, job: Job) -> str:
            return "call"

    async def greet(greeting: str, job: Job) -> str:
        return greeting

    assert await run_one(memory, Steps().method) == "method"
    assert await run_one(memory, Steps()) == "call"
    assert await run_one(memory, functools.partial(greet, "hello")) == "hello"


async def test_a_mapping_picks_the_processor_by_name(store: Store) -> None:
    async def download(job: Job) -> str:
        return "downloaded"

    def transcode(job: BlockingJob) -> str:
        return "transcoded"

    queue = Queue("q", store=store)
    async with working(store, {"download": download, "transcode": transcode}, concurrency=2):
        first = await queue.add("download")
        second = await queue.add("transcode")
        assert await first.result(SOON) == "downloaded"
        assert await second.result(SOON) == "transcoded"


async def test_an_unknown_name_fails_at_once_and_names_what_is_known(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, {"download": echo, "transcode": echo}):
        job = await queue.add("thumbnail", {}, JobOptions(attempts=5, backoff=60))
        error = await failure_of(job)
    assert error.reason == (
        "no processor for job name 'thumbnail'; this worker has: download, transcode"
    )
    assert (await job.refresh()).attempts_made == 1


@dataclass
class Video:
    path: str
    seconds: int


class Still(msgspec.Struct):
    path: str


class Mail(BaseModel):
    to: str


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        (0, 0),
        ("", ""),
        ([1, "zwei", None, True, 1.5], [1, "zwei", None, True, 1.5]),
        ((1, 2), [1, 2]),
        ({"ü": "🐂"}, {"ü": "🐂"}),
        (Video("a.mp4", 3), {"path": "a.mp4", "seconds": 3}),
        (Still("a.jpg"), {"path": "a.jpg"}),
        (Mail(to="you"), {"to": "you"}),
        (2**64 - 1, 2**64 - 1),
    ],
)
async def test_results_are_json_dataclasses_structs_and_models(
    store: Store, value: Any, stored: Any
) -> None:
    async def process(job: Job) -> Any:
        return value

    assert await run_one(store, process) == stored


def _numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (object(), "object"),
        (_numbers(), "generator"),
        ({"a": [{"b": object()}]}, "the result.a[0].b"),
        ({1: "one"}, "keys must be text"),
        (2**64, "64 bits"),
        ("x" * (16 * 1024 * 1024), "bytes as JSON"),
        ("\ud800", "surrogate"),
    ],
    ids=[
        "nan", "inf", "set", "bytes", "object", "generator", "inside", "key", "large", "long",
        "surrogate",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["loop", "thread"])
async def test_a_result_that_cannot_be_stored_fails_the_job(
    memory: Store, value: Any, told: str, place: str
) -> None:
    async def process(job: Job) -> Any:
        return value

    def process_in_thread(job: BlockingJob) -> Any:
        return value

    queue = Queue("q", store=memory)
    async with working(
        memory, {"bad": process_in_thread if place == "thread" else process, "good": echo}
    ):
        bad = await queue.add("bad")
        good = await queue.add("good", "fine")
        assert told in (await failure_of(bad)).reason
        assert await good.result(SOON) == "fine"


def _async_generator() -> Callable[..., Any]:
    async def process(job: Job) -> AsyncIterator[int]:
        yield 1

    return process


def _generator(job: Job) -> Iterator[int]:
    yield 1


def _no_arguments() -> None: ...


def _four(job: Job, token: str, cancellation: Cancellation, more: int) -> None: ...


def _wants(job: Job, *, color: str) -> None: ...


@pytest.mark.parametrize(
    ("processor", "run_in", "told"),
    [
        (_generator, "auto", "generator"),
        (_async_generator(), "auto", "generator"),
        (_no_arguments, "auto", "takes 0"),
        (_four, "auto", "takes 4"),
        (_wants, "auto", "'color'"),
        ("text", "auto", "is a function"),
        ({}, "auto", "at least one"),
        ({"a": 5}, "auto", "is a function"),
        (echo, "thread", "async def"),
        (echo, "process", "async def"),
        (_no_arguments, "loop", "plain function"),
        (lambda job: None, "process", "import"),
    ],
)
def test_what_cannot_be_a_processor_is_refused_at_once(
    processor: Any, run_in: Any, told: str
) -> None:
    with pytest.raises(InvalidOption, match=told):
        Worker("q", processor, options=WorkerOptions(run_in=run_in))


async def test_concurrency_is_how_many_run_at_once(store: Store) -> None:
    running = 0
    most = 0
    full = asyncio.Event()

    async def process(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await full.wait()
        await asyncio.sleep(0)
        running -= 1

    queue = Queue("q", store=store)
    async with working(store, process, concurrency=3):
        jobs = await queue.add_bulk([("job", {}) for _ in range(12)])
        await asyncio.gather(*(job.result(SOON) for job in jobs))
    assert most == 3
