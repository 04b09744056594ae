"""Schedules: read, decided here by the server's time, and written if nothing changed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.errors import WrongState
from oxherd.domain.schedule import Repeat, has_ended, job_id_of, next_due
from oxherd.engines.redis import schedule_wire, wire
from oxherd.engines.redis.calls import OK, Calls, library_version, nonce
from oxherd.engines.redis.schedule_wire import COUNT_FIELD, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.record import JobRecord
    from oxherd.domain.schedule import Schedule

_TAKEN: Final = "taken"
"""What a script answers when another job has the next one's id."""

_SLOTS: Final = 33
"""How many times are tried until a free one is found."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of a schedule; nothing of one that is not there."""

    due: str = ""
    is_pending: bool = False
    """Its next job waits to be claimed."""
    fields: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, due: str, is_pending: int, fields: Sequence[str]) -> _Known:
        return cls(due, bool(is_pending), pairs(fields))

    @property
    def due_ms(self) -> int | None:
        return int(float(self.due)) if self.due else None

    @property
    def made(self) -> int:
        """How many jobs it has made; a pending one gives its number to the one after it."""
        return int(self.fields.get(COUNT_FIELD, 0)) - self.is_pending

    @property
    def repeat(self) -> Repeat | None:
        try:
            return schedule_wire.read_repeat(self.fields)
        except UNREADABLE:
            return None


class RedisSchedules(Calls):
    """The port's `Schedules`."""

    async def put_schedule(self, queue: str, schedule: Schedule) -> str | OxherdError | None:
        while True:
            now, (known,) = await self._known(queue, [schedule.id])
            due = _due(schedule.repeat, known, now)
            if due is None or has_ended(schedule.repeat, count=known.made, now_ms=now):
                return None
            answer = await self._put(queue, schedule, known, due=due, now=now)
            if answer is not None:
                return answer

    async def fire_schedule(self, queue: str, jobs: Sequence[JobRecord]) -> list[str | None]:
        answers: list[str | None] = [None] * len(jobs)
        todo = {at: job for at, job in enumerate(jobs) if job.schedule_id is not None}
        after: dict[int, int] = {}
        for _ in range(_SLOTS):
            items = await self._following(queue, todo, after)
            if not items:
                break
            now, following = items
            words = await self._run("fire_schedule", queue, nonce(), now, list(following.values()))
            told = dict(zip(following, words, strict=True))
            answers = [
                following[at][2]["id"] if told.get(at) == OK else answer
                for at, answer in enumerate(answers)
            ]
            after |= {at: following[at][2]["due"] for at, word in told.items() if word == _TAKEN}
            todo = {at: todo[at] for at, word in told.items() if word != OK}
        return answers

    async def remove_schedule(self, queue: str, schedule_id: str) -> bool:
        answer = await self._run("remove_schedule", queue, self._now(), nonce(), schedule_id)
        return bool(answer)

    async def _known(self, queue: str, ids: Sequence[str]) -> tuple[int, list[_Known]]:
        """The store's time, and what it has of some schedules."""
        now, *found = await self._read("schedules_known", queue, self._now(), list(ids))
        return now, [_Known.of(*one) if one else _Known() for one in found]

    async def _put(
        self, queue: str, schedule: Schedule, known: _Known, *, due: int, now: int
    ) -> str | OxherdError | None:
        """Write it with the first free time from `due` on; None if what is known is old."""
        count = known.made + 1
        definition = schedule_wire.definition(
            schedule, offset=_offset(schedule.repeat, known, due), count=count
        )
        slot: int | None = due
        for _ in range(_SLOTS):
            if slot is None:
                break
            due = slot
            job = schedule_wire.first_job(schedule, due=due, now=now, count=count)
            word = await self._run(
                "put_schedule", queue, library_version(), nonce(), schedule.id, known.due,
                int(known.is_pending), now, definition, job,
            )  # fmt: skip
            if word != _TAKEN:
                return job_id_of(schedule.id, due) if word == OK else None
            slot = next_due(schedule.repeat, previous_ms=due, now_ms=now)
        job_id = job_id_of(schedule.id, due)
        (state,) = await self._read("states", queue, [job_id])
        return WrongState(job_id, queue, "schedule", wire.STATES.get(state))

    async def _following(
        self, queue: str, todo: Mapping[int, JobRecord], after: Mapping[int, int]
    ) -> tuple[int, dict[int, _Item]] | None:
        """The time, and what follows each job, if anything follows any."""
        ids = list(dict.fromkeys([job.schedule_id or "" for job in todo.values()]))
        if not ids:
            return None
        now, found = await self._known(queue, ids)
        known = dict(zip(ids, found, strict=True))
        items = {
            at: item
            for at, job in todo.items()
            if (item := _item(job, known[job.schedule_id or ""], now, after.get(at))) is not None
        }
        return (now, items) if items else None


_Item = tuple[str, str, dict[str, Any]]
"""A schedule's id, when its next job was due as it was read, the job that follows."""


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """A hash, as a script answers it."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _due(repeat: Repeat, known: _Known, now: int) -> int | None:
    """When the next job is due of a schedule that is put."""
    if known.due_ms is None or _is_other(repeat, known.repeat):
        return next_due(repeat, previous_ms=None, now_ms=now)
    if known.is_pending:
        return known.due_ms
    return next_due(repeat, previous_ms=known.due_ms, now_ms=now)


def _is_other(repeat: Repeat, stored: Repeat | None) -> bool:
    """Whether the times begin anew: `every` changed, or anything about a pattern."""
    if stored is None or repeat.every_ms is not None:
        return stored is None or repeat.every_ms != stored.every_ms
    return (repeat.pattern, repeat.tz, repeat.start_ms, repeat.end_ms) != (
        stored.pattern, stored.tz, stored.start_ms, stored.end_ms,
    )  # fmt: skip


def _offset(repeat: Repeat, known: _Known, due: int) -> int | None:
    """What is stored for it: where the times lie in their grid, unless it was given."""
    if repeat.every_ms is not None and repeat.offset_ms:
        return repeat.offset_ms
    if known.is_pending:
        stored = known.fields.get("offset")
        return None if stored is None else int(float(stored))
    return 0 if repeat.every_ms is None else due % repeat.every_ms


def _item(job: JobRecord, known: _Known, now: int, after: int | None) -> _Item | None:
    """What follows a job, if its schedule waits for it."""
    schedule_id = job.schedule_id or ""
    due = known.due_ms
    if due is None or job.id != job_id_of(schedule_id, due):
        return None
    try:
        following = schedule_wire.next_job(
            job, known.fields, now=now, after=due if after is None else after
        )
    except UNREADABLE:
        return None
    return None if following is None else (schedule_id, known.due, following)
