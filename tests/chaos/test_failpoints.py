"""A process ends at a named point; the next one finds everything as it must be."""

from __future__ import annotations

import asyncio
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.chaos import oracle
from tests.chaos.judge import judge
from tests.chaos.plan import QUEUES, add, draw, seed_of_run
from tests.chaos.storm import ends_of, ours, spawn, work_off

if TYPE_CHECKING:
    from oxherd.store import Store
    from tests.chaos.conftest import Inspection
    from tests.chaos.worker_process import Settings

pytestmark = pytest.mark.timeout(120)

EVERYWHERE: Final = ("pump.before_answer", "pump.after_answer", "worker.before_settle")
MOMENTS: Final = {
    "sqlite": ("before_commit", "after_commit"),
    "redis": ("before_send", "after_answer"),
}
VERBS: Final = ("claim", "complete", "fail", "retry", "rescue", "promote_due")
SAMPLE: Final = frozenset({"claim", "complete"})


def _points() -> list[object]:
    found: list[object] = []
    for engine, moments in MOMENTS.items():
        found += [pytest.param(engine, point, id=f"{engine}-{point}") for point in EVERYWHERE]
        for verb in VERBS:
            marks = [] if verb in SAMPLE else [pytest.mark.slow]
            for moment in moments:
                point = f"{engine}.{verb}.{moment}"
                found.append(pytest.param(engine, point, id=point, marks=marks))
    return found


def _nth(point: str, chance: random.Random) -> int:
    """At which passing to die: few calls fail or retry, since jobs that end together share one."""
    is_frequent = point in EVERYWHERE or SAMPLE & set(point.split("."))
    return chance.randint(1, 5) if is_frequent else 1


async def _dies(settings: Settings, module: str = "tests.chaos.worker_process") -> None:
    """Run a process until its fail-point has ended it."""
    process = spawn(settings, module)
    async with asyncio.timeout(30):
        code = await asyncio.to_thread(process.wait)
    assert code == -signal.SIGKILL, f"{settings.failpoint} was not reached"


@pytest.mark.parametrize(("engine", "point"), _points())
async def test_a_worker_that_dies_there_loses_nothing(
    point: str, store: Store, settings: Settings, inspection: Inspection
) -> None:
    chance = random.Random(seed_of_run())
    plan = draw(chance, jobs=60, flows=4, longest=0.02)
    await add(plan, store)
    quick = replace(settings, lock=0.5, stalled=0.25)
    await _dies(replace(quick, failpoint=point, nth=_nth(point, chance)))
    await work_off(store, plan, [ours(quick)], chance)
    entries = oracle.read(Path(settings.oracle))
    slots = settings.concurrency * len(QUEUES)
    assert judge(plan, await ends_of(store, plan), entries, kills=1, slots=slots) == []
    await inspection.check(plan)


@pytest.mark.parametrize(
    ("moment", "nth", "jobs", "flows"),
    [(0, 1, 0, 0), (1, 1, 20, 0), (0, 2, 20, 0), (1, 2, 20, 5)],
)
async def test_a_producer_that_dies_adds_all_of_a_call_or_nothing(
    *,
    moment: int,
    nth: int,
    jobs: int,
    flows: int,
    engine: str,
    store: Store,
    settings: Settings,
    inspection: Inspection,
) -> None:
    """It adds 20 jobs in one call, then five flows and a diamond in another."""
    point = f"{engine}.add.{MOMENTS[engine][moment]}"
    dying = replace(settings, failpoint=point, nth=nth)
    await _dies(dying, "tests.chaos.producer_process")
    plan = draw(random.Random(settings.seed), jobs=20, flows=5, longest=0.02)
    there = {
        (queue, job_id): expected
        for (queue, job_id), expected in plan.expected.items()
        if (jobs if job_id.startswith("j-") else flows)
    }
    counts = {queue: sum((await store.counts(queue)).values()) for queue in QUEUES}
    assert counts == {queue: sum(name == queue for name, _ in there) for queue in QUEUES}
    await inspection.check(replace(plan, expected=there))
