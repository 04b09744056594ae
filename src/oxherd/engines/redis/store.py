"""RedisStore: the port on Redis or Valkey, one script for each verb."""

from __future__ import annotations

import secrets
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from oxherd.domain.errors import (
    HasFailedChildren,
    HasPendingChildren,
    InvalidFlow,
    JobNotFound,
    LockLost,
    OxherdError,
    WrongState,
)
from oxherd.domain.lifecycle import State
from oxherd.domain.record import Added, JobKey
from oxherd.engines.redis import removal, wire
from oxherd.engines.redis.connection import Client, Endpoint
from oxherd.engines.redis.event_log import EventReader
from oxherd.engines.redis.keys import listener_name, queue_base, queue_key
from oxherd.engines.redis.lock_keeper import RedisLockKeeper
from oxherd.engines.redis.reads import Reads
from oxherd.engines.redis.scripts import SCRIPTS
from oxherd.engines.redis.wakeup import RedisWakeup
from oxherd.store import Claimed, no_failpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
    from oxherd.domain.record import JobRecord, NewJob
    from oxherd.store import ChildPage, Clock, EventPage, FailPoint, LogPage, Refusal

_OK: Final = "ok"


class RedisStore:
    """A store on one server; connects when it is first used."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        clock: Clock | None = None,
        failpoint: FailPoint = no_failpoint,
    ) -> None:
        self._prefix = prefix
        self._clock = clock
        self._failpoint = failpoint
        self._endpoint = Endpoint.parse(url)
        self._client = Client(self._endpoint)
        self._reads = Reads(self._client, prefix)
        self._events = EventReader(self._client)
        self._wakeups: WeakSet[RedisWakeup] = WeakSet()

    @property
    def prefix(self) -> str:
        return self._prefix

    async def aclose(self) -> None:
        await self._client.aclose()
        for wakeup in list(self._wakeups):
            await wakeup.aclose()
        await self._events.aclose()

    # Intake

    async def add(
        self, groups: Sequence[Sequence[NewJob]]
    ) -> list[tuple[Added, ...] | OxherdError]:
        filled = [group for group in groups if group]
        if not filled:
            return [() for _ in groups]
        entries = [[wire.entry(job, self._base(job.queue)) for job in group] for group in groups]
        base, nonce, now = self._base(filled[0][0].queue), _nonce(), self._now()
        self._failpoint("redis.add.before_send")
        answers = await self._client.run(
            SCRIPTS["add"], base, now, _version(), nonce, 0, entries, again={3: 1}
        )
        self._failpoint("redis.add.after_answer")
        return [_added(group, answer) for group, answer in zip(groups, answers, strict=True)]

    # Work

    async def claim(
        self, queue: str, limit: int, *, token: str, lock_ms: int, worker: str | None = None
    ) -> Claimed:
        found, due_in, retry_after, paused = await self._run(
            "claim", queue, self._now(), limit, token, lock_ms, worker or "", repeatable=False
        )
        return Claimed(
            jobs=tuple([wire.record(queue, job[-1], job[:-1]) for job in found]),
            due_in_ms=None if due_in < 0 else due_in,
            retry_after_ms=retry_after,
            paused=bool(paused),
        )

    async def complete(self, queue: str, items: Sequence[Completion]) -> list[Refusal]:
        packed = [(item.id, item.token, item.result, wire.keep(item.keep)) for item in items]
        return await self._settle("complete", queue, items, self._now(), packed)

    async def fail(self, queue: str, items: Sequence[Failure]) -> list[Refusal]:
        packed = [
            (item.id, item.token, item.reason, item.stacktrace, wire.keep(item.keep))
            for item in items
        ]
        return await self._settle("fail", queue, items, self._now(), packed)

    async def retry(self, queue: str, items: Sequence[Retrial]) -> list[Refusal]:
        packed = [
            (item.id, item.token, item.reason, item.stacktrace, item.delay_ms) for item in items
        ]
        return await self._settle("retry", queue, items, self._now(), packed)

    async def postpone(self, queue: str, items: Sequence[Postponement]) -> list[Refusal]:
        packed = [(item.id, item.token, item.delay_ms) for item in items]
        return await self._settle("postpone", queue, items, self._now(), packed)

    async def await_children(self, queue: str, items: Sequence[Held]) -> list[OxherdError | bool]:
        packed = [(item.id, item.token) for item in items]
        answers = await self._run("await_children", queue, self._now(), packed)
        return [
            answer == _OK
            if answer in (_OK, "nothing-pending")
            else _refused("await children", queue, item.id, answer)
            for item, answer in zip(items, answers, strict=True)
        ]

    async def release(self, queue: str, items: Sequence[Held]) -> list[Refusal]:
        return await self._settle(
            "release", queue, items, [(item.id, item.token) for item in items]
        )

    async def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[Refusal]:
        packed = [(item.id, item.token) for item in items]
        return await self._settle("extend_locks", queue, items, lock_ms, packed)

    async def rescue(self, queue: str, *, max_stalled_count: int, interval_ms: int) -> list[str]:
        answer = await self._run(
            "rescue", queue, self._now(), max_stalled_count, interval_ms, _nonce()
        )
        return list(answer)

    async def promote_due(self, queue: str) -> int:
        return int(await self._run("promote_due", queue, self._now()))

    def wakeup(self, queue: str, worker: str | None = None) -> RedisWakeup:
        wakeup = RedisWakeup(
            self._client,
            queue_key(self._base(queue), "marker"),
            listener_name(self._prefix, queue, worker),
        )
        self._wakeups.add(wakeup)
        return wakeup

    def lock_keeper(self) -> RedisLockKeeper:
        return RedisLockKeeper(self._endpoint, self._prefix)

    # Tend

    async def update_data(
        self, queue: str, job_id: str, data: str, token: str | None = None
    ) -> Refusal:
        answer = await self._run("update_data", queue, job_id, token or "", data)
        return _refusal("update the data of", queue, job_id, answer)

    async def update_progress(
        self, queue: str, job_id: str, progress: str, token: str | None = None
    ) -> Refusal:
        answer = await self._run("update_progress", queue, job_id, token or "", progress, _nonce())
        return _refusal("update the progress of", queue, job_id, answer)

    async def append_log(
        self, queue: str, job_id: str, lines: Sequence[str], token: str | None = None
    ) -> int | OxherdError:
        answer = await self._run(
            "append_log", queue, job_id, token or "", list(lines), repeatable=False
        )
        if isinstance(answer, int):
            return answer
        return _refused("log for", queue, job_id, answer)

    async def promote(self, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
        answers = await self._run("promote", queue, _nonce(), list(job_ids))
        return _refusals("promote", queue, job_ids, answers)

    async def reprocess(self, queue: str, job_ids: Sequence[str], state: State) -> list[Refusal]:
        structure = wire.STRUCTURES[state]
        answers = await self._run(
            "reprocess", queue, self._now(), _nonce(), structure, list(job_ids)
        )
        return _refusals("reprocess", queue, job_ids, answers)

    async def remove(self, queue: str, job_ids: Sequence[str], *, children: bool) -> list[Refusal]:
        self._failpoint("redis.remove.before_send")
        answers = [
            await removal.remove(
                self._client, self._base(queue), job_id, self._now(), children=children
            )
            for job_id in job_ids
        ]
        self._failpoint("redis.remove.after_answer")
        return _refusals("remove", queue, job_ids, answers)

    # Control

    async def pause(self, queue: str) -> None:
        await self._run("pause", queue, _nonce())

    async def resume(self, queue: str) -> None:
        while await self._run("resume", queue, _nonce()) != _OK:
            pass

    # Inspect

    async def jobs(self, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
        return await self._reads.jobs(queue, job_ids)

    async def states(self, queue: str, job_ids: Sequence[str]) -> list[State | None]:
        return await self._reads.states(queue, job_ids)

    async def list_jobs(
        self, queue: str, state: State, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[JobRecord]:
        return await self._reads.list_jobs(queue, state, start, end, ascending=ascending)

    async def counts(self, queue: str) -> dict[State, int]:
        return await self._reads.counts(queue)

    async def children(
        self, queue: str, job_id: str, start: int = 0, count: int | None = None
    ) -> ChildPage:
        return await self._reads.children(queue, job_id, start, count)

    async def logs(self, queue: str, job_id: str, start: int = 0, end: int = -1) -> LogPage:
        return await self._reads.logs(queue, job_id, start, end)

    async def is_paused(self, queue: str) -> bool:
        return await self._reads.is_paused(queue)

    async def queues(self) -> list[str]:
        return await self._reads.queues()

    # EventLog

    async def last_event_id(self, queue: str) -> str:
        return await self._events.last_id(queue_key(self._base(queue), "events"))

    async def read_events(
        self, queue: str, cursor: str, *, limit: int = 100, block_ms: int = 0
    ) -> EventPage:
        key = queue_key(self._base(queue), "events")
        return await self._events.read(key, queue, cursor, limit, block_ms)

    async def _run(self, verb: str, queue: str, *values: Any, repeatable: bool = True) -> Any:
        self._failpoint(f"redis.{verb}.before_send")
        answer = await self._client.run(
            SCRIPTS[verb], self._base(queue), *values, repeatable=repeatable
        )
        self._failpoint(f"redis.{verb}.after_answer")
        return answer

    async def _settle(
        self, verb: str, queue: str, items: Sequence[Held], *values: Any
    ) -> list[Refusal]:
        answers = await self._run(verb, queue, *values)
        return _refusals(verb.replace("_", " "), queue, [item.id for item in items], answers)

    def _base(self, queue: str) -> str:
        return queue_base(self._prefix, queue)

    def _now(self) -> str:
        """What a script takes for the time: nothing, so that it asks the server, or a test's."""
        return "" if self._clock is None else str(self._clock())


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
        Added(job.id, abs(time), duplicate=time < 0)
        for job, time in zip(group, answer, strict=True)
    )


