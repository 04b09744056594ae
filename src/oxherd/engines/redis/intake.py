"""Adding jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.domain.errors import InvalidFlow, JobNotFound, OxherdError, WrongState
from oxherd.domain.record import Added, JobKey
from oxherd.engines.redis import wire
from oxherd.engines.redis.calls import Calls, library_version, nonce
from oxherd.engines.redis.connection import Call
from oxherd.engines.redis.keys import queue_base
from oxherd.engines.redis.scripts import SCRIPTS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from oxherd.domain.record import NewJob

_MOST_BYTES: Final = 4 * 1024 * 1024
"""How much those who add in one tick send in one call; a call of its own may be larger."""
_MOST_CALLERS: Final = 50
_AGAIN: Final = 3
"""The place of the value that tells the script of a second sending."""
_NUMBERED: Final = 2
"""How much a script answers of a job to which it gave the id: that, and the time."""

_pack: Final = msgspec.msgpack.Encoder().encode


@dataclass(slots=True, eq=False)
class _Batch(Call):
    """What is added in one tick goes out in one call; each caller has its part of the answer."""

    callers: list[tuple[asyncio.Future[list[Any]], Sequence[msgspec.Raw]]] = field(
        default_factory=list
    )
    size: int = 0

    def has_room(self, size: int) -> bool:
        """Whether groups of so many bytes can go along."""
        waits = not self.sent and self.failing_since is None and not self.answer.done()
        return waits and self.size + size <= _MOST_BYTES

    def join(self, groups: Sequence[msgspec.Raw], size: int) -> asyncio.Future[list[Any]]:
        """The answers for these groups."""
        answers: asyncio.Future[list[Any]] = self.answer.get_loop().create_future()
        self.callers.append((answers, groups))
        self.size += size
        return answers

    def is_wanted(self) -> bool:
        if not self.sent and not self.arguments:
            self.callers = [caller for caller in self.callers if not caller[0].done()]
            together = [group for _, groups in self.callers for group in groups]
            self.values = (*self.values, together)
            if not together:
                self.answer.cancel()
        return not self.answer.done()

    def result_of(self, reply: Sequence[Any]) -> None:
        """Give each caller its part."""
        first = 0
        for caller, groups in self.callers:
            if not caller.done():
                caller.set_result(list(reply[first : first + len(groups)]))
            first += len(groups)

    def refuse(self, answer: asyncio.Future[Any]) -> None:
        """Tell all callers of what went wrong, if anything did."""
        error = None if answer.cancelled() else answer.exception()
        for caller, _ in self.callers:
            if error is not None and not caller.done():
                caller.set_exception(error)


class RedisIntake(Calls):
    """The port's `Intake`."""

    _batch: _Batch | None = None

    async def add(
        self, groups: Sequence[Sequence[NewJob]]
    ) -> list[tuple[Added, ...] | OxherdError]:
        filled = [group for group in groups if group]
        if not filled:
            return [() for _ in groups]
        packed = [
            msgspec.Raw(_pack([wire.entry(job, self._base_of(job)) for job in group]))
            for group in groups
        ]
        self._failpoint("redis.add.before_send")
        answers = await self._together(packed, self._base_of(filled[0][0]))
        self._failpoint("redis.add.after_answer")
        return [_added(group, answer) for group, answer in zip(groups, answers, strict=True)]

    def _together(self, groups: Sequence[msgspec.Raw], base: str) -> asyncio.Future[list[Any]]:
        """The answers for groups that go out with those that others add in this tick."""
        answer = self._client.enter_loop().create_future()
        size = sum(len(memoryview(group)) for group in groups)
        if self._batch is None or not self._batch.has_room(size):
            values = (self._now(), library_version(), nonce(), 0)
            self._batch = _Batch(answer, SCRIPTS["add"], base, values, again={_AGAIN: 1})
            answer.add_done_callback(self._batch.refuse)
            self._client.submit(self._batch)
        answers = self._batch.join(groups, size)
        if len(self._batch.callers) >= _MOST_CALLERS:
            # The server adds these while others of this tick are at it.
            self._client.flush()
        return answers

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
