"""Adding jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.errors import InvalidFlow, JobNotFound, OxherdError, WrongState
from oxherd.domain.record import Added, JobKey
from oxherd.engines.redis import wire
from oxherd.engines.redis.calls import Calls, library_version, nonce
from oxherd.engines.redis.keys import queue_base
from oxherd.engines.redis.scripts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.record import NewJob

_NUMBERED: Final = 2
"""How much a script answers of a job to which it gave the id: that, and the time."""


class RedisIntake(Calls):
    """The port's `Intake`."""

    async def add(
        self, groups: Sequence[Sequence[NewJob]]
    ) -> list[tuple[Added, ...] | OxherdError]:
        filled = [group for group in groups if group]
        if not filled:
            return [() for _ in groups]
        entries = [[wire.entry(job, self._base_of(job)) for job in group] for group in groups]
        base, now = self._base_of(filled[0][0]), self._now()
        self._failpoint("redis.add.before_send")
        answers = await self._client.run(
            SCRIPTS["add"], base, now, library_version(), nonce(), 0, entries, again={3: 1}
        )
        self._failpoint("redis.add.after_answer")
        return [_added(group, answer) for group, answer in zip(groups, answers, strict=True)]

    def _base_of(self, job: NewJob) -> str:
        return queue_base(job.prefix or self._prefix, job.queue)


def _added(group: Sequence[NewJob], answer: Any) -> tuple[Added, ...] | OxherdError:
    if isinstance(answer, str):
        word, _, rest = answer.partition(" ")
        if word == "own-ancestor":
            return InvalidFlow(f"job {rest} would be its own ancestor; no job of it could start")
        job_key, _, structure = (
            rest.rpartition(" ") if word == "parent-finished" else (rest, "", "")
        )
        parent = JobKey.parse(job_key)
        if word == "parent-missing":
            return JobNotFound(parent.id, parent.queue)
        return WrongState(parent.id, parent.queue, "add children to", wire.STATES.get(structure))
    return tuple(
        Added(job.id, abs(found), duplicate=found < 0)
        if isinstance(found, int)
        else Added(found[0], found[1], deduplicated=len(found) > _NUMBERED)
        for job, found in zip(group, answer, strict=True)
    )
