"""Objects before, between and after event loops."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    Closed,
    FlowJob,
    FlowProducer,
    InvalidOption,
    Queue,
    QueueEvents,
    Worker,
    WrongLoop,
    connect,
)
from tests.runtime.working import SOON, echo

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path


def test_objects_may_be_made_before_any_loop(store_url: str) -> None:
    store = connect(store_url)
    queue = Queue("q", store=store)
    flows = FlowProducer(store=store)
    events = QueueEvents("q", store=store)
    worker = Worker("q", echo, store=store)

    async def main() -> Any:
        async with queue, flows, events, worker:
            node = await flows.add(FlowJob("job", queue="q", data=1))
            result = await node.flow.result(SOON)
        await store.aclose()
        return result

    assert asyncio.run(main()) == 1


def test_objects_open_and_close_a_store_of_their_own(store_url: str) -> None:
    async def main() -> Any:
        async with Queue("q", store=store_url) as queue, Worker("q", echo, store=store_url):
            return await (await queue.add("job", 1)).result(SOON)

    assert asyncio.run(main()) == 1
    assert asyncio.run(main()) == 1


def test_the_default_store_is_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OXHERD_URL", f"sqlite:///{tmp_path}/env.db?prefix=envy")

    async def main() -> str:
        async with Queue("q") as queue:
            return (await queue.add("job")).key

    assert asyncio.run(main()).startswith("envy:q:")
    assert (tmp_path / "env.db").exists()
    monkeypatch.delenv("OXHERD_URL")
    monkeypatch.chdir(tmp_path)
    assert asyncio.run(main()).startswith("bull:q:")
    assert (tmp_path / "oxherd.db").exists()


def test_a_store_belongs_to_one_loop(store_url: str) -> None:
    store = connect(store_url)
    queue = Queue("q", store=store)

    async def use() -> None:
        await queue.add("job")

    async def misuse() -> None:
        with pytest.raises(WrongLoop, match="once"):
            await queue.add("job")

    with asyncio.Runner() as first:
        first.run(use())
        with asyncio.Runner() as second:
            second.run(misuse())
        first.run(use())
        assert first.run(queue.count()) == 2
        first.run(store.aclose())


USES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Coroutine[Any, Any, Any]]]] = {
    "queue.add": (lambda store: Queue("q", store=store), lambda one: one.add("job")),
    "queue.count": (lambda store: Queue("q", store=store), lambda one: one.count()),
    "queue.pause": (lambda store: Queue("q", store=store), lambda one: one.pause()),
    "flows.add": (
        lambda store: FlowProducer(store=store),
        lambda one: one.add(FlowJob("job", queue="q")),
    ),
    "flows.get_flow": (
        lambda store: FlowProducer(store=store), lambda one: one.get_flow("x", "q"),
    ),
    "worker.run": (lambda store: Worker("q", echo, store=store), lambda one: one.run()),
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
async def test_an_object_that_was_closed_says_so(store_url: str, use: str, shared: bool) -> None:  # noqa: FBT001 - a parameter
    make, call = USES[use]
    store = connect(store_url) if shared else None
    one = make(store or store_url)
    async with one:
        pass
    await one.close()
    await one.aclose()
    with pytest.raises(Closed, match="closed"):
        await call(one)
    if store is not None:
        assert await store.queues() == []
        await store.aclose()


async def test_a_store_that_was_closed_says_so(store_url: str) -> None:
    store = connect(store_url)
    queue = Queue("q", store=store)
    job = await queue.add("job")
    await store.aclose()
    await store.aclose()
    for call in (queue.add("job"), job.get_state(), job.log("x")):
        with pytest.raises(Closed):
            await call


async def test_two_memory_stores_are_two_stores() -> None:
    one, other = connect("sqlite:///:memory:"), connect("sqlite:///:memory:")
    await Queue("q", store=one).add("job")
    assert await Queue("q", store=other).count() == 0
    await one.aclose()
    await other.aclose()


async def test_two_stores_of_one_place_are_one_store(store_url: str) -> None:
    one, other = connect(store_url), connect(store_url)
    job = await Queue("q", store=one).add("job", 5)
    async with Worker("q", echo, store=other):
        assert await job.result(SOON) == 5
    await one.aclose()
    await other.aclose()


def test_a_url_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidOption, match="redis://"):
        connect("redis://[1/0")


def test_the_logger_is_silent_until_it_is_configured() -> None:
    handlers = logging.getLogger("oxherd").handlers
    assert logging.NullHandler in [type(handler) for handler in handlers]
