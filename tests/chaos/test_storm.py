"""Workers are killed in a loop: nothing is lost, stuck or falsely failed, few things run twice."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from oxherd import State
from tests.chaos import oracle
from tests.chaos.judge import Ended, judge
from tests.chaos.plan import PARENTS, QUEUES, add, draw, seed_of_run
from tests.chaos.storm import ends_of, ours, work_off

if TYPE_CHECKING:
    from oxherd.store import Store
    from tests.chaos.conftest import Inspection
    from tests.chaos.worker_process import Settings

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(
    ("kills", "jobs", "flows", "longest"),
    [
        pytest.param(5, 300, 20, 0.3, id="sample"),
        pytest.param(20, 2_000, 100, 0.3, id="full", marks=pytest.mark.slow),
    ],
)
async def test_killed_workers_lose_nothing(
    *,
    kills: int,
    jobs: int,
    flows: int,
    longest: float,
    store: Store,
    settings: Settings,
    inspection: Inspection,
) -> None:
    chance = random.Random(seed_of_run())
    plan = draw(chance, jobs=jobs, flows=flows, longest=longest)
    await add(plan, store)
    await work_off(store, plan, [ours(settings)] * 4, chance, kills=kills)
    entries = oracle.read(Path(settings.oracle))
    slots = settings.concurrency * len(QUEUES)
    assert judge(plan, await ends_of(store, plan), entries, kills=kills, slots=slots) == []
    again = sum(entry.kind == "start" for entry in entries)
    again -= sum(expected.attempts for expected in plan.expected.values())
    print(f"{again} starts more than attempts, {kills * slots} would be allowed")  # noqa: T201
    await inspection.check(plan)


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [
        pytest.param({"rescues": False}, "is stuck: active", id="rescue nothing"),
        pytest.param({"max_stalled_count": 0}, "is failed instead", id="fail what was killed"),
    ],
)
async def test_the_storm_catches_workers_that(
    wrong: dict[str, Any], seen: str, store: Store, settings: Settings
) -> None:
    chance = random.Random(seed_of_run())
    plan = draw(chance, jobs=60, flows=4, longest=0.3)
    await add(plan, store)
    crew = [ours(replace(settings, **wrong))] * 4
    await work_off(store, plan, crew, chance, kills=3, patience=4)
    entries = oracle.read(Path(settings.oracle))
    found = judge(plan, await ends_of(store, plan), entries, kills=3, slots=10)
    assert any(seen in what for what in found), found


async def test_the_judge_sees_what_is_wrong(
    store: Store, settings: Settings, inspection: Inspection
) -> None:
    """Every kind of trouble, made by hand on a clean run."""
    chance = random.Random(1)
    plan = draw(chance, jobs=30, flows=2, longest=0.02)
    await add(plan, store)
    await work_off(store, plan, [ours(settings)], chance)
    ends = await ends_of(store, plan)
    entries = oracle.read(Path(settings.oracle))
    assert judge(plan, ends, entries, kills=0, slots=10) == []
    await inspection.check(plan)
    key = PARENTS, "f-0"
    record = ends[key].record
    assert record is not None
    changed = Ended(State.COMPLETED, structs.replace(record, returnvalue="{}"))
    own = [entry for entry in entries if (entry.queue, entry.job_id) == key]
    for wrong, end, log in (
        ("is lost", Ended(None, None), entries),
        ("is stuck: active", Ended(State.ACTIVE, record), entries),
        ("is failed instead of completed", Ended(State.FAILED, record), entries),
        ("never ran to its end", ends[key], [entry for entry in entries if entry not in own]),
        ("starts are more than", ends[key], [*entries, *entries]),
        ("ran 2 times", ends[key], [*entries, *own]),
        ("has the result", changed, entries),
    ):
        found = judge(plan, {**ends, key: end}, log, kills=0, slots=10)
        assert any(wrong in what for what in found), (wrong, found)
    late = {key: replace(plan.expected[key], due_after_ms=3_600_000)}
    found = judge(
        replace(plan, expected={**plan.expected, **late}), ends, entries, kills=0, slots=9
    )
    assert found == ["parents/f-0 started before it was due"]