def _refusals(
    verb: str, queue: str, job_ids: Sequence[str], answers: Sequence[str]
) -> list[Refusal]:
    return [
        None if answer == _OK else _refused(verb, queue, job_id, answer)
        for job_id, answer in zip(job_ids, answers, strict=True)
    ]


def _refusal(verb: str, queue: str, job_id: str, answer: str) -> Refusal:
    return None if answer == _OK else _refused(verb, queue, job_id, answer)


def _refused(verb: str, queue: str, job_id: str, answer: str) -> OxherdError:
    """The error that a script's answer for one item means."""
    word, _, rest = answer.partition(" ")
    state = wire.STATES.get(rest)
    if word == "locked":
        held = JobKey.parse(rest)
        job_id, queue, state = held.id, held.queue, State.ACTIVE
    match word:
        case "missing":
            return JobNotFound(job_id, queue)
        case "lock-lost":
            return LockLost(job_id, queue, verb, state)
        case "wrong-state" | "locked":
            return WrongState(job_id, queue, verb, state)
        case "pending-children":
            return HasPendingChildren(job_id, queue)
        case "failed-children":
            return HasFailedChildren(job_id, queue)
        case _:
            return OxherdError(f"cannot {verb} job {job_id!r} of queue {queue!r}: {answer}")


def _nonce() -> str:
    """By which a script knows a call that is sent again."""
    return secrets.token_hex(8)


@cache
def _version() -> str:
    try:
        return f"oxherd:{version('oxherd')}"
    except PackageNotFoundError:
        return "oxherd:0"


__all__ = ["RedisStore"]
