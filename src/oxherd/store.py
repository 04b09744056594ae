"""THE PORT: what an engine does for everybody above it, in transitions, not in queries.

Rules that hold for every verb:

- A mutating verb is atomic, takes a batch, and judges each item alone: the answer has one entry
  per item, in order, and an item that is refused is answered by an error *returned* there. What
  is raised instead (`StoreUnavailable`, `StoreFull`, `StoreMoved`, `Closed`) concerns the call.
- Everything is checked before the first write, and every verb but `claim` and `append_log` may
  be sent again after a lost answer: the work is found done and answered as before.
- Events are written inside the transition that causes them, in the order `TRANSITIONS` gives.
- Time is the store's: the server's clock on Redis, the host's wall clock on SQLite (never
  running backwards), or the `clock` given to the engine's constructor, in milliseconds.
- Order: waiting jobs are claimed before prioritized ones, in the order in which they were
  committed; prioritized ones by priority, then in that order. Parents released by their
  children, rescued and released jobs go in front.
- A lock that has expired is lost, rescued yet or not: its holder is answered `LockLost`.
- No key, row, connection or script crosses this file; `queue` is a queue's plain name, and full
  job keys `prefix:queue:id` are text.
- The port is private to the package and may change in any release.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from oxherd.domain.errors import OxherdError
from oxherd.domain.events import Event
from oxherd.domain.lifecycle import State
from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
from oxherd.domain.record import Added, ChildLink, JobRecord, NewJob

Clock = Callable[[], int]
"""Milliseconds since the epoch."""

FailPoint = Callable[[str], None]
"""Called with the name of each point at which a test may end the process; does nothing else."""

Refusal = OxherdError | None
"""The answer to one item: None when it was done (now or by an earlier sending)."""


def no_failpoint(name: str) -> None:
    """The fail-point of production: nothing happens."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim got."""

    jobs: tuple[JobRecord, ...]
    due_in_ms: int | None = None
    """How long, by the store's time, until the earliest delayed job is due; None without one, or
    when a job was claimed."""
    retry_after_ms: int = 0
    """How long a rate limit of the queue forbids the next claim."""
    paused: bool = False
    """The queue is paused, or has all the active jobs it may have."""


@dataclass(frozen=True, slots=True)
class ChildPage:
    """Some of a job's children, in the order in which they were defined."""

    links: tuple[ChildLink, ...]
    total: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some of a job's log lines, oldest first."""

    lines: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events after a cursor."""

    events: tuple[Event, ...]
    cursor: str
    """Give it to the next read."""
    trimmed: bool = False
    """Events after the given cursor were trimmed away before they were read."""


class Wakeup(Protocol):
    """One waiting worker's ear: it hears when there may be work."""

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


class Intake(Protocol):
    """Who adds jobs holds this."""

    @property
    def prefix(self) -> str:
        """The first part of every job key of this store."""
        ...

    async def add(
        self, groups: Sequence[Sequence[NewJob]]
    ) -> list[tuple[Added, ...] | OxherdError]:
        """Add groups of jobs; a group is all or none, groups are independent.

        In a group a parent comes before its children. A job with `children` in its group starts
        in waiting-children; else a delay makes it delayed, a priority prioritized (`lifo` is
        ignored there), and `lifo` puts a waiting job in front. Due time: timestamp + delay.

        A job with an edge to a parent outside the group is refused with `JobNotFound` when that
        parent does not exist, `WrongState` when it is finished. A parent's edges are in the order
        of `NewJob.children`; later ones follow.

        A given id that exists is answered by `ADOPTIONS`, with `Added.duplicate` and one
        `duplicated` event; jobs that are in the group only below it are not added (they are
        answered with what they would have had, and `duplicate`). Attaching it where it is its own
        ancestor refuses the group with `InvalidFlow`. A fresh id that exists is this add sent
        again: nothing is written.

        At the end, parents of the group with nothing pending are released (`settle_parent`).
        """
        ...


