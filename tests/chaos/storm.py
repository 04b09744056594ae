"""A storm: worker processes that are killed and replaced while they work off a plan."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from oxherd.domain.lifecycle import FINISHED
from tests.chaos.judge import Ended
from tests.chaos.plan import QUEUES, Plan

if TYPE_CHECKING:
    from oxherd.store import Store
    from tests.chaos.worker_process import Settings

ROOT: Final = Path(__file__).parents[2]
_LOOK: Final = 0.05
_START: Final = 40.0


class Member(Protocol):
    """A running worker process."""

    def kill(self) -> None:
        """End it at once (SIGKILL) and wait for that."""
        ...


Start = Callable[[], Awaitable[Member]]
"""Makes a member of the crew."""


class Crew:
    """Worker processes; whoever is killed is replaced by its like."""

    def __init__(self, starts: Sequence[Start], first: int) -> None:
        self._starts = starts
        self._members: list[Member] = []
        self._next = first

    async def start(self) -> None:
        for start in self._starts:
            self._members.append(await start())

    async def kill_next(self) -> None:
        """Each in its turn, so that the kinds of members alternate as the starts do."""
        place = self._next % len(self._starts)
        self._next += 1
        self._members[place].kill()
        self._members[place] = await self._starts[place]()

    def kill_all(self) -> None:
        for member in self._members:
            member.kill()


@dataclass(frozen=True, slots=True)
class OwnProcess:
    """A worker process of ours."""

    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def ours(settings: Settings) -> Start:
    """Starts worker processes of ours."""

    async def start() -> Member:
        return OwnProcess(spawn(settings))

    return start


def spawn(
    settings: Settings, module: str = "tests.chaos.worker_process"
) -> subprocess.Popen[bytes]:
    """A process of ours in the repository's root."""
    text = msgspec.json.encode(settings).decode()
    return subprocess.Popen([sys.executable, "-m", module, text], cwd=ROOT)


async def finished(store: Store) -> int:
    """How many jobs have ended."""
    counts = [await store.counts(queue) for queue in QUEUES]
    return sum(count[state] for count in counts for state in FINISHED)


async def work_off(
    store: Store,
    plan: Plan,
    starts: Sequence[Start],
    chance: random.Random,
    *,
    kills: int = 0,
    patience: float = 12.0,
) -> None:
    """Kill a worker each time so many jobs are done, until all are or nothing moves any more."""
    total = len(plan.expected)
    marks = sorted(chance.uniform(0.02, 0.9) * total for _ in range(kills))
    crew = Crew(starts, chance.randrange(len(starts)))
    try:
        await crew.start()
        still = 0.0
        last = -1
        # Before the first job is done, processes are still starting.
        while (done := await finished(store)) < total and still < (patience if done else _START):
            still = 0.0 if done != last else still + _LOOK
            last = done
            if marks and done >= marks[0]:
                del marks[0]
                await crew.kill_next()
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
