"""Workers of both sides are killed in a loop, on queues that both fill: no job is worse for it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oxherd import connect
from tests.chaos import oracle, plan
from tests.chaos.conftest import Inspection
from tests.chaos.judge import judge
from tests.chaos.plan import QUEUES, WORK, Plan, draw, seed_of_run
from tests.chaos.storm import Member, ends_of, ours, work_off
from tests.chaos.worker_process import Settings
from tests.interop.node import NodeProgram
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from oxherd.store import Store

pytestmark = pytest.mark.timeout(240)

SLOTS = 5 * len(QUEUES)
"""How many jobs a worker process of either side runs at once."""


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("storm")
    server = start_redis(folder, "--enable-debug-command", "local", own=True)
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def producer(bullmq: None, server_url: str) -> Iterator[NodeProgram]:
    program = NodeProgram("client", server_url)
    yield program
    program.close()


@pytest.fixture
def url(server_url: str, prefix: str) -> str:
    return f"{server_url}?prefix={prefix}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = connect(url)
    yield opened
    await opened.aclose()


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    return Settings(url=url, oracle=str(tmp_path / "oracle"))


async def add_from_both_sides(work: Plan, store: Store, producer: NodeProgram, prefix: str) -> None:
    """Every other job and flow from Node, the rest from us, at the same time."""
    half = Plan(jobs=work.jobs[::2], flows=work.flows[::2], diamonds=work.diamonds)
    async with asyncio.TaskGroup() as adding:
        adding.create_task(plan.add(half, store))
        adding.create_task(producer.ask("addBulk", prefix=prefix, queue=WORK, jobs=work.jobs[1::2]))
        for flow in work.flows[1::2]:
            adding.create_task(producer.ask("addFlow", prefix=prefix, flow=flow))


@dataclass(frozen=True, slots=True)
class Theirs:
    """Starts processes with a BullMQ worker for each queue."""

    server_url: str
    prefix: str
    settings: Settings
    pids: set[int] = field(default_factory=set)

    async def __call__(self) -> Member:
        program = NodeProgram("workers", self.server_url)
        self.pids.add(program.pid)
        options = {
            "concurrency": self.settings.concurrency,
            "lockDuration": round(self.settings.lock * 1_000),
            "stalledInterval": round(self.settings.stalled * 1_000),
            "maxStalledCount": self.settings.max_stalled_count,
        }
        for queue in QUEUES:
            await program.ask(
                "start",
                prefix=self.prefix,
                queue=queue,
                options=options,
                oracle=self.settings.oracle,
            )
        return program


@pytest.mark.parametrize(
    ("kills", "jobs", "flows"),
    [
        pytest.param(4, 200, 20, id="sample"),
        pytest.param(20, 2_000, 150, id="full", marks=pytest.mark.slow),
    ],
)
async def test_killed_workers_of_both_sides_lose_nothing(
    *,
    kills: int,
    jobs: int,
    flows: int,
    server_url: str,
    url: str,
    prefix: str,
    store: Store,
    settings: Settings,
    producer: NodeProgram,
) -> None:
    chance = random.Random(seed_of_run())
    work = draw(chance, jobs=jobs, flows=flows, longest=0.3)
    await add_from_both_sides(work, store, producer, prefix)
    node = Theirs(server_url, prefix, settings)
    await work_off(store, work, [node, ours(settings)] * 2, chance, kills=kills)
    entries = oracle.read(Path(settings.oracle))
    assert judge(work, await ends_of(store, work), entries, kills=kills, slots=SLOTS) == []
    starts = Counter(entry.pid in node.pids for entry in entries if entry.kind == "start")
    assert min(starts[True], starts[False]) > len(work.expected) / 10
    again = starts.total() - sum(one.attempts for one in work.expected.values() if one.runs)
    print(f"{starts[True]} starts of theirs, {starts[False]} of ours, {again} repeated")  # noqa: T201
    await Inspection(url, store).check(work)


async def test_the_storm_catches_workers_of_theirs_that_give_up(
    *,
    server_url: str,
    prefix: str,
    store: Store,
    settings: Settings,
    producer: NodeProgram,
) -> None:
    """The judge knows what a worker makes of its jobs that allows them no stall."""
    chance = random.Random(seed_of_run())
    work = draw(chance, jobs=60, flows=4, longest=0.3)
    await add_from_both_sides(work, store, producer, prefix)
    crew = [Theirs(server_url, prefix, replace(settings, max_stalled_count=0))] * 2
    await work_off(store, work, crew, chance, kills=3, patience=4)
    entries = oracle.read(Path(settings.oracle))
    found = judge(work, await ends_of(store, work), entries, kills=3, slots=SLOTS)
    assert any("is failed instead of completed: job stalled" in what for what in found), found
