"""Work: who runs jobs holds this, and what it waits and renews with."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from oxherd.domain.errors import OxherdError
from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
from oxherd.domain.rate_limit import RateLimit
from oxherd.store.answers import Claimed, Refusal, Rescued


class Wakeup(Protocol):
    """One waiting worker's ear: it hears when there may be work."""

    def attend(self) -> None:
        """Show from now on that a worker is there, busy or not, where a store shows its workers."""
        ...

    async def wait(self, timeout_ms: int) -> None:
        """Return when there may be a job to claim, or after `timeout_ms`.

        A new delayed job that is due before the others counts too, so that the caller can look
        at the time again. It may return early for no reason. Work that appeared between the last
        claim and this call is heard. It survives a lost connection: it waits, and tries again.
        """
        ...

    async def aclose(self) -> None:
        """Stop listening; a `wait` under way returns within a second."""
        ...


class LockKeeper(Protocol):
    """Renews locks from a thread of its own: it blocks, and shares nothing with the event loop."""

    def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[bool]:
        """As `Work.extend_locks`, blocking; False for a lock that is lost."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Work(Protocol):
    """Who runs jobs holds this.

    What settles and claims is on its way when the call returns, in the order of the calls; those of
    one tick of the event loop may share a round trip. The answer is awaited, or not.
    """

    def claim(
        self,
        queue: str,
        limit: int,
        *,
        token: str,
        lock_ms: int,
        worker: str | None = None,
        rate: RateLimit | None = None,
    ) -> Awaitable[Claimed]:
        """Take up to `limit` jobs for `lock_ms`; `token` is fresh for every call.

        Due jobs are promoted first (`promote_due`), even when the queue is paused. Claiming sets
        `processed_on`, `processed_by` and adds 1 to `attempts_started`. A row that cannot be
        parsed comes with `JobRecord.unreadable`; a listed job without a record is dropped.
        At most the queue's `concurrency` are active. The queue's own rate limit gives the number
        and `rate` the window, each the other where one is missing (BullMQ protocol, 4.4); a
        job with a deferred failure costs no token. Only where there is a number is a queue that
        is held (`hold`) held. `retry_after_ms` says for how long.
        With a `limit` of 0 nothing is taken, and a wake-up is passed on to another worker if
        there is work (for a worker that heard it with its hands full).
        Not repeatable: the jobs of an unanswered claim come back by `rescue`.
        """
        ...

    def complete(
        self, queue: str, items: Sequence[Completion], *, metrics: int = 0
    ) -> Awaitable[list[Refusal]]:
        """End jobs well: store the result, settle the parents, apply retention.

        With `metrics` each is counted, and that many points of a minute are kept.

        A parent that runs because of `CONTINUE_PARENT` is cut off from its pending children.
        Refusals: `JobNotFound`, `LockLost`, `HasPendingChildren`, `HasFailedChildren`.
        `drained` follows when nothing waits and nothing is active any more.
        """
        ...

    def fail(
        self, queue: str, items: Sequence[Failure], *, metrics: int = 0
    ) -> Awaitable[list[Refusal]]:
        """End jobs badly, for good: each edge's policy decides what the parent does.

        `metrics` as in `complete`.

        A deferred failure names the child that failed last; a parent that was delayed has spent
        its delay. `retries-exhausted` follows when the attempts made have reached the job's
        tries; `drained` as in `complete`. Refusals: `JobNotFound`, `LockLost`.
        """
        ...

    def retry(self, queue: str, items: Sequence[Retrial]) -> Awaitable[list[Refusal]]:
        """An attempt failed and another follows, at once (as `add` would place it) or delayed.

        Counts the attempt and stores the reason. Refusals: `JobNotFound`, `LockLost`.
        """
        ...

    def postpone(self, queue: str, items: Sequence[Postponement]) -> Awaitable[list[Refusal]]:
        """Run again later; no attempt is counted. Refusals: `JobNotFound`, `LockLost`."""
        ...

    def await_children(
        self, queue: str, items: Sequence[Held]
    ) -> Awaitable[list[OxherdError | bool]]:
        """Wait for pending children; False, and nothing changes, when there are none.

        Refusals: `JobNotFound`, `LockLost`, `HasFailedChildren` (a child failed the parent).
        """
        ...

    def release(self, queue: str, items: Sequence[Held]) -> Awaitable[list[Refusal]]:
        """Give jobs back to the front, item by item: the last is claimed first. No attempt counts.

        Refusals: `JobNotFound`, `LockLost`.
        """
        ...

    def extend_locks(
        self, queue: str, items: Sequence[Held], lock_ms: int
    ) -> Awaitable[list[Refusal]]:
        """Hold jobs for another `lock_ms` from now. Refusals: `JobNotFound`, `LockLost`."""
        ...

    async def rescue(self, queue: str, *, max_stalled_count: int, interval_ms: int) -> Rescued:
        """Take back jobs whose lock is lost, to the front; settle what other programs left.

        A job is back by the second call after its lock vanished, calls being `interval_ms` apart
        (more frequent ones may do nothing). Jobs taken back together keep their order. Past
        `max_stalled_count` rescues a job gets a deferred failure, "job stalled more than
        allowable limit", with which it is claimed and failed.

        Workers of other programs settle the first parent of a job only. Every call settles the
        others, of jobs that are in this queue and of jobs whose parents are.
        """
        ...

    async def promote_due(self, queue: str) -> int:
        """Make delayed jobs whose time has come ready, at most 1,000; answers how many."""
        ...

    def wakeup(self, queue: str, worker: str | None = None) -> Wakeup:
        """A waiting worker's ear on a queue; connects when it is first used."""
        ...

    def lock_keeper(self) -> LockKeeper:
        """What a renewal thread holds; made on the loop, used on the thread."""
        ...