class Work(Protocol):
    """Who runs jobs holds this."""

    async def claim(
        self, queue: str, limit: int, *, token: str, lock_ms: int, worker: str | None = None
    ) -> Claimed:
        """Take up to `limit` jobs for `lock_ms`; `token` is fresh for every call.

        Due jobs are promoted first (`promote_due`), even when the queue is paused. Claiming sets
        `processed_on`, `processed_by` and adds 1 to `attempts_started`. A row that cannot be
        parsed comes with `JobRecord.unreadable`; a listed job without a record is dropped.
        With a `limit` of 0 nothing is taken, and a wake-up is passed on to another worker if
        there is work (for a worker that heard it with its hands full).
        Not repeatable: the jobs of an unanswered claim come back by `rescue`.
        """
        ...

    async def complete(self, queue: str, items: Sequence[Completion]) -> list[Refusal]:
        """End jobs well: store the result, settle the parents, apply retention.

        A parent that runs because of `CONTINUE_PARENT` is cut off from its pending children.
        Refusals: `JobNotFound`, `LockLost`, `HasPendingChildren`, `HasFailedChildren`.
        `drained` follows when nothing waits and nothing is active any more.
        """
        ...

    async def fail(self, queue: str, items: Sequence[Failure]) -> list[Refusal]:
        """End jobs badly, for good: each edge's policy decides what the parent does.

        A deferred failure names the child that failed last; a parent that was delayed has spent
        its delay. `retries-exhausted` follows when the attempts made have reached the job's
        tries; `drained` as in `complete`. Refusals: `JobNotFound`, `LockLost`.
        """
        ...

    async def retry(self, queue: str, items: Sequence[Retrial]) -> list[Refusal]:
        """An attempt failed and another follows, at once (as `add` would place it) or delayed.

        Counts the attempt and stores the reason. Refusals: `JobNotFound`, `LockLost`.
        """
        ...

    async def postpone(self, queue: str, items: Sequence[Postponement]) -> list[Refusal]:
        """Run again later; no attempt is counted. Refusals: `JobNotFound`, `LockLost`."""
        ...

    async def await_children(self, queue: str, items: Sequence[Held]) -> list[OxherdError | bool]:
        """Wait for pending children; False, and nothing changes, when there are none.

        Refusals: `JobNotFound`, `LockLost`, `HasFailedChildren` (a child failed the parent).
        """
        ...

    async def release(self, queue: str, items: Sequence[Held]) -> list[Refusal]:
        """Give jobs back to the front, item by item: the last is claimed first. No attempt counts.

        Refusals: `JobNotFound`, `LockLost`.
        """
        ...

    async def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[Refusal]:
        """Hold jobs for another `lock_ms` from now. Refusals: `JobNotFound`, `LockLost`."""
        ...

    async def rescue(self, queue: str, *, max_stalled_count: int, interval_ms: int) -> list[str]:
        """Take back jobs whose lock is lost, to the front; answers their ids.

        A job is back by the second call after its lock vanished, calls being `interval_ms` apart
        (more frequent ones may do nothing). Jobs taken back together keep their order. Past
        `max_stalled_count` rescues a job gets a deferred failure, "job stalled more than
        allowable limit", with which it is claimed and failed.
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


class Tend(Protocol):
    """Who looks after single jobs holds this.

    `token` fences calls from inside a processor: given, a job not held under it is refused with
    `LockLost`; None is an administrator's call.
    """

    async def update_data(
        self, queue: str, job_id: str, data: str, token: str | None = None
    ) -> Refusal:
        """Replace the data (JSON text). Refusals: `JobNotFound`, `LockLost`."""
        ...

    async def update_progress(
        self, queue: str, job_id: str, progress: str, token: str | None = None
    ) -> Refusal:
        """Store the progress (JSON text) and write a `progress` event."""
        ...

    async def append_log(
        self, queue: str, job_id: str, lines: Sequence[str], token: str | None = None
    ) -> int | OxherdError:
        """Append log lines, keeping the newest `keep_logs`; answers how many there are.

        Not repeatable: a call sent again appends again.
        """
        ...

    async def promote(self, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
        """Make delayed jobs ready now. Refusals: `JobNotFound`, `WrongState`."""
        ...

    async def reprocess(self, queue: str, job_ids: Sequence[str], state: State) -> list[Refusal]:
        """Run finished jobs again that are in `state` (completed or failed).

        Clears `finished_on`, `processed_on` and the result or reason; attempts start at 0 again.
        The job goes where `add` would put it without its delay, or to waiting-children while
        children are pending; while a child that failed it is still failed, its deferred failure
        is set again. Its parents wait for it anew: an edge that was processed, ignored or
        failed is pending again (unless the parent completed), and a deferred failure that named
        it is withdrawn (`withdraw_failure`): the parent goes back to waiting-children, or, while
        another failed child remains, names that one. Refusals: `JobNotFound`, `WrongState`.
        """
        ...

    async def remove(self, queue: str, job_ids: Sequence[str], *, children: bool) -> list[Refusal]:
        """Remove jobs, and with `children` all below them, in bounded steps, the job itself last.

        Refused with `WrongState` (active), and nothing changes, while the job or one that would
        go with it is locked. A child that has a parent elsewhere stays and is only unlinked. The
        removed job's own parents forget it where it was pending or had failed, keep its value or
        its ignored failure, and are released if nothing else is pending. A refusal names the job
        that is locked. A crash leaves the job in place; removing it again finishes. Each removed
        job writes `removed`. A job that does not exist answers `JobNotFound`.
        """
        ...


class Control(Protocol):
    """Who steers queues holds this."""

    async def pause(self, queue: str) -> None:
        """Stop giving jobs; running ones run on. Writes `paused`, each time."""
        ...

    async def resume(self, queue: str) -> None:
        """Give jobs again. Writes `resumed`, each time."""
        ...


class Inspect(Protocol):
    """Everyone may hold this: it only reads."""

    async def jobs(self, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
        """The records of jobs, None for those that do not exist."""
        ...

    async def states(self, queue: str, job_ids: Sequence[str]) -> list[State | None]:
        """The states of jobs, None for those that do not exist."""
        ...

    async def list_jobs(
        self, queue: str, state: State, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[JobRecord]:
        """Jobs of one state from rank `start` to `end`, both included, -1 being the last.

        Ascending: next to run first (waiting, prioritized, delayed), longest there first (others).
        """
        ...

    async def counts(self, queue: str) -> dict[State, int]:
        """How many jobs are in each state; every state is there."""
        ...

    async def children(
        self, queue: str, job_id: str, start: int = 0, count: int | None = None
    ) -> ChildPage:
        """A job's children as it sees them; empty when there is no such job."""
        ...

    async def logs(self, queue: str, job_id: str, start: int = 0, end: int = -1) -> LogPage:
        """A job's log lines from `start` to `end`, both included."""
        ...

    async def is_paused(self, queue: str) -> bool:
        """Whether the queue gives no jobs."""
        ...

    async def queues(self) -> list[str]:
        """The names of the queues that were ever used under the store's prefix, sorted."""
        ...


class EventLog(Protocol):
    """Who follows events holds this."""

    async def last_event_id(self, queue: str) -> str:
        """The cursor after which only new events come."""
        ...

    async def read_events(
        self, queue: str, cursor: str, *, limit: int = 100, block_ms: int = 0
    ) -> EventPage:
        """Events after `cursor` ("0" for all there are), waiting up to `block_ms` for one."""
        ...


class Store(Intake, Work, Tend, Control, Inspect, EventLog, Protocol):
    """A whole engine. Connects when first used; belongs to the event loop of that moment."""

    async def aclose(self) -> None:
        """Close connections; calls after it raise `Closed`. Harmless when repeated."""
        ...


__all__ = [
    "ChildPage",
    "Claimed",
    "Clock",
    "Control",
    "EventLog",
    "EventPage",
    "FailPoint",
    "Inspect",
    "Intake",
    "LockKeeper",
    "LogPage",
    "Refusal",
    "Store",
    "Tend",
    "Wakeup",
    "Work",
    "no_failpoint",
]
