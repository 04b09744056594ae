"""Short ways to make schedules and to run their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oxherd.domain.options import JobOptions
from oxherd.domain.schedule import Repeat, Schedule

if TYPE_CHECKING:
    from tests.conformance.scenario import Hand, Scenario


def schedule(
    schedule_id: str = "tick", *, name: str = "tock", data: str = '{"a":1}', **fields: Any
) -> Schedule:
    """A schedule; what `JobOptions` knows goes to its jobs, the rest says when they are due."""
    options = {key: fields.pop(key) for key in list(fields) if key in JobOptions.__slots__}
    if "pattern" not in fields:
        fields.setdefault("every_ms", 1_000)
    return Schedule(
        id=schedule_id,
        repeat=Repeat(**fields),
        name=name,
        data=data,
        options=JobOptions(**options),
    )


async def put(scenario: Scenario, made: Schedule) -> str:
    """Put a schedule that has a next job; the job's id."""
    job_id = await scenario.store.put_schedule("q", made)
    assert isinstance(job_id, str)
    return job_id


async def fire(scenario: Scenario, hand: Hand) -> str | None:
    """Have the follower of a claimed job made; its id."""
    (job_id,) = await scenario.store.fire_schedule("q", [hand.record])
    return job_id


async def run(scenario: Scenario) -> str | None:
    """Claim the next job, which must be a schedule's, and run it as a worker would."""
    hand = await scenario.claim()
    following = await fire(scenario, hand)
    await scenario.complete(hand)
    return following


async def occupy(scenario: Scenario, *times: int) -> None:
    """Leave finished jobs that have the ids of a schedule's next ones."""
    for due in times:
        job_id = await put(scenario, schedule(start_ms=due))
        if due > scenario.clock.now_ms:
            await scenario.promote(job_id)
        await scenario.complete(await scenario.claim(job_id=job_id))
        assert await scenario.store.remove_schedule("q", "tick")
