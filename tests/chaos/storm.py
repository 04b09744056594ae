"""A storm: worker processes that are killed and replaced while they work off a plan."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from oxherd.domain.lifecycle import FINISHED
from tests.chaos.judge import Ended
from tests.chaos.plan import QUEUES, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.store import Store
    from tests.chaos.worker_process import Settings

ROOT: Final = Path(__file__).parents[2]
_LOOK: Final = 0.05
_START: Final = 40.0


@dataclass(slots=True)
class Crew:
    """Worker processes; whoever is killed is replaced."""

    settings: Settings
    processes: list[subprocess.Popen[bytes]]

    @classmethod
    def start(cls, settings: Settings, size: int) -> Crew:
        return cls(settings, [spawn(settings) for _ in range(size)])

    def kill_one(self, chance: random.Random) -> None:
        place = chance.randrange(len(self.processes))
        kill(self.processes[place])
        self.processes[place] = spawn(self.settings)

    def kill_all(self) -> None:
        for process in self.processes:
            kill(process)


def spawn(
    settings: Settings, module: str = "tests.chaos.worker_process"
) -> subprocess.Popen[bytes]:
    """A process of ours in the repository's root."""
    text = msgspec.json.encode(settings).decode()
    return subprocess.Popen([sys.executable, "-m", module, text], cwd=ROOT)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


async def finished(store: Store) -> int:
    """How many jobs have ended."""
    counts = [await store.counts(queue) for queue in QUEUES]
    return sum(count[state] for count in counts for state in FINISHED)


async def work_off(
    store: Store,
    plan: Plan,
    settings: Settings,
    chance: random.Random,
    *,
    kills: int,
    crew_size: int = 4,
    patience: float = 12.0,
) -> None:
    """Kill a worker each time so many jobs are done, until all are or nothing moves any more."""
    total = len(plan.expected)
    marks = sorted(chance.uniform(0.02, 0.9) * total for _ in range(kills))
    crew = Crew.start(settings, crew_size)
    try:
        still = 0.0
        last = -1
        # Before the first job is done, processes are still starting.
        while (done := await finished(store)) < total and still < (patience if done else _START):
            still = 0.0 if done != last else still + _LOOK
            last = done
            if marks and done >= marks[0]:
                del marks[0]
                crew.kill_one(chance)
            await asyncio.sleep(_LOOK)
    finally:
        crew.kill_all()
    assert not marks or last < total, "the work was done before the storm was over"


async def ends_of(store: Store, plan: Plan) -> dict[tuple[str, str], Ended]:
    """Every planned job as the store has it now."""
    found: dict[tuple[str, str], Ended] = {}
    for queue in QUEUES:
        ids: Sequence[str] = [job_id for name, job_id in plan.expected if name == queue]
        states = await store.states(queue, ids)
        records = await store.jobs(queue, ids)
        for job_id, state, record in zip(ids, states, records, strict=True):
            found[queue, job_id] = Ended(state, record)
    return found


def without_rescue(settings: Settings) -> Settings:
    """Workers as they must not be."""
    return replace(settings, rescues=False)
