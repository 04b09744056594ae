"""The work of a storm, drawn from a seed, with what must have become of each job."""

from __future__ import annotations

import os
import random
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oxherd import FlowJob, FlowProducer, JobOptions, Queue, State

if TYPE_CHECKING:
    from oxherd.store import Store

WORK: Final = "work"
PARENTS: Final = "parents"
QUEUES: Final = (WORK, PARENTS)
REASON: Final = "this one is meant to fail"
_CHILDREN: Final = 5
_KINDS: Final = 20


@dataclass(frozen=True, slots=True)
class Expected:
    """How a job must end."""

    state: State
    value: Any = None
    attempts: int = 1
    due_after_ms: int = 0
    """How long after its creation it may start, at the earliest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Jobs and flows to add, and the end of each, by queue and id."""

    jobs: list[tuple[str, dict[str, Any], JobOptions]] = field(default_factory=list)
    flows: list[FlowJob] = field(default_factory=list)
    expected: dict[tuple[str, str], Expected] = field(default_factory=dict)


def seed_of_run() -> int:
    """`OXHERD_CHAOS_SEED` repeats the storm of a run that printed it."""
    seed = int(os.environ.get("OXHERD_CHAOS_SEED") or secrets.randbits(32))
    print(f"OXHERD_CHAOS_SEED={seed}")  # noqa: T201 - shown with a failure
    return seed


def draw(chance: random.Random, *, jobs: int, flows: int, longest: float) -> Plan:
    """A plan of plain jobs and of flows with five children each; times in seconds."""
    plan = Plan()
    # Every kind comes as often as it should, so that each verb is needed whatever is drawn.
    kinds = [number % _KINDS for number in range(jobs)]
    chance.shuffle(kinds)
    for number, kind in enumerate(kinds):
        job_id = f"j-{number}"
        data, options, expected = _job(chance, job_id, number, longest, kind)
        plan.jobs.append((job_id, data, options))
        plan.expected[WORK, job_id] = expected
    for number in range(flows):
        plan.flows.append(_flow(chance, plan, f"f-{number}", longest))
    return plan


async def add(plan: Plan, store: Store) -> None:
    """Add it all; every job is acknowledged when this returns."""
    async with Queue(WORK, store=store) as queue, FlowProducer(store=store) as flows:
        await queue.add_bulk([("task", data, options) for _, data, options in plan.jobs])
        await flows.add_bulk(plan.flows)


def _job(
    chance: random.Random, job_id: str, value: Any, longest: float, kind: int
) -> tuple[dict[str, Any], JobOptions, Expected]:
    data: dict[str, Any] = {"takes": round(chance.uniform(0.01, longest), 3), "value": value}
    options: dict[str, Any] = {"job_id": job_id}
    state, attempts, delay = State.COMPLETED, 1, 0.0
    match kind:
        case 0:
            data["fatal"] = REASON
            state = State.FAILED
        case 1 | 2:
            data["fails"] = chance.randint(1, 2)
            options |= {"attempts": 3, "backoff": round(chance.uniform(0.01, 0.3), 3)}
            attempts = data["fails"] + 1
        case 3 | 4:
            delay = options["delay"] = round(chance.uniform(0.05, 2), 3)
        case 5 | 6:
            options["priority"] = chance.randint(1, 5)
        case _:
            pass
    result = value if state is State.COMPLETED else None
    return data, JobOptions(**options), Expected(state, result, attempts, int(delay * 1000))


def _flow(chance: random.Random, plan: Plan, root: str, longest: float) -> FlowJob:
    children: list[FlowJob] = []
    values: dict[str, Any] = {}
    for number in range(_CHILDREN):
        job_id = f"{root}-{number}"
        # No child is of kind 0, which fails.
        kind = chance.randrange(1, _KINDS)
        data, options, expected = _job(chance, job_id, number, longest, kind)
        plan.expected[WORK, job_id] = expected
        values[job_id] = number
        children.append(FlowJob("task", queue=WORK, data=data, options=options))
    plan.expected[PARENTS, root] = Expected(State.COMPLETED, values)
    return FlowJob(
        "gather",
        queue=PARENTS,
        data={"takes": round(chance.uniform(0.01, longest), 3), "gather": True},
        options=JobOptions(job_id=root),
        children=children,
    )
