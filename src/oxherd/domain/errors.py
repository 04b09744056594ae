"""The errors, one tree; each message says what, where and what to do.

OxherdError
├── InvalidOption           an option is unknown or impossible
├── InvalidFlow             the shape of a flow cannot run: a cycle, a missing queue, …
├── NotSerializable         data or a result that JSON cannot carry
├── PayloadTooLarge         data or a result over its size limit
├── JobNotFound             no job has that id
├── WrongState              the job is not in a state the verb can leave
│   └── LockLost            another worker holds the job, or nobody does
├── BelongsToSchedule       the job is the next one of a schedule
├── HasPendingChildren      a parent cannot complete: children are pending
├── HasFailedChildren       a parent cannot complete: a child failed for good
├── JobFailed               the awaited job failed
├── JobRemoved              the awaited job was removed
├── RemoteError             a processor raised in a process of its own, or that process died
├── StoreUnavailable        the store cannot be reached
├── StoreFull               the store has no room
├── StoreMoved              the database file was moved, deleted or replaced
├── WrongLoop               an object is used from another event loop than its store's
├── MissingExtra            an optional dependency is not installed
└── Closed                  an object was used after it was closed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oxherd.domain.lifecycle import State


class OxherdError(Exception):
    """The root of every error that Oxherd raises."""


class InvalidOption(OxherdError):
    """An option is unknown or has a value that it cannot have; nothing was written."""


class InvalidFlow(OxherdError):
    """A flow cannot run as described (a cycle, a missing queue, …); nothing was written."""


class NotSerializable(OxherdError):
    """A value cannot be written as JSON; the message has the path inside it."""


class PayloadTooLarge(OxherdError):
    """Data or a result is larger than its limit."""


class _AboutJob(OxherdError):
    """An error about one job; `job_id` and `queue` name it."""

    def __init__(self, message: str, *, job_id: str = "", queue: str = "") -> None:
        super().__init__(message)
        self.job_id = job_id
        self.queue = queue


class JobNotFound(_AboutJob):
    """No job of that queue has this id: it never existed, was removed, or its retention ended."""

    def __init__(self, job_id: str, queue: str) -> None:
        super().__init__(f"queue {queue!r} has no job {job_id!r}", job_id=job_id, queue=queue)


class WrongState(_AboutJob):
    """The job is in a state that the verb cannot leave; `state` is the one found."""

    def __init__(self, job_id: str, queue: str, verb: str, state: State | None) -> None:
        super().__init__(
            f"cannot {verb} job {job_id!r} of queue {queue!r}: it is {state or 'gone'}",
            job_id=job_id,
            queue=queue,
        )
        self.verb = verb
        self.state = state


class LockLost(WrongState):
    """The caller does not hold the job any more: its lock expired or another worker has it."""

    def __init__(self, job_id: str, queue: str, verb: str, state: State | None) -> None:
        super().__init__(job_id, queue, verb, state)
        message = (
            f"cannot {verb} job {job_id!r} of queue {queue!r}: the lock was lost"
            f" (the job is {state or 'gone'}); another worker may be running it"
        )
        self.args = (message,)


class BelongsToSchedule(_AboutJob):
    """The job is the pending one of a schedule, which would stop without it."""

    def __init__(self, job_id: str, queue: str) -> None:
        super().__init__(
            f"job {job_id!r} of queue {queue!r} is the next one of a schedule;"
            " remove the schedule with remove_job_scheduler()",
            job_id=job_id,
            queue=queue,
        )


class HasPendingChildren(_AboutJob):
    """The job cannot complete because children of it are pending."""

    def __init__(self, job_id: str, queue: str) -> None:
        super().__init__(
            f"Job {job_id} has pending dependencies; wait for them with"
            " move_to_waiting_children() and raise WaitForChildren",
            job_id=job_id,
            queue=queue,
        )


class HasFailedChildren(_AboutJob):
    """The job cannot complete because a child of it failed for good."""

    def __init__(self, job_id: str, queue: str) -> None:
        super().__init__(f"Job {job_id} has failed children", job_id=job_id, queue=queue)


class JobFailed(_AboutJob):
    """The awaited job failed; `reason` and `stacktrace` are the processor's."""

    def __init__(
        self, job_id: str, queue: str, reason: str, stacktrace: tuple[str, ...] = ()
    ) -> None:
        text = f"job {job_id!r} of queue {queue!r} failed: {reason}"
        if stacktrace:
            text = f"{text}\n\nThe last attempt ended with:\n{stacktrace[-1]}"
        super().__init__(text, job_id=job_id, queue=queue)
        self.reason = reason
        self.stacktrace = stacktrace


class JobRemoved(_AboutJob):
    """The awaited job was removed before its end was seen."""

    def __init__(self, job_id: str, queue: str) -> None:
        super().__init__(
            f"job {job_id!r} of queue {queue!r} was removed", job_id=job_id, queue=queue
        )


class RemoteError(OxherdError):
    """A processor raised in a process of its own, or that process died; `trace` is from there."""

    def __init__(self, reason: str, trace: str = "") -> None:
        super().__init__(reason)
        self.trace = trace


class StoreUnavailable(OxherdError):
    """The store cannot be reached; what was asked may or may not have happened."""


class StoreFull(OxherdError):
    """The store has no room left; nothing was written."""


class StoreMoved(OxherdError):
    """The database file was deleted, moved or replaced while it was open; nothing was written."""


class WrongLoop(OxherdError):
    """A store was used from a second event loop; connect once per loop."""


class MissingExtra(OxherdError):
    """An optional dependency is missing; the message names the extra to install."""


class Closed(OxherdError):
    """The object was closed and cannot be used any more."""
