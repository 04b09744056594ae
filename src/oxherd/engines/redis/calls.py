"""How a verb reaches its script, and what the script's words of refusal mean."""

from __future__ import annotations

import secrets
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from oxherd.domain.errors import (
    BelongsToSchedule,
    HasFailedChildren,
    HasPendingChildren,
    JobNotFound,
    LockLost,
    OxherdError,
    WrongState,
)
from oxherd.domain.lifecycle import State
from oxherd.domain.record import JobKey
from oxherd.engines.redis import wire
from oxherd.engines.redis.connection import Client
from oxherd.engines.redis.endpoint import Endpoint
from oxherd.engines.redis.keys import queue_base
from oxherd.engines.redis.scripts import SCRIPTS
from oxherd.store import no_failpoint

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from oxherd.domain.outcome import Held
    from oxherd.engines.redis.wakeup import RedisWakeup
    from oxherd.store import Clock, FailPoint, Refusal

OK: Final = "ok"
"""What a script answers for an item that it did."""


def _as_it_is(answer: Any) -> Any:
    return answer


class Calls:
    """What every part of the store stands on: the one connection, and the calls of scripts."""

    def __init__(
        self,
        server: str | Endpoint,
        *,
        prefix: str,
        clock: Clock | None = None,
        failpoint: FailPoint = no_failpoint,
    ) -> None:
        self._prefix = prefix
        self._clock = clock
        self._failpoint = failpoint
        self._endpoint = Endpoint.parse(server) if isinstance(server, str) else server
        self._client = Client(self._endpoint)
        # Opened by some verbs, closed with the store.
        self._wakeups: WeakSet[RedisWakeup] = WeakSet()
        self._idle_connections: list[Any] = []
        self._blocking_reads: set[asyncio.Task[Any]] = set()

    @property
    def prefix(self) -> str:
        return self._prefix

    def _run(
        self,
        verb: str,
        queue: str,
        *values: Any,
        read: Callable[[Any], Any] = _as_it_is,
        repeatable: bool = True,
    ) -> asyncio.Future[Any]:
        """What a verb's script answers, as `read` reads it; the call is on its way already."""

        def answered(answer: Any) -> Any:
            self._failpoint(f"redis.{verb}.after_answer")
            return read(answer)

        self._failpoint(f"redis.{verb}.before_send")
        return self._client.run(
            SCRIPTS[verb], self._base(queue), *values, read=answered, repeatable=repeatable
        )

    async def _read(self, script: str, queue: str, *values: Any) -> Any:
        """The answer of a script that is no verb: it only reads, and has no fail-points."""
        return await self._client.run(SCRIPTS[script], self._base(queue), *values)

    def _settle(
        self, verb: str, queue: str, items: Sequence[Held], *values: Any
    ) -> asyncio.Future[list[Refusal]]:
        job_ids = [item.id for item in items]
        read = partial(refusals, verb.replace("_", " "), queue, job_ids)
        return self._run(verb, queue, *values, read=read)

    def _base(self, queue: str) -> str:
        return queue_base(self._prefix, queue)

    def _now(self) -> str:
        """What a script takes for the time: nothing, so that it asks the server, or a test's."""
        return "" if self._clock is None else str(self._clock())


def refusals(
    verb: str, queue: str, job_ids: Sequence[str], answers: Sequence[str]
) -> list[Refusal]:
    """The answers to a batch, one for each job."""
    return [
        None if answer == OK else refused(verb, queue, job_id, answer)
        for job_id, answer in zip(job_ids, answers, strict=True)
    ]


def refusal(verb: str, queue: str, job_id: str, answer: str) -> Refusal:
    """The answer to one job: None when it was done."""
    return None if answer == OK else refused(verb, queue, job_id, answer)


def refused(verb: str, queue: str, job_id: str, answer: str) -> OxherdError:
    """The error that a script's answer for one item means."""
    word, _, rest = answer.partition(" ")
    state = wire.STATES.get(rest)
    if word == "locked":
        held = JobKey.parse(rest)
        job_id, queue, state = held.id, held.queue, State.ACTIVE
    match word:
        case "lock-lost":
            return LockLost(job_id, queue, verb, state)
        case "wrong-state" | "locked":
            return WrongState(job_id, queue, verb, state)
        case _ if word in _ERRORS:
            return _ERRORS[word](job_id, queue)
        case _:
            return OxherdError(f"cannot {verb} job {job_id!r} of queue {queue!r}: {answer}")


_ERRORS: Final[Mapping[str, Callable[[str, str], OxherdError]]] = {
    "missing": JobNotFound,
    "scheduled": BelongsToSchedule,
    "pending-children": HasPendingChildren,
    "failed-children": HasFailedChildren,
}


def nonce() -> str:
    """By which a script knows a call that is sent again."""
    return secrets.token_hex(8)


@cache
def library_version() -> str:
    """What a queue's settings say of who wrote them."""
    try:
        return f"oxherd:{version('oxherd')}"
    except PackageNotFoundError:
        return "oxherd:0"
